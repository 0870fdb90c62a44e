//! Marks of consumers.

use harrow_broker_model::note::ConsumerNote;

use super::Tally;

impl Tally {
    pub(super) fn consumer(&mut self, note: &ConsumerNote) {
        match note {
            ConsumerNote::RecordsServed { batches, .. } => {
                let records = batches
                    .iter()
                    .map(|batch| batch.last_offset.0 - batch.base_offset.0 + 1)
                    .sum::<i64>();
                self.add("records-read", records as u64);
            }
            ConsumerNote::EndOffsetServed { .. } => self.mark("end-offset-served"),
            ConsumerNote::TruncationDetected { .. } => self.mark("truncation-detected"),
            ConsumerNote::PositionReset { .. } => self.mark("position-reset"),
            ConsumerNote::ReadReplicaNamed { .. } => self.mark("read-replica-named"),
            ConsumerNote::TimedOffsetServed { .. } => self.mark("timed-offset-served"),
            ConsumerNote::EpochEndServed { .. } | ConsumerNote::CommitRepeated { .. } => {}
        }
    }
}

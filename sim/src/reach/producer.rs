//! Marks of producers.

use harrow_broker_model::note::ProducerNote;

use super::Tally;

impl Tally {
    pub(super) fn producer(&mut self, note: &ProducerNote) {
        match note {
            ProducerNote::ProduceAcknowledged { duplicate, .. } => {
                if *duplicate {
                    self.mark("duplicate-recognised");
                }
            }
            ProducerNote::NotEnoughReplicas { after_append, .. } => {
                self.mark("not-enough-replicas");
                self.add("not-enough-replicas-after-append", u64::from(*after_append));
            }
            ProducerNote::BatchRetried { .. } => self.mark("batch-retried"),
            ProducerNote::EpochBumped { .. } => self.mark("producer-epoch-bumped"),
            ProducerNote::ProducersExpired { .. } => self.mark("producer-expired"),
            ProducerNote::ProducersKnown { .. }
            | ProducerNote::SequenceRefused { .. }
            | ProducerNote::ProducerIdGiven { .. } => {}
        }
    }
}

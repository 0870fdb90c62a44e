//! When a controller makes a snapshot of the metadata: after so many bytes of committed records, or so long after the
//! last one. Source: KIP-630, KIP-876, Kafka's `SnapshotGenerator`.
//!
//! It is looked at when records were applied and at no other time: a log that does not grow gets no snapshot.

use std::time::Duration;

use crate::config::{MetadataLogConfig, ms};
use crate::defect::{Defects, QuorumDefect};
use crate::record::RecordBatch;
use crate::types::{LeaderEpoch, Time, WallTime};

/// What was applied since the last snapshot.
#[derive(Debug)]
pub(super) struct SnapshotGenerator {
    config: MetadataLogConfig,
    bytes: u64,
    since: Time,
    /// Epoch and timestamp of the last batch that was applied since.
    last: Option<(LeaderEpoch, WallTime)>,
}

impl SnapshotGenerator {
    /// Nothing was applied yet.
    pub(super) fn new(config: MetadataLogConfig, now: Time) -> Self {
        Self { config, bytes: 0, since: now, last: None }
    }

    /// A batch was applied.
    pub(super) fn applied(&mut self, batch: &RecordBatch) {
        self.bytes += u64::from(batch.size());
        self.last = Some((batch.leader_epoch(), batch.header().max_timestamp));
    }

    /// A snapshot was made or loaded: it is counted anew from there.
    pub(super) fn reset(&mut self, now: Time) {
        *self = Self::new(self.config, now);
    }

    /// Whether a snapshot is due; then the epoch and the timestamp of the last record in it.
    pub(super) fn due(&self, now: Time, defects: Defects) -> Option<(LeaderEpoch, WallTime)> {
        let interval = Some(ms(self.config.snapshot_interval_ms)).filter(|it| *it > Duration::ZERO);
        let waited = interval.is_some_and(|interval| now >= self.since + interval);
        let full = self.bytes >= self.config.snapshot_bytes;
        let needs_both = defects.has(QuorumDefect::SnapshotsNeedBoth);
        self.last.filter(|_| if needs_both { full && waited } else { full || waited })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordBatchBuilder;
    use crate::types::{Offset, ProducerEpoch, ProducerId, Sequence};

    fn batch() -> RecordBatch {
        let mut builder =
            RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
        builder.push(WallTime(5), None, Some(bytes::Bytes::from_static(b"x")));
        builder.build().with_assignment(Offset(0), LeaderEpoch(3))
    }

    #[test]
    fn a_snapshot_is_due_by_bytes_or_by_time_if_something_was_applied() {
        let size = u64::from(batch().size());
        let rows = [
            (2 * size, 1_000, 1, 999, false),
            (2 * size, 1_000, 1, 1_000, true),
            (2 * size, 0, 1, 999_999, false),
            (2 * size, 1_000, 2, 0, true),
            (2 * size, 1_000, 0, 5_000, false),
        ];
        for (snapshot_bytes, snapshot_interval_ms, batches, at_ms, expected) in rows {
            let config = MetadataLogConfig {
                snapshot_bytes,
                snapshot_interval_ms,
                ..MetadataLogConfig::DEFAULT
            };
            let mut generator = SnapshotGenerator::new(config, Time::ZERO);
            for _ in 0..batches {
                generator.applied(&batch());
            }
            let due = generator.due(Time::ZERO + ms(at_ms), Defects::NONE);
            let last = expected.then_some((LeaderEpoch(3), WallTime(5)));
            assert_eq!(due, last, "{batches} batches after {at_ms} ms");
            generator.reset(Time::ZERO + ms(at_ms));
            let later = generator.due(Time::ZERO + ms(999_999), Defects::NONE);
            assert_eq!(later, None, "it begins anew");
        }
    }
}

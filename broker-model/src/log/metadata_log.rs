//! What only the metadata log does: it begins again where a snapshot ends. Source: Kafka's `KafkaMetadataLog`.

use crate::log::Log;
use crate::log::segment::Segment;
use crate::node::Effects;
use crate::types::SnapshotId;

impl Log {
    /// Bytes of all its segments.
    pub(crate) fn size_bytes(&self) -> u64 {
        self.segments.iter().map(Segment::size).sum()
    }

    /// Drops everything and starts again, empty, where a snapshot ends. The epoch of the last record in that is the
    /// latest that is known: in Kafka `lastFetchedEpoch` and `endOffsetForEpoch` look at the snapshot instead.
    pub(crate) fn start_at_snapshot(&mut self, snapshot: SnapshotId, effects: &mut Effects) {
        self.truncate_to_snapshot_end(snapshot.end_offset, effects);
        self.assign_epoch(snapshot.epoch, effects);
    }
}

//! What must hold of all that a log derives from its batches: producers, transactions, snapshots, flushes. It is
//! asserted at the end of each call, of the newest of each alone: that costs the same however long the log is.

use crate::log::Log;
use crate::log::producer_state::ProducerState;
use crate::log::segment::Segment;
use crate::log::transaction_index::TransactionIndex;
use crate::types::Offset;

impl Log {
    /// What is derived lies within the log, and each part agrees with the other that tells of the same.
    pub(super) fn check_derived(&self) {
        let (partition, end) = (self.partition, self.log_end_offset);
        let first = self.segments.first().map_or(self.log_start_offset, Segment::base_offset);
        assert!(
            first <= self.log_start_offset,
            "{partition}: the first segment begins at {first}, the log at {}",
            self.log_start_offset
        );
        let (flushed, requested) = (self.recovery_point(), self.flushes.requested);
        assert!(
            flushed <= requested,
            "{partition}: flushed up to {flushed}, asked for up to {requested}"
        );
        let newest = self.snapshots.last_key_value().map(|(offset, _)| *offset);
        assert!(
            newest.is_none_or(|newest| newest <= end),
            "{partition}: a producer snapshot at {newest:?} of a log that ends at {end}"
        );
        self.producers.self_check(self.high_watermark, end);
        self.transactions.self_check(first, end);
    }
}

impl ProducerState {
    /// A transaction that is open is its producer's, and begins in the log; one whose marker may yet be lost has that
    /// marker at or above the high watermark.
    fn self_check(&self, high_watermark: Offset, end: Offset) {
        if let Some((first, producer, known)) = self.first_ongoing() {
            assert!(
                known == Some(first),
                "producer {producer} has a transaction from {known:?}, ongoing is one from {first}"
            );
            assert!(first < end, "a transaction begins at {first}, the log ends at {end}");
        }
        if let Some((first, marker)) = self.first_unreplicated() {
            assert!(
                first < marker && marker < end,
                "a transaction of {first} is ended at {marker}, the log ends at {end}"
            );
            assert!(
                marker >= high_watermark,
                "the marker at {marker} counts as one that may be lost, below {high_watermark}"
            );
        }
    }
}

impl TransactionIndex {
    /// Entries come in the order of their markers, which are in the log.
    fn self_check(&self, first: Offset, end: Offset) {
        if let Some(oldest) = self.aborted.first() {
            let marker = oldest.last_offset;
            assert!(
                marker >= first,
                "the marker of {oldest:?} was deleted, the log begins at {first}"
            );
        }
        let Some(newest) = self.aborted.last() else { return };
        assert!(
            newest.first_offset <= newest.last_offset && newest.last_offset < end,
            "{newest:?} in a log that ends at {end}"
        );
        if let [.., before, newest] = self.aborted.as_slice() {
            assert!(
                before.last_offset < newest.last_offset,
                "{before:?} is followed by {newest:?}"
            );
        }
        assert!(self.seen, "{newest:?} of a log without transactions");
    }
}

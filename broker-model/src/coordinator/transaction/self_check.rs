//! What must hold of a transactional id after each change, asserted of the one that changed.

use super::TransactionCoordinator;
use super::metadata::TransactionMetadata;
use crate::note::TransactionState;
use crate::types::{ProducerEpoch, ProducerId};

impl TransactionCoordinator {
    /// Markers are under way exactly for what is decided, and in the epoch of the partition in which it is led here.
    pub(super) fn self_check(&self, partition: i32, id: &str) {
        let Some(context) = self.contexts.get(&partition) else { return };
        let Some(metadata) = context.ids.get(id) else { return };
        metadata.self_check(id);
        let Some(pending) = self.markers.pending.get(&(partition, id.to_owned())) else { return };
        assert!(
            metadata.now.decided().is_some(),
            "markers of {id} are under way, which is {:?}",
            metadata.now.state
        );
        let (sent_in, led_in) = (pending.marker.coordinator_epoch, context.epoch);
        assert!(sent_in == led_in, "markers of {id} are of epoch {sent_in}, led in {led_in}");
        let both = pending.waiting.intersection(&pending.in_flight).next();
        assert!(both.is_none(), "the marker of {both:?} is under way, and waits to be sent");
    }
}

impl TransactionMetadata {
    /// Partitions are those of a transaction that goes on; epochs are in order; what comes next is of a decision.
    fn self_check(&self, id: &str) {
        let record = &self.now;
        assert!(
            !record.rests() || record.partitions.is_empty(),
            "{id} rests with partitions {:?}",
            record.partitions
        );
        assert!(
            record.state != TransactionState::Ongoing || record.started.0 >= 0,
            "the transaction of {id} began at {}",
            record.started.0
        );
        let rotated = record.previous_producer_id != ProducerId::NONE;
        assert!(
            rotated
                || record.last_epoch == ProducerEpoch::NONE
                || record.last_epoch <= record.epoch,
            "epoch {} of {id} after {}",
            record.epoch,
            record.last_epoch
        );
        assert!(
            record.next_producer_id == ProducerId::NONE || record.decided().is_some(),
            "{id} is {:?}, and {} comes next",
            record.state,
            record.next_producer_id
        );
    }
}

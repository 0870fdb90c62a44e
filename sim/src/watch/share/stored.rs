//! Which delivery counts a new leader of a share-partition is told at least: of what coordinators have written.
//!
//! What a coordinator has appended may come to nothing, or be committed without that anybody is told: so each offset
//! counts as the least of its writes since the last one that is known to be committed.

use std::collections::BTreeMap;

use harrow_broker_model::share_message::StateBatch;
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

/// A write of an offset's state.
#[derive(Debug, Clone, Copy)]
struct Write {
    /// Whose record it is.
    coordinator: NodeId,
    /// The offset behind it.
    at: Offset,
    /// The epoch of the leader that wanted it.
    epoch: LeaderEpoch,
    delivery_count: u32,
    /// Whether it is known to be committed.
    committed: bool,
}

/// Writes of an offset's state, since the last one that is known to be committed.
type Writes = Vec<Write>;

/// What is stored of share-partitions.
#[derive(Debug, Default)]
pub(super) struct StoredCounts {
    known: BTreeMap<(String, TopicPartition), BTreeMap<Offset, Writes>>,
}

impl StoredCounts {
    /// A coordinator has appended what a leader wants to be stored. What it had from there on it has no more.
    pub(super) fn appended(
        &mut self,
        key: (String, TopicPartition),
        (coordinator, at, epoch): (NodeId, Offset, LeaderEpoch),
        (start_offset, batches): (Offset, &[StateBatch]),
    ) {
        let offsets = self.known.entry(key).or_default();
        *offsets = offsets.split_off(&start_offset);
        for writes in offsets.values_mut() {
            writes.retain(|it| it.coordinator != coordinator || it.at < at);
        }
        for batch in batches {
            let delivery_count = batch.delivery_count;
            let write = Write { coordinator, at, epoch, delivery_count, committed: false };
            for offset in batch.first.max(start_offset).0..=batch.last.0 {
                offsets.entry(Offset(offset)).or_default().push(write);
            }
        }
    }

    /// What a coordinator has appended up to there is committed.
    pub(super) fn committed(
        &mut self,
        key: &(String, TopicPartition),
        (coordinator, at): (NodeId, Offset),
    ) {
        let offsets = self.known.get_mut(key);
        for writes in offsets.into_iter().flat_map(BTreeMap::values_mut) {
            let mut known = writes.iter_mut();
            let Some(write) = known.find(|it| (it.coordinator, it.at) == (coordinator, at)) else {
                continue;
            };
            write.committed = true;
            writes.retain(|it| it.at >= at);
        }
    }

    /// What a leader of this epoch goes on from at least. What was written in its own epoch may have come after it
    /// asked.
    pub(super) fn before(
        &self,
        key: &(String, TopicPartition),
        epoch: LeaderEpoch,
    ) -> BTreeMap<Offset, u32> {
        let offsets = self.known.get(key).into_iter().flatten();
        let sure = offsets.filter(|(_, writes)| {
            writes.iter().any(|it| it.committed) && writes.iter().all(|it| it.epoch < epoch)
        });
        let least = |writes: &Writes| writes.iter().map(|it| it.delivery_count).min();
        sure.filter_map(|(offset, writes)| Some((*offset, least(writes)?))).collect()
    }
}

//! What the records of `__share_group_state` make of each share-partition.

use std::collections::BTreeMap;

use super::records::{ShareRecord, decode};
use crate::coordinator::runtime::Replicated;
use crate::record::{BatchHeader, Record};
use crate::share_message::{DeliveryState, SharePartitionKey, ShareState, StateBatch};
use crate::types::{LeaderEpoch, Offset};

/// All share-partitions of one partition of the topic.
#[derive(Debug, Default)]
pub(crate) struct ShareStates {
    known: BTreeMap<SharePartitionKey, KnownShare>,
}

/// What is known of one share-partition. Source: `ShareGroupOffset`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct KnownShare {
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) start_offset: Option<Offset>,
    offsets: BTreeMap<Offset, (DeliveryState, u32)>,
    /// Updates since the last snapshot.
    pub(super) updates: u32,
}

impl Default for KnownShare {
    fn default() -> Self {
        let (leader_epoch, offsets) = (LeaderEpoch::NONE, BTreeMap::new());
        Self { leader_epoch, start_offset: None, offsets, updates: 0 }
    }
}

impl ShareStates {
    pub(super) fn get(&self, key: &SharePartitionKey) -> Option<&KnownShare> {
        self.known.get(key)
    }

    /// The newest leader that has read or written a share-partition's state.
    pub(crate) fn leader_epoch(&self, key: &SharePartitionKey) -> LeaderEpoch {
        self.get(key).map_or(LeaderEpoch::NONE, |known| known.leader_epoch)
    }
}

impl Replicated for ShareStates {
    fn replay(&mut self, _: &BatchHeader, record: &Record) {
        let (Some(key), Some(value)) = (&record.key, &record.value) else { return };
        if let Some((key, value)) = decode(key, value) {
            self.known.entry(key).or_default().take(&value);
        }
    }
}

impl KnownShare {
    /// Newer states win offset by offset, and everything below the start is cut. Source: `PersisterStateBatchCombiner`.
    pub(super) fn take(&mut self, record: &ShareRecord) {
        if record.snapshot {
            self.offsets.clear();
            self.updates = 0;
        } else {
            self.updates += 1;
        }
        self.leader_epoch = record.leader_epoch;
        self.start_offset = record.start_offset.or(self.start_offset);
        for batch in &record.batches {
            for offset in batch.first.0..=batch.last.0 {
                self.offsets.insert(Offset(offset), (batch.state, batch.delivery_count));
            }
        }
        if let Some(start) = self.start_offset {
            self.offsets = self.offsets.split_off(&start);
        }
    }

    /// As a leader is told it.
    pub(super) fn told(&self) -> ShareState {
        let mut batches: Vec<StateBatch> = Vec::new();
        for (offset, (state, delivery_count)) in &self.offsets {
            match batches.last_mut() {
                Some(last)
                    if last.last.next() == *offset
                        && last.state == *state
                        && last.delivery_count == *delivery_count =>
                {
                    last.last = *offset;
                }
                Some(_) | None => batches.push(StateBatch {
                    first: *offset,
                    last: *offset,
                    state: *state,
                    delivery_count: *delivery_count,
                }),
            }
        }
        ShareState { start_offset: self.start_offset, batches }
    }
}

//! What the records of one partition of `__consumer_offsets` give. Source: Kafka's `OffsetMetadataManager.replay`,
//! `GroupMetadataManager.replay`.

use std::collections::BTreeMap;

use super::records::{
    CommittedOffset, Place, RecordKey, StoredGroup, read_group, read_key, read_offset,
};
use crate::coordinator::runtime::Replicated;
use crate::record::{BatchHeader, Record};
use crate::types::ProducerId;

/// A group's offsets.
pub(crate) type Offsets = BTreeMap<Place, CommittedOffset>;

/// Committed offsets and stored groups.
#[derive(Debug, Default)]
pub(crate) struct GroupState {
    offsets: BTreeMap<String, Offsets>,
    /// Offsets that a producer's transaction will commit, if it does, by group.
    pending: BTreeMap<ProducerId, BTreeMap<String, Offsets>>,
    groups: BTreeMap<String, StoredGroup>,
}

impl GroupState {
    /// A group's offset in a partition.
    pub(crate) fn offset(&self, group: &str, place: &Place) -> Option<&CommittedOffset> {
        self.offsets.get(group)?.get(place)
    }

    /// All offsets of a group.
    pub(crate) fn offsets(&self, group: &str) -> impl Iterator<Item = (&Place, &CommittedOffset)> {
        self.offsets.get(group).into_iter().flatten()
    }

    /// Whether a transaction that has not ended wants to commit this offset.
    pub(crate) fn is_pending(&self, group: &str, place: &Place) -> bool {
        self.pending
            .values()
            .filter_map(|groups| groups.get(group))
            .any(|offsets| offsets.contains_key(place))
    }

    /// Whether a transaction that has not ended wants to commit any offset of a group.
    pub(crate) fn has_pending(&self, group: &str) -> bool {
        let offsets = self.pending.values().filter_map(|groups| groups.get(group));
        offsets.into_iter().any(|offsets| !offsets.is_empty())
    }

    /// The stored groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&String, &StoredGroup)> {
        self.groups.iter()
    }

    /// Names of groups that have offsets, or will if transactions commit.
    pub(crate) fn groups_with_offsets(&self) -> impl Iterator<Item = &String> {
        self.offsets.keys().chain(self.pending.values().flat_map(BTreeMap::keys))
    }

    fn replay_offset(
        &mut self,
        producer: ProducerId,
        group: String,
        place: Place,
        record: &Record,
    ) {
        let value = record.value.as_ref();
        let committed = value.and_then(|value| read_offset(value, record.offset));
        match committed {
            Some(committed) if producer == ProducerId::NONE => {
                self.offsets.entry(group).or_default().insert(place, committed);
            }
            Some(committed) => {
                let groups = self.pending.entry(producer).or_default();
                groups.entry(group).or_default().insert(place, committed);
            }
            None => {
                self.forget_pending(&group, &place);
                let Some(offsets) = self.offsets.get_mut(&group) else { return };
                offsets.remove(&place);
                if offsets.is_empty() {
                    self.offsets.remove(&group);
                }
            }
        }
    }

    /// What transactions want to commit goes with what is committed.
    fn forget_pending(&mut self, group: &str, place: &Place) {
        for offsets in self.pending.values_mut().filter_map(|groups| groups.get_mut(group)) {
            offsets.remove(place);
        }
    }

    fn replay_group(&mut self, group: String, record: &Record) {
        match record.value.as_ref().and_then(read_group) {
            Some(stored) => self.groups.insert(group, stored),
            None => self.groups.remove(&group),
        };
    }

    /// A transaction has ended: what it wanted to commit counts, or never did. An offset that was committed by a later
    /// record stays. Source: `OffsetMetadataManager.replayEndTransactionMarker`.
    fn replay_marker(&mut self, producer: ProducerId, record: &Record) {
        let Some(groups) = self.pending.remove(&producer) else { return };
        if record.key.as_deref().is_none_or(|key| !key.starts_with(&[0, 0, 0, 1])) {
            return;
        }
        for (group, pending) in groups {
            let offsets = self.offsets.entry(group).or_default();
            for (place, committed) in pending {
                let known = offsets.get(&place).map(|known| known.record_offset);
                if known.is_none_or(|known| known < committed.record_offset) {
                    offsets.insert(place, committed);
                }
            }
        }
    }
}

impl Replicated for GroupState {
    fn replay(&mut self, batch: &BatchHeader, record: &Record) {
        if batch.is_control() {
            return self.replay_marker(batch.producer_id, record);
        }
        let producer = if batch.is_transactional() { batch.producer_id } else { ProducerId::NONE };
        match record.key.as_ref().and_then(read_key) {
            Some(RecordKey::Offset { group, place }) => {
                self.replay_offset(producer, group, place, record);
            }
            Some(RecordKey::Group { group }) => self.replay_group(group, record),
            None => {}
        }
    }
}

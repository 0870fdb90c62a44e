//! What the records of one partition of `__consumer_offsets` give. Source: Kafka's `OffsetMetadataManager.replay`,
//! `GroupMetadataManager.replay`.

use std::collections::{BTreeMap, BTreeSet};

use super::modern::group::{ConsumerGroup, LEAVES};
use super::modern::member::{Holding, Member, Partitions};
use super::modern::records::{
    ModernKey, read_current, read_epoch, read_member, read_regex, read_target, read_target_epoch,
};
use super::records::{
    CommittedOffset, Place, RecordKey, StoredGroup, read_group, read_key, read_offset,
};
use crate::coordinator::runtime::Replicated;
use crate::record::{BatchHeader, Record};
use crate::types::{Offset, ProducerId};

/// A group's offsets.
pub(crate) type Offsets = BTreeMap<Place, CommittedOffset>;

/// Committed offsets and stored groups.
#[derive(Debug, Default)]
pub(crate) struct GroupState {
    offsets: BTreeMap<String, Offsets>,
    /// Offsets that a producer's transaction will commit, if it does, by group.
    pending: BTreeMap<ProducerId, BTreeMap<String, Offsets>>,
    groups: BTreeMap<String, StoredGroup>,
    consumer_groups: BTreeMap<String, ConsumerGroup>,
    /// What has changed in groups of the consumer protocol, each with the offset of its record, in that order.
    changes: Vec<(Offset, GroupChange)>,
    /// Groups that a record was about since the last check.
    touched: BTreeSet<String>,
}

/// Something that a record has changed in a group of the consumer protocol.
#[derive(Debug)]
pub(crate) enum GroupChange {
    /// A member holds these partitions, assigned or not given up, in this epoch.
    Holds {
        group: String,
        member: String,
        epoch: i32,
        partitions: Partitions,
        /// How long it may take to give some up; 0 if it must not, or has no timer for it.
        revokes_within_ms: u32,
    },
    /// There is a target for so many members.
    Target { group: String, epoch: i32, members: u32 },
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

    /// Where transactions that have not ended want to commit offsets of a group.
    pub(crate) fn pending_places(&self, group: &str) -> impl Iterator<Item = &Place> {
        self.pending.values().filter_map(move |groups| groups.get(group)).flat_map(Offsets::keys)
    }

    /// The stored groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = (&String, &StoredGroup)> {
        self.groups.iter()
    }

    /// Names of classic groups, those that only have offsets included, each once.
    pub(crate) fn classic_groups(&self) -> impl Iterator<Item = &String> {
        let names: BTreeSet<&String> =
            self.groups.keys().chain(self.groups_with_offsets()).collect();
        names.into_iter().filter(|name| !self.consumer_groups.contains_key(*name))
    }

    /// A group as it was stored.
    pub(crate) fn stored_group(&self, name: &str) -> Option<&StoredGroup> {
        self.groups.get(name)
    }

    /// A group of the consumer protocol.
    pub(crate) fn consumer_group(&self, name: &str) -> Option<&ConsumerGroup> {
        self.consumer_groups.get(name)
    }

    /// All groups of the consumer protocol.
    pub(crate) fn consumer_groups(&self) -> impl Iterator<Item = (&String, &ConsumerGroup)> {
        self.consumer_groups.iter()
    }

    /// What all members of all groups of the consumer protocol hold, as if that had just changed.
    pub(crate) fn members(&self) -> Vec<GroupChange> {
        let members = self.consumer_groups.iter().flat_map(|(name, group)| {
            group.members().iter().map(|(id, member)| GroupChange::Holds {
                group: name.clone(),
                member: id.clone(),
                epoch: member.holding.epoch,
                partitions: member.holding.all().copied().collect(),
                revokes_within_ms: member.revokes_within_ms(),
            })
        });
        members.collect()
    }

    /// What records before an offset have changed, since this was asked last.
    pub(crate) fn take_changes(&mut self, before: Offset) -> Vec<GroupChange> {
        let due = self.changes.partition_point(|(offset, _)| *offset < before);
        self.changes.drain(..due).map(|(_, change)| change).collect()
    }

    /// Forgets which groups records were about.
    pub(crate) fn take_touched(&mut self) -> BTreeSet<String> {
        std::mem::take(&mut self.touched)
    }

    /// What must hold of these groups once all of a batch is in here.
    pub(super) fn self_check(&self, touched: &BTreeSet<String>) {
        for name in touched {
            let offsets = self.offsets.get(name);
            assert!(offsets.is_none_or(|it| !it.is_empty()), "group {name} has offsets, and none");
            assert!(
                !(self.groups.contains_key(name) && self.consumer_groups.contains_key(name)),
                "group {name} is one of both protocols"
            );
            if let Some(group) = self.consumer_groups.get(name) {
                group.self_check(name);
            }
        }
        if let [.., (before, _), (last, _)] = self.changes.as_slice() {
            assert!(before <= last, "a change at {before} comes before one at {last}");
        }
    }

    /// Which groups have offsets, or will if transactions commit, in partitions of these topics.
    pub(crate) fn places_in(&self, topics: &[String]) -> BTreeSet<(String, Place)> {
        let all = self.offsets.iter().chain(self.pending.values().flatten());
        let places = all.flat_map(|(group, offsets)| {
            let places = offsets.keys().filter(|place| topics.contains(&place.0));
            places.map(move |place| (group.clone(), place.clone()))
        });
        places.collect()
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

    /// Source: the `replay` methods of `GroupMetadataManager`. A tombstone of what is not there says nothing.
    fn replay_modern(&mut self, key: ModernKey, record: &Record) {
        let value = record.value.as_ref();
        match key {
            ModernKey::Group(name) => match value.and_then(read_epoch) {
                Some((epoch, hash)) => {
                    let group = self.consumer_groups.entry(name).or_default();
                    (group.epoch, group.metadata_hash) = (epoch, hash);
                }
                None => {
                    self.consumer_groups.remove(&name);
                }
            },
            ModernKey::Member(name, member) => match value.and_then(read_member) {
                Some(it) => self.consumer_groups.entry(name).or_default().describe(&member, it),
                None => self.in_consumer_group(&name, |group| group.forget(&member)),
            },
            ModernKey::TargetEpoch(name) => self.replay_target_epoch(name, record),
            ModernKey::Target(name, member) => match value.and_then(read_target) {
                Some(it) => self.consumer_groups.entry(name).or_default().aim(&member, Some(it)),
                None => self.in_consumer_group(&name, |group| group.aim(&member, None)),
            },
            ModernKey::Regex(name, regex) => match value.and_then(read_regex) {
                Some(it) => self.consumer_groups.entry(name).or_default().resolve(regex, Some(it)),
                None => self.in_consumer_group(&name, |group| group.resolve(regex, None)),
            },
            ModernKey::Current(name, member) => self.replay_current(name, member, record),
        }
    }

    fn in_consumer_group(&mut self, name: &str, change: impl FnOnce(&mut ConsumerGroup)) {
        if let Some(group) = self.consumer_groups.get_mut(name) {
            change(group);
        }
    }

    fn replay_target_epoch(&mut self, name: String, record: &Record) {
        let Some(epoch) = record.value.as_ref().and_then(read_target_epoch) else {
            return self.in_consumer_group(&name, |group| group.target_epoch = -1);
        };
        let group = self.consumer_groups.entry(name.clone()).or_default();
        group.target_epoch = epoch;
        let members = group.targets().len() as u32;
        let change = GroupChange::Target { group: name, epoch, members };
        self.changes.push((record.offset, change));
    }

    fn replay_current(&mut self, name: String, member: String, record: &Record) {
        let (holding, epoch) = match record.value.as_ref().and_then(read_current) {
            Some(holding) => (holding.clone(), holding.epoch),
            None => (Holding::NOTHING, LEAVES),
        };
        let partitions = holding.all().copied().collect();
        if epoch == LEAVES {
            let known = |group: &ConsumerGroup| group.member(&member).is_some();
            if !self.consumer_groups.get(&name).is_some_and(known) {
                return;
            }
        }
        let group = self.consumer_groups.entry(name.clone()).or_default();
        group.hold(&member, holding);
        let revokes_within_ms = group.member(&member).map_or(0, Member::revokes_within_ms);
        let change =
            GroupChange::Holds { group: name, member, epoch, partitions, revokes_within_ms };
        self.changes.push((record.offset, change));
    }

    /// A transaction has ended: what it wanted to commit counts, or never did. An offset that was committed by a later
    /// record stays. Source: `OffsetMetadataManager.replayEndTransactionMarker`.
    fn replay_marker(&mut self, producer: ProducerId, record: &Record) {
        let Some(groups) = self.pending.remove(&producer) else { return };
        if record.key.as_deref().is_none_or(|key| !key.starts_with(&[0, 0, 0, 1])) {
            return;
        }
        for (group, pending) in groups.into_iter().filter(|(_, pending)| !pending.is_empty()) {
            self.touched.insert(group.clone());
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
                self.touched.insert(group.clone());
                self.replay_offset(producer, group, place, record);
            }
            Some(RecordKey::Group { group }) => {
                self.touched.insert(group.clone());
                self.replay_group(group, record);
            }
            Some(RecordKey::Modern(key)) => {
                self.touched.insert(key.group().to_owned());
                self.replay_modern(key, record);
            }
            None => {}
        }
    }
}

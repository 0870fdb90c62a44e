//! Who consumes what: one member a partition.
//!
//! Promise: in a group, a partition is held for at most one current member at a time: it is given on only after the one
//! before acknowledged the revocation, left or was fenced; a member's epoch never falls while it holds a partition.
//! Source: KIP-848; `NoDoubleClientAssignment` of its TLA+ specification; `ConsumerGroup.addPartitionEpochs`.
//! A deposed coordinator's late word counts for nothing, see `coordinators`.
//! Not verified: what a fenced member still believes; that the target assignment covers everything.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::types::TopicPartition;

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

pub(super) const DOUBLE: Anomaly = Anomaly {
    name: "double-ownership",
    guarantee: Guarantee::Offsets,
    meaning: "a group's partition was given to a member while another one still held it",
};
pub(super) const REGRESS: Anomaly = Anomaly {
    name: "member-epoch-regress",
    guarantee: Guarantee::Offsets,
    meaning: "a member was given a partition that it held in a later epoch already",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "partition-ownership",
    promise: "a group's partition has one current owner",
    source: "KIP-848, NoDoubleClientAssignment",
    leaves_out: "what a fenced member still believes",
    anomalies: &[DOUBLE, REGRESS],
};

/// Current owners, by group and partition.
#[derive(Debug, Default)]
pub(super) struct Ownership {
    owners: BTreeMap<String, BTreeMap<TopicPartition, Owner>>,
    /// Who held a partition last that nobody holds.
    released: BTreeMap<(String, TopicPartition), Owner>,
    /// Partitions that were given back in the same epoch to whom they were taken from: the write that gave them to
    /// somebody else, such as a static member's new id, is taken for failed, and may be in the log. Source: Kafka's
    /// `GroupMetadataManager.updateStaticMemberThenRebalanceOrCompleteJoin`.
    given_back: BTreeSet<(String, TopicPartition)>,
}

#[derive(Debug, PartialEq, Eq)]
struct Owner {
    member: String,
    member_epoch: i32,
}

impl Ownership {
    pub(super) fn on_assigned(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (group, member, member_epoch): (&str, &str, i32),
        partition: TopicPartition,
    ) {
        let next = Owner { member: member.to_owned(), member_epoch };
        let key = (group.to_owned(), partition);
        if self.released.remove(&key).is_some_and(|last| last == next) {
            self.given_back.insert(key);
        }
        let owners = self.owners.entry(group.to_owned()).or_default();
        let Some(before) = owners.insert(partition, next) else { return };
        let Owner { member: holder, member_epoch: held_in } = &before;
        if holder != member {
            findings.report(context, &DOUBLE, partition, || {
                format!(
                    "group {group} gave it to {member} in epoch {member_epoch}; {holder} holds it since epoch {held_in}"
                )
            });
        } else if member_epoch < *held_in {
            findings.report(context, &REGRESS, partition, || {
                format!("group {group}: {member} in epoch {member_epoch} after epoch {held_in}")
            });
        }
    }

    /// Another coordinator knows these groups from now on, in these generations: who held something in another one does
    /// not count any more. Of the same generation it must know the same members, but for those whose successors may be
    /// in the log.
    pub(super) fn on_loaded(&mut self, groups: &[(String, i32)]) {
        for (group, generation) in groups {
            if let Some(owners) = self.owners.get_mut(group) {
                owners.retain(|partition, owner| {
                    let given_back = self.given_back.contains(&(group.clone(), *partition));
                    owner.member_epoch == *generation && !given_back
                });
            }
            self.given_back.retain(|(of, _)| of != group);
            self.released.retain(|(of, _), _| of != group);
        }
    }

    /// Who owns what in a group, and since when.
    pub(super) fn of_group(
        &self,
        group: &str,
    ) -> impl Iterator<Item = (&str, i32, TopicPartition)> {
        let owners = self.owners.get(group).into_iter().flatten();
        owners.map(|(partition, owner)| (owner.member.as_str(), owner.member_epoch, *partition))
    }

    /// Who owns a partition in a group.
    pub(super) fn owner_of(&self, group: &str, partition: TopicPartition) -> Option<&str> {
        Some(self.owners.get(group)?.get(&partition)?.member.as_str())
    }

    /// Who owns what in these groups is not known any more.
    pub(super) fn forget(&mut self, is_one: impl Fn(&str) -> bool) {
        self.owners.retain(|group, _| !is_one(group));
        self.released.retain(|(group, _), _| !is_one(group));
        self.given_back.retain(|(group, _)| !is_one(group));
    }

    /// A group has a generation without members: all that it had are gone, and hold nothing.
    pub(super) fn on_emptied(&mut self, group: &str) {
        self.owners.remove(group);
    }

    /// A member no longer holds a partition. Of one that does not hold it, this says nothing.
    pub(super) fn on_released(&mut self, group: &str, member: &str, partition: TopicPartition) {
        let Some(owners) = self.owners.get_mut(group) else { return };
        if owners.get(&partition).is_some_and(|owner| owner.member == member)
            && let Some(last) = owners.remove(&partition)
        {
            self.released.insert((group.to_owned(), partition), last);
        }
    }
}

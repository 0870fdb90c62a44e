//! How partitions change hands in groups of the consumer protocol.
//!
//! Promise: what is committed of a group gives no partition to two members, and takes none from a member that has not
//! given it up: it left, was thrown out, or has let go of it before the coordinator says so. Who was thrown out is not
//! taken in again before it has heard of that. A member's epoch never falls. Source: KIP-848;
//! `NoDoubleClientAssignment` of its TLA+ specification; `CurrentAssignmentBuilder`.
//! A coordinator that has loaded says all that it knows, so that what was said before counts no more; one that leads on
//! in a later epoch goes on. What an older one says late does not count.
//! Not verified: what a member that was thrown out believes until it comes again; that targets cover everything.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::types::{LeaderEpoch, TopicPartition};

use super::ownership::{DOUBLE, REGRESS};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const UNACKNOWLEDGED: Anomaly = Anomaly {
    name: "revocation-unacknowledged",
    guarantee: Guarantee::Offsets,
    meaning: "a coordinator took a partition from a member that had not given it up",
};

/// The epoch of a static member that has left for a while: what it was to give up it has given up by that. Source:
/// `GroupMetadataManager.consumerGroupStaticMemberGroupLeave`.
const AWAY: i32 = -2;

pub(super) const INVARIANT: Invariant = Invariant {
    name: "reconciliation",
    promise: "a member gives a partition up before anybody else may have it, or hears that it lost it",
    source: "KIP-848, CurrentAssignmentBuilder",
    leaves_out: "what a member that was thrown out believes until it comes again",
    anomalies: &[UNACKNOWLEDGED],
};

/// What a coordinator says that a member holds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holding<'a> {
    pub(super) member_epoch: i32,
    pub(super) partitions: &'a [TopicPartition],
}

/// Groups of the consumer protocol.
#[derive(Debug, Default)]
pub(super) struct Reconciliation {
    groups: BTreeMap<String, Group>,
    /// What members have, by their own word.
    owned: BTreeMap<String, BTreeSet<TopicPartition>>,
    /// By group and member: who are thrown out as soon as that is committed, and from which epoch.
    thrown_out: BTreeMap<(String, String), i32>,
    /// What those have by their own word who were thrown out and have not heard of it.
    untold: BTreeMap<(String, String), BTreeSet<TopicPartition>>,
}

#[derive(Debug, Default)]
struct Group {
    /// The partition of `__consumer_offsets` that it is in.
    partition: i32,
    /// Of the coordinator whose word counts.
    leader_epoch: LeaderEpoch,
    members: BTreeMap<String, Member>,
    /// Since which event it has had members without a break, if it has any.
    occupied_since: u64,
}

#[derive(Debug)]
struct Member {
    epoch: i32,
    holds: BTreeSet<TopicPartition>,
}

impl Reconciliation {
    /// A member has these partitions, by its own word; those that it did not have before, and what is held for it.
    pub(super) fn on_owns(
        &mut self,
        group: &str,
        member: &str,
        partitions: &[TopicPartition],
    ) -> (Vec<TopicPartition>, Option<&BTreeSet<TopicPartition>>) {
        self.untold.remove(&(group.to_owned(), member.to_owned()));
        let key = format!("{group}/{member}");
        let before = self.owned.insert(key, partitions.iter().copied().collect());
        let is_new = |partition: &&TopicPartition| {
            before.as_ref().is_none_or(|before| !before.contains(*partition))
        };
        let taken = partitions.iter().filter(is_new).copied().collect();
        let known = self.groups.get(group).and_then(|group| group.members.get(member));
        (taken, known.map(|member| &member.holds))
    }

    /// The epoch of a member, if it is known.
    pub(super) fn epoch_of(&self, group: &str, member: &str) -> Option<i32> {
        Some(self.groups.get(group)?.members.get(member)?.epoch)
    }

    /// Something that a member of a group holds, and who.
    pub(super) fn held_in(&self, group: &str) -> Option<(&str, TopicPartition)> {
        let mut members = self.groups.get(group)?.members.iter();
        members.find_map(|(id, member)| Some((id.as_str(), *member.holds.first()?)))
    }

    /// Since which event a group has had members without a break; none if it has none.
    pub(super) fn occupied_since(&self, group: &str) -> Option<u64> {
        let group = self.groups.get(group)?;
        (!group.members.is_empty()).then_some(group.occupied_since)
    }

    /// A classic group is one of the consumer protocol from now on: who had something holds it until it gives it up.
    pub(super) fn on_upgraded<'a>(
        &mut self,
        event: u64,
        (partition, name): (i32, &str),
        held: impl Iterator<Item = (&'a str, i32, TopicPartition)>,
    ) {
        self.untold.retain(|(group, _), _| group != name);
        let group = self.groups.entry(name.to_owned()).or_default();
        (group.partition, group.occupied_since) = (partition, event);
        group.members.clear();
        for (member, epoch, partition) in held {
            let nothing = || Member { epoch, holds: BTreeSet::new() };
            let member = group.members.entry(member.to_owned()).or_insert_with(nothing);
            member.holds.insert(partition);
        }
    }

    /// A coordinator throws a member out of an epoch. It says so at once, and that it is gone once that is committed:
    /// what was written before, such as that its group is a classic one for a while, may be committed in between.
    pub(super) fn on_thrown_out(&mut self, group: &str, member: &str, epoch: i32) {
        self.thrown_out.insert((group.to_owned(), member.to_owned()), epoch);
    }

    /// A coordinator has read its partition, and is the newest that has.
    pub(super) fn on_loaded(&mut self, partition: i32, leader_epoch: LeaderEpoch) {
        for group in self.groups.values_mut().filter(|group| group.partition == partition) {
            group.leader_epoch = leader_epoch;
            group.members.clear();
        }
    }

    /// A coordinator says what a member holds.
    pub(super) fn on_holds(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (place, name, id): ((i32, LeaderEpoch), &str, &str),
        held: Holding<'_>,
    ) {
        let group = self.groups.entry(name.to_owned()).or_default();
        let (partition, leader_epoch) = place;
        if leader_epoch < group.leader_epoch {
            return;
        }
        (group.partition, group.leader_epoch) = (partition, leader_epoch);
        let holds: BTreeSet<TopicPartition> = held.partitions.iter().copied().collect();
        if group.members.is_empty() {
            group.occupied_since = context.event;
        }
        let before = group.members.remove(id);
        for (other, member) in &group.members {
            if let Some(partition) = member.holds.intersection(&holds).next() {
                findings.report(context, &DOUBLE, *partition, || {
                    format!(
                        "group {name} gives it to {id}; {other} holds it in epoch {}",
                        member.epoch
                    )
                });
            }
        }
        if held.member_epoch == -1 {
            let owned = self.owned.remove(&format!("{name}/{id}"));
            let key = (name.to_owned(), id.to_owned());
            let epoch = before.map(|before| before.epoch);
            if epoch.is_some() && self.thrown_out.get(&key).copied() == epoch {
                self.thrown_out.remove(&key);
                self.untold.extend(owned.map(|owned| (key, owned)));
            }
            return;
        }
        if held.member_epoch == AWAY
            && let Some(owned) = self.owned.get_mut(&format!("{name}/{id}"))
        {
            owned.retain(|partition| holds.contains(partition));
        }
        for (other, partition) in kept(&self.owned, (name, group), before.as_ref(), &holds) {
            findings.report(context, &UNACKNOWLEDGED, partition, || {
                format!("group {name} gives it to {id}, and {other} has it")
            });
        }
        let untold = self.untold.remove(&(name.to_owned(), id.to_owned()));
        if let Some(partition) = untold.iter().flatten().next() {
            findings.report(context, &UNACKNOWLEDGED, *partition, || {
                format!("group {name} takes {id} in again, which does not know that it lost this")
            });
        }
        if let Some(before) = before {
            let after = (held.member_epoch, &holds);
            let owned = self.owned.get(&format!("{name}/{id}"));
            check(context, findings, (name, id), (&before, after), owned);
        }
        let member = Member { epoch: held.member_epoch, holds };
        group.members.insert(id.to_owned(), member);
    }
}

/// Other members that have something by their own word which is given to one now, and what.
fn kept<'a>(
    owned: &BTreeMap<String, BTreeSet<TopicPartition>>,
    (name, group): (&str, &'a Group),
    before: Option<&Member>,
    holds: &BTreeSet<TopicPartition>,
) -> Vec<(&'a str, TopicPartition)> {
    let is_new = |it: &TopicPartition| before.is_none_or(|before| !before.holds.contains(it));
    let given: Vec<TopicPartition> = holds.iter().copied().filter(is_new).collect();
    if given.is_empty() {
        return Vec::new();
    }
    let others = group.members.keys().filter_map(|other| {
        let owned = owned.get(&format!("{name}/{other}"))?;
        let kept = given.iter().find(|partition| owned.contains(*partition))?;
        Some((other.as_str(), *kept))
    });
    others.collect()
}

/// A member that goes on, and what it has by its own word.
fn check(
    context: &Context<'_>,
    findings: &mut Findings,
    (name, id): (&str, &str),
    (before, (epoch, holds)): (&Member, (i32, &BTreeSet<TopicPartition>)),
    owned: Option<&BTreeSet<TopicPartition>>,
) {
    let taken = before.holds.difference(holds);
    let kept = taken.filter(|partition| owned.is_some_and(|owned| owned.contains(*partition)));
    if let Some(partition) = kept.into_iter().next()
        && epoch >= 0
    {
        findings.report(context, &UNACKNOWLEDGED, *partition, || {
            format!("group {name} takes it from {id}, which has it, in epoch {epoch}")
        });
    }
    if let Some(partition) = holds.iter().next()
        && (0..before.epoch).contains(&epoch)
    {
        findings.report(context, &REGRESS, *partition, || {
            format!("group {name}: {id} in epoch {epoch} after epoch {}", before.epoch)
        });
    }
}

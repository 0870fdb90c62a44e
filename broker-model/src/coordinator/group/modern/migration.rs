//! Groups that change their protocol while they have members, both ways. Source: KIP-848, online migration;
//! `ConsumerGroup.fromClassicGroup`, `ClassicGroup.fromConsumerGroup`, `GroupMetadataManager.validateOnlineUpgrade`,
//! `validateOnlineDowngradeWithFencedMembers`, `consumerGroupFenceMembers`.
//!
//! The first member of the consumer protocol that joins a classic group makes one of the consumer protocol of it: who
//! is in it holds what it was given last, in the epoch of the last generation, and is told to join again. A cooperative
//! member that must give something up first has that as well, by its own word, until it joins again: in Kafka it is
//! free at once. The last one that goes makes a classic group of the rest, which rebalances at once; until they have
//! joined again they have what they held, in Kafka what was their target, though somebody else may still hold that. A
//! conversion that forgets what members hold gives it to others while they read on.
//!
//! Not covered: a static member of the classic protocol that takes the
//! place of the last one of the other keeps the group one of the consumer protocol, until somebody leaves.

use super::group::ConsumerGroup;
use super::member::{ClassicMember, Description, Holding, Member, MemberState, Partitions};
use super::records::{
    current_record, epoch_record, group_tombstones, member_record, member_tombstones,
    regex_tombstone, target_epoch_record, target_record,
};
use super::topics::Topics;
use crate::config::CoordinatorConfig;
use crate::consumer_protocol::{PROTOCOL_TYPE, Subscription, decode_assignment, encode_assignment};
use crate::coordinator::group::classic::group::{ClassicGroup, Idle};
use crate::coordinator::group::conversion::Conversion;
use crate::coordinator::group::records::{
    StoredGroup, StoredMember, group_record, group_tombstone,
};
use crate::coordinator::runtime::CoordinatorRecord;
use crate::defect::{Defects, GroupDefect};
use crate::proto::ErrorCode;
use crate::types::Now;

/// A classic group as one of the consumer protocol: nothing changes for its members until they join again. Known bugs:
/// what they hold is forgotten, or what they have yet to give up; a group that had no generation yet has no assignor to
/// read its members by, which Kafka does not expect.
pub(super) fn upgraded(
    group: &ClassicGroup,
    topics: Topics<'_>,
    defects: Defects,
) -> Result<ConsumerGroup, ErrorCode> {
    if !group.is_consumers() {
        return Err(ErrorCode::GroupIdNotFound);
    }
    let needs_generation = defects.has(GroupDefect::UpgradeNeedsGeneration);
    let stored = if needs_generation { group.as_stored() } else { group.as_formed() };
    if stored.protocol.is_none() {
        return Err(ErrorCode::UnknownServerError);
    }
    let mut made = ConsumerGroup::default();
    (made.epoch, made.target_epoch) = (stored.generation, stored.generation);
    let mut given = Vec::new();
    for member in &stored.members {
        given.push(if defects.has(GroupDefect::UpgradeForgetsHoldings) {
            Partitions::new()
        } else {
            assigned(member, topics)?
        });
    }
    let mut taken: Partitions = given.iter().flatten().copied().collect();
    for (member, assigned) in stored.members.iter().zip(given) {
        let id = member.member.as_str();
        let protocols = group.protocols_of(id).to_vec();
        made.describe(id, described(member, protocols)?);
        let mut held = assigned.clone();
        let frees = GroupDefect::UpgradeFreesUnrevoked;
        if !defects.has(frees) && !defects.has(GroupDefect::UpgradeForgetsHoldings) {
            held.extend(unrevoked(&stored, member, topics).difference(&taken));
            taken.extend(held.iter().copied());
        }
        made.aim(id, Some(assigned));
        made.hold(id, in_generation(stored.generation, held));
    }
    made.metadata_hash = made.hash_of_topics(topics, &[], &[]);
    Ok(made)
}

/// What a member was given last. One that was never given anything has nothing (before Kafka 4.0 its group could not be
/// upgraded, KAFKA-17733).
fn assigned(member: &StoredMember, topics: Topics<'_>) -> Result<Partitions, ErrorCode> {
    if member.assignment.is_empty() {
        return Ok(Partitions::new());
    }
    let places = decode_assignment(&member.assignment).ok_or(ErrorCode::GroupIdNotFound)?;
    Ok(topics.places(&places))
}

/// What a member had when it joined, if it keeps that until it is told to give it up.
fn unrevoked(group: &StoredGroup, member: &StoredMember, topics: Topics<'_>) -> Partitions {
    let subscription = Subscription::decode_for(group.protocol.as_deref(), &member.subscription);
    subscription.map_or_else(Partitions::new, |it| topics.places(&it.owned))
}

fn described(
    member: &StoredMember,
    protocols: Vec<(String, bytes::Bytes)>,
) -> Result<Description, ErrorCode> {
    let subscription =
        Subscription::decode(&member.subscription).ok_or(ErrorCode::GroupIdNotFound)?;
    let mut topics: Vec<String> = subscription.topics.iter().map(ToString::to_string).collect();
    topics.sort_unstable();
    topics.dedup();
    Ok(Description {
        instance: member.instance.clone(),
        client: member.client.clone(),
        rebalance_timeout_ms: member.rebalance_timeout_ms,
        topics,
        regex: String::new(),
        rack: None,
        assignor: None,
        classic: Some(ClassicMember { session_timeout_ms: member.session_timeout_ms, protocols }),
    })
}

fn in_generation(generation: i32, assigned: Partitions) -> Holding {
    let revoking = Partitions::new();
    let state = MemberState::Stable;
    Holding { epoch: generation, previous_epoch: generation, state, assigned, revoking }
}

/// Records that make a group of the consumer protocol of a classic one.
pub(super) fn upgrade_records(name: &str, group: &ConsumerGroup) -> Vec<CoordinatorRecord> {
    let members = group.members();
    let mut records = vec![group_tombstone(name)];
    records.extend(members.iter().map(|(id, it)| member_record(name, id, &it.description)));
    records.push(epoch_record(name, group.epoch, group.metadata_hash));
    records.extend(group.targets().iter().map(|(id, it)| target_record(name, id, it)));
    records.push(target_epoch_record(name, group.target_epoch));
    records.extend(members.iter().map(|(id, it)| current_record(name, id, &it.holding)));
    records
}

/// Members are no more.
#[derive(Debug, Clone, Copy)]
pub(super) struct Removal<'a> {
    pub(super) name: &'a str,
    pub(super) group: &'a ConsumerGroup,
    pub(super) topics: Topics<'a>,
    pub(super) config: CoordinatorConfig,
    pub(super) defects: Defects,
    pub(super) now: Now,
}

impl Removal<'_> {
    /// The group goes to its next epoch, and the next heartbeat of anybody makes its target; if all who are left speak
    /// the classic protocol, it is a classic group from now on. Source:
    /// `GroupMetadataManager.consumerGroupFenceMembers`.
    pub(super) fn of(self, leaving: &[&str]) -> (Vec<CoordinatorRecord>, Option<Conversion>) {
        let rest = self.group.members().len().saturating_sub(leaving.len());
        if self.config.consumer_groups.migration.downgrades()
            && rest <= self.config.group_max_size as usize
            && self.group.is_classic_without(leaving)
        {
            return self.downgrade(leaving);
        }
        let hash = self.group.hash_of_topics(self.topics, leaving, &[]);
        let gone = leaving.iter().flat_map(|id| member_tombstones(self.name, id));
        let mut records: Vec<CoordinatorRecord> = gone.collect();
        records.extend(self.unmatched(leaving));
        records.push(epoch_record(self.name, self.group.epoch + 1, hash));
        (records, None)
    }

    /// Regular expressions that nobody subscribes by any more. Source:
    /// `GroupMetadataManager.maybeDeleteResolvedRegularExpressions`.
    fn unmatched(self, leaving: &[&str]) -> impl Iterator<Item = CoordinatorRecord> {
        let rest = self.group.subscribed_regexes(leaving);
        let gone = self.group.regexes().keys().filter(move |it| !rest.contains(it.as_str()));
        gone.map(move |regex| regex_tombstone(self.name, regex))
    }

    fn downgrade(self, leaving: &[&str]) -> (Vec<CoordinatorRecord>, Option<Conversion>) {
        let all = self.group.members();
        let mut records: Vec<CoordinatorRecord> =
            all.keys().flat_map(|id| member_tombstones(self.name, id)).collect();
        let matched = self.group.regexes().keys();
        records.extend(matched.map(|regex| regex_tombstone(self.name, regex)));
        records.extend(group_tombstones(self.name));
        let rest = all.iter().filter(|(id, _)| !leaving.contains(&id.as_str()));
        let members = rest.filter_map(|(id, member)| self.idle(id, member));
        let made = ClassicGroup::of_members(
            (self.name, PROTOCOL_TYPE),
            self.group.epoch,
            members.collect(),
            self.now,
        );
        records.push(group_record(self.name, &made.as_stored()));
        let group = Box::new(made);
        (records, Some(Conversion::Downgraded { group, rebalances: true }))
    }

    /// A member has what it holds: all join again at once, but another upgrade may come before. Known bug: it has its
    /// target.
    fn idle(self, id: &str, member: &Member) -> Option<Idle> {
        let it = &member.description;
        let classic = it.classic.as_ref()?;
        let has = if self.defects.has(GroupDefect::DowngradeGivesTargets) {
            self.group.target(id).cloned().unwrap_or_default()
        } else {
            member.holding.all().copied().collect()
        };
        let subscription = classic.protocols.first().map(|(_, metadata)| metadata.clone());
        let stored = StoredMember {
            member: id.to_owned(),
            instance: it.instance.clone(),
            client: it.client.clone(),
            rebalance_timeout_ms: it.rebalance_timeout_ms,
            session_timeout_ms: classic.session_timeout_ms,
            subscription: subscription.unwrap_or_default(),
            assignment: encode_assignment(&self.topics.named(&has)),
        };
        Some(Idle { stored, protocols: classic.protocols.clone() })
    }
}

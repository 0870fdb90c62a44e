//! A group of the consumer protocol. Source: Kafka's `ConsumerGroup`, `ModernGroup`.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;

use super::member::{ClassicMember, Description, Holding, Member, MemberState, Partitions};
use super::regex::ResolvedRegex;
use super::topics::Topics;
use crate::consumer_protocol::PROTOCOL_TYPE;
use crate::proto::ErrorCode;
use crate::types::TopicPartition;

/// Epoch in which a member leaves. Source: `ConsumerGroupHeartbeatRequest.LEAVE_GROUP_MEMBER_EPOCH`.
pub(crate) const LEAVES: i32 = -1;
/// Epoch in which a static member leaves for a while.
pub(crate) const LEAVES_FOR_A_WHILE: i32 = -2;

/// Where a group is. Source: `ConsumerGroup.ConsumerGroupState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupPhase {
    /// Nobody is a member.
    Empty,
    /// There is no target for its epoch yet.
    Assigning,
    /// Members are on their way to the target.
    Reconciling,
    /// All are there.
    Stable,
}

/// A group, as its records give it.
#[derive(Debug, Clone, Default)]
pub(crate) struct ConsumerGroup {
    pub(crate) epoch: i32,
    /// Of the topics that its members subscribe to, as they were. Source: KIP-1101.
    pub(crate) metadata_hash: u64,
    pub(crate) target_epoch: i32,
    members: BTreeMap<String, Member>,
    targets: BTreeMap<String, Partitions>,
    /// The epoch of the member that holds a partition, assigned or not given up. Source:
    /// `ConsumerGroup.currentPartitionEpoch`.
    partition_epochs: BTreeMap<TopicPartition, i32>,
    /// Regular expressions that members subscribe to, as far as they were matched.
    regexes: BTreeMap<String, ResolvedRegex>,
    /// Partitions that 3.7 would not have found in there (known bug G06).
    mislaid: Partitions,
}

impl ConsumerGroup {
    pub(crate) fn member(&self, id: &str) -> Option<&Member> {
        self.members.get(id)
    }

    pub(crate) fn members(&self) -> &BTreeMap<String, Member> {
        &self.members
    }

    /// One who is no member may join a group of so many members at most. Source:
    /// `GroupMetadataManager.throwIfConsumerGroupIsFull`.
    pub(super) fn check_room(&self, id: &str, max_size: u32) -> Result<(), ErrorCode> {
        let is_full = self.members.len() >= max_size as usize && !self.members.contains_key(id);
        if is_full { Err(ErrorCode::GroupMaxSizeReached) } else { Ok(()) }
    }

    /// The member behind an instance id.
    pub(crate) fn static_member(&self, instance: &str) -> Option<(&String, &Member)> {
        let is_it = |member: &Member| member.description.instance.as_deref() == Some(instance);
        self.members.iter().find(|(_, member)| is_it(member))
    }

    pub(crate) fn target(&self, id: &str) -> Option<&Partitions> {
        self.targets.get(id)
    }

    pub(crate) fn targets(&self) -> &BTreeMap<String, Partitions> {
        &self.targets
    }

    /// The partitions that anybody holds, each with the epoch of that member.
    pub(super) fn partition_epochs(&self) -> impl Iterator<Item = (&TopicPartition, &i32)> {
        self.partition_epochs.iter()
    }

    /// Whether anybody holds a partition. Known bug G06: 3.7 may have lost sight of it.
    pub(crate) fn is_held(&self, place: TopicPartition, loses_sight: bool) -> bool {
        let mislaid = loses_sight && self.mislaid.contains(&place);
        self.partition_epochs.contains_key(&place) && !mislaid
    }

    pub(crate) fn phase(&self) -> GroupPhase {
        if self.members.is_empty() {
            GroupPhase::Empty
        } else if self.epoch > self.target_epoch {
            GroupPhase::Assigning
        } else if self.members.values().all(|it| it.holding.is_reconciled_to(self.target_epoch)) {
            GroupPhase::Stable
        } else {
            GroupPhase::Reconciling
        }
    }

    /// A number that is another one if one of the topics that its members subscribe to changes: without those who
    /// leave, and with the topics of one who joins. Source: `ModernGroup.computeMetadataHash`; KIP-1101.
    pub(in crate::coordinator::group) fn hash_of_topics(
        &self,
        topics: Topics<'_>,
        leaving: &[&str],
        joining: &[String],
    ) -> u64 {
        let rest = self.members.iter().filter(|(id, _)| !leaving.contains(&id.as_str()));
        let known = rest.flat_map(|(_, member)| self.topics_of(&member.description));
        let mut names: Vec<&str> = known.chain(joining.iter().map(String::as_str)).collect();
        names.sort_unstable();
        names.dedup();
        topics.hash(names.into_iter())
    }

    pub(crate) fn is_subscribed(&self, topic: &str) -> bool {
        let mut all = self.members.values().flat_map(|it| self.topics_of(&it.description));
        all.any(|known| known == topic)
    }

    /// What a member subscribes to, by name or by what its regular expression has matched. Source:
    /// `ConsumerGroup.subscribedTopicNames`.
    pub(super) fn topics_of<'a>(&'a self, it: &'a Description) -> impl Iterator<Item = &'a str> {
        let matched = self.regexes.get(&it.regex).into_iter().flat_map(|it| &it.topics);
        it.topics.iter().chain(matched).map(String::as_str)
    }

    /// Regular expressions that members subscribe to, without those who leave.
    pub(super) fn subscribed_regexes(&self, leaving: &[&str]) -> BTreeSet<&str> {
        let rest = self.members.iter().filter(|(id, _)| !leaving.contains(&id.as_str()));
        let regexes = rest.map(|(_, member)| member.description.regex.as_str());
        regexes.filter(|regex| !regex.is_empty()).collect()
    }

    /// Regular expressions that were matched.
    pub(super) fn regexes(&self) -> &BTreeMap<String, ResolvedRegex> {
        &self.regexes
    }

    /// A regular expression was matched, or nobody subscribes by it any more.
    pub(in crate::coordinator::group) fn resolve(
        &mut self,
        regex: String,
        resolved: Option<ResolvedRegex>,
    ) {
        match resolved {
            Some(resolved) => self.regexes.insert(regex, resolved),
            None => self.regexes.remove(&regex),
        };
    }

    /// Who may commit. Source: `ConsumerGroup.validateOffsetCommit`.
    pub(crate) fn validate_commit(
        &self,
        (member, instance): (&str, Option<&str>),
        epoch: i32,
        transactional: bool,
    ) -> Result<(), ErrorCode> {
        if epoch < 0 && self.members.is_empty() {
            return Ok(());
        }
        if transactional && epoch == -1 && member.is_empty() && instance.is_none() {
            return Ok(());
        }
        self.validate_epoch(member, epoch)
    }

    /// Who may ask for offsets. Source: `ConsumerGroup.validateOffsetFetch`.
    pub(crate) fn validate_fetch(&self, member: Option<&str>, epoch: i32) -> Result<(), ErrorCode> {
        match member {
            None if epoch < 0 => Ok(()),
            member => self.validate_epoch(member.unwrap_or(""), epoch),
        }
    }

    fn validate_epoch(&self, member: &str, epoch: i32) -> Result<(), ErrorCode> {
        let member = self.members.get(member).ok_or(ErrorCode::UnknownMemberId)?;
        match &member.description.classic {
            _ if member.holding.epoch == epoch => Ok(()),
            Some(_) => Err(ErrorCode::IllegalGeneration),
            None => Err(ErrorCode::StaleMemberEpoch),
        }
    }

    /// A member that speaks the classic protocol, by what a request names. Source:
    /// `GroupMetadataManager.validateConsumerGroupMember`, `throwIfMemberDoesNotUseClassicProtocol`.
    pub(in crate::coordinator::group) fn classic_member(
        &self,
        id: &str,
        instance: Option<&str>,
    ) -> Result<(&Member, &ClassicMember), ErrorCode> {
        let member = match instance {
            None => self.members.get(id).ok_or(ErrorCode::UnknownMemberId)?,
            Some(instance) => {
                let (known, member) =
                    self.static_member(instance).ok_or(ErrorCode::UnknownMemberId)?;
                if known != id {
                    return Err(ErrorCode::FencedInstanceId);
                }
                member
            }
        };
        let classic = member.description.classic.as_ref().ok_or(ErrorCode::UnknownMemberId)?;
        Ok((member, classic))
    }

    /// Whether somebody who knows these assignors can join by the classic protocol: one must be known to all who speak
    /// it. Source: `ConsumerGroup.supportsClassicProtocols`.
    pub(in crate::coordinator::group) fn supports_classic(
        &self,
        protocol_type: &str,
        protocols: &[(String, Bytes)],
    ) -> bool {
        let knows = |one: &ClassicMember, name: &String| {
            one.protocols.iter().any(|(known, _)| known == name)
        };
        let known_to_all = |name: &String| {
            let mut classic =
                self.members.values().filter_map(|it| it.description.classic.as_ref());
            classic.all(|one| knows(one, name))
        };
        protocol_type == PROTOCOL_TYPE && protocols.iter().any(|(name, _)| known_to_all(name))
    }

    /// Whether all but these speak the classic protocol, and anybody is left. Source:
    /// `ConsumerGroup.allMembersUseClassicProtocolExcept`.
    pub(in crate::coordinator::group) fn is_classic_without(&self, leaving: &[&str]) -> bool {
        let mut rest = self.members.iter().filter(|(id, _)| !leaving.contains(&id.as_str()));
        let has_others = self.members.keys().any(|id| !leaving.contains(&id.as_str()));
        has_others && rest.all(|(_, member)| member.description.classic.is_some())
    }

    /// Whether a member waits for partitions that somebody still holds. Source:
    /// `ConsumerGroup.waitingOnUnreleasedPartition`.
    pub(in crate::coordinator::group) fn waits_for_others(&self, id: &str) -> bool {
        let Some(member) = self.members.get(id) else { return false };
        let Some(target) = self.targets.get(id) else { return false };
        let mut missing = target.difference(&member.holding.assigned);
        missing.any(|place| self.partition_epochs.contains_key(place))
    }

    /// A member says something else of itself.
    pub(in crate::coordinator::group) fn describe(&mut self, id: &str, description: Description) {
        self.members.entry(id.to_owned()).or_insert_with(Member::unknown).description = description;
    }

    /// A member is no more.
    pub(in crate::coordinator::group) fn forget(&mut self, id: &str) {
        self.hold(id, Holding::NOTHING);
        self.members.remove(id);
    }

    /// A member holds something else. Source: `ConsumerGroup.maybeUpdatePartitionEpoch`.
    pub(in crate::coordinator::group) fn hold(&mut self, id: &str, holding: Holding) {
        let member = self.members.entry(id.to_owned()).or_insert_with(Member::unknown);
        let before = std::mem::replace(&mut member.holding, holding);
        let holding = &member.holding;
        for place in before.all() {
            self.partition_epochs.remove(place);
            if !holding.revoking.contains(place) && before.assigned != holding.assigned {
                self.mislaid.remove(place);
            }
        }
        for place in holding.all() {
            self.partition_epochs.insert(*place, holding.epoch);
        }
        self.mislaid.extend(holding.assigned.intersection(&before.revoking));
    }

    pub(in crate::coordinator::group) fn aim(&mut self, id: &str, target: Option<Partitions>) {
        match target {
            Some(target) => self.targets.insert(id.to_owned(), target),
            None => self.targets.remove(id),
        };
    }

    /// Whether somebody still has to give something up, so that others can have it.
    pub(crate) fn is_unrevoked(&self, id: &str) -> Option<(i32, i32)> {
        let member = self.members.get(id)?;
        let patience = (member.holding.epoch, member.description.rebalance_timeout_ms);
        (member.holding.state == MemberState::Unrevoked).then_some(patience)
    }
}

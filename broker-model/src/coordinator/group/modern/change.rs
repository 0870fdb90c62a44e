//! What becomes of a heartbeat: records, and an answer. Source: Kafka's `GroupMetadataManager.consumerGroupHeartbeat`,
//! `consumerGroupLeave`, `getOrMaybeSubscribeStaticConsumerGroupMember`, `updateTargetAssignment`, `maybeReconcile`;
//! `maybeUpdateRegularExpressions`; `GroupCoordinatorService.throwIfConsumerGroupHeartbeatRequestIsInvalid`.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::assign::{Taker, assign};
use super::group::{ConsumerGroup, LEAVES, LEAVES_FOR_A_WHILE};
use super::member::{ClassicMember, Description, Holding, Member, MemberState, Partitions};
use super::migration::Removal;
use super::reconcile::{Target, Weaknesses, reconcile};
use super::records::{
    current_record, epoch_record, member_record, member_tombstones, regex_tombstone,
    target_epoch_record, target_record,
};
use super::regex::{REFRESH_INTERVAL_MS, compile};
use super::topics::Topics;
use crate::config::{CoordinatorConfig, ServerAssignor, topic_name};
use crate::coordinator::group::conversion::Conversion;
use crate::coordinator::runtime::CoordinatorRecord;
use crate::defect::{Defects, GroupDefect};
use crate::proto::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ErrorCode, HeartbeatAssignment,
    HeartbeatPartitions, topic_of_uuid, topic_uuid,
};
use crate::types::{Now, TopicPartition, WallTime};

/// What a heartbeat is judged by.
#[derive(Clone, Copy)]
pub(super) struct Asking<'a> {
    pub(super) request: &'a ConsumerGroupHeartbeatRequest,
    /// The group, if there is one.
    pub(super) group: Option<&'a ConsumerGroup>,
    pub(super) topics: Topics<'a>,
    pub(super) config: CoordinatorConfig,
    pub(super) defects: Defects,
    /// Who asks, as it is stored.
    pub(super) client: &'a str,
    /// How it joins, if it speaks the classic protocol.
    pub(super) classic: Option<ClassicJoin<'a>>,
    pub(super) now: Now,
}

/// One who joins by the classic protocol: its generation is its epoch, and nobody looks at the one that it had. Source:
/// `GroupMetadataManager.classicGroupJoinToConsumerGroup`.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClassicJoin<'a> {
    pub(super) member: &'a ClassicMember,
    /// Whether its id was given to it just now.
    pub(super) is_new: bool,
}

/// What becomes of it.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) records: Vec<CoordinatorRecord>,
    pub(super) response: ConsumerGroupHeartbeatResponse,
    /// What the group is from now on, if it changes its protocol.
    pub(super) conversion: Option<Conversion>,
    /// Whether somebody is a member from now on, and for how long it may keep others waiting.
    pub(super) patience: Option<Patience>,
    /// Whether the group's regular expressions are to be matched anew.
    pub(super) resolves: bool,
}

/// How long a member may take to give partitions up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// As before.
    Same,
    /// It has nothing to give up.
    None,
    /// So many milliseconds from now on, in this epoch.
    Of(i32, u64),
}

/// What becomes of a group's regular expressions.
#[derive(Debug, Clone, Copy, Default)]
struct Regexes {
    /// Whether the group goes to its next epoch.
    bumps: bool,
    /// Whether nobody subscribes by the member's former one any more.
    forgets: bool,
    /// Whether they are to be matched anew.
    resolves: bool,
}

impl<'a> Asking<'a> {
    /// The answer to a request that is well formed.
    pub(super) fn answer(self) -> Result<Change, ErrorCode> {
        self.check()?;
        if [LEAVES, LEAVES_FOR_A_WHILE].contains(&self.request.member_epoch) {
            self.leave()
        } else {
            self.heartbeat()
        }
    }

    fn check(self) -> Result<(), ErrorCode> {
        let request = self.request;
        let empty = |text: &str| text.is_empty();
        let is_part_empty = [&request.instance_id, &request.rack_id]
            .into_iter()
            .any(|part| part.as_deref().is_some_and(empty));
        if empty(&request.member_id) || empty(request.group_id.as_str()) || is_part_empty {
            return Err(ErrorCode::InvalidRequest);
        }
        let is_full = request.rebalance_timeout_ms != -1
            && request.topic_partitions.as_ref().is_some_and(Vec::is_empty)
            && (request.subscribed_topic_names.is_some()
                || request.subscribed_topic_regex.is_some());
        let is_valid = match request.member_epoch {
            0 => is_full,
            LEAVES_FOR_A_WHILE => request.instance_id.is_some(),
            epoch => epoch > LEAVES_FOR_A_WHILE,
        };
        if !is_valid {
            return Err(ErrorCode::InvalidRequest);
        }
        let assignor = request.server_assignor.as_deref();
        if assignor.is_some_and(|asked| assignor_of(asked).is_none()) {
            return Err(ErrorCode::UnsupportedAssignor);
        }
        Ok(())
    }

    /// The answer to a heartbeat, or to one who joins by the classic protocol.
    pub(super) fn heartbeat(self) -> Result<Change, ErrorCode> {
        if let Some(group) = self.group {
            group.check_room(&self.request.member_id, self.config.consumer_groups.max_size)?;
        }
        let owned = self.request.topic_partitions.as_deref().map(places_of);
        let mut records = Vec::new();
        let (group, member) = self.admit(owned.as_ref(), &mut records)?;
        let description = self.describe(&member);
        let regexes = self.regexes(&group, (&member.description.regex, &description.regex))?;
        let (epoch, hash) =
            self.group_epoch(&group, &member, &description, (regexes, &mut records));
        if epoch > group.epoch {
            records.push(epoch_record(self.name(), epoch, hash));
        }
        let (target_epoch, target) = if epoch > group.target_epoch {
            (epoch, self.new_target(&group, epoch, &description, &mut records))
        } else {
            let target = group.target(&self.request.member_id).cloned();
            (group.target_epoch, target.unwrap_or_default())
        };
        let target = Target { epoch: target_epoch, partitions: &target };
        let holding = self.reconcile(&group, &member.holding, target, owned.as_ref());
        let mut patience = Patience::Same;
        if holding != member.holding {
            records.push(current_record(self.name(), &self.request.member_id, &holding));
            patience = match holding.state {
                MemberState::Unrevoked => {
                    let timeout = description.rebalance_timeout_ms.max(0) as u64;
                    Patience::Of(holding.epoch, timeout)
                }
                MemberState::Stable | MemberState::Unreleased => Patience::None,
            };
        }
        let changed = member.holding.assigned != holding.assigned;
        let response = self.response(&holding, changed);
        let (patience, resolves) = (Some(patience), regexes.resolves);
        Ok(Change { records, response, conversion: None, patience, resolves })
    }

    /// What the group's regular expressions are when a member subscribes by another one: the group goes to its next
    /// epoch if that was matched already. All are matched anew, though not again and again, if one was not, or topics
    /// have come.
    fn regexes(
        self,
        group: &ConsumerGroup,
        (old, new): (&str, &str),
    ) -> Result<Regexes, ErrorCode> {
        let subscribed = |regex: &str| {
            let all = group.members().values();
            all.filter(|member| member.description.regex == regex).count()
        };
        let mut change = Regexes::default();
        let mut is_due = false;
        if old != new {
            change.forgets = !old.is_empty() && subscribed(old) == 1;
            if !new.is_empty() && subscribed(new) == 0 {
                compile(new)?;
                is_due = true;
            } else if !new.is_empty() {
                change.bumps = group.regexes().contains_key(new);
            }
        }
        let mut all = group.subscribed_regexes(&[]);
        let resolved = group.regexes();
        let last = resolved.values().map(|it| it.at).max();
        let too_early = |last: WallTime| self.now.wall.0 <= last.0 + REFRESH_INTERVAL_MS;
        if !is_due && all.is_empty() || last.is_some_and(too_early) {
            return Ok(change);
        }
        if change.forgets {
            all.remove(old);
        }
        if !new.is_empty() {
            all.insert(new);
        }
        let newest = resolved.values().map(|it| it.newest).max();
        is_due |= all.len() != resolved.len() || newest < Some(self.topics.0.last_topic);
        change.resolves = is_due && !all.is_empty();
        Ok(change)
    }

    fn name(self) -> &'a str {
        self.request.group_id.as_str()
    }

    fn weaknesses(self) -> Weaknesses {
        Weaknesses {
            goes_on_unacknowledged: self.defects.has(GroupDefect::AssignsBeforeRevocation),
            takes_back: self.defects.has(GroupDefect::PartitionEpochLost),
            forgets_waiting: self.defects.has(GroupDefect::UnreleasedForgotten),
        }
    }

    /// Who is let in, and the group with it. Whoever joins is one; of others the epoch must be right.
    fn admit(
        self,
        owned: Option<&Partitions>,
        records: &mut Vec<CoordinatorRecord>,
    ) -> Result<(Cow<'a, ConsumerGroup>, Member), ErrorCode> {
        let joins = self.request.member_epoch == 0;
        let group = match self.group {
            Some(group) => Cow::Borrowed(group),
            None if joins => Cow::Owned(ConsumerGroup::default()),
            None => return Err(ErrorCode::GroupIdNotFound),
        };
        if let Some(instance) = self.request.instance_id.as_deref() {
            return self.admit_static(group, instance, owned, records);
        }
        let known = group.member(&self.request.member_id).cloned();
        match known {
            Some(member) => {
                self.check_epoch(&member.holding, owned)?;
                Ok((group, member))
            }
            None if joins && !self.has_expired(owned) => Ok((group, Member::unknown())),
            None => Err(ErrorCode::UnknownMemberId),
        }
    }

    /// Whether one who is not known, and joins by the classic protocol, was a member: it owns something, and must hear
    /// that it lost that.
    fn has_expired(self, owned: Option<&Partitions>) -> bool {
        let owns = owned.is_some_and(|owned| !owned.is_empty());
        self.classic.is_some() && owns && !self.defects.has(GroupDefect::UnknownOwnersJoin)
    }

    /// A static member takes the place of the one before if that one has left for a while. Source: KIP-345, KIP-848.
    fn admit_static(
        self,
        mut group: Cow<'a, ConsumerGroup>,
        instance: &str,
        owned: Option<&Partitions>,
        records: &mut Vec<CoordinatorRecord>,
    ) -> Result<(Cow<'a, ConsumerGroup>, Member), ErrorCode> {
        let known = group.static_member(instance);
        let known = known.map(|(id, member)| (id.clone(), member.clone()));
        let joins = self.classic.map_or(self.request.member_epoch == 0, |classic| classic.is_new);
        if !joins {
            let (id, member) = known.ok_or(ErrorCode::UnknownMemberId)?;
            if *id != *self.request.member_id {
                return Err(ErrorCode::FencedInstanceId);
            }
            self.check_epoch(&member.holding, owned)?;
            return Ok((group, member));
        }
        let Some((before, member)) = known else { return Ok((group, Member::unknown())) };
        let speaks_classic = self.classic.is_some() || member.description.classic.is_some();
        if member.holding.epoch != LEAVES_FOR_A_WHILE && !speaks_classic {
            return Err(ErrorCode::UnreleasedInstanceId);
        }
        let member = self.replace(group.to_mut(), (&before, member), records);
        Ok((group, member))
    }

    /// Source: `GroupMetadataManager.replaceMember`.
    fn replace(
        self,
        group: &mut ConsumerGroup,
        (before, mut member): (&str, Member),
        records: &mut Vec<CoordinatorRecord>,
    ) -> Member {
        let (name, id) = (self.name(), self.request.member_id.as_str());
        (member.holding.epoch, member.holding.previous_epoch) = (0, 0);
        let target = group.target(before).cloned().unwrap_or_default();
        records.extend(member_tombstones(name, before));
        records.push(member_record(name, id, &member.description));
        records.push(target_record(name, id, &target));
        records.push(current_record(name, id, &member.holding));
        group.aim(before, None);
        group.forget(before);
        group.describe(id, member.description.clone());
        group.aim(id, Some(target));
        group.hold(id, member.holding.clone());
        member
    }

    /// A member that comes with its epoch before may have missed the answer that told it the new one: if it has nothing
    /// that is not its own, nothing is wrong. Source: `throwIfConsumerGroupMemberEpochIsInvalid`.
    fn check_epoch(self, known: &Holding, owned: Option<&Partitions>) -> Result<(), ErrorCode> {
        if self.classic.is_some() {
            return Ok(());
        }
        let epoch = self.request.member_epoch;
        let missed = epoch == known.previous_epoch
            && owned.is_some_and(|owned| owned.is_subset(&known.assigned));
        let missed = missed || self.defects.has(GroupDefect::OlderEpochsCount);
        if epoch == known.epoch || epoch < known.epoch && missed {
            return Ok(());
        }
        Err(ErrorCode::FencedMemberEpoch)
    }

    fn describe(self, member: &Member) -> Description {
        let (request, known) = (self.request, &member.description);
        let text = |text: &crate::proto::StrBytes| text.to_string();
        let names = request.subscribed_topic_names.as_ref().map(|names| {
            let mut names: Vec<String> = names.iter().map(|name| name.0.to_string()).collect();
            names.sort_unstable();
            names.dedup();
            names
        });
        let timeout = request.rebalance_timeout_ms;
        Description {
            instance: request.instance_id.as_ref().map(text).or_else(|| known.instance.clone()),
            client: self.client.to_owned(),
            rebalance_timeout_ms: if timeout == -1 { known.rebalance_timeout_ms } else { timeout },
            topics: names.unwrap_or_else(|| known.topics.clone()),
            regex: request
                .subscribed_topic_regex
                .as_ref()
                .map_or_else(|| known.regex.clone(), text),
            rack: request.rack_id.as_ref().map(text).or_else(|| known.rack.clone()),
            assignor: request.server_assignor.as_ref().map(text).or_else(|| known.assignor.clone()),
            classic: self.classic.map(|classic| classic.member.clone()),
        }
    }

    /// The group's epoch: another one if somebody subscribes to something else, or topics have changed.
    fn group_epoch(
        self,
        group: &ConsumerGroup,
        member: &Member,
        description: &Description,
        (regexes, records): (Regexes, &mut Vec<CoordinatorRecord>),
    ) -> (i32, u64) {
        let mut bumps = group.epoch == 0 || regexes.bumps;
        if *description != member.description {
            records.push(member_record(self.name(), &self.request.member_id, description));
            bumps |= description.topics != member.description.topics;
        }
        if regexes.forgets {
            records.push(regex_tombstone(self.name(), &member.description.regex));
        }
        let itself = [self.request.member_id.as_str()];
        let (before, changed) =
            (&member.description.regex, description.regex != member.description.regex);
        // What the former expression has matched is given up with the group's next epoch, not for itself.
        let kept = group.regexes().get(before).filter(|_| changed && !bumps);
        let kept = kept.into_iter().flat_map(|it| &it.topics).map(String::as_str);
        let topics: Vec<String> =
            group.topics_of(description).chain(kept).map(str::to_owned).collect();
        let hash = group.hash_of_topics(self.topics, &itself, &topics);
        bumps |= hash != group.metadata_hash;
        (group.epoch + i32::from(bumps), hash)
    }

    /// Shares all partitions out anew; what has changed is written. Gives this member's share.
    fn new_target(
        self,
        group: &ConsumerGroup,
        epoch: i32,
        description: &Description,
        records: &mut Vec<CoordinatorRecord>,
    ) -> Partitions {
        let id = self.request.member_id.as_str();
        let mut all: BTreeMap<&str, &Description> =
            group.members().iter().map(|(id, it)| (id.as_str(), &it.description)).collect();
        all.insert(id, description);
        let takers: Vec<Taker<'_>> = all.iter().map(|(id, it)| self.taker(group, id, it)).collect();
        let assignor = self.assignor(all.values().copied());
        let shares = assign(assignor, &takers, |topic| self.topics.partitions(topic).collect());
        for (id, share) in &shares {
            if group.target(id) != Some(share) {
                records.push(target_record(self.name(), id, share));
            }
        }
        records.push(target_epoch_record(self.name(), epoch));
        shares.get(id).cloned().unwrap_or_default()
    }

    fn taker<'b>(self, group: &ConsumerGroup, id: &'b str, it: &'b Description) -> Taker<'b> {
        let mut topics: Vec<_> =
            group.topics_of(it).filter_map(|it| self.topics.find(it)).collect();
        topics.sort_unstable();
        topics.dedup();
        let before = group.target(id).cloned().unwrap_or_default();
        Taker { id, instance: it.instance.as_deref(), topics, before }
    }

    fn assignor<'b>(self, members: impl Iterator<Item = &'b Description>) -> ServerAssignor {
        preferred_assignor(members).unwrap_or(self.config.consumer_groups.assignor)
    }

    fn reconcile(
        self,
        group: &ConsumerGroup,
        member: &Holding,
        target: Target<'_>,
        owned: Option<&Partitions>,
    ) -> Holding {
        if member.is_reconciled_to(target.epoch) {
            return member.clone();
        }
        let ignores = self.defects.has(GroupDefect::AssignsUnreleased);
        let loses_sight = self.defects.has(GroupDefect::PartitionEpochLost);
        let held = |place: &TopicPartition| !ignores && group.is_held(*place, loses_sight);
        reconcile(member, target, owned, held, self.weaknesses())
    }

    /// What it has is told to who asks for all, and to who gets something else.
    fn response(self, holding: &Holding, changed: bool) -> ConsumerGroupHeartbeatResponse {
        let request = self.request;
        let is_full = request.rebalance_timeout_ms != -1
            && (request.subscribed_topic_names.is_some()
                || request.subscribed_topic_regex.is_some())
            && request.topic_partitions.is_some();
        let interval =
            i32::try_from(self.config.consumer_groups.heartbeat_interval_ms).unwrap_or(i32::MAX);
        let response = ConsumerGroupHeartbeatResponse::default()
            .with_member_id(Some(request.member_id.clone()))
            .with_member_epoch(holding.epoch)
            .with_heartbeat_interval_ms(interval);
        if request.member_epoch == 0 || is_full || changed {
            let assigned = assignment_of(&holding.assigned);
            let assignment = HeartbeatAssignment::default().with_topic_partitions(assigned);
            response.with_assignment(Some(assignment))
        } else {
            response
        }
    }

    fn leave(self) -> Result<Change, ErrorCode> {
        let group = self.group.ok_or(ErrorCode::GroupIdNotFound)?;
        let id = self.request.member_id.as_str();
        let member = match self.request.instance_id.as_deref() {
            Some(instance) => {
                let known = group.static_member(instance).ok_or(ErrorCode::UnknownMemberId)?;
                if known.0 != id {
                    return Err(ErrorCode::FencedInstanceId);
                }
                known.1
            }
            None => group.member(id).ok_or(ErrorCode::UnknownMemberId)?,
        };
        let epoch = self.request.member_epoch;
        let (records, conversion) = if epoch == LEAVES_FOR_A_WHILE {
            let holding = Holding { epoch, revoking: Partitions::new(), ..member.holding.clone() };
            (vec![current_record(self.name(), id, &holding)], None)
        } else {
            let (name, config, now) = (self.name(), self.config, self.now);
            Removal { name, group, topics: self.topics, config, defects: self.defects, now }
                .of(&[id])
        };
        let response = ConsumerGroupHeartbeatResponse::default()
            .with_member_id(Some(topic_name(id)))
            .with_member_epoch(epoch);
        Ok(Change { records, response, conversion, patience: None, resolves: false })
    }
}

/// The assignor that most members name. Source: `ConsumerGroup.computePreferredServerAssignor`.
pub(super) fn preferred_assignor<'a>(
    members: impl Iterator<Item = &'a Description>,
) -> Option<ServerAssignor> {
    let mut votes: BTreeMap<&str, usize> = BTreeMap::new();
    for vote in members.filter_map(|member| member.assignor.as_deref()) {
        *votes.entry(vote).or_default() += 1;
    }
    let most = votes.into_iter().max_by_key(|(_, count)| *count);
    most.and_then(|(name, _)| assignor_of(name))
}

fn assignor_of(name: &str) -> Option<ServerAssignor> {
    ServerAssignor::ALL.into_iter().find(|assignor| assignor.name() == name)
}

fn places_of(topics: &[crate::proto::OwnedPartitions]) -> Partitions {
    let places = topics.iter().flat_map(|topic| {
        let id = topic_of_uuid(topic.topic_id.as_u128());
        topic
            .partitions
            .iter()
            .filter_map(move |partition| Some(TopicPartition { topic: id?, partition: *partition }))
    });
    places.collect()
}

fn assignment_of(partitions: &Partitions) -> Vec<HeartbeatPartitions> {
    let partitions: Vec<TopicPartition> = partitions.iter().copied().collect();
    let topics = partitions.chunk_by(|a, b| a.topic == b.topic).map(|places| {
        HeartbeatPartitions::default()
            .with_topic_id(topic_uuid(places[0].topic))
            .with_partitions(places.iter().map(|place| place.partition).collect())
    });
    topics.collect()
}

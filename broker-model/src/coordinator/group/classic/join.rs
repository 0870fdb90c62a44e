//! `JoinGroup`: who is let in. Source: `GroupMetadataManager.classicGroupJoinToClassicGroup`,
//! `classicGroupJoinNewMember`, `classicGroupJoinExistingMember`, `updateStaticMemberThenRebalanceOrCompleteJoin`;
//! KIP-345, KIP-394, KIP-814.

use std::collections::BTreeSet;

use bytes::Bytes;

use super::answers::{join_refused, joined};
use super::group::{ClassicGroup, State};
use super::member::Member;
use crate::caller::Caller;
use crate::config::{Assignor, ms};
use crate::consumer_protocol::{Subscription, decode_assignment};
use crate::coordinator::group::conversion::Conversion;
use crate::coordinator::group::coordinator::{GroupCoordinator, Todo};
use crate::coordinator::group::modern::group::GroupPhase;
use crate::coordinator::group::modern::records::group_tombstones;
use crate::coordinator::group::records::{StoredGroup, group_record};
use crate::coordinator::group::waiter::{StaticRejoin, Waiter};
use crate::defect::GroupDefect;
use crate::metadata::MetadataImage;
use crate::proto::{ErrorCode, JoinGroupRequest};
use crate::types::Now;

/// How long a new member, which cannot send heartbeats yet, may wait for the join phase to end. Source:
/// `GroupCoordinatorConfig.CLASSIC_GROUP_NEW_MEMBER_JOIN_TIMEOUT_MS`.
const NEW_MEMBER_JOIN_TIMEOUT_MS: u64 = 5 * 60 * 1_000;

/// One who wants to join.
struct Joining<'a> {
    caller: Caller,
    request: &'a JoinGroupRequest,
    protocols: Vec<(String, Bytes)>,
}

impl Joining<'_> {
    fn instance(&self) -> Option<&str> {
        self.request.group_instance_id.as_deref()
    }

    fn member(&self) -> Member {
        Member {
            instance: self.instance().map(str::to_owned),
            client: format!("consumer-{}", self.caller.from),
            rebalance_timeout_ms: self.request.rebalance_timeout_ms,
            session_timeout_ms: self.request.session_timeout_ms,
            protocols: self.protocols.clone(),
            assignment: Bytes::new(),
            awaiting_join: Some(self.caller),
            awaiting_sync: None,
            expires_at: None,
            is_new: true,
        }
    }

    /// Whether its return, in the place of a static member, is more than that: it subscribes to other topics; or the
    /// one before had what it was not given any more, and was about to join once more when it had given that up, so
    /// that somebody else is given it.
    fn changes_the_group(&self, before: &Member, protocol: Option<&str>) -> bool {
        let subscription = |member: &Member| Subscription::decode(&member.metadata(protocol));
        let both = subscription(before).zip(subscription(&self.member()));
        let Some((old, new)) = both else { return false };
        let topics = |subscription: &Subscription| -> BTreeSet<_> {
            subscription.topics.iter().cloned().collect()
        };
        let given = decode_assignment(&before.assignment).unwrap_or_default();
        let is_cooperative = protocol == Some(Assignor::CooperativeSticky.name());
        let gave_up = is_cooperative && old.owned.iter().any(|place| !given.contains(place));
        gave_up || topics(&old) != topics(&new)
    }

    fn session_ms(&self) -> u64 {
        self.request.session_timeout_ms.max(0) as u64
    }
}

impl GroupCoordinator {
    /// Somebody wants to be a member.
    pub(crate) fn join_group(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &JoinGroupRequest,
        image: &MetadataImage,
    ) {
        if let Err(error) = self.check_join(partition, request) {
            let body = join_refused(&request.member_id, error);
            return self.todo.push_back(Todo::Reply(caller, body));
        }
        let name = request.group_id.as_str();
        if !request.member_id.is_empty() {
            self.hear_on(caller, partition, (name, &request.member_id));
        }
        if self.has_consumer_members(partition, name) {
            return self.join_consumer_group(now, caller, partition, request, image);
        }
        let is_new = self.group(partition, name).is_none();
        if is_new && !request.member_id.is_empty() {
            let body = join_refused(&request.member_id, ErrorCode::UnknownMemberId);
            return self.todo.push_back(Todo::Reply(caller, body));
        }
        let protocols = request.protocols.iter();
        let protocols = protocols.map(|known| (known.name.to_string(), known.metadata.clone()));
        let joining = Joining { caller, request, protocols: protocols.collect() };
        let mut group = self.take_group(now, partition, name);
        self.join(now, (partition, &mut group), &joining);
        if is_new {
            self.begin_group(now, partition, name);
        }
        self.put_group(partition, group);
    }

    fn check_join(&mut self, partition: i32, request: &JoinGroupRequest) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let config = &self.config;
        let session = request.session_timeout_ms.max(0) as u64;
        if session < config.group_session_timeout_min_ms
            || session > config.group_session_timeout_max_ms
        {
            return Err(ErrorCode::InvalidSessionTimeout);
        }
        self.runtime.active(partition).map(|_| ())
    }

    /// The group is there from now on, for whoever loads this partition next, too. One of the consumer protocol that
    /// has no members gives way to it. Source: `GroupMetadataManager.maybeDeleteEmptyConsumerGroup`.
    fn begin_group(&mut self, now: Now, partition: i32, name: &str) {
        let mut records = Vec::new();
        if self.is_consumer_group(partition, name) {
            records.extend(group_tombstones(name));
        }
        records.push(group_record(name, &StoredGroup::empty(now.wall)));
        let waiter = Waiter::Nobody.converting((partition, name), Some(Conversion::Began));
        self.todo.push_back(Todo::Write(partition, records, waiter));
    }

    /// Whether there is a group of the consumer protocol of this name, with members.
    pub(super) fn has_consumer_members(&mut self, partition: i32, name: &str) -> bool {
        let context = self.runtime.active(partition).ok();
        let group = context.and_then(|context| context.written().consumer_group(name));
        group.is_some_and(|group| group.phase() != GroupPhase::Empty)
    }

    fn join(&mut self, now: Now, at: (i32, &mut ClassicGroup), joining: &Joining<'_>) {
        let (_, group) = &at;
        let member = joining.request.member_id.to_string();
        if !group.has_room_for(&member, self.config.group_max_size) {
            return self.refuse_one_too_many(at.1, joining, &member);
        }
        if !group.supports(&joining.request.protocol_type, &joining.protocols) {
            return self.refuse_join(joining, &member, ErrorCode::InconsistentGroupProtocol);
        }
        if member.is_empty() {
            return self.join_new(now, at, joining);
        }
        if group.pending_joins.contains_key(&member) {
            return self.add_member(now, at, joining, member);
        }
        if let Err(error) = group.validate(&member, joining.instance()) {
            return self.refuse_join(joining, &member, error);
        }
        self.join_existing(now, at, joining, &member);
    }

    /// Of a group that rebalances, those who come again too late go.
    fn refuse_one_too_many(
        &mut self,
        group: &mut ClassicGroup,
        joining: &Joining<'_>,
        member: &str,
    ) {
        self.release_from(group, member);
        group.remove(member);
        self.refuse_join(joining, "", ErrorCode::GroupMaxSizeReached);
    }

    fn refuse_join(&mut self, joining: &Joining<'_>, member: &str, error: ErrorCode) {
        self.todo.push_back(Todo::Reply(joining.caller, join_refused(member, error)));
    }

    /// One without an id is given one. A static member takes the place of the one before at once; any other must come
    /// again with its id, so that clients that are gone leave nothing behind (KIP-394).
    fn join_new(&mut self, now: Now, at: (i32, &mut ClassicGroup), joining: &Joining<'_>) {
        let known = joining.instance().and_then(|instance| at.1.static_member(instance)).cloned();
        let id = self.new_member_id(joining.instance(), joining.caller);
        match (joining.instance(), known) {
            (Some(_), Some(before)) => self.replace_static(now, at, joining, (before, id)),
            (Some(_), None) => self.add_member(now, at, joining, id),
            (None, _) => {
                let patience = now.time + ms(joining.session_ms());
                at.1.pending_joins.insert(id.clone(), patience);
                self.refuse_join(joining, &id, ErrorCode::MemberIdRequired);
            }
        }
    }

    fn add_member(
        &mut self,
        now: Now,
        (partition, group): (i32, &mut ClassicGroup),
        joining: &Joining<'_>,
        id: String,
    ) {
        if group.state() == State::PreparingRebalance && group.previous == State::Empty {
            group.member_added = true;
        }
        let expires_at = Some(now.time + ms(NEW_MEMBER_JOIN_TIMEOUT_MS));
        let member = Member { expires_at, ..joining.member() };
        group.add(id, member, &joining.request.protocol_type);
        self.rebalance_or_complete(now, (partition, group));
    }

    fn join_existing(
        &mut self,
        now: Now,
        (partition, group): (i32, &mut ClassicGroup),
        joining: &Joining<'_>,
        id: &str,
    ) {
        let same = group.members.get(id).is_some_and(|it| it.protocols == joining.protocols);
        let rejoins = match group.state() {
            State::PreparingRebalance => true,
            State::CompletingRebalance => !same,
            // Only a leader can tell that what it assigned is out of date although nobody has changed.
            State::Stable => group.is_leader(id) || !same,
            State::Empty => return self.refuse_join(joining, id, ErrorCode::UnknownMemberId),
        };
        if rejoins {
            Self::update_member(group, joining, id);
            return self.rebalance_or_complete(now, (partition, group));
        }
        // Its answer was lost, or nothing has changed for it: the generation that there is.
        self.answer_in_stable(partition, joining.caller, joined(group, id, false));
    }

    fn update_member(group: &mut ClassicGroup, joining: &Joining<'_>, id: &str) {
        let member = group.members.get_mut(id).expect("who updates itself is a member");
        member.protocols.clone_from(&joining.protocols);
        member.rebalance_timeout_ms = joining.request.rebalance_timeout_ms;
        member.session_timeout_ms = joining.request.session_timeout_ms;
        member.awaiting_join = Some(joining.caller);
    }

    /// A static member is back under another id: the one before is fenced. If nothing changes for the others, it gets
    /// what it had, once its new id is stored. Known weakness: Kafka looks at the selected assignor alone. Known bug
    /// G03: an id that is not stored is gone with the coordinator.
    fn replace_static(
        &mut self,
        now: Now,
        (partition, group): (i32, &mut ClassicGroup),
        joining: &Joining<'_>,
        (before, id): (String, String),
    ) {
        let old = group.members.remove(&before).expect("a static member is a member");
        self.fence_replaced(group, &before, &old);
        let member = Member {
            assignment: old.assignment.clone(),
            expires_at: Some(now.time + ms(joining.session_ms())),
            is_new: false,
            ..joining.member()
        };
        group.members.insert(id.clone(), member);
        let led = group.is_leader(&before);
        if led {
            group.leader = Some(id.clone());
        }
        self.release_from(group, &before);
        let hides = self.defects.has(GroupDefect::StaticReturnHidesRebalance);
        let rebalances = led && self.defects.has(GroupDefect::StaticLeaderRebalances)
            || !hides && joining.changes_the_group(&old, group.protocol.as_deref());
        match group.state() {
            State::Stable if !rebalances && group.select_protocol() == group.protocol => {
                let rejoin = StaticRejoin { member: id, before, old };
                self.store_static(now, (partition, group), rejoin);
            }
            State::Stable => self.rebalance_or_complete(now, (partition, group)),
            State::CompletingRebalance => self.prepare_rebalance(now, (partition, group)),
            State::PreparingRebalance => self.complete_if_all_joined(now, (partition, group)),
            State::Empty => unreachable!("an empty group has no static member {before}"),
        }
    }

    fn store_static(
        &mut self,
        now: Now,
        (partition, group): (i32, &mut ClassicGroup),
        rejoin: StaticRejoin,
    ) {
        let assignments = group.members.iter();
        let assignments = assignments.map(|(id, member)| (id.clone(), member.assignment.clone()));
        let record = group_record(&group.name, &group.stored(&assignments.collect()));
        let name = group.name.clone();
        if self.defects.has(GroupDefect::StaticRejoinNotStored) {
            return self.static_stored(now, group, &rejoin);
        }
        let waiter = Waiter::StaticRejoin { partition, group: name, rejoin: Box::new(rejoin) };
        self.todo.push_back(Todo::Write(partition, vec![record], waiter));
    }

    /// The new id of a static member is stored: it gets what it had. If that took longer than its session, which does
    /// not end who waits, another one begins. In Kafka none does until it is heard of: one that dies before that stays
    /// a member.
    pub(crate) fn static_stored(
        &mut self,
        now: Now,
        group: &mut ClassicGroup,
        rejoin: &StaticRejoin,
    ) {
        let id = &rejoin.member;
        let Some(member) = group.members.get_mut(id) else { return };
        let Some(caller) = member.awaiting_join.take() else { return };
        let session = ms(member.session_timeout_ms.max(0) as u64);
        member.expires_at.get_or_insert(now.time + session);
        if group.state() == State::Stable {
            self.take_one(group, id);
        }
        let skip_assignment = group.is_leader(id);
        self.todo.push_back(Todo::Reply(caller, joined(group, id, skip_assignment)));
    }

    /// The new id of a static member is not stored: the old one counts again.
    pub(crate) fn static_not_stored(
        &mut self,
        now: Now,
        group: &mut ClassicGroup,
        rejoin: &StaticRejoin,
        error: ErrorCode,
    ) {
        let Some(member) = group.members.remove(&rejoin.member) else { return };
        if let Some(caller) = member.awaiting_join {
            self.todo.push_back(Todo::Reply(caller, join_refused("", error)));
        }
        if group.is_leader(&rejoin.member) {
            group.leader = Some(rejoin.before.clone());
        }
        let session = rejoin.old.session_timeout_ms.max(0) as u64;
        let expires_at = Some(now.time + ms(session));
        let old =
            Member { expires_at, awaiting_join: None, awaiting_sync: None, ..rejoin.old.clone() };
        group.members.insert(rejoin.before.clone(), old);
        if group.state() == State::Stable {
            self.take_one(group, &rejoin.before);
        }
    }

    /// Whoever still waits under the old id is told that another one has its instance id.
    fn fence_replaced(&mut self, group: &ClassicGroup, id: &str, old: &Member) {
        let error = ErrorCode::FencedInstanceId;
        if let Some(caller) = old.awaiting_join {
            self.todo.push_back(Todo::Reply(caller, join_refused(id, error)));
        }
        if let Some(caller) = old.awaiting_sync {
            let body = super::answers::synced(group, Err(error));
            self.todo.push_back(Todo::Reply(caller, body));
        }
    }
}

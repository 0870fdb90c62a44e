//! Heartbeats, leaving, and being thrown out. Source: `GroupMetadataManager.classicGroupHeartbeatToClassicGroup`,
//! `classicGroupLeaveToClassicGroup`, `expireClassicGroupMemberHeartbeat`.

use super::answers::{heartbeat, join_refused, leave_refused};
use super::group::{ClassicGroup, State};
use super::member::Member;
use crate::caller::Caller;
use crate::config::ms;
use crate::coordinator::group::coordinator::{GroupCoordinator, Todo};
use crate::defect::GroupDefect;
use crate::message::{ClientResponse, ResponseBody};
use crate::metadata::MetadataImage;
use crate::note::{Api, GroupNote, Lateness};
use crate::proto::{
    ErrorCode, HeartbeatRequest, LeaveGroupRequest, LeaveGroupResponse, MemberIdentity,
    MemberResponse,
};
use crate::types::Now;

impl GroupCoordinator {
    /// A member is alive.
    pub(crate) fn heartbeat(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &HeartbeatRequest,
    ) {
        let name = request.group_id.as_str();
        if self.has_consumer_members(partition, name) {
            return self.classic_heartbeat(now, caller, partition, request);
        }
        let checked = self.runtime.active(partition).map(|_| ());
        let known = checked.and_then(|()| {
            let group = self.group(partition, name).ok_or(ErrorCode::UnknownMemberId)?;
            group.validate(&request.member_id, request.group_instance_id.as_deref())?;
            if request.generation_id == group.generation {
                Ok((group.state(), group.generation))
            } else {
                Err(ErrorCode::IllegalGeneration)
            }
        });
        let error = match known {
            Ok((state, generation)) => {
                self.served(Api::Heartbeat, caller, (request.generation_id, generation));
                self.hear_on(caller, partition, (name, &request.member_id));
                self.extend_session(now, partition, name, &request.member_id);
                (state == State::PreparingRebalance).then_some(ErrorCode::RebalanceInProgress)
            }
            Err(error) => Some(error),
        };
        self.answer_when_committed(now, partition, (caller, heartbeat(error)));
    }

    /// A member was heard of.
    pub(crate) fn extend_session(&mut self, now: Now, partition: i32, name: &str, member: &str) {
        let mut group = self.take_group(now, partition, name);
        if let Some(member) = group.members.get_mut(member) {
            member.expires_at = Some(now.time + ms(member.session_timeout_ms.max(0) as u64));
        }
        self.put_group(partition, group);
    }

    /// Members leave, or are removed by their instance ids. Source: KIP-345.
    pub(crate) fn leave_group(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &LeaveGroupRequest,
        image: &MetadataImage,
    ) {
        let name = request.group_id.as_str();
        if self.has_consumer_members(partition, name) {
            return self.leave_consumer_group(now, caller, partition, request, image);
        }
        let checked = self.runtime.active(partition).map(|_| ());
        let known = checked.and_then(|()| {
            self.group(partition, name).map(|_| ()).ok_or(ErrorCode::UnknownMemberId)
        });
        if let Err(error) = known {
            return self.todo.push_back(Todo::Reply(caller, leave_refused(error)));
        }
        let mut group = self.take_group(now, partition, name);
        let mut answers = Vec::new();
        for leaving in &request.members {
            answers.push(self.leave_one(&mut group, leaving));
        }
        if answers.iter().any(|answer| answer.error_code == 0) {
            self.after_removal(now, (partition, &mut group));
        }
        self.put_group(partition, group);
        let response = LeaveGroupResponse::default().with_members(answers);
        let body = ResponseBody::Client(ClientResponse::LeaveGroup(Box::new(response)));
        self.todo.push_back(Todo::ReplyWhenCommitted(partition, caller, body));
    }

    fn leave_one(&mut self, group: &mut ClassicGroup, leaving: &MemberIdentity) -> MemberResponse {
        let (id, instance) = (leaving.member_id.as_str(), leaving.group_instance_id.as_deref());
        let left = if id.is_empty() {
            let known = instance.and_then(|instance| group.static_member(instance)).cloned();
            known.ok_or(ErrorCode::UnknownMemberId)
        } else if group.pending_joins.contains_key(id) {
            Ok(id.to_owned())
        } else {
            group.validate(id, instance).map(|()| id.to_owned())
        };
        let answer = MemberResponse::default()
            .with_member_id(leaving.member_id.clone())
            .with_group_instance_id(leaving.group_instance_id.clone());
        match left {
            Ok(id) => {
                self.take_out(group, &id);
                answer
            }
            Err(error) => answer.with_error_code(error.code()),
        }
    }

    /// Removes a member whose session is over.
    pub(super) fn remove_member(&mut self, group: &mut ClassicGroup, id: &str) {
        self.state_thrown_out(group, id, Lateness::Session);
        self.take_out(group, id);
    }

    /// States that a member is about to be thrown out.
    pub(super) fn state_thrown_out(&mut self, group: &ClassicGroup, id: &str, reason: Lateness) {
        let waits = group.members.get(id).is_some_and(Member::is_awaiting);
        let (group, member) = (group.name.clone(), id.to_owned());
        let note = GroupNote::ClassicMemberThrownOut { group, member, reason, waits };
        self.todo.push_back(Todo::Note(note));
    }

    /// Removes a member. If it waits for the join phase to end, it may come again.
    fn take_out(&mut self, group: &mut ClassicGroup, id: &str) {
        self.release_from(group, id);
        let removed = group.remove(id);
        if let Some(caller) = removed.and_then(|member| member.awaiting_join) {
            let body = join_refused("", ErrorCode::UnknownMemberId);
            self.todo.push_back(Todo::Reply(caller, body));
        }
    }

    fn after_removal(&mut self, now: Now, at: (i32, &mut ClassicGroup)) {
        match at.1.state() {
            State::Stable | State::CompletingRebalance => self.rebalance_or_complete(now, at),
            State::PreparingRebalance => self.complete_if_all_joined(now, at),
            State::Empty => {}
        }
    }

    /// Throws out who was not heard of in time. Members that wait are not counted.
    pub(super) fn expire_sessions(&mut self, now: Now, at: (i32, &mut ClassicGroup)) {
        let (partition, group) = at;
        let pending = group.pending_joins.len();
        group.pending_joins.retain(|_, patience| *patience > now.time);
        let given_up = group.pending_joins.len() < pending;
        let is_late = |member: &Member| member.expires_at.is_some_and(|at| at <= now.time);
        let late = group.members.iter().filter(|(_, member)| is_late(member));
        let late: Vec<String> = late.map(|(id, _)| id.clone()).collect();
        for id in late {
            // What became of an earlier one may have taken this one with it, or begun its session anew.
            let Some(member) = group.members.get_mut(&id).filter(|it| is_late(it)) else {
                continue;
            };
            member.expires_at = None;
            if member.is_new || !member.is_awaiting() {
                self.remove_member(group, &id);
                self.after_expiry(now, (partition, group));
            }
        }
        if given_up {
            self.complete_after_expiry(now, (partition, group));
        }
    }

    fn after_expiry(&mut self, now: Now, (partition, group): (i32, &mut ClassicGroup)) {
        match group.state() {
            State::Stable | State::CompletingRebalance => {
                self.rebalance_or_complete(now, (partition, group));
            }
            State::PreparingRebalance => self.complete_after_expiry(now, (partition, group)),
            State::Empty => {}
        }
    }

    /// Ends the join phase if it has waited for nobody but who has expired.
    fn complete_after_expiry(&mut self, now: Now, (partition, group): (i32, &mut ClassicGroup)) {
        if group.state() == State::PreparingRebalance
            && group.have_all_joined()
            && !self.defects.has(GroupDefect::ExpiryEndsNoJoin)
        {
            self.complete_join(now, (partition, group));
        }
    }

    /// Does what is due in a group.
    pub(crate) fn tick_group(&mut self, now: Now, partition: i32, group: &mut ClassicGroup) {
        self.expire_sessions(now, (partition, group));
        if group.join_timer.is_some_and(|timer| timer.at() <= now.time) {
            self.on_join_timer(now, (partition, group));
        }
        if group.sync_timer.is_some_and(|at| at <= now.time) {
            self.on_sync_timer(now, (partition, group));
        }
    }

    /// The coordinator is unloaded: whoever waits must look for another one. Source:
    /// `ClassicGroup.completeAllJoinFutures`.
    pub(crate) fn fail_members(&mut self, group: &mut ClassicGroup, error: ErrorCode) {
        for (id, member) in &mut group.members {
            if let Some(caller) = member.awaiting_join.take() {
                self.todo.push_back(Todo::Reply(caller, join_refused(id, error)));
            }
            if let Some(caller) = member.awaiting_sync.take() {
                let body = super::answers::sync_refused(error);
                self.todo.push_back(Todo::Reply(caller, body));
            }
        }
    }
}

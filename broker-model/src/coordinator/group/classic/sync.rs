//! `SyncGroup`: the leader's assignment is stored, then all get theirs. Source:
//! `GroupMetadataManager.classicGroupSyncToClassicGroup`, `expirePendingSync`.

use super::answers::{sync_refused, synced};
use super::group::{ClassicGroup, State};
use crate::caller::Caller;
use crate::config::ms;
use crate::coordinator::group::coordinator::{GroupCoordinator, Todo};
use crate::coordinator::group::records::group_record;
use crate::coordinator::group::waiter::{Assignments, Waiter};
use crate::defect::GroupDefect;
use crate::message::ResponseBody;
use crate::metadata::MetadataImage;
use crate::note::{Api, Lateness};
use crate::proto::{ErrorCode, StrBytes, SyncGroupRequest};
use crate::types::Now;

impl GroupCoordinator {
    /// A member asks for its assignment; the leader brings those of all.
    pub(crate) fn sync_group(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &SyncGroupRequest,
        image: &MetadataImage,
    ) {
        let name = request.group_id.as_str();
        if self.has_consumer_members(partition, name) {
            return self.sync_consumer_group(now, caller, partition, request, image);
        }
        let checked = self.runtime.active(partition).map(|_| ());
        let known = checked.and_then(|()| match self.group(partition, name) {
            Some(group) if group.state() != State::Empty => check_sync(group, request),
            Some(_) | None => Err(ErrorCode::UnknownMemberId),
        });
        if let Err(error) = known {
            return self.todo.push_back(Todo::Reply(caller, sync_refused(error)));
        }
        self.hear_on(caller, partition, (name, &request.member_id));
        let mut group = self.take_group(now, partition, name);
        self.served(Api::SyncGroup, caller, (request.generation_id, group.generation));
        self.sync(caller, (partition, &mut group), request);
        self.put_group(partition, group);
    }

    fn sync(
        &mut self,
        caller: Caller,
        (partition, group): (i32, &mut ClassicGroup),
        request: &SyncGroupRequest,
    ) {
        let id = request.member_id.as_str();
        match group.state() {
            State::PreparingRebalance => {
                let body = sync_refused(ErrorCode::RebalanceInProgress);
                self.todo.push_back(Todo::Reply(caller, body));
            }
            State::CompletingRebalance => {
                let member = group.members.get_mut(id).expect("it was found to be a member");
                member.awaiting_sync = Some(caller);
                end_pending_sync(group, id);
                if group.is_leader(id) {
                    self.store_assignments(partition, group, request);
                }
            }
            State::Stable => {
                end_pending_sync(group, id);
                let assignment = group.members.get(id).map(|member| member.assignment.clone());
                let body = synced(group, assignment.ok_or(ErrorCode::UnknownMemberId));
                self.answer_in_stable(partition, caller, body);
            }
            State::Empty => unreachable!("a member of an empty group"),
        }
    }

    /// What a new coordinator has read of a stable group may not be committed, and so may never have been. Kafka
    /// answers at once. Source: `GroupMetadataManager.classicGroupSyncToClassicGroup`.
    pub(super) fn answer_in_stable(&mut self, partition: i32, caller: Caller, body: ResponseBody) {
        let early = self.defects.has(GroupDefect::StableAnsweredEarly);
        self.todo.push_back(if early {
            Todo::Reply(caller, body)
        } else {
            Todo::ReplyWhenCommitted(partition, caller, body)
        });
    }

    fn store_assignments(
        &mut self,
        partition: i32,
        group: &ClassicGroup,
        request: &SyncGroupRequest,
    ) {
        let given = request.assignments.iter();
        let mut assignments: Assignments =
            given.map(|one| (one.member_id.to_string(), one.assignment.clone())).collect();
        for id in group.members.keys() {
            assignments.entry(id.clone()).or_default();
        }
        let record = group_record(&group.name, &group.stored(&assignments));
        let waiter = Waiter::Assignments {
            partition,
            group: group.name.clone(),
            generation: group.generation,
            assignments: Box::new(assignments),
        };
        self.todo.push_back(Todo::Write(partition, vec![record], waiter));
    }

    /// The assignments are stored, or not. If somebody has joined meanwhile, another generation is under way and they
    /// mean nothing.
    pub(crate) fn assignments_stored(
        &mut self,
        now: Now,
        (partition, group): (i32, &mut ClassicGroup),
        generation: i32,
        stored: Result<&Assignments, ErrorCode>,
    ) {
        if group.state() != State::CompletingRebalance || group.generation != generation {
            return;
        }
        match stored {
            Ok(assignments) => {
                self.propagate(now, group, Ok(assignments));
                group.enter(State::Stable, now.wall);
                self.state_classic(group, 0);
                self.take_all(group);
            }
            Err(error) => {
                self.propagate(now, group, Err(error));
                self.rebalance_or_complete(now, (partition, group));
            }
        }
    }

    /// Answers all who wait for their assignment. Their sessions begin anew: while they waited nobody counted.
    pub(super) fn propagate(
        &mut self,
        now: Now,
        group: &mut ClassicGroup,
        assignments: Result<&Assignments, ErrorCode>,
    ) {
        for id in group.members.keys().cloned().collect::<Vec<_>>() {
            let assignment = assignments.map(|all| all.get(&id).cloned().unwrap_or_default());
            let body = synced(group, assignment.clone());
            let member = group.members.get_mut(&id).expect("its id was just listed");
            member.assignment = assignment.unwrap_or_default();
            if let Some(caller) = member.awaiting_sync.take() {
                member.expires_at = Some(now.time + ms(member.session_timeout_ms.max(0) as u64));
                self.todo.push_back(Todo::Reply(caller, body));
            }
        }
    }

    /// Whoever has not asked for its assignment in time is thrown out.
    pub(super) fn on_sync_timer(&mut self, now: Now, (partition, group): (i32, &mut ClassicGroup)) {
        group.sync_timer = None;
        let late = std::mem::take(&mut group.pending_syncs);
        let expects = matches!(group.state(), State::CompletingRebalance | State::Stable);
        if late.is_empty() || !expects {
            return;
        }
        for id in &late {
            self.state_thrown_out(group, id, Lateness::Join);
            group.remove(id);
        }
        self.prepare_rebalance(now, (partition, group));
    }
}

fn check_sync(group: &ClassicGroup, request: &SyncGroupRequest) -> Result<(), ErrorCode> {
    group.validate(&request.member_id, request.group_instance_id.as_deref())?;
    let differs = |told: &Option<StrBytes>, known: &Option<String>| {
        told.as_deref().is_some_and(|told| known.as_deref() != Some(told))
    };
    if request.generation_id != group.generation {
        Err(ErrorCode::IllegalGeneration)
    } else if differs(&request.protocol_type, &group.protocol_type)
        || differs(&request.protocol_name, &group.protocol)
    {
        Err(ErrorCode::InconsistentGroupProtocol)
    } else {
        Ok(())
    }
}

fn end_pending_sync(group: &mut ClassicGroup, id: &str) {
    group.pending_syncs.remove(id);
    if group.pending_syncs.is_empty() {
        group.sync_timer = None;
    }
}

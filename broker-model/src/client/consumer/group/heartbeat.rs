//! Staying a member, and leaving. Source: `AbstractCoordinator.HeartbeatThread`, `Heartbeat`,
//! `HeartbeatResponseHandler`, `maybeLeaveGroup`; KIP-62.

use crate::client::consumer::Consumer;
use crate::client::consumer::purpose::Purpose;
use crate::config::{ms, topic_name};
use crate::defect::GroupDefect;
use crate::message::ClientRequest;
use crate::node::{Channel, Deadline, Effects, Outcome};
use crate::note::{Api, Departure};
use crate::proto::{
    ErrorCode, FindCoordinatorResponse, GroupId, HeartbeatRequest, HeartbeatResponse,
    LeaveGroupRequest, MemberIdentity,
};
use crate::types::{NodeId, OperationId, Time};

use super::join::moved;
use super::membership::{Generation, MemberState, Membership, departure};

impl Consumer {
    /// Does for the membership what has become possible.
    pub(in crate::client::consumer) fn run_group(
        &mut self,
        now: Time,
        effects: &mut Effects,
    ) -> Option<Deadline> {
        self.membership.as_ref()?;
        self.check_poll_interval(now, effects);
        self.run_assignment(now, effects);
        self.find_coordinator(now, effects);
        let mut wake = if self.member().reconciler.is_some() {
            self.run_consumer_heartbeat(now, effects)
        } else {
            let wake = self.run_join(now, effects);
            Deadline::earlier(wake, self.run_heartbeat(now, effects))
        };
        wake = Deadline::earlier(wake, self.run_commits(now, effects));
        wake = Deadline::earlier(wake, self.fetch_committed(now, effects));
        let member = self.member();
        let looks = self.wants_coordinator();
        let finds = member.finder.deadline(&self.metadata, &self.connections);
        wake = Deadline::earlier(wake, finds.filter(|_| looks));
        let patience = Deadline { at: member.poll_by, why: "the application must poll" };
        let bounded = self.polls.is_empty() && member.poll_by < Time::MAX;
        Deadline::earlier(wake, bounded.then_some(patience))
    }

    fn wants_coordinator(&self) -> bool {
        let member = self.member();
        (member.subscribes() && (!self.polls.is_empty() || member.is_in_group()))
            || !member.commits.is_empty()
    }

    pub(in crate::client::consumer) fn on_coordinator(
        &mut self,
        now: Time,
        response: &FindCoordinatorResponse,
    ) {
        if let Some(member) = self.membership.as_mut() {
            member.finder.on_response(now, response, &mut self.connections);
        }
    }

    pub(in crate::client::consumer) fn on_coordinator_lost(&mut self, now: Time) {
        if let Some(member) = self.membership.as_mut() {
            member.finder.on_failure(now, &mut self.connections);
        }
    }

    fn find_coordinator(&mut self, now: Time, effects: &mut Effects) {
        if self.wants_coordinator()
            && let Some(member) = self.membership.as_mut()
        {
            let known = (&mut self.metadata, &mut self.connections);
            member.finder.run(now, known, effects);
        }
    }

    /// The coordinator, if it is known and can be asked now; else when to look again.
    pub(super) fn coordinator_now(
        &self,
        now: Time,
        not_before: Time,
    ) -> Result<NodeId, Option<Deadline>> {
        let Some(known) = self.member().finder.known() else { return Err(None) };
        let blocked = self.connections.blocked_until(known, Channel::ClientCoordinator);
        let at = not_before.max(blocked);
        if at > now { Err(Some(Deadline { at, why: "retry backoff" })) } else { Ok(known) }
    }

    fn run_heartbeat(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        let member = self.membership.as_mut()?;
        if member.session_ends_at <= now {
            member.finder.forget();
            member.session_ends_at = now + ms(member.config.session_timeout_ms);
        }
        let ends = member.session_ends_at;
        let wake = (ends < Time::MAX)
            .then_some(Deadline { at: ends, why: "nothing was heard of the coordinator" });
        if member.heartbeat_asked || member.heartbeat_at == Time::MAX {
            return wake;
        }
        let due = Deadline { at: member.heartbeat_at, why: "group heartbeat" };
        if due.at > now {
            return Deadline::earlier(wake, Some(due));
        }
        match self.coordinator_now(now, Time::ZERO) {
            Ok(coordinator) => {
                self.send_heartbeat(now, coordinator, effects);
                wake
            }
            Err(retry) => Deadline::earlier(wake, retry),
        }
    }

    fn send_heartbeat(&mut self, now: Time, coordinator: NodeId, effects: &mut Effects) {
        let member = self.membership.as_mut().expect("only members send heartbeats");
        member.heartbeat_asked = true;
        member.heartbeat_at = now + ms(member.config.heartbeat_interval_ms);
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(topic_name(&member.config.group)))
            .with_generation_id(member.generation.id)
            .with_member_id(topic_name(&member.generation.member))
            .with_group_instance_id(member.config.instance.as_deref().map(topic_name));
        let purpose = Purpose::Heartbeat(Box::new(member.generation.clone()));
        let body = ClientRequest::Heartbeat(Box::new(request));
        let to = (coordinator, Channel::ClientCoordinator);
        self.connections.send(now, to, body, purpose, effects);
    }

    pub(in crate::client::consumer) fn on_heartbeat(
        &mut self,
        now: Time,
        sent: &Generation,
        response: &HeartbeatResponse,
        effects: &mut Effects,
    ) {
        let retry_at = self.connections.backoff.after(now);
        let Some(member) = self.membership.as_mut() else { return };
        member.heartbeat_asked = false;
        let heard = now + ms(member.config.session_timeout_ms);
        let counts = member.error_counts(sent);
        match ErrorCode::try_from_code(response.error_code) {
            None => member.hear(heard),
            Some(ErrorCode::RebalanceInProgress) => {
                member.hear(heard);
                member.rejoin_needed |= member.state == MemberState::Stable;
            }
            Some(
                error @ (ErrorCode::UnknownMemberId
                | ErrorCode::FencedInstanceId
                | ErrorCode::IllegalGeneration),
            ) if counts => {
                effects.note(member.took(Api::Heartbeat, sent));
                member.note_lost(departure(error), effects);
                member.reset(error != ErrorCode::IllegalGeneration);
                member.fenced |= error == ErrorCode::FencedInstanceId;
            }
            Some(error) => {
                let stays = error == ErrorCode::NotCoordinator
                    && self.defects.has(GroupDefect::HeartbeatsStayWithDeposed);
                if moved(error) && !stays {
                    member.finder.forget();
                }
                member.beat_again(retry_at);
            }
        }
    }

    pub(in crate::client::consumer) fn on_heartbeat_lost(&mut self, now: Time) {
        let retry_at = self.connections.backoff.after(now);
        let Some(member) = self.membership.as_mut() else { return };
        member.heartbeat_asked = false;
        member.finder.forget();
        member.beat_again(retry_at);
    }

    /// An application that does not poll for too long leaves: somebody else shall have its partitions.
    fn check_poll_interval(&mut self, now: Time, effects: &mut Effects) {
        let idle = self.polls.is_empty();
        let Some(member) = self.membership.as_ref() else { return };
        if idle && member.poll_by <= now && member.is_in_group() {
            member.note_lost(Departure::PollInterval, effects);
            match member.reconciler {
                Some(_) => self.grow_stale(now, effects),
                None => self.leave(now, effects),
            }
        }
        if idle && let Some(member) = self.membership.as_mut().filter(|it| it.poll_by <= now) {
            member.poll_by = Time::MAX;
        }
    }

    /// Tells the coordinator that it leaves, if it is a dynamic member, and is no member from now on. A static one
    /// keeps its place until its session ends (KIP-345).
    pub(in crate::client::consumer) fn leave(&mut self, now: Time, effects: &mut Effects) {
        let Some(member) = self.membership.as_ref() else { return };
        if member.reconciler.is_some() {
            return self.leave_consumer_group(now, effects);
        }
        let is_dynamic = member.config.instance.is_none();
        let is_member =
            member.state != MemberState::Unjoined && !member.generation.member.is_empty();
        if is_dynamic
            && is_member
            && let Ok(coordinator) = self.coordinator_now(now, Time::ZERO)
        {
            let member = self.member();
            let leaving =
                MemberIdentity::default().with_member_id(topic_name(&member.generation.member));
            let request = LeaveGroupRequest::default()
                .with_group_id(GroupId(topic_name(&member.config.group)))
                .with_members(vec![leaving]);
            let body = ClientRequest::LeaveGroup(Box::new(request));
            let to = (coordinator, Channel::ClientCoordinator);
            self.connections.send(now, to, body, Purpose::LeaveGroup, effects);
        }
        if let Some(member) = self.membership.as_mut() {
            member.reset(true);
        }
    }

    /// The application unsubscribes: its partitions are given up and the group is left.
    pub(in crate::client::consumer) fn unsubscribe(
        &mut self,
        now: Time,
        operation: OperationId,
        effects: &mut Effects,
    ) {
        if self.membership.is_some() {
            let owned = self.member().assigned.clone();
            self.drop_partitions(&owned);
            self.tell_owned(effects);
            self.leave(now, effects);
            let member = self.membership.as_mut().expect("it was just looked at");
            member.topics.clear();
            member.pattern = None;
            member.poll_by = Time::MAX;
        }
        effects.complete(operation, Outcome::Unsubscribed);
    }
}

impl Membership {
    fn hear(&mut self, until: Time) {
        if self.session_ends_at < Time::MAX {
            self.session_ends_at = until;
        }
    }

    fn beat_again(&mut self, at: Time) {
        if self.heartbeat_at < Time::MAX {
            self.heartbeat_at = at;
        }
    }
}

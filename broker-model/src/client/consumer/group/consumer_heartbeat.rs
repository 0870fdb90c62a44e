//! What a member of the consumer protocol says, and what it is told. Source: Kafka's `AbstractHeartbeatRequestManager`,
//! `ConsumerHeartbeatRequestManager`, `ConsumerMembershipManager.onHeartbeatSuccess`.
//!
//! One difference to Java's: who joins, or has something to tell, waits `retry.backoff.ms` after an error, too.

use crate::client::consumer::Consumer;
use crate::client::consumer::purpose::Purpose;
use crate::config::{ms, topic_name};
use crate::defect::GroupDefect;
use crate::message::ClientRequest;
use crate::node::{Channel, Deadline, Effects};
use crate::note::Api;
use crate::proto::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, ErrorCode, GroupId,
    OwnedPartitions, TopicName, topic_of_uuid, topic_uuid,
};
use crate::types::{NodeId, Time, TopicPartition};

use super::join::{millis, moved};
use super::membership::{Revocation, applied, departure};
use super::reconciler::{Sent, State};

/// Epoch of one who leaves for good. Source: `ConsumerGroupHeartbeatRequest.LEAVE_GROUP_MEMBER_EPOCH`.
const LEAVES: i32 = -1;
/// Epoch of a static member that leaves and will be back.
const LEAVES_FOR_A_WHILE: i32 = -2;

impl Consumer {
    /// Sends a heartbeat if one is due: who joins, or has done what it was told, does not wait.
    pub(super) fn run_consumer_heartbeat(
        &mut self,
        now: Time,
        effects: &mut Effects,
    ) -> Option<Deadline> {
        let reconciler = self.reconciler();
        if !self.member().is_in_group() || reconciler.asked {
            return None;
        }
        let at_once = matches!(reconciler.state, State::Joining | State::Acknowledging);
        let due = if at_once { now } else { reconciler.heartbeat_at };
        let at = due.max(reconciler.not_before);
        if at > now {
            return Some(Deadline { at, why: "group heartbeat" });
        }
        match self.coordinator_now(now, Time::ZERO) {
            Ok(coordinator) => {
                self.send_consumer_heartbeat(now, coordinator, effects);
                Some(Deadline { at: self.reconciler().heartbeat_at, why: "group heartbeat" })
                    .filter(|_| !self.reconciler().asked)
            }
            Err(wake) => wake,
        }
    }

    fn send_consumer_heartbeat(&mut self, now: Time, to: NodeId, effects: &mut Effects) {
        let request = self.consumer_heartbeat();
        let reconciler = self.reconciler_mut();
        reconciler.asked = true;
        reconciler.sent_at = now;
        reconciler.heartbeat_at = now + ms(reconciler.interval_ms);
        reconciler.acknowledged();
        let purpose = Purpose::ConsumerGroupHeartbeat(reconciler.life);
        let body = ClientRequest::ConsumerGroupHeartbeat(Box::new(request));
        self.connections.send(now, (to, Channel::ClientCoordinator), body, purpose, effects);
    }

    /// Names what has changed since the last one; everything if it joins. Where it names partitions, those that it was
    /// given and has not taken yet are among them: it may have them before this is answered.
    fn consumer_heartbeat(&mut self) -> ConsumerGroupHeartbeatRequest {
        let omits_pending = self.defects.has(GroupDefect::HeartbeatOmitsPending);
        let member = self.membership.as_mut().expect("only members send heartbeats");
        let config = &member.config;
        let reconciler = member.reconciler.as_mut().expect("only called in the consumer protocol");
        let joins = reconciler.state == State::Joining;
        let all = joins && !self.defects.has(GroupDefect::JoinRepeatedInPart);
        let claimed = reconciler.claimed(joins || omits_pending);
        let sent = &mut reconciler.sent;
        let mut request = ConsumerGroupHeartbeatRequest::default()
            .with_group_id(GroupId(topic_name(&config.group)))
            .with_member_id(topic_name(&member.generation.member))
            .with_member_epoch(member.generation.id)
            .with_instance_id(config.instance.as_deref().map(topic_name))
            .with_rebalance_timeout_ms(-1)
            .with_topic_partitions(None)
            .with_subscribed_topic_names(None);
        if all || !std::mem::replace(&mut sent.timeout, true) {
            request.rebalance_timeout_ms = millis(config.max_poll_interval_ms);
            sent.timeout = true;
        }
        if all || sent.topics.as_ref() != Some(&member.topics) {
            let names = member.topics.iter().map(|topic| TopicName(topic.clone()));
            request.subscribed_topic_names = Some(names.collect());
            sent.topics = Some(member.topics.clone());
        }
        if let Some(assignor) = config.remote_assignor.filter(|_| all || !sent.assignor) {
            request.server_assignor = Some(topic_name(assignor.name()));
            sent.assignor = true;
        }
        if all || sent.owned.as_ref() != Some(&reconciler.current) {
            request.topic_partitions = Some(owned_partitions(&claimed));
            sent.owned = Some(reconciler.current.clone());
        }
        request
    }

    pub(in crate::client::consumer) fn on_consumer_heartbeat(
        &mut self,
        now: Time,
        life: u64,
        response: &ConsumerGroupHeartbeatResponse,
        effects: &mut Effects,
    ) {
        let retry_at = self.connections.backoff.after(now);
        let member = self.membership.as_mut().filter(|it| it.reconciler.is_some());
        let Some(member) = member else { return };
        let reconciler = member.reconciler.as_mut().expect("it was just looked at");
        if reconciler.life != life {
            return;
        }
        reconciler.asked = false;
        effects.note(applied(Api::ConsumerGroupHeartbeat, life, reconciler.life));
        if let Some(error) = ErrorCode::try_from_code(response.error_code) {
            return self.on_heartbeat_refused(error, (now, retry_at), effects);
        }
        reconciler.interval_ms = response.heartbeat_interval_ms.max(0) as u64;
        reconciler.heartbeat_at = reconciler.sent_at + ms(reconciler.interval_ms);
        member.generation.id = response.member_epoch;
        if let Some(assignment) = &response.assignment {
            let places = assignment.topic_partitions.iter().flat_map(|topic| {
                let id = topic_of_uuid(topic.topic_id.as_u128());
                topic.partitions.iter().filter_map(move |partition| {
                    Some(TopicPartition { topic: id?, partition: *partition })
                })
            });
            let mut places: Vec<TopicPartition> = places.collect();
            places.sort_unstable();
            reconciler.aim(places);
        }
    }

    /// Source: `AbstractHeartbeatRequestManager.onErrorResponse`.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other errors are fatal in Kafka")]
    fn on_heartbeat_refused(
        &mut self,
        error: ErrorCode,
        (now, retry_at): (Time, Time),
        effects: &mut Effects,
    ) {
        self.forget_sent();
        self.reconciler_mut().not_before = retry_at;
        match error {
            error if moved(error) => {
                let member = self.membership.as_mut().expect("only members are refused");
                member.finder.forget();
                self.reconciler_mut().not_before = now;
                self.reconciler_mut().heartbeat_at = now;
            }
            ErrorCode::CoordinatorLoadInProgress => self.reconciler_mut().heartbeat_at = retry_at,
            ErrorCode::FencedMemberEpoch | ErrorCode::UnknownMemberId => {
                self.member().note_lost(departure(error), effects);
                self.reconciler_mut().not_before = now;
                self.stop_being_a_member(State::Fenced, 0);
            }
            error => self.stop_being_a_member(State::Fatal(error), LEAVES),
        }
    }

    pub(in crate::client::consumer) fn on_consumer_heartbeat_lost(&mut self, now: Time, life: u64) {
        let retry_at = self.connections.backoff.after(now);
        let Some(member) = self.membership.as_mut() else { return };
        let Some(reconciler) = member.reconciler.as_mut() else { return };
        if reconciler.life != life {
            return;
        }
        reconciler.asked = false;
        (reconciler.heartbeat_at, reconciler.not_before) = (retry_at, retry_at);
        member.finder.forget();
        self.forget_sent();
    }

    /// Nobody knows whether what it told was heard. Source: `HeartbeatState.reset`.
    fn forget_sent(&mut self) {
        if !self.defects.has(GroupDefect::JoinRepeatedInPart) {
            self.reconciler_mut().sent = Sent::default();
        }
    }

    pub(super) fn stop_being_a_member(&mut self, state: State, epoch: i32) {
        let goes_on = self.defects.has(GroupDefect::FencedGoesOn);
        self.reconciler_mut().become_another(state, goes_on);
        let member = self.membership.as_mut().expect("only members stop");
        member.generation.id = epoch;
        member.revocation = Revocation::None;
    }

    /// The application does not poll: its partitions shall be somebody else's. Source:
    /// `AbstractMembershipManager.transitionToSendingLeaveGroup`, `transitionToStale`.
    pub(super) fn grow_stale(&mut self, now: Time, effects: &mut Effects) {
        self.leave_consumer_group(now, effects);
        self.reconciler_mut().state = State::Stale;
    }

    /// Says that it leaves; a static member says that it will be back.
    pub(super) fn leave_consumer_group(&mut self, now: Time, effects: &mut Effects) {
        let member = self.member();
        let is_static = member.config.instance.is_some();
        let epoch = if is_static { LEAVES_FOR_A_WHILE } else { LEAVES };
        let coordinator = self.coordinator_now(now, Time::ZERO);
        if member.is_in_group()
            && let Ok(coordinator) = coordinator
        {
            let request = ConsumerGroupHeartbeatRequest::default()
                .with_group_id(GroupId(topic_name(&member.config.group)))
                .with_member_id(topic_name(&member.generation.member))
                .with_instance_id(member.config.instance.as_deref().map(topic_name))
                .with_member_epoch(epoch)
                .with_rebalance_timeout_ms(-1)
                .with_topic_partitions(None);
            let body = ClientRequest::ConsumerGroupHeartbeat(Box::new(request));
            let to = (coordinator, Channel::ClientCoordinator);
            self.connections.send(now, to, body, Purpose::LeaveGroup, effects);
        }
        self.stop_being_a_member(State::Unsubscribed, epoch);
    }
}

fn owned_partitions(partitions: &[TopicPartition]) -> Vec<OwnedPartitions> {
    let topics = partitions.chunk_by(|a, b| a.topic == b.topic).map(|places| {
        OwnedPartitions::default()
            .with_topic_id(topic_uuid(places[0].topic))
            .with_partitions(places.iter().map(|place| place.partition).collect())
    });
    topics.collect()
}

//! Joining a group. Source: `AbstractCoordinator.joinGroupIfNeeded`, `JoinGroupResponseHandler`,
//! `SyncGroupResponseHandler`.

use crate::client::consumer::Consumer;
use crate::client::consumer::purpose::Purpose;
use crate::config::{Assignor, ms, topic_name};
use crate::consumer_protocol::{PROTOCOL_TYPE, Subscription};
use crate::message::ClientRequest;
use crate::node::{Channel, Deadline, Effects};
use crate::note::Api;
use crate::proto::{
    ErrorCode, GroupId, JoinGroupRequest, JoinGroupRequestProtocol, JoinGroupResponse,
    SyncGroupRequest, SyncGroupRequestAssignment, SyncGroupResponse,
};
use crate::types::{NodeId, Time};

use super::assignor::assign;
use super::membership::{Generation, MemberState, departure};

/// How much longer than the rebalance a join may take. Source: `AbstractCoordinator.JOIN_GROUP_TIMEOUT_LAPSE`.
const JOIN_LAPSE_MS: u64 = 5_000;

impl Consumer {
    /// Sends a join or a synchronisation, if a poll waits for it and it is time.
    pub(super) fn run_join(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        let polls = !self.polls.is_empty();
        let member = self.membership.as_mut()?;
        if !polls || member.joining || member.given.is_some() {
            return None;
        }
        if member.to_assign.is_some() {
            return self.assign_and_sync(now, effects);
        }
        if !member.rejoin_needed || !member.prepared {
            return None;
        }
        match self.coordinator_now(now, self.member().not_before) {
            Ok(coordinator) => {
                self.send_join(now, coordinator, effects);
                None
            }
            Err(wake) => wake,
        }
    }

    fn send_join(&mut self, now: Time, coordinator: NodeId, effects: &mut Effects) {
        let member = self.membership.as_mut().expect("only members join");
        member.state = MemberState::PreparingRebalance;
        member.stop_heartbeats();
        member.joining = true;
        let owned = match member.config.assignor {
            Assignor::CooperativeSticky => member.assigned.clone(),
            Assignor::Sticky => member.kept.clone(),
            Assignor::Range | Assignor::RoundRobin => Vec::new(),
        };
        let generation = if owned.is_empty() { -1 } else { member.last_generation };
        let subscription = Subscription { topics: member.topics.clone(), owned, generation };
        let protocol = JoinGroupRequestProtocol::default()
            .with_name(topic_name(member.config.assignor.name()))
            .with_metadata(subscription.encode());
        let config = &member.config;
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(topic_name(&config.group)))
            .with_session_timeout_ms(millis(config.session_timeout_ms))
            .with_rebalance_timeout_ms(millis(config.max_poll_interval_ms))
            .with_member_id(topic_name(&member.generation.member))
            .with_group_instance_id(config.instance.as_deref().map(topic_name))
            .with_protocol_type(topic_name(PROTOCOL_TYPE))
            .with_protocols(vec![protocol]);
        let patience = ms(config.max_poll_interval_ms + JOIN_LAPSE_MS);
        let purpose = Purpose::JoinGroup(Box::new(member.generation.clone()));
        let body = ClientRequest::JoinGroup(Box::new(request));
        let to = (coordinator, Channel::ClientCoordinator);
        self.connections.send_within(now, to, patience, (body, purpose), effects);
    }

    pub(in crate::client::consumer) fn on_joined(
        &mut self,
        now: Time,
        sent: &Generation,
        response: &JoinGroupResponse,
        effects: &mut Effects,
    ) {
        let retry_at = self.connections.backoff.after(now);
        let Some(member) = self.membership.as_mut() else { return };
        member.joining = false;
        match ErrorCode::try_from_code(response.error_code) {
            None if member.state == MemberState::PreparingRebalance => {
                member.state = MemberState::CompletingRebalance;
                member.generation = Generation {
                    id: response.generation_id,
                    member: response.member_id.to_string(),
                    protocol: response.protocol_name.as_ref().map(ToString::to_string),
                };
                member.start_heartbeats(now);
                self.on_generation(response);
            }
            // It has left meanwhile, or was thrown out: what it has joined is not its generation.
            None => member.reset(true),
            Some(ErrorCode::MemberIdRequired) => {
                member.generation =
                    Generation { member: response.member_id.to_string(), ..Generation::NONE };
            }
            Some(error @ ErrorCode::UnknownMemberId) => {
                if member.error_counts(sent) {
                    effects.note(member.took(Api::JoinGroup, sent));
                    member.note_lost(departure(error), effects);
                    member.reset(true);
                }
            }
            Some(error @ ErrorCode::FencedInstanceId) => {
                member.note_lost(departure(error), effects);
                member.fenced = true;
            }
            Some(error) => {
                if moved(error) {
                    member.finder.forget();
                }
                member.not_before = retry_at;
            }
        }
    }

    /// Follows, or leads: then the members' subscriptions are to be shared out, unless the coordinator says that
    /// nothing has changed (KIP-814).
    fn on_generation(&mut self, response: &JoinGroupResponse) {
        let member = self.membership.as_mut().expect("only members join");
        let leads = response.leader == response.member_id && !response.skip_assignment;
        let subscriptions = response.members.iter().filter_map(|other| {
            let subscription = Subscription::decode(&other.metadata)?;
            Some((other.member_id.to_string(), subscription))
        });
        let all: Vec<_> = if leads { subscriptions.collect() } else { Vec::new() };
        for topic in all.iter().flat_map(|(_, subscription)| &subscription.topics) {
            self.metadata.place(topic);
        }
        member.assigned_of = None;
        member.to_assign = Some(all);
    }

    /// The leader needs to know all topics before it can share them out.
    fn assign_and_sync(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        let coordinator = match self.coordinator_now(now, self.member().not_before) {
            Ok(coordinator) => coordinator,
            Err(wake) => return wake,
        };
        let subscriptions = self.member().to_assign.clone().unwrap_or_default();
        let mut topics = Vec::new();
        for (_, subscription) in &subscriptions {
            topics.extend(subscription.topics.iter().cloned());
        }
        topics.sort_unstable();
        topics.dedup();
        let mut counts = Vec::with_capacity(topics.len());
        for topic in topics {
            let place = self.metadata.place(&topic);
            let count = self.metadata.partitions(place).len();
            if count == 0 {
                self.metadata.request_update();
                return None;
            }
            counts.push((topic, count));
        }
        let assignor = self.member().config.assignor;
        let assignments = assign(assignor, &counts, &subscriptions, self.defects);
        let member = self.membership.as_mut().expect("only members synchronise");
        member.to_assign = None;
        if !subscriptions.is_empty() {
            member.assigned_of = Some(counts);
        }
        let given = assignments.into_iter().map(|(id, places)| {
            SyncGroupRequestAssignment::default()
                .with_member_id(topic_name(&id))
                .with_assignment(crate::consumer_protocol::encode_assignment(&places))
        });
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(topic_name(&member.config.group)))
            .with_generation_id(member.generation.id)
            .with_member_id(topic_name(&member.generation.member))
            .with_group_instance_id(member.config.instance.as_deref().map(topic_name))
            .with_protocol_type(Some(topic_name(PROTOCOL_TYPE)))
            .with_protocol_name(member.generation.protocol.as_deref().map(topic_name))
            .with_assignments(given.collect());
        member.joining = true;
        let purpose = Purpose::SyncGroup(Box::new(member.generation.clone()));
        let body = ClientRequest::SyncGroup(Box::new(request));
        let to = (coordinator, Channel::ClientCoordinator);
        self.connections.send(now, to, body, purpose, effects);
        None
    }

    pub(in crate::client::consumer) fn on_synced(
        &mut self,
        now: Time,
        sent: &Generation,
        response: &SyncGroupResponse,
        effects: &mut Effects,
    ) {
        let retry_at = self.connections.backoff.after(now);
        let Some(member) = self.membership.as_mut() else { return };
        member.joining = false;
        match ErrorCode::try_from_code(response.error_code) {
            None => {
                let is_open = member.state == MemberState::CompletingRebalance;
                let given = crate::consumer_protocol::decode_assignment(&response.assignment);
                if member.is_current(sent) && is_open {
                    effects.note(member.took(Api::SyncGroup, sent));
                    member.state = MemberState::Stable;
                    member.rejoin_needed = false;
                    member.last_generation = member.generation.id;
                    member.given = Some(given.unwrap_or_default());
                } else {
                    member.rejoin_needed = true;
                }
            }
            Some(error @ (ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration))
                if member.error_counts(sent) =>
            {
                effects.note(member.took(Api::SyncGroup, sent));
                member.note_lost(departure(error), effects);
                member.reset(error == ErrorCode::UnknownMemberId);
            }
            Some(error @ ErrorCode::FencedInstanceId) => {
                member.note_lost(departure(error), effects);
                member.fenced = true;
            }
            Some(error) => {
                member.rejoin_needed = true;
                if moved(error) {
                    member.finder.forget();
                }
                if error != ErrorCode::RebalanceInProgress {
                    member.not_before = retry_at;
                }
            }
        }
    }

    /// A join or a synchronisation is lost with its connection: it is made again, elsewhere if need be.
    pub(in crate::client::consumer) fn on_join_lost(&mut self, now: Time) {
        let retry_at = self.connections.backoff.after(now);
        let Some(member) = self.membership.as_mut() else { return };
        member.joining = false;
        member.rejoin_needed = true;
        member.to_assign = None;
        member.not_before = retry_at;
        member.finder.forget();
    }
}

/// Whether an error says that the coordinator is somewhere else.
pub(super) fn moved(error: ErrorCode) -> bool {
    matches!(error, ErrorCode::CoordinatorNotAvailable | ErrorCode::NotCoordinator)
}

pub(super) fn millis(value: u64) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

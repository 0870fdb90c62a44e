//! Consumer client, with manual assignment or as a member of a group. Source: Kafka's `KafkaConsumer`, `Fetcher`,
//! `SubscriptionState` at 4.1; KIP-320.
//!
//! The position of a partition is the offset that the application gets next; records that are fetched ahead do not
//! move it. A fetch is sent only for partitions with nothing left to deliver, one at a time to each broker, and it
//! goes on between polls. Isolation is `read_uncommitted`.
//!
//! That the log was cut which a position stems from is found when another leader becomes known: only then, and before
//! it fetches there, the consumer asks it where the epoch of the record before the position ends. Fetches themselves
//! carry no epoch of what was read (`AbstractFetch` leaves `lastFetchedEpoch` empty), and a position from `ListOffsets`
//! or a seek has none either, so that nothing is validated before the first record.
//!
//! One difference to the Java client: after an error a partition is fetched again only after `retry.backoff.ms`, or
//! once another leader is known; Java asks again with the next poll.

mod abort_filter;
mod calls;
#[cfg(test)]
mod calls_tests;
mod end_offsets;
mod end_query;
mod fetch_position;
mod fetcher;
mod group;
mod position;
mod positions;
pub(super) mod purpose;
mod questions;
mod read_replica;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;

use crate::collections::SortedMap;
use crate::config::{ConsumerConfig, ms};
use crate::defect::{Defects, GroupDefect};
use crate::fetch_session::handler::SessionHandler;
use crate::jitter::jitter;
use crate::message::{ClientResponse, Response, ResponseBody};
use crate::node::{
    Channel, Deadline, Effect, Effects, Event, Node, Operation, Outcome, PolledRecord,
};
use crate::node_status::NodeStatus;
use crate::proto::{ErrorCode, StrBytes};
use crate::types::{LeaderEpoch, NodeId, Now, Offset, OperationId, Time, WallTime};

use self::end_query::EndQuery;
use self::fetch_position::FetchPosition;
use self::group::{Closing, Membership};
use self::position::{Position, Stage, StartFrom};
use self::positions::Positions;
use self::purpose::{PositionTicket, Purpose};
use super::connection::{Backoff, Connections};
use super::metadata::{Leadership, Metadata, PartitionKey, is_stale_metadata};

/// A consumer.
#[derive(Debug)]
pub struct Consumer {
    config: ConsumerConfig,
    defects: Defects,
    membership: Option<Membership>,
    connections: Connections<Purpose>,
    metadata: Metadata,
    metadata_version: u64,
    positions: Positions,
    /// Fetch sessions by leader.
    sessions: SortedMap<NodeId, SessionHandler<PartitionKey, FetchPosition>>,
    next_version: u64,
    /// Partitions with records to deliver, in the order in which these arrived.
    deliverable: VecDeque<PartitionKey>,
    /// When replicas that are read from in a leader's place are left at the latest, in order.
    leases: VecDeque<(Time, PartitionKey)>,
    polls: VecDeque<PendingPoll>,
    closing: Option<Closing>,
    /// What the process's clock says.
    wall: WallTime,
    end_queries: Vec<EndQuery>,
    deadline: Option<Deadline>,
    /// Whether it reads values that no producer of ours writes.
    foreign_values: bool,
}

#[derive(Debug)]
struct PendingPoll {
    operation: OperationId,
    returns_at: Time,
    /// When another thread wakes it up.
    woken_at: Option<Time>,
    records_max: usize,
}

impl PendingPoll {
    fn ends_at(&self) -> Time {
        self.woken_at.map_or(self.returns_at, |woken| woken.min(self.returns_at))
    }
}

impl Consumer {
    /// A new client, which knows nothing yet.
    pub fn new(config: ConsumerConfig, now: Now) -> Self {
        let process = process_name(&config, now);
        let backoff = Backoff::new(config.retry_backoff_ms, config.jitter_salt, config.node);
        Self {
            membership: config.group.clone().map(|group| Membership::new(group, process)),
            defects: Defects::NONE,
            connections: Connections::new(backoff, config.request_timeout_ms),
            metadata: Metadata::new(&config.bootstrap, config.metadata_max_age_ms, config.node),
            metadata_version: 0,
            positions: Positions::default(),
            sessions: SortedMap::default(),
            next_version: 1,
            deliverable: VecDeque::new(),
            leases: VecDeque::new(),
            polls: VecDeque::new(),
            closing: None,
            wall: now.wall,
            end_queries: Vec::new(),
            deadline: None,
            foreign_values: false,
            config,
        }
    }

    /// The same client, for topics that others write to, too: their values have numbers as well
    /// ([`RecordBatch::number_of`](crate::record::RecordBatch::number_of)).
    #[must_use]
    pub fn with_foreign_values(self) -> Self {
        Self { foreign_values: true, ..self }
    }

    /// The same client with known bugs.
    #[must_use]
    pub fn with_defects(mut self, defects: Defects) -> Self {
        if let Some(member) = &mut self.membership {
            member.takes_stale_errors = defects.has(GroupDefect::StaleGenerationErrorCounts);
        }
        let metadata = self.metadata.with_defects(defects);
        Self { defects, metadata, ..self }
    }

    fn on_invoked(
        &mut self,
        now: Time,
        operation: OperationId,
        request: Operation,
        effects: &mut Effects,
    ) {
        match request {
            Operation::Assign { partitions } => {
                self.assign(now, &partitions);
                effects.complete(operation, Outcome::Assigned);
            }
            Operation::Resume { positions } => {
                self.resume(now, &positions);
                effects.complete(operation, Outcome::Assigned);
            }
            Operation::Subscribe { topics } => {
                self.subscribe(topics);
                effects.complete(operation, Outcome::Subscribed);
            }
            Operation::Rewind => self.rewind(operation, effects),
            Operation::Unsubscribe => self.unsubscribe(now, operation, effects),
            Operation::Commit { offsets, sync } => {
                self.commit(now, operation, (offsets, sync, None), effects);
            }
            Operation::Poll { timeout_ms, max_records } => {
                self.poll(now, operation, (timeout_ms, max_records, None));
            }
            Operation::Call(call) => self.call(now, operation, call, effects),
            Operation::EndOffset { partition: (topic, partition) } => {
                let key = PartitionKey { topic: self.metadata.place(&topic), partition };
                self.end_queries.push(EndQuery {
                    operation,
                    key,
                    gives_up_at: now + ms(self.config.request_timeout_ms * 2),
                    not_before: now,
                    asked: false,
                    last_error: ErrorCode::RequestTimedOut,
                });
            }
            Operation::Send { .. }
            | Operation::Transact { .. }
            | Operation::Administer(_)
            | Operation::AdminTask(_)
            | Operation::CreateTopic { .. }
            | Operation::DeleteRecords { .. } => {
                let outcome = Outcome::Failed { error: ErrorCode::InvalidRequest, partition: -1 };
                effects.complete(operation, outcome);
            }
        }
    }

    /// The application polls, for so long, up to so many records, until it is woken up.
    fn poll(
        &mut self,
        now: Time,
        operation: OperationId,
        (timeout_ms, records_max, wakeup_ms): (u32, u32, Option<u32>),
    ) {
        if let Some(membership) = &mut self.membership {
            membership.polled();
        }
        self.polls.push_back(PendingPoll {
            operation,
            returns_at: now + ms(u64::from(timeout_ms)),
            woken_at: wakeup_ms.map(|after| now + ms(u64::from(after))),
            records_max: records_max as usize,
        });
    }

    fn assign(&mut self, now: Time, partitions: &[(StrBytes, i32)]) {
        self.positions.clear();
        self.deliverable.clear();
        for (topic, partition) in partitions {
            let key = PartitionKey { topic: self.metadata.place(topic), partition: *partition };
            let version = self.new_version();
            let mut position = Position::new(version, now);
            position.leadership = self.metadata.leadership(key);
            self.positions.insert(key, position);
        }
    }

    /// Source: `KafkaConsumer.seek(TopicPartition, long)`, which knows no epoch.
    fn resume(&mut self, now: Time, positions: &[(StrBytes, i32, Offset)]) {
        let partitions = positions.iter().map(|(topic, index, _)| (topic.clone(), *index));
        self.assign(now, &partitions.collect::<Vec<_>>());
        for (topic, partition, offset) in positions {
            let key = PartitionKey { topic: self.metadata.place(topic), partition: *partition };
            let version = self.new_version();
            let position = self.positions.get_mut(&key).expect("it was just assigned");
            position.seek((*offset, LeaderEpoch::NONE), version);
        }
    }

    fn new_version(&mut self) -> u64 {
        self.next_version += 1;
        self.next_version
    }

    fn on_response(
        &mut self,
        now: Time,
        from: (NodeId, Channel),
        message: Response,
        effects: &mut Effects,
    ) {
        let ResponseBody::Client(body) = message.body else { return };
        let Some(purpose) = self.connections.answered(from.0, from.1, message.correlation_id)
        else {
            return;
        };
        match (purpose, body) {
            (Purpose::Metadata, ClientResponse::Metadata(response)) => {
                self.metadata.on_response(now, &response, &mut self.connections);
            }
            (Purpose::Fetch(leader), ClientResponse::Fetch(response)) => {
                self.on_fetched(now, leader, *response, effects);
            }
            (Purpose::StartOffset(ticket), ClientResponse::ListOffsets(response)) => {
                self.on_start_offset(now, ticket, &response, effects);
            }
            (Purpose::EpochEnd(ticket), ClientResponse::OffsetForLeaderEpoch(response)) => {
                self.on_epoch_end(now, ticket, &response, effects);
            }
            (Purpose::EndOffset(operation), ClientResponse::ListOffsets(response)) => {
                self.on_end_offset(now, operation, &response, effects);
            }
            (Purpose::FindCoordinator, ClientResponse::FindCoordinator(response)) => {
                self.on_coordinator(now, &response);
            }
            (Purpose::JoinGroup(sent), ClientResponse::JoinGroup(response)) => {
                self.on_joined(now, &sent, &response, effects);
            }
            (Purpose::SyncGroup(sent), ClientResponse::SyncGroup(response)) => {
                self.on_synced(now, &sent, &response, effects);
            }
            (Purpose::Heartbeat(sent), ClientResponse::Heartbeat(response)) => {
                self.on_heartbeat(now, &sent, &response, effects);
            }
            (Purpose::ConsumerGroupHeartbeat(life), ClientResponse::ConsumerGroupHeartbeat(it)) => {
                self.on_consumer_heartbeat(now, life, &it, effects);
            }
            (
                Purpose::LeaveGroup,
                ClientResponse::LeaveGroup(_) | ClientResponse::ConsumerGroupHeartbeat(_),
            ) => {}
            (Purpose::OffsetCommit(operation, sent), ClientResponse::OffsetCommit(response)) => {
                self.on_commit_answered(now, (operation, &sent), &response, effects);
            }
            (Purpose::OffsetFetch(assignment), ClientResponse::OffsetFetch(response)) => {
                self.on_committed(now, assignment, &response, effects);
            }
            (purpose, _nonsense) => self.on_lost(now, vec![purpose]),
        }
    }

    /// Requests are lost with their connection.
    fn on_lost(&mut self, now: Time, purposes: Vec<Purpose>) {
        for purpose in purposes {
            self.metadata.request_update();
            match purpose {
                Purpose::Metadata => self.metadata.on_failure(now, &mut self.connections),
                Purpose::Fetch(leader) => {
                    if let Some(session) = self.sessions.get_mut(&leader) {
                        session.on_error();
                    }
                    self.on_replica_lost(leader);
                }
                Purpose::StartOffset(ticket) | Purpose::EpochEnd(ticket) => {
                    self.ask_again(now, ticket, ErrorCode::NetworkException);
                }
                Purpose::EndOffset(operation) => {
                    self.ask_end_again(now, operation, ErrorCode::NetworkException);
                }
                Purpose::FindCoordinator => self.on_coordinator_lost(now),
                Purpose::JoinGroup(_) | Purpose::SyncGroup(_) => self.on_join_lost(now),
                Purpose::Heartbeat(_) => self.on_heartbeat_lost(now),
                Purpose::ConsumerGroupHeartbeat(life) => self.on_consumer_heartbeat_lost(now, life),
                Purpose::LeaveGroup => {}
                Purpose::OffsetCommit(operation, _) => self.on_commit_lost(now, operation),
                Purpose::OffsetFetch(_) => self.on_committed_lost(now),
            }
        }
    }

    /// The position of a fetch, if it stands where it asked and has nothing to deliver yet. Source:
    /// `FetchCollector.initialize`.
    fn fetching(&mut self, ticket: PositionTicket) -> Option<&mut Position> {
        let position = self.positions.get_mut(&ticket.key)?;
        let is_same = position.offset == ticket.offset && position.buffer.records.is_empty();
        (is_same && position.stage == Stage::Fetch).then_some(position)
    }

    /// The position that asked, unless it has changed since (KAFKA-8429).
    fn current(&mut self, ticket: PositionTicket) -> Option<&mut Position> {
        let position = self.positions.get_mut(&ticket.key)?;
        (position.version == ticket.version && position.offset == ticket.offset).then_some(position)
    }

    /// A question about a position had no answer, or an error that may pass.
    fn ask_again(&mut self, now: Time, ticket: PositionTicket, error: ErrorCode) {
        let retry_at = self.connections.backoff.after(now);
        if is_stale_metadata(error) {
            self.metadata.request_update();
        }
        if let Some(position) = self.current(ticket) {
            position.asked = false;
            position.not_before = retry_at;
        }
    }

    /// Does all that has become possible.
    fn run(&mut self, now: Time, effects: &mut Effects) {
        let lost = self.connections.time_out(now, effects);
        self.on_lost(now, lost);
        self.take_notice_of_leaders();
        self.end_leases(now);
        self.match_topics();
        // A rebalance goes on before records are returned, or a busy member would never take part.
        self.run_group(now, effects);
        self.tell_of_no_position(now, effects);
        self.deliver(now, effects);
        self.refresh_positions(now);
        self.end_late_queries(now, effects);
        let group = self.run_group(now, effects);
        let mut wake = Deadline::earlier(group, self.ask_ends(now, effects));
        wake = Deadline::earlier(wake, self.ask_positions(now, effects));
        self.refresh_positions(now);
        wake = Deadline::earlier(wake, self.fetch(now, effects));
        self.metadata.run(now, &mut self.connections, effects);
        let poll = self.polls.iter().map(PendingPoll::ends_at).min();
        self.close_when_done(now, effects);
        let closing = self.closing.as_ref().map(Closing::until);
        self.deadline = [
            wake,
            self.connections.next_deadline(),
            self.metadata.next_deadline(&self.connections),
            poll.map(|at| Deadline { at, why: "poll timeout" }),
            closing.map(|at| Deadline { at, why: "close timeout" }),
        ]
        .into_iter()
        .fold(None, Deadline::earlier);
    }

    /// What a position is allowed to be is checked where it changes; here is what holds because all that had become
    /// possible is done.
    fn self_check(&self, now: Time) {
        let (listed, assigned) = (self.deliverable.len(), self.positions.len());
        assert!(listed <= assigned, "{listed} of {assigned} partitions have records to deliver");
        assert!(
            self.deadline.is_none_or(|deadline| deadline.at > now),
            "{:?} is due already, at {now}",
            self.deadline
        );
        let first = self.polls.front();
        assert!(first.is_none_or(|poll| poll.ends_at() > now), "{first:?} is late at {now}");
        let late = self.end_queries.iter().find(|query| query.gives_up_at <= now);
        assert!(late.is_none(), "{late:?} is late at {now}");
        let (seen, version) = (self.metadata_version, self.metadata.version());
        assert!(seen == version, "metadata is at {version}, positions know of {seen}");
        if let Some(membership) = &self.membership {
            membership.self_check();
        }
    }

    /// A member that stops leaves its group first.
    fn on_stop(&mut self, now: Time, effects: &mut Effects) {
        self.leave(now, effects);
        for poll in self.polls.drain(..) {
            effects.complete(poll.operation, Outcome::Polled { records: Vec::new() });
        }
        self.end_late_queries(Time::MAX, effects);
        if self.membership.is_some() {
            self.end_commits(effects);
        }
        effects.push(Effect::Halt { reason: "stopped" });
    }

    fn take_notice_of_leaders(&mut self) {
        if self.metadata_version == self.metadata.version() {
            return;
        }
        self.metadata_version = self.metadata.version();
        self.leave_offline();
        let now_led = |(key, position): (&PartitionKey, &Position)| {
            let leadership = self.metadata.leadership(*key);
            let is_news = leadership.leader.is_some() && leadership != position.leadership;
            is_news.then_some((*key, leadership))
        };
        let changed: Vec<(PartitionKey, Leadership)> =
            self.positions.iter().filter_map(now_led).collect();
        for (key, leadership) in changed {
            let version = self.new_version();
            if let Some(position) = self.positions.get_mut(&key) {
                position.on_leadership(leadership, version, self.defects);
            }
        }
    }

    /// Looks at the positions that have changed: what is wanted of their leaders may have, too.
    fn refresh_positions(&mut self, now: Time) {
        let sessions = &mut self.sessions;
        self.positions.refresh(now, |leader, key| {
            sessions.get_or_insert_with(leader, SessionHandler::new).touch(key);
        });
    }

    /// Completes polls: with what is there, or with nothing when their time is over.
    fn deliver(&mut self, now: Time, effects: &mut Effects) {
        while let Some(poll) = self.polls.front() {
            let records = self.take_records(poll.records_max);
            let Some(poll) =
                self.polls.pop_front_if(|poll| !records.is_empty() || poll.ends_at() <= now)
            else {
                return;
            };
            let woken = records.is_empty() && poll.woken_at.is_some_and(|at| at <= now);
            let outcome = if woken { Outcome::WokenUp } else { Outcome::Polled { records } };
            effects.complete(poll.operation, outcome);
            if let Some(membership) = &mut self.membership {
                membership.poll_ended(now);
            }
        }
    }

    fn take_records(&mut self, records_max: usize) -> Vec<PolledRecord> {
        let mut records = Vec::new();
        let mut resting = Vec::new();
        while let Some(&key) = self.deliverable.front() {
            if records.len() >= records_max {
                break;
            }
            let Some(position) = self.positions.get_mut(&key) else {
                self.deliverable.pop_front();
                continue;
            };
            if position.paused {
                // It keeps what was fetched, and has its turn last. Source: `FetchCollector.collectFetch`.
                self.deliverable.pop_front();
                resting.push(key);
                continue;
            }
            position.deliver(records_max - records.len(), &mut records);
            if position.buffer.records.is_empty() {
                self.deliverable.pop_front();
            }
        }
        self.deliverable.extend(resting);
        records
    }

    /// Whether a leader can be asked now.
    fn reach(&self, now: Time, leadership: Leadership, not_before: Time) -> Reach {
        let Some(leader) = leadership.leader else {
            return Reach::Leaderless;
        };
        let at = not_before.max(self.connections.blocked_until(leader, Channel::Client));
        if at > now {
            Reach::At(Deadline { at, why: "retry backoff" })
        } else {
            Reach::Leader(leader)
        }
    }
}

/// A name that no other process of this consumer has had: Kafka's is a random one.
fn process_name(config: &ConsumerConfig, now: Now) -> String {
    let bound = std::time::Duration::from_secs(u64::from(u32::MAX));
    let hash = jitter(config.jitter_salt, config.node, now.time.0, bound);
    format!("{}-{:x}", config.node, hash.as_nanos())
}

/// Whether a leader can be asked.
enum Reach {
    /// Now.
    Leader(NodeId),
    /// Later.
    At(Deadline),
    /// Nobody knows one.
    Leaderless,
}

impl Node for Consumer {
    fn status(&self) -> NodeStatus {
        let place = |(key, position): (&PartitionKey, &Position)| {
            let waits =
                matches!(position.stage, Stage::Start(StartFrom::Since { nothing: true, .. }));
            let offset = if waits { Offset::NONE } else { position.offset };
            (self.metadata.name(key.topic).clone(), key.partition, offset)
        };
        let positions = self.positions.iter().map(place).collect();
        let rebalancing = self.membership.as_ref().is_some_and(Membership::is_rebalancing);
        NodeStatus { positions, ..NodeStatus::default() }
            .holds("polls", if self.membership.is_some() { 0 } else { self.polls.len() })
            .holds("rebalances", usize::from(rebalancing))
            .holds("questions for an end offset", self.end_queries.len())
    }

    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        self.wall = now.wall;
        match event {
            Event::Invoked { operation, request } => {
                self.on_invoked(now.time, operation, request, effects);
            }
            Event::Response { from, channel, message } => {
                self.on_response(now.time, (from, channel), message, effects);
            }
            Event::Connected { to, channel } => {
                let first = self.connections.connected(now.time, to, channel);
                self.deadline = Deadline::earlier(self.deadline, first);
                return;
            }
            Event::ConnectionLost { to, channel } => {
                let lost = self.connections.lost(now.time, to, channel);
                self.metadata.request_update();
                self.on_lost(now.time, lost);
            }
            Event::StopRequested => return self.on_stop(now.time, effects),
            Event::Booted
            | Event::DeadlinePassed
            | Event::Request { .. }
            | Event::ConnectionClosed { .. }
            | Event::FlushCompleted { .. }
            | Event::LogDirectoryFailed { .. }
            | Event::MetadataPublishing { .. } => {}
        }
        self.run(now.time, effects);
        self.self_check(now.time);
    }

    fn next_deadline(&self) -> Option<Deadline> {
        self.deadline
    }
}

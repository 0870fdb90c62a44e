//! Consumer client with manual assignment. Source: Kafka's `KafkaConsumer`, `Fetcher`, `SubscriptionState` at 4.1;
//! KIP-320.
//!
//! The position of a partition is the offset that the application gets next; records that are fetched ahead do not
//! move it. A fetch is sent only for partitions with nothing left to deliver, one at a time to each broker, and it
//! goes on between polls. Isolation is read_uncommitted.
//!
//! One difference to the Java client: fetches carry the epoch of the last delivered record, as brokers allow for any
//! fetch, so that a log that parts from what was read is also found without a change of leader in the metadata.

mod fetcher;
mod position;

use std::collections::{BTreeMap, VecDeque};

use crate::config::{ConsumerConfig, OffsetReset, ms};
use crate::message::{Body, Message};
use crate::node::{
    Channel, Deadline, Effect, Effects, Event, Node, Operation, Outcome, PolledRecord,
};
use crate::note::Note;
use crate::proto::{
    EpochEndOffset, ErrorCode, ListOffsetsPartition, ListOffsetsRequest, ListOffsetsResponse,
    ListOffsetsTopic, OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    OffsetForLeaderPartition, OffsetForLeaderTopic, StrBytes, TopicName,
};
use crate::types::{LeaderEpoch, NodeId, Now, Offset, OperationId, Time};

use self::position::{Position, Stage, StartFrom};
use super::connection::{Backoff, Connections, PositionTicket, Purpose};
use super::metadata::{Leadership, Metadata, PartitionKey, is_stale_metadata};

/// A consumer.
#[derive(Debug)]
pub struct Consumer {
    config: ConsumerConfig,
    connections: Connections,
    metadata: Metadata,
    metadata_version: u64,
    positions: BTreeMap<PartitionKey, Position>,
    next_version: u64,
    /// Partitions with records to deliver, in the order in which these arrived.
    deliverable: VecDeque<PartitionKey>,
    polls: VecDeque<PendingPoll>,
    end_queries: Vec<EndQuery>,
    deadline: Option<Deadline>,
}

#[derive(Debug)]
struct PendingPoll {
    operation: OperationId,
    returns_at: Time,
    records_max: usize,
}

/// A question for the end of a partition.
#[derive(Debug)]
struct EndQuery {
    operation: OperationId,
    key: PartitionKey,
    gives_up_at: Time,
    not_before: Time,
    asked: bool,
    last_error: ErrorCode,
}

impl Consumer {
    /// A new client, which knows nothing yet.
    pub fn new(config: ConsumerConfig, _now: Now) -> Self {
        let backoff = Backoff::new(config.retry_backoff_ms, config.jitter_salt, config.node);
        Self {
            connections: Connections::new(backoff, config.request_timeout_ms),
            metadata: Metadata::new(&config.bootstrap, config.metadata_max_age_ms, config.node),
            metadata_version: 0,
            positions: BTreeMap::new(),
            next_version: 1,
            deliverable: VecDeque::new(),
            polls: VecDeque::new(),
            end_queries: Vec::new(),
            deadline: None,
            config,
        }
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
            Operation::Poll {
                timeout_ms,
                max_records,
            } => self.polls.push_back(PendingPoll {
                operation,
                returns_at: now + ms(u64::from(timeout_ms)),
                records_max: max_records as usize,
            }),
            Operation::EndOffset {
                partition: (topic, partition),
            } => {
                let key = PartitionKey {
                    topic: self.metadata.place(&topic),
                    partition,
                };
                self.end_queries.push(EndQuery {
                    operation,
                    key,
                    gives_up_at: now + ms(self.config.request_timeout_ms * 2),
                    not_before: now,
                    asked: false,
                    last_error: ErrorCode::RequestTimedOut,
                });
            }
            Operation::Send { .. } | Operation::CreateTopic { .. } => {
                let outcome = Outcome::Failed {
                    error: ErrorCode::InvalidRequest,
                    partition: -1,
                };
                effects.complete(operation, outcome);
            }
        }
    }

    fn assign(&mut self, now: Time, partitions: &[(StrBytes, i32)]) {
        self.positions.clear();
        self.deliverable.clear();
        for (topic, partition) in partitions {
            let key = PartitionKey {
                topic: self.metadata.place(topic),
                partition: *partition,
            };
            let version = self.new_version();
            let mut position = Position::new(version, now);
            position.leadership = self.metadata.leadership(key);
            self.positions.insert(key, position);
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
        message: Message,
        effects: &mut Effects,
    ) {
        let Some(purpose) = self
            .connections
            .answered(from.0, from.1, message.correlation_id)
        else {
            return;
        };
        match (purpose, message.body) {
            (Purpose::Metadata, Body::MetadataResponse(response)) => {
                self.metadata
                    .on_response(now, &response, &mut self.connections);
            }
            (Purpose::Fetch(tickets), Body::FetchResponse(response)) => {
                self.on_fetched(now, &tickets, *response, effects);
            }
            (Purpose::StartOffset(ticket), Body::ListOffsetsResponse(response)) => {
                self.on_start_offset(now, ticket, &response, effects);
            }
            (Purpose::EpochEnd(ticket), Body::OffsetForLeaderEpochResponse(response)) => {
                self.on_epoch_end(now, ticket, &response, effects);
            }
            (Purpose::EndOffset(operation), Body::ListOffsetsResponse(response)) => {
                self.on_end_offset(now, operation, &response, effects);
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
                Purpose::Fetch(tickets) => {
                    for ticket in tickets {
                        self.ask_again(now, ticket, ErrorCode::NetworkException);
                    }
                }
                Purpose::StartOffset(ticket) | Purpose::EpochEnd(ticket) => {
                    self.ask_again(now, ticket, ErrorCode::NetworkException);
                }
                Purpose::EndOffset(operation) => {
                    self.ask_end_again(now, operation, ErrorCode::NetworkException);
                }
                Purpose::InitProducerId | Purpose::Produce(_) | Purpose::CreateTopic(_) => {
                    unreachable!("a consumer never asks {purpose:?}")
                }
            }
        }
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

    fn on_start_offset(
        &mut self,
        now: Time,
        ticket: PositionTicket,
        response: &ListOffsetsResponse,
        effects: &mut Effects,
    ) {
        let offset = match self.find_offset(ticket.key, response) {
            Ok(offset) => offset,
            Err(error) => return self.ask_again(now, ticket, error),
        };
        let version = self.new_version();
        let Some(position) = self.current(ticket) else {
            return;
        };
        let Stage::Start(start) = position.stage else {
            return;
        };
        let from = position.offset;
        // No record was delivered from there yet, so nothing can turn out to be cut: there is no epoch to validate.
        position.seek((offset, LeaderEpoch::NONE), version);
        if start != StartFrom::Assignment {
            let partition = self.metadata.text(ticket.key);
            effects.note(Note::PositionReset {
                partition,
                from,
                to: offset,
            });
        }
    }

    fn find_offset(
        &self,
        key: PartitionKey,
        response: &ListOffsetsResponse,
    ) -> Result<Offset, ErrorCode> {
        let name = self.metadata.name(key.topic);
        let topic = response.topics.iter().find(|topic| topic.name.0 == *name);
        let partitions = topic.map_or(&[][..], |topic| &topic.partitions);
        let answer = partitions
            .iter()
            .find(|answer| answer.partition_index == key.partition);
        let answer = answer.ok_or(ErrorCode::UnknownServerError)?;
        match ErrorCode::try_from_code(answer.error_code) {
            None if answer.offset >= 0 => Ok(Offset(answer.offset)),
            None => Err(ErrorCode::UnknownServerError),
            Some(error) => Err(error),
        }
    }

    /// The leader says where the epoch of the last delivered record ends.
    fn on_epoch_end(
        &mut self,
        now: Time,
        ticket: PositionTicket,
        response: &OffsetForLeaderEpochResponse,
        effects: &mut Effects,
    ) {
        let (epoch, end) = match self.find_epoch_end(ticket.key, response) {
            Ok(answer) => (LeaderEpoch(answer.leader_epoch), Offset(answer.end_offset)),
            Err(error) => return self.ask_again(now, ticket, error),
        };
        if self
            .current(ticket)
            .is_none_or(|position| position.stage != Stage::Validate)
        {
            return;
        }
        self.on_log_end_of_epoch(ticket, (epoch, end), effects);
    }

    fn find_epoch_end<'a>(
        &self,
        key: PartitionKey,
        response: &'a OffsetForLeaderEpochResponse,
    ) -> Result<&'a EpochEndOffset, ErrorCode> {
        let name = self.metadata.name(key.topic);
        let topic = response.topics.iter().find(|topic| topic.topic.0 == *name);
        let partitions = topic.map_or(&[][..], |topic| &topic.partitions);
        let answer = partitions
            .iter()
            .find(|answer| answer.partition == key.partition);
        let answer = answer.ok_or(ErrorCode::UnknownServerError)?;
        ErrorCode::try_from_code(answer.error_code).map_or(Ok(answer), Err)
    }

    /// Compares the position with what the leader has of its epoch. Where the leader's log ends below the position,
    /// what was read there is gone: reading goes on where the logs part. Source: KIP-320,
    /// `SubscriptionState.maybeCompleteValidation`.
    fn on_log_end_of_epoch(
        &mut self,
        ticket: PositionTicket,
        (epoch, end): (LeaderEpoch, Offset),
        effects: &mut Effects,
    ) {
        let version = self.new_version();
        let reset = self.reset_policy();
        let partition = self.metadata.text(ticket.key);
        let Some(position) = self.current(ticket) else {
            return;
        };
        let from = position.offset;
        if epoch == LeaderEpoch::NONE || end < Offset::ZERO {
            // The leader has nothing of that epoch nor of any before it.
            return position.enter(Stage::Start(reset), version);
        }
        if end >= from {
            return position.seek((from, epoch.min(position.last_epoch)), version);
        }
        position.seek((end, epoch), version);
        effects.note(Note::TruncationDetected {
            partition,
            position: from,
            diverged_at: end,
        });
    }

    fn reset_policy(&self) -> StartFrom {
        match self.config.offset_reset {
            OffsetReset::Earliest => StartFrom::Earliest,
            OffsetReset::Latest => StartFrom::Latest,
        }
    }

    fn on_end_offset(
        &mut self,
        now: Time,
        operation: OperationId,
        response: &ListOffsetsResponse,
        effects: &mut Effects,
    ) {
        let Some(index) = self
            .end_queries
            .iter()
            .position(|query| query.operation == operation)
        else {
            return;
        };
        let key = self.end_queries[index].key;
        match self.find_offset(key, response) {
            Ok(offset) => {
                self.end_queries.remove(index);
                effects.complete(operation, Outcome::EndOffset { offset });
            }
            Err(error) => self.ask_end_again(now, operation, error),
        }
    }

    fn ask_end_again(&mut self, now: Time, operation: OperationId, error: ErrorCode) {
        let retry_at = self.connections.backoff.after(now);
        if is_stale_metadata(error) {
            self.metadata.request_update();
        }
        if let Some(query) = self
            .end_queries
            .iter_mut()
            .find(|query| query.operation == operation)
        {
            query.asked = false;
            query.not_before = retry_at;
            query.last_error = error;
        }
    }

    /// Does all that has become possible.
    fn run(&mut self, now: Time, effects: &mut Effects) {
        let lost = self.connections.time_out(now, effects);
        self.on_lost(now, lost);
        self.take_notice_of_leaders();
        self.deliver(now, effects);
        self.end_late_queries(now, effects);
        let mut wake = self.ask_ends(now, effects);
        wake = Deadline::earlier(wake, self.ask_positions(now, effects));
        wake = Deadline::earlier(wake, self.fetch(now, effects));
        self.metadata.run(now, &mut self.connections, effects);
        let poll = self.polls.iter().map(|poll| poll.returns_at).min();
        self.deadline = [
            wake,
            self.connections.next_deadline(),
            self.metadata.next_deadline(&self.connections),
            poll.map(|at| Deadline {
                at,
                why: "poll timeout",
            }),
        ]
        .into_iter()
        .fold(None, Deadline::earlier);
    }

    fn on_stop(&mut self, effects: &mut Effects) {
        for poll in self.polls.drain(..) {
            effects.complete(
                poll.operation,
                Outcome::Polled {
                    records: Vec::new(),
                },
            );
        }
        self.end_late_queries(Time::MAX, effects);
        effects.push(Effect::Halt { reason: "stopped" });
    }

    fn take_notice_of_leaders(&mut self) {
        if self.metadata_version == self.metadata.version() {
            return;
        }
        self.metadata_version = self.metadata.version();
        for (&key, position) in &mut self.positions {
            self.next_version += 1;
            position.on_leadership(self.metadata.leadership(key), self.next_version);
        }
    }

    /// Completes polls: with what is there, or with nothing when their time is over.
    fn deliver(&mut self, now: Time, effects: &mut Effects) {
        while let Some(poll) = self.polls.front() {
            let records = self.take_records(poll.records_max);
            let Some(poll) = self
                .polls
                .pop_front_if(|poll| !records.is_empty() || poll.returns_at <= now)
            else {
                return;
            };
            effects.complete(poll.operation, Outcome::Polled { records });
        }
    }

    fn take_records(&mut self, records_max: usize) -> Vec<PolledRecord> {
        let mut records = Vec::new();
        while let Some(&key) = self.deliverable.front() {
            if records.len() >= records_max {
                break;
            }
            let Some(position) = self.positions.get_mut(&key) else {
                self.deliverable.pop_front();
                continue;
            };
            position.deliver(records_max - records.len(), &mut records);
            if position.buffer.records.is_empty() {
                self.deliverable.pop_front();
            }
        }
        records
    }

    fn end_late_queries(&mut self, now: Time, effects: &mut Effects) {
        self.end_queries.retain(|query| {
            let late = query.gives_up_at <= now;
            if late {
                let outcome = Outcome::Failed {
                    error: query.last_error,
                    partition: query.key.partition,
                };
                effects.complete(query.operation, outcome);
            }
            !late
        });
    }

    /// Asks leaders for end offsets.
    fn ask_ends(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        let mut wake = None;
        for index in 0..self.end_queries.len() {
            let query = &self.end_queries[index];
            let over = Deadline {
                at: query.gives_up_at,
                why: "end offset timeout",
            };
            wake = Deadline::earlier(wake, Some(over));
            if query.asked {
                continue;
            }
            let leadership = self.metadata.leadership(query.key);
            match self.reach(now, leadership, query.not_before) {
                Reach::Leader(leader) => {
                    self.ask_end(now, index, (leader, leadership.epoch), effects)
                }
                Reach::At(at) => wake = Deadline::earlier(wake, Some(at)),
                Reach::Leaderless => self.metadata.request_update(),
            }
        }
        wake
    }

    fn ask_end(
        &mut self,
        now: Time,
        index: usize,
        (leader, epoch): (NodeId, LeaderEpoch),
        effects: &mut Effects,
    ) {
        let query = &mut self.end_queries[index];
        query.asked = true;
        let (key, operation) = (query.key, query.operation);
        let body = self.list_offsets(key, epoch, StartFrom::Latest.timestamp());
        self.connections.send(
            now,
            (leader, Channel::Client),
            body,
            Purpose::EndOffset(operation),
            effects,
        );
    }

    /// Asks leaders where to start, and whether positions still hold.
    fn ask_positions(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        let mut wake = None;
        let mut leaderless = false;
        let mut due: Vec<(PartitionKey, NodeId)> = Vec::new();
        for (&key, position) in &self.positions {
            if position.asked || position.stage == Stage::Fetch {
                continue;
            }
            match self.reach(now, position.leadership, position.not_before) {
                Reach::Leader(leader) => due.push((key, leader)),
                Reach::At(at) => wake = Deadline::earlier(wake, Some(at)),
                Reach::Leaderless => leaderless = true,
            }
        }
        for (key, leader) in due {
            self.ask_position(now, key, leader, effects);
        }
        if leaderless {
            self.metadata.request_update();
        }
        wake
    }

    fn ask_position(
        &mut self,
        now: Time,
        key: PartitionKey,
        leader: NodeId,
        effects: &mut Effects,
    ) {
        let position = self
            .positions
            .get_mut(&key)
            .expect("a position that is due is assigned");
        position.asked = true;
        let (ticket, epoch, last) = (
            position.ticket(key),
            position.leadership.epoch,
            position.last_epoch,
        );
        let (body, purpose) = match position.stage {
            Stage::Start(start) => (
                self.list_offsets(key, epoch, start.timestamp()),
                Purpose::StartOffset(ticket),
            ),
            Stage::Validate => (
                self.epoch_query(key, epoch, last),
                Purpose::EpochEnd(ticket),
            ),
            Stage::Fetch => unreachable!("a position that fetches asks no other question"),
        };
        self.connections
            .send(now, (leader, Channel::Client), body, purpose, effects);
    }

    fn list_offsets(&self, key: PartitionKey, epoch: LeaderEpoch, timestamp: i64) -> Body {
        let partition = ListOffsetsPartition::default()
            .with_partition_index(key.partition)
            .with_current_leader_epoch(epoch.0)
            .with_timestamp(timestamp);
        let topic = ListOffsetsTopic::default()
            .with_name(TopicName(self.metadata.name(key.topic).clone()))
            .with_partitions(vec![partition]);
        let request = ListOffsetsRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        Body::ListOffsetsRequest(Box::new(request))
    }

    fn epoch_query(&self, key: PartitionKey, current: LeaderEpoch, last: LeaderEpoch) -> Body {
        let partition = OffsetForLeaderPartition::default()
            .with_partition(key.partition)
            .with_current_leader_epoch(current.0)
            .with_leader_epoch(last.0);
        let topic = OffsetForLeaderTopic::default()
            .with_topic(TopicName(self.metadata.name(key.topic).clone()))
            .with_partitions(vec![partition]);
        let request = OffsetForLeaderEpochRequest::default()
            .with_replica_id((-1).into())
            .with_topics(vec![topic]);
        Body::OffsetForLeaderEpochRequest(Box::new(request))
    }

    /// Whether a leader can be asked now.
    fn reach(&self, now: Time, leadership: Leadership, not_before: Time) -> Reach {
        let Some(leader) = leadership.leader else {
            return Reach::Leaderless;
        };
        let at = not_before.max(self.connections.blocked_until(leader, Channel::Client));
        if at > now {
            Reach::At(Deadline {
                at,
                why: "retry backoff",
            })
        } else {
            Reach::Leader(leader)
        }
    }
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
    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        match event {
            Event::Invoked { operation, request } => {
                self.on_invoked(now.time, operation, request, effects)
            }
            Event::Response {
                from,
                channel,
                message,
            } => {
                self.on_response(now.time, (from, channel), message, effects);
            }
            Event::ConnectionLost { to, channel } => {
                let lost = self.connections.lost(now.time, to, channel);
                self.on_lost(now.time, lost);
            }
            Event::StopRequested => return self.on_stop(effects),
            Event::Booted
            | Event::DeadlinePassed
            | Event::Request { .. }
            | Event::ConnectionClosed { .. }
            | Event::FlushCompleted { .. } => {}
        }
        self.run(now.time, effects);
    }

    fn next_deadline(&self) -> Option<Deadline> {
        self.deadline
    }
}

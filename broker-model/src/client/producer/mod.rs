//! Producer client: partitions, batches, sends, retries. Source: Kafka's `KafkaProducer`, `Sender`,
//! `RecordAccumulator` and `TransactionManager` at 4.1; KIP-98, KIP-360, KIP-480.
//!
//! The one operation is [`Operation::Send`]. How it ends:
//! - `Sent` once the broker has acknowledged the batch; with acks=0 as soon as it is handed to the connection;
//! - `Failed` only if the record is certainly in no log and never will be: it was never put on the wire, or every
//!   attempt was refused by an error that brokers give before they append (see `sender::refused_before_append`);
//! - `Unknown` in every other case, above all when no definite answer came within `delivery.timeout.ms`.
//!
//! As in Kafka, a request carries at most one batch of each partition that the broker leads, and a batch's delivery
//! timeout counts from its first record. `buffer.memory` and `max.block.ms` are not modelled: a record whose topic is
//! still unknown waits for its delivery timeout.

mod accumulator;
mod batch;
mod idempotence;
mod identity;
#[cfg(test)]
mod leader_tests;
#[cfg(test)]
mod model_tests;
mod partitioner;
mod purpose;
mod queues;
mod sender;
mod sequences;
#[cfg(test)]
mod tests;
mod transact;
#[cfg(test)]
mod transact_tests;
mod transaction;
mod transaction_offsets;
mod transactional;

use std::collections::VecDeque;

use crate::collections::SortedMap;
use crate::config::{Acks, ProducerConfig, ms};
use crate::consumer_protocol::Place;
use crate::defect::Defects;
use crate::message::{ClientResponse, Response, ResponseBody};
use crate::node::{
    Channel, Deadline, Effect, Effects, Event, Node, Operation, Outcome, TransactRecord,
};
use crate::node_status::NodeStatus;
use crate::note::ExchangeNote;
use crate::proto::{ErrorCode, StrBytes};
use crate::types::{LeaderEpoch, NodeId, Now, Offset, OperationId, RecordValue, Time};

use self::accumulator::Queue;
use self::batch::{Batch, PendingRecord, ProducerIdentity};
use self::identity::Identity;
use self::partitioner::Sticky;
pub use self::partitioner::partition_of;
use self::purpose::{Purpose, TransactionRequest};
use self::queues::Queues;
use self::transaction::Transaction;
use self::transaction_offsets::OffsetsToCommit;
use self::transactional::{State, Transactional};
use super::connection::{Backoff, Connections};
use super::generation::GroupMetadata;
use super::metadata::{Metadata, PartitionKey};

/// A producer.
#[derive(Debug)]
pub struct Producer {
    config: ProducerConfig,
    connections: Connections<Purpose>,
    metadata: Metadata,
    /// Records of topics whose partitions are not known yet, by the topic's place.
    unplaced: SortedMap<usize, VecDeque<PendingRecord>>,
    sticky: SortedMap<usize, Sticky>,
    queues: Queues,
    identity: Identity,
    /// If it has a transactional id.
    transactional: Option<Transactional>,
    /// What the application is doing.
    transaction: Option<Transaction>,
    /// Records of transactions so far.
    next_internal: u64,
    defects: Defects,
    /// The partition that was looked at last when a broker was sent to. Source: `nodesDrainIndex`.
    last_drained: SortedMap<NodeId, PartitionKey>,
    next_serial: u64,
    /// No record's delivery timeout is over before this time.
    next_expiry: Time,
    deadline: Option<Deadline>,
}

impl Producer {
    /// A new client, which knows nothing yet.
    pub fn new(config: ProducerConfig, defects: Defects, now: Now) -> Self {
        assert!(config.batch_records_max > 0, "batch_records_max is 0");
        assert!(config.in_flight_max > 0, "in_flight_max is 0");
        assert!(config.value_bytes >= 8, "value_bytes is {}", config.value_bytes);
        let backoff = Backoff::new(config.retry_backoff_ms, config.jitter_salt, config.node);
        // A broker's answer is needed to know whether a sequence was taken.
        let idempotent = config.idempotence && config.acks != Acks::None;
        assert!(
            config.transactional_id.is_none() || idempotent && config.acks == Acks::All,
            "a transactional producer is idempotent, with acks=all"
        );
        assert!(
            !idempotent || config.in_flight_max <= 5,
            "in_flight_max is {}, more than brokers remember",
            config.in_flight_max
        );
        Self {
            connections: Connections::new(backoff, config.request_timeout_ms),
            metadata: Metadata::new(&config.bootstrap, config.metadata_max_age_ms, config.node)
                .with_defects(defects),
            unplaced: SortedMap::default(),
            sticky: SortedMap::default(),
            queues: Queues::new(defects),
            transactional: Transactional::of(&config, defects, now.time),
            transaction: None,
            next_internal: 0,
            identity: Identity::new(idempotent, now.time),
            defects,
            last_drained: SortedMap::default(),
            next_serial: 0,
            next_expiry: Time::MAX,
            deadline: None,
            config,
        }
    }

    /// Makes a transaction that commits offsets of a group, whose member the same process is. Source:
    /// `KafkaProducer.sendOffsetsToTransaction`.
    pub(super) fn transact_as_member(
        &mut self,
        now: Now,
        operation: OperationId,
        (records, gap_ms, commit): (Vec<TransactRecord>, u32, bool),
        (group, offsets): (GroupMetadata, Vec<(Place, Offset, LeaderEpoch)>),
        effects: &mut Effects,
    ) {
        let offsets = OffsetsToCommit { group, offsets, added: false, coordinator: None };
        let what = (records, gap_ms, commit);
        self.on_transact(now.time, operation, what, Some(offsets), effects);
        self.run(now, effects);
        self.self_check(now.time);
    }

    fn on_send(
        &mut self,
        now: Now,
        operation: OperationId,
        (topic, key, value): (&StrBytes, Option<u64>, RecordValue),
    ) {
        let place = self.metadata.place(topic);
        let record =
            PendingRecord { operation, created: now.time, timestamp: now.wall, key, value };
        self.next_expiry = self.next_expiry.min(now.time + ms(self.config.delivery_timeout_ms));
        if self.metadata.partitions(place).is_empty() {
            self.metadata.request_update();
            self.unplaced.get_or_insert_with(place, VecDeque::new).push_back(record);
        } else {
            self.accumulate(place, record);
        }
    }

    /// Puts a record into the open batch of the partition that the partitioner chooses, or into a new one.
    fn accumulate(&mut self, place: usize, record: PendingRecord) {
        let limit = self.config.batch_records_max as usize;
        let partition = self.choose_partition(place, record.key);
        self.use_partition(PartitionKey { topic: place, partition });
        let queue = self.queues.entry(PartitionKey { topic: place, partition });
        if let Some(batch) = queue.open_batch(limit) {
            batch.records.push(record);
            return;
        }
        queue.waiting.push_back(Batch::new(self.next_serial, record));
        self.next_serial += 1;
    }

    /// Source: Kafka's `BuiltInPartitioner`, KIP-480.
    fn choose_partition(&mut self, place: usize, key: Option<u64>) -> i32 {
        let partitions = self.metadata.partitions(place);
        if let Some(key) = key {
            return partitioner::partition_of(key, partitions.len());
        }
        let start = self.config.node.0;
        let sticky = self.sticky.get_or_insert_with(place, || Sticky::new(start, partitions.len()));
        let limit = self.config.batch_records_max as usize;
        let current = PartitionKey { topic: place, partition: sticky.partition() };
        let open =
            self.queues.get_mut(&current).is_some_and(|queue| queue.open_batch(limit).is_some());
        if !open {
            sticky.advance(partitions);
        }
        sticky.partition()
    }

    fn on_response(
        &mut self,
        now: Now,
        (from, channel): (NodeId, Channel),
        message: Response,
        effects: &mut Effects,
    ) {
        let ResponseBody::Client(body) = message.body else { return };
        let Some(purpose) = self.connections.answered(from, channel, message.correlation_id) else {
            return;
        };
        match (purpose, body) {
            (Purpose::Metadata, ClientResponse::Metadata(response)) => {
                self.metadata.on_response(now.time, &response, &mut self.connections);
                self.place_records();
            }
            (Purpose::InitProducerId, ClientResponse::InitProducerId(response)) => {
                let retry_at = self.connections.backoff.after(now.time);
                self.identity.on_response(&response, retry_at);
            }
            (Purpose::Transaction(what, asked), body) => {
                self.on_answer(now.time, (what, asked), &body, effects);
            }
            (Purpose::Produce(tickets), ClientResponse::Produce(response)) => {
                self.on_produce_response(now.time, &tickets, &response, effects);
            }
            (purpose, _nonsense) => {
                self.on_lost(now.time, vec![purpose], ErrorCode::NetworkException, effects);
            }
        }
    }

    /// Topics have become known: their records go into batches.
    fn place_records(&mut self) {
        let known = |place: &usize| !self.metadata.partitions(*place).is_empty();
        let places: Vec<usize> = self.unplaced.keys().copied().filter(known).collect();
        for place in places {
            for record in self.unplaced.remove(&place).unwrap_or_default() {
                self.accumulate(place, record);
            }
        }
    }

    /// Requests are lost with their connection.
    fn on_lost(
        &mut self,
        now: Time,
        purposes: Vec<Purpose>,
        error: ErrorCode,
        effects: &mut Effects,
    ) {
        for purpose in purposes {
            self.metadata.request_update();
            match purpose {
                Purpose::Metadata => self.metadata.on_failure(now, &mut self.connections),
                Purpose::InitProducerId => {
                    self.identity.on_failure(self.connections.backoff.after(now));
                }
                Purpose::Transaction(..) => {
                    let retry_at = self.connections.backoff.after(now);
                    if let Some(transactional) = &mut self.transactional {
                        transactional.on_lost(retry_at);
                    }
                }
                Purpose::Produce(tickets) => {
                    for ticket in tickets {
                        self.on_attempt_failed(now, ticket, error, effects);
                    }
                }
            }
        }
    }

    /// Does all that has become possible.
    fn run(&mut self, wall: Now, effects: &mut Effects) {
        let now = wall.time;
        let lost = self.connections.time_out(now, effects);
        self.on_lost(now, lost, ErrorCode::RequestTimedOut, effects);
        let wake = self.send(wall, effects);
        // What is late and could be sent only now was sent: nobody knows whether it will be appended. Source:
        // `Sender.sendProducerData`.
        let wake = if self.expire(now, effects) { self.send(wall, effects) } else { wake };
        self.queues.retire();
        self.metadata.run(now, &mut self.connections, effects);
        self.deadline = [
            wake,
            self.connections.next_deadline(),
            self.metadata.next_deadline(&self.connections),
            self.identity_deadline(),
            self.transaction_deadline(),
            (self.next_expiry < Time::MAX)
                .then_some(Deadline { at: self.next_expiry, why: "delivery timeout" }),
        ]
        .into_iter()
        .fold(None, Deadline::earlier);
    }

    /// Asks what the transaction needs of its coordinator. What was never sent is not waited for by an abort. Source:
    /// `Sender.maybeSendAndPollTransactionalRequest`.
    fn ask_coordinator(&mut self, now: Now, effects: &mut Effects) {
        let Some(transactional) = &self.transactional else { return };
        if transactional.state == State::Aborting {
            self.drop_undrained(effects);
            self.take_record_outcomes(effects);
        }
        let has_unanswered = self.has_unanswered();
        let Some(transactional) = &mut self.transactional else { return };
        let with = (self.identity.current, has_unanswered);
        let ways = (&mut self.metadata, &mut self.connections);
        if transactional.run(now.time, with, ways, effects) {
            transactional.over(self.identity.current);
            self.run_transaction(now, effects);
            // The next one may have something to ask at once.
            self.ask_coordinator(now, effects);
        }
    }

    /// The coordinator answered.
    fn on_answer(
        &mut self,
        now: Time,
        (what, asked): (TransactionRequest, Option<ProducerIdentity>),
        body: &ClientResponse,
        effects: &mut Effects,
    ) {
        let retry_at = self.connections.backoff.after(now);
        let current = self.identity.current;
        let Some(transactional) = &mut self.transactional else { return };
        let times = (now, retry_at);
        let Ok(given) = transactional.on_response((what, body), current, times) else { return };
        if let Some(api) = what.api() {
            let (asked, own) = [asked, current].map(ProducerIdentity::standing).into();
            effects.note(ExchangeNote::AnswerApplied { api, partition: None, asked, own });
        }
        if let Some(identity) = given {
            self.identity.current = Some(identity);
            if current != Some(identity) {
                self.forget_sequences();
            }
        }
    }

    fn identity_deadline(&self) -> Option<Deadline> {
        match &self.transactional {
            Some(transactional) => {
                let has_unanswered = self.has_unanswered();
                transactional.deadline(has_unanswered, &self.metadata, &self.connections)
            }
            None => self.identity.next_deadline(self.metadata.brokers(), &self.connections),
        }
    }

    fn send(&mut self, wall: Now, effects: &mut Effects) -> Option<Deadline> {
        let now = wall.time;
        self.settle_sequences(effects);
        if self.transactional.is_none() {
            self.identity.run(now, &mut self.metadata, &mut self.connections, effects);
        }
        self.run_transaction(wall, effects);
        self.ask_coordinator(wall, effects);
        self.drain(now, effects)
    }

    /// What each partition has in flight, and each connection, is checked where it changes; here is what holds because
    /// all that had become possible is done.
    fn self_check(&self, now: Time) {
        let due = self.deadline.map_or(Time::MAX, |deadline| deadline.at);
        assert!(due > now, "{:?} is due already, at {now}", self.deadline);
        assert!(
            due <= self.next_expiry,
            "the next event is at {due}, after a record expires at {}",
            self.next_expiry
        );
        assert!(self.next_expiry > now, "a record has expired at {}: {now}", self.next_expiry);
        assert!(
            self.unplaced.is_empty() || self.next_expiry < Time::MAX,
            "records wait for {} topics to become known, and none expires",
            self.unplaced.len()
        );
        self.identity.self_check();
        let current = self.identity.current;
        match &self.transactional {
            Some(transactional) => transactional.self_check(current),
            None => assert!(self.transaction.is_none(), "a transaction without an id"),
        }
    }

    fn on_stop(&mut self, effects: &mut Effects) {
        self.abandon_all(ErrorCode::NetworkException, effects);
        effects.push(Effect::Halt { reason: "stopped" });
    }
}

impl Node for Producer {
    fn status(&self) -> NodeStatus {
        let waiting = self.unplaced.values().map(VecDeque::len).sum::<usize>()
            + self.queues.values().map(Queue::records).sum::<usize>();
        NodeStatus::default()
            .holds("records without an answer", waiting)
            .holds("transactions", usize::from(self.transaction.is_some()))
    }

    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        match event {
            Event::Invoked { operation, request: Operation::Send { topic, key, value } } => {
                self.on_send(now, operation, (&topic, key, value));
            }
            Event::Invoked {
                operation,
                request: Operation::Transact { records, gap_ms, commit, .. },
            } => {
                self.on_transact(now.time, operation, (records, gap_ms, commit), None, effects);
            }
            Event::Invoked { operation, request } => refuse(operation, &request, effects),
            Event::Response { from, channel, message } => {
                self.on_response(now, (from, channel), message, effects);
            }
            Event::Connected { to, channel } => {
                let first = self.connections.connected(now.time, to, channel);
                self.deadline = Deadline::earlier(self.deadline, first);
                return;
            }
            Event::ConnectionLost { to, channel } => {
                let lost = self.connections.lost(now.time, to, channel);
                self.metadata.request_update();
                self.on_lost(now.time, lost, ErrorCode::NetworkException, effects);
            }
            Event::StopRequested => return self.on_stop(effects),
            Event::Booted
            | Event::DeadlinePassed
            | Event::Request { .. }
            | Event::ConnectionClosed { .. }
            | Event::FlushCompleted { .. }
            | Event::LogDirectoryFailed { .. }
            | Event::MetadataPublishing { .. } => {}
        }
        self.run(now, effects);
        self.self_check(now.time);
    }

    fn next_deadline(&self) -> Option<Deadline> {
        self.deadline
    }
}

/// Another client's operation ends at once.
fn refuse(operation: OperationId, request: &Operation, effects: &mut Effects) {
    assert!(!matches!(request, Operation::Send { .. }), "send {operation} refused");
    let outcome = Outcome::Failed { error: ErrorCode::InvalidRequest, partition: -1 };
    effects.complete(operation, outcome);
}

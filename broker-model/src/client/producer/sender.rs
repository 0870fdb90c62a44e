//! What goes on the wire when, and what its end means. Source: Kafka's `Sender`, `RecordAccumulator.ready` and `drain`.
//!
//! A broker is ready when a partition that it leads has a batch that is full or has lingered, and its connection has
//! room: `max.in.flight.requests.per.connection` counts all requests to it, whatever partitions they carry. It then
//! gets the first batch of each partition that it leads, lingering ones too, in an order that begins one further back
//! each time, up to the first partition that must stop: Kafka ends there, so that this one holds up those after it
//! for a while.

use crate::config::{Acks, ProducerConfig, ms};
use crate::defect::ProducerDefect;
use crate::message::ClientRequest;
use crate::node::{Channel, Deadline, Effects, Outcome};
use crate::note::{Api, ExchangeNote, ProducerNote};
use crate::proto::{
    ErrorCode, PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicName, TopicProduceData, told_topic, topic_uuid,
};
use crate::types::{LeaderEpoch, NodeId, Offset, Time, TopicId};

use super::Producer;
use super::accumulator::Queue;
use super::batch::{Batch, ProducerIdentity};
use super::purpose::{BatchTicket, Purpose};
use crate::client::metadata::{PartitionKey, is_stale_metadata};

/// Whether the first batch of a partition is drained.
enum Drain {
    /// It is.
    Now,
    /// It waits, and others go on.
    Skip,
    /// It waits, and so do all that come after it. Source: `shouldStopDrainBatchesForPartition`.
    Stop,
}

/// What there is to send.
#[derive(Debug, Default)]
struct Ready {
    /// The leaders that are to be sent to.
    leaders: Vec<NodeId>,
    /// When another one may be.
    wake: Option<Deadline>,
}

impl Producer {
    /// Sends what can be sent; when there is more without another event.
    pub(super) fn drain(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        loop {
            let Ready { leaders, wake } = self.ready(now);
            if leaders.is_empty() {
                return wake;
            }
            let led = self.led();
            let mut is_sent = false;
            for leader in leaders {
                let keys = self.drainable(now, leader, &led);
                if !keys.is_empty() {
                    self.produce(now, leader, keys, effects);
                    is_sent = true;
                }
            }
            if !is_sent {
                return wake;
            }
        }
    }

    /// Source: `RecordAccumulator.ready`, `NetworkClient.ready`, `InFlightRequests.canSendMore`.
    fn ready(&mut self, now: Time) -> Ready {
        let mut ready = Ready::default();
        let mut leaderless = false;
        let (muting, in_flight_max) = (self.mutes(), self.config.in_flight_max as usize);
        self.queues.for_each_busy(|key, queue| {
            if queue.waiting.is_empty() {
                return;
            }
            let leadership = self.metadata.leadership(key);
            let Some(leader) = leadership.leader else {
                leaderless = true;
                return;
            };
            let Some(sendable) = queue.sendable_at(now, (&self.config, muting), leadership.epoch)
            else {
                return;
            };
            let unblocked = self.connections.blocked_until(leader, Channel::Client);
            let connected = Deadline { at: unblocked, why: "reconnect backoff" };
            let sendable = if sendable.at > now { sendable } else { connected };
            if sendable.at > now {
                ready.wake = Deadline::earlier(ready.wake, Some(sendable));
            } else if self.connections.in_flight(leader, Channel::Client) < in_flight_max {
                ready.leaders.push(leader);
            }
        });
        if leaderless {
            self.metadata.request_update();
        }
        ready.leaders.sort_unstable();
        ready.leaders.dedup();
        ready
    }

    /// Partitions with a batch and a leader, by leader.
    fn led(&mut self) -> Vec<(NodeId, PartitionKey)> {
        let mut led = Vec::new();
        self.queues.for_each_busy(|key, queue| {
            let leader = self.metadata.leadership(key).leader;
            led.extend(leader.filter(|_| !queue.waiting.is_empty()).map(|leader| (leader, key)));
        });
        led.sort_unstable();
        led
    }

    /// Whether a partition is mute while a batch of it is on the wire: only so is the order kept where nothing but one
    /// request in flight can guarantee it (known bug P01). Source: `Sender.guaranteeMessageOrder`.
    fn mutes(&self) -> bool {
        self.config.in_flight_max == 1 && !self.defects.has(ProducerDefect::PartitionNotMuted)
    }

    /// The partitions whose first batch goes to this broker now. Source: `RecordAccumulator.drainBatchesForOneNode`.
    fn drainable(
        &mut self,
        now: Time,
        leader: NodeId,
        led: &[(NodeId, PartitionKey)],
    ) -> Vec<PartitionKey> {
        let from = led.partition_point(|it| it.0 < leader);
        let until = led.partition_point(|it| it.0 <= leader);
        let mut parts = led[from..until].to_vec();
        if let Some(last) = self.last_drained.get(&leader) {
            let start = parts.partition_point(|(_, key)| key < last);
            parts.rotate_left(start);
        }
        let mut keys = Vec::with_capacity(parts.len());
        for (_, key) in parts {
            self.last_drained.insert(leader, key);
            let epoch = self.metadata.leadership(key).epoch;
            let queue = self.queues.get_mut(&key).expect("a partition that is led has a queue");
            let batch = queue.waiting.front_mut().expect("it has a batch that waits");
            batch.update_leader_epoch(epoch);
            let queue = self.queues.get(&key).expect("it was just found");
            match self.may_drain(now, key, queue) {
                Drain::Now => keys.push(key),
                Drain::Skip => {}
                Drain::Stop => break,
            }
        }
        keys
    }

    /// The rules of order.
    fn may_drain(&self, now: Time, key: PartitionKey, queue: &Queue) -> Drain {
        let batch = queue.waiting.front().expect("a partition with nothing to send is not asked");
        let muted = self.mutes() && !queue.on_wire.is_empty();
        if muted || batch.backing_off_until(now).is_some() {
            return Drain::Skip;
        }
        if !self.identity.idempotent {
            return Drain::Now;
        }
        let Some(current) = self.identity.current else {
            return Drain::Stop;
        };
        if self.transactional.as_ref().is_some_and(|it| !it.may_send(key)) {
            return Drain::Stop;
        }
        if batch.producer_state.is_some() {
            let is_first = batch.base_sequence() == queue.first_in_flight();
            return if is_first { queue.unless_bumping() } else { Drain::Stop };
        }
        let in_flight = queue.has_in_flight();
        let stale = in_flight && queue.sequences.identity() != Some(current);
        if stale || queue.sequences.is_unresolved() {
            return Drain::Stop;
        }
        let topic = self.metadata.id(key.topic);
        let alone = in_flight && !queue.sequences.is_established(topic);
        if alone && !self.defects.has(ProducerDefect::FirstBatchesTogether) {
            return Drain::Skip;
        }
        queue.unless_bumping()
    }

    /// Sends the first batch of each of these partitions to their leader.
    fn produce(
        &mut self,
        now: Time,
        leader: NodeId,
        mut keys: Vec<PartitionKey>,
        effects: &mut Effects,
    ) {
        keys.sort_unstable();
        let mut tickets = Vec::with_capacity(keys.len());
        let mut topics: Vec<TopicProduceData> = Vec::new();
        let mut last_topic = None;
        for key in keys {
            let (serial, data) = self.drain_batch(key, effects);
            if last_topic != Some(key.topic) {
                let name = TopicName(self.metadata.name(key.topic).clone());
                let mut topic = TopicProduceData::default().with_name(name);
                if let Some(id) = self.metadata.id(key.topic) {
                    topic.topic_id = topic_uuid(id);
                }
                topics.push(topic);
                last_topic = Some(key.topic);
            }
            let topic = topics.last_mut().expect("a topic was just added");
            topic.partition_data.push(data);
            tickets.push(BatchTicket { key, serial });
        }
        let request = ProduceRequest::default()
            .with_acks(self.config.acks.wire())
            .with_timeout_ms(i32::try_from(self.config.request_timeout_ms).unwrap_or(i32::MAX))
            .with_transactional_id(self.transactional.as_ref().map(|it| it.id().clone().into()))
            .with_topic_data(topics);
        let body = ClientRequest::Produce(Box::new(request));
        let to = (leader, Channel::Client);
        if self.config.acks == Acks::None {
            self.connections.send_unanswered(to, body, effects);
            self.complete_unanswered(&tickets, effects);
        } else {
            let (in_flight, max) =
                (self.connections.in_flight(leader, Channel::Client), self.config.in_flight_max);
            assert!(in_flight < max as usize, "{in_flight} requests to {leader}, at most {max}");
            self.connections.send(now, to, body, Purpose::Produce(tickets), effects);
        }
    }

    /// Moves the first batch of a partition to the wire.
    fn drain_batch(
        &mut self,
        key: PartitionKey,
        effects: &mut Effects,
    ) -> (u64, PartitionProduceData) {
        let queue = self.queues.get_mut(&key).expect("a ready partition has a queue");
        let mut batch = queue.waiting.pop_front().expect("a ready partition has a batch");
        if batch.attempts > 0 {
            let error = batch.last_error.map_or_else(String::new, |error| error.to_string());
            effects.note(ProducerNote::BatchRetried { partition: self.metadata.text(key), error });
        }
        batch.close();
        if self.identity.idempotent && batch.producer_state.is_none() {
            let identity = self
                .identity
                .current
                .expect("a batch without sequence is ready only if there is an id");
            let state = queue.sequences.assign(identity, batch.count(), self.defects);
            batch.set_producer_state(Some(state));
        }
        batch.renumbered = false;
        let bytes = batch.encode(self.config.value_bytes, self.transactional.is_some());
        let serial = batch.serial;
        queue.on_wire.push(batch);
        queue.self_check();
        let data = PartitionProduceData::default().with_index(key.partition);
        (serial, data.with_records(Some(bytes)))
    }

    /// With acks=0 what is handed over is done.
    fn complete_unanswered(&mut self, tickets: &[BatchTicket], effects: &mut Effects) {
        for &BatchTicket { key, serial } in tickets {
            let queue = self.queues.get_mut(&key).expect("a drained partition has a queue");
            let place = (self.metadata.id(key.topic), Offset::NONE);
            queue.take_from_wire(serial).complete(key.partition, place, effects);
        }
    }

    /// A broker answered for each partition of a request.
    pub(super) fn on_produce_response(
        &mut self,
        now: Time,
        tickets: &[BatchTicket],
        response: &ProduceResponse,
        effects: &mut Effects,
    ) {
        for &ticket in tickets {
            let Some((topic, answer)) = self.find_answer(ticket.key, response) else {
                self.on_attempt_failed(now, ticket, ErrorCode::UnknownServerError, effects);
                continue;
            };
            let error = ErrorCode::try_from_code(answer.error_code);
            match error {
                None => {
                    let place = (topic, Offset(answer.base_offset));
                    self.on_acknowledged(ticket, place, effects);
                }
                Some(ErrorCode::DuplicateSequenceNumber) => {
                    self.on_acknowledged(ticket, (topic, Offset::NONE), effects);
                }
                Some(error) => self.on_attempt_failed(now, ticket, error, effects),
            }
            if error.is_some_and(tells_leader) {
                let current = &answer.current_leader;
                self.metadata.learn_leader(ticket.key, current.leader_id.0, current.leader_epoch);
            }
        }
    }

    fn find_answer<'a>(
        &self,
        key: PartitionKey,
        response: &'a ProduceResponse,
    ) -> Option<(Option<TopicId>, &'a PartitionProduceResponse)> {
        let name = self.metadata.name(key.topic);
        let topic = response.responses.iter().find(|topic| topic.name.0 == *name)?;
        let id = told_topic(topic.topic_id.as_u128());
        let mut answers = topic.partition_responses.iter();
        Some((id, answers.find(|answer| answer.index == key.partition)?))
    }

    fn on_acknowledged(
        &mut self,
        ticket: BatchTicket,
        (topic, base_offset): (Option<TopicId>, Offset),
        effects: &mut Effects,
    ) {
        let queue = self.queues.get_mut(&ticket.key).expect("a drained partition has a queue");
        let mut batch = queue.take_from_wire(ticket.serial);
        if queue.sequences.acknowledged(&batch, topic, self.defects) {
            note_counted(&batch, queue.sequences.identity(), effects);
        }
        batch.complete(ticket.key.partition, (topic, base_offset), effects);
        queue.self_check();
    }

    /// An attempt ended with an error, or with its connection. Source: `Sender.completeBatch`, `canRetry`, `failBatch`.
    pub(super) fn on_attempt_failed(
        &mut self,
        now: Time,
        ticket: BatchTicket,
        error: ErrorCode,
        effects: &mut Effects,
    ) {
        if is_stale_metadata(error) {
            self.metadata.request_update();
        }
        let (idempotent, transactional) = (self.identity.idempotent, self.transactional.is_some());
        let queue = self.queues.get_mut(&ticket.key).expect("a drained partition has a queue");
        let mut batch = queue.take_from_wire(ticket.serial);
        if batch.done {
            return;
        }
        let unsure = !self.defects.has(ProducerDefect::UnsureToldAsFailed);
        batch.maybe_appended |= unsure && !refused_before_append(error);
        if error == ErrorCode::MessageTooLarge && batch.records.len() > 1 {
            let limit = self.config.batch_records_max as usize;
            return queue.split(batch, limit, &mut self.next_serial);
        }
        let late = batch.created + ms(self.config.delivery_timeout_ms) <= now;
        let retriable = !late
            && if idempotent {
                queue.sequences.can_retry(&batch, error, transactional)
            } else {
                error.is_retriable()
            };
        if retriable {
            if self.defects.has(ProducerDefect::DeliveryTimeBeginsAnew) {
                batch.created = now;
            }
            batch.retry(self.connections.backoff.after(now), error);
            return queue.requeue(batch);
        }
        batch.give_up(ticket.key.partition, error, effects);
        if let Some(transactional) = &mut self.transactional {
            transactional.on_batch_failed(error);
        } else if idempotent {
            queue.sequences.refused();
        }
        queue.self_check();
    }

    /// Ends what has waited for longer than `delivery.timeout.ms`; whether it was time to look for that.
    pub(super) fn expire(&mut self, now: Time, effects: &mut Effects) -> bool {
        if now < self.next_expiry {
            return false;
        }
        let error = ErrorCode::RequestTimedOut;
        let only_retries = self.defects.has(ProducerDefect::ExpiryUnmarked);
        let timeout = ms(self.config.delivery_timeout_ms);
        let is_late = |created: Time| created + timeout <= now;
        let mut oldest = Time::MAX;
        for records in self.unplaced.values_mut() {
            while let Some(record) = records.pop_front_if(|record| is_late(record.created)) {
                let error = ErrorCode::UnknownTopicOrPartition;
                effects.complete(record.operation, Outcome::Failed { error, partition: -1 });
            }
            oldest = records.front().map_or(oldest, |record| oldest.min(record.created));
        }
        self.unplaced.retain(|_, records| !records.is_empty());
        self.queues.for_each_busy(|key, queue| {
            queue.expire(key.partition, is_late, error, only_retries, effects);
            let live = queue.waiting.iter().chain(queue.on_wire.iter().filter(|batch| !batch.done));
            oldest = live.map(|batch| batch.created).fold(oldest, Time::min);
        });
        self.next_expiry = if oldest == Time::MAX { Time::MAX } else { oldest + timeout };
        true
    }

    /// Ends all that is pending.
    pub(super) fn abandon_all(&mut self, error: ErrorCode, effects: &mut Effects) {
        for records in std::mem::take(&mut self.unplaced).into_values() {
            for record in records {
                effects.complete(record.operation, Outcome::Failed { error, partition: -1 });
            }
        }
        self.queues.for_each_busy(|key, queue| {
            queue.expire(key.partition, |_| true, error, false, effects);
        });
        self.next_expiry = Time::MAX;
    }
}

impl Queue {
    /// Where a bump waits for what is on the wire, nothing more is sent in the old epoch.
    fn unless_bumping(&self) -> Drain {
        if self.sequences.is_bump_requested() { Drain::Skip } else { Drain::Now }
    }

    /// Ends the batches that are late. Those on the wire stay there, mute their partition and may still come into the
    /// log. The sequence of each is unresolved; in Kafka that of a first attempt is not, so that what follows it is
    /// refused as out of order and sent again in vain until it expires in turn. Source: `Sender.sendProducerData`.
    fn expire(
        &mut self,
        partition: i32,
        is_late: impl Fn(Time) -> bool,
        error: ErrorCode,
        only_retries: bool,
        effects: &mut Effects,
    ) {
        let sequences = &mut self.sequences;
        let mut end = |batch: &mut Batch| {
            batch.give_up(partition, error, effects);
            if batch.attempts > 0 || !only_retries {
                sequences.expired(batch);
            }
        };
        for batch in self.on_wire.iter_mut().filter(|it| !it.done && is_late(it.created)) {
            batch.done = true;
            batch.maybe_appended = true;
            end(batch);
        }
        self.waiting.retain_mut(|batch| {
            let late = is_late(batch.created);
            if late {
                end(batch);
            }
            !late
        });
        self.self_check();
    }

    /// A batch that is too large is sent again in parts. Source: `RecordAccumulator.splitAndReenqueue`.
    fn split(&mut self, batch: Batch, batch_records_max: usize, next_serial: &mut u64) {
        // The last one first: without sequences each goes to the front.
        for part in batch.split(batch_records_max, next_serial).into_iter().rev() {
            self.requeue(part);
        }
    }

    /// When the first batch that waits is ready, as far as the batch itself goes; never while the partition is muted.
    fn sendable_at(
        &mut self,
        now: Time,
        (config, muting): (&ProducerConfig, bool),
        leader_epoch: LeaderEpoch,
    ) -> Option<Deadline> {
        let is_full = self.waiting.len() > 1;
        let muted = muting && !self.on_wire.is_empty();
        let batch = self.waiting.front_mut()?;
        batch.update_leader_epoch(leader_epoch);
        if muted {
            return None;
        }
        if let Some(at) = batch.backing_off_until(now) {
            return Some(Deadline { at, why: "retry backoff" });
        }
        let is_full =
            is_full || batch.closed || batch.records.len() >= config.batch_records_max as usize;
        let (at, why) = if is_full {
            (now, "full batch")
        } else {
            (batch.created + ms(config.linger_ms), "linger")
        };
        Some(Deadline { at, why })
    }
}

/// States that an acknowledgement counts for the sequences of another identity than its batch has.
fn note_counted(batch: &Batch, own: Option<ProducerIdentity>, effects: &mut Effects) {
    let asked = batch.producer_state.map(|state| state.identity);
    let (Some(asked), Some(own)) = (asked, own) else { return };
    if asked != own {
        let (asked, own) = [Some(asked), Some(own)].map(ProducerIdentity::standing).into();
        effects.note(ExchangeNote::AnswerApplied {
            api: Api::Produce,
            partition: None,
            asked,
            own,
        });
    }
}

/// Whether an answer with this error tells who leads instead. Source: KIP-951, `Sender.completeBatch`.
fn tells_leader(error: ErrorCode) -> bool {
    matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch)
}

/// Whether brokers give this error only before they append, so that this attempt has left nothing behind.
///
/// `NOT_LEADER_OR_FOLLOWER` and `UNKNOWN_TOPIC_OR_PARTITION` are not among them: a produce that waits for replication
/// is answered so when the broker loses the leadership or the replica, after it has appended.
pub(super) fn refused_before_append(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::NotEnoughReplicas
            | ErrorCode::UnknownTopicId
            | ErrorCode::OutOfOrderSequenceNumber
            | ErrorCode::UnknownProducerId
            | ErrorCode::InvalidProducerEpoch
            | ErrorCode::CorruptMessage
            | ErrorCode::InvalidRecord
            | ErrorCode::InvalidTimestamp
            | ErrorCode::MessageTooLarge
            | ErrorCode::RecordListTooLarge
            | ErrorCode::InvalidRequiredAcks
            | ErrorCode::InvalidTopicException
            | ErrorCode::UnsupportedForMessageFormat
            | ErrorCode::UnsupportedVersion
            | ErrorCode::InvalidRequest
            | ErrorCode::ConcurrentTransactions
    )
}

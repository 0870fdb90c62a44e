//! What goes on the wire when, and what its end means. Source: Kafka's `Sender`, `RecordAccumulator.drain`.

use crate::config::{Acks, ms};
use crate::message::RequestBody;
use crate::node::{Channel, Deadline, Effects, Outcome};
use crate::note::ProducerNote;
use crate::proto::{
    ErrorCode, PartitionProduceData, PartitionProduceResponse, ProduceRequest, ProduceResponse,
    TopicName, TopicProduceData,
};
use crate::types::{NodeId, Offset, Time};

use super::Producer;
use super::accumulator::{Batch, Queue};
use super::idempotence::IN_FLIGHT_MAX;
use crate::client::connection::{BatchTicket, Purpose};
use crate::client::metadata::{PartitionKey, is_stale_metadata};

/// Whether the first batch of a partition can go.
enum Readiness {
    /// Now, to this leader.
    Now(NodeId),
    /// Not before a time.
    At(Deadline),
    /// Not before an answer.
    Blocked,
    /// Not before there is a leader.
    Leaderless,
}

impl Producer {
    /// Sends what can be sent; when there is more without another event.
    pub(super) fn drain(&mut self, now: Time, effects: &mut Effects) -> Option<Deadline> {
        loop {
            let mut wake = None;
            let mut ready: Vec<(NodeId, PartitionKey)> = Vec::new();
            for (&key, queue) in &self.queues {
                let Some(batch) = queue.waiting.front() else {
                    continue;
                };
                match self.readiness(now, key, (queue, batch)) {
                    Readiness::Now(leader) => ready.push((leader, key)),
                    Readiness::At(deadline) => wake = Deadline::earlier(wake, Some(deadline)),
                    Readiness::Blocked => {}
                    Readiness::Leaderless => self.metadata.request_update(),
                }
            }
            if ready.is_empty() {
                return wake;
            }
            ready.sort_unstable();
            for keys in ready.chunk_by(|a, b| a.0 == b.0) {
                self.produce(now, keys, effects);
            }
        }
    }

    fn readiness(
        &self,
        now: Time,
        key: PartitionKey,
        (queue, batch): (&Queue, &Batch),
    ) -> Readiness {
        let Some(leader) = self.metadata.leadership(key).leader else {
            return Readiness::Leaderless;
        };
        let is_retry = batch.attempts > 0;
        let full = batch.records.len() >= self.config.batch_records_max as usize
            || queue.waiting.len() > 1;
        let (at, why) = if is_retry {
            (batch.not_before, "retry backoff")
        } else if full {
            (batch.created, "full batch")
        } else {
            (batch.created + ms(self.config.linger_ms), "linger")
        };
        if at > now {
            return Readiness::At(Deadline { at, why });
        }
        let at = self.connections.blocked_until(leader, Channel::Client);
        if at > now {
            return Readiness::At(Deadline { at, why: "reconnect backoff" });
        }
        let room = self.connections.in_flight(leader, Channel::Client)
            < self.config.in_flight_max as usize;
        if room && self.may_drain(queue, batch) {
            Readiness::Now(leader)
        } else {
            Readiness::Blocked
        }
    }

    /// The rules of order. Source: `RecordAccumulator.shouldStopDrainBatchesForPartition`, and the muting of a
    /// partition when one request in flight must guarantee the order (known bug P01).
    fn may_drain(&self, queue: &Queue, batch: &Batch) -> bool {
        if self.config.in_flight_max == 1 && !queue.on_wire.is_empty() {
            return false;
        }
        if !self.identity.idempotent {
            return true;
        }
        if queue.sequencing.must_bump {
            return false;
        }
        if batch.sequence.is_some() {
            return !queue.has_older_in_flight(batch.serial);
        }
        let in_flight = !queue.on_wire.is_empty();
        queue.on_wire.len() < IN_FLIGHT_MAX
            && queue.sequencing.may_assign(self.identity.current, in_flight)
    }

    /// Sends the first batch of each of these partitions to their leader.
    fn produce(&mut self, now: Time, keys: &[(NodeId, PartitionKey)], effects: &mut Effects) {
        let leader = keys[0].0;
        let mut tickets = Vec::with_capacity(keys.len());
        let mut topics: Vec<TopicProduceData> = Vec::new();
        let mut last_topic = None;
        for &(_, key) in keys {
            let (serial, data) = self.drain_batch(key, effects);
            if last_topic != Some(key.topic) {
                let name = TopicName(self.metadata.name(key.topic).clone());
                topics.push(TopicProduceData::default().with_name(name));
                last_topic = Some(key.topic);
            }
            let topic = topics.last_mut().expect("a topic was just added");
            topic.partition_data.push(data);
            tickets.push(BatchTicket { key, serial });
        }
        let request = ProduceRequest::default()
            .with_acks(self.config.acks.wire())
            .with_timeout_ms(i32::try_from(self.config.request_timeout_ms).unwrap_or(i32::MAX))
            .with_topic_data(topics);
        let body = RequestBody::Produce(Box::new(request));
        let to = (leader, Channel::Client);
        if self.config.acks == Acks::None {
            self.connections.send_unanswered(to, body, effects);
            self.complete_unanswered(&tickets, effects);
        } else {
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
        if self.identity.idempotent && batch.sequence.is_none() {
            let identity = self
                .identity
                .current
                .expect("a batch without sequence is ready only if there is an id");
            batch.sequence = Some(queue.sequencing.assign(identity, batch.records.len()));
        }
        let bytes = batch.encode(queue.sequencing.identity(), self.config.value_bytes);
        batch.attempts += 1;
        let serial = batch.serial;
        queue.on_wire.push(batch);
        (
            serial,
            PartitionProduceData::default().with_index(key.partition).with_records(Some(bytes)),
        )
    }

    /// With acks=0 what is handed over is done.
    fn complete_unanswered(&mut self, tickets: &[BatchTicket], effects: &mut Effects) {
        for &BatchTicket { key, serial } in tickets {
            let queue = self.queues.get_mut(&key).expect("a drained partition has a queue");
            queue.take_from_wire(serial).complete(key.partition, Offset::NONE, effects);
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
            let Some(answer) = self.find_answer(ticket.key, response) else {
                self.on_attempt_failed(now, ticket, ErrorCode::UnknownServerError, effects);
                continue;
            };
            self.metadata.learn_leader(
                ticket.key,
                answer.current_leader.leader_id.0,
                answer.current_leader.leader_epoch,
            );
            match ErrorCode::try_from_code(answer.error_code) {
                None => self.on_acknowledged(ticket, Offset(answer.base_offset), effects),
                Some(ErrorCode::DuplicateSequenceNumber) => {
                    self.on_acknowledged(ticket, Offset::NONE, effects);
                }
                Some(error) => self.on_attempt_failed(now, ticket, error, effects),
            }
        }
    }

    fn find_answer<'a>(
        &self,
        key: PartitionKey,
        response: &'a ProduceResponse,
    ) -> Option<&'a PartitionProduceResponse> {
        let name = self.metadata.name(key.topic);
        let topic = response.responses.iter().find(|topic| topic.name.0 == *name)?;
        topic.partition_responses.iter().find(|answer| answer.index == key.partition)
    }

    fn on_acknowledged(&mut self, ticket: BatchTicket, base_offset: Offset, effects: &mut Effects) {
        let queue = self.queues.get_mut(&ticket.key).expect("a drained partition has a queue");
        let mut batch = queue.take_from_wire(ticket.serial);
        if batch.sequence.is_some() {
            queue.sequencing.acknowledged(batch.serial);
        }
        batch.complete(ticket.key.partition, base_offset, effects);
    }

    /// An attempt ended with an error, or with its connection.
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
        let idempotent = self.identity.idempotent;
        let retry_at = self.connections.backoff.after(now);
        let queue = self.queues.get_mut(&ticket.key).expect("a drained partition has a queue");
        let mut batch = queue.take_from_wire(ticket.serial);
        batch.maybe_appended |= !refused_before_append(error);
        let is_sequenced = idempotent && batch.sequence.is_some();
        if !batch.abandoned && is_retriable(error, idempotent) {
            if is_gap(error) && !queue.has_older_in_flight(batch.serial) {
                queue.sequencing.must_bump = true;
            }
            batch.not_before = retry_at;
            batch.last_error = Some(error);
            return queue.requeue(batch, idempotent);
        }
        if is_sequenced {
            queue.sequencing.left(batch.serial, batch.maybe_appended);
        }
        let was_abandoned = batch.abandoned;
        batch.give_up(ticket.key.partition, error, effects);
        if idempotent && !was_abandoned && is_fenced(error) {
            self.on_fenced(error, effects);
        }
    }

    /// Ends what has waited for longer than `delivery.timeout.ms`.
    pub(super) fn expire(&mut self, now: Time, effects: &mut Effects) {
        if now < self.next_expiry {
            return;
        }
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
        for (key, queue) in &mut self.queues {
            queue.expire(key.partition, is_late, self.identity.idempotent, effects);
            let live =
                queue.waiting.iter().chain(queue.on_wire.iter().filter(|batch| !batch.abandoned));
            oldest = live.map(|batch| batch.created).fold(oldest, Time::min);
        }
        self.next_expiry = if oldest == Time::MAX { Time::MAX } else { oldest + timeout };
    }

    /// Ends all that is pending.
    pub(super) fn abandon_all(&mut self, error: ErrorCode, effects: &mut Effects) {
        for records in std::mem::take(&mut self.unplaced).into_values() {
            for record in records {
                effects.complete(record.operation, Outcome::Failed { error, partition: -1 });
            }
        }
        for (key, queue) in &mut self.queues {
            queue.abandon_wire(key.partition, |_| true, error, effects);
            // Their sequences are of an identity that is given up with them.
            queue.on_wire.iter_mut().for_each(|batch| batch.sequence = None);
            for mut batch in queue.waiting.drain(..) {
                batch.give_up(key.partition, error, effects);
            }
            queue.sequencing = super::idempotence::Sequencing::default();
        }
        self.next_expiry = Time::MAX;
    }
}

impl Queue {
    /// Ends the batches that are late. Those on the wire stay there: what becomes of their sequence is not known
    /// until their request is answered or lost.
    fn expire(
        &mut self,
        partition: i32,
        is_late: impl Fn(Time) -> bool,
        idempotent: bool,
        effects: &mut Effects,
    ) {
        let error = ErrorCode::RequestTimedOut;
        self.abandon_wire(partition, &is_late, error, effects);
        let sequencing = &mut self.sequencing;
        self.waiting.retain_mut(|batch| {
            let late = is_late(batch.created);
            if late {
                batch.give_up(partition, error, effects);
                if idempotent && batch.sequence.is_some() {
                    sequencing.left(batch.serial, batch.maybe_appended);
                }
            }
            !late
        });
    }

    fn abandon_wire(
        &mut self,
        partition: i32,
        is_late: impl Fn(Time) -> bool,
        error: ErrorCode,
        effects: &mut Effects,
    ) {
        for batch in
            self.on_wire.iter_mut().filter(|batch| !batch.abandoned && is_late(batch.created))
        {
            batch.abandoned = true;
            let before = std::mem::replace(&mut batch.maybe_appended, true);
            batch.give_up(partition, error, effects);
            batch.maybe_appended = before;
        }
    }
}

/// Whether brokers give this error only before they append, so that this attempt has left nothing behind.
///
/// `NOT_LEADER_OR_FOLLOWER` and `UNKNOWN_TOPIC_OR_PARTITION` are not among them: a produce that waits for replication
/// is answered so when the broker loses the leadership or the replica, after it has appended.
pub(super) fn refused_before_append(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::NotEnoughReplicas
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
    )
}

/// Whether the batch is sent again. Source: `Sender.canRetry`, `TransactionManager.canRetry`.
fn is_retriable(error: ErrorCode, idempotent: bool) -> bool {
    error.is_retriable() || (idempotent && is_gap(error))
}

/// Whether the broker misses what came before the batch.
fn is_gap(error: ErrorCode) -> bool {
    matches!(error, ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId)
}

/// Whether the producer id is somebody else's now.
fn is_fenced(error: ErrorCode) -> bool {
    matches!(error, ErrorCode::InvalidProducerEpoch | ErrorCode::ProducerFenced)
}

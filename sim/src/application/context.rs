//! What an application may do, and what it states.

use std::ops::RangeInclusive;
use std::time::Duration;

use bytes::Bytes;
use harrow_broker_model::config::topic_name;
use harrow_broker_model::message::{Message, RequestBody};
use harrow_broker_model::node::{
    Begun, Channel, Effect, Effects, Operation, Outcome, PolledRecord,
};
use harrow_broker_model::proto::{ErrorCode, StrBytes};
use harrow_broker_model::record::RecordBatch;
use harrow_broker_model::types::{
    CorrelationId, LeaderEpoch, NodeId, Now, Offset, OperationId, RecordValue,
};
use xxhash_rust::xxh3::xxh3_64;

use super::facts::ReadFact;
use super::host::{BROKER_PORT, Host, Socket, Timer, broker_host};

/// What an application may do while it is called: the world is not touched before the call ends.
#[derive(Debug)]
pub struct Context<'a> {
    pub(crate) host: &'a mut Host,
    pub(crate) now: Now,
    pub(crate) effects: &'a mut Effects,
}

/// Time and chance.
impl Context<'_> {
    /// The machine's monotonic clock, since the beginning of the run. It may be fast or slow, as a plan says.
    pub fn now(&self) -> Duration {
        Duration::from_nanos(self.now.time.0)
    }

    /// The machine's wall clock, in milliseconds since the Unix epoch. It may be wrong, and may step.
    pub fn wall_ms(&self) -> i64 {
        self.now.wall.0
    }

    /// A number by chance: the same in each run of a seed.
    pub fn random(&mut self) -> u64 {
        self.host.random()
    }

    /// Has [`Application::on_timer`](super::Application::on_timer) called after some time.
    pub fn set_timer(&mut self, after: Duration) -> Timer {
        self.host.set_timer(self.now.time + after)
    }

    /// A timer is not wanted any more; nothing happens if it has run off.
    pub fn stop_timer(&mut self, timer: Timer) {
        self.host.stop_timer(timer);
    }
}

/// Connections.
impl Context<'_> {
    /// Addresses of all brokers, `HOST:PORT`.
    pub fn brokers(&self) -> Vec<String> {
        let address = |node: &NodeId| format!("{}:{BROKER_PORT}", broker_host(*node));
        self.host.brokers().iter().map(address).collect()
    }

    /// Opens a connection. [`Application::on_connected`](super::Application::on_connected) or
    /// [`on_closed`](super::Application::on_closed) follows: also if there is no such broker, or with more than
    /// [`Channel::APPLICATION_MAX`] connections to one.
    pub fn connect(&mut self, address: &str) -> Socket {
        let (socket, channel) = self.host.connect(address);
        if let Some(channel) = channel {
            self.put(channel, Bytes::new());
        }
        socket
    }

    /// Sends bytes, in order, as one segment; nothing happens if the connection is gone.
    pub fn send(&mut self, socket: Socket, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        if let Some(channel) = self.host.channel(socket).filter(|_| !bytes.is_empty()) {
            self.put(channel, bytes);
        }
    }

    /// Closes a connection: what was sent on it still arrives, what comes back does not.
    pub fn close(&mut self, socket: Socket) {
        if let Some((to, channel)) = self.host.forget(socket) {
            self.effects.push(Effect::Disconnect { to, channel: Channel::Application(channel) });
        }
    }

    fn put(&mut self, (to, channel): (NodeId, u8), bytes: Bytes) {
        let correlation_id = CorrelationId(self.host.message());
        let message = Message { correlation_id, body: RequestBody::Wire(bytes) };
        self.effects.request(to, Channel::Application(channel), message);
    }
}

/// What it states of records that it writes.
impl Context<'_> {
    /// It begins to send a record for whoever uses it. A key matters only where the topic is compacted.
    pub fn sends(&mut self, topic: &str, key: Option<&[u8]>, value: &[u8]) -> OperationId {
        let key = key.map(|key| u64::from(xxh3_64(key) as u32));
        let topic = topic_name(topic);
        self.begin(Operation::Send { topic, key, value: RecordBatch::number_of(value) })
    }

    /// It tells whoever uses it that a record is written: with acks=all, that it is there for good.
    pub fn acknowledged(&mut self, send: OperationId, partition: i32, offset: i64) {
        let offset = Offset(offset);
        self.effects.complete(send, Outcome::Sent { partition, offset, topic: None });
    }

    /// It tells whoever uses it that an operation was not done, and never will be.
    pub fn failed(&mut self, operation: OperationId) {
        let error = ErrorCode::UnknownServerError;
        self.effects.complete(operation, Outcome::Failed { error, partition: -1 });
    }

    /// It gives an operation up, and nobody knows whether it was done.
    pub fn given_up(&mut self, operation: OperationId) {
        let error = ErrorCode::RequestTimedOut;
        self.effects.complete(operation, Outcome::Unknown { error, partition: -1 });
    }
}

/// What it states of records that it reads.
impl Context<'_> {
    /// It reads these partitions from their beginning, in place of all that it has read: topic name and partition.
    pub fn assigned(&mut self, partitions: &[(&str, i32)]) {
        let partitions = partitions.iter().map(|(topic, index)| (topic_name(topic), *index));
        let assign = self.begin(Operation::Assign { partitions: partitions.collect() });
        self.effects.complete(assign, Outcome::Assigned);
    }

    /// It reads these partitions from offsets that it knows, in place of all that it has read.
    pub fn resumed(&mut self, positions: &[(&str, i32, i64)]) {
        let positions = positions.iter().map(|(topic, index, offset)| {
            let place: (StrBytes, i32) = (topic_name(topic), *index);
            (place.0, place.1, Offset(*offset))
        });
        let resume = self.begin(Operation::Resume { positions: positions.collect() });
        self.effects.complete(resume, Outcome::Assigned);
    }

    /// It asks for records.
    pub fn polls(&mut self) -> OperationId {
        self.begin(Operation::Poll { timeout_ms: 0, max_records: 0 })
    }

    /// It got records, in this order.
    pub fn polled(&mut self, poll: OperationId, records: &[ReadFact<'_>]) {
        let records = records.iter().map(|record| PolledRecord {
            topic: topic_name(record.topic),
            topic_id: None,
            partition: record.partition,
            offset: Offset(record.offset),
            leader_epoch: LeaderEpoch::NONE,
            value: Some::<RecordValue>(RecordBatch::number_of(record.value)),
        });
        let records = records.collect();
        self.effects.complete(poll, Outcome::Polled { records });
    }

    /// It has processed these offsets of a partition for a group, and will not do so again: what that means, such as an
    /// order that is paid, is its own business. At the end of a run each record must have been processed.
    pub fn processed(
        &mut self,
        group: &str,
        topic: &str,
        partition: i32,
        offsets: RangeInclusive<i64>,
    ) {
        let span = (Offset(*offsets.start()), Offset(*offsets.end()));
        let request = Operation::Transact {
            records: Vec::new(),
            gap_ms: 0,
            commit: true,
            offsets: Vec::new(),
        };
        let operation = OperationId(self.host.operation());
        self.effects.push(Effect::Begin(Box::new(Begun {
            operation,
            request,
            group: Some(topic_name(group)),
            processed: vec![((topic_name(topic), partition), span.0, span.1)],
        })));
        let records = Vec::new();
        self.effects.complete(operation, Outcome::Transacted { committed: true, records });
    }

    fn begin(&mut self, request: Operation) -> OperationId {
        let operation = OperationId(self.host.operation());
        let begun = Begun { operation, request, group: None, processed: Vec::new() };
        self.effects.push(Effect::Begin(Box::new(begun)));
        operation
    }
}

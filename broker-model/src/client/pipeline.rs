//! A process that reads as a member of a group and sends what it makes of it: a consumer and a producer side by side,
//! as in an application of Kafka Streams or in Kafka's example `ExactlyOnceMessageProcessor`.
//!
//! Each of both has connections of its own. What they have to do with each other is one thing: a transaction of the
//! producer commits the consumer's offsets in the name of its membership (KIP-447).

use crate::client::consumer::Consumer;
use crate::client::producer::Producer;
use crate::node::{Channel, Deadline, Effect, Effects, Event, Node, Operation, Outcome};
use crate::node_status::NodeStatus;
use crate::proto::ErrorCode;
use crate::types::{Now, OperationId};

/// A consumer and a producer of one process.
#[derive(Debug)]
pub struct Pipeline {
    consumer: Consumer,
    producer: Producer,
}

impl Pipeline {
    /// Both know nothing yet.
    pub fn new(consumer: Consumer, producer: Producer) -> Self {
        Self { consumer, producer }
    }

    fn on_invoked(
        &mut self,
        now: Now,
        operation: OperationId,
        request: Operation,
        effects: &mut Effects,
    ) {
        match request {
            Operation::Transact { records, gap_ms, commit, offsets } if !offsets.is_empty() => {
                let Some(member) = self.consumer.for_transaction(offsets) else {
                    let error = ErrorCode::InvalidGroupId;
                    return effects.complete(operation, Outcome::Failed { error, partition: -1 });
                };
                let what = (records, gap_ms, commit);
                self.with_producer(effects, |producer, effects| {
                    producer.transact_as_member(now, operation, what, member, effects);
                });
            }
            Operation::Send { .. } | Operation::Transact { .. } => {
                self.tell_producer(now, Event::Invoked { operation, request }, effects);
            }
            Operation::Assign { .. }
            | Operation::Resume { .. }
            | Operation::Subscribe { .. }
            | Operation::Unsubscribe
            | Operation::Rewind
            | Operation::Call(_)
            | Operation::Commit { .. }
            | Operation::Poll { .. }
            | Operation::EndOffset { .. }
            | Operation::Administer(_)
            | Operation::AdminTask(_)
            | Operation::CreateTopic { .. }
            | Operation::DeleteRecords { .. } => {
                self.consumer.handle(now, Event::Invoked { operation, request }, effects);
            }
        }
    }

    fn tell_producer(&mut self, now: Now, event: Event, effects: &mut Effects) {
        self.with_producer(effects, |producer, effects| producer.handle(now, event, effects));
    }

    /// Calls the producer; what it does on its connection to a broker happens on the process's second one. The consumer
    /// says when the process ends.
    #[expect(clippy::wildcard_enum_match_arm, reason = "all else goes on as it is")]
    fn with_producer(
        &mut self,
        effects: &mut Effects,
        call: impl FnOnce(&mut Producer, &mut Effects),
    ) {
        let mut own = Effects::new();
        call(&mut self.producer, &mut own);
        for effect in own.drain() {
            match effect {
                Effect::Request { to, channel, message } => {
                    assert_eq!(channel, Channel::Client, "a producer sends on one channel");
                    effects.request(to, Channel::ClientProducer, message);
                }
                Effect::Disconnect { to, .. } => {
                    effects.push(Effect::Disconnect { to, channel: Channel::ClientProducer });
                }
                Effect::Halt { .. } => {}
                other => effects.push(other),
            }
        }
    }
}

impl Node for Pipeline {
    fn status(&self) -> NodeStatus {
        let mut status = self.consumer.status();
        status.held.extend(self.producer.status().held);
        status
    }

    fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        match event {
            Event::Invoked { operation, request } => {
                self.on_invoked(now, operation, request, effects);
            }
            Event::Response { from, channel: Channel::ClientProducer, message } => {
                let event = Event::Response { from, channel: Channel::Client, message };
                self.tell_producer(now, event, effects);
            }
            Event::ConnectionLost { to, channel: Channel::ClientProducer } => {
                let event = Event::ConnectionLost { to, channel: Channel::Client };
                self.tell_producer(now, event, effects);
            }
            Event::Connected { to, channel: Channel::ClientProducer } => {
                let event = Event::Connected { to, channel: Channel::Client };
                self.tell_producer(now, event, effects);
            }
            Event::Response { .. } | Event::ConnectionLost { .. } | Event::Connected { .. } => {
                self.consumer.handle(now, event, effects);
            }
            Event::Booted
            | Event::DeadlinePassed
            | Event::StopRequested
            | Event::Request { .. }
            | Event::ConnectionClosed { .. }
            | Event::FlushCompleted { .. }
            | Event::LogDirectoryFailed { .. }
            | Event::MetadataPublishing { .. } => {
                self.tell_producer(now, event.clone(), effects);
                self.consumer.handle(now, event, effects);
            }
        }
    }

    fn next_deadline(&self) -> Option<Deadline> {
        Deadline::earlier(self.consumer.next_deadline(), self.producer.next_deadline())
    }
}

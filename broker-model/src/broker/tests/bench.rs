//! One broker on a bench: events in, effects out, with the controllers' answers made by hand.

use bytes::Bytes;

use crate::broker::Broker;
use crate::config::ClusterConfig;
use crate::disk_image::DiskImage;
use crate::message::{
    BrokerHeartbeatResponse, BrokerRegistrationResponse, ControllerRequest, ControllerResponse,
    EpochEnd, HeartbeatState, Message, QuorumFetchResponse, Request, RequestBody, ResponseBody,
};
use crate::metadata::MetadataRecord;
use crate::node::{Channel, Effect, Effects, Event, Node};
use crate::note::{PartitionRegistration, Reassignment};
use crate::record::{RecordBatch, RecordBatchBuilder};
use crate::types::{
    BrokerEpoch, ConnectionId, CorrelationId, LeaderEpoch, NodeId, Now, Offset, PartitionEpoch,
    ProducerEpoch, ProducerId, RecordValue, Sequence, Time, TopicId, TopicPartition, WallTime,
};

/// The one partition that most tests use, of topic "orders".
pub(super) const ORDERS: TopicPartition = TopicPartition { topic: TopicId(1), partition: 0 };
/// The active controller.
pub(super) const CONTROLLER: NodeId = NodeId(101);
/// Identity of the uptime on the bench.
pub(super) const INCARNATION: u64 = 77;

/// A request that the broker has sent and nobody has answered.
#[derive(Debug, Clone)]
pub(super) struct Sent {
    pub(super) to: NodeId,
    pub(super) channel: Channel,
    pub(super) message: Request,
}

/// A broker, its clock, and what it waits for.
pub(super) struct Bench {
    pub(super) broker: Broker,
    pub(super) now: Now,
    pub(super) sent: Vec<Sent>,
    pub(super) metadata: Vec<RecordBatch>,
}

/// Configuration of three brokers and three controllers.
pub(super) fn config() -> ClusterConfig {
    ClusterConfig {
        replica_lag_time_max_ms: 10_000,
        retention_check_interval_ms: 1_000,
        request_timeout_ms: 3_000,
        ..crate::testing::cluster()
    }
}

impl Bench {
    /// A broker that has booted on a disk.
    pub(super) fn booted(node: i32, image: &DiskImage) -> (Self, Vec<Effect>) {
        Self::booted_as(node, config(), image)
    }

    /// The same of another configuration.
    pub(super) fn booted_as(
        node: i32,
        config: ClusterConfig,
        image: &DiskImage,
    ) -> (Self, Vec<Effect>) {
        let now = Now { time: Time(1_000_000_000), wall: WallTime(1_700_000_000_000) };
        let broker = Broker::recover(NodeId(node), config, image, INCARNATION, now);
        let mut bench = Self { broker, now, sent: Vec::new(), metadata: Vec::new() };
        let effects = bench.handle(Event::Booted);
        (bench, effects)
    }

    /// Broker 1, registered with two others, active, hosting "orders" as registered here.
    pub(super) fn hosting(registration: PartitionRegistration) -> Self {
        let (mut bench, _) = Self::booted(1, &DiskImage::default());
        bench.join_cluster();
        bench.commit(&[topic(1), partition(registration)]);
        bench
    }

    /// The broker registers, sees itself and the others registered, and is unfenced.
    pub(super) fn join_cluster(&mut self) -> Vec<Effect> {
        let own_epoch = BrokerEpoch(self.metadata_end().0);
        let mut records: Vec<MetadataRecord> =
            vec![register(1, INCARNATION), register(2, 2), register(3, 3)];
        records.extend([1, 2, 3].map(|broker| MetadataRecord::BrokerChange {
            broker: NodeId(broker),
            fenced: false,
            shutting_down: false,
        }));
        self.answer_registration(Ok(own_epoch));
        let effects = self.commit(&records);
        self.answer_heartbeat(HeartbeatState { fenced: false, should_shut_down: false });
        effects
    }

    fn metadata_end(&self) -> Offset {
        self.metadata.last().map_or(Offset::ZERO, RecordBatch::next_offset)
    }

    /// One event; what the broker asked for, its own requests kept apart in `sent` too.
    pub(super) fn handle(&mut self, event: Event) -> Vec<Effect> {
        let mut effects = Effects::new();
        self.broker.handle(self.now, event, &mut effects);
        let list: Vec<Effect> = effects.drain().collect();
        for effect in &list {
            if let Effect::Request { to, channel, message } = effect {
                self.sent.push(Sent { to: *to, channel: *channel, message: message.clone() });
            }
        }
        list
    }

    /// Lets time pass to the broker's next deadline and wakes it.
    pub(super) fn wake(&mut self) -> Vec<Effect> {
        let deadline = self.broker.next_deadline().expect("a running broker has a deadline");
        assert!(deadline.at >= self.now.time, "{deadline:?} is in the past at {}", self.now.time);
        self.now.time = deadline.at;
        self.handle(Event::DeadlinePassed)
    }

    /// Wakes the broker again and again until a time has passed; all that it asked for.
    pub(super) fn pass_ms(&mut self, milliseconds: u64) -> Vec<Effect> {
        let end = self.now.time + crate::config::ms(milliseconds);
        let mut all = Vec::new();
        while self.broker.next_deadline().is_some_and(|deadline| deadline.at <= end) {
            all.extend(self.wake());
        }
        self.now.time = end;
        all
    }

    /// The request in flight on a channel, taken out.
    pub(super) fn take_sent(&mut self, channel: Channel) -> Sent {
        let at = self.sent.iter().rposition(|sent| sent.channel == channel);
        let at = at.unwrap_or_else(|| panic!("nothing in flight on {channel:?}"));
        let sent = self.sent.remove(at);
        self.sent.retain(|sent| sent.channel != channel);
        sent
    }

    /// Whether a request is in flight on a channel.
    pub(super) fn has_sent(&self, channel: Channel) -> bool {
        self.sent.iter().any(|sent| sent.channel == channel)
    }

    /// Answers a request of the broker's.
    pub(super) fn answer(&mut self, sent: &Sent, body: ResponseBody) -> Vec<Effect> {
        let message = Message { correlation_id: sent.message.correlation_id, body };
        self.handle(Event::Response { from: sent.to, channel: sent.channel, message })
    }

    pub(super) fn answer_registration(
        &mut self,
        result: Result<BrokerEpoch, crate::message::ClusterError>,
    ) -> Vec<Effect> {
        let sent = self.take_sent(Channel::Heartbeat);
        assert!(
            matches!(
                sent.message.body,
                RequestBody::Controller(ControllerRequest::BrokerRegistration(_))
            ),
            "{sent:?}"
        );
        let response = BrokerRegistrationResponse { result, controller: None };
        self.answer(
            &sent,
            ResponseBody::Controller(ControllerResponse::BrokerRegistration(response)),
        )
    }

    pub(super) fn answer_heartbeat(&mut self, state: HeartbeatState) -> Vec<Effect> {
        let sent = self.take_sent(Channel::Heartbeat);
        assert!(
            matches!(
                sent.message.body,
                RequestBody::Controller(ControllerRequest::BrokerHeartbeat(_))
            ),
            "{sent:?}"
        );
        let response = BrokerHeartbeatResponse { result: Ok(state), controller: None };
        self.answer(&sent, ResponseBody::Controller(ControllerResponse::BrokerHeartbeat(response)))
    }

    /// The controller commits records and answers the broker's metadata fetch with them.
    pub(super) fn commit(&mut self, records: &[MetadataRecord]) -> Vec<Effect> {
        let mut builder =
            RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
        for (index, record) in records.iter().enumerate() {
            let mut record = record.clone();
            if let MetadataRecord::RegisterBroker { broker_epoch, .. } = &mut record {
                *broker_epoch = BrokerEpoch(self.metadata_end().0 + index as i64);
            }
            builder.push(self.now.wall, None, Some(record.encode()));
        }
        let batch = builder.build().with_assignment(self.metadata_end(), LeaderEpoch(1));
        self.metadata.push(batch.clone());
        let sent = self.take_sent(Channel::QuorumFetch);
        let response = QuorumFetchResponse {
            epoch: LeaderEpoch(1),
            leader: Some(CONTROLLER),
            error: None,
            diverging: None,
            snapshot: None,
            high_watermark: self.metadata_end(),
            batches: vec![batch],
        };
        self.answer(&Sent { ..sent }, ResponseBody::QuorumFetch(Box::new(response)))
    }

    /// The controller answers the broker's metadata fetch with where its log parts from what was applied.
    pub(super) fn diverge(&mut self, end_offset: Offset) -> Vec<Effect> {
        let sent = self.take_sent(Channel::QuorumFetch);
        let response = QuorumFetchResponse {
            epoch: LeaderEpoch(1),
            leader: Some(CONTROLLER),
            error: None,
            diverging: Some(EpochEnd { epoch: LeaderEpoch(1), end_offset }),
            snapshot: None,
            high_watermark: Offset::NONE,
            batches: Vec::new(),
        };
        self.answer(&Sent { ..sent }, ResponseBody::QuorumFetch(Box::new(response)))
    }

    /// A request arrives; all that the broker does about it.
    pub(super) fn request(
        &mut self,
        connection: u64,
        from: i32,
        id: i32,
        body: RequestBody,
    ) -> Vec<Effect> {
        self.handle(Event::Request {
            connection: ConnectionId(connection),
            from: NodeId(from),
            message: Message { correlation_id: CorrelationId(id), body },
        })
    }
}

/// The replies among effects.
pub(super) fn replies(effects: &[Effect]) -> Vec<(u64, i32, ResponseBody)> {
    let replies = effects.iter().filter_map(|effect| {
        if let Effect::Reply { connection, message } = effect {
            return Some((connection.0, message.correlation_id.0, message.body.clone()));
        }
        None
    });
    replies.collect()
}

/// The only reply among effects.
pub(super) fn only_reply(effects: &[Effect]) -> ResponseBody {
    let mut replies = replies(effects);
    assert_eq!(replies.len(), 1, "one reply among {effects:?}");
    replies.remove(0).2
}

/// A leader's registration with partition epoch 0.
pub(super) fn registration(leader: i32, leader_epoch: i32, isr: &[i32]) -> PartitionRegistration {
    PartitionRegistration {
        replicas: vec![NodeId(1), NodeId(2), NodeId(3)],
        isr: isr.iter().copied().map(NodeId).collect(),
        elr: Vec::new(),
        last_known_leader: None,
        reassignment: Reassignment::default(),
        leader: Some(NodeId(leader)),
        leader_epoch: LeaderEpoch(leader_epoch),
        partition_epoch: PartitionEpoch(leader_epoch),
        recovering: false,
    }
}

pub(super) fn partition(registration: PartitionRegistration) -> MetadataRecord {
    MetadataRecord::Partition { partition: ORDERS, registration, unclean: false }
}

pub(super) fn topic(min_insync_replicas: u32) -> MetadataRecord {
    let config = crate::testing::topic("orders", min_insync_replicas);
    MetadataRecord::Topic { topic: ORDERS.topic, config }
}

/// A registration; its epoch is where it is committed.
pub(super) fn register(broker: i32, incarnation: u64) -> MetadataRecord {
    MetadataRecord::RegisterBroker {
        broker: NodeId(broker),
        incarnation,
        broker_epoch: BrokerEpoch::NONE,
        fenced: true,
        shutting_down: false,
        unclean: false,
    }
}

/// A batch of one record that is not idempotent.
pub(super) fn batch(value: u64) -> RecordBatch {
    let mut builder =
        RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    builder.push(WallTime(0), None, Some(RecordBatch::encode_value(RecordValue(value), 16)));
    builder.build()
}

pub(super) fn bytes_of(batch: &RecordBatch) -> Bytes {
    batch.bytes().clone()
}

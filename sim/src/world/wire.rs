//! A broker for clients that speak bytes: connections whose bytes become requests at the edge, one at a time as in
//! Kafka, and whose answers become bytes. All other connections are the broker's own.
//!
//! Topics are not created because somebody asks for their metadata: a plan has its topics.

use std::collections::BTreeMap;

use bytes::Bytes;
use harrow_broker_model::broker::Broker;
use harrow_broker_model::edge::{
    Answering, Body, Endpoint, Frames, Incoming, Refused, TopicDefaults, TransactionVersion, admit,
    answer, api_versions, cluster_description, read_request, topic_configs, topic_partitions,
};
use harrow_broker_model::message::{
    ClientRequest, ClientResponse, Message, RequestBody, Response, ResponseBody,
};
use harrow_broker_model::node::{Effect, Effects, Event, Node};
use harrow_broker_model::proto::{ErrorCode, StrBytes};
use harrow_broker_model::types::{ConnectionId, CorrelationId, NodeId, Now};

use crate::application::{BROKER_PORT, broker_host};

/// `socket.request.max.bytes`.
const FRAME_BYTES_MAX: usize = 100 * 1024 * 1024;

/// What topics are given whose creator leaves it open.
const TOPIC_DEFAULTS: TopicDefaults = TopicDefaults { partitions: 1, replication_factor: 1 };

/// A request that the broker has.
#[derive(Debug)]
struct Pending {
    version: i16,
    /// As the client numbers it.
    correlation_id: i32,
    /// Kept of a request that may have to be asked once more.
    body: Option<ClientRequest>,
}

/// One client's connection.
#[derive(Debug)]
struct Connection {
    from: NodeId,
    frames: Frames,
    pending: Option<Pending>,
    /// Of the requests that the broker got; numbers the next one.
    asked: i32,
}

/// A broker, and those who speak bytes to it.
#[derive(Debug)]
pub(super) struct WireBroker {
    broker: Box<Broker>,
    node: NodeId,
    connections: BTreeMap<ConnectionId, Connection>,
    endpoints: Vec<Endpoint>,
    cluster_id: StrBytes,
    transactions: TransactionVersion,
    /// What the broker wants, before the edge has seen it.
    wanted: Effects,
}

impl WireBroker {
    pub(super) fn new(
        broker: Box<Broker>,
        node: NodeId,
        brokers: &[NodeId],
        transactions: TransactionVersion,
    ) -> Self {
        let endpoint = |node: &NodeId| Endpoint {
            node: *node,
            host: StrBytes::from_string(broker_host(*node)),
            port: BROKER_PORT,
        };
        Self {
            broker,
            node,
            connections: BTreeMap::new(),
            endpoints: brokers.iter().map(endpoint).collect(),
            cluster_id: StrBytes::from_static_str("harrow-cluster-0000001"),
            transactions,
            wanted: Effects::new(),
        }
    }

    /// The broker itself.
    pub(super) fn broker(&self) -> &Broker {
        &self.broker
    }

    pub(super) fn handle(&mut self, now: Now, event: Event, effects: &mut Effects) {
        match event {
            Event::Request { connection, from, message } => match message.body {
                RequestBody::Wire(bytes) => self.on_bytes(now, connection, (from, &bytes), effects),
                body @ (RequestBody::Client(_)
                | RequestBody::Peer(_)
                | RequestBody::Controller(_)
                | RequestBody::Quorum(_)
                | RequestBody::QuorumFetch(_)) => {
                    let message = Message { body, ..message };
                    self.pass(now, Event::Request { connection, from, message }, effects);
                }
            },
            Event::ConnectionClosed { connection } => {
                self.connections.remove(&connection);
                self.pass(now, Event::ConnectionClosed { connection }, effects);
            }
            Event::Booted
            | Event::Response { .. }
            | Event::ConnectionLost { .. }
            | Event::Connected { .. }
            | Event::FlushCompleted { .. }
            | Event::Invoked { .. }
            | Event::DeadlinePassed
            | Event::MetadataPublishing { .. }
            | Event::LogDirectoryFailed { .. }
            | Event::StopRequested => self.pass(now, event, effects),
        }
    }

    fn on_bytes(
        &mut self,
        now: Now,
        id: ConnectionId,
        (from, bytes): (NodeId, &Bytes),
        effects: &mut Effects,
    ) {
        let connection = self.connections.entry(id).or_insert_with(|| Connection {
            from,
            frames: Frames::new(FRAME_BYTES_MAX),
            pending: None,
            asked: 0,
        });
        if bytes.is_empty() {
            return reply(id, Bytes::new(), effects);
        }
        connection.frames.push(bytes);
        self.read_on(now, id, effects);
    }

    /// Handles the frames of a connection whose turn has come.
    fn read_on(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        loop {
            let Some(connection) = self.connections.get_mut(&id) else { return };
            if connection.pending.is_some() {
                return;
            }
            match connection.frames.next_frame() {
                Ok(Some(frame)) => self.on_frame(now, id, &frame, effects),
                Ok(None) => return,
                Err(_) => return self.close(now, id, effects),
            }
        }
    }

    fn on_frame(&mut self, now: Now, id: ConnectionId, frame: &Bytes, effects: &mut Effects) {
        match read_request(frame, self.transactions) {
            Ok(incoming) => self.on_request(now, id, incoming, effects),
            Err(Refused::ApiVersions { correlation_id, .. }) => {
                let answer = api_versions((None, correlation_id), self.transactions, true);
                reply(id, answer, effects);
            }
            Err(
                Refused::Key(_) | Refused::Version { .. } | Refused::Shape(_) | Refused::Content,
            ) => self.close(now, id, effects),
        }
    }

    fn on_request(
        &mut self,
        now: Now,
        id: ConnectionId,
        incoming: Incoming,
        effects: &mut Effects,
    ) {
        let to = (incoming.version, incoming.correlation_id);
        let own = match incoming.body {
            Body::Broker(body) => return self.ask(now, id, (to, body), effects),
            Body::ApiVersions(_) => Some(api_versions((Some(to.0), to.1), self.transactions, true)),
            Body::DescribeCluster(_) => cluster_description(to, self.node, &self.answering()),
            Body::DescribeConfigs(request) => topic_configs(to, &request, self.broker.metadata()),
            Body::DescribeTopicPartitions(request) => {
                topic_partitions(to, &request, self.broker.metadata())
            }
        };
        match own {
            Some(bytes) => reply(id, bytes, effects),
            None => self.close(now, id, effects),
        }
    }

    fn ask(
        &mut self,
        now: Now,
        id: ConnectionId,
        ((version, correlation_id), body): ((i16, i32), ClientRequest),
        effects: &mut Effects,
    ) {
        let body = admit(body, version, self.broker.metadata(), TOPIC_DEFAULTS);
        let Some(connection) = self.connections.get_mut(&id) else { return };
        let unanswered = matches!(&body, ClientRequest::Produce(request) if request.acks == 0);
        if !unanswered {
            let joins = version < 4 && matches!(body, ClientRequest::JoinGroup(_));
            let body = joins.then(|| body.clone());
            connection.pending = Some(Pending { version, correlation_id, body });
        }
        self.hand(now, id, body, effects);
    }

    fn hand(&mut self, now: Now, id: ConnectionId, body: ClientRequest, effects: &mut Effects) {
        let Some(connection) = self.connections.get_mut(&id) else { return };
        connection.asked = connection.asked.wrapping_add(1);
        let correlation_id = CorrelationId(connection.asked);
        let message = Message { correlation_id, body: RequestBody::Client(body) };
        let event = Event::Request { connection: id, from: connection.from, message };
        self.pass(now, event, effects);
    }

    /// The broker is told; what it answers to those who speak bytes becomes bytes.
    fn pass(&mut self, now: Now, event: Event, effects: &mut Effects) {
        let mut wanted = std::mem::take(&mut self.wanted);
        self.broker.handle(now, event, &mut wanted);
        let mut answered = Vec::new();
        for effect in wanted.drain() {
            if let Effect::Reply { connection, message } = effect {
                if self.connections.contains_key(&connection) {
                    answered.extend(self.on_answer(connection, message, effects));
                } else {
                    effects.reply(connection, message);
                }
                continue;
            }
            if let Effect::Close { connection } = effect {
                self.connections.remove(&connection);
            }
            effects.push(effect);
        }
        self.wanted = wanted;
        for (id, again) in answered {
            match again {
                Some(body) => self.hand(now, id, body, effects),
                None => self.read_on(now, id, effects),
            }
        }
    }

    /// Sends an answer on. What is to happen on its connection then: the request is asked once more, or the next one
    /// is read.
    fn on_answer(
        &mut self,
        id: ConnectionId,
        message: Response,
        effects: &mut Effects,
    ) -> Option<(ConnectionId, Option<ClientRequest>)> {
        let ResponseBody::Client(body) = message.body else { return None };
        let connection = self.connections.get_mut(&id)?;
        let mut pending = connection.pending.take()?;
        if let Some(again) = joins_again(&mut pending, &body) {
            connection.pending = Some(pending);
            return Some((id, Some(again)));
        }
        let to = (pending.version, pending.correlation_id);
        if let Some(bytes) = answer(body, to, &self.answering()) {
            reply(id, bytes, effects);
        } else {
            self.connections.remove(&id);
            effects.push(Effect::Close { connection: id });
        }
        Some((id, None))
    }

    fn answering(&self) -> Answering<'_> {
        let image = self.broker.metadata();
        Answering { image, endpoints: &self.endpoints, cluster_id: &self.cluster_id }
    }

    fn close(&mut self, now: Now, id: ConnectionId, effects: &mut Effects) {
        self.connections.remove(&id);
        effects.push(Effect::Close { connection: id });
        self.pass(now, Event::ConnectionClosed { connection: id }, effects);
    }
}

/// The request to join once more, with the member id that the coordinator has given: clients of before version 4 do not
/// know that they have to ask twice. Source: KIP-394, `KafkaApis.handleJoinGroupRequest`.
fn joins_again(pending: &mut Pending, answer: &ClientResponse) -> Option<ClientRequest> {
    let ClientResponse::JoinGroup(answer) = answer else { return None };
    if answer.error_code != ErrorCode::MemberIdRequired.code() {
        return None;
    }
    let body = pending.body.as_mut()?;
    let ClientRequest::JoinGroup(request) = body else { return None };
    request.member_id = answer.member_id.clone();
    Some(body.clone())
}

fn reply(connection: ConnectionId, bytes: Bytes, effects: &mut Effects) {
    let body = ResponseBody::Wire(bytes);
    effects.reply(connection, Message { correlation_id: CorrelationId(0), body });
}

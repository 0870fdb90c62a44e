//! A scripted broker for tests: what a client asks is taken from the wire one by one and answered by hand.

use std::collections::{BTreeSet, VecDeque};

use crate::config::ms;
use crate::message::{ClientRequest, ClientResponse, Message, Request, RequestBody, ResponseBody};
use crate::node::{Channel, Effect, Effects, Event, Node, Operation, Outcome};
use crate::note::Note;
use crate::proto::{
    ErrorCode, MetadataResponse, MetadataResponseBroker, MetadataResponsePartition,
    MetadataResponseTopic, StrBytes, TopicName, topic_uuid,
};
use crate::types::{NodeId, Now, OperationId, Time, TopicId, WallTime};

/// The topic of all tests.
pub(crate) const TOPIC: StrBytes = StrBytes::from_static_str("orders");

/// Its id.
pub(crate) const TOPIC_ID: TopicId = TopicId(4);

/// A request on the wire.
#[derive(Debug)]
pub(crate) struct SentRequest {
    pub(crate) to: NodeId,
    pub(crate) channel: Channel,
    pub(crate) message: Request,
}

/// A client, its clock and all that it did.
#[derive(Debug)]
pub(crate) struct Driver<N> {
    pub(crate) node: N,
    pub(crate) time: Time,
    pub(crate) wire: VecDeque<SentRequest>,
    pub(crate) outcomes: Vec<(u64, Outcome)>,
    pub(crate) notes: Vec<Note>,
    pub(crate) disconnected: Vec<(NodeId, Channel)>,
    pub(crate) halted: bool,
    connected: BTreeSet<(NodeId, Channel)>,
}

/// The clocks at the start of a test.
pub(crate) const START: Now = Now { time: Time(1_000_000_000), wall: WallTime(1_700_000_000_000) };

impl<N: Node> Driver<N> {
    pub(crate) fn new(node: N) -> Self {
        let mut driver = Self {
            node,
            time: START.time,
            wire: VecDeque::new(),
            outcomes: Vec::new(),
            notes: Vec::new(),
            disconnected: Vec::new(),
            halted: false,
            connected: BTreeSet::new(),
        };
        driver.event(Event::Booted);
        driver
    }

    pub(crate) fn event(&mut self, event: Event) {
        if let Event::ConnectionLost { to, channel } = event {
            self.connected.remove(&(to, channel));
        }
        self.call(|node, now, effects| node.handle(now, event, effects));
    }

    /// Calls the client, and takes what it does. A connection stands as soon as something is asked on it.
    pub(crate) fn call(&mut self, call: impl FnOnce(&mut N, Now, &mut Effects)) {
        let mut effects = Effects::new();
        call(&mut self.node, Now { time: self.time, wall: START.wall }, &mut effects);
        let mut opened = Vec::new();
        for effect in effects.drain() {
            match effect {
                Effect::Request { to, channel, message } => {
                    opened.extend(self.connected.insert((to, channel)).then_some((to, channel)));
                    self.wire.push_back(SentRequest { to, channel, message });
                }
                Effect::Complete { operation, outcome } => {
                    self.outcomes.push((operation.0, outcome));
                }
                // What the invariants of exchanges read has tests of its own.
                Effect::Begin(begun) => panic!("nobody has invoked {begun:?}"),
                Effect::Note(Note::Exchange(_)) => {}
                Effect::Note(note) => self.notes.push(note),
                Effect::Disconnect { to, channel } => {
                    self.connected.remove(&(to, channel));
                    self.disconnected.push((to, channel));
                }
                Effect::Halt { .. } => self.halted = true,
                Effect::Reply { .. }
                | Effect::Close { .. }
                | Effect::Append { .. }
                | Effect::Truncate { .. }
                | Effect::Write { .. }
                | Effect::Replace { .. }
                | Effect::ReplaceInBackground { .. }
                | Effect::Delete { .. }
                | Effect::Rename { .. }
                | Effect::Discard { .. }
                | Effect::CreateLogDirectory { .. }
                | Effect::Sync { .. }
                | Effect::Flush { .. } => panic!("a client did {effect:?}"),
            }
        }
        for (to, channel) in opened {
            self.event(Event::Connected { to, channel });
        }
        if let Some(deadline) = self.node.next_deadline() {
            assert!(deadline.at > self.time, "hot loop: {} due at {}", deadline.why, deadline.at);
        }
    }

    pub(crate) fn invoke(&mut self, operation: u64, request: Operation) {
        self.event(Event::Invoked { operation: OperationId(operation), request });
    }

    /// Lets time pass, with all deadlines in between.
    pub(crate) fn advance(&mut self, milliseconds: u64) {
        let until = self.time + ms(milliseconds);
        while let Some(deadline) = self.node.next_deadline().filter(|it| it.at <= until) {
            self.time = deadline.at;
            self.event(Event::DeadlinePassed);
        }
        self.time = until;
    }

    /// Takes the oldest request of a kind from the wire.
    pub(crate) fn take(&mut self, is_kind: impl Fn(&RequestBody) -> bool) -> Option<SentRequest> {
        let index = self.wire.iter().position(|asked| is_kind(&asked.message.body))?;
        self.wire.remove(index)
    }

    pub(crate) fn answer(&mut self, asked: &SentRequest, body: ResponseBody) {
        let message = Message { correlation_id: asked.message.correlation_id, body };
        self.event(Event::Response { from: asked.to, channel: asked.channel, message });
    }

    /// Breaks a connection; what is on it is gone.
    pub(crate) fn lose(&mut self, to: NodeId, channel: Channel) {
        self.wire.retain(|asked| asked.to != to || asked.channel != channel);
        self.event(Event::ConnectionLost { to, channel });
    }

    /// Answers every metadata request that is on the wire.
    pub(crate) fn send_leaders(&mut self, leaders: &[(i32, i32)]) {
        self.send_leaders_of(TOPIC_ID, leaders);
    }

    /// The same of a topic that has the name now.
    pub(crate) fn send_leaders_of(&mut self, id: TopicId, leaders: &[(i32, i32)]) {
        while let Some(asked) =
            self.take(|body| matches!(body, RequestBody::Client(ClientRequest::Metadata(_))))
        {
            self.answer(&asked, metadata_of(Some(id), leaders));
        }
    }
}

/// Metadata of brokers 1 to 3 and the topic, with leader and epoch of each partition; leader -1 is none.
pub(crate) fn metadata(leaders: &[(i32, i32)]) -> ResponseBody {
    metadata_of(Some(TOPIC_ID), leaders)
}

/// The same of a topic with an id; without, nobody knows it.
pub(crate) fn metadata_of(id: Option<TopicId>, leaders: &[(i32, i32)]) -> ResponseBody {
    let brokers = (1..=3).map(|id| MetadataResponseBroker::default().with_node_id(id.into()));
    let partitions = leaders.iter().enumerate().map(|(index, &(leader, epoch))| {
        MetadataResponsePartition::default()
            .with_partition_index(index as i32)
            .with_leader_id(leader.into())
            .with_leader_epoch(epoch)
    });
    let topic = MetadataResponseTopic::default()
        .with_name(Some(TopicName(TOPIC)))
        .with_topic_id(topic_uuid(id.unwrap_or_default()))
        .with_error_code(id.map_or(ErrorCode::UnknownTopicOrPartition.code(), |_| 0))
        .with_partitions(partitions.collect());
    let response =
        MetadataResponse::default().with_brokers(brokers.collect()).with_topics(vec![topic]);
    ResponseBody::Client(ClientResponse::Metadata(Box::new(response)))
}

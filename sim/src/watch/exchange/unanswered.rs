//! Requests that brokers have not answered. Of each connection only the first is worked on: Kafka mutes a channel until
//! what came by it is answered.

use std::collections::{BTreeMap, VecDeque};

use harrow_broker_model::message::{
    ClientRequest, ClientResponse, PeerRequest, PeerResponse, ReplicaFetchRequest, Request,
    RequestBody, Response, ResponseBody,
};
use harrow_broker_model::note::{AppendOrigin, LogNote};
use harrow_broker_model::proto::{FetchRequest, ProduceRequest, TopicName, topic_of_uuid};
use harrow_broker_model::types::{
    ConnectionId, CorrelationId, LeaderEpoch, NodeId, Offset, TopicPartition,
};

use crate::view::ClusterView;
use crate::watch::finding::Context;

/// Where a batch has its checksum, which covers nothing that a leader assigns. Source: Kafka's `DefaultRecordBatch`.
const CHECKSUM_AT: std::ops::Range<usize> = 17..21;

/// Of a fetch session: of which broker, and which.
type Session = (NodeId, i32);

/// All that waits for an answer.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    connections: BTreeMap<(NodeId, ConnectionId), Queue>,
    sessions: BTreeMap<Session, Places>,
}

/// What came by a connection.
#[derive(Debug, Default)]
struct Queue {
    /// Since when the first is worked on.
    since: u64,
    requests: VecDeque<Waiting>,
}

/// A request that waits.
#[derive(Debug)]
struct Waiting {
    correlation_id: CorrelationId,
    asks: Asks,
    /// When what it waits for was first seen to be there.
    there_since: Option<u64>,
}

/// What is asked.
#[derive(Debug)]
enum Asks {
    Produce(Produce),
    Fetch(Fetch),
    /// Nothing for which an answer is demanded here.
    Other,
}

/// The first request of a connection, and since when it is worked on.
pub(super) struct First<'a> {
    pub(super) node: NodeId,
    pub(super) since: u64,
    pub(super) there_since: &'a mut Option<u64>,
    pub(super) asks: FirstAsks<'a>,
}

/// What it asks.
pub(super) enum FirstAsks<'a> {
    Produce(&'a Produce),
    /// And the places that it asks for, if they are known.
    Fetch(&'a Fetch, Option<&'a Places>),
}

/// A produce whose answer says that replicas have what it brought.
#[derive(Debug)]
pub(super) struct Produce {
    /// How long it may wait for them; nothing if its transaction has to be verified before.
    pub(super) timeout_ms: Option<u64>,
    /// What was not appended so far, by partition and checksum.
    sent: Vec<(TopicPartition, u32)>,
    /// What was.
    pub(super) appended: Vec<Appended>,
}

/// What a leader appended for somebody who waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Appended {
    pub(super) partition: TopicPartition,
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) end: Offset,
}

/// A fetch.
#[derive(Debug)]
pub(super) struct Fetch {
    /// A follower's, which reads up to the end of the log.
    pub(super) is_followers: bool,
    /// Whether a single record is worth an answer.
    pub(super) takes_any: bool,
    pub(super) wait_ms: u64,
    /// Of a session that others have begun, which.
    session: Option<i32>,
    /// What it names: all that it asks for, unless it is of such a session.
    named: Places,
}

/// What is asked for, by partition.
pub(super) type Places = BTreeMap<TopicPartition, Place>;

/// Of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// In which epoch; [`LeaderEpoch::NONE`] if in any.
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) offset: Offset,
}

impl Produce {
    /// Whether all of it was appended: what was refused or known before has its answer by itself.
    pub(super) fn is_appended(&self) -> bool {
        self.sent.is_empty() && !self.appended.is_empty()
    }
}

impl Unanswered {
    /// A process is gone.
    pub(super) fn process_ended(&mut self, node: NodeId) {
        self.connections.retain(|(at, _), _| *at != node);
        self.sessions.retain(|(at, _), _| *at != node);
    }

    /// A node is about to handle a request.
    pub(super) fn asked(
        &mut self,
        context: &Context<'_>,
        connection: ConnectionId,
        request: &Request,
    ) {
        let asks = match &request.body {
            RequestBody::Client(ClientRequest::Produce(produce)) if produce.acks == 0 => return,
            RequestBody::Client(ClientRequest::Produce(produce)) => {
                Asks::Produce(produce_of(context.view, produce))
            }
            RequestBody::Client(ClientRequest::Fetch(fetch)) => self.fetch(context, fetch),
            RequestBody::Peer(PeerRequest::ReplicaFetch(fetch)) => {
                self.replica_fetch(context, fetch)
            }
            _ => Asks::Other,
        };
        let queue = self.connections.entry((context.node, connection)).or_default();
        if queue.requests.is_empty() {
            queue.since = context.at_ns;
        }
        let correlation_id = request.correlation_id;
        queue.requests.push_back(Waiting { correlation_id, asks, there_since: None });
    }

    fn fetch(&mut self, context: &Context<'_>, request: &FetchRequest) -> Asks {
        let view = context.view;
        let named = request.topics.iter().flat_map(|topic| {
            topic.partitions.iter().filter_map(move |asked| {
                let id = topic.topic_id.as_u128();
                let partition = partition_of(view, (&topic.topic, id), asked.partition)?;
                let leader_epoch = LeaderEpoch(asked.current_leader_epoch);
                Some((partition, Place { leader_epoch, offset: Offset(asked.fetch_offset) }))
            })
        });
        let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
            topic.partitions.iter().filter_map(move |index| {
                partition_of(view, (&topic.topic, topic.topic_id.as_u128()), *index)
            })
        });
        let place = (context.node, request.session_id, request.session_epoch);
        let (session, named) = self.in_session(place, named.collect(), forgotten.collect());
        Asks::Fetch(Fetch {
            is_followers: false,
            // What of a log a transaction holds back is not known here.
            takes_any: request.min_bytes <= 1 && request.isolation_level == 0,
            wait_ms: u64::try_from(request.max_wait_ms).unwrap_or(0),
            session,
            named,
        })
    }

    fn replica_fetch(&mut self, context: &Context<'_>, request: &ReplicaFetchRequest) -> Asks {
        let named = request.partitions.iter().map(|asked| {
            let place =
                Place { leader_epoch: asked.current_leader_epoch, offset: asked.fetch_offset };
            (asked.partition, place)
        });
        let place = (context.node, request.session.session_id, request.session.epoch);
        let (session, named) = self.in_session(place, named.collect(), request.forgotten.clone());
        Asks::Fetch(Fetch {
            is_followers: true,
            takes_any: true,
            wait_ms: request.wait_max_ms,
            session,
            named,
        })
    }

    /// Where what a fetch asks for is kept: in the session that it goes on, or with itself. Source: KIP-227.
    fn in_session(
        &mut self,
        (node, id, epoch): (NodeId, i32, i32),
        named: Places,
        forgotten: Vec<TopicPartition>,
    ) -> (Option<i32>, Places) {
        if epoch <= 0 {
            self.sessions.remove(&(node, id));
            return (None, named);
        }
        if let Some(places) = self.sessions.get_mut(&(node, id)) {
            places.extend(named);
            places.retain(|partition, _| !forgotten.contains(partition));
        }
        (Some(id), Places::new())
    }

    /// A node answers.
    pub(super) fn answered(
        &mut self,
        context: &Context<'_>,
        connection: ConnectionId,
        response: &Response,
    ) {
        let Some(queue) = self.connections.get_mut(&(context.node, connection)) else { return };
        let is_it = |waiting: &Waiting| waiting.correlation_id == response.correlation_id;
        let Some(place) = queue.requests.iter().position(is_it) else { return };
        queue.since = context.at_ns;
        let ended = queue.requests.remove(place).expect("it was found there");
        if let (Asks::Fetch(fetch), Some(session)) = (ended.asks, session_of(&response.body))
            && fetch.session.is_none()
            && session != 0
        {
            self.sessions.insert((context.node, session), fetch.named);
        }
    }

    /// A connection is gone, with all that came by it.
    pub(super) fn closed(&mut self, node: NodeId, connection: ConnectionId) {
        self.connections.remove(&(node, connection));
    }

    /// A leader appended something: for the first that waits for just that.
    pub(super) fn on_log_note(&mut self, context: &Context<'_>, note: &LogNote) {
        let LogNote::Appended { partition, batch, origin, leader_epoch, acks } = note else {
            return;
        };
        if (*origin, *acks) != (AppendOrigin::Leader, -1) {
            return;
        }
        let appended = Appended {
            partition: *partition,
            leader_epoch: *leader_epoch,
            end: batch.last_offset.next(),
        };
        let sent = (*partition, batch.checksum);
        for queue in self.connections.range_mut(of_node(context.node)).map(|(_, queue)| queue) {
            let Some(Waiting { asks: Asks::Produce(produce), .. }) = queue.requests.front_mut()
            else {
                continue;
            };
            if let Some(place) = produce.sent.iter().position(|known| *known == sent) {
                produce.sent.swap_remove(place);
                produce.appended.push(appended);
                return;
            }
        }
    }

    /// What is worked on.
    pub(super) fn first(&mut self) -> impl Iterator<Item = First<'_>> {
        let sessions = &self.sessions;
        self.connections.iter_mut().filter_map(move |((node, _), queue)| {
            let (node, since) = (*node, queue.since);
            let Waiting { asks, there_since, .. } = queue.requests.front_mut()?;
            let asks = match asks {
                Asks::Produce(produce) => FirstAsks::Produce(produce),
                Asks::Fetch(fetch) => {
                    let places = match fetch.session {
                        None => Some(&fetch.named),
                        Some(session) => sessions.get(&(node, session)),
                    };
                    FirstAsks::Fetch(fetch, places)
                }
                Asks::Other => return None,
            };
            Some(First { node, since, there_since, asks })
        })
    }
}

fn of_node(node: NodeId) -> std::ops::RangeInclusive<(NodeId, ConnectionId)> {
    (node, ConnectionId(0))..=(node, ConnectionId(u64::MAX))
}

fn produce_of(view: &ClusterView, request: &ProduceRequest) -> Produce {
    let sent = request.topic_data.iter().flat_map(|topic| {
        topic.partition_data.iter().filter_map(move |data| {
            let partition =
                partition_of(view, (&topic.name, topic.topic_id.as_u128()), data.index)?;
            let checksum = data.records.as_ref()?.get(CHECKSUM_AT)?.try_into().ok()?;
            Some((partition, u32::from_be_bytes(checksum)))
        })
    });
    let timeout_ms = u64::try_from(request.timeout_ms).unwrap_or(0);
    Produce {
        timeout_ms: request.transactional_id.is_none().then_some(timeout_ms),
        sent: sent.collect(),
        appended: Vec::new(),
    }
}

/// The partition of a topic that is named by its id or, if that is zero, by its name.
fn partition_of(
    view: &ClusterView,
    (name, id): (&TopicName, u128),
    partition: i32,
) -> Option<TopicPartition> {
    let topic = if id == 0 { view.topic_id(name.as_str()) } else { topic_of_uuid(id) };
    Some(TopicPartition { topic: topic?, partition })
}

/// The session that an answer to a fetch names.
fn session_of(body: &ResponseBody) -> Option<i32> {
    match body {
        ResponseBody::Client(ClientResponse::Fetch(fetch)) => Some(fetch.session_id),
        ResponseBody::Peer(PeerResponse::ReplicaFetch(fetch)) => fetch.session.ok(),
        _ => None,
    }
}

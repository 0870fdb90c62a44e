//! Requests that brokers have not answered. Of each connection only the first is worked on: Kafka mutes a channel until
//! what came by it is answered.

use std::collections::{BTreeMap, VecDeque};

use harrow_broker_model::message::{
    ClientRequest, ClientResponse, PeerRequest, PeerResponse, ReplicaFetchRequest, Request,
    RequestBody, Response, ResponseBody,
};
use harrow_broker_model::note::{AppendOrigin, LogNote};
use harrow_broker_model::proto::{FetchRequest, ProduceRequest, StrBytes, TopicName, told_topic};
use harrow_broker_model::types::{
    ConnectionId, CorrelationId, LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, Sequence,
    TopicId, TopicPartition,
};

use crate::view::ClusterView;
use crate::watch::finding::Context;

/// Where a batch has its checksum, which covers nothing that a leader assigns. Source: Kafka's `DefaultRecordBatch`.
const CHECKSUM_AT: std::ops::Range<usize> = 17..21;
/// Where it has its producer's id, epoch and first sequence. Source: the same.
const PRODUCER_AT: std::ops::Range<usize> = 43..51;
const EPOCH_AT: std::ops::Range<usize> = 51..53;
const SEQUENCE_AT: std::ops::Range<usize> = 53..57;

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
    /// Something of the coordinator of this group, and by which member.
    Group(String, String),
    /// Nothing for which an answer is demanded here.
    Other,
}

/// The first request of a connection, and since when it is worked on.
pub(super) struct First<'a> {
    pub(super) node: NodeId,
    pub(super) connection: ConnectionId,
    pub(super) correlation_id: CorrelationId,
    pub(super) since: u64,
    pub(super) there_since: &'a mut Option<u64>,
    pub(super) asks: FirstAsks<'a>,
}

/// What it asks.
pub(super) enum FirstAsks<'a> {
    Produce(&'a Produce),
    /// And the places that it asks for, if they are known.
    Fetch(&'a Fetch, Option<&'a Places>),
    /// The coordinator of this group.
    Group(&'a str),
}

/// A produce whose answer says that replicas have what it brought.
#[derive(Debug)]
pub(super) struct Produce {
    timeout_ms: u64,
    /// Whether its transaction has to be verified before anything is appended.
    is_verified: bool,
    /// What was not appended so far; nothing if it is not known of which topics it is.
    sent: Vec<Sent>,
    /// What was.
    pub(super) appended: Vec<Appended>,
    /// When that began.
    appended_at: Option<u64>,
}

/// A batch that a leader is to append.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Sent {
    pub(super) partition: TopicPartition,
    checksum: u32,
    pub(super) producer: (ProducerId, ProducerEpoch),
    pub(super) sequence: Sequence,
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
pub(super) type Places = BTreeMap<Key, Place>;

/// A partition as its session knows it.
pub(super) type Key = (Topic, i32);

/// A topic: by its name for clients, which may give its id besides, and by its id for followers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Topic {
    Named(StrBytes),
    Known(TopicId),
}

impl Topic {
    /// Which one it is now: whose a name is changes when the topic is deleted and another one created.
    fn id(&self, view: &ClusterView) -> Option<TopicId> {
        match self {
            Self::Named(name) => view.topic_id(name.as_str()),
            Self::Known(id) => Some(*id),
        }
    }
}

/// Of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    /// Of which topic, if the request gives its id.
    id: Option<TopicId>,
    /// In which epoch; [`LeaderEpoch::NONE`] if in any.
    pub(super) leader_epoch: LeaderEpoch,
    pub(super) offset: Offset,
}

impl Place {
    /// Of which partition it is.
    pub(super) fn partition(self, view: &ClusterView, key: &Key) -> Option<TopicPartition> {
        let topic = self.id.or_else(|| key.0.id(view))?;
        Some(TopicPartition { topic, partition: key.1 })
    }
}

impl Queue {
    /// What is worked on, if an answer is demanded.
    fn first<'a>(
        &'a mut self,
        (node, connection): (NodeId, ConnectionId),
        sessions: &'a BTreeMap<Session, Places>,
    ) -> Option<First<'a>> {
        let since = self.since;
        let Waiting { correlation_id, asks, there_since } = self.requests.front_mut()?;
        let asks = match asks {
            Asks::Produce(produce) => FirstAsks::Produce(produce),
            Asks::Fetch(fetch) => {
                let places = match fetch.session {
                    None => Some(&fetch.named),
                    Some(session) => sessions.get(&(node, session)),
                };
                FirstAsks::Fetch(fetch, places)
            }
            Asks::Group(group, _) => FirstAsks::Group(group),
            Asks::Other => return None,
        };
        let correlation_id = *correlation_id;
        Some(First { node, connection, correlation_id, since, there_since, asks })
    }

    /// The produce that is worked on, if it is one.
    fn first_produce(&mut self) -> Option<&mut Produce> {
        let Asks::Produce(produce) = &mut self.requests.front_mut()?.asks else { return None };
        Some(produce)
    }
}

impl Produce {
    /// Itself, and the place of this among what was not appended.
    fn bringing(
        &mut self,
        (partition, checksum): (TopicPartition, u32),
    ) -> Option<(&mut Self, usize)> {
        let is_it = |sent: &Sent| (sent.partition, sent.checksum) == (partition, checksum);
        let place = self.sent.iter().position(is_it)?;
        Some((self, place))
    }

    /// From when on it waits, for how long, of one that is worked on since a time; none if it is not known.
    pub(super) fn waits(&self, since: u64) -> Option<(u64, u64)> {
        let from = if self.is_verified { self.appended_at } else { Some(since) };
        Some((from?, self.timeout_ms))
    }

    /// What was not appended so far of a transaction.
    pub(super) fn numbered(&self) -> impl Iterator<Item = &Sent> {
        self.sent.iter().filter(|_| self.is_verified)
    }

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

    /// A node is about to handle a request, which may be a produce.
    pub(super) fn asked(
        &mut self,
        context: &Context<'_>,
        connection: ConnectionId,
        request: &Request,
    ) -> Option<&Produce> {
        let asks = if let RequestBody::Client(ClientRequest::Produce(produce)) = &request.body {
            // Nobody waits for what is not acknowledged.
            if produce.acks == 0 {
                return None;
            }
            Asks::Produce(produce_of(context.view, produce))
        } else if let RequestBody::Client(ClientRequest::Fetch(fetch)) = &request.body {
            self.fetch(context, fetch)
        } else if let RequestBody::Peer(PeerRequest::ReplicaFetch(fetch)) = &request.body {
            self.replica_fetch(context, fetch)
        } else if let Some((group, member)) = group_of(&request.body) {
            if is_joining(&request.body) {
                self.forget_former(context.node, (group, member));
            }
            Asks::Group(group.to_owned(), member.to_owned())
        } else {
            Asks::Other
        };
        let queue = self.connections.entry((context.node, connection)).or_default();
        if queue.requests.is_empty() {
            queue.since = context.at_ns;
        }
        let correlation_id = request.correlation_id;
        queue.requests.push_back(Waiting { correlation_id, asks, there_since: None });
        let Asks::Produce(produce) = &queue.requests.back()?.asks else { return None };
        Some(produce)
    }

    /// A member joins, or asks for its assignment: what it had asked before by another connection is not answered.
    /// Source: `ClassicGroup.updateMember`, `ClassicGroupMember.setAwaitingSyncFuture`.
    fn forget_former(&mut self, node: NodeId, (group, member): (&str, &str)) {
        let queues = self.connections.range_mut(of_node(node)).map(|(_, queue)| queue);
        for waiting in queues.flat_map(|queue| &mut queue.requests) {
            let is_former = matches!(&waiting.asks, Asks::Group(known, of)
                if known == group && of == member && !member.is_empty());
            if is_former {
                waiting.asks = Asks::Other;
            }
        }
    }

    fn fetch(&mut self, context: &Context<'_>, request: &FetchRequest) -> Asks {
        let wanted = request.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(move |asked| {
                let place = Place {
                    id: told_topic(topic.topic_id.as_u128()),
                    leader_epoch: LeaderEpoch(asked.current_leader_epoch),
                    offset: Offset(asked.fetch_offset),
                };
                (named(&topic.topic, asked.partition), place)
            })
        });
        let forgotten = request.forgotten_topics_data.iter();
        let forgotten = forgotten.flat_map(|topic| {
            topic.partitions.iter().map(move |index| named(&topic.topic, *index))
        });
        let place = (context.node, request.session_id, request.session_epoch);
        let (session, named) = self.in_session(place, wanted.collect(), forgotten);
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
        let wanted = request.partitions.iter().map(|asked| {
            let place = Place {
                id: None,
                leader_epoch: asked.current_leader_epoch,
                offset: asked.fetch_offset,
            };
            (known(asked.partition), place)
        });
        let forgotten = request.forgotten.iter().map(|partition| known(*partition));
        let place = (context.node, request.session.session_id, request.session.epoch);
        let (session, named) = self.in_session(place, wanted.collect(), forgotten);
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
        forgotten: impl Iterator<Item = Key>,
    ) -> (Option<i32>, Places) {
        if epoch <= 0 {
            self.sessions.remove(&(node, id));
            return (None, named);
        }
        if let Some(places) = self.sessions.get_mut(&(node, id)) {
            places.extend(named);
            for key in forgotten {
                places.remove(&key);
            }
        }
        (Some(id), Places::new())
    }

    /// A node answers: the produce that it answers, if it is one.
    pub(super) fn answered(
        &mut self,
        context: &Context<'_>,
        connection: ConnectionId,
        response: &Response,
    ) -> Option<Produce> {
        let queue = self.connections.get_mut(&(context.node, connection))?;
        let is_it = |waiting: &Waiting| waiting.correlation_id == response.correlation_id;
        let place = queue.requests.iter().position(is_it)?;
        queue.since = context.at_ns;
        match queue.requests.remove(place)?.asks {
            Asks::Produce(produce) => Some(produce),
            Asks::Fetch(fetch) => {
                let session = session_of(&response.body).filter(|session| *session != 0);
                if let Some(session) = session.filter(|_| fetch.session.is_none()) {
                    self.sessions.insert((context.node, session), fetch.named);
                }
                None
            }
            Asks::Group(..) | Asks::Other => None,
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
        let waiting = self.connections.range_mut(of_node(context.node));
        let mut those = waiting.filter_map(|(_, queue)| queue.first_produce()?.bringing(sent));
        // Of a batch that was sent again while the first request waits, nobody knows for which of them it was appended.
        if let (Some((produce, place)), None) = (those.next(), those.next()) {
            produce.sent.swap_remove(place);
            produce.appended.push(appended);
            produce.appended_at.get_or_insert(context.at_ns);
        }
    }

    /// What is worked on.
    pub(super) fn first(&mut self) -> impl Iterator<Item = First<'_>> {
        let sessions = &self.sessions;
        let connections = self.connections.iter_mut();
        connections.filter_map(move |(place, queue)| queue.first(*place, sessions))
    }

    /// What is worked on by a connection.
    pub(super) fn first_of(&mut self, node: NodeId, connection: ConnectionId) -> Option<First<'_>> {
        let place = (node, connection);
        self.connections.get_mut(&place)?.first(place, &self.sessions)
    }
}

fn named(topic: &TopicName, partition: i32) -> Key {
    (Topic::Named(topic.0.clone()), partition)
}

fn known(TopicPartition { topic, partition }: TopicPartition) -> Key {
    (Topic::Known(topic), partition)
}

/// The group of whose coordinator something is asked, and the member that asks, if it has to be told.
fn group_of(body: &RequestBody) -> Option<(&str, &str)> {
    let RequestBody::Client(request) = body else { return None };
    if let ClientRequest::JoinGroup(request) = request {
        Some((request.group_id.as_str(), request.member_id.as_str()))
    } else if let ClientRequest::SyncGroup(request) = request {
        Some((request.group_id.as_str(), request.member_id.as_str()))
    } else if let ClientRequest::Heartbeat(request) = request {
        Some((request.group_id.as_str(), ""))
    } else if let ClientRequest::LeaveGroup(request) = request {
        Some((request.group_id.as_str(), ""))
    } else if let ClientRequest::OffsetCommit(request) = request {
        Some((request.group_id.as_str(), ""))
    } else if let ClientRequest::ConsumerGroupHeartbeat(request) = request {
        Some((request.group_id.as_str(), ""))
    } else {
        None
    }
}

/// Whether somebody joins a classic group, or asks for its assignment.
fn is_joining(body: &RequestBody) -> bool {
    let RequestBody::Client(request) = body else { return false };
    matches!(request, ClientRequest::JoinGroup(_) | ClientRequest::SyncGroup(_))
}

fn of_node(node: NodeId) -> std::ops::RangeInclusive<(NodeId, ConnectionId)> {
    (node, ConnectionId(0))..=(node, ConnectionId(u64::MAX))
}

fn produce_of(view: &ClusterView, request: &ProduceRequest) -> Produce {
    let sent = request.topic_data.iter().flat_map(|topic| {
        let id = told_topic(topic.topic_id.as_u128());
        let id = id.or_else(|| view.topic_id(topic.name.as_str()));
        topic.partition_data.iter().map(move |data| {
            let partition = TopicPartition { topic: id?, partition: data.index };
            sent_to(partition, data.records.as_ref()?)
        })
    });
    Produce {
        timeout_ms: u64::try_from(request.timeout_ms).unwrap_or(0),
        is_verified: request.transactional_id.is_some(),
        sent: sent.collect::<Option<Vec<_>>>().unwrap_or_default(),
        appended: Vec::new(),
        appended_at: None,
    }
}

fn sent_to(partition: TopicPartition, batch: &[u8]) -> Option<Sent> {
    let id = i64::from_be_bytes(batch.get(PRODUCER_AT)?.try_into().ok()?);
    let epoch = i16::from_be_bytes(batch.get(EPOCH_AT)?.try_into().ok()?);
    let sequence = i32::from_be_bytes(batch.get(SEQUENCE_AT)?.try_into().ok()?);
    Some(Sent {
        partition,
        checksum: u32::from_be_bytes(batch.get(CHECKSUM_AT)?.try_into().ok()?),
        producer: (ProducerId(id), ProducerEpoch(epoch)),
        sequence: Sequence(sequence),
    })
}

/// The session that an answer to a fetch names.
fn session_of(body: &ResponseBody) -> Option<i32> {
    if let ResponseBody::Client(ClientResponse::Fetch(fetch)) = body {
        Some(fetch.session_id)
    } else if let ResponseBody::Peer(PeerResponse::ReplicaFetch(fetch)) = body {
        fetch.session.ok()
    } else {
        None
    }
}

//! What a client knows of the cluster: who leads what, in which epoch. Source: Kafka's `Metadata`, KIP-320.

use std::collections::BTreeMap;
use std::fmt::Debug;

use crate::config::ms;
use crate::defect::{ConsumerDefect, Defects};
use crate::message::ClientRequest;
use crate::node::{Channel, Deadline, Effects};
use crate::note::ExchangeNote;
use crate::proto::{
    ErrorCode, MetadataRequest, MetadataRequestTopic, MetadataResponse, MetadataResponsePartition,
    StrBytes, TopicName, topic_of_uuid,
};
use crate::types::{LeaderEpoch, NodeId, Time, TopicId};

use super::connection::{Connections, MetadataUpdate};
pub(crate) use super::partition_key::PartitionKey;
use super::recreated::EpochsOfRecreated;

/// For how long, at the least, what a broker answered outweighs metadata that tell of older leaders, in milliseconds.
const DOUBTED_AFTER_MS: u64 = 10_000;

/// Who leads a partition, as far as the client knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Leadership {
    /// The leader, if there is one.
    pub(crate) leader: Option<NodeId>,
    /// The epoch of it; [`LeaderEpoch::NONE`] before the client has heard of any.
    pub(crate) epoch: LeaderEpoch,
}

impl Leadership {
    const UNKNOWN: Self = Self { leader: None, epoch: LeaderEpoch::NONE };
}

/// Topics, leaders and brokers, and when to ask for them again.
#[derive(Debug)]
pub(crate) struct Metadata {
    topics: Vec<Topic>,
    places: BTreeMap<StrBytes, usize>,
    /// Bootstrap brokers and all that were ever named, ascending. None is forgotten: a client whose last answer
    /// named only brokers that are dead now must still find the others. Source: KIP-1102's rebootstrap.
    brokers: Vec<NodeId>,
    /// Those of the last answer, ascending.
    online: Vec<NodeId>,
    rotation: usize,
    max_age_ms: u64,
    wanted: bool,
    asked: bool,
    /// Whether it is told of all topics that there are, and whether it was asked for these.
    all: AllTopics,
    not_before: Time,
    expires_at: Time,
    version: u64,
    /// Epochs that it takes for the newest and has not stated yet.
    learned: Vec<(PartitionKey, LeaderEpoch)>,
    /// Topics that were created again: their place, the id before and the new one.
    replaced: Vec<(usize, TopicId, TopicId)>,
    recreated: EpochsOfRecreated,
    /// Epochs that were told of partitions of which nothing else is known yet: no older one counts there.
    foretold: BTreeMap<PartitionKey, LeaderEpoch>,
    /// Until when epochs that no metadata have told outweigh these.
    untold: BTreeMap<PartitionKey, Time>,
    /// Known weakness: they do for ever.
    never_doubts: bool,
    /// Known bug: an epoch is not remembered where none is known.
    first_epoch_lost: bool,
}

/// Whether all topics are asked for.
#[derive(Debug, Default)]
struct AllTopics {
    wanted: bool,
    /// Whether the request under way asks for them.
    asked: bool,
    news: bool,
}

#[derive(Debug)]
struct Topic {
    name: StrBytes,
    /// Its id, once a broker has told it, and until one says that there is no such topic.
    id: Option<TopicId>,
    /// The id that was told last, whether or not the topic is still there.
    last_id: Option<TopicId>,
    partitions: Vec<Leadership>,
}

impl Metadata {
    /// Knows only whom to ask.
    pub(crate) fn new(bootstrap: &[NodeId], max_age_ms: u64, node: NodeId) -> Self {
        assert!(!bootstrap.is_empty(), "client {node} has no bootstrap brokers");
        let mut brokers = bootstrap.to_vec();
        brokers.sort_unstable();
        brokers.dedup();
        Self {
            topics: Vec::new(),
            places: BTreeMap::new(),
            brokers,
            online: Vec::new(),
            // Clients start at different brokers, or the first broker would answer all of them.
            rotation: usize::try_from(node.0).unwrap_or(0),
            max_age_ms: max_age_ms.max(1),
            wanted: false,
            asked: false,
            all: AllTopics::default(),
            not_before: Time::ZERO,
            expires_at: Time::MAX,
            version: 0,
            learned: Vec::new(),
            replaced: Vec::new(),
            recreated: EpochsOfRecreated::Forgotten,
            foretold: BTreeMap::new(),
            untold: BTreeMap::new(),
            never_doubts: false,
            first_epoch_lost: false,
        }
    }

    /// The same client with known bugs.
    pub(crate) fn with_defects(self, defects: Defects) -> Self {
        let recreated = EpochsOfRecreated::of(defects);
        let first_epoch_lost = defects.has(ConsumerDefect::FirstEpochLost);
        let never_doubts = defects.has(ConsumerDefect::CommitEpochsOutliveTopics);
        Self { recreated, never_doubts, first_epoch_lost, ..self }
    }

    /// The place of a topic; one that is new is asked for as soon as possible.
    pub(crate) fn place(&mut self, name: &StrBytes) -> usize {
        if let Some(&place) = self.places.get(name) {
            return place;
        }
        self.wanted = true;
        self.add(name)
    }

    fn add(&mut self, name: &StrBytes) -> usize {
        let place = self.topics.len();
        let (name, partitions) = (name.clone(), Vec::new());
        self.topics.push(Topic { name: name.clone(), id: None, last_id: None, partitions });
        self.places.insert(name, place);
        place
    }

    /// From now on all topics are asked for. Source: `ConsumerMetadata.newMetadataRequestBuilder`.
    pub(crate) fn want_all(&mut self) {
        self.all.wanted = true;
        self.wanted = true;
    }

    /// Whether an answer has told of all topics since this was asked last.
    pub(crate) fn take_news_of_all(&mut self) -> bool {
        std::mem::take(&mut self.all.news)
    }

    /// Names of topics that there are, as far as it was told.
    pub(crate) fn existing(&self) -> impl Iterator<Item = &StrBytes> {
        self.topics.iter().filter(|topic| topic.id.is_some()).map(|topic| &topic.name)
    }

    /// A topic's name.
    pub(crate) fn name(&self, place: usize) -> &StrBytes {
        &self.topics[place].name
    }

    /// A topic-partition as text.
    pub(crate) fn text(&self, key: PartitionKey) -> String {
        format!("{}-{}", self.name(key.topic).as_str(), key.partition)
    }

    /// A topic's place, if this client has ever named it.
    pub(crate) fn find(&self, name: &StrBytes) -> Option<usize> {
        self.places.get(name).copied()
    }

    /// A topic's id, once a broker has told it.
    pub(crate) fn id(&self, place: usize) -> Option<TopicId> {
        self.topics[place].id
    }

    /// The place of a topic of this id, if a broker has told it.
    pub(crate) fn place_of(&self, id: TopicId) -> Option<usize> {
        self.topics.iter().position(|topic| topic.id == Some(id))
    }

    /// A topic's partitions; none before the first answer.
    pub(crate) fn partitions(&self, place: usize) -> &[Leadership] {
        &self.topics[place].partitions
    }

    /// Who leads a partition.
    pub(crate) fn leadership(&self, key: PartitionKey) -> Leadership {
        let index = usize::try_from(key.partition).ok();
        let known = index.and_then(|index| self.topics[key.topic].partitions.get(index));
        known.copied().unwrap_or_else(|| self.foretold(key))
    }

    /// What is known of a partition before the first answer of it.
    fn foretold(&self, key: PartitionKey) -> Leadership {
        let epoch = self.foretold.get(&key).copied();
        Leadership { epoch: epoch.unwrap_or(LeaderEpoch::NONE), ..Leadership::UNKNOWN }
    }

    /// Grows with every change of what is known of leaders.
    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Whether the last answer named the broker.
    pub(crate) fn is_online(&self, broker: NodeId) -> bool {
        self.online.binary_search(&broker).is_ok()
    }

    /// Every broker that the client has heard of, ascending.
    pub(crate) fn brokers(&self) -> &[NodeId] {
        &self.brokers
    }

    /// The broker to ask a question that any can answer, and one that follows at the next question.
    pub(crate) fn pick_broker<P: Debug>(
        &mut self,
        now: Time,
        connections: &Connections<P>,
    ) -> Option<NodeId> {
        let broker = connections.least_loaded(now, &self.brokers, self.rotation)?;
        self.rotation = (self.rotation + 1) % self.brokers.len();
        Some(broker)
    }

    /// Asks for an update as soon as the backoff allows.
    pub(crate) fn request_update(&mut self) {
        self.wanted = true;
    }

    /// States what it has learned, and sends a request if one is due.
    pub(crate) fn run<P: Debug + From<MetadataUpdate>>(
        &mut self,
        now: Time,
        connections: &mut Connections<P>,
        effects: &mut Effects,
    ) {
        for (place, before, after) in std::mem::take(&mut self.replaced) {
            let topic = self.name(place).as_str().to_owned();
            effects.note(ExchangeNote::TopicReplaced { topic, before, after });
        }
        for (key, epoch) in std::mem::take(&mut self.learned) {
            effects.note(ExchangeNote::EpochLearned { partition: self.text(key), epoch });
        }
        if self.asked || self.has_nothing_to_ask() || self.due() > now {
            return;
        }
        let Some(broker) = self.pick_broker(now, connections) else {
            return;
        };
        let topics = self.topics.iter().map(|topic| {
            MetadataRequestTopic::default().with_name(Some(TopicName(topic.name.clone())))
        });
        let request = MetadataRequest::default()
            .with_topics((!self.all.wanted).then(|| topics.collect()))
            .with_allow_auto_topic_creation(false);
        let body = ClientRequest::Metadata(Box::new(request));
        connections.send(now, (broker, Channel::Client), body, MetadataUpdate.into(), effects);
        self.asked = true;
        self.all.asked = self.all.wanted;
        self.wanted = false;
    }

    /// The request is lost, or was answered with nonsense.
    pub(crate) fn on_failure<P: Debug>(&mut self, now: Time, connections: &mut Connections<P>) {
        self.asked = false;
        self.wanted = true;
        self.not_before = connections.backoff.after(now);
    }

    /// Takes an answer in.
    pub(crate) fn on_response<P: Debug>(
        &mut self,
        now: Time,
        response: &MetadataResponse,
        connections: &mut Connections<P>,
    ) {
        self.asked = false;
        self.not_before = connections.backoff.after(now);
        self.expires_at = now + ms(self.max_age_ms);
        self.version += 1;
        self.online = response.brokers.iter().map(|broker| NodeId(broker.node_id.0)).collect();
        self.online.sort_unstable();
        for broker in &response.brokers {
            self.learn_broker(NodeId(broker.node_id.0));
        }
        if std::mem::take(&mut self.all.asked) {
            self.learn_all(response);
        }
        for topic in &response.topics {
            let place = topic.name.as_ref().and_then(|name| self.find(name));
            let Some(place) = place else { continue };
            self.wanted |= topic.error_code != 0;
            let renewed = match ErrorCode::try_from_code(topic.error_code) {
                None => self.learn_topic(place, topic_of_uuid(topic.topic_id.as_u128())),
                Some(ErrorCode::UnknownTopicOrPartition) => self.forget_topic(place),
                Some(_) => false,
            };
            for partition in &topic.partitions {
                self.wanted |= partition.error_code != 0 || partition.leader_id.0 < 0;
                let key = PartitionKey { topic: place, partition: partition.partition_index };
                let renewed = renewed || self.is_doubted(now, key);
                self.learn_partition(place, partition, renewed);
            }
        }
        self.self_check(now);
    }

    /// A topic is there, with this id; whether the epochs that are known are of another one of its name.
    /// Source: `Metadata.updateLatestMetadata`, KAFKA-12257, KAFKA-13488.
    fn learn_topic(&mut self, place: usize, id: Option<TopicId>) -> bool {
        let topic = &mut self.topics[place];
        let known = std::mem::replace(&mut topic.id, id);
        let Some(after) = id else { return false };
        let last = topic.last_id.replace(after);
        if let Some(before) = last.filter(|before| *before != after) {
            self.replaced.push((place, before, after));
            self.foretold.retain(|key, _| key.topic != place);
            self.untold.retain(|key, _| key.topic != place);
        }
        self.recreated.accept(after, known, last)
    }

    /// There is no such topic: nobody leads it, and it has no id. Its epochs are remembered. Never a renewal.
    fn forget_topic(&mut self, place: usize) -> bool {
        let topic = &mut self.topics[place];
        topic.id = None;
        topic.partitions.iter_mut().for_each(|partition| partition.leader = None);
        false
    }

    /// Each topic has a place; somebody can be asked; what was asked just now is not asked again at once.
    fn self_check(&self, now: Time) {
        let (places, topics) = (self.places.len(), self.topics.len());
        assert!(places == topics, "{places} places of {topics} topics");
        assert!(!self.brokers.is_empty(), "no broker is known");
        assert!(self.not_before > now, "metadata may be asked for at {}: {now}", self.not_before);
        assert!(self.expires_at > now, "metadata expires at {}: {now}", self.expires_at);
    }

    /// A broker told in an error who leads now. Source: KIP-951. `true` if that is news.
    pub(crate) fn learn_leader(&mut self, key: PartitionKey, leader: i32, epoch: i32) -> bool {
        let known = self.leadership(key);
        if leader < 0 || LeaderEpoch(epoch) <= known.epoch || known == Leadership::UNKNOWN {
            return false;
        }
        let index = usize::try_from(key.partition).ok();
        let Some(place) = index.and_then(|index| self.topics[key.topic].partitions.get_mut(index))
        else {
            return false;
        };
        *place = Leadership { leader: Some(NodeId(leader)), epoch: LeaderEpoch(epoch) };
        self.learn_broker(NodeId(leader));
        assert!(self.brokers.is_sorted(), "brokers out of order: {:?}", self.brokers);
        self.learned.push((key, LeaderEpoch(epoch)));
        self.version += 1;
        true
    }

    /// A broker answered in an epoch that is news: what is known of the leader is too old, and older answers do not
    /// count any more. Source: `Metadata.updateLastSeenEpochIfNewer`, which does not put one in the place of none.
    ///
    /// Answers by name do not say of which topic the epoch is. If metadata go on telling of older leaders for longer
    /// than they are ever kept, it is of one that is gone, and they count after all. Known weakness: not in Kafka.
    pub(crate) fn see_epoch(&mut self, now: Time, key: PartitionKey, epoch: LeaderEpoch) {
        let known = self.leadership(key);
        let is_first = known == Leadership::UNKNOWN;
        if epoch <= known.epoch || is_first && self.first_epoch_lost {
            return;
        }
        let index = usize::try_from(key.partition).ok();
        match index.and_then(|index| self.topics[key.topic].partitions.get_mut(index)) {
            Some(known) => *known = Leadership { leader: None, epoch },
            None => drop(self.foretold.insert(key, epoch)),
        }
        if !self.never_doubts {
            self.untold.insert(key, now + ms(self.max_age_ms.max(DOUBTED_AFTER_MS)));
        }
        self.learned.push((key, epoch));
        self.version += 1;
        self.wanted = true;
    }

    /// Whether the epoch that is known was never told by metadata, and they have had time enough.
    fn is_doubted(&self, now: Time, key: PartitionKey) -> bool {
        self.untold.get(&key).is_some_and(|until| *until <= now)
    }

    /// When the next request is due, for traces and the host.
    pub(crate) fn next_deadline<P: Debug>(&self, connections: &Connections<P>) -> Option<Deadline> {
        if self.asked || self.has_nothing_to_ask() {
            return None;
        }
        let due = self.due();
        let at = if connections.is_unblocked_by(due) {
            due
        } else {
            due.max(connections.first_unblocked(&self.brokers))
        };
        (at < Time::MAX).then_some(Deadline { at, why: "metadata refresh" })
    }

    fn has_nothing_to_ask(&self) -> bool {
        self.topics.is_empty() && !self.all.wanted
    }

    /// An answer names all topics: those that it does not name are not there.
    fn learn_all(&mut self, response: &MetadataResponse) {
        let named: Vec<&StrBytes> = response
            .topics
            .iter()
            .filter_map(|topic| topic.name.as_ref())
            .map(|name| &name.0)
            .collect();
        for name in &named {
            if self.find(name).is_none() {
                self.add(name);
            }
        }
        for place in 0..self.topics.len() {
            if !named.contains(&&self.topics[place].name) {
                self.forget_topic(place);
            }
        }
        self.all.news = true;
    }

    fn due(&self) -> Time {
        if self.wanted { self.not_before } else { self.expires_at.max(self.not_before) }
    }

    fn learn_broker(&mut self, broker: NodeId) {
        if let Err(index) = self.brokers.binary_search(&broker) {
            self.brokers.insert(index, broker);
        }
    }

    /// Keeps what is known if the answer is from an older epoch: brokers answer from their own, possibly stale, view.
    /// A topic that was created again begins with epochs of its own.
    fn learn_partition(
        &mut self,
        place: usize,
        partition: &MetadataResponsePartition,
        renewed: bool,
    ) {
        let Ok(index) = usize::try_from(partition.partition_index) else {
            return;
        };
        let key = PartitionKey { topic: place, partition: partition.partition_index };
        self.make_room(place, index + 1);
        let partitions = &mut self.topics[place].partitions;
        let epoch = LeaderEpoch(partition.leader_epoch);
        if epoch >= partitions[index].epoch || renewed {
            let leader = (partition.leader_id.0 >= 0).then_some(NodeId(partition.leader_id.0));
            if epoch != partitions[index].epoch {
                self.learned.push((key, epoch));
            }
            partitions[index] = Leadership { leader, epoch };
            self.untold.remove(&key);
        }
    }

    /// A topic has so many partitions at the least.
    fn make_room(&mut self, place: usize, count: usize) {
        for partition in self.topics[place].partitions.len()..count {
            let partition = i32::try_from(partition).expect("a partition's number is an i32");
            let key = PartitionKey { topic: place, partition };
            let known = self.foretold(key);
            self.foretold.remove(&key);
            self.topics[place].partitions.push(known);
        }
    }
}

/// Whether an error means that the client's picture of the cluster may be old.
/// Source: the subclasses of `InvalidMetadataException`.
pub(crate) fn is_stale_metadata(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::NotLeaderOrFollower
            | ErrorCode::UnknownTopicOrPartition
            | ErrorCode::UnknownTopicId
            | ErrorCode::InconsistentTopicId
            | ErrorCode::LeaderNotAvailable
            | ErrorCode::FencedLeaderEpoch
            | ErrorCode::UnknownLeaderEpoch
            | ErrorCode::ReplicaNotAvailable
            | ErrorCode::KafkaStorageError
            | ErrorCode::ListenerNotFound
            | ErrorCode::NetworkException
    )
}

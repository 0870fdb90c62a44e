//! Fetch by consumers: records below the high watermark, or a wait for them. Source: rule 2.1.10, KIP-320, Kafka's
//! `ReplicaManager.fetchMessages` and `DelayedFetch`. In a session (KIP-227) only what may have news is read,
//! and only news is told.

use bytes::{Bytes, BytesMut};

use crate::broker::handle::asked_topic::AskedTopic;
use crate::broker::handle::isolation_level;
use crate::broker::purgatory::{ConsumerFetch, Wait};
use crate::broker::{Broker, Caller};
use crate::config::ms;
use crate::fetch_session::cache::FetchContext;
use crate::fetch_session::session::{PartitionName, Returned, SessionKey, Wanted};
use crate::fetch_session::{FetchMetadata, SessionError};
use crate::log::ReadLimit;
use crate::message::{ClientResponse, EpochEnd, ResponseBody};
use crate::node::Effects;
use crate::note::{AbortedTransaction, ConsumerNote, IsolationLevel, Note};
use crate::partition::{ConsumerRead, Partition};
use crate::proto::{
    AbortedTransaction as WireAborted, BrokerId, ErrorCode, FetchPartition, FetchRequest,
    FetchResponse, FetchTopic, FetchableTopicResponse, PartitionData, StrBytes, TopicName, uuid,
};
use crate::record::RecordBatch;
use crate::types::{LeaderEpoch, NodeId, Now, Offset, TopicPartition};

/// What a fetch would be answered now.
#[derive(Debug)]
pub(in crate::broker) struct Answer {
    parts: Vec<Part>,
    /// Bytes of records in it.
    bytes: usize,
    /// Whether a partition has an answer that does not wait for bytes: an error or a divergence.
    urgent: bool,
    /// What the consumer may see.
    isolation: IsolationLevel,
    /// Where it is.
    rack: StrBytes,
    /// What becomes true once it is sent, for a caller that is filled in then.
    facts: Vec<Fact>,
}

/// What is noted when the answer is sent.
#[derive(Debug)]
enum Fact {
    Served {
        partition: TopicPartition,
        leader_epoch: LeaderEpoch,
        current_leader_epoch: LeaderEpoch,
        fetch_offset: Offset,
        batches: Vec<RecordBatch>,
        aborted: Vec<AbortedTransaction>,
    },
    Diverged {
        partition: TopicPartition,
        leader_epoch: LeaderEpoch,
        asked: LeaderEpoch,
        end: EpochEnd,
    },
    Refused {
        partition: TopicPartition,
        error: ErrorCode,
    },
    Sent {
        partition: TopicPartition,
        leader_epoch: LeaderEpoch,
        replica: NodeId,
        fetch_offset: Offset,
    },
}

impl Answer {
    /// Whether the answer should be sent before the request's time is up.
    pub(in crate::broker) fn is_due(&self, request: &FetchRequest) -> bool {
        self.urgent || self.bytes >= usize::try_from(request.min_bytes).unwrap_or(0)
    }

    /// Whether a partition is led in a later epoch than the request names, or its log begins behind what is asked
    /// for: a leader that was elected again, or has deleted records that were not decided, lets such a request wait
    /// until its time is up. Source: `DelayedFetch.tryComplete`, for which neither looks.
    pub(in crate::broker) fn is_let_wait(&self) -> bool {
        let errors = [ErrorCode::FencedLeaderEpoch.code(), ErrorCode::OffsetOutOfRange.code()];
        self.parts.iter().any(|part| errors.contains(&part.data.error_code))
    }
}

/// What is answered for one partition.
#[derive(Debug)]
struct Part {
    topic: TopicName,
    /// In the session, if it is read for one.
    key: Option<SessionKey>,
    id: Option<TopicPartition>,
    wanted: Wanted,
    data: PartitionData,
}

impl Part {
    /// As the wire has it: as it was asked for, or as it was found by its name; else zero.
    fn topic_id(&self) -> u128 {
        let found = self.id.map(|id| u128::from(id.topic.0));
        self.wanted.topic.or(found).unwrap_or(0)
    }

    fn name(&self) -> PartitionName<'_> {
        PartitionName::Name(&self.topic, self.data.partition_index)
    }

    fn returned(&self) -> Returned {
        let (error, diverging) = (self.data.error_code, self.data.diverging_epoch.end_offset);
        Returned {
            high_watermark: Offset(self.data.high_watermark),
            log_start_offset: Offset(self.data.log_start_offset),
            // Where it should read instead must be told, too.
            has_records: self.data.records.as_ref().is_some_and(|records| !records.is_empty())
                || self.data.preferred_read_replica.0 >= 0,
            is_error: error != 0,
            is_diverging: diverging >= 0,
            is_taken: error == 0 && diverging < 0,
        }
    }

    /// Whether only a change of the partition can bring news: all that may be read was read.
    fn rests(&self) -> bool {
        let returned = self.returned();
        !returned.has_records
            && !returned.is_error
            && !returned.is_diverging
            && self.wanted.fetch_offset >= returned.high_watermark
    }
}

impl Broker {
    pub(super) fn on_fetch(
        &mut self,
        now: Now,
        caller: Caller,
        request: Box<FetchRequest>,
        effects: &mut Effects,
    ) {
        let metadata =
            FetchMetadata { session_id: request.session_id, epoch: request.session_epoch };
        let image = self.metadata.image();
        let named = request.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|asked| {
                let name = PartitionName::Name(&topic.topic, asked.partition);
                let wanted = wanted(topic, asked);
                let id = AskedTopic::known_by(&topic.topic, wanted.topic);
                (name, id.resolve(image, asked.partition).ok(), wanted)
            })
        });
        let forgotten = request.forgotten_topics_data.iter().flat_map(|topic| {
            topic.partitions.iter().map(|index| PartitionName::Name(&topic.topic, *index))
        });
        let asked = (now.time, caller.from);
        let (context, ended) = self.fetch_sessions.open(asked, metadata, named, forgotten, effects);
        self.end_session(&ended, effects);
        let context = match context {
            Ok(context) => context,
            Err(error) => {
                let code = match error {
                    SessionError::IdNotFound => ErrorCode::FetchSessionIdNotFound,
                    SessionError::InvalidEpoch => ErrorCode::InvalidFetchSessionEpoch,
                };
                let response = FetchResponse::default().with_error_code(code.code());
                let body = ResponseBody::Client(ClientResponse::Fetch(Box::new(response)));
                return self.connections.reply(caller, body, effects);
            }
        };
        let fetch = ConsumerFetch { request, context };
        let answer = self.read_for_consumer(&fetch);
        let waits = fetch.request.max_wait_ms > 0 && !answer.is_due(&fetch.request);
        let watched: Vec<TopicPartition> = match context {
            FetchContext::Incremental(id) if waits => {
                for (key, partition) in answer.parts.iter().filter_map(|it| it.key.zip(it.id)) {
                    self.fetch_sessions.identify(id, key, partition);
                }
                self.fetch_sessions.waits(id, caller.connection);
                Vec::new()
            }
            FetchContext::Full | FetchContext::Sessionless if waits && !answer.parts.is_empty() => {
                answer.parts.iter().filter_map(|part| part.id).collect()
            }
            FetchContext::Incremental(_) | FetchContext::Full | FetchContext::Sessionless => {
                return self.reply_fetch(now, caller, context, answer, effects);
            }
        };
        let deadline = now.time + ms(fetch.request.max_wait_ms as u64);
        self.purgatory.park(caller, deadline, Wait::Fetch(fetch), watched);
    }

    /// Sends the answer and notes what it tells: in a session, only what the consumer has not been told.
    pub(in crate::broker) fn reply_fetch(
        &mut self,
        now: Now,
        caller: Caller,
        context: FetchContext,
        mut answer: Answer,
        effects: &mut Effects,
    ) {
        self.fetch_sessions.waits_no_more(context, caller.connection);
        if !self.connections.is_open(caller) {
            return;
        }
        let session_id = match context {
            FetchContext::Sessionless => FetchMetadata::NO_SESSION,
            FetchContext::Full => {
                let returned = answer.parts.iter();
                let returned =
                    returned.map(|part| (part.name(), part.id, part.wanted, part.returned()));
                let (id, ended) = self.fetch_sessions.create(now.time, None, returned);
                self.end_session(&ended, effects);
                id
            }
            FetchContext::Incremental(id) => {
                answer.parts.retain(|part| {
                    let key = part.key.expect("it was read for a session");
                    self.fetch_sessions.returned(id, (key, part.id), part.returned(), part.rests())
                });
                id
            }
        };
        for fact in answer.facts {
            if let Some(note) = fact.into_note(caller.from, answer.isolation) {
                effects.note(note);
            }
        }
        let response = FetchResponse::default()
            .with_session_id(session_id)
            .with_responses(by_topic(answer.parts));
        self.connections.reply(
            caller,
            ResponseBody::Client(ClientResponse::Fetch(Box::new(response))),
            effects,
        );
    }

    /// Reads for a consumer what is there now, and sends it to another replica where there is a better one.
    pub(in crate::broker) fn read_for_consumer(&self, fetch: &ConsumerFetch) -> Answer {
        self.read_in_rack(fetch, fetch.request.rack_id.clone())
    }

    /// What a fetch that waits is looked at for: that another replica is the better one by now ends no waiting. Source:
    /// `DelayedFetch.tryComplete`.
    pub(in crate::broker) fn read_for_waiting(&self, fetch: &ConsumerFetch) -> Answer {
        self.read_in_rack(fetch, StrBytes::default())
    }

    fn read_in_rack(&self, fetch: &ConsumerFetch, rack: StrBytes) -> Answer {
        let request = &fetch.request;
        let count = match fetch.context {
            FetchContext::Incremental(id) => self.fetch_sessions.due_count(id),
            FetchContext::Full | FetchContext::Sessionless => 0,
        };
        let mut answer = Answer {
            parts: Vec::with_capacity(count),
            bytes: 0,
            urgent: false,
            isolation: isolation_level(request.isolation_level),
            rack,
            facts: Vec::new(),
        };
        if let FetchContext::Incremental(id) = fetch.context {
            self.read_session(id, request.max_bytes, &mut answer);
            return answer;
        }
        for topic in &request.topics {
            for asked in &topic.partitions {
                let name = (&topic.topic, asked.partition);
                let (wanted, bytes_max) = (wanted(topic, asked), request.max_bytes);
                let id = AskedTopic::known_by(name.0, wanted.topic);
                let id = id.resolve(self.metadata.image(), name.1);
                let data = self.read_one((name.0, id), name.1, wanted, bytes_max, &mut answer);
                let topic = topic.topic.clone();
                answer.parts.push(Part { topic, key: None, id: id.ok(), wanted, data });
            }
        }
        answer
    }

    /// Reads what of a session may have news.
    fn read_session(&self, session: i32, bytes_max: i32, answer: &mut Answer) {
        let Some(partitions) = self.fetch_sessions.get(session) else { return };
        for (key, cached) in partitions.due() {
            let (Some(topic), index) = (partitions.topic(key), key.partition()) else { continue };
            let known = cached.id.filter(|id| self.partitions.contains_key(id));
            let asked = AskedTopic::known_by(topic, cached.wanted.topic);
            let find = || asked.resolve(self.metadata.image(), index);
            let id = known.map_or_else(find, Ok);
            let data = self.read_one((topic, id), index, cached.wanted, bytes_max, answer);
            let (topic, wanted) = (topic.clone(), cached.wanted);
            answer.parts.push(Part { topic, key: Some(key), id: id.ok(), wanted, data });
        }
    }

    fn read_one(
        &self,
        (topic, id): (&TopicName, Result<TopicPartition, ErrorCode>),
        index: i32,
        wanted: Wanted,
        bytes_max: i32,
        answer: &mut Answer,
    ) -> PartitionData {
        let left = (bytes_max.max(0) as u32).saturating_sub(answer.bytes as u32);
        let partition = match id.and_then(|id| self.hosted_as(id)) {
            Ok(partition) => partition,
            Err(error) => return self.refuse_one(topic, index, None, error, answer),
        };
        let near = self.preferred_read_replica(partition, &answer.rack, wanted.fetch_offset);
        if let Some(replica) = near {
            return self.send_to_replica((topic, index), partition, wanted, replica, answer);
        }
        let read = partition.consumer_fetch(
            wanted.current_leader_epoch,
            wanted.fetch_offset,
            wanted.last_fetched_epoch,
            // Only the first that has records may go beyond the limits. Source: `ReplicaManager.readFromLog`.
            (
                ReadLimit { bytes_max: left.min(wanted.bytes_max), min_one: answer.bytes == 0 },
                answer.isolation,
            ),
        );
        let read = match read {
            Ok(read) => read,
            Err(error) => {
                return self.refuse_one(topic, index, Some(partition.id()), error, answer);
            }
        };
        let data = partition_data(index, &read, answer);
        answer.facts.extend(read.diverging.map(|end| Fact::Diverged {
            partition: partition.id(),
            leader_epoch: partition.leader_epoch(),
            asked: wanted.last_fetched_epoch,
            end,
        }));
        if !read.batches.is_empty() {
            answer.facts.push(Fact::Served {
                partition: partition.id(),
                leader_epoch: partition.leader_epoch(),
                current_leader_epoch: wanted.current_leader_epoch,
                fetch_offset: wanted.fetch_offset,
                batches: read.batches,
                aborted: read.aborted,
            });
        }
        data
    }

    /// Nothing is read for a consumer that is sent to another replica, and it is told so at once.
    fn send_to_replica(
        &self,
        (topic, index): (&TopicName, i32),
        partition: &Partition,
        wanted: Wanted,
        replica: NodeId,
        answer: &mut Answer,
    ) -> PartitionData {
        let id = partition.id();
        match partition.consumer_bounds(wanted.current_leader_epoch) {
            Err(error) => self.refuse_one(topic, index, Some(id), error, answer),
            Ok(bounds) => {
                answer.urgent = true;
                answer.facts.push(Fact::Sent {
                    partition: id,
                    leader_epoch: partition.leader_epoch(),
                    replica,
                    fetch_offset: wanted.fetch_offset,
                });
                partition_data(index, &bounds, answer)
                    .with_preferred_read_replica(BrokerId(replica.0))
            }
        }
    }

    fn refuse_one(
        &self,
        topic: &TopicName,
        index: i32,
        id: Option<TopicPartition>,
        error: ErrorCode,
        answer: &mut Answer,
    ) -> PartitionData {
        answer.urgent = true;
        answer.facts.extend(id.map(|partition| Fact::Refused { partition, error }));
        let mut data = PartitionData::default()
            .with_partition_index(index)
            .with_error_code(error.code())
            .with_high_watermark(Offset::NONE.0)
            .with_records(Some(Bytes::new()));
        if matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch) {
            (data.current_leader.leader_id, data.current_leader.leader_epoch) =
                self.current_leader(topic, index);
        }
        data
    }

    /// Who leads a partition as far as this broker knows, for clients that ask the wrong one. Source: KIP-951.
    pub(super) fn current_leader(&self, topic: &TopicName, partition: i32) -> (BrokerId, i32) {
        let id = self.resolve(topic, partition).ok();
        let registration = id.and_then(|id| self.metadata.image().partitions.get(&id));
        let leader =
            registration.and_then(|registration| registration.leader).map_or(-1, |leader| leader.0);
        (BrokerId(leader), registration.map_or(-1, |registration| registration.leader_epoch.0))
    }
}

fn wanted(topic: &FetchTopic, asked: &FetchPartition) -> Wanted {
    let id = topic.topic_id.as_u128();
    Wanted {
        topic: (id != 0).then_some(id),
        current_leader_epoch: LeaderEpoch(asked.current_leader_epoch),
        fetch_offset: Offset(asked.fetch_offset),
        last_fetched_epoch: LeaderEpoch(asked.last_fetched_epoch),
        log_start_offset: Offset(asked.log_start_offset),
        bytes_max: asked.partition_max_bytes.max(0) as u32,
    }
}

/// Partitions that follow each other and are of one topic go together.
fn by_topic(parts: Vec<Part>) -> Vec<FetchableTopicResponse> {
    let mut topics: Vec<FetchableTopicResponse> = Vec::new();
    for part in parts {
        let id = part.topic_id();
        let is_same = |topic: &&mut FetchableTopicResponse| {
            topic.topic == part.topic && topic.topic_id.as_u128() == id
        };
        match topics.last_mut().filter(is_same) {
            Some(topic) => topic.partitions.push(part.data),
            None => topics.push(
                FetchableTopicResponse::default()
                    .with_topic(part.topic)
                    .with_topic_id(uuid(id))
                    .with_partitions(vec![part.data]),
            ),
        }
    }
    topics
}

fn partition_data(index: i32, read: &ConsumerRead, answer: &mut Answer) -> PartitionData {
    let records = join(&read.batches);
    answer.bytes += records.len();
    let mut data = PartitionData::default()
        .with_partition_index(index)
        .with_high_watermark(read.high_watermark.0)
        .with_last_stable_offset(read.last_stable_offset.0)
        .with_log_start_offset(read.log_start_offset.0)
        .with_records(Some(records));
    if answer.isolation == IsolationLevel::ReadCommitted {
        let aborted = read.aborted.iter().map(|aborted| {
            WireAborted::default()
                .with_producer_id(aborted.producer_id.0.into())
                .with_first_offset(aborted.first_offset.0)
        });
        data.aborted_transactions = Some(aborted.collect());
    }
    if let Some(end) = read.diverging {
        answer.urgent = true;
        data.diverging_epoch.epoch = end.epoch.0;
        data.diverging_epoch.end_offset = end.end_offset.0;
    }
    data
}

/// The bytes of several batches; those of one are shared, not copied.
fn join(batches: &[RecordBatch]) -> Bytes {
    if let [only] = batches {
        return only.bytes().clone();
    }
    let mut joined = BytesMut::with_capacity(batches.iter().map(|batch| batch.bytes().len()).sum());
    for batch in batches {
        joined.extend_from_slice(batch.bytes());
    }
    joined.freeze()
}

impl Fact {
    fn into_note(self, consumer: NodeId, isolation: IsolationLevel) -> Option<Note> {
        match self {
            Self::Served {
                partition,
                leader_epoch,
                current_leader_epoch,
                fetch_offset,
                batches,
                aborted,
            } => Some(Note::Consumer(ConsumerNote::RecordsServed {
                partition,
                leader_epoch,
                consumer,
                current_leader_epoch,
                fetch_offset,
                isolation,
                batches: batches.iter().map(RecordBatch::summary).collect(),
                aborted,
            })),
            Self::Diverged { partition, leader_epoch, asked, end } => {
                let EpochEnd { epoch, end_offset } = end;
                Some(Note::Consumer(ConsumerNote::EpochEndServed {
                    partition,
                    leader_epoch,
                    asked,
                    epoch,
                    end_offset,
                }))
            }
            Self::Sent { partition, leader_epoch, replica, fetch_offset } => {
                Some(Note::Consumer(ConsumerNote::ReadReplicaNamed {
                    partition,
                    leader_epoch,
                    consumer,
                    replica,
                    fetch_offset,
                }))
            }
            Self::Refused { partition, error } => super::fenced(partition, consumer, error),
        }
    }
}

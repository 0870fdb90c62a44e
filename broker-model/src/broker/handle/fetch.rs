//! Fetch by consumers: records below the high watermark, or a wait for them. Source: rule 2.1.10, KIP-320, Kafka's
//! `ReplicaManager.fetchMessages` and `DelayedFetch`. Fetch sessions are not offered: the session id is always 0.

use bytes::{Bytes, BytesMut};

use crate::broker::purgatory::Wait;
use crate::broker::{Broker, Caller};
use crate::config::ms;
use crate::message::{EpochEnd, ResponseBody};
use crate::node::Effects;
use crate::note::{IsolationLevel, Note};
use crate::partition::ConsumerRead;
use crate::proto::{
    BrokerId, ErrorCode, FetchPartition, FetchRequest, FetchResponse, FetchableTopicResponse,
};
use crate::proto::{PartitionData, TopicName};
use crate::record::RecordBatch;
use crate::types::{LeaderEpoch, NodeId, Now, Offset, TopicPartition};

/// What a fetch would be answered now.
#[derive(Debug)]
pub(in crate::broker) struct Answer {
    response: FetchResponse,
    /// Bytes of records in it.
    bytes: usize,
    /// Whether a partition has an answer that does not wait for bytes: an error or a divergence.
    urgent: bool,
    /// What the consumer may see.
    isolation: IsolationLevel,
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
}

impl Answer {
    /// Whether the answer should be sent before the request's time is up.
    pub(in crate::broker) fn is_due(&self, request: &FetchRequest) -> bool {
        self.urgent || self.bytes >= usize::try_from(request.min_bytes).unwrap_or(0)
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
        let answer = self.read_for_consumer(&request);
        if request.max_wait_ms <= 0 || request.topics.is_empty() || answer.is_due(&request) {
            self.reply_fetch(caller, answer, effects);
            return;
        }
        let asked = request.topics.iter().flat_map(|topic| {
            topic
                .partitions
                .iter()
                .filter_map(|asked| self.resolve(&topic.topic, asked.partition).ok())
        });
        let watched = asked.collect();
        let deadline = now.time + ms(request.max_wait_ms as u64);
        self.purgatory.park(caller, deadline, Wait::Fetch(request), watched);
    }

    /// Sends the answer and notes what it tells.
    pub(in crate::broker) fn reply_fetch(
        &mut self,
        caller: Caller,
        answer: Answer,
        effects: &mut Effects,
    ) {
        if !self.connections.is_open(caller) {
            return;
        }
        for fact in answer.facts {
            if let Some(note) = fact.into_note(caller.from, answer.isolation) {
                effects.note(note);
            }
        }
        self.connections.reply(caller, ResponseBody::Fetch(Box::new(answer.response)), effects);
    }

    /// Reads for a consumer what is there now.
    pub(in crate::broker) fn read_for_consumer(&self, request: &FetchRequest) -> Answer {
        let mut answer = Answer {
            response: FetchResponse::default(),
            bytes: 0,
            urgent: false,
            isolation: isolation(request),
            facts: Vec::new(),
        };
        for topic in &request.topics {
            let mut partitions = Vec::with_capacity(topic.partitions.len());
            for asked in &topic.partitions {
                partitions.push(self.read_one(&topic.topic, asked, request.max_bytes, &mut answer));
            }
            let topic = FetchableTopicResponse::default().with_topic(topic.topic.clone());
            answer.response.responses.push(topic.with_partitions(partitions));
        }
        answer
    }

    fn read_one(
        &self,
        topic: &TopicName,
        asked: &FetchPartition,
        bytes_max: i32,
        answer: &mut Answer,
    ) -> PartitionData {
        let left = (bytes_max.max(0) as u32).saturating_sub(answer.bytes as u32);
        let partition = match self.hosted(topic, asked.partition) {
            Ok(partition) => partition,
            Err(error) => return self.refuse_one(topic, asked, None, error, answer),
        };
        let read = partition.consumer_fetch(
            LeaderEpoch(asked.current_leader_epoch),
            Offset(asked.fetch_offset),
            LeaderEpoch(asked.last_fetched_epoch),
            left.min(asked.partition_max_bytes.max(0) as u32),
        );
        let mut read = match read {
            Ok(read) => read,
            Err(error) => {
                return self.refuse_one(topic, asked, Some(partition.id()), error, answer);
            }
        };
        if answer.bytes > 0 && left == 0 {
            // The response is full; only its first records may go beyond the limit. Source: KIP-74.
            read.batches.clear();
        }
        let data = partition_data(asked.partition, &read, answer);
        answer.facts.extend(read.diverging.map(|end| Fact::Diverged {
            partition: partition.id(),
            leader_epoch: partition.leader_epoch(),
            asked: LeaderEpoch(asked.last_fetched_epoch),
            end,
        }));
        if !read.batches.is_empty() {
            answer.facts.push(Fact::Served {
                partition: partition.id(),
                leader_epoch: partition.leader_epoch(),
                current_leader_epoch: LeaderEpoch(asked.current_leader_epoch),
                fetch_offset: Offset(asked.fetch_offset),
                batches: read.batches,
            });
        }
        data
    }

    fn refuse_one(
        &self,
        topic: &TopicName,
        asked: &FetchPartition,
        id: Option<TopicPartition>,
        error: ErrorCode,
        answer: &mut Answer,
    ) -> PartitionData {
        answer.urgent = true;
        answer.facts.extend(id.map(|partition| Fact::Refused { partition, error }));
        let mut data = PartitionData::default()
            .with_partition_index(asked.partition)
            .with_error_code(error.code())
            .with_high_watermark(Offset::NONE.0)
            .with_records(Some(Bytes::new()));
        if matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::FencedLeaderEpoch) {
            (data.current_leader.leader_id, data.current_leader.leader_epoch) =
                self.current_leader(topic, asked.partition);
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

fn partition_data(index: i32, read: &ConsumerRead, answer: &mut Answer) -> PartitionData {
    let records = join(&read.batches);
    answer.bytes += records.len();
    let mut data = PartitionData::default()
        .with_partition_index(index)
        .with_high_watermark(read.high_watermark.0)
        .with_last_stable_offset(read.high_watermark.0)
        .with_log_start_offset(read.log_start_offset.0)
        .with_records(Some(records));
    if let Some(end) = read.diverging {
        answer.urgent = true;
        data.diverging_epoch.epoch = end.epoch.0;
        data.diverging_epoch.end_offset = end.end_offset.0;
    }
    data
}

fn isolation(request: &FetchRequest) -> IsolationLevel {
    if request.isolation_level == 0 {
        IsolationLevel::ReadUncommitted
    } else {
        IsolationLevel::ReadCommitted
    }
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
            } => Some(Note::RecordsServed {
                partition,
                leader_epoch,
                consumer,
                current_leader_epoch,
                fetch_offset,
                isolation,
                batches: batches.iter().map(RecordBatch::summary).collect(),
                aborted: Vec::new(),
            }),
            Self::Diverged { partition, leader_epoch, asked, end } => {
                let EpochEnd { epoch, end_offset } = end;
                Some(Note::EpochEndServed { partition, leader_epoch, asked, epoch, end_offset })
            }
            Self::Refused { partition, error } => super::fenced(partition, consumer, error),
        }
    }
}

//! What workers of share groups ask of leaders, and leaders of share coordinators: our own small structs, with the
//! meaning of Kafka's `ShareFetch`, `ShareAcknowledge`, `ReadShareGroupState` and `WriteShareGroupState` (KIP-932).

use serde::{Deserialize, Serialize};

use crate::proto::ErrorCode;
use crate::record::RecordBatch;
use crate::types::{LeaderEpoch, Offset, TopicPartition};

/// What becomes of a record that a member held. Source: KIP-932, Kafka's `AcknowledgeType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AcknowledgeType {
    /// There is no record at the offset.
    Gap,
    /// It is done.
    Accept,
    /// Somebody shall try again.
    Release,
    /// Nobody shall try again.
    Reject,
}

impl AcknowledgeType {
    /// Whether nobody shall get it again.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Release)
    }
}

/// Consecutive offsets, with the last one. Source: Kafka's `AcknowledgementBatch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledgement {
    /// The first.
    pub first: Offset,
    /// The last.
    pub last: Offset,
    /// What becomes of them.
    pub what: AcknowledgeType,
}

/// `ShareFetch`, with the acknowledgements that ride on it.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareFetchRequest {
    /// The group.
    pub group: String,
    /// The member.
    pub member: String,
    /// Epoch of the share session: 0 opens one.
    pub session_epoch: i32,
    /// What is wanted of.
    pub partitions: Vec<TopicPartition>,
    /// What is acknowledged.
    pub acknowledgements: Vec<(TopicPartition, Vec<Acknowledgement>)>,
    /// At most so many records.
    pub records_max: u32,
    /// How long the leader may wait for some, in milliseconds.
    pub wait_max_ms: u64,
}

/// Answer to [`ShareFetchRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct ShareFetchResponse {
    /// Why all of it is refused.
    pub error: Option<ErrorCode>,
    /// What became of acknowledgements.
    pub acknowledged: Vec<(TopicPartition, Option<ErrorCode>)>,
    /// Partitions from which something was acquired, or which cannot be asked here.
    pub partitions: Vec<ShareFetchedPartition>,
}

impl ShareFetchResponse {
    /// One that refuses all of it.
    pub fn refused(error: ErrorCode) -> Self {
        Self { error: Some(error), acknowledged: Vec::new(), partitions: Vec::new() }
    }
}

/// A partition in a [`ShareFetchResponse`].
#[derive(Debug, Clone, PartialEq)]
pub struct ShareFetchedPartition {
    /// Which.
    pub partition: TopicPartition,
    /// Why it cannot be asked here.
    pub error: Option<ErrorCode>,
    /// What the member holds from now on.
    pub acquired: Vec<AcquiredRecords>,
    /// The batches in which these are.
    pub batches: Vec<RecordBatch>,
}

/// Consecutive offsets that are acquired, with the last one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcquiredRecords {
    /// The first.
    pub first: Offset,
    /// The last.
    pub last: Offset,
    /// How often they were delivered, this time included.
    pub delivery_count: u32,
}

/// Names a share-partition: its group and partition. Source: Kafka's `SharePartitionKey`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharePartitionKey {
    /// The partition.
    pub partition: TopicPartition,
    /// The group.
    pub group: String,
}

impl SharePartitionKey {
    /// By this the coordinator is found. Source: `SharePartitionKey.asCoordinatorKey`.
    pub fn coordinator_key(&self) -> String {
        let TopicPartition { topic, partition } = self.partition;
        format!("{}:{topic}:{partition}", self.group)
    }
}

/// A leader asks the share coordinator for what is known of a share-partition, or to write what has changed.
#[derive(Debug, Clone, PartialEq)]
pub struct ShareStateRequest {
    /// Which share-partition.
    pub key: SharePartitionKey,
    /// The epoch in which it is led.
    pub leader_epoch: LeaderEpoch,
    /// What is to be written; nothing is only read.
    pub write: Option<ShareStateWrite>,
}

/// What is to be written of a share-partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareStateWrite {
    /// The share-partition's start offset.
    pub start_offset: Offset,
    /// What changed.
    pub batches: Vec<StateBatch>,
}

/// Answer to [`ShareStateRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct ShareStateResponse {
    /// Which share-partition.
    pub key: SharePartitionKey,
    /// What is known, to who read; or why not.
    pub result: Result<Option<ShareState>, ErrorCode>,
}

/// What is known of a share-partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShareState {
    /// Its start offset; none before the first write.
    pub start_offset: Option<Offset>,
    /// States of offsets from there on.
    pub batches: Vec<StateBatch>,
}

/// State of an offset, as it is stored: that somebody holds it never is. Source: `RecordState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeliveryState {
    /// Somebody may get it.
    Available,
    /// It is done.
    Acknowledged,
    /// It is given up.
    Archived,
}

impl DeliveryState {
    /// Whether nobody shall get it again.
    pub fn is_final(self) -> bool {
        !matches!(self, Self::Available)
    }
}

/// Consecutive offsets of one state, with the last one. Source: `PersisterStateBatch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct StateBatch {
    /// The first.
    pub first: Offset,
    /// The last.
    pub last: Offset,
    /// Their state.
    pub state: DeliveryState,
    /// How often they were delivered.
    pub delivery_count: u32,
}

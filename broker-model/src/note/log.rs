//! Facts of a replica's log. `partition` is [`TopicPartition::METADATA`] at controllers.

use serde::{Deserialize, Serialize};

use crate::types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TopicPartition, WallTime,
};

/// A fact of a log.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum LogNote {
    /// A batch was appended to this node's log (page cache).
    Appended {
        /// Whose log.
        partition: TopicPartition,
        /// What.
        batch: BatchSummary,
        /// By whose decision.
        origin: AppendOrigin,
        /// The epoch in which this node leads or follows.
        leader_epoch: LeaderEpoch,
        /// The `acks` of the produce request that a leader took it from; 0 where no producer waits for an answer.
        acks: i16,
    },
    /// The log was cut so that it ends at `to`.
    Truncated {
        /// Whose log.
        partition: TopicPartition,
        /// Log end before.
        from: Offset,
        /// Log end after.
        to: Offset,
        /// Why.
        reason: TruncateReason,
    },
    /// The log was opened at boot.
    Recovered {
        /// Whose log.
        partition: TopicPartition,
        /// Log start.
        log_start_offset: Offset,
        /// Log end.
        log_end_offset: Offset,
        /// High watermark from the checkpoint, bounded by the log.
        high_watermark: Offset,
        /// Whether the clean-shutdown marker was there.
        clean: bool,
        /// What it holds, in order: a power loss may also undo a cut, so the end alone does not tell.
        batches: Vec<BatchSummary>,
    },
    /// This replica knows that epochs begin in its log at these offsets: stated when the log was opened or
    /// cut and when the replica begins to lead. Source: KIP-101, `LeaderEpochFileCache`.
    EpochsKnown {
        /// Whose log.
        partition: TopicPartition,
        /// Epochs and where they begin, ascending.
        epochs: Vec<(LeaderEpoch, Offset)>,
    },
    /// The log start moved up.
    StartMoved {
        /// Whose log.
        partition: TopicPartition,
        /// New log start.
        log_start_offset: Offset,
    },
    /// The log start is about to move up: what lies below is deleted, for this reason.
    RecordsDeleted {
        /// Whose log.
        partition: TopicPartition,
        /// Log start before.
        from: Offset,
        /// Log start after.
        to: Offset,
        /// Why.
        reason: DeletionReason,
    },
    /// This leader tells a client that all live replicas start here, or further.
    DeletionConfirmed {
        /// Whose log.
        partition: TopicPartition,
        /// The low watermark.
        low_watermark: Offset,
    },
    /// This node gave up its replica: its topic is deleted, or it is no replica any more. Its files are gone for good.
    Discarded {
        /// Whose log.
        partition: TopicPartition,
        /// Where it ended.
        log_end_offset: Offset,
        /// Whether the log was found at boot and the metadata knows of no such replica.
        stray: bool,
    },
    /// The keys of a batch that this leader appended to a compacted log.
    KeysAppended {
        /// Whose log.
        partition: TopicPartition,
        /// First offset of the batch.
        base_offset: Offset,
        /// Epoch of the leader.
        leader_epoch: LeaderEpoch,
        /// Its records, in order.
        records: Vec<KeyedRecord>,
    },
    /// The cleaner puts one segment in the place of those from `from` up to `to`: it is on the disk, and about to
    /// get its name.
    Cleaned {
        /// Whose log.
        partition: TopicPartition,
        /// First offset of the segment.
        from: Offset,
        /// Where the replaced segments ended.
        to: Offset,
        /// Where the dirty part began.
        first_dirty: Offset,
        /// The first offset that the round leaves alone.
        upper: Offset,
        /// All keys below are noted in the round's map: the rest is left as it is.
        end: Offset,
        /// When the round began, by this node's clock.
        at: WallTime,
        /// What is there now.
        batches: Vec<CleanedBatch>,
    },
    /// The dirty part of a compacted log begins here from now on.
    CleanerCheckpointed {
        /// Whose log.
        partition: TopicPartition,
        /// First dirty offset.
        first_dirty: Offset,
    },
}

/// A record of a compacted log, as far as the cleaner looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KeyedRecord {
    /// A hash of its key.
    pub key: u64,
    /// Whether it deletes its key.
    pub tombstone: bool,
}

/// A batch as the cleaner leaves it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct CleanedBatch {
    /// Its header.
    pub batch: BatchSummary,
    /// Offsets of the records that it has.
    pub records: Vec<Offset>,
    /// From when on its tombstones may go, or the marker that it is.
    pub delete_horizon: Option<WallTime>,
}

/// Why records at a log's front are deleted. Source: Kafka's `LogStartOffsetIncrementReason`,
/// `SegmentDeletionReason`. Traces tell a variant with fields by its name, so those keep theirs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DeletionReason {
    /// They are older than `retention.ms`.
    Time {
        /// `retention.ms`.
        limit_ms: i64,
        /// Age of the newest of them, by this node's clock and the record's own timestamp.
        age_ms: i64,
        /// The time by this node's clock.
        now: WallTime,
    },
    /// Without them the log has `retention.bytes` still.
    Size {
        /// `retention.bytes`.
        limit_bytes: i64,
        /// Size of the segments that are left.
        left_bytes: i64,
    },
    /// The leader's log starts there.
    #[serde(rename = "leader")]
    Leader,
    /// A client asked for it.
    #[serde(rename = "delete-records")]
    DeleteRecords,
    /// A snapshot holds what they gave: of the metadata log only. Source: KIP-630.
    #[serde(rename = "snapshot")]
    Snapshot,
}

/// A batch's header, as far as invariants need it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct BatchSummary {
    /// First offset.
    pub base_offset: Offset,
    /// Last offset.
    pub last_offset: Offset,
    /// Epoch of the leader that appended it.
    pub leader_epoch: LeaderEpoch,
    /// CRC-32C of everything that the leader does not assign.
    pub checksum: u32,
    /// Producer, or none.
    pub producer_id: ProducerId,
    /// Its epoch.
    pub producer_epoch: ProducerEpoch,
    /// Sequence of the first record.
    pub base_sequence: Sequence,
    /// What kind of records it holds.
    pub kind: BatchKind,
    /// Largest timestamp of its records, which their producers gave.
    pub max_timestamp: WallTime,
}

/// What kind of records a batch holds, by its attributes and the key of its control record. Source: KIP-98.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "kebab-case")]
pub enum BatchKind {
    /// Clients' records, in no transaction.
    #[default]
    Plain,
    /// Clients' records, in a transaction.
    Transactional,
    /// The end of its producer's transaction: its records before it are committed.
    CommitMarker,
    /// The end of its producer's transaction: its records before it are to be left out.
    AbortMarker,
    /// A control record that ends no transaction.
    Control,
}

/// By whose decision a batch was appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum AppendOrigin {
    /// As leader.
    Leader,
    /// Copied from the leader.
    Follower,
}

/// Why a log was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TruncateReason {
    /// The leader's log parts from ours there.
    Diverged,
    /// Our log is longer than the leader's, or entirely below its start.
    OutOfRange,
    /// To our own high watermark, as before KIP-101.
    HighWatermark,
    /// The log is empty and starts in the middle of a batch that the leader has: it starts with that batch instead.
    AcrossStart,
    /// A snapshot that was fetched ends beyond the log: of the metadata log only. Source: KIP-630.
    Snapshot,
}

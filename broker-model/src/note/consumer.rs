//! Facts of consumers: what leaders gave them, and what they found.

use serde::{Deserialize, Serialize};

use super::log::BatchSummary;
use crate::types::{LeaderEpoch, NodeId, Offset, ProducerId, TopicId, TopicPartition, WallTime};

/// A fact of consumers.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ConsumerNote {
    /// A leader gave records to a consumer.
    RecordsServed {
        /// From where.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// To whom.
        consumer: NodeId,
        /// The leader's epoch as the consumer knows it; [`LeaderEpoch::NONE`] if it did not tell.
        current_leader_epoch: LeaderEpoch,
        /// Offset asked for.
        fetch_offset: Offset,
        /// What the consumer may see.
        isolation: IsolationLevel,
        /// The batches, whole.
        batches: Vec<BatchSummary>,
        /// Transactions whose records the consumer is told to leave out. Empty with `read_uncommitted`.
        aborted: Vec<AbortedTransaction>,
    },
    /// A leader told a client the end offset.
    EndOffsetServed {
        /// Of what.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// The leader's epoch as the client knows it; [`LeaderEpoch::NONE`] if it did not tell.
        current_leader_epoch: LeaderEpoch,
        /// What the client may see: the high watermark with `read_uncommitted`, else the last stable offset.
        isolation: IsolationLevel,
        /// What it said.
        offset: Offset,
    },
    /// A leader told a client which record is the first that is as late as it asked for. Source: KIP-33, KIP-734.
    TimedOffsetServed {
        /// Of what.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// What the client may see.
        isolation: IsolationLevel,
        /// The time that it asked for; none for the latest that there is.
        from: Option<WallTime>,
        /// What it said; [`Offset::NONE`] if there is none.
        offset: Offset,
    },
    /// A leader told a client where an epoch ends in its log. Source: KIP-279, KIP-320.
    EpochEndServed {
        /// Of what.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// The epoch asked for.
        asked: LeaderEpoch,
        /// The epoch answered: the largest known that is not above the one asked for.
        epoch: LeaderEpoch,
        /// Where it ends.
        end_offset: Offset,
    },
    /// A leader sent a consumer to another replica, to read from that. Source: KIP-392.
    ReadReplicaNamed {
        /// Of what.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// Who is sent.
        consumer: NodeId,
        /// To whom.
        replica: NodeId,
        /// Offset asked for.
        fetch_offset: Offset,
    },
    /// A consumer found that the log it has read was cut.
    TruncationDetected {
        /// Topic-partition as text.
        partition: String,
        /// Which topic of that name, as far as the client was told.
        topic_id: Option<TopicId>,
        /// Its position.
        position: Offset,
        /// Where the logs part.
        diverged_at: Offset,
    },
    /// A consumer's position was out of range and was reset.
    PositionReset {
        /// Topic-partition as text.
        partition: String,
        /// Which topic of that name, as far as the client was told.
        topic_id: Option<TopicId>,
        /// Before.
        from: Offset,
        /// After.
        to: Offset,
    },
    /// A consumer sent a commit once more, after an attempt that failed.
    CommitRepeated {
        /// Of which group.
        group: String,
        /// Whether its application waits for it, or did until it was woken up.
        waits: bool,
    },
}

/// What a consumer may see. Source: KIP-98, `isolation.level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IsolationLevel {
    /// All below the high watermark.
    ReadUncommitted,
    /// Committed transactions' records and those in no transaction, below the last stable offset.
    ReadCommitted,
}

impl IsolationLevel {
    /// As on the wire.
    pub const fn wire(self) -> i8 {
        match self {
            Self::ReadUncommitted => 0,
            Self::ReadCommitted => 1,
        }
    }
}

/// A transaction whose records a consumer is told to leave out, up to its abort marker. Source: KIP-98.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AbortedTransaction {
    /// Whose.
    pub producer_id: ProducerId,
    /// Its first record on the partition.
    pub first_offset: Offset,
}

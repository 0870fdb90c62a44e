//! Facts of transactions; stated once there are transaction coordinators, but for the last stable offset.

use serde::{Deserialize, Serialize};

use crate::types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition, TransactionOrdinal,
};

/// A fact of transactions.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TransactionNote {
    /// A transaction coordinator took a transactional id to another state, or to the same with more partitions: its
    /// record of it is committed. Source: KIP-98, KIP-890, `TransactionMetadata`.
    StateChanged {
        /// Which.
        transactional_id: String,
        /// Its producer.
        producer_id: ProducerId,
        /// The epoch that is valid now.
        producer_epoch: ProducerEpoch,
        /// Which of the producer's transactions, counted by the coordinator; it grows with each that begins.
        transaction: TransactionOrdinal,
        /// State.
        state: TransactionState,
        /// For how long a transaction may be open, in milliseconds. Source: `transaction.timeout.ms`.
        timeout_ms: u64,
        /// In which epoch of its partition of the transaction log the coordinator is one: a deposed one may state late
        /// what its successor has read in that log.
        coordinator_epoch: LeaderEpoch,
    },
    /// A transaction coordinator registered a partition in an ongoing transaction: it will get a marker. Source:
    /// KIP-98.
    PartitionAdded {
        /// Its producer.
        producer_id: ProducerId,
        /// Which transaction.
        transaction: TransactionOrdinal,
        /// Which partition.
        partition: TopicPartition,
    },
    /// The transactional batch or marker that this leader appends now belongs to this transaction of its producer, as
    /// its sender counts. Harrow knows; no rule of Kafka reads it. Where it is not stated, a batch counts for the
    /// newest transaction that the coordinator knows of the producer.
    BatchAttributed {
        /// Where.
        partition: TopicPartition,
        /// Its producer.
        producer_id: ProducerId,
        /// Which transaction.
        transaction: TransactionOrdinal,
    },
    /// The last stable offset of this replica moved. Source: KIP-98, `UnifiedLog.lastStableOffset`.
    LastStableOffsetMoved {
        /// Of what.
        partition: TopicPartition,
        /// In which epoch this node leads or follows.
        leader_epoch: LeaderEpoch,
        /// Whether this node acts as leader.
        as_leader: bool,
        /// After.
        to: Offset,
    },
    /// The marker that this leader appends now was sent by an administrator, who ends what hangs here; no coordinator
    /// has decided so. Source: KIP-664.
    MarkerForced {
        /// Where.
        partition: TopicPartition,
        /// Whose transaction.
        producer_id: ProducerId,
    },
}

/// State of a transactional id at its coordinator. Source: Kafka's `TransactionState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TransactionState {
    /// No transaction has begun since the producer id was given.
    Empty,
    /// Records may be added.
    Ongoing,
    /// To be committed: decided for good.
    PrepareCommit,
    /// To be aborted: decided for good.
    PrepareAbort,
    /// All partitions have their commit markers.
    CompleteCommit,
    /// All partitions have their abort markers.
    CompleteAbort,
    /// A newer producer took over; the transaction will be aborted.
    PrepareEpochFence,
    /// Expired; to be forgotten.
    Dead,
}

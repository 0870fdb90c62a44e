//! What an administrator does with a group or with transactions: more than one request each. Source: Kafka's
//! `KafkaAdminClient.deleteConsumerGroups`, `KafkaAdminClient.alterConsumerGroupOffsets`,
//! `TransactionsCommand` (KIP-664).

use crate::proto::StrBytes;
use crate::types::Offset;

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum AdminTask {
    /// A group that has no members is to go, with its offsets.
    DeleteGroup {
        /// Which.
        group: String,
    },
    /// A group that has no members is to go on from elsewhere.
    ResetOffsets {
        /// Which.
        group: String,
        /// From where, by topic and partition.
        offsets: Vec<((StrBytes, i32), Offset)>,
    },
    /// Transactions that no coordinator will end are to be aborted where they are open.
    AbortHanging {
        /// Topics that are searched.
        topics: Vec<StrBytes>,
        /// Open for longer than this without a record; more than any transaction may take.
        idle_ms: u64,
    },
}

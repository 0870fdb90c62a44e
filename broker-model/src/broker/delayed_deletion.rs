//! A deletion of records that waits for replicas.

use crate::proto::DeleteRecordsResponse;
use crate::types::{Offset, TopicPartition};

/// A request of which some partitions are not decided.
#[derive(Debug, Clone, Default)]
pub(super) struct DelayedDeletion {
    /// The answer, as far as it is known.
    pub(super) response: DeleteRecordsResponse,
    /// The undecided partitions.
    pub(super) pending: Vec<PendingDeletion>,
}

/// One partition that is not decided.
#[derive(Debug, Clone, Copy)]
pub(super) struct PendingDeletion {
    /// Which.
    pub(super) partition: TopicPartition,
    /// Where all live replicas must start, or further.
    pub(super) before: Offset,
    /// Place of topic and partition in the response.
    pub(super) slot: (usize, usize),
}

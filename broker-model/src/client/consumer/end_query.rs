//! A question for the end of a partition, until it is answered.

use crate::client::metadata::PartitionKey;
use crate::proto::ErrorCode;
use crate::types::{OperationId, Time};

/// A question for the end of a partition.
#[derive(Debug)]
pub(super) struct EndQuery {
    pub(super) operation: OperationId,
    pub(super) key: PartitionKey,
    pub(super) gives_up_at: Time,
    pub(super) not_before: Time,
    pub(super) asked: bool,
    pub(super) last_error: ErrorCode,
}

//! How far an application is with a transaction.

use std::collections::VecDeque;

use crate::node::TransactRecord;
use crate::proto::{ErrorCode, StrBytes};
use crate::types::{Offset, OperationId, Time};

use super::transaction_offsets::OffsetsToCommit;

/// A transaction that an application asked for.
#[derive(Debug)]
pub(super) struct Transaction {
    pub(super) operation: OperationId,
    pub(super) records: VecDeque<TransactRecord>,
    pub(super) gap_ms: u64,
    pub(super) commits: bool,
    /// Offsets that go with it, until they are sent.
    pub(super) offsets: Option<OffsetsToCommit>,
    pub(super) begun: bool,
    /// The next record is not sent before.
    pub(super) next_at: Time,
    /// The topic of the record that is not answered.
    pub(super) open: Option<StrBytes>,
    pub(super) sent: Vec<(StrBytes, i32, Offset)>,
    pub(super) error: Option<ErrorCode>,
    /// Then the application's patience is over.
    pub(super) until: Time,
}

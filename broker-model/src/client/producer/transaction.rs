//! How far an application is with a transaction.

use std::collections::{BTreeSet, VecDeque};

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
    /// Number of its first record.
    pub(super) first: u64,
    /// Numbers of the records that are sent and not answered.
    pub(super) open: BTreeSet<u64>,
    /// What was sent, in this order, and where it stands as far as that is known.
    pub(super) sent: Vec<(StrBytes, i32, Offset)>,
    pub(super) error: Option<ErrorCode>,
    /// Then the application's patience is over.
    pub(super) until: Time,
}

impl Transaction {
    /// Whether the application looks at what became of all that it sent before it goes on: it means to abort. An abort
    /// drops what was not sent yet.
    pub(super) fn looks_at_answers(&self) -> bool {
        !self.commits && self.error.is_none() && self.records.is_empty() && !self.open.is_empty()
    }
}

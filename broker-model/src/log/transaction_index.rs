//! The index of aborted transactions.

use crate::log::producer_state::{CompletedTransaction, ProducerState};
use crate::types::{Offset, ProducerId};

/// The transactions that were aborted, in the order of their markers.
#[derive(Debug, Default)]
pub(crate) struct TransactionIndex {
    pub(super) aborted: Vec<AbortedEntry>,
    /// Whether the log ever held anything of a transaction.
    pub(super) seen: bool,
    pub(super) next_guard: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AbortedEntry {
    pub(super) producer_id: ProducerId,
    pub(super) first_offset: Offset,
    pub(super) last_offset: Offset,
    /// Below it all was decided when this marker was written: what begins above is in a later entry.
    pub(super) last_stable_offset: Offset,
}

impl TransactionIndex {
    /// The log was cut: what was aborted by a marker that is gone was not. Source: `TransactionIndex.truncateTo`.
    pub(super) fn truncate(&mut self, end: Offset) {
        let kept = self.aborted.partition_point(|entry| entry.last_offset < end);
        self.aborted.truncate(kept);
    }

    /// The segments below an offset are deleted, and their indexes with them. Source: `LogSegment.deleteIfExists`.
    pub(super) fn forget_below(&mut self, start: Offset) {
        self.aborted.retain(|entry| entry.last_offset >= start);
    }

    /// All segments are deleted, and their indexes with them. Source: `LocalLog.truncateFullyAndStartAt`.
    pub(super) fn forget_aborted(&mut self) {
        self.aborted.clear();
    }

    /// A marker ended a transaction.
    pub(super) fn completed(&mut self, ended: CompletedTransaction, state: &ProducerState) {
        if !ended.aborted {
            return;
        }
        self.aborted.push(AbortedEntry {
            producer_id: ended.producer_id,
            first_offset: ended.first_offset,
            last_offset: ended.last_offset,
            last_stable_offset: state.first_undecided().unwrap_or(ended.last_offset.next()),
        });
    }
}

//! Marks of transactions.

use harrow_broker_model::note::{TransactionNote, TransactionState};

use super::Tally;

impl Tally {
    pub(super) fn transaction(&mut self, note: &TransactionNote) {
        match note {
            TransactionNote::StateChanged { state, .. } => match state {
                TransactionState::CompleteCommit => self.mark("transaction-committed"),
                TransactionState::CompleteAbort => self.mark("transaction-aborted"),
                TransactionState::Empty
                | TransactionState::Ongoing
                | TransactionState::PrepareCommit
                | TransactionState::PrepareAbort
                | TransactionState::PrepareEpochFence
                | TransactionState::Dead => {}
            },
            TransactionNote::MarkerForced { .. } => self.mark("marker-forced"),
            TransactionNote::PartitionAdded { .. }
            | TransactionNote::BatchAttributed { .. }
            | TransactionNote::LastStableOffsetMoved { .. } => {}
        }
    }
}

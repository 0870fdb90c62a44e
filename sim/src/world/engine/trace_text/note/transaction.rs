//! Facts of transactions.

use harrow_broker_model::note::TransactionNote;

use crate::watch::transaction_state;
use crate::world::engine::trace_text::names::Names;

pub(super) fn trace_text(names: &Names, note: &TransactionNote) -> String {
    match note {
        TransactionNote::StateChanged {
            transactional_id,
            producer_id,
            producer_epoch,
            transaction,
            state,
            ..
        } => format!(
            "{transactional_id}: transaction {transaction} of producer {producer_id} epoch \
             {producer_epoch} transitioned to {}",
            transaction_state(*state)
        ),
        TransactionNote::PartitionAdded { producer_id, transaction, partition } => format!(
            "{}: added to transaction {transaction} of producer {producer_id}",
            names.place(*partition)
        ),
        TransactionNote::BatchAttributed { partition, producer_id, transaction } => format!(
            "{}: next batch of producer {producer_id} is in transaction {transaction}",
            names.place(*partition)
        ),
        TransactionNote::MarkerForced { partition, producer_id } => format!(
            "{}: an administrator ends the transaction of producer {producer_id}",
            names.place(*partition)
        ),
        TransactionNote::LastStableOffsetMoved { partition, to, .. } => {
            format!("{}: updated last stable offset to {to}", names.place(*partition))
        }
    }
}

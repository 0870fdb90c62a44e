//! What a consumer with `read_committed` leaves out. Source: KIP-98, Kafka's
//! `CompletedFetch.consumeAbortedTransactionsUpTo`, `CompletedFetch.isBatchAborted`.
//!
//! The leader names the aborted transactions among what it sends, by producer and first offset. A producer's batches
//! are left out from there to its abort marker. Without the marker as the end, its next transaction would be left out,
//! too.

use std::collections::BTreeSet;

use crate::defect::{ConsumerDefect, Defects};
use crate::note::{BatchKind, IsolationLevel};
use crate::proto::AbortedTransaction;
use crate::record::RecordBatch;
use crate::types::{Offset, ProducerId};

/// Leaves the batches of aborted transactions out, in order of offset.
#[derive(Debug, Default)]
pub(super) struct AbortFilter {
    /// Named by the leader and not reached, the first last.
    ahead: Vec<(Offset, ProducerId)>,
    aborting: BTreeSet<ProducerId>,
}

impl AbortFilter {
    pub(super) fn new(
        isolation: IsolationLevel,
        aborted: &[AbortedTransaction],
        defects: Defects,
    ) -> Self {
        if isolation == IsolationLevel::ReadUncommitted {
            return Self::default();
        }
        let named = aborted.iter();
        let mut ahead: Vec<_> = named
            .map(|named| (Offset(named.first_offset), ProducerId(named.producer_id.0)))
            .collect();
        // As they are told, the first one is last to be taken: it is the other way round in order.
        if !defects.has(ConsumerDefect::AbortedListUnordered) {
            ahead.sort_unstable_by(|a, b| b.cmp(a));
        }
        Self { ahead, aborting: BTreeSet::new() }
    }

    /// Whether the next batch is to be left out.
    pub(super) fn hides(&mut self, batch: &RecordBatch) -> bool {
        let last_offset = batch.last_offset();
        while let Some((_, producer)) = self.ahead.pop_if(|(first, _)| *first <= last_offset) {
            self.aborting.insert(producer);
        }
        if self.aborting.is_empty() {
            return false;
        }
        let producer = batch.header().producer_id;
        match batch.kind() {
            BatchKind::AbortMarker => {
                self.aborting.remove(&producer);
                false
            }
            BatchKind::Transactional => self.aborting.contains(&producer),
            BatchKind::Plain | BatchKind::CommitMarker | BatchKind::Control => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{RecordBatchBuilder, TransactionMarker, TransactionResult};
    use crate::types::{LeaderEpoch, ProducerEpoch, Sequence, WallTime};

    fn data(producer: i64, offset: i64, transactional: bool) -> RecordBatch {
        let id = ProducerId(producer);
        let builder = RecordBatchBuilder::new(id, ProducerEpoch(0), Sequence(0));
        let mut builder = if transactional { builder.in_transaction() } else { builder };
        builder.push(WallTime(0), None, None);
        builder.build().with_assignment(Offset(offset), LeaderEpoch(0))
    }

    fn marker(producer: i64, offset: i64, result: TransactionResult) -> RecordBatch {
        let marker = TransactionMarker {
            producer_id: ProducerId(producer),
            producer_epoch: ProducerEpoch(0),
            result,
            coordinator_epoch: LeaderEpoch(0),
        };
        marker.batch(WallTime(0)).with_assignment(Offset(offset), LeaderEpoch(0))
    }

    /// A leader names them in the order of their markers.
    #[test]
    fn transactions_are_left_out_in_whatever_order_they_are_named() {
        let named = |producer: i64, first| {
            let named = AbortedTransaction::default().with_producer_id(producer.into());
            named.with_first_offset(first)
        };
        let [first, second, third] = [named(7, 0), named(8, 1), named(7, 4)];
        let orders = [
            [first.clone(), second.clone(), third.clone()],
            [second.clone(), first.clone(), third.clone()],
            [third, second, first],
        ];
        let rows = [
            (data(7, 0, true), true),
            (data(8, 1, true), true),
            (marker(7, 2, TransactionResult::Abort), false),
            (marker(8, 3, TransactionResult::Abort), false),
            (data(7, 4, true), true),
            (data(8, 5, true), false),
        ];
        for order in orders {
            let mut filter = AbortFilter::new(IsolationLevel::ReadCommitted, &order, Defects::NONE);
            for (batch, hidden) in &rows {
                assert_eq!(filter.hides(batch), *hidden, "{}, {order:?}", batch.base_offset());
            }
        }
    }

    #[test]
    fn a_producer_is_left_out_from_its_first_record_to_its_abort_marker() {
        let named = AbortedTransaction::default().with_producer_id(7.into()).with_first_offset(2);
        let rows = [
            (data(7, 0, true), false, "of the transaction before"),
            (marker(7, 1, TransactionResult::Commit), false, "a commit"),
            (data(7, 2, true), true, "its first"),
            (data(8, 3, true), false, "of another producer"),
            (data(7, 4, true), true, "its second"),
            (marker(8, 5, TransactionResult::Abort), false, "the end of another"),
            (data(7, 6, true), true, "its third"),
            (marker(7, 7, TransactionResult::Abort), false, "its end"),
            (data(7, 8, true), false, "of the next transaction"),
            (data(7, 9, false), false, "outside of any"),
        ];
        let isolation =
            [(IsolationLevel::ReadCommitted, true), (IsolationLevel::ReadUncommitted, false)];
        for (isolation, filters) in isolation {
            let mut filter =
                AbortFilter::new(isolation, std::slice::from_ref(&named), Defects::NONE);
            for (batch, hidden, name) in &rows {
                assert_eq!(filter.hides(batch), *hidden && filters, "{name}, {isolation:?}");
            }
        }
    }
}

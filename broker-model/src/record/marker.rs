//! The marker that ends a transaction on a partition: a control batch of one record. Source: KIP-98, Kafka's
//! `EndTransactionMarker`, `ControlRecordType`.

use bytes::Bytes;

use crate::note::BatchKind;
use crate::record::{RecordBatch, RecordBatchBuilder};
use crate::types::{LeaderEpoch, ProducerEpoch, ProducerId, WallTime};

/// How a transaction ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TransactionResult {
    /// Its records count.
    Commit,
    /// They do not.
    Abort,
}

/// What ends a producer's transaction on a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TransactionMarker {
    /// Whose transaction.
    pub producer_id: ProducerId,
    /// The epoch that its coordinator gave the producer; no older one writes here from now on.
    pub producer_epoch: ProducerEpoch,
    /// How it ends.
    pub result: TransactionResult,
    /// Leader epoch of the coordinator's partition: an older coordinator's markers do not count.
    pub coordinator_epoch: LeaderEpoch,
}

impl TransactionMarker {
    /// The marker as a batch.
    pub fn batch(self, now: WallTime) -> RecordBatch {
        let kind: i16 = match self.result {
            TransactionResult::Abort => 0,
            TransactionResult::Commit => 1,
        };
        let key = [0_i16.to_be_bytes(), kind.to_be_bytes()].concat();
        let version = 0_i16.to_be_bytes();
        let value = [&version[..], &self.coordinator_epoch.0.to_be_bytes()[..]].concat();
        let builder = RecordBatchBuilder::new_control(self.producer_id, self.producer_epoch);
        let mut builder = builder.in_transaction();
        builder.push(now, Some(Bytes::from(key)), Some(Bytes::from(value)));
        builder.build()
    }

    /// The marker in a batch, if it is one.
    pub fn read(batch: &RecordBatch) -> Option<Self> {
        let result = match batch.kind() {
            BatchKind::CommitMarker => TransactionResult::Commit,
            BatchKind::AbortMarker => TransactionResult::Abort,
            BatchKind::Plain | BatchKind::Transactional | BatchKind::Control => return None,
        };
        let header = batch.header();
        let value = batch.records().ok()?.first()?.value.clone()?;
        let epoch: [u8; 4] = value.get(2..6)?.try_into().ok()?;
        let coordinator_epoch = LeaderEpoch(i32::from_be_bytes(epoch));
        let (producer_id, producer_epoch) = (header.producer_id, header.producer_epoch);
        Some(Self { producer_id, producer_epoch, result, coordinator_epoch })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Sequence;

    #[test]
    fn a_marker_is_read_as_it_was_written() {
        for result in [TransactionResult::Commit, TransactionResult::Abort] {
            let marker = TransactionMarker {
                producer_id: ProducerId(7),
                producer_epoch: ProducerEpoch(3),
                result,
                coordinator_epoch: LeaderEpoch(12),
            };
            let batch = marker.batch(WallTime(5));
            let parsed = RecordBatch::parse(batch.bytes().clone()).expect("just built");
            assert_eq!(TransactionMarker::read(&parsed), Some(marker));
            assert!(parsed.is_control() && parsed.header().is_transactional());
        }
    }

    #[test]
    fn records_in_a_transaction_are_told_by_their_attribute() {
        let builder = RecordBatchBuilder::new(ProducerId(7), ProducerEpoch(1), Sequence(3));
        let mut builder = builder.in_transaction();
        builder.push(WallTime(1), None, None);
        let batch = builder.build();
        assert_eq!(batch.kind(), BatchKind::Transactional);
        assert_eq!(TransactionMarker::read(&batch), None);
    }
}

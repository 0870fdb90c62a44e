//! Records as coordinators write them: one batch an operation.

use bytes::Bytes;

use crate::record::{RecordBatch, RecordBatchBuilder};
use crate::types::{ProducerEpoch, ProducerId, Sequence, WallTime};

/// A record of a coordinator. No value takes back what the key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CoordinatorRecord {
    /// What it is about.
    pub(crate) key: Bytes,
    /// What holds from now on.
    pub(crate) value: Option<Bytes>,
}

/// A batch of these records, as part of a producer's transaction.
pub(crate) fn batch_in_transaction(
    now: WallTime,
    (id, epoch): (ProducerId, ProducerEpoch),
    records: &[CoordinatorRecord],
) -> RecordBatch {
    let mut builder = RecordBatchBuilder::new(id, epoch, Sequence::NONE).in_transaction();
    for record in records {
        builder.push(now, Some(record.key.clone()), record.value.clone());
    }
    builder.build()
}

/// A batch of these records, of no producer.
pub(crate) fn batch_of(now: WallTime, records: &[CoordinatorRecord]) -> RecordBatch {
    let mut builder =
        RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    for record in records {
        builder.push(now, Some(record.key.clone()), record.value.clone());
    }
    builder.build()
}

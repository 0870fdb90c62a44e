//! Records waiting to be sent and batches in flight, partition by partition.
//! Source: Kafka's `RecordAccumulator` and `ProducerBatch`.

use std::collections::VecDeque;

use bytes::Bytes;

use crate::node::{Effects, Outcome};
use crate::proto::ErrorCode;
use crate::record::{RecordBatch, RecordBatchBuilder};
use crate::types::{
    Offset, OperationId, ProducerEpoch, ProducerId, RecordValue, Sequence, Time, WallTime,
};

use super::idempotence::{ProducerIdentity, Sequencing};

/// A record that has been asked to be sent.
#[derive(Debug)]
pub(super) struct PendingRecord {
    /// To be completed with its outcome.
    pub(super) operation: OperationId,
    /// When the operation was invoked.
    pub(super) created: Time,
    /// Its timestamp in the batch.
    pub(super) timestamp: WallTime,
    /// Key.
    pub(super) key: Option<u64>,
    /// Value.
    pub(super) value: RecordValue,
}

/// Records of one partition that live and die together.
#[derive(Debug)]
pub(super) struct Batch {
    /// Number among all batches of the producer, in order of creation.
    pub(super) serial: u64,
    /// In the order of the sends. Emptied when their operations are completed.
    pub(super) records: Vec<PendingRecord>,
    /// When its first record was sent.
    pub(super) created: Time,
    /// Given when it is first drained; kept by every retry.
    pub(super) sequence: Option<Sequence>,
    /// Built when it is first drained; the retry of a batch is bit for bit the same.
    encoded: Option<Bytes>,
    /// How often it has been put on the wire.
    pub(super) attempts: u32,
    /// No retry before.
    pub(super) not_before: Time,
    /// Why it must be sent again.
    pub(super) last_error: Option<ErrorCode>,
    /// An attempt ended, or was given up, without the certainty that the broker did not append.
    pub(super) maybe_appended: bool,
    /// Its operations are completed, though it is still on the wire.
    pub(super) abandoned: bool,
}

impl Batch {
    /// A batch of one record, so far.
    pub(super) fn new(serial: u64, record: PendingRecord) -> Self {
        Self {
            serial,
            created: record.created,
            records: vec![record],
            sequence: None,
            encoded: None,
            attempts: 0,
            not_before: Time::ZERO,
            last_error: None,
            maybe_appended: false,
            abandoned: false,
        }
    }

    /// The batch as it goes over the wire.
    pub(super) fn encode(&mut self, identity: Option<ProducerIdentity>, value_bytes: u32) -> Bytes {
        if let Some(encoded) = &self.encoded {
            return encoded.clone();
        }
        let (id, epoch) =
            identity.map_or((ProducerId::NONE, ProducerEpoch::NONE), |it| (it.id, it.epoch));
        let sequence = self.sequence.unwrap_or(Sequence::NONE);
        let mut builder = RecordBatchBuilder::new(id, epoch, sequence);
        for record in &self.records {
            let key = record.key.map(|key| Bytes::copy_from_slice(&key.to_be_bytes()));
            let value = RecordBatch::encode_value(record.value, value_bytes);
            builder.push(record.timestamp, key, Some(value));
        }
        let encoded = builder.build().bytes().clone();
        self.encoded = Some(encoded.clone());
        encoded
    }

    /// Takes its sequence away: it will get another one, of another epoch.
    pub(super) fn forget_sequence(&mut self) {
        assert!(
            !self.maybe_appended,
            "batch {} may be in the log under its old sequence",
            self.serial
        );
        self.sequence = None;
        self.encoded = None;
    }

    /// The broker has it, at this offset.
    pub(super) fn complete(&mut self, partition: i32, base_offset: Offset, effects: &mut Effects) {
        for (index, record) in self.records.drain(..).enumerate() {
            let known = base_offset >= Offset::ZERO;
            let offset = if known { base_offset.plus(index as i64) } else { Offset::NONE };
            effects.complete(record.operation, Outcome::Sent { partition, offset });
        }
    }

    /// No more attempts: whether it is in the log is known only if no attempt can have put it there.
    pub(super) fn give_up(&mut self, partition: i32, error: ErrorCode, effects: &mut Effects) {
        for record in self.records.drain(..) {
            let outcome = if self.maybe_appended {
                Outcome::Unknown { error, partition }
            } else {
                Outcome::Failed { error, partition }
            };
            effects.complete(record.operation, outcome);
        }
    }
}

/// The batches of one partition.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// To be sent, first first: retries, then batches that were never sent.
    pub(super) waiting: VecDeque<Batch>,
    /// Sent and not answered, oldest attempt first.
    pub(super) on_wire: Vec<Batch>,
    /// Which sequence comes next, and what stands in its way.
    pub(super) sequencing: Sequencing,
}

impl Queue {
    /// Records that are not answered yet.
    pub(super) fn records(&self) -> usize {
        self.waiting.iter().chain(&self.on_wire).map(|batch| batch.records.len()).sum()
    }

    /// The batch that takes further records, if there is one.
    pub(super) fn open_batch(&mut self, records_max: usize) -> Option<&mut Batch> {
        self.waiting.back_mut().filter(|batch| {
            batch.attempts == 0 && batch.sequence.is_none() && batch.records.len() < records_max
        })
    }

    /// Takes a batch off the wire.
    pub(super) fn take_from_wire(&mut self, serial: u64) -> Batch {
        let index = self.on_wire.iter().position(|batch| batch.serial == serial);
        self.on_wire.remove(
            index.expect("a request's batches are on the wire until it is answered or lost"),
        )
    }

    /// Puts a batch back for another attempt. With idempotence the order of the sequences is kept; without it the
    /// batch goes to the front, so that of two batches lost together the younger goes first. Both are Kafka's.
    pub(super) fn requeue(&mut self, batch: Batch, idempotent: bool) {
        let younger = |other: &Batch| other.serial > batch.serial;
        let index = if idempotent { self.waiting.iter().position(younger) } else { Some(0) };
        let index = index.unwrap_or(self.waiting.len());
        self.waiting.insert(index, batch);
    }

    /// Whether an older batch that has a sequence is not done yet.
    pub(super) fn has_older_in_flight(&self, serial: u64) -> bool {
        let older = |batch: &Batch| batch.serial < serial && batch.sequence.is_some();
        self.on_wire.iter().any(older)
            || self.waiting.iter().take_while(|batch| batch.serial < serial).any(older)
    }
}

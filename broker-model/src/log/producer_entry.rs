//! One producer on one partition. Source: Kafka's `ProducerStateEntry`, `ProducerAppendInfo.checkSequence`.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use crate::defect::{Defects, LogDefect};
use crate::proto::ErrorCode;
use crate::record::{BatchHeader, TransactionMarker};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, Sequence, WallTime};

/// How many batches of a producer are remembered; as many may be in flight.
const BATCHES_MAX: usize = 5;

/// One producer: its epoch, and its last batches in that epoch, oldest first; none after a marker of a newer one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ProducerEntry {
    epoch: ProducerEpoch,
    batches: VecDeque<BatchMetadata>,
    /// Largest timestamp of its newest batch or marker.
    last_timestamp: WallTime,
    /// Of the last marker.
    coordinator_epoch: LeaderEpoch,
    /// First record of its transaction, if one is open here.
    transaction: Option<Offset>,
    /// Whether its batches may be of records that are gone: `LogDefect::CutKeepsProducers`.
    #[serde(skip)]
    beyond_the_log: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct BatchMetadata {
    first_sequence: Sequence,
    last_sequence: Sequence,
    base_offset: Offset,
    last_offset: Offset,
}

impl BatchMetadata {
    fn of(batch: &BatchHeader) -> Self {
        Self {
            first_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            base_offset: batch.base_offset,
            last_offset: batch.next_offset().plus(-1),
        }
    }
}

impl ProducerEntry {
    pub(super) fn new(epoch: ProducerEpoch) -> Self {
        Self {
            epoch,
            batches: VecDeque::with_capacity(BATCHES_MAX),
            last_timestamp: WallTime(i64::MIN),
            coordinator_epoch: LeaderEpoch::NONE,
            transaction: None,
            beyond_the_log: false,
        }
    }

    pub(super) fn epoch(&self) -> ProducerEpoch {
        self.epoch
    }

    pub(super) fn last_timestamp(&self) -> WallTime {
        self.last_timestamp
    }

    pub(super) fn coordinator_epoch(&self) -> LeaderEpoch {
        self.coordinator_epoch
    }

    pub(super) fn transaction(&self) -> Option<Offset> {
        self.transaction
    }

    /// Forgets all batches but the newest: a snapshot of Kafka holds no more.
    pub(super) fn keep_last_batch(&mut self) {
        self.batches.drain(..self.batches.len().saturating_sub(1));
    }

    /// Forgets the batches that end below an offset.
    pub(super) fn remove_below(&mut self, offset: Offset) {
        self.batches.retain(|batch| batch.last_offset >= offset);
    }

    pub(super) fn last_data_offset(&self) -> Option<Offset> {
        self.batches.back().map(|last| last.last_offset)
    }

    pub(super) fn has_batches(&self) -> bool {
        !self.batches.is_empty()
    }

    pub(super) fn last_sequence(&self) -> Option<Sequence> {
        self.batches.back().map(|last| last.last_sequence)
    }

    /// Where a batch is, if it is one of those that are remembered. Source: `ProducerStateEntry.findDuplicateBatch`.
    pub(super) fn duplicate_of(
        &self,
        batch: &BatchHeader,
        defects: Defects,
    ) -> Option<(Offset, Offset)> {
        if batch.producer_epoch != self.epoch && !defects.has(LogDefect::DuplicateOfAnyEpoch) {
            return None;
        }
        let (first, last) = (batch.base_sequence, batch.last_sequence());
        let only_last = defects.has(LogDefect::RemembersLastBatch);
        let remembered = if only_last { 1 } else { BATCHES_MAX };
        let mut known = self.batches.iter().rev().take(remembered);
        known
            .find(|known| known.first_sequence == first && known.last_sequence == last)
            .map(|known| (known.base_offset, known.last_offset))
    }

    /// A newer epoch begins at 0; within one each batch follows the last, and the first after a marker begins at 0.
    pub(super) fn check_sequence(&self, batch: &BatchHeader) -> Result<(), ErrorCode> {
        let same = batch.producer_epoch == self.epoch;
        let last = self.last_sequence().filter(|_| same);
        let expected = last.map_or(Sequence(0), |last| last.plus(1));
        if batch.base_sequence == expected {
            Ok(())
        } else {
            Err(ErrorCode::OutOfOrderSequenceNumber)
        }
    }

    pub(super) fn update(&mut self, batch: &BatchHeader) {
        self.enter(batch.producer_epoch);
        if self.batches.len() == BATCHES_MAX {
            self.batches.pop_front();
        }
        self.batches.push_back(BatchMetadata::of(batch));
        self.last_timestamp = batch.max_timestamp;
        self.self_check();
    }

    /// The same producer, some of whose batches are gone.
    pub(super) fn beyond_the_log(self) -> Self {
        Self { beyond_the_log: true, ..self }
    }

    /// As many batches are kept as may be in flight, in the order of the log.
    fn self_check(&self) {
        let count = self.batches.len();
        assert!(count <= BATCHES_MAX, "{count} batches of one producer are kept");
        let mut newest = self.batches.iter().rev();
        if let (Some(last), Some(before)) = (newest.next(), newest.next()) {
            let ordered = before.last_offset < last.base_offset || self.beyond_the_log;
            assert!(
                ordered && last.base_offset <= last.last_offset,
                "{before:?} is followed by {last:?}"
            );
        }
    }

    /// Notes the first record of a transaction; false if one is open already.
    pub(super) fn begin_transaction(&mut self, at: Offset) -> bool {
        let begins = self.transaction.is_none();
        self.transaction.get_or_insert(at);
        begins
    }

    /// Takes in a marker, with its time, if that counts; the first record of the transaction that it ends. Source:
    /// `ProducerStateEntry.update`.
    pub(super) fn end_transaction(
        &mut self,
        marker: &TransactionMarker,
        timestamp: Option<WallTime>,
    ) -> Option<Offset> {
        self.enter(marker.producer_epoch);
        self.coordinator_epoch = marker.coordinator_epoch;
        self.last_timestamp = timestamp.unwrap_or_else(|| self.batches_timestamp());
        self.transaction.take()
    }

    /// Known bug P08: of its batches alone, if there are any; Java's `NO_TIMESTAMP` else.
    fn batches_timestamp(&self) -> WallTime {
        if self.has_batches() { self.last_timestamp } else { WallTime(-1) }
    }

    /// Takes in what is left of a marker.
    pub(super) fn take_cleaned_marker(&mut self, marker: &BatchHeader) {
        self.enter(marker.producer_epoch);
        self.last_timestamp = marker.max_timestamp;
    }

    /// Another epoch forgets the batches of the one before.
    fn enter(&mut self, epoch: ProducerEpoch) {
        if epoch != self.epoch {
            self.epoch = epoch;
            self.batches.clear();
        }
    }
}

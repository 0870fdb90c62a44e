//! What stays of a batch. Source: Kafka's `Cleaner.cleanInto`, `shouldRetainRecord`, `MemoryRecords.filterTo`.
//!
//! Of each key the newest record stays, and tombstones until their horizon: a reader that begins at the start of the
//! log and comes to its end within `delete.retention.ms` sees each deletion of what it has read. As promised so does a
//! replica that was away for longer: tombstones and markers go at a leader all of whose followers have them. In Kafka
//! they go by the horizon alone. Besides, a batch
//! stays, empty if need be, that is the last of its producer, whose sequence nothing else tells of (KAFKA-5490), or the
//! last of the round, which tells where the log ends (KAFKA-17076). As promised so does the first one of a leader's
//! epoch, by which those who copy the log tell where that began; Kafka takes it (defect `cleaner-drops-epoch-start`).

use super::offset_map::OffsetMap;
use crate::defect::{CleanerDefect, Defects};
use crate::log::epoch_cache::EpochCache;
use crate::log::producer_state::ProducerState;
use crate::record::{RecordBatch, RecordView};
use crate::types::{Offset, WallTime};

/// By what batches are judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Filter<'a> {
    pub(super) map: &'a OffsetMap,
    /// When the round began.
    pub(super) now: WallTime,
    pub(super) delete_retention_ms: u64,
    /// Every replica has what is below: nobody misses a tombstone or a marker that goes.
    pub(super) held_by_all: Offset,
    /// The first offset that the round leaves alone.
    pub(super) upper: Offset,
    pub(super) producers: &'a ProducerState,
    pub(super) epochs: &'a EpochCache,
    pub(super) defects: Defects,
}

impl Filter<'_> {
    /// What stays of a batch, if anything does. `discard` says whether it may go, as far as transactions are concerned:
    /// it is of an aborted one, or a marker without records.
    pub(super) fn clean(&self, batch: &RecordBatch, discard: bool) -> Option<RecordBatch> {
        let header = batch.header();
        let is_due = header.delete_horizon().is_some_and(|horizon| horizon <= self.now)
            && !self.is_missed(batch);
        let discards_records = discard && (is_due || !batch.is_control());
        let keeps = |record: &RecordView<'_>| {
            !discards_records && (batch.is_control() || self.keeps_record(batch, record))
        };
        let (mut kept, mut tombstones) = (0, false);
        // What cannot be read is left as it is.
        let read = batch.for_each_record(|record| {
            if keeps(&record) {
                kept += 1;
                tombstones |= record.value.is_none();
            }
        });
        if read.is_err() {
            return Some(batch.clone());
        }
        if kept == 0 {
            return self.must_stay(batch).then(|| batch.without_records());
        }
        let needs_horizon =
            (tombstones || discard && batch.is_control()) && header.delete_horizon().is_none();
        let stays = !needs_horizon || self.defects.has(CleanerDefect::LoneTombstonesStay);
        if kept == header.record_count && stays {
            return Some(batch.clone());
        }
        let horizon = needs_horizon.then(|| self.horizon());
        Some(batch.with_records_kept(horizon, keeps).expect("it was read just now"))
    }

    fn horizon(&self) -> WallTime {
        let retention_ms = i64::try_from(self.delete_retention_ms).unwrap_or(i64::MAX);
        WallTime(self.now.0.saturating_add(retention_ms))
    }

    fn keeps_record(&self, batch: &RecordBatch, record: &RecordView<'_>) -> bool {
        if record.offset > self.map.latest() {
            return true;
        }
        let Some(key) = record.key else { return false };
        let is_newest = self.map.get(key).is_none_or(|newest| record.offset >= newest);
        is_newest && (record.value.is_some() || self.keeps_tombstones(batch))
    }

    fn keeps_tombstones(&self, batch: &RecordBatch) -> bool {
        let horizon = batch.header().delete_horizon();
        !self.defects.has(CleanerDefect::TombstonesGoAtOnce)
            && (horizon.is_none_or(|horizon| self.now < horizon) || self.is_missed(batch))
    }

    /// Whether a replica may not have the batch yet: if it goes, that one goes on with what it deletes or aborts.
    fn is_missed(&self, batch: &RecordBatch) -> bool {
        batch.last_offset() >= self.held_by_all && !self.defects.has(CleanerDefect::IgnoresAbsent)
    }

    /// Whether the batch stays though none of its records does.
    fn must_stay(&self, batch: &RecordBatch) -> bool {
        let ends_round =
            batch.next_offset() == self.upper && !self.defects.has(CleanerDefect::DropsLastBatch);
        ends_round || self.is_last_of_producer(batch) || self.begins_epoch(batch)
    }

    /// Whether a leader's epoch begins with the batch: whoever copies the log knows that by this alone, and has to know
    /// it where a log is to be cut that parted from this one there. It goes where the log began with it.
    fn begins_epoch(&self, batch: &RecordBatch) -> bool {
        let base = batch.base_offset();
        let begins = self.epochs.start_of(batch.header().leader_epoch) == Some(base);
        begins && base > Offset::ZERO && !self.defects.has(CleanerDefect::DropsEpochStart)
    }

    fn is_last_of_producer(&self, batch: &RecordBatch) -> bool {
        if self.defects.has(CleanerDefect::ForgetsProducers) {
            return false;
        }
        let header = batch.header();
        let last = self.producers.last_record(header.producer_id);
        last.is_some_and(|(data, epoch)| match data {
            Some(data) => batch.last_offset() == data,
            None => batch.is_control() && header.producer_epoch == epoch,
        })
    }
}

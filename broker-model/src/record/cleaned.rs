//! What the cleaner leaves of a batch. Source: Kafka's `MemoryRecords.filterTo`, `buildRetainedRecordsInto`,
//! `DefaultRecordBatch.writeEmptyHeader`.
//!
//! A batch keeps its first and last offset, its producer and its sequence, whatever is taken out of it: who follows,
//! and who looks for duplicates, finds the same numbers. With a delete horizon its base timestamp is that horizon, and
//! the records' timestamps are told from there.

use bytes::Bytes;
use xxhash_rust::xxh3::xxh3_64;

use crate::note::{CleanedBatch, KeyedRecord};
use crate::record::builder::write_record;
use crate::record::header::{CHECKED_FROM, HEADER_LENGTH};
use crate::record::{BatchError, BatchHeader, RecordBatch, RecordView};
use crate::types::WallTime;

/// The timestamp of no record.
const NO_TIMESTAMP: WallTime = WallTime(-1);

impl RecordBatch {
    /// The batch as the cleaner has left it, for notes. What cannot be read is told without its records.
    pub fn cleaned_summary(&self) -> CleanedBatch {
        let mut records = Vec::new();
        if self.for_each_record(|record| records.push(record.offset)).is_err() {
            records.clear();
        }
        let delete_horizon = self.header().delete_horizon();
        CleanedBatch { batch: self.summary(), records, delete_horizon }
    }

    /// What the cleaner looks at of each record; none if they cannot be read.
    pub fn keyed_records(&self) -> Vec<KeyedRecord> {
        let mut records = Vec::new();
        let read = self.for_each_record(|record| {
            let key = record.key.map_or(0, xxh3_64);
            records.push(KeyedRecord { key, tombstone: record.value.is_none() });
        });
        if read.is_err() {
            records.clear();
        }
        records
    }

    /// Whether each record has a key: without one, the cleaner could not tell it from others. Source:
    /// `LogValidator.validateKey`.
    pub fn is_keyed(&self) -> bool {
        let mut keyed = true;
        self.for_each_record(|record| keyed &= record.key.is_some()).is_ok() && keyed
    }

    /// The same batch without its records.
    #[must_use]
    pub fn without_records(&self) -> Self {
        let header = *self.header();
        let times = (NO_TIMESTAMP, header.max_timestamp);
        seal(header.cleaned(0, times, false), vec![0; HEADER_LENGTH])
    }

    /// The same batch with those records that `keep` holds, at least one, and with a delete horizon if one is given or
    /// it has one. An error if the records cannot be read.
    pub fn with_records_kept(
        &self,
        horizon: Option<WallTime>,
        keep: impl Fn(&RecordView<'_>) -> bool,
    ) -> Result<Self, BatchError> {
        let header = *self.header();
        let horizon = horizon.or(header.delete_horizon());
        let time_of = |record: &RecordView<'_>| {
            WallTime(header.base_timestamp.0.wrapping_add(record.timestamp_delta))
        };
        let mut kept = 0;
        let mut times = None;
        let mut bytes = vec![0; HEADER_LENGTH];
        self.for_each_record(|record| {
            if !keep(&record) {
                return;
            }
            let time = time_of(&record);
            let (base, newest) = times.unwrap_or((horizon.unwrap_or(time), time));
            times = Some((base, newest.max(time)));
            let record = RecordView { timestamp_delta: time.0.wrapping_sub(base.0), ..record };
            write_record(&mut bytes, record.offset.0 - self.base_offset().0, &record);
            kept += 1;
        })?;
        let times = times.expect("a batch is cleaned to at least one record, or to none at all");
        Ok(seal(header.cleaned(kept, times, horizon.is_some()), bytes))
    }
}

/// The batch of this header and body, with its length and checksum.
fn seal(header: BatchHeader, mut bytes: Vec<u8>) -> RecordBatch {
    let length = u32::try_from(bytes.len()).expect("a batch is far below 4 GiB");
    let mut header = BatchHeader { length, ..header };
    if let Err(error) = header.check() {
        panic!("batch cleaned into a wrong one: failed to {error}");
    }
    header.write(&mut bytes);
    header.checksum = crc32c::crc32c(&bytes[CHECKED_FROM..]);
    header.write(&mut bytes);
    RecordBatch::from_encoded(header, Bytes::from(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordBatchBuilder;
    use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence};

    fn batch() -> RecordBatch {
        let mut builder = RecordBatchBuilder::new(ProducerId(7), ProducerEpoch(1), Sequence(3));
        for index in 0..4_i64 {
            let value = (index != 2).then(|| Bytes::from(vec![index as u8; 9]));
            builder.push(WallTime(1_000 + index), Some(Bytes::from(vec![index as u8])), value);
        }
        builder.build().with_assignment(Offset(40), LeaderEpoch(6))
    }

    fn reread(batch: &RecordBatch) -> RecordBatch {
        RecordBatch::parse(batch.bytes().clone()).expect("it is a batch")
    }

    #[test]
    fn what_is_kept_stays_at_its_offsets_and_times() {
        let cleaned = batch().with_records_kept(None, |it| it.offset.0 % 2 == 1);
        let cleaned = reread(&cleaned.expect("it can be read"));
        let kept: Vec<i64> =
            cleaned.records().expect("they can be read").iter().map(|it| it.offset.0).collect();
        assert_eq!(kept, [41, 43]);
        let (header, before) = (*cleaned.header(), *batch().header());
        assert_eq!((header.base_offset, header.next_offset()), (Offset(40), Offset(44)));
        assert_eq!((header.base_sequence, header.last_sequence()), (Sequence(3), Sequence(6)));
        assert_eq!((header.leader_epoch, header.producer_id), (LeaderEpoch(6), ProducerId(7)));
        assert_eq!(
            (header.base_timestamp, header.max_timestamp),
            (WallTime(1_001), WallTime(1_003))
        );
        assert!(!header.is_whole() && before.is_whole() && header.delete_horizon().is_none());
    }

    #[test]
    fn a_delete_horizon_is_the_base_of_the_times() {
        let horizon = Some(WallTime(90_000));
        let cleaned = batch().with_records_kept(horizon, |it| it.offset.0 >= 42);
        let cleaned = reread(&cleaned.expect("it can be read"));
        assert_eq!(cleaned.header().delete_horizon(), horizon);
        assert_eq!(cleaned.header().max_timestamp, WallTime(1_003));
        let again = cleaned.with_records_kept(None, |it| it.offset.0 == 43);
        let again = reread(&again.expect("it can be read"));
        assert_eq!(again.header().delete_horizon(), horizon, "it stays");
        let mut times = Vec::new();
        let read = again.for_each_record(|it| {
            times.push(again.header().base_timestamp.0 + it.timestamp_delta);
        });
        assert_eq!((read, times), (Ok(()), vec![1_003]));
    }

    #[test]
    fn a_batch_without_a_key_is_told() {
        let mut builder = RecordBatchBuilder::new(ProducerId(7), ProducerEpoch(1), Sequence(3));
        builder.push(WallTime(0), None, None);
        assert!(batch().is_keyed() && !builder.build().is_keyed());
    }

    #[test]
    fn an_empty_batch_tells_of_its_producer() {
        let empty = reread(&batch().without_records());
        let header = *empty.header();
        assert_eq!((header.record_count, header.length as usize), (0, HEADER_LENGTH));
        assert_eq!((empty.base_offset(), empty.last_offset()), (Offset(40), Offset(43)));
        assert_eq!((header.base_sequence, header.last_sequence()), (Sequence(3), Sequence(6)));
        assert_eq!((header.max_timestamp, empty.records()), (WallTime(1_003), Ok(Vec::new())));
    }
}

//! What the cleaner takes and leaves, and what a stop on the way leaves of it.

use super::*;
use crate::compaction::{CleanupPolicy, Compaction};
use crate::config::CleanerConfig;
use crate::defect::{CleanerDefect, Defects, LogDefect};
use crate::disk_image::Suffix;
use crate::log::EpochCache;
use crate::log::LogConfig;
use crate::log::cleaner::CleaningRound;
use crate::record::{TransactionMarker, TransactionResult};

const CONFIG: CleanerConfig = CleanerConfig { backoff_ms: 1, dedupe_buffer_size: 2_400 };
/// All replicas have everything.
const HELD: Offset = Offset(i64::MAX);

fn compacted(delete_retention_ms: u64) -> Retention {
    let compaction = Compaction {
        policy: CleanupPolicy::Compact,
        delete_retention_ms,
        min_cleanable_dirty_percent: 0,
        ..Compaction::NONE
    };
    Retention { compaction, ..Retention::FOREVER }
}

fn keyed_options(defects: &[CleanerDefect]) -> LogOptions {
    let mut options = LogOptions { holes: true, ..options(false) };
    let defects: Defects = defects.iter().copied().collect();
    options.config =
        LogConfig { retention: compacted(1_000), segment_bytes: 200, defects, ..options.config };
    options
}

/// A record of a key and its value; 0 deletes the key. Two batches fit a segment.
fn keyed(producer: (i64, i32), key: u8, value: u8) -> RecordBatch {
    let id = (ProducerId(producer.0), ProducerEpoch(0), Sequence(producer.1));
    let builder = RecordBatchBuilder::new(id.0, id.1, id.2);
    with_record(builder, key, value)
}

/// A record of a key that was made at a time.
fn at(at_ms: i64, key: u8) -> RecordBatch {
    let none = (ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    let mut builder = RecordBatchBuilder::new(none.0, none.1, none.2);
    builder.push(WallTime(at_ms), Some(Bytes::from(vec![key])), Some(Bytes::from(vec![1; 20])));
    builder.build()
}

fn with_record(mut builder: RecordBatchBuilder, key: u8, value: u8) -> RecordBatch {
    let value = (value > 0).then(|| Bytes::from(vec![value; 20]));
    builder.push(WallTime(0), Some(Bytes::from(vec![key])), value);
    builder.build()
}

fn transactional(key: u8, sequence: i32) -> RecordBatch {
    let builder = RecordBatchBuilder::new(ProducerId(9), ProducerEpoch(0), Sequence(sequence));
    with_record(builder.in_transaction(), key, 7)
}

fn marker(result: TransactionResult) -> RecordBatch {
    let marker = TransactionMarker {
        producer_id: ProducerId(9),
        producer_epoch: ProducerEpoch(0),
        result,
        coordinator_epoch: LeaderEpoch(0),
    };
    marker.batch(WallTime(0))
}

/// A log of these batches, all of them committed.
fn log_of(batches: &[RecordBatch], defects: &[CleanerDefect]) -> Harness {
    let disk = FakeDisk::default();
    let (log, effects) = open(&disk, keyed_options(defects));
    let mut harness = Harness { log, disk, effects: Effects::new() }.applied(effects);
    for batch in batches {
        harness.append(batch, EPOCH);
    }
    let end = harness.log.log_end_offset();
    harness.log.set_high_watermark(end);
    harness
}

/// One record of each key from producer 1, numbered by their place.
fn values(keys: &[(u8, u8)]) -> Vec<RecordBatch> {
    (0..).zip(keys).map(|(at, (key, value))| keyed((1, at), *key, *value)).collect()
}

fn begin(harness: &Harness, now_ms: i64, held_by_all: Offset) -> CleaningRound {
    let cleanable = harness.log.cleanable(None, WallTime(now_ms));
    harness.log.begin_cleaning(cleanable, CONFIG, (WallTime(now_ms), held_by_all))
}

/// Cleans the whole log; the effects.
fn clean(harness: &mut Harness, now_ms: i64) -> Vec<Effect> {
    clean_held(harness, now_ms, HELD)
}

/// The same, while all replicas have what is below an offset.
fn clean_held(harness: &mut Harness, now_ms: i64, held_by_all: Offset) -> Vec<Effect> {
    let mut round = begin(harness, now_ms, held_by_all);
    let mut all = Vec::new();
    while let Some(cleaned) = harness.log.clean_next(&mut round) {
        harness.log.write_cleaned(&cleaned, &mut harness.effects);
        harness.log.replace_segments(&round, cleaned, &mut harness.effects);
        all.extend(harness.disk.apply(&mut harness.effects));
    }
    harness.disk.assert_agrees(&harness.log);
    all
}

/// Offsets of the records that are there.
fn offsets(log: &Log) -> Vec<i64> {
    let records = log.batches().flat_map(|batch| batch.records().expect("readable"));
    records.map(|record| record.offset.0).collect()
}

fn bases(log: &Log) -> Vec<i64> {
    log.batches().map(|batch| batch.base_offset().0).collect()
}

#[test]
fn of_each_key_the_last_record_stays() {
    let keys = [(1, 1), (2, 1), (1, 2), (3, 1), (2, 2), (1, 3), (4, 1)];
    let mut harness = log_of(&values(&keys), &[]);
    assert_eq!(harness.segment_bases(), [0, 2, 4, 6]);
    clean(&mut harness, 0);
    assert_eq!(offsets(&harness.log), [3, 4, 5, 6], "6 is in the active segment");
    assert_eq!(harness.log.log_end_offset(), Offset(7));
    assert_eq!(harness.log.read(Offset(0), Offset(7), 1_000).len(), 4, "reads go over holes");
    assert_eq!(harness.segment_bases().last(), Some(&6), "the active segment is left alone");
}

#[test]
fn nothing_is_cleaned_that_is_not_committed_for_good() {
    let keys = [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3), (2, 3), (5, 1)];
    for (defects, watermark, uncleanable) in
        [(&[][..], 3, 2), (&[], 4, 4), (&[], 7, 6), (&[CleanerDefect::CleansUncommitted], 3, 6)]
    {
        let disk = FakeDisk::default();
        let (log, effects) = open(&disk, keyed_options(defects));
        let mut harness = Harness { log, disk, effects: Effects::new() }.applied(effects);
        for batch in &values(&keys) {
            harness.append(batch, EPOCH);
        }
        harness.log.set_high_watermark(Offset(watermark));
        let cleanable = harness.log.cleanable(None, WallTime(0));
        assert_eq!(cleanable.first_uncleanable, Offset(uncleanable), "{watermark} {defects:?}");
    }
}

#[test]
fn a_checkpoint_outside_of_the_log_begins_anew() {
    let harness = log_of(&values(&[(1, 1), (2, 1), (3, 1)]), &[]);
    for (checkpoint, first, resets) in [(None, 0, false), (Some(2), 2, false), (Some(4), 0, true)] {
        let cleanable = harness.log.cleanable(checkpoint.map(Offset), WallTime(0));
        assert_eq!((cleanable.first_dirty, cleanable.resets), (Offset(first), resets));
    }
}

#[test]
fn a_log_is_cleaned_when_more_of_it_is_dirty_than_its_ratio() {
    let harness = log_of(&values(&[(1, 1), (2, 1), (3, 1), (4, 1), (5, 1), (6, 1), (7, 1)]), &[]);
    let dirty = |checkpoint| harness.log.cleanable(Some(Offset(checkpoint)), WallTime(0));
    // Of three segments that may be cleaned, all, one, none are dirty.
    for (checkpoint, percent, due) in [(0, 99, true), (4, 33, true), (4, 34, false), (6, 0, false)]
    {
        let is_due = dirty(checkpoint).is_to_be_cleaned(percent);
        assert_eq!(is_due, due, "from {checkpoint}, more than {percent} %");
    }
    assert!(dirty(0).dirtiness() > dirty(2).dirtiness() && dirty(6).dirtiness() == 0);
}

/// Known bug: a cleaner that goes by the share of what is dirty alone.
#[test]
fn a_log_is_cleaned_when_what_is_dirty_is_too_old() {
    let due = |defects: &[CleanerDefect], checkpoint, now_ms| {
        let mut harness = log_of(&[], defects);
        harness.log.config.retention.compaction.max_compaction_lag_ms = 1_000;
        for at_ms in [0, 0, 5_000, 5_100, 5_200, 5_300, 5_400] {
            harness.append(&at(at_ms, 1), EPOCH);
        }
        assert_eq!(harness.segment_bases(), [0, 2, 4, 6]);
        harness.log.set_high_watermark(Offset(7));
        harness.log.cleanable(Some(Offset(checkpoint)), WallTime(now_ms)).is_to_be_cleaned(99)
    };
    // What says nothing of its time, what was cleaned and the active segment do not count.
    for (checkpoint, now_ms, is_due) in [
        (2, 6_000, false),
        (2, 6_001, true),
        (4, 6_200, false),
        (4, 6_201, true),
        (6, 9_000, false),
    ] {
        assert_eq!(due(&[], checkpoint, now_ms), is_due, "from {checkpoint} at {now_ms}");
        assert!(!due(&[CleanerDefect::IgnoresMaxLag], checkpoint, now_ms));
    }
}

#[test]
fn a_segment_of_a_compacted_log_is_rolled_when_its_first_record_must_be_cleaned() {
    let bases = |lag_ms, segment_ms| {
        let mut harness = log_of(&[], &[]);
        harness.log.config.segment_bytes = 10_000;
        harness.log.config.retention.segment_ms = segment_ms;
        harness.log.config.retention.compaction.max_compaction_lag_ms = lag_ms;
        for at_ms in [5_000, 6_000, 6_001, 7_001, 7_002] {
            harness.append(&at(at_ms, 1), EPOCH);
        }
        harness.segment_bases()
    };
    assert_eq!(bases(1_000, i64::MAX), [0, 2, 4]);
    assert_eq!(bases(u64::MAX, 1_000), [0, 2, 4], "what is shorter counts");
    assert_eq!(bases(5_000, i64::MAX), [0]);
}

#[test]
fn a_tombstone_stays_until_its_horizon() {
    let keys = [(1, 1), (1, 0), (2, 1), (2, 2), (3, 1)];
    let mut harness = log_of(&values(&keys), &[]);
    clean(&mut harness, 5_000);
    assert_eq!(offsets(&harness.log), [1, 3, 4]);
    let horizon = harness.log.batches().next().and_then(|it| it.header().delete_horizon());
    assert_eq!(horizon, Some(WallTime(6_000)), "one of the two settings after the first cleaning");
    clean(&mut harness, 5_999);
    assert_eq!(offsets(&harness.log), [1, 3, 4]);
    clean(&mut harness, 6_000);
    assert_eq!(offsets(&harness.log), [3, 4]);
    let mut harness = log_of(&values(&keys), &[CleanerDefect::TombstonesGoAtOnce]);
    clean(&mut harness, 5_000);
    assert_eq!(offsets(&harness.log), [3, 4]);
}

/// Known weakness: Kafka goes by the horizon alone.
#[test]
fn a_tombstone_and_a_marker_stay_until_every_replica_has_them() {
    let keys = [(1, 1), (1, 0), (2, 1), (2, 2), (3, 1)];
    let ignores = [CleanerDefect::IgnoresAbsent];
    for (defects, held_by_all, left) in
        [(&[][..], 1, &[1, 3, 4][..]), (&[], 2, &[3, 4]), (&ignores, 0, &[3, 4])]
    {
        let mut harness = log_of(&values(&keys), defects);
        for now_ms in [5_000, 6_000] {
            clean_held(&mut harness, now_ms, Offset(held_by_all));
        }
        assert_eq!(offsets(&harness.log), left, "{held_by_all} {defects:?}");
    }
    let mut aborted = vec![transactional(1, 0), transactional(2, 1)];
    aborted.push(marker(TransactionResult::Abort));
    aborted.extend([transactional(3, 2), marker(TransactionResult::Commit)]);
    aborted.extend([keyed((1, 0), 4, 1), keyed((1, 1), 5, 1), keyed((1, 2), 6, 1)]);
    for (defects, held_by_all, stays) in [(&[][..], 2, true), (&[], 3, false), (&ignores, 0, false)]
    {
        let mut harness = log_of(&aborted, defects);
        for now_ms in [0, 10, 1_010] {
            clean_held(&mut harness, now_ms, Offset(held_by_all));
        }
        assert_eq!(offsets(&harness.log).contains(&2), stays, "{held_by_all} {defects:?}");
    }
}

#[test]
fn the_last_batch_of_a_producer_and_of_the_round_stays_empty() {
    let batches = [
        keyed((1, 0), 1, 1),
        keyed((2, 0), 2, 1),
        keyed((3, 0), 1, 2),
        keyed((3, 1), 2, 2),
        keyed((4, 0), 1, 3),
        keyed((4, 1), 2, 3),
        keyed((4, 2), 3, 1),
    ];
    let forgets = [CleanerDefect::ForgetsProducers];
    let drops = [CleanerDefect::DropsLastBatch, CleanerDefect::ForgetsProducers];
    for (defects, left) in
        [(&[][..], &[0, 1, 3, 4, 5, 6][..]), (&forgets, &[4, 5, 6]), (&drops, &[4, 5, 6])]
    {
        let mut harness = log_of(&batches, defects);
        clean(&mut harness, 0);
        assert_eq!(bases(&harness.log), left, "{defects:?}");
        assert_eq!(offsets(&harness.log), [4, 5, 6], "{defects:?}");
    }
    // Its records are replaced by one that is in the active segment, and not noted.
    let same = [keyed((1, 0), 1, 1), keyed((1, 1), 1, 2), keyed((1, 2), 1, 3), keyed((1, 3), 1, 4)];
    let mut harness = log_of(&same, &[]);
    clean(&mut harness, 0);
    assert_eq!(bases(&harness.log), [1, 2, 3]);
}

/// KIP-101: who copies a log that lacks the first batch of an epoch begins it later than its leader did.
#[test]
fn the_first_batch_of_an_epoch_stays_empty() {
    assert_eq!(
        left_where_an_epoch_began(&[]),
        (2, true),
        "nothing of the one before, and it is empty"
    );
    let weak = [CleanerDefect::DropsEpochStart];
    assert_eq!(left_where_an_epoch_began(&weak), (3, false), "it goes as others do");
}

/// Where the log begins of which one epoch is replaced and the first batch of the next one, at offset 2; whether that
/// one is empty.
fn left_where_an_epoch_began(defects: &[CleanerDefect]) -> (i64, bool) {
    let harness = cleaned_across_epochs(defects);
    let first = bases(&harness.log)[0];
    (first, !offsets(&harness.log).contains(&first))
}

fn cleaned_across_epochs(defects: &[CleanerDefect]) -> Harness {
    let mut harness = log_of(&values(&[(1, 1), (2, 1)]), defects);
    let later = LeaderEpoch(EPOCH.0 + 1);
    for (at, key) in (2..).zip([1, 1, 2, 3, 3]) {
        harness.append(&keyed((1, at), key, 2), later);
    }
    let end = harness.log.log_end_offset();
    harness.log.set_high_watermark(end);
    clean(&mut harness, 0);
    harness
}

/// Who copied what is left knows of no older epoch, and who copies from there has to know where this one began.
#[test]
fn the_first_batch_of_the_oldest_epoch_that_is_left_stays() {
    let mut harness = cleaned_across_epochs(&[]);
    let batches: Vec<RecordBatch> = harness.log.batches().cloned().collect();
    harness.log.epochs = EpochCache::of(batches.iter());
    let file = FileId::LeaderEpochCheckpoint(harness.log.partition());
    let mut written = Effects::new();
    written.push(Effect::Replace { file, bytes: harness.log.epochs.encode() });
    let mut harness = harness.applied(written);
    let later = LeaderEpoch(EPOCH.0 + 1);
    assert_eq!(harness.log.known_epochs(), [(later, Offset(2))]);
    for at in 7..14 {
        harness.append(&keyed((1, at), 1, 3), later);
    }
    harness.log.set_high_watermark(harness.log.log_end_offset());
    clean(&mut harness, 0);
    assert_eq!(bases(&harness.log)[0], 2);
}

#[test]
fn what_was_aborted_goes_and_its_marker_when_nothing_is_left() {
    let mut batches = vec![transactional(1, 0), transactional(2, 1)];
    batches.push(marker(TransactionResult::Abort));
    batches.extend([transactional(3, 2), marker(TransactionResult::Commit)]);
    batches.extend([keyed((1, 0), 4, 1), keyed((1, 1), 5, 1), keyed((1, 2), 6, 1)]);
    let mut harness = log_of(&batches, &[]);
    let upper = harness.log.cleanable(None, WallTime(0)).first_uncleanable;
    assert!(upper >= Offset(5), "{upper}");
    clean(&mut harness, 0);
    assert_eq!(offsets(&harness.log)[..2], [2, 3], "the abort marker, and what was committed");
    assert_eq!(harness.log.aborted_transactions(Offset(0), Offset(8)).len(), 1);
    clean(&mut harness, 10);
    assert_eq!(
        harness.log.aborted_transactions(Offset(0), Offset(8)).len(),
        0,
        "nothing is hidden"
    );
    assert_eq!(offsets(&harness.log)[0], 2, "its horizon is yet to come");
    clean(&mut harness, 1_010);
    assert_eq!(offsets(&harness.log)[0], 3);
    assert_eq!(harness.log.last_stable_offset(), Offset(8));
}

/// The marker of an aborted transaction is deleted with its segment, and takes its entry of the index with it: kept,
/// that
/// would abort what the producer commits next.
#[test]
fn what_was_aborted_in_a_deleted_segment_aborts_nothing_else() {
    let mut batches = vec![transactional(1, 0), marker(TransactionResult::Abort)];
    batches.extend(values(&[(5, 1), (6, 1)]));
    batches.extend([transactional(2, 1), marker(TransactionResult::Commit)]);
    batches.extend([transactional(2, 2), marker(TransactionResult::Commit)]);
    batches.extend(values(&[(7, 1)]));
    let mut harness = log_of(&batches, &[]);
    let dirty = harness.log.cleanable(None, WallTime(0));
    harness.log.advance_log_start(Offset(3), DeletionReason::Leader, &mut harness.effects);
    harness.log.delete_old_segments(WallTime(0), &mut harness.effects);
    assert_eq!(harness.log.aborted_transactions(Offset(0), Offset(9)).len(), 0);
    let mut round = harness.log.begin_cleaning(dirty, CONFIG, (WallTime(0), HELD));
    while let Some(cleaned) = harness.log.clean_next(&mut round) {
        harness.log.write_cleaned(&cleaned, &mut harness.effects);
        harness.log.replace_segments(&round, cleaned, &mut harness.effects);
    }
    assert!(!offsets(&harness.log).contains(&4), "6 replaces it: {:?}", offsets(&harness.log));
    assert!(offsets(&harness.log).contains(&6), "it was committed");
}

#[test]
fn what_was_aborted_replaces_nothing() {
    let mut batches = vec![keyed((1, 0), 1, 1), keyed((1, 1), 2, 1), transactional(1, 0)];
    batches.push(marker(TransactionResult::Abort));
    batches.extend([keyed((1, 2), 4, 1), keyed((1, 3), 5, 1), keyed((1, 4), 6, 1)]);
    let mut harness = log_of(&batches, &[]);
    assert!(harness.log.cleanable(None, WallTime(0)).first_uncleanable >= Offset(4));
    clean(&mut harness, 0);
    let left = offsets(&harness.log);
    assert!(left.contains(&0) && !left.contains(&2), "what was committed is there: {left:?}");
}

#[test]
fn a_key_that_is_not_written_again_stays_where_it_was_cleaned_before() {
    let keys = [(1, 1), (2, 1), (1, 2), (3, 1), (4, 1)];
    let mut harness = log_of(&values(&keys), &[]);
    let dirty = harness.log.cleanable(Some(Offset(2)), WallTime(0));
    assert_eq!((dirty.first_dirty, dirty.first_uncleanable), (Offset(2), Offset(4)));
    let mut round = harness.log.begin_cleaning(dirty, CONFIG, (WallTime(0), HELD));
    while let Some(cleaned) = harness.log.clean_next(&mut round) {
        harness.log.write_cleaned(&cleaned, &mut harness.effects);
        harness.log.replace_segments(&round, cleaned, &mut harness.effects);
    }
    assert_eq!(offsets(&harness.log), [1, 2, 3, 4], "the map knows nothing of key 2");
}

#[test]
fn a_segment_of_which_the_cleaner_left_nothing_goes_when_a_rule_says_so() {
    let none = (-1, -1);
    let batches =
        [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1)].map(|(key, value)| keyed(none, key, value));
    for (retention_bytes, start) in [(1 << 20, 0), (1, 4)] {
        let mut harness = log_of(&batches, &[]);
        clean(&mut harness, 0);
        assert_eq!(harness.segment_bases(), [0, 2, 4]);
        assert_eq!(harness.log.segments[0].size(), 0);
        let retention = &mut harness.log.config.retention;
        retention.compaction.policy = CleanupPolicy::CompactDelete;
        retention.retention_bytes = retention_bytes;
        harness.log.delete_old_segments(WallTime(0), &mut harness.effects);
        let left = harness.segment_bases();
        assert_eq!(
            (harness.log.log_start_offset(), left[0]),
            (Offset(start), start),
            "{retention_bytes}"
        );
    }
}

#[test]
fn a_map_that_is_full_ends_the_round_where_it_is() {
    let keys: Vec<(u8, u8)> = (0..8).map(|key| (key % 4, 1)).collect();
    let harness = log_of(&values(&keys), &[]);
    let small = CleanerConfig { dedupe_buffer_size: 72, ..CONFIG };
    let cleanable = harness.log.cleanable(None, WallTime(0));
    let round = harness.log.begin_cleaning(cleanable, small, (WallTime(0), HELD));
    assert_eq!((round.end(), round.has_advanced()), (Offset(2), true));
}

#[test]
fn what_lies_beyond_the_map_stays_as_it_is() {
    let keys: Vec<(u8, u8)> = (0..8).map(|key| (key % 4, 1)).collect();
    let mut harness = log_of(&values(&keys), &[]);
    // Room for three keys: the second segment is cleaned, and its last record is not noted.
    let small = CleanerConfig { dedupe_buffer_size: 96, ..CONFIG };
    let cleanable = harness.log.cleanable(None, WallTime(0));
    let mut round = harness.log.begin_cleaning(cleanable, small, (WallTime(0), HELD));
    assert_eq!(round.end(), Offset(3));
    while let Some(cleaned) = harness.log.clean_next(&mut round) {
        harness.log.write_cleaned(&cleaned, &mut harness.effects);
        harness.log.replace_segments(&round, cleaned, &mut harness.effects);
        harness.disk.apply(&mut harness.effects);
    }
    assert_eq!(offsets(&harness.log), [0, 1, 2, 3, 4, 5, 6, 7]);
}

#[test]
fn a_compacted_log_is_on_the_disk_up_to_its_active_segment() {
    let keys = [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3)];
    let harness = log_of(&values(&keys), &[]);
    assert_eq!(harness.segment_bases().last(), Some(&4));
    assert_eq!(harness.log.recovery_point(), Offset(4));
}

/// Stops after so many of the effects of a replacement, with the page cache or only what was synced.
fn stopped_after(count: usize, loses_power: bool) -> (Log, FakeDisk) {
    let keys = [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3), (3, 1), (4, 1)];
    let mut harness = log_of(&values(&keys), &[]);
    harness.log.sync_all(&mut harness.effects);
    harness.disk.apply(&mut harness.effects);
    let mut round = begin(&harness, 0, HELD);
    let cleaned = harness.log.clean_next(&mut round).expect("there is a group");
    harness.log.write_cleaned(&cleaned, &mut harness.effects);
    harness.disk.apply(&mut harness.effects);
    while harness.disk.complete_flush(0).is_some() {}
    harness.log.replace_segments(&round, cleaned, &mut harness.effects);
    let mut part = Effects::new();
    harness.effects.drain().take(count).for_each(|effect| part.push(effect));
    harness.disk.apply(&mut part);
    if loses_power {
        harness.disk.lose_power(|| 0);
    } else {
        harness.disk.crash();
    }
    let (log, mut effects) = open(&harness.disk, keyed_options(&[]));
    harness.disk.apply(&mut effects);
    harness.disk.assert_agrees(&log);
    (log, harness.disk)
}

#[test]
fn a_crash_between_any_two_renames_loses_nothing() {
    let mut seen = Vec::new();
    for count in 0..8 {
        let (log, disk) = stopped_after(count, false);
        let found = offsets(&log);
        let last: Vec<i64> = [3, 4, 5, 6].into();
        assert!(last.iter().all(|offset| found.contains(offset)), "{count}: {found:?}");
        for suffix in [Suffix::Cleaned, Suffix::Swap, Suffix::Deleted] {
            let image = disk.image();
            assert_eq!(image.segments_aside(PARTITION, suffix).count(), 0, "{count} {suffix:?}");
        }
        seen.push(found.len());
    }
    assert!(seen.contains(&7) && seen.last() < Some(&7), "not cleaned, and cleaned: {seen:?}");
}

#[test]
fn a_swap_file_takes_the_place_of_all_segments_in_its_range() {
    let keys = [(1, 1), (2, 1), (1, 2), (2, 2), (1, 3), (3, 1), (4, 1)];
    let mut harness = log_of(&values(&keys), &[]);
    assert_eq!(harness.segment_bases(), [0, 2, 4, 6]);
    harness.log.config.segment_bytes = 2_000;
    let mut round = begin(&harness, 0, HELD);
    let cleaned = harness.log.clean_next(&mut round).expect("there is a group");
    harness.log.write_cleaned(&cleaned, &mut harness.effects);
    harness.log.replace_segments(&round, cleaned, &mut harness.effects);
    let mut part = Effects::new();
    for effect in harness.effects.drain().collect::<Vec<_>>() {
        let is_renamed = matches!(effect, Effect::Rename { .. });
        part.push(effect);
        if is_renamed {
            break;
        }
    }
    harness.disk.apply(&mut part);
    harness.disk.crash();
    assert_eq!(harness.disk.image().segments(PARTITION).count(), 4, "the old ones are there");
    // They go because the swap file takes their place, not because nothing fits behind it.
    let trusts: Defects = [LogDefect::RecoveryTrustsRemainders].into_iter().collect();
    for defects in [Defects::NONE, trusts] {
        let mut options = keyed_options(&[]);
        options.config.defects = defects;
        let (log, _) = open(&harness.disk, options);
        assert_eq!(offsets(&log), [3, 4, 5, 6], "{defects:?}");
    }
    harness.reopen(keyed_options(&[]));
    assert_eq!(offsets(&harness.log), [3, 4, 5, 6]);
    assert_eq!(harness.segment_bases(), [0, 6]);
    harness.disk.assert_agrees(&harness.log);
}

#[test]
fn a_swap_file_that_is_dropped_is_a_loss() {
    let keys = [(1, 1), (2, 1), (1, 2), (2, 2), (3, 1)];
    let mut harness = log_of(&values(&keys), &[]);
    let mut round = begin(&harness, 0, HELD);
    let cleaned = harness.log.clean_next(&mut round).expect("there is a group");
    harness.log.write_cleaned(&cleaned, &mut harness.effects);
    harness.log.replace_segments(&round, cleaned, &mut harness.effects);
    let mut part = Effects::new();
    let effects: Vec<Effect> = harness.effects.drain().collect();
    let renames = |effect: &&Effect| matches!(effect, Effect::Rename { .. });
    let all = effects.iter().filter(renames).count();
    let mut renamed = 0;
    for effect in effects {
        renamed += usize::from(matches!(effect, Effect::Rename { .. }));
        if renamed == all {
            break;
        }
        part.push(effect);
    }
    harness.disk.apply(&mut part);
    harness.disk.crash();
    let (log, _) = open(&harness.disk, keyed_options(&[CleanerDefect::DropsSwapFiles]));
    assert!(!offsets(&log).contains(&3) || offsets(&log).len() < 2, "{:?}", offsets(&log));
    let (log, _) = open(&harness.disk, keyed_options(&[]));
    assert_eq!(log.log_end_offset(), Offset(5));
}

//! What retention deletes, in which order, and what it leaves.

use super::*;
use crate::defect::{Defects, LogDefect};
use crate::log::LogConfig;
use crate::record::{TransactionMarker, TransactionResult};

/// A batch of one record of this time.
fn dated(at_ms: i64) -> RecordBatch {
    let none = (ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    let mut builder = RecordBatchBuilder::new(none.0, none.1, none.2);
    builder.push(WallTime(at_ms), None, Some(Bytes::from(vec![7; 100])));
    builder.build()
}

/// Two batches in each segment, one a second from second 1 on; all of them are committed.
fn dated_log(count: i64) -> Harness {
    let mut harness = Harness::new();
    (1..=count).for_each(|second| drop(harness.append(&dated(second * 1_000), EPOCH)));
    harness.log.set_high_watermark(Offset(count));
    assert_eq!(harness.segment_bases(), (0..count).step_by(2).collect::<Vec<_>>());
    harness
}

fn retain(harness: &mut Harness, retention: Retention, now_ms: i64) -> Vec<Effect> {
    harness.log.config.retention = retention;
    harness.log.delete_old_segments(WallTime(now_ms), &mut harness.effects);
    harness.disk.apply(&mut harness.effects)
}

fn by_time(retention_ms: i64) -> Retention {
    Retention { retention_ms, ..Retention::FOREVER }
}

fn by_size(retention_bytes: i64) -> Retention {
    Retention { retention_bytes, ..Retention::FOREVER }
}

#[test]
fn a_segment_goes_when_its_newest_record_is_older_than_retention_ms() {
    // now, in ms -> log start; segments are of seconds 1 and 2, 3 and 4, 5 and 6
    for (now_ms, start) in [(7_000, 0), (7_001, 2), (9_000, 2), (9_001, 4), (60_000, 6)] {
        let mut harness = dated_log(6);
        let effects = retain(&mut harness, by_time(5_000), now_ms);
        assert_eq!(harness.log.log_start_offset(), Offset(start), "at {now_ms}");
        assert_eq!(harness.log.log_end_offset(), Offset(6), "at {now_ms}");
        let stated = effects.iter().any(|effect| {
            matches!(effect, Effect::Note(Note::Log(LogNote::RecordsDeleted { .. })))
        });
        assert_eq!(stated, start > 0, "at {now_ms}");
        harness.disk.assert_agrees(&harness.log);
    }
}

#[test]
fn a_record_of_the_future_holds_up_all_that_is_behind_it() {
    let mut harness = Harness::new();
    for at_ms in [1_000, 99_000, 2_000, 3_000, 4_000, 5_000] {
        harness.append(&dated(at_ms), EPOCH);
    }
    harness.log.set_high_watermark(Offset(6));
    retain(&mut harness, by_time(1_000), 20_000);
    assert_eq!(harness.log.log_start_offset(), Offset::ZERO);
}

#[test]
fn by_size_as_much_goes_as_leaves_retention_bytes() {
    let size = dated_log(6).log.segments[0].size() as i64;
    let table = [
        (3 * size + 1, 0),
        (3 * size, 0),
        (2 * size + 1, 0),
        (2 * size, 2),
        (size, 4),
        (1, 4),
        (0, 6),
        (-1, 0),
    ];
    for (bytes, start) in table {
        let mut harness = dated_log(6);
        retain(&mut harness, by_size(bytes), 0);
        assert_eq!(harness.log.log_start_offset(), Offset(start), "retention.bytes {bytes}");
    }
}

#[test]
fn nothing_goes_that_is_not_committed() {
    for (watermark, start) in [(6, 6), (5, 4), (4, 4), (3, 2), (1, 0)] {
        let mut harness = dated_log(6);
        harness.log.set_high_watermark(Offset(watermark));
        retain(&mut harness, by_time(0), 99_000);
        assert_eq!(harness.log.log_start_offset(), Offset(start), "high watermark {watermark}");
    }
}

#[test]
fn a_log_of_which_all_is_gone_goes_on_where_it_ended() {
    let mut harness = dated_log(6);
    retain(&mut harness, by_time(0), 99_000);
    assert_eq!(harness.segment_bases(), [6], "a new segment was rolled");
    for defects in [Defects::NONE, [LogDefect::LogStartCheckpointLags].into_iter().collect()] {
        let config = LogConfig { defects, ..options(true).config };
        harness.reopen(LogOptions { config, ..options(false) });
        let bounds = (harness.log.log_start_offset(), harness.log.log_end_offset());
        assert_eq!(bounds, (Offset(6), Offset(6)), "{defects:?}");
        harness.disk.assert_agrees(&harness.log);
    }
    harness.append(&dated(99_000), EPOCH);
    assert_eq!(harness.log.log_end_offset(), Offset(7));
}

#[test]
fn the_start_is_on_disk_before_what_is_below_goes() {
    let mut harness = dated_log(6);
    let effects = retain(&mut harness, by_time(5_000), 9_001);
    let written = effects.iter().position(|effect| {
        matches!(effect, Effect::Replace { file: FileId::LeaderEpochCheckpoint(_), .. })
    });
    let deleted = effects
        .iter()
        .position(|effect| matches!(effect, Effect::Delete { file: FileId::Segment { .. } }));
    assert!(written.is_some() && written < deleted, "{effects:?}");
}

#[test]
fn a_start_that_is_written_nowhere_is_lost_with_the_process_in_kafka() {
    let weak: Defects = [LogDefect::LogStartCheckpointLags].into_iter().collect();
    for (defects, start) in [(Defects::NONE, 3), (weak, 0)] {
        let mut harness = dated_log(6);
        let reason = DeletionReason::DeleteRecords;
        harness.log.advance_log_start(Offset(3), reason, &mut harness.effects);
        harness.disk.apply(&mut harness.effects);
        harness.reopen(LogOptions {
            config: LogConfig { defects, ..options(true).config },
            ..options(false)
        });
        assert_eq!(harness.log.log_start_offset(), Offset(start), "{defects:?}");
    }
}

#[test]
fn before_2_4_producers_were_forgotten_with_their_records() {
    let weak: Defects = [LogDefect::RetentionForgetsProducers].into_iter().collect();
    for (defects, known) in [(Defects::NONE, true), (weak, false)] {
        let mut harness = Harness::new();
        harness.log.config.defects = defects;
        harness.append(&numbered(7, 0, 2), EPOCH);
        harness.append(&plain(2, 1), EPOCH);
        harness.log.set_high_watermark(Offset(4));
        let reason = DeletionReason::DeleteRecords;
        harness.log.advance_log_start(Offset(2), reason, &mut harness.effects);
        harness.disk.apply(&mut harness.effects);
        let again = harness.log.check_producer(numbered(7, 0, 2).header(), AppendRights::default());
        let recognised = matches!(again, Ok(ProducerCheck::Duplicate { .. }));
        assert_eq!(recognised, known, "{again:?}");
    }
}

/// Snapshots are flushed in the background: a power loss may leave the records alone.
#[test]
fn a_producer_without_a_snapshot_gets_one_before_its_records_go() {
    let mut harness = Harness::new();
    harness.append(&numbered(7, 0, 2), EPOCH);
    (0..10).for_each(|tag| drop(harness.append(&plain(2, tag), EPOCH)));
    for file in harness.disk.image().files.into_keys() {
        if matches!(file, FileId::ProducerSnapshot { .. }) {
            harness.effects.push(Effect::Delete { file });
        }
    }
    harness.disk.apply(&mut harness.effects);
    harness.reopen(options(false));
    harness.log.set_high_watermark(Offset(22));
    retain(&mut harness, by_size(1), 0);
    assert!(harness.log.batches().all(|batch| !batch.header().has_producer()));
    harness.reopen(options(false));
    let again = harness.log.check_producer(numbered(7, 0, 2).header(), AppendRights::default());
    assert!(matches!(again, Ok(ProducerCheck::Duplicate { .. })), "{again:?}");
}

#[test]
fn a_segment_is_rolled_when_its_first_record_is_segment_ms_old() {
    let mut harness = Harness::new();
    harness.log.config.retention.segment_ms = 1_000;
    // A record's own time counts, not the clock's.
    for at_ms in [5_000, 6_000, 6_001, 5_500, 7_001, 7_002] {
        let mut builder =
            RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
        builder.push(WallTime(at_ms), None, None);
        harness.append(&builder.build(), EPOCH);
    }
    assert_eq!(harness.segment_bases(), [0, 2, 5]);
}

#[test]
fn what_was_aborted_behind_a_segment_that_goes_is_told_still() {
    let mut harness = dated_log(2);
    let transactional =
        RecordBatchBuilder::new(ProducerId(7), ProducerEpoch(0), Sequence(0)).in_transaction();
    let mut builder = transactional;
    builder.push(WallTime(60_000), None, Some(Bytes::from(vec![7; 100])));
    harness.append(&builder.build(), EPOCH);
    let marker = TransactionMarker {
        producer_id: ProducerId(7),
        producer_epoch: ProducerEpoch(0),
        result: TransactionResult::Abort,
        coordinator_epoch: LeaderEpoch(0),
    };
    harness.append(&marker.batch(WallTime(60_000)), EPOCH);
    harness.log.set_high_watermark(Offset(4));
    retain(&mut harness, by_time(5_000), 61_000);
    assert_eq!(harness.log.log_start_offset(), Offset(2));
    let aborted = harness.log.aborted_transactions(Offset(2), Offset(4));
    let aborted: Vec<i64> = aborted.iter().map(|it| it.first_offset.0).collect();
    assert_eq!(aborted, [2]);
}

//! Kafka's own rules where they are weaker than what is promised, each beside what is promised; and its flushes.

use super::*;
use crate::defect::LogDefect;
use crate::log::tests::disk::FakeDisk;

/// Options with weak rules; unclean.
fn with(defects: &[LogDefect]) -> LogOptions {
    let mut options = options(false);
    options.config.defects = defects.iter().copied().collect();
    options
}

fn harness_with(options: LogOptions) -> Harness {
    let disk = FakeDisk::default();
    let (log, effects) = open(&disk, options);
    Harness { log, disk, effects: Effects::new() }.applied(effects)
}

/// Ten batches of two records, several segments, with a weak rule.
fn filled_with(options: LogOptions) -> Harness {
    let mut harness = harness_with(options);
    (0..10).for_each(|tag| drop(harness.append(&plain(2, tag), EPOCH)));
    harness
}

/// Takes back what was done to the records since.
fn undo_cuts(harness: &mut Harness, old: &crate::disk_image::DiskImage) {
    for (base_offset, bytes) in old.segments(PARTITION) {
        harness.disk.put(segment(base_offset.0), bytes);
    }
}

#[test]
fn bytes_that_are_not_valid_end_the_log_even_if_the_next_segment_begins_there() {
    let mut harness = Harness::filled();
    let bases = harness.segment_bases();
    let image = harness.disk.image();
    let whole = image.read(segment(bases[1])).expect("there").clone();
    harness.disk.put(segment(bases[1]), &[whole, Bytes::from_static(&[7; 40])].concat().into());
    harness.reopen(options(false));
    assert_eq!(harness.log.log_end_offset(), Offset(bases[2]), "the third began just there");
    assert_eq!(harness.segment_bases(), &bases[..2]);
    harness.disk.assert_agrees(&harness.log);
}

#[test]
fn recovery_keeps_gaps_as_kafka_does() {
    for (defects, end) in [(&[][..], 10), (&[LogDefect::RecoveryKeepsGaps], 20)] {
        let mut harness = filled_with(with(defects));
        let bases = harness.segment_bases();
        assert!(bases.len() > 2, "{bases:?}");
        let bytes = harness.disk.image().read(segment(bases[1])).expect("there").clone();
        let front = bytes.len() / 2;
        let file = segment(bases[1]);
        harness.disk.put(file, &bytes.slice(..front));
        harness.reopen(with(defects));
        let kept = harness.log.log_end_offset();
        if end == 20 {
            assert_eq!(kept, Offset(20), "the end of the last segment");
            let hole = harness.log.segments[1].end_offset();
            assert!(hole < Offset(bases[2]), "{hole}");
            let read = harness.log.read(hole, Offset(20), 1);
            assert_eq!(read[0].base_offset(), Offset(bases[2]), "a read goes on after the hole");
            let before = harness.log.read(Offset(bases[1]), Offset(20), 1 << 20);
            assert_eq!(before.last().map(RecordBatch::next_offset), Some(hole), "or ends there");
            harness.append(&plain(1, 9), EPOCH);
        } else {
            assert!(kept < Offset(bases[2]), "nothing after the gap: {kept}");
        }
        harness.disk.assert_agrees(&harness.log);
    }
}

#[test]
fn recovery_trusts_remainders_as_kafka_does() {
    for (defects, end) in [(&[][..], 10), (&[LogDefect::RecoveryTrustsRemainders], 20)] {
        let mut harness = filled_with(with(defects));
        let old = harness.disk.image();
        harness.truncate(10);
        harness.append(&plain(2, 77), LeaderEpoch(2));
        undo_cuts(&mut harness, &old);
        harness.reopen(with(defects));
        assert_eq!(harness.log.log_end_offset(), Offset(end), "{defects:?}");
    }
}

#[test]
fn a_segment_that_reaches_across_the_next_is_kept_as_kafka_does() {
    let both = [LogDefect::RecoveryTrustsRemainders, LogDefect::RecoveryKeepsGaps];
    for defects in [&[][..], &both] {
        let mut harness = filled_with(with(defects));
        let bases = harness.segment_bases();
        let old = harness.disk.image();
        harness.truncate(bases[1] + 2);
        (0..5).for_each(|tag| drop(harness.append(&plain(1, 70 + tag), EPOCH)));
        let file = segment(bases[1]);
        harness.disk.put(file, old.read(file).expect("there"));
        harness.reopen(with(defects));
        let overlaps =
            harness.log.segments.windows(2).any(|two| two[0].end_offset() > two[1].base_offset());
        assert_eq!(overlaps, !defects.is_empty(), "{:?}", harness.log.segments);
        let bases: Vec<i64> = harness.log.batches().map(|batch| batch.base_offset().0).collect();
        assert!(bases.is_sorted(), "{bases:?}");
    }
}

#[test]
fn a_cut_inside_a_batch_leaves_a_hole_in_kafka() {
    for (defects, end) in [(&[][..], 10), (&[LogDefect::DerivedStateFromFiles], 11)] {
        let mut harness = filled_with(with(defects));
        harness.truncate(11);
        assert_eq!(harness.log.log_end_offset(), Offset(end), "{defects:?}");
        harness.append(&plain(1, 9), EPOCH);
        let last = harness.log.batches().last().map(RecordBatch::base_offset);
        assert_eq!(last, Some(Offset(end)), "{defects:?}");
    }
}

#[test]
fn cuts_are_not_synced_in_kafka() {
    let weak =
        [LogDefect::CutsNotSynced, LogDefect::EpochCutsNotSynced, LogDefect::EpochCheckpointTorn];
    let table = [
        (&[][..], true, (true, false)),
        (&weak[..1], false, (true, false)),
        (&weak[1..2], true, (false, true)),
        (&weak[2..], true, (false, false)),
    ];
    for (defects, synced, epochs) in table {
        let mut harness = filled_with(with(defects));
        (0..4).for_each(|tag| drop(harness.append(&plain(2, tag), LeaderEpoch(2))));
        let effects = harness.truncate(15);
        let syncs = effects.iter().any(|effect| matches!(effect, Effect::Sync { .. }));
        let replaces = effects.iter().any(|effect| matches!(effect, Effect::Replace { .. }));
        let later = |effect: &Effect| matches!(effect, Effect::ReplaceInBackground { .. });
        let later = effects.iter().any(later);
        assert_eq!((syncs, (replaces, later)), (synced, epochs), "{effects:?}");
    }
}

/// Behind a hole no epoch would give away what a power loss brings back, even if the cut forgets none.
#[test]
fn each_cut_of_a_log_with_holes_is_synced() {
    let table = [
        (false, &[][..], false),
        (true, &[][..], true),
        (true, &[LogDefect::CutsNotSynced][..], false),
    ];
    for (holes, defects, synced) in table {
        let mut harness = filled_with(LogOptions { holes, ..with(defects) });
        let effects = harness.truncate(15);
        let syncs = effects.iter().any(|effect| matches!(effect, Effect::Sync { .. }));
        assert_eq!(syncs, synced, "holes: {holes}, {defects:?}: {effects:?}");
    }
}

#[test]
fn epochs_are_those_of_the_checkpoint_in_kafka() {
    for (defects, begins) in [(&[][..], 20), (&[LogDefect::DerivedStateFromFiles], 10)] {
        let mut harness = filled_with(with(defects));
        harness.append(&plain(2, 1), LeaderEpoch(5));
        let entries = [(EPOCH, Offset(0)), (LeaderEpoch(3), Offset(10))];
        let mut cache = crate::log::epoch_cache::EpochCache::default();
        for (epoch, start) in entries {
            cache.assign(epoch, start);
        }
        harness.disk.put(FileId::LeaderEpochCheckpoint(PARTITION), &cache.encode());
        let mut trusting = with(defects);
        trusting.config.defects.extend([LogDefect::RecoveryTrustsRemainders.into()]);
        harness.reopen(trusting);
        let end = harness.log.end_offset_for(EPOCH).end_offset;
        assert_eq!((end, harness.log.latest_epoch()), (Offset(begins), LeaderEpoch(5)));
        harness.disk.assert_agrees(&harness.log);
    }
}

#[test]
fn a_snapshot_of_another_log_is_taken_for_this_one_in_kafka() {
    for (defects, known) in [(&[][..], 0), (&[LogDefect::DerivedStateFromFiles], 1)] {
        let mut harness = harness_with(with(defects));
        harness.append(&numbered(7, 0, 2), EPOCH);
        harness.append(&numbered(7, 2, 2), EPOCH);
        harness.log.sync_all(&mut harness.effects);
        harness.disk.apply(&mut harness.effects);
        let file = FileId::ProducerSnapshot { partition: PARTITION, offset: Offset(4) };
        let stale = harness.disk.image().read(file).expect("a clean stop writes it").clone();
        harness.truncate(0);
        (0..2).for_each(|tag| drop(harness.append(&plain(3, tag), EPOCH)));
        harness.disk.put(file, &stale);
        harness.reopen(LogOptions { clean: true, ..with(defects) });
        assert_eq!(harness.log.known_producers().len(), known, "{defects:?}");
    }
}

#[test]
fn an_unclean_start_takes_no_snapshot_above_the_first_segment_that_it_checks() {
    let defects = [LogDefect::DerivedStateFromFiles];
    let mut harness = harness_with(with(&defects));
    (0..4).for_each(|index| drop(harness.append(&numbered(7, index * 2, 2), EPOCH)));
    harness.log.sync_all(&mut harness.effects);
    harness.disk.apply(&mut harness.effects);
    let effects = harness.reopen(with(&defects));
    let deleted = |offset: i64| Effect::Delete {
        file: FileId::ProducerSnapshot { partition: PARTITION, offset: Offset(offset) },
    };
    assert!(effects.contains(&deleted(8)), "{effects:?}");
    assert_eq!(harness.log.known_producers().len(), 1, "its records tell of it");
}

/// Five batches of a producer, of two records each.
fn with_five_batches(options: LogOptions) -> Harness {
    let mut harness = harness_with(options);
    (0..5).for_each(|index| drop(harness.append(&numbered(7, index * 2, 2), EPOCH)));
    harness
}

fn is_recognised(harness: &Harness, sequence: i32) -> bool {
    let batch = numbered(7, sequence, 2).with_assignment(Offset(0), EPOCH);
    matches!(
        harness.log.check_producer(batch.header(), AppendRights::default()),
        Ok(ProducerCheck::Duplicate { .. })
    )
}

#[test]
fn a_restart_forgets_all_but_the_last_batch_in_kafka() {
    for clean in [true, false] {
        for (defects, recognised) in
            [(&[][..], true), (&[LogDefect::SnapshotKeepsLastBatch], false)]
        {
            let mut harness = with_five_batches(with(defects));
            assert!(is_recognised(&harness, 0), "before the restart");
            if clean {
                harness.log.sync_all(&mut harness.effects);
                harness.disk.apply(&mut harness.effects);
            }
            harness.reopen(LogOptions { clean, ..with(defects) });
            let found = (is_recognised(&harness, 0), is_recognised(&harness, 6));
            assert_eq!(found, (recognised, recognised), "{defects:?}, clean: {clean}");
            assert!(is_recognised(&harness, 8), "the last, {defects:?}, clean: {clean}");
            harness.disk.assert_agrees(&harness.log);
        }
    }
}

#[test]
fn a_cut_keeps_what_is_read_again_even_in_kafka() {
    let mut options = with(&[LogDefect::SnapshotKeepsLastBatch]);
    options.config.segment_bytes = 1 << 20;
    let mut harness = with_five_batches(options);
    harness.truncate(8);
    assert!((0..4).all(|index| is_recognised(&harness, index * 2)));
    assert!(!is_recognised(&harness, 8), "it was cut");
}

/// A log whose producer has expired.
fn with_an_expired_producer() -> Harness {
    let mut options = options(false);
    options.config.producer_id_expiration_ms = 1_000;
    let mut harness = with_five_batches(options);
    harness.log.expire_producers(WallTime(1_000), &mut harness.effects);
    harness.disk.apply(&mut harness.effects);
    assert!(harness.log.known_producers().is_empty());
    harness
}

#[test]
fn producers_that_expired_do_not_come_back_with_a_restart() {
    let mut harness = with_an_expired_producer();
    harness.log.sync_all(&mut harness.effects);
    harness.disk.apply(&mut harness.effects);
    let mut options = options(true);
    options.config.producer_id_expiration_ms = 1_000;
    options.now = WallTime(1_000);
    harness.reopen(options);
    assert!(harness.log.known_producers().is_empty(), "the snapshot says so");
}

#[test]
fn producers_that_expired_do_not_come_back_with_a_cut() {
    let mut harness = with_an_expired_producer();
    harness.truncate(9);
    assert_eq!(harness.log.log_end_offset(), Offset(8));
    assert!(harness.log.known_producers().is_empty());
}

#[test]
fn a_torn_tail_stays_under_a_marker_that_came_back_and_hides_what_is_appended() {
    for (defects, hides) in [(&[][..], false), (&[LogDefect::MarkerDeletionNotSynced][..], true)] {
        let options = LogOptions { clean: true, ..with(defects) };
        let mut harness = harness_with(options);
        (0..2).for_each(|tag| drop(harness.append(&plain(2, tag), EPOCH)));
        let whole = harness.disk.image().files[&segment(0)].clone();
        harness.disk.put(segment(0), &Bytes::from([&whole[..], &whole[..30]].concat()));
        harness.reopen(options);
        assert_eq!(harness.log.log_end_offset(), Offset(4));
        harness.append(&plain(2, 9), EPOCH);
        let read = |harness: &Harness, from: i64| {
            let (from, upper) = (Offset(from), harness.log.log_end_offset());
            (harness.log.read(from, upper, 4_000).len(), harness.log.is_unreadable(from))
        };
        let (all, last) = if hides { ((2, false), (0, true)) } else { ((3, false), (1, false)) };
        assert_eq!((read(&harness, 0), read(&harness, 4)), (all, last));
        let end = harness.log.log_end_offset();
        harness.reopen(options);
        assert_eq!(harness.log.log_end_offset(), if hides { Offset(4) } else { end });
        harness.truncate(2);
        assert_eq!(harness.disk.image().files[&segment(0)].len(), whole.len() / 2);
    }
}

#[test]
fn as_many_records_as_flush_messages_are_synced_at_once() {
    let mut harness = Harness::new();
    harness.log.config.flush_messages = 3;
    let synced = |effects: &[Effect]| {
        effects.iter().filter(|effect| matches!(effect, Effect::Sync { .. })).count()
    };
    let effects = harness.append(&plain(2, 1), EPOCH);
    assert_eq!((synced(&effects), harness.log.recovery_point()), (0, Offset::ZERO));
    let effects = harness.append(&plain(1, 2), EPOCH);
    assert_eq!(effects.last(), Some(&Effect::Sync { file: segment(0) }), "after the append");
    assert_eq!(harness.log.recovery_point(), Offset(3));
    assert_eq!(synced(&harness.append(&plain(2, 3), EPOCH)), 0, "counted from the flush");
}

#[test]
fn a_log_that_was_not_flushed_for_flush_ms_is_flushed_in_the_background() {
    let mut harness = Harness::new();
    harness.log.config.flush_ms = 1_000;
    harness.append(&plain(2, 1), EPOCH);
    let check = |harness: &mut Harness, at: i64| {
        harness.log.flush_if_due(WallTime(at), &mut harness.effects);
        harness.disk.apply(&mut harness.effects).len()
    };
    assert_eq!(check(&mut harness, 999), 0, "opened at 0");
    assert_eq!(check(&mut harness, 1_000), 1);
    assert_eq!(check(&mut harness, 1_001), 0, "under way");
    assert_eq!(harness.log.recovery_point(), Offset::ZERO);
    let token = harness.disk.complete_flush(0).expect("a flush is under way");
    assert!(harness.log.flush_completed(token, WallTime(1_500)));
    assert_eq!(harness.log.recovery_point(), Offset(2));
    harness.append(&plain(1, 2), EPOCH);
    assert_eq!(check(&mut harness, 2_499), 0, "999 ms since the last flush");
    assert_eq!(check(&mut harness, 2_500), 1);
}

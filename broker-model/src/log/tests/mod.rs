//! Tests of the log on a fake disk: tables first, then a state machine against a list of batches.

mod cleaner;
mod disk;
mod machine;
mod retention;
mod transactions;
mod weak_rules;

use bytes::Bytes;

use crate::disk_image::FileId;
use crate::log::segment::Segment;
use crate::log::tests::disk::{FakeDisk, PARTITION};
use crate::log::{AppendRights, Log, LogOptions, ProducerCheck};
use crate::node::{Effect, Effects};
use crate::note::{AppendOrigin, DeletionReason, LogNote, Note, ProducerNote, TruncateReason};
use crate::record::{RecordBatch, RecordBatchBuilder};
use crate::retention::Retention;
use crate::testing;
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, WallTime};

const EPOCH: LeaderEpoch = LeaderEpoch(1);
const SEGMENT_BYTES: u32 = 400;

pub(super) fn options(clean: bool) -> LogOptions {
    let mut options = LogOptions { clean, ..testing::log_options() };
    options.config.segment_bytes = SEGMENT_BYTES;
    options
}

fn open(disk: &FakeDisk, options: LogOptions) -> (Log, Effects) {
    let mut effects = Effects::new();
    let log = Log::open(PARTITION, options, &disk.image(), &mut effects);
    (log, effects)
}

/// A batch whose records carry the tag; about 70 + 10 bytes for each record.
fn plain(records: usize, tag: u64) -> RecordBatch {
    let none = (ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
    batch_of(none, records, tag)
}

fn numbered(id: i64, sequence: i32, records: usize) -> RecordBatch {
    batch_of((ProducerId(id), ProducerEpoch(0), Sequence(sequence)), records, 0)
}

fn batch_of(
    producer: (ProducerId, ProducerEpoch, Sequence),
    records: usize,
    tag: u64,
) -> RecordBatch {
    let mut builder = RecordBatchBuilder::new(producer.0, producer.1, producer.2);
    for _ in 0..records {
        builder.push(WallTime(0), None, Some(Bytes::from(tag.to_be_bytes().to_vec())));
    }
    builder.build()
}

/// A log on its disk.
struct Harness {
    log: Log,
    disk: FakeDisk,
    effects: Effects,
}

impl Harness {
    fn new() -> Self {
        let disk = FakeDisk::default();
        let (log, effects) = open(&disk, options(false));
        Self { log, disk, effects: Effects::new() }.applied(effects)
    }

    fn applied(mut self, mut effects: Effects) -> Self {
        self.disk.apply(&mut effects);
        self
    }

    fn append(&mut self, batch: &RecordBatch, epoch: LeaderEpoch) -> Vec<Effect> {
        self.log.append_as_leader(batch, epoch, -1, &mut self.effects);
        self.disk.apply(&mut self.effects)
    }

    fn truncate(&mut self, to: i64) -> Vec<Effect> {
        self.log.truncate_to(Offset(to), TruncateReason::Diverged, &mut self.effects);
        self.disk.apply(&mut self.effects)
    }

    fn reopen(&mut self, options: LogOptions) -> Vec<Effect> {
        let (log, mut effects) = open(&self.disk, options);
        self.log = log;
        self.disk.apply(&mut effects)
    }

    /// Ten batches of two records in epoch 1: several segments.
    fn filled() -> Self {
        let mut harness = Self::new();
        for tag in 0..10 {
            harness.append(&plain(2, tag), EPOCH);
        }
        harness
    }

    fn segment_bases(&self) -> Vec<i64> {
        self.log.segments.iter().map(|segment| segment.base_offset().0).collect()
    }
}

fn segment(base_offset: i64) -> FileId {
    FileId::Segment { partition: PARTITION, base_offset: Offset(base_offset) }
}

#[test]
fn an_empty_disk_gives_an_empty_log() {
    let (log, effects) = open(&FakeDisk::default(), options(false));
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (Offset::ZERO, Offset::ZERO));
    assert_eq!(
        (log.latest_epoch(), log.last_fetched_epoch()),
        (LeaderEpoch::NONE, LeaderEpoch(-1))
    );
    assert_eq!(log.active_file(), segment(0));
    let recovered = Note::Log(LogNote::Recovered {
        partition: PARTITION,
        log_start_offset: Offset::ZERO,
        log_end_offset: Offset::ZERO,
        high_watermark: Offset::ZERO,
        clean: false,
        batches: Vec::new(),
    });
    let epochs = Note::Log(LogNote::EpochsKnown { partition: PARTITION, epochs: Vec::new() });
    let producers = Note::Producer(ProducerNote::ProducersKnown {
        partition: PARTITION,
        producers: Vec::new(),
    });
    assert_eq!(effects.as_slice(), [recovered, epochs, producers].map(Effect::Note));
}

#[test]
fn a_first_append_syncs_its_epoch_before_it_writes() {
    let mut harness = Harness::new();
    let effects = harness.append(&plain(3, 1), LeaderEpoch(4));
    let appended = harness.log.read(Offset::ZERO, Offset(3), 1).remove(0);
    assert_eq!((appended.base_offset(), appended.leader_epoch()), (Offset::ZERO, LeaderEpoch(4)));
    let checkpoint = FileId::LeaderEpochCheckpoint(PARTITION);
    let note = Note::Log(LogNote::Appended {
        partition: PARTITION,
        batch: appended.summary(),
        origin: AppendOrigin::Leader,
        leader_epoch: LeaderEpoch(4),
        acks: -1,
    });
    assert!(matches!(&effects[0], Effect::Replace { file, .. } if *file == checkpoint));
    assert_eq!(effects[1], Effect::Append { file: segment(0), bytes: appended.bytes().clone() });
    assert_eq!(effects[2..], [Effect::Note(note)]);
    assert_eq!(harness.append(&plain(1, 2), LeaderEpoch(4)).len(), 2, "the epoch is known now");
}

#[test]
fn a_follower_takes_batches_as_they_are() {
    let mut harness = Harness::new();
    let batch = plain(2, 1).with_assignment(Offset::ZERO, LeaderEpoch(2));
    let taken = std::slice::from_ref(&batch);
    harness.log.append_as_follower(taken, LeaderEpoch(5), &mut harness.effects);
    assert_eq!(harness.log.read(Offset::ZERO, Offset(2), 1), std::slice::from_ref(&batch));
    assert_eq!(harness.log.last_fetched_epoch(), LeaderEpoch(2));
    let note = Note::Log(LogNote::Appended {
        partition: PARTITION,
        batch: batch.summary(),
        origin: AppendOrigin::Follower,
        leader_epoch: LeaderEpoch(5),
        acks: 0,
    });
    assert_eq!(harness.effects.as_slice().last(), Some(&Effect::Note(note)));
}

#[test]
#[should_panic(expected = "batch at 5 appended to a log that ends at 0")]
fn a_follower_takes_no_gap() {
    let mut harness = Harness::new();
    let batch = plain(1, 1).with_assignment(Offset(5), EPOCH);
    harness.log.append_as_follower(&[batch], EPOCH, &mut harness.effects);
}

#[test]
fn what_a_fetch_has_brought_is_one_append() {
    let (size, per_segment) = (plain(1, 0).size(), SEGMENT_BYTES / plain(1, 0).size());
    assert!(per_segment >= 3, "{per_segment} batches of {size} bytes fit a segment");
    let mut harness = Harness::new();
    harness.log.config.flush_messages = 2;
    let batch = |at: i64| plain(1, at as u64).with_assignment(Offset(at), EPOCH);
    harness.log.append_as_follower(&[batch(0)], EPOCH, &mut harness.effects);
    let end = i64::from(per_segment) + 1;
    let fetched: Vec<RecordBatch> = (1..end).map(batch).collect();
    harness.log.append_as_follower(&fetched, EPOCH, &mut harness.effects);
    let effects = harness.disk.apply(&mut harness.effects);
    let appended_to = |effect: &Effect| {
        if let Effect::Append { file, .. } = effect { Some(*file) } else { None }
    };
    let files = effects.iter().filter_map(appended_to);
    let mut files: Vec<FileId> = files.collect();
    files.dedup();
    assert_eq!(files, [segment(0), segment(1)], "rolled before the fetch, not in it");
    let synced = |effect: &&Effect| matches!(effect, Effect::Sync { file } if *file == segment(1));
    assert_eq!(effects.iter().filter(synced).count(), 1, "looked at for a flush once");
    let later: Vec<RecordBatch> = (end..end + 2 * i64::from(per_segment)).map(batch).collect();
    harness.log.append_as_follower(&later, EPOCH, &mut harness.effects);
    assert_eq!(harness.log.log_end_offset(), Offset(end + 2 * i64::from(per_segment)));
    let sizes = harness.log.segments.iter().map(Segment::size);
    assert!(sizes.max() <= Some(u64::from(SEGMENT_BYTES)), "more than a segment goes in parts");
}

#[test]
fn reads_are_whole_batches_within_bounds() {
    let harness = Harness::filled();
    let read = |from, upper, bytes| {
        let found = harness.log.read(Offset(from), Offset(upper), bytes);
        found.iter().map(|batch| batch.base_offset().0).collect::<Vec<_>>()
    };
    let size = plain(2, 0).size();
    assert_eq!(read(0, 20, u32::MAX), (0..10).map(|index| index * 2).collect::<Vec<_>>());
    assert_eq!(read(5, 9, u32::MAX), [4, 6], "from inside a batch, to inside another");
    assert_eq!(read(6, 20, size * 2), [6, 8]);
    assert_eq!(read(6, 20, 0), [6], "one batch whatever its size");
    let limit = crate::log::ReadLimit { bytes_max: size - 1, min_one: false };
    let read_at_most = harness.log.read_at_most(Offset(6), Offset(20), limit);
    assert!(read_at_most.is_empty(), "not even one: {read_at_most:?}");
    assert!(read(6, 7, u32::MAX).is_empty(), "the batch reaches across the upper bound");
    assert!(read(20, 20, u32::MAX).is_empty());
}

#[test]
fn a_full_segment_is_rolled_and_flushed_in_the_background() {
    let mut harness = Harness::new();
    let per_segment = i64::from(SEGMENT_BYTES / plain(2, 0).size());
    for tag in 0..per_segment {
        harness.append(&plain(2, tag as u64), EPOCH);
    }
    let base = per_segment * 2;
    let effects = harness.append(&plain(2, 9), EPOCH);
    let snapshot = FileId::ProducerSnapshot { partition: PARTITION, offset: Offset(base) };
    let [Effect::Write { file: written, .. }, flush, Effect::Flush { file, token }, append, ..] =
        &effects[..]
    else {
        panic!("rolled without a snapshot and flushes: {effects:?}");
    };
    let Effect::Flush { file: first, token: of_snapshot } = flush else { panic!("{flush:?}") };
    assert_eq!((*written, *first), (snapshot, snapshot), "that nobody is known");
    assert_eq!((*file, Log::flush_owner(*token)), (segment(0), PARTITION));
    assert!(matches!(append, Effect::Append { file, .. } if *file == segment(base)));
    let token = *token;
    assert!(harness.log.flush_completed(*of_snapshot, WallTime(0)));
    assert_eq!(harness.log.recovery_point(), Offset::ZERO);
    assert!(harness.log.flush_completed(token, WallTime(0)));
    assert_eq!(harness.log.recovery_point(), Offset(base));
    assert!(!harness.log.flush_completed(token, WallTime(0)), "a flush completes once");
}

#[test]
fn a_batch_larger_than_a_segment_gets_its_own() {
    let mut harness = Harness::new();
    harness.append(&plain(100, 1), EPOCH);
    harness.append(&plain(1, 2), EPOCH);
    harness.append(&plain(100, 3), EPOCH);
    harness.append(&plain(100, 4), EPOCH);
    assert_eq!(harness.segment_bases(), [0, 100, 101, 201]);
}

#[test]
fn a_truncation_inside_a_segment_cuts_the_file() {
    let mut harness = Harness::filled();
    assert!(harness.log.set_high_watermark(Offset(20)));
    let bases = harness.segment_bases();
    let effects = harness.truncate(bases[1] + 3);
    let end = bases[1] + 2;
    let length = u64::from(plain(2, 0).size());
    assert!(effects.contains(&Effect::Truncate { file: segment(bases[1]), length }));
    assert!(effects.contains(&Effect::Delete { file: segment(bases[2]) }));
    let (from, to) = (Offset(20), Offset(end));
    let note = Note::Log(LogNote::Truncated {
        partition: PARTITION,
        from,
        to,
        reason: TruncateReason::Diverged,
    });
    let epochs = harness.log.known_epochs();
    let known = Note::Log(LogNote::EpochsKnown { partition: PARTITION, epochs });
    let producers = Note::Producer(ProducerNote::ProducersKnown {
        partition: PARTITION,
        producers: Vec::new(),
    });
    assert!(effects.ends_with(&[note, known, producers].map(Effect::Note)));
    assert_eq!((harness.log.log_end_offset(), harness.log.high_watermark()), (to, to));
    harness.disk.assert_agrees(&harness.log);
}

#[test]
fn a_truncation_to_zero_leaves_an_empty_segment() {
    let mut harness = Harness::filled();
    harness.truncate(0);
    assert_eq!((harness.segment_bases(), harness.log.log_end_offset()), (vec![0], Offset::ZERO));
    assert_eq!(harness.log.latest_epoch(), LeaderEpoch::NONE);
    harness.append(&plain(1, 1), EPOCH);
    harness.disk.assert_agrees(&harness.log);
}

#[test]
fn a_truncation_at_the_end_cuts_only_the_epoch_cache() {
    let mut harness = Harness::filled();
    harness.log.assign_epoch(LeaderEpoch(3), &mut harness.effects);
    let assigned = harness.disk.apply(&mut harness.effects);
    let checkpoint = FileId::LeaderEpochCheckpoint(PARTITION);
    assert!(
        matches!(assigned.last(), Some(Effect::Replace { file, .. }) if *file == checkpoint),
        "{assigned:?}"
    );
    assert_eq!(harness.log.last_fetched_epoch(), LeaderEpoch(3));
    let effects = harness.truncate(20);
    assert!(effects.iter().all(|effect| !matches!(effect, Effect::Note(_))), "{effects:?}");
    assert_eq!((harness.log.log_end_offset(), harness.log.latest_epoch()), (Offset(20), EPOCH));
    assert!(harness.truncate(25).is_empty());
}

#[test]
fn a_truncation_forgets_what_producers_sent_after() {
    let mut harness = Harness::new();
    for index in 0..8 {
        harness.append(&numbered(7, index * 2, 2), EPOCH);
    }
    let again = |harness: &Harness, sequence| {
        harness.log.check_producer(numbered(7, sequence, 2).header(), AppendRights::default())
    };
    assert!(matches!(again(&harness, 12), Ok(ProducerCheck::Duplicate { .. })));
    harness.truncate(12);
    assert_eq!(again(&harness, 12), Ok(ProducerCheck::New));
    assert!(matches!(again(&harness, 10), Ok(ProducerCheck::Duplicate { .. })));
}

#[test]
fn starting_again_drops_everything() {
    let mut harness = Harness::filled();
    harness.log.truncate_fully_and_start_at(Offset(50), &mut harness.effects);
    let effects = harness.disk.apply(&mut harness.effects);
    let log = &harness.log;
    let bounds = (log.log_start_offset(), log.high_watermark(), log.log_end_offset());
    assert_eq!(bounds, (Offset(50), Offset(50), Offset(50)));
    assert_eq!((log.latest_epoch(), log.active_file()), (LeaderEpoch::NONE, segment(50)));
    let moved =
        Note::Log(LogNote::StartMoved { partition: PARTITION, log_start_offset: Offset(50) });
    assert_eq!(effects.last(), Some(&Effect::Note(moved)));
    harness.append(&plain(1, 1), LeaderEpoch(9));
    harness.disk.assert_agrees(&harness.log);
}

#[test]
fn the_log_start_takes_whole_segments_with_it() {
    let mut harness = Harness::filled();
    harness.log.set_high_watermark(Offset(20));
    let bases = harness.segment_bases();
    let to = Offset(bases[1] + 1);
    harness.log.advance_log_start(to, DeletionReason::DeleteRecords, &mut harness.effects);
    assert_eq!(harness.segment_bases(), bases, "whoever moves the start deletes nothing");
    harness.log.delete_old_segments(WallTime(0), &mut harness.effects);
    let effects = harness.disk.apply(&mut harness.effects);
    assert!(effects.contains(&Effect::Delete { file: segment(0) }));
    assert_eq!(harness.segment_bases(), bases[1..]);
    assert_eq!(harness.log.end_offset_for(LeaderEpoch(0)).end_offset, to);
    // What is below cannot be found again, whatever the checkpoints say.
    harness.reopen(options(false));
    assert_eq!(harness.log.log_start_offset(), to);
    harness.log.set_high_watermark(Offset(20));
    harness.log.advance_log_start(Offset(20), DeletionReason::DeleteRecords, &mut harness.effects);
    harness.log.delete_old_segments(WallTime(0), &mut harness.effects);
    assert_eq!(harness.segment_bases().len(), 1, "the active segment stays");
}

#[test]
fn the_high_watermark_is_bounded() {
    let mut harness = Harness::filled();
    assert!(harness.log.set_high_watermark(Offset(99)));
    assert_eq!(harness.log.high_watermark(), Offset(20));
    assert!(!harness.log.set_high_watermark(Offset(50)));
    assert!(harness.log.set_high_watermark(Offset(-1)));
    assert_eq!(harness.log.high_watermark(), Offset::ZERO);
}

#[test]
fn a_rotten_batch_ends_an_unclean_log_and_its_later_segments() {
    let mut harness = Harness::filled();
    let bases = harness.segment_bases();
    harness.disk.flip_bit(segment(bases[1]), 600);
    let effects = harness.reopen(options(false));
    assert_eq!(effects[0], Effect::Truncate { file: segment(bases[1]), length: 0 });
    assert_eq!(effects[1], Effect::Delete { file: segment(bases[2]) });
    assert_eq!(harness.log.log_end_offset(), Offset(bases[1]));
    harness.disk.assert_agrees(&harness.log);
}

/// What was cut is synced before an epoch is forgotten that may tell its remainders.
fn assert_cuts_are_synced_first(effects: &[Effect]) {
    let checkpoint = FileId::LeaderEpochCheckpoint(PARTITION);
    let forgets =
        |effect: &Effect| matches!(effect, Effect::Replace { file, .. } if *file == checkpoint);
    let forgotten = effects.iter().position(forgets).expect("the checkpoint is written");
    let (before, after) = effects.split_at(forgotten);
    let cut = |effect: &Effect| match effect {
        Effect::Truncate { file, .. } | Effect::Delete { file } => Some(*file),
        Effect::Append { .. }
        | Effect::Write { .. }
        | Effect::Replace { .. }
        | Effect::ReplaceInBackground { .. }
        | Effect::Rename { .. }
        | Effect::Discard { .. }
        | Effect::CreateLogDirectory { .. }
        | Effect::Sync { .. }
        | Effect::Flush { .. }
        | Effect::Note(_)
        | Effect::Request { .. }
        | Effect::Reply { .. }
        | Effect::Disconnect { .. }
        | Effect::Close { .. }
        | Effect::Complete { .. }
        | Effect::Begin(_)
        | Effect::Halt { .. } => None,
    };
    let segments: Vec<FileId> = before.iter().filter_map(cut).collect();
    assert!(segments.len() > 1, "a segment is cut, others are deleted: {before:?}");
    for file in segments {
        assert!(before.contains(&Effect::Sync { file }), "{file:?} is not synced: {before:?}");
    }
    let cut_later = |effect: &Effect| matches!(cut(effect), Some(FileId::Segment { .. }));
    assert!(!after.iter().any(cut_later), "{after:?}");
}

#[test]
fn an_epoch_is_forgotten_when_what_was_cut_is_gone_for_good() {
    let two_epochs = || {
        let mut harness = Harness::filled();
        (0..12).for_each(|tag| drop(harness.append(&plain(2, tag), EPOCH.next())));
        harness
    };
    let mut harness = two_epochs();
    assert_cuts_are_synced_first(&harness.truncate(15));

    let mut harness = two_epochs();
    let bases = harness.segment_bases();
    harness.disk.flip_bit(segment(bases[1]), 600);
    assert_cuts_are_synced_first(&harness.reopen(options(false)));
}

#[test]
fn rot_below_the_recovery_point_is_not_looked_for() {
    let mut harness = Harness::filled();
    let bases = harness.segment_bases();
    harness.disk.flip_bit(segment(bases[0]), 600);
    harness.reopen(LogOptions { recovery_point: Offset(bases[1]), ..options(false) });
    assert_eq!(harness.log.log_end_offset(), Offset(20));
    assert!(!harness.log.batches().all(RecordBatch::is_intact));
}

#[test]
fn a_missing_segment_cuts_the_rest() {
    let mut harness = Harness::filled();
    let bases = harness.segment_bases();
    harness.disk.lose(segment(bases[1]));
    harness.reopen(options(false));
    assert_eq!(harness.log.log_end_offset(), Offset(bases[1]));
    harness.disk.assert_agrees(&harness.log);
    let mut harness = Harness::filled();
    harness.disk.lose(segment(0));
    harness.reopen(options(false));
    assert_eq!(harness.log.log_end_offset(), Offset::ZERO, "the start was never flushed");
}

#[test]
fn a_log_below_its_start_starts_again() {
    let mut harness = Harness::filled();
    harness.reopen(LogOptions { log_start_offset: Offset(30), ..options(false) });
    let log = &harness.log;
    assert_eq!((log.log_start_offset(), log.log_end_offset()), (Offset(30), Offset(30)));
    harness.disk.assert_agrees(log);
}

#[test]
fn checkpoints_are_bounded_by_the_log() {
    let mut harness = Harness::filled();
    let beyond =
        LogOptions { recovery_point: Offset(90), high_watermark: Offset(90), ..options(false) };
    harness.reopen(beyond);
    assert_eq!(harness.log.recovery_point(), Offset(20));
    assert_eq!(harness.log.high_watermark(), Offset(20));
    harness.reopen(options(false));
    assert_eq!(harness.log.recovery_point(), Offset::ZERO, "opening flushes nothing");
    harness.reopen(options(true));
    assert_eq!(harness.log.recovery_point(), Offset(20), "a clean stop has flushed everything");
}

#[test]
fn a_truncation_that_the_power_took_back_does_not_hide_a_divergence() {
    let mut harness = Harness::filled();
    harness.log.sync_all(&mut harness.effects);
    harness.disk.apply(&mut harness.effects);
    let old = harness.disk.image();
    harness.truncate(10);
    harness.append(&plain(2, 77), LeaderEpoch(2));
    // The records are as before the truncation, the epoch checkpoint is as after it.
    for (base_offset, bytes) in old.segments(PARTITION) {
        harness.disk.put(segment(base_offset.0), bytes);
    }
    harness.reopen(options(false));
    assert_eq!((harness.log.log_end_offset(), harness.log.latest_epoch()), (Offset(10), EPOCH));
    harness.disk.assert_agrees(&harness.log);
}

#[test]
fn a_damaged_epoch_checkpoint_is_rebuilt() {
    let mut harness = Harness::filled();
    harness.append(&plain(2, 1), LeaderEpoch(6));
    let before = harness.log.end_offset_for(EPOCH);
    harness.disk.flip_bit(FileId::LeaderEpochCheckpoint(PARTITION), 70);
    harness.reopen(options(false));
    assert_eq!(harness.log.end_offset_for(EPOCH), before);
    assert_eq!(harness.log.latest_epoch(), LeaderEpoch(6));
    harness.disk.assert_agrees(&harness.log);
}

#[test]
fn a_snapshot_restores_producers_whose_records_are_gone() {
    let mut harness = Harness::new();
    harness.append(&numbered(7, 0, 2), EPOCH);
    for tag in 0..10 {
        harness.append(&plain(2, tag), EPOCH);
    }
    harness.log.set_high_watermark(Offset(22));
    harness.log.advance_log_start(Offset(20), DeletionReason::DeleteRecords, &mut harness.effects);
    harness.log.delete_old_segments(WallTime(0), &mut harness.effects);
    harness.disk.apply(&mut harness.effects);
    harness.reopen(LogOptions { log_start_offset: Offset(20), ..options(false) });
    assert!(harness.log.batches().all(|batch| !batch.header().has_producer()));
    let again = harness.log.check_producer(numbered(7, 0, 2).header(), AppendRights::default());
    assert!(matches!(again, Ok(ProducerCheck::Duplicate { .. })), "{again:?}");
}

#[test]
fn a_snapshot_of_another_history_is_not_believed() {
    let mut harness = Harness::new();
    for index in 0..9 {
        harness.append(&numbered(7, index * 2, 2), EPOCH);
    }
    let old = harness.disk.image();
    harness.truncate(0);
    for tag in 0..9 {
        harness.append(&plain(2, tag), LeaderEpoch(2));
    }
    for (file, bytes) in &old.files {
        if matches!(file, FileId::ProducerSnapshot { .. }) {
            harness.disk.put(*file, bytes);
        }
    }
    harness.reopen(options(false));
    assert_eq!(
        harness.log.check_producer(numbered(7, 8, 2).header(), AppendRights::default()),
        Ok(ProducerCheck::New)
    );
    harness.disk.assert_agrees(&harness.log);
}

#[test]
fn digests_tell_logs_apart() {
    let (one, mut other) = (Harness::filled(), Harness::filled());
    assert_eq!(one.log.digest(Offset(20)), other.log.digest(Offset(20)));
    other.truncate(18);
    other.append(&plain(2, 99), EPOCH);
    assert_ne!(one.log.digest(Offset(20)), other.log.digest(Offset(20)));
    assert_eq!(one.log.digest(Offset(18)), other.log.digest(Offset(18)));
    assert_eq!(one.log.digest(Offset(19)), one.log.digest(Offset(18)), "whole batches only");
}

#[test]
fn durable_appends_sync_once_each() {
    let mut harness = Harness::new();
    for tag in 0..9 {
        let mut effects = harness.append(&plain(2, tag), EPOCH);
        harness.log.sync_records(&mut harness.effects);
        effects.extend(harness.disk.apply(&mut harness.effects));
        let syncs = effects
            .iter()
            .filter(|effect| **effect == Effect::Sync { file: harness.log.active_file() });
        assert_eq!(syncs.count(), 1, "{effects:?}");
        let flushes =
            |effect: &Effect| matches!(effect, Effect::Flush { file: FileId::Segment { .. }, .. });
        assert!(!effects.iter().any(flushes), "{effects:?}");
        assert_eq!(harness.log.recovery_point(), harness.log.log_end_offset());
    }
}

//! Transactions in a log: rules 2.8.1 to 2.8.6.

use super::disk::{FakeDisk, PARTITION};
use crate::log::{AppendRights, Log, LogOptions, ProducerCheck, VerificationGuard};
use crate::node::Effects;
use crate::note::{AbortedTransaction, TruncateReason};
use crate::proto::ErrorCode;
use crate::record::{RecordBatch, RecordBatchBuilder, TransactionMarker, TransactionResult};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, WallTime};

use TransactionResult::{Abort, Commit};

fn options() -> LogOptions {
    super::options(true)
}

fn log() -> Log {
    Log::open(PARTITION, options(), &FakeDisk::default().image(), &mut Effects::new())
}

fn data(producer: i64, epoch: i16, sequence: i32, transactional: bool) -> RecordBatch {
    let id = ProducerId(producer);
    let builder = RecordBatchBuilder::new(id, ProducerEpoch(epoch), Sequence(sequence));
    let mut builder = if transactional { builder.in_transaction() } else { builder };
    builder.push(WallTime(0), None, None);
    builder.build()
}

fn marker(producer: i64, epoch: i16, coordinator: i32, result: TransactionResult) -> RecordBatch {
    marker_at(0, (producer, epoch, coordinator), result)
}

/// A marker of this time.
fn marker_at(
    at_ms: i64,
    (producer, epoch, coordinator): (i64, i16, i32),
    result: TransactionResult,
) -> RecordBatch {
    let marker = TransactionMarker {
        producer_id: ProducerId(producer),
        producer_epoch: ProducerEpoch(epoch),
        result,
        coordinator_epoch: LeaderEpoch(coordinator),
    };
    marker.batch(WallTime(at_ms))
}

fn append(log: &mut Log, batch: &RecordBatch) {
    log.append_as_leader(batch, LeaderEpoch(1), -1, &mut Effects::new());
}

fn check(
    log: &Log,
    batch: &RecordBatch,
    guard: Option<VerificationGuard>,
) -> Result<(), ErrorCode> {
    let rights = AppendRights { guard, ..AppendRights::default() };
    let check = log.check_producer(batch.header(), rights);
    check.map(|check| assert_eq!(check, ProducerCheck::New))
}

fn judge(log: &Log, marker: &RecordBatch, per_transaction: bool) -> Result<(), ErrorCode> {
    let marker = TransactionMarker::read(marker).expect("a marker");
    log.check_marker(&marker, per_transaction)
}

#[test]
fn what_is_known_of_producers_is_told() {
    let mut log = log();
    append(&mut log, &data(7, 3, 0, true));
    append(&mut log, &data(8, 0, 0, false));
    let told: Vec<_> =
        log.active_producers().iter().map(|it| (it.producer_id.0, it.transaction)).collect();
    assert_eq!(told, [(7, Some(Offset(0))), (8, None)]);
    append(&mut log, &marker(7, 3, 5, Abort));
    let [first, _] = log.active_producers()[..] else { panic!("two producers") };
    assert_eq!((first.producer_epoch, first.transaction), (ProducerEpoch(3), None));
    assert_eq!((first.coordinator_epoch, first.last_sequence), (LeaderEpoch(5), Sequence(0)));
}

#[test]
fn a_record_outside_is_refused_while_a_transaction_is_open() {
    let mut log = log();
    append(&mut log, &data(7, 0, 0, true));
    assert_eq!(check(&log, &data(7, 0, 1, false), None), Err(ErrorCode::InvalidTxnState));
    assert_eq!(check(&log, &data(7, 0, 1, true), None), Ok(()), "it goes on");
    assert_eq!(check(&log, &data(8, 0, 0, false), None), Ok(()), "another producer");
    append(&mut log, &marker(7, 0, 1, Commit));
    assert_eq!(check(&log, &data(7, 0, 1, false), None), Ok(()));
}

#[test]
fn markers_are_judged_by_both_epochs() {
    let mut open = log();
    append(&mut open, &marker(7, 3, 5, Abort));
    append(&mut open, &data(7, 4, 0, true));
    let mut ended = log();
    append(&mut ended, &marker(7, 4, 5, Abort));
    let (epoch, fenced) =
        (ErrorCode::InvalidProducerEpoch, ErrorCode::TransactionCoordinatorFenced);
    // (epoch, coordinator, while open with and without an epoch for each transaction, when nothing is open)
    let table = [
        (3, 5, Err(epoch), Err(epoch), Err(epoch)),
        (4, 5, Err(epoch), Ok(()), Ok(())),
        (5, 5, Ok(()), Ok(()), Ok(())),
        (5, 4, Err(fenced), Err(fenced), Err(fenced)),
        (5, 6, Ok(()), Ok(()), Ok(())),
    ];
    for (epoch, coordinator, strict, loose, nothing) in table {
        let marker = marker(7, epoch, coordinator, Commit);
        let name = format!("epoch {epoch} of coordinator {coordinator}");
        assert_eq!(judge(&open, &marker, true), strict, "{name}");
        assert_eq!(judge(&open, &marker, false), loose, "{name}");
        assert_eq!(judge(&ended, &marker, true), nothing, "{name}");
    }
    assert_eq!(judge(&log(), &marker(7, 0, 0, Abort), true), Ok(()), "of a stranger");
}

#[test]
fn what_was_aborted_is_cut_with_its_marker_though_nobody_is_known() {
    let mut options = options();
    options.config.producer_id_expiration_ms = 1_000;
    let (disk, mut effects) = (FakeDisk::default(), Effects::new());
    let mut log = Log::open(PARTITION, options, &disk.image(), &mut effects);
    append(&mut log, &data(7, 0, 0, true));
    append(&mut log, &marker(7, 0, 1, Abort));
    let aborted = |log: &Log| log.aborted_transactions(Offset(0), Offset(9)).len();
    log.expire_producers(WallTime(5_000), &mut effects);
    assert_eq!((aborted(&log), log.known_producers().len()), (1, 0));
    log.truncate_to(Offset(1), TruncateReason::Diverged, &mut effects);
    assert_eq!(aborted(&log), 0, "the marker is gone");
}

/// The new beginning lies above the marker: no cut at the end reaches it.
#[test]
fn what_was_aborted_goes_with_a_log_that_starts_again_though_nobody_is_known() {
    let mut options = options();
    options.config.producer_id_expiration_ms = 1_000;
    let mut effects = Effects::new();
    let mut log = Log::open(PARTITION, options, &FakeDisk::default().image(), &mut effects);
    append(&mut log, &data(7, 0, 0, true));
    append(&mut log, &marker(7, 0, 1, Abort));
    log.expire_producers(WallTime(5_000), &mut effects);
    let aborted = log.aborted_transactions(Offset(0), Offset(9)).len();
    assert_eq!((aborted, log.known_producers().len()), (1, 0));
    log.truncate_fully_and_start_at(Offset(7), &mut effects);
    assert_eq!(log.aborted_transactions(Offset(0), Offset(9)), []);
    append(&mut log, &data(8, 0, 0, true));
    append(&mut log, &marker(8, 0, 1, Abort));
    let first = |it: &AbortedTransaction| it.first_offset;
    let found: Vec<_> = log.aborted_transactions(Offset(7), Offset(9)).iter().map(first).collect();
    assert_eq!(found, [Offset(7)], "only what the new log holds");
}

/// A log that forgets producers after a second, with one record in an open transaction.
fn open_and_forgetful() -> Log {
    let mut options = options();
    options.config.producer_id_expiration_ms = 1_000;
    let mut log = Log::open(PARTITION, options, &FakeDisk::default().image(), &mut Effects::new());
    append(&mut log, &data(7, 0, 0, true));
    log
}

#[test]
fn a_producer_with_an_open_transaction_does_not_expire() {
    let mut log = open_and_forgetful();
    log.expire_producers(WallTime(9_000), &mut Effects::new());
    assert_eq!(log.known_producers().len(), 1);
    assert_eq!(check(&log, &data(7, 0, 1, false), None), Err(ErrorCode::InvalidTxnState));
    append(&mut log, &marker(7, 0, 1, Abort));
    assert_eq!(log.aborted_transactions(Offset(0), Offset(9)).len(), 1, "its marker ends it");
    log.expire_producers(WallTime(9_000), &mut Effects::new());
    assert_eq!(log.known_producers().len(), 0);
}

#[test]
fn a_producer_is_as_old_as_its_newest_marker() {
    let mut log = open_and_forgetful();
    append(&mut log, &marker_at(5_000, (7, 0, 1), Commit));
    let told: Vec<_> = log.active_producers().iter().map(|it| it.last_timestamp).collect();
    assert_eq!(told, [WallTime(5_000)]);
    for (now_ms, known) in [(5_999, 1), (6_000, 0)] {
        log.expire_producers(WallTime(now_ms), &mut Effects::new());
        assert_eq!(log.known_producers().len(), known, "at {now_ms}");
    }
}

#[test]
fn a_first_record_needs_the_guard_of_a_verification_that_stands() {
    let mut log = log();
    let first = data(7, 0, 0, true);
    let refused = Err(ErrorCode::InvalidTxnState);
    assert_eq!(check(&log, &first, None), refused, "no verification");
    let begin = |log: &mut Log, batch: &RecordBatch| {
        log.start_verification(batch.header(), false, WallTime(0))
    };
    let second = begin(&mut log, &data(7, 0, 1, true)).expect("a new producer");
    assert_eq!(begin(&mut log, &first), Ok(second), "the same verification");
    let out_of_order = Err(ErrorCode::OutOfOrderSequenceNumber);
    assert_eq!(check(&log, &data(7, 0, 1, true), second), out_of_order, "0 was seen");
    append(&mut log, &marker(7, 0, 1, Abort));
    assert_eq!(check(&log, &first, second), refused, "a marker ended it");
    let third = begin(&mut log, &first).expect("it is the producer");
    assert!(third.is_some() && third != second, "{third:?} after {second:?}");
    assert_eq!(check(&log, &first, second), refused, "the guard of the one that was ended");
    assert_eq!(check(&log, &first, third), Ok(()));
    append(&mut log, &first);
    assert_eq!(begin(&mut log, &data(7, 0, 1, true)), Ok(None), "it is going on");
    let old = log.start_verification(data(7, 0, 1, true).header(), false, WallTime(0));
    assert_eq!(old, Ok(None));
    append(&mut log, &marker(7, 2, 1, Abort));
    assert_eq!(begin(&mut log, &first), Err(ErrorCode::InvalidProducerEpoch));
}

#[test]
fn the_last_stable_offset_waits_for_the_marker_to_be_replicated() {
    let mut log = log();
    append(&mut log, &data(9, 0, 0, false));
    append(&mut log, &data(7, 0, 0, true));
    append(&mut log, &data(8, 0, 0, true));
    append(&mut log, &marker(7, 0, 1, Commit));
    append(&mut log, &marker(8, 0, 1, Abort));
    append(&mut log, &data(9, 0, 1, false));
    for (high_watermark, stable) in [(0, 0), (1, 1), (2, 1), (3, 1), (4, 2), (5, 5), (6, 6)] {
        log.set_high_watermark(Offset(high_watermark));
        assert_eq!(log.last_stable_offset(), Offset(stable), "at {high_watermark}");
    }
}

#[test]
fn aborted_transactions_are_those_that_overlap() {
    let mut log = log();
    append(&mut log, &data(7, 0, 0, true));
    append(&mut log, &data(8, 0, 0, true));
    append(&mut log, &marker(7, 0, 1, Abort));
    append(&mut log, &data(7, 0, 1, true));
    append(&mut log, &marker(8, 0, 1, Commit));
    append(&mut log, &marker(7, 0, 1, Abort));
    let named = |from, upper| -> Vec<i64> {
        let found = log.aborted_transactions(Offset(from), Offset(upper));
        found.iter().map(|aborted: &AbortedTransaction| aborted.first_offset.0).collect()
    };
    assert_eq!(named(0, 6), [0, 3]);
    assert_eq!(named(0, 3), [0]);
    assert_eq!(named(3, 6), [3]);
    assert_eq!(named(2, 3), [0], "its marker is read");
    assert_eq!(named(0, 0), [0; 0]);
}

/// The first marker says where all is decided: what was open until then is in a later entry.
#[test]
fn transactions_that_were_open_at_once_are_all_told_though_their_markers_are_not_read() {
    let mut log = log();
    append(&mut log, &data(7, 0, 0, true));
    append(&mut log, &data(8, 0, 0, true));
    append(&mut log, &data(9, 0, 0, true));
    for producer in [7, 8, 9] {
        append(&mut log, &marker(producer, 0, 1, Abort));
    }
    for (upper, told) in [(1, &[0][..]), (2, &[0, 1]), (3, &[0, 1, 2])] {
        let found = log.aborted_transactions(Offset(0), Offset(upper));
        let found: Vec<i64> = found.iter().map(|aborted| aborted.first_offset.0).collect();
        assert_eq!(found, told, "read up to {upper}");
    }
}

#[test]
fn a_cut_and_a_restart_leave_what_the_log_says() {
    let mut log = log();
    let mut effects = Effects::new();
    let batches = [
        data(7, 0, 0, true),
        marker(7, 0, 1, Abort),
        data(8, 0, 0, true),
        marker(8, 0, 1, Abort),
        data(7, 0, 1, true),
    ];
    for batch in &batches {
        log.append_as_leader(batch, LeaderEpoch(1), -1, &mut effects);
    }
    let aborted = |log: &Log| log.aborted_transactions(Offset(0), Offset(99)).len();
    assert_eq!((aborted(&log), log.ongoing_transactions().count()), (2, 1));
    let mut disk = FakeDisk::default();
    disk.apply(&mut effects);
    let options = LogOptions { high_watermark: Offset(2), ..options() };
    let mut log = Log::open(PARTITION, options, &disk.image(), &mut Effects::new());
    assert_eq!((aborted(&log), log.ongoing_transactions().count()), (2, 1), "opened again");
    log.set_high_watermark(Offset(3));
    assert_eq!(log.last_stable_offset(), Offset(2), "the marker at 3 may be lost");
    log.truncate_to(Offset(3), TruncateReason::Diverged, &mut Effects::new());
    let ongoing: Vec<_> = log.ongoing_transactions().collect();
    assert_eq!((aborted(&log), ongoing), (1, vec![(ProducerId(8), Offset(2))]), "cut");
}

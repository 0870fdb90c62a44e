//! What the cleaner takes and leaves. On the stage the replicas clean what they have of keys and values from offset 2
//! on, by a clock that says 0 at the beginning.

use harrow_broker_model::compaction::{CleanupPolicy, Compaction};
use harrow_broker_model::note::{
    BatchKind, BatchSummary, CleanedBatch, KeyedRecord, KnownProducer, LogNote, MetadataChange,
    Note, ProducerNote,
};
use harrow_broker_model::retention::Retention;
use harrow_broker_model::types::{
    LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, Sequence, WallTime,
};

use super::case::{Case, plain};
use crate::stage::{A, B, C, Stage, X};

/// A record that deletes its key.
const GONE: bool = true;

/// The topic is compacted, and keeps tombstones for a second.
fn compact(stage: &mut Stage) {
    compact_after(stage, 0);
}

fn compact_after(stage: &mut Stage, min_compaction_lag_ms: u64) {
    let compaction = Compaction {
        policy: CleanupPolicy::Compact,
        min_compaction_lag_ms,
        delete_retention_ms: 1_000,
        ..Compaction::NONE
    };
    let retention = Retention { compaction, ..Retention::FOREVER };
    stage.metadata(MetadataChange::RetentionChanged { topic: X.topic, retention });
}

/// A key is written twice, and another one a second after what is replaced had to go; the first two may be cleaned
/// then, by the next record. A cleaner takes what was replaced, or none does.
fn goes_on(stage: &mut Stage, cleans: bool) {
    goes_on_up_to(stage, cleans, 6);
}

/// The same, where no more than this is committed.
fn goes_on_up_to(stage: &mut Stage, cleans: bool, end: i64) {
    let compaction = Compaction {
        policy: CleanupPolicy::Compact,
        max_compaction_lag_ms: 1_000,
        ..Compaction::NONE
    };
    let retention = Retention { compaction, ..Retention::FOREVER };
    stage.metadata(MetadataChange::RetentionChanged { topic: X.topic, retention });
    let at = |offset, at_ms| BatchSummary { max_timestamp: WallTime(at_ms), ..plain(offset) };
    write(stage, at(2, 100), 1, false);
    write(stage, at(3, 200), 1, false);
    stage.wait_ms(60_000);
    committed(stage, 4);
    for (offset, at_ms) in [(4, 2_000), (5, 3_000)] {
        write(stage, at(offset, at_ms), 2, false);
        stage.wait_ms(11_000);
        committed(stage, end.min(offset + 1));
    }
    if cleans {
        for node in [A, B, C] {
            clean_at(
                stage,
                node,
                4,
                0,
                vec![left(at(2, 100), false, None), left(at(3, 200), true, None)],
            );
        }
    }
    for _ in 0..2 {
        stage.wait_ms(60_000);
        committed(stage, end);
    }
}

/// All know that a log is committed up to an offset.
fn committed(stage: &mut Stage, end: i64) {
    stage.leader_high_watermark(A, 1, end);
    for node in [B, C] {
        stage.high_watermark(node, 1, false, end);
    }
}

/// The leader appends a record of a key, and the followers copy it.
fn write(stage: &mut Stage, batch: BatchSummary, key: u64, tombstone: bool) {
    lead(stage, batch, key, tombstone);
    stage.append_all(&[B, C], batch.leader_epoch.0, batch);
}

/// The leader appends a record of a key.
fn lead(stage: &mut Stage, batch: BatchSummary, key: u64, tombstone: bool) {
    let (base_offset, leader_epoch) = (batch.base_offset, batch.leader_epoch);
    let records = vec![KeyedRecord { key, tombstone }];
    let note = LogNote::KeysAppended { partition: X, base_offset, leader_epoch, records };
    stage.note(A, &Note::Log(note));
    stage.lead(A, leader_epoch.0, batch);
}

/// The leader is elected again, and with epoch 2 begin two records of a key at offset 2. The cleaner leaves this.
fn clean_next_epoch(stage: &mut Stage, left: Vec<CleanedBatch>) {
    compact(stage);
    stage.elect(A, 2, &[A, B, C]);
    stage.became_leader(A, 2, &[A, B, C]);
    for offset in 2..4 {
        write(stage, in_next_epoch(offset), 1, false);
    }
    stage.leader_high_watermark(A, 2, 4);
    clean(stage, 4, 0, left);
}

/// The record at an offset, in epoch 2.
fn in_next_epoch(offset: i64) -> BatchSummary {
    BatchSummary { leader_epoch: LeaderEpoch(2), ..plain(offset) }
}

/// Records from offset 2 on of these keys, all committed.
fn write_all(stage: &mut Stage, keys: &[(u64, bool)]) {
    compact(stage);
    for (offset, (key, tombstone)) in (2..).zip(keys) {
        write(stage, plain(offset), *key, *tombstone);
    }
    stage.leader_high_watermark(A, 1, 2 + keys.len() as i64);
}

/// What is left of the batch at an offset: its record, or nothing, as another batch.
fn left(batch: BatchSummary, has_record: bool, horizon: Option<i64>) -> CleanedBatch {
    let changed = !has_record || horizon.is_some();
    let checksum = if changed { batch.checksum + 1_000 } else { batch.checksum };
    CleanedBatch {
        batch: BatchSummary { checksum, ..batch },
        records: has_record.then_some(batch.base_offset).into_iter().collect(),
        delete_horizon: horizon.map(WallTime),
    }
}

fn kept(offset: i64) -> CleanedBatch {
    left(plain(offset), true, None)
}

/// B cleans its log from 2 up to an offset.
fn clean(stage: &mut Stage, to: i64, at_ms: i64, batches: Vec<CleanedBatch>) {
    clean_at(stage, B, to, at_ms, batches);
}

fn clean_at(stage: &mut Stage, node: NodeId, to: i64, at_ms: i64, batches: Vec<CleanedBatch>) {
    let note = LogNote::Cleaned {
        partition: X,
        from: Offset(2),
        to: Offset(to),
        first_dirty: Offset(2),
        upper: Offset(to),
        end: Offset(to),
        at: WallTime(at_ms),
        batches,
    };
    stage.note(node, &Note::Log(note));
}

/// A key is deleted, the tombstone is cleaned, and taken later.
fn take_tombstone(stage: &mut Stage, later_ms: i64) {
    write_all(stage, &[(1, false), (1, GONE), (2, false)]);
    clean(stage, 5, 0, vec![left(plain(3), true, Some(1_000)), kept(4)]);
    clean(stage, 5, later_ms, vec![kept(4)]);
}

/// A round begins so long after the timestamp of all records, which are to be left alone for half a second.
fn clean_after(stage: &mut Stage, at_ms: i64) {
    write_all(stage, &[(1, false), (2, false)]);
    compact_after(stage, 500);
    clean(stage, 4, at_ms, vec![kept(2), kept(3)]);
}

/// The batch of a transaction, or its marker.
fn of_transaction(offset: i64, kind: BatchKind) -> BatchSummary {
    let sequence = if kind == BatchKind::Transactional { Sequence(0) } else { Sequence::NONE };
    let (producer_id, producer_epoch) = (ProducerId(9), ProducerEpoch(0));
    BatchSummary { producer_id, producer_epoch, base_sequence: sequence, kind, ..plain(offset) }
}

/// A transaction is committed, and its record replaced by one of the producer that is outside of it; then its marker is
/// taken, after its horizon, with all that was left of it or not.
fn take_marker(stage: &mut Stage, leaves_batch: bool) {
    compact(stage);
    let data = of_transaction(2, BatchKind::Transactional);
    let marker = of_transaction(3, BatchKind::CommitMarker);
    let next = BatchSummary { base_sequence: Sequence(1), ..producers(4, 9) };
    for (batch, key) in [(data, 1), (marker, 0), (next, 1)] {
        write(stage, batch, key, false);
    }
    stage.leader_high_watermark(A, 1, 5);
    let empty = left(data, false, None);
    let rest = || left(next, true, None);
    clean(stage, 5, 0, vec![empty.clone(), left(marker, true, Some(1_000)), rest()]);
    let last = if leaves_batch { vec![empty, rest()] } else { vec![rest()] };
    clean(stage, 5, 2_000, last);
}

fn producers(offset: i64, producer: i64) -> BatchSummary {
    BatchSummary {
        producer_id: ProducerId(producer),
        producer_epoch: ProducerEpoch(0),
        base_sequence: Sequence(0),
        ..plain(offset)
    }
}

/// B has copied what its leader has left, and opens its log.
fn reopen(stage: &mut Stage, batches: Vec<BatchSummary>) {
    stage.crash(B, false);
    let note = LogNote::Recovered {
        partition: X,
        log_start_offset: Offset(0),
        log_end_offset: Offset(5),
        high_watermark: Offset(0),
        clean: false,
        batches,
    };
    stage.note(B, &Note::Log(note));
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "compaction-overdue",
        good: |stage| goes_on(stage, true),
        bad: |stage| goes_on(stage, false),
    },
    Case {
        anomaly: "latest-value-lost",
        good: |stage| {
            write_all(stage, &[(1, false), (2, false), (1, false)]);
            clean(stage, 5, 0, vec![kept(3), kept(4)]);
        },
        bad: |stage| {
            write_all(stage, &[(1, false), (2, false), (1, false)]);
            clean(stage, 5, 0, vec![kept(4)]);
        },
    },
    Case {
        anomaly: "cleaned-past-stable",
        good: |stage| {
            write_all(stage, &[(1, false), (1, false)]);
            write(stage, plain(4), 1, false);
            clean(stage, 4, 0, vec![kept(3)]);
        },
        bad: |stage| {
            write_all(stage, &[(1, false)]);
            write(stage, plain(3), 1, false);
            clean(stage, 4, 0, vec![kept(3)]);
        },
    },
    Case {
        anomaly: "tombstone-removed-early",
        good: |stage| take_tombstone(stage, 1_000),
        bad: |stage| take_tombstone(stage, 999),
    },
    Case {
        anomaly: "tombstone-without-horizon",
        good: |stage| {
            write_all(stage, &[(1, GONE), (2, false)]);
            clean(stage, 4, 0, vec![left(plain(2), true, Some(1_000)), kept(3)]);
        },
        bad: |stage| {
            write_all(stage, &[(1, GONE), (2, false)]);
            clean(stage, 4, 0, vec![kept(2), kept(3)]);
        },
    },
    Case {
        anomaly: "cleaned-too-young",
        good: |stage| clean_after(stage, 500),
        bad: |stage| clean_after(stage, 499),
    },
    Case {
        anomaly: "marker-removed-early",
        good: |stage| take_marker(stage, false),
        bad: |stage| take_marker(stage, true),
    },
    Case {
        anomaly: "replaced-value-kept",
        good: |stage| {
            write_all(stage, &[(1, false), (1, false)]);
            clean(stage, 4, 0, vec![kept(3)]);
        },
        bad: |stage| {
            write_all(stage, &[(1, false), (1, false)]);
            clean(stage, 4, 0, vec![kept(2), kept(3)]);
        },
    },
    Case {
        anomaly: "cleaned-into-others",
        good: |stage| {
            write_all(stage, &[(1, false), (1, false)]);
            clean(stage, 4, 0, vec![left(plain(2), false, None), kept(3)]);
        },
        bad: |stage| {
            write_all(stage, &[(1, false), (1, false)]);
            let other = BatchSummary { leader_epoch: LeaderEpoch(0), ..plain(3) };
            clean(stage, 4, 0, vec![left(other, true, None)]);
        },
    },
    Case {
        anomaly: "round-end-lost",
        good: |stage| {
            write_all(stage, &[(1, false), (2, false), (2, GONE)]);
            clean(stage, 5, 0, vec![kept(2), left(plain(4), true, Some(1_000))]);
            clean(stage, 5, 1_000, vec![kept(2), left(plain(4), false, None)]);
        },
        bad: |stage| {
            write_all(stage, &[(1, false), (2, false), (2, GONE)]);
            clean(stage, 5, 0, vec![kept(2), left(plain(4), true, Some(1_000))]);
            clean(stage, 5, 1_000, vec![kept(2)]);
        },
    },
    Case {
        anomaly: "producer-batch-removed",
        good: |stage| {
            compact(stage);
            write(stage, producers(2, 8), 1, false);
            write(stage, producers(3, 9), 1, false);
            stage.leader_high_watermark(A, 1, 4);
            let last = left(producers(3, 9), true, None);
            clean(stage, 4, 0, vec![left(producers(2, 8), false, None), last]);
        },
        bad: |stage| {
            compact(stage);
            write(stage, producers(2, 8), 1, false);
            write(stage, producers(3, 9), 1, false);
            stage.leader_high_watermark(A, 1, 4);
            clean(stage, 4, 0, vec![left(producers(3, 9), true, None)]);
        },
    },
    Case {
        anomaly: "epoch-start-removed",
        good: |stage| {
            let first = left(in_next_epoch(2), false, None);
            clean_next_epoch(stage, vec![first, left(in_next_epoch(3), true, None)]);
        },
        bad: |stage| clean_next_epoch(stage, vec![left(in_next_epoch(3), true, None)]),
    },
    Case {
        anomaly: "hole-in-log",
        good: |stage| {
            write_all(stage, &[(1, false), (1, false), (2, false)]);
            clean(stage, 4, 0, vec![kept(3)]);
            reopen(stage, vec![plain(0), plain(1), plain(3), plain(4)]);
        },
        bad: |stage| {
            write_all(stage, &[(1, false), (1, false), (2, false)]);
            reopen(stage, vec![plain(0), plain(1), plain(3), plain(4)]);
        },
    },
];

/// B copies what is behind the record at 2, and not that.
fn copy_past(stage: &mut Stage) {
    for (offset, key) in [(2, 1), (3, 1), (4, 2)] {
        lead(stage, plain(offset), key, false);
        stage.append_all(&[C], 1, plain(offset));
    }
}

#[test]
fn a_follower_passes_over_nothing_that_no_cleaner_took() {
    for cleaned in [true, false] {
        let mut stage = super::case::stage();
        compact(&mut stage);
        copy_past(&mut stage);
        stage.elect(A, 1, &[A, C]);
        stage.leader_high_watermark(A, 1, 5);
        if cleaned {
            clean_at(&mut stage, C, 4, 0, vec![kept(3)]);
        }
        stage.append_all(&[B], 1, plain(3));
        let found = stage.found();
        assert_eq!(found.iter().any(|name| name == "hole-in-log"), !cleaned, "{found:?}");
    }
}

/// A replacement of segments may be undone by a power loss: what is back then was not cleaned, and is not to be missing
/// the next time. Nor is the front of a log.
#[test]
fn what_a_reopened_log_may_lack_is_what_was_taken_since() {
    let reopened = |logs: &[&[i64]]| {
        let mut stage = super::case::stage();
        write_all(&mut stage, &[(1, false), (1, false), (2, false)]);
        clean(&mut stage, 4, 0, vec![kept(3)]);
        for log in logs {
            reopen(&mut stage, log.iter().map(|offset| plain(*offset)).collect());
        }
        stage.found().iter().any(|name| name == "hole-in-log")
    };
    assert!(!reopened(&[&[0, 1, 3, 4], &[0, 1, 3, 4]]), "cleaned once and for all");
    assert!(!reopened(&[&[0, 1, 2, 3, 4], &[0, 1, 2, 3, 4]]), "the replacement is undone");
    assert!(reopened(&[&[0, 1, 2, 3, 4], &[0, 1, 3, 4]]), "nothing was cleaned in between");
    assert!(reopened(&[&[1, 3, 4]]), "the front is missing");
}

/// A follower that copies what its leader's cleaner has left knows of a producer what is there; one that had more knows
/// more.
#[test]
fn a_replica_knows_the_producers_of_what_is_there() {
    for (cleaned, last_sequence, wrong) in [
        (false, 0, true),
        (false, 1, false),
        (false, 2, true),
        (true, 0, false),
        (true, 1, false),
        (true, 2, true),
    ] {
        let mut stage = super::case::stage();
        compact(&mut stage);
        let of_producer = |offset, sequence| BatchSummary {
            base_sequence: Sequence(sequence),
            ..producers(offset, 9)
        };
        for (batch, key) in [(of_producer(2, 0), 1), (of_producer(3, 1), 2), (plain(4), 2)] {
            write(&mut stage, batch, key, false);
        }
        stage.leader_high_watermark(A, 1, 5);
        if cleaned {
            clean(&mut stage, 4, 0, vec![left(of_producer(2, 0), true, None)]);
        }
        let producers = vec![KnownProducer {
            producer_id: ProducerId(9),
            producer_epoch: ProducerEpoch(0),
            last_sequence: Sequence(last_sequence),
        }];
        let note = ProducerNote::ProducersKnown { partition: X, producers };
        stage.note(B, &Note::Producer(note));
        let found = stage.found();
        let is_found = found.iter().any(|name| name == "producer-state-mismatch");
        assert_eq!(is_found, wrong, "{cleaned} {last_sequence}: {found:?}");
    }
}

/// A round notes the keys from the log start on, if that passed the end of the last one.
#[test]
fn below_the_log_start_a_value_may_stay_that_is_replaced() {
    for start in [0, 3] {
        let mut stage = super::case::stage();
        write_all(&mut stage, &[(1, false), (1, false), (2, false)]);
        let note = LogNote::StartMoved { partition: X, log_start_offset: Offset(start) };
        stage.note(B, &Note::Log(note));
        clean(&mut stage, 5, 0, vec![kept(2), kept(3), kept(4)]);
        let found = stage.found();
        let kept_it = found.iter().any(|name| name == "replaced-value-kept");
        assert_eq!(kept_it, start == 0, "{start}: {found:?}");
    }
}

#[test]
fn a_log_with_holes_is_what_was_written() {
    let mut stage = super::case::stage();
    write_all(&mut stage, &[(1, false), (1, false), (2, false)]);
    clean(&mut stage, 4, 0, vec![kept(3)]);
    let replica = stage.observer.view().replica(B, X).expect("it is there");
    assert_eq!((replica.log.end(), replica.holes.gone.len()), (Offset(5), 1));
    assert!(stage.observer.view().partition(X).expect("it is there").holds_committed(B));
}

/// What a leader's cleaner took of a transaction is not open at a follower that copies the rest before its marker: its
/// cleaner goes on to what is behind.
#[test]
fn a_transaction_is_open_only_where_something_of_it_is() {
    for copied in [false, true] {
        let mut stage = super::case::stage();
        compact(&mut stage);
        let data = of_transaction(3, BatchKind::Transactional);
        let marker = of_transaction(6, BatchKind::CommitMarker);
        let next = BatchSummary { base_sequence: Sequence(1), ..producers(7, 9) };
        let log = [(plain(2), 1), (data, 2), (plain(4), 1), (plain(5), 2), (marker, 0), (next, 3)];
        for (batch, key) in log {
            lead(&mut stage, batch, key, false);
            stage.append_all(&[C], 1, batch);
        }
        stage.append(B, 1, plain(2));
        stage.elect(A, 1, &[A, C]);
        stage.leader_high_watermark(A, 1, 8);
        clean_at(&mut stage, A, 6, 0, vec![kept(4), kept(5)]);
        let rest = [plain(4), plain(5)];
        for batch in Some(data).filter(|_| copied).into_iter().chain(rest) {
            stage.append(B, 1, batch);
        }
        stage.high_watermark(B, 1, false, 6);
        let of_transaction = Some(left(data, true, None)).filter(|_| copied);
        clean(&mut stage, 5, 0, of_transaction.into_iter().chain([kept(4)]).collect());
        let found = stage.found();
        assert_eq!(found, if copied { vec!["cleaned-past-stable"] } else { Vec::new() });
    }
}

/// A cleaner takes no segment that is not committed whole: what is replaced in it is not due before.
#[test]
fn what_is_replaced_is_due_once_its_segment_is_committed() {
    for (end, found) in [(6, vec!["compaction-overdue"]), (4, vec![])] {
        let mut stage = super::case::stage();
        goes_on_up_to(&mut stage, false, end);
        let mut names = stage.found();
        names.retain(|name| name == "compaction-overdue");
        names.dedup();
        assert_eq!(names, found, "committed up to {end}");
    }
}

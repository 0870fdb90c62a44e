//! Logs, commits, acknowledgements and reads.

use harrow_broker_model::note::{
    BatchKind, BatchSummary, IsolationLevel, KnownProducer, LogNote, Note, ProducerNote,
};
use harrow_broker_model::types::{Offset, ProducerEpoch, ProducerId, Sequence, WallTime};
use harrow_sim::plan::ClockPlan;

use super::case::{Case, audit, plain};
use crate::stage::{A, B, C, Stage, X, record, sequenced};

fn commit(stage: &mut Stage, batches: &[BatchSummary]) {
    for batch in batches {
        stage.lead(A, 1, *batch);
        stage.append_all(&[B, C], 1, *batch);
        stage.leader_high_watermark(A, 1, batch.last_offset.0 + 1);
    }
}

/// The ISR is A alone, as A knows, and B and C are eligible.
fn shrink(stage: &mut Stage) {
    let mut next = stage.next(Some(A), 1, &[A]);
    next.elr = vec![B, C];
    stage.registered(X, next, false);
    stage.isr_committed(A, 1, &[A]);
}

fn refuse(stage: &mut Stage) {
    stage.note(
        A,
        &Note::Producer(ProducerNote::NotEnoughReplicas { partition: X, after_append: false }),
    );
}

fn log_start(stage: &mut Stage, to: i64) {
    stage.note(B, &Note::Log(LogNote::StartMoved { partition: X, log_start_offset: Offset(to) }));
}

fn flushed(stage: &mut Stage, end: usize) {
    stage.observer.log_flushed(B, X, &[plain(0), plain(1)][..end]);
    stage.crash(B, true);
    stage.reopen(B, X, 1);
}

/// B loses power with all on its disk from its log start up to 2, what an undone deletion left below, and this
/// recovery point.
fn claims(stage: &mut Stage, recovery_point: i64) {
    log_start(stage, 1);
    stage.observer.log_flushed(B, X, &[plain(1)]);
    let (remains, segment) = ((Offset(0), Offset(0)), (Offset(1), Offset(2)));
    stage.observer.log_claimed(B, X, Offset(recovery_point), &[remains, segment]);
    stage.crash(B, true);
    stage.observer.process_started(stage.now_ns(), B);
    let recovered = LogNote::Recovered {
        partition: X,
        log_start_offset: Offset(1),
        log_end_offset: Offset(2),
        high_watermark: Offset(1),
        clean: false,
        batches: vec![plain(1)],
    };
    stage.note(B, &Note::Log(recovered));
}

fn know(stage: &mut Stage, sequence: i32) {
    let producers = vec![KnownProducer {
        producer_id: ProducerId(9),
        producer_epoch: ProducerEpoch(0),
        last_sequence: Sequence(sequence),
    }];
    stage.note(A, &Note::Producer(ProducerNote::ProducersKnown { partition: X, producers }));
}

/// `producer.id.expiration.ms` of the stage.
const DAY_MS: i64 = 86_400_000;

/// A forgets a producer whose newest batch is of 100 ms, by its clock.
fn expire(stage: &mut Stage, at_ms: i64) {
    let batch = BatchSummary { max_timestamp: WallTime(100), ..sequenced(2, 0, 0) };
    stage.lead(A, 1, batch);
    expired(stage, at_ms);
}

fn expired(stage: &mut Stage, at_ms: i64) {
    let (partition, producers, at) = (X, vec![ProducerId(9)], WallTime(at_ms));
    stage.note(A, &Note::Producer(ProducerNote::ProducersExpired { partition, producers, at }));
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "ack-before-commit",
        good: |stage| stage.acknowledge(A, 1, plain(1), -1),
        bad: |stage| {
            stage.lead(A, 1, plain(2));
            stage.acknowledge(A, 1, plain(2), -1);
        },
    },
    Case {
        anomaly: "ack-of-other-record",
        good: |stage| {
            stage.lead(A, 1, plain(2));
            stage.acknowledge(A, 1, plain(2), 1);
            stage.acknowledge(A, 1, plain(9), 0);
        },
        bad: |stage| {
            stage.lead(A, 1, plain(2));
            stage.acknowledge(A, 1, record(2, 1, 7), 1);
        },
    },
    Case {
        anomaly: "ack-below-min-isr",
        good: |stage| {
            shrink(stage);
            stage.acknowledge(A, 1, plain(1), 1);
        },
        bad: |stage| {
            shrink(stage);
            stage.acknowledge(A, 1, plain(1), -1);
        },
    },
    Case {
        anomaly: "append-below-min-isr",
        good: |stage| {
            stage.lead_all(A, 1, plain(2));
            shrink(stage);
            stage.lead(A, 1, plain(3));
        },
        bad: |stage| {
            shrink(stage);
            stage.lead_all(A, 1, plain(2));
        },
    },
    Case {
        anomaly: "needless-refusal",
        good: |stage| {
            shrink(stage);
            refuse(stage);
        },
        bad: refuse,
    },
    Case {
        anomaly: "mirror-mismatch",
        good: |stage| audit(stage, 2, plain(0)),
        bad: |stage| audit(stage, 2, record(0, 1, 7)),
    },
    Case {
        anomaly: "replica-divergence",
        good: |stage| {
            stage.elect(A, 1, &[A, C]);
            stage.truncate(B, 1);
            stage.audit_mirror(B);
        },
        bad: |stage| {
            // A high watermark that it had before the cut comes back with no record below it.
            stage.elect(A, 1, &[A, C]);
            stage.truncate(B, 0);
            stage.append(B, 0, record(0, 0, 7));
            stage.recovered(B, 1, &[record(0, 0, 7)]);
            stage.audit_mirror(B);
        },
    },
    Case {
        anomaly: "commit-before-replication",
        good: |stage| commit(stage, &[plain(2)]),
        bad: |stage| {
            stage.append_all(&[A, B], 1, plain(2));
            stage.leader_high_watermark(A, 1, 3);
        },
    },
    Case {
        anomaly: "high-watermark-by-stale-leader",
        good: |stage| {
            stage.append_all(&[A, B], 1, plain(2));
            stage.elect(B, 2, &[B]);
            stage.leader_high_watermark(A, 1, 3);
        },
        bad: |stage| {
            stage.append(A, 1, plain(2));
            stage.elect(B, 2, &[B, C]);
            stage.leader_high_watermark(A, 1, 3);
        },
    },
    Case {
        anomaly: "committed-overwritten",
        good: |stage| {
            stage.elect(B, 2, &[B, C]);
            stage.leader_high_watermark(B, 2, 2);
        },
        bad: |stage| {
            // So much is lost that B may be elected; nobody knows yet that it holds something else.
            stage.elect(A, 1, &[A, C]);
            stage.crash(B, true);
            stage.reopen(B, X, 0);
            stage.append(B, 0, record(0, 0, 7));
            stage.crash(C, true);
            stage.reopen(C, X, 2);
            stage.elect(B, 2, &[B]);
            stage.leader_high_watermark(B, 2, 1);
        },
    },
    Case {
        anomaly: "commit-below-min-isr",
        good: |stage| {
            shrink(stage);
            stage.append_all(&[A, B, C], 1, plain(2));
            stage.elect(A, 1, &[A, B]);
            stage.isr_committed(A, 1, &[A, B]);
            stage.leader_high_watermark(A, 1, 3);
        },
        bad: |stage| {
            shrink(stage);
            stage.append_all(&[A, B, C], 1, plain(2));
            stage.leader_high_watermark(A, 1, 3);
        },
    },
    Case {
        anomaly: "hw-regress-same-epoch",
        good: |stage| {
            stage.elect(B, 2, &[B, C]);
            stage.leader_high_watermark(B, 2, 1);
            stage.leader_high_watermark(B, 2, 2);
        },
        bad: |stage| stage.leader_high_watermark(A, 1, 1),
    },
    Case {
        anomaly: "hw-above-leo",
        good: |stage| stage.high_watermark(B, 1, false, 2),
        bad: |stage| stage.leader_high_watermark(A, 1, 3),
    },
    Case {
        anomaly: "high-watermark-ahead",
        good: |stage| {
            stage.high_watermark(B, 1, false, 2);
            stage.high_watermark(B, 1, false, 0);
        },
        bad: |stage| {
            stage.append_all(&[A, B], 1, plain(2));
            stage.high_watermark(B, 1, false, 3);
        },
    },
    Case {
        anomaly: "log-matching",
        good: |stage| stage.append_all(&[A, B], 1, plain(2)),
        bad: |stage| {
            stage.append(A, 1, plain(2));
            stage.append(B, 1, record(2, 1, 7));
        },
    },
    Case {
        anomaly: "append-not-at-end",
        good: |stage| stage.append(A, 1, plain(2)),
        bad: |stage| stage.append(A, 1, plain(3)),
    },
    Case {
        anomaly: "record-epoch-order",
        good: |stage| stage.append(A, 1, plain(2)),
        bad: |stage| stage.append(A, 1, record(2, 0, 7)),
    },
    Case {
        anomaly: "log-start-regress",
        good: |stage| {
            log_start(stage, 1);
            log_start(stage, 2);
        },
        bad: |stage| {
            log_start(stage, 1);
            log_start(stage, 0);
        },
    },
    Case {
        anomaly: "log-start-above-commit",
        good: |stage| log_start(stage, 2),
        bad: |stage| {
            stage.append(B, 1, plain(2));
            log_start(stage, 3);
        },
    },
    Case {
        anomaly: "committed-truncation",
        good: |stage| {
            stage.append(B, 1, plain(2));
            stage.truncate(B, 2);
        },
        bad: |stage| stage.truncate(B, 1),
    },
    Case {
        anomaly: "read-above-true-hw",
        good: |stage| stage.serve(A, 1, 1, &[plain(1)]),
        bad: |stage| {
            stage.append(A, 1, plain(2));
            stage.serve(A, 1, 2, &[plain(2)]);
        },
    },
    Case {
        anomaly: "read-differs-from-committed",
        good: |stage| stage.serve(A, 1, 0, &[plain(0), plain(1)]),
        bad: |stage| stage.serve(A, 1, 1, &[record(1, 1, 7)]),
    },
    Case {
        anomaly: "read-gap",
        good: |stage| stage.serve(A, 1, 0, &[plain(0)]),
        bad: |stage| stage.serve(A, 1, 0, &[plain(1)]),
    },
    Case {
        anomaly: "end-offset-above-commit",
        good: |stage| stage.end_offset(A, 1, 2),
        bad: |stage| stage.end_offset(A, 1, 3),
    },
    Case {
        anomaly: "end-offset-too-early",
        good: |stage| {
            stage.elect(B, 2, &[B, C]);
            stage.became_leader(B, 2, &[B, C]);
            stage.end_offset(B, 2, 2);
        },
        bad: |stage| {
            stage.elect(B, 2, &[B, C]);
            stage.became_leader(B, 2, &[B, C]);
            stage.end_offset(B, 2, 1);
        },
    },
    Case {
        anomaly: "end-offset-regression",
        good: |stage| {
            stage.end_offset(A, 1, 1);
            stage.end_offset(A, 1, 2);
            // An open transaction holds the last stable offset back.
            stage.end_offset_to(A, 1, 1, IsolationLevel::ReadCommitted);
        },
        bad: |stage| {
            stage.end_offset(A, 1, 2);
            stage.end_offset(A, 1, 1);
        },
    },
    Case {
        anomaly: "recovery-lost-records",
        good: |stage| {
            stage.crash(B, false);
            stage.reopen(B, X, 2);
        },
        bad: |stage| {
            stage.crash(B, false);
            stage.reopen(B, X, 1);
        },
    },
    Case {
        anomaly: "recovery-invented-records",
        good: |stage| {
            stage.crash(B, true);
            stage.reopen(B, X, 1);
        },
        bad: |stage| {
            stage.crash(B, true);
            stage.reopen(B, X, 3);
        },
    },
    Case {
        anomaly: "recovery-lost-flushed",
        good: |stage| flushed(stage, 1),
        bad: |stage| flushed(stage, 2),
    },
    Case {
        anomaly: "recovery-point-ahead",
        good: |stage| claims(stage, 2),
        bad: |stage| claims(stage, 3),
    },
    Case {
        anomaly: "recovery-out-of-bounds",
        good: |stage| stage.recovered(C, 2, &[plain(0), plain(1)]),
        bad: |stage| stage.recovered(C, 3, &[plain(0), plain(1)]),
    },
    Case {
        anomaly: "committed-lost-everywhere",
        good: |stage| {
            stage.elect(A, 1, &[A, B]);
            stage.truncate(C, 1);
            stage.crash(A, true);
            stage.reopen(A, X, 1);
        },
        bad: |stage| {
            // Outside the ISR, cutting is a replica's own affair; but then nobody is left.
            stage.elect(A, 1, &[A]);
            stage.truncate(B, 1);
            stage.truncate(C, 1);
            stage.crash(A, true);
            stage.reopen(A, X, 1);
        },
    },
    Case {
        anomaly: "duplicate-seq",
        good: |stage| commit(stage, &[sequenced(2, 0, 0), sequenced(3, 0, 1)]),
        bad: |stage| commit(stage, &[sequenced(2, 0, 0), sequenced(3, 0, 0)]),
    },
    Case {
        anomaly: "seq-gap",
        good: |stage| commit(stage, &[sequenced(2, 0, i32::MAX), sequenced(3, 0, 0)]),
        bad: |stage| commit(stage, &[sequenced(2, 0, 0), sequenced(3, 0, 2)]),
    },
    Case {
        anomaly: "producer-epoch-regress",
        good: |stage| commit(stage, &[sequenced(2, 0, 5), sequenced(3, 1, 0)]),
        bad: |stage| commit(stage, &[sequenced(2, 1, 0), sequenced(3, 0, 1)]),
    },
    Case {
        anomaly: "producer-expired-early",
        good: |stage| expire(stage, 100 + DAY_MS),
        bad: |stage| expire(stage, 99 + DAY_MS),
    },
    Case {
        anomaly: "producer-state-mismatch",
        good: |stage| {
            stage.lead(A, 1, sequenced(2, 0, 5));
            know(stage, 5);
        },
        bad: |stage| {
            stage.lead(A, 1, sequenced(2, 0, 5));
            know(stage, 4);
        },
    },
    Case {
        anomaly: "producer-id-block-overlap",
        good: |stage| {
            stage.allocate_producer_ids(1_000);
            stage.allocate_producer_ids(2_000);
        },
        bad: |stage| {
            stage.allocate_producer_ids(2_000);
            stage.allocate_producer_ids(2_000);
        },
    },
    Case {
        anomaly: "producer-id-reused",
        good: |stage| {
            stage.allocate_producer_ids(1_000);
            stage.give_producer_id(A, 0, 0);
            stage.give_producer_id(B, 1, 0);
            stage.give_producer_id(B, 1, 1);
            stage.give_producer_id(A, 1, 1);
        },
        bad: |stage| {
            stage.allocate_producer_ids(1_000);
            stage.give_producer_id(A, 0, 0);
            stage.give_producer_id(B, 0, 0);
        },
    },
];

#[test]
fn before_eligible_replicas_a_leader_may_commit_below_the_minimum() {
    let mut stage = Stage::new(2, false).before_eligible_replicas();
    stage.elect(A, 1, &[A]);
    stage.lead(A, 1, plain(0));
    stage.leader_high_watermark(A, 1, 1);
    assert_eq!(stage.found(), Vec::<String>::new());
}

#[test]
fn a_producer_that_the_log_does_not_have_is_not_known() {
    let mut stage = super::case::stage();
    know(&mut stage, 5);
    assert_eq!(stage.found(), ["producer-state-mismatch"]);
}

/// Of who was forgotten, what came after that is known, or all that the log has: that is read when it is opened.
#[test]
fn who_was_forgotten_is_known_by_what_came_since() {
    for (sequence, forgets, is_found) in
        [(-1, true, false), (5, true, false), (4, true, true), (-1, false, true)]
    {
        let mut plan = crate::stage::plan();
        plan.cluster.producer_id_expiration_ms = 1_000;
        let mut stage = super::case::stage_of(&plan);
        let batch = BatchSummary { max_timestamp: WallTime(100), ..sequenced(2, 0, 5) };
        stage.lead(A, 1, batch);
        if forgets {
            expired(&mut stage, 2_000);
        }
        stage.lead(A, 1, super::transactions::abort_marker(3));
        know(&mut stage, sequence);
        let expected: &[&str] = if is_found { &["producer-state-mismatch"] } else { &[] };
        assert_eq!(stage.found(), expected, "sequence {sequence}, forgotten {forgets}");
    }
}

/// Of who was forgotten, a snapshot may tell what was true once, and nothing else.
#[test]
fn who_was_forgotten_may_be_known_by_an_older_snapshot() {
    for (sequence, forgets, is_found) in [(5, true, false), (4, true, true), (5, false, true)] {
        let mut plan = crate::stage::plan();
        plan.cluster.producer_id_expiration_ms = 1_000;
        let mut stage = super::case::stage_of(&plan);
        let batch = BatchSummary { max_timestamp: WallTime(100), ..sequenced(2, 0, 5) };
        stage.lead(A, 1, batch);
        stage.lead(A, 1, BatchSummary { max_timestamp: WallTime(50), ..sequenced(3, 1, 0) });
        if forgets {
            expired(&mut stage, 2_000);
        }
        know(&mut stage, sequence);
        let expected: &[&str] = if is_found { &["producer-state-mismatch"] } else { &[] };
        assert_eq!(stage.found(), expected, "sequence {sequence}, forgotten {forgets}");
    }
}

/// By a clock that is a day ahead, a producer has rested for long enough as soon as it has written.
#[test]
fn clocks_that_are_far_apart_let_producers_expire() {
    for (offset_ms, expected) in [(0, &["producer-state-mismatch"][..]), (DAY_MS, &[])] {
        let mut plan = crate::stage::plan();
        plan.clocks = vec![ClockPlan { node: A, offset_ms, drift_ppm: 0 }];
        let mut stage = super::case::stage_of(&plan);
        stage.lead(A, 1, sequenced(2, 0, 5));
        let (partition, producers) = (X, Vec::new());
        stage.note(A, &Note::Producer(ProducerNote::ProducersKnown { partition, producers }));
        assert_eq!(stage.found(), expected, "{offset_ms} ms ahead");
    }
}

#[test]
fn a_producer_id_must_be_allocated() {
    let mut stage = super::case::stage();
    stage.allocate_producer_ids(1_000);
    stage.give_producer_id(A, 1_000, 0);
    assert_eq!(stage.found(), ["producer-id-reused"]);
}

#[test]
fn a_cut_that_was_not_synced_does_not_count_as_flushed() {
    let mut stage = super::case::stage();
    stage.elect(A, 1, &[A, C]);
    stage.truncate(B, 1);
    stage.observer.log_flushed(B, X, &[plain(0), plain(1)]);
    stage.crash(B, true);
    stage.reopen(B, X, 1);
    assert_eq!(stage.found(), Vec::<String>::new());
}

/// Who has a transaction open is remembered, however old that is.
#[test]
fn a_replica_forgets_nobody_amid_a_transaction() {
    for (ended, found) in [(true, vec![]), (false, vec!["producer-expired-early"])] {
        let mut stage = super::case::stage();
        let data = BatchSummary { kind: BatchKind::Transactional, ..sequenced(2, 0, 0) };
        stage.lead(A, 1, data);
        if ended {
            let sequence = Sequence::NONE;
            let marker = BatchSummary {
                kind: BatchKind::AbortMarker,
                base_sequence: sequence,
                ..sequenced(3, 0, 1)
            };
            stage.lead(A, 1, marker);
        }
        expired(&mut stage, 2 * DAY_MS);
        let early = stage.found().into_iter().filter(|name| name == "producer-expired-early");
        assert_eq!(early.collect::<Vec<_>>(), found, "{ended}");
    }
}

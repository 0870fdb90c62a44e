//! Transactions and the last stable offset. Producer 9 writes from offset 2 on.

use harrow_broker_model::note::{
    AbortedTransaction, BatchKind, BatchSummary, ConsumerNote, DeletionReason, IsolationLevel,
    Note, TransactionNote, TransactionState,
};
use harrow_broker_model::types::{
    LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TopicId, TopicPartition,
    TransactionOrdinal,
};

use super::case::{Case, plain};
use crate::stage::{A, B, C, Stage, X, sequenced};
use TransactionState::{
    CompleteAbort, CompleteCommit, Empty, Ongoing, PrepareAbort, PrepareCommit,
};

const Y: TopicPartition = TopicPartition { topic: TopicId(2), partition: 0 };

fn data(offset: i64, sequence: i32) -> BatchSummary {
    BatchSummary { kind: BatchKind::Transactional, ..sequenced(offset, 0, sequence) }
}

fn marker(offset: i64, kind: BatchKind) -> BatchSummary {
    let checksum = 500 + offset as u32;
    BatchSummary { kind, checksum, base_sequence: Sequence::NONE, ..sequenced(offset, 0, 0) }
}

fn commit_marker(offset: i64) -> BatchSummary {
    marker(offset, BatchKind::CommitMarker)
}

pub(super) fn abort_marker(offset: i64) -> BatchSummary {
    marker(offset, BatchKind::AbortMarker)
}

fn write(stage: &mut Stage, transaction: u64, batch: BatchSummary) {
    stage.attribute(A, 9, transaction);
    stage.lead(A, 1, batch);
    stage.append_all(&[B, C], 1, batch);
}

fn decide(stage: &mut Stage, transaction: u64, states: &[TransactionState]) {
    for state in states {
        stage.coordinate(9, transaction, *state);
    }
}

/// A transaction of one record, ended by a marker, and all of it committed to the log.
fn ended(stage: &mut Stage, marker: BatchSummary) {
    write(stage, 1, data(2, 0));
    write(stage, 1, marker);
    stage.leader_high_watermark(A, 1, 4);
}

fn serve(stage: &mut Stage, batch: BatchSummary, aborted: &[AbortedTransaction]) {
    stage.serve_isolated(A, 1, batch.base_offset.0, &[batch], Some(aborted));
}

/// A tells a client with `read_committed` where what it may read ends.
fn tells_end(stage: &mut Stage, offset: i64) {
    let note = ConsumerNote::EndOffsetServed {
        partition: X,
        leader_epoch: LeaderEpoch(1),
        current_leader_epoch: LeaderEpoch(1),
        isolation: IsolationLevel::ReadCommitted,
        offset: Offset(offset),
    };
    stage.note(A, &Note::Consumer(note));
}

/// A tells a client with `read_committed` which record is the latest.
fn tells_latest(stage: &mut Stage, offset: i64) {
    let note = ConsumerNote::TimedOffsetServed {
        partition: X,
        leader_epoch: LeaderEpoch(1),
        isolation: IsolationLevel::ReadCommitted,
        from: None,
        offset: Offset(offset),
    };
    stage.note(A, &Note::Consumer(note));
}

fn identify(stage: &mut Stage, producer: i64, epoch: i16) {
    let note = Note::Transaction(TransactionNote::StateChanged {
        transactional_id: "id".to_owned(),
        producer_id: ProducerId(producer),
        producer_epoch: ProducerEpoch(epoch),
        transaction: TransactionOrdinal(0),
        state: Empty,
        timeout_ms: 10_000,
        coordinator_epoch: LeaderEpoch(0),
    });
    stage.note(A, &note);
}

/// The same producer's marker on another partition, with nothing else on it.
fn elsewhere(stage: &mut Stage, transaction: u64, batch: BatchSummary) {
    stage.partition = Y;
    stage.attribute(A, 9, transaction);
    stage.lead(A, 1, batch);
    stage.partition = X;
}

const ABORTED: AbortedTransaction =
    AbortedTransaction { producer_id: ProducerId(9), first_offset: Offset(2) };

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "illegal-txn-transition",
        good: |stage| {
            decide(stage, 1, &[Empty, Ongoing, Ongoing, PrepareCommit, CompleteCommit]);
            decide(stage, 2, &[Ongoing, PrepareAbort, CompleteAbort, Empty]);
        },
        bad: |stage| decide(stage, 1, &[Ongoing, PrepareCommit, CompleteAbort]),
    },
    Case {
        anomaly: "fenced-producer-accepted",
        good: |stage| {
            identify(stage, 5, 0);
            identify(stage, 5, 1);
            identify(stage, 6, 0);
        },
        bad: |stage| {
            identify(stage, 5, 1);
            identify(stage, 5, 0);
        },
    },
    Case {
        anomaly: "marker-without-decision",
        good: |stage| {
            decide(stage, 1, &[Ongoing]);
            write(stage, 1, data(2, 0));
            decide(stage, 1, &[PrepareCommit]);
            write(stage, 1, commit_marker(3));
            decide(stage, 1, &[CompleteCommit]);
        },
        bad: |stage| {
            decide(stage, 1, &[Ongoing]);
            write(stage, 1, data(2, 0));
            write(stage, 1, commit_marker(3));
        },
    },
    Case {
        anomaly: "marker-wrong-txn",
        good: |stage| {
            ended(stage, commit_marker(3));
            write(stage, 2, data(4, 1));
            write(stage, 2, commit_marker(5));
        },
        bad: |stage| {
            ended(stage, commit_marker(3));
            write(stage, 2, data(4, 1));
            write(stage, 1, commit_marker(5));
        },
    },
    Case {
        anomaly: "torn-txn",
        good: |stage| {
            ended(stage, commit_marker(3));
            elsewhere(stage, 1, commit_marker(0));
        },
        bad: |stage| {
            ended(stage, commit_marker(3));
            elsewhere(stage, 1, abort_marker(0));
        },
    },
    Case {
        anomaly: "hanging-txn",
        good: |stage| {
            ended(stage, abort_marker(3));
            write(stage, 2, data(4, 1));
        },
        bad: |stage| {
            ended(stage, abort_marker(3));
            write(stage, 1, data(4, 1));
        },
    },
    Case {
        anomaly: "non-transactional-append-in-txn",
        good: |stage| {
            ended(stage, commit_marker(3));
            stage.lead(A, 1, sequenced(4, 0, 1));
        },
        bad: |stage| {
            write(stage, 1, data(2, 0));
            stage.lead(A, 1, sequenced(3, 0, 1));
        },
    },
    Case {
        anomaly: "read-past-lso",
        good: |stage| {
            write(stage, 1, data(2, 0));
            stage.leader_high_watermark(A, 1, 3);
            serve(stage, plain(1), &[]);
            stage.serve(A, 1, 2, &[data(2, 0)]);
        },
        bad: |stage| {
            write(stage, 1, data(2, 0));
            stage.leader_high_watermark(A, 1, 3);
            serve(stage, data(2, 0), &[]);
        },
    },
    Case {
        anomaly: "offset-past-lso",
        good: |stage| {
            write(stage, 1, data(2, 0));
            stage.leader_high_watermark(A, 1, 3);
            tells_end(stage, 2);
            write(stage, 1, commit_marker(3));
            stage.leader_high_watermark(A, 1, 4);
            tells_end(stage, 4);
        },
        bad: |stage| {
            write(stage, 1, data(2, 0));
            stage.leader_high_watermark(A, 1, 3);
            tells_end(stage, 3);
        },
    },
    Case {
        anomaly: "G1a",
        good: |stage| {
            ended(stage, abort_marker(3));
            serve(stage, data(2, 0), &[ABORTED]);
        },
        bad: |stage| {
            ended(stage, abort_marker(3));
            serve(stage, data(2, 0), &[]);
        },
    },
    Case {
        anomaly: "read-hides-committed",
        good: |stage| {
            ended(stage, commit_marker(3));
            serve(stage, data(2, 0), &[]);
        },
        bad: |stage| {
            ended(stage, commit_marker(3));
            serve(stage, data(2, 0), &[ABORTED]);
        },
    },
    Case {
        anomaly: "lso-ahead",
        good: |stage| {
            write(stage, 1, data(2, 0));
            stage.leader_high_watermark(A, 1, 3);
            stage.last_stable_offset(A, 1, true, 2);
        },
        bad: |stage| {
            write(stage, 1, data(2, 0));
            stage.leader_high_watermark(A, 1, 3);
            stage.last_stable_offset(A, 1, true, 3);
        },
    },
    Case {
        anomaly: "lso-regress-same-epoch",
        good: |stage| {
            stage.last_stable_offset(A, 1, true, 1);
            stage.last_stable_offset(A, 1, true, 2);
        },
        bad: |stage| {
            stage.last_stable_offset(A, 1, true, 2);
            stage.last_stable_offset(A, 1, true, 1);
        },
    },
];

/// Deleting goes by the high watermark, not by open transactions: what is open below the log start holds nothing back.
#[test]
fn only_what_is_left_of_an_open_transaction_holds_the_stable_offset_back() {
    let table =
        [(2, 3, true), (2, 2, false), (3, 4, true), (3, 3, false), (4, 5, true), (4, 4, false)];
    for (log_start, stable, ahead) in table {
        let mut stage = super::case::stage();
        (2..5).for_each(|offset| write(&mut stage, 1, data(offset, offset as i32 - 2)));
        write(&mut stage, 1, BatchSummary { producer_id: ProducerId::NONE, ..sequenced(5, 0, 9) });
        stage.leader_high_watermark(A, 1, 6);
        stage.delete(A, log_start, DeletionReason::DeleteRecords);
        stage.last_stable_offset(A, 1, true, stable);
        let found = stage.found();
        assert_eq!(found.contains(&"lso-ahead".into()), ahead, "{log_start}, {stable}: {found:?}");
    }
}

#[test]
fn what_follows_a_deleted_open_transaction_may_be_read() {
    for (log_start, past) in [(2, true), (3, false)] {
        let mut stage = super::case::stage();
        write(&mut stage, 1, data(2, 0));
        let later = BatchSummary { producer_id: ProducerId::NONE, ..sequenced(3, 0, 9) };
        write(&mut stage, 1, later);
        stage.leader_high_watermark(A, 1, 4);
        stage.delete(A, log_start, DeletionReason::DeleteRecords);
        serve(&mut stage, later, &[]);
        let found = stage.found();
        assert_eq!(found.contains(&"read-past-lso".into()), past, "{log_start}: {found:?}");
    }
}

#[test]
fn who_reads_what_is_decided_is_told_no_offset_for_a_time_that_is_not() {
    for (offset, past) in [(0, false), (1, false), (2, true)] {
        let mut stage = super::case::stage();
        write(&mut stage, 1, data(2, 0));
        stage.leader_high_watermark(A, 1, 3);
        tells_latest(&mut stage, offset);
        let found = stage.found();
        assert_eq!(found.contains(&"offset-past-lso".into()), past, "{offset}: {found:?}");
    }
}

#[test]
fn a_decision_is_never_taken_back() {
    let illegal: [&[(u64, TransactionState)]; 5] = [
        &[(1, Ongoing), (1, PrepareCommit), (1, PrepareAbort)],
        &[(1, Ongoing), (1, PrepareAbort), (1, CompleteAbort), (1, Ongoing)],
        &[(2, Ongoing), (1, Ongoing)],
        &[(1, Ongoing), (2, Ongoing)],
        &[(1, PrepareCommit)],
    ];
    for states in illegal {
        let mut stage = super::case::stage();
        for (transaction, state) in states {
            stage.coordinate(9, *transaction, *state);
        }
        assert_eq!(stage.found(), ["illegal-txn-transition"], "{states:?}");
    }
}

#[test]
fn a_complete_transaction_has_a_marker_everywhere() {
    let mut stage = super::case::stage();
    decide(&mut stage, 1, &[Ongoing]);
    let added = Note::Transaction(TransactionNote::PartitionAdded {
        producer_id: ProducerId(9),
        transaction: TransactionOrdinal(1),
        partition: Y,
    });
    stage.note(A, &added);
    write(&mut stage, 1, data(2, 0));
    decide(&mut stage, 1, &[PrepareCommit]);
    write(&mut stage, 1, commit_marker(3));
    assert_eq!(stage.found(), Vec::<String>::new());
    decide(&mut stage, 1, &[CompleteCommit]);
    assert_eq!(stage.found(), ["torn-txn"], "registered, but not told");
}

/// The log of a leader that takes over is read anew: what the one before had appended alone does not count.
#[test]
fn a_failover_forgets_what_only_the_old_leader_had() {
    let mut stage = super::case::stage();
    for (offset, sequence) in [(2, 0), (3, 1)] {
        stage.attribute(A, 9, 1);
        stage.lead(A, 1, data(offset, sequence));
    }
    stage.elect(B, 2, &[B, C]);
    let batch = BatchSummary {
        leader_epoch: harrow_broker_model::types::LeaderEpoch(2),
        ..sequenced(2, 0, 0)
    };
    stage.lead(B, 2, batch);
    assert_eq!(stage.found(), Vec::<String>::new(), "the transaction is not open in this log");
}

/// A leader that was about to append a marker and failed leaves a statement behind: it is not that of its next batch.
#[test]
fn what_was_stated_of_a_marker_that_is_not_appended_is_over() {
    let mut stage = super::case::stage();
    decide(&mut stage, 1, &[Ongoing, PrepareCommit]);
    write(&mut stage, 1, commit_marker(2));
    decide(&mut stage, 1, &[CompleteCommit]);
    stage.attribute(A, 9, 1);
    decide(&mut stage, 2, &[Ongoing]);
    stage.lead(A, 1, data(3, 0));
    assert_eq!(stage.found(), Vec::<String>::new());
}

/// A deposed leader is told to end a transaction, and its disk stands still before the marker is appended: meanwhile
/// the transaction is ended elsewhere, and the next one begins.
#[test]
fn a_marker_ends_what_was_stated_with_it_however_late_it_is_appended() {
    let mut stage = super::case::stage();
    decide(&mut stage, 1, &[Ongoing]);
    write(&mut stage, 1, data(2, 0));
    decide(&mut stage, 1, &[PrepareCommit]);
    stage.attribute(A, 9, 1);
    stage.elect(B, 2, &[B, C]);
    stage.attribute(B, 9, 1);
    stage.lead(B, 2, BatchSummary { leader_epoch: LeaderEpoch(2), ..commit_marker(3) });
    decide(&mut stage, 1, &[CompleteCommit]);
    decide(&mut stage, 2, &[Ongoing]);
    stage.lead(A, 1, commit_marker(3));
    assert_eq!(stage.found(), Vec::<String>::new());
}

/// Without attribution, a batch belongs to the newest transaction that the coordinator knows.
#[test]
fn what_is_not_attributed_belongs_to_the_newest_transaction() {
    let mut stage = super::case::stage();
    decide(&mut stage, 1, &[Ongoing]);
    stage.lead(A, 1, data(2, 0));
    decide(&mut stage, 1, &[PrepareAbort]);
    stage.lead(A, 1, abort_marker(3));
    decide(&mut stage, 1, &[CompleteAbort]);
    assert_eq!(stage.found(), Vec::<String>::new());
    stage.lead(A, 1, data(4, 1));
    assert_eq!(stage.found(), ["hanging-txn"]);
}

/// A leader that was deposed and has not heard of it appends the same batch where the present one has it, when the next
/// transaction is going on: that says nothing of the present leader's batch.
#[test]
fn what_a_deposed_leader_appends_is_not_the_batch_of_the_present_one() {
    let in_epoch_2 = |batch| BatchSummary { leader_epoch: LeaderEpoch(2), ..batch };
    let mut stage = super::case::stage();
    stage.elect(B, 2, &[B, C]);
    stage.became_leader(B, 2, &[B, C]);
    decide(&mut stage, 1, &[Ongoing]);
    for batch in [data(2, 0), commit_marker(3)] {
        if batch.kind == BatchKind::CommitMarker {
            decide(&mut stage, 1, &[PrepareCommit]);
        }
        stage.attribute(B, 9, 1);
        stage.lead(B, 2, in_epoch_2(batch));
        stage.append(C, 2, in_epoch_2(batch));
    }
    decide(&mut stage, 1, &[CompleteCommit]);
    decide(&mut stage, 2, &[Ongoing]);
    stage.lead(A, 1, data(2, 0));
    stage.lead(B, 2, in_epoch_2(data(4, 1)));
    assert_eq!(stage.found(), Vec::<String>::new());
}

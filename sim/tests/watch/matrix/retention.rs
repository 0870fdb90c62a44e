//! What may be deleted, and what follows from it. On the stage a producer keeps a record back for a second at most.

use harrow_broker_model::note::{DeletionReason, LogNote, Note, ReplicationNote, TruncateReason};
use harrow_broker_model::types::{LeaderEpoch, Offset, WallTime};

use super::case::{Case, outcome, plain};
use super::due::{begins_at, passes};
use crate::stage::{A, B, C, Stage, X};

fn by_time(age_ms: i64) -> DeletionReason {
    by_time_at(age_ms, age_ms)
}

/// Records have the timestamp 0.
fn by_time_at(now_ms: i64, age_ms: i64) -> DeletionReason {
    DeletionReason::Time { limit_ms: 10_000, age_ms, now: WallTime(now_ms) }
}

/// All that is there is deleted for its age, so long after it was appended.
fn expires_after(stage: &mut Stage, true_ms: u64, age_ms: i64) {
    stage.retain_ms(10_000);
    stage.lead(A, 1, plain(2));
    stage.append_all(&[B, C], 1, plain(2));
    stage.leader_high_watermark(A, 1, 3);
    stage.wait_ms(true_ms);
    stage.delete(A, 3, by_time(age_ms));
}

/// A client is told that what is below 2 is deleted; then B leads, which has followed or not.
fn confirm_and_elect(stage: &mut Stage, followed: bool) {
    stage.delete(A, 2, DeletionReason::DeleteRecords);
    if followed {
        stage.delete(B, 2, DeletionReason::Leader);
    }
    let (partition, low_watermark) = (X, Offset(2));
    stage.note(A, &Note::Log(LogNote::DeletionConfirmed { partition, low_watermark }));
    stage.elect(B, 2, &[B, C]);
    stage.became_leader(B, 2, &[B, C]);
}

fn epochs(stage: &mut Stage, known: &[(i32, i64)]) {
    stage.observer.expect_all_facts();
    let epochs = known.iter().map(|(epoch, start)| (LeaderEpoch(*epoch), Offset(*start)));
    let note = LogNote::EpochsKnown { partition: X, epochs: epochs.collect() };
    stage.note(A, &Note::Log(note));
}

/// All that is there may go, and goes or not.
fn all_is_old(stage: &mut Stage, goes: bool) {
    stage.retain_ms(10_000);
    stage.lead(A, 1, plain(2));
    stage.append_all(&[B, C], 1, plain(2));
    stage.leader_high_watermark(A, 1, 3);
    for node in [B, C] {
        stage.high_watermark(node, 1, false, 3);
    }
    stage.wait_ms(20_000);
    for node in [A, B, C] {
        if goes {
            stage.delete(node, 3, by_time(20_000));
        }
    }
    begins_at(stage, 3);
    passes(stage, 100);
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "retention-overdue",
        good: |stage| all_is_old(stage, true),
        bad: |stage| all_is_old(stage, false),
    },
    Case {
        anomaly: "retained-too-short",
        good: |stage| expires_after(stage, 9_500, 10_001),
        bad: |stage| expires_after(stage, 8_000, 10_001),
    },
    Case {
        anomaly: "deleted-records-return",
        good: |stage| confirm_and_elect(stage, true),
        bad: |stage| confirm_and_elect(stage, false),
    },
    Case {
        anomaly: "log-start-ahead-of-leader",
        good: |stage| {
            stage.delete(A, 2, DeletionReason::DeleteRecords);
            stage.delete(B, 2, DeletionReason::Leader);
        },
        bad: |stage| {
            stage.delete(A, 1, DeletionReason::DeleteRecords);
            stage.delete(B, 2, DeletionReason::Leader);
        },
    },
    Case {
        anomaly: "log-start-ahead-of-leader",
        good: |stage| begins_anew(stage, 2),
        bad: |stage| begins_anew(stage, 1),
    },
];

/// A deletes so much, and B, all of whose log lies below that, begins anew at 2.
fn begins_anew(stage: &mut Stage, deleted: i64) {
    stage.observer.expect_all_facts();
    stage.delete(A, deleted, DeletionReason::DeleteRecords);
    stage.elect(A, 1, &[A, C]);
    stage.truncate(B, 0);
    stage.note(
        B,
        &Note::Log(LogNote::Truncated {
            partition: X,
            from: Offset(0),
            to: Offset(2),
            reason: TruncateReason::OutOfRange,
        }),
    );
}

#[test]
fn what_is_deleted_is_judged_by_what_the_topic_says() {
    type Variant = (&'static str, fn(&mut Stage), bool);
    let variants: [Variant; 6] = [
        (
            "younger by the timestamps of its records than it says",
            |stage| {
                stage.retain_ms(10_000);
                stage.lead(A, 1, plain(2));
                stage.append_all(&[B, C], 1, plain(2));
                stage.leader_high_watermark(A, 1, 3);
                stage.wait_ms(20_000);
                stage.delete(A, 3, by_time_at(9_000, 10_001));
            },
            true,
        ),
        ("young by the replica's own word", |stage| expires_after(stage, 20_000, 9_999), true),
        (
            "a topic that keeps all",
            |stage| {
                stage.wait_ms(60_000);
                stage.delete(A, 2, by_time(10_001));
            },
            true,
        ),
        (
            "fewer bytes than are to be kept",
            |stage| {
                let reason = DeletionReason::Size { limit_bytes: -1, left_bytes: -2 };
                stage.delete(A, 2, reason);
            },
            true,
        ),
        (
            "as many bytes as are to be kept",
            |stage| {
                stage.delete(A, 2, DeletionReason::Size { limit_bytes: -1, left_bytes: 0 });
            },
            false,
        ),
        ("a client asked for it", |stage| stage.delete(A, 2, DeletionReason::DeleteRecords), false),
    ];
    for (why, play, bad) in variants {
        let expected: &[&str] = if bad { &["retained-too-short"] } else { &[] };
        assert_eq!(outcome(play), expected, "{why}");
    }
}

#[test]
fn a_log_that_is_opened_starts_where_it_did() {
    let reopen = |stage: &mut Stage, start: i64| {
        stage.delete(B, 1, DeletionReason::DeleteRecords);
        stage.crash(B, false);
        let note = LogNote::Recovered {
            partition: X,
            log_start_offset: Offset(start),
            log_end_offset: Offset(2),
            high_watermark: Offset(start),
            clean: false,
            batches: vec![plain(0), plain(1)],
        };
        stage.note(B, &Note::Log(note));
    };
    let mut stage = super::case::stage();
    reopen(&mut stage, 1);
    assert_eq!(stage.found(), Vec::<String>::new());
    let mut stage = super::case::stage();
    reopen(&mut stage, 0);
    assert_eq!(stage.found(), ["log-start-regress"]);
    let mut stage = super::case::stage();
    stage.observer.disk_wiped(B);
    reopen(&mut stage, 1);
    assert_eq!(stage.found(), Vec::<String>::new());
}

#[test]
fn epochs_below_a_start_that_moved_are_forgotten() {
    let mut stage = super::case::stage();
    stage.delete(A, 1, DeletionReason::DeleteRecords);
    epochs(&mut stage, &[(1, 1)]);
    assert_eq!(stage.found(), Vec::<String>::new());
    epochs(&mut stage, &[(1, 0)]);
    assert_eq!(stage.found(), ["epoch-cache-mismatch"]);
}

/// Of which nothing is left above the log start is not known, and the epoch that was asked for is before all that are.
#[test]
fn an_epoch_is_before_all_that_are_known_once_the_start_is_behind_all_records() {
    for (start, found) in [(1, true), (2, false)] {
        let mut stage = super::case::stage();
        stage.delete(A, start, DeletionReason::DeleteRecords);
        let (follower, epoch, end_offset) = (B, LeaderEpoch(2), Offset(2));
        let note = ReplicationNote::DivergenceFound { partition: X, follower, epoch, end_offset };
        stage.note(A, &Note::Replication(note));
        let names = stage.found();
        assert_eq!(names.iter().any(|name| name == "epoch-end-wrong"), found, "{start}: {names:?}");
    }
}

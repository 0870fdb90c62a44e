//! Rules that bound times. On the stage `replica.lag.time.max.ms` is 30 s, and a leader looks every 15 s.

use std::time::Duration;

use harrow_broker_model::message::ClusterError;
use harrow_broker_model::note::{Note, OutOfSyncReplica, ReplicationNote};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset};

use super::case::{Case, outcome, plain};
use crate::stage::{A, B, C, Stage};

fn end_of(stage: &Stage, node: NodeId) -> i64 {
    let view = stage.observer.view();
    view.replica(node, stage.partition).expect("it is a replica").log.end().0
}

/// A leads on for so long, a record each second; C has each at once, and B has all that there is when `follows` says.
fn goes_on(stage: &mut Stage, seconds: i64, follows: fn(i64) -> bool) {
    for second in 0..seconds {
        stage.wait_ms(1_000);
        let record = plain(end_of(stage, A));
        stage.lead(A, 1, record);
        stage.append(C, 1, record);
        if follows(second) {
            (end_of(stage, B)..end_of(stage, A))
                .for_each(|offset| stage.append(B, 1, plain(offset)));
        }
    }
}

/// B and C follow A.
fn follow(stage: &mut Stage) {
    stage.follow(B, 1, A);
    stage.follow(C, 1, A);
    // The present leader is known from when it began to lead.
    stage.became_leader(A, 1, &[A, B, C]);
}

fn proposes(stage: &mut Stage) {
    proposes_for(stage, &[(B, 2, Some(40_000))]);
}

/// A wants B out of its ISR; what it knows of members: their log ends, and their lags in milliseconds.
fn proposes_for(stage: &mut Stage, known: &[(NodeId, i64, Option<u64>)]) {
    let replica = |(replica, end, lag_ms): &(NodeId, i64, Option<u64>)| OutOfSyncReplica {
        replica: *replica,
        log_end_offset: Offset(*end),
        lag: lag_ms.map(Duration::from_millis),
    };
    let note = Note::Replication(ReplicationNote::IsrProposed {
        partition: stage.partition,
        leader_epoch: LeaderEpoch(1),
        from: vec![A, B, C],
        to: vec![A, C],
        out_of_sync: known.iter().map(replica).collect(),
    });
    stage.note(A, &note);
}

fn is_refused(stage: &mut Stage, error: ClusterError) {
    stage.note(
        A,
        &Note::Replication(ReplicationNote::IsrProposalRefused {
            partition: stage.partition,
            error,
        }),
    );
}

/// A node says that a quota holds a follower up.
fn holds_up(stage: &mut Stage, node: NodeId, follower: NodeId, in_sync: bool) {
    let partition = stage.partition;
    let note = ReplicationNote::HeldUp { partition, follower, in_sync };
    stage.note(node, &Note::Replication(note));
}

fn blocked_changed(stage: &mut Stage, still: bool) {
    let now_ns = stage.now_ns();
    stage.observer.process_blocked(now_ns, A, still);
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "laggard-in-isr",
        good: |stage| {
            follow(stage);
            // It is never where the leader is, and has what the leader had half a minute ago.
            goes_on(stage, 200, |second| second % 29 == 0);
        },
        bad: |stage| {
            follow(stage);
            goes_on(stage, 70, |second| second < 5);
        },
    },
    Case {
        anomaly: "in-sync-held-up",
        good: |stage| {
            stage.became_leader(A, 1, &[A, B]);
            holds_up(stage, A, C, false);
            holds_up(stage, B, B, false);
        },
        // The leader says that it is not in sync; it is in the ISR.
        bad: |stage| {
            stage.became_leader(A, 1, &[A, B]);
            holds_up(stage, A, B, false);
        },
    },
    Case {
        anomaly: "shrink-too-early",
        good: |stage| proposes_for(stage, &[(B, 1, Some(30_001))]),
        bad: |stage| proposes_for(stage, &[(B, 1, Some(29_999))]),
    },
];

/// A leader says why it wants somebody out, and that one lacks something.
#[test]
fn a_member_leaves_for_its_lag_alone() {
    type Known = &'static [(NodeId, i64, Option<u64>)];
    let table: [(Known, bool); 5] = [
        (&[(B, 1, Some(60_000))], true),
        (&[(B, 1, None)], false),
        (&[(B, 2, Some(60_000))], false),
        (&[(C, 1, Some(60_000))], false),
        (&[], false),
    ];
    for (known, right) in table {
        let mut stage = super::case::stage();
        proposes_for(&mut stage, known);
        assert_eq!(stage.found().is_empty(), right, "{known:?}");
    }
}

/// Who reached the high watermark, and never all that its leader had, lags from the beginning.
#[test]
fn who_joined_without_ever_having_had_all_may_leave_again() {
    let mut stage = super::case::stage();
    stage.became_leader(A, 1, &[A, C]);
    proposes_for(&mut stage, &[(B, 1, None)]);
    assert_eq!(stage.found(), Vec::<String>::new());
}

/// What keeps a leader from looking, or makes it right not to.
#[test]
fn a_laggard_is_excused_while_its_leader_cannot_see_it() {
    type Variant = (&'static str, fn(&mut Stage));
    let variants: [Variant; 6] = [
        ("in time", |stage| {
            follow(stage);
            goes_on(stage, 44, |_| false);
            goes_on(stage, 45, |second| second == 0);
        }),
        ("waits for an answer", |stage| {
            follow(stage);
            goes_on(stage, 40, |_| false);
            proposes(stage);
            goes_on(stage, 100, |_| false);
        }),
        ("was refused just now", |stage| {
            follow(stage);
            goes_on(stage, 40, |_| false);
            proposes(stage);
            is_refused(stage, ClusterError::IneligibleReplica);
            goes_on(stage, 14, |_| false);
        }),
        ("stood still", |stage| {
            follow(stage);
            goes_on(stage, 20, |_| false);
            blocked_changed(stage, true);
            stage.wait_ms(60_000);
            stage.append(C, 1, plain(22));
        }),
        ("nothing to have", |stage| {
            follow(stage);
            for _ in 0..200 {
                stage.wait_ms(1_000);
                stage.high_watermark(A, 1, true, 2);
            }
        }),
        ("left", |stage| {
            follow(stage);
            goes_on(stage, 40, |_| false);
            stage.elect(A, 1, &[A, C]);
            stage.isr_committed(A, 1, &[A, C]);
            goes_on(stage, 100, |_| false);
        }),
    ];
    for (why, play) in variants {
        assert_eq!(outcome(play), Vec::<String>::new(), "{why}");
    }
}

/// What does not excuse it.
#[test]
fn a_laggard_is_found_whatever_came_before() {
    type Variant = (&'static str, fn(&mut Stage));
    let variants: [Variant; 5] = [
        ("was refused long ago", |stage| {
            follow(stage);
            goes_on(stage, 20, |_| false);
            proposes(stage);
            is_refused(stage, ClusterError::IneligibleReplica);
            goes_on(stage, 60, |_| false);
        }),
        ("stood still long ago", |stage| {
            follow(stage);
            blocked_changed(stage, true);
            blocked_changed(stage, false);
            goes_on(stage, 70, |_| false);
        }),
        ("dead", |stage| {
            follow(stage);
            stage.crash(B, false);
            goes_on(stage, 70, |_| false);
        }),
        ("too slow", |stage| {
            follow(stage);
            for second in 0..150 {
                stage.wait_ms(1_000);
                stage.lead(A, 1, plain(2 + second));
                stage.append(C, 1, plain(2 + second));
                if second % 3 == 0 {
                    stage.append(B, 1, plain(2 + second / 3));
                }
            }
        }),
        ("cut its log long ago", |stage| {
            follow(stage);
            stage.follow(B, 1, A);
            stage.append(B, 1, plain(2));
            stage.truncate(B, 2);
            goes_on(stage, 70, |_| false);
        }),
    ];
    for (why, play) in variants {
        assert_eq!(outcome(play), ["laggard-in-isr"], "{why}");
    }
}

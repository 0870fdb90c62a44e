//! What is due when nothing stands in the way, and what covers the log below it.

use harrow_broker_model::note::{
    Api, BrokerNote, BrokerState, ControllerNote, DeletionReason, ExchangeNote, MetadataChange,
    Note, QuorumRole, ReplicationNote,
};
use harrow_broker_model::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset};

use super::case::{Case, outcome, plain};
use crate::stage::{A, B, C, N1, N2, Stage, X, record};

/// Time goes on for so long; N1 leads the quorum if it is to, and N2 fetches from it.
fn passes(stage: &mut Stage, seconds: u32) {
    passes_and_hears_of(stage, seconds, &[A, B, C]);
}

/// As [`passes`], while the controller hears of these brokers.
fn passes_and_hears_of(stage: &mut Stage, seconds: u32, brokers: &[NodeId]) {
    for _ in 0..seconds {
        stage.wait_ms(1_000);
        for broker in brokers {
            heartbeat(stage, *broker);
        }
        let now_ns = stage.now_ns();
        stage.observer.quorum_fetched(now_ns, N1, N2, LeaderEpoch(1));
        let (state, broker_epoch) = (BrokerState::Running, BrokerEpoch(0));
        stage.note(A, &Note::Broker(BrokerNote::StateChanged { state, broker_epoch }));
    }
}

/// N1 is the active controller, and everything is stated from now on. A leads, and B and C follow.
fn begins(stage: &mut Stage) {
    stage.follow(B, 1, A);
    stage.follow(C, 1, A);
    stage.quorum_state(N1, 1, QuorumRole::Leader, Some(N1));
    let activated = ControllerNote::Activated { epoch: LeaderEpoch(1), active: true };
    stage.note(N1, &Note::Controller(activated));
    stage.observer.expect_all_facts();
    for node in [B, C] {
        hears(stage, node, 2);
    }
}

fn heartbeat(stage: &mut Stage, by: NodeId) {
    let api = Api::BrokerHeartbeat;
    let note = ExchangeNote::RequestServed { api, partition: None, by, named: 0, own: 0 };
    stage.note(N1, &Note::Exchange(note));
}

fn hears(stage: &mut Stage, follower: NodeId, end: i64) {
    let note = Note::Replication(ReplicationNote::FollowerHeard {
        partition: X,
        leader_epoch: LeaderEpoch(1),
        follower,
        current_leader_epoch: LeaderEpoch(1),
        broker_epoch: BrokerEpoch(-1),
        fetch_offset: Offset(end),
    });
    stage.note(A, &note);
}

fn replicate_third(stage: &mut Stage) {
    stage.lead(A, 1, plain(2));
    stage.append_all(&[B, C], 1, plain(2));
}

/// The logs of these begin at the second record, which all know to be committed.
fn starts_later(stage: &mut Stage, nodes: &[NodeId]) {
    begins(stage);
    for node in [B, C] {
        stage.high_watermark(node, 1, false, 2);
    }
    for node in nodes {
        stage.delete(*node, 1, DeletionReason::DeleteRecords);
    }
}

/// C is outside of the ISR, and has all.
fn leaves_out(stage: &mut Stage) {
    stage.elect(A, 1, &[A, B]);
    stage.isr_committed(A, 1, &[A, B]);
}

/// Nobody leads; B is eligible.
fn leaderless(stage: &mut Stage) {
    let mut next = stage.next(None, 2, &[]);
    next.elr = vec![B];
    stage.registered(X, next, false);
}

fn fence(stage: &mut Stage, broker: NodeId) {
    let broker_epoch = stage.observer.view().registry().broker(broker).expect("known").broker_epoch;
    let change =
        MetadataChange::BrokerChanged { broker, broker_epoch, fenced: true, shutting_down: false };
    stage.metadata(change);
}

/// B, which is not in sync, has other records than those that are committed, of an earlier epoch.
fn has_others(stage: &mut Stage) {
    stage.elect(A, 1, &[A, C]);
    stage.isr_committed(A, 1, &[A, C]);
    stage.truncate(B, 0);
    (0..2).for_each(|offset| stage.append(B, 0, record(offset, 0, 900 + offset as u32)));
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "commit-overdue",
        good: |stage| {
            begins(stage);
            replicate_third(stage);
            stage.leader_high_watermark(A, 1, 3);
            passes(stage, 100);
        },
        bad: |stage| {
            begins(stage);
            replicate_third(stage);
            passes(stage, 100);
        },
    },
    Case {
        anomaly: "expansion-overdue",
        good: |stage| {
            begins(stage);
            passes(stage, 100);
        },
        bad: |stage| {
            leaves_out(stage);
            begins(stage);
            passes(stage, 100);
        },
    },
    Case {
        anomaly: "log-start-overdue",
        good: |stage| {
            starts_later(stage, &[A, B, C]);
            passes(stage, 100);
        },
        bad: |stage| {
            starts_later(stage, &[A, C]);
            passes(stage, 100);
        },
    },
    Case {
        anomaly: "election-overdue",
        good: |stage| {
            leaderless(stage);
            fence(stage, B);
            begins(stage);
            passes(stage, 5);
        },
        bad: |stage| {
            leaderless(stage);
            begins(stage);
            passes(stage, 5);
        },
    },
    Case {
        anomaly: "fencing-overdue",
        good: |stage| {
            begins(stage);
            passes(stage, 100);
        },
        bad: |stage| {
            begins(stage);
            passes_and_hears_of(stage, 100, &[A, B]);
        },
    },
    Case {
        anomaly: "quorum-election-overdue",
        good: |stage| {
            begins(stage);
            passes(stage, 100);
        },
        bad: |stage| {
            stage.observer.expect_all_facts();
            passes(stage, 100);
        },
    },
    Case {
        anomaly: "high-watermark-differs",
        good: |stage| {
            has_others(stage);
            stage.high_watermark(C, 1, false, 1);
        },
        bad: |stage| {
            has_others(stage);
            stage.high_watermark(B, 1, false, 1);
        },
    },
    Case {
        anomaly: "end-offset-differs",
        good: |stage| {
            has_others(stage);
            stage.end_offset(B, 0, 0);
        },
        bad: |stage| {
            has_others(stage);
            stage.end_offset(B, 0, 1);
        },
    },
    Case {
        anomaly: "heard-of-other-log",
        good: |stage| {
            stage.follow(B, 1, A);
            hears(stage, B, 2);
        },
        bad: |stage| {
            has_others(stage);
            stage.follow(B, 1, A);
            hears(stage, B, 2);
        },
    },
];

/// What makes it right that nothing happens.
#[test]
fn nothing_is_due_while_something_stands_in_the_way() {
    type Variant = (&'static str, fn(&mut Stage));
    let variants: [Variant; 5] = [
        ("a fault lasts", |stage| {
            let now_ns = stage.now_ns();
            stage.observer.disturbed(now_ns, true);
        }),
        ("a process is down", |stage| stage.crash(C, false)),
        ("the leader stands still", |stage| {
            let now_ns = stage.now_ns();
            stage.observer.process_blocked(now_ns, A, true);
        }),
        ("the fault has just ended", |stage| {
            let now_ns = stage.now_ns();
            stage.observer.disturbed(now_ns, true);
            passes(stage, 100);
            let now_ns = stage.now_ns();
            stage.observer.disturbed(now_ns, false);
        }),
        ("what a slow link held when its fault ended is still on its way", |stage| {
            let now_ns = stage.now_ns();
            stage.observer.disturbed(now_ns, true);
            stage.observer.disturbed(now_ns + 200_000_000_000, false);
        }),
    ];
    for (name, variant) in variants {
        let mut stage = super::case::stage();
        begins(&mut stage);
        replicate_third(&mut stage);
        variant(&mut stage);
        let seconds = if name == "the fault has just ended" { 1 } else { 100 };
        passes(&mut stage, seconds);
        let found = stage.found();
        assert!(!found.contains(&"commit-overdue".to_owned()), "{name}: {found:?}");
    }
    let overdue = outcome(|stage| {
        begins(stage);
        replicate_third(stage);
        passes(stage, 100);
    });
    assert_eq!(overdue, ["commit-overdue"], "without any of these");
}

/// Time in which too few were in sync to commit anything does not count.
#[test]
fn a_commit_is_not_due_while_too_few_are_in_sync() {
    let mut stage = super::case::stage();
    begins(&mut stage);
    replicate_third(&mut stage);
    passes(&mut stage, 1);
    stage.elect(A, 1, &[A]);
    stage.isr_committed(A, 1, &[A]);
    passes(&mut stage, 100);
    let found = stage.found();
    assert!(!found.contains(&"commit-overdue".to_owned()), "{found:?}");
}

/// A leads alone, with `min.insync.replicas` 1 and a record that is not committed; B and C are fenced, if they are.
fn leads_alone(stage: &mut Stage, others_fenced: bool) {
    stage.elect(A, 1, &[A, B, C]);
    stage.became_leader(A, 1, &[A, B, C]);
    if others_fenced {
        fence(stage, B);
        fence(stage, C);
    }
    stage.elect(A, 1, &[A]);
    stage.isr_committed(A, 1, &[A]);
    super::guards::applies(stage, A, Offset(stage.metadata_end().0 - 1));
    stage.observer.expect_all_facts();
    stage.lead(A, 1, plain(0));
}

/// Nobody else takes part in what a leader does alone: it is due whatever lasts elsewhere, and at once.
#[test]
fn a_leader_that_is_alone_commits_at_once() {
    type Variant = (&'static str, fn(&mut Stage), bool);
    let variants: [Variant; 6] = [
        ("nothing else", |stage| leads_alone(stage, true), true),
        (
            "a fault lasts",
            |stage| {
                leads_alone(stage, true);
                let now_ns = stage.now_ns();
                stage.observer.disturbed(now_ns, true);
            },
            true,
        ),
        (
            "it commits",
            |stage| {
                leads_alone(stage, true);
                stage.leader_high_watermark(A, 1, 1);
            },
            false,
        ),
        ("somebody may join", |stage| leads_alone(stage, false), false),
        (
            "it does not know the newest metadata",
            |stage| {
                leads_alone(stage, true);
                stage.broker_registered(NodeId(4));
            },
            false,
        ),
        (
            "it stands still",
            |stage| {
                leads_alone(stage, true);
                let now_ns = stage.now_ns();
                stage.observer.process_blocked(now_ns, A, true);
            },
            false,
        ),
    ];
    for (name, play, found) in variants {
        let mut stage = Stage::new(1, false);
        play(&mut stage);
        passes_and_hears_of(&mut stage, 100, &[A]);
        assert_eq!(stage.found().contains(&"commit-overdue".to_owned()), found, "{name}");
    }
}

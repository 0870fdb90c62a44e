//! The controller quorum.

use harrow_broker_model::note::{
    ControllerNote, LogNote, MetadataChange, Note, QuorumNote, QuorumRole, TruncateReason,
};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, SnapshotId, TopicPartition};

use super::case::Case;
use crate::quorum::{quorum_append, quorum_commit};
use crate::stage::{A, B, C, N1, N2, N3, Stage, plan, record};

/// Leader N1 of epoch 1, with one record that N2 holds, too.
fn led(stage: &mut Stage) {
    stage.quorum_state(N1, 1, QuorumRole::Leader, Some(N1));
    quorum_append(stage, N1, 1, record(0, 1, 0));
    quorum_append(stage, N2, 1, record(0, 1, 0));
}

fn committed(stage: &mut Stage) {
    led(stage);
    quorum_commit(stage, N1, 1, 1);
}

/// So many records are committed, to a host that states everything.
fn committed_far(stage: &mut Stage, end: i64) {
    led(stage);
    for offset in 1..end {
        quorum_append(stage, N1, 1, record(offset, 1, 0));
        quorum_append(stage, N2, 1, record(offset, 1, 0));
    }
    quorum_commit(stage, N1, 1, end);
    stage.observer.expect_all_facts();
}

/// One record is committed; N1 has a snapshot up to here on its disk, or says so.
fn snapshot(stage: &mut Stage, end: i64, digest: u64, durable: bool) {
    committed(stage);
    stage.observer.disk_answers(N1, durable);
    let snapshot = SnapshotId { epoch: LeaderEpoch(1), end_offset: Offset(end) };
    let written = QuorumNote::SnapshotWritten { snapshot, digest, fetched: false };
    stage.note(N1, &Note::Quorum(written));
}

/// Somebody begins with the snapshot of the first record.
fn load(stage: &mut Stage, node: NodeId, digest: u64) {
    let snapshot = SnapshotId { epoch: LeaderEpoch(1), end_offset: Offset(1) };
    stage.note(node, &Note::Quorum(QuorumNote::SnapshotLoaded { snapshot, digest }));
}

/// N1 applies more than is to be between two snapshots, has one or not, and goes on ten seconds later.
fn applies_much(stage: &mut Stage, has_snapshot: bool) {
    let mut small = plan();
    small.cluster.metadata_log.snapshot_bytes = 70;
    *stage = Stage::of(&small, (2, false));
    stage.observer.expect_all_facts();
    for _ in 0..10 {
        stage.elect(A, 1, &[A, B, C]);
    }
    if has_snapshot {
        let snapshot = SnapshotId { epoch: LeaderEpoch(1), end_offset: stage.metadata_end() };
        let loaded = QuorumNote::SnapshotLoaded { snapshot, digest: 7 };
        stage.note(N1, &Note::Quorum(loaded));
    }
    stage.wait_ms(10_000);
    stage.elect(A, 1, &[A, B, C]);
}

/// N1 lets its log begin there.
fn begin_at(stage: &mut Stage, offset: i64) {
    let (partition, log_start_offset) = (TopicPartition::METADATA, Offset(offset));
    stage.note(N1, &Note::Log(LogNote::StartMoved { partition, log_start_offset }));
}

#[test]
fn nodes_that_are_equally_far_have_the_same_metadata() {
    for (other, found) in [(7, &[][..]), (8, &["snapshot-differs"][..])] {
        let mut stage = super::case::stage();
        stage.observer.audit_metadata(9, 9, N1, (Offset(5), 7));
        stage.observer.audit_metadata(9, 9, A, (Offset(4), 9));
        stage.observer.audit_metadata(9, 9, N2, (Offset(5), other));
        let violations = stage.observer.take_violations();
        let names: Vec<&str> = violations.iter().map(|it| it.anomaly.as_str()).collect();
        assert_eq!(names, found);
    }
}

fn vote(stage: &mut Stage, candidate: NodeId) {
    stage.note(N1, &Note::Quorum(QuorumNote::VoteGranted { epoch: LeaderEpoch(2), candidate }));
}

fn applied(stage: &mut Stage, node: NodeId, offset: i64, leader: NodeId) {
    let change = Box::new(MetadataChange::LeaderChanged { leader });
    let controller_epoch = LeaderEpoch(1);
    stage.note(
        node,
        &Note::Controller(ControllerNote::MetadataApplied {
            offset: Offset(offset),
            controller_epoch,
            change,
        }),
    );
}

fn truncate(stage: &mut Stage, node: NodeId) {
    let note = Note::Log(LogNote::Truncated {
        partition: TopicPartition::METADATA,
        from: Offset(1),
        to: Offset(0),
        reason: TruncateReason::Diverged,
    });
    stage.note(node, &note);
}

/// N1 says what is on its disk, and the disk whether it is there for good.
fn persisted(stage: &mut Stage, voted: Option<NodeId>, durable: bool) {
    stage.observer.disk_answers(N1, durable);
    stage.note(N1, &Note::Quorum(QuorumNote::StatePersisted { epoch: LeaderEpoch(2), voted }));
}

/// N1 leads epoch 1 for so long, and hears of others at the end of each second.
fn reigns(stage: &mut Stage, seconds: u64, hears: impl Fn(u64) -> Option<(NodeId, i32)>) {
    stage.quorum_state(N1, 1, QuorumRole::Leader, Some(N1));
    for second in 0..seconds {
        stage.wait_ms(1_000);
        if let Some((by, epoch)) = hears(second) {
            stage.observer.quorum_fetched(stage.now_ns(), N1, by, LeaderEpoch(epoch));
        }
        // Somebody states something.
        stage.quorum_state(N3, 1, QuorumRole::Unattached, None);
    }
}

/// Voter 1 leads, 2 follows, and has taken something from it or not; 3 knows the epoch, and then stands in the next
/// one.
fn stands_against_a_leader(stage: &mut Stage, followed: bool) {
    stage.observer.expect_all_facts();
    stage.note(N2, &Note::Quorum(QuorumNote::VoteGranted { epoch: LeaderEpoch(1), candidate: N1 }));
    stage.quorum_state(N1, 1, QuorumRole::Leader, Some(N1));
    stage.quorum_state(N2, 1, QuorumRole::Follower, Some(N1));
    if followed {
        let (epoch, to) = (LeaderEpoch(1), Offset(0));
        stage.note(
            N2,
            &Note::Quorum(QuorumNote::HighWatermarkMoved { epoch, as_leader: false, to }),
        );
    }
    stage.quorum_state(N3, 1, QuorumRole::Unattached, None);
    stage.wait_ms(1_000);
    stage.quorum_state(N3, 1, QuorumRole::Prospective, None);
    stage.wait_ms(1_000);
    stage.quorum_state(N3, 2, QuorumRole::Candidate, None);
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "controller-unelected",
        good: |stage| {
            stage.observer.expect_all_facts();
            stage.note(
                N2,
                &Note::Quorum(QuorumNote::VoteGranted { epoch: LeaderEpoch(2), candidate: N1 }),
            );
            stage.quorum_state(N1, 2, QuorumRole::Leader, Some(N1));
        },
        bad: |stage| {
            stage.observer.expect_all_facts();
            stage.note(
                N2,
                &Note::Quorum(QuorumNote::VoteGranted { epoch: LeaderEpoch(1), candidate: N1 }),
            );
            stage.quorum_state(N1, 2, QuorumRole::Leader, Some(N1));
        },
    },
    Case {
        anomaly: "controller-without-quorum",
        good: |stage| {
            reigns(stage, 20, |second| (second % 5 == 0).then_some((N2, 1)));
            stage.quorum_state(N1, 1, QuorumRole::Resigned, None);
            stage.wait_ms(60_000);
            stage.quorum_state(N3, 1, QuorumRole::Unattached, None);
        },
        // A broker that fetches is no voter, and a voter of another epoch is none of its followers.
        bad: |stage| {
            reigns(stage, 9, |second| Some(if second % 2 == 0 { (A, 1) } else { (N2, 2) }));
        },
    },
    Case {
        anomaly: "healthy-leader-deposed",
        // The follower has taken nothing from the leader yet: it may have granted a pre-vote.
        good: |stage| {
            stands_against_a_leader(stage, false);
        },
        bad: |stage| {
            stands_against_a_leader(stage, true);
        },
    },
    Case {
        anomaly: "double-vote",
        good: |stage| {
            vote(stage, N2);
            vote(stage, N2);
        },
        bad: |stage| {
            vote(stage, N2);
            vote(stage, N3);
        },
    },
    Case {
        anomaly: "metadata-applied-early",
        good: |stage| {
            committed_far(stage, 91);
            applied(stage, N3, 90, N1);
        },
        bad: |stage| {
            committed_far(stage, 91);
            applied(stage, N3, 91, N1);
        },
    },
    Case {
        anomaly: "vote-for-shorter-log",
        good: |stage| {
            committed(stage);
            quorum_append(stage, N3, 1, record(0, 1, 0));
            stage.quorum_state(N3, 2, QuorumRole::Candidate, Some(N3));
            vote(stage, N3);
        },
        bad: |stage| {
            committed(stage);
            quorum_append(stage, N3, 1, record(0, 1, 0));
            quorum_append(stage, N1, 1, record(1, 1, 0));
            stage.quorum_state(N3, 2, QuorumRole::Candidate, Some(N3));
            vote(stage, N3);
        },
    },
    Case {
        anomaly: "dual-controller",
        good: |stage| {
            stage.quorum_state(N1, 1, QuorumRole::Leader, Some(N1));
            stage.quorum_state(N2, 2, QuorumRole::Leader, Some(N2));
        },
        bad: |stage| {
            stage.quorum_state(N1, 1, QuorumRole::Leader, Some(N1));
            stage.quorum_state(N2, 1, QuorumRole::Leader, Some(N2));
        },
    },
    Case {
        anomaly: "controller-epoch-regress",
        good: |stage| {
            stage.quorum_state(N1, 4, QuorumRole::Unattached, None);
            stage.quorum_state(N2, 3, QuorumRole::Unattached, None);
        },
        bad: |stage| {
            stage.quorum_state(N1, 4, QuorumRole::Unattached, None);
            stage.quorum_state(N1, 3, QuorumRole::Unattached, None);
        },
    },
    Case {
        anomaly: "metadata-commit-without-majority",
        good: committed,
        bad: |stage| {
            committed(stage);
            quorum_append(stage, N1, 1, record(1, 1, 1));
            quorum_commit(stage, N1, 1, 2);
        },
    },
    Case {
        anomaly: "committed-metadata-overwritten",
        good: |stage| {
            committed(stage);
            quorum_append(stage, N1, 1, record(1, 1, 1));
            quorum_append(stage, N2, 1, record(1, 1, 1));
            quorum_commit(stage, N1, 1, 2);
        },
        bad: |stage| {
            // Two majorities share a voter, so that this never comes alone.
            committed(stage);
            quorum_append(stage, N3, 0, record(0, 0, 7));
            quorum_append(stage, N3, 2, record(1, 2, 8));
            quorum_commit(stage, N3, 2, 2);
        },
    },
    Case {
        anomaly: "controller-completeness",
        good: |stage| {
            committed(stage);
            stage.quorum_state(N2, 2, QuorumRole::Leader, Some(N2));
        },
        bad: |stage| {
            committed(stage);
            stage.quorum_state(N3, 2, QuorumRole::Leader, Some(N3));
        },
    },
    Case {
        anomaly: "committed-metadata-truncation",
        good: |stage| {
            led(stage);
            truncate(stage, N2);
        },
        bad: |stage| {
            committed(stage);
            truncate(stage, N2);
        },
    },
    Case {
        anomaly: "committed-metadata-lost",
        good: |stage| {
            committed(stage);
            stage.crash(N3, true);
            stage.boot(N3, TopicPartition::METADATA, 0);
            quorum_append(stage, N3, 1, record(0, 1, 0));
            stage.crash(N2, true);
            stage.boot(N2, TopicPartition::METADATA, 0);
        },
        bad: |stage| {
            committed(stage);
            stage.crash(N2, true);
            stage.boot(N2, TopicPartition::METADATA, 0);
        },
    },
    Case {
        anomaly: "metadata-divergence",
        good: |stage| {
            applied(stage, N2, 90, N1);
            applied(stage, N3, 90, N1);
        },
        bad: |stage| {
            applied(stage, N2, 90, N1);
            applied(stage, N3, 90, N2);
        },
    },
    Case {
        anomaly: "metadata-gap",
        good: |stage| {
            applied(stage, N2, 90, N1);
            applied(stage, N2, 91, N1);
            stage.observer.process_started(0, N2);
            applied(stage, N2, 90, N1);
        },
        bad: |stage| {
            applied(stage, N2, 90, N1);
            applied(stage, N2, 92, N1);
        },
    },
    Case {
        anomaly: "snapshot-not-durable",
        good: |stage| snapshot(stage, 1, 7, true),
        bad: |stage| snapshot(stage, 1, 7, false),
    },
    Case {
        anomaly: "snapshot-overdue",
        good: |stage| applies_much(stage, true),
        bad: |stage| applies_much(stage, false),
    },
    Case {
        anomaly: "snapshot-above-commit",
        good: |stage| snapshot(stage, 1, 7, true),
        bad: |stage| snapshot(stage, 2, 7, true),
    },
    Case {
        anomaly: "snapshot-differs",
        good: |stage| {
            snapshot(stage, 1, 7, true);
            load(stage, A, 7);
        },
        bad: |stage| {
            snapshot(stage, 1, 7, true);
            load(stage, A, 8);
        },
    },
    Case {
        anomaly: "metadata-deleted-uncovered",
        good: |stage| {
            snapshot(stage, 1, 7, true);
            stage.observer.expect_all_facts();
            begin_at(stage, 1);
        },
        bad: |stage| {
            committed(stage);
            stage.observer.expect_all_facts();
            begin_at(stage, 1);
        },
    },
    Case {
        anomaly: "vote-not-durable",
        good: |stage| {
            persisted(stage, Some(N2), true);
            vote(stage, N2);
            stage.quorum_state(N1, 2, QuorumRole::Unattached, Some(N2));
        },
        bad: |stage| {
            persisted(stage, None, true);
            vote(stage, N2);
        },
    },
];

#[test]
fn what_is_not_synced_or_of_another_epoch_is_not_durable() {
    let mut stage = super::case::stage();
    persisted(&mut stage, Some(N2), false);
    vote(&mut stage, N2);
    assert_eq!(stage.found(), ["vote-not-durable"]);

    let mut stage = super::case::stage();
    persisted(&mut stage, None, true);
    stage.quorum_state(N1, 3, QuorumRole::Unattached, None);
    assert_eq!(stage.found(), ["vote-not-durable"]);
}

//! The controller quorum: one good and one minimally bad case for each rule.

use harrow_broker_model::note::{
    AppendOrigin, BatchSummary, ControllerNote, LogNote, MetadataChange, Note, QuorumNote,
    QuorumRole, TruncateReason,
};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicId, TopicPartition};

use crate::stage::{N1, N2, N3, Stage, record};

const NONE: [&str; 0] = [];

pub(crate) fn quorum_append(stage: &mut Stage, node: NodeId, acting: i32, batch: BatchSummary) {
    let note = Note::Log(LogNote::Appended {
        partition: TopicPartition::METADATA,
        batch,
        origin: AppendOrigin::Leader,
        leader_epoch: LeaderEpoch(acting),
        acks: 0,
    });
    stage.note(node, &note);
}

pub(crate) fn quorum_commit(stage: &mut Stage, node: NodeId, epoch: i32, to: i64) {
    let note = Note::Quorum(QuorumNote::HighWatermarkMoved {
        epoch: LeaderEpoch(epoch),
        as_leader: true,
        to: Offset(to),
    });
    stage.note(node, &note);
}

/// Leader N1 in epoch 1 and one record that N1 and N2 hold.
fn quorum() -> Stage {
    let mut stage = Stage::new(2, false);
    stage.quorum_state(N1, 1, QuorumRole::Leader, Some(N1));
    quorum_append(&mut stage, N1, 1, record(0, 1, 0));
    quorum_append(&mut stage, N2, 1, record(0, 1, 0));
    stage
}

#[test]
fn the_quorum_commits_with_a_majority_in_its_own_epoch() {
    let mut stage = quorum();
    quorum_commit(&mut stage, N1, 1, 1);
    assert_eq!(stage.found(), NONE);
    quorum_append(&mut stage, N1, 1, record(1, 1, 1));
    quorum_commit(&mut stage, N1, 1, 2);
    assert_eq!(stage.found(), ["metadata-commit-without-majority"]);

    let mut stage = quorum();
    stage.quorum_state(N2, 2, QuorumRole::Leader, Some(N2));
    quorum_commit(&mut stage, N2, 2, 1);
    assert_eq!(
        stage.found(),
        ["metadata-commit-without-majority"],
        "the record is of an older epoch"
    );
}

#[test]
fn committed_metadata_stays() {
    let mut stage = quorum();
    quorum_commit(&mut stage, N1, 1, 1);
    stage.quorum_state(N3, 2, QuorumRole::Leader, Some(N3));
    assert_eq!(stage.found(), ["controller-completeness"]);
    let cut = Note::Log(LogNote::Truncated {
        partition: TopicPartition::METADATA,
        from: Offset(1),
        to: Offset(0),
        reason: TruncateReason::Diverged,
    });
    stage.note(N2, &cut);
    assert_eq!(stage.found(), ["committed-metadata-truncation"]);

    let mut stage = quorum();
    quorum_commit(&mut stage, N1, 1, 1);
    stage.crash(N2, true);
    stage.boot(N2, TopicPartition::METADATA, 0);
    assert_eq!(stage.found(), ["committed-metadata-lost"]);
}

#[test]
fn voters_vote_once_across_restarts() {
    let mut stage = Stage::new(2, false);
    let vote = |candidate: NodeId| {
        Note::Quorum(QuorumNote::VoteGranted { epoch: LeaderEpoch(2), candidate })
    };
    stage.note(N1, &vote(N2));
    stage.crash(N1, true);
    stage.observer.process_started(0, N1);
    stage.note(N1, &vote(N2));
    assert_eq!(stage.found(), NONE);
    stage.note(N1, &vote(N3));
    assert_eq!(stage.found(), ["double-vote"]);
}

/// Source: Kafka's `RaftEventSimulationTest`, whose `MonotonicEpoch` does not hold when a disk is wiped.
#[test]
fn a_voter_whose_disk_was_wiped_starts_anew() {
    let voter = |stage: &mut Stage, wiped: Option<NodeId>| {
        stage.quorum_state(N1, 2, QuorumRole::Leader, Some(N1));
        stage.crash(N1, true);
        if let Some(node) = wiped {
            stage.observer.disk_wiped(node);
        }
        stage.observer.process_started(0, N1);
        stage.quorum_state(N1, 0, QuorumRole::Unattached, None);
        stage.quorum_state(N1, 2, QuorumRole::Leader, Some(N1));
        stage.note(
            N1,
            &Note::Quorum(QuorumNote::VoteGranted { epoch: LeaderEpoch(2), candidate: N2 }),
        );
        stage.found()
    };
    let all = ["controller-epoch-regress", "controller-epoch-resumed", "double-vote"];
    assert_eq!(voter(&mut Stage::new(2, false), None), all, "a power loss takes nothing back");
    assert_eq!(voter(&mut Stage::new(2, false), Some(N2)), all, "that was another one's disk");
    // It votes for itself at first, as it did before, and then again: only that is twice in one life.
    assert_eq!(voter(&mut Stage::new(2, false), Some(N1)), ["double-vote"]);

    let mut stage = Stage::new(2, false);
    let vote = |candidate: NodeId| {
        Note::Quorum(QuorumNote::VoteGranted { epoch: LeaderEpoch(2), candidate })
    };
    stage.note(N1, &vote(N2));
    stage.observer.disk_wiped(N1);
    stage.note(N1, &vote(N3));
    assert_eq!(stage.found(), NONE, "it knows of no vote");
    stage.note(N1, &vote(N2));
    assert_eq!(stage.found(), ["double-vote"], "of that one it knows");
}

#[test]
fn an_epoch_of_the_quorum_has_one_leader() {
    let mut stage = Stage::new(2, false);
    stage.quorum_state(N1, 1, QuorumRole::Leader, Some(N1));
    stage.quorum_state(N2, 2, QuorumRole::Leader, Some(N2));
    assert_eq!(stage.found(), NONE, "two leaders of two epochs may coexist");
    stage.quorum_state(N3, 2, QuorumRole::Leader, Some(N3));
    assert_eq!(stage.found(), ["dual-controller"]);
}

#[test]
fn all_nodes_apply_the_same_metadata() {
    let mut stage = Stage::new(2, false);
    let applied = |topic: &str| {
        Note::Controller(ControllerNote::MetadataApplied {
            offset: Offset(6),
            controller_epoch: LeaderEpoch(1),
            change: Box::new(MetadataChange::TopicCreated {
                topic: TopicId(1),
                name: topic.to_owned(),
                min_insync_replicas: 2,
                unclean_leader_election: false,
            }),
        })
    };
    stage.note(N2, &applied("x"));
    assert_eq!(stage.found(), NONE);
    stage.note(N3, &applied("y"));
    assert_eq!(stage.found(), ["metadata-divergence"]);
}

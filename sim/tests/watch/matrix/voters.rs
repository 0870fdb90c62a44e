//! Voters of the quorum that come and go.

use harrow_broker_model::note::{LogNote, Note, QuorumNote, QuorumRole, TruncateReason};
use harrow_broker_model::types::{DirectoryId, LeaderEpoch, NodeId, Offset, TopicPartition};
use harrow_broker_model::voter_set::{ReplicaKey, VoterSet};

use super::case::Case;
use crate::quorum::{quorum_append, quorum_commit};
use crate::stage::{N1, N2, N3, Stage, record};

const N4: NodeId = NodeId(104);
const N5: NodeId = NodeId(105);

fn directory(node: NodeId) -> DirectoryId {
    DirectoryId(1_000 + node.0 as u64)
}

fn on_disk(stage: &mut Stage, node: NodeId, directory: DirectoryId) {
    stage.note(node, &Note::Quorum(QuorumNote::DirectoryFound { directory }));
}

/// A controller goes by these voters, written at an offset.
fn voters(stage: &mut Stage, node: NodeId, offset: i64, ids: &[NodeId]) {
    let key = |id: &NodeId| ReplicaKey { id: *id, directory: directory(*id) };
    let voters = VoterSet::new(ids.iter().map(key));
    let offset = Offset(offset);
    stage.note(node, &Note::Quorum(QuorumNote::VotersInEffect { offset, voters }));
}

fn append(stage: &mut Stage, nodes: &[NodeId], offset: i64) {
    for node in nodes {
        quorum_append(stage, *node, 1, record(offset, 1, 0));
    }
}

/// N1 leads epoch 1 by these voters, written at offset 1, and has committed two records, which N2 has, too.
fn led_by(stage: &mut Stage, ids: &[NodeId]) {
    for node in [N1, N2, N3] {
        on_disk(stage, node, directory(node));
    }
    stage.quorum_state(N1, 1, QuorumRole::Leader, Some(N1));
    append(stage, &[N1, N2], 0);
    append(stage, &[N1, N2], 1);
    for node in [N1, N2] {
        voters(stage, node, 1, ids);
    }
    quorum_commit(stage, N1, 1, 2);
}

/// The leader is removed, by what all three have, and commits up to here.
fn removed(stage: &mut Stage, to: i64) {
    led_by(stage, &[N1, N2, N3]);
    append(stage, &[N3], 0);
    append(stage, &[N3], 1);
    voters(stage, N1, 2, &[N2, N3]);
    for offset in 2..to {
        append(stage, &[N1, N2, N3], offset);
        quorum_commit(stage, N1, 1, offset + 1);
    }
}

/// N2 has a record more, with other voters, and cuts it.
fn cut(stage: &mut Stage) {
    led_by(stage, &[N1, N2, N3]);
    append(stage, &[N2], 2);
    voters(stage, N2, 2, &[N1, N2]);
    let (partition, from, to) = (TopicPartition::METADATA, Offset(3), Offset(2));
    let reason = TruncateReason::Diverged;
    stage.note(N2, &Note::Log(LogNote::Truncated { partition, from, to, reason }));
}

/// N3 votes for N2 from a disk.
fn votes_from(stage: &mut Stage, directory: DirectoryId) {
    led_by(stage, &[N1, N2, N3]);
    on_disk(stage, N3, directory);
    let (epoch, candidate) = (LeaderEpoch(2), N2);
    stage.note(N3, &Note::Quorum(QuorumNote::VoteGranted { epoch, candidate }));
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "concurrent-voter-change",
        good: |stage| {
            led_by(stage, &[N1, N2, N3]);
            voters(stage, N1, 2, &[N1, N2]);
        },
        bad: |stage| {
            led_by(stage, &[N1, N2, N3]);
            voters(stage, N1, 2, &[N1, N2]);
            voters(stage, N1, 3, &[N1]);
        },
    },
    Case {
        anomaly: "early-voter-change",
        good: |stage| {
            led_by(stage, &[N1, N2, N3]);
            voters(stage, N1, 2, &[N1, N2]);
        },
        bad: |stage| {
            led_by(stage, &[N1, N2, N3]);
            stage.quorum_state(N2, 1, QuorumRole::Follower, None);
            let (epoch, to) = (LeaderEpoch(1), Offset(2));
            let heard = QuorumNote::HighWatermarkMoved { epoch, as_leader: false, to };
            stage.note(N2, &Note::Quorum(heard));
            stage.quorum_state(N2, 2, QuorumRole::Leader, Some(N2));
            voters(stage, N2, 2, &[N1, N2]);
        },
    },
    Case {
        anomaly: "voter-sets-apart",
        good: |stage| {
            led_by(stage, &[N1, N2, N3]);
            voters(stage, N1, 2, &[N1, N2, N4]);
        },
        bad: |stage| {
            led_by(stage, &[N1, N2, N3]);
            voters(stage, N1, 2, &[N1, N4, N5]);
        },
    },
    Case {
        anomaly: "lagging-voter-added",
        good: |stage| {
            led_by(stage, &[N1, N2]);
            append(stage, &[N3], 0);
            voters(stage, N1, 2, &[N1, N2, N3]);
        },
        bad: |stage| {
            led_by(stage, &[N1, N2]);
            voters(stage, N1, 2, &[N1, N2, N3]);
        },
    },
    Case {
        anomaly: "removed-leader-leads",
        good: |stage| removed(stage, 3),
        bad: |stage| removed(stage, 4),
    },
    Case {
        anomaly: "stale-voter-set",
        good: |stage| {
            cut(stage);
            voters(stage, N2, 1, &[N1, N2, N3]);
            stage.quorum_state(N2, 2, QuorumRole::Unattached, None);
        },
        bad: |stage| {
            cut(stage);
            stage.quorum_state(N2, 2, QuorumRole::Unattached, None);
        },
    },
    Case {
        anomaly: "observer-stands",
        good: |stage| {
            voters(stage, N3, 1, &[N1, N2]);
            stage.quorum_state(N3, 2, QuorumRole::Unattached, None);
        },
        bad: |stage| {
            voters(stage, N3, 1, &[N1, N2]);
            stage.quorum_state(N3, 2, QuorumRole::Prospective, None);
        },
    },
    Case {
        anomaly: "vote-from-another-disk",
        good: |stage| votes_from(stage, directory(N3)),
        bad: |stage| votes_from(stage, DirectoryId(9_999)),
    },
];

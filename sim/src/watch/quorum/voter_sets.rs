//! The voters of the quorum change one at a time, by leaders that may change them.
//!
//! Promise: a leader writes another set of voters once the one before is committed, and a record of its own epoch; the
//! sets differ by one voter that came and one that went at most, and so do those that are committed one after the
//! other. Who is added has had what the leader had. A leader that is no voter in a committed set resigns. A controller
//! goes by the last set that its log has; one that is no voter in it does not stand, and one that has lost its disk
//! does not vote as the voter that it was.
//! Source: KIP-853; Ongaro 2014, section 4.1, and raft-dev, July 2015; `AddVoterHandler`, `RemoveVoterHandler`,
//! `KRaftControlRecordStateMachine`.
//! Not verified: who is asked to vote and counted; that is seen in who is elected and in what is committed. That a new
//! voter has lately fetched.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::QuorumRole;
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};
use harrow_broker_model::voter_set::{ReplicaKey, VoterSet};

use super::controller_quorum::VoterState;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const LOG: TopicPartition = TopicPartition::METADATA;

const CONCURRENT: Anomaly = Anomaly {
    name: "concurrent-voter-change",
    guarantee: Guarantee::Leadership,
    meaning: "a leader of the quorum changed the voters again before the change before was committed",
};
const EARLY: Anomaly = Anomaly {
    name: "early-voter-change",
    guarantee: Guarantee::Leadership,
    meaning: "a leader of the quorum changed the voters before a record of its epoch was committed",
};
const APART: Anomaly = Anomaly {
    name: "voter-sets-apart",
    guarantee: Guarantee::Leadership,
    meaning: "two sets of voters, one after the other, have majorities that do not meet",
};
const LAGGING: Anomaly = Anomaly {
    name: "lagging-voter-added",
    guarantee: Guarantee::Liveness,
    meaning: "a voter was added that does not have what the leader began its epoch with",
};
const LEADS_ON: Anomaly = Anomaly {
    name: "removed-leader-leads",
    guarantee: Guarantee::Leadership,
    meaning: "a leader of the quorum went on to commit after its removal from the voters was committed",
};
const STALE: Anomaly = Anomaly {
    name: "stale-voter-set",
    guarantee: Guarantee::Leadership,
    meaning: "a controller goes by voters that its log does not have any more",
};
const OBSERVER: Anomaly = Anomaly {
    name: "observer-stands",
    guarantee: Guarantee::Leadership,
    meaning: "a controller stood for election that is no voter",
};
const STRANGER: Anomaly = Anomaly {
    name: "vote-from-another-disk",
    guarantee: Guarantee::Leadership,
    meaning: "a controller whose disk was replaced voted as the voter that it was",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "voter-sets",
    promise: "the voters of the quorum change one at a time, and each majority meets those before and after",
    source: "KIP-853",
    leaves_out: "who is asked and counted; that a new voter has lately fetched",
    anomalies: &[CONCURRENT, EARLY, APART, LAGGING, LEADS_ON, STALE, OBSERVER, STRANGER],
};

/// What leaders did, and what was cut.
#[derive(Debug, Default)]
pub(super) struct VoterSets {
    /// The epoch in which each has committed something as a leader.
    established: BTreeMap<NodeId, LeaderEpoch>,
    /// Where the log of each ended when it began to lead.
    epoch_starts: BTreeMap<NodeId, Offset>,
    /// Leaders whose removal they have committed themselves.
    removed: BTreeSet<(NodeId, LeaderEpoch)>,
    /// Those whose logs were cut below the set by which they go.
    cut: BTreeSet<NodeId>,
}

impl VoterSets {
    /// A process ended.
    pub(super) fn process_ended(&mut self, node: NodeId) {
        self.cut.remove(&node);
    }

    /// A controller's disk was emptied.
    pub(super) fn disk_wiped(&mut self, node: NodeId) {
        self.cut.remove(&node);
        self.established.remove(&node);
    }

    /// A controller goes by other voters from here on.
    pub(super) fn on_voters(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        offset: Offset,
        voters: &VoterSet,
    ) {
        self.cut.remove(&context.node);
        let quorum = context.view.quorum();
        let leader = quorum.voter(context.node);
        let Some(leader) = leader.filter(|it| it.role == QuorumRole::Leader) else { return };
        let (before_at, before) = (quorum.voters_at(context.node), quorum.voters_of(context.node));
        // The first leader writes the voters with which the cluster begins.
        if before_at == Offset::NONE || before == voters {
            return;
        }
        if self.established.get(&context.node) != Some(&leader.epoch) {
            findings.report(context, &EARLY, (LOG, offset, offset), || {
                format!(
                    "leader {} of epoch {} changes the voters and has committed nothing",
                    context.node, leader.epoch
                )
            });
        }
        let committed = context.view.metadata_log().replica(context.node);
        let committed = committed.map_or(Offset::ZERO, |replica| replica.high_watermark);
        if before_at >= committed {
            findings.report(context, &CONCURRENT, (LOG, before_at, offset), || {
                format!(
                    "leader {} writes voters at {offset}; those at {before_at} are not committed",
                    context.node
                )
            });
        }
        check_apart(context, findings, before, (offset, voters));
        let added = voters.keys().iter().filter(|voter| !before.keys().contains(voter));
        for voter in added {
            self.check_added(context, findings, offset, *voter);
        }
    }

    /// It has fetched all that the leader had at some time in its epoch: the first record of that, at least.
    fn check_added(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        offset: Offset,
        voter: ReplicaKey,
    ) {
        let start = self.epoch_starts.get(&context.node).copied().unwrap_or(Offset::ZERO);
        let log = context.view.metadata_log();
        let end = log.replica(voter.id).map_or(Offset::ZERO, |replica| replica.log.end());
        let intact = context.view.quorum().replica_key(voter.id) == Some(voter);
        if intact && end <= start {
            findings.report(context, &LAGGING, (LOG, end, offset), || {
                format!(
                    "leader {} adds voter {}, whose log ends at {end}; its epoch begins at {start}",
                    context.node, voter.id
                )
            });
        }
    }

    /// A leader raised its high watermark.
    pub(super) fn on_high_watermark(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        epoch: LeaderEpoch,
        to: Offset,
    ) {
        self.established.insert(context.node, epoch);
        let quorum = context.view.quorum();
        let (at, voters) = (quorum.voters_at(context.node), quorum.voters_of(context.node));
        let (committed_at, committed) = quorum.committed_voters();
        if at >= to {
            return;
        }
        if at > committed_at && committed_at != Offset::NONE {
            check_apart(context, findings, committed, (at, voters));
        }
        if !is_voter(context, voters) && !self.removed.insert((context.node, epoch)) {
            findings.report(context, &LEADS_ON, (LOG, at, to), || {
                format!(
                    "node {} commits up to {to} in epoch {epoch}; it was removed at {at}",
                    context.node
                )
            });
        }
    }

    /// A controller's state changed.
    pub(super) fn on_state(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        state: VoterState,
    ) {
        self.check_cut(context, findings);
        if state.role == QuorumRole::Leader {
            let log = context.view.metadata_log().replica(context.node);
            let end = log.map_or(Offset::ZERO, |replica| replica.log.end());
            self.epoch_starts.insert(context.node, end);
        }
        let stands = matches!(state.role, QuorumRole::Prospective | QuorumRole::Candidate);
        let voters = context.view.quorum().voters_of(context.node);
        if stands && !is_voter(context, voters) {
            findings.report(context, &OBSERVER, LOG, || {
                format!("node {} stands in epoch {}, and is no voter", context.node, state.epoch)
            });
        }
    }

    /// A controller gave its vote.
    pub(super) fn on_vote(
        context: &Context<'_>,
        findings: &mut Findings,
        epoch: LeaderEpoch,
        candidate: NodeId,
    ) {
        let quorum = context.view.quorum();
        let voter = quorum.voters_of(candidate).voter(context.node);
        if let Some(voter) = voter.filter(|voter| !quorum.is_intact(*voter)) {
            findings.report(context, &STRANGER, LOG, || {
                format!(
                    "node {} votes for {candidate} in epoch {epoch}; the voter was on disk {}",
                    context.node, voter.directory
                )
            });
        }
    }

    /// A controller's log is cut.
    pub(super) fn on_truncated(&mut self, context: &Context<'_>, to: Offset) {
        if context.view.quorum().voters_at(context.node) >= to {
            self.cut.insert(context.node);
        }
    }

    /// What a controller says next after a cut is by which voters it goes now.
    pub(super) fn check_cut(&mut self, context: &Context<'_>, findings: &mut Findings) {
        if self.cut.remove(&context.node) {
            let at = context.view.quorum().voters_at(context.node);
            findings.report(context, &STALE, (LOG, at, at), || {
                format!("node {} goes by voters that were at {at} of its log", context.node)
            });
        }
    }
}

/// Whether the node is one of these voters.
fn is_voter(context: &Context<'_>, voters: &VoterSet) -> bool {
    let quorum = context.view.quorum();
    voters.voter(context.node).is_some_and(|voter| quorum.is_intact(voter))
}

fn check_apart(
    context: &Context<'_>,
    findings: &mut Findings,
    before: &VoterSet,
    (offset, voters): (Offset, &VoterSet),
) {
    if !before.overlaps(voters) {
        findings.report(context, &APART, (LOG, offset, offset), || {
            let ids = |voters: &VoterSet| {
                voters.ids().map(|id| id.to_string()).collect::<Vec<_>>().join(", ")
            };
            format!("voters {} follow {} at {offset}", ids(voters), ids(before))
        });
    }
}

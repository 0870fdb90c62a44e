//! The controller quorum: Raft's promises.
//!
//! Promise: a voter votes for one candidate an epoch, across restarts; an epoch has one leader, on whom all agree; a
//! voter's epoch never falls; who leads an epoch has the votes of a majority in it; the leader commits only what a
//! majority holds and what ends with its own epoch; a leader holds everything committed; nothing committed is truncated
//! or lost by a majority; every node that applies an offset of the metadata log applies the same record, one offset
//! after the other; a voter does not take an epoch up again that it led before its process ended. A voter
//! whose disk was wiped starts anew.
//! Source: KIP-595, KIP-631; Raft (Ongaro 2014) sections 3.4 and 3.6; Kafka's `RaftEventSimulationTest`.
//! Voters are those by which the leader or the candidate goes. One that has lost its disk counts as one that is dead
//! for good: what it held when that was counted is not held against anybody.
//! Not verified: snapshots and changes of the voters, which have invariants of their own.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::{MetadataChange, QuorumRole};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};
use harrow_broker_model::voter_set::{ReplicaKey, VoterSet};

use crate::view::{LogMirror, PartitionView, VoterView};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const LOG: TopicPartition = TopicPartition::METADATA;

const DOUBLE_VOTE: Anomaly = Anomaly {
    name: "double-vote",
    guarantee: Guarantee::Leadership,
    meaning: "a voter voted for two candidates in one epoch",
};
const DUAL: Anomaly = Anomaly {
    name: "dual-controller",
    guarantee: Guarantee::Leadership,
    meaning: "an epoch of the quorum has two leaders",
};
const REGRESS: Anomaly = Anomaly {
    name: "controller-epoch-regress",
    guarantee: Guarantee::Leadership,
    meaning: "a voter's epoch fell",
};
const MINORITY: Anomaly = Anomaly {
    name: "metadata-commit-without-majority",
    guarantee: Guarantee::Durability,
    meaning: "metadata was committed that a majority does not hold, or that ends with an older epoch",
};
const OVERWRITTEN: Anomaly = Anomaly {
    name: "committed-metadata-overwritten",
    guarantee: Guarantee::Durability,
    meaning: "a leader of the quorum committed other metadata than was committed before",
};
const INCOMPLETE: Anomaly = Anomaly {
    name: "controller-completeness",
    guarantee: Guarantee::Durability,
    meaning: "a leader of the quorum lacks committed metadata",
};
const TRUNCATED: Anomaly = Anomaly {
    name: "committed-metadata-truncation",
    guarantee: Guarantee::Durability,
    meaning: "a voter truncated committed metadata",
};
const LOST: Anomaly = Anomaly {
    name: "committed-metadata-lost",
    guarantee: Guarantee::Durability,
    meaning: "after a restart, committed metadata is held by less than a majority",
};
const DIVERGED: Anomaly = Anomaly {
    name: "metadata-divergence",
    guarantee: Guarantee::Replication,
    meaning: "two nodes applied different metadata at one offset",
};
const RESUMED: Anomaly = Anomaly {
    name: "controller-epoch-resumed",
    guarantee: Guarantee::Leadership,
    meaning: "a voter led an epoch again that it had led before its process ended",
};
const UNELECTED: Anomaly = Anomaly {
    name: "controller-unelected",
    guarantee: Guarantee::Leadership,
    meaning: "a voter led an epoch for which no majority had voted for it",
};
const SKIPPED: Anomaly = Anomaly {
    name: "metadata-gap",
    guarantee: Guarantee::Replication,
    meaning: "a node applied metadata out of order, or left some out",
};

const EARLY: Anomaly = Anomaly {
    name: "metadata-applied-early",
    guarantee: Guarantee::Replication,
    meaning: "a node applied metadata that was not committed",
};
const BEHIND: Anomaly = Anomaly {
    name: "vote-for-shorter-log",
    guarantee: Guarantee::Durability,
    meaning: "a voter gave its vote to a candidate whose metadata log is behind its own",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "controller-quorum",
    promise: "one controller an epoch, and committed metadata is the same everywhere and for ever",
    source: "KIP-595, KIP-631, Raft",
    leaves_out: "snapshots, changes of the voters",
    anomalies: &[
        DOUBLE_VOTE,
        DUAL,
        REGRESS,
        MINORITY,
        OVERWRITTEN,
        INCOMPLETE,
        TRUNCATED,
        LOST,
        DIVERGED,
        SKIPPED,
        RESUMED,
        UNELECTED,
        BEHIND,
        EARLY,
    ],
};

/// What voters did, across restarts.
#[derive(Debug, Default)]
pub(super) struct ControllerQuorum {
    votes: BTreeMap<(NodeId, LeaderEpoch), NodeId>,
    /// Votes that their voters cannot know of any more.
    forgotten: BTreeSet<(NodeId, LeaderEpoch)>,
    leaders: BTreeMap<LeaderEpoch, NodeId>,
    epochs: BTreeMap<NodeId, LeaderEpoch>,
    /// The newest epoch that each voter leads or led, and the one that it led before its process ended.
    led: BTreeMap<NodeId, LeaderEpoch>,
    over: BTreeMap<NodeId, LeaderEpoch>,
}

/// A voter's state.
#[derive(Debug, Clone, Copy)]
pub(super) struct VoterState {
    pub(super) epoch: LeaderEpoch,
    pub(super) role: QuorumRole,
    pub(super) leader: Option<NodeId>,
    pub(super) voted: Option<NodeId>,
}

impl ControllerQuorum {
    pub(super) fn on_state(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        state: VoterState,
    ) {
        let epoch = state.epoch;
        let before = self.epochs.insert(context.node, epoch);
        if let Some(before) = before.filter(|before| *before > epoch) {
            findings.report(context, &REGRESS, LOG, || {
                format!("voter {} went from epoch {before} to {epoch}", context.node)
            });
        }
        if let Some(candidate) = state.voted {
            self.on_vote(context, findings, epoch, candidate);
        }
        if let Some(leader) = state.leader {
            self.claim(context, findings, epoch, leader);
        }
        if state.role == QuorumRole::Leader {
            self.claim(context, findings, epoch, context.node);
            self.on_led(context, findings, epoch);
            self.check_elected(context, findings, epoch);
            check_complete(context, findings, epoch);
        }
    }

    pub(super) fn on_vote(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        epoch: LeaderEpoch,
        candidate: NodeId,
    ) {
        let vote = (context.node, epoch);
        if self.forgotten.remove(&vote) {
            self.votes.insert(vote, candidate);
        }
        let known = *self.votes.entry(vote).or_insert(candidate);
        if known != candidate {
            findings.report(context, &DOUBLE_VOTE, LOG, || {
                format!(
                    "voter {} voted for {known} and for {candidate} in epoch {epoch}",
                    context.node
                )
            });
        }
    }

    /// A voter's disk was emptied: it starts again at epoch 0 and knows of no vote. What it had promised, it may break;
    /// what becomes of that at others is judged as ever.
    pub(super) fn disk_wiped(&mut self, node: NodeId) {
        self.epochs.remove(&node);
        self.led.remove(&node);
        self.over.remove(&node);
        self.forgotten.extend(self.votes.keys().filter(|(voter, _)| *voter == node));
    }

    /// A process starts: what it led is over.
    pub(super) fn process_started(&mut self, node: NodeId) {
        if let Some(epoch) = self.led.get(&node) {
            self.over.insert(node, *epoch);
        }
    }

    /// What a leader appended before its process ended may be gone: it never leads that epoch again (KAFKA-10527).
    fn on_led(&mut self, context: &Context<'_>, findings: &mut Findings, epoch: LeaderEpoch) {
        self.led.insert(context.node, epoch);
        if self.over.get(&context.node).is_some_and(|over| *over >= epoch) {
            findings.report(context, &RESUMED, LOG, || {
                format!("voter {} leads epoch {epoch} again after a restart", context.node)
            });
        }
    }

    /// Votes are stated before they are sent: those of a winner are all known.
    fn check_elected(&self, context: &Context<'_>, findings: &mut Findings, epoch: LeaderEpoch) {
        let (node, quorum) = (context.node, context.view.quorum());
        let voted = |voter: NodeId| self.votes.get(&(voter, epoch)) == Some(&node);
        let voters = quorum.voters_of(node);
        let votes = voters.ids().filter(|voter| voted(*voter)).count();
        if votes < voters.majority() && context.view.states_all() {
            findings.report(context, &UNELECTED, LOG, || {
                format!("node {node} leads epoch {epoch} with {votes} votes")
            });
        }
    }

    /// A node applied a metadata record, after the one at `before`.
    pub(super) fn on_applied(
        context: &Context<'_>,
        findings: &mut Findings,
        before: Option<Offset>,
        offset: Offset,
        (controller_epoch, change): (LeaderEpoch, &MetadataChange),
    ) {
        if let Some(before) = before.filter(|before| before.next() != offset) {
            findings.report(context, &SKIPPED, (LOG, before, offset), || {
                format!("node {} applied metadata {offset} after {before}", context.node)
            });
        }
        let committed = context.view.metadata_log().committed.end();
        // Before anything is committed nobody has said what is.
        let is_stated = committed > Offset::ZERO && context.view.states_all();
        if offset >= committed && is_stated {
            findings.report(context, &EARLY, (LOG, committed, offset), || {
                format!(
                    "node {} applied metadata {offset}; committed is what is below {committed}",
                    context.node
                )
            });
        }
        check_same(context, findings, offset, controller_epoch, change);
    }

    fn claim(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        epoch: LeaderEpoch,
        leader: NodeId,
    ) {
        let known = *self.leaders.entry(epoch).or_insert(leader);
        if known != leader {
            findings.report(context, &DUAL, LOG, || {
                format!("nodes {known} and {leader} lead epoch {epoch}")
            });
        }
    }
}

/// Of a majority one has all that is committed: who gets its vote has that, too.
pub(super) fn check_candidate(
    context: &Context<'_>,
    findings: &mut Findings,
    epoch: LeaderEpoch,
    candidate: NodeId,
) {
    let stands = |it: &VoterView| {
        it.epoch == epoch && matches!(it.role, QuorumRole::Candidate | QuorumRole::Leader)
    };
    let position = |node| {
        let log = &context.view.metadata_log().replica(node)?.log;
        let last = log.entries().last().map(|entry| entry.batch.leader_epoch);
        // Of a log that a snapshot has replaced nobody knows the last epoch.
        let last = last.or_else(|| (log.end() == Offset::ZERO).then_some(LeaderEpoch::NONE))?;
        Some((last, log.end()))
    };
    let (own, theirs) = (position(context.node), position(candidate));
    let behind = own.zip(theirs).filter(|(own, theirs)| theirs < own);
    let Some((own, theirs)) = behind else { return };
    if context.view.quorum().voter(candidate).is_some_and(stands) {
        findings.report(context, &BEHIND, LOG, || {
            let [own, theirs] = [own, theirs].map(|(epoch, end)| format!("{end} of epoch {epoch}"));
            format!(
                "voter {} with a log up to {own} voted for {candidate}, whose log goes to {theirs}",
                context.node
            )
        });
    }
}

fn check_complete(context: &Context<'_>, findings: &mut Findings, epoch: LeaderEpoch) {
    let log = context.view.metadata_log();
    // A winner whose disk is slow may begin to lead when a later epoch has committed already: it leads nobody.
    if log.committed_in <= epoch && !log.holds_committed(context.node) {
        findings.report(context, &INCOMPLETE, LOG, || {
            format!(
                "node {} leads epoch {epoch}; committed metadata ends at {}",
                context.node,
                log.committed.end()
            )
        });
    }
}

/// The quorum's leader raised its high watermark.
pub(super) fn on_high_watermark(
    context: &Context<'_>,
    findings: &mut Findings,
    epoch: LeaderEpoch,
    to: Offset,
) {
    let view = context.view.metadata_log();
    let Some(leader) = view.replica(context.node) else { return };
    if to <= view.committed.end() {
        return;
    }
    if !leader.log.holds(&view.committed) {
        findings.report(context, &OVERWRITTEN, LOG, || {
            format!(
                "leader {} of epoch {epoch} committed up to {to} over other metadata",
                context.node
            )
        });
    }
    let voters = context.view.quorum().voters_of(context.node);
    let holders = count_holding(context, view, &leader.log, to);
    let lost = count_lost(context, voters);
    let own =
        leader.log.entry_at(to.plus(-1)).is_some_and(|entry| entry.batch.leader_epoch == epoch);
    if holders + lost < voters.majority() || !own {
        findings.report(context, &MINORITY, (LOG, view.committed.end(), to.plus(-1)), || {
            format!(
                "leader {} of epoch {epoch} committed up to {to}, which {holders} voters hold",
                context.node
            )
        });
    }
}

fn count_holding(
    context: &Context<'_>,
    view: &PartitionView,
    log: &LogMirror,
    to: Offset,
) -> usize {
    let Some(chain) = log.chain_at(to) else { return 0 };
    let holds = |voter: NodeId| {
        view.replica(voter).is_some_and(|replica| replica.log.chain_at(to) == Some(chain))
    };
    let quorum = context.view.quorum();
    let voters = quorum.voters_of(context.node).keys().iter();
    voters.filter(|voter| quorum.is_intact(**voter) && holds(voter.id)).count()
}

/// Voters that have lost their disks.
fn count_lost(context: &Context<'_>, voters: &VoterSet) -> usize {
    let quorum = context.view.quorum();
    voters.keys().iter().filter(|voter| !quorum.is_intact(**voter)).count()
}

/// A voter's metadata log is cut.
pub(super) fn on_truncated(context: &Context<'_>, findings: &mut Findings, to: Offset) {
    let view = context.view.metadata_log();
    let Some(replica) = view.replica(context.node) else { return };
    let held = view.committed.common_end(&replica.log);
    if to < held {
        findings.report(context, &TRUNCATED, (LOG, to, held.plus(-1)), || {
            format!(
                "voter {} truncated to {to}; it held committed metadata up to {held}",
                context.node
            )
        });
    }
}

/// A voter opened its metadata log.
pub(super) fn on_recovered(context: &Context<'_>, findings: &mut Findings, log_end_offset: Offset) {
    let view = context.view.metadata_log();
    let end = view.committed.end();
    if log_end_offset >= end {
        return;
    }
    let quorum = context.view.quorum();
    let voters = quorum.counted_voters();
    // Who is no voter, or none on this disk, has lost nothing that counts.
    let own = voters.voter(context.node);
    if own.is_none_or(|own| !quorum.is_intact(own)) {
        return;
    }
    let others = voters.keys().iter().filter(|voter| voter.id != context.node);
    let holds = |voter: &&ReplicaKey| quorum.is_intact(**voter) && view.holds_committed(voter.id);
    let holders = others.filter(holds).count();
    if holders + count_lost(context, voters) < voters.majority() {
        findings.report(context, &LOST, (LOG, log_end_offset, end.plus(-1)), || {
            format!(
                "voter {} has metadata up to {log_end_offset} of {end}; {holders} voters have all",
                context.node
            )
        });
    }
}

fn check_same(
    context: &Context<'_>,
    findings: &mut Findings,
    offset: Offset,
    controller_epoch: LeaderEpoch,
    change: &MetadataChange,
) {
    let Some((epoch, known)) = context.view.registry().at(offset) else { return };
    if *epoch != controller_epoch || known != change {
        findings.report(context, &DIVERGED, (LOG, offset, offset), || {
            format!("node {} applied {change:?} of epoch {controller_epoch}, others {known:?} of {epoch}", context.node)
        });
    }
}

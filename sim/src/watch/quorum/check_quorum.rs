//! A leader of the quorum that no majority fetches from gives its leadership up.
//!
//! Promise: a leader resigns once so few voters have fetched from it in its epoch, for one and a half times
//! `controller.quorum.fetch.timeout.ms`, that they are no majority with itself: others are free to look for another
//! one, instead of waiting for answers that it can never commit.
//! Source: KIP-595, KAFKA-15489; `LeaderState.timeUntilCheckQuorumExpires`.
//! Not verified: that it resigns at once. A set of voters may begin to fill just before the time is over, so that twice
//! that time is allowed, by the slowest clock of the plan; and a leader that stands still resigns when it goes on.

use harrow_broker_model::note::QuorumRole;
use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicPartition};
use harrow_broker_model::voter_set::VoterSet;

use super::controller_quorum::VoterState;
use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::timing::{RunningSince, SLACK_NS, by_slowest_clock};

const ALONE: Anomaly = Anomaly {
    name: "controller-without-quorum",
    guarantee: Guarantee::Liveness,
    meaning: "a leader of the quorum did not resign although no majority fetched from it any more",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "check-quorum",
    promise: "a leader of the quorum that has lost its majority resigns",
    source: "KIP-595, KAFKA-15489",
    leaves_out: "that it does so at once",
    anomalies: &[ALONE],
};

/// Who leads, and who fetched.
#[derive(Debug)]
pub(super) struct CheckQuorum {
    patience_ns: u64,
    next_look_ns: u64,
    leaders: Vec<Leader>,
}

#[derive(Debug)]
struct Leader {
    node: NodeId,
    epoch: LeaderEpoch,
    /// Since when it leads, by the voters of now.
    since: u64,
    /// When the other voters fetched last in its epoch.
    fetched: Vec<(NodeId, u64)>,
}

impl CheckQuorum {
    pub(super) fn new(plan: &Plan) -> Self {
        let timeout_ns = plan.cluster.quorum_fetch_timeout_ms * 1_000_000;
        Self {
            patience_ns: 2 * by_slowest_clock(plan, timeout_ns * 3 / 2) + SLACK_NS,
            next_look_ns: 0,
            leaders: Vec::new(),
        }
    }

    /// A process ended.
    pub(super) fn process_ended(&mut self, node: NodeId) {
        self.leaders.retain(|leader| leader.node != node);
    }

    /// A voter's state changed.
    pub(super) fn on_state(&mut self, context: &Context<'_>, state: VoterState) {
        let (node, epoch, since) = (context.node, state.epoch, context.at_ns);
        let leads = state.role == QuorumRole::Leader;
        self.leaders.retain(|leader| leader.node != node || leads && leader.epoch == epoch);
        if leads && !self.leaders.iter().any(|leader| leader.node == node) {
            self.leaders.push(Leader { node, epoch, since, fetched: Vec::new() });
        }
    }

    /// A leader goes by other voters from here on: those that were enough before may not be any more.
    pub(super) fn on_voters(&mut self, context: &Context<'_>) {
        if let Some(leader) = self.leaders.iter_mut().find(|leader| leader.node == context.node) {
            leader.since = context.at_ns;
        }
    }

    /// A node is asked for the metadata log by another one, which is in an epoch.
    pub(super) fn on_fetch(&mut self, at_ns: u64, at: NodeId, by: NodeId, epoch: LeaderEpoch) {
        let leads = |leader: &&mut Leader| leader.node == at && leader.epoch == epoch;
        let Some(leader) = self.leaders.iter_mut().find(leads) else { return };
        match leader.fetched.iter_mut().find(|(node, _)| *node == by) {
            Some((_, last)) => *last = at_ns,
            None => leader.fetched.push((by, at_ns)),
        }
    }

    /// Time goes on.
    #[inline]
    pub(super) fn look(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        running_since: &RunningSince,
    ) {
        if context.at_ns >= self.next_look_ns {
            self.next_look_ns = context.at_ns + self.patience_ns / 8;
            self.look_at_all(context, findings, running_since);
        }
    }

    fn look_at_all(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        running_since: &RunningSince,
    ) {
        for leader in &self.leaders {
            let voters = context.view.quorum().voters_of(leader.node);
            // A leader that is no voter is none of the majority; one of a single voter needs nobody.
            let others = voters.majority() - usize::from(voters.voter(leader.node).is_some());
            if voters.count() < 2 || others == 0 {
                continue;
            }
            let able = running_since.for_longer_than(context.at_ns, leader.node, SLACK_NS);
            let had = leader.majority_at(voters, others);
            if able && context.at_ns > had + self.patience_ns {
                findings.report(context, &ALONE, TopicPartition::METADATA, || {
                    format!(
                        "node {} leads epoch {} still; no majority has fetched from it for {} ms",
                        leader.node,
                        leader.epoch,
                        (context.at_ns - had) / 1_000_000
                    )
                });
            }
        }
    }
}

impl Leader {
    /// Since when it has not heard of so many other voters.
    fn majority_at(&self, voters: &VoterSet, others: usize) -> u64 {
        let voters = self.fetched.iter().filter(|(node, _)| voters.voter(*node).is_some());
        let mut last: Vec<u64> = voters.map(|(_, at_ns)| *at_ns).collect();
        last.sort_unstable_by(|a, b| b.cmp(a));
        last.get(others - 1).copied().unwrap_or(0).max(self.since)
    }
}

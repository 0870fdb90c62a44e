//! Nobody stands for election while a majority follows a leader.
//!
//! Promise: a voter enters a new epoch as a candidate only if a majority of the voters, itself among them, had no
//! leader that they fetched from at some time since it began to ask. So a voter that was cut off does not depose a
//! leader that the others follow when it is back; its higher epoch would. Source: KIP-996; `EpochState.canGrantVote`,
//! `FollowerState.hasFetchedFromLeader`. Not verified: elections while no majority follows, whoever is to blame for
//! that; that the candidate wins. A follower counts from the first time that it takes something from its leader:
//! before, it may grant pre-votes.

use std::collections::BTreeMap;

use harrow_broker_model::note::QuorumRole;
use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicPartition};

use super::controller_quorum::VoterState;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const DEPOSED: Anomaly = Anomaly {
    name: "healthy-leader-deposed",
    guarantee: Guarantee::Leadership,
    meaning: "a voter stood for election while a majority followed a leader of the quorum",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "pre-vote",
    promise: "nobody stands for election while a majority follows a leader of the quorum",
    source: "KIP-996",
    leaves_out: "elections while no majority follows a leader",
    anomalies: &[DEPOSED],
};

/// What each voter does, and since when.
#[derive(Debug, Default)]
pub(super) struct PreVotes {
    voters: BTreeMap<NodeId, Voter>,
}

#[derive(Debug, Clone, Copy)]
struct Voter {
    epoch: LeaderEpoch,
    role: QuorumRole,
    /// Since when it asks for pre-votes.
    asks_since: Option<u64>,
    /// Since when it leads, or follows a leader from which it has taken something.
    loyal_since: Option<u64>,
}

impl PreVotes {
    /// A process ended: it leads and follows nobody.
    pub(super) fn process_ended(&mut self, node: NodeId) {
        if let Some(voter) = self.voters.get_mut(&node) {
            (voter.asks_since, voter.loyal_since) = (None, None);
        }
    }

    /// A voter's disk was emptied: it may enter any epoch anew.
    pub(super) fn disk_wiped(&mut self, node: NodeId) {
        self.voters.remove(&node);
    }

    /// A voter took something from the leader of its epoch.
    pub(super) fn on_fetched(&mut self, at_ns: u64, node: NodeId, epoch: LeaderEpoch) {
        if let Some(voter) = self.voters.get_mut(&node)
            && voter.role == QuorumRole::Follower
            && voter.epoch == epoch
        {
            voter.loyal_since.get_or_insert(at_ns);
        }
    }

    /// A voter's state changed.
    pub(super) fn on_state(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        state: VoterState,
    ) {
        let (node, at_ns) = (context.node, context.at_ns);
        let before = self.voters.get(&node).copied();
        let entered = before.is_some_and(|before| state.epoch > before.epoch);
        let asked_since = before.and_then(|before| before.asks_since).unwrap_or(at_ns);
        if state.role == QuorumRole::Candidate && entered {
            self.check_followers(context, findings, state.epoch, asked_since);
        }
        let asks = state.role == QuorumRole::Prospective;
        let leads = state.role == QuorumRole::Leader;
        let voter = Voter {
            epoch: state.epoch,
            role: state.role,
            asks_since: asks.then_some(asked_since),
            loyal_since: leads.then_some(at_ns),
        };
        self.voters.insert(node, voter);
    }

    /// Who has followed a leader all the while has granted nothing.
    fn check_followers(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        epoch: LeaderEpoch,
        since: u64,
    ) {
        let voters = context.view.quorum().voters_of(context.node);
        let others = voters.ids().filter(|voter| *voter != context.node);
        let loyal = |node: NodeId| {
            let since_then = self.voters.get(&node).and_then(|voter| voter.loyal_since);
            since_then.is_some_and(|loyal_since| loyal_since < since)
        };
        let loyal: Vec<NodeId> = others.filter(|node| loyal(*node)).collect();
        let may_grant = voters.count() - loyal.len();
        if may_grant < voters.majority() && context.view.states_all() {
            findings.report(context, &DEPOSED, TopicPartition::METADATA, || {
                let names = loyal.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
                format!(
                    "voter {} stands for election in epoch {epoch} while nodes {names} lead or follow",
                    context.node
                )
            });
        }
    }
}

//! Voters that can reach each other have a leader.
//!
//! Promise: while a majority of the voters run, can reach each other, and have no fault, one of them leads the quorum
//! within the time of some elections. Source: KIP-595, KIP-996; `QuorumState`, Raft section 9.3.
//! Not verified: while one of the other voters is hindered but still heard, since it may disturb the majority; while
//! the set of voters may change and one of them is hindered; that the leader is followed, which check-quorum and
//! liveness judge.

use harrow_broker_model::note::QuorumRole;
use harrow_broker_model::types::{NodeId, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::calm::Calm;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const LEADERLESS: Anomaly = Anomaly {
    name: "quorum-election-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "no voter leads the quorum although a majority of them run and can reach each other",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "quorum-election-due",
    promise: "when it is calm for a majority of the voters, one of them leads the quorum",
    source: "KIP-595, KIP-996",
    leaves_out: "while another voter is hindered but heard, or the set of voters may change and one is hindered",
    anomalies: &[LEADERLESS],
};

/// Since when nobody leads.
#[derive(Debug, Default)]
pub(super) struct QuorumElections {
    next_look_ns: u64,
    leaderless_since: Option<u64>,
}

/// Looks in each bound.
const LOOKS: u64 = 8;

impl QuorumElections {
    /// Time goes on.
    #[inline]
    pub(super) fn look(&mut self, context: &Context<'_>, findings: &mut Findings, calm: &Calm) {
        if context.at_ns < self.next_look_ns {
            return;
        }
        let bound = calm.bounds().election_ns;
        self.next_look_ns = context.at_ns.saturating_add(bound / LOOKS);
        let led = |members: &[NodeId]| {
            let mut voters = context.view.quorum().voters().iter();
            voters.any(|it| it.role == QuorumRole::Leader && members.contains(&it.node))
        };
        let calm = if context.view.states_all() { majority(context, calm) } else { None };
        let Some((_, calm_since)) = calm.filter(|(members, _)| !led(members)) else {
            self.leaderless_since = None;
            return;
        };
        let since = *self.leaderless_since.get_or_insert(context.at_ns);
        if context.at_ns > since.max(calm_since).saturating_add(bound) {
            findings.report(context, &LEADERLESS, TopicPartition::METADATA, || {
                let ms = (context.at_ns - since) / 1_000_000;
                format!("no voter has led for {ms} ms, though nothing stands in the way")
            });
        }
    }
}

/// The voters for which it is calm, if they are enough to elect one of them, and since when.
fn majority(context: &Context<'_>, calm: &Calm) -> Option<(Vec<NodeId>, u64)> {
    let quorum = context.view.quorum();
    let voters: Vec<NodeId> = quorum.voters().iter().map(|voter| voter.node).collect();
    let calm = calm.majority(&voters, |node| context.view.is_running(node));
    calm.filter(|(members, _)| members.len() == voters.len() || !quorum.changes())
}

//! Voters that can reach each other have a leader.
//!
//! Promise: while no fault lasts and every process runs, the voters of the quorum have a leader within the time of some
//! elections. Source: KIP-595, KIP-996; `QuorumState`, Raft section 9.3.
//! Not verified: anything while a fault lasts; that the leader is followed, which check-quorum and liveness judge.

use harrow_broker_model::note::QuorumRole;
use harrow_broker_model::types::TopicPartition;

use crate::violation::Guarantee;
use crate::watch::calm::Calm;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const LEADERLESS: Anomaly = Anomaly {
    name: "quorum-election-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "no voter leads the quorum although all of them run and can reach each other",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "quorum-election-due",
    promise: "when it is calm, the quorum has a leader",
    source: "KIP-595, KIP-996",
    leaves_out: "anything while a fault lasts",
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
        let voters = context.view.quorum().voters();
        let led = voters.iter().any(|voter| voter.role == QuorumRole::Leader);
        let calm_since = calm.since(|node| context.view.is_running(node));
        let Some(calm_since) = calm_since.filter(|_| !led && context.view.states_all()) else {
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

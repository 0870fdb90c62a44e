//! A partition that somebody may lead is led.
//!
//! Promise: when a member of the ISR or of the ELR is let in and nobody leads, the controller elects one in the same
//! change: the state in between is never committed for longer than that. Source: KIP-966;
//! `ReplicationControlManager.handleBrokerUnfenced`, `PartitionChangeBuilder.electLeader`.
//! Not verified: elections that need the last known leader, or may be unclean; that the leader acts, which liveness
//! judges.

use std::collections::BTreeMap;

use harrow_broker_model::types::{NodeId, TopicPartition};

use crate::view::PartitionView;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const LEADERLESS: Anomaly = Anomaly {
    name: "election-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "nobody leads a partition although a member of its ISR or ELR is there to be elected",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "election-due",
    promise: "a partition with an active member of ISR or ELR has a leader",
    source: "KIP-966, PartitionChangeBuilder.electLeader",
    leaves_out: "last known leaders; unclean elections",
    anomalies: &[LEADERLESS],
};

/// How long the state may last, in nanoseconds: it is one change.
const BOUND_NS: u64 = 500_000_000;

/// Partitions that nobody leads though somebody could, and since when.
#[derive(Debug, Default)]
pub(super) struct Elections {
    next_look_ns: u64,
    leaderless: BTreeMap<TopicPartition, u64>,
}

impl Elections {
    /// Time goes on.
    #[inline]
    pub(super) fn look(&mut self, context: &Context<'_>, findings: &mut Findings) {
        if context.at_ns < self.next_look_ns || !context.view.states_all() {
            return;
        }
        self.next_look_ns = context.at_ns + BOUND_NS;
        for view in context.view.partitions() {
            let Some(candidate) = candidate(context, view) else {
                self.leaderless.remove(&view.partition);
                continue;
            };
            let since = *self.leaderless.entry(view.partition).or_insert(context.at_ns);
            if context.at_ns >= since + BOUND_NS {
                findings.report(context, &LEADERLESS, view.partition, || {
                    let ms = (context.at_ns - since) / 1_000_000;
                    format!("nobody has led for {ms} ms; node {candidate} could be elected")
                });
            }
        }
    }
}

/// Who could be elected where nobody leads.
fn candidate(context: &Context<'_>, view: &PartitionView) -> Option<NodeId> {
    let registration = view.registration.as_ref()?;
    let active = |node: &NodeId| {
        let broker = context.view.registry().broker(*node);
        let directories = context.view.registry().directories();
        broker.is_some_and(|broker| !broker.fenced && !broker.shutting_down)
            && directories.has_online(view.partition, *node)
    };
    let mut members = registration.isr.iter().chain(&registration.elr).copied();
    if registration.leader.is_some() { None } else { members.find(active) }
}

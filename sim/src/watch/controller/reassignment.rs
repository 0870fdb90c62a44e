//! How reassignments end: no replica goes before all that stay are in sync.
//!
//! Promise: whoever is no replica any more was being added by a reassignment that is cancelled, or all replicas that
//! are left are in sync. What is committed is then on as many brokers as it was before.
//! Source: KIP-455; `PartitionReassignmentReplicas.maybeCompleteReassignment`.
//! Not verified: that a reassignment ends as soon as it could; which replicas were asked for.

use harrow_broker_model::note::PartitionRegistration;
use harrow_broker_model::types::{NodeId, TopicPartition};

use crate::view::list;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const EARLY: Anomaly = Anomaly {
    name: "reassignment-too-early",
    guarantee: Guarantee::Replication,
    meaning: "replicas were taken away while others that are to stay were not in sync",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "reassignment",
    promise: "a replica goes when all that stay are in sync",
    source: "KIP-455, PartitionReassignmentReplicas.maybeCompleteReassignment",
    leaves_out: "that a reassignment ends as soon as it could",
    anomalies: &[EARLY],
};

/// A registration was committed.
pub(super) fn on_registered(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    next: &PartitionRegistration,
) {
    let before = context.view.partition(partition).and_then(|view| view.registration.as_ref());
    let Some(before) = before else { return };
    let is_gone = |node: &&NodeId| !next.replicas.contains(node);
    let mut gone = before.replicas.iter().filter(is_gone).peekable();
    if gone.peek().is_none() || gone.all(|node| before.reassignment.adding.contains(node)) {
        return;
    }
    if next.replicas.iter().any(|replica| !next.isr.contains(replica)) {
        findings.report(context, &EARLY, partition, || {
            format!(
                "replicas {} became {}, with ISR {}",
                list(&before.replicas),
                list(&next.replicas),
                list(&next.isr)
            )
        });
    }
}

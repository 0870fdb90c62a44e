//! How reassignments end: no replica goes before all that stay are in sync.
//!
//! Promise: whoever is no replica any more was being added by a reassignment that is cancelled, or all replicas that
//! are left are in sync. What is committed is then on as many brokers as it was before. And the change by which the
//! last of those is in sync ends the reassignment.
//! Source: KIP-455; `PartitionReassignmentReplicas.maybeCompleteReassignment`,
//! `PartitionChangeBuilder.completeReassignmentIfNeeded`.
//! Not verified: which replicas were asked for; elections from outside the ISR, which are held when the reassignment
//! was looked at already; what is left over then; that those that are added come to be in sync, which
//! liveness judges.

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
const UNFINISHED: Anomaly = Anomaly {
    name: "reassignment-unfinished",
    guarantee: Guarantee::Liveness,
    meaning: "a reassignment goes on although all replicas that are to stay are in sync",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "reassignment",
    promise: "replicas go when all that stay are in sync, and not before",
    source: "KIP-455, PartitionReassignmentReplicas.maybeCompleteReassignment",
    leaves_out: "which replicas were asked for",
    anomalies: &[EARLY, UNFINISHED],
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
    let is_elected_anew = next.leader.is_some_and(|leader| !before.isr.contains(&leader));
    if could_end(next) && !could_end(before) && !is_elected_anew {
        findings.report(context, &UNFINISHED, partition, || {
            let (isr, reassignment) = (list(&next.isr), &next.reassignment);
            let (adding, removing) = (list(&reassignment.adding), list(&reassignment.removing));
            format!("ISR {isr} has all who are to stay; adding {adding}, removing {removing}")
        });
    }
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

/// Whether a reassignment is under way that is over.
fn could_end(registration: &PartitionRegistration) -> bool {
    let PartitionRegistration { replicas, isr, reassignment, .. } = registration;
    let mut stay = replicas.iter().filter(|it| !reassignment.removing.contains(it)).peekable();
    let all_in_sync = stay.peek().is_some() && stay.all(|replica| isr.contains(replica));
    reassignment.is_under_way() && all_in_sync
}

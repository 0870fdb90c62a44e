//! Who leads, and may, goes on.
//!
//! Promise: another leader is elected only where the present one has left the ISR, is no replica any more, is fenced or
//! stops, or has its log in a directory that is offline; or where the preferred leader, the first of the replicas, is
//! put in charge again, which changes nothing else. Each election costs clients a failover.
//! Source: `PartitionChangeBuilder.electAnyLeader`, `PartitionChangeBuilder.electPreferredLeader`.
//! Not verified: that somebody asked for the preferred leader, or leaders were out of balance.

use harrow_broker_model::note::PartitionRegistration;
use harrow_broker_model::types::{NodeId, TopicPartition};

use crate::view::list;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const NEEDLESS: Anomaly = Anomaly {
    name: "needless-election",
    guarantee: Guarantee::Leadership,
    meaning: "another leader was elected although the present one could go on",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "kept-lead",
    promise: "who leads, and may, goes on until the preferred leader is put in charge",
    source: "PartitionChangeBuilder.electAnyLeader",
    leaves_out: "that somebody asked for the preferred leader",
    anomalies: &[NEEDLESS],
};

/// A registration was committed.
pub(super) fn on_registered(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    next: &PartitionRegistration,
) {
    let before = context.view.partition(partition).and_then(|view| view.registration.as_ref());
    let Some(before) = before.filter(|_| context.view.states_all()) else { return };
    let (Some(old), Some(new)) = (before.leader, next.leader) else { return };
    if old != new && !is_preferred(before, next, new) && may_lead(context, partition, next, old) {
        findings.report(context, &NEEDLESS, partition, || {
            format!(
                "node {new} was elected in epoch {} though node {old} is in ISR {} and may lead",
                next.leader_epoch,
                list(&next.isr)
            )
        });
    }
}

/// Whether a change does nothing but put the preferred leader in charge.
fn is_preferred(before: &PartitionRegistration, next: &PartitionRegistration, new: NodeId) -> bool {
    next.replicas.first() == Some(&new)
        && next.isr == before.isr
        && next.replicas == before.replicas
}

fn may_lead(
    context: &Context<'_>,
    partition: TopicPartition,
    next: &PartitionRegistration,
    node: NodeId,
) -> bool {
    let registry = context.view.registry();
    let is_active =
        registry.broker(node).is_some_and(|broker| !broker.fenced && !broker.shutting_down);
    is_active && next.isr.contains(&node) && registry.directories().has_online(partition, node)
}

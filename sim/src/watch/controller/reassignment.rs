//! How reassignments end: no replica goes before all that stay are in sync.
//!
//! Promise: whoever is no replica any more was being added by a reassignment that is cancelled, or all replicas that
//! are left are in sync. What is committed is then on as many brokers as it was before. And the change by which the
//! last of those is in sync ends the reassignment. The replicas are those that an administrator has asked for, in that
//! order: the first one is the preferred leader.
//! Source: KIP-455; `PartitionReassignmentReplicas.maybeCompleteReassignment`,
//! `PartitionChangeBuilder.completeReassignmentIfNeeded`.
//! Not verified: which of several that were asked for; elections from outside the ISR, which are held when the
//! reassignment was looked at already; what is left over then; that those that are added come to be in sync, which
//! liveness judges.

use std::collections::BTreeMap;

use harrow_broker_model::admin_message::AdminRequest;
use harrow_broker_model::message::{ControllerRequest, RequestBody};
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
const OTHERS: Anomaly = Anomaly {
    name: "reassigned-to-others",
    guarantee: Guarantee::Replication,
    meaning: "a partition was reassigned to other replicas than were asked for, or in another order",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "reassignment",
    promise: "replicas go when all that stay are in sync, and not before",
    source: "KIP-455, PartitionReassignmentReplicas.maybeCompleteReassignment",
    leaves_out: "which of several targets that were asked for",
    anomalies: &[EARLY, UNFINISHED, OTHERS],
};

/// The replicas that controllers were asked for, by topic and partition.
#[derive(Debug, Default)]
pub(super) struct Reassignments {
    asked: BTreeMap<(String, i32), Vec<Vec<NodeId>>>,
}

impl Reassignments {
    /// Somebody is asked for something.
    pub(super) fn asked(&mut self, request: &RequestBody) {
        let RequestBody::Controller(ControllerRequest::Admin(request)) = request else { return };
        let AdminRequest::AlterPartitionReassignments(request) = request.as_ref() else { return };
        for topic in &request.topics {
            for partition in &topic.partitions {
                let Some(replicas) = &partition.replicas else { continue };
                let key = (topic.name.to_string(), partition.partition_index);
                let target = replicas.iter().map(|broker| NodeId(broker.0)).collect();
                self.asked.entry(key).or_default().push(target);
            }
        }
    }

    /// A registration was committed.
    pub(super) fn on_registered(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        next: &PartitionRegistration,
    ) {
        let before = context.view.partition(partition).and_then(|view| view.registration.as_ref());
        let Some(before) = before else { return };
        self.check_target(context, findings, partition, (before, next));
        check_end(context, findings, partition, (before, next));
    }

    /// A reassignment that begins goes where somebody asked for; one that ends, or is cancelled, goes on from there.
    fn check_target(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        (before, next): (&PartitionRegistration, &PartitionRegistration),
    ) {
        if self.asked.is_empty() || next.replicas == before.replicas {
            return;
        }
        let follows = [&before.reassignment.removing, &before.reassignment.adding]
            .iter()
            .any(|gone| next.replicas == without(&before.replicas, gone));
        let topic = context.view.registry().topic(partition.topic);
        let asked = topic
            .and_then(|topic| self.asked.get(&(topic.name.clone(), partition.partition)))
            .filter(|_| !follows);
        let target = without(&next.replicas, &next.reassignment.removing);
        if let Some(asked) = asked.filter(|asked| !asked.contains(&target)) {
            findings.report(context, &OTHERS, partition, || {
                let last = asked.last().map(|it| list(it)).unwrap_or_default();
                format!("replicas become {}, where {last} were asked for", list(&target))
            });
        }
    }
}

/// These without those, in their order.
fn without(nodes: &[NodeId], gone: &[NodeId]) -> Vec<NodeId> {
    nodes.iter().filter(|node| !gone.contains(node)).copied().collect()
}

fn check_end(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    (before, next): (&PartitionRegistration, &PartitionRegistration),
) {
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

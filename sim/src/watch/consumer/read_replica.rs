//! To whom leaders send consumers.
//!
//! Promise: a leader sends a consumer only to a replica that is in its ISR, as the controller told it last, and that
//! has the records up to where the consumer is.
//! Source: KIP-392, KAFKA-14372; `ReplicaManager.findPreferredReadReplica`.
//! Not verified: that the replica is of the consumer's rack; what it serves is judged as what a leader serves
//! (`read-rule`).

use std::collections::BTreeMap;

use harrow_broker_model::note::ReplicationNote;
use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use crate::view::ReplicaRole;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const OUTSIDE: Anomaly = Anomaly {
    name: "read-replica-not-in-sync",
    guarantee: Guarantee::Leadership,
    meaning: "a leader sent a consumer to a replica that is not in its ISR",
};

const BEHIND: Anomaly = Anomaly {
    name: "read-replica-behind",
    guarantee: Guarantee::Offsets,
    meaning: "a leader sent a consumer to a replica that has not the records up to where it is",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "read-replica",
    promise: "consumers are sent to replicas in the ISR only",
    source: "KIP-392, KAFKA-14372",
    leaves_out: "racks",
    anomalies: &[OUTSIDE, BEHIND],
};

/// The ISR by which each leader goes.
#[derive(Debug, Default)]
pub(super) struct ReadReplicas {
    isr: BTreeMap<(NodeId, TopicPartition), Vec<NodeId>>,
}

impl ReadReplicas {
    /// A leader takes notice of its ISR.
    pub(super) fn on_replication(&mut self, leader: NodeId, note: &ReplicationNote) {
        if let ReplicationNote::BecameLeader { partition, isr, .. }
        | ReplicationNote::IsrCommitted { partition, isr, .. } = note
        {
            self.isr.insert((leader, *partition), isr.clone());
        }
    }

    /// A leader sends a consumer to a replica.
    pub(super) fn on_named(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        (consumer, replica): (NodeId, NodeId),
    ) {
        let Some(isr) = self.isr.get(&(context.node, partition)) else { return };
        if !isr.contains(&replica) {
            findings.report(context, &OUTSIDE, partition, || {
                format!(
                    "leader {} sent consumer {consumer} to replica {replica}; its ISR is {isr:?}",
                    context.node
                )
            });
        }
    }
}

/// A leader knows no more of a log than its follower has, unless that lost something, or follows another one, since.
pub(super) fn check_offset(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    ((consumer, replica), offset): ((NodeId, NodeId), Offset),
) {
    let Some(leader) = context.view.replica(context.node, partition) else { return };
    let Some(sent_to) = context.view.replica(replica, partition) else { return };
    let end = sent_to.log.end();
    let follows =
        sent_to.role == ReplicaRole::Follower && sent_to.leader_epoch == leader.leader_epoch;
    let is_whole = !sent_to.lossy && !sent_to.rotten && sent_to.reopening.is_none();
    if offset > end && follows && is_whole {
        findings.report(context, &BEHIND, (partition, end, offset), || {
            format!(
                "leader {} sent consumer {consumer} at {offset} to replica {replica}, whose log ends at {end}",
                context.node
            )
        });
    }
}

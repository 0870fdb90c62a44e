//! To whom leaders send consumers.
//!
//! Promise: a leader sends a consumer only to a replica that is in its ISR, as the controller told it last.
//! Source: KIP-392, KAFKA-14372; `ReplicaManager.findPreferredReadReplica`.
//! Not verified: that the replica is of the consumer's rack, and has the offset, which it may have cut since; what it
//! serves is judged as what a leader serves (`read-rule`).

use std::collections::BTreeMap;

use harrow_broker_model::note::ReplicationNote;
use harrow_broker_model::types::{NodeId, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const OUTSIDE: Anomaly = Anomaly {
    name: "read-replica-not-in-sync",
    guarantee: Guarantee::Leadership,
    meaning: "a leader sent a consumer to a replica that is not in its ISR",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "read-replica",
    promise: "consumers are sent to replicas in the ISR only",
    source: "KIP-392, KAFKA-14372",
    leaves_out: "racks, and whether the replica has the offset",
    anomalies: &[OUTSIDE],
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

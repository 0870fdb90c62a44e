//! A replication quota holds up nobody who is in sync.
//!
//! Promise: while a quota is exceeded, a leader sends members of the ISR what there is, and a follower that had all
//! that is committed asks on. Else a quota would take replicas out of the ISR.
//! Source: KIP-73, KAFKA-4313; `ReplicaManager.shouldLeaderThrottle`, `RemoteLeaderEndPoint.shouldFollowerThrottle`.
//! Not verified: that a quota holds anybody up; what a follower knows of the leader's high watermark.

use harrow_broker_model::types::{NodeId, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const HELD_UP: Anomaly = Anomaly {
    name: "in-sync-held-up",
    guarantee: Guarantee::Replication,
    meaning: "a replication quota held a replica up that was in sync",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "replication-quota",
    promise: "a replication quota holds up nobody who is in sync",
    source: "KIP-73, KAFKA-4313",
    leaves_out: "that it holds anybody up",
    anomalies: &[HELD_UP],
};

/// A leader, or the follower itself, held the follower's copying up; it says whether that was in sync.
pub(super) fn on_held_up(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    follower: NodeId,
    in_sync: bool,
) {
    let node = context.node;
    let leader = context.view.replica(node, partition).filter(|_| node != follower);
    let is_member = leader.is_some_and(|leader| leader.isr.members.contains(&follower));
    if !in_sync && !is_member {
        return;
    }
    findings.report(context, &HELD_UP, partition, || {
        if node == follower {
            format!("follower {node} asked for nothing, though it had all that was committed")
        } else {
            format!("leader {node} sent nothing to {follower}, which is in its ISR")
        }
    });
}

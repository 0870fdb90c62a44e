//! Where logs begin.
//!
//! Promise: a replica's log start only moves up, through crashes and losses of power, too, except when it starts again
//! empty, and never above what is committed: what a retention rule deletes was committed first.
//! What a client was told to be deleted on all live replicas, none of these offers again when it leads.
//! Source: KIP-107; `Partition.lowWatermarkIfLeader`, `UnifiedLog.maybeIncrementLogStartOffset`.
//! Not verified: that whole segments are deleted.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use crate::view::ReplicaRole;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::log::recovery::Reopened;

const REGRESS: Anomaly = Anomaly {
    name: "log-start-regress",
    guarantee: Guarantee::Offsets,
    meaning: "a replica's log start went back although its log holds records",
};
const AHEAD: Anomaly = Anomaly {
    name: "log-start-above-commit",
    guarantee: Guarantee::Durability,
    meaning: "a replica's log start moved above what is committed",
};

const RETURN: Anomaly = Anomaly {
    name: "deleted-records-return",
    guarantee: Guarantee::Offsets,
    meaning: "a replica leads that has records which a client was told are deleted on all live replicas",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "log-start",
    promise: "a log start moves up, over committed records only",
    source: "KIP-107, UnifiedLog.maybeIncrementLogStartOffset",
    leaves_out: "that whole segments are deleted",
    anomalies: &[REGRESS, AHEAD, RETURN],
};

/// What clients were told to be deleted, and who was alive then.
#[derive(Debug, Default)]
pub(super) struct LogStarts {
    confirmed: BTreeMap<TopicPartition, Vec<(Offset, BTreeSet<NodeId>)>>,
}

impl LogStarts {
    /// A leader told a client that all live replicas start there. Who is down takes the start over when it is back.
    pub(super) fn on_confirmed(
        &mut self,
        context: &Context<'_>,
        partition: TopicPartition,
        to: Offset,
    ) {
        let Some(view) = context.view.partition(partition) else { return };
        let registry = context.view.registry();
        let alive = |node: &NodeId| registry.broker(*node).is_some_and(|broker| !broker.fenced);
        let nodes = view.replicas().iter().map(|replica| replica.node).filter(alive);
        self.confirmed.entry(partition).or_default().push((to, nodes.collect()));
    }

    /// A replica leads, or thinks so.
    pub(super) fn on_leader(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
    ) {
        let Some(confirmed) = self.confirmed.get(&partition) else { return };
        let Some(replica) = context.view.replica(context.node, partition) else { return };
        let start = replica.log_start_offset;
        let followed = |(to, alive): &&(Offset, BTreeSet<NodeId>)| {
            *to > start && alive.contains(&context.node)
        };
        let furthest = confirmed.iter().filter(followed).map(|(to, _)| *to).max();
        if let Some(to) = furthest.filter(|_| !replica.lossy) {
            findings.report(context, &RETURN, (partition, start, to.plus(-1)), || {
                format!("node {} leads with log start {start}; {to} was confirmed", context.node)
            });
        }
    }
}

/// A log was opened.
pub(super) fn on_recovered(context: &Context<'_>, findings: &mut Findings, log: Reopened<'_>) {
    let (partition, to) = (log.partition, log.log_start_offset);
    let Some(replica) = context.view.replica(context.node, partition) else { return };
    let before = replica.log_start_offset;
    if to < before && log.log_end_offset > to {
        findings.report(context, &REGRESS, (partition, to, before), || {
            format!(
                "node {} opened its log with start {to}; it was {before} when its process ended",
                context.node
            )
        });
    }
}

pub(super) fn on_moved(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    to: Offset,
) {
    let Some(view) = context.view.partition(partition) else { return };
    let Some(replica) = view.replica(context.node) else { return };
    let before = replica.log_start_offset;
    if to < before && !replica.log.is_empty() {
        findings.report(context, &REGRESS, (partition, to, before), || {
            format!("node {}: log start went from {before} back to {to}", context.node)
        });
    }
    let committed = view.committed.end();
    // Who does not lead may not have cut its log yet to what is left after a loss.
    let leads = replica.role == ReplicaRole::Leader && !view.lost_since(replica.leader_epoch);
    if to > committed && (view.lost_in.is_none() || leads) {
        findings.report(context, &AHEAD, (partition, committed, to), || {
            format!("node {}: log start {to}, committed end {committed}", context.node)
        });
    }
}

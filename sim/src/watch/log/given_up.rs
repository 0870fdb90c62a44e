//! Replicas that are given up: only those that are no replicas any more, and all of those.
//!
//! Promise: a broker gives up its log only if the metadata that it has applied names no replica of it there; at the end
//! of a run no live broker has a log with records of a partition of which it is no replica.
//! Source: KIP-455, KIP-516, KAFKA-13127; `ReplicaManager.applyDelta`, `LogManager.isStrayKraftReplica`.
//! Not verified: when the files go; a stray log without records; one that its broker has not opened, since its disk was
//! emptied, or its directory is offline; those of a broker that is fenced since it started, for it looks at its logs by
//! the metadata up to its registration. Source: `BrokerMetadataPublisher.onMetadataUpdate`, `_firstPublish`.

use harrow_broker_model::types::{Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const DISCARDED: Anomaly = Anomaly {
    name: "own-replica-discarded",
    guarantee: Guarantee::Durability,
    meaning: "a broker gave up the log of a partition of which it is a replica",
};
const STRAY: Anomaly = Anomaly {
    name: "stray-log",
    guarantee: Guarantee::Replication,
    meaning: "a broker keeps a log of a partition of which it is no replica any more",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "given-up-replicas",
    promise: "a broker has the logs of its replicas, and gives up no others",
    source: "KIP-455, KIP-516, LogManager.isStrayKraftReplica",
    leaves_out: "when the files go",
    anomalies: &[DISCARDED, STRAY],
};

/// A broker, which has applied the metadata up to an offset, gave up a log.
pub(super) fn on_discarded(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    applied: Option<Offset>,
) {
    let Some(applied) = applied else { return };
    let known = context.view.registry().registration_at(partition, applied);
    if known.is_some_and(|known| known.replicas.contains(&context.node)) {
        findings.report(context, &DISCARDED, partition, || {
            format!("node {} gave up its log, and is a replica by metadata {applied}", context.node)
        });
    }
}

/// At the end of a run.
pub(super) fn on_audit(context: &Context<'_>, findings: &mut Findings) {
    let broker = context.view.registry().broker(context.node);
    if !context.view.has_registered(context.node) || broker.is_none_or(|broker| broker.fenced) {
        return;
    }
    for view in context.view.partitions() {
        let is_replica = view.deleted_ns.is_none() && view.is_replica(context.node);
        let Some(replica) = view.replica(context.node).filter(|_| !is_replica) else { continue };
        let end = replica.log.end();
        if !replica.log.is_empty() && replica.reopening.is_none() {
            findings.report(context, &STRAY, view.partition, || {
                format!("node {} has a log up to {end}, and is no replica", context.node)
            });
        }
    }
}

//! Nobody leaves the ISR who has not lagged for long enough.
//!
//! Promise: a leader proposes to remove a member only if that has not had all that the leader had for longer than
//! `replica.lag.time.max.ms`, by the leader's own clock, and lacks something now. Source: KIP-16;
//! `Partition.isFollowerOutOfSync`.
//! Not verified: that the leader measured the lag right when it tells one that is too long.

use harrow_broker_model::note::OutOfSyncReplica;
use harrow_broker_model::types::{NodeId, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const EARLY: Anomaly = Anomaly {
    name: "shrink-too-early",
    guarantee: Guarantee::Replication,
    meaning: "a leader proposed to remove a member that had not lagged for longer than replica.lag.time.max.ms",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "isr-shrink",
    promise: "an in-sync replica that keeps up stays one",
    source: "KIP-16, Partition.isFollowerOutOfSync",
    leaves_out: "a lag that its leader measured wrongly, as too long",
    anomalies: &[EARLY],
};

/// A leader proposed another ISR.
pub(super) fn on_proposed(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    (from, to): (&[NodeId], &[NodeId]),
    (out_of_sync, allowed_ms): (&[OutOfSyncReplica], u64),
) {
    let end = context
        .view
        .partition(partition)
        .and_then(|view| view.replica(context.node))
        .map(|leader| leader.log.end());
    for member in from.iter().copied().filter(|member| !to.contains(member)) {
        let known = out_of_sync.iter().find(|it| it.replica == member);
        let why = match known {
            None => "of which it says nothing".to_owned(),
            Some(it) if Some(it.log_end_offset) == end => "which has all that it has".to_owned(),
            Some(it) => match it.lag.map(|lag| lag.as_millis() as u64) {
                Some(lag_ms) if lag_ms < allowed_ms => format!("which has lagged for {lag_ms} ms"),
                Some(_) | None => continue,
            },
        };
        findings.report(context, &EARLY, partition, || {
            format!("leader {} proposed to remove node {member}, {why}", context.node)
        });
    }
}

//! Committed records are not cut away by those who vouch for them.
//!
//! Promise: a member of the registered ISR or ELR, or the last known leader where there is no such member, never
//! truncates records that are committed and that it holds, unless it has lost unflushed records since it joined.
//! Source: KIP-101; stated assumption of Kafka's `RaftEventSimulationTest`; KIP-966.
//! Not verified: any other replica may cut what it likes: only redundancy is lost. Cutting a suffix that is not
//! committed is legal for everyone.

use harrow_broker_model::types::{Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const CUT: Anomaly = Anomaly {
    name: "committed-truncation",
    guarantee: Guarantee::Durability,
    meaning: "a replica that is to be elected truncated committed records",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "committed-truncation",
    promise: "in-sync replicas, and the last known leader where there are none, keep committed records",
    source: "KIP-101, KIP-966",
    leaves_out: "truncation by replicas that are not to be elected",
    anomalies: &[CUT],
};

/// A log is cut to end at `to`.
pub(super) fn on_truncated(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    from: Offset,
    to: Offset,
) {
    let Some(view) = context.view.partition(partition) else { return };
    let Some(replica) = view.replica(context.node) else { return };
    if replica.lossy || !view.is_to_be_elected(context.node) {
        return;
    }
    let held = view.committed.common_end(&replica.log);
    let kept = if to > replica.log.end() { Offset::ZERO } else { to };
    if kept < held {
        findings.report(context, &CUT, (partition, kept, held.plus(-1)), || {
            format!(
                "node {} truncated its log from {from} to {to}; it held committed records up to {held}",
                context.node
            )
        });
    }
}

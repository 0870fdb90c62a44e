//! Where logs begin.
//!
//! Promise: a replica's log start only moves up, except when it starts again empty, and never above what is committed:
//! what a retention rule deletes was committed first.
//! Source: KIP-107; `UnifiedLog.maybeIncrementLogStartOffset`.
//! Not verified: which rule moved it; that whole segments are deleted.

use harrow_broker_model::types::{Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

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

pub(super) const INVARIANT: Invariant = Invariant {
    name: "log-start",
    promise: "a log start moves up, over committed records only",
    source: "KIP-107, UnifiedLog.maybeIncrementLogStartOffset",
    leaves_out: "which rule moved it",
    anomalies: &[REGRESS, AHEAD],
};

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
    if to > committed && view.lost_in.is_none() {
        findings.report(context, &AHEAD, (partition, committed, to), || {
            format!("node {}: log start {to}, committed end {committed}", context.node)
        });
    }
}

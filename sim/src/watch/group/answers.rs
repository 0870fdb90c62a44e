//! What an answer of a group coordinator means.
//!
//! Promise: when a coordinator answers a client whose request wrote a record, a commit above all, that record is
//! committed: the next coordinator knows it. Source: KIP-848; `CoordinatorRuntime`, whose answers wait in the deferred
//! event queue until the high watermark passes their records.
//! Not verified: answers that rest on no record of their own; what the record says.

use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const EARLY: Anomaly = Anomaly {
    name: "answer-before-commit",
    guarantee: Guarantee::Offsets,
    meaning: "a coordinator answered a request before the record that it had written was committed",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "coordinator-answers",
    promise: "what a coordinator has answered is committed",
    source: "KIP-848, CoordinatorRuntime",
    leaves_out: "answers that rest on no record of their own",
    anomalies: &[EARLY],
};

/// A coordinator answers what rests on all records before an offset.
pub(super) fn on_answered(
    context: &Context<'_>,
    findings: &mut Findings,
    (partition, leader_epoch): (TopicPartition, LeaderEpoch),
    end: Offset,
) {
    let Some(view) = context.view.partition(partition) else { return };
    if view.lost_since(leader_epoch) || end <= view.committed.end() {
        return;
    }
    findings.report(context, &EARLY, partition, || {
        let committed = view.committed.end();
        format!(
            "node {} answered what rests on offsets below {end}; committed end {committed}",
            context.node
        )
    });
}

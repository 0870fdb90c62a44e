//! What a restarted process finds in its logs.
//!
//! Promise: a log opened after a process crash or a stop is what it was; after a power loss or a wipe it holds only
//! batches that were in it before, at their places: a cut that was not synced may be undone. Nothing is invented.
//! Source: Kafka's `LogLoader`; "log recovery is a prefix of what was written".
//! Not verified: that everything flushed is there after a power loss (the world's disk knows what was); uncommitted
//! records of a follower, whose crash may fall between a cut of its log and the note of it.

use harrow_broker_model::note::BatchSummary;
use harrow_broker_model::types::{Offset, TopicPartition};

use super::finding::{Anomaly, Context, Findings, Invariant};
use crate::view::Reopening;
use crate::violation::Guarantee;

const SHORTER: Anomaly = Anomaly {
    name: "recovery-lost-records",
    guarantee: Guarantee::Durability,
    meaning: "a log is shorter after a crash that lost nothing",
};
const INVENTED: Anomaly = Anomaly {
    name: "recovery-invented-records",
    guarantee: Guarantee::Replication,
    meaning: "a log holds batches after a crash that were not in it before",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "log-recovery",
    promise: "a reopened log holds only what was written, and all of it if nothing was lost",
    source: "LogLoader",
    leaves_out: "that everything flushed survives a power loss",
    anomalies: &[SHORTER, INVENTED],
};

/// A log was opened; it ends at `end` and holds `batches`.
pub(super) fn on_recovered(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    end: Offset,
    batches: &[BatchSummary],
) {
    let replica = context.view.replica(context.node, partition);
    let before = replica.map_or(Offset::ZERO, |replica| replica.log.end());
    let lossy = replica.is_some_and(|replica| replica.reopening == Some(Reopening::Lossy));
    let known = |batch: &BatchSummary| replica.is_some_and(|replica| replica.wrote(batch, lossy));
    if !batches.iter().all(known) {
        return report_invented(context, findings, partition, before, end);
    }
    let Some(replica) = replica.filter(|_| end < before && !lossy) else { return };
    let held = context
        .view
        .partition(partition)
        .map_or(Offset::ZERO, |view| view.committed.common_end(&replica.log));
    if replica.led_at_end || end < held {
        findings.report(context, &SHORTER, (partition, end, before.plus(-1)), || {
            format!("node {} opened its log with end {end}; it was {before}", context.node)
        });
    }
}

fn report_invented(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    before: Offset,
    end: Offset,
) {
    findings.report(context, &INVENTED, (partition, before.min(end), before.max(end)), || {
        format!(
            "node {} opened its log with end {end} and batches that it did not have; it was {before}",
            context.node
        )
    });
}

//! What a restarted process finds in its logs.
//!
//! Promise: a log opened after a process crash or a stop is what it was; after a power loss or a wipe it is a prefix of
//! that, cut between two batches. Nothing is invented.
//! Source: Kafka's `LogLoader`; "log recovery is a prefix of what was written".
//! Not verified: that everything flushed is there after a power loss (the world's disk knows what was); the content,
//! which the audit at the end of a run compares; uncommitted records of a follower, whose crash may fall between a cut
//! of its log and the note of it.

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
    meaning: "a log is longer after a crash, or ends inside a batch",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "log-recovery",
    promise: "a reopened log is a prefix of what was written, and all of it if nothing was lost",
    source: "LogLoader",
    leaves_out: "that everything flushed survives a power loss",
    anomalies: &[SHORTER, INVENTED],
};

/// A log was opened and ends at `end`.
pub(super) fn on_recovered(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    end: Offset,
) {
    let Some(replica) = context.view.replica(context.node, partition) else {
        if end != Offset::ZERO {
            report_invented(context, findings, partition, Offset::ZERO, end);
        }
        return;
    };
    let before = replica.log.end();
    let held = context
        .view
        .partition(partition)
        .map_or(Offset::ZERO, |view| view.committed.common_end(&replica.log));
    let boundary = end == Offset::ZERO || replica.log.chain_at(end).is_some();
    if end > before || !boundary {
        report_invented(context, findings, partition, before, end);
    } else if end < before
        && replica.reopening != Some(Reopening::Lossy)
        && (replica.led_at_end || end < held)
    {
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
        format!("node {} opened its log with end {end}; before it was {before}", context.node)
    });
}

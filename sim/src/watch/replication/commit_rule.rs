//! The commit rule: a leader raises its high watermark only over records that every electable replica has.
//!
//! Promise: at the instant at which a leader's high watermark passes a record, every member of the registered ISR and
//! ELR holds the log up to it, with equal epochs and checksums; what was committed before is still there; the ISR as
//! the leader knows it is not smaller than `min.insync.replicas`, if eligible leader replicas are kept. A leader
//! whose epoch is over may do so only where this holds as well, which it does when the new leader has not taken over.
//! Source: Kafka's `Partition.maybeIncrementLeaderHW`; KIP-101, KIP-966; `StrongIsr` of the Kafka TLA+ specification.
//! Not verified: that a high watermark rises as early as it may.

use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use crate::view::Commit;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const PREMATURE: Anomaly = Anomaly {
    name: "commit-before-replication",
    guarantee: Guarantee::Replication,
    meaning: "the leader raised its high watermark over records that a member of ISR or ELR does not hold",
};
const STALE: Anomaly = Anomaly {
    name: "high-watermark-by-stale-leader",
    guarantee: Guarantee::Leadership,
    meaning: "a leader whose epoch is over raised its high watermark over records that are not committed",
};
const OVERWRITTEN: Anomaly = Anomaly {
    name: "committed-overwritten",
    guarantee: Guarantee::Durability,
    meaning: "the leader committed other records at offsets that were committed before",
};

const BELOW_MINIMUM: Anomaly = Anomaly {
    name: "commit-below-min-isr",
    guarantee: Guarantee::Durability,
    meaning: "the leader raised its high watermark while fewer replicas than min.insync.replicas were in sync",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "commit-rule",
    promise: "a record counts as committed only when every electable replica holds it, and stays what it is",
    source: "KIP-101, KIP-966, Partition.maybeIncrementLeaderHW",
    leaves_out: "that a high watermark rises as early as it may",
    anomalies: &[PREMATURE, STALE, OVERWRITTEN, BELOW_MINIMUM],
};

/// A leader raised its high watermark. Returns whether the committed sequence grows by it.
pub(super) fn on_high_watermark(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    epoch: LeaderEpoch,
    to: Offset,
) -> bool {
    let Some(view) = context.view.partition(partition) else { return false };
    let verdict = view.judge_commit(context.node, epoch, to);
    let node = context.node;
    let place = || {
        let differs = matches!(verdict, Commit::Conflicting { .. });
        let replica = view.replica(node).filter(|_| differs);
        let common = replica.map(|replica| view.committed.common_end(&replica.log));
        (partition, common.unwrap_or(view.committed.end()), to.plus(-1))
    };
    let isr = view.isr_believed_by(node, epoch).len();
    if let Commit::New { stale: false, .. } = verdict
        && context.view.keeps_eligible_replicas()
        && isr < view.minimums_of(node).0
    {
        findings.report(context, &BELOW_MINIMUM, place(), || {
            let minimum = view.minimums_of(node).0;
            format!(
                "leader {node} moved its high watermark to {to} with {isr} of {minimum} in sync"
            )
        });
        return verdict.grows();
    }
    match verdict {
        Commit::Known | Commit::New { lacking: None, .. } => {}
        Commit::Conflicting { stale: true } | Commit::New { stale: true, lacking: Some(_) } => {
            if !view.lost_since(epoch) {
                findings.report(context, &STALE, place(), || {
                    format!(
                        "node {node} led in epoch {epoch}, which is over, and moved its high watermark to {to}"
                    )
                });
            }
        }
        Commit::Conflicting { stale: false } => findings.report(context, &OVERWRITTEN, place(), || {
            format!("leader {node} moved its high watermark to {to} over records that differ from the committed ones")
        }),
        Commit::New { stale: false, lacking: Some(member) } => {
            findings.report(context, &PREMATURE, place(), || {
                format!("leader {node} moved its high watermark to {to}, but replica {member} does not hold that")
            });
        }
    }
    verdict.grows()
}

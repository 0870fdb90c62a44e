//! The mirror agrees with the replicas themselves at the end of a run, and they with each other.
//!
//! Promise: what a live replica's log holds, batch by batch, and its end and high watermark, are what its notes said.
//! Otherwise every other invariant judged something else than the truth. Below its high watermark, it holds what is
//! committed.
//! Source: ours; the storage checker of VOPR for the second.
//! Not verified: replicas whose process is down at the end.

use harrow_broker_model::note::BatchSummary;
use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

/// What a replica itself says of its log at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaAudit {
    /// Whose.
    pub node: NodeId,
    /// Which partition; [`TopicPartition::METADATA`] at controllers.
    pub partition: TopicPartition,
    /// First offset that may be read.
    pub log_start_offset: Offset,
    /// Offset of the next record.
    pub log_end_offset: Offset,
    /// Its own high watermark.
    pub high_watermark: Offset,
}

const MISMATCH: Anomaly = Anomaly {
    name: "mirror-mismatch",
    guarantee: Guarantee::Replication,
    meaning: "a replica's log is not what the replica stated of it",
};
const DIVERGED: Anomaly = Anomaly {
    name: "replica-divergence",
    guarantee: Guarantee::Replication,
    meaning: "at the end of a run, a replica holds other records below its high watermark than those committed",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "mirror",
    promise: "replicas state every change of their logs, truthfully",
    source: "Harrow's own",
    leaves_out: "replicas whose process is down at the end",
    anomalies: &[MISMATCH, DIVERGED],
};

pub(super) fn on_audit(
    context: &Context<'_>,
    findings: &mut Findings,
    audit: ReplicaAudit,
    batches: impl Iterator<Item = BatchSummary>,
) {
    let there: Vec<BatchSummary> = batches.collect();
    let written = match context.view.partition(audit.partition) {
        Some(view) if !view.compaction.is_empty() => view.as_written(there.iter().copied()),
        Some(_) | None => there.clone(),
    };
    let problem = problem(context, audit, written.into_iter())
        .or_else(|| problem_of_holes(context, audit, &there));
    if let Some(problem) = problem {
        findings.report(context, &MISMATCH, audit.partition, || {
            format!("replica {}: {problem}", audit.node)
        });
    } else {
        check_agreement(context, findings, audit);
    }
}

/// Below its high watermark, a replica that acts in an epoch in which something was committed, or later, has it.
fn check_agreement(context: &Context<'_>, findings: &mut Findings, audit: ReplicaAudit) {
    let Some(view) = context.view.partition(audit.partition) else { return };
    let Some(replica) = view.replica(audit.node) else { return };
    let lagging = view.lost_since(replica.leader_epoch);
    let end = replica.high_watermark.min(view.committed.end());
    let agree = replica.log.chain_at(end) == view.committed.chain_at(end);
    if !agree && !lagging && replica.log.start() == Offset::ZERO {
        findings.report(context, &DIVERGED, (audit.partition, Offset::ZERO, end), || {
            format!("replica {} is not as committed up to {end}", audit.node)
        });
    }
}

/// What the cleaner took is missing, and nothing else.
fn problem_of_holes(
    context: &Context<'_>,
    audit: ReplicaAudit,
    there: &[BatchSummary],
) -> Option<String> {
    let replica = context.view.replica(audit.node, audit.partition)?;
    let stays = |base: &Offset| !replica.holes.gone.contains(base);
    let stated =
        replica.log.entries().iter().map(|entry| entry.batch).filter(|batch| {
            batch.last_offset >= audit.log_start_offset && stays(&batch.base_offset)
        });
    let stated = stated.map(|batch| {
        let changed = replica.holes.changed.get(&batch.base_offset);
        changed.map_or(batch, |changed| changed.batch)
    });
    // The segment with the log's start may begin before it.
    let mut there = there.iter().filter(|batch| batch.last_offset >= audit.log_start_offset);
    let first = there.clone().next().map_or(Offset::ZERO, |first| first.base_offset);
    let mut stated = stated.filter(|batch| batch.base_offset >= first);
    let differs = there.find(|batch| stated.next().as_ref() != Some(*batch));
    differs.map(|batch| format!("the batch at {} is not what its cleaner left", batch.base_offset))
}

fn problem(
    context: &Context<'_>,
    audit: ReplicaAudit,
    batches: impl Iterator<Item = BatchSummary>,
) -> Option<String> {
    let Some(replica) = context.view.replica(audit.node, audit.partition) else {
        return (audit.log_end_offset > audit.log_start_offset)
            .then(|| "no note ever named it".to_owned());
    };
    if audit.log_end_offset != replica.log.end() {
        return Some(format!("log end {}, stated {}", audit.log_end_offset, replica.log.end()));
    }
    if audit.log_start_offset != replica.log_start_offset {
        let (is, stated) = (audit.log_start_offset, replica.log_start_offset);
        return Some(format!("log start {is}, stated {stated}"));
    }
    if audit.high_watermark != replica.high_watermark {
        return Some(format!(
            "high watermark {}, stated {}",
            audit.high_watermark, replica.high_watermark
        ));
    }
    let mut end = audit.log_start_offset;
    for batch in batches {
        end = batch.last_offset.next();
        if replica.log.entry_at(batch.base_offset).is_none_or(|entry| entry.batch != batch) {
            return Some(format!(
                "the batch at offset {} is another one than stated",
                batch.base_offset
            ));
        }
    }
    (end != audit.log_end_offset)
        .then(|| format!("the batches end at {end}, the log at {}", audit.log_end_offset))
}

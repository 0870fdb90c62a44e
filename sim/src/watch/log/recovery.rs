//! What a restarted process finds in its logs.
//!
//! Promise: a log opened after a process crash or a stop is what it was; after a power loss or a wipe it holds only
//! batches that were in it before, at their places: a cut that was not synced may be undone. What was on the disk
//! when the power went is there, and at least what the recovery point says. Nothing is invented, what is damaged is
//! cut off for good, the high watermark lies within the log, and a committed record is nowhere gone as long as fewer
//! replicas than `min.insync.replicas` lost data.
//! Source: Kafka's `LogLoader`; "log recovery is a prefix of what was written"; `NoCommittedRecordLostGlobally`.
//! Not verified: uncommitted records of a follower, whose crash may fall between a cut of its log and the note of it.

use std::collections::BTreeMap;

use harrow_broker_model::note::{BatchSummary, LogNote};
use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use crate::view::{ClusterView, Reopening};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

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
const FLUSHED: Anomaly = Anomaly {
    name: "recovery-lost-flushed",
    guarantee: Guarantee::Durability,
    meaning: "a log lacks records after a power loss that had been flushed before",
};
const CLAIMED: Anomaly = Anomaly {
    name: "recovery-point-ahead",
    guarantee: Guarantee::Durability,
    meaning: "the recovery point on a disk that lost power was above what had been flushed",
};
const BOUNDS: Anomaly = Anomaly {
    name: "recovery-out-of-bounds",
    guarantee: Guarantee::Replication,
    meaning: "a reopened log's high watermark is outside of it",
};
const DAMAGED: Anomaly = Anomaly {
    name: "recovery-kept-damage",
    guarantee: Guarantee::Replication,
    meaning: "a log was opened with more or less than the sound batches in its files",
};
const NOWHERE: Anomaly = Anomaly {
    name: "committed-lost-everywhere",
    guarantee: Guarantee::Durability,
    meaning: "no replica holds all committed records any more, though fewer lost data than the configuration survives",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "log-recovery",
    promise: "a reopened log holds only what was written, and all of it if nothing was lost",
    source: "LogLoader",
    leaves_out: "a follower's uncommitted records",
    anomalies: &[SHORTER, INVENTED, FLUSHED, CLAIMED, BOUNDS, DAMAGED, NOWHERE],
};

/// What was on the disk when a node lost power.
#[derive(Debug, Default)]
pub(in crate::watch) struct DurableLogs {
    flushed: BTreeMap<(NodeId, TopicPartition), Offset>,
    /// Recovery points above what was flushed, and where that ends.
    overstated: BTreeMap<(NodeId, TopicPartition), (Offset, Offset)>,
    /// Where the sound batches of a log that is being opened end, and whether its files hold nothing else.
    found: BTreeMap<(NodeId, TopicPartition), (Offset, bool)>,
}

/// A reopened log, as its node states it.
#[derive(Debug, Clone, Copy)]
pub(in crate::watch) struct Reopened<'a> {
    pub(in crate::watch) partition: TopicPartition,
    pub(in crate::watch) log_start_offset: Offset,
    pub(in crate::watch) log_end_offset: Offset,
    pub(in crate::watch) high_watermark: Offset,
    pub(in crate::watch) batches: &'a [BatchSummary],
}

impl<'a> Reopened<'a> {
    /// What a node stated when it opened a log; nothing with other notes.
    pub(in crate::watch) fn stated(note: &'a LogNote) -> Option<Self> {
        let LogNote::Recovered {
            partition,
            log_start_offset,
            log_end_offset,
            high_watermark,
            batches,
            ..
        } = note
        else {
            return None;
        };
        Some(Self {
            partition: *partition,
            log_start_offset: *log_start_offset,
            log_end_offset: *log_end_offset,
            high_watermark: *high_watermark,
            batches,
        })
    }
}

/// A log on a disk that loses power.
#[derive(Debug, Clone, Copy)]
pub(in crate::watch) struct LogOnDisk<'a> {
    /// Up to where it is said to be flushed.
    pub(in crate::watch) recovery_point: Offset,
    /// What of each of its segments is on durable storage, from where to where, in order.
    pub(in crate::watch) segments: &'a [(Offset, Offset)],
}

/// How far one gets from a log start without a gap. What is below it may have come back, when a deletion was undone;
/// a segment may begin at a cut of the one before.
fn reach(log_start: Offset, extents: impl Iterator<Item = (Offset, Offset)>) -> Offset {
    extents.fold(log_start, |end, (from, to)| if from <= end { end.max(to) } else { end })
}

impl DurableLogs {
    /// A node loses power; of a log, these batches are on the disk. What is not in the log any more, because a cut
    /// was not synced, does not count.
    pub(in crate::watch) fn on_power_lost(
        &mut self,
        view: &ClusterView,
        node: NodeId,
        partition: TopicPartition,
        batches: &[BatchSummary],
    ) {
        let Some(replica) = view.replica(node, partition) else { return };
        // Between two losses the log may not have been opened: then nobody knows what it has become.
        if replica.reopening.is_some() {
            return;
        }
        let extents = batches.iter().map(|batch| (batch.base_offset, batch.last_offset.next()));
        let reached = reach(replica.log_start_offset, extents);
        let kept = batches.iter().filter(|batch| batch.last_offset >= replica.log_start_offset);
        let held = kept.take_while(|batch| replica.wrote(batch, false));
        let end = held.last().map_or(Offset::ZERO, |batch| batch.last_offset.next());
        self.flushed.insert((node, partition), end.min(reached));
    }

    /// A node's disk was emptied: whatever was on it is gone.
    pub(super) fn disk_wiped(&mut self, node: NodeId) {
        self.flushed.retain(|(owner, _), _| *owner != node);
    }

    /// A node is about to open a log, in whose files these are the sound batches.
    pub(in crate::watch) fn on_found(
        &mut self,
        node: NodeId,
        partition: TopicPartition,
        found: (Offset, bool),
    ) {
        self.found.insert((node, partition), found);
    }

    /// A node loses power: a log is said to be flushed up to a recovery point. What is below the log start is gone on
    /// purpose; of a log that the cleaner was at, or that rots, the end is not known. A cut may be on the disk before
    /// the recovery point that it lowers.
    pub(in crate::watch) fn on_claimed(
        &mut self,
        view: &ClusterView,
        node: NodeId,
        partition: TopicPartition,
        LogOnDisk { recovery_point, segments }: LogOnDisk<'_>,
    ) {
        let Some(replica) = view.replica(node, partition) else { return };
        let is_cut = replica.lowest_cut().is_some_and(|cut| cut < recovery_point);
        let unknown =
            is_cut || replica.reopening.is_some() || replica.rotten || view.is_compacted(partition);
        let end = reach(replica.log_start_offset, segments.iter().copied());
        if recovery_point > end && !unknown {
            self.overstated.insert((node, partition), (recovery_point, end));
        }
    }

    fn check_claimed(&mut self, context: &Context<'_>, findings: &mut Findings, log: Reopened<'_>) {
        let overstated = self.overstated.remove(&(context.node, log.partition));
        let Some((recovery_point, end)) = overstated else { return };
        findings.report(context, &CLAIMED, (log.partition, end, recovery_point.plus(-1)), || {
            format!(
                "node {} lost power with recovery point {recovery_point}; flushed was all up to {end}",
                context.node
            )
        });
    }

    /// What the log is and what its files hold is the same: all that is damaged was cut off.
    fn check_found(&mut self, context: &Context<'_>, findings: &mut Findings, log: Reopened<'_>) {
        let key = (context.node, log.partition);
        let Some((sound, whole)) = self.found.remove(&key) else { return };
        let end = log.log_end_offset;
        if whole && sound == end {
            return;
        }
        let rest = if whole { "" } else { ", and then something else" };
        findings.report(context, &DAMAGED, (log.partition, sound.min(end), sound.max(end)), || {
            format!(
                "node {} opened its log with end {end}; its files hold sound batches up to {sound}{rest}",
                context.node
            )
        });
    }

    /// A log was opened.
    pub(super) fn on_recovered(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        log: Reopened<'_>,
    ) {
        self.check_found(context, findings, log);
        self.check_claimed(context, findings, log);
        let flushed = self.flushed.remove(&(context.node, log.partition)).unwrap_or_default();
        let end = log.log_end_offset;
        if end < flushed {
            findings.report(context, &FLUSHED, (log.partition, end, flushed.plus(-1)), || {
                format!(
                    "node {} opened its log with end {end}; flushed was all up to {flushed}",
                    context.node
                )
            });
        }
        if log.high_watermark > end || log.high_watermark < log.log_start_offset {
            findings.report(context, &BOUNDS, log.partition, || {
                format!(
                    "node {} opened its log {}..{end} with high watermark {}",
                    context.node, log.log_start_offset, log.high_watermark
                )
            });
        }
        on_recovered(context, findings, log.partition, end, log.batches);
        check_somewhere(context, findings, log);
    }
}

/// Whether somebody still holds all that is committed. Logs that were not opened since a loss may.
fn check_somewhere(context: &Context<'_>, findings: &mut Findings, log: Reopened<'_>) {
    let Some(view) = context.view.partition(log.partition) else { return };
    let lacking = log.log_end_offset < view.committed.end();
    let gone = view.deleted_ns.is_some();
    if !lacking || gone || view.loss_is_permitted() || log.partition == TopicPartition::METADATA {
        return;
    }
    let mut others = view.replicas().iter().filter(|replica| replica.node != context.node);
    if !others.any(|replica| replica.log.holds(&view.committed)) {
        let place = (log.partition, log.log_end_offset, view.committed.end().plus(-1));
        findings.report(context, &NOWHERE, place, || {
            format!(
                "with node {} back without them, nobody holds the committed records up to {}",
                context.node,
                view.committed.end()
            )
        });
    }
}

/// It ends at `end` and holds `batches`.
fn on_recovered(
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

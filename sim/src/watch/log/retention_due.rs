//! What retention lets go is gone in time.
//!
//! Promise: records that are older than `retention.ms`, or that lie before `retention.bytes` of others, leave a
//! replica's log with its broker's next check, segment by segment. What lies in which segment is not known here: a
//! segment is over where so much follows that it cannot hold it, and so is all of a log in which everything may go.
//! Where a topic is compacted, too, the cleaner sees to that between its rounds.
//! Source: `LogManager.cleanupLogs`, `UnifiedLog.deleteOldSegments`; KIP-71, `LogCleanerManager.deletableLogs`.
//! Not verified: logs of which the cleaner has taken something; nodes at which a fault lasts or that do not hear of the
//! controller; clusters in which a clock is wrong, or applications give records the times; nodes that write all the
//! time; what the smallest batches of so many records are not enough to tell.

use std::collections::BTreeMap;

use harrow_broker_model::retention::Retention;
use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use super::cleaning_due::{is_sound, rounds_ns};
use super::retention::KeptRecords;
use crate::plan::Plan;
use crate::view::{LogEntry, PartitionView, ReplicaRole, ReplicaView};
use crate::violation::Guarantee;
use crate::watch::due::Look;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::shared::Shared;
use crate::watch::timing::{SLACK_NS, has_wrong_clocks};

const OVERDUE: Anomaly = Anomaly {
    name: "retention-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "records stayed in a log for longer than retention.ms or retention.bytes and the checks of its broker \
        allow",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "retention-due",
    promise: "what retention.ms and retention.bytes let go is gone after log.retention.check.interval.ms",
    source: "LogManager.cleanupLogs, UnifiedLog.deleteOldSegments",
    leaves_out: "logs of which the cleaner has taken something; nodes at which a fault lasts; clocks that are \
        wrong; times that applications give",
    anomalies: &[OVERDUE],
};

const MS: u64 = 1_000_000;
/// Looks in each bound.
const LOOKS: u64 = 3;
/// The least that a batch and each of its records take. Source: `DefaultRecordBatch.RECORD_BATCH_OVERHEAD`,
/// `DefaultRecord.writeTo`.
const BATCH_BYTES: u64 = 61;
const RECORD_BYTES: u64 = 7;

/// How much of a log is to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deletable {
    /// All of it, which ends here: with the next record that may not be so any more.
    Whole(Offset),
    /// At least what lies below, whatever follows.
    Below(Offset),
}

impl Deletable {
    fn end(self) -> Offset {
        match self {
            Self::Whole(end) | Self::Below(end) => end,
        }
    }

    /// Whether that is to go still, when so much is.
    fn goes_with(self, now: Self) -> bool {
        match self {
            Self::Whole(_) => self == now,
            Self::Below(end) => end <= now.end(),
        }
    }
}

/// What is to go from a log.
#[derive(Debug, Clone, Copy)]
struct Overdue {
    retention: Retention,
    what: Deletable,
    since: u64,
}

/// What waits to be deleted, by log.
#[derive(Debug)]
pub(super) struct RetentionDue {
    /// Two checks; none if clocks are wrong, by which records are old, or applications give records their times.
    checks_ns: Option<u64>,
    /// Two rounds of the cleaner.
    rounds_ns: u64,
    segment_bytes: u64,
    next_look_ns: u64,
    logs: BTreeMap<(TopicPartition, NodeId), Overdue>,
}

impl RetentionDue {
    pub(super) fn new(plan: &Plan) -> Self {
        let checks_ns = plan.cluster.retention_check_interval_ms.saturating_mul(2 * MS);
        let is_unsure = has_wrong_clocks(plan) || !plan.applications.is_empty();
        Self {
            checks_ns: (!is_unsure).then_some(checks_ns),
            rounds_ns: rounds_ns(plan),
            segment_bytes: plan.cluster.segment_bytes.into(),
            next_look_ns: 0,
            logs: BTreeMap::new(),
        }
    }

    /// Time goes on.
    #[inline]
    pub(super) fn look(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (shared, kept): (&Shared, &KeptRecords),
    ) {
        if context.at_ns < self.next_look_ns || !kept.deletes() || !context.view.states_all() {
            return;
        }
        let Some(checks_ns) = self.checks_ns else { return };
        let look = Look::new(context, shared);
        let takes_ns = look.bounds().learns_ns.saturating_add(look.bounds().checks_ns);
        let bound = checks_ns.saturating_add(takes_ns).saturating_add(SLACK_NS);
        self.next_look_ns = context.at_ns.saturating_add(bound / LOOKS);
        let Some((controller, _)) = look.controller else { return self.logs.clear() };
        for view in context.view.partitions() {
            let Some(retention) = retention_of(context, view) else { continue };
            let rounds_ns = if retention.compaction.compacts() { self.rounds_ns } else { 0 };
            let bound = bound.saturating_add(rounds_ns);
            for replica in view.replicas() {
                let sound = is_hosted(view, replica) && is_sound(context, view, replica);
                let calm_since = look.calm_since(replica.node, &[controller]);
                let what = self.deletable(context, kept, (view, replica, retention));
                let key = (view.partition, replica.node);
                let Some((calm_since, what)) = calm_since.zip(what).filter(|_| sound) else {
                    self.logs.remove(&key);
                    continue;
                };
                let known = self.logs.get(&key).filter(|it| it.is_valid(retention, replica, what));
                let known = *known.unwrap_or(&Overdue { retention, what, since: context.at_ns });
                self.logs.insert(key, known);
                if look.is_unchecked(known.since.max(calm_since), replica.node, bound) {
                    known.report(context, findings, (view.partition, replica));
                }
            }
        }
    }

    /// What of a replica's log may go by now; none if nothing may.
    fn deletable(
        &self,
        context: &Context<'_>,
        kept: &KeptRecords,
        (view, replica, retention): (&PartitionView, &ReplicaView, Retention),
    ) -> Option<Deletable> {
        let (log, watermark) = (&replica.log, replica.high_watermark);
        let limit_ns = u64::try_from(retention.retention_ms).ok().map(|it| it.saturating_mul(MS));
        let old = limit_ns.and_then(|limit| context.at_ns.checked_sub(limit));
        let old = old.map_or(Offset::ZERO, |before| kept.older_than(view.partition, before));
        if old >= log.end() && watermark >= log.end() {
            let is_empty = log.end() <= replica.log_start_offset;
            return (!is_empty).then_some(Deletable::Whole(log.end()));
        }
        let limit_bytes = u64::try_from(retention.retention_bytes).ok();
        let (mut follows, mut settled, mut aged) = (0, 0, 0);
        let entries = log.between(replica.log_start_offset, log.end());
        let goes = |entry: &&LogEntry| {
            let beyond = limit_bytes.is_some_and(|it| follows >= it + self.segment_bytes);
            let goes = beyond && settled > self.segment_bytes || aged > self.segment_bytes;
            let bytes = least_bytes(entry);
            follows += bytes;
            settled += if entry.end() <= watermark { bytes } else { 0 };
            aged += if entry.end() <= watermark.min(old) { bytes } else { 0 };
            goes
        };
        entries.iter().rev().find(goes).map(|entry| Deletable::Below(entry.end()))
    }
}

impl Overdue {
    /// Whether it still waits, of a log of which so much may go now.
    fn is_valid(&self, retention: Retention, replica: &ReplicaView, now: Deletable) -> bool {
        let is_there = replica.log_start_offset < self.what.end();
        self.retention == retention && is_there && self.what.goes_with(now)
    }

    fn report(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        (partition, replica): (TopicPartition, &ReplicaView),
    ) {
        let (from, to) = (replica.log_start_offset, self.what.end().plus(-1));
        let context = Context { node: replica.node, ..*context };
        findings.report(&context, &OVERDUE, (partition, from, to), || {
            let Retention { retention_ms, retention_bytes, .. } = self.retention;
            format!(
                "node {} has had offsets {from} to {to} for {} ms after they could go; retention.ms={retention_ms}, \
                 retention.bytes={retention_bytes}",
                replica.node,
                (context.at_ns - self.since) / MS
            )
        });
    }
}

/// Whether a broker looks at a replica's log: it has acted on its registration in this uptime, and the cleaner has
/// taken nothing.
fn is_hosted(view: &PartitionView, replica: &ReplicaView) -> bool {
    let acts = replica.role != ReplicaRole::Idle;
    acts && view.is_replica(replica.node) && replica.holes.is_empty()
}

/// What a batch takes at least.
fn least_bytes(entry: &LogEntry) -> u64 {
    let records = entry.batch.last_offset.0 - entry.batch.base_offset.0 + 1;
    BATCH_BYTES + RECORD_BYTES * records.unsigned_abs()
}

/// By what a topic's records go, if they do.
fn retention_of(context: &Context<'_>, view: &PartitionView) -> Option<Retention> {
    let retention = context.view.registry().topic(view.partition.topic)?.retention;
    Some(retention)
        .filter(|it| it.deletes() && view.registration.is_some() && view.deleted_ns.is_none())
}

//! What is to be cleaned is cleaned in time.
//!
//! Promise: of two committed records of a key the older one leaves a replica's log when `max.compaction.lag.ms` is over
//! for both and the cleaner has had time for it: until then a segment that is so old is closed, and a log that has one
//! is cleaned, however little of it is dirty.
//! Source: KIP-354; `LogConfig.maxSegmentMs`, `LogCleanerManager.maxCompactionDelay`.
//! Not verified: topics without that setting; nodes at which a fault lasts; logs to which nothing is appended any more,
//! since nothing closes their last segments; clusters in which a clock is wrong.

use std::collections::BTreeMap;

use harrow_broker_model::compaction::Compaction;
use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use super::compaction::is_marker;
use crate::plan::Plan;
use crate::view::{LogEntry, LogMirror, PartitionView, ReplicaView};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::log_transactions::LogTransactions;
use crate::watch::shared::Shared;
use crate::watch::timing::has_wrong_clocks;

const OVERDUE: Anomaly = Anomaly {
    name: "compaction-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a record that was replaced stayed in a log for longer than max.compaction.lag.ms and the cleaner allow",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "compaction-due",
    promise: "what was replaced is gone when max.compaction.lag.ms is over",
    source: "KIP-354, LogConfig.maxSegmentMs, LogCleanerManager.maxCompactionDelay",
    leaves_out: "logs to which nothing is appended any more; nodes at which a fault lasts; clocks that are wrong",
    anomalies: &[OVERDUE],
};

const MS: u64 = 1_000_000;
/// What a cleaner may need for the logs that it cleans first.
const CLEANS_NS: u64 = 2_000 * MS;
/// Looks in each bound.
const LOOKS: u64 = 3;

/// What waits to be cleaned, by log.
#[derive(Debug)]
pub(super) struct CleaningDue {
    /// How long a cleaner may rest, and clean other logs; none if clocks are wrong, by which it goes.
    bound_ns: Option<u64>,
    next_look_ns: u64,
    logs: BTreeMap<(TopicPartition, NodeId), Watched>,
}

/// A log since the time when it became calm for its node.
#[derive(Debug, Default)]
struct Watched {
    /// Where it ended at the last look.
    end: Offset,
    /// What an append since has closed, if it may be cleaned.
    closed: Closed,
    /// What was closed first after that, until all of it is committed: a cleaner takes no segment before.
    closing: Option<Closed>,
    /// The first record that is replaced and still there, and since when it is.
    replaced: Option<(Offset, u64)>,
}

/// What lies in segments that are closed.
#[derive(Debug, Default, Clone, Copy)]
struct Closed {
    end: Offset,
    /// The segments that hold it end here at the latest.
    until: Offset,
}

impl CleaningDue {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            bound_ns: (!has_wrong_clocks(plan)).then_some(rounds_ns(plan)),
            next_look_ns: 0,
            logs: BTreeMap::new(),
        }
    }

    /// Time goes on.
    #[inline]
    pub(super) fn look(&mut self, context: &Context<'_>, findings: &mut Findings, shared: &Shared) {
        if context.at_ns < self.next_look_ns {
            return;
        }
        let Some(bound_ns) = self.bound_ns else { return };
        self.next_look_ns = context.at_ns.saturating_add(bound_ns / LOOKS);
        for view in context.view.partitions() {
            let Some(compaction) = limited(context, view.partition) else { continue };
            let bound_ns =
                bound_ns.saturating_add(compaction.min_compaction_lag_ms.saturating_mul(MS));
            for replica in view.replicas().iter().filter(|it| is_sound(context, view, it)) {
                let runs = |node| context.view.is_running(node);
                let calm_since = shared.calm.around(replica.node, &[], runs);
                let Some(calm_since) = calm_since.filter(|since| *since <= context.at_ns) else {
                    self.logs.remove(&(view.partition, replica.node));
                    continue;
                };
                let due = |from: u64| context.at_ns > from.max(calm_since).saturating_add(bound_ns);
                self.look_at(context, findings, (view, replica, compaction), due);
            }
        }
    }

    fn look_at(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (view, replica, compaction): (&PartitionView, &ReplicaView, Compaction),
        due: impl Fn(u64) -> bool,
    ) {
        let watched = self.logs.entry((view.partition, replica.node)).or_default();
        let transactions = LogTransactions::of(&replica.log);
        let settled = replica.high_watermark;
        let settled =
            transactions.first_undecided_at(replica).map_or(settled, |it| it.min(settled));
        watched.go_on(&replica.log, compaction.max_compaction_lag_ms, settled);
        let end = if settled < watched.closed.until { Offset::ZERO } else { watched.closed.end };
        let Some((offset, later)) = first_replaced(view, replica, &transactions, end) else {
            watched.replaced = None;
            return;
        };
        let (known, from) = *watched.replaced.get_or_insert((offset, context.at_ns));
        if known != offset {
            watched.replaced = Some((offset, context.at_ns));
        } else if due(from) {
            findings.report(context, &OVERDUE, (view.partition, offset, offset), || {
                format!(
                    "node {} has offset {offset}, which {later} replaces, {} ms after both could be cleaned; \
                     max.compaction.lag.ms={}",
                    replica.node,
                    (context.at_ns - from) / MS,
                    compaction.max_compaction_lag_ms
                )
            });
        }
    }
}

impl Watched {
    /// What was appended since the last look has closed the segments that were too old for it, and what is settled up
    /// to an offset may be cleaned. What was appended together may lie in one segment, however old its first record
    /// is: only what was there before counts. Source: `LogCleanerManager.calculateCleanableBytes`.
    fn go_on(&mut self, log: &LogMirror, lag_ms: u64, settled: Offset) {
        if log.end() < self.end || self.end == Offset::ZERO {
            *self = Self { end: log.end(), ..Self::default() };
            return;
        }
        let appended = log.between(self.end, log.end()).iter();
        let newest = appended.map(|entry| entry.batch.max_timestamp.0).max();
        let lag_ms = i64::try_from(lag_ms).unwrap_or(i64::MAX);
        if let Some(closed) = newest.map(|newest| newest.saturating_sub(lag_ms)) {
            let before = log.entries().iter().take_while(|entry| entry.end() <= self.end);
            let old = before.take_while(|entry| entry.batch.max_timestamp.0 < closed);
            let end = old.last().map_or(Offset::ZERO, LogEntry::end);
            if end > self.closed.end && self.closing.is_none() {
                self.closing = Some(Closed { end, until: log.end() });
            }
        }
        if let Some(closed) = self.closing.take_if(|closing| closing.until <= settled) {
            self.closed = closed;
        }
        self.end = log.end();
    }
}

/// What two rounds of a cleaner take, with its rests.
pub(super) fn rounds_ns(plan: &Plan) -> u64 {
    plan.cluster.cleaner.backoff_ms.saturating_mul(2 * MS).saturating_add(CLEANS_NS)
}

/// How a topic is compacted, if what was replaced may not stay for ever.
fn limited(context: &Context<'_>, partition: TopicPartition) -> Option<Compaction> {
    let topic = context.view.registry().topic(partition.topic)?;
    let compaction = topic.retention.compaction;
    let never = Compaction::NONE.max_compaction_lag_ms;
    Some(compaction).filter(|it| it.compacts() && it.max_compaction_lag_ms != never)
}

/// Whether nothing is wrong with a replica's disk.
pub(super) fn is_sound(context: &Context<'_>, view: &PartitionView, replica: &ReplicaView) -> bool {
    let offline = context.view.is_in_failed_directory(replica.node, view.partition);
    !offline && !replica.rotten && replica.reopening.is_none()
}

/// The first record of a log that is there though a later one of its key is, and that one. Both lie below an offset.
fn first_replaced(
    view: &PartitionView,
    replica: &ReplicaView,
    transactions: &LogTransactions,
    end: Offset,
) -> Option<(Offset, Offset)> {
    let mut later: BTreeMap<u64, Offset> = BTreeMap::new();
    let mut first = None;
    for entry in replica.log.between(replica.log_start_offset, end).iter().rev() {
        let batch = &entry.batch;
        let aborted = transactions.is_aborted(batch) == Some(true);
        if aborted || is_marker(batch.kind) || entry.end() > end {
            continue;
        }
        for (index, record) in view.compaction.of(batch).iter().enumerate().rev() {
            let offset = batch.base_offset.plus(index as i64);
            if offset < replica.log_start_offset || !replica.holes.has(batch, offset) {
                continue;
            }
            if let Some(later) = later.get(&record.key) {
                first = Some((offset, *later));
            }
            later.insert(record.key, offset);
        }
    }
    first
}

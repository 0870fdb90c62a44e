//! Records are kept as long as `retention.ms` and `retention.bytes` say.
//!
//! Promise: a replica deletes records for their age only once `retention.ms` has passed since they were produced, in
//! true time, and by its clock since the timestamp of the newest of them; for their number only if `retention.bytes`
//! remain; for its leader only what another replica has deleted by itself, and where its log begins anew since all of
//! it lies below the leader's, it begins no further on than that.
//! Source: KIP-107; `UnifiedLog.deleteOldSegments`; `TopicConfig.RETENTION_MS_CONFIG`.
//! That old records go at all is judged beside it. Not verified: sizes, which are taken as stated. The time at which a
//! leader appended a record stands for that at which it was produced, less what a producer may keep it back and what
//! clocks are wrong from the start: a clock that is set or drifts in the run is weighed by the judge.

use std::collections::BTreeMap;

use harrow_broker_model::note::{AppendOrigin, DeletionReason, LogNote, TruncateReason};
use harrow_broker_model::retention::Retention;
use harrow_broker_model::types::{Offset, TopicPartition, WallTime};

use crate::plan::{Action, ClientPlan, Plan};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const TOO_SHORT: Anomaly = Anomaly {
    name: "retained-too-short",
    guarantee: Guarantee::Durability,
    meaning: "records were deleted before retention.ms or retention.bytes let them go",
};
const AHEAD: Anomaly = Anomaly {
    name: "log-start-ahead-of-leader",
    guarantee: Guarantee::Durability,
    meaning: "a follower deleted records for its leader that no other replica has deleted",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "retention",
    promise: "records are kept for retention.ms, and retention.bytes of them",
    source: "KIP-107, UnifiedLog.deleteOldSegments",
    leaves_out: "sizes of what is left, which are taken as stated",
    anomalies: &[TOO_SHORT, AHEAD],
};

const MS: u64 = 1_000_000;

/// When what was appended.
#[derive(Debug, Default)]
pub(super) struct KeptRecords {
    /// Whether any topic deletes by time; else nothing is remembered.
    by_time: bool,
    /// Whether any topic deletes at all.
    deletes: bool,
    /// By how much a record may seem older than it is.
    tolerance_ns: u64,
    /// Ends of batches and the true time of each leader's append, both ascending.
    appended: BTreeMap<TopicPartition, Vec<(Offset, u64)>>,
    /// How far any replica has deleted for another reason than that its leader did.
    deleted: BTreeMap<TopicPartition, Offset>,
}

impl KeptRecords {
    /// Nothing was appended yet.
    pub(super) fn new(plan: &Plan) -> Self {
        let kept_back = plan.clients.iter().filter_map(|client| match client {
            ClientPlan::Producer { config, .. } => Some(config.delivery_timeout_ms),
            ClientPlan::Consumer { .. } => None,
        });
        let kept_back = kept_back.chain([plan.fresh_producer.delivery_timeout_ms]).max();
        // Who stands still with a record in its hands sends it when it goes on.
        let paused = plan.steps.iter().filter_map(|step| {
            if let Action::Pause { for_ms, .. } = &step.action { Some(*for_ms) } else { None }
        });
        let kept_back = kept_back.map(|ms| ms + paused.sum::<u64>());
        let wrong = plan.clocks.iter().map(|clock| clock.offset_ms.unsigned_abs()).max();
        let drift = plan.clocks.iter().map(|clock| u64::from(clock.drift_ppm.unsigned_abs())).max();
        let drifted = 2 * plan.heal_at_ms.saturating_mul(drift.unwrap_or(0)).div_ceil(1_000_000);
        let tolerance_ms = kept_back.unwrap_or(0) + 2 * wrong.unwrap_or(0) + drifted;
        Self { tolerance_ns: tolerance_ms * MS, ..Self::default() }
    }

    /// When a topic's records may be deleted was committed.
    pub(super) fn on_retention(&mut self, retention: Retention) {
        self.by_time |= retention.retention_ms >= 0;
        self.deletes |= retention.deletes();
    }

    /// Whether records may be deleted anywhere.
    pub(super) fn deletes(&self) -> bool {
        self.deletes
    }

    /// Below which offset everything was appended before a time, by the leader whose record counts.
    pub(super) fn older_than(&self, partition: TopicPartition, before_ns: u64) -> Offset {
        let appended = self.appended.get(&partition).map_or(&[][..], Vec::as_slice);
        let older = appended.partition_point(|(_, at_ns)| *at_ns < before_ns);
        older.checked_sub(1).map_or(Offset::ZERO, |last| appended[last].0)
    }

    pub(super) fn on_note(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &LogNote,
    ) {
        if let LogNote::Appended { partition, batch, origin: AppendOrigin::Leader, .. } = note {
            if self.by_time {
                self.remember(*partition, batch.last_offset.next(), context.at_ns);
            }
        } else if let LogNote::RecordsDeleted { partition, from, to, reason } = note {
            self.on_deleted(context, findings, *partition, (*from, *to), *reason);
        } else if let LogNote::Truncated { partition, from, to, reason } = note {
            let begins_anew = *reason == TruncateReason::OutOfRange && to > from;
            if begins_anew && context.view.states_all() {
                self.check_leader(context, findings, *partition, *to);
            }
        }
    }

    /// What another leader had there is not the record that counts.
    fn remember(&mut self, partition: TopicPartition, end: Offset, at_ns: u64) {
        let appended = self.appended.entry(partition).or_default();
        while appended.pop_if(|(other, _)| *other >= end).is_some() {}
        appended.push((end, at_ns));
    }

    fn on_deleted(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        (from, to): (Offset, Offset),
        reason: DeletionReason,
    ) {
        let topic = context.view.registry().topic(partition.topic);
        let retention = topic.map_or(Retention::FOREVER, |topic| topic.retention);
        let problem = match reason {
            DeletionReason::Time { limit_ms, age_ms, now } => {
                let told = newest(context, partition, (from, to)).map(|newest| now.0 - newest.0);
                let is_right = told.is_none_or(|age| age_ms <= age);
                let by_rule = limit_ms == retention.retention_ms && age_ms > limit_ms && is_right;
                let age_ns = self.age(context, partition, to);
                let limit_ns = limit_ms.max(0) as u64 * MS;
                let long_enough = age_ns.is_none_or(|age| age + self.tolerance_ns >= limit_ns);
                (!by_rule || !long_enough).then(|| {
                    let (since, limit) = (age_ns.unwrap_or(0) / MS, retention.retention_ms);
                    let told = told.unwrap_or(age_ms);
                    format!("appended {since} ms ago, {told} ms old by their timestamps, retention.ms={limit}")
                })
            }
            DeletionReason::Size { limit_bytes, left_bytes } => {
                let by_rule = limit_bytes == retention.retention_bytes && left_bytes >= limit_bytes;
                (!by_rule)
                    .then(|| format!("{left_bytes} bytes remain, retention.bytes={limit_bytes}"))
            }
            DeletionReason::Leader => {
                return self.check_leader(context, findings, partition, to);
            }
            DeletionReason::DeleteRecords | DeletionReason::Snapshot => None,
        };
        let deleted = self.deleted.entry(partition).or_default();
        *deleted = to.max(*deleted);
        if let Some(problem) = problem {
            findings.report(context, &TOO_SHORT, (partition, from, to.plus(-1)), || {
                format!(
                    "node {} deleted offsets {from} to {}: {problem}",
                    context.node,
                    to.plus(-1)
                )
            });
        }
    }

    /// A follower deletes for its leader what that, or one before it, has deleted.
    fn check_leader(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        to: Offset,
    ) {
        let deleted = self.deleted.get(&partition).copied().unwrap_or_default();
        if to > deleted {
            findings.report(context, &AHEAD, (partition, deleted, to.plus(-1)), || {
                format!(
                    "node {} deleted offsets below {to} for its leader; nobody else did beyond {deleted}",
                    context.node
                )
            });
        }
    }

    /// How long ago the newest record below an offset was appended, of those that the cleaner has left.
    fn age(&self, context: &Context<'_>, partition: TopicPartition, to: Offset) -> Option<u64> {
        let appended = self.appended.get(&partition)?;
        let below = appended.partition_point(|(end, _)| *end <= to);
        let replica = context.view.replica(context.node, partition);
        let is_left =
            |end: Offset| replica.is_none_or(|replica| replica.has_records_at(end.plus(-1)));
        let (_, at_ns) = appended[..below].iter().rev().find(|(end, _)| is_left(*end))?;
        Some(context.at_ns.saturating_sub(*at_ns))
    }
}

/// The largest timestamp of what is deleted, if the cleaner has taken nothing from this log.
fn newest(
    context: &Context<'_>,
    partition: TopicPartition,
    (from, to): (Offset, Offset),
) -> Option<WallTime> {
    let replica = context.view.replica(context.node, partition)?;
    let deleted = replica.log.between(from, to).iter();
    let newest = deleted.map(|entry| entry.batch.max_timestamp).max();
    newest.filter(|_| replica.holes.is_empty())
}

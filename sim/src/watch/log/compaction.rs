//! What the cleaner takes, and what it leaves.
//!
//! Promise: of each key the last committed record survives on each replica. The cleaner takes a record only if a later
//! one of its key is committed, if its transaction was aborted, or if it is a tombstone that it had seen
//! `delete.retention.ms` before: until then each reader that goes on sees the deletion. The round that meets it first
//! says when it may go. A marker stays as long as a
//! batch of its transaction does. What a round leaves below its end is the compaction of what was written: each key
//! once; nothing is cleaned that is younger than `min.compaction.lag.ms`. Batches keep their offsets, epochs and
//! producers; the last one of a round stays, the last one of each
//! producer, and the first one of each leader's epoch but of that with which the log began, be it empty. A log that is
//! opened again lacks nothing but what the cleaner had taken.
//! Source: KIP-58, KIP-534, `Cleaner`, `LogCleanerManager.cleanableOffsets`; Kafka's own `LogCompactionTester`.
//! Not verified: when a log is cleaned, which `cleaning_due` judges; what lies below the log start; producers that may
//! have expired; that a replica which was away for longer than `delete.retention.ms` learns of all deletions: it copies
//! what is left, and keeps the values of keys whose tombstones went meanwhile.

use std::collections::BTreeMap;

use harrow_broker_model::note::{BatchKind, BatchSummary, CleanedBatch, LogNote};
use harrow_broker_model::types::{Offset, ProducerEpoch, ProducerId, TopicPartition, WallTime};

use crate::view::{LogMirror, PartitionView, ReplicaView};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::log::recovery::Reopened;
use crate::watch::log_transactions::LogTransactions;

const PAST: Anomaly = Anomaly {
    name: "cleaned-past-stable",
    guarantee: Guarantee::Durability,
    meaning: "the cleaner took a committed record for one that is not committed, or not decided",
};
const LOST: Anomaly = Anomaly {
    name: "latest-value-lost",
    guarantee: Guarantee::Durability,
    meaning: "the cleaner took the last committed record of a key",
};
const EARLY: Anomaly = Anomaly {
    name: "tombstone-removed-early",
    guarantee: Guarantee::Durability,
    meaning: "a tombstone went before delete.retention.ms was over, since it was first cleaned",
};
const NO_HORIZON: Anomaly = Anomaly {
    name: "tombstone-without-horizon",
    guarantee: Guarantee::Liveness,
    meaning: "a tombstone was cleaned and not given a time at which it may go",
};
const MARKER: Anomaly = Anomaly {
    name: "marker-removed-early",
    guarantee: Guarantee::Visibility,
    meaning: "the cleaner took a transaction's marker, and left something of the transaction",
};
const YOUNG: Anomaly = Anomaly {
    name: "cleaned-too-young",
    guarantee: Guarantee::Durability,
    meaning: "the cleaner was at records that were younger than min.compaction.lag.ms",
};
const KEPT: Anomaly = Anomaly {
    name: "replaced-value-kept",
    guarantee: Guarantee::Replication,
    meaning: "a cleaned part of a log has two records of one key",
};
const OTHER: Anomaly = Anomaly {
    name: "cleaned-into-others",
    guarantee: Guarantee::Replication,
    meaning: "the cleaner left batches or records that were not there",
};
const ROUND_END: Anomaly = Anomaly {
    name: "round-end-lost",
    guarantee: Guarantee::Offsets,
    meaning: "the cleaner left nothing of the last batch of its round",
};
const PRODUCER: Anomaly = Anomaly {
    name: "producer-batch-removed",
    guarantee: Guarantee::Ordering,
    meaning: "the cleaner left nothing of the last batch of a producer",
};
const EPOCH_START: Anomaly = Anomaly {
    name: "epoch-start-removed",
    guarantee: Guarantee::Replication,
    meaning: "the cleaner left nothing of the batch with which a leader's epoch begins",
};
const HOLE: Anomaly = Anomaly {
    name: "hole-in-log",
    guarantee: Guarantee::Durability,
    meaning: "a log was opened that lacks records which no cleaner had taken",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "compaction",
    promise: "of each key the last value survives, and its deletion until every reader can have seen it",
    source: "KIP-58, KIP-534, Cleaner",
    leaves_out: "when a log is cleaned",
    anomalies: &[
        PAST,
        LOST,
        EARLY,
        NO_HORIZON,
        YOUNG,
        MARKER,
        KEPT,
        OTHER,
        ROUND_END,
        PRODUCER,
        EPOCH_START,
        HOLE,
    ],
};

/// A round, as its node states it.
#[derive(Debug, Clone, Copy)]
struct Round {
    partition: TopicPartition,
    from: Offset,
    to: Offset,
    upper: Offset,
    end: Offset,
    at: WallTime,
}

/// A replica's log before and after.
struct Judged<'a> {
    view: &'a PartitionView,
    replica: &'a ReplicaView,
    round: Round,
    after: BTreeMap<Offset, &'a CleanedBatch>,
    transactions: LogTransactions,
}

/// A batch before and after.
struct Pair<'a> {
    written: &'a BatchSummary,
    /// Offsets of the records that were there, if the batch was.
    before: Option<Vec<Offset>>,
    horizon: Option<WallTime>,
    after: Option<&'a CleanedBatch>,
}

/// A segment was cleaned.
pub(super) fn on_cleaned(context: &Context<'_>, findings: &mut Findings, note: &LogNote) {
    let LogNote::Cleaned { partition, from, to, first_dirty, upper, end, at, batches } = note
    else {
        return;
    };
    let (partition, from, to, upper, end, at) = (*partition, *from, *to, *upper, *end, *at);
    let Some(view) = context.view.partition(partition) else { return };
    let Some(replica) = view.replica(context.node) else { return };
    let judged = Judged {
        view,
        replica,
        round: Round { partition, from, to, upper, end, at },
        after: batches.iter().map(|it| (it.batch.base_offset, it)).collect(),
        transactions: LogTransactions::of(&replica.log),
    };
    let newest = judged.newest_of_keys();
    for pair in judged.pairs() {
        judged.check_same(context, findings, &pair);
        judged.check_records(context, findings, &pair, &newest);
        judged.check_horizon(context, findings, &pair);
        judged.check_tombstones(context, findings, &pair);
        judged.check_marker(context, findings, &pair);
        judged.check_round_end(context, findings, &pair);
        judged.check_epoch_start(context, findings, &pair);
    }
    judged.check_invented(context, findings);
    judged.check_producers(context, findings);
    judged.check_age(context, findings, *first_dirty);
}

/// A batch was copied, or one was passed over that is missing at the leader: then a cleaner took it there.
pub(super) fn on_copied(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    batch: &BatchSummary,
) {
    let replica = context.view.replica(context.node, partition);
    if replica.is_some_and(|it| it.holes.unexplained.contains(&batch.base_offset)) {
        let (first, last) = (batch.base_offset, batch.last_offset);
        findings.report(context, &HOLE, (partition, first, last), || {
            format!(
                "node {} copied what is behind the records {first} to {last} without them, which no cleaner took",
                context.node
            )
        });
    }
}

/// A log was opened, and has these batches, or had them cleaned.
pub(super) fn on_recovered(context: &Context<'_>, findings: &mut Findings, log: Reopened<'_>) {
    if !context.view.is_compacted(log.partition) {
        return;
    }
    let replica = context.view.replica(context.node, log.partition);
    let before_first = log.batches.first().zip(replica).and_then(|(found, replica)| {
        let missing = replica.log.between(log.log_start_offset, found.base_offset);
        let first = missing.first()?.batch.base_offset.max(log.log_start_offset);
        (found.base_offset > first).then_some((first, found.base_offset.plus(-1)))
    });
    let gap = before_first.or_else(|| {
        let mut gaps =
            log.batches.windows(2).map(|pair| (pair[0].last_offset.next(), pair[1].base_offset));
        let gap = gaps.find(|(end, next)| end < next && *next > log.log_start_offset);
        gap.map(|(end, next)| (end, next.plus(-1)))
    });
    if let Some((first, last)) = gap {
        findings.report(context, &HOLE, (log.partition, first, last), || {
            format!(
                "node {} opened its log without the records {first} to {last}, which no cleaner took",
                context.node
            )
        });
    }
}

/// The newest record of a key: among those that are committed and decided, and among those below the round's end.
#[derive(Debug, Clone, Copy, Default)]
struct Newest {
    committed: Option<Offset>,
    in_round: Option<Offset>,
}

impl<'a> Judged<'a> {
    fn pairs(&self) -> impl Iterator<Item = Pair<'a>> + '_ {
        let holes = &self.replica.holes;
        let entries = self.replica.log.between(self.round.from, self.round.to);
        entries.iter().map(move |entry| {
            let written = &entry.batch;
            let base = written.base_offset;
            let changed = holes.changed.get(&base);
            let all = || (base.0..=written.last_offset.0).map(Offset).collect();
            let records = changed.map_or_else(all, |changed| changed.records.clone());
            Pair {
                written,
                before: (!holes.gone.contains(&base)).then_some(records),
                horizon: changed.and_then(|changed| changed.delete_horizon),
                after: self.after.get(&base).copied(),
            }
        })
    }

    /// The newest record of each key of the segment; only what is in the segment or behind it can be that.
    fn newest_of_keys(&self) -> BTreeMap<u64, Newest> {
        let log = &self.replica.log;
        let segment = log.between(self.round.from, self.round.to).iter();
        let records = segment.flat_map(|entry| self.view.compaction.of(&entry.batch));
        let mut newest: BTreeMap<u64, Newest> =
            records.map(|record| (record.key, Newest::default())).collect();
        let undecided = self.transactions.first_undecided_at(self.replica);
        let committed_end = self.view.committed.end();
        let decided_end = undecided.map_or(committed_end, |first| committed_end.min(first));
        for entry in log.between(self.round.from, log.end()).iter().rev() {
            let batch = &entry.batch;
            if self.transactions.is_aborted(batch) == Some(true) || is_marker(batch.kind) {
                continue;
            }
            let decided = !self.transactions.is_open(batch);
            for (index, record) in self.view.compaction.of(batch).iter().enumerate().rev() {
                let Some(known) = newest.get_mut(&record.key) else { continue };
                let offset = batch.base_offset.plus(index as i64);
                if known.committed.is_none() && decided && offset < decided_end {
                    known.committed = Some(offset);
                }
                // A replica that was away for longer than a tombstone stays never gets it.
                let in_round = known.in_round.is_none() && offset < self.round.end;
                if in_round && self.replica.holes.has(batch, offset) {
                    known.in_round = Some(offset);
                }
            }
        }
        newest
    }

    /// What is left of a batch is of that batch.
    fn check_same(&self, context: &Context<'_>, findings: &mut Findings, pair: &Pair<'_>) {
        let Some(after) = pair.after else { return };
        let place = (self.round.partition, pair.written.base_offset, pair.written.last_offset);
        let header = |it: &BatchSummary| {
            let producer = (it.producer_id, it.producer_epoch, it.base_sequence);
            (it.last_offset, it.leader_epoch, producer)
        };
        let same = header(&after.batch) == header(pair.written);
        let before = pair.before.as_deref().unwrap_or_default();
        let known = after.records.iter().all(|record| before.contains(record));
        if !same || !known || pair.before.is_none() || !after.records.is_sorted() {
            findings.report(context, &OTHER, place, || {
                format!("node {} cleaned the batch at {} into another", context.node, place.1)
            });
        }
    }

    /// What is dirty is left alone until it is old enough, by this node's clock.
    fn check_age(&self, context: &Context<'_>, findings: &mut Findings, first_dirty: Offset) {
        let partition = self.round.partition;
        let topic = context.view.registry().topic(partition.topic);
        let lag_ms = topic.map_or(0, |topic| topic.retention.compaction.min_compaction_lag_ms);
        let oldest = self.round.at.0.saturating_sub(i64::try_from(lag_ms).unwrap_or(i64::MAX));
        let dirty = self.replica.log.between(self.round.from.max(first_dirty), self.round.to);
        let mut young = dirty.iter().filter(|it| lag_ms > 0 && it.batch.max_timestamp.0 > oldest);
        // Copied from a leader that had cleaned it, a batch may lack its newest record, or be gone.
        let holes = &self.replica.holes;
        let whole = |base: &Offset| !holes.gone.contains(base) && !holes.changed.contains_key(base);
        if let Some(entry) = young.find(|it| whole(&it.batch.base_offset)) {
            let BatchSummary { base_offset, last_offset, max_timestamp, .. } = entry.batch;
            findings.report(context, &YOUNG, (partition, base_offset, last_offset), || {
                let age = self.round.at.0.saturating_sub(max_timestamp.0);
                format!(
                    "node {} cleaned offset {base_offset}, {age} ms old; min.compaction.lag.ms={lag_ms}",
                    context.node
                )
            });
        }
    }

    fn check_invented(&self, context: &Context<'_>, findings: &mut Findings) {
        let log = &self.replica.log;
        let mut bases = self.after.keys();
        let invented = bases.find(|base| {
            log.entry_at(**base).is_none_or(|entry| entry.batch.base_offset != **base)
        });
        if let Some(base) = invented {
            findings.report(context, &OTHER, (self.round.partition, *base, *base), || {
                format!("node {} cleaned its log into a batch at {base}", context.node)
            });
        }
    }

    fn check_records(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        pair: &Pair<'_>,
        newest: &BTreeMap<u64, Newest>,
    ) {
        let base = pair.written.base_offset;
        let records = self.view.compaction.of(pair.written);
        let kept = pair.after.map_or(&[][..], |after| &after.records);
        let aborted = self.transactions.is_aborted(pair.written) == Some(true);
        if aborted || is_marker(pair.written.kind) {
            return;
        }
        // What lies below the log start nobody reads: a round that begins there does not note those keys.
        let readable = |offset: &&Offset| **offset >= self.replica.log_start_offset;
        for offset in pair.before.iter().flatten().filter(readable) {
            let Some(record) = records.get((offset.0 - base.0) as usize) else { continue };
            let place = (self.round.partition, *offset, *offset);
            let newest = newest.get(&record.key).copied().unwrap_or_default();
            if kept.contains(offset) {
                let later = newest.in_round.filter(|later| later > offset);
                if let Some(later) = later.filter(|_| *offset < self.round.end) {
                    findings.report(context, &KEPT, place, || {
                        format!(
                            "node {} left offset {offset}, which {later} replaces",
                            context.node
                        )
                    });
                }
                continue;
            }
            if newest.committed.is_some_and(|later| later > *offset) {
                continue;
            }
            if !record.tombstone {
                let by = self.replaced_by_undecided(record.key, *offset);
                let anomaly = if by.is_some() { &PAST } else { &LOST };
                findings.report(context, anomaly, place, || {
                    let by = by.map_or_else(
                        || "nothing replaces".to_owned(),
                        |by| format!("{by} replaces, which is not committed for good"),
                    );
                    format!("node {} took offset {offset}, which {by}", context.node)
                });
            } else if pair.horizon.is_none_or(|horizon| horizon > self.round.at) {
                findings.report(context, &EARLY, place, || {
                    let until = pair.horizon.map_or_else(
                        || "no cleaning had seen".to_owned(),
                        |horizon| format!("was to stay for {} ms", horizon.0 - self.round.at.0),
                    );
                    format!("node {} took the tombstone at {offset}, which {until}", context.node)
                });
            }
        }
    }

    /// A record of the key further on in the log that is not committed, or not decided.
    fn replaced_by_undecided(&self, key: u64, offset: Offset) -> Option<Offset> {
        let later = self.replica.log.between(offset, self.replica.log.end());
        later.iter().find_map(|entry| {
            let records = self.view.compaction.of(&entry.batch);
            let index = records.iter().position(|record| record.key == key)?;
            Some(entry.batch.base_offset.plus(index as i64)).filter(|later| *later > offset)
        })
    }

    /// A horizon is set once, `delete.retention.ms` after the round that sets it.
    fn check_horizon(&self, context: &Context<'_>, findings: &mut Findings, pair: &Pair<'_>) {
        let Some(horizon) = pair.after.and_then(|after| after.delete_horizon) else { return };
        let topic = context.view.registry().topic(self.round.partition.topic);
        let retention_ms = topic.map_or(0, |topic| topic.retention.compaction.delete_retention_ms);
        let due = self.round.at.0.saturating_add(i64::try_from(retention_ms).unwrap_or(i64::MAX));
        let stays = pair.horizon == Some(horizon);
        if !stays && (pair.horizon.is_some() || horizon.0 < due) {
            let base = pair.written.base_offset;
            let place = (self.round.partition, base, pair.written.last_offset);
            findings.report(context, &EARLY, place, || {
                format!("node {} gave the batch at {base} another horizon", context.node)
            });
        }
    }

    /// What has a tombstone still has a horizon, unless the round could not read it.
    fn check_tombstones(&self, context: &Context<'_>, findings: &mut Findings, pair: &Pair<'_>) {
        let Some(after) = pair.after.filter(|after| after.delete_horizon.is_none()) else { return };
        let base = pair.written.base_offset;
        let records = self.view.compaction.of(pair.written);
        let is_tombstone = |offset: &&Offset| {
            let record = records.get((offset.0 - base.0) as usize);
            record.is_some_and(|record| record.tombstone) && **offset < self.round.end
        };
        let known = pair.before.is_some() && !self.replica.rotten;
        let Some(offset) = after.records.iter().find(is_tombstone).filter(|_| known) else {
            return;
        };
        findings.report(context, &NO_HORIZON, (self.round.partition, *offset, *offset), || {
            format!(
                "node {} left the tombstone at {offset} and no time at which it may go",
                context.node
            )
        });
    }

    /// A marker goes after its horizon, and after all batches of its transaction.
    fn check_marker(&self, context: &Context<'_>, findings: &mut Findings, pair: &Pair<'_>) {
        let had = pair.before.as_ref().is_some_and(|records| !records.is_empty());
        let has = pair.after.is_some_and(|after| !after.records.is_empty());
        let marker = pair.written;
        if !is_marker(marker.kind) || !had || has {
            return;
        }
        let left = self.left_of_transaction(marker);
        let early = pair.horizon.is_none_or(|horizon| horizon > self.round.at);
        if left.is_some() || early {
            let place = (self.round.partition, marker.base_offset, marker.last_offset);
            findings.report(context, &MARKER, place, || {
                let why = left.map_or_else(
                    || "before its horizon".to_owned(),
                    |left| format!("and left the batch at {left} of its transaction"),
                );
                format!("node {} took the marker at {}, {why}", context.node, marker.base_offset)
            });
        }
    }

    /// The first batch of the transaction that a marker ends which is still there.
    fn left_of_transaction(&self, marker: &BatchSummary) -> Option<Offset> {
        let before = self.replica.log.between(Offset::ZERO, marker.base_offset);
        let own = before.iter().rev().map(|entry| &entry.batch);
        let mut own = own.filter(|batch| batch.producer_id == marker.producer_id);
        let left = own
            .by_ref()
            .take_while(|batch| batch.kind == BatchKind::Transactional)
            .filter(|batch| batch.last_offset >= self.replica.log_start_offset)
            .filter(|batch| self.stays(batch.base_offset));
        left.map(|batch| batch.base_offset).last()
    }

    /// Whether anything of a batch is there when the segment is in its place.
    fn stays(&self, base: Offset) -> bool {
        if base >= self.round.from && base < self.round.to {
            return self.after.contains_key(&base);
        }
        !self.replica.holes.gone.contains(&base)
    }

    fn check_round_end(&self, context: &Context<'_>, findings: &mut Findings, pair: &Pair<'_>) {
        let ends = pair.written.last_offset.next() == self.round.upper;
        if ends && pair.before.is_some() && pair.after.is_none() {
            let base = pair.written.base_offset;
            let place = (self.round.partition, base, pair.written.last_offset);
            findings.report(context, &ROUND_END, place, || {
                format!(
                    "node {} left nothing of the batch at {base}, the last below {}",
                    context.node, self.round.upper
                )
            });
        }
    }

    /// The first batch of an epoch stays: by it alone those who copy the log know where that began.
    fn check_epoch_start(&self, context: &Context<'_>, findings: &mut Findings, pair: &Pair<'_>) {
        let (base, epoch) = (pair.written.base_offset, pair.written.leader_epoch);
        if pair.before.is_some() && pair.after.is_none() && self.begins_later_epoch(pair.written) {
            let place = (self.round.partition, base, pair.written.last_offset);
            findings.report(context, &EPOCH_START, place, || {
                format!(
                    "node {} left nothing of the batch at {base}, with which epoch {epoch} began",
                    context.node
                )
            });
        }
    }

    /// Whether a batch is the first of its epoch in what the log has had.
    fn begins_later_epoch(&self, batch: &BatchSummary) -> bool {
        let before = self.replica.log.between(self.replica.log_start_offset, batch.base_offset);
        before.last().is_some_and(|it| it.batch.leader_epoch < batch.leader_epoch)
    }

    /// The last batch of each producer stays.
    fn check_producers(&self, context: &Context<'_>, findings: &mut Findings) {
        if context.view.producers_expire() {
            return;
        }
        for (producer, batch) in last_batches(&self.replica.log) {
            let base = batch.base_offset;
            let inside = base >= self.round.from && base < self.round.to;
            let had = !self.replica.holes.gone.contains(&base);
            if inside && had && !self.after.contains_key(&base) {
                let place = (self.round.partition, base, batch.last_offset);
                findings.report(context, &PRODUCER, place, || {
                    format!(
                        "node {} left nothing of the batch at {base}, the last of producer {producer}",
                        context.node
                    )
                });
            }
        }
    }
}

pub(super) fn is_marker(kind: BatchKind) -> bool {
    matches!(kind, BatchKind::CommitMarker | BatchKind::AbortMarker | BatchKind::Control)
}

/// The last batch with records of each producer, unless a marker of another epoch follows.
fn last_batches(log: &LogMirror) -> BTreeMap<ProducerId, BatchSummary> {
    let mut last: BTreeMap<ProducerId, (ProducerEpoch, Option<BatchSummary>)> = BTreeMap::new();
    for entry in log.entries() {
        let batch = entry.batch;
        if batch.producer_id == ProducerId::NONE || batch.kind == BatchKind::Control {
            continue;
        }
        let (epoch, known) = last.entry(batch.producer_id).or_insert((batch.producer_epoch, None));
        if is_marker(batch.kind) {
            if *epoch != batch.producer_epoch {
                (*epoch, *known) = (batch.producer_epoch, None);
            }
        } else {
            (*epoch, *known) = (batch.producer_epoch, Some(batch));
        }
    }
    last.into_iter().filter_map(|(id, (_, batch))| Some((id, batch?))).collect()
}

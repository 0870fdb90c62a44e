//! What replicas know of producers, and where their ids come from.
//!
//! Promise: a replica that opened or cut its log, or begins to lead, knows of each producer what its own log tells:
//! newest epoch, last sequence. It comes from the log or from a snapshot, and both say the same, so a retry after a
//! failover is recognised. It forgets only who has no transaction open and has rested for
//! `producer.id.expiration.ms`, by the time of its newest batch or marker. A fresh producer id is given once, out of a
//! block that the controller allocated; blocks never overlap.
//! Source: KIP-98, KIP-730, KIP-854; `ProducerStateManager`, `ProducerIdControlManager`.
//! Not verified: producers whose records are deleted at a replica that has lost power since; that those who have
//! rested for long enough are forgotten, and what is known of them when a log is opened.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::{BatchKind, BatchSummary, KnownProducer};
use harrow_broker_model::types::{
    NodeId, Offset, ProducerEpoch, ProducerId, Sequence, TopicPartition, WallTime,
};

use crate::view::ReplicaView;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};
use crate::watch::log_transactions::LogTransactions;

const FORGOTTEN: Anomaly = Anomaly {
    name: "producer-state-mismatch",
    guarantee: Guarantee::Ordering,
    meaning: "a replica knows other producers or sequences than its own log has",
};
const OVERLAP: Anomaly = Anomaly {
    name: "producer-id-block-overlap",
    guarantee: Guarantee::Ordering,
    meaning: "the controller allocated producer ids that it had allocated before",
};
const REUSED: Anomaly = Anomaly {
    name: "producer-id-reused",
    guarantee: Guarantee::Ordering,
    meaning: "a fresh producer id was given twice, or was not allocated",
};

const EARLY: Anomaly = Anomaly {
    name: "producer-expired-early",
    guarantee: Guarantee::Ordering,
    meaning: "a replica forgot a producer that had not rested for long enough, or has a transaction open",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "producer-state",
    promise: "replicas know producers as their logs do, for long enough, and an id has one owner",
    source: "KIP-98, KIP-730, KIP-854, ProducerStateManager",
    leaves_out: "producers whose records are deleted at a replica that has lost power since",
    anomalies: &[FORGOTTEN, OVERLAP, REUSED, EARLY],
};

/// Producer ids that exist.
#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    /// First id that is not allocated.
    next: i64,
    given: BTreeSet<ProducerId>,
}

impl ProducerIds {
    /// A block was allocated; it ends before `next`.
    pub(super) fn on_allocated(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        next: i64,
    ) {
        let before = self.next;
        if next <= before {
            findings.report(context, &OVERLAP, TopicPartition::METADATA, || {
                format!("producer ids below {next} are allocated after those below {before}")
            });
        }
        self.next = before.max(next);
    }

    /// A broker gave an id out.
    pub(super) fn on_given(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        id: ProducerId,
        epoch: ProducerEpoch,
    ) {
        if epoch == ProducerEpoch(0) && (!self.given.insert(id) || id.0 >= self.next) {
            findings.report(context, &REUSED, Place::CLUSTER, || {
                format!(
                    "node {} assigned producer id {id}; allocated are those below {}",
                    context.node, self.next
                )
            });
        }
    }
}

/// Where the logs of replicas ended when they forgot producers.
#[derive(Debug, Default)]
pub(super) struct Forgotten {
    at: BTreeMap<(NodeId, TopicPartition), Ends>,
}

type Ends = BTreeMap<ProducerId, Offset>;

/// A replica that opened or cut its log, or begins to lead, knows these producers.
pub(super) fn on_known(
    context: &Context<'_>,
    findings: &mut Findings,
    forgotten: &mut Forgotten,
    (partition, producers): (TopicPartition, &[KnownProducer]),
) {
    let replica = context.view.replica(context.node, partition);
    let log = replica.map(|replica| &replica.log);
    let in_log = replica.map(|it| producers_in(it, true, None)).unwrap_or_default();
    // Who was forgotten may be known by what came after that alone.
    let ends = forgotten.known(context, partition, (&in_log, producers));
    let since = replica.zip(ends);
    let since = since.map(|(it, ends)| producers_in(it, true, Some(ends))).unwrap_or_default();
    let once = replica.zip(ends).map(|(it, ends)| states_in(it, ends)).unwrap_or_default();
    // A replica that knows more of a producer has it from when that was there.
    let cleaned = replica.is_some_and(|it| !it.holes.is_empty());
    let was_in_log = replica.filter(|_| cleaned).map(|it| producers_in(it, false, None));
    let demanded_from = replica.map_or(Offset::ZERO, |replica| replica.producers_from);
    let from_start = log.is_none_or(|log| log.start() == Offset::ZERO);
    let known: BTreeMap<ProducerId, State> = producers
        .iter()
        .map(|known| (known.producer_id, (known.producer_epoch, known.last_sequence)))
        .collect();
    let expire = context.view.producers_expire();
    let expired = |id: &ProducerId| expire && !known.contains_key(id);
    let knows = |id: &ProducerId, logged: &LoggedProducer| {
        let most = was_in_log.as_ref().and_then(|it| it.get(id)).unwrap_or(logged);
        let anew = since.get(id).map(|since| since.state);
        known.get(id).is_some_and(|state| {
            (logged.state..=most.state).contains(state)
                || anew == Some(*state)
                || once.contains(&(*id, *state))
        })
    };
    let lacking = in_log
        .iter()
        .find(|(id, logged)| logged.end > demanded_from && !knows(id, logged) && !expired(id));
    let all = was_in_log.as_ref().unwrap_or(&in_log);
    let foreign = known.iter().find(|(id, _)| from_start && !all.contains_key(id));
    if let Some((id, LoggedProducer { state: (epoch, sequence), .. })) = lacking {
        findings.report(context, &FORGOTTEN, partition, || {
            let knows = known.get(id).map_or_else(
                || "does not know it".to_owned(),
                |(epoch, sequence)| format!("knows epoch {epoch} sequence {sequence}"),
            );
            format!(
                "the log of node {} ends producer {id} at epoch {epoch} sequence {sequence}; it {knows}",
                context.node
            )
        });
    } else if let Some((id, _)) = foreign {
        findings.report(context, &FORGOTTEN, partition, || {
            format!("node {} knows producer {id}, of which its log has nothing", context.node)
        });
    }
}

/// What a log told at any time of producers that were forgotten: a snapshot of then may be all that is read when the
/// log is cut while nobody is known, and what it holds may be of younger times, by clients' clocks, than what followed.
/// Source: `UnifiedLog.rebuildProducerState`, which reads no records if the state was empty before.
fn states_in(replica: &ReplicaView, forgotten: &Ends) -> BTreeSet<(ProducerId, State)> {
    let batches = replica.log.entries().iter().map(|entry| &entry.batch);
    let of_them = batches.filter(|batch| forgotten.contains_key(&batch.producer_id));
    of_them.filter_map(|batch| Some((batch.producer_id, state_after(batch)?))).collect()
}

impl Forgotten {
    /// What a replica has forgotten, now that it says whom it knows: when it opens or cuts its log, it leaves out who
    /// has rested for long enough.
    fn known(
        &mut self,
        context: &Context<'_>,
        partition: TopicPartition,
        (in_log, known): (&BTreeMap<ProducerId, LoggedProducer>, &[KnownProducer]),
    ) -> Option<&Ends> {
        if !context.view.producers_expire() {
            return None;
        }
        let end = context.view.replica(context.node, partition)?.log.end();
        let ends = self.at.entry((context.node, partition)).or_default();
        for forgotten in ends.values_mut() {
            *forgotten = end.min(*forgotten);
        }
        let is_known = |id: &ProducerId| known.iter().any(|known| known.producer_id == *id);
        ends.extend(in_log.keys().filter(|id| !is_known(id)).map(|id| (*id, end)));
        Some(ends)
    }

    /// A replica forgot producers, by its clock at a time.
    pub(super) fn on_expired(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        (producers, at): (&[ProducerId], WallTime),
    ) {
        let Some(replica) = context.view.replica(context.node, partition) else { return };
        let open = LogTransactions::of(&replica.log);
        let expiration_ms =
            i64::try_from(context.view.producer_expiration_ms()).unwrap_or(i64::MAX);
        let rests_since = at.0.saturating_sub(expiration_ms);
        let ends = self.at.entry((context.node, partition)).or_default();
        for id in producers {
            ends.insert(*id, replica.log.end());
            let newest = newest_time(replica, *id);
            let is_open = open.first_open_of(*id, replica).is_some();
            if is_open || newest.is_some_and(|newest| newest.0 > rests_since) {
                findings.report(context, &EARLY, partition, || {
                    let why =
                        if is_open { "a transaction open" } else { "not rested for long enough" };
                    format!("node {} forgot producer {id}, which has {why}", context.node)
                });
            }
        }
    }
}

/// The time of a producer's newest batch or marker, of what a replica has of it.
fn newest_time(replica: &ReplicaView, id: ProducerId) -> Option<WallTime> {
    let holes = &replica.holes;
    let mut newest = replica.log.entries().iter().rev().map(|entry| &entry.batch);
    let newest = newest.find(|it| it.producer_id == id && !holes.gone.contains(&it.base_offset))?;
    let cleaned = holes.changed.get(&newest.base_offset).map(|left| left.batch.max_timestamp);
    Some(cleaned.unwrap_or(newest.max_timestamp))
}

/// Newest epoch and last sequence.
type State = (ProducerEpoch, Sequence);

/// What a log tells of a producer.
#[derive(Debug, Clone, Copy)]
struct LoggedProducer {
    state: State,
    /// Where what tells so ends.
    end: Offset,
}

/// What a log tells of its producers' records: of deleted ones, too, and of those that the cleaner took only if it is
/// not asked for what is left; with `since`, only from those ends on.
fn producers_in(
    replica: &ReplicaView,
    left: bool,
    since: Option<&Ends>,
) -> BTreeMap<ProducerId, LoggedProducer> {
    let mut in_log: BTreeMap<ProducerId, LoggedProducer> = BTreeMap::new();
    let gone = |base: Offset| left && replica.holes.gone.contains(&base);
    for entry in replica.log.entries().iter().filter(|it| !gone(it.batch.base_offset)) {
        let batch = &entry.batch;
        let from = since.and_then(|ends| ends.get(&batch.producer_id));
        if from.is_some_and(|from| batch.base_offset < *from) {
            continue;
        }
        let Some(state) = state_after(batch) else { continue };
        let logged = LoggedProducer { state, end: entry.end() };
        let known = in_log.entry(batch.producer_id).or_insert(logged);
        // A marker of another epoch leaves no batch that is remembered.
        if !is_marker(batch) || known.state.0 != batch.producer_epoch {
            *known = logged;
        }
    }
    in_log
}

fn is_marker(batch: &BatchSummary) -> bool {
    matches!(batch.kind, BatchKind::CommitMarker | BatchKind::AbortMarker)
}

/// What a batch or a marker tells of its producer, if nothing is known from before.
fn state_after(batch: &BatchSummary) -> Option<State> {
    if is_marker(batch) {
        return Some((batch.producer_epoch, Sequence::NONE));
    }
    let records = matches!(batch.kind, BatchKind::Plain | BatchKind::Transactional);
    let span = (batch.last_offset.0 - batch.base_offset.0) as i32;
    // A coordinator gives no sequences to what a transaction commits through it.
    let numbered = batch.base_sequence.0 >= 0;
    let last = if numbered { batch.base_sequence.plus(span) } else { Sequence::NONE };
    (records && batch.producer_id != ProducerId::NONE).then_some((batch.producer_epoch, last))
}

//! The last stable offset, and what it keeps from consumers.
//!
//! Promise: a replica's last stable offset is never above its first record of an open transaction nor above a leader's
//! high watermark, and a leader's never falls within an epoch. A consumer with `read_committed` is given nothing from
//! the first record of an open transaction on, and told no end behind it and no record from it on; records of aborted
//! transactions only with the mention that makes it leave them out; and no such mention of others. Records below a
//! replica's log start are deleted, those of open transactions, too: the last stable offset goes on to the log start,
//! at least. So are those that a cleaner took before the replica copied what it left of the transaction.
//! Source: KIP-98; `UnifiedLog.lastStableOffset`, `UnifiedLog.maybeIncrementFirstUnstableOffset`, `TransactionIndex`,
//! `CompletedFetch.consumeAbortedTransactionsUpTo`.
//! Not verified: that the last stable offset rises as early as it may; consumers with `read_uncommitted`.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::{
    AbortedTransaction, BatchKind, BatchSummary, ConsumerNote, IsolationLevel,
};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, ProducerId, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::log_transactions::LogTransactions;

const PAST: Anomaly = Anomaly {
    name: "read-past-lso",
    guarantee: Guarantee::Visibility,
    meaning: "a consumer with read_committed was given records at or above one of an open transaction",
};
const TOLD: Anomaly = Anomaly {
    name: "offset-past-lso",
    guarantee: Guarantee::Visibility,
    meaning: "a client with read_committed was told an end or an offset for a time behind the first record of an open \
              transaction",
};
const ABORTED: Anomaly = Anomaly {
    name: "G1a",
    guarantee: Guarantee::Visibility,
    meaning: "a consumer with read_committed was given records of an aborted transaction as if they counted",
};
const HIDDEN: Anomaly = Anomaly {
    name: "read-hides-committed",
    guarantee: Guarantee::Visibility,
    meaning: "a consumer with read_committed got a committed transaction as an aborted one",
};
const AHEAD: Anomaly = Anomaly {
    name: "lso-ahead",
    guarantee: Guarantee::Visibility,
    meaning: "a last stable offset is above a record of an open transaction or above the high watermark",
};
const REGRESS: Anomaly = Anomaly {
    name: "lso-regress-same-epoch",
    guarantee: Guarantee::Visibility,
    meaning: "a leader's last stable offset fell within one epoch",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "last-stable-offset",
    promise: "read_committed shows what is decided and committed, all of it and nothing else",
    source: "KIP-98, UnifiedLog.lastStableOffset",
    leaves_out: "that the last stable offset rises as early as it may",
    anomalies: &[PAST, TOLD, ABORTED, HIDDEN, AHEAD, REGRESS],
};

/// Open and ended transactions of logs that were asked about.
#[derive(Debug, Default)]
pub(super) struct StableOffsets {
    committed: BTreeMap<TopicPartition, LogTransactions>,
    replicas: BTreeMap<(TopicPartition, NodeId), LogTransactions>,
    led: BTreeMap<(TopicPartition, NodeId), (LeaderEpoch, Offset)>,
}

/// What a consumer with `read_committed` was given.
#[derive(Debug, Clone, Copy)]
pub(super) struct Served<'a> {
    pub(super) partition: TopicPartition,
    pub(super) epoch: LeaderEpoch,
    pub(super) batches: &'a [BatchSummary],
    pub(super) aborted: &'a [AbortedTransaction],
}

/// Up to which record a client with `read_committed` was told of a log, in an epoch of its leader.
#[derive(Debug, Clone, Copy)]
pub(super) struct CommittedBound {
    pub(super) partition: TopicPartition,
    pub(super) epoch: LeaderEpoch,
    pub(super) covers: Offset,
}

impl CommittedBound {
    /// What an answer says; nothing if it is no such answer, or tells of no record.
    pub(super) fn by(note: &ConsumerNote) -> Option<Self> {
        let committed = IsolationLevel::ReadCommitted;
        let (partition, epoch, covers) =
            if let ConsumerNote::EndOffsetServed {
                partition, leader_epoch, isolation, offset, ..
            } = note
                && *isolation == committed
            {
                (*partition, *leader_epoch, offset.plus(-1))
            } else if let ConsumerNote::TimedOffsetServed {
                partition,
                leader_epoch,
                isolation,
                offset,
                ..
            } = note
                && *isolation == committed
            {
                (*partition, *leader_epoch, *offset)
            } else {
                return None;
            };
        (covers >= Offset::ZERO).then_some(Self { partition, epoch, covers })
    }
}

/// Where a replica's last stable offset went.
#[derive(Debug, Clone, Copy)]
pub(super) struct StableMove {
    pub(super) partition: TopicPartition,
    pub(super) epoch: LeaderEpoch,
    pub(super) as_leader: bool,
    pub(super) to: Offset,
}

impl StableOffsets {
    /// A process starts: its leaders' last stable offsets start anew.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.led.retain(|(_, leader), _| *leader != node);
    }

    /// A consumer with `read_committed` was given records.
    pub(super) fn on_served(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        served: Served<'_>,
    ) {
        let Some(view) = context.view.partition(served.partition) else { return };
        if view.lost_since(served.epoch) {
            return;
        }
        let stability = self.committed.entry(served.partition).or_default();
        stability.follow(&view.committed);
        let replica = context.view.replica(context.node, served.partition);
        let log_start = replica.map_or(Offset::ZERO, |it| it.log_start_offset);
        let undecided = stability.first_undecided(log_start);
        let mut filter = Filter::new(served.aborted);
        for batch in served.batches {
            let left_out = filter.leaves_out(batch);
            // What is not committed at all is the read rule's.
            if batch.last_offset >= view.committed.end() {
                return;
            }
            let place = (served.partition, batch.base_offset, batch.last_offset);
            let gave = format_args!("node {} gave offset {}", context.node, batch.base_offset);
            if let Some(undecided) = undecided.filter(|first| *first <= batch.last_offset) {
                findings.report(context, &PAST, place, || {
                    format!("{gave} with read_committed; a transaction is open since {undecided}")
                });
                continue;
            }
            let aborted = stability.is_aborted(batch);
            if aborted == Some(true) && !left_out {
                findings.report(context, &ABORTED, place, || {
                    format!("{gave} of an aborted transaction of producer {}", batch.producer_id)
                });
            } else if aborted == Some(false) && left_out {
                findings.report(context, &HIDDEN, place, || {
                    format!("{gave} as aborted; producer {} committed it", batch.producer_id)
                });
            }
        }
    }

    /// A client with `read_committed` was told the end of what it may read, or where the first record is of a time.
    pub(super) fn on_told(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        CommittedBound { partition, epoch, covers }: CommittedBound,
    ) {
        let Some(view) = context.view.partition(partition) else { return };
        if view.lost_since(epoch) {
            return;
        }
        let stability = self.committed.entry(partition).or_default();
        stability.follow(&view.committed);
        let replica = context.view.replica(context.node, partition);
        let log_start = replica.map_or(Offset::ZERO, |it| it.log_start_offset);
        let undecided = stability.first_undecided(log_start).filter(|first| *first <= covers);
        if let Some(undecided) = undecided {
            findings.report(context, &TOLD, (partition, undecided, covers), || {
                format!(
                    "node {} told a client with read_committed of offset {covers}; a transaction is open since \
                     {undecided}",
                    context.node
                )
            });
        }
    }

    /// A replica's last stable offset moved.
    pub(super) fn on_moved(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        moved: StableMove,
    ) {
        let StableMove { partition, epoch, as_leader, to } = moved;
        let Some(replica) = context.view.replica(context.node, partition) else { return };
        let key = (partition, context.node);
        let stability = self.replicas.entry(key).or_default();
        stability.follow(&replica.log);
        let undecided = stability.first_undecided_at(replica);
        let high_watermark = Some(replica.high_watermark).filter(|_| as_leader);
        let limit = undecided.into_iter().chain(high_watermark).min();
        if let Some(limit) = limit.filter(|limit| to > *limit) {
            findings.report(context, &AHEAD, (partition, limit, to), || {
                format!("node {}: last stable offset {to}, stable up to {limit}", context.node)
            });
        }
        if !as_leader {
            return;
        }
        let before = self.led.insert(key, (epoch, to));
        if let Some((_, before)) = before.filter(|(led_in, at)| *led_in == epoch && to < *at) {
            findings.report(context, &REGRESS, (partition, to, before), || {
                format!(
                    "leader {}: last stable offset fell from {before} to {to} in epoch {epoch}",
                    context.node
                )
            });
        }
    }
}

/// Leaves records out as a consumer does.
struct Filter<'a> {
    mentioned: &'a [AbortedTransaction],
    /// Mentions whose abort marker has been passed.
    used: Vec<bool>,
    aborting: BTreeSet<ProducerId>,
}

impl<'a> Filter<'a> {
    fn new(mentioned: &'a [AbortedTransaction]) -> Self {
        Self { mentioned, used: vec![false; mentioned.len()], aborting: BTreeSet::new() }
    }

    fn leaves_out(&mut self, batch: &BatchSummary) -> bool {
        for (mention, used) in self.mentioned.iter().zip(&mut self.used) {
            if !*used && mention.first_offset <= batch.last_offset {
                *used = true;
                self.aborting.insert(mention.producer_id);
            }
        }
        if batch.kind == BatchKind::AbortMarker {
            self.aborting.remove(&batch.producer_id);
        }
        batch.kind == BatchKind::Transactional && self.aborting.contains(&batch.producer_id)
    }
}

//! How often a record is delivered, and how many are in flight.
//!
//! Promise: a leader counts each delivery of a record, delivers it at most `group.share.delivery.count.limit` times,
//! and has at most `group.share.partition.max.record.locks` offsets in flight. Source: KIP-932,
//! `SharePartition.acquire`. A new leader goes on from what was stored last: else a record that nobody can do comes
//! back as often as that from each leader. Source: `SharePartition.maybeInitialize`.
//! Not verified: deliveries of former leaders that were not stored, which are lost with them; and what was stored, once
//! a partition of `__share_group_state` has lost committed records.

use std::collections::BTreeMap;

use harrow_broker_model::config::ShareGroupConfig;
use harrow_broker_model::note::ShareNote;
use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use super::stored::StoredCounts;
use crate::violation::Guarantee;
use crate::watch::due::internal_partition;
use crate::watch::exchange::CoordinatorKind;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const BROKEN: Anomaly = Anomaly {
    name: "share-count-broken",
    guarantee: Guarantee::Offsets,
    meaning: "a record of a share group was delivered again without being counted, or beyond the limit",
};
const FORGOTTEN: Anomaly = Anomaly {
    name: "share-count-forgotten",
    guarantee: Guarantee::Offsets,
    meaning: "a new leader delivered a record of a share group as if it had been delivered less often than was stored",
};
const WINDOW: Anomaly = Anomaly {
    name: "share-window-broken",
    guarantee: Guarantee::Offsets,
    meaning: "a share-partition has more records in flight than it may",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "share-count",
    promise: "deliveries are counted and bounded, and so are records in flight",
    source: "KIP-932",
    leaves_out: "deliveries of former leaders that were not stored",
    anomalies: &[BROKEN, FORGOTTEN, WINDOW],
};

/// Counts of one share-partition, as its leader of this epoch has stated them.
#[derive(Debug)]
struct Counted {
    epoch: LeaderEpoch,
    /// What was stored before.
    stored: BTreeMap<Offset, u32>,
    counts: BTreeMap<Offset, u32>,
}

/// Counts, by share-partition.
#[derive(Debug)]
pub(super) struct Counts {
    config: ShareGroupConfig,
    known: BTreeMap<(String, TopicPartition), Counted>,
    stored: StoredCounts,
}

impl Counts {
    pub(super) fn new(config: ShareGroupConfig) -> Self {
        Self { config, known: BTreeMap::new(), stored: StoredCounts::default() }
    }

    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &ShareNote,
    ) {
        let key = |group: &String, partition: &TopicPartition| (group.clone(), *partition);
        match note {
            ShareNote::Loaded { group, partition, leader_epoch, .. } => {
                self.on_loaded(context, key(group, partition), *leader_epoch);
            }
            ShareNote::Acquired {
                group,
                partition,
                leader_epoch,
                first,
                last,
                delivery_count,
                in_flight,
                ..
            } => {
                let (key, range) = (key(group, partition), (*first, *last));
                self.check_window(context, findings, (&key, range), *in_flight);
                let acquired = (*leader_epoch, range, *delivery_count);
                self.on_acquired(context, findings, &key, acquired);
            }
            ShareNote::StateAppended {
                group,
                partition,
                leader_epoch,
                at,
                start_offset,
                batches,
            } => {
                let record = (context.node, *at, *leader_epoch);
                self.stored.appended(key(group, partition), record, (*start_offset, batches));
            }
            ShareNote::StateWritten { group, partition, at, .. } => {
                self.stored.committed(&key(group, partition), (context.node, *at));
            }
            ShareNote::AcknowledgementTaken { .. }
            | ShareNote::AcknowledgementAnswered { .. }
            | ShareNote::LockEnded { .. }
            | ShareNote::StartOffsetMoved { .. }
            | ShareNote::SessionOpened { .. }
            | ShareNote::SessionClosed { .. }
            | ShareNote::StateRead { .. }
            | ShareNote::Fenced { .. } => {}
        }
    }

    fn on_loaded(
        &mut self,
        context: &Context<'_>,
        key: (String, TopicPartition),
        epoch: LeaderEpoch,
    ) {
        let is_older = |known: &Counted| epoch < known.epoch;
        if self.known.get(&key).is_some_and(is_older) {
            return;
        }
        let kept = !self.has_lost(context);
        let stored = if kept { self.stored.before(&key, epoch) } else { BTreeMap::new() };
        self.known.insert(key, Counted { epoch, stored, counts: BTreeMap::new() });
    }

    /// Whether what share coordinators had committed may be gone.
    fn has_lost(&self, context: &Context<'_>) -> bool {
        let partitions = 0..self.config.state_topic.partitions as i32;
        let place = |index| internal_partition(context.view, CoordinatorKind::Share, index);
        let mut views = partitions.filter_map(|index| context.view.partition(place(index)?));
        views.any(|view| view.lost_in.is_some())
    }

    fn check_window(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        ((group, partition), (first, last)): (&(String, TopicPartition), (Offset, Offset)),
        in_flight: u32,
    ) {
        let window = self.config.partition_max_record_locks;
        if in_flight > window {
            findings.report(context, &WINDOW, (*partition, first, last), || {
                format!("group {group}: {in_flight} offsets are in flight, {window} may be")
            });
        }
    }

    fn on_acquired(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        key: &(String, TopicPartition),
        (epoch, (first, last), count): (LeaderEpoch, (Offset, Offset), u32),
    ) {
        let (limit, (group, partition)) = (self.config.delivery_count_limit, key);
        let known = self.known.get_mut(key).filter(|known| known.epoch == epoch);
        let Some(known) = known else { return };
        for offset in (first.0..=last.0).map(Offset) {
            let before = known.counts.insert(offset, count).unwrap_or(0);
            let stored = known.stored.get(&offset).copied().unwrap_or(0);
            let place = (*partition, offset, offset);
            if count <= before || count > limit {
                findings.report(context, &BROKEN, place, || {
                    format!(
                        "group {group}: delivery {count} of offset {offset} after {before}, at most {limit}"
                    )
                });
            } else if count <= stored {
                findings.report(context, &FORGOTTEN, place, || {
                    format!(
                        "group {group}: delivery {count} of offset {offset}, of which {stored} were stored before"
                    )
                });
            }
        }
    }
}

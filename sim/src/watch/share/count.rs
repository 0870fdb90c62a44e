//! How often a record is delivered, and how many are in flight.
//!
//! Promise: a leader counts each delivery of a record, delivers it at most `group.share.delivery.count.limit` times,
//! and has at most `group.share.partition.max.record.locks` offsets in flight. Source: KIP-932,
//! `SharePartition.acquire`.
//! Not verified: counts over changes of the leader: those of deliveries that were not stored are lost.

use std::collections::BTreeMap;

use harrow_broker_model::config::ShareGroupConfig;
use harrow_broker_model::note::ShareNote;
use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const BROKEN: Anomaly = Anomaly {
    name: "share-count-broken",
    guarantee: Guarantee::Offsets,
    meaning: "a record of a share group was delivered again without being counted, or beyond the limit",
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
    leaves_out: "counts over changes of the leader",
    anomalies: &[BROKEN, WINDOW],
};

/// Counts of one share-partition, as its leader of this epoch has stated them.
#[derive(Debug)]
struct Counted {
    epoch: LeaderEpoch,
    counts: BTreeMap<Offset, u32>,
}

/// Counts, by share-partition.
#[derive(Debug)]
pub(super) struct Counts {
    config: ShareGroupConfig,
    known: BTreeMap<(String, TopicPartition), Counted>,
}

impl Counts {
    pub(super) fn new(config: ShareGroupConfig) -> Self {
        Self { config, known: BTreeMap::new() }
    }

    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &ShareNote,
    ) {
        let key = |group: &String, partition: &TopicPartition| (group.clone(), *partition);
        if let ShareNote::Loaded { group, partition, leader_epoch, .. } = note {
            let fresh = Counted { epoch: *leader_epoch, counts: BTreeMap::new() };
            let known = self
                .known
                .entry(key(group, partition))
                .or_insert_with(|| Counted { epoch: LeaderEpoch::NONE, counts: BTreeMap::new() });
            if *leader_epoch >= known.epoch {
                *known = fresh;
            }
        }
        let ShareNote::Acquired {
            group,
            partition,
            leader_epoch,
            first,
            last,
            delivery_count,
            in_flight,
            ..
        } = note
        else {
            return;
        };
        let limit = self.config.delivery_count_limit;
        let window = self.config.partition_max_record_locks;
        if *in_flight > window {
            findings.report(context, &WINDOW, (*partition, *first, *last), || {
                format!("group {group}: {in_flight} offsets are in flight, {window} may be")
            });
        }
        let known = self.known.get_mut(&key(group, partition));
        let Some(known) = known.filter(|known| known.epoch == *leader_epoch) else { return };
        for offset in (first.0..=last.0).map(Offset) {
            let before = known.counts.insert(offset, *delivery_count).unwrap_or(0);
            if *delivery_count <= before || *delivery_count > limit {
                findings.report(context, &BROKEN, (*partition, offset, offset), || {
                    format!(
                        "group {group}: delivery {delivery_count} of offset {offset} after {before}, at most {limit}"
                    )
                });
            }
        }
    }
}

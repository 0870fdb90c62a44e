//! Log matching: what is committed at an offset is the same in every log that may matter.
//!
//! Promise: a batch that a node appends in the newest epoch, below the committed end, is the committed one; two batches
//! with equal first offset and epoch are the same batch; appends are at the log end; epochs within a log never fall and
//! are never above the epoch in which the node acts; and where an epoch begins in a log, it begins with the first batch
//! that its leader appended: else the log has something of an earlier epoch in the place of what came first in this
//! one, and nobody who compares epochs and ends will ever notice. That holds when a log is opened, too.
//! Source: KIP-101; `LogMatchingProperty` and `inv_true_hw` of the KIP-966 TLA+ specification.
//! Not verified: bytes (checksums stand for them); what a node appends while it follows a leader whose epoch is over.

use std::collections::BTreeMap;

use harrow_broker_model::note::BatchSummary;
use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use crate::view::{PartitionView, Reopening, ReplicaView};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const MISMATCH: Anomaly = Anomaly {
    name: "log-matching",
    guarantee: Guarantee::Replication,
    meaning: "two logs hold different records where they must be equal",
};
const MISPLACED: Anomaly = Anomaly {
    name: "append-not-at-end",
    guarantee: Guarantee::Offsets,
    meaning: "a batch was appended elsewhere than at the log end",
};
const EPOCH: Anomaly = Anomaly {
    name: "record-epoch-order",
    guarantee: Guarantee::Ordering,
    meaning: "a batch's epoch is below that of the batch before it, or above the epoch in which the node acts",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "log-matching",
    promise: "replicas agree on what is committed, and one epoch has one record at an offset",
    source: "KIP-101, LogMatchingProperty",
    leaves_out: "bytes, for which checksums stand; appends under a leader whose epoch is over",
    anomalies: &[MISMATCH, MISPLACED, EPOCH],
};

/// What each epoch has at each offset.
#[derive(Debug, Default)]
pub(super) struct LogMatching {
    epochs: BTreeMap<TopicPartition, Vec<EpochBatches>>,
}

#[derive(Debug)]
struct EpochBatches {
    epoch: LeaderEpoch,
    batches: Vec<(Offset, u32)>,
}

impl LogMatching {
    pub(super) fn on_append(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        batch: &BatchSummary,
        acting: LeaderEpoch,
    ) {
        let place = (partition, batch.base_offset, batch.last_offset);
        if let Some(view) = context.view.partition(partition) {
            let before = check_place(context, findings, view, batch, acting);
            check_committed(context, findings, view, batch, acting);
            if before.is_some_and(|before| before < batch.leader_epoch) {
                self.check_beginning(context, findings, partition, batch);
            }
        }
        if let Some(other) = self.remember(partition, batch) {
            findings.report(context, &MISMATCH, place, || {
                format!(
                    "node {} appended checksum {:#010x} at offset {}, where epoch {} has {other:#010x}",
                    context.node, batch.checksum, batch.base_offset, batch.leader_epoch
                )
            });
        }
    }

    /// A node opened its log, which holds these batches.
    pub(super) fn on_recovered(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        batches: &[BatchSummary],
    ) {
        for pair in batches.windows(2).filter(|pair| pair[0].leader_epoch < pair[1].leader_epoch) {
            self.check_beginning(context, findings, partition, &pair[1]);
        }
    }

    /// In a log, the batch follows one of an earlier epoch: its epoch has none before it.
    fn check_beginning(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        batch: &BatchSummary,
    ) {
        let epochs = self.epochs.get(&partition).map_or(&[][..], Vec::as_slice);
        let epoch = batch.leader_epoch;
        let known = epochs.binary_search_by_key(&epoch, |known| known.epoch);
        let first = known.ok().and_then(|index| epochs[index].batches.first());
        let Some((first, _)) = first.filter(|(first, _)| *first < batch.base_offset) else {
            return;
        };
        // What a leader has deleted nobody compares with.
        let view = context.view.partition(partition);
        let deleted = view.is_some_and(|view| {
            let begins = |it: &ReplicaView| it.log_start_offset >= batch.base_offset;
            view.replicas().iter().any(begins)
        });
        if context.view.states_all() && !deleted {
            let place = (partition, *first, batch.base_offset.plus(-1));
            findings.report(context, &MISMATCH, place, || {
                format!(
                    "node {} has epoch {epoch} from {} on, after an earlier one; its leader began it at {first}",
                    context.node, batch.base_offset
                )
            });
        }
    }

    /// Notes the batch; gives the checksum of another one of the same epoch and place, if there is one.
    fn remember(&mut self, partition: TopicPartition, batch: &BatchSummary) -> Option<u32> {
        let epochs = self.epochs.entry(partition).or_default();
        let index = match epochs.binary_search_by_key(&batch.leader_epoch, |known| known.epoch) {
            Ok(index) => index,
            Err(index) => {
                epochs
                    .insert(index, EpochBatches { epoch: batch.leader_epoch, batches: Vec::new() });
                index
            }
        };
        let batches = &mut epochs[index].batches;
        if batches.last().is_none_or(|(newest, _)| *newest < batch.base_offset) {
            batches.push((batch.base_offset, batch.checksum));
            return None;
        }
        match batches.binary_search_by_key(&batch.base_offset, |(base, _)| *base) {
            Ok(found) => Some(batches[found].1).filter(|checksum| *checksum != batch.checksum),
            Err(position) => {
                batches.insert(position, (batch.base_offset, batch.checksum));
                None
            }
        }
    }
}

/// Gives the epoch of the batch before, if there is one and it is known.
fn check_place(
    context: &Context<'_>,
    findings: &mut Findings,
    view: &PartitionView,
    batch: &BatchSummary,
    acting: LeaderEpoch,
) -> Option<LeaderEpoch> {
    let place = (view.partition, batch.base_offset, batch.last_offset);
    let replica = view.replica(context.node);
    if replica.is_some_and(|replica| replica.reopening == Some(Reopening::Lossy)) {
        return None;
    }
    let end = replica.map_or(Offset::ZERO, |replica| replica.log.end());
    if batch.base_offset != end {
        findings.report(context, &MISPLACED, place, || {
            format!(
                "node {} appended at {}, its log ends at {end}",
                context.node, batch.base_offset
            )
        });
    }
    let before = last_epoch(replica);
    if batch.leader_epoch < before || batch.leader_epoch > acting {
        findings.report(context, &EPOCH, place, || {
            format!(
                "node {} acts in epoch {acting} and appended a batch of epoch {} after one of epoch {before}",
                context.node, batch.leader_epoch
            )
        });
    }
    Some(before).filter(|before| *before != LeaderEpoch::NONE)
}

fn last_epoch(replica: Option<&ReplicaView>) -> LeaderEpoch {
    let last = replica.and_then(|replica| replica.log.entries().last());
    last.map_or(LeaderEpoch::NONE, |entry| entry.batch.leader_epoch)
}

fn check_committed(
    context: &Context<'_>,
    findings: &mut Findings,
    view: &PartitionView,
    batch: &BatchSummary,
    acting: LeaderEpoch,
) {
    if batch.base_offset >= view.committed.end() || acting < view.committed_in {
        return;
    }
    let committed = view.committed.entry_at(batch.base_offset);
    if committed.is_some_and(|entry| entry.batch != *batch) {
        let place = (view.partition, batch.base_offset, batch.last_offset);
        findings.report(context, &MISMATCH, place, || {
            format!(
                "node {} appended other records at offset {} than those committed there",
                context.node, batch.base_offset
            )
        });
    }
}

//! What a consumer is given.
//!
//! Promise: every record served is committed and is the one committed at its offset; the batches of one answer follow
//! each other without a gap, from the offset asked for; an end offset is never above what is committed, and the
//! registered leader's answers never go back; who knows another epoch of the leader is refused; and a consumer is not
//! served on from the end of records that the log no longer has.
//! Source: KIP-101, KIP-207, KIP-320; `ConsistentRead` of the Kafka TLA+ specifications.
//! Not verified: records of an older epoch than the consumer read: a leader that does not know the newer epoch says
//! where the older one ends, and if that is not below the position, KIP-320 finds nothing; if it is, the consumer goes
//! on from there, whatever it had below (`SubscriptionState.maybeCompleteValidation`). Nor how far behind an answer
//! is; end offsets told by a leader whose
//! epoch is over may be behind.

use std::collections::BTreeMap;

use harrow_broker_model::note::{BatchSummary, IsolationLevel};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use crate::view::{LogMirror, PartitionView, ReplicaView};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const ABOVE: Anomaly = Anomaly {
    name: "read-above-true-hw",
    guarantee: Guarantee::Visibility,
    meaning: "a consumer was given records that are not committed",
};
const DIFFERS: Anomaly = Anomaly {
    name: "read-differs-from-committed",
    guarantee: Guarantee::Visibility,
    meaning: "a consumer was given other records than those committed at these offsets",
};
const GAP: Anomaly = Anomaly {
    name: "read-gap",
    guarantee: Guarantee::Offsets,
    meaning: "the batches of an answer do not follow each other from the offset asked for",
};
const END_ABOVE: Anomaly = Anomaly {
    name: "end-offset-above-commit",
    guarantee: Guarantee::Visibility,
    meaning: "a leader returned an end offset above what is committed",
};
const ACROSS: Anomaly = Anomaly {
    name: "read-across-truncation",
    guarantee: Guarantee::Offsets,
    meaning: "a consumer was served on from the end of records that are not in the log any more",
};
const UNFENCED: Anomaly = Anomaly {
    name: "unfenced-read",
    guarantee: Guarantee::Leadership,
    meaning: "a client that knows another epoch of the leader was served all the same",
};
const END_REGRESSION: Anomaly = Anomaly {
    name: "end-offset-regression",
    guarantee: Guarantee::Offsets,
    meaning: "a leader returned a lower end offset than was returned before",
};

const END_EARLY: Anomaly = Anomaly {
    name: "end-offset-too-early",
    guarantee: Guarantee::Offsets,
    meaning: "a leader returned an end offset before all that it had when it was elected was committed",
};
const END_DIFFERS: Anomaly = Anomaly {
    name: "end-offset-differs",
    guarantee: Guarantee::Visibility,
    meaning: "a leader returned an end offset of a log with other records than those committed below it",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "read-rule",
    promise: "clients see committed records only, each at its offset, in order",
    source: "KIP-101, KIP-207, KIP-320",
    leaves_out: "how far behind an answer is",
    anomalies: &[
        ABOVE,
        DIFFERS,
        GAP,
        END_ABOVE,
        END_REGRESSION,
        END_EARLY,
        END_DIFFERS,
        UNFENCED,
        ACROSS,
    ],
};

/// The highest end offset told of each partition, high watermarks and last stable offsets apart, and what each consumer
/// got.
#[derive(Debug, Default)]
pub(super) struct ReadRule {
    returned: BTreeMap<(TopicPartition, IsolationLevel), Offset>,
    given: BTreeMap<(NodeId, TopicPartition), ReceivedBatches>,
}

/// All that a consumer got of a partition, in order of the last offset; several batches where logs have parted.
#[derive(Debug, Default)]
struct ReceivedBatches {
    batches: Vec<ReceivedBatch>,
    /// Offsets of the longest: what ends farther behind an offset does not hold it.
    longest: i64,
    /// Where it was told last that the log was cut, and the newest epoch that it had read before.
    cut: Option<(Offset, LeaderEpoch)>,
}

/// What tells one batch from another, in little room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct ReceivedBatch {
    base_offset: Offset,
    last_offset: Offset,
    leader_epoch: LeaderEpoch,
    checksum: u32,
}

impl ReceivedBatch {
    fn of(batch: &BatchSummary) -> Self {
        let BatchSummary { base_offset, last_offset, leader_epoch, checksum, .. } = *batch;
        Self { base_offset, last_offset, leader_epoch, checksum }
    }
}

impl ReceivedBatches {
    fn take(&mut self, batch: ReceivedBatch) {
        self.longest = self.longest.max(batch.last_offset.0 - batch.base_offset.0);
        let batches = &mut self.batches;
        if batches.last().is_none_or(|last| last.last_offset < batch.last_offset) {
            return batches.push(batch);
        }
        let from = batches.partition_point(|known| known.last_offset < batch.last_offset);
        let same = |known: &&ReceivedBatch| known.last_offset == batch.last_offset;
        if !batches[from..].iter().take_while(same).any(|known| *known == batch) {
            batches.insert(from, batch);
        }
    }

    /// It was told that the log that it has read up to `position` was cut at `diverged_at`: where the newest epoch ends
    /// that the leader has, and that is not above its own. It asks for no older one.
    fn cut(&mut self, position: Offset, diverged_at: Offset) {
        let read = self.batches.iter().filter(|batch| batch.base_offset < position);
        self.cut = read.map(|batch| batch.leader_epoch).max().map(|newest| (diverged_at, newest));
    }

    /// Whether records right before the offset were given, and the log has others there. A consumer that read newer
    /// epochs cannot tell from older ones (KIP-320).
    fn parts_from(&self, log: &LogMirror, offset: Offset) -> bool {
        let Self { batches, longest, cut } = self;
        let behind = offset.plus(-1);
        if batches.is_empty() {
            return false;
        }
        let Some(before) = log.entry_at(behind).map(|entry| ReceivedBatch::of(&entry.batch)) else {
            return false;
        };
        let from = batches.partition_point(|known| known.last_offset < behind);
        let farthest = behind.plus(*longest);
        let near = batches[from..].iter().take_while(|known| known.last_offset <= farthest);
        let mut there = near.filter(|known| known.base_offset <= behind).peekable();
        let had_newer = |(at, newest)| at == offset && newest > before.leader_epoch;
        let cannot_tell = cut.is_some_and(had_newer);
        let fits = |known: &ReceivedBatch| {
            cannot_tell || *known == before || known.leader_epoch > before.leader_epoch
        };
        there.peek().is_some() && !there.any(fits)
    }
}

impl ReadRule {
    /// A leader told a client the end offset.
    pub(super) fn on_end_offset(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        (epoch, isolation, offset): (LeaderEpoch, IsolationLevel, Offset),
    ) {
        let Some(view) = context.view.partition(partition) else { return };
        let committed = view.committed.end();
        let returned = self.returned.entry((partition, isolation)).or_default();
        *returned = (*returned).min(committed);
        if view.lost_since(epoch) {
            return;
        }
        if offset > committed {
            findings.report(context, &END_ABOVE, partition, || {
                format!(
                    "node {} returned end offset {offset}, committed end {committed}",
                    context.node
                )
            });
        } else if offset < *returned
            && epoch == view.leader_epoch()
            && !was_held_up_by_start(view, isolation, *returned)
        {
            findings.report(context, &END_REGRESSION, (partition, offset, *returned), || {
                format!("node {} returned end offset {offset} after {returned}", context.node)
            });
        } else if let Some(start) = starts_above(view, context.node, (epoch, isolation, offset)) {
            findings.report(context, &END_EARLY, (partition, offset, start), || {
                format!(
                    "node {} returned end offset {offset}; its log ended at {start} when it was elected",
                    context.node
                )
            });
        } else if view.replica(context.node).is_some_and(|it| parts_below(view, it, offset)) {
            findings.report(context, &END_DIFFERS, (partition, Offset::ZERO, offset), || {
                format!(
                    "node {} returned end offset {offset}; below it has other records than committed",
                    context.node
                )
            });
        }
        *returned = (*returned).max(offset.min(committed));
    }
}

/// Where the epoch of a leader begins, if that is above a high watermark that it told: before it has reached that,
/// others may have told more (KIP-207).
fn starts_above(
    view: &PartitionView,
    node: NodeId,
    (epoch, isolation, offset): (LeaderEpoch, IsolationLevel, Offset),
) -> Option<Offset> {
    let replica = view.replica(node).filter(|it| it.leader_epoch == epoch)?;
    let start = replica.epoch_start_offset;
    (isolation == IsolationLevel::ReadUncommitted && offset < start).then_some(start)
}

/// Whether what was told of a last stable offset may have been where a log began: of a transaction whose first records
/// are deleted it is that, and a leader that has not deleted them tells less. Source:
/// `UnifiedLog.maybeIncrementFirstUnstableOffset`.
fn was_held_up_by_start(view: &PartitionView, isolation: IsolationLevel, told: Offset) -> bool {
    let began_there = |replica: &ReplicaView| replica.furthest_start >= told;
    isolation == IsolationLevel::ReadCommitted && view.replicas().iter().any(began_there)
}

/// Whether a log has other records than those committed below an offset that is committed.
fn parts_below(view: &PartitionView, replica: &ReplicaView, offset: Offset) -> bool {
    !replica.log.is_same_up_to(&view.committed, (replica.log_start_offset, offset))
}

impl ReadRule {
    /// A consumer goes on from elsewhere, of one partition or of all: what it got there does not matter any more.
    pub(super) fn forget(&mut self, consumer: NodeId, partition: Option<TopicPartition>) {
        self.given.retain(|(node, of), _| {
            *node != consumer || partition.is_some_and(|partition| partition != *of)
        });
    }

    /// A consumer goes on from where it was told that the log was cut.
    pub(super) fn on_truncation(
        &mut self,
        (consumer, partition): (NodeId, TopicPartition),
        position: Offset,
        diverged_at: Offset,
    ) {
        if let Some(given) = self.given.get_mut(&(consumer, partition)) {
            given.cut(position, diverged_at);
        }
    }

    /// A leader gave a consumer records. Where it goes on from records that it got earlier, what comes before in the
    /// leader's log is one of these: else the consumer has not noticed that the log was cut (KIP-320).
    pub(super) fn on_given(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (consumer, partition): (NodeId, TopicPartition),
        fetch_offset: Offset,
        batches: &[BatchSummary],
    ) {
        if batches.is_empty() {
            return;
        }
        let given = self.given.entry((consumer, partition)).or_default();
        let log = context.view.replica(context.node, partition).map(|replica| &replica.log);
        if log.is_some_and(|log| given.parts_from(log, fetch_offset)) {
            findings.report(context, &ACROSS, (partition, fetch_offset, fetch_offset), || {
                format!(
                    "node {} served node {consumer} on from {fetch_offset}; before that its log has other records",
                    context.node
                )
            });
        }
        for batch in batches {
            given.take(ReceivedBatch::of(batch));
        }
    }
}

/// A leader that leads in `epoch` served a client that told another one, or none.
pub(super) fn on_current_leader_epoch(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    epoch: LeaderEpoch,
    returned: LeaderEpoch,
) {
    if returned != LeaderEpoch::NONE && returned != epoch {
        findings.report(context, &UNFENCED, partition, || {
            format!(
                "node {}, leader in epoch {epoch}, served a client that asked in epoch {returned}",
                context.node
            )
        });
    }
}

/// A leader gave records to a consumer.
pub(super) fn on_served(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    epoch: LeaderEpoch,
    fetch_offset: Offset,
    batches: &[BatchSummary],
) {
    let Some(view) = context.view.partition(partition) else { return };
    let Some(first) = batches.first() else { return };
    if view.lost_since(epoch) {
        return;
    }
    let committed = view.committed.between(first.base_offset, view.committed.end());
    let mut next = fetch_offset.max(first.base_offset);
    for (index, batch) in batches.iter().enumerate() {
        let same_place =
            committed.get(index).filter(|it| it.batch.base_offset == batch.base_offset);
        let there = same_place.or_else(|| view.committed.entry_at(batch.base_offset));
        check_batch(context, findings, view, batch, there.map(|entry| &entry.batch));
        let expected = if index == 0 { fetch_offset } else { next };
        let follows =
            if index == 0 { first.base_offset <= fetch_offset } else { batch.base_offset == next };
        let follows = follows || cleaned_between(view, context.node, expected, batch.base_offset);
        if !follows || batch.last_offset < fetch_offset {
            findings.report(
                context,
                &GAP,
                (partition, batch.base_offset, batch.last_offset),
                || {
                    format!(
                        "node {} gave offset {} where {next} comes next",
                        context.node, batch.base_offset
                    )
                },
            );
        }
        next = batch.last_offset.next();
    }
}

/// Whether the cleaner of the leader has taken everything between two offsets.
fn cleaned_between(view: &PartitionView, leader: NodeId, from: Offset, to: Offset) -> bool {
    let Some(replica) = view.replica(leader).filter(|it| !it.holes.is_empty()) else {
        return false;
    };
    // Whoever asks from inside of a batch gets what is next.
    let from = replica.log.entry_at(from).map_or(from, |entry| entry.batch.base_offset);
    from < to && replica.holes.cover(&replica.log, from, to)
}

fn check_batch(
    context: &Context<'_>,
    findings: &mut Findings,
    view: &PartitionView,
    batch: &BatchSummary,
    committed: Option<&BatchSummary>,
) {
    let place = (view.partition, batch.base_offset, batch.last_offset);
    let end = view.committed.end();
    if batch.last_offset >= end {
        findings.report(context, &ABOVE, place, || {
            format!(
                "node {} gave offsets up to {}, committed end {end}",
                context.node, batch.last_offset
            )
        });
    } else if committed != Some(batch) {
        findings.report(context, &DIFFERS, place, || {
            format!(
                "node {} gave other records at offset {} than the committed ones",
                context.node, batch.base_offset
            )
        });
    }
}

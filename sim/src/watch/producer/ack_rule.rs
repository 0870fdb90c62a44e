//! What an acknowledgement with acks=all means.
//!
//! Promise: when a leader answers a produce with acks=all with success, the batch is committed, at the offsets told,
//! and the ISR as the leader knows it has at least `min.insync.replicas` members; it refuses for lack of them before it
//! appends, and only if they are lacking. With acks=1, the batch is in its own log at the offsets told. A recognised
//! duplicate is answered with the place of the original.
//! Source: KIP-98, KIP-101, KIP-497; `DelayedProduce`; `inv_pos_acked` of the KIP-966 TLA+ specification.
//! Not verified: acknowledgements with acks=0, which tell nothing; that what acks=1 answered stays.

use harrow_broker_model::note::BatchSummary;
use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use crate::view::{PartitionView, ReplicaRole, ReplicaView};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const EARLY: Anomaly = Anomaly {
    name: "ack-before-commit",
    guarantee: Guarantee::Durability,
    meaning: "a produce with acks=all was acknowledged before its records were committed",
};
const OTHER: Anomaly = Anomaly {
    name: "ack-of-other-record",
    guarantee: Guarantee::Offsets,
    meaning: "a produce was acknowledged at offsets where other records are committed",
};
const BELOW_MINIMUM: Anomaly = Anomaly {
    name: "ack-below-min-isr",
    guarantee: Guarantee::Durability,
    meaning: "a produce with acks=all was acknowledged while fewer replicas than min.insync.replicas were in sync",
};
const UNREFUSED: Anomaly = Anomaly {
    name: "append-below-min-isr",
    guarantee: Guarantee::Durability,
    meaning: "a leader appended a produce with acks=all while fewer replicas than min.insync.replicas were in sync",
};
const NEEDLESS: Anomaly = Anomaly {
    name: "needless-refusal",
    guarantee: Guarantee::Liveness,
    meaning: "a produce was refused for lack of in-sync replicas although there were enough",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "ack-rule",
    promise: "an acknowledged record is committed at the offset returned",
    source: "KIP-98, KIP-101, DelayedProduce",
    leaves_out: "acks=0; that what acks=1 answered stays",
    anomalies: &[EARLY, OTHER, BELOW_MINIMUM, UNREFUSED, NEEDLESS],
};

/// What a leader told a producer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Acknowledgement {
    pub(super) partition: TopicPartition,
    pub(super) epoch: LeaderEpoch,
    pub(super) base_offset: Offset,
    pub(super) last_offset: Offset,
    pub(super) checksum: u32,
}

/// A produce with acks=all was acknowledged.
pub(super) fn on_acknowledged(
    context: &Context<'_>,
    findings: &mut Findings,
    ack: Acknowledgement,
) {
    let place = (ack.partition, ack.base_offset, ack.last_offset);
    let subject = format_args!("node {} acknowledged", context.node);
    let Some(view) = context.view.partition(ack.partition) else { return };
    if view.lost_since(ack.epoch) {
        return;
    }
    if ack.last_offset >= view.committed.end() {
        findings.report(context, &EARLY, place, || {
            format!(
                "{subject} offsets {} to {}; committed end {}",
                ack.base_offset,
                ack.last_offset,
                view.committed.end()
            )
        });
        return;
    }
    check_minimum(context, findings, view, ack);
    let same = view.committed.entry_at(ack.base_offset).is_some_and(|entry| {
        let batch = &entry.batch;
        (batch.base_offset, batch.last_offset, batch.checksum)
            == (ack.base_offset, ack.last_offset, ack.checksum)
    });
    // What is said of the batch is said of the log up to it.
    let end = ack.last_offset.next();
    let log = view.replica(context.node).map(|replica| &replica.log);
    let log = log.filter(|log| log.start() == Offset::ZERO);
    let below = log.is_none_or(|log| log.chain_at(end) == view.committed.chain_at(end));
    if !same || !below {
        findings.report(context, &OTHER, place, || {
            format!(
                "{subject} checksum {:#010x} at offset {}, where other records are",
                ack.checksum, ack.base_offset
            )
        });
    }
}

fn check_minimum(
    context: &Context<'_>,
    findings: &mut Findings,
    view: &PartitionView,
    ack: Acknowledgement,
) {
    let leads = |replica: &&ReplicaView| {
        replica.role == ReplicaRole::Leader && replica.leader_epoch == ack.epoch
    };
    let Some(leader) = view.replica(context.node).filter(leads) else { return };
    let (in_sync, (minimum, _)) = (leader.isr.maximal_len, view.minimums_of(context.node));
    if in_sync < minimum {
        let place = (ack.partition, ack.base_offset, ack.last_offset);
        findings.report(context, &BELOW_MINIMUM, place, || {
            format!("leader {} acknowledged with {in_sync} of {minimum} in sync", context.node)
        });
    }
}

/// A leader appended what a producer sent. With acks=all it refuses before it appends if it knows of too few replicas
/// in sync: records that cannot be acknowledged would stay in its log.
pub(super) fn on_appended(
    context: &Context<'_>,
    findings: &mut Findings,
    (partition, batch): (TopicPartition, &BatchSummary),
    epoch: LeaderEpoch,
) {
    let Some(view) = context.view.partition(partition) else { return };
    let leads = |it: &&ReplicaView| it.role == ReplicaRole::Leader && it.leader_epoch == epoch;
    let Some(leader) = view.replica(context.node).filter(leads) else { return };
    let (in_sync, (minimum, _)) = (leader.isr.members.len(), view.minimums_of(context.node));
    if in_sync < minimum {
        let place = (partition, batch.base_offset, batch.last_offset);
        findings.report(context, &UNREFUSED, place, || {
            format!("leader {} took a produce with {in_sync} of {minimum} in sync", context.node)
        });
    }
}

/// A produce with acks=1 was acknowledged.
pub(super) fn on_leader_acknowledged(
    context: &Context<'_>,
    findings: &mut Findings,
    ack: Acknowledgement,
) {
    let Some(replica) = context.view.replica(context.node, ack.partition) else { return };
    let held = replica.log.entry_at(ack.base_offset).map(|entry| entry.batch);
    let same = held.is_some_and(|batch| {
        (batch.base_offset, batch.last_offset, batch.checksum)
            == (ack.base_offset, ack.last_offset, ack.checksum)
    });
    if !same && ack.base_offset >= replica.log.start() {
        findings.report(
            context,
            &OTHER,
            (ack.partition, ack.base_offset, ack.last_offset),
            || {
                format!(
                    "node {} acknowledged checksum {:#010x} at offset {} with acks=1, where its log has other records",
                    context.node, ack.checksum, ack.base_offset
                )
            },
        );
    }
}

/// A produce was refused for lack of in-sync replicas.
pub(super) fn on_refused(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    after_append: bool,
) {
    let Some(view) = context.view.partition(partition) else { return };
    let Some(topic) = context.view.registry().topic(partition.topic) else { return };
    let Some(leader) = view.replica(context.node).filter(|it| it.role == ReplicaRole::Leader)
    else {
        return;
    };
    let in_sync = if after_append { leader.isr.maximal_len } else { leader.isr.members.len() };
    // What the topic says may be more than there are replicas; then it refuses, whatever is in sync.
    let known = leader.minimum.or(topic.minimums.last().copied());
    let minimum = known.unwrap_or(topic.min_insync_replicas);
    if in_sync >= minimum as usize {
        findings.report(context, &NEEDLESS, partition, || {
            format!("leader {} refused with {in_sync} in sync, needed {minimum}", context.node)
        });
    }
}

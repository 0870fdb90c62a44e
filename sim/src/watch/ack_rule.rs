//! What an acknowledgement with acks=all means.
//!
//! Promise: when a leader answers a produce with acks=all with success, the batch is committed, at the offsets told. A
//! recognised duplicate is answered with the place of the original.
//! Source: KIP-98, KIP-101; `DelayedProduce`; `inv_pos_acked` of the KIP-966 TLA+ specification.
//! Not verified: acknowledgements with acks=0 and acks=1, which promise less; `min.insync.replicas` at the instant.

use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use super::finding::{Anomaly, Context, Findings, Invariant};
use crate::violation::Guarantee;

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

pub(super) const INVARIANT: Invariant = Invariant {
    name: "ack-rule",
    promise: "an acknowledged record is committed at the offset told",
    source: "KIP-98, KIP-101, DelayedProduce",
    leaves_out: "acks=0 and acks=1",
    anomalies: &[EARLY, OTHER],
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
    let told = format_args!("node {} acknowledged", context.node);
    let Some(view) = context.view.partition(ack.partition) else { return };
    if view.lost_since(ack.epoch) {
        return;
    }
    if ack.last_offset >= view.committed.end() {
        findings.report(context, &EARLY, place, || {
            format!(
                "{told} offsets {} to {}; committed end {}",
                ack.base_offset,
                ack.last_offset,
                view.committed.end()
            )
        });
        return;
    }
    let same = view.committed.entry_at(ack.base_offset).is_some_and(|entry| {
        let batch = &entry.batch;
        (batch.base_offset, batch.last_offset, batch.checksum)
            == (ack.base_offset, ack.last_offset, ack.checksum)
    });
    if !same {
        findings.report(context, &OTHER, place, || {
            format!(
                "{told} checksum {:#010x} at offset {}, where other records are",
                ack.checksum, ack.base_offset
            )
        });
    }
}

//! What is given up, and what goes back.
//!
//! Promise: a record is archived only if who held it said that nobody shall get it again, if it was delivered as often
//! as `group.share.delivery.count.limit` says, or if the log begins above it. What a member held when its time was up
//! or its session ended goes back to the others before that. Without it a worker that dies takes the records in its
//! hands with it: nobody in the group does them. Source: KIP-932, `InFlightState.tryUpdateState`,
//! `SharePartition.releaseAcquiredRecords`, `SharePartition.releaseAcquisitionLockOnTimeout`.
//! Not verified: what was acquired before the leader was heard of; whether the count is right, which `count` judges.

use harrow_broker_model::note::ShareNote;
use harrow_broker_model::share_message::AcknowledgeType;
use harrow_broker_model::types::{LeaderEpoch, Offset, TopicPartition};

use super::held::Held;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const EARLY: Anomaly = Anomaly {
    name: "share-given-up-early",
    guarantee: Guarantee::Offsets,
    meaning: "a record of a share group was archived that nobody rejected and that might be delivered once more",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "share-giving-up",
    promise: "a record is archived only if it was rejected, delivered as often as it may, or is gone from the log",
    source: "KIP-932, SharePartition.releaseAcquiredRecords, SharePartition.releaseAcquisitionLockOnTimeout",
    leaves_out: "whether the count is right",
    anomalies: &[EARLY],
};

/// A leader stated something; `limit` is `group.share.delivery.count.limit`.
pub(super) fn on_note(
    context: &Context<'_>,
    findings: &mut Findings,
    (held, limit): (&Held, u32),
    note: &ShareNote,
) {
    if let ShareNote::LockEnded {
        group,
        partition,
        leader_epoch,
        first,
        last,
        archived: true,
        ..
    }
    | ShareNote::AcknowledgementTaken {
        group,
        partition,
        leader_epoch,
        first,
        last,
        archived: true,
        what: AcknowledgeType::Accept | AcknowledgeType::Release,
    } = note
    {
        let at = (group.as_str(), *partition, *leader_epoch);
        on_archived(context, findings, (held, limit), (at, (*first, *last)));
    }
}

/// Of a share-partition and the epoch of its leader: offsets, with the last one.
type Range<'a> = ((&'a str, TopicPartition, LeaderEpoch), (Offset, Offset));

fn on_archived(
    context: &Context<'_>,
    findings: &mut Findings,
    (held, limit): (&Held, u32),
    (at, range): Range<'_>,
) {
    let replica = context.view.replica(context.node, at.1);
    let log_start = replica.map_or(Offset::ZERO, |replica| replica.log_start_offset);
    for (offset, holding) in held.of(context.node, at, range) {
        let count = holding.delivery_count;
        if count >= limit || offset < log_start {
            continue;
        }
        findings.report(context, &EARLY, (at.1, offset, offset), || {
            let (group, member) = (at.0, &holding.member);
            format!(
                "group {group}: offset {offset}, which {member} held, was given up after {count} deliveries of {limit}"
            )
        });
    }
}

//! Which groups go.
//!
//! Promise: an administrator deletes a group only while it has no members: else what these are to go on from is gone.
//! Source: KIP-229; `ClassicGroup.validateDeleteGroup`, `ConsumerGroup.validateDeleteGroup`.
//! A group is deleted once that is committed. What a deposed coordinator says that has not heard of it does not count.
//! Not verified: members that hold nothing.

use harrow_broker_model::types::TopicPartition;

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const ACTIVE: Anomaly = Anomaly {
    name: "active-group-deleted",
    guarantee: Guarantee::Offsets,
    meaning: "a group was deleted while members of it held partitions",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "group-deletion",
    promise: "only a group without members is deleted",
    source: "KIP-229",
    leaves_out: "members that hold nothing",
    anomalies: &[ACTIVE],
};

/// A group is deleted, of which a member holds something, if so.
pub(super) fn on_deleted(
    context: &Context<'_>,
    findings: &mut Findings,
    group: &str,
    held: Option<(&str, TopicPartition)>,
) {
    let Some((member, partition)) = held else { return };
    findings.report(context, &ACTIVE, partition, || {
        format!("group {group} is deleted; {member} holds it")
    });
}

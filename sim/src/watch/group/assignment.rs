//! What members have, and what they were given.
//!
//! Promise: a consumer of the consumer protocol takes a partition that its coordinator holds for it, and no other: it
//! would read what somebody else reads. Source: KIP-848; `AbstractMembershipManager.maybeReconcile`, which gives up
//! what it was about to do once the member is fenced.
//! What a coordinator holds for a member is known once it is committed, and is told no earlier.
//! Not verified: members that the coordinator in charge has thrown out, or has not spoken of yet; what is kept.

use std::collections::BTreeSet;

use harrow_broker_model::types::TopicPartition;

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const UNGIVEN: Anomaly = Anomaly {
    name: "ungiven-partition-taken",
    guarantee: Guarantee::Offsets,
    meaning: "a consumer took a partition that its group's coordinator did not hold for it",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "member-assignment",
    promise: "a consumer takes only what its coordinator holds for it",
    source: "KIP-848, AbstractMembershipManager",
    leaves_out: "members that were thrown out, and what a member keeps",
    anomalies: &[UNGIVEN],
};

/// A member takes partitions that it did not have.
pub(super) fn on_taken(
    context: &Context<'_>,
    findings: &mut Findings,
    (group, member): (&str, &str),
    taken: &[TopicPartition],
    held: Option<&BTreeSet<TopicPartition>>,
) {
    let Some(held) = held else { return };
    for partition in taken.iter().filter(|partition| !held.contains(*partition)) {
        findings.report(context, &UNGIVEN, *partition, || {
            format!("group {group}: {member} took it; {} others are held for it", held.len())
        });
    }
}

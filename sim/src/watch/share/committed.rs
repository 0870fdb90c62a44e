//! What members of share groups are given is committed.
//!
//! Promise: a leader gives a member only offsets below the true high watermark. What is not committed may be cut off;
//! other records stand at these offsets then, and the group takes them for done. Source: KIP-932,
//! `DelayedShareFetch`, `FetchIsolation.HIGH_WATERMARK`.
//! Not verified: the last stable offset, for `share.isolation.level=read_committed`, which the model does not have;
//! partitions that have lost committed records: what is stored of a share-partition may lie above what is left.

use harrow_broker_model::note::ShareNote;

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const ABOVE: Anomaly = Anomaly {
    name: "share-above-true-hw",
    guarantee: Guarantee::Visibility,
    meaning: "a member of a share group was given records that are not committed",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "share-read-rule",
    promise: "members of share groups are given committed records only",
    source: "KIP-932, DelayedShareFetch",
    leaves_out: "partitions that have lost committed records; share.isolation.level",
    anomalies: &[ABOVE],
};

/// A leader stated something.
pub(super) fn on_note(context: &Context<'_>, findings: &mut Findings, note: &ShareNote) {
    let ShareNote::Acquired { group, partition, member, first, last, .. } = note else { return };
    let Some(view) = context.view.partition(*partition) else { return };
    let end = view.committed.end();
    if *last >= end && view.lost_in.is_none() {
        findings.report(context, &ABOVE, (*partition, *first, *last), || {
            format!("group {group}: {member} got offsets up to {last}, committed end {end}")
        });
    }
}

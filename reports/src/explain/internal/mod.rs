//! What the watch can see in the true state of the cluster, in its families.

mod broker;
mod consumer;
mod controller;
mod exchange;
mod group;
mod log;
mod producer;
mod quorum;
mod replication;
mod share;
mod transaction;

use super::entry::Entry;

/// What can be wrong, family by family.
pub(super) fn anomalies() -> impl Iterator<Item = &'static Entry> {
    let families: [&[Entry]; 11] = [
        &log::ANOMALIES,
        &replication::ANOMALIES,
        &quorum::ANOMALIES,
        &controller::ANOMALIES,
        &broker::ANOMALIES,
        &producer::ANOMALIES,
        &consumer::ANOMALIES,
        &group::ANOMALIES,
        &transaction::ANOMALIES,
        &exchange::ANOMALIES,
        &share::ANOMALIES,
    ];
    families.into_iter().flatten()
}

/// The rules that it breaks, family by family.
pub(super) fn invariants() -> impl Iterator<Item = &'static Entry> {
    let families: [&[Entry]; 11] = [
        &log::INVARIANTS,
        &replication::INVARIANTS,
        &quorum::INVARIANTS,
        &controller::INVARIANTS,
        &broker::INVARIANTS,
        &producer::INVARIANTS,
        &consumer::INVARIANTS,
        &group::INVARIANTS,
        &transaction::INVARIANTS,
        &exchange::INVARIANTS,
        &share::INVARIANTS,
    ];
    families.into_iter().flatten()
}

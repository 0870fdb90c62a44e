//! Snapshots of the metadata are made in time, so that the log need not grow without end.
//!
//! Promise: a controller that has applied `metadata.log.max.record.bytes.between.snapshots` of records since its last
//! snapshot makes another one.
//! Source: KIP-630, KIP-876; `SnapshotGenerator.handleLoadSnapshot`, `SnapshotGenerator.maybeScheduleEmit`.
//! Not verified: `metadata.log.max.snapshot.interval.ms`; what the smallest records are not enough to tell; controllers
//! at which a fault lasts.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::types::{NodeId, TopicPartition};

use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::shared::Shared;
use crate::watch::timing::{SLACK_NS, by_slowest_clock};

const OVERDUE: Anomaly = Anomaly {
    name: "snapshot-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a controller made no snapshot though it had applied as much metadata as is to be between two",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "metadata-snapshots-due",
    promise: "a controller makes a snapshot after metadata.log.max.record.bytes.between.snapshots",
    source: "KIP-630, KIP-876, SnapshotGenerator",
    leaves_out: "metadata.log.max.snapshot.interval.ms; what the smallest records are not enough to tell; controllers \
        at which a fault lasts",
    anomalies: &[OVERDUE],
};

/// The least that a record takes. Source: `DefaultRecord.writeTo`.
const RECORD_BYTES: u64 = 7;
/// What a snapshot may take, in nanoseconds.
const WRITES_NS: u64 = 1_000_000_000;

/// What each controller has applied since its last snapshot.
#[derive(Debug)]
pub(super) struct SnapshotsDue {
    controllers: BTreeSet<NodeId>,
    snapshot_bytes: u64,
    bound_ns: u64,
    applied: BTreeMap<NodeId, Applied>,
}

#[derive(Debug, Default, Clone, Copy)]
struct Applied {
    bytes: u64,
    /// Since when that is as much as may be.
    since: Option<u64>,
}

impl SnapshotsDue {
    pub(super) fn new(plan: &Plan) -> Self {
        let syncs_ns = plan.disk.sync_us.1.saturating_mul(8_000);
        Self {
            controllers: plan.cluster.controllers.iter().copied().collect(),
            snapshot_bytes: plan.cluster.metadata_log.snapshot_bytes,
            bound_ns: by_slowest_clock(plan, WRITES_NS) + syncs_ns + SLACK_NS,
            applied: BTreeMap::new(),
        }
    }

    /// A process begins anew, or has made or loaded a snapshot.
    pub(super) fn begins(&mut self, node: NodeId) {
        self.applied.remove(&node);
    }

    /// A node has applied a record.
    pub(super) fn on_applied(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
    ) {
        if !self.controllers.contains(&context.node) {
            return;
        }
        let applied = self.applied.entry(context.node).or_default();
        applied.bytes += RECORD_BYTES;
        if applied.bytes < self.snapshot_bytes {
            return;
        }
        let since = *applied.since.get_or_insert(context.at_ns);
        let runs = |node| context.view.is_running(node);
        let calm_since = shared.calm.around(context.node, &[], runs);
        let is_over = |calm: u64| context.at_ns > calm.max(since).saturating_add(self.bound_ns);
        if calm_since.is_some_and(is_over) && context.view.states_all() {
            let bytes = applied.bytes;
            findings.report(context, &OVERDUE, TopicPartition::METADATA, || {
                format!(
                    "controller {} has applied {bytes} bytes at least since its last snapshot, of {} between two",
                    context.node, self.snapshot_bytes
                )
            });
        }
    }
}

//! What snapshots of the metadata hold, and that they hold all that is deleted.
//!
//! Promise: a snapshot that a voter counts as one is on its disk for good, holds committed records only, and is what
//! those records give: whoever made, fetched or loaded one of the same name, whether from the whole log or from an
//! earlier snapshot and the rest, has the same metadata. Nodes that are equally far at the end of a run have the same
//! metadata. A voter's metadata log never begins beyond the end of the last snapshot on its disk.
//! Source: KIP-630; `KafkaMetadataLog`, `FileRawSnapshotWriter`; `SnapshotAtLogStart` of Kafka's
//! `RaftEventSimulationTest`.
//! Not verified: when snapshots are made, and that old ones are deleted.

use std::collections::BTreeMap;

use harrow_broker_model::types::{NodeId, Offset, SnapshotId, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const LOG: TopicPartition = TopicPartition::METADATA;

const VOLATILE: Anomaly = Anomaly {
    name: "snapshot-not-durable",
    guarantee: Guarantee::Durability,
    meaning: "a snapshot of the metadata counts that is not on the disk for good",
};
const UNCOMMITTED: Anomaly = Anomaly {
    name: "snapshot-above-commit",
    guarantee: Guarantee::Durability,
    meaning: "a snapshot holds metadata that is not committed, or names another epoch than was committed there",
};
const DIFFERS: Anomaly = Anomaly {
    name: "snapshot-differs",
    guarantee: Guarantee::Replication,
    meaning: "two nodes have different metadata at one offset, at least one of them from a snapshot",
};
const UNCOVERED: Anomaly = Anomaly {
    name: "metadata-deleted-uncovered",
    guarantee: Guarantee::Durability,
    meaning: "a voter deleted metadata from its log that no snapshot on its disk holds",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "metadata-snapshots",
    promise: "a snapshot is durable, committed, and what the whole log gives; nothing that none holds is deleted",
    source: "KIP-630, KafkaMetadataLog",
    leaves_out: "when snapshots are made, and that old ones are deleted",
    anomalies: &[VOLATILE, UNCOMMITTED, DIFFERS, UNCOVERED],
};

/// What was stated of snapshots.
#[derive(Debug, Default)]
pub(super) struct Snapshots {
    /// A hash of the metadata in each.
    digests: BTreeMap<SnapshotId, u64>,
    /// Where the last one on each voter's disk ends.
    on_disk: BTreeMap<NodeId, Offset>,
    /// At the end of the run: by how far they are, a node and a hash of its metadata.
    audited: BTreeMap<Offset, (NodeId, u64)>,
}

impl Snapshots {
    pub(super) fn disk_wiped(&mut self, node: NodeId) {
        self.on_disk.remove(&node);
    }

    /// A voter says that a snapshot is on its disk, and the disk whether it is.
    pub(super) fn on_written(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (snapshot, digest): (SnapshotId, u64),
        durable: bool,
    ) {
        if durable {
            let last = self.on_disk.entry(context.node).or_default();
            *last = snapshot.end_offset.max(*last);
        } else {
            findings.report(context, &VOLATILE, LOG, || {
                format!("voter {} counts snapshot {snapshot}, which is not synced", context.node)
            });
        }
        check_committed(context, findings, snapshot);
        self.check_digest(context, findings, snapshot, digest);
    }

    /// A node goes on from a snapshot.
    pub(super) fn on_loaded(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (snapshot, digest): (SnapshotId, u64),
    ) {
        self.check_digest(context, findings, snapshot, digest);
    }

    fn check_digest(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        snapshot: SnapshotId,
        digest: u64,
    ) {
        let known = *self.digests.entry(snapshot).or_insert(digest);
        if known != digest {
            let end = snapshot.end_offset;
            findings.report(context, &DIFFERS, (LOG, Offset::ZERO, end.plus(-1)), || {
                format!("node {} has other metadata in snapshot {snapshot}", context.node)
            });
        }
    }

    /// A voter's metadata log begins there from now on.
    pub(super) fn on_log_start(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        to: Offset,
    ) {
        let held = self.on_disk.get(&context.node).copied().unwrap_or_default();
        if to > held && context.view.states_all() {
            findings.report(context, &UNCOVERED, (LOG, held, to.plus(-1)), || {
                format!(
                    "voter {} let its log begin at {to}; its snapshots hold metadata up to {held}",
                    context.node
                )
            });
        }
    }

    /// At the end of a run: how far a live node is, and a hash of its metadata.
    pub(super) fn on_audit(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (end, digest): (Offset, u64),
    ) {
        let (other, known) = *self.audited.entry(end).or_insert((context.node, digest));
        if known != digest {
            findings.report(context, &DIFFERS, (LOG, Offset::ZERO, end.plus(-1)), || {
                format!("nodes {other} and {} differ in metadata up to {end}", context.node)
            });
        }
    }
}

fn check_committed(context: &Context<'_>, findings: &mut Findings, snapshot: SnapshotId) {
    let committed = &context.view.metadata_log().committed;
    let (end, last) = (committed.end(), snapshot.end_offset.plus(-1));
    let epoch = committed.entry_at(last).map(|entry| entry.batch.leader_epoch);
    if snapshot.end_offset > end || epoch.is_some_and(|epoch| epoch != snapshot.epoch) {
        findings.report(context, &UNCOMMITTED, (LOG, end.min(last), last), || {
            format!("voter {} has snapshot {snapshot}; {end} is committed", context.node)
        });
    }
}

//! What is in a log directory that failed is served no more.
//!
//! Promise: from the error on, a broker takes no record into a log in that directory, leads no partition by it, and
//! moves no high watermark as its leader: what it holds is in memory alone. Source: KIP-112; `LogDirFailureChannel`,
//! `ReplicaManager.handleLogDirFailure`, KAFKA-10778. Not verified: that records which were read before are not
//! served any more.

use harrow_broker_model::note::{LogNote, Note, ReplicationNote};
use harrow_broker_model::types::TopicPartition;

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const SERVES: Anomaly = Anomaly {
    name: "offline-replica-serves",
    guarantee: Guarantee::Durability,
    meaning: "a broker went on with a replica whose log directory had failed",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "log-directories",
    promise: "what is in a log directory that failed is served no more",
    source: "KIP-112, ReplicaManager.handleLogDirFailure",
    leaves_out: "that records which were read before are not served any more",
    anomalies: &[SERVES],
};

/// A broker stated something.
pub(super) fn look(context: &Context<'_>, findings: &mut Findings, note: &Note) {
    if !context.view.has_failed_directory(context.node) {
        return;
    }
    let Some((partition, what)) = work(note) else { return };
    if context.view.is_in_failed_directory(context.node, partition) {
        findings.report(context, &SERVES, partition, || {
            format!("node {} {what}; the log directory of its replica failed", context.node)
        });
    }
}

/// What only a replica does that is there.
fn work(note: &Note) -> Option<(TopicPartition, &'static str)> {
    if let Note::Log(LogNote::Appended { partition, .. }) = note {
        Some((*partition, "appended"))
    } else if let Note::Replication(ReplicationNote::BecameLeader { partition, .. }) = note {
        Some((*partition, "became leader"))
    } else if let Note::Replication(ReplicationNote::HighWatermarkMoved {
        partition,
        as_leader: true,
        ..
    }) = note
    {
        Some((*partition, "moved its high watermark as leader"))
    } else {
        None
    }
}

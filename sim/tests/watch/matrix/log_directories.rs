//! Log directories that fail.

use harrow_broker_model::note::{BrokerNote, MetadataChange, Note};
use harrow_broker_model::types::{DirectoryId, LogDirectory, NodeId};

use super::case::{Case, plain};
use crate::stage::{B, Stage, X};

/// The log of a broker's replica is in a log directory.
fn placed(stage: &mut Stage, broker: NodeId, directory: u8) {
    let directory = LogDirectory(directory);
    stage.note(broker, &Note::Broker(BrokerNote::LogCreated { partition: X, directory }));
}

/// The log directories of a broker that are online.
fn directories(stage: &mut Stage, broker: NodeId, ids: &[u64]) {
    let log_dirs = ids.iter().copied().map(DirectoryId).collect();
    stage.metadata(MetadataChange::LogDirsChanged { broker, log_dirs });
}

/// A broker tells where its replica is.
fn assigned(stage: &mut Stage, broker: NodeId, id: u64) {
    let directory = DirectoryId(id);
    stage.metadata(MetadataChange::ReplicaAssigned { partition: X, broker, directory });
}

pub(super) const CASES: &[Case] = &[
    Case {
        anomaly: "offline-replica-serves",
        good: |stage| {
            placed(stage, B, 1);
            stage.observer.log_directory_failed(B, LogDirectory(2));
            stage.append(B, 1, plain(2));
        },
        bad: |stage| {
            placed(stage, B, 1);
            stage.observer.log_directory_failed(B, LogDirectory(1));
            stage.append(B, 1, plain(2));
        },
    },
    Case {
        anomaly: "offline-replica-leads",
        good: |stage| {
            directories(stage, B, &[101, 102]);
            assigned(stage, B, 101);
            directories(stage, B, &[101]);
        },
        bad: |stage| {
            directories(stage, B, &[101, 102]);
            assigned(stage, B, 101);
            directories(stage, B, &[102]);
        },
    },
];

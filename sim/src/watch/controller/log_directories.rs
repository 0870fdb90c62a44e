//! Who is in a log directory that is offline neither leads nor, beside a leader, is in sync.
//!
//! Promise: as soon as the metadata says that a broker's log directory is offline, its replicas in there are out of the
//! lead; where somebody leads, they are out of the ISR. None is elected afterwards before its broker has told of
//! another directory, or of the same one again. Source: KIP-858;
//! `ReplicationControlManager.handleDirectoriesOffline`, `LeaderAcceptor`. Not verified: how soon the controller
//! hears of a directory.

use harrow_broker_model::note::{MetadataChange, PartitionRegistration};
use harrow_broker_model::types::{DirectoryId, NodeId, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const LEADS: Anomaly = Anomaly {
    name: "offline-replica-leads",
    guarantee: Guarantee::Leadership,
    meaning: "a replica in an offline log directory leads, or counts beside a leader",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "offline-directories",
    promise: "a replica in an offline log directory neither leads nor is in sync",
    source: "KIP-858, ReplicationControlManager.handleDirectoriesOffline",
    leaves_out: "how soon the controller hears of a directory",
    anomalies: &[LEADS],
};

/// A change was committed.
pub(super) fn on_committed(
    context: &Context<'_>,
    findings: &mut Findings,
    change: &MetadataChange,
) {
    let directories = context.view.registry().directories();
    if let MetadataChange::LogDirsChanged { broker, log_dirs } = change {
        for view in context.view.partitions() {
            let directory = directories.of(view.partition, *broker);
            let online = directory == DirectoryId::UNASSIGNED || log_dirs.contains(&directory);
            let Some(registration) = view.registration.as_ref().filter(|_| !online) else {
                continue;
            };
            if registration.leader.is_some() && registration.isr.contains(broker) {
                report(context, findings, (view.partition, *broker), registration);
            }
        }
    } else if let MetadataChange::PartitionChanged { partition, registration, .. } = change
        && let Some(leader) = registration.leader
        && !directories.has_online(*partition, leader)
    {
        report(context, findings, (*partition, leader), registration);
    }
}

fn report(
    context: &Context<'_>,
    findings: &mut Findings,
    (partition, broker): (TopicPartition, NodeId),
    registration: &PartitionRegistration,
) {
    findings.report(context, &LEADS, partition, || {
        let role = if registration.leader == Some(broker) { "leads" } else { "is in sync" };
        format!("node {broker} {role}; its replica is in a log directory that is offline")
    });
}

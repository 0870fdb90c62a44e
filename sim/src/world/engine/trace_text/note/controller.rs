//! Facts of the active controller and of committed metadata.

use harrow_broker_model::compaction::CleanupPolicy;
use harrow_broker_model::note::{
    ControllerNote, MetadataChange, PartitionRegistration, Reassignment,
};
use harrow_broker_model::retention::Retention;
use harrow_broker_model::types::NodeId;

use crate::world::engine::trace_text::names::Names;
use crate::world::engine::trace_text::parts::{nodes, somebody};

pub(super) fn trace_text(names: &Names, note: &ControllerNote) -> String {
    match note {
        ControllerNote::Activated { epoch, active } => {
            let what = if *active { "became" } else { "is no longer" };
            format!("{what} the active controller in epoch {epoch}")
        }
        ControllerNote::MetadataApplied { offset, change, .. } => {
            format!("applied metadata {offset}: {}", metadata(names, change))
        }
        ControllerNote::IsrProposalAccepted { partition, offset, proposal, .. } => {
            let members: Vec<NodeId> = proposal.members.iter().map(|(member, _)| *member).collect();
            format!(
                "{}: accepted ISR {} from broker {}, metadata offset {offset}",
                names.place(*partition),
                nodes(&members),
                proposal.broker
            )
        }
    }
}

fn metadata(names: &Names, change: &MetadataChange) -> String {
    match change {
        MetadataChange::LeaderChanged { leader } => format!("quorum leader is node {leader}"),
        MetadataChange::BrokerRegistered { broker, broker_epoch, unclean, .. } => {
            let after = if *unclean { " after unclean shutdown" } else { "" };
            format!("registered broker {broker} with broker epoch {broker_epoch}{after}")
        }
        MetadataChange::BrokerChanged { broker, fenced, shutting_down, .. } => {
            let fenced = if *fenced { "fenced" } else { "unfenced" };
            let stop = if *shutting_down { ", in controlled shutdown" } else { "" };
            format!("broker {broker} is {fenced}{stop}")
        }
        MetadataChange::TopicCreated { name, min_insync_replicas, .. } => {
            format!("created topic {name}, min.insync.replicas={min_insync_replicas}")
        }
        MetadataChange::PartitionChanged { partition, registration, unclean } => {
            format!("{}: {}", names.place(*partition), registered(registration, *unclean))
        }
        MetadataChange::TopicReconfigured { topic, name, value, .. } => match value {
            Some(value) => format!("topic {topic}: {name}={value}"),
            None => format!("topic {topic}: {name} is back at its default"),
        },
        MetadataChange::TopicDeleted { topic } => format!("deleted topic {topic}"),
        MetadataChange::BrokerUnregistered { broker } => format!("unregistered broker {broker}"),
        MetadataChange::LogDirsChanged { broker, log_dirs } => {
            let ids: Vec<String> = log_dirs.iter().map(ToString::to_string).collect();
            format!("online log directories of broker {broker}: {}", ids.join(", "))
        }
        MetadataChange::ReplicaAssigned { partition, broker, directory } => {
            let place = names.place(*partition);
            format!("{place}: the replica of broker {broker} is in log directory {directory}")
        }
        MetadataChange::VotersChanged { voters } => {
            let ids: Vec<String> = voters.ids().map(|id| id.to_string()).collect();
            format!("voters of the quorum are {}", ids.join(", "))
        }
        MetadataChange::ProducerIdsAllocated { next_producer_id } => {
            format!("allocated producer ids below {next_producer_id}")
        }
        MetadataChange::RetentionChanged { topic, retention } => {
            let Retention { retention_ms, retention_bytes, segment_ms, compaction } = retention;
            let policy = match compaction.policy {
                CleanupPolicy::Delete => String::new(),
                policy @ (CleanupPolicy::Compact | CleanupPolicy::CompactDelete) => {
                    format!(", cleanup.policy={}", policy.name())
                }
            };
            format!(
                "topic {topic}: retention.ms={retention_ms}, retention.bytes={retention_bytes}, \
                 segment.ms={segment_ms}{policy}"
            )
        }
    }
}

fn registered(registration: &PartitionRegistration, unclean: bool) -> String {
    let PartitionRegistration { leader, leader_epoch, isr, elr, partition_epoch, .. } =
        registration;
    let elr = if elr.is_empty() { String::new() } else { format!(", ELR {}", nodes(elr)) };
    let Reassignment { adding, removing } = &registration.reassignment;
    let moves = if registration.reassignment.is_under_way() {
        format!(", adding {}, removing {}", nodes(adding), nodes(removing))
    } else {
        String::new()
    };
    format!(
        "leader {} in epoch {leader_epoch}{}, ISR {}{elr}{moves}, partition epoch {partition_epoch}",
        somebody(*leader),
        if unclean { " by unclean election" } else { "" },
        nodes(isr)
    )
}

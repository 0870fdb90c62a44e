//! Changes of many partitions at once, because a broker's state changed.
//! Source: `ReplicationControlManager.generateLeaderAndIsrUpdates`.

use crate::config::TopicConfig;
use crate::controller::election::{ControllerRules, Election, PartitionChange, change_partition};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::note::PartitionRegistration;
use crate::types::{DirectoryId, NodeId, TopicPartition};

/// What happened to a broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BrokerEvent {
    /// It is fenced, or leaves in good order: it must not lead and is not in sync.
    Left(NodeId),
    /// Its last uptime ended without a clean shutdown: it may also have lost records.
    StoppedUncleanly(NodeId),
    /// It is unfenced: it may lead partitions that nobody leads.
    Arrived(NodeId),
    /// One of its log directories is offline: as if it had left, for the replicas in there. Source:
    /// `ReplicationControlManager.handleDirectoriesOffline`.
    DirectoryFailed(NodeId, DirectoryId),
}

impl BrokerEvent {
    /// Whether the partition is touched at all.
    fn concerns(
        self,
        image: &MetadataImage,
        partition: TopicPartition,
        registration: &PartitionRegistration,
    ) -> bool {
        match self {
            Self::Left(broker) => registration.isr.contains(&broker),
            Self::DirectoryFailed(broker, directory) => {
                registration.isr.contains(&broker)
                    && image.directories.of(partition, broker) == directory
            }
            Self::StoppedUncleanly(broker) => {
                registration.isr.contains(&broker) || registration.elr.contains(&broker)
            }
            Self::Arrived(broker) => {
                registration.leader.is_none() && registration.replicas.contains(&broker)
            }
        }
    }

    /// Whether a broker may lead after the event.
    fn may_lead(self, image: &MetadataImage, partition: TopicPartition, broker: NodeId) -> bool {
        match self {
            Self::Left(gone) | Self::StoppedUncleanly(gone) | Self::DirectoryFailed(gone, _) => {
                broker != gone && image.may_lead(partition, broker)
            }
            Self::Arrived(new) if broker == new => image.directories.has_online(partition, broker),
            Self::Arrived(_) => image.may_lead(partition, broker),
        }
    }

    /// The ISR without a broker that is gone.
    fn target_isr(self, isr: &[NodeId]) -> Vec<NodeId> {
        let gone = match self {
            Self::Left(gone) | Self::StoppedUncleanly(gone) | Self::DirectoryFailed(gone, _) => {
                Some(gone)
            }
            Self::Arrived(_) => None,
        };
        isr.iter().filter(|member| Some(**member) != gone).copied().collect()
    }
}

/// The records that the event makes necessary, computed from the image as it is.
pub(super) fn partition_records(
    image: &MetadataImage,
    event: BrokerEvent,
    rules: ControllerRules,
) -> Vec<MetadataRecord> {
    let concerned = image
        .partitions
        .iter()
        .filter(|(partition, registration)| event.concerns(image, *partition, registration));
    let change = |(partition, registration): (TopicPartition, &PartitionRegistration)| {
        let topic = image.topic_of(partition).expect("a partition's topic is created before it");
        let change = PartitionChange {
            registration,
            target_isr: event.target_isr(&registration.isr),
            assignment: None,
            unclean_shutdown: match event {
                BrokerEvent::StoppedUncleanly(broker) => Some(broker),
                BrokerEvent::Left(_)
                | BrokerEvent::Arrived(_)
                | BrokerEvent::DirectoryFailed(_, _) => None,
            },
            recovering: registration.recovering,
            min_insync_replicas: topic.min_insync_replicas,
            election: Election::of(topic),
            rules,
        };
        let changed = change_partition(&change, |broker| event.may_lead(image, partition, broker))?;
        let (registration, unclean) = (changed.registration, changed.unclean);
        Some(MetadataRecord::of_partition(partition, registration, unclean))
    };
    concerned.filter_map(change).collect()
}

/// At most so many partitions are changed by one periodic task, which then goes on soon. Source:
/// `QuorumController.MAX_ELECTIONS_PER_IMBALANCE`.
pub(super) const ELECTIONS_AT_ONCE: usize = 1000;

/// Gives partitions back to their first replicas where these are in sync. The controller looks at each partition for
/// itself: `leader.imbalance.per.broker.percentage` is not asked. Source:
/// `ReplicationControlManager.maybeBalancePartitionLeaders`.
pub(super) fn balance_leaders(
    image: &MetadataImage,
    rules: ControllerRules,
) -> Vec<MetadataRecord> {
    let imbalanced = |it: &PartitionRegistration| it.leader != it.replicas.first().copied();
    elect(image, rules, |_, registration| imbalanced(registration).then_some(Election::Preferred))
}

/// Elects anybody where nobody leads and the topic allows it. Source:
/// `ReplicationControlManager.maybeElectUncleanLeaders`.
pub(super) fn elect_uncleanly(
    image: &MetadataImage,
    rules: ControllerRules,
) -> Vec<MetadataRecord> {
    elect(image, rules, |topic, registration| {
        let wanted = registration.leader.is_none() && topic.unclean_leader_election;
        wanted.then_some(Election::Unclean)
    })
}

/// Holds an election, of the kind that is said, in the partitions for which one is.
fn elect(
    image: &MetadataImage,
    rules: ControllerRules,
    election_of: impl Fn(&TopicConfig, &PartitionRegistration) -> Option<Election>,
) -> Vec<MetadataRecord> {
    let record = |(partition, registration): (TopicPartition, &PartitionRegistration)| {
        let topic = image.topic_of(partition).expect("a partition's topic is created before it");
        let election = election_of(topic, registration)?;
        elect_in(image, (partition, registration), election, rules)
    };
    image.partitions.iter().filter_map(record).take(ELECTIONS_AT_ONCE).collect()
}

/// Holds an election in a partition; none if it changes nothing.
pub(super) fn elect_in(
    image: &MetadataImage,
    (partition, registration): (TopicPartition, &PartitionRegistration),
    election: Election,
    rules: ControllerRules,
) -> Option<MetadataRecord> {
    let topic = image.topic_of(partition).expect("a partition's topic is created before it");
    let change = PartitionChange {
        registration,
        target_isr: registration.isr.clone(),
        assignment: None,
        unclean_shutdown: None,
        recovering: registration.recovering,
        min_insync_replicas: topic.min_insync_replicas,
        election,
        rules,
    };
    let changed = change_partition(&change, |broker| image.may_lead(partition, broker))?;
    Some(MetadataRecord::of_partition(partition, changed.registration, changed.unclean))
}

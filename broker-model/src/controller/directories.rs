//! Log directories of brokers at the controller: which are online, which replicas are in them, and what follows when
//! one fails.
//!
//! Obligation: a replica whose log directory is offline does not lead and is not in sync, although its broker is alive.
//! Else its partitions are served by nobody: the broker goes on with its other directories and its heartbeats, so that
//! nothing fences it. The controller must know where a replica is before its directory fails: a broker that comes back
//! without that directory must not make the replica anew elsewhere and pass for the one that had all records. Source:
//! KIP-112, KIP-858, Kafka's `ReplicationControlManager.handleDirectoriesOffline`, `handleAssignReplicasToDirs`,
//! `ClusterControlManager.registerBroker`.
//!
//! Not covered: that the one directory of a broker is that of its new replicas at once (`defaultDir`): the broker
//! tells.

use std::borrow::Cow;

use crate::controller::election::{ControllerRules, Election, PartitionChange, change_partition};
use crate::controller::partitions::{BrokerEvent, partition_records};
use crate::defect::ControllerDefect;
use crate::message::{AssignReplicasToDirsRequest, ClusterError};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::note::PartitionRegistration;
use crate::types::{DirectoryId, NodeId, PartitionEpoch, TopicPartition};

/// Judges the directories of a registration: no id twice, none that is reserved, none of another broker. Source:
/// `ClusterControlManager.registerBroker`.
pub(super) fn check_log_dirs(
    image: &MetadataImage,
    broker: NodeId,
    log_dirs: &[DirectoryId],
) -> Result<(), ClusterError> {
    let is_twice = |(index, id): (usize, &DirectoryId)| log_dirs[..index].contains(id);
    let valid = !log_dirs.iter().any(|id| id.is_reserved())
        && !log_dirs.iter().enumerate().any(is_twice)
        && !log_dirs.iter().any(|id| image.directories.has_other(broker, *id));
    if valid { Ok(()) } else { Err(ClusterError::InvalidRequest) }
}

/// The record of the directories that a broker has; none of a broker that tells of none.
pub(super) fn log_dirs_record(broker: NodeId, log_dirs: &[DirectoryId]) -> Option<MetadataRecord> {
    let log_dirs = log_dirs.to_vec();
    (!log_dirs.is_empty()).then_some(MetadataRecord::LogDirs { broker, log_dirs })
}

/// What follows if a broker says that directories are offline: its replicas in those that were online leave ISR and
/// lead. `before` are the records that its heartbeat leads to by itself, which are not in the image yet. Source:
/// `ReplicationControlManager.handleDirectoriesOffline`, which goes by the image without them.
pub(super) fn directories_offline(
    image: &MetadataImage,
    (broker, offline): (NodeId, &[DirectoryId]),
    before: &[MetadataRecord],
    rules: ControllerRules,
) -> Vec<MetadataRecord> {
    let known = image.directories.log_dirs.get(&broker).map_or(&[][..], Vec::as_slice);
    let (failed, online): (Vec<_>, Vec<_>) = known.iter().partition(|id| offline.contains(id));
    if failed.is_empty() {
        return Vec::new();
    }
    let mut image = Cow::Borrowed(image);
    if !before.is_empty() {
        apply(image.to_mut(), before);
    }
    let mut records = Vec::new();
    // ControllerDefect::OfflineDirectoryStaysInSync: nobody is elected, and nobody leaves.
    if !rules.defects.has(ControllerDefect::OfflineDirectoryStaysInSync) {
        for directory in failed {
            let event = BrokerEvent::DirectoryFailed(broker, directory);
            records.extend(partition_records(&image, event, rules));
        }
    }
    records.push(MetadataRecord::LogDirs { broker, log_dirs: online });
    records
}

/// What becomes of a broker's word on where its replicas are: the records to write, and an answer for each replica.
type Judged = (Vec<MetadataRecord>, Vec<(TopicPartition, Option<ClusterError>)>);

/// Judges where a broker says that its replicas are. One in a directory that is offline leaves ISR and lead; one that
/// is in a directory that is online may be the one for whom its partition waits. Source:
/// `ReplicationControlManager.handleAssignReplicasToDirs`.
pub(super) fn assign_replicas(
    image: &MetadataImage,
    request: &AssignReplicasToDirsRequest,
    rules: ControllerRules,
) -> Result<Judged, ClusterError> {
    let broker = request.broker;
    let sender = image.brokers.get(&broker);
    if sender.is_none_or(|sender| sender.broker_epoch != request.broker_epoch) {
        return Err(ClusterError::StaleBrokerEpoch);
    }
    let (mut records, mut answers) = (Vec::new(), Vec::with_capacity(request.replicas.len()));
    for &(partition, directory) in &request.replicas {
        let judged = assign_replica(image, broker, (partition, directory), rules);
        answers.push((partition, judged.as_ref().err().copied()));
        records.extend(judged.unwrap_or_default());
    }
    Ok((records, answers))
}

fn assign_replica(
    image: &MetadataImage,
    broker: NodeId,
    (partition, directory): (TopicPartition, DirectoryId),
    rules: ControllerRules,
) -> Result<Vec<MetadataRecord>, ClusterError> {
    let registration = image.partitions.get(&partition);
    let registration = registration.ok_or(ClusterError::UnknownTopicOrPartition)?;
    if !registration.replicas.contains(&broker) {
        return Err(ClusterError::NotLeaderOrFollower);
    }
    let is_online = image.directories.is_online(broker, directory);
    let leaves = !is_online && registration.isr.contains(&broker);
    if image.directories.of(partition, broker) == directory && !leaves {
        return Ok(Vec::new());
    }
    let assigned = MetadataRecord::ReplicaDirectory { partition, broker, directory };
    // ControllerDefect::AssignmentElectsNobody: who may lead is asked of the directory before.
    let by_before = rules.defects.has(ControllerDefect::AssignmentElectsNobody);
    let may_lead = |other| {
        if other == broker && !by_before {
            is_online && image.is_active(broker)
        } else {
            !(leaves && other == broker) && image.may_lead(partition, other)
        }
    };
    let gone = leaves.then_some(broker);
    let place = (partition, registration);
    let changed = without_replica(image, place, gone, rules, may_lead).unwrap_or_else(|| {
        let partition_epoch = PartitionEpoch(registration.partition_epoch.0 + 1);
        let registration = PartitionRegistration { partition_epoch, ..registration.clone() };
        MetadataRecord::of_partition(partition, registration, false)
    });
    Ok(vec![assigned, changed])
}

/// The partition without a replica that is gone, if one is, and led by who may lead it then.
fn without_replica(
    image: &MetadataImage,
    (partition, registration): (TopicPartition, &PartitionRegistration),
    gone: Option<NodeId>,
    rules: ControllerRules,
    may_lead: impl Fn(NodeId) -> bool,
) -> Option<MetadataRecord> {
    let topic = image.topic_of(partition).expect("a partition's topic is created before it");
    let stays = |member: &&NodeId| Some(**member) != gone;
    let change = PartitionChange {
        registration,
        target_isr: registration.isr.iter().filter(stays).copied().collect(),
        assignment: None,
        unclean_shutdown: None,
        recovering: registration.recovering,
        min_insync_replicas: topic.min_insync_replicas,
        election: Election::of(topic),
        rules,
    };
    let changed = change_partition(&change, may_lead)?;
    Some(MetadataRecord::of_partition(partition, changed.registration, changed.unclean))
}

fn apply(image: &mut MetadataImage, records: &[MetadataRecord]) {
    for record in records {
        image.apply(image.end_offset, record);
    }
}

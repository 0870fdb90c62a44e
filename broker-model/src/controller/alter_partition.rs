//! A leader's proposals of ISRs: each validated in Kafka's order, then written, all in one batch. Source: rules 2.3,
//! KIP-497, KIP-841, KIP-903, Kafka's `ReplicationControlManager.alterPartition` and `validateAlterPartitionData`.
//!
//! A proposal that was accepted and whose answer was lost comes again with the version that it changed: it is refused
//! like any other for an old version, and its sender learns from the metadata log what became of it. The controller
//! of the `ZooKeeper` days, whose leaders learnt of their own changes from the answer alone, had to recognise it
//! (KAFKA-14144).

use crate::config::TopicConfig;
use crate::controller::election::{ControllerRules, Election, PartitionChange, change_partition};
use crate::defect::{ControllerDefect, Defects, ReplicationDefect};
use crate::message::{AlterPartitionItem, AlterPartitionRequest, ClusterError, IsrRegistration};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::note::PartitionRegistration;
use crate::types::{BrokerEpoch, NodeId};

/// What becomes of a proposal: the record to write, if one is needed, and the registration that then holds. A proposal
/// that ends a reassignment in which its sender goes is carried out, and answered with an error: the sender leads no
/// more, and learns the rest from the metadata. Source: `ReplicationControlManager.alterPartition`.
pub(super) type Judged = Result<(Option<MetadataRecord>, Answer), ClusterError>;

/// What is answered to a proposal that is carried out.
type Answer = Result<IsrRegistration, ClusterError>;

/// Judges each proposal for itself, all by the image as it is; or refuses to look, if the sender's uptime is over.
pub(super) fn alter_partitions(
    image: &MetadataImage,
    request: &AlterPartitionRequest,
    rules: ControllerRules,
) -> Result<Vec<Judged>, ClusterError> {
    let sender = image.brokers.get(&request.broker);
    if sender.is_none_or(|sender| sender.broker_epoch != request.broker_epoch) {
        return Err(ClusterError::StaleBrokerEpoch);
    }
    let judge = |item| alter_partition(image, request.broker, item, rules);
    Ok(request.partitions.iter().map(judge).collect())
}

fn alter_partition(
    image: &MetadataImage,
    broker: NodeId,
    item: &AlterPartitionItem,
    rules: ControllerRules,
) -> Judged {
    let registration = current(image, broker, item)?;
    check_proposal(registration, broker, item)?;
    check_eligible(image, item, rules.defects)?;
    let partition = item.partition;
    let topic = image.topic_of(partition).expect("a partition's topic is created before it");
    let change = PartitionChange {
        registration,
        target_isr: item.new_isr.iter().map(|(member, _)| *member).collect(),
        assignment: None,
        unclean_shutdown: None,
        recovering: item.recovering,
        min_insync_replicas: topic.min_insync_replicas,
        election: Election::of(topic),
        rules,
    };
    let Some(changed) = change_partition(&change, |broker| image.may_lead(partition, broker))
    else {
        return Ok((None, Ok(isr_registration(registration, topic))));
    };
    let leads_on = changed.registration.leader == Some(broker);
    let answer = if leads_on {
        Ok(isr_registration(&changed.registration, topic))
    } else {
        Err(ClusterError::NewLeaderElected)
    };
    let (registration, unclean) = (changed.registration, changed.unclean);
    Ok((Some(MetadataRecord::of_partition(partition, registration, unclean)), answer))
}

/// The registration that the proposal is about, if the sender is its leader in its present epoch.
fn current<'a>(
    image: &'a MetadataImage,
    broker: NodeId,
    item: &AlterPartitionItem,
) -> Result<&'a PartitionRegistration, ClusterError> {
    let registration = image.partitions.get(&item.partition);
    let registration = registration.ok_or(ClusterError::UnknownTopicOrPartition)?;
    // A leader that knows more than this controller has it from a later controller (KAFKA-14154).
    if item.leader_epoch > registration.leader_epoch
        || item.partition_epoch > registration.partition_epoch
    {
        return Err(ClusterError::NotController);
    }
    if item.leader_epoch < registration.leader_epoch {
        return Err(ClusterError::FencedLeaderEpoch);
    }
    if registration.leader != Some(broker) {
        return Err(ClusterError::InvalidRequest);
    }
    Ok(registration)
}

fn check_proposal(
    registration: &PartitionRegistration,
    broker: NodeId,
    item: &AlterPartitionItem,
) -> Result<(), ClusterError> {
    if item.partition_epoch < registration.partition_epoch {
        return Err(ClusterError::InvalidUpdateVersion);
    }
    let members: Vec<NodeId> = item.new_isr.iter().map(|(member, _)| *member).collect();
    let is_replica = |member: &NodeId| registration.replicas.contains(member);
    let is_twice = |(index, member): (usize, &NodeId)| members[..index].contains(member);
    let starts_recovering = item.recovering && !registration.recovering;
    let valid = members.iter().all(is_replica)
        && !members.iter().enumerate().any(is_twice)
        && members.contains(&broker)
        && !(item.recovering && members.len() > 1)
        && !starts_recovering;
    if valid { Ok(()) } else { Err(ClusterError::InvalidRequest) }
}

/// Every member must be active, in the uptime that the leader saw (KIP-841, KIP-903).
fn check_eligible(
    image: &MetadataImage,
    item: &AlterPartitionItem,
    defects: Defects,
) -> Result<(), ClusterError> {
    let any_uptime = defects.has(ReplicationDefect::IsrNoBrokerEpoch)
        || defects.has(ControllerDefect::MemberEpochsIgnored);
    let any_state = defects.has(ReplicationDefect::IsrAllowsFenced);
    let eligible = |(member, epoch): &(NodeId, BrokerEpoch)| {
        image.brokers.get(member).is_some_and(|broker| {
            let present = *epoch == BrokerEpoch::NONE || *epoch == broker.broker_epoch;
            (any_state || broker.is_active()) && (any_uptime || present)
        })
    };
    let all = item.new_isr.iter().all(eligible);
    if all { Ok(()) } else { Err(ClusterError::IneligibleReplica) }
}

fn isr_registration(registration: &PartitionRegistration, topic: &TopicConfig) -> IsrRegistration {
    IsrRegistration {
        leader: registration.leader,
        leader_epoch: registration.leader_epoch,
        partition_epoch: registration.partition_epoch,
        isr: registration.isr.clone(),
        min_insync_replicas: topic.min_insync_replicas,
    }
}

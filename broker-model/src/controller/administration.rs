//! What administrators ask for: topics deleted, partitions added, replicas moved, brokers let go. Each part of a
//! request is judged for itself; what is refused changes nothing. Source: rules 2.4.10 to 2.4.15, KIP-4, KIP-195,
//! KIP-455, KIP-860, Kafka's `ReplicationControlManager` and `ControllerApis`.

use crate::admin_message::{AdminRequest, AdminResponse};
use crate::config::TopicConfig;
use crate::controller::assignment::{Assignment, Reverted};
use crate::controller::configs::{alter_all, alter_incrementally};
use crate::controller::elect_leaders::elect_leaders;
use crate::controller::election::{ControllerRules, Election, PartitionChange, change_partition};
use crate::controller::partitions::{BrokerEvent, partition_records};
use crate::controller::topics::{add_partitions, assign_partitions};
use crate::defect::ControllerDefect;
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::note::PartitionRegistration;
use crate::proto::{
    AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse, BrokerId,
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopic,
    CreatePartitionsTopicResult, DeletableTopicResult, DeleteTopicState, DeleteTopicsRequest,
    DeleteTopicsResponse, ErrorCode, ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse, OngoingPartitionReassignment, OngoingTopicReassignment,
    ReassignablePartition, ReassignablePartitionResponse, ReassignableTopicResponse, StrBytes,
    TopicName, UnregisterBrokerRequest, UnregisterBrokerResponse, topic_of_uuid, topic_uuid,
};
use crate::types::{NodeId, TopicId, TopicPartition};

/// Judges what an administrator asks: the records to write, and the answer.
pub(super) fn administer(
    image: &MetadataImage,
    request: &AdminRequest,
    rules: ControllerRules,
) -> (Vec<MetadataRecord>, AdminResponse) {
    match request {
        AdminRequest::DeleteTopics(request) => delete_topics(image, request),
        AdminRequest::CreatePartitions(request) => create_partitions(image, request),
        AdminRequest::AlterPartitionReassignments(request) => reassign(image, request, rules),
        AdminRequest::ListPartitionReassignments(request) => (Vec::new(), list(image, request)),
        AdminRequest::UnregisterBroker(request) => unregister(image, request, rules),
        AdminRequest::AlterConfigs(request) => alter_all(image, request, rules),
        AdminRequest::IncrementalAlterConfigs(request) => {
            alter_incrementally(image, request, rules)
        }
        AdminRequest::ElectLeaders(request) => elect_leaders(image, request, rules),
        AdminRequest::AddRaftVoter(_) | AdminRequest::RemoveRaftVoter(_) => {
            panic!("the quorum judges changes of its voters")
        }
    }
}

fn code(error: Option<ErrorCode>) -> i16 {
    error.map_or(0, |error| error.code())
}

/// Deletes each topic that is known, by name or by id, and named once. Source: `ControllerApis.deleteTopics`.
fn delete_topics(
    image: &MetadataImage,
    request: &DeleteTopicsRequest,
) -> (Vec<MetadataRecord>, AdminResponse) {
    let found: Vec<Result<TopicId, ErrorCode>> =
        request.topics.iter().map(|topic| topic_to_delete(image, topic)).collect();
    let (mut records, mut responses) = (Vec::new(), Vec::new());
    for (topic, known) in request.topics.iter().zip(&found) {
        let twice = known.is_ok() && found.iter().filter(|other| *other == known).count() > 1;
        let judged = if twice { Err(ErrorCode::InvalidRequest) } else { *known };
        let id = judged.map_or(topic.topic_id, topic_uuid);
        let config = judged.ok().and_then(|id| image.topics.get(&id));
        let found = config.map(|it| TopicName(StrBytes::from_string(it.name.clone())));
        responses.push(
            DeletableTopicResult::default()
                .with_name(found.or_else(|| topic.name.clone()))
                .with_topic_id(id)
                .with_error_code(code(judged.err())),
        );
        records.extend(judged.ok().map(|topic| MetadataRecord::RemoveTopic { topic }));
    }
    let response = DeleteTopicsResponse::default().with_responses(responses);
    (records, AdminResponse::DeleteTopics(response))
}

fn topic_to_delete(image: &MetadataImage, topic: &DeleteTopicState) -> Result<TopicId, ErrorCode> {
    match &topic.name {
        Some(name) => topic_of(image, name),
        None => topic_of_uuid(topic.topic_id.as_u128())
            .filter(|id| image.topics.contains_key(id))
            .ok_or(ErrorCode::UnknownTopicId),
    }
}

fn topic_of(image: &MetadataImage, name: &TopicName) -> Result<TopicId, ErrorCode> {
    image.topic_ids.get(name.as_str()).copied().ok_or(ErrorCode::UnknownTopicOrPartition)
}

/// Source: `ReplicationControlManager.createPartitions`.
fn create_partitions(
    image: &MetadataImage,
    request: &CreatePartitionsRequest,
) -> (Vec<MetadataRecord>, AdminResponse) {
    let (mut records, mut results) = (Vec::new(), Vec::new());
    for topic in &request.topics {
        let twice = request.topics.iter().filter(|other| other.name == topic.name).count() > 1;
        let planned =
            if twice { Err(ErrorCode::InvalidRequest) } else { plan_partitions(image, topic) };
        results.push(
            CreatePartitionsTopicResult::default()
                .with_name(topic.name.clone())
                .with_error_code(code(planned.as_ref().err().copied())),
        );
        if !request.validate_only {
            records.extend(planned.unwrap_or_default());
        }
    }
    let response = CreatePartitionsResponse::default().with_results(results);
    (records, AdminResponse::CreatePartitions(response))
}

fn plan_partitions(
    image: &MetadataImage,
    topic: &CreatePartitionsTopic,
) -> Result<Vec<MetadataRecord>, ErrorCode> {
    let id = topic_of(image, &topic.name)?;
    let present = image.partitions.of_topic(id).count() as i32;
    if topic.count <= present {
        return Err(ErrorCode::InvalidPartitions);
    }
    let Some(assignments) = &topic.assignments else {
        return add_partitions(image, id, present..topic.count);
    };
    if assignments.len() as i32 != topic.count - present {
        return Err(ErrorCode::InvalidReplicaAssignment);
    }
    let nodes = |ids: &[BrokerId]| ids.iter().map(|broker| NodeId(broker.0)).collect();
    let assigned: Vec<Vec<NodeId>> = assignments.iter().map(|one| nodes(&one.broker_ids)).collect();
    if !assigned.iter().all(|replicas| is_assignable(image, replicas)) {
        return Err(ErrorCode::InvalidReplicaAssignment);
    }
    assign_partitions(image, id, present, assigned)
}

/// Moves replicas, or cancels that. Source: `ReplicationControlManager.alterPartitionReassignments`.
fn reassign(
    image: &MetadataImage,
    request: &AlterPartitionReassignmentsRequest,
    rules: ControllerRules,
) -> (Vec<MetadataRecord>, AdminResponse) {
    let may_resize = request.allow_replication_factor_change;
    let (mut records, mut responses) = (Vec::new(), Vec::new());
    for topic in &request.topics {
        let mut partitions = Vec::with_capacity(topic.partitions.len());
        for asked in &topic.partitions {
            let judged = reassign_one(image, &topic.name, (asked, may_resize), rules);
            partitions.push(
                ReassignablePartitionResponse::default()
                    .with_partition_index(asked.partition_index)
                    .with_error_code(code(judged.as_ref().err().copied())),
            );
            records.extend(judged.ok().flatten());
        }
        let response = ReassignableTopicResponse::default().with_name(topic.name.clone());
        responses.push(response.with_partitions(partitions));
    }
    let response = AlterPartitionReassignmentsResponse::default()
        .with_allow_replication_factor_change(may_resize)
        .with_responses(responses);
    (records, AdminResponse::AlterPartitionReassignments(response))
}

fn reassign_one(
    image: &MetadataImage,
    topic: &TopicName,
    (asked, may_resize): (&ReassignablePartition, bool),
    rules: ControllerRules,
) -> Result<Option<MetadataRecord>, ErrorCode> {
    let id = topic_of(image, topic)?;
    let partition = TopicPartition { topic: id, partition: asked.partition_index };
    let registration = image.partitions.get(&partition);
    let registration = registration.ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let config = image.topic_of(partition).expect("a partition's topic is created before it");
    let (assignment, target_isr, election) = match &asked.replicas {
        None => cancelled(registration, config)?,
        Some(replicas) => {
            let target: Vec<NodeId> = replicas.iter().map(|broker| NodeId(broker.0)).collect();
            check_target(image, registration, &target, may_resize)?;
            let mut assignment = Assignment::towards(registration, &target);
            if rules.defects.has(ControllerDefect::ReassignmentSortsReplicas) {
                assignment.replicas.sort_unstable();
            }
            (assignment, registration.isr.clone(), Election::Online)
        }
    };
    let change = PartitionChange {
        registration,
        target_isr,
        assignment: Some(assignment),
        unclean_shutdown: None,
        recovering: registration.recovering,
        min_insync_replicas: config.min_insync_replicas,
        election,
        rules,
    };
    let changed = change_partition(&change, |broker| image.may_lead(partition, broker));
    Ok(changed.map(|changed| {
        MetadataRecord::of_partition(partition, changed.registration, changed.unclean)
    }))
}

/// Back to what was before the reassignment. Where none of the ISR is left, that is an unclean election.
fn cancelled(
    registration: &PartitionRegistration,
    config: &TopicConfig,
) -> Result<(Assignment, Vec<NodeId>, Election), ErrorCode> {
    if !registration.reassignment.is_under_way() {
        return Err(ErrorCode::NoReassignmentInProgress);
    }
    let Reverted { assignment, isr, unclean } = Assignment::reverted(registration);
    if unclean && !config.unclean_leader_election {
        return Err(ErrorCode::InvalidReplicaAssignment);
    }
    Ok((assignment, isr, Election::of(config)))
}

/// Whether replicas are on registered brokers, each once. Source:
/// `ReplicationControlManager.validateManualPartitionAssignment`.
fn is_assignable(image: &MetadataImage, target: &[NodeId]) -> bool {
    let is_twice = |(index, node): (usize, &NodeId)| target[..index].contains(node);
    let registered = target.iter().all(|node| image.brokers.contains_key(node));
    !target.is_empty() && registered && !target.iter().enumerate().any(is_twice)
}

/// Source: `ReplicationControlManager.validatePartitionReplicationFactorUnchanged`.
fn check_target(
    image: &MetadataImage,
    registration: &PartitionRegistration,
    target: &[NodeId],
    may_resize: bool,
) -> Result<(), ErrorCode> {
    if !is_assignable(image, target) {
        return Err(ErrorCode::InvalidReplicaAssignment);
    }
    let stays = |node: &&NodeId| !registration.reassignment.removing.contains(node);
    let factor = registration.replicas.iter().filter(stays).count();
    if !may_resize && factor != target.len() {
        return Err(ErrorCode::InvalidReplicationFactor);
    }
    Ok(())
}

fn list(image: &MetadataImage, request: &ListPartitionReassignmentsRequest) -> AdminResponse {
    let mut topics: Vec<OngoingTopicReassignment> = Vec::new();
    for (id, registration) in image.partitions.iter() {
        let Some(config) = image.topic_of(id) else { continue };
        let asked = request.topics.as_ref().is_none_or(|topics| {
            topics.iter().any(|topic| {
                topic.name.as_str() == config.name
                    && topic.partition_indexes.contains(&id.partition)
            })
        });
        if !asked || !registration.reassignment.is_under_way() {
            continue;
        }
        let name = TopicName(StrBytes::from_string(config.name.clone()));
        if topics.last().is_none_or(|last| last.name != name) {
            topics.push(OngoingTopicReassignment::default().with_name(name));
        }
        let last = topics.last_mut().expect("one was just added if there was none");
        last.partitions.push(ongoing(id.partition, registration));
    }
    let response = ListPartitionReassignmentsResponse::default().with_topics(topics);
    AdminResponse::ListPartitionReassignments(response)
}

fn ongoing(partition: i32, registration: &PartitionRegistration) -> OngoingPartitionReassignment {
    let ids = |nodes: &[NodeId]| nodes.iter().map(|node| BrokerId(node.0)).collect();
    OngoingPartitionReassignment::default()
        .with_partition_index(partition)
        .with_replicas(ids(&registration.replicas))
        .with_adding_replicas(ids(&registration.reassignment.adding))
        .with_removing_replicas(ids(&registration.reassignment.removing))
}

/// Takes a broker out of every ISR, and out of the cluster. Its replicas stay where they are registered: whoever lets a
/// broker go moves them first. Source: `ReplicationControlManager.unregisterBroker`.
fn unregister(
    image: &MetadataImage,
    request: &UnregisterBrokerRequest,
    rules: ControllerRules,
) -> (Vec<MetadataRecord>, AdminResponse) {
    let broker = NodeId(request.broker_id.0);
    let mut response = UnregisterBrokerResponse::default();
    let Some(known) = image.brokers.get(&broker) else {
        response.error_code = ErrorCode::BrokerIdNotRegistered.code();
        return (Vec::new(), AdminResponse::UnregisterBroker(response));
    };
    let mut records = partition_records(image, BrokerEvent::Left(broker), rules);
    let broker_epoch = known.broker_epoch;
    records.push(MetadataRecord::UnregisterBroker { broker, broker_epoch });
    (records, AdminResponse::UnregisterBroker(response))
}

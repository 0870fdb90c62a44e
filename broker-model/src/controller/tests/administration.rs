//! What administrators ask: replicas that move, topics and partitions, brokers that go.

use super::{P, add_brokers, as_promised, image, nodes, partition};
use crate::admin_message::{AdminRequest, AdminResponse};
use crate::config::topic_name;
use crate::controller::administration::administer;
use crate::controller::alter_partition::alter_partitions;
use crate::message::{AlterPartitionItem, AlterPartitionRequest, ClusterError};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::note::{PartitionRegistration, Reassignment};
use crate::proto::{
    AlterPartitionReassignmentsRequest, BrokerId, CreatePartitionsAssignment,
    CreatePartitionsRequest, CreatePartitionsTopic, DeleteTopicState, DeleteTopicsRequest,
    ErrorCode, ListPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
    TopicName, UnregisterBrokerRequest,
};
use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, PartitionEpoch, TopicId, TopicPartition};

/// Brokers 1 to 6, and "orders" on the first three, all in sync, led by 1.
fn base() -> MetadataImage {
    let mut image = image(partition(&[1, 2, 3], &[], Some(1)));
    add_brokers(&mut image, 4..=6);
    image
}

fn orders() -> TopicName {
    TopicName(topic_name("orders"))
}

fn move_to(replicas: Option<&[i32]>) -> AdminRequest {
    let replicas = replicas.map(|ids| ids.iter().copied().map(BrokerId).collect());
    let asked = ReassignablePartition::default().with_partition_index(0).with_replicas(replicas);
    let topic = ReassignableTopic::default().with_name(orders()).with_partitions(vec![asked]);
    let request = AlterPartitionReassignmentsRequest::default()
        .with_allow_replication_factor_change(false)
        .with_topics(vec![topic]);
    AdminRequest::AlterPartitionReassignments(request)
}

/// Does what is asked, and gives the error, if there is one.
fn ask(image: &mut MetadataImage, request: &AdminRequest) -> Option<ErrorCode> {
    let (records, response) = administer(image, request, as_promised());
    for record in &records {
        let read = MetadataRecord::decode(&record.encode()).expect("just encoded");
        image.apply(image.end_offset, &read);
    }
    response.error()
}

fn now(image: &MetadataImage) -> PartitionRegistration {
    image.partitions.get(&P).expect("it is there").clone()
}

/// The leader proposes an ISR; the error that it is answered.
fn propose(image: &mut MetadataImage, isr: &[i32]) -> Option<ClusterError> {
    let registration = now(image);
    let leader = registration.leader.expect("somebody leads");
    let item = AlterPartitionItem {
        partition: P,
        leader_epoch: registration.leader_epoch,
        partition_epoch: registration.partition_epoch,
        new_isr: isr.iter().map(|id| (NodeId(*id), BrokerEpoch(i64::from(10 + id)))).collect(),
        recovering: false,
    };
    let broker_epoch = image.brokers[&leader].broker_epoch;
    let request = AlterPartitionRequest { broker: leader, broker_epoch, partitions: vec![item] };
    let judged = alter_partitions(image, &request, as_promised()).expect("of this uptime");
    let (record, answer) = judged[0].clone().expect("the proposal is valid");
    image.apply(image.end_offset, &record.expect("the ISR changes"));
    answer.err()
}

#[test]
fn replicas_are_added_first_and_removed_when_all_that_stay_are_in_sync() {
    let mut image = base();
    assert_eq!(ask(&mut image, &move_to(Some(&[4, 5, 1]))), None);
    let moving = now(&image);
    assert_eq!(moving.replicas, nodes(&[4, 5, 1, 2, 3]));
    let reassignment = Reassignment { adding: nodes(&[4, 5]), removing: nodes(&[2, 3]) };
    assert_eq!(moving.reassignment, reassignment);
    assert_eq!((moving.leader, moving.leader_epoch), (Some(NodeId(1)), LeaderEpoch(5)));
    assert_eq!(propose(&mut image, &[1, 2, 3, 4]), None);
    assert_eq!(now(&image).replicas.len(), 5, "5 has not caught up");
    assert_eq!(propose(&mut image, &[1, 2, 3, 4, 5]), None);
    let moved = now(&image);
    assert_eq!((&moved.replicas, &moved.isr), (&nodes(&[4, 5, 1]), &nodes(&[4, 5, 1])));
    assert!(!moved.reassignment.is_under_way());
    assert_eq!(moved.leader, Some(NodeId(1)));
    assert_eq!(moved.leader_epoch, LeaderEpoch(6), "who is gone must not be led on");
}

#[test]
fn a_leader_that_goes_with_its_own_proposal_is_told_so() {
    let mut image = base();
    assert_eq!(ask(&mut image, &move_to(Some(&[4, 2, 3]))), None);
    let answer = propose(&mut image, &[1, 2, 3, 4]);
    assert_eq!(answer, Some(ClusterError::NewLeaderElected), "and it is carried out");
    let moved = now(&image);
    assert_eq!(moved.replicas, nodes(&[4, 2, 3]));
    assert_eq!((moved.leader, moved.leader_epoch), (Some(NodeId(4)), LeaderEpoch(6)));
}

#[test]
fn replicas_that_are_only_rearranged_or_removed_are_so_at_once() {
    let mut image = base();
    assert_eq!(ask(&mut image, &move_to(Some(&[3, 1, 2]))), None);
    assert_eq!(now(&image).replicas, nodes(&[3, 1, 2]));
    assert_eq!(now(&image).leader, Some(NodeId(1)), "a valid leader is kept");
    let AdminRequest::AlterPartitionReassignments(fewer) = move_to(Some(&[3, 1])) else {
        unreachable!("as made above")
    };
    let fewer = fewer.with_allow_replication_factor_change(true);
    assert_eq!(ask(&mut image, &AdminRequest::AlterPartitionReassignments(fewer)), None);
    assert_eq!((now(&image).replicas, now(&image).isr), (nodes(&[3, 1]), nodes(&[3, 1])));
}

#[test]
fn a_cancelled_reassignment_leaves_what_was_there_before() {
    let mut image = base();
    let nothing = ask(&mut image, &move_to(None));
    assert_eq!(nothing, Some(ErrorCode::NoReassignmentInProgress));
    ask(&mut image, &move_to(Some(&[4, 5, 6])));
    propose(&mut image, &[1, 2, 3, 4]);
    assert_eq!(ask(&mut image, &move_to(None)), None);
    let cancelled = now(&image);
    assert_eq!((&cancelled.replicas, &cancelled.isr), (&nodes(&[1, 2, 3]), &nodes(&[1, 2, 3])));
    assert!(!cancelled.reassignment.is_under_way());
    assert_eq!(cancelled.leader_epoch, LeaderEpoch(6), "4 to 6 must not be led on");
}

#[test]
fn a_reassignment_is_not_cancelled_if_nobody_in_sync_would_be_left() {
    let mut registration = partition(&[4], &[], Some(4));
    registration.replicas = nodes(&[4, 1, 2, 3]);
    registration.reassignment = Reassignment { adding: nodes(&[4]), removing: nodes(&[1]) };
    let mut image = base();
    image.partitions.insert(P, registration.clone());
    assert_eq!(ask(&mut image, &move_to(None)), Some(ErrorCode::InvalidReplicaAssignment));
    assert_eq!(now(&image), registration, "nothing has changed");
    image.topics.get_mut(&P.topic).expect("orders").unclean_leader_election = true;
    assert_eq!(ask(&mut image, &move_to(None)), None);
    assert_eq!((now(&image).isr, now(&image).leader), (nodes(&[1]), Some(NodeId(1))));
}

#[test]
fn a_reassignment_can_be_replaced_by_another() {
    let mut image = base();
    ask(&mut image, &move_to(Some(&[4, 5, 6])));
    assert_eq!(ask(&mut image, &move_to(Some(&[4, 1, 2]))), None);
    let moving = now(&image);
    assert_eq!(moving.replicas, nodes(&[4, 1, 2, 3, 5, 6]), "those that it was adding go last");
    assert_eq!(moving.reassignment.removing, nodes(&[3, 5, 6]));
}

#[test]
fn what_cannot_be_assigned_is_refused() {
    let rows: [(&[i32], ErrorCode); 4] = [
        (&[], ErrorCode::InvalidReplicaAssignment),
        (&[1, 2, 9], ErrorCode::InvalidReplicaAssignment),
        (&[1, 2, 2], ErrorCode::InvalidReplicaAssignment),
        (&[1, 2], ErrorCode::InvalidReplicationFactor),
    ];
    for (replicas, error) in rows {
        let mut image = base();
        assert_eq!(ask(&mut image, &move_to(Some(replicas))), Some(error), "{replicas:?}");
        assert_eq!(now(&image), partition(&[1, 2, 3], &[], Some(1)), "{replicas:?}");
    }
    let mut image = base();
    image.topic_ids.clear();
    let unknown = ask(&mut image, &move_to(Some(&[1, 2, 4])));
    assert_eq!(unknown, Some(ErrorCode::UnknownTopicOrPartition));
}

#[test]
fn reassignments_under_way_are_listed() {
    let all = AdminRequest::ListPartitionReassignments(
        ListPartitionReassignmentsRequest::default().with_topics(None),
    );
    let listed = |image: &MetadataImage| administer(image, &all, as_promised()).1.listed();
    let mut image = base();
    assert_eq!(listed(&image), 0);
    ask(&mut image, &move_to(Some(&[4, 5, 6])));
    assert_eq!(listed(&image), 1);
    ask(&mut image, &move_to(None));
    assert_eq!(listed(&image), 0);
}

#[test]
fn a_topic_gets_more_partitions_and_never_fewer() {
    let grow = |count: i32| {
        let topic = CreatePartitionsTopic::default().with_name(orders()).with_count(count);
        let topic = topic.with_assignments(None);
        let request = CreatePartitionsRequest::default().with_topics(vec![topic]);
        AdminRequest::CreatePartitions(request)
    };
    let mut image = base();
    assert_eq!(ask(&mut image, &grow(1)), Some(ErrorCode::InvalidPartitions));
    assert_eq!(ask(&mut image, &grow(3)), None);
    let replicas: Vec<usize> =
        image.partitions.of_topic(P.topic).map(|(_, it)| it.replicas.len()).collect();
    assert_eq!(replicas, [3, 3, 3]);
    assert_eq!(ask(&mut image, &grow(2)), Some(ErrorCode::InvalidPartitions));
}

#[test]
fn partitions_are_put_where_an_administrator_has_them() {
    let grow = |count: i32, assigned: &[&[i32]]| {
        let assignment = |ids: &&[i32]| {
            let ids = ids.iter().copied().map(BrokerId).collect();
            CreatePartitionsAssignment::default().with_broker_ids(ids)
        };
        let assignments = assigned.iter().map(assignment).collect();
        let topic = CreatePartitionsTopic::default().with_name(orders()).with_count(count);
        let topic = topic.with_assignments(Some(assignments));
        let request = CreatePartitionsRequest::default().with_topics(vec![topic]);
        AdminRequest::CreatePartitions(request)
    };
    let mut image = base();
    let wrong: [(i32, &[&[i32]]); 6] = [
        (3, &[&[4, 5, 6]]),
        (2, &[&[]]),
        (2, &[&[4, 5, 9]]),
        (2, &[&[4, 5, 5]]),
        (2, &[&[4, 5]]),
        (2, &[&[4, 5, 6], &[4, 5, 6]]),
    ];
    for (count, assigned) in wrong {
        let refused = ask(&mut image, &grow(count, assigned));
        assert_eq!(refused, Some(ErrorCode::InvalidReplicaAssignment), "{count}: {assigned:?}");
    }
    image.brokers.get_mut(&NodeId(6)).expect("it is registered").fenced = true;
    assert_eq!(ask(&mut image, &grow(3, &[&[6, 4, 1], &[5, 6, 4]])), None);
    let placed = |index: i32| {
        let partition = TopicPartition { topic: P.topic, partition: index };
        let known = image.partitions.get(&partition).expect("it was made");
        (known.replicas.clone(), known.isr.clone(), known.leader)
    };
    assert_eq!(placed(1), (nodes(&[6, 4, 1]), nodes(&[4, 1]), Some(NodeId(4))));
    assert_eq!(placed(2), (nodes(&[5, 6, 4]), nodes(&[5, 4]), Some(NodeId(5))));
    for broker in 4..=5 {
        image.brokers.get_mut(&NodeId(broker)).expect("it is registered").shutting_down = true;
    }
    let nobody = ask(&mut image, &grow(4, &[&[4, 5, 6]]));
    assert_eq!(nobody, Some(ErrorCode::InvalidReplicaAssignment), "none of them is active");
}

fn delete(topics: Vec<DeleteTopicState>) -> AdminRequest {
    AdminRequest::DeleteTopics(DeleteTopicsRequest::default().with_topics(topics))
}

#[test]
fn a_deleted_topics_id_is_never_given_again() {
    let by_name = DeleteTopicState::default().with_name(Some(orders()));
    let mut image = base();
    let twice = delete(vec![by_name.clone(), by_name.clone()]);
    assert_eq!(ask(&mut image, &twice), Some(ErrorCode::InvalidRequest));
    image.last_topic = P.topic;
    assert_eq!(ask(&mut image, &delete(vec![by_name.clone()])), None);
    assert!(image.topics.is_empty() && image.topic_ids.is_empty() && image.partitions.is_empty());
    let gone = ask(&mut image, &delete(vec![by_name]));
    assert_eq!(gone, Some(ErrorCode::UnknownTopicOrPartition));
    let by_id = DeleteTopicState::default().with_name(None);
    assert_eq!(ask(&mut image, &delete(vec![by_id])), Some(ErrorCode::UnknownTopicId));
    let topic = crate::proto::CreatableTopic::default()
        .with_name(orders())
        .with_num_partitions(1)
        .with_replication_factor(3);
    let request = crate::proto::CreateTopicsRequest::default().with_topics(vec![topic]);
    let (records, _) = crate::controller::topics::create_topics(&image, &request);
    let created = records.iter().find_map(|record| {
        if let MetadataRecord::Topic { topic, .. } = record { Some(*topic) } else { None }
    });
    assert_eq!(created, Some(TopicId(P.topic.0 + 1)));
}

#[test]
fn a_broker_that_is_let_go_is_in_no_isr_and_not_registered() {
    let request = |id: i32| {
        let id = BrokerId(id);
        AdminRequest::UnregisterBroker(UnregisterBrokerRequest::default().with_broker_id(id))
    };
    let mut image = base();
    assert_eq!(ask(&mut image, &request(9)), Some(ErrorCode::BrokerIdNotRegistered));
    assert_eq!(ask(&mut image, &request(1)), None);
    assert!(!image.brokers.contains_key(&NodeId(1)));
    let left = now(&image);
    assert_eq!((left.isr, left.leader), (nodes(&[2, 3]), Some(NodeId(2))));
    assert_eq!(left.partition_epoch, PartitionEpoch(11));
}

#[test]
fn who_is_not_the_active_controller_refuses_each_request_in_its_form() {
    let name = Some(orders());
    let requests = [
        delete(vec![DeleteTopicState::default().with_name(name)]),
        AdminRequest::CreatePartitions(
            CreatePartitionsRequest::default()
                .with_topics(vec![CreatePartitionsTopic::default().with_name(orders())]),
        ),
        move_to(None),
        AdminRequest::ListPartitionReassignments(ListPartitionReassignmentsRequest::default()),
        AdminRequest::UnregisterBroker(UnregisterBrokerRequest::default()),
    ];
    for request in requests {
        let refused = request.refused(ErrorCode::NotController);
        assert_eq!(refused.error(), Some(ErrorCode::NotController), "{request:?}");
        let (_, answered): (_, AdminResponse) = administer(&base(), &request, as_promised());
        let late = answered.refused(ErrorCode::NotController);
        assert_eq!(late.error(), Some(ErrorCode::NotController), "{request:?}");
    }
}

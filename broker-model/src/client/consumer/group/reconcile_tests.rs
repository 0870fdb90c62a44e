//! One member of the consumer protocol and a scripted coordinator, which is broker 2.

use super::tests::{Member, committed, config, places, poll, take};
use crate::client::consumer::Consumer;
use crate::client::consumer::tests::{batch, polled, records_answer, take_fetch};
use crate::client::testing::{Driver, START, SentRequest, TOPIC, TOPIC_ID};
use crate::config::{Assignor, ConsumerConfig, GroupProtocol, MemberConfig, topic_name};
use crate::defect::{Defects, GroupDefect};
use crate::message::{ClientRequest, ClientResponse, RequestBody, ResponseBody};
use crate::node::{Channel, Operation, Outcome};
use crate::proto::{
    ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, Coordinator, ErrorCode,
    FindCoordinatorResponse, HeartbeatAssignment, HeartbeatPartitions, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic, OffsetFetchResponse,
    OffsetFetchResponseGroup, TopicName, topic_uuid,
};
use crate::types::{NodeId, Offset, TopicId};

fn modern(instance: Option<&str>) -> ConsumerConfig {
    let classic = config(Assignor::Range);
    let group = classic.group.clone().map(|group| MemberConfig {
        protocol: GroupProtocol::Consumer,
        instance: instance.map(str::to_owned),
        ..group
    });
    ConsumerConfig { group, ..classic }
}

/// The next heartbeat.
fn heard(driver: &mut Member) -> (SentRequest, ConsumerGroupHeartbeatRequest) {
    let asked = take(driver, |body| {
        matches!(body, RequestBody::Client(ClientRequest::ConsumerGroupHeartbeat(_)))
    });
    let RequestBody::Client(ClientRequest::ConsumerGroupHeartbeat(request)) =
        asked.message.body.clone()
    else {
        unreachable!("only heartbeats are taken")
    };
    (asked, *request)
}

fn heartbeat_answer(epoch: i32, assigned: Option<&[i32]>) -> ResponseBody {
    let assignment = assigned.map(|partitions| {
        let topic = HeartbeatPartitions::default()
            .with_topic_id(topic_uuid(TOPIC_ID))
            .with_partitions(partitions.to_vec());
        HeartbeatAssignment::default().with_topic_partitions(vec![topic])
    });
    let response = ConsumerGroupHeartbeatResponse::default()
        .with_member_epoch(epoch)
        .with_heartbeat_interval_ms(300)
        .with_assignment(assignment);
    ResponseBody::Client(ClientResponse::ConsumerGroupHeartbeat(Box::new(response)))
}

fn refused(error: ErrorCode) -> ResponseBody {
    let response = ConsumerGroupHeartbeatResponse::default().with_error_code(error.code());
    ResponseBody::Client(ClientResponse::ConsumerGroupHeartbeat(Box::new(response)))
}

/// Broker 2 is the coordinator.
fn found() -> ResponseBody {
    let found = Coordinator::default().with_key(topic_name("g")).with_node_id(2.into());
    let response = FindCoordinatorResponse::default().with_coordinators(vec![found]);
    ResponseBody::Client(ClientResponse::FindCoordinator(Box::new(response)))
}

fn owned(request: &ConsumerGroupHeartbeatRequest) -> Option<Vec<i32>> {
    let topics = request.topic_partitions.as_ref()?;
    Some(topics.iter().flat_map(|topic| topic.partitions.clone()).collect())
}

/// A member that has joined in epoch 1 with partitions 0 and 1, and has said so; operations up to 2 are done.
fn member(instance: Option<&str>) -> Member {
    member_with(instance, Defects::NONE)
}

fn member_with(instance: Option<&str>, defects: Defects) -> Member {
    let consumer = Consumer::new(modern(instance), START).with_defects(defects);
    let mut driver = Driver::new(consumer);
    driver.invoke(1, Operation::Subscribe { topics: vec![TOPIC] });
    poll(&mut driver, 2);
    driver.send_leaders(&[(1, 3), (1, 3), (1, 3)]);
    let asked = take(&mut driver, |body| {
        matches!(body, RequestBody::Client(ClientRequest::FindCoordinator(_)))
    });
    driver.answer(&asked, found());
    let (asked, request) = heard(&mut driver);
    assert_eq!((request.member_epoch, owned(&request)), (0, Some(vec![])), "it joins");
    assert!(request.rebalance_timeout_ms > 0 && request.subscribed_topic_names.is_some());
    driver.answer(&asked, heartbeat_answer(1, Some(&[0, 1])));
    let (asked, request) = heard(&mut driver);
    assert_eq!((request.member_epoch, owned(&request)), (1, Some(vec![0, 1])), "it says so");
    assert_eq!(request.subscribed_topic_names, None, "nothing else is new");
    driver.answer(&asked, heartbeat_answer(1, None));
    let joined = Outcome::Joined { generation: 1, partitions: places(&[0, 1]) };
    assert_eq!(driver.outcomes, [(1, Outcome::Subscribed), (2, joined)]);
    driver.outcomes.clear();
    driver
}

#[test]
fn what_is_taken_is_told_first_and_given_up_before_it_is_acknowledged() {
    let mut driver = member(None);
    poll(&mut driver, 3);
    driver.advance(300);
    let (asked, _) = heard(&mut driver);
    driver.answer(&asked, heartbeat_answer(1, Some(&[0])));
    let revoking = Outcome::Revoking { partitions: places(&[1]) };
    assert_eq!(driver.outcomes, [(3, revoking)]);
    driver.advance(300);
    let (asked, request) = heard(&mut driver);
    assert_eq!(owned(&request), None, "it still has what it is about to lose");
    driver.answer(&asked, heartbeat_answer(1, None));
    poll(&mut driver, 4);
    let joined = Outcome::Joined { generation: 1, partitions: places(&[0]) };
    assert_eq!(driver.outcomes.last(), Some(&(4, joined)));
    let (_, request) = heard(&mut driver);
    assert_eq!(owned(&request), Some(vec![0]), "the next heartbeat comes at once");
}

#[test]
fn what_was_fetched_is_not_returned_before_it_is_told_what_is_taken() {
    let mut driver = member(None);
    poll(&mut driver, 3);
    committed(&mut driver, &[(0, 7), (1, -1)]);
    let asked = take_fetch(&mut driver);
    driver.answer(&asked, records_answer(batch(7, 15, 3)));
    assert_eq!(polled(&driver, 3), (7..17).collect::<Vec<_>>(), "five are left");
    driver.advance(300);
    let (asked, _) = heard(&mut driver);
    driver.answer(&asked, heartbeat_answer(1, Some(&[1])));
    poll(&mut driver, 4);
    let revoking = Outcome::Revoking { partitions: places(&[0]) };
    assert_eq!(driver.outcomes.last(), Some(&(4, revoking)));
    poll(&mut driver, 5);
    let joined = Outcome::Joined { generation: 1, partitions: places(&[1]) };
    assert_eq!(driver.outcomes.last(), Some(&(5, joined)));
}

/// While it lets go of a partition, its topic is deleted, and another one has the name.
#[test]
fn what_was_given_under_an_id_is_taken_under_its_name() {
    let mut driver = member(None);
    poll(&mut driver, 3);
    driver.advance(300);
    let (asked, _) = heard(&mut driver);
    driver.answer(&asked, heartbeat_answer(1, Some(&[0])));
    assert_eq!(driver.outcomes, [(3, Outcome::Revoking { partitions: places(&[1]) })]);
    driver.lose(NodeId(2), Channel::Client);
    driver.send_leaders_of(TopicId(TOPIC_ID.0 + 1), &[(1, 0), (1, 0), (1, 0)]);
    poll(&mut driver, 4);
    let joined = Outcome::Joined { generation: 1, partitions: places(&[0]) };
    assert_eq!(driver.outcomes.last(), Some(&(4, joined)));
}

/// The answer to the heartbeat that told it all was lost amid a reconciliation: it says all again.
fn names_amid_reconciliation(defects: Defects) -> Option<Vec<i32>> {
    let mut driver = member_with(None, defects);
    driver.advance(300);
    let (asked, _) = heard(&mut driver);
    driver.answer(&asked, heartbeat_answer(2, Some(&[0, 1, 2])));
    driver.advance(300);
    let (asked, request) = heard(&mut driver);
    assert_eq!(owned(&request), None, "nothing is new: nobody polls, so that nothing is taken");
    driver.answer(&asked, refused(ErrorCode::NotCoordinator));
    let asked = take(&mut driver, |body| {
        matches!(body, RequestBody::Client(ClientRequest::FindCoordinator(_)))
    });
    driver.answer(&asked, found());
    owned(&heard(&mut driver).1)
}

#[test]
fn what_was_given_is_named_before_it_is_taken() {
    assert_eq!(names_amid_reconciliation(Defects::NONE), Some(vec![0, 1, 2]));
    let kafka = [GroupDefect::HeartbeatOmitsPending].into_iter().collect();
    assert_eq!(names_amid_reconciliation(kafka), Some(vec![0, 1]));
}

#[test]
fn who_is_fenced_loses_everything_and_joins_anew() {
    let mut driver = member(None);
    poll(&mut driver, 3);
    driver.advance(300);
    let (asked, _) = heard(&mut driver);
    driver.answer(&asked, refused(ErrorCode::FencedMemberEpoch));
    assert_eq!(driver.outcomes, [(3, Outcome::Lost { partitions: places(&[0, 1]) })]);
    let (_, request) = heard(&mut driver);
    assert_eq!((request.member_epoch, owned(&request)), (0, Some(vec![])));
}

#[test]
fn who_does_not_poll_leaves_and_who_is_static_will_be_back() {
    for (instance, epoch) in [(None, -1), (Some("i"), -2)] {
        let mut driver = member(instance);
        let left = (0..17).find_map(|_| heartbeat_that_leaves(&mut driver));
        assert_eq!(left, Some(epoch), "{instance:?}");
        poll(&mut driver, 3);
        let lost = Outcome::Lost { partitions: places(&[0, 1]) };
        assert_eq!(driver.outcomes, [(3, lost)]);
        assert_eq!(heard(&mut driver).1.member_epoch, 0, "it joins again");
    }
}

/// Waits a little, and answers a heartbeat if there is one: the epoch of one that leaves.
fn heartbeat_that_leaves(driver: &mut Member) -> Option<i32> {
    driver.advance(300);
    let asked = driver.take(|body| {
        matches!(body, RequestBody::Client(ClientRequest::ConsumerGroupHeartbeat(_)))
    })?;
    let RequestBody::Client(ClientRequest::ConsumerGroupHeartbeat(request)) = &asked.message.body
    else {
        return None;
    };
    let epoch = request.member_epoch;
    if epoch < 0 {
        return Some(epoch);
    }
    driver.answer(&asked, heartbeat_answer(1, None));
    None
}

#[test]
fn a_consumer_whose_instance_id_is_taken_is_done_until_another_one_is_made() {
    let mut driver = member(Some("i"));
    poll(&mut driver, 3);
    driver.advance(300);
    let (asked, before) = heard(&mut driver);
    driver.answer(&asked, refused(ErrorCode::UnreleasedInstanceId));
    let error = ErrorCode::UnreleasedInstanceId;
    assert_eq!(driver.outcomes, [(3, Outcome::Failed { error, partition: -1 })]);
    driver.invoke(4, Operation::Subscribe { topics: vec![TOPIC] });
    poll(&mut driver, 5);
    driver.advance(130);
    let (_, after) = heard(&mut driver);
    assert_eq!(after.member_epoch, 0);
    assert_ne!(after.member_id, before.member_id, "another consumer has another id");
}

/// Known bug G15.
#[test]
fn a_stale_epoch_says_nothing_of_what_is_committed() {
    let mut driver = member(None);
    poll(&mut driver, 3);
    let asked = take(&mut driver, |body| {
        matches!(body, RequestBody::Client(ClientRequest::OffsetFetch(_)))
    });
    let RequestBody::Client(ClientRequest::OffsetFetch(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    assert_eq!(request.groups[0].member_epoch, 1);
    let group = OffsetFetchResponseGroup::default()
        .with_group_id(request.groups[0].group_id.clone())
        .with_error_code(ErrorCode::StaleMemberEpoch.code());
    let response = OffsetFetchResponse::default().with_groups(vec![group]);
    driver.answer(&asked, ResponseBody::Client(ClientResponse::OffsetFetch(Box::new(response))));
    let start =
        |body: &RequestBody| matches!(body, RequestBody::Client(ClientRequest::ListOffsets(_)));
    assert!(driver.take(start).is_none(), "it does not start from anywhere");
    driver.advance(130);
    let again =
        driver.take(|body| matches!(body, RequestBody::Client(ClientRequest::OffsetFetch(_))));
    assert!(again.is_some(), "it asks again");
}

/// It may have given up meanwhile what it commits for, and another member goes on there.
#[test]
fn a_commit_of_a_stale_epoch_is_not_tried_again_in_the_next_one() {
    let mut driver = member(None);
    let offsets = vec![((TOPIC, 0), Offset(7))];
    driver.invoke(3, Operation::Commit { offsets, sync: true });
    let is_commit =
        |body: &RequestBody| matches!(body, RequestBody::Client(ClientRequest::OffsetCommit(_)));
    let asked = take(&mut driver, is_commit);
    driver.advance(300);
    let (beat, _) = heard(&mut driver);
    driver.answer(&beat, heartbeat_answer(2, None));
    let error = ErrorCode::StaleMemberEpoch;
    let partition = OffsetCommitResponsePartition::default().with_error_code(error.code());
    let topic = OffsetCommitResponseTopic::default()
        .with_name(TopicName(TOPIC))
        .with_partitions(vec![partition]);
    let response = OffsetCommitResponse::default().with_topics(vec![topic]);
    driver.answer(&asked, ResponseBody::Client(ClientResponse::OffsetCommit(Box::new(response))));
    assert_eq!(driver.outcomes, [(3, Outcome::Failed { error, partition: -1 })]);
    driver.advance(1_000);
    assert!(driver.take(is_commit).is_none(), "that is for the application to decide");
}

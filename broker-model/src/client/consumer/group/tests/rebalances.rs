//! Joins of a member: what it claims, what it leads, and which answers are for somebody that it is not any more.

use super::{
    Member, TOPIC, committed, config, heartbeat, joined, member, member_of, places, poll, take,
    take_join,
};
use crate::client::consumer::Consumer;
use crate::client::consumer::tests::{batch, polled, records_answer, take_fetch};
use crate::client::testing::{START, SentRequest};
use crate::config::{Assignor, ConsumerConfig, MemberConfig, topic_name};
use crate::consumer_protocol::{Place, Subscription, decode_assignment, encode_assignment};
use crate::message::{ClientRequest, ClientResponse, RequestBody, ResponseBody};
use crate::node::{Channel, Operation, Outcome};
use crate::proto::{ErrorCode, JoinGroupResponse, JoinGroupResponseMember, SyncGroupResponse};
use crate::types::NodeId;

fn is_join(body: &RequestBody) -> bool {
    matches!(body, RequestBody::Client(ClientRequest::JoinGroup(_)))
}

fn is_heartbeat(body: &RequestBody) -> bool {
    matches!(body, RequestBody::Client(ClientRequest::Heartbeat(_)))
}

fn is_sync(body: &RequestBody) -> bool {
    matches!(body, RequestBody::Client(ClientRequest::SyncGroup(_)))
}

/// Its id, and what it tells in a join.
fn told(asked: &SentRequest) -> (String, Subscription) {
    let RequestBody::Client(ClientRequest::JoinGroup(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    let subscription = Subscription::decode(&request.protocols[0].metadata);
    (request.member_id.to_string(), subscription.expect("it is a consumer's"))
}

/// A member of generation 1 that reads partition 0, and is told to join again amid a poll, which is operation 3.
fn rejoining(assignor: Assignor) -> Member {
    let mut driver = member(assignor, &[0]);
    poll(&mut driver, 3);
    committed(&mut driver, &[(0, 7)]);
    driver.advance(300);
    heartbeat(&mut driver, Some(ErrorCode::RebalanceInProgress));
    driver
}

/// Else they are processed after the commit with which it lets go, and again by the next owner.
#[test]
fn what_was_fetched_is_not_returned_once_its_partition_is_to_be_given_up() {
    let mut driver = member(Assignor::Range, &[0]);
    poll(&mut driver, 3);
    committed(&mut driver, &[(0, 7)]);
    let asked = take_fetch(&mut driver);
    driver.answer(&asked, records_answer(batch(7, 15, 3)));
    assert_eq!(polled(&driver, 3), (7..17).collect::<Vec<_>>(), "five are left");
    driver.advance(300);
    heartbeat(&mut driver, Some(ErrorCode::RebalanceInProgress));
    poll(&mut driver, 4);
    let revoking = Outcome::Revoking { partitions: places(&[0]) };
    assert_eq!(driver.outcomes.last(), Some(&(4, revoking)));
    poll(&mut driver, 5);
    take_join(&mut driver);
    assert_eq!(driver.outcomes.last().map(|it| it.0), Some(4), "it has nothing to return");
}

/// KIP-792, KAFKA-13419: a claim is as old as the assignment that it stems from.
#[test]
fn what_is_owned_is_claimed_with_the_generation_that_gave_it() {
    let mut driver = rejoining(Assignor::CooperativeSticky);
    let asked = take_join(&mut driver);
    let (_, claim) = told(&asked);
    assert_eq!((claim.owned, claim.generation), (places(&[0]), 1));
    driver.answer(&asked, joined(2, 0));
    let asked = take(&mut driver, is_sync);
    let error = ErrorCode::RebalanceInProgress.code();
    let response = SyncGroupResponse::default().with_error_code(error);
    driver.answer(&asked, ResponseBody::Client(ClientResponse::SyncGroup(Box::new(response))));
    let (_, claim) = told(&take_join(&mut driver));
    assert_eq!((claim.owned, claim.generation), (places(&[0]), 1), "generation 2 gave nothing");
}

#[test]
fn who_has_left_is_not_in_the_generation_that_its_join_was_for() {
    let mut driver = rejoining(Assignor::CooperativeSticky);
    let asked = take_join(&mut driver);
    driver.invoke(4, Operation::Unsubscribe);
    driver.answer(&asked, joined(2, 0));
    driver.advance(600);
    assert!(driver.take(is_heartbeat).is_none(), "nobody shall wait for it");
    driver.invoke(5, Operation::Subscribe { topics: vec![TOPIC] });
    poll(&mut driver, 6);
    assert!(driver.take(is_sync).is_none(), "it has nothing of that generation");
    let (id, _) = told(&take_join(&mut driver));
    assert_eq!(id, "", "it is another member");
}

/// KIP-345: else two processes of one instance id throw each other out for ever.
#[test]
fn who_is_fenced_by_another_process_of_its_instance_id_does_not_join_again() {
    let classic = config(Assignor::Range);
    let group =
        classic.group.clone().map(|it| MemberConfig { instance: Some("i".to_owned()), ..it });
    let consumer = Consumer::new(ConsumerConfig { group, ..classic }, START);
    let mut driver = member_of(consumer, &[0]);
    driver.advance(300);
    heartbeat(&mut driver, Some(ErrorCode::FencedInstanceId));
    let error = ErrorCode::FencedInstanceId;
    for operation in [3, 4] {
        poll(&mut driver, operation);
        let outcome = Outcome::Failed { error, partition: -1 };
        assert_eq!(driver.outcomes.last(), Some(&(operation, outcome)));
    }
    driver.advance(1_000);
    assert!(driver.take(is_join).is_none() && driver.take(is_heartbeat).is_none());
}

/// What the leader, which is alone, gives itself.
fn shared_out(driver: &mut Member) -> (SentRequest, Vec<Place>) {
    let asked = take(driver, is_sync);
    let RequestBody::Client(ClientRequest::SyncGroup(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    let given = decode_assignment(&request.assignments[0].assignment);
    (asked, given.expect("an assignment can be read"))
}

#[test]
fn a_leader_joins_again_when_its_topics_have_more_partitions() {
    let mut driver = rejoining(Assignor::CooperativeSticky);
    let asked = take_join(&mut driver);
    let (_, subscription) = told(&asked);
    let itself = JoinGroupResponseMember::default()
        .with_member_id(topic_name("m"))
        .with_metadata(subscription.encode());
    let response = JoinGroupResponse::default()
        .with_generation_id(2)
        .with_member_id(topic_name("m"))
        .with_leader(topic_name("m"))
        .with_protocol_name(Some(topic_name("cooperative-sticky")))
        .with_members(vec![itself]);
    driver.answer(&asked, ResponseBody::Client(ClientResponse::JoinGroup(Box::new(response))));
    let (asked, given) = shared_out(&mut driver);
    assert_eq!(given, places(&[0, 1, 2]));
    let response = SyncGroupResponse::default().with_assignment(encode_assignment(&given));
    driver.answer(&asked, ResponseBody::Client(ClientResponse::SyncGroup(Box::new(response))));
    let outcome = Outcome::Joined { generation: 2, partitions: given };
    assert_eq!(driver.outcomes.last(), Some(&(3, outcome)));
    poll(&mut driver, 4);
    for (count, joins) in [(3, false), (4, true)] {
        driver.advance(200);
        driver.lose(NodeId(1), Channel::Client);
        driver.send_leaders(&vec![(1, 3); count]);
        assert_eq!(driver.take(is_join).is_some(), joins, "{count} partitions");
    }
}

//! One member and a scripted coordinator, which is broker 2.

use crate::client::consumer::Consumer;
use crate::client::testing::{Driver, START, SentRequest, TOPIC};
use crate::config::{Assignor, ConsumerConfig, MemberConfig, topic_name};
use crate::consumer_protocol::{Place, encode_assignment};
use crate::defect::{ConsumerDefect, Defects, GroupDefect};
use crate::message::{ClientRequest, ClientResponse, RequestBody, ResponseBody};
use crate::node::{ConsumerCall, Operation, Outcome};
use crate::proto::{
    Coordinator, ErrorCode, FindCoordinatorResponse, GroupId, HeartbeatResponse, JoinGroupResponse,
    MetadataResponse, MetadataResponsePartition, MetadataResponseTopic, OffsetCommitRequest,
    OffsetCommitResponse, OffsetCommitResponsePartition, OffsetCommitResponseTopic,
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetFetchResponsePartitions,
    OffsetFetchResponseTopics, SyncGroupResponse, TopicName, topic_uuid,
};
use crate::testing;
use crate::types::{NodeId, Offset, TopicId};

pub(super) fn config(assignor: Assignor) -> ConsumerConfig {
    ConsumerConfig {
        bootstrap: vec![NodeId(1), NodeId(2), NodeId(3)],
        group: Some(MemberConfig {
            group: "g".to_owned(),
            instance: None,
            assignor,
            session_timeout_ms: 3_000,
            heartbeat_interval_ms: 300,
            max_poll_interval_ms: 5_000,
            api_timeout_ms: 2_000,
            protocol: crate::config::GroupProtocol::Classic,
            remote_assignor: None,
        }),
        ..testing::consumer(1002)
    }
}

pub(super) type Member = Driver<Consumer>;

pub(super) fn take(driver: &mut Member, is_kind: impl Fn(&RequestBody) -> bool) -> SentRequest {
    driver.take(is_kind).unwrap_or_else(|| panic!("not asked: {:?}", driver.wire))
}

fn take_join(driver: &mut Member) -> SentRequest {
    take(driver, |body| matches!(body, RequestBody::Client(ClientRequest::JoinGroup(_))))
}

fn joined(generation: i32, error: i16) -> ResponseBody {
    let response = JoinGroupResponse::default()
        .with_error_code(error)
        .with_generation_id(generation)
        .with_member_id(topic_name("m"))
        .with_leader(topic_name("other"))
        .with_protocol_name(Some(topic_name("range")));
    ResponseBody::Client(ClientResponse::JoinGroup(Box::new(response)))
}

pub(super) fn places(indexes: &[i32]) -> Vec<Place> {
    indexes.iter().map(|index| (TOPIC, *index)).collect()
}

pub(super) fn poll(driver: &mut Member, operation: u64) {
    driver.invoke(operation, Operation::Poll { timeout_ms: 20_000, max_records: 10 });
}

/// Answers a synchronisation with these partitions.
fn sync(driver: &mut Member, given: &[i32]) {
    let asked =
        take(driver, |body| matches!(body, RequestBody::Client(ClientRequest::SyncGroup(_))));
    let response = SyncGroupResponse::default().with_assignment(encode_assignment(&places(given)));
    driver.answer(&asked, ResponseBody::Client(ClientResponse::SyncGroup(Box::new(response))));
}

/// A member of generation 1 that has these partitions; operations up to 2 are done.
fn member(assignor: Assignor, given: &[i32]) -> Member {
    member_with(assignor, given, Defects::NONE)
}

fn member_with(assignor: Assignor, given: &[i32], defects: Defects) -> Member {
    member_of(Consumer::new(config(assignor), START).with_defects(defects), given)
}

fn member_of(consumer: Consumer, given: &[i32]) -> Member {
    member_told(consumer, given, &[(1, 3), (1, 3), (1, 3)])
}

/// A member that has been told of these leaders.
fn member_told(consumer: Consumer, given: &[i32], leaders: &[(i32, i32)]) -> Member {
    let mut driver = Driver::new(consumer);
    driver.invoke(1, Operation::Subscribe { topics: vec![TOPIC] });
    poll(&mut driver, 2);
    driver.send_leaders(leaders);
    let asked = take(&mut driver, |body| {
        matches!(body, RequestBody::Client(ClientRequest::FindCoordinator(_)))
    });
    let found = Coordinator::default().with_key(topic_name("g")).with_node_id(2.into());
    let response = FindCoordinatorResponse::default().with_coordinators(vec![found]);
    driver
        .answer(&asked, ResponseBody::Client(ClientResponse::FindCoordinator(Box::new(response))));
    let asked = take_join(&mut driver);
    assert_eq!(asked.to, NodeId(2));
    driver.answer(&asked, joined(-1, ErrorCode::MemberIdRequired.code()));
    let asked = take_join(&mut driver);
    let RequestBody::Client(ClientRequest::JoinGroup(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    assert_eq!(request.member_id.as_str(), "m", "it comes again with the id that it was given");
    driver.answer(&asked, joined(1, 0));
    sync(&mut driver, given);
    let joined = Outcome::Joined { generation: 1, partitions: places(given) };
    assert_eq!(driver.outcomes, [(1, Outcome::Subscribed), (2, joined)]);
    driver
}

/// Answers with committed offsets.
pub(super) fn committed(driver: &mut Member, offsets: &[(i32, i64)]) {
    committed_in_epoch(driver, offsets, -1);
}

fn committed_in_epoch(driver: &mut Member, offsets: &[(i32, i64)], epoch: i32) {
    let asked =
        take(driver, |body| matches!(body, RequestBody::Client(ClientRequest::OffsetFetch(_))));
    let answers = offsets.iter().map(|(index, offset)| {
        OffsetFetchResponsePartitions::default()
            .with_partition_index(*index)
            .with_committed_offset(*offset)
            .with_committed_leader_epoch(epoch)
    });
    let topic = OffsetFetchResponseTopics::default()
        .with_name(TopicName(TOPIC))
        .with_partitions(answers.collect());
    let group = OffsetFetchResponseGroup::default()
        .with_group_id(GroupId(topic_name("g")))
        .with_topics(vec![topic]);
    let response = OffsetFetchResponse::default().with_groups(vec![group]);
    driver.answer(&asked, ResponseBody::Client(ClientResponse::OffsetFetch(Box::new(response))));
}

fn heartbeat(driver: &mut Member, error: Option<ErrorCode>) {
    let asked =
        take(driver, |body| matches!(body, RequestBody::Client(ClientRequest::Heartbeat(_))));
    let code = error.map_or(0, |error| error.code());
    let response = HeartbeatResponse::default().with_error_code(code);
    driver.answer(&asked, ResponseBody::Client(ClientResponse::Heartbeat(Box::new(response))));
}

fn commit_of(sync: bool) -> Operation {
    Operation::Commit { offsets: vec![((TOPIC, 0), Offset(7))], sync }
}

fn take_commit(driver: &mut Member) -> (SentRequest, OffsetCommitRequest) {
    let asked =
        take(driver, |body| matches!(body, RequestBody::Client(ClientRequest::OffsetCommit(_))));
    let RequestBody::Client(ClientRequest::OffsetCommit(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    let request = (**request).clone();
    (asked, request)
}

fn commit_answer(error: Option<ErrorCode>) -> ResponseBody {
    let partition = OffsetCommitResponsePartition::default()
        .with_error_code(error.map_or(0, |error| error.code()));
    let topic = OffsetCommitResponseTopic::default()
        .with_name(TopicName(TOPIC))
        .with_partitions(vec![partition]);
    let response = OffsetCommitResponse::default().with_topics(vec![topic]);
    ResponseBody::Client(ClientResponse::OffsetCommit(Box::new(response)))
}

fn commit_until_woken(wakeup_ms: u32) -> Operation {
    let offsets = vec![((TOPIC, 0), Offset(7))];
    Operation::Call(ConsumerCall::CommitUntilWoken { offsets, wakeup_ms })
}

/// The application waits no more. What was sent may be done, and is not sent again.
#[test]
fn a_wakeup_ends_a_commit_that_waits() {
    let mut driver = member(Assignor::Range, &[0]);
    driver.invoke(3, commit_until_woken(40));
    let (asked, _) = take_commit(&mut driver);
    driver.advance(39);
    assert_ne!(driver.outcomes.last(), Some(&(3, Outcome::WokenUp)));
    driver.advance(1);
    assert_eq!(driver.outcomes.last(), Some(&(3, Outcome::WokenUp)));
    driver.answer(&asked, commit_answer(Some(ErrorCode::CoordinatorLoadInProgress)));
    driver.advance(1_000);
    let again =
        driver.take(|body| matches!(body, RequestBody::Client(ClientRequest::OffsetCommit(_))));
    assert!(again.is_none(), "nobody waits for it");
    assert_eq!(driver.outcomes.iter().filter(|(operation, _)| *operation == 3).count(), 1);
    driver.invoke(4, commit_until_woken(40));
    let (asked, _) = take_commit(&mut driver);
    driver.answer(&asked, commit_answer(None));
    driver.advance(100);
    let outcome = Outcome::Committed { generation: 1 };
    assert_eq!(driver.outcomes.last(), Some(&(4, outcome)), "what is done is not woken up");
}

#[test]
fn a_member_goes_on_where_its_group_is() {
    let mut driver = member(Assignor::Range, &[0, 2]);
    poll(&mut driver, 3);
    committed(&mut driver, &[(0, 7), (2, -1)]);
    let asked =
        take(&mut driver, |body| matches!(body, RequestBody::Client(ClientRequest::Fetch(_))));
    let RequestBody::Client(ClientRequest::Fetch(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    let fetched = &request.topics[0].partitions[0];
    assert_eq!((fetched.partition, fetched.fetch_offset), (0, 7));
    let asked = take(&mut driver, |body| {
        matches!(body, RequestBody::Client(ClientRequest::ListOffsets(_)))
    });
    let RequestBody::Client(ClientRequest::ListOffsets(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    assert_eq!(request.topics[0].partitions[0].timestamp, -2, "nothing is committed of 2");
}

/// A leader that it knows of an older epoch would say that it has nothing of that epoch, and it would begin anew.
#[test]
fn a_commit_of_a_newer_epoch_waits_for_the_leader_of_that() {
    let is_query = |body: &RequestBody| {
        matches!(body, RequestBody::Client(ClientRequest::OffsetForLeaderEpoch(_)))
    };
    for (epoch, asks_at_once) in [(3, true), (4, false)] {
        let mut driver = member(Assignor::Range, &[0]);
        poll(&mut driver, 3);
        committed_in_epoch(&mut driver, &[(0, 7)], epoch);
        let asked = driver.take(is_query);
        assert_eq!(asked.is_some(), asks_at_once, "committed in epoch {epoch}, known is 3");
        if !asks_at_once {
            driver.advance(200);
            driver.send_leaders(&[(1, 3), (1, 3), (1, 3)]);
            assert!(driver.take(is_query).is_none(), "an answer of the older epoch says nothing");
            driver.advance(200);
            driver.send_leaders(&[(2, 4), (1, 3), (1, 3)]);
            assert_eq!(take(&mut driver, is_query).to, NodeId(2));
        }
    }
}

/// `Metadata.updateLastSeenEpochIfNewer` puts no epoch in the place of none.
#[test]
fn a_commits_epoch_is_remembered_of_a_partition_that_is_new() {
    let is_query = |body: &RequestBody| {
        matches!(body, RequestBody::Client(ClientRequest::OffsetForLeaderEpoch(_)))
    };
    let kafka: Defects = [ConsumerDefect::FirstEpochLost].into_iter().collect();
    for (defects, told) in [(Defects::NONE, &[][..]), (Defects::NONE, &[(1, 3)]), (kafka, &[])] {
        let consumer = Consumer::new(config(Assignor::Range), START).with_defects(defects);
        let mut driver = member_told(consumer, &[1], told);
        poll(&mut driver, 3);
        committed_in_epoch(&mut driver, &[(1, 7)], 4);
        driver.advance(200);
        driver.send_leaders(&[(1, 3), (1, 3)]);
        let asks_deposed = driver.take(is_query).is_some();
        assert_eq!(asks_deposed, defects == kafka, "told of {told:?}, {defects:?}");
        if !asks_deposed {
            driver.advance(200);
            driver.send_leaders(&[(1, 3), (2, 4)]);
            assert_eq!(take(&mut driver, is_query).to, NodeId(2));
        }
    }
}

#[test]
fn an_eager_member_tells_and_gives_up_everything_before_it_joins_again() {
    let mut driver = member(Assignor::Range, &[0, 1]);
    poll(&mut driver, 3);
    committed(&mut driver, &[(0, 7), (1, 9)]);
    driver.advance(300);
    heartbeat(&mut driver, Some(ErrorCode::RebalanceInProgress));
    let revoking = Outcome::Revoking { partitions: places(&[0, 1]) };
    assert_eq!(driver.outcomes.last(), Some(&(3, revoking)));
    let offsets = vec![((TOPIC, 0), Offset(7)), ((TOPIC, 1), Offset(9))];
    driver.invoke(4, Operation::Commit { offsets, sync: true });
    let (asked, request) = take_commit(&mut driver);
    assert_eq!(request.generation_id_or_member_epoch, 1);
    driver.answer(&asked, commit_answer(None));
    assert_eq!(driver.outcomes.last(), Some(&(4, Outcome::Committed { generation: 1 })));
    assert!(
        driver
            .take(|body| matches!(body, RequestBody::Client(ClientRequest::JoinGroup(_))))
            .is_none()
    );
    poll(&mut driver, 5);
    let asked = take_join(&mut driver);
    driver.answer(&asked, joined(2, 0));
    sync(&mut driver, &[1]);
    let outcome = Outcome::Joined { generation: 2, partitions: places(&[1]) };
    assert_eq!(driver.outcomes.last(), Some(&(5, outcome)));
}

#[test]
fn a_cooperative_member_gives_up_what_is_gone_and_joins_once_more() {
    let mut driver = member(Assignor::CooperativeSticky, &[0, 1]);
    poll(&mut driver, 3);
    committed(&mut driver, &[(0, 7), (1, 9)]);
    driver.advance(300);
    heartbeat(&mut driver, Some(ErrorCode::RebalanceInProgress));
    let asked = take_join(&mut driver);
    driver.answer(&asked, joined(2, 0));
    sync(&mut driver, &[1, 2]);
    let revoking = Outcome::Revoking { partitions: places(&[0]) };
    assert_eq!(driver.outcomes.last(), Some(&(3, revoking)));
    poll(&mut driver, 4);
    let outcome = Outcome::Joined { generation: 2, partitions: places(&[1, 2]) };
    assert_eq!(driver.outcomes.last(), Some(&(4, outcome)));
    poll(&mut driver, 5);
    take_join(&mut driver);
}

/// A member whose commit is answered by a rebalance is in generation 2 then.
fn joins_again(driver: &mut Driver<Consumer>) {
    let (asked, _) = take_commit(driver);
    driver.answer(&asked, commit_answer(Some(ErrorCode::RebalanceInProgress)));
    let asked = take_join(driver);
    driver.answer(&asked, joined(2, 0));
    sync(driver, &[0]);
}

/// Whether a member loses what it has when a heartbeat of its generation before is refused.
fn loses_by_an_old_error(defects: Defects) -> bool {
    let mut driver = member_with(Assignor::CooperativeSticky, &[0], defects);
    poll(&mut driver, 3);
    committed(&mut driver, &[(0, 7)]);
    driver.advance(300);
    let old =
        take(&mut driver, |body| matches!(body, RequestBody::Client(ClientRequest::Heartbeat(_))));
    driver.invoke(4, commit_of(false));
    joins_again(&mut driver);
    let code = ErrorCode::IllegalGeneration.code();
    let response = HeartbeatResponse::default().with_error_code(code);
    driver.answer(&old, ResponseBody::Client(ClientResponse::Heartbeat(Box::new(response))));
    poll(&mut driver, 5);
    let lost = Outcome::Lost { partitions: places(&[0]) };
    driver.outcomes.contains(&(5, lost))
}

/// The same of a commit of the generation before.
fn loses_by_an_old_commit(defects: Defects) -> bool {
    let mut driver = member_with(Assignor::CooperativeSticky, &[0], defects);
    poll(&mut driver, 3);
    committed(&mut driver, &[(0, 7)]);
    driver.invoke(4, commit_of(false));
    let (old, _) = take_commit(&mut driver);
    driver.invoke(5, commit_of(false));
    joins_again(&mut driver);
    driver.answer(&old, commit_answer(Some(ErrorCode::IllegalGeneration)));
    poll(&mut driver, 6);
    let lost = Outcome::Lost { partitions: places(&[0]) };
    driver.outcomes.contains(&(6, lost))
}

/// Known bug G09.
#[test]
fn an_error_of_an_older_generation_changes_nothing() {
    let table = [
        (None, false, false),
        (Some(GroupDefect::StaleGenerationErrorCounts), true, true),
        (Some(GroupDefect::StaleCommitErrorCounts), false, true),
    ];
    for (bug, by_heartbeat, by_commit) in table {
        let defects: Defects = bug.into_iter().collect();
        assert_eq!(loses_by_an_old_error(defects), by_heartbeat, "{bug:?}");
        assert_eq!(loses_by_an_old_commit(defects), by_commit, "{bug:?}");
    }
}

#[test]
fn an_application_that_does_not_poll_leaves_its_group() {
    let mut driver = member(Assignor::Range, &[0]);
    for _ in 0..17 {
        driver.advance(300);
        while let Some(asked) =
            driver.take(|body| matches!(body, RequestBody::Client(ClientRequest::Heartbeat(_))))
        {
            let body = ResponseBody::Client(ClientResponse::Heartbeat(Box::default()));
            driver.answer(&asked, body);
        }
    }
    take(&mut driver, |body| matches!(body, RequestBody::Client(ClientRequest::LeaveGroup(_))));
    poll(&mut driver, 3);
    let lost = Outcome::Lost { partitions: places(&[0]) };
    assert_eq!(driver.outcomes.last(), Some(&(3, lost)));
}

#[test]
fn a_commit_that_waits_is_tried_again_and_one_that_does_not_is_not() {
    for (sync_commit, again) in [(true, true), (false, false)] {
        let mut driver = member(Assignor::Range, &[0]);
        poll(&mut driver, 3);
        committed(&mut driver, &[(0, 7)]);
        driver.invoke(4, commit_of(sync_commit));
        let (asked, _) = take_commit(&mut driver);
        driver.answer(&asked, commit_answer(Some(ErrorCode::CoordinatorLoadInProgress)));
        driver.advance(200);
        let retried =
            driver.take(|body| matches!(body, RequestBody::Client(ClientRequest::OffsetCommit(_))));
        assert_eq!(retried.is_some(), again);
        if !again {
            let error = ErrorCode::CoordinatorLoadInProgress;
            assert_eq!(
                driver.outcomes.last(),
                Some(&(4, Outcome::Failed { error, partition: -1 }))
            );
        }
    }
}

fn close(leaves: bool) -> Operation {
    Operation::Call(ConsumerCall::Close { timeout_ms: 1_000, leaves })
}

fn left(driver: &mut Member) -> bool {
    let is_leave =
        |body: &RequestBody| matches!(body, RequestBody::Client(ClientRequest::LeaveGroup(_)));
    driver.take(is_leave).is_some()
}

#[test]
fn who_closes_waits_for_its_commits_and_leaves_then() {
    for leaves in [true, false] {
        let mut driver = member(Assignor::Range, &[0]);
        poll(&mut driver, 3);
        committed(&mut driver, &[(0, 7)]);
        driver.invoke(4, commit_of(false));
        let (asked, _) = take_commit(&mut driver);
        driver.invoke(5, close(leaves));
        assert!(!left(&mut driver), "a commit is under way");
        driver.answer(&asked, commit_answer(None));
        let ended = [(4, Outcome::Committed { generation: 1 }), (5, Outcome::Called)];
        assert_eq!(driver.outcomes[driver.outcomes.len() - 2..], ended);
        assert_eq!(left(&mut driver), leaves, "who stays is waited for");
    }
}

#[test]
fn who_closes_does_not_wait_for_ever() {
    let mut driver = member(Assignor::Range, &[0]);
    poll(&mut driver, 3);
    committed(&mut driver, &[(0, 7)]);
    driver.invoke(4, commit_of(false));
    driver.invoke(5, close(true));
    driver.advance(1_000);
    let unknown = |outcome: &Outcome| matches!(outcome, Outcome::Unknown { .. });
    assert!(driver.outcomes.iter().any(|(operation, it)| *operation == 4 && unknown(it)));
    assert_eq!(driver.outcomes.last(), Some(&(5, Outcome::Called)));
}

/// Answers a request for all topics with these, of one partition each.
fn tell_topics(driver: &mut Member, names: &[&str]) {
    let asked =
        take(driver, |body| matches!(body, RequestBody::Client(ClientRequest::Metadata(_))));
    let RequestBody::Client(ClientRequest::Metadata(request)) = &asked.message.body else {
        panic!("{asked:?}")
    };
    assert!(request.topics.is_none(), "all topics are asked for");
    let topics = names.iter().zip(1..).map(|(name, id)| {
        let partition =
            MetadataResponsePartition::default().with_leader_id(1.into()).with_leader_epoch(3);
        MetadataResponseTopic::default()
            .with_name(Some(TopicName(topic_name(name))))
            .with_topic_id(topic_uuid(TopicId(id)))
            .with_partitions(vec![partition])
    });
    let response = MetadataResponse::default().with_topics(topics.collect());
    driver.answer(&asked, ResponseBody::Client(ClientResponse::Metadata(Box::new(response))));
}

#[test]
fn a_pattern_is_matched_again_when_topics_come_and_go() {
    let config = ConsumerConfig { metadata_max_age_ms: 1_000, ..config(Assignor::Range) };
    let mut driver = Driver::new(Consumer::new(config, START));
    let pattern = topic_name("orders.*");
    driver.invoke(1, Operation::Call(ConsumerCall::SubscribePattern { pattern }));
    assert_eq!(driver.outcomes, [(1, Outcome::Called)]);
    poll(&mut driver, 2);
    let subscribed = |driver: &Member| {
        let member = driver.node.member();
        member.topics.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    tell_topics(&mut driver, &["__consumer_offsets", "orders", "payments"]);
    assert_eq!(subscribed(&driver), ["orders"]);
    driver.advance(1_100);
    tell_topics(&mut driver, &["__consumer_offsets", "orders", "orders-eu", "payments"]);
    assert_eq!(subscribed(&driver), ["orders", "orders-eu"]);
    driver.advance(1_100);
    tell_topics(&mut driver, &["orders-eu"]);
    assert_eq!(subscribed(&driver), ["orders-eu"], "what is not named is not there");
}

mod commits;
mod offsets;
mod rebalances;

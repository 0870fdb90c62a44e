//! What a broker asks of the active controller on behalf of others.

use crate::broker::tests::bench::{Bench, CONTROLLER, ORDERS, only_reply, registration, replies};
use crate::config::topic_name;
use crate::fetch_session::FetchMetadata;
use crate::message::{
    AllocateProducerIdsResponse, AlterPartitionResponse, ClusterError, IsrRegistration,
    ReplicaFetchPartition, ReplicaFetchRequest, RequestBody, ResponseBody,
};
use crate::node::{Channel, Effect, Event};
use crate::note::Note;
use crate::proto::{
    CreatableTopic, CreatableTopicResult, CreateTopicsRequest, CreateTopicsResponse, ErrorCode,
    InitProducerIdRequest, TopicName,
};
use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch};

fn init_producer_id(id: i64, epoch: i16) -> RequestBody {
    let request = InitProducerIdRequest::default()
        .with_transactional_id(None)
        .with_producer_id(id.into())
        .with_producer_epoch(epoch);
    RequestBody::InitProducerId(Box::new(request))
}

fn given(body: &ResponseBody) -> (i16, i64, i16) {
    let ResponseBody::InitProducerId(response) = body else { panic!("{body:?}") };
    (response.error_code, response.producer_id.0, response.producer_epoch)
}

#[test]
fn producer_ids_come_from_a_block_that_is_fetched_once() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    assert_eq!(replies(&bench.request(7, 1001, 1, init_producer_id(-1, -1))), []);
    assert_eq!(replies(&bench.request(8, 1002, 1, init_producer_id(-1, -1))), []);
    let sent = bench.take_sent(Channel::Controller);
    assert_eq!(sent.to, CONTROLLER);
    let response = AllocateProducerIdsResponse { result: Ok((1000, 1000)) };
    let effects = bench.answer(&sent, ResponseBody::AllocateProducerIds(response));
    let answers: Vec<_> =
        replies(&effects).iter().map(|(connection, _, body)| (*connection, given(body))).collect();
    assert_eq!(answers, [(7, (0, 1000, 0)), (8, (0, 1001, 0))]);
    let effects = bench.request(7, 1001, 2, init_producer_id(-1, -1));
    assert_eq!(given(&only_reply(&effects)), (0, 1002, 0));
    assert!(!bench.has_sent(Channel::Controller));
}

#[test]
fn a_producer_that_gives_its_id_gets_the_next_epoch() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let effects = bench.request(7, 1001, 1, init_producer_id(1000, 3));
    assert_eq!(given(&only_reply(&effects)), (0, 1000, 4));
    let effects = bench.request(7, 1001, 2, init_producer_id(1000, i16::MAX));
    assert_eq!(replies(&effects), [], "an exhausted epoch needs a new id");
}

#[test]
fn a_block_that_does_not_come_is_asked_for_elsewhere_and_the_client_told() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.request(7, 1001, 1, init_producer_id(-1, -1));
    let first = bench.take_sent(Channel::Controller);
    bench.handle(Event::ConnectionLost { to: first.to, channel: Channel::Controller });
    bench.pass_ms(60);
    assert_ne!(bench.take_sent(Channel::Controller).to, first.to);
    let effects = bench.pass_ms(3_000);
    let answers = replies(&effects);
    assert_eq!(given(&answers[0].2).0, ErrorCode::CoordinatorLoadInProgress.code());
}

fn create_topics() -> RequestBody {
    let topic = CreatableTopic::default().with_name(TopicName(topic_name("new")));
    RequestBody::CreateTopics(Box::new(CreateTopicsRequest::default().with_topics(vec![topic])))
}

#[test]
fn create_topics_is_passed_on_and_its_answer_passed_back() {
    for error_code in [0, ErrorCode::NotController.code()] {
        let mut bench = Bench::hosting(registration(1, 1, &[1]));
        bench.request(7, 1003, 5, create_topics());
        let sent = bench.take_sent(Channel::Controller);
        assert_eq!(sent.message.body, create_topics());
        let result = CreatableTopicResult::default().with_error_code(error_code);
        let response = ResponseBody::CreateTopics(Box::new(
            CreateTopicsResponse::default().with_topics(vec![result]),
        ));
        let effects = bench.answer(&sent, response.clone());
        assert_eq!(replies(&effects), [(7, 5, response)]);
    }
}

#[test]
fn create_topics_without_an_answer_may_or_may_not_have_happened() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.request(7, 1003, 5, create_topics());
    let effects = bench.pass_ms(3_000);
    let disconnect = Effect::Disconnect { to: CONTROLLER, channel: Channel::Controller };
    assert!(effects.contains(&disconnect), "{effects:?}");
    let ResponseBody::CreateTopics(response) = only_reply(&effects) else { panic!("{effects:?}") };
    assert_eq!(response.topics[0].error_code, ErrorCode::RequestTimedOut.code());
    assert_eq!(response.topics[0].name, TopicName(topic_name("new")));
}

/// Follower 2 fetches from the end of the leader's log, so that it may join the ISR.
fn follower_fetch(bench: &mut Bench) -> Vec<Effect> {
    let asked = ReplicaFetchPartition {
        partition: ORDERS,
        current_leader_epoch: LeaderEpoch(1),
        fetch_offset: Offset(0),
        last_fetched_epoch: LeaderEpoch::NONE,
        log_start_offset: Offset(0),
    };
    let request = ReplicaFetchRequest {
        replica: NodeId(2),
        broker_epoch: BrokerEpoch(1),
        wait_max_ms: 500,
        session: FetchMetadata::LEGACY,
        partitions: vec![asked],
        forgotten: Vec::new(),
    };
    bench.request(9, 2, 1, RequestBody::ReplicaFetch(Box::new(request)))
}

#[test]
fn an_isr_proposal_is_sent_until_the_controller_decides() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    follower_fetch(&mut bench);
    let sent = bench.take_sent(Channel::Controller);
    let RequestBody::AlterPartition(request) = &sent.message.body else { panic!("{sent:?}") };
    assert_eq!(request.new_isr, [(NodeId(1), BrokerEpoch(0)), (NodeId(2), BrokerEpoch(1))]);
    let result = Err(ClusterError::NotController);
    let response = AlterPartitionResponse { partition: ORDERS, result };
    bench.answer(&sent, ResponseBody::AlterPartition(Box::new(response)));
    assert!(!bench.has_sent(Channel::Controller), "after a pause");
    bench.pass_ms(60);
    let sent = bench.take_sent(Channel::Controller);
    assert_ne!(sent.to, CONTROLLER, "of another controller");
    let registration = IsrRegistration {
        leader: Some(NodeId(1)),
        leader_epoch: LeaderEpoch(1),
        partition_epoch: PartitionEpoch(2),
        isr: vec![NodeId(1), NodeId(2)],
    };
    let response = AlterPartitionResponse { partition: ORDERS, result: Ok(registration) };
    let effects = bench.answer(&sent, ResponseBody::AlterPartition(Box::new(response)));
    let committed = |effect: &Effect| matches!(effect, Effect::Note(Note::IsrCommitted { .. }));
    assert!(effects.iter().any(committed), "{effects:?}");
    bench.pass_ms(1_000);
    assert!(!bench.has_sent(Channel::Controller));
}

//! What a broker asks of the active controller on behalf of others.

use crate::broker::tests::bench::{Bench, CONTROLLER, ORDERS, only_reply, registration, replies};
use crate::config::topic_name;
use crate::fetch_session::FetchMetadata;
use crate::message::{
    AllocateProducerIdsResponse, AlterPartitionResponse, AlteredPartition, ClientRequest,
    ClientResponse, ClusterError, ControllerRequest, ControllerResponse, IsrRegistration,
    PeerRequest, ReplicaFetchPartition, ReplicaFetchRequest, RequestBody, ResponseBody,
};
use crate::node::{Channel, Effect, Event};
use crate::note::{Note, ReplicationNote};
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
    RequestBody::Client(ClientRequest::InitProducerId(Box::new(request)))
}

fn given(body: &ResponseBody) -> (i16, i64, i16) {
    let ResponseBody::Client(ClientResponse::InitProducerId(response)) = body else {
        panic!("{body:?}")
    };
    (response.error_code, response.producer_id.0, response.producer_epoch)
}

#[test]
fn producer_ids_come_from_a_block_that_is_fetched_once() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    let loading = (ErrorCode::CoordinatorLoadInProgress.code(), -1, -1);
    for connection in [7, 8] {
        let effects = bench.request(connection, 1001, 1, init_producer_id(-1, -1));
        assert_eq!(given(&only_reply(&effects)), loading, "at once");
    }
    let sent = bench.take_sent(Channel::Controller);
    assert_eq!(sent.to, CONTROLLER);
    assert!(!bench.has_sent(Channel::Controller));
    let response = AllocateProducerIdsResponse { result: Ok((1000, 1000)) };
    let effects = bench
        .answer(&sent, ResponseBody::Controller(ControllerResponse::AllocateProducerIds(response)));
    assert_eq!(replies(&effects), []);
    for (id, epoch, expected) in [(-1, -1, 1000), (1000, 3, 1001), (7, i16::MAX, 1002)] {
        let effects = bench.request(7, 1001, 2, init_producer_id(id, epoch));
        assert_eq!(given(&only_reply(&effects)), (0, expected, 0), "a new id whatever is given");
    }
    assert!(!bench.has_sent(Channel::Controller));
}

#[test]
fn a_block_that_does_not_come_is_asked_for_elsewhere() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.request(7, 1001, 1, init_producer_id(-1, -1));
    let first = bench.take_sent(Channel::Controller);
    bench.handle(Event::ConnectionLost { to: first.to, channel: Channel::Controller });
    bench.pass_ms(60);
    assert_ne!(bench.take_sent(Channel::Controller).to, first.to);
}

fn request() -> CreateTopicsRequest {
    let topic = CreatableTopic::default().with_name(TopicName(topic_name("new")));
    CreateTopicsRequest::default().with_topics(vec![topic])
}

fn create_topics() -> RequestBody {
    RequestBody::Client(ClientRequest::CreateTopics(Box::new(request())))
}

#[test]
fn create_topics_is_passed_on_and_its_answer_passed_back() {
    for error_code in [0, ErrorCode::NotController.code()] {
        let mut bench = Bench::hosting(registration(1, 1, &[1]));
        bench.request(7, 1003, 5, create_topics());
        let sent = bench.take_sent(Channel::Controller);
        let passed_on =
            RequestBody::Controller(ControllerRequest::CreateTopics(Box::new(request())));
        assert_eq!(sent.message.body, passed_on);
        let result = CreatableTopicResult::default().with_error_code(error_code);
        let response = Box::new(CreateTopicsResponse::default().with_topics(vec![result]));
        let answer = ControllerResponse::CreateTopics(response.clone());
        let effects = bench.answer(&sent, ResponseBody::Controller(answer));
        let passed_back = ResponseBody::Client(ClientResponse::CreateTopics(response));
        assert_eq!(replies(&effects), [(7, 5, passed_back)]);
    }
}

#[test]
fn create_topics_without_an_answer_may_or_may_not_have_happened() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    bench.request(7, 1003, 5, create_topics());
    let effects = bench.pass_ms(3_000);
    let disconnect = Effect::Disconnect { to: CONTROLLER, channel: Channel::Controller };
    assert!(effects.contains(&disconnect), "{effects:?}");
    let ResponseBody::Client(ClientResponse::CreateTopics(response)) = only_reply(&effects) else {
        panic!("{effects:?}")
    };
    assert_eq!(response.topics[0].error_code, ErrorCode::RequestTimedOut.code());
    assert_eq!(response.topics[0].name, TopicName(topic_name("new")));
}

#[test]
fn the_time_of_what_a_broker_asks_begins_when_its_connection_stands() {
    // What may take how long: a request, half a session, and what a leader may wait before it answers.
    let table =
        [(Channel::Controller, 3_000), (Channel::Heartbeat, 4_500), (Channel::ReplicaFetch, 3_500)];
    for (channel, patience_ms) in table {
        let mut bench = Bench::hosting(registration(2, 1, &[2]));
        if channel == Channel::Heartbeat {
            bench.pass_ms(2_000);
        }
        bench.request(7, 1003, 5, create_topics());
        let to = bench.take_sent(channel).to;
        let given_up = Effect::Disconnect { to, channel };
        let effects = bench.pass_ms(patience_ms - 1);
        assert!(!effects.contains(&given_up), "{channel:?}: {effects:?}");
        bench.handle(Event::Connected { to, channel });
        let effects = bench.pass_ms(patience_ms - 1);
        assert!(!effects.contains(&given_up), "{channel:?}, since it was sent: {effects:?}");
        let effects = bench.pass_ms(1);
        assert!(effects.contains(&given_up), "{channel:?}, since it arrived: {effects:?}");
    }
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
    bench.request(9, 2, 1, RequestBody::Peer(PeerRequest::ReplicaFetch(Box::new(request))))
}

#[test]
fn an_isr_proposal_is_sent_until_the_controller_decides() {
    let mut bench = Bench::hosting(registration(1, 1, &[1]));
    follower_fetch(&mut bench);
    let sent = bench.take_sent(Channel::Controller);
    let RequestBody::Controller(ControllerRequest::AlterPartition(request)) = &sent.message.body
    else {
        panic!("{sent:?}")
    };
    assert_eq!(
        request.partitions[0].new_isr,
        [(NodeId(1), BrokerEpoch(0)), (NodeId(2), BrokerEpoch(1))]
    );
    let not_known =
        AlteredPartition { partition: ORDERS, result: Err(ClusterError::NotController) };
    let response = AlterPartitionResponse { result: Ok(vec![not_known]) };
    bench.answer(
        &sent,
        ResponseBody::Controller(ControllerResponse::AlterPartition(Box::new(response))),
    );
    assert!(!bench.has_sent(Channel::Controller), "after a pause");
    bench.pass_ms(60);
    let sent = bench.take_sent(Channel::Controller);
    assert_ne!(sent.to, CONTROLLER, "of another controller");
    let registration = IsrRegistration {
        leader: Some(NodeId(1)),
        leader_epoch: LeaderEpoch(1),
        partition_epoch: PartitionEpoch(2),
        isr: vec![NodeId(1), NodeId(2)],
        min_insync_replicas: 1,
    };
    let altered = AlteredPartition { partition: ORDERS, result: Ok(registration) };
    let response = AlterPartitionResponse { result: Ok(vec![altered]) };
    let effects = bench.answer(
        &sent,
        ResponseBody::Controller(ControllerResponse::AlterPartition(Box::new(response))),
    );
    let committed = |effect: &Effect| {
        matches!(effect, Effect::Note(Note::Replication(ReplicationNote::IsrCommitted { .. })))
    };
    assert!(effects.iter().any(committed), "{effects:?}");
    bench.pass_ms(1_000);
    assert!(!bench.has_sent(Channel::Controller));
}

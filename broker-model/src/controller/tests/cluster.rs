//! Controllers together: brokers register, topics are made, leadership moves, sessions end.

use super::net::Net;
use super::{config, nodes};
use crate::config::topic_name;
use crate::message::{
    AllocateProducerIdsRequest, AlterPartitionItem, AlterPartitionRequest, BrokerHeartbeatRequest,
    BrokerRegistrationRequest, BrokerRegistrationResponse, ClientRequest, ClusterError,
    ControllerRequest, ControllerResponse, Message, QuorumFetchRequest, RequestBody, ResponseBody,
};
use crate::node::{Channel, Effect, Event};
use crate::proto::{CreatableTopic, CreateTopicsRequest, ErrorCode, TopicName};
use crate::types::{
    BrokerEpoch, ConnectionId, CorrelationId, DirectoryId, LeaderEpoch, NodeId, Offset,
    PartitionEpoch, TopicId, TopicPartition,
};

fn active(net: &mut Net) -> NodeId {
    net.run_until("an active controller", |net| net.active().is_some());
    net.active().expect("just found")
}

fn register(net: &mut Net, to: NodeId, broker: i32) {
    let request = BrokerRegistrationRequest {
        broker: NodeId(broker),
        incarnation: 1000 + broker as u64,
        previous_broker_epoch: BrokerEpoch::NONE,
        log_dirs: Box::default(),
    };
    net.ask(
        NodeId(broker),
        to,
        Channel::Heartbeat,
        RequestBody::Controller(ControllerRequest::BrokerRegistration(request)),
    );
}

fn beat(net: &mut Net, to: NodeId, broker: i32) {
    let known = net.image(to).brokers[&NodeId(broker)].broker_epoch;
    let request = BrokerHeartbeatRequest {
        broker: NodeId(broker),
        broker_epoch: known,
        metadata_offset: Offset(known.0),
        want_fence: false,
        want_shutdown: false,
        offline_log_dirs: Box::default(),
    };
    net.ask(
        NodeId(broker),
        to,
        Channel::Heartbeat,
        RequestBody::Controller(ControllerRequest::BrokerHeartbeat(request)),
    );
}

fn create(net: &mut Net, to: NodeId, name: &str) {
    let topic = CreatableTopic::default()
        .with_name(TopicName(topic_name(name)))
        .with_num_partitions(1)
        .with_replication_factor(3);
    let request = Box::new(CreateTopicsRequest::default().with_topics(vec![topic]));
    net.ask(
        NodeId(1),
        to,
        Channel::Controller,
        RequestBody::Controller(ControllerRequest::CreateTopics(request)),
    );
}

fn created(net: &Net) -> Vec<i16> {
    let code = |body: &ResponseBody| {
        let ResponseBody::Controller(ControllerResponse::CreateTopics(response)) = body else {
            return None;
        };
        Some(response.topics[0].error_code)
    };
    net.inbox.iter().filter_map(|(_, message)| code(&message.body)).collect()
}

/// Three brokers, unfenced, and the topic `orders` with a replica on each.
fn ready() -> (Net, NodeId) {
    let mut net = Net::new(config(3, &[]));
    let leader = active(&mut net);
    for broker in 1..=3 {
        register(&mut net, leader, broker);
    }
    net.run_until("registrations", |net| net.inbox.len() == 3);
    for broker in 1..=3 {
        beat(&mut net, leader, broker);
    }
    net.run_until("heartbeats", |net| net.inbox.len() == 6);
    create(&mut net, leader, "orders");
    net.run_until("a topic", |net| created(net) == [0]);
    (net, leader)
}

const ORDERS: TopicPartition = TopicPartition { topic: TopicId(1), partition: 0 };

#[test]
fn a_cluster_comes_up() {
    let (mut net, leader) = ready();
    net.run_for(2000);
    for controller in nodes(&[101, 102, 103]) {
        let image = net.image(controller);
        assert_eq!(image.partitions[&ORDERS].isr.len(), 3, "at {controller}");
        assert_eq!(image, net.image(leader), "{controller} and the leader agree");
    }
}

#[test]
fn one_controller_suffices() {
    let mut net = Net::new(config(1, &[]));
    let leader = active(&mut net);
    register(&mut net, leader, 1);
    net.run_until("a registration", |net| net.inbox.len() == 1);
    net.crash(leader, true);
    net.restart(leader);
    active(&mut net);
    assert!(net.image(leader).brokers.contains_key(&NodeId(1)), "what was answered was synced");
}

#[test]
fn a_follower_names_the_leader() {
    let (mut net, leader) = ready();
    let other = *nodes(&[101, 102]).iter().find(|node| **node != leader).expect("two");
    net.inbox.clear();
    register(&mut net, other, 2);
    net.run_until("an answer", |net| !net.inbox.is_empty());
    let expected = BrokerRegistrationResponse {
        result: Err(ClusterError::NotController),
        controller: Some(leader),
    };
    assert_eq!(
        net.inbox[0].1.body,
        ResponseBody::Controller(ControllerResponse::BrokerRegistration(expected))
    );
}

#[test]
fn silent_brokers_are_fenced_one_after_the_other() {
    let (mut net, leader) = ready();
    net.run_for(10_000);
    let image = net.image(leader);
    assert!(image.brokers.values().all(|broker| broker.fenced));
    let partition = &image.partitions[&ORDERS];
    assert_eq!((partition.leader, partition.isr.len()), (None, 0));
    assert!(!partition.elr.is_empty(), "the last members stay eligible: {partition:?}");
}

#[test]
fn an_answer_waits_for_the_commit_and_is_refused_without_it() {
    let (mut net, leader) = ready();
    for other in nodes(&[101, 102, 103]) {
        net.cut.insert((other, leader));
        net.cut.insert((leader, other));
    }
    create(&mut net, leader, "lost");
    net.run_for(1000);
    assert_eq!(created(&net), [0], "nothing is committed without a majority");
    net.run_until("the answer", |net| created(net).len() == 2);
    assert_eq!(created(&net)[1], ErrorCode::NotController.code());
    let second = active(&mut net);
    assert_ne!(second, leader);
    net.cut.clear();
    net.run_for(5000);
    assert!(!net.image(leader).topic_ids.contains_key("lost"), "it was cut away");
    assert_eq!(net.image(leader), net.image(second));
}

#[test]
fn a_stopping_leader_hands_over_quickly() {
    let (mut net, leader) = ready();
    let stopped = net.now;
    net.deliver(leader, Event::StopRequested);
    assert!(!net.controller(leader).is_active(), "it resigns, and stays to grant pre-votes");
    net.run_until("another leads", |net| net.active().is_some_and(|active| active != leader));
    let next = active(&mut net);
    assert!(net.now.since(stopped).as_millis() < 200, "took {:?}", net.now.since(stopped));
    create(&mut net, next, "after");
    net.run_until("a topic", |net| created(net) == [0, 0]);
    assert!(!net.is_up(leader), "it knows of the other leader and ends");
}

#[test]
fn brokers_read_to_the_log_end_and_long_poll() {
    let (mut net, leader) = ready();
    net.inbox.clear();
    let epoch = net.controller(leader).quorum_epoch();
    let fetch = |fetch_offset, last_fetched_epoch, high_watermark| {
        RequestBody::QuorumFetch(Box::new(QuorumFetchRequest {
            replica: NodeId(1),
            replica_directory: DirectoryId::UNASSIGNED,
            epoch,
            fetch_offset,
            last_fetched_epoch,
            high_watermark,
            wait_max_ms: 400,
        }))
    };
    net.ask(
        NodeId(1),
        leader,
        Channel::QuorumFetch,
        fetch(Offset::ZERO, LeaderEpoch::NONE, Offset::NONE),
    );
    net.run_until("an answer", |net| !net.inbox.is_empty());
    let ResponseBody::QuorumFetch(response) = net.inbox[0].1.body.clone() else { panic!("fetch") };
    let end = net.controller(leader).log().high_watermark();
    assert_eq!(
        (response.error, response.high_watermark, response.leader),
        (None, end, Some(leader))
    );
    let last = response.batches.last().expect("records are committed");
    assert_eq!(last.last_offset().next(), end);
    let before = net.now;
    net.ask(NodeId(1), leader, Channel::QuorumFetch, fetch(end, epoch, end));
    net.run_until("an answer", |net| net.inbox.len() == 2);
    assert!(net.now.since(before).as_millis() >= 400, "nothing new: it waits");
    net.ask(NodeId(1), leader, Channel::QuorumFetch, fetch(end, epoch, Offset::NONE));
    let before = net.now;
    net.run_until("an answer", |net| net.inbox.len() == 3);
    assert!(net.now.since(before).as_millis() < 100, "the high watermark is news");
    net.ask(NodeId(1), leader, Channel::QuorumFetch, fetch(end, epoch, end));
    create(&mut net, leader, "news");
    let before = net.now;
    net.run_until("an answer", |net| net.inbox.len() == 4);
    assert!(net.now.since(before).as_millis() < 100, "an append ends the wait");
    let ResponseBody::QuorumFetch(response) = &net.inbox[3].1.body else { panic!("fetch") };
    let first = response.batches.first().expect("records come before they are committed");
    assert_eq!((first.base_offset(), response.high_watermark), (end, end));
}

#[test]
fn an_isr_change_is_answered_once_committed() {
    let (mut net, leader) = ready();
    let image = net.image(leader);
    let owner = image.partitions[&ORDERS].leader.expect("led");
    let epoch_of = |broker| image.brokers[&broker].broker_epoch;
    let request = AlterPartitionRequest {
        broker: owner,
        broker_epoch: epoch_of(owner),
        partitions: vec![AlterPartitionItem {
            partition: ORDERS,
            leader_epoch: LeaderEpoch(0),
            partition_epoch: PartitionEpoch(0),
            new_isr: vec![(owner, epoch_of(owner))],
            recovering: false,
        }],
    };
    net.inbox.clear();
    net.ask(
        owner,
        leader,
        Channel::Controller,
        RequestBody::Controller(ControllerRequest::AlterPartition(Box::new(request))),
    );
    net.run_until("an answer", |net| !net.inbox.is_empty());
    let ResponseBody::Controller(ControllerResponse::AlterPartition(response)) =
        &net.inbox[0].1.body
    else {
        panic!("answer")
    };
    let altered = response.result.as_ref().expect("of this uptime");
    let registration = altered[0].result.as_ref().expect("accepted");
    assert_eq!(registration.partition_epoch, PartitionEpoch(1));
    assert_eq!(net.image(leader).partitions[&ORDERS].isr, vec![owner], "committed by then");
}

#[test]
fn what_no_controller_serves_ends_the_connection() {
    let (mut net, leader) = ready();
    let body = RequestBody::Client(ClientRequest::Metadata(Box::default()));
    let message = Message { correlation_id: CorrelationId(1), body };
    let request = Event::Request { connection: ConnectionId(77), from: NodeId(1), message };
    let effects = net.handle(leader, request);
    assert_eq!(effects, [Effect::Close { connection: ConnectionId(77) }]);
}

/// The second is asked for before the first is committed.
#[test]
fn blocks_of_producer_ids_that_are_asked_for_at_once_do_not_overlap() {
    let (mut net, active) = ready();
    net.inbox.clear();
    for broker in [1, 2].map(NodeId) {
        let broker_epoch = net.image(active).brokers[&broker].broker_epoch;
        let request = AllocateProducerIdsRequest { broker, broker_epoch };
        let request = ControllerRequest::AllocateProducerIds(request);
        net.ask(broker, active, Channel::Controller, RequestBody::Controller(request));
    }
    net.run_for(1_000);
    let block = |body: &ResponseBody| {
        let ResponseBody::Controller(ControllerResponse::AllocateProducerIds(response)) = body
        else {
            return None;
        };
        Some(response.result.expect("it is registered"))
    };
    let blocks = net.inbox.iter().filter_map(|(_, message)| block(&message.body));
    let mut blocks: Vec<(i64, i32)> = blocks.collect();
    blocks.sort_unstable();
    let [(first, count), (next, _)] = blocks[..] else { panic!("{blocks:?}") };
    assert_eq!(first + i64::from(count), next);
}

//! What a leader is given to append gathers for a while: rule 2.6.12.

use crate::config::ClusterConfig;
use crate::controller::remove_voter;
use crate::controller::tests::{config, net::Net};
use crate::message::{BrokerRegistrationRequest, ControllerRequest, RequestBody};
use crate::node::Channel;
use crate::types::{BrokerEpoch, NodeId, Offset};

/// A leader with brokers that have not registered; its voters can be changed.
fn elected(quorum_append_linger_ms: u64) -> (Net, NodeId) {
    let config = ClusterConfig { kraft_version: 1, quorum_append_linger_ms, ..config(3, &[]) };
    let mut net = Net::new(config);
    net.run_until("an active controller", |net| net.active().is_some());
    net.run_for(1_000);
    let leader = net.active().expect("just found");
    (net, leader)
}

fn register(net: &mut Net, to: NodeId, broker: i32) {
    let request = BrokerRegistrationRequest {
        broker: NodeId(broker),
        incarnation: broker as u64,
        previous_broker_epoch: BrokerEpoch::NONE,
        log_dirs: Box::default(),
    };
    let body = RequestBody::Controller(ControllerRequest::BrokerRegistration(request));
    net.ask(NodeId(broker), to, Channel::Heartbeat, body);
}

fn end(net: &Net, leader: NodeId) -> Offset {
    net.controller(leader).log().log_end_offset()
}

/// How many batches there are from an offset on.
fn batches(net: &Net, leader: NodeId, from: Offset) -> usize {
    let log = net.controller(leader).log();
    log.read(from, log.log_end_offset(), u32::MAX).len()
}

#[test]
fn what_is_written_within_the_linger_is_appended_as_one_batch() {
    for (linger_ms, expected) in [(0, 2), (100, 1)] {
        let (mut net, leader) = elected(linger_ms);
        let before = end(&net, leader);
        register(&mut net, leader, 1);
        net.run_for(20);
        register(&mut net, leader, 2);
        net.run_for(20);
        assert_eq!(end(&net, leader) == before, linger_ms > 0, "{linger_ms} ms");
        net.run_until("two answers", |net| net.inbox.len() == 2);
        assert_eq!(batches(&net, leader, before), expected, "{linger_ms} ms");
        let registered: Vec<NodeId> = net.image(leader).brokers.keys().copied().collect();
        assert_eq!(registered, [NodeId(1), NodeId(2)]);
    }
}

#[test]
fn other_voters_are_appended_at_once_behind_what_was_written_before() {
    let (mut net, leader) = elected(1_000);
    let before = end(&net, leader);
    let other = [101, 102, 103].map(NodeId).into_iter().find(|node| *node != leader);
    let voter = net.controller(other.expect("there are three")).replica_key();
    register(&mut net, leader, 1);
    net.run_for(20);
    assert_eq!(batches(&net, leader, before), 0);
    let request = ControllerRequest::Admin(Box::new(remove_voter(voter)));
    net.ask(NodeId(2), leader, Channel::Controller, RequestBody::Controller(request));
    net.run_until("two answers", |net| net.inbox.len() == 2);
    assert_eq!(batches(&net, leader, before), 2);
    assert_eq!(net.controller(leader).voters().count(), 2);
}

#[test]
fn a_leader_that_resigns_forgets_what_it_has_not_appended() {
    let (mut net, leader) = elected(10_000);
    let before = end(&net, leader);
    register(&mut net, leader, 1);
    net.run_for(20);
    for other in [101, 102, 103].map(NodeId) {
        net.cut.insert((other, leader));
    }
    net.run_until("a refusal", |net| !net.inbox.is_empty());
    assert!(!net.controller(leader).is_active(), "no majority has fetched");
    assert_eq!(end(&net, leader), before);
    assert!(net.image(leader).brokers.is_empty());
}

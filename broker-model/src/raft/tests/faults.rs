//! Elections and replication under faults: one leader in an epoch, one history of committed records.

use proptest::prelude::*;

use crate::config::ClusterConfig;
use crate::controller::tests::{config, net::Net};
use crate::defect::{Defect, QuorumDefect};
use crate::message::{
    BrokerRegistrationRequest, ControllerRequest, EpochEnd, QuorumFetchRequest, RequestBody,
};
use crate::node::{COMMITTED_METADATA_GONE, Channel};
use crate::types::{BrokerEpoch, DirectoryId, LeaderEpoch, NodeId, Offset};

fn elect(net: &mut Net) -> NodeId {
    net.run_until("an active controller", |net| net.active().is_some());
    net.active().expect("just found")
}

pub(super) fn register(net: &mut Net, to: NodeId, incarnation: u64) {
    let request = BrokerRegistrationRequest {
        broker: NodeId(1),
        incarnation,
        previous_broker_epoch: BrokerEpoch::NONE,
        log_dirs: Box::default(),
    };
    net.ask(
        NodeId(1),
        to,
        Channel::Heartbeat,
        RequestBody::Controller(ControllerRequest::BrokerRegistration(request)),
    );
}

#[test]
fn a_dead_leader_is_replaced_and_follows_when_it_is_back() {
    for power in [false, true] {
        let mut net = Net::new(config(3, &[]));
        let first = elect(&mut net);
        register(&mut net, first, 1);
        net.run_until("an answer", |net| !net.inbox.is_empty());
        net.crash(first, power);
        let second = elect(&mut net);
        assert_ne!(first, second);
        register(&mut net, second, 2);
        net.restart(first);
        net.run_for(3000);
        assert_eq!(net.image(first), net.image(second));
        assert_eq!(net.image(second).brokers[&NodeId(1)].incarnation, 2);
    }
}

#[test]
fn an_idle_quorum_keeps_its_leader_and_few_messages() {
    let mut net = Net::new(config(3, &[]));
    let leader = elect(&mut net);
    let epoch = net.controller(leader).quorum_epoch();
    net.run_for(30_000);
    assert_eq!(net.controller(leader).quorum_epoch(), epoch);
    assert_eq!(net.active(), Some(leader));
}

#[test]
fn a_leader_without_a_majority_resigns() {
    let mut net = Net::new(config(3, &[]));
    let first = elect(&mut net);
    for other in [101, 102, 103].map(NodeId) {
        net.cut.insert((other, first));
    }
    net.run_for(3100);
    assert!(!net.controller(first).is_active(), "check-quorum is 1.5 times the fetch timeout");
}

#[test]
fn brokers_that_fetch_do_not_keep_a_leader_that_no_voter_follows() {
    let mut net = Net::new(config(3, &[]));
    let leader = elect(&mut net);
    for other in [101, 102, 103].map(NodeId) {
        net.cut.insert((other, leader));
    }
    let epoch = net.controller(leader).quorum_epoch();
    for _ in 0..32 {
        let request = QuorumFetchRequest {
            replica: NodeId(1),
            replica_directory: DirectoryId::UNASSIGNED,
            epoch,
            fetch_offset: net.controller(leader).log().log_end_offset(),
            last_fetched_epoch: epoch,
            high_watermark: Offset::NONE,
            wait_max_ms: 0,
        };
        net.ask(
            NodeId(1),
            leader,
            Channel::QuorumFetch,
            RequestBody::QuorumFetch(Box::new(request)),
        );
        net.run_for(100);
    }
    assert!(!net.inbox.is_empty(), "it is answered");
    assert!(!net.controller(leader).is_active());
}

/// One voter is heard, and fetches from behind the leader's log, or from its end.
#[test]
fn a_fetch_that_diverges_does_not_count_for_check_quorum() {
    for (behind, leads) in [(5, false), (0, true)] {
        let mut net = Net::new(config(3, &[]));
        let leader = elect(&mut net);
        let others = [101, 102, 103].map(NodeId).into_iter().filter(|node| *node != leader);
        let others: Vec<NodeId> = others.collect();
        net.cut.extend(others.iter().map(|other| (*other, leader)));
        let (replica, epoch) = (others[0], net.controller(leader).quorum_epoch());
        for _ in 0..32 {
            let request = QuorumFetchRequest {
                replica,
                replica_directory: DirectoryId::UNASSIGNED,
                epoch,
                fetch_offset: net.controller(leader).log().log_end_offset().plus(behind),
                last_fetched_epoch: epoch,
                high_watermark: Offset::NONE,
                wait_max_ms: 0,
            };
            net.cut.remove(&(replica, leader));
            net.ask(
                replica,
                leader,
                Channel::QuorumFetch,
                RequestBody::QuorumFetch(Box::new(request)),
            );
            net.cut.insert((replica, leader));
            net.run_for(100);
        }
        assert_eq!(net.controller(leader).is_active(), leads, "{behind} behind the log's end");
    }
}

/// Kafka's metadata log refuses to be cut below its high watermark, and its process ends. The next one knows no high
/// watermark and follows.
#[test]
fn a_voter_that_must_cut_what_is_committed_halts() {
    let mut net = Net::new(config(3, &[]));
    let leader = elect(&mut net);
    register(&mut net, leader, 1);
    net.run_for(1000);
    let voters = [101, 102, 103].map(NodeId);
    let follower = voters.into_iter().find(|node| *node != leader).expect("there are three");
    let high_watermark = net.controller(follower).log().high_watermark();
    let (epoch, above) = (net.controller(leader).quorum_epoch(), high_watermark);
    net.diverge_at(follower, EpochEnd { epoch, end_offset: above });
    net.run_for(1000);
    assert!(net.halted.is_empty(), "nothing committed is cut: {:?}", net.halted);
    net.diverge_at(follower, EpochEnd { epoch, end_offset: above.plus(-1) });
    net.run_until("a halt", |net| !net.halted.is_empty());
    assert_eq!(net.halted, [(follower, COMMITTED_METADATA_GONE)]);
    net.restart(follower);
    net.run_for(1000);
    assert_eq!(net.image(follower), net.image(leader));
}

/// K04: two candidates of one epoch that cannot hear each other, and a third voter that votes for one of them, loses
/// power, and is asked by the other in the same epoch.
fn leaders_of_epoch_one(defects: &[Defect]) -> usize {
    let config = ClusterConfig { request_timeout_ms: 100, ..config(3, defects) };
    let mut net = Net::new(config);
    let [a, b, c] = [101, 102, 103].map(NodeId);
    let stands = |net: &Net, node| net.controller(node).quorum_epoch() == LeaderEpoch(1);
    net.cut.extend([(a, b), (b, a)]);
    net.run_until("one stands", |net| stands(net, a) || stands(net, b));
    let (first, second) = if stands(&net, a) { (a, b) } else { (b, a) };
    // Its vote request is lost with the other's process; until it asks again the other one stands too.
    net.crash(c, false);
    net.cut.insert((first, c));
    net.restart(c);
    net.run_until("the other leads", |net| net.leaders.contains_key(&LeaderEpoch(1)));
    assert!(net.leaders[&LeaderEpoch(1)].contains(&second));
    net.crash(c, true);
    net.cut.remove(&(first, c));
    net.cut.extend([(second, c), (c, second)]);
    net.restart(c);
    net.run_for(400);
    net.leaders[&LeaderEpoch(1)].len()
}

#[test]
fn without_persisted_votes_one_epoch_can_have_two_leaders() {
    assert_eq!(leaders_of_epoch_one(&[]), 1);
    assert_eq!(leaders_of_epoch_one(&[QuorumDefect::VoteNotPersisted.into()]), 2);
}

#[derive(Debug, Clone)]
pub(super) enum Fault {
    Crash(usize, bool),
    Restart(usize),
    Bounce(usize, bool),
    Cut(usize, usize),
    Heal,
    Write,
    Wait(u64),
}

#[expect(clippy::disallowed_types, reason = "proptest's macro shares its strategies by Arc")]
pub(super) fn fault(nodes: usize) -> impl Strategy<Value = Fault> {
    prop_oneof![
        2 => (0..nodes, any::<bool>()).prop_map(|(node, power)| Fault::Crash(node, power)),
        3 => (0..nodes).prop_map(Fault::Restart),
        3 => (0..nodes, any::<bool>()).prop_map(|(node, power)| Fault::Bounce(node, power)),
        2 => (0..nodes, 0..nodes).prop_map(|(from, to)| Fault::Cut(from, to)),
        1 => Just(Fault::Heal),
        4 => Just(Fault::Write),
        // Short waits put crashes between the messages of an election.
        6 => (1..4_u64).prop_map(Fault::Wait),
        5 => (1..4000_u64).prop_map(Fault::Wait),
    ]
}

pub(super) fn inject(net: &mut Net, fault: &Fault, write: u64, nodes: &[NodeId]) {
    let node = |index: usize| nodes[index];
    match *fault {
        Fault::Crash(index, power) => net.crash(node(index), power),
        Fault::Restart(index) if net.is_up(node(index)) => (),
        Fault::Restart(index) => net.restart(node(index)),
        Fault::Bounce(index, power) => {
            net.crash(node(index), power);
            net.restart(node(index));
        }
        Fault::Cut(from, to) => drop(net.cut.insert((node(from), node(to)))),
        Fault::Heal => net.cut.clear(),
        Fault::Write => {
            for node in nodes {
                register(net, *node, write);
            }
        }
        Fault::Wait(milliseconds) => net.run_for(milliseconds),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn faults_neither_split_an_epoch_nor_change_what_is_committed(
        faults in prop::collection::vec(fault(3), 5..60),
    ) {
        let mut net = Net::new(config(3, &[]));
        for (index, fault) in faults.iter().enumerate() {
            inject(&mut net, fault, index as u64, &[101, 102, 103].map(NodeId));
        }
        net.cut.clear();
        for node in [101, 102, 103].map(NodeId) {
            if !net.is_up(node) {
                net.restart(node);
            }
        }
        net.run_for(15_000);
        let leader = net.active();
        prop_assert!(leader.is_some(), "the quorum recovers");
        let leader = leader.expect("just checked");
        let committed = net.committed_count();
        prop_assert_eq!(committed as i64, net.image(leader).end_offset.0, "nothing committed is lost");
        for node in [101, 102, 103].map(NodeId) {
            prop_assert_eq!(net.image(node), net.image(leader), "{} agrees", node);
        }
        for (epoch, leaders) in &net.leaders {
            prop_assert_eq!(leaders.len(), 1, "leaders of {}: {:?}", epoch, leaders);
        }
    }
}

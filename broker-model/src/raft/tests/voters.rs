//! Voters that come and go: KIP-853, rule 2.6.7.

use proptest::prelude::*;

use super::faults::{Fault, fault, inject};
use crate::config::{ClusterConfig, MetadataLogConfig};
use crate::controller::tests::{config, net::Net};
use crate::controller::{add_voter, remove_voter};
use crate::defect::{Defect, QuorumDefect};
use crate::message::{ControllerRequest, ControllerResponse, RequestBody, ResponseBody};
use crate::node::Channel;
use crate::note::{Note, QuorumNote, QuorumRole};
use crate::proto::ErrorCode;
use crate::types::{DirectoryId, NodeId};
use crate::voter_set::{ReplicaKey, VoterSet};

const SPARE: NodeId = NodeId(104);

/// Voters 101 to 103, and 104, which is none at first.
fn changeable(defects: &[Defect]) -> ClusterConfig {
    ClusterConfig { kraft_version: 1, observer_controllers: 1, ..config(4, defects) }
}

fn elected(defects: &[Defect]) -> (Net, NodeId) {
    let mut net = Net::new(changeable(defects));
    let leader = leader(&mut net);
    net.run_for(1_000);
    (net, leader)
}

fn leader(net: &mut Net) -> NodeId {
    net.run_until("an active controller", |net| net.active().is_some());
    net.active().expect("just found")
}

fn ask(net: &mut Net, to: NodeId, add: bool, voter: ReplicaKey) {
    let request = if add { add_voter(voter) } else { remove_voter(voter) };
    let body = RequestBody::Controller(ControllerRequest::Admin(Box::new(request)));
    net.ask(NodeId(1), to, Channel::Controller, body);
}

/// Asks, and waits for the answer.
fn change(net: &mut Net, to: NodeId, add: bool, voter: ReplicaKey) -> Option<ErrorCode> {
    net.inbox.clear();
    ask(net, to, add, voter);
    net.run_until("an answer", |net| !net.inbox.is_empty());
    let (_, answer) = net.inbox.pop().expect("just found");
    let ResponseBody::Controller(ControllerResponse::Admin(answer)) = answer.body else {
        panic!("{answer:?}")
    };
    answer.error()
}

fn key(net: &Net, node: NodeId) -> ReplicaKey {
    net.controller(node).replica_key()
}

fn ids(voters: &VoterSet) -> Vec<i32> {
    voters.ids().map(|id| id.0).collect()
}

fn others(leader: NodeId) -> Vec<NodeId> {
    [101, 102, 103].map(NodeId).into_iter().filter(|node| *node != leader).collect()
}

#[test]
fn an_observer_follows_and_becomes_a_voter() {
    let (mut net, leader) = elected(&[]);
    assert_eq!(net.image(SPARE), net.image(leader), "it follows");
    assert_eq!(ids(net.controller(SPARE).voters()), [101, 102, 103]);
    net.run_for(30_000);
    let stood = net.notes.iter().any(|(node, note)| {
        let role =
            |role: &QuorumRole| !matches!(role, QuorumRole::Unattached | QuorumRole::Follower);
        *node == SPARE
            && matches!(note, Note::Quorum(QuorumNote::StateChanged { role: it, .. }) if role(it))
    });
    assert!(!stood, "an observer never stands");
    let spare = key(&net, SPARE);
    assert_eq!(change(&mut net, leader, true, spare), None);
    net.run_for(1_000);
    for node in [101, 102, 103, 104].map(NodeId) {
        assert_eq!(ids(net.controller(node).voters()), [101, 102, 103, 104]);
    }
    assert_eq!(net.image(SPARE).voters.keys().len(), 4);
}

#[test]
fn what_is_asked_in_vain() {
    let (mut net, leader) = elected(&[]);
    let follower = others(leader)[0];
    let (spare, voter) = (key(&net, SPARE), key(&net, follower));
    let other_disk = ReplicaKey { directory: DirectoryId(7_777), ..voter };
    let unknown = ReplicaKey { id: SPARE, directory: DirectoryId(7_777) };
    let unnamed = ReplicaKey { id: SPARE, directory: DirectoryId::UNASSIGNED };
    let table = [
        (true, voter, ErrorCode::DuplicateVoter, "it is one"),
        (true, other_disk, ErrorCode::DuplicateVoter, "its id is one's"),
        (true, unknown, ErrorCode::RequestTimedOut, "it has never fetched"),
        (true, unnamed, ErrorCode::InvalidRequest, "it is on no disk"),
        (false, spare, ErrorCode::VoterNotFound, "it is none"),
        (false, other_disk, ErrorCode::VoterNotFound, "that disk has no vote"),
    ];
    for (add, voter, error, name) in table {
        assert_eq!(change(&mut net, leader, add, voter), Some(error), "{name}");
    }
    let error = change(&mut net, follower, true, spare);
    assert_eq!(error, Some(ErrorCode::NotController), "a follower");
    let mut net = Net::new(config(3, &[]));
    let leader = self::leader(&mut net);
    let error = change(&mut net, leader, false, voter);
    assert_eq!(error, Some(ErrorCode::UnsupportedVersion), "kraft.version is 0");
}

/// The leader is cut off, so that nothing is committed: the second of two changes is refused.
fn second_change(defects: &[Defect]) -> Vec<i32> {
    let (mut net, leader) = elected(defects);
    let others = others(leader);
    for other in [101, 102, 103, 104].map(NodeId) {
        net.cut.insert((other, leader));
    }
    for voter in others {
        let voter = key(&net, voter);
        ask(&mut net, leader, false, voter);
        net.run_for(10);
    }
    ids(net.controller(leader).voters())
}

#[test]
fn voters_change_again_when_the_last_change_is_committed() {
    assert_eq!(second_change(&[]).len(), 2);
    assert_eq!(second_change(&[QuorumDefect::ConcurrentVoterChanges.into()]).len(), 1);
}

#[test]
fn a_lagging_voter_is_not_added() {
    for lags in [false, true] {
        let defects: Vec<Defect> =
            lags.then(|| QuorumDefect::AddsLaggingVoter.into()).into_iter().collect();
        let (mut net, leader) = elected(&defects);
        net.wipe(SPARE);
        let spare = ReplicaKey { id: SPARE, directory: DirectoryId(7_777) };
        net.inbox.clear();
        ask(&mut net, leader, true, spare);
        net.run_for(10);
        assert_eq!(net.controller(leader).voters().count() == 4, lags);
    }
}

/// The leader is removed: whether it is active later, and how the others fare.
fn removed(defects: &[Defect]) -> (Net, NodeId) {
    let (mut net, leader) = elected(defects);
    let voter = key(&net, leader);
    assert_eq!(change(&mut net, leader, false, voter), None);
    net.run_for(10);
    (net, leader)
}

#[test]
fn a_removed_leader_resigns_when_its_removal_is_committed_and_observes() {
    let (mut net, first) = removed(&[]);
    assert!(!net.controller(first).is_active(), "it has resigned");
    let second = leader(&mut net);
    assert_ne!(second, first);
    net.run_for(20_000);
    assert_eq!(net.active(), Some(second), "nobody disturbs it");
    assert_eq!(net.image(first), net.image(second), "it follows");
    assert_eq!(net.controller(first).voters().count(), 2);
    let (net, first) = removed(&[QuorumDefect::RemovedLeaderLeadsOn.into()]);
    assert!(net.controller(first).is_active());
}

/// One of the two that stay is silent for so long: whether the leader that goes leads on when it is back.
fn leads_on_after(silent_ms: u64, defects: &[Defect]) -> bool {
    let mut net = Net::new(ClusterConfig {
        request_timeout_ms: 400,
        quorum_fetch_wait_max_ms: 100,
        ..changeable(defects)
    });
    let leader = leader(&mut net);
    net.run_for(1_000);
    let (others, voter) = (others(leader), key(&net, leader));
    net.cut.insert((others[0], leader));
    ask(&mut net, leader, false, voter);
    net.run_for(silent_ms);
    assert!(net.controller(leader).is_active(), "a majority of two is two");
    net.cut.clear();
    net.run_until("the commit", |net| ids(&net.image(others[1]).voters).len() == 2);
    net.run_for(50);
    net.controller(leader).is_active()
}

#[test]
fn a_leader_whose_removal_takes_longer_than_a_request_may_leads_on_in_kafka() {
    let kafka = [QuorumDefect::LateRemovalKeepsLeader.into()];
    for (silent_ms, defects, leads_on) in
        [(0, kafka.as_slice(), false), (500, kafka.as_slice(), true), (500, &[], false)]
    {
        assert_eq!(leads_on_after(silent_ms, defects), leads_on, "{silent_ms} ms, {defects:?}");
    }
}

/// Of the two that stay one has all: the leader, which goes, is not one of a majority of two.
#[test]
fn a_leader_that_is_no_voter_does_not_count_itself() {
    for counts in [false, true] {
        let defects: Vec<Defect> =
            counts.then(|| QuorumDefect::CountsRemovedLeader.into()).into_iter().collect();
        let (mut net, leader) = elected(&defects);
        let (others, voter) = (others(leader), key(&net, leader));
        net.cut.insert((others[0], leader));
        net.inbox.clear();
        ask(&mut net, leader, false, voter);
        net.run_for(600);
        assert_eq!(!net.inbox.is_empty(), counts, "it is committed by one and the leader");
    }
}

/// A leader that is cut off removes a voter, and follows another one later: which voters it goes by then.
fn voters_after_a_cut(defects: &[Defect]) -> usize {
    let (mut net, first) = elected(defects);
    for other in [101, 102, 103, 104].map(NodeId) {
        net.cut.extend([(other, first), (first, other)]);
    }
    let voter = key(&net, others(first)[0]);
    net.cut.remove(&(first, NodeId(1)));
    ask(&mut net, first, false, voter);
    net.run_for(10);
    assert_eq!(net.controller(first).voters().count(), 2, "it is in effect at once");
    net.run_until("another leader", |net| net.active().is_some_and(|node| node != first));
    net.cut.clear();
    net.run_for(5_000);
    net.controller(first).voters().count()
}

#[test]
fn a_log_that_is_cut_takes_its_voters_back() {
    assert_eq!(voters_after_a_cut(&[]), 3);
    assert_eq!(voters_after_a_cut(&[QuorumDefect::KeepsCutVoters.into()]), 2);
}

/// A voter loses its disk: whether the leader hears in it, cut off from the other one, the voter that it was.
#[test]
fn a_voter_on_another_disk_is_none() {
    for ignores in [false, true] {
        let defects: Vec<Defect> =
            ignores.then(|| QuorumDefect::IgnoresDirectory.into()).into_iter().collect();
        let (mut net, leader) = elected(&defects);
        let others = others(leader);
        net.wipe(others[0]);
        net.restart(others[0]);
        net.cut.insert((others[1], leader));
        net.run_for(10_000);
        let newest = net.leaders.keys().copied().max();
        let led = newest == Some(net.controller(leader).quorum_epoch());
        assert_eq!(net.active() == Some(leader) && led, ignores);
    }
}

#[test]
fn a_replaced_disk_joins_under_its_old_id() {
    let (mut net, leader) = elected(&[]);
    let lost = others(leader)[0];
    let old = key(&net, lost);
    net.wipe(lost);
    net.restart(lost);
    net.run_for(1_000);
    let new = key(&net, lost);
    assert_ne!(old, new);
    assert_eq!(change(&mut net, leader, true, new), Some(ErrorCode::DuplicateVoter));
    assert_eq!(change(&mut net, leader, false, old), None);
    assert_eq!(change(&mut net, leader, true, new), None);
    net.run_for(1_000);
    assert!(net.controller(lost).voters().is_voter(new));
}

/// A new spare begins with a snapshot: how many voters it knows of.
fn voters_of_a_snapshot(defects: &[Defect]) -> usize {
    let metadata_log = MetadataLogConfig {
        snapshot_bytes: 1,
        retention_bytes: 0,
        clean_interval_ms: 100,
        ..MetadataLogConfig::DEFAULT
    };
    let config = ClusterConfig { metadata_log, segment_bytes: 256, ..changeable(defects) };
    let mut net = Net::new(config);
    let leader = leader(&mut net);
    for incarnation in 1..10 {
        super::faults::register(&mut net, leader, incarnation);
        net.run_for(4_000);
    }
    net.wipe(SPARE);
    net.restart(SPARE);
    net.run_for(2_000);
    assert!(net.controller(SPARE).log().log_start_offset().0 > 0, "it began with a snapshot");
    net.controller(SPARE).voters().count()
}

#[test]
fn a_snapshot_says_who_votes() {
    assert_eq!(voters_of_a_snapshot(&[]), 3);
    assert_eq!(voters_of_a_snapshot(&[QuorumDefect::SnapshotWithoutVoters.into()]), 0);
}

#[derive(Debug, Clone)]
enum Event {
    Fault(Fault),
    /// Every controller is asked to add or to remove what this node is.
    Change(usize, bool),
    /// A node loses its disk, if the quorum can do without.
    Wipe(usize),
}

#[expect(clippy::disallowed_types, reason = "proptest's macro shares its strategies by Arc")]
fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        10 => fault(4).prop_map(Event::Fault),
        4 => (0..4_usize, any::<bool>()).prop_map(|(node, add)| Event::Change(node, add)),
        1 => (0..4_usize).prop_map(Event::Wipe),
    ]
}

const ALL: [NodeId; 4] = [NodeId(101), NodeId(102), NodeId(103), NodeId(104)];

/// Whether all know the same voters, of which those that are left are a majority.
fn may_wipe(net: &Net, node: NodeId) -> bool {
    if !net.cut.is_empty() || !ALL.iter().all(|node| net.is_up(*node)) {
        return false;
    }
    let ends = ALL.map(|node| net.controller(node).log().log_end_offset());
    let voters = net.controller(node).voters();
    let left = ALL.iter().filter(|other| **other != node && voters.is_voter(key(net, **other)));
    ends.iter().all(|end| *end == ends[0]) && left.count() >= voters.majority()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn voters_that_change_under_faults_neither_split_an_epoch_nor_lose_what_is_committed(
        events in prop::collection::vec(event(), 5..60),
    ) {
        let mut net = Net::new(changeable(&[]));
        let mut keys = ALL.map(|node| key(&net, node));
        let mut lost: Option<ReplicaKey> = None;
        for (index, event) in events.iter().enumerate() {
            match event {
                Event::Fault(fault) => inject(&mut net, fault, index as u64, &ALL),
                // Once a disk is lost only its voter is removed: the others have to be a majority.
                Event::Change(node, add) => {
                    let voter = if *add { keys[*node] } else { lost.unwrap_or(keys[*node]) };
                    // Of two voters none is removed: one that alone has the record of its own removal, and restarts,
                    // stands for no election, and votes for nobody without it. Kafka's would not come back either.
                    let may = |to: &NodeId| {
                        net.is_up(*to) && (*add || net.controller(*to).voters().count() > 2)
                    };
                    for to in ALL.into_iter().filter(may).collect::<Vec<_>>() {
                        ask(&mut net, to, *add, voter);
                    }
                }
                Event::Wipe(node) => {
                    net.run_for(10);
                    if lost.is_none() && may_wipe(&net, ALL[*node]) {
                        lost = Some(keys[*node]);
                        net.wipe(ALL[*node]);
                        net.restart(ALL[*node]);
                        keys[*node] = key(&net, ALL[*node]);
                    }
                }
            }
        }
        net.cut.clear();
        for node in ALL {
            if !net.is_up(node) {
                net.restart(node);
            }
        }
        net.run_for(20_000);
        let leader = net.active();
        prop_assert!(leader.is_some(), "the quorum recovers");
        let leader = leader.expect("just checked");
        let committed = net.committed_count();
        prop_assert_eq!(committed as i64, net.image(leader).end_offset.0, "nothing committed is lost");
        for node in ALL {
            prop_assert_eq!(net.image(node), net.image(leader), "{} agrees", node);
            let (known, voters) = (net.controller(node).voters(), &net.image(leader).voters);
            prop_assert_eq!(known, voters, "{} goes by what is committed", node);
        }
        prop_assert!(net.image(leader).voters.is_voter(key(&net, leader)), "a voter leads");
        for (epoch, leaders) in &net.leaders {
            prop_assert_eq!(leaders.len(), 1, "leaders of {}: {:?}", epoch, leaders);
        }
    }
}

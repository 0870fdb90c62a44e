//! Registration, heartbeats and fencing: what each writes and answers.

use std::time::Duration;

use super::{P, as_promised, image, nodes, partition};
use crate::controller::brokers::{
    Sessions, fence_from_one_state, fence_records, heartbeat, register,
};
use crate::controller::election::ControllerRules;
use crate::defect::Defects;
use crate::message::{
    BrokerHeartbeatRequest, BrokerRegistrationRequest, ClusterError, HeartbeatState,
};
use crate::metadata::{BrokerRegistration, MetadataImage, MetadataRecord};
use crate::note::PartitionRegistration;
use crate::types::{BrokerEpoch, NodeId, Offset, Time};

const START: Time = Time(0);
const SOON: Time = Time(1_000_000_000);
const LATE: Time = Time(10_000_000_000);

fn full() -> MetadataImage {
    image(partition(&[1, 2, 3], &[], Some(1)))
}

fn sessions(image: &MetadataImage) -> Sessions {
    Sessions::fresh(Duration::from_secs(3), image, Defects::NONE, START)
}

fn apply(image: &mut MetadataImage, records: &[MetadataRecord]) {
    for record in records {
        image.apply(image.end_offset, record);
    }
}

fn uptime(broker: i32, incarnation: u64, previous: i64) -> BrokerRegistrationRequest {
    let previous_broker_epoch = BrokerEpoch(previous);
    BrokerRegistrationRequest {
        broker: NodeId(broker),
        incarnation,
        previous_broker_epoch,
        log_dirs: Box::default(),
    }
}

fn beat(broker: i32, offset: i64) -> BrokerHeartbeatRequest {
    BrokerHeartbeatRequest {
        broker: NodeId(broker),
        broker_epoch: BrokerEpoch(i64::from(10 + broker)),
        metadata_offset: Offset(offset),
        want_fence: false,
        want_shutdown: false,
        offline_log_dirs: Box::default(),
    }
}

fn leave(broker: i32, offset: i64) -> BrokerHeartbeatRequest {
    BrokerHeartbeatRequest { want_shutdown: true, ..beat(broker, offset) }
}

fn changed(records: &[MetadataRecord]) -> Vec<PartitionRegistration> {
    let registered = records.iter().filter_map(MetadataRecord::registered);
    registered.map(|(_, registration, _)| registration).collect()
}

fn state(fenced: bool, should_shut_down: bool) -> HeartbeatState {
    HeartbeatState { fenced, should_shut_down }
}

#[test]
fn the_same_uptime_keeps_its_epoch() {
    let image = full();
    let judged = register(&image, &mut sessions(&image), &uptime(1, 1, -1), as_promised(), SOON);
    let (records, epoch) = judged.expect("the same uptime");
    assert_eq!(epoch, BrokerEpoch(11));
    let mut amended = image.clone();
    apply(&mut amended, &records);
    let (before, now) = (&image.brokers[&NodeId(1)], &amended.brokers[&NodeId(1)]);
    assert_eq!(now, &BrokerRegistration { registered_at: Offset(100), ..before.clone() });
}

#[test]
fn another_uptime_waits_for_the_session_to_end() {
    let image = full();
    let mut sessions = sessions(&image);
    let early = register(&image, &mut sessions, &uptime(1, 77, 11), as_promised(), SOON);
    assert_eq!(early, Err(ClusterError::DuplicateBrokerRegistration));
    assert!(register(&image, &mut sessions, &uptime(1, 77, 11), as_promised(), LATE).is_ok());
}

/// A broker that a controller has not heard of since it became active, and that is fenced, has no session. One that has
/// just stopped in good order still has: its next uptime waits, as in Kafka 4.
#[test]
fn a_fenced_broker_registers_at_once_unless_it_was_heard_of() {
    for (heard, expected) in [(false, true), (true, false)] {
        let mut image = full();
        let fenced = fence_records(&image, NodeId(3), as_promised());
        apply(&mut image, &fenced);
        let mut sessions = sessions(&image);
        if heard {
            let beat = heartbeat(&image, &mut sessions, &leave(3, 99), as_promised(), SOON);
            assert_eq!(beat.expect("current").1, state(true, true));
        }
        let next = register(&image, &mut sessions, &uptime(3, 77, 13), as_promised(), SOON);
        assert_eq!(next.is_ok(), expected, "heard of: {heard}");
    }
}

#[test]
fn a_registration_is_no_contact() {
    let image = full();
    let mut sessions = sessions(&image);
    let mut after = image.clone();
    let first = register(&image, &mut sessions, &uptime(1, 77, 11), as_promised(), LATE);
    apply(&mut after, &first.expect("valid").0);
    let second = register(&after, &mut sessions, &uptime(1, 78, 100), as_promised(), LATE);
    assert!(second.is_ok(), "no heartbeat came between");
}

#[test]
fn without_eligible_replicas_an_unclean_shutdown_takes_nothing_from_the_last_member() {
    let rules = ControllerRules { eligible_leader_replicas: false, ..as_promised() };
    let mut image = image(partition(&[1], &[], Some(1)));
    let mut sessions = sessions(&image);
    let fenced = fence_records(&image, NodeId(1), rules);
    apply(&mut image, &fenced);
    let now = &image.partitions[&P];
    assert_eq!((now.leader, &now.isr), (None, &nodes(&[1])), "the last member stays");
    let request = uptime(1, 77, 3);
    let (records, _) = register(&image, &mut sessions, &request, rules, LATE).expect("valid");
    assert_eq!(changed(&records), []);
    apply(&mut image, &records);
    let known = image.brokers[&NodeId(1)].clone();
    let beat = BrokerHeartbeatRequest { broker_epoch: known.broker_epoch, ..beat(1, 200) };
    let (records, _) = heartbeat(&image, &mut sessions, &beat, rules, LATE).expect("current");
    assert_eq!(changed(&records)[0].leader, Some(NodeId(1)), "and leads, with what it has");
}

#[test]
fn an_unclean_shutdown_leaves_isr_and_elr_before_the_new_uptime() {
    for (isr, elr, leader) in [(vec![1, 2], vec![], 1), (vec![2], vec![1], 2)] {
        let image = image(partition(&isr, &elr, Some(leader)));
        let mut sessions = sessions(&image);
        let (records, epoch) =
            register(&image, &mut sessions, &uptime(1, 77, 3), as_promised(), LATE).expect("valid");
        let partitions = changed(&records);
        assert_eq!((&partitions[0].isr, &partitions[0].elr), (&nodes(&[2]), &nodes(&[])));
        assert_eq!(partitions[0].leader, Some(NodeId(2)));
        let last = records.last().expect("at least one record");
        assert!(matches!(last, MetadataRecord::RegisterBroker { unclean: true, .. }));
        assert_eq!(epoch, BrokerEpoch(100), "where the batch begins: {records:?}");
        let mut after = image.clone();
        apply(&mut after, &records);
        assert_eq!(after.brokers[&NodeId(1)].registered_at, Offset(101));
    }
}

#[test]
fn a_clean_shutdown_stays_eligible() {
    let image = image(partition(&[1, 2], &[], Some(1)));
    let mut sessions = sessions(&image);
    let (records, _) =
        register(&image, &mut sessions, &uptime(1, 77, 11), as_promised(), LATE).expect("valid");
    assert_eq!(changed(&records)[0].elr, nodes(&[1]));
    let last = records.last().expect("at least one record");
    assert!(matches!(last, MetadataRecord::RegisterBroker { unclean: false, .. }));
}

#[test]
fn a_fenced_broker_is_unfenced_once_it_knows_its_registration() {
    let mut image = image(partition(&[], &[1], None));
    image.brokers.get_mut(&NodeId(1)).expect("registered").fenced = true;
    let mut sessions = sessions(&image);
    let wants = BrokerHeartbeatRequest { want_fence: true, ..beat(1, 50) };
    for request in [beat(1, 10), wants] {
        let judged = heartbeat(&image, &mut sessions, &request, as_promised(), SOON);
        assert_eq!(judged, Ok((Vec::new(), state(true, false))), "{request:?}");
    }
    let (records, returned) =
        heartbeat(&image, &mut sessions, &beat(1, 11), as_promised(), SOON).expect("current");
    assert_eq!(returned, state(false, false));
    assert_eq!(changed(&records)[0].leader, Some(NodeId(1)), "a leaderless partition is led again");
}

#[test]
fn another_uptimes_heartbeat_is_stale() {
    let image = full();
    let stale = BrokerHeartbeatRequest { broker_epoch: BrokerEpoch(4), ..beat(1, 50) };
    let judged = heartbeat(&image, &mut sessions(&image), &stale, as_promised(), SOON);
    assert_eq!(judged, Err(ClusterError::StaleBrokerEpoch));
}

#[test]
fn controlled_shutdown_hands_over_and_waits_until_all_know() {
    let mut image = full();
    let mut sessions = sessions(&image);
    let none = as_promised();
    let (records, returned) =
        heartbeat(&image, &mut sessions, &leave(1, 99), none, SOON).expect("current");
    assert_eq!(returned, state(false, false));
    let new = &changed(&records)[0];
    assert_eq!((new.leader, &new.isr), (Some(NodeId(2)), &nodes(&[2, 3])));
    apply(&mut image, &records);
    for offset in [100, 101] {
        for broker in [2, 3] {
            let judged = heartbeat(&image, &mut sessions, &beat(broker, offset), none, SOON);
            assert_eq!(judged, Ok((Vec::new(), state(false, false))));
        }
        let (records, returned) =
            heartbeat(&image, &mut sessions, &leave(1, 101), none, SOON).expect("current");
        assert_eq!(returned, state(offset == 101, offset == 101), "active brokers at {offset}");
        assert_eq!(records.len(), usize::from(offset == 101), "it is fenced as it leaves");
    }
}

#[test]
fn a_broker_that_leads_nothing_may_stop_at_once() {
    let image = full();
    let (records, returned) =
        heartbeat(&image, &mut sessions(&image), &leave(3, 99), as_promised(), SOON)
            .expect("current");
    assert_eq!(returned, state(true, true));
    assert_eq!(changed(&records)[0].isr, nodes(&[1, 2]));
}

#[test]
fn who_follows_a_leader_that_is_gone_is_active() {
    for (fenced, shutting_down) in [(true, false), (false, true)] {
        let mut image = full();
        let second = image.brokers.get_mut(&NodeId(2)).expect("registered");
        (second.fenced, second.shutting_down) = (fenced, shutting_down);
        let records = fence_records(&image, NodeId(1), as_promised());
        let leader = changed(&records)[0].leader;
        assert_eq!(leader, Some(NodeId(3)), "fenced {fenced}, shutting down {shutting_down}");
    }
}

#[test]
fn fencing_two_brokers_in_turn_leaves_neither_in_sync() {
    let mut image = full();
    let none = as_promised();
    for broker in [1, 2] {
        let records = fence_records(&image, NodeId(broker), none);
        apply(&mut image, &records);
    }
    let registration = &image.partitions[&P];
    assert_eq!((registration.leader, &registration.isr), (Some(NodeId(3)), &nodes(&[3])));
    assert_eq!(registration.elr, nodes(&[2]), "2 left below the minimum, 1 before");
}

/// Nodes 1 and 2 of three in sync are fenced, 1 leads. As promised each goes by what the one before it left.
#[test]
fn who_is_fenced_from_one_state_undoes_what_was_written_before() {
    let table = [([1, 2], Some(1), vec![1, 3], 2), ([2, 1], Some(2), vec![2, 3], 1)];
    for (fenced, leader, isr, epochs) in table {
        let mut image = full();
        let before = image.partitions[&P].clone();
        let records = fence_from_one_state(&image, &nodes(&fenced), as_promised());
        apply(&mut image, &records);
        let now = &image.partitions[&P];
        assert_eq!((now.leader, &now.isr), (leader.map(NodeId), &nodes(&isr)), "{fenced:?}");
        let moved = now.leader_epoch.0 - before.leader_epoch.0;
        assert_eq!((moved, now.partition_epoch.0 - before.partition_epoch.0), (epochs, 2));
        assert!(fenced.iter().all(|broker| image.brokers[&NodeId(*broker)].fenced));
    }
}

#[test]
fn heartbeats_keep_sessions_alive() {
    let mut image = full();
    let mut sessions = sessions(&image);
    assert!(heartbeat(&image, &mut sessions, &beat(1, 99), as_promised(), SOON).is_ok());
    let (at, broker) = sessions.first_to_expire(&image).expect("three sessions");
    assert_eq!((at, broker), (Time(3_000_000_000), NodeId(2)));
    let records = fence_records(&image, NodeId(2), as_promised());
    apply(&mut image, &records);
    assert_eq!(sessions.first_to_expire(&image).expect("two sessions").1, NodeId(3));
    assert_eq!(sessions.expired(&image, at), nodes(&[3]));
    let later = Time(at.0 + 1_000_000_000_000);
    assert_eq!(sessions.expired(&image, later), nodes(&[3, 1]), "1 was heard of last");
}

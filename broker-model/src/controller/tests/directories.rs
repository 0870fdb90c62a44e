//! Log directories: what registrations, heartbeats and assignments do to ISR and lead.

use std::time::Duration;

use super::{P, as_promised, image, nodes, partition};
use crate::controller::brokers::{Sessions, heartbeat, register};
use crate::controller::directories::assign_replicas;
use crate::controller::election::ControllerRules;
use crate::defect::{ControllerDefect, Defect, Defects};
use crate::message::{
    AssignReplicasToDirsRequest, BrokerHeartbeatRequest, BrokerRegistrationRequest, ClusterError,
};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::note::PartitionRegistration;
use crate::types::{
    BrokerEpoch, DirectoryId, LeaderEpoch, NodeId, Offset, PartitionEpoch, Time, TopicId,
    TopicPartition,
};

const HERE: DirectoryId = DirectoryId(101);
const THERE: DirectoryId = DirectoryId(102);

/// All three brokers have two directories; the replica of broker 1 is in its first one.
fn placed(registration: PartitionRegistration) -> MetadataImage {
    let mut image = image(registration);
    for broker in 1..=3 {
        let own = |id: u64| DirectoryId(id + 100 * (broker - 1));
        let log_dirs = vec![own(HERE.0), own(THERE.0)];
        image.directories.log_dirs.insert(NodeId(broker as i32), log_dirs);
    }
    image.directories.replicas.insert((P, NodeId(1)), HERE);
    image
}

fn beat(broker: i32, offline: &[DirectoryId]) -> BrokerHeartbeatRequest {
    BrokerHeartbeatRequest {
        broker: NodeId(broker),
        broker_epoch: BrokerEpoch(i64::from(10 + broker)),
        metadata_offset: Offset(100),
        want_fence: false,
        want_shutdown: false,
        offline_log_dirs: offline.into(),
    }
}

fn told(
    image: &MetadataImage,
    request: &BrokerHeartbeatRequest,
    rules: ControllerRules,
) -> Vec<MetadataRecord> {
    let mut sessions = Sessions::fresh(Duration::from_secs(3), image, Defects::NONE, Time(0));
    let told = heartbeat(image, &mut sessions, request, rules, Time(1));
    told.expect("the uptime is the present one").0
}

fn changed(records: &[MetadataRecord]) -> Vec<PartitionRegistration> {
    let registered = records.iter().filter_map(MetadataRecord::registered);
    registered.map(|(_, registration, _)| registration).collect()
}

fn log_dirs(broker: i32, log_dirs: &[DirectoryId]) -> MetadataRecord {
    MetadataRecord::LogDirs { broker: NodeId(broker), log_dirs: log_dirs.to_vec() }
}

#[test]
fn replicas_in_a_directory_that_fails_leave_isr_and_lead() {
    let image = placed(partition(&[1, 2, 3], &[], Some(1)));
    let records = told(&image, &beat(1, &[HERE]), as_promised());
    let [one] = &changed(&records)[..] else { panic!("{records:?}") };
    assert_eq!((one.leader, &one.isr), (Some(NodeId(2)), &nodes(&[2, 3])));
    assert_eq!((one.leader_epoch, one.partition_epoch), (LeaderEpoch(6), PartitionEpoch(11)));
    assert_eq!(records.last(), Some(&log_dirs(1, &[THERE])));
}

#[test]
fn only_what_is_in_the_directory_and_was_online_is_touched() {
    let mut image = placed(partition(&[1, 2, 3], &[], Some(1)));
    let records = told(&image, &beat(1, &[THERE]), as_promised());
    assert_eq!(records, [log_dirs(1, &[HERE])], "the replica is in the other one");
    let records = told(&image, &beat(2, &[DirectoryId(201)]), as_promised());
    assert_eq!(records, [log_dirs(2, &[DirectoryId(202)])], "nobody knows where that replica is");
    assert_eq!(told(&image, &beat(1, &[DirectoryId(999)]), as_promised()), [], "it is unknown");
    image.directories.log_dirs.insert(NodeId(1), vec![THERE]);
    assert_eq!(told(&image, &beat(1, &[HERE]), as_promised()), [], "it was told before");
}

#[test]
fn the_last_in_sync_is_eligible_and_nobody_leads() {
    let image = placed(partition(&[1], &[], Some(1)));
    let [one] = &changed(&told(&image, &beat(1, &[HERE]), as_promised()))[..] else { panic!() };
    assert_eq!((one.leader, &one.isr, &one.elr), (None, &nodes(&[]), &nodes(&[1])));
}

#[test]
fn a_broker_that_asks_for_its_stop_and_lost_a_directory_is_judged_once() {
    let image = placed(partition(&[1, 2, 3], &[], Some(1)));
    let request = BrokerHeartbeatRequest { want_shutdown: true, ..beat(1, &[HERE]) };
    let records = told(&image, &request, as_promised());
    let epochs: Vec<PartitionEpoch> =
        changed(&records).iter().map(|it| it.partition_epoch).collect();
    assert_eq!(epochs, [PartitionEpoch(11)], "no change overwrites another: {records:?}");
}

#[test]
fn a_replica_in_a_directory_that_is_offline_is_not_elected() {
    let mut image = placed(partition(&[], &[1], None));
    assert!(image.may_lead(P, NodeId(1)));
    image.brokers.get_mut(&NodeId(1)).expect("it is registered").fenced = true;
    for (log_dirs, leader) in [(vec![THERE], None), (vec![HERE, THERE], Some(NodeId(1)))] {
        image.directories.log_dirs.insert(NodeId(1), log_dirs);
        let records = told(&image, &beat(1, &[]), as_promised());
        let elected = changed(&records).first().and_then(|it| it.leader);
        assert_eq!(elected, leader, "{records:?}");
    }
}

#[test]
fn the_defect_leaves_the_replica_in_sync() {
    let image = placed(partition(&[1, 2, 3], &[], Some(1)));
    let defect = Defect::Controller(ControllerDefect::OfflineDirectoryStaysInSync);
    let defects: Defects = [defect].into_iter().collect();
    let rules = ControllerRules { defects, ..as_promised() };
    assert_eq!(told(&image, &beat(1, &[HERE]), rules), [log_dirs(1, &[THERE])]);
}

#[test]
fn a_registration_has_directories_of_its_own() {
    let image = placed(partition(&[1, 2, 3], &[], Some(1)));
    let table = [
        ("its own", vec![HERE, THERE], true),
        ("one is gone", vec![THERE], true),
        ("a new one", vec![HERE, DirectoryId(999)], true),
        ("none is told", vec![], true),
        ("one twice", vec![HERE, HERE], false),
        ("one of another broker", vec![HERE, DirectoryId(201)], false),
        ("a reserved id", vec![DirectoryId::LOST], false),
    ];
    for (name, told, valid) in table {
        let request = BrokerRegistrationRequest {
            broker: NodeId(1),
            incarnation: 77,
            previous_broker_epoch: BrokerEpoch(11),
            log_dirs: told.clone().into(),
        };
        let mut sessions = Sessions::fresh(Duration::from_secs(3), &image, Defects::NONE, Time(0));
        let late = Time(60_000_000_000);
        let judged = register(&image, &mut sessions, &request, as_promised(), late);
        match judged {
            Ok((records, _)) => {
                assert!(valid, "{name}");
                let last = (!told.is_empty()).then(|| log_dirs(1, &told));
                assert!(last.is_none() || records.last() == last.as_ref(), "{name}: {records:?}");
            }
            Err(error) => {
                assert_eq!((error, valid), (ClusterError::InvalidRequest, false), "{name}");
            }
        }
    }
}

#[test]
fn an_assignment_is_a_version_of_its_own_and_one_to_an_offline_directory_ends_the_lead() {
    let image = placed(partition(&[1, 2, 3], &[], Some(1)));
    let ask = |replicas: &[(TopicPartition, DirectoryId)], broker_epoch| {
        let broker_epoch = BrokerEpoch(broker_epoch);
        let replicas = replicas.to_vec();
        let request = AssignReplicasToDirsRequest { broker: NodeId(1), broker_epoch, replicas };
        assign_replicas(&image, &request, as_promised())
    };
    assert_eq!(ask(&[(P, THERE)], 4), Err(ClusterError::StaleBrokerEpoch));
    let other = TopicPartition { topic: TopicId(9), partition: 0 };
    let unknown = Some(ClusterError::UnknownTopicOrPartition);
    assert_eq!(ask(&[(other, THERE)], 11), Ok((Vec::new(), vec![(other, unknown)])));
    assert_eq!(ask(&[(P, HERE)], 11), Ok((Vec::new(), vec![(P, None)])), "it is known");
    let table = [
        (THERE, Some(NodeId(1)), nodes(&[1, 2, 3])),
        (DirectoryId(999), Some(NodeId(2)), nodes(&[2, 3])),
        (DirectoryId::LOST, Some(NodeId(2)), nodes(&[2, 3])),
    ];
    for (directory, leader, isr) in table {
        let (records, answers) = ask(&[(P, directory)], 11).expect("it is registered");
        assert_eq!(answers, [(P, None)]);
        let assigned =
            MetadataRecord::ReplicaDirectory { partition: P, broker: NodeId(1), directory };
        assert_eq!(records.first(), Some(&assigned));
        let [one] = &changed(&records)[..] else { panic!("{records:?}") };
        assert_eq!((one.leader, &one.isr), (leader, &isr), "{directory}");
        assert_eq!(one.partition_epoch, PartitionEpoch(11), "{directory}");
    }
}

#[test]
fn a_replica_that_is_online_again_leads_where_nobody_does() {
    let mut image = placed(partition(&[], &[1], None));
    image.directories.log_dirs.insert(NodeId(1), vec![THERE]);
    let request = AssignReplicasToDirsRequest {
        broker: NodeId(1),
        broker_epoch: BrokerEpoch(11),
        replicas: vec![(P, THERE)],
    };
    let defect = Defect::Controller(ControllerDefect::AssignmentElectsNobody);
    for (defects, leader) in [(vec![], Some(NodeId(1))), (vec![defect], None)] {
        let rules = ControllerRules { defects: defects.into_iter().collect(), ..as_promised() };
        let (records, _) = assign_replicas(&image, &request, rules).expect("it is registered");
        let [one] = &changed(&records)[..] else { panic!("{records:?}") };
        assert_eq!((one.leader, one.partition_epoch), (leader, PartitionEpoch(11)));
    }
}

#[test]
fn who_has_no_replica_assigns_none() {
    let mut registration = partition(&[2, 3], &[], Some(2));
    registration.replicas = nodes(&[2, 3]);
    let image = placed(registration);
    let (broker, broker_epoch) = (NodeId(1), BrokerEpoch(11));
    let request = AssignReplicasToDirsRequest { broker, broker_epoch, replicas: vec![(P, HERE)] };
    let refused = Some(ClusterError::NotLeaderOrFollower);
    let judged = assign_replicas(&image, &request, as_promised());
    assert_eq!(judged, Ok((Vec::new(), vec![(P, refused)])));
}

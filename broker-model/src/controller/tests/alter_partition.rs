//! The order in which a proposal is judged: each row breaks one rule and all that are judged after it.

use super::{P, as_promised, image, nodes, partition};
use crate::controller::alter_partition::{Judged, alter_partitions};
use crate::message::{AlterPartitionItem, AlterPartitionRequest, ClusterError};
use crate::metadata::{MetadataImage, MetadataRecord};
use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, PartitionEpoch, TopicId, TopicPartition};

type Break = fn(&mut AlterPartitionRequest);

fn item(isr: &[(i32, i64)]) -> AlterPartitionItem {
    AlterPartitionItem {
        partition: P,
        leader_epoch: LeaderEpoch(5),
        partition_epoch: PartitionEpoch(10),
        new_isr: isr.iter().map(|(id, epoch)| (NodeId(*id), BrokerEpoch(*epoch))).collect(),
        recovering: false,
    }
}

fn proposal(isr: &[(i32, i64)]) -> AlterPartitionRequest {
    let (broker, broker_epoch) = (NodeId(1), BrokerEpoch(11));
    AlterPartitionRequest { broker, broker_epoch, partitions: vec![item(isr)] }
}

fn shrunk() -> MetadataImage {
    image(partition(&[1, 2], &[], Some(1)))
}

fn judge(image: &MetadataImage, request: &AlterPartitionRequest) -> Judged {
    alter_partitions(image, request, as_promised())?.remove(0)
}

#[test]
fn each_partition_is_judged_for_itself() {
    let mut request = proposal(&[(1, 11)]);
    let unknown = TopicPartition { topic: TopicId(8), partition: 0 };
    request.partitions.insert(0, AlterPartitionItem { partition: unknown, ..item(&[(1, 11)]) });
    let judged = alter_partitions(&shrunk(), &request, as_promised()).expect("of this uptime");
    assert_eq!(judged[0], Err(ClusterError::UnknownTopicOrPartition));
    assert!(matches!(&judged[1], Ok((Some(_), _))), "{judged:?}");
    request.broker_epoch = BrokerEpoch(3);
    let judged = alter_partitions(&shrunk(), &request, as_promised());
    assert_eq!(judged, Err(ClusterError::StaleBrokerEpoch), "none is looked at");
}

#[test]
fn an_expansion_is_accepted_in_replica_order() {
    let (record, returned) =
        judge(&shrunk(), &proposal(&[(3, 13), (1, 11), (2, -1)])).expect("valid");
    let returned = returned.expect("the sender leads on");
    assert_eq!(returned.isr, nodes(&[1, 2, 3]));
    assert_eq!(
        (returned.leader_epoch, returned.partition_epoch),
        (LeaderEpoch(5), PartitionEpoch(11))
    );
    assert!(matches!(record, Some(MetadataRecord::Partition { unclean: false, .. })));
}

#[test]
fn errors_come_in_kafkas_order() {
    let wrong = [(1, 99), (9, 9)];
    let rows: [(ClusterError, Break); 7] = [
        (ClusterError::InvalidRequest, |_| ()),
        (ClusterError::InvalidUpdateVersion, |it| {
            it.partitions[0].partition_epoch = PartitionEpoch(9);
        }),
        (ClusterError::InvalidRequest, |it| {
            (it.broker, it.broker_epoch) = (NodeId(2), BrokerEpoch(12));
        }),
        (ClusterError::FencedLeaderEpoch, |it| it.partitions[0].leader_epoch = LeaderEpoch(4)),
        (ClusterError::NotController, |it| it.partitions[0].partition_epoch = PartitionEpoch(11)),
        (ClusterError::UnknownTopicOrPartition, |it| {
            it.partitions[0].partition = TopicPartition { topic: TopicId(8), partition: 0 };
        }),
        (ClusterError::StaleBrokerEpoch, |it| it.broker_epoch = BrokerEpoch(3)),
    ];
    let mut request = proposal(&wrong);
    for (expected, break_rule) in rows {
        break_rule(&mut request);
        assert_eq!(judge(&shrunk(), &request).expect_err("broken"), expected, "{request:?}");
    }
}

#[test]
fn a_repeated_proposal_is_refused_for_its_old_version() {
    let mut request = proposal(&[(1, 11), (2, 12)]);
    request.partitions[0].partition_epoch = PartitionEpoch(9);
    let judged = judge(&shrunk(), &request);
    assert_eq!(judged, Err(ClusterError::InvalidUpdateVersion), "though it was accepted before");
    request.partitions[0].leader_epoch = LeaderEpoch(4);
    assert_eq!(judge(&shrunk(), &request), Err(ClusterError::FencedLeaderEpoch));
}

#[test]
fn malformed_proposals_are_invalid() {
    let rows: [&[(i32, i64)]; 4] = [&[], &[(2, 12)], &[(1, 11), (1, 11)], &[(1, 11), (9, 9)]];
    for isr in rows {
        let judged = judge(&shrunk(), &proposal(isr));
        assert_eq!(judged, Err(ClusterError::InvalidRequest), "{isr:?}");
    }
    let mut again = proposal(&[(1, 11)]);
    again.partitions[0].recovering = true;
    assert_eq!(judge(&shrunk(), &again), Err(ClusterError::InvalidRequest), "recovered before");
}

#[test]
fn ineligible_members_are_refused() {
    let request = proposal(&[(1, 11), (2, 12), (3, 13)]);
    let mut fenced = shrunk();
    fenced.brokers.get_mut(&NodeId(3)).expect("registered").fenced = true;
    assert_eq!(judge(&fenced, &request), Err(ClusterError::IneligibleReplica), "KIP-841");
    let mut leaving = shrunk();
    leaving.brokers.get_mut(&NodeId(3)).expect("registered").shutting_down = true;
    assert_eq!(judge(&leaving, &request), Err(ClusterError::IneligibleReplica), "KIP-841");
    let mut bounced = shrunk();
    bounced.brokers.get_mut(&NodeId(3)).expect("registered").broker_epoch = BrokerEpoch(50);
    assert_eq!(judge(&bounced, &request), Err(ClusterError::IneligibleReplica), "KIP-903");
}

#[test]
fn a_shrink_below_the_minimum_keeps_the_others_eligible() {
    let (record, _) = judge(&shrunk(), &proposal(&[(1, 11)])).expect("valid");
    let Some(MetadataRecord::Partition { registration, .. }) = record else {
        panic!("no partition record: {record:?}");
    };
    assert_eq!((registration.isr, registration.elr), (nodes(&[1]), nodes(&[2])));
}

#[test]
fn the_leaders_next_proposal_ends_its_recovery() {
    let mut registration = partition(&[1], &[], Some(1));
    registration.recovering = true;
    let (record, _) = judge(&image(registration), &proposal(&[(1, 11)])).expect("valid");
    let Some(MetadataRecord::Partition { registration, .. }) = record else {
        panic!("no partition record: {record:?}");
    };
    assert!(!registration.recovering);
}

//! Rule tables of the controller, and a small network of controllers.

mod administration;
mod alter_partition;
mod brokers;
mod cluster;
mod configs;
mod directories;
mod election;
pub(crate) mod net;
mod topics;

use std::ops::RangeInclusive;

use crate::config::ClusterConfig;
use crate::controller::election::ControllerRules;
use crate::defect::{Defect, Defects};
use crate::metadata::{BrokerRegistration, MetadataImage};
use crate::note::{PartitionRegistration, Reassignment};
use crate::testing;
use crate::types::{
    BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch, TopicId, TopicPartition,
};

pub(super) const P: TopicPartition = TopicPartition { topic: TopicId(1), partition: 0 };

/// A cluster of three brokers, 1 to 3, and so many controllers, from 101 on.
pub(crate) fn config(controllers: i32, defects: &[Defect]) -> ClusterConfig {
    ClusterConfig {
        controllers: (101..101 + controllers).map(NodeId).collect(),
        jitter_salt: 7,
        broker_heartbeat_interval_ms: 500,
        broker_session_timeout_ms: 3_000,
        replica_lag_time_max_ms: 3_000,
        replica_fetch_backoff_ms: 100,
        recovery_point_checkpoint_interval_ms: 5_000,
        segment_bytes: 4_096,
        request_timeout_ms: 1_500,
        defects: defects.iter().copied().collect(),
        ..testing::cluster()
    }
}

/// Eligible leader replicas are kept, and no bug is switched on.
pub(super) fn as_promised() -> ControllerRules {
    ControllerRules { eligible_leader_replicas: true, defects: Defects::NONE }
}

pub(super) fn nodes(ids: &[i32]) -> Vec<NodeId> {
    ids.iter().copied().map(NodeId).collect()
}

/// A partition on brokers 1, 2 and 3 in leader epoch 5 and version 10.
pub(super) fn partition(isr: &[i32], elr: &[i32], leader: Option<i32>) -> PartitionRegistration {
    PartitionRegistration {
        replicas: nodes(&[1, 2, 3]),
        isr: nodes(isr),
        elr: nodes(elr),
        last_known_leader: None,
        reassignment: Reassignment::default(),
        leader: leader.map(NodeId),
        leader_epoch: LeaderEpoch(5),
        partition_epoch: PartitionEpoch(10),
        recovering: false,
    }
}

/// Unfenced brokers; the epoch of each is ten more than its id.
pub(super) fn add_brokers(image: &mut MetadataImage, ids: RangeInclusive<i32>) {
    for id in ids {
        let registration = BrokerRegistration {
            broker_epoch: BrokerEpoch(i64::from(10 + id)),
            registered_at: Offset(i64::from(10 + id)),
            incarnation: id as u64,
            fenced: false,
            shutting_down: false,
        };
        image.brokers.insert(NodeId(id), registration);
    }
}

/// Brokers 1, 2 and 3, unfenced, of epochs 11, 12 and 13, and the partition of a topic with two replicas in sync at
/// least.
pub(super) fn image(registration: PartitionRegistration) -> MetadataImage {
    let mut image = MetadataImage { end_offset: Offset(100), ..MetadataImage::default() };
    add_brokers(&mut image, 1..=3);
    image.topic_ids.insert("orders".to_owned(), P.topic);
    image.topics.insert(P.topic, testing::topic("orders", 2));
    image.partitions.insert(P, registration);
    image
}

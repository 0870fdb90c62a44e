//! Rule tables of the controller, and a small network of controllers.

mod alter_partition;
mod brokers;
mod cluster;
mod election;
pub(crate) mod net;
mod topics;

use crate::config::{ClusterConfig, TopicConfig};
use crate::controller::election::ControllerRules;
use crate::defect::{Defect, Defects};
use crate::metadata::{BrokerRegistration, MetadataImage};
use crate::note::PartitionRegistration;
use crate::types::{
    BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch, TopicId, TopicPartition,
};

pub(super) const P: TopicPartition = TopicPartition { topic: TopicId(1), partition: 0 };

/// A cluster of three brokers, 1 to 3, and so many controllers, from 101 on.
pub(crate) fn config(controllers: i32, defects: &[Defect]) -> ClusterConfig {
    ClusterConfig {
        brokers: (1..=3).map(NodeId).collect(),
        controllers: (101..101 + controllers).map(NodeId).collect(),
        jitter_salt: 7,
        broker_heartbeat_interval_ms: 500,
        broker_session_timeout_ms: 3000,
        replica_lag_time_max_ms: 3000,
        replica_fetch_wait_max_ms: 500,
        replica_fetch_backoff_ms: 100,
        replica_fetch_max_bytes: 1 << 20,
        fetch_session_slots: 1_000,
        high_watermark_checkpoint_interval_ms: 5000,
        recovery_point_checkpoint_interval_ms: 5000,
        segment_bytes: 4096,
        flush_scheduler_interval_ms: u64::MAX / 2_000_000,
        retention_check_interval_ms: ClusterConfig::RETENTION_CHECK_INTERVAL_MS,
        producer_id_expiration_ms: 86_400_000,
        producer_id_expiration_check_interval_ms: 600_000,
        request_timeout_ms: 1500,
        transaction_version: 2,
        transactional_id_expiration_ms: 604_800_000,
        transaction_max_timeout_ms: 900_000,
        transaction_cleanup_interval_ms: 10_000,
        quorum_election_timeout_ms: 1000,
        quorum_fetch_timeout_ms: 2000,
        quorum_election_backoff_max_ms: 1000,
        quorum_fetch_wait_max_ms: 500,
        controlled_shutdown_timeout_ms: 5000,
        eligible_leader_replicas: true,
        auto_leader_rebalance: true,
        leader_imbalance_check_interval_ms: 300_000,
        unclean_election_interval_ms: 300_000,
        coordinators: crate::config::CoordinatorConfig::DEFAULT,
        kafka: None,
        defects: defects.iter().copied().collect(),
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
        leader: leader.map(NodeId),
        leader_epoch: LeaderEpoch(5),
        partition_epoch: PartitionEpoch(10),
        recovering: false,
    }
}

/// Brokers 1, 2 and 3, unfenced, of epochs 11, 12 and 13, and the partition of a topic with two replicas in sync at
/// least.
pub(super) fn image(registration: PartitionRegistration) -> MetadataImage {
    let mut image = MetadataImage { end_offset: Offset(100), ..MetadataImage::default() };
    for id in 1..=3 {
        let registration = BrokerRegistration {
            broker_epoch: BrokerEpoch(i64::from(10 + id)),
            registered_at: Offset(i64::from(10 + id)),
            incarnation: id as u64,
            fenced: false,
            shutting_down: false,
        };
        image.brokers.insert(NodeId(id), registration);
    }
    let name = "orders".to_owned();
    image.topic_ids.insert(name.clone(), P.topic);
    let topic = TopicConfig {
        name,
        min_insync_replicas: 2,
        unclean_leader_election: false,
        max_message_bytes: TopicConfig::MAX_MESSAGE_BYTES_DEFAULT,
        flush_messages: TopicConfig::FLUSH_NEVER,
        flush_ms: TopicConfig::FLUSH_NEVER,
        retention: crate::retention::Retention::FOREVER,
    };
    image.topics.insert(P.topic, topic);
    image.partitions.insert(P, registration);
    image
}

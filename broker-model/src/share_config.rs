//! What share groups are configured with. Source: KIP-932, Kafka's `ShareGroupConfig`, `ShareCoordinatorConfig`.

use serde::{Deserialize, Serialize};

use crate::internal_topic_config::InternalTopicConfig;

/// What share groups are configured with, on brokers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShareGroupConfig {
    /// `__share_group_state`: `share.coordinator.state.topic.num.partitions`, `.replication.factor` and `.min.isr`.
    pub state_topic: InternalTopicConfig,
    /// `share.coordinator.snapshot.update.records.per.snapshot`: so many updates are written between two snapshots.
    pub updates_per_snapshot: u32,
    /// `group.share.record.lock.duration.ms`: how long a member holds what it acquired.
    pub lock_ms: u64,
    /// `group.share.delivery.count.limit`: a record is delivered so often at most.
    pub delivery_count_limit: u32,
    /// `group.share.partition.max.record.locks`: as many records are in flight of a partition at most.
    pub partition_max_record_locks: u32,
}

impl ShareGroupConfig {
    /// As plans have it that say nothing: of a cluster without share groups.
    pub const DEFAULT: Self = Self {
        state_topic: InternalTopicConfig {
            partitions: 4,
            replication_factor: 3,
            min_insync_replicas: 2,
        },
        updates_per_snapshot: 10,
        lock_ms: 2_000,
        delivery_count_limit: 5,
        partition_max_record_locks: 200,
    };

    /// Whether a plan need not say it.
    pub fn is_default(&self) -> bool {
        *self == Self::DEFAULT
    }
}

impl Default for ShareGroupConfig {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a worker of a share group is configured with, and how its application works.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WorkerConfig {
    /// `group.id`.
    pub group: String,
    /// `max.poll.records`, for each broker that is asked.
    pub records_max: u32,
    /// How long it works on what one fetch of a partition gave, in milliseconds, inclusive range.
    pub processing_ms: (u64, u64),
    /// It stalls on one fetch in so many; 0 is never.
    pub stall_one_in: u32,
    /// For how long, in milliseconds.
    pub stall_ms: u64,
    /// One record in so many is released at each try, whoever gets it; 0 is none.
    pub release_one_in: u32,
    /// One record in so many is rejected; 0 is none.
    pub reject_one_in: u32,
    /// Which records these are: the same for all workers of a group.
    #[serde(with = "crate::wide")]
    pub record_salt: u64,
}

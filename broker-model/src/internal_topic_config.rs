//! What an internal topic is created with.

use serde::{Deserialize, Serialize};

/// A topic that holds coordinators' records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InternalTopicConfig {
    /// Number of partitions.
    pub partitions: u32,
    /// Replicas of each.
    pub replication_factor: u32,
    /// `min.insync.replicas`.
    pub min_insync_replicas: u32,
}

//! Facts of consumer groups; stated once there are group coordinators.

use serde::{Deserialize, Serialize};

use crate::types::TopicPartition;

/// A fact of a consumer group.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum GroupNote {
    /// A group coordinator holds a partition for a member from now on. Source: KIP-848, `CurrentAssignmentBuilder`.
    PartitionAssigned {
        /// Group.
        group: String,
        /// Who may consume it.
        member: String,
        /// Which partition.
        partition: TopicPartition,
        /// The member's epoch; the generation in the classic protocol.
        member_epoch: i32,
    },
    /// A group coordinator no longer holds a partition for a member: it acknowledged the revocation, left, or was
    /// fenced. In the classic protocol, stated for all members when a generation ends.
    PartitionReleased {
        /// Group.
        group: String,
        /// Who may not consume it any more.
        member: String,
        /// Which partition.
        partition: TopicPartition,
    },
}

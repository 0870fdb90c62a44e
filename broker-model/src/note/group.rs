//! Facts of consumer groups.

use serde::{Deserialize, Serialize};

use crate::types::{LeaderEpoch, Offset, TopicPartition};

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
    /// A group coordinator has read its partition of `__consumer_offsets` and serves from now on.
    CoordinatorLoaded {
        /// Which partition.
        partition: TopicPartition,
        /// The leader epoch in which it coordinates.
        leader_epoch: LeaderEpoch,
        /// The groups that it knows, each with its generation.
        groups: Vec<(String, i32)>,
    },
    /// All members of a group have joined, and a new generation begins. Source: `ClassicGroup.initNextGeneration`.
    GenerationBegan {
        /// Group.
        group: String,
        /// Its number.
        generation: i32,
        /// How many members it has; none if the group is empty from now on.
        members: u32,
    },
    /// A group coordinator answers a client that waited for a record: what it says rests on all records before this
    /// offset.
    WriteAnswered {
        /// The partition of `__consumer_offsets`.
        partition: TopicPartition,
        /// The leader epoch in which this node leads it.
        leader_epoch: LeaderEpoch,
        /// The offset behind the record.
        end: Offset,
    },
    /// A commit was refused, since it came from no member of the present generation.
    CommitFenced {
        /// Group.
        group: String,
        /// The generation that it named.
        generation: i32,
    },
    /// A member of a group of the consumer protocol holds these partitions from now on, and no others: as assigned, or
    /// not given up yet. Stated once it is committed. Source: KIP-848, `ConsumerGroupCurrentMemberAssignment`.
    MemberHolds {
        /// The partition of `__consumer_offsets`.
        partition: TopicPartition,
        /// The leader epoch in which this node leads it.
        leader_epoch: LeaderEpoch,
        /// Group.
        group: String,
        /// Who.
        member: String,
        /// Its epoch; -1 if it is no member any more, -2 if it has left for a while.
        member_epoch: i32,
        /// What nobody else may consume.
        partitions: Vec<TopicPartition>,
    },
    /// There is a target for an epoch of a group of the consumer protocol. Source: KIP-848,
    /// `ConsumerGroupTargetAssignmentMetadata`.
    TargetAssigned {
        /// Group.
        group: String,
        /// The group's epoch.
        group_epoch: i32,
        /// For how many members.
        members: u32,
    },
    /// A consumer of the consumer protocol has these partitions from now on, and no others.
    MemberOwns {
        /// Group.
        group: String,
        /// Who.
        member: String,
        /// What it consumes.
        partitions: Vec<TopicPartition>,
    },
}

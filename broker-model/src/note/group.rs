//! Facts of consumer groups.

use serde::{Deserialize, Serialize};

use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, TopicPartition};

/// Why a member is thrown out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lateness {
    /// Nothing was heard of it for a session.
    Session,
    /// It has not given up in time what it must.
    Rebalance,
    /// It speaks the classic protocol, and has not joined again, or not asked for its assignment.
    Join,
}

/// Why a consumer is no member of its group any more, although its application has not asked for that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Departure {
    /// It left by itself, since its application did not poll for `max.poll.interval.ms`.
    PollInterval,
    /// Its coordinator does not know it: its session had ended, or it had not joined again in time.
    Unknown,
    /// Its generation, or its epoch, is over.
    Epoch,
    /// Another consumer has its `group.instance.id`.
    Instance,
}

/// Where a group of the classic protocol is in a rebalance. Source: Kafka's `ClassicGroupState`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClassicGroupState {
    /// It has no members.
    Empty,
    /// It waits for its members to join.
    PreparingRebalance,
    /// It waits for its leader's assignment.
    CompletingRebalance,
    /// All members can have their assignments.
    Stable,
    /// It is no more.
    Dead,
}

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
    /// A group of the classic protocol is in this state from now on; stated again if it waits anew for members to join.
    /// What a coordinator loads is not stated: it is stable, or empty. Source: `ClassicGroup.transitionTo`.
    ClassicStateChanged {
        /// Group.
        group: String,
        /// State.
        state: ClassicGroupState,
        /// For how long it waits for its members in that state at most, in milliseconds; 0 if it waits for none.
        /// Source: `max.poll.interval.ms` of its members, `group.initial.rebalance.delay.ms`.
        timeout_ms: u64,
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
        /// How long it may take to give some of that up, in milliseconds; 0 if it must not, or has no timer for it.
        /// Source: Kafka's `MemberState.UNREVOKED_PARTITIONS`, `max.poll.interval.ms`.
        revokes_within_ms: u32,
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
    /// A consumer in a group has these partitions from now on, and no others.
    MemberOwns {
        /// Group.
        group: String,
        /// Who.
        member: String,
        /// What it consumes.
        partitions: Vec<TopicPartition>,
    },
    /// A group speaks the other protocol from now on: its coordinator has written so. Source: KIP-848, online
    /// migration.
    ProtocolChanged {
        /// Group.
        group: String,
        /// Whether that is the classic one.
        classic: bool,
    },
    /// A coordinator takes a commit of one who says that it is a member: alone or in a transaction. Source:
    /// `OffsetMetadataManager.commitOffset`, `commitTransactionalOffset`.
    CommitAccepted {
        /// Group.
        group: String,
        /// As which member.
        member: String,
        /// The generation that it named, or its epoch.
        generation: i32,
        /// Where it has come further.
        partitions: Vec<TopicPartition>,
    },
    /// A coordinator throws a member of a group of the consumer protocol out. Source:
    /// `GroupMetadataManager.consumerGroupFenceMemberOperation`.
    MemberThrownOut {
        /// Group.
        group: String,
        /// Whom.
        member: String,
        /// The epoch that it has by what is written, committed or not.
        member_epoch: i32,
        /// Why.
        reason: Lateness,
    },
    /// A group that had no members is no more, and all its offsets with it. Source: KIP-229.
    GroupDeleted {
        /// Group.
        group: String,
    },
    /// Some of a group's offsets are no more. Source: KIP-496.
    OffsetsDeleted {
        /// Group.
        group: String,
    },
    /// A coordinator takes a commit of a producer's transaction: these offsets count once that is committed. Source:
    /// KIP-98, `OffsetMetadataManager.commitTransactionalOffset`.
    OffsetsPending {
        /// Group.
        group: String,
        /// Whose transaction.
        producer_id: ProducerId,
        /// In which epoch.
        producer_epoch: ProducerEpoch,
        /// Where the group will have come further.
        partitions: Vec<TopicPartition>,
    },
    /// A consumer learns that it is no member of its group any more, or leaves it by itself; its application is not
    /// the one that wants it, and is going to join again with its next poll. Source: KIP-62, KIP-848;
    /// `AbstractCoordinator.resetGenerationOnResponseError`, `AbstractMembershipManager.transitionToFenced`.
    MembershipLost {
        /// Group.
        group: String,
        /// Why.
        reason: Departure,
    },
    /// Some of a group's offsets are older than `offsets.retention.ms`, and stay since the group lives. Source:
    /// KIP-211, `ClassicGroup.offsetExpirationCondition`.
    OffsetsKept {
        /// Group.
        group: String,
    },
    /// A coordinator throws a member of a classic group out: its session is over, or it has not joined, or not asked
    /// for its assignment, in time. Source: `GroupMetadataManager.expireClassicGroupMemberHeartbeat`,
    /// `completeClassicGroupJoin`, `expirePendingSync`.
    ClassicMemberThrownOut {
        /// Group.
        group: String,
        /// Whom.
        member: String,
        /// Why.
        reason: Lateness,
        /// Whether a `JoinGroup` or a `SyncGroup` of it waits here for its answer.
        waits: bool,
    },
    /// Who takes part in the join phase of a classic group has changed. Source: `ClassicGroup.hasAllMembersJoined`.
    JoinPhaseChanged {
        /// Group.
        group: String,
        /// How many members it has.
        members: u32,
        /// How many of them have not joined, and how many ids were given that nobody has joined with.
        awaited: u32,
        /// Whether the group had no members before this phase: it waits for others to come.
        initial: bool,
    },
    /// A coordinator lets offsets of a group expire. Source: KIP-211, `OffsetMetadataManager.cleanupExpiredOffsets`.
    OffsetsExpired {
        /// Group.
        group: String,
        /// Of which partitions.
        partitions: Vec<TopicPartition>,
    },
}

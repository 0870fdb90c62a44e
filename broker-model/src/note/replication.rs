//! Facts of leaders and followers.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::message::ClusterError;
use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch, TopicPartition};

/// A fact of replication.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ReplicationNote {
    /// This broker now acts as leader.
    BecameLeader {
        /// Of what.
        partition: TopicPartition,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
        /// Version of the registration.
        partition_epoch: PartitionEpoch,
        /// Its log end when it became leader.
        epoch_start_offset: Offset,
        /// Its own high watermark then.
        high_watermark: Offset,
        /// In-sync replicas as registered.
        isr: Vec<NodeId>,
    },
    /// This broker now follows.
    BecameFollower {
        /// Of what.
        partition: TopicPartition,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
        /// Whom, if anyone leads.
        leader: Option<NodeId>,
    },
    /// The high watermark of this replica moved.
    HighWatermarkMoved {
        /// Of what.
        partition: TopicPartition,
        /// In which epoch this node leads or follows.
        leader_epoch: LeaderEpoch,
        /// Whether this node acts as leader.
        as_leader: bool,
        /// Before.
        from: Offset,
        /// After.
        to: Offset,
    },
    /// A leader asked the controller for another ISR.
    IsrProposed {
        /// Of what.
        partition: TopicPartition,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
        /// Committed members.
        from: Vec<NodeId>,
        /// Proposed members.
        to: Vec<NodeId>,
        /// What the leader knows of those that it wants to remove, in the order of the members.
        out_of_sync: Vec<OutOfSyncReplica>,
    },
    /// The controller refused the proposal.
    IsrProposalRefused {
        /// Of what.
        partition: TopicPartition,
        /// Why.
        error: ClusterError,
    },
    /// A leader learned that its ISR is now this one, whoever changed it.
    IsrCommitted {
        /// Of what.
        partition: TopicPartition,
        /// In which epoch.
        leader_epoch: LeaderEpoch,
        /// Version.
        partition_epoch: PartitionEpoch,
        /// Members.
        isr: Vec<NodeId>,
    },
    /// A leader answered a follower's or client's request with an epoch error.
    RequestFenced {
        /// Of what.
        partition: TopicPartition,
        /// Who asked.
        by: NodeId,
        /// The answer.
        error: ClusterError,
    },
    /// A leader took news of a follower for the first time in its epoch, or in another uptime of the follower, or from
    /// a fetch that names another epoch than the leader's, or of an uptime after which it knows another. Leaders of the
    /// quorum state it of voters, without broker epochs. Source: rule 2.1.3, KIP-320, KIP-903; KIP-595.
    FollowerHeard {
        /// Of what.
        partition: TopicPartition,
        /// The leader's epoch.
        leader_epoch: LeaderEpoch,
        /// Who fetched.
        follower: NodeId,
        /// The epoch that the fetch names.
        current_leader_epoch: LeaderEpoch,
        /// The follower's broker epoch, as the fetch names it.
        broker_epoch: BrokerEpoch,
        /// From where it fetched, which is its log end.
        fetch_offset: Offset,
    },
    /// A leader told a follower that its log differs.
    DivergenceFound {
        /// Of what.
        partition: TopicPartition,
        /// Which follower.
        follower: NodeId,
        /// Epoch named in the answer.
        epoch: LeaderEpoch,
        /// Its end at the leader.
        end_offset: Offset,
    },
    /// This broker goes by another `min.insync.replicas` from here on: that of the topic was changed.
    MinimumChanged {
        /// Of what.
        partition: TopicPartition,
        /// As it is now, at most the number of replicas.
        minimum: u32,
    },
    /// A replication quota that is exceeded holds a follower up: its leader sends it nothing of what there is, or it
    /// asks for nothing itself. Source: KIP-73.
    HeldUp {
        /// Of what.
        partition: TopicPartition,
        /// Whom.
        follower: NodeId,
        /// Whether it is in sync, as far as this broker knows.
        in_sync: bool,
    },
}

/// A member of the ISR that lags, as its leader knows it. Source: `Partition.maybeShrinkIsr`, which logs the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct OutOfSyncReplica {
    /// Which broker.
    pub replica: NodeId,
    /// Where its log ends.
    pub log_end_offset: Offset,
    /// For how long it has not had all that the leader had, by the leader's clock; none if it never had.
    pub lag: Option<Duration>,
}

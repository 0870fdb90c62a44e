//! Facts of requests and answers: in which epoch somebody was served, and on what an answer found its asker that
//! changed something there. Both carry what was asked and what is, so that the fence can be judged where it stands.

use serde::{Deserialize, Serialize};

use crate::message::ClusterError;
use crate::types::{LeaderEpoch, NodeId, TopicId, TopicPartition};

/// A fact of a request or of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExchangeNote {
    /// A node served a request that names an epoch. Fetches of records, questions for the latest offset and commits of
    /// offsets have facts of their own that tell it. Source: KIP-98, KIP-320, KIP-380, KIP-595, KIP-848.
    RequestServed {
        /// What was asked.
        api: Api,
        /// Of which partition, if of one.
        partition: Option<TopicPartition>,
        /// Who asked.
        by: NodeId,
        /// The epoch that the request names; -1 if none. A generation, a member's epoch and a producer's are such, too.
        named: i64,
        /// The epoch that it has to name, by who served it; -1 if that knows of none.
        own: i64,
    },
    /// An answer changed its asker. Source: KIP-320, KIP-497, KIP-595, KAFKA-8429.
    AnswerApplied {
        /// What was asked.
        api: Api,
        /// Of which partition; none where clients ask, which know names only.
        partition: Option<TopicPartition>,
        /// Where the asker stood when it asked.
        asked: Standing,
        /// Where it stands now that it takes the answer.
        own: Standing,
    },
    /// A controller refused a proposal that names another leader epoch than is registered, for whatever reason: the
    /// fence is the first of several that it meets. Source: `ReplicationControlManager.validateAlterPartitionData`.
    RequestRefused {
        /// What was asked.
        api: Api,
        /// Of which partition.
        partition: TopicPartition,
        /// Who asked.
        by: NodeId,
        /// The epoch that the request names.
        named: LeaderEpoch,
        /// The epoch of who refused it.
        own: LeaderEpoch,
        /// Why.
        error: ClusterError,
    },
    /// A client takes another epoch for the newest of a partition. Source: KIP-320, `Metadata.updateLatestMetadata`.
    EpochLearned {
        /// Topic-partition as text: clients know names only.
        partition: String,
        /// Which.
        epoch: LeaderEpoch,
    },
    /// A client has heard that another topic has the name of one that it knew. Source: KIP-516, KAFKA-12257.
    TopicReplaced {
        /// Its name.
        topic: String,
        /// The topic that it knew.
        before: TopicId,
        /// The one that is there now.
        after: TopicId,
    },
}

impl ExchangeNote {
    /// A request about no partition was served: the epoch that it names, and the one that holds here.
    pub(crate) fn served(api: Api, by: NodeId, named: impl Into<i64>, own: impl Into<i64>) -> Self {
        Self::RequestServed { api, partition: None, by, named: named.into(), own: own.into() }
    }
}

/// Where somebody stands who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Standing {
    /// Epoch of the leader, of the quorum or of a producer; at consumers the version of the position, or their
    /// generation.
    pub epoch: i64,
    /// Log end, offset, version of a registration, or id of a producer; -1 where there is none.
    pub position: i64,
}

/// What is asked, as far as epochs matter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[expect(missing_docs, reason = "each variant is the request of its name")]
pub enum Api {
    ReplicaFetch,
    ReplicaOffsets,
    Fetch,
    Produce,
    ListOffsets,
    OffsetForLeaderEpoch,
    AlterPartition,
    BrokerHeartbeat,
    AllocateProducerIds,
    Vote,
    BeginQuorumEpoch,
    EndQuorumEpoch,
    QuorumFetch,
    JoinGroup,
    SyncGroup,
    Heartbeat,
    LeaveGroup,
    ConsumerGroupHeartbeat,
    OffsetCommit,
    OffsetFetch,
    InitProducerId,
    AddPartitionsToTxn,
    AddOffsetsToTxn,
    TxnOffsetCommit,
    EndTxn,
    WriteTxnMarkers,
    FetchSnapshot,
    AssignReplicasToDirs,
    FetchSession,
    BrokerRegistration,
    ShareFetch,
    ShareState,
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 32] = [
        Self::ReplicaFetch,
        Self::ReplicaOffsets,
        Self::Fetch,
        Self::Produce,
        Self::ListOffsets,
        Self::OffsetForLeaderEpoch,
        Self::AlterPartition,
        Self::BrokerHeartbeat,
        Self::AllocateProducerIds,
        Self::Vote,
        Self::BeginQuorumEpoch,
        Self::EndQuorumEpoch,
        Self::QuorumFetch,
        Self::JoinGroup,
        Self::SyncGroup,
        Self::Heartbeat,
        Self::LeaveGroup,
        Self::ConsumerGroupHeartbeat,
        Self::OffsetCommit,
        Self::OffsetFetch,
        Self::InitProducerId,
        Self::AddPartitionsToTxn,
        Self::AddOffsetsToTxn,
        Self::TxnOffsetCommit,
        Self::EndTxn,
        Self::WriteTxnMarkers,
        Self::FetchSnapshot,
        Self::AssignReplicasToDirs,
        Self::FetchSession,
        Self::BrokerRegistration,
        Self::ShareFetch,
        Self::ShareState,
    ];

    /// Kafka's name of the request; a follower's and a voter's are fetches with a replica id.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ReplicaFetch => "Fetch by a follower",
            Self::ReplicaOffsets => "ListOffsets by a follower",
            Self::Fetch => "Fetch",
            Self::Produce => "Produce",
            Self::ListOffsets => "ListOffsets",
            Self::OffsetForLeaderEpoch => "OffsetForLeaderEpoch",
            Self::AlterPartition => "AlterPartition",
            Self::BrokerHeartbeat => "BrokerHeartbeat",
            Self::AllocateProducerIds => "AllocateProducerIds",
            Self::Vote => "Vote",
            Self::BeginQuorumEpoch => "BeginQuorumEpoch",
            Self::EndQuorumEpoch => "EndQuorumEpoch",
            Self::QuorumFetch => "Fetch of metadata",
            Self::JoinGroup => "JoinGroup",
            Self::SyncGroup => "SyncGroup",
            Self::Heartbeat => "Heartbeat",
            Self::LeaveGroup => "LeaveGroup",
            Self::ConsumerGroupHeartbeat => "ConsumerGroupHeartbeat",
            Self::OffsetCommit => "OffsetCommit",
            Self::OffsetFetch => "OffsetFetch",
            Self::InitProducerId => "InitProducerId",
            Self::AddPartitionsToTxn => "AddPartitionsToTxn",
            Self::AddOffsetsToTxn => "AddOffsetsToTxn",
            Self::TxnOffsetCommit => "TxnOffsetCommit",
            Self::EndTxn => "EndTxn",
            Self::WriteTxnMarkers => "WriteTxnMarkers",
            Self::FetchSnapshot => "FetchSnapshot",
            Self::AssignReplicasToDirs => "AssignReplicasToDirs",
            Self::FetchSession => "Fetch of a session",
            Self::BrokerRegistration => "BrokerRegistration",
            Self::ShareFetch => "ShareFetch",
            Self::ShareState => "WriteShareGroupState",
        }
    }
}

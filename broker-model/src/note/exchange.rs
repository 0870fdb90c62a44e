//! Facts of requests and answers: in which epoch somebody was served, and on what an answer found its asker that
//! changed something there. Both carry what was asked and what is, so that the fence can be judged where it stands.

use serde::{Deserialize, Serialize};

use crate::message::ClusterError;
use crate::types::{LeaderEpoch, NodeId, TopicId, TopicPartition};

/// A fact of a request or of its answer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ExchangeNote {
    /// A node served a request that names an epoch. Fetches of records and questions for the latest offset have facts
    /// of their own that tell it. Source: KIP-320, KIP-380, KIP-595.
    RequestServed {
        /// What was asked.
        api: Api,
        /// Of which partition, if of one.
        partition: Option<TopicPartition>,
        /// Who asked.
        by: NodeId,
        /// The epoch that the request names; -1 if none.
        named: i64,
        /// The epoch of who served it.
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

/// Where somebody stands who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Standing {
    /// Epoch of the leader, of the quorum or of a producer; at consumers the version of the position.
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
}

impl Api {
    /// All of them.
    pub const ALL: [Self; 13] = [
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
        }
    }
}

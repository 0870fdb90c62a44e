//! Records of the metadata log. Our own encoding: the wire crate does not have these.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::compaction::Compaction;
use crate::config::TopicConfig;
use crate::note::{PartitionRegistration, Reassignment};
use crate::types::{BrokerEpoch, DirectoryId, NodeId, TopicId, TopicPartition};
use crate::voter_set::VoterSet;

/// A record of the metadata log. A partition's record holds its whole registration, so replay needs no merging.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum MetadataRecord {
    /// First record of a quorum leader's epoch. Source: KIP-595's `LeaderChangeMessage`.
    LeaderChange {
        /// Who leads.
        leader: NodeId,
    },
    /// A broker's registration: of a new uptime, which is fenced, or the same one amended. Source: KIP-631.
    RegisterBroker {
        /// Who.
        broker: NodeId,
        /// Unique for each uptime.
        incarnation: u64,
        /// Epoch of the uptime: where the batch begins in which it was first registered.
        broker_epoch: BrokerEpoch,
        /// Whether it is fenced.
        fenced: bool,
        /// Whether it is in controlled shutdown.
        shutting_down: bool,
        /// Whether the uptime before ended without a clean shutdown.
        unclean: bool,
    },
    /// A broker's state.
    BrokerChange {
        /// Who.
        broker: NodeId,
        /// Whether it is fenced.
        fenced: bool,
        /// Whether it is in controlled shutdown.
        shutting_down: bool,
    },
    /// A topic.
    Topic {
        /// Its id.
        topic: TopicId,
        /// Its configuration.
        config: TopicConfig,
    },
    /// A partition's registration as it is from here on.
    Partition {
        /// Which.
        partition: TopicPartition,
        /// The whole registration.
        registration: PartitionRegistration,
        /// Whether this change elected a leader from outside ISR and ELR.
        unclean: bool,
    },
    /// Producer ids below this one are given out.
    ProducerIds {
        /// First id that is still free.
        next_producer_id: i64,
    },
    /// A topic's records may be deleted from here on as this says. Source: Kafka's `ConfigRecord`.
    Retention {
        /// Which.
        topic: TopicId,
        /// `retention.ms`.
        retention_ms: i64,
        /// `retention.bytes`.
        retention_bytes: i64,
        /// `segment.ms`.
        segment_ms: i64,
    },
    /// As [`Self::Partition`], of a partition with a reassignment under way.
    Reassigning {
        /// Which.
        partition: TopicPartition,
        /// The rest of the registration.
        registration: PartitionRegistration,
        /// Whether this change elected a leader from outside ISR and ELR.
        unclean: bool,
        /// Replicas that are to join.
        adding: Vec<NodeId>,
        /// Replicas that are to go.
        removing: Vec<NodeId>,
    },
    /// A topic is gone, with its partitions. Source: Kafka's `RemoveTopicRecord`.
    RemoveTopic {
        /// Which.
        topic: TopicId,
    },
    /// A broker belongs to the cluster no more. Source: Kafka's `UnregisterBrokerRecord`.
    UnregisterBroker {
        /// Who.
        broker: NodeId,
        /// Epoch of its last uptime.
        broker_epoch: BrokerEpoch,
    },
    /// A topic's logs are compacted from here on as this says. Source: Kafka's `ConfigRecord`.
    Compaction {
        /// Which.
        topic: TopicId,
        /// How.
        compaction: Compaction,
    },
    /// The log directories of a broker that are online from here on. Source: `logDirs` of Kafka's
    /// `RegisterBrokerRecord` and `BrokerRegistrationChangeRecord`, KIP-858.
    LogDirs {
        /// Who.
        broker: NodeId,
        /// Their ids.
        log_dirs: Vec<DirectoryId>,
    },
    /// A replica is in this log directory of its broker from here on. Source: `directories` of Kafka's
    /// `PartitionRecord` and `PartitionChangeRecord`, KIP-858.
    ReplicaDirectory {
        /// Whose.
        partition: TopicPartition,
        /// Which replica.
        broker: NodeId,
        /// Where.
        directory: DirectoryId,
    },
    /// The voters of the quorum from here on, committed or not. Source: KIP-853, Kafka's `VotersRecord`.
    Voters {
        /// All of them.
        voters: VoterSet,
    },
    /// A setting of a topic was changed while it was in use. Source: Kafka's `ConfigRecord`.
    TopicSetting {
        /// Which topic.
        topic: TopicId,
        /// Kafka's name of the setting.
        name: String,
        /// Its value; none is its default.
        value: Option<String>,
    },
}

impl MetadataRecord {
    /// The record of a partition's registration.
    pub fn of_partition(
        partition: TopicPartition,
        mut registration: PartitionRegistration,
        unclean: bool,
    ) -> Self {
        let reassignment = std::mem::take(&mut registration.reassignment);
        if !reassignment.is_under_way() {
            return Self::Partition { partition, registration, unclean };
        }
        let Reassignment { adding, removing } = reassignment;
        Self::Reassigning { partition, registration, unclean, adding, removing }
    }

    /// Which partition it registers, and how; nothing if it registers none.
    pub fn registered(&self) -> Option<(TopicPartition, PartitionRegistration, bool)> {
        match self {
            Self::Partition { partition, registration, unclean } => {
                Some((*partition, registration.clone(), *unclean))
            }
            Self::Reassigning { partition, registration, unclean, adding, removing } => {
                let (adding, removing) = (adding.clone(), removing.clone());
                let reassignment = Reassignment { adding, removing };
                let registration = PartitionRegistration { reassignment, ..registration.clone() };
                Some((*partition, registration, *unclean))
            }
            Self::LeaderChange { .. }
            | Self::RegisterBroker { .. }
            | Self::BrokerChange { .. }
            | Self::Topic { .. }
            | Self::ProducerIds { .. }
            | Self::Retention { .. }
            | Self::TopicSetting { .. }
            | Self::RemoveTopic { .. }
            | Self::Compaction { .. }
            | Self::LogDirs { .. }
            | Self::ReplicaDirectory { .. }
            | Self::Voters { .. }
            | Self::UnregisterBroker { .. } => None,
        }
    }

    /// The record's bytes, the value of a record in a batch of the metadata log.
    pub fn encode(&self) -> Bytes {
        let bytes = postcard::to_stdvec(self).expect("a metadata record has no unsizable part");
        Bytes::from(bytes)
    }

    /// Reads a record back; `None` if the bytes are not one.
    pub fn decode(bytes: &Bytes) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }
}

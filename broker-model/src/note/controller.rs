//! Facts of the active controller and of committed metadata. Every node states what it applies.

use std::hash::{Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::retention::Retention;
use crate::types::{
    BrokerEpoch, DirectoryId, LeaderEpoch, NodeId, Offset, PartitionEpoch, TopicId, TopicPartition,
};
use crate::voter_set::VoterSet;

/// A fact of the controller or of committed metadata.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ControllerNote {
    /// This node became the active controller, or ceased to be.
    Activated {
        /// In which epoch.
        epoch: LeaderEpoch,
        /// Active or not.
        active: bool,
    },
    /// A metadata record was committed and applied here.
    MetadataApplied {
        /// Its offset in the metadata log.
        offset: Offset,
        /// Epoch of the controller that wrote it.
        controller_epoch: LeaderEpoch,
        /// What it says; apart, because it is large and rare.
        change: Box<MetadataChange>,
    },
    /// The controller accepted a leader's proposal and wrote the change. It counts only once it is committed.
    IsrProposalAccepted {
        /// Of what.
        partition: TopicPartition,
        /// Offset of the change in the metadata log.
        offset: Offset,
        /// Epoch of the controller.
        controller_epoch: LeaderEpoch,
        /// What was asked, and by whom.
        proposal: Box<AcceptedProposal>,
    },
}

/// A proposal of an ISR as the controller took it. Source: KIP-497, KIP-903.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct AcceptedProposal {
    /// The leader that asked.
    pub broker: NodeId,
    /// Its broker epoch.
    pub broker_epoch: BrokerEpoch,
    /// Its leader epoch.
    pub leader_epoch: LeaderEpoch,
    /// The version that it knew.
    pub partition_epoch: PartitionEpoch,
    /// Members, each with the broker epoch in which the leader saw it; [`BrokerEpoch::NONE`] if not told.
    pub members: Vec<(NodeId, BrokerEpoch)>,
}

/// A committed change of the cluster's metadata.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum MetadataChange {
    /// A quorum leader's first record.
    LeaderChanged {
        /// Who.
        leader: NodeId,
    },
    /// A broker's uptime is registered.
    BrokerRegistered {
        /// Who.
        broker: NodeId,
        /// Its epoch.
        broker_epoch: BrokerEpoch,
        /// Whether the uptime before ended without a clean shutdown.
        unclean: bool,
        /// Whether it is no other uptime than before.
        again: RegisteredAgain,
    },
    /// A broker's state changed.
    BrokerChanged {
        /// Who.
        broker: NodeId,
        /// Its epoch.
        broker_epoch: BrokerEpoch,
        /// Whether it is fenced now.
        fenced: bool,
        /// Whether it is in controlled shutdown now.
        shutting_down: bool,
    },
    /// A topic was created.
    TopicCreated {
        /// Its id.
        topic: TopicId,
        /// Its name.
        name: String,
        /// `min.insync.replicas`.
        min_insync_replicas: u32,
        /// `unclean.leader.election.enable`.
        unclean_leader_election: bool,
    },
    /// A partition's registration was created or changed; the whole of it as it is now.
    PartitionChanged {
        /// Which.
        partition: TopicPartition,
        /// Its registration.
        registration: PartitionRegistration,
        /// Whether this change elected a leader from outside ISR and ELR.
        unclean: bool,
    },
    /// Producer ids below this one are given out.
    ProducerIdsAllocated {
        /// First id that is still free.
        next_producer_id: i64,
    },
    /// When a topic's records may be deleted was set.
    RetentionChanged {
        /// Which.
        topic: TopicId,
        /// As it is from here on.
        retention: Retention,
    },
    /// A topic was deleted, with all its partitions.
    TopicDeleted {
        /// Its id.
        topic: TopicId,
    },
    /// A broker belongs to the cluster no more.
    BrokerUnregistered {
        /// Who.
        broker: NodeId,
    },
    /// The log directories of a broker that are online were told, or became fewer.
    LogDirsChanged {
        /// Whose.
        broker: NodeId,
        /// All that are online from here on.
        log_dirs: Vec<DirectoryId>,
    },
    /// A broker told in which log directory its replica is.
    ReplicaAssigned {
        /// Whose.
        partition: TopicPartition,
        /// Which replica.
        broker: NodeId,
        /// Where it is.
        directory: DirectoryId,
    },
    /// The voters of the quorum.
    VotersChanged {
        /// All of them.
        voters: VoterSet,
    },
    /// A setting of a topic was changed while it was in use.
    TopicReconfigured {
        /// Which topic.
        topic: TopicId,
        /// Kafka's name of the setting.
        name: String,
        /// Its value; none is its default.
        value: Option<String>,
        /// `min.insync.replicas`, as it is from here on.
        min_insync_replicas: u32,
        /// `unclean.leader.election.enable`, as it is from here on.
        unclean_leader_election: bool,
        /// When records may be deleted, as it is from here on.
        retention: Retention,
    },
}

/// A partition as the controller keeps it. Source: Kafka's `PartitionRegistration`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PartitionRegistration {
    /// Replicas, preferred leader first.
    pub replicas: Vec<NodeId>,
    /// In-sync replicas, in replica order.
    pub isr: Vec<NodeId>,
    /// Eligible leader replicas: not in sync, but holding everything below the high watermark. Source: KIP-966.
    pub elr: Vec<NodeId>,
    /// Last known leader, kept while the ISR is empty and nobody leads. Source: KIP-966.
    pub last_known_leader: Option<NodeId>,
    /// Leader.
    pub leader: Option<NodeId>,
    /// Epoch of the last leader.
    pub leader_epoch: LeaderEpoch,
    /// Version.
    pub partition_epoch: PartitionEpoch,
    /// Whether the leader was elected uncleanly and has not finished its recovery.
    pub recovering: bool,
    /// What a reassignment that is under way does to the replicas. Records of partitions without one do not say it.
    #[serde(skip)]
    pub reassignment: Reassignment,
}

/// Replicas that a reassignment adds and removes; none while there is no reassignment. Source: Kafka's
/// `PartitionRegistration.addingReplicas` and `removingReplicas`, KIP-455.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reassignment {
    /// Those that are to join.
    pub adding: Vec<NodeId>,
    /// Those that are to go, once all others are in sync.
    pub removing: Vec<NodeId>,
}

impl Reassignment {
    /// Whether one is under way.
    pub fn is_under_way(&self) -> bool {
        !self.adding.is_empty() || !self.removing.is_empty()
    }
}

/// Whether an uptime that is registered in another epoch was registered before. Runs in which none was have the digests
/// that they had before this was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RegisteredAgain(pub bool);

impl Hash for RegisteredAgain {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.0 {
            state.write_u8(1);
        }
    }
}

/// Runs without reassignments have the digests that they had before there were any.
impl Hash for Reassignment {
    fn hash<H: Hasher>(&self, state: &mut H) {
        if self.is_under_way() {
            self.adding.hash(state);
            self.removing.hash(state);
        }
    }
}

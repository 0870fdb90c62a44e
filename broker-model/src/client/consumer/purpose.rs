//! What the requests of a consumer are for.

use crate::client::connection::MetadataUpdate;
use crate::client::generation::Generation;
use crate::client::partition_key::PartitionKey;
use crate::types::{NodeId, Offset, OperationId};

/// What an outstanding request of a consumer is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// Who leads what.
    Metadata,
    /// Who coordinates its group.
    FindCoordinator,
    /// To be a member, in the generation that it had then.
    JoinGroup(Box<Generation>),
    /// What it is given in this generation.
    SyncGroup(Box<Generation>),
    /// It is alive in this generation.
    Heartbeat(Box<Generation>),
    /// It is alive in the consumer protocol; of its n-th membership.
    ConsumerGroupHeartbeat(u64),
    /// It leaves.
    LeaveGroup,
    /// Offsets for its group, in this generation.
    OffsetCommit(OperationId, Box<Generation>),
    /// Where its group is, for the n-th assignment.
    OffsetFetch(u64),
    /// The partitions of its fetch session with this leader.
    Fetch(NodeId),
    /// Where to start reading.
    StartOffset(PositionTicket),
    /// Whether the log still is the one that was read.
    EpochEnd(PositionTicket),
    /// The end of a partition.
    EndOffset(OperationId),
}

impl From<MetadataUpdate> for Purpose {
    fn from(MetadataUpdate: MetadataUpdate) -> Self {
        Self::Metadata
    }
}

/// Names the position that a consumer had when it asked; an answer for another one is stale.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PositionTicket {
    /// The partition.
    pub(crate) key: PartitionKey,
    /// The version of the position.
    pub(crate) version: u64,
    /// The offset then.
    pub(crate) offset: Offset,
}

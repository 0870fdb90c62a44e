//! Facts of the controller quorum. Source: KIP-595.

use serde::{Deserialize, Serialize};

use crate::types::{DirectoryId, LeaderEpoch, NodeId, Offset, SnapshotId};
use crate::voter_set::VoterSet;

/// A fact of the quorum.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum QuorumNote {
    /// This voter's epoch, role or vote changed.
    StateChanged {
        /// Epoch.
        epoch: LeaderEpoch,
        /// Role in it.
        role: QuorumRole,
        /// Leader of it, if known.
        leader: Option<NodeId>,
        /// For whom this voter has voted in it.
        voted: Option<NodeId>,
    },
    /// This voter's state was written and synced: it survives a power loss. Source: KIP-595.
    StatePersisted {
        /// Epoch.
        epoch: LeaderEpoch,
        /// For whom this voter has voted in it.
        voted: Option<NodeId>,
    },
    /// All of this voter's metadata log was synced: it survives a power loss. Source: KIP-595, KAFKA-10533.
    LogSynced {
        /// Its end.
        end: Offset,
    },
    /// This voter gave its vote.
    VoteGranted {
        /// In which epoch.
        epoch: LeaderEpoch,
        /// To whom.
        candidate: NodeId,
    },
    /// The metadata log's high watermark at this voter moved.
    HighWatermarkMoved {
        /// In which epoch.
        epoch: LeaderEpoch,
        /// Whether this node leads.
        as_leader: bool,
        /// After.
        to: Offset,
    },
    /// A snapshot of the metadata is on this voter's disk, and counts from now on. Source: KIP-630.
    SnapshotWritten {
        /// Which.
        snapshot: SnapshotId,
        /// A hash of the metadata in it.
        digest: u64,
        /// Whether the leader gave it; else this voter made it of its own metadata.
        fetched: bool,
    },
    /// A snapshot took the place of the metadata that this node had applied.
    SnapshotLoaded {
        /// Which.
        snapshot: SnapshotId,
        /// A hash of the metadata that it gave.
        digest: u64,
    },
    /// On which disk this controller is; only where voters can be changed. Source: KIP-853.
    DirectoryFound {
        /// Its id.
        directory: DirectoryId,
    },
    /// The voters by which this controller goes from here on, the last that its log or its snapshot has. Source:
    /// KIP-853.
    VotersInEffect {
        /// Where they are written; [`Offset::NONE`] of those with which the cluster begins.
        offset: Offset,
        /// All of them.
        voters: VoterSet,
    },
}

/// Role of a quorum voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum QuorumRole {
    /// Knows the epoch, no leader; may have voted.
    Unattached,
    /// Follows a known leader.
    Follower,
    /// Asks whether it would get the votes. Source: KIP-996.
    Prospective,
    /// Asks for votes.
    Candidate,
    /// Leads.
    Leader,
    /// Led this epoch and gave it up.
    Resigned,
}

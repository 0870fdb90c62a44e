//! What a voter must not forget: the `quorum-state` file. Source: KIP-595, Kafka's `FileQuorumStateStore`.
//!
//! The whole file is replaced: written aside, synced and renamed before anything that rests on it is sent. So a power
//! loss leaves the state before or the new one, and a vote that was given is never forgotten. Kafka does not start on a
//! file that it cannot read, and only a disk that lies about syncs leaves one; here it counts as deleted by an
//! operator.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::log::checkpoint::{seal, unseal};
use crate::types::{LeaderEpoch, NodeId};

/// Epoch, vote and known leader of a voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ElectionState {
    /// The latest epoch that this voter knows.
    pub(crate) epoch: LeaderEpoch,
    /// For whom it has voted in this epoch. Kept when a leader becomes known: a vote is given once.
    pub(crate) voted: Option<NodeId>,
    /// Who leads this epoch, if known.
    pub(crate) leader: Option<NodeId>,
}

impl ElectionState {
    /// Knows nothing beyond an epoch.
    pub(crate) fn at(epoch: LeaderEpoch) -> Self {
        Self { epoch, voted: None, leader: None }
    }

    /// The content of the file.
    pub(crate) fn encode(&self) -> Bytes {
        seal(self)
    }

    /// Reads the content of the file; `None` if it is torn or damaged.
    pub(crate) fn decode(bytes: &Bytes) -> Option<Self> {
        unseal(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_reads_back_whole_or_not_at_all() {
        let voted = [None, Some(NodeId(102))];
        for (voted, leader) in voted.into_iter().zip([Some(NodeId(101)), None]) {
            let state = ElectionState { epoch: LeaderEpoch(4), voted, leader };
            let bytes = state.encode();
            assert_eq!(ElectionState::decode(&bytes), Some(state));
            for length in 0..bytes.len() {
                assert_eq!(ElectionState::decode(&bytes.slice(..length)), None, "cut at {length}");
            }
        }
    }
}

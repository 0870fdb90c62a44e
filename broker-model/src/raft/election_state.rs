//! What a voter must not forget: the `quorum-state` file. Source: KIP-595, Kafka's `FileQuorumStateStore`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::disk_image::{DiskImage, FileId};
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

/// The file is there and is not whole. Voting again could give two votes in one epoch, so the voter must not run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("read the quorum state: its checksum is wrong")]
pub(crate) struct CorruptElectionState;

const CHECKSUM_BYTES: usize = 4;

impl ElectionState {
    /// Knows nothing beyond an epoch.
    pub(crate) fn at(epoch: LeaderEpoch) -> Self {
        Self { epoch, voted: None, leader: None }
    }

    /// The file's content: checksum, then the fields.
    pub(crate) fn encode(&self) -> Bytes {
        let fields = postcard::to_stdvec(self).expect("three numbers have no unsizable part");
        let mut bytes = crc32c::crc32c(&fields).to_le_bytes().to_vec();
        bytes.extend_from_slice(&fields);
        Bytes::from(bytes)
    }

    /// What the disk holds; `None` before the first write.
    pub(crate) fn read(image: &DiskImage) -> Result<Option<Self>, CorruptElectionState> {
        image.read(FileId::QuorumState).map(Self::decode).transpose()
    }

    fn decode(bytes: &Bytes) -> Result<Self, CorruptElectionState> {
        let (checksum, fields) =
            bytes.split_at_checked(CHECKSUM_BYTES).ok_or(CorruptElectionState)?;
        if crc32c::crc32c(fields).to_le_bytes() != checksum {
            return Err(CorruptElectionState);
        }
        postcard::from_bytes(fields).map_err(|_| CorruptElectionState)
    }
}

//! What a voter must not forget: the `quorum-state` file. Source: KIP-595, Kafka's `FileQuorumStateStore`.
//!
//! Kafka replaces the whole file and syncs the new one before the rename. Here a rename can reach the platter before
//! the data, and would take the state before with it: a vote that was given would be forgotten. So the file is a row of
//! records of one size, and the last whole one counts. A record that power loss tore was never relied on.

use bytes::Bytes;

use crate::disk_image::{DiskImage, FileId};
use crate::types::{LeaderEpoch, NodeId};

/// Epoch, vote and known leader of a voter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ElectionState {
    /// The latest epoch that this voter knows.
    pub(crate) epoch: LeaderEpoch,
    /// For whom it has voted in this epoch. Kept when a leader becomes known: a vote is given once.
    pub(crate) voted: Option<NodeId>,
    /// Who leads this epoch, if known.
    pub(crate) leader: Option<NodeId>,
}

/// The file as found at boot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StoredState {
    /// The last whole record.
    pub(crate) state: Option<ElectionState>,
    /// Where it ends, if the file goes on: what follows is torn and must be cut before the next append.
    pub(crate) cut_to: Option<u64>,
}

/// Checksum, epoch, vote, leader; -1 stands for nobody.
const RECORD_BYTES: usize = 16;
const CHECKSUM_BYTES: usize = 4;

impl ElectionState {
    /// Knows nothing beyond an epoch.
    pub(crate) fn at(epoch: LeaderEpoch) -> Self {
        Self { epoch, voted: None, leader: None }
    }

    /// One record.
    pub(crate) fn encode(&self) -> Bytes {
        let number = |node: Option<NodeId>| node.map_or(-1, |node| node.0);
        let mut record = [0; RECORD_BYTES];
        record[4..8].copy_from_slice(&self.epoch.0.to_le_bytes());
        record[8..12].copy_from_slice(&number(self.voted).to_le_bytes());
        record[12..].copy_from_slice(&number(self.leader).to_le_bytes());
        let checksum = crc32c::crc32c(&record[CHECKSUM_BYTES..]);
        record[..CHECKSUM_BYTES].copy_from_slice(&checksum.to_le_bytes());
        Bytes::copy_from_slice(&record)
    }

    fn decode(record: &[u8]) -> Option<Self> {
        let number = |at: usize| Some(i32::from_le_bytes(record.get(at..at + 4)?.try_into().ok()?));
        let node = |number: i32| (number >= 0).then_some(NodeId(number));
        let checksum = crc32c::crc32c(record.get(CHECKSUM_BYTES..RECORD_BYTES)?);
        let state = Self {
            epoch: LeaderEpoch(number(4)?),
            voted: node(number(8)?),
            leader: node(number(12)?),
        };
        (checksum.to_le_bytes() == record[..CHECKSUM_BYTES]).then_some(state)
    }
}

impl StoredState {
    /// What the disk holds.
    pub(crate) fn read(image: &DiskImage) -> Self {
        let bytes = image.read(FileId::QuorumState).map_or(&[][..], |bytes| bytes.as_ref());
        let records = bytes.chunks(RECORD_BYTES).map(ElectionState::decode);
        let last =
            records.enumerate().filter_map(|(index, state)| Some((index, state?))).next_back();
        let end = last.map_or(0, |(index, _)| (index + 1) * RECORD_BYTES);
        let cut_to = (end < bytes.len()).then_some(end as u64);
        Self { state: last.map(|(_, state)| state), cut_to }
    }
}

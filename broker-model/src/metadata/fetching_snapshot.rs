//! A snapshot that is being fetched, part by part. Source: KIP-630, `KafkaRaftClient.handleFetchSnapshotResponse`.
//!
//! Kafka writes what it has into a file that counts for nothing until it is whole; here it is in memory until then.

use bytes::Bytes;

use crate::message::{FetchSnapshotRequest, FetchSnapshotResponse};
use crate::types::{LeaderEpoch, SnapshotId};
use crate::voter_set::ReplicaKey;

/// A snapshot of which a part may be there.
#[derive(Debug)]
pub(crate) struct FetchingSnapshot {
    id: SnapshotId,
    bytes: Vec<u8>,
}

/// What became of a part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// It does not go on where this snapshot ends so far.
    Other,
    /// There is more.
    More,
    /// All of it is there.
    Last(Bytes),
}

impl FetchingSnapshot {
    /// Nothing of it is there.
    pub(crate) fn new(id: SnapshotId) -> Self {
        Self { id, bytes: Vec::new() }
    }

    /// Which.
    pub(crate) fn id(&self) -> SnapshotId {
        self.id
    }

    /// Asks for what comes next.
    pub(crate) fn request(
        &self,
        replica: ReplicaKey,
        epoch: LeaderEpoch,
        bytes_max: u32,
    ) -> FetchSnapshotRequest {
        let position = self.bytes.len() as u64;
        FetchSnapshotRequest {
            replica: replica.id,
            replica_directory: replica.directory,
            epoch,
            snapshot: self.id,
            position,
            bytes_max,
        }
    }

    /// Takes a part.
    pub(crate) fn take(&mut self, part: &FetchSnapshotResponse) -> Part {
        assert!(part.error.is_none(), "{:?} is taken for a part of {}", part.error, self.id);
        if part.snapshot != self.id || part.position != self.bytes.len() as u64 {
            return Part::Other;
        }
        self.bytes.extend_from_slice(&part.bytes);
        let (there, size) = (self.bytes.len() as u64, part.size);
        assert!(there <= size, "{there} bytes of {}, which has {size}", self.id);
        if there < size {
            return Part::More;
        }
        Part::Last(Bytes::from(std::mem::take(&mut self.bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{DirectoryId, NodeId};

    const ASKER: ReplicaKey = ReplicaKey { id: NodeId(1), directory: DirectoryId::UNASSIGNED };
    use crate::types::Offset;

    const ID: SnapshotId = SnapshotId { epoch: LeaderEpoch(3), end_offset: Offset(40) };

    fn part(position: u64, bytes: &'static [u8]) -> FetchSnapshotResponse {
        let bytes = Bytes::from_static(bytes);
        let (epoch, leader) = (LeaderEpoch(3), Some(NodeId(101)));
        FetchSnapshotResponse { epoch, leader, error: None, snapshot: ID, size: 5, position, bytes }
    }

    #[test]
    fn parts_are_taken_in_order_and_once() {
        let mut snapshot = FetchingSnapshot::new(ID);
        assert_eq!(snapshot.take(&part(0, b"abc")), Part::More);
        assert_eq!(snapshot.take(&part(0, b"abc")), Part::Other, "it is there already");
        let asked = snapshot.request(ASKER, LeaderEpoch(4), 9);
        assert_eq!((asked.position, asked.epoch, asked.bytes_max), (3, LeaderEpoch(4), 9));
        let other = SnapshotId { end_offset: Offset(41), ..ID };
        let of_other = FetchSnapshotResponse { snapshot: other, ..part(3, b"de") };
        assert_eq!(snapshot.take(&of_other), Part::Other);
        assert_eq!(snapshot.take(&part(3, b"de")), Part::Last(Bytes::from_static(b"abcde")));
    }
}

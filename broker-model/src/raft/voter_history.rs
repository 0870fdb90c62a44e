//! Sets of voters by where they are written, and what of them a disk says before any record does: the id that it was
//! given when it was formatted, and whether it was formatted as one of the first voters. Source: KIP-853, Kafka's
//! `VoterSetHistory`, `MetaPropertiesEnsemble`.

use std::collections::BTreeMap;

use crate::config::ClusterConfig;
use crate::disk_image::{DirectoryFile, DiskImage, FileId};
use crate::meta_properties::{decode_id, encode_id, first_id, new_id};
use crate::node::{Effect, Effects};
use crate::types::{DirectoryId, LogDirectory, NodeId, Offset};
use crate::voter_set::{ReplicaKey, VoterSet};

/// Where a directory's id is.
const META_PROPERTIES: DirectoryFile = DirectoryFile::MetaProperties;

/// Sets of voters, by where they are written.
#[derive(Debug)]
pub(super) struct Voters {
    /// Those with which the cluster begins, as far as this replica was told when it was formatted.
    first: VoterSet,
    written: BTreeMap<Offset, VoterSet>,
}

impl Voters {
    /// None is written.
    fn new(first: VoterSet) -> Self {
        Self { first, written: BTreeMap::new() }
    }

    /// The last.
    pub(super) fn current(&self) -> &VoterSet {
        self.written.last_key_value().map_or(&self.first, |(_, voters)| voters)
    }

    /// Where the last is written, if any is.
    pub(super) fn offset(&self) -> Option<Offset> {
        self.written.last_key_value().map(|(offset, _)| *offset)
    }

    pub(super) fn write(&mut self, offset: Offset, voters: VoterSet) {
        self.written.insert(offset, voters);
    }

    /// The log ends here now.
    pub(super) fn truncate(&mut self, end: Offset) {
        self.written.split_off(&end);
    }
}

/// The key of a controller on its disk, and whether the disk is new: then it is to be formatted.
pub(super) fn replica_key(
    config: &ClusterConfig,
    image: &DiskImage,
    (id, incarnation): (NodeId, u64),
) -> (ReplicaKey, bool) {
    if !config.is_reconfigurable() {
        return (ReplicaKey { id, directory: DirectoryId::UNASSIGNED }, false);
    }
    let found = image.read(META_PROPERTIES.of(LogDirectory::FIRST)).and_then(decode_id);
    let directory = found.unwrap_or_else(|| new_id(id, incarnation, LogDirectory::FIRST));
    (ReplicaKey { id, directory }, found.is_none())
}

/// Gives a directory its id.
pub(super) fn format(key: ReplicaKey, effects: &mut Effects) {
    let file = META_PROPERTIES.of(LogDirectory::FIRST);
    effects.push(Effect::Replace { file, bytes: encode_id(key.id, key.directory) });
}

/// What the disk of one of the first voters holds before its first uptime: the storage tool gives all of them their
/// ids, so that they know each other's. Source: `kafka-storage format --initial-controllers`.
pub(crate) fn formatted(config: &ClusterConfig, node: NodeId) -> Option<(FileId, bytes::Bytes)> {
    let is_first = config.is_reconfigurable() && config.first_voters().contains(&node);
    let file = META_PROPERTIES.of(LogDirectory::FIRST);
    is_first.then(|| (file, encode_id(node, first_id(node))))
}

/// The voters of which a replica knows without any record: who was formatted later knows of none.
pub(super) fn first_voters(config: &ClusterConfig, replica: ReplicaKey) -> Voters {
    let first = config.first_voters();
    if !config.is_reconfigurable() {
        let voter = |id: &NodeId| ReplicaKey { id: *id, directory: DirectoryId::UNASSIGNED };
        return Voters::new(VoterSet::new(first.iter().map(voter)));
    }
    let voter = |id: &NodeId| ReplicaKey { id: *id, directory: first_id(*id) };
    let all = VoterSet::new(first.iter().map(voter));
    Voters::new(if all.is_voter(replica) { all } else { VoterSet::default() })
}

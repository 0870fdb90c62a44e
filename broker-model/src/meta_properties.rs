//! `meta.properties`: the id that a log directory was given when it was formatted, so that a disk that was replaced is
//! known for another one. Source: KIP-858, KIP-853, Kafka's `MetaPropertiesEnsemble`, `PropertiesUtils`.

use bytes::Bytes;

use crate::types::{DirectoryId, LogDirectory, NodeId};

/// An id that no other directory of a run has: uptimes count from 1.
pub(crate) fn new_id(node: NodeId, incarnation: u64, place: LogDirectory) -> DirectoryId {
    let node = u64::try_from(node.0).unwrap_or(0);
    DirectoryId(node << 48 | (incarnation & 0xff_ffff_ffff) << 8 | u64::from(place.0))
}

/// The id of a controller's directory that was formatted before its first uptime, as one of the first voters.
pub(crate) fn first_id(node: NodeId) -> DirectoryId {
    new_id(node, 0, LogDirectory::FIRST)
}

/// What the file holds.
pub(crate) fn encode_id(node: NodeId, id: DirectoryId) -> Bytes {
    Bytes::from(format!("version=1\nnode.id={node}\ndirectory.id={id}\n"))
}

/// Reads the id back.
pub(crate) fn decode_id(bytes: &Bytes) -> Option<DirectoryId> {
    let text = std::str::from_utf8(bytes).ok()?;
    let id = text.lines().find_map(|line| line.strip_prefix("directory.id="))?;
    id.parse().ok().map(DirectoryId)
}

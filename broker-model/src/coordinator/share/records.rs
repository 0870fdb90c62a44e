//! Records of `__share_group_state`: a snapshot is all that is known of a share-partition, an update is what changed
//! since. Source: KIP-932, `ShareCoordinatorRecordHelpers`, `ShareSnapshotValue`, `ShareUpdateValue`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::coordinator::runtime::CoordinatorRecord;
use crate::share_message::{SharePartitionKey, StateBatch};
use crate::types::{LeaderEpoch, Offset, TopicPartition};

/// A record's key: what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Key {
    group: String,
    partition: TopicPartition,
}

/// A record's value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShareRecord {
    /// Whether it is all that is known; else it adds to what was.
    pub(super) snapshot: bool,
    /// The epoch of the newest leader.
    pub(super) leader_epoch: LeaderEpoch,
    /// Start offset; none before the first write.
    pub(super) start_offset: Option<Offset>,
    /// States of offsets.
    pub(super) batches: Vec<StateBatch>,
}

pub(super) fn encode(key: &SharePartitionKey, value: &ShareRecord) -> CoordinatorRecord {
    let key = Key { group: key.group.clone(), partition: key.partition };
    CoordinatorRecord { key: bytes_of(&key), value: Some(bytes_of(value)) }
}

fn bytes_of(value: &impl Serialize) -> Bytes {
    let encoded = postcard::to_extend(value, Vec::new());
    Bytes::from(encoded.expect("a record is of numbers and known lengths"))
}

pub(super) fn decode(key: &Bytes, value: &Bytes) -> Option<(SharePartitionKey, ShareRecord)> {
    let Key { group, partition } = postcard::from_bytes(key).ok()?;
    let value = postcard::from_bytes(value).ok()?;
    Some((SharePartitionKey { partition, group }, value))
}

//! The records of `__consumer_offsets`. Source: Kafka's `GroupCoordinatorRecordHelpers`, `OffsetCommitKey` 1 and
//! `OffsetCommitValue` 3, `GroupMetadataKey` 2 and `GroupMetadataValue` 3.

use bytes::{BufMut, Bytes, BytesMut};

use super::bytes::{Reader, put_bytes, put_text};
use super::modern::records::{self as modern, ModernKey};
use crate::coordinator::runtime::CoordinatorRecord;
use crate::proto::StrBytes;
use crate::types::{LeaderEpoch, Now, Offset, WallTime};

const OFFSET_KEY: i16 = 1;
const GROUP_KEY: i16 = 2;
const VALUE: i16 = 3;

/// A topic's name and a partition of it.
pub(crate) type Place = (String, i32);

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RecordKey {
    /// A group's offset in a partition.
    Offset { group: String, place: Place },
    /// A classic group.
    Group { group: String },
    /// A group of the consumer protocol, or part of it.
    Modern(ModernKey),
}

/// A committed offset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CommittedOffset {
    /// The next offset to read.
    pub(crate) offset: Offset,
    /// Epoch of the record before it; [`LeaderEpoch::NONE`] if the client did not tell.
    pub(crate) leader_epoch: LeaderEpoch,
    /// What the client wrote beside it.
    pub(crate) metadata: String,
    /// When, on the coordinator's wall clock.
    pub(crate) committed_at: WallTime,
    /// Where its record is. Of two it is the later one that counts, however transactions end.
    pub(crate) record_offset: Offset,
}

impl CommittedOffset {
    /// As a client commits it now, in a record that is not written yet.
    pub(super) fn new(
        now: Now,
        (offset, leader_epoch): (i64, i32),
        metadata: Option<&StrBytes>,
    ) -> Self {
        Self {
            offset: Offset(offset),
            leader_epoch: LeaderEpoch(leader_epoch),
            metadata: metadata.map_or_else(String::new, ToString::to_string),
            committed_at: now.wall,
            record_offset: Offset::NONE,
        }
    }
}

/// A classic group as it is stored when a generation begins, and when its last member has left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredGroup {
    pub(crate) protocol_type: String,
    pub(crate) generation: i32,
    pub(crate) protocol: Option<String>,
    pub(crate) leader: Option<String>,
    /// Since when it is in the state that it is in.
    pub(crate) state_since: WallTime,
    pub(crate) members: Vec<StoredMember>,
}

impl StoredGroup {
    /// A group that nobody has joined yet. Source: `GroupCoordinatorRecordHelpers.newEmptyGroupMetadataRecord`.
    pub(crate) fn empty(now: WallTime) -> Self {
        Self {
            protocol_type: String::new(),
            generation: 0,
            protocol: None,
            leader: None,
            state_since: now,
            members: Vec::new(),
        }
    }
}

/// A member as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct StoredMember {
    pub(crate) member: String,
    pub(crate) instance: Option<String>,
    pub(crate) client: String,
    pub(crate) rebalance_timeout_ms: i32,
    pub(crate) session_timeout_ms: i32,
    pub(crate) subscription: Bytes,
    pub(crate) assignment: Bytes,
}

/// Reads a key; nothing if it is not one of ours.
pub(super) fn read_key(bytes: &Bytes) -> Option<RecordKey> {
    let mut reader = Reader(bytes.clone());
    match reader.i16()? {
        OFFSET_KEY => {
            let group = reader.text()?;
            let place = (reader.text()?, reader.i32()?);
            Some(RecordKey::Offset { group, place })
        }
        GROUP_KEY => Some(RecordKey::Group { group: reader.text()? }),
        kind => modern::read_key(kind, &mut reader).map(RecordKey::Modern),
    }
}

/// Reads a committed offset whose record is at this place.
pub(super) fn read_offset(bytes: &Bytes, record_offset: Offset) -> Option<CommittedOffset> {
    let mut reader = Reader(bytes.clone());
    if reader.i16()? != VALUE {
        return None;
    }
    Some(CommittedOffset {
        offset: Offset(reader.i64()?),
        leader_epoch: LeaderEpoch(reader.i32()?),
        metadata: reader.text()?,
        committed_at: WallTime(reader.i64()?),
        record_offset,
    })
}

/// Reads a group.
pub(super) fn read_group(bytes: &Bytes) -> Option<StoredGroup> {
    let mut reader = Reader(bytes.clone());
    if reader.i16()? != VALUE {
        return None;
    }
    let mut group = StoredGroup {
        protocol_type: reader.text()?,
        generation: reader.i32()?,
        protocol: reader.optional_text().ok()?,
        leader: reader.optional_text().ok()?,
        state_since: WallTime(reader.i64()?),
        members: Vec::new(),
    };
    for _ in 0..reader.i32()? {
        group.members.push(read_member(&mut reader)?);
    }
    Some(group)
}

fn read_member(reader: &mut Reader) -> Option<StoredMember> {
    let (member, instance, client) = (reader.text()?, reader.optional_text().ok()?, reader.text()?);
    reader.text()?; // The client's host, which nobody asks for.
    Some(StoredMember {
        member,
        instance,
        client,
        rebalance_timeout_ms: reader.i32()?,
        session_timeout_ms: reader.i32()?,
        subscription: reader.bytes()?,
        assignment: reader.bytes()?,
    })
}

fn offset_key(group: &str, (topic, partition): &Place) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(OFFSET_KEY);
    put_text(&mut bytes, Some(group));
    put_text(&mut bytes, Some(topic));
    bytes.put_i32(*partition);
    bytes.freeze()
}

fn group_key(group: &str) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(GROUP_KEY);
    put_text(&mut bytes, Some(group));
    bytes.freeze()
}

/// A group's offset in a partition.
pub(super) fn offset_record(
    group: &str,
    place: &Place,
    committed: &CommittedOffset,
) -> CoordinatorRecord {
    let mut value = BytesMut::new();
    value.put_i16(VALUE);
    value.put_i64(committed.offset.0);
    value.put_i32(committed.leader_epoch.0);
    put_text(&mut value, Some(&committed.metadata));
    value.put_i64(committed.committed_at.0);
    CoordinatorRecord { key: offset_key(group, place), value: Some(value.freeze()) }
}

/// A group has no offset in a partition any more.
pub(super) fn offset_tombstone(group: &str, place: &Place) -> CoordinatorRecord {
    CoordinatorRecord { key: offset_key(group, place), value: None }
}

/// A group as it is now.
pub(super) fn group_record(group: &str, stored: &StoredGroup) -> CoordinatorRecord {
    let mut value = BytesMut::new();
    value.put_i16(VALUE);
    put_text(&mut value, Some(&stored.protocol_type));
    value.put_i32(stored.generation);
    put_text(&mut value, stored.protocol.as_deref());
    put_text(&mut value, stored.leader.as_deref());
    value.put_i64(stored.state_since.0);
    value.put_i32(i32::try_from(stored.members.len()).expect("a group is small"));
    for member in &stored.members {
        put_text(&mut value, Some(&member.member));
        put_text(&mut value, member.instance.as_deref());
        put_text(&mut value, Some(&member.client));
        put_text(&mut value, Some(""));
        value.put_i32(member.rebalance_timeout_ms);
        value.put_i32(member.session_timeout_ms);
        put_bytes(&mut value, &member.subscription);
        put_bytes(&mut value, &member.assignment);
    }
    CoordinatorRecord { key: group_key(group), value: Some(value.freeze()) }
}

/// A group is no more.
pub(super) fn group_tombstone(group: &str) -> CoordinatorRecord {
    CoordinatorRecord { key: group_key(group), value: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_were_written() {
        let place = ("orders".to_owned(), 3);
        let committed = CommittedOffset {
            offset: Offset(42),
            leader_epoch: LeaderEpoch(7),
            metadata: "m".to_owned(),
            committed_at: WallTime(1_000),
            record_offset: Offset(5),
        };
        let record = offset_record("g", &place, &committed);
        let key = RecordKey::Offset { group: "g".to_owned(), place: place.clone() };
        assert_eq!(read_key(&record.key), Some(key));
        let value = record.value.expect("an offset has a value");
        assert_eq!(read_offset(&value, Offset(5)), Some(committed));
        assert_eq!(offset_tombstone("g", &place).key, record.key);
        let stored = StoredGroup {
            protocol_type: "consumer".to_owned(),
            generation: 3,
            protocol: Some("range".to_owned()),
            leader: None,
            state_since: WallTime(9),
            members: vec![StoredMember {
                member: "a-1".to_owned(),
                instance: Some("i".to_owned()),
                client: "a".to_owned(),
                rebalance_timeout_ms: 5,
                session_timeout_ms: 6,
                subscription: Bytes::from_static(b"s"),
                assignment: Bytes::new(),
            }],
        };
        let record = group_record("g", &stored);
        let value = record.value.expect("a group has a value");
        assert_eq!(read_group(&value), Some(stored));
        for length in 0..value.len() {
            assert_eq!(read_group(&value.slice(..length)), None, "cut at {length}");
        }
        assert_eq!(group_tombstone("g").key, record.key);
        assert_eq!(read_key(&Bytes::from_static(&[0, 9, 0, 0])), None, "an unknown kind");
    }
}

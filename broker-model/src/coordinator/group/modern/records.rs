//! Records of groups of the consumer protocol. Source: Kafka's `GroupCoordinatorRecordHelpers`,
//! `ConsumerGroupMetadataKey`
//! 3, `ConsumerGroupMemberMetadataKey` 5, `ConsumerGroupTargetAssignmentMetadataKey` 6,
//! `ConsumerGroupTargetAssignmentMemberKey` 7, `ConsumerGroupCurrentMemberAssignmentKey` 8,
//! `ConsumerGroupRegularExpressionKey` 16.
//!
//! Fields are Kafka's, in their order, without the compact forms. Key 4, the partitions of the topics, is what
//! coordinators before 4.1 wrote: its place is taken by a hash in the group's own record (KIP-1101). Nobody here
//! writes or reads it.

use bytes::{BufMut, Bytes, BytesMut};

use super::member::{ClassicMember, Description, Holding, MemberState, Partitions};
use super::regex::ResolvedRegex;
use crate::coordinator::group::bytes::{Reader, put_bytes, put_text};
use crate::coordinator::runtime::CoordinatorRecord;
use crate::types::{TopicId, TopicPartition, WallTime};

const GROUP: i16 = 3;
const MEMBER: i16 = 5;
const TARGET_EPOCH: i16 = 6;
const TARGET: i16 = 7;
const CURRENT: i16 = 8;
const REGEX: i16 = 16;
const VALUE: i16 = 0;

/// What a key stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ModernKey {
    /// A group's epoch.
    Group(String),
    /// A member of a group, as it describes itself.
    Member(String, String),
    /// The epoch of a group's target.
    TargetEpoch(String),
    /// A member's target.
    Target(String, String),
    /// What a member holds.
    Current(String, String),
    /// What a regular expression has matched.
    Regex(String, String),
}

impl ModernKey {
    /// The group that it is about.
    pub(in crate::coordinator::group) fn group(&self) -> &str {
        match self {
            Self::Group(group)
            | Self::TargetEpoch(group)
            | Self::Member(group, _)
            | Self::Target(group, _)
            | Self::Current(group, _)
            | Self::Regex(group, _) => group,
        }
    }
}

/// Reads what follows the kind of a key; nothing if the kind is not one of ours.
pub(in crate::coordinator::group) fn read_key(kind: i16, reader: &mut Reader) -> Option<ModernKey> {
    let group = reader.text()?;
    match kind {
        GROUP => Some(ModernKey::Group(group)),
        MEMBER => Some(ModernKey::Member(group, reader.text()?)),
        TARGET_EPOCH => Some(ModernKey::TargetEpoch(group)),
        TARGET => Some(ModernKey::Target(group, reader.text()?)),
        CURRENT => Some(ModernKey::Current(group, reader.text()?)),
        REGEX => Some(ModernKey::Regex(group, reader.text()?)),
        _ => None,
    }
}

fn key(kind: i16, group: &str, member: Option<&str>) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(kind);
    put_text(&mut bytes, Some(group));
    if let Some(member) = member {
        put_text(&mut bytes, Some(member));
    }
    bytes.freeze()
}

fn record(kind: i16, (group, member): (&str, Option<&str>), value: BytesMut) -> CoordinatorRecord {
    CoordinatorRecord { key: key(kind, group, member), value: Some(value.freeze()) }
}

fn tombstone(kind: i16, group: &str, member: Option<&str>) -> CoordinatorRecord {
    CoordinatorRecord { key: key(kind, group, member), value: None }
}

fn value() -> BytesMut {
    let mut value = BytesMut::new();
    value.put_i16(VALUE);
    value
}

/// A group has an epoch.
pub(super) fn epoch_record(group: &str, epoch: i32, metadata_hash: u64) -> CoordinatorRecord {
    let mut value = value();
    value.put_i32(epoch);
    value.put_u64(metadata_hash);
    record(GROUP, (group, None), value)
}

/// A member describes itself.
pub(super) fn member_record(group: &str, member: &str, it: &Description) -> CoordinatorRecord {
    let mut value = value();
    put_text(&mut value, it.instance.as_deref());
    put_text(&mut value, it.rack.as_deref());
    put_text(&mut value, Some(&it.client));
    put_text(&mut value, Some("")); // The client's host, which nobody asks for.
    value.put_i32(it.topics.len() as i32);
    it.topics.iter().for_each(|topic| put_text(&mut value, Some(topic)));
    put_text(&mut value, Some(it.regex.as_str()).filter(|regex| !regex.is_empty()));
    value.put_i32(it.rebalance_timeout_ms);
    put_text(&mut value, it.assignor.as_deref());
    if let Some(classic) = &it.classic {
        put_classic(&mut value, classic);
    }
    record(MEMBER, (group, Some(member)), value)
}

/// A tagged field in Kafka: absent where there is nothing to tell.
fn put_classic(value: &mut BytesMut, classic: &ClassicMember) {
    value.put_i32(classic.session_timeout_ms);
    value.put_i32(i32::try_from(classic.protocols.len()).expect("a member knows few assignors"));
    for (name, metadata) in &classic.protocols {
        put_text(value, Some(name));
        put_bytes(value, metadata);
    }
}

/// A group's target has an epoch.
pub(super) fn target_epoch_record(group: &str, epoch: i32) -> CoordinatorRecord {
    let mut value = value();
    value.put_i32(epoch);
    record(TARGET_EPOCH, (group, None), value)
}

/// A member has a target.
pub(super) fn target_record(group: &str, member: &str, target: &Partitions) -> CoordinatorRecord {
    let mut value = value();
    put_partitions(&mut value, target);
    record(TARGET, (group, Some(member)), value)
}

/// A member holds partitions.
pub(super) fn current_record(group: &str, member: &str, it: &Holding) -> CoordinatorRecord {
    let mut value = value();
    value.put_i32(it.epoch);
    value.put_i32(it.previous_epoch);
    value.put_i8(it.state.wire());
    put_partitions(&mut value, &it.assigned);
    put_partitions(&mut value, &it.revoking);
    record(CURRENT, (group, Some(member)), value)
}

/// A member is no more. Source: `GroupMetadataManager.removeMember`.
pub(super) fn member_tombstones(group: &str, member: &str) -> [CoordinatorRecord; 3] {
    [CURRENT, TARGET, MEMBER].map(|kind| tombstone(kind, group, Some(member)))
}

/// A regular expression was matched.
pub(super) fn regex_record(group: &str, regex: &str, it: &ResolvedRegex) -> CoordinatorRecord {
    let mut value = value();
    value.put_i32(i32::try_from(it.topics.len()).expect("there are fewer topics"));
    it.topics.iter().for_each(|topic| put_text(&mut value, Some(topic)));
    value.put_u64(u64::from(it.newest.0));
    value.put_i64(it.at.0);
    record(REGEX, (group, Some(regex)), value)
}

/// Nobody subscribes by it any more.
pub(super) fn regex_tombstone(group: &str, regex: &str) -> CoordinatorRecord {
    tombstone(REGEX, group, Some(regex))
}

/// A group without members is no more. Source: `ConsumerGroup.createGroupTombstoneRecords`.
pub(in crate::coordinator::group) fn group_tombstones(group: &str) -> [CoordinatorRecord; 2] {
    [TARGET_EPOCH, GROUP].map(|kind| tombstone(kind, group, None))
}

fn put_partitions(to: &mut BytesMut, partitions: &Partitions) {
    let partitions: Vec<&TopicPartition> = partitions.iter().collect();
    let topics: Vec<_> = partitions.chunk_by(|a, b| a.topic == b.topic).collect();
    to.put_i32(topics.len() as i32);
    for places in topics {
        to.put_u128(u128::from(places[0].topic.0));
        to.put_i32(places.len() as i32);
        for place in places {
            to.put_i32(place.partition);
        }
    }
}

fn read_partitions(reader: &mut Reader) -> Option<Partitions> {
    let mut partitions = Partitions::new();
    for _ in 0..reader.i32()? {
        let topic = TopicId(u32::try_from(reader.u128()?).ok()?);
        for _ in 0..reader.i32()? {
            partitions.insert(TopicPartition { topic, partition: reader.i32()? });
        }
    }
    Some(partitions)
}

fn open(bytes: &Bytes) -> Option<Reader> {
    let mut reader = Reader(bytes.clone());
    (reader.i16()? == VALUE).then_some(reader)
}

/// Reads a group's epoch and hash.
pub(in crate::coordinator::group) fn read_epoch(bytes: &Bytes) -> Option<(i32, u64)> {
    let mut reader = open(bytes)?;
    Some((reader.i32()?, reader.i64()? as u64))
}

/// Reads what a member says of itself.
pub(in crate::coordinator::group) fn read_member(bytes: &Bytes) -> Option<Description> {
    let mut reader = open(bytes)?;
    let instance = reader.optional_text().ok()?;
    let rack = reader.optional_text().ok()?;
    let client = reader.text()?;
    reader.text()?;
    let mut topics = Vec::new();
    for _ in 0..reader.i32()? {
        topics.push(reader.text()?);
    }
    let regex = reader.optional_text().ok()?.unwrap_or_default();
    let rebalance_timeout_ms = reader.i32()?;
    let assignor = reader.optional_text().ok()?;
    let classic = if reader.0.is_empty() { None } else { Some(read_classic(&mut reader)?) };
    Some(Description {
        instance,
        client,
        rebalance_timeout_ms,
        topics,
        regex,
        rack,
        assignor,
        classic,
    })
}

fn read_classic(reader: &mut Reader) -> Option<ClassicMember> {
    let session_timeout_ms = reader.i32()?;
    let mut protocols = Vec::new();
    for _ in 0..reader.i32()? {
        protocols.push((reader.text()?, reader.bytes()?));
    }
    Some(ClassicMember { session_timeout_ms, protocols })
}

/// Reads the epoch of a target.
pub(in crate::coordinator::group) fn read_target_epoch(bytes: &Bytes) -> Option<i32> {
    open(bytes)?.i32()
}

/// Reads a member's target.
pub(in crate::coordinator::group) fn read_target(bytes: &Bytes) -> Option<Partitions> {
    read_partitions(&mut open(bytes)?)
}

/// Reads what a regular expression has matched.
pub(in crate::coordinator::group) fn read_regex(bytes: &Bytes) -> Option<ResolvedRegex> {
    let mut reader = open(bytes)?;
    let count = reader.i32()?;
    let topics = (0..count).map(|_| reader.text()).collect::<Option<_>>()?;
    let newest = TopicId(u32::try_from(reader.i64()?).ok()?);
    Some(ResolvedRegex { topics, newest, at: WallTime(reader.i64()?) })
}

/// Reads what a member holds.
pub(in crate::coordinator::group) fn read_current(bytes: &Bytes) -> Option<Holding> {
    let mut reader = open(bytes)?;
    Some(Holding {
        epoch: reader.i32()?,
        previous_epoch: reader.i32()?,
        state: MemberState::of_wire(reader.i8()?)?,
        assigned: read_partitions(&mut reader)?,
        revoking: read_partitions(&mut reader)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some(places: &[(u32, i32)]) -> Partitions {
        let place = |(topic, partition): &(u32, i32)| TopicPartition {
            topic: TopicId(*topic),
            partition: *partition,
        };
        places.iter().map(place).collect()
    }

    #[test]
    fn records_are_read_as_they_were_written() {
        let description = Description {
            instance: Some("i".to_owned()),
            client: "c".to_owned(),
            rebalance_timeout_ms: 7,
            topics: vec!["a".to_owned(), "b".to_owned()],
            regex: "ord.*".to_owned(),
            rack: Some("r".to_owned()),
            assignor: None,
            classic: Some(ClassicMember {
                session_timeout_ms: 5,
                protocols: vec![("range".to_owned(), Bytes::from_static(b"s"))],
            }),
        };
        let holding = Holding {
            epoch: 3,
            previous_epoch: 2,
            state: MemberState::Unrevoked,
            assigned: some(&[(1, 0), (1, 4), (2, 0)]),
            revoking: some(&[(3, 1)]),
        };
        let topics = ["orders".to_owned()].into();
        let resolved = ResolvedRegex { topics, newest: TopicId(7), at: WallTime(11) };
        let records = [
            epoch_record("g", 4, 9),
            member_record("g", "m", &description),
            target_epoch_record("g", 4),
            target_record("g", "m", &holding.assigned),
            current_record("g", "m", &holding),
            regex_record("g", "ord.*", &resolved),
        ];
        let values = records.map(|record| record.value.expect("a record has a value"));
        let [group, member, target_epoch, target, current, regex] = values;
        assert_eq!(read_epoch(&group), Some((4, 9)));
        assert_eq!(read_member(&member), Some(description));
        assert_eq!(read_target_epoch(&target_epoch), Some(4));
        assert_eq!(read_target(&target), Some(holding.assigned.clone()));
        assert_eq!(read_current(&current), Some(holding));
        assert_eq!(read_regex(&regex), Some(resolved));
        for length in 0..current.len() {
            assert_eq!(read_current(&current.slice(..length)), None, "cut at {length}");
        }
    }

    #[test]
    fn a_member_goes_with_all_that_it_had() {
        let gone = member_tombstones("g", "m");
        let kinds = gone.iter().map(|record| record.key[1]);
        assert_eq!(kinds.collect::<Vec<_>>(), [8, 7, 5]);
        let mut reader = Reader(gone[0].key.slice(2..));
        let read = read_key(8, &mut reader);
        assert_eq!(read, Some(ModernKey::Current("g".to_owned(), "m".to_owned())));
    }
}

//! Identities, offsets, epochs and times: one newtype each, so that none can stand for another.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(
            Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
        )]
        // Written as what is in it. It is not `transparent`: whoever reads it is told its name, by which traces know
        // what the fields of facts are.
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

number! {
    /// A process of the cluster or a client of it. Brokers count from 1, controllers from 101, clients from 1001.
    /// A broker's node id is its Kafka broker id.
    NodeId(i32)
}
number! {
    /// Position of a record in a partition's log, counted from 0. Source: Kafka's record format.
    Offset(i64)
}
number! {
    /// Epoch of a partition's leader, or of the quorum's leader in the metadata log; grows with every election.
    LeaderEpoch(i32)
}
number! {
    /// Version of a partition's registration at the controller; grows with every change of it. Source: KIP-497.
    PartitionEpoch(i32)
}
number! {
    /// Identity of one uptime of a broker: the metadata offset of its registration. Source: KIP-380, KIP-631.
    BrokerEpoch(i64)
}
number! {
    /// Identity of an idempotent producer; -1 is none. Source: KIP-98.
    ProducerId(i64)
}
number! {
    /// Epoch of a producer id; -1 is none. Source: KIP-98.
    ProducerEpoch(i16)
}
number! {
    /// Sequence number of a record of one producer epoch on one partition; wraps from 2^31 - 1 to 0; -1 is none.
    Sequence(i32)
}
number! {
    /// Which of a producer's transactions, in the order in which they begin. Kafka tells them apart by epoch since
    /// KIP-890 and not at all before; Harrow counts.
    TransactionOrdinal(u64)
}
number! {
    /// A topic's id, given by the controller in order of creation, from 1; 0 is the metadata log.
    TopicId(u32)
}
number! {
    /// One of a broker's log directories, by its place in `log.dirs`, counted from 0.
    LogDirectory(u8)
}
number! {
    /// Identity of a log directory, given when it is formatted; those below 100 are no directory's. Source: KIP-858,
    /// Kafka's `DirectoryId`.
    DirectoryId(u64)
}
number! {
    /// One request-response pair on one connection.
    CorrelationId(i32)
}
number! {
    /// A connection as the node that accepted it sees it: unique in a run, never reused.
    ConnectionId(u64)
}
number! {
    /// A client operation, unique in a run, in the order of invocation.
    OperationId(u64)
}
number! {
    /// Names one background flush; chosen by the node that asks for it.
    FlushToken(u64)
}
number! {
    /// The value of a produced record: unique in a run, so that every read can be traced to its write.
    RecordValue(u64)
}
number! {
    /// Milliseconds since the Unix epoch, on the node's own wall clock, which may be wrong and may step.
    WallTime(i64)
}

/// Names a snapshot of the metadata log: what all records below `end_offset` give, the last of which is of `epoch`.
/// Ordered as Kafka orders them. Source: KIP-630, Kafka's `OffsetAndEpoch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SnapshotId {
    /// Epoch of the last record in it.
    pub epoch: LeaderEpoch,
    /// Offset after the last record in it.
    pub end_offset: Offset,
}

impl fmt::Display for SnapshotId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of epoch {}", self.end_offset, self.epoch)
    }
}

impl LogDirectory {
    /// The first, and the only one of most brokers. The metadata log is here. Source: `metadata.log.dir`.
    pub const FIRST: Self = Self(0);
}

impl DirectoryId {
    /// Nobody has told where the replica is. Source: `DirectoryId.UNASSIGNED`.
    pub const UNASSIGNED: Self = Self(0);
    /// The replica is in some directory that is offline. Source: `DirectoryId.LOST`.
    pub const LOST: Self = Self(1);

    /// Whether it is no directory's. Source: `DirectoryId.reserved`.
    pub fn is_reserved(self) -> bool {
        self.0 < 100
    }
}

impl RecordValue {
    /// Set in the values of tombstones: a null has no room for a number, so that a header carries it.
    const TOMBSTONE: u64 = 1 << 31;

    /// The same number, of a record that deletes its key.
    #[must_use]
    pub const fn as_tombstone(self) -> Self {
        Self(self.0 | Self::TOMBSTONE)
    }

    /// Whether the record deletes its key.
    pub const fn is_tombstone(self) -> bool {
        self.0 & Self::TOMBSTONE != 0
    }
}

impl Offset {
    /// The first offset of every log.
    pub const ZERO: Self = Self(0);
    /// Stands for "no offset" on the wire.
    pub const NONE: Self = Self(-1);

    /// The offset `count` records later.
    #[must_use]
    pub fn plus(self, count: i64) -> Self {
        Self(self.0 + count)
    }

    /// The offset right after this one.
    #[must_use]
    pub fn next(self) -> Self {
        self.plus(1)
    }
}

impl LeaderEpoch {
    /// Stands for "no epoch" on the wire.
    pub const NONE: Self = Self(-1);

    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl PartitionEpoch {
    /// The epoch after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl BrokerEpoch {
    /// Stands for "no epoch": not registered, or not told.
    pub const NONE: Self = Self(-1);
}

impl ProducerId {
    /// Stands for "not idempotent".
    pub const NONE: Self = Self(-1);
}

impl ProducerEpoch {
    /// Stands for "not idempotent".
    pub const NONE: Self = Self(-1);
}

impl Sequence {
    /// Stands for "not idempotent".
    pub const NONE: Self = Self(-1);

    /// The sequence `count` records later, wrapping to 0 after 2^31 - 1. Source: Kafka's `DefaultRecordBatch`.
    #[must_use]
    pub fn plus(self, count: i32) -> Self {
        assert!(self.0 >= 0 && count >= 0, "sequence {} plus {count}", self.0);
        let sum = i64::from(self.0) + i64::from(count);
        Self((sum % (i64::from(i32::MAX) + 1)) as i32)
    }
}

/// Nanoseconds of a node's own monotonic clock. Two nodes' times are not comparable.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Time(pub u64);

impl Time {
    /// The start of the clock.
    pub const ZERO: Self = Self(0);
    /// Later than anything that happens.
    pub const MAX: Self = Self(u64::MAX);

    /// How long ago `earlier` was; zero if it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl std::ops::Add<Duration> for Time {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}s", self.0 / 1_000_000_000, self.0 / 1_000 % 1_000_000)
    }
}

/// What a node's clocks show when it is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Monotonic time: timeouts and deadlines.
    pub time: Time,
    /// Wall-clock time: record timestamps.
    pub wall: WallTime,
}

/// A partition of a topic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TopicPartition {
    /// The topic.
    pub topic: TopicId,
    /// Its partition, from 0.
    pub partition: i32,
}

impl TopicPartition {
    /// The controllers' metadata log, `__cluster_metadata-0`.
    pub const METADATA: Self = Self { topic: TopicId(0), partition: 0 };
}

impl fmt::Display for TopicPartition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.topic, self.partition)
    }
}

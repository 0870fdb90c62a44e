//! Facts of share groups: what leaders do with the records of a share-partition, and what is stored of it.

use serde::{Deserialize, Serialize};

use crate::share_message::{AcknowledgeType, StateBatch};
use crate::types::{LeaderEpoch, Offset, TopicPartition};

/// Why a member holds records no more, without having acknowledged them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LockEnd {
    /// Its time is up.
    Expired,
    /// The member's share session is over.
    SessionClosed,
}

/// A fact of share groups. Offsets come in ranges with the last one.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ShareNote {
    /// A leader knows a share-partition from now on, from what the coordinator told it. Source: `SharePartition`.
    Loaded {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// In which epoch it leads.
        leader_epoch: LeaderEpoch,
        /// The first offset that is not done.
        start_offset: Offset,
        /// Where the log starts.
        log_start_offset: Offset,
    },
    /// A member holds records from now on, until its lock expires. Source: `SharePartition.acquire`.
    Acquired {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// In which epoch the leader leads.
        leader_epoch: LeaderEpoch,
        /// Who.
        member: String,
        /// The first.
        first: Offset,
        /// The last.
        last: Offset,
        /// How often they were delivered, this time included.
        delivery_count: u32,
        /// How many offsets are in flight now.
        in_flight: u32,
    },
    /// A leader takes what a member says of records that it holds; it is provisional until it is stored.
    AcknowledgementTaken {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// In which epoch the leader leads.
        leader_epoch: LeaderEpoch,
        /// The first.
        first: Offset,
        /// The last.
        last: Offset,
        /// What shall become of them.
        what: AcknowledgeType,
        /// Whether they are given up, be they released: they were delivered as often as they may.
        archived: bool,
    },
    /// What a member said of records is stored, or will not be, and is told so.
    AcknowledgementAnswered {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// In which epoch the leader leads.
        leader_epoch: LeaderEpoch,
        /// The first.
        first: Offset,
        /// The last.
        last: Offset,
        /// What becomes of them.
        what: AcknowledgeType,
        /// Whether it is stored.
        stored: bool,
    },
    /// Records are nobody's any more.
    LockEnded {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// In which epoch the leader leads.
        leader_epoch: LeaderEpoch,
        /// Who held them.
        member: String,
        /// The first.
        first: Offset,
        /// The last.
        last: Offset,
        /// Why.
        why: LockEnd,
        /// Whether they are given up: they were delivered as often as they may.
        archived: bool,
    },
    /// All records of a share-partition before an offset are done, given up, or gone from the log.
    StartOffsetMoved {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// In which epoch the leader leads.
        leader_epoch: LeaderEpoch,
        /// To where.
        to: Offset,
        /// Where the log starts.
        log_start_offset: Offset,
    },
    /// A member has a share session with this leader from now on. Source: `ShareSession`.
    SessionOpened {
        /// The group.
        group: String,
        /// Who.
        member: String,
        /// Which of the sessions that this process has opened.
        session: u64,
    },
    /// A share session is over.
    SessionClosed {
        /// The group.
        group: String,
        /// Who.
        member: String,
        /// Which.
        session: u64,
        /// Whether the connection that it belongs to is the one that ended, or the member has ended it.
        own: bool,
    },
    /// A coordinator's record of who leads a share-partition is committed: nothing of an earlier leader is taken after
    /// it. Source: `ShareCoordinatorShard.readStateAndMaybeUpdateLeaderEpoch`.
    StateRead {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// In which epoch it is led.
        leader_epoch: LeaderEpoch,
        /// The offset behind all that the coordinator had written then.
        at: Offset,
    },
    /// A coordinator's record of a share-partition is committed. Source: `ShareCoordinatorShard.writeState`.
    StateWritten {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// The epoch of the leader that had it written.
        leader_epoch: LeaderEpoch,
        /// The offset behind the record.
        at: Offset,
    },
    /// A leader learns that there is a later one, and forgets the share-partition.
    Fenced {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// The epoch in which it led.
        leader_epoch: LeaderEpoch,
    },
    /// A coordinator has appended its record of what a leader wants to be stored of a share-partition. Source:
    /// `ShareCoordinatorShard.writeState`.
    StateAppended {
        /// The group.
        group: String,
        /// The partition.
        partition: TopicPartition,
        /// The epoch of the leader that asked for it.
        leader_epoch: LeaderEpoch,
        /// The offset behind the record.
        at: Offset,
        /// Where the share-partition starts.
        start_offset: Offset,
        /// What became of offsets, and how often they were delivered.
        batches: Vec<StateBatch>,
    },
}

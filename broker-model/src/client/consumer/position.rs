//! Where a consumer stands in one partition, and whether it may fetch from there.
//! Source: Kafka's `SubscriptionState`, `OffsetsForLeaderEpochUtils`; KIP-320; known bug R10.

use std::collections::VecDeque;

use crate::client::consumer::purpose::PositionTicket;
use crate::client::metadata::{Leadership, PartitionKey};
use crate::defect::{ConsumerDefect, Defects};
use crate::node::{NoPosition, PolledRecord};
use crate::types::{LeaderEpoch, NodeId, Offset, Time, WallTime};

/// A partition that the consumer has been assigned.
#[derive(Debug)]
pub(super) struct Position {
    /// The offset that the application gets next.
    pub(super) offset: Offset,
    /// Epoch of the record before it, as delivered; [`LeaderEpoch::NONE`] if none was.
    pub(super) last_epoch: LeaderEpoch,
    /// Who leads, as far as this position has taken notice.
    pub(super) leadership: Leadership,
    /// Whom it reads from in the leader's place. Source: KIP-392.
    pub(super) read_replica: Option<ReadReplica>,
    /// What it waits for.
    pub(super) stage: Stage,
    /// No request for it before.
    pub(super) not_before: Time,
    /// A question about it is in flight.
    pub(super) asked: bool,
    /// Fetched and not delivered.
    pub(super) buffer: Buffer,
    /// The application wants no records of it for now.
    pub(super) paused: bool,
    /// Grows whenever an answer to an older question must not count any more; unique among all positions.
    pub(super) version: u64,
}

/// A replica that is read from in the leader's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ReadReplica {
    /// Which broker.
    pub(super) node: NodeId,
    /// Until when, at the latest.
    pub(super) until: Time,
}

/// What a position waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// What the group has committed.
    Committed,
    /// An offset to start from.
    Start(StartFrom),
    /// The word of a new leader that its log is the one that was read.
    Validate,
    /// The word of the application, with `auto.offset.reset=none`.
    Application(NoPosition),
    /// Records.
    Fetch,
}

/// Where to start from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StartFrom {
    /// The log's start, as assigned.
    Assignment,
    /// The log's end, since the group has committed nothing.
    AssignmentAtEnd,
    /// The log's start, because the position is not in the log any more.
    Earliest,
    /// The log's end, for the same reason.
    Latest,
    /// The first record that is not older than so many milliseconds, for either reason.
    Since {
        /// How long ago.
        ago_ms: u64,
        /// Whether the position was not in the log.
        reset: bool,
        /// Whether there is none: it waits for one.
        nothing: bool,
    },
}

impl StartFrom {
    /// As `ListOffsets` takes it in place of a timestamp, or as one.
    pub(super) fn timestamp(self, now: WallTime) -> i64 {
        match self {
            Self::Assignment | Self::Earliest => -2,
            Self::AssignmentAtEnd | Self::Latest => -1,
            Self::Since { ago_ms, .. } => now.0.saturating_sub(ago_ms as i64),
        }
    }

    /// Whether the position was not in the log any more.
    pub(super) fn is_reset(self) -> bool {
        match self {
            Self::Assignment | Self::AssignmentAtEnd => false,
            Self::Earliest | Self::Latest => true,
            Self::Since { reset, .. } => reset,
        }
    }
}

/// Records between the position and where the next fetch begins.
#[derive(Debug, Default)]
pub(super) struct Buffer {
    /// In the order of their offsets.
    pub(super) records: VecDeque<PolledRecord>,
    /// The offset and the epoch to go on from, once all are delivered. Further than the last record where control
    /// batches or compacted records follow it.
    pub(super) end: Option<(Offset, LeaderEpoch)>,
}

impl Position {
    /// A partition just assigned.
    pub(super) fn new(version: u64, now: Time) -> Self {
        Self {
            offset: Offset::ZERO,
            last_epoch: LeaderEpoch::NONE,
            leadership: Leadership { leader: None, epoch: LeaderEpoch::NONE },
            read_replica: None,
            stage: Stage::Start(StartFrom::Assignment),
            not_before: now,
            asked: false,
            buffer: Buffer::default(),
            paused: false,
            version,
        }
    }

    /// Whom it fetches from: the leader, or the replica in its place.
    pub(super) fn fetched_from(&self) -> Option<NodeId> {
        let leader = self.leadership.leader?;
        Some(self.read_replica.map_or(leader, |replica| replica.node))
    }

    /// Names this position in a request.
    pub(super) fn ticket(&self, key: PartitionKey) -> PositionTicket {
        PositionTicket { key, version: self.version, offset: self.offset }
    }

    /// Goes to another stage; what was asked before does not count any more, what was fetched is dropped.
    pub(super) fn enter(&mut self, stage: Stage, version: u64) {
        assert!(version > self.version, "version {version} after {}", self.version);
        assert!(
            stage != Stage::Validate || self.last_epoch != LeaderEpoch::NONE,
            "position {} has no epoch to validate",
            self.offset
        );
        self.stage = stage;
        self.version = version;
        self.asked = false;
        self.buffer = Buffer::default();
    }

    /// Takes notice of another leader; that there is none is no news. It makes a position that stems from a record
    /// doubtful: the new leader's log may part from the one that was read. Whoever waits to ask the old one again need
    /// not wait to ask the new one (KIP-951). Source: `SubscriptionState.maybeValidatePosition`.
    pub(super) fn on_leadership(&mut self, leadership: Leadership, version: u64, defects: Defects) {
        if leadership == self.leadership || leadership.leader.is_none() {
            return;
        }
        self.leadership = leadership;
        self.read_replica = None;
        self.not_before = Time::ZERO;
        let is_doubtful = self.last_epoch != LeaderEpoch::NONE
            && !defects.has(ConsumerDefect::PositionsNotValidated);
        match self.stage {
            Stage::Fetch if is_doubtful => self.enter(Stage::Validate, version),
            Stage::Committed
            | Stage::Start(_)
            | Stage::Validate
            | Stage::Fetch
            | Stage::Application(_) => {
                self.enter(self.stage, version);
            }
        }
    }

    /// Moves to an offset that is not a consequence of delivering records.
    pub(super) fn seek(&mut self, (offset, epoch): (Offset, LeaderEpoch), version: u64) {
        self.offset = offset;
        self.last_epoch = epoch;
        self.enter(Stage::Fetch, version);
    }

    /// Delivers up to so many records.
    pub(super) fn deliver(&mut self, records_max: usize, records: &mut Vec<PolledRecord>) {
        assert!(!self.paused, "position {} rests, and is to be delivered from", self.offset);
        let count = records_max.min(self.buffer.records.len());
        records.reserve(count);
        for record in self.buffer.records.drain(..count) {
            assert!(
                record.offset >= self.offset,
                "delivered {} at position {}",
                record.offset,
                self.offset
            );
            self.offset = record.offset.next();
            self.last_epoch = record.leader_epoch;
            records.push(record);
        }
        self.skip_to_end();
    }

    /// With nothing left to deliver, the position is where the next fetch begins.
    pub(super) fn skip_to_end(&mut self) {
        if self.buffer.records.is_empty()
            && let Some((offset, epoch)) = self.buffer.end.take()
        {
            assert!(
                offset >= self.offset,
                "buffer ends at {offset} below position {}",
                self.offset
            );
            self.offset = offset;
            self.last_epoch = epoch;
        }
    }
}

//! Which offset a client is told for a time: that of the first record that is as late, or of the latest one. Source:
//! KIP-33, KIP-734; Kafka's `UnifiedLog.fetchOffsetByTimestamp`, `Partition.fetchOffsetForTimestamp`,
//! `ReplicaManager.fetchOffset`.
//!
//! What clients may not read is not told. Who has just been elected does not know yet how far that goes: it tells an
//! error where it would have told nothing.
//! Not covered: Kafka looks at one segment only, the first that has such a time, records below the log start
//! included; of
//! a compressed batch, what is told is where it begins.

use crate::defect::ConsumerDefect;
use crate::note::IsolationLevel;
use crate::partition::{Partition, Role};
use crate::proto::ErrorCode;
use crate::record::RecordBatch;
use crate::types::{LeaderEpoch, Offset, WallTime};

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ByTime {
    /// The first record at this time or later.
    From(WallTime),
    /// The first record of the latest time.
    Latest,
}

/// A record that was found by its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimedOffset {
    /// Its time.
    pub timestamp: WallTime,
    /// Its offset.
    pub offset: Offset,
    /// The epoch in which it was appended.
    pub leader_epoch: LeaderEpoch,
}

impl Partition {
    /// The record that a client is told of; nothing if there is none that it may read.
    pub fn offset_for_time(
        &self,
        current_leader_epoch: LeaderEpoch,
        asked: ByTime,
        isolation: IsolationLevel,
    ) -> Result<Option<TimedOffset>, ErrorCode> {
        self.check_client_request(current_leader_epoch)?;
        let Role::Leader(leader) = &self.role else {
            return Err(ErrorCode::NotLeaderOrFollower);
        };
        let reaches = self.defects.has(ConsumerDefect::TimeReachesWatermark);
        let end =
            if reaches { self.log.high_watermark().next() } else { self.visible_end(isolation) };
        let found = self.find_by_time(asked).filter(|found| found.offset < end);
        if found.is_none() && self.log.high_watermark() < leader.epoch_start_offset {
            return Err(ErrorCode::OffsetNotAvailable);
        }
        Ok(found)
    }

    fn find_by_time(&self, asked: ByTime) -> Option<TimedOffset> {
        let start = self.log.log_start_offset();
        let mut batches = self.log.batches().filter(|batch| batch.last_offset() >= start);
        let from = match asked {
            ByTime::From(time) => time,
            ByTime::Latest => {
                let times = self.log.batches().filter(|batch| batch.last_offset() >= start);
                times.map(|batch| batch.header().max_timestamp).max()?
            }
        };
        batches.find_map(|batch| first_from(batch, from, start))
    }
}

/// The first record of a batch, from an offset on, at a time or later.
fn first_from(batch: &RecordBatch, from: WallTime, start: Offset) -> Option<TimedOffset> {
    let header = batch.header();
    if header.max_timestamp < from {
        return None;
    }
    let leader_epoch = batch.leader_epoch();
    let mut found = None;
    let is_read = batch.for_each_record(|record| {
        let timestamp = WallTime(header.base_timestamp.0.saturating_add(record.timestamp_delta));
        if found.is_none() && record.offset >= start && timestamp >= from {
            found = Some(TimedOffset { timestamp, offset: record.offset, leader_epoch });
        }
    });
    let offset = batch.base_offset().max(start);
    let whole = TimedOffset { timestamp: header.max_timestamp, offset, leader_epoch };
    if is_read.is_ok() { found } else { Some(whole) }
}

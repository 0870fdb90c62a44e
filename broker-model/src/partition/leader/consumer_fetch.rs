//! What clients may read and know of a partition: what is committed. Source: rule 2.1.10, KIP-207, KIP-320,
//! `Partition.readRecords`, `Partition.fetchOffsetForTimestamp`.

use crate::defect::{ConsumerDefect, TransactionDefect};
use crate::log::ReadLimit;
use crate::message::EpochEnd;
use crate::note::{AbortedTransaction, IsolationLevel};
use crate::partition::{Partition, Role, error_code};
use crate::proto::ErrorCode;
use crate::record::RecordBatch;
use crate::types::{LeaderEpoch, Offset};

/// What a consumer's fetch reads.
#[derive(Debug, Clone, PartialEq)]
pub struct ConsumerRead {
    /// Records, in whole batches.
    pub batches: Vec<RecordBatch>,
    /// The high watermark.
    pub high_watermark: Offset,
    /// The last stable offset, up to which a consumer with `read_committed` reads.
    pub last_stable_offset: Offset,
    /// For such a consumer, the transactions among these records that were aborted.
    pub aborted: Vec<AbortedTransaction>,
    /// The log start.
    pub log_start_offset: Offset,
    /// Where the logs differ, if the consumer told its last epoch and they do. Source: KIP-595.
    pub diverging: Option<EpochEnd>,
}

impl Partition {
    /// Reads for a consumer, leader or not (KIP-392), up to the high watermark that this replica knows, or with
    /// `read_committed` up to the last stable offset and with the aborted transactions among what is read. Source:
    /// rules 2.1.10 and 2.8.10, KIP-320, `UnifiedLog.maxOffset`, `LocalLog.addAbortedTransactions`.
    pub fn consumer_fetch(
        &self,
        current_leader_epoch: LeaderEpoch,
        fetch_offset: Offset,
        last_fetched_epoch: LeaderEpoch,
        (limit, isolation): (ReadLimit, IsolationLevel),
    ) -> Result<ConsumerRead, ErrorCode> {
        self.check_epoch(current_leader_epoch).map_err(error_code)?;
        let diverging = self.check_position(current_leader_epoch, last_fetched_epoch, fetch_offset);
        let diverging = diverging.map_err(error_code)?;
        let high_watermark = self.log.high_watermark();
        let end = self.visible_end(isolation);
        if diverging.is_none() && fetch_offset < end && self.log.is_unreadable(fetch_offset) {
            return Err(ErrorCode::CorruptMessage);
        }
        let batches = if diverging.is_none() && fetch_offset < end {
            self.log.read_at_most(fetch_offset, end, limit)
        } else {
            Vec::new()
        };
        let aborted = match (batches.last(), isolation) {
            (Some(last), IsolationLevel::ReadCommitted) => {
                self.log.aborted_transactions(fetch_offset, last.next_offset())
            }
            (_, IsolationLevel::ReadCommitted | IsolationLevel::ReadUncommitted) => Vec::new(),
        };
        Ok(ConsumerRead {
            batches,
            high_watermark,
            last_stable_offset: self.log.last_stable_offset(),
            aborted,
            log_start_offset: self.log.log_start_offset(),
            diverging,
        })
    }

    /// What a consumer is told that is sent to another replica: the bounds. Source:
    /// `Partition.fetchOffsetSnapshot`.
    pub fn consumer_bounds(
        &self,
        current_leader_epoch: LeaderEpoch,
    ) -> Result<ConsumerRead, ErrorCode> {
        self.check_epoch(current_leader_epoch).map_err(error_code)?;
        Ok(ConsumerRead {
            batches: Vec::new(),
            high_watermark: self.log.high_watermark(),
            last_stable_offset: self.log.last_stable_offset(),
            aborted: Vec::new(),
            log_start_offset: self.log.log_start_offset(),
            diverging: None,
        })
    }

    /// Where what a consumer may see ends.
    pub(super) fn visible_end(&self, isolation: IsolationLevel) -> Offset {
        let to_end = if self.is_leader() {
            ConsumerDefect::LeaderReadsToEnd
        } else {
            ConsumerDefect::FollowerReadsToEnd
        };
        if self.defects.has(to_end) {
            // What this replica has, committed or not.
            return self.log.log_end_offset();
        }
        match isolation {
            IsolationLevel::ReadCommitted
                if !self.defects.has(TransactionDefect::ReadsPastStable) =>
            {
                self.log.last_stable_offset()
            }
            IsolationLevel::ReadCommitted | IsolationLevel::ReadUncommitted => {
                self.log.high_watermark()
            }
        }
    }

    /// The end offset that a client may know. Source: KIP-207: not before this leader's watermark reached its epoch.
    pub fn latest_offset(
        &self,
        current_leader_epoch: LeaderEpoch,
        isolation: IsolationLevel,
    ) -> Result<Offset, ErrorCode> {
        self.check_client_request(current_leader_epoch)?;
        let Role::Leader(leader) = &self.role else {
            return Err(ErrorCode::NotLeaderOrFollower);
        };
        let is_early = self.log.high_watermark() < leader.epoch_start_offset;
        if is_early && !self.defects.has(ConsumerDefect::LatestBeforeKnown) {
            return Err(ErrorCode::OffsetNotAvailable);
        }
        if self.defects.has(ConsumerDefect::LatestPastStable) {
            return Ok(self.log.high_watermark());
        }
        Ok(self.visible_end(isolation))
    }

    /// The log start that a client may know, and the epoch that begins there, or none if the log tells of none. Source:
    /// `UnifiedLog.fetchOffsetByTimestamp`.
    pub fn earliest_offset(
        &self,
        current_leader_epoch: LeaderEpoch,
    ) -> Result<(Offset, LeaderEpoch), ErrorCode> {
        self.check_client_request(current_leader_epoch)?;
        let start = self.log.log_start_offset();
        let earliest = self.log.known_epochs().first().copied();
        let epoch = earliest.filter(|(_, begins)| *begins <= start);
        Ok((start, epoch.map_or(LeaderEpoch::NONE, |(epoch, _)| epoch)))
    }

    /// Where an epoch ends, for a client. Source: KIP-101, KIP-279, KIP-320.
    pub fn epoch_end(
        &self,
        current_leader_epoch: LeaderEpoch,
        epoch: LeaderEpoch,
    ) -> Result<EpochEnd, ErrorCode> {
        self.check_client_request(current_leader_epoch)?;
        Ok(self.log.end_offset_for(epoch))
    }

    pub(super) fn check_client_request(
        &self,
        current_leader_epoch: LeaderEpoch,
    ) -> Result<(), ErrorCode> {
        self.check_epoch(current_leader_epoch).map_err(error_code)?;
        if self.is_leader() { Ok(()) } else { Err(ErrorCode::NotLeaderOrFollower) }
    }
}

//! A replica's log: segments, leader-epoch cache, producer state, high watermark, recovery.

use crate::disk_image::{DiskImage, FileId};
use crate::message::EpochEnd;
use crate::node::Effects;
use crate::note::TruncateReason;
use crate::proto::ErrorCode;
use crate::record::{BatchHeader, RecordBatch};
use crate::types::{FlushToken, LeaderEpoch, Offset, TopicPartition};

/// What a log is opened with.
#[derive(Debug, Clone, Copy)]
pub struct LogOptions {
    /// `log.segment.bytes`: a segment that would grow beyond is rolled first.
    pub segment_bytes: u32,
    /// Whether the broker stopped cleanly before: nothing above the recovery point needs checking then.
    pub clean: bool,
    /// From the recovery point checkpoint.
    pub recovery_point: Offset,
    /// From the high watermark checkpoint.
    pub high_watermark: Offset,
    /// From the log start offset checkpoint.
    pub log_start_offset: Offset,
}

/// A batch's standing with respect to its producer's history on this partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProducerCheck {
    /// Not seen before: append it.
    New,
    /// One of the last five batches of the producer: answer with where it is.
    Duplicate {
        /// Its first offset.
        base_offset: Offset,
        /// Its last offset.
        last_offset: Offset,
    },
}

/// A replica's log.
#[derive(Debug)]
pub struct Log {
    _stub: (),
}

#[expect(
    unused_variables,
    clippy::unimplemented,
    clippy::needless_pass_by_value,
    reason = "skeleton of the contract"
)]
#[expect(
    clippy::needless_pass_by_ref_mut,
    clippy::unused_self,
    reason = "skeleton of the contract"
)]
impl Log {
    /// Opens a log from what is on disk, or makes an empty one; checks and cuts what an unclean stop left behind.
    pub fn open(
        partition: TopicPartition,
        options: LogOptions,
        image: &DiskImage,
        effects: &mut Effects,
    ) -> Self {
        unimplemented!()
    }

    /// Whose log this is.
    pub fn partition(&self) -> TopicPartition {
        unimplemented!()
    }

    /// First offset that may be read.
    pub fn log_start_offset(&self) -> Offset {
        unimplemented!()
    }

    /// Offset of the next record.
    pub fn log_end_offset(&self) -> Offset {
        unimplemented!()
    }

    /// Everything below is committed, as far as this replica knows.
    pub fn high_watermark(&self) -> Offset {
        unimplemented!()
    }

    /// Everything below is flushed.
    pub fn recovery_point(&self) -> Offset {
        unimplemented!()
    }

    /// Latest epoch in the epoch cache, or [`LeaderEpoch::NONE`].
    pub fn latest_epoch(&self) -> LeaderEpoch {
        unimplemented!()
    }

    /// Epoch of the last record, or of the latest cache entry at or below the log end ([`LeaderEpoch::NONE`] if there
    /// is none): what a follower sends as last fetched epoch.
    pub fn last_fetched_epoch(&self) -> LeaderEpoch {
        unimplemented!()
    }

    /// Records that `epoch` begins at the log end; the checkpoint is synced before anything else happens.
    pub fn assign_epoch(&mut self, epoch: LeaderEpoch, effects: &mut Effects) {
        unimplemented!()
    }

    /// Where an epoch ends in this log (rules 2.2.2).
    pub fn end_offset_for(&self, epoch: LeaderEpoch) -> EpochEnd {
        unimplemented!()
    }

    /// Judges a client's batch by its producer's history on this partition (rules 2.7).
    pub fn check_producer(&self, batch: &BatchHeader) -> Result<ProducerCheck, ErrorCode> {
        unimplemented!()
    }

    /// Gives the batch the next offset and this epoch and appends it; the returned batch is as appended.
    pub fn append_as_leader(
        &mut self,
        batch: &RecordBatch,
        epoch: LeaderEpoch,
        effects: &mut Effects,
    ) -> RecordBatch {
        unimplemented!()
    }

    /// Appends a leader's batch as it is; `following` is the epoch in which this node follows. The batch must begin
    /// at the log end.
    pub fn append_as_follower(
        &mut self,
        batch: &RecordBatch,
        following: LeaderEpoch,
        effects: &mut Effects,
    ) {
        unimplemented!()
    }

    /// Cuts the log so that it ends at `to` (rules 2.2.7). At or above the log end, only the epoch cache is cut.
    pub fn truncate_to(&mut self, to: Offset, reason: TruncateReason, effects: &mut Effects) {
        unimplemented!()
    }

    /// Drops everything and starts again, empty, at an offset.
    pub fn truncate_fully_and_start_at(&mut self, start: Offset, effects: &mut Effects) {
        unimplemented!()
    }

    /// Moves the log start up, deleting segments that are wholly below it.
    pub fn advance_log_start(&mut self, to: Offset, effects: &mut Effects) {
        unimplemented!()
    }

    /// Sets the high watermark, bounded by log start and log end; true if it moved. The caller states the note.
    pub fn set_high_watermark(&mut self, to: Offset) -> bool {
        unimplemented!()
    }

    /// Whole batches from the one that holds `from` on, all of them below `upper`, up to about `bytes_max` bytes (at
    /// least one batch if there is any).
    pub fn read(&self, from: Offset, upper: Offset, bytes_max: u32) -> Vec<RecordBatch> {
        unimplemented!()
    }

    /// The file that the next append goes to, for a caller that must sync it.
    pub fn active_file(&self) -> FileId {
        unimplemented!()
    }

    /// Whether a background flush of this token was ours; if so its segment counts as flushed.
    pub fn flush_completed(&mut self, token: FlushToken) -> bool {
        unimplemented!()
    }

    /// Syncs all that is not flushed (a clean stop does this).
    pub fn sync_all(&mut self, effects: &mut Effects) {
        unimplemented!()
    }
}

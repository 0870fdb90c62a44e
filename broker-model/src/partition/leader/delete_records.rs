//! A client deletes records: the leader's log start moves at once, the answer waits for the replicas.
//!
//! Nothing is deleted that is not committed. The client is told once the log starts of all live replicas are where it
//! asked, or further: else a replica that is elected next would offer again what it was told is gone. A replica that is
//! down is not waited for; it takes the log start over before it has caught up. Source: KIP-107,
//! `Partition.deleteRecordsOnLeader`, `Partition.lowWatermarkIfLeader`. Not covered: topics with another
//! `cleanup.policy` than `delete`.

use crate::defect::ReplicationDefect;
use crate::metadata::MetadataImage;
use crate::node::Effects;
use crate::note::DeletionReason;
use crate::partition::{Partition, Role};
use crate::proto::ErrorCode;
use crate::types::Offset;

/// Stands for the high watermark. Source: `DeleteRecordsRequest.HIGH_WATERMARK`.
const HIGH_WATERMARK: Offset = Offset(-1);

impl Partition {
    /// Deletes the records below an offset; that offset, as it counts.
    pub fn delete_records(
        &mut self,
        before: Offset,
        effects: &mut Effects,
    ) -> Result<Offset, ErrorCode> {
        if !self.is_leader() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let (start, watermark) = (self.log.log_start_offset(), self.log.high_watermark());
        let before = if before == HIGH_WATERMARK { watermark } else { before };
        if before < Offset::ZERO || before > watermark {
            return Err(ErrorCode::OffsetOutOfRange);
        }
        self.log.advance_log_start(before, DeletionReason::DeleteRecords, effects);
        self.log_start_was(start, effects);
        self.self_check();
        Ok(before)
    }

    /// The least log start of the leader and of its followers that are alive; of one that has not fetched from it, it
    /// is not known.
    pub fn low_watermark(&self, metadata: &MetadataImage) -> Result<Offset, ErrorCode> {
        let Role::Leader(leader) = &self.role else {
            return Err(ErrorCode::NotLeaderOrFollower);
        };
        let own = self.log.log_start_offset();
        if self.defects.has(ReplicationDefect::LowWatermarkIgnoresFollowers) {
            return Ok(own);
        }
        let alive = |id| metadata.brokers.get(id).is_some_and(|broker| !broker.fenced);
        let followers = leader.followers.iter().filter(|progress| alive(&progress.replica));
        Ok(followers.map(|progress| progress.log_start_offset).fold(own, Offset::min))
    }
}

//! The metadata log as an observer keeps it: what it fetched, whether committed or not.
//!
//! A leader of the quorum lets observers read to its log's end, as it does voters. What is not committed may still be
//! replaced by another leader's records, so an observer applies only what lies below the high watermark that it was
//! told, and cuts the rest where a leader says that their logs part. Source: KIP-595;
//! `KafkaRaftClient.handleFetchResponse`, `ReplicatedLog.truncateToEndOffset`.
//!
//! Kafka keeps this log on the disk of each broker, with snapshots. Here it begins anew with each uptime: at offset 0,
//! or where the leader's latest snapshot ends.

use std::collections::VecDeque;

use crate::defect::{Defects, LogDefect, QuorumDefect};
use crate::log::EpochCache;
use crate::message::EpochEnd;
use crate::record::RecordBatch;
use crate::replication::truncation_offset;
use crate::types::{LeaderEpoch, Offset, SnapshotId};

/// What was fetched of the metadata log.
#[derive(Debug, Default)]
pub(crate) struct FetchedLog {
    /// What is not committed yet as far as this observer knows; what is was taken out to be applied.
    uncommitted: VecDeque<RecordBatch>,
    epochs: EpochCache,
    /// What stands for all that came before, if it does not begin at 0.
    begins: Option<SnapshotId>,
    end: Offset,
    high_watermark: Offset,
}

/// The leader asks for a cut of what was committed: the quorum lost committed metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CommittedGone;

impl FetchedLog {
    /// A log of which a snapshot stands for all that came before: that is committed.
    pub(crate) fn after(snapshot: SnapshotId) -> Self {
        let SnapshotId { epoch, end_offset: end } = snapshot;
        let mut epochs = EpochCache::default();
        epochs.assign(epoch, end);
        let begins = Some(snapshot);
        Self { uncommitted: VecDeque::new(), epochs, begins, end, high_watermark: end }
    }

    /// Whether a snapshot is beyond this log, and takes back nothing that is committed. Source:
    /// `KafkaMetadataLog.truncateToLatestSnapshot`, `FollowerState.updateHighWatermark`.
    pub(crate) fn is_overtaken_by(&self, snapshot: SnapshotId) -> bool {
        let epoch = self.epochs.latest_epoch().max(LeaderEpoch(0));
        let own = SnapshotId { epoch, end_offset: self.end };
        snapshot > own && snapshot.end_offset >= self.high_watermark
    }

    /// Where the next fetch begins.
    pub(crate) fn end(&self) -> Offset {
        self.end
    }

    /// Epoch of the last record, or none.
    pub(crate) fn last_fetched_epoch(&self) -> LeaderEpoch {
        self.epochs.latest_epoch()
    }

    /// The high watermark, or none if it was never told one.
    pub(crate) fn known_high_watermark(&self) -> Offset {
        if self.high_watermark > Offset::ZERO { self.high_watermark } else { Offset::NONE }
    }

    /// Appends what continues the log; false, and nothing is changed, if the batches do not.
    pub(crate) fn append(&mut self, batches: &[RecordBatch], defects: Defects) -> bool {
        let begins = batches.first().map_or(self.end, RecordBatch::base_offset);
        let takes_gaps = defects.has(LogDefect::RecoveryKeepsGaps);
        if begins < self.end || begins > self.end && !takes_gaps {
            return false;
        }
        for batch in batches {
            let (epoch, latest) = (batch.leader_epoch(), self.epochs.latest_epoch());
            assert!(epoch >= latest, "batch of epoch {epoch} after epoch {latest}");
            if epoch > latest {
                self.epochs.assign(epoch, batch.base_offset());
            }
            self.end = batch.last_offset().next();
            self.uncommitted.push_back(batch.clone());
        }
        self.self_check();
        true
    }

    /// What is kept is what is not committed, and lies within the log; so do the epochs.
    fn self_check(&self) {
        let (watermark, end) = (self.high_watermark, self.end);
        assert!(watermark <= end, "committed to {watermark}, fetched to {end}");
        let (first, last) = (self.uncommitted.front(), self.uncommitted.back());
        assert!(
            first.is_none_or(|first| first.next_offset() > watermark),
            "{:?} is kept, and {watermark} is committed",
            first.map(RecordBatch::base_offset)
        );
        assert!(
            last.is_none_or(|last| last.base_offset() < end),
            "{:?} is kept of a log that ends at {end}",
            last.map(RecordBatch::base_offset)
        );
        self.epochs.check(end);
    }

    /// Takes the leader's high watermark, which only moves up here, and gives out what it commits.
    pub(crate) fn commit(&mut self, leaders: Offset, defects: Defects) -> Vec<RecordBatch> {
        let all = defects.has(QuorumDefect::AppliesUncommitted);
        let told = if all { self.end } else { leaders.min(self.end) };
        self.high_watermark = self.high_watermark.max(told);
        let mut committed = Vec::new();
        let below = self.high_watermark;
        while let Some(batch) = self.uncommitted.pop_front_if(|it| it.last_offset() < below) {
            committed.push(batch);
        }
        self.self_check();
        committed
    }

    /// Cuts what the leader does not have.
    ///
    /// # Errors
    /// Something of it is committed.
    pub(crate) fn truncate(&mut self, leader_end: EpochEnd) -> Result<(), CommittedGone> {
        let own = self.epochs.end_offset_for(leader_end.epoch, self.end);
        let to = truncation_offset(leader_end, own, self.end, Defects::NONE);
        if to < self.high_watermark {
            return Err(CommittedGone);
        }
        self.uncommitted.retain(|batch| batch.base_offset() < to);
        self.epochs.truncate_from_end(to);
        // Cut to where the snapshot ends, its last record is of that epoch still. Source:
        // `KafkaMetadataLog.lastFetchedEpoch`.
        if let Some(snapshot) = self.begins.filter(|snapshot| snapshot.end_offset == to) {
            self.epochs.assign(snapshot.epoch, to);
        }
        self.end = to;
        self.self_check();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordBatchBuilder;
    use crate::types::{ProducerEpoch, ProducerId, Sequence, WallTime};

    fn batch(offset: i64, epoch: i32) -> RecordBatch {
        let mut builder =
            RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
        builder.push(WallTime(0), None, Some(bytes::Bytes::from_static(b"x")));
        builder.build().with_assignment(Offset(offset), LeaderEpoch(epoch))
    }

    fn log(batches: &[(i64, i32)]) -> FetchedLog {
        let mut log = FetchedLog::default();
        for (offset, epoch) in batches {
            assert!(log.append(&[batch(*offset, *epoch)], Defects::NONE), "{offset} continues");
        }
        log
    }

    fn offsets(batches: &[RecordBatch]) -> Vec<i64> {
        batches.iter().map(|batch| batch.base_offset().0).collect()
    }

    #[test]
    fn what_is_below_the_high_watermark_is_given_out_once() {
        let mut log = log(&[(0, 1), (1, 1), (2, 2)]);
        assert_eq!(offsets(&log.commit(Offset(2), Defects::NONE)), [0, 1]);
        assert!(log.commit(Offset(1), Defects::NONE).is_empty(), "it does not move down");
        assert_eq!(
            offsets(&log.commit(Offset(9), Defects::NONE)),
            [2],
            "never above the log's end"
        );
        assert_eq!(log.known_high_watermark(), Offset(3));
        assert!(!log.append(&[batch(4, 2)], Defects::NONE), "a gap");
    }

    #[test]
    fn cut_to_its_begin_a_log_is_of_the_epoch_of_its_snapshot() {
        for epoch in [3, 4] {
            let end_offset = Offset(16);
            let mut log = FetchedLog::after(SnapshotId { epoch: LeaderEpoch(3), end_offset });
            assert!(log.append(&[batch(16, epoch), batch(17, 4)], Defects::NONE));
            let leader_end = EpochEnd { epoch: LeaderEpoch(3), end_offset };
            assert_eq!(log.truncate(leader_end), Ok(()));
            assert_eq!((log.end(), log.last_fetched_epoch()), (end_offset, LeaderEpoch(3)));
        }
    }

    /// Log, high watermark, what the leader says, and where the log then ends.
    type Row = (&'static [(i64, i32)], i64, EpochEnd, Option<i64>);

    #[test]
    fn a_cut_spares_what_is_committed() {
        let end =
            |epoch, offset| EpochEnd { epoch: LeaderEpoch(epoch), end_offset: Offset(offset) };
        let rows: [Row; 5] = [
            (&[(0, 1), (1, 1), (2, 2)], 1, end(1, 2), Some(2)),
            (&[(0, 1), (1, 1), (2, 1)], 1, end(1, 1), Some(1)),
            (&[(0, 1), (1, 3), (2, 3)], 1, end(2, 2), Some(1)),
            (&[(0, 1), (1, 1)], 2, end(1, 1), None),
            (&[(0, 1), (1, 1)], 0, end(-1, 0), Some(0)),
        ];
        for (batches, high_watermark, leader_end, expected) in rows {
            let mut log = log(batches);
            log.commit(Offset(high_watermark), Defects::NONE);
            let cut = log.truncate(leader_end).map(|()| log.end().0);
            assert_eq!(cut.ok(), expected, "{batches:?} against {leader_end:?}");
        }
    }
}

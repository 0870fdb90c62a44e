//! Records at the front of a log are deleted, whole segments of them, when they are too old or too many.
//!
//! A segment may go once its newest record is older than `retention.ms`, by the clock of this broker and the timestamp
//! that the *producer* gave the record: a producer whose clock is behind, or a broker whose clock is ahead, loses
//! records early. It may go, too, if `retention.bytes` remain without it, or if the log start has been moved past it.
//! Nothing goes that is not committed, and nothing behind something that stays. Whoever deletes moves its log start
//! first, and only then the files go. Replicas delete each for itself; a follower also takes over its leader's log
//! start. Source: `UnifiedLog.deleteOldSegments`, `deletableSegments`, `maybeIncrementLogStartOffset`; KIP-107.
//!
//! As promised, a log start never goes back: it is on the disk with the epoch checkpoint, whose first entry begins
//! there. Kafka writes it down once a minute: see [`LogDefect::LogStartCheckpointLags`].
//!
//! Not covered: `file.delete.delay.ms`, since a file that is renamed is as good as gone to its log; records without a
//! timestamp, which go by the file's time; that a broker looks for the first time after `log.initial.task.delay.ms`.

use bytes::Bytes;

use crate::defect::LogDefect;
use crate::log::Log;
use crate::log::segment::Segment;
use crate::node::{Effect, Effects};
use crate::note::{DeletionReason, LogNote, ProducerNote};
use crate::types::{Offset, WallTime};

impl Log {
    /// When records may be deleted, whether any may, or the log start is inside what is there.
    pub(crate) fn may_delete(&self) -> bool {
        let first = self.segments.first().map(Segment::base_offset);
        self.config.retention.deletes() || first.is_some_and(|it| it < self.log_start_offset)
    }

    /// Deletes the segments that may go: those below the log start, then those beyond `retention.bytes`, then those
    /// beyond `retention.ms`. Source: `UnifiedLog.deleteOldSegments`.
    pub(crate) fn delete_old_segments(&mut self, now: WallTime, effects: &mut Effects) {
        self.clock = now;
        self.delete_below_start(effects);
        let never = self.config.defects.has(LogDefect::NeverRetains);
        if self.config.retention.deletes() && !never {
            self.delete_beyond_size(effects);
            self.delete_expired(now, effects);
        }
        self.check();
    }

    /// Moves the log start up to an offset that is not above the high watermark. What is below cannot be read any
    /// more; its segments go with the next check.
    pub fn advance_log_start(&mut self, to: Offset, reason: DeletionReason, effects: &mut Effects) {
        if to <= self.log_start_offset {
            return;
        }
        let (watermark, partition) = (self.high_watermark, self.partition);
        assert!(to <= watermark, "log start moved to {to}, above high watermark {watermark}");
        let from = std::mem::replace(&mut self.log_start_offset, to);
        effects.note(LogNote::RecordsDeleted { partition, from, to, reason });
        // The epoch checkpoint first: it tells a recovery that the segments are meant to be gone.
        if self.epochs.truncate_from_start(to) {
            self.write_cut_epochs(effects);
        }
        self.forget_deleted_producers(effects);
        self.note_log_start(effects);
        self.check();
    }

    /// Before 2.4 a producer was forgotten with the last of its records. Source: KAFKA-7190,
    /// `ProducerStateManager.truncateHead`.
    fn forget_deleted_producers(&mut self, effects: &mut Effects) {
        if !self.config.defects.has(LogDefect::RetentionForgetsProducers) {
            return;
        }
        let before = self.producers.count();
        self.producers.remove_below(self.log_start_offset);
        if self.producers.count() < before {
            let (partition, producers) = (self.partition, self.known_producers());
            effects.note(ProducerNote::ProducersKnown { partition, producers });
        }
    }

    fn delete_below_start(&mut self, effects: &mut Effects) {
        let start = self.log_start_offset;
        let count = self.count_deletable(|_, next| next.is_some_and(|next| next <= start));
        self.delete_oldest(count, None, effects);
    }

    fn delete_beyond_size(&mut self, effects: &mut Effects) {
        let limit_bytes = self.config.retention.retention_bytes;
        let size = self.bytes_after(0);
        if limit_bytes < 0 || size < limit_bytes {
            return;
        }
        let mut left_bytes = size;
        let count = self.count_deletable(|segment, _| {
            let without = left_bytes - segment.size() as i64;
            let goes = without >= limit_bytes;
            left_bytes = if goes { without } else { left_bytes };
            goes
        });
        let reason = DeletionReason::Size { limit_bytes, left_bytes: self.bytes_after(count) };
        self.delete_oldest(count, Some(reason), effects);
    }

    /// How large the segments are without so many of the oldest.
    fn bytes_after(&self, count: usize) -> i64 {
        self.segments.iter().skip(count).map(|segment| segment.size() as i64).sum()
    }

    fn delete_expired(&mut self, now: WallTime, effects: &mut Effects) {
        let limit_ms = self.config.retention.retention_ms;
        if limit_ms < 0 {
            return;
        }
        let by_oldest = self.config.defects.has(LogDefect::RetainsByOldest);
        let told_by = |segment: &Segment| {
            if by_oldest { segment.first_timestamp() } else { segment.largest_timestamp() }
        };
        let age =
            |segment: &Segment| told_by(segment).map_or(0, |newest| now.0.saturating_sub(newest.0));
        let count = self.count_deletable(|segment, _| age(segment) > limit_ms);
        let age_ms = self.segments[..count].iter().map(age).min().unwrap_or(0);
        self.delete_oldest(count, Some(DeletionReason::Time { limit_ms, age_ms, now }), effects);
    }

    /// How many segments from the first on may go by a rule that is told each, and where the next one begins. Source:
    /// `UnifiedLog.deletableSegments`.
    fn count_deletable(&self, mut goes: impl FnMut(&Segment, Option<Offset>) -> bool) -> usize {
        let later = self.segments.iter().skip(1).map(|segment| Some(segment.base_offset()));
        let bounds = self.segments.iter().zip(later.chain([None]));
        let deletable = |(segment, next): &(&Segment, Option<Offset>)| {
            let is_committed = self.high_watermark >= next.unwrap_or(self.log_end_offset);
            let is_last_and_empty = next.is_none() && segment.size() == 0;
            is_committed && !is_last_and_empty && goes(segment, *next)
        };
        bounds.take_while(deletable).count()
    }

    /// Begins a new segment of which nothing but the name is on the disk: it says where the log goes on when all else
    /// is gone. Kafka syncs the directory some time later. Source: `LocalLog.roll`, `LocalLog.flush`.
    fn roll_empty(&mut self, effects: &mut Effects) {
        self.roll(effects);
        let file = self.active_file();
        effects.push(Effect::Append { file, bytes: Bytes::new() });
        if self.config.defects.has(LogDefect::LogStartCheckpointLags) {
            self.flush(file, Offset::ZERO, effects);
        } else {
            effects.push(Effect::Sync { file });
        }
    }

    /// Deletes so many segments from the first on. A log always has a segment: if all go, a new one is rolled. Source:
    /// `UnifiedLog.deleteSegments`.
    fn delete_oldest(
        &mut self,
        count: usize,
        reason: Option<DeletionReason>,
        effects: &mut Effects,
    ) {
        if count == 0 {
            return;
        }
        if count == self.segments.len() {
            self.roll_empty(effects);
        }
        let first = self.segments[count].base_offset();
        if let Some(reason) = reason {
            self.advance_log_start(first, reason, effects);
        }
        // What the deleted records say about their producers must be found elsewhere.
        if self.snapshots.range(first..).next().is_none() {
            self.write_snapshot(effects);
        }
        for segment in self.segments.drain(..count).collect::<Vec<_>>() {
            effects.push(Effect::Delete { file: self.segment_file(segment.base_offset()) });
        }
        self.transactions.forget_below(first);
        self.flushes.settle(first);
        self.delete_snapshots_below(first, effects);
    }
}

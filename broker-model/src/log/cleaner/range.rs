//! What of a log may be cleaned, and how dirty it is. Source: Kafka's `LogCleanerManager.cleanableOffsets`,
//! `calculateCleanableBytes`, `LogToClean`.
//!
//! Nothing is cleaned at or above the last stable offset: what is not committed may yet be gone, and had it replaced
//! what is, that would be lost (KAFKA-13194). Nor is the active segment, nor one whose newest record is younger than
//! `min.compaction.lag.ms`, by the clock of this broker. If a dirty segment begins with a record that is older than
//! `max.compaction.lag.ms`, the log is due, however little of it is dirty (KIP-354, `maxCompactionDelay`).

use crate::defect::CleanerDefect;
use crate::log::Log;
use crate::log::segment::Segment;
use crate::types::{Offset, WallTime};

/// A compacted log, as the cleaner looks at it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CleanableLog {
    /// What lies below was cleaned before.
    pub(crate) first_dirty: Offset,
    /// The first segment that stays as it is.
    pub(crate) first_uncleanable: Offset,
    /// Bytes below the first dirty offset.
    clean_bytes: u64,
    /// Bytes that are dirty and may be cleaned.
    cleanable_bytes: u64,
    /// Whether the checkpoint lies outside of the log and begins anew.
    pub(crate) resets: bool,
    /// Whether something dirty is older than `max.compaction.lag.ms`.
    due: bool,
}

impl CleanableLog {
    /// Whether it is to be cleaned: more of it is dirty than this, or what is dirty has waited for long enough.
    pub(crate) fn is_to_be_cleaned(&self, percent: u32) -> bool {
        let total = self.clean_bytes + self.cleanable_bytes;
        let is_dirty = total > 0 && self.cleanable_bytes * 100 > total * u64::from(percent);
        is_dirty || self.due && self.cleanable_bytes > 0
    }

    /// How dirty it is, in parts of 2^32, by which logs are compared.
    pub(crate) fn dirtiness(&self) -> u64 {
        let total = self.clean_bytes + self.cleanable_bytes;
        (self.cleanable_bytes << 32).checked_div(total).unwrap_or(0)
    }
}

impl Log {
    /// What may be cleaned now, if everything below `checkpoint` was cleaned before.
    pub(crate) fn cleanable(&self, checkpoint: Option<Offset>, now: WallTime) -> CleanableLog {
        let start = self.log_start_offset;
        let known = checkpoint.unwrap_or(start);
        let resets = known < start || known > self.log_end_offset;
        let first_dirty = if resets { start } else { known };
        let bound = self.first_unsettled().min(self.active_base());
        let bound = self.too_young(first_dirty, now).map_or(bound, |young| bound.min(young));
        let first_uncleanable = self.segment_of(bound.max(first_dirty));
        let bytes = |from: Offset, to: Offset| {
            let segments = self.segments.iter().filter(|it| it.base_offset() < to);
            let floor = self.segment_of(from);
            segments.filter(|it| it.base_offset() >= floor).map(Segment::size).sum::<u64>()
        };
        CleanableLog {
            first_dirty,
            first_uncleanable,
            clean_bytes: bytes(Offset::ZERO, first_dirty),
            cleanable_bytes: bytes(first_dirty.min(first_uncleanable), first_uncleanable),
            resets,
            due: self.is_due(first_dirty, now),
        }
    }

    /// `min.cleanable.dirty.ratio`, in percent.
    pub(crate) fn min_cleanable_dirty_percent(&self) -> u32 {
        self.config.retention.compaction.min_cleanable_dirty_percent
    }

    /// Nothing from here on is committed for good.
    fn first_unsettled(&self) -> Offset {
        if self.config.defects.has(CleanerDefect::CleansUncommitted) {
            return self
                .producers
                .first_unstable(self.config.defects)
                .unwrap_or(self.log_end_offset);
        }
        self.last_stable_offset()
    }

    /// First offset of the segment that is appended to.
    pub(crate) fn active_base(&self) -> Offset {
        self.segments.last().map_or(self.log_start_offset, Segment::base_offset)
    }

    /// First offset of the segment that holds an offset.
    fn segment_of(&self, offset: Offset) -> Offset {
        let segment = self.segments.get(self.floor_segment(offset));
        segment.map_or(offset, Segment::base_offset)
    }

    /// Where the first dirty segment begins that has a younger record than `min.compaction.lag.ms`.
    fn too_young(&self, first_dirty: Offset, now: WallTime) -> Option<Offset> {
        let ignores = self.config.defects.has(CleanerDefect::IgnoresLag);
        let lag_ms = self.config.retention.compaction.min_compaction_lag_ms;
        let lag_ms = if ignores { 0 } else { lag_ms };
        let lag_ms = i64::try_from(lag_ms).unwrap_or(i64::MAX);
        let oldest = now.0.saturating_sub(lag_ms);
        let is_young = |segment: &&Segment| {
            segment.largest_timestamp().is_some_and(|newest| newest.0 > oldest)
        };
        let mut dirty = self.inactive_from(first_dirty).iter().filter(|_| lag_ms > 0);
        dirty.find(is_young).map(Segment::base_offset)
    }

    /// Whether a dirty segment begins with a record that is older than `max.compaction.lag.ms`. Timestamps that say
    /// nothing do not count. Source: `LogCleanerManager.maxCompactionDelay`.
    fn is_due(&self, first_dirty: Offset, now: WallTime) -> bool {
        // CleanerDefect::IgnoresMaxLag: only how much is dirty counts.
        if self.config.defects.has(CleanerDefect::IgnoresMaxLag) {
            return false;
        }
        let lag_ms = self.config.retention.compaction.max_compaction_lag_ms;
        let clean_until = now.0.saturating_sub(i64::try_from(lag_ms).unwrap_or(i64::MAX));
        let firsts = self.inactive_from(first_dirty).iter().filter_map(Segment::first_timestamp);
        firsts.filter(|first| first.0 > 0).any(|first| first.0 < clean_until)
    }

    /// The segments from an offset on that are not appended to any more.
    fn inactive_from(&self, offset: Offset) -> &[Segment] {
        let inactive = self.segments.split_last().map_or(&[][..], |(_, inactive)| inactive);
        inactive.get(self.floor_segment(offset)..).unwrap_or_default()
    }
}

//! Rolling, background flushes and the recovery point. Kafka does not flush what it acknowledges:
//! only a rolled segment is flushed, in the background, and everything at a clean stop. Source:
//! Kafka's `UnifiedLog.roll`, `UnifiedLog.flush`, `LogManager.shutdown`.

use crate::config::TopicConfig;
use crate::defect::LogDefect;
use crate::disk_image::FileId;
use crate::log::Log;
use crate::log::flushes::owner;
use crate::log::segment::Segment;
use crate::node::{Effect, Effects};
use crate::record::RecordBatch;
use crate::retention::Retention;
use crate::types::{FlushToken, Offset, TopicPartition, WallTime};

impl Log {
    /// Whose log asked for a flush of this token, so that a node can find the log.
    pub fn flush_owner(token: FlushToken) -> TopicPartition {
        owner(token)
    }

    /// Whether a background flush of this token was ours; if so its segment counts as flushed.
    pub fn flush_completed(&mut self, token: FlushToken, now: WallTime) -> bool {
        let ours = self.flushes.complete(token, now);
        self.check();
        ours
    }

    /// What the topic says of its logs. Source: `UnifiedLog.updateConfig`.
    pub(crate) fn configure(&mut self, topic: &TopicConfig) {
        self.config.flush_messages = topic.flush_messages;
        self.config.flush_ms = topic.flush_ms;
        self.config.retention = topic.retention;
        self.holes = topic.retention.compaction.compacts();
    }

    /// Syncs all that is not flushed, and the producer state (a clean stop does this).
    pub fn sync_all(&mut self, effects: &mut Effects) {
        self.sync_records(effects);
        if let Some(file) = self.write_snapshot(effects) {
            effects.push(Effect::Sync { file });
        }
    }

    /// Syncs the records that are not flushed, for a log whose appends must be durable.
    pub fn sync_records(&mut self, effects: &mut Effects) {
        self.sync_unflushed(effects);
        self.check();
    }

    fn sync_unflushed(&mut self, effects: &mut Effects) {
        let flushed = self.recovery_point();
        for (base_offset, _) in self.segments_beyond(flushed) {
            effects.push(Effect::Sync { file: self.segment_file(base_offset) });
        }
        self.flushes.settle(self.log_end_offset);
    }

    /// Syncs the records if as many as `flush.messages` are not flushed. Source: `UnifiedLog.append`.
    pub(super) fn flush_if_full(&mut self, effects: &mut Effects) {
        let unflushed = self.log_end_offset.0 - self.recovery_point().0;
        if u64::try_from(unflushed).is_ok_and(|count| count >= self.config.flush_messages) {
            self.sync_records(effects);
        }
    }

    /// Flushes in the background what is not flushed, if the last flush is `flush.ms` or longer ago. Source:
    /// `LogManager.flushDirtyLogs`.
    pub(crate) fn flush_if_due(&mut self, now: WallTime, effects: &mut Effects) {
        self.clock = now;
        let since = now.0.saturating_sub(self.flushes.last_flushed.0);
        if u64::try_from(since).is_ok_and(|since| since >= self.config.flush_ms) {
            for (base_offset, end) in self.segments_beyond(self.flushes.requested) {
                self.flush(self.segment_file(base_offset), end, effects);
            }
        }
        self.check();
    }

    /// Begins a new segment if an append does not fit the active one, or is younger than its first record by more than
    /// `segment.ms`, or, of a compacted log, `max.compaction.lag.ms`. A batch that is larger than a whole segment gets
    /// one of its own. Source: `UnifiedLog.maybeRoll`, `LogSegment.shouldRoll`, `LogConfig.maxSegmentMs`.
    pub(super) fn roll_if_due(&mut self, append: &[RecordBatch], effects: &mut Effects) {
        let Some(active) = self.segments.last().filter(|active| active.size() > 0) else { return };
        let size: u64 = append.iter().map(|batch| u64::from(batch.size())).sum();
        let fits = active.size() + size <= u64::from(self.config.segment_bytes);
        let newest = append.iter().map(|batch| batch.header().max_timestamp.0).max();
        let first = active.first_timestamp().map(|first| first.0);
        let waited = newest.zip(first).map_or(0, |(newest, first)| newest.saturating_sub(first));
        let Retention { segment_ms, compaction, .. } = self.config.retention;
        if !fits || waited > compaction.max_segment_ms(segment_ms) {
            self.roll(effects);
        }
    }

    /// Begins a new segment at the log's end.
    pub(super) fn roll(&mut self, effects: &mut Effects) {
        if let Some(file) = self.write_snapshot(effects) {
            self.flush(file, Offset::ZERO, effects);
        }
        if self.holes && !self.config.defects.has(LogDefect::RecoveryKeepsGaps) {
            // As promised a compacted log is on the disk up to its active segment: what is missing before that was
            // taken by the cleaner, and not lost with the power. Kafka cannot tell.
            self.sync_unflushed(effects);
        }
        for (base_offset, end) in self.segments_beyond(self.flushes.requested) {
            self.flush(self.segment_file(base_offset), end, effects);
        }
        self.segments.push(Segment::new(self.log_end_offset));
    }

    pub(super) fn flush(&mut self, file: FileId, upto: Offset, effects: &mut Effects) {
        let token = self.flushes.request(upto);
        effects.push(Effect::Flush { file, token });
    }

    /// The segments that hold something at or above an offset: their first offsets and ends.
    fn segments_beyond(&self, offset: Offset) -> Vec<(Offset, Offset)> {
        let bounds = |segment: &Segment| (segment.base_offset(), segment.end_offset());
        let from_floor = self.segments[self.floor_segment(offset)..].iter().map(bounds);
        from_floor.filter(|(_, end)| *end > offset).collect()
    }
}

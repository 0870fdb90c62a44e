//! Rolling, background flushes and the recovery point. Kafka does not flush what it acknowledges:
//! only a rolled segment is flushed, in the background, and everything at a clean stop. Source:
//! Kafka's `UnifiedLog.roll`, `UnifiedLog.flush`, `LogManager.shutdown`.

use crate::defect::LogDefect;
use crate::disk_image::FileId;
use crate::log::Log;
use crate::log::flushes::{COUNTER_BITS, PARTITION_BITS};
use crate::log::segment::Segment;
use crate::node::{Effect, Effects};
use crate::types::{FlushToken, Offset, TopicId, TopicPartition, WallTime};

impl Log {
    /// Whose log asked for a flush of this token, so that a node can find the log.
    pub fn flush_owner(token: FlushToken) -> TopicPartition {
        let log = token.0 >> COUNTER_BITS;
        let partition = (log & ((1 << PARTITION_BITS) - 1)) as i32;
        TopicPartition { topic: TopicId((log >> PARTITION_BITS) as u32), partition }
    }

    /// Whether a background flush of this token was ours; if so its segment counts as flushed.
    pub fn flush_completed(&mut self, token: FlushToken, now: WallTime) -> bool {
        let ours = self.flushes.complete(token, now);
        self.check();
        ours
    }

    /// The topic's `flush.messages` and `flush.ms`. Source: `UnifiedLog.updateConfig`.
    pub(crate) fn set_flush_intervals(&mut self, messages: u64, ms: u64) {
        (self.config.flush_messages, self.config.flush_ms) = (messages, ms);
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
        let flushed = self.recovery_point();
        for (base_offset, _) in self.segments_beyond(flushed) {
            effects.push(Effect::Sync { file: self.segment_file(base_offset) });
        }
        self.flushes.settle(self.log_end_offset);
        self.check();
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

    /// Begins a new segment if a batch of this size does not fit the active one. A batch that is
    /// larger than a whole segment gets one of its own.
    pub(super) fn roll_if_full(&mut self, batch_size: u32, effects: &mut Effects) {
        let size = self.segments.last().map_or(0, Segment::size);
        if size == 0 || size + u64::from(batch_size) <= u64::from(self.config.segment_bytes) {
            return;
        }
        if let Some(file) = self.write_snapshot(effects) {
            self.flush(file, Offset::ZERO, effects);
        }
        for (base_offset, end) in self.segments_beyond(self.flushes.requested) {
            self.flush(self.segment_file(base_offset), end, effects);
        }
        self.segments.push(Segment::new(self.log_end_offset));
    }

    fn flush(&mut self, file: FileId, upto: Offset, effects: &mut Effects) {
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

#[cfg(test)]
mod tests {
    use super::*;

    fn flushes(defects: &[LogDefect]) -> Flushes {
        let mut options = crate::log::tests::options(false);
        options.config.defects = defects.iter().copied().collect();
        Flushes::new(TopicPartition { topic: TopicId(3), partition: 4 }, Offset::ZERO, &options)
    }

    const NOW: WallTime = WallTime(7);

    #[test]
    fn a_token_names_its_log() {
        let partition = TopicPartition { topic: TopicId((1 << 20) - 1), partition: 4_095 };
        for partition in [partition, TopicPartition::METADATA] {
            assert_eq!(Log::flush_owner(token(partition, u32::MAX)), partition);
        }
    }

    #[test]
    fn the_recovery_point_moves_in_order() {
        let mut flushes = flushes(&[]);
        let (first, second) = (flushes.request(Offset(10)), flushes.request(Offset(20)));
        assert!(flushes.complete(second, NOW));
        assert_eq!(flushes.recovery_point(), Offset::ZERO);
        assert!(flushes.complete(first, NOW));
        assert_eq!(flushes.recovery_point(), Offset(20));
        assert!(!flushes.complete(FlushToken(99), NOW));
    }

    #[test]
    fn a_flush_proves_nothing_about_what_came_after_a_truncation() {
        for (defects, proved) in [(&[][..], 4), (&[LogDefect::CutsNotSynced], 10)] {
            let mut flushes = flushes(defects);
            let token = flushes.request(Offset(10));
            flushes.truncate(Offset(4));
            assert!(flushes.complete(token, NOW));
            assert_eq!(flushes.recovery_point(), Offset(proved));
            flushes.appended(Offset(5));
            assert_eq!(flushes.recovery_point(), Offset(proved.min(5)));
        }
    }
}

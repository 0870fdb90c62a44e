//! Rolling, background flushes and the recovery point. Kafka does not flush what it acknowledges:
//! only a rolled segment is flushed, in the background, and everything at a clean stop. Source:
//! Kafka's `UnifiedLog.roll`, `UnifiedLog.flush`, `LogManager.shutdown`.

use std::collections::VecDeque;

use crate::defect::LogDefect;
use crate::disk_image::FileId;
use crate::log::segment::Segment;
use crate::log::{Log, LogOptions};
use crate::node::{Effect, Effects};
use crate::types::{FlushToken, Offset, TopicId, TopicPartition, WallTime};

const TOPIC_BITS: u32 = 20;
const PARTITION_BITS: u32 = 12;
const COUNTER_BITS: u32 = 32;

/// Background flushes that were asked for, and what has been reached. The recovery point moves in
/// the order of the requests: what a later flush proves does not count before the earlier ones.
#[derive(Debug)]
pub(crate) struct Flushes {
    partition: TopicPartition,
    recovery_point: Offset,
    /// A flush of everything below has been asked for.
    requested: Offset,
    pending: VecDeque<PendingFlush>,
    counter: u32,
    /// Wall time at which the recovery point moved last.
    last_flushed: WallTime,
    /// A truncation does not lower what a flush that is under way will prove.
    overtakes_truncation: bool,
}

#[derive(Debug)]
struct PendingFlush {
    token: FlushToken,
    /// Where the recovery point may move when this one and those before are done.
    upto: Offset,
    done: bool,
}

impl Flushes {
    pub(crate) fn new(
        partition: TopicPartition,
        recovery_point: Offset,
        options: &LogOptions,
    ) -> Self {
        let defects = options.config.defects;
        Self {
            partition,
            recovery_point,
            requested: recovery_point,
            pending: VecDeque::new(),
            counter: 0,
            last_flushed: options.now,
            overtakes_truncation: defects.has(LogDefect::CutsNotSynced),
        }
    }

    /// Everything below is flushed.
    pub(crate) fn recovery_point(&self) -> Offset {
        self.recovery_point
    }

    fn request(&mut self, upto: Offset) -> FlushToken {
        let token = token(self.partition, self.counter);
        self.counter = self.counter.checked_add(1).expect("a log rolls less than 2^32 times");
        self.requested = self.requested.max(upto);
        self.pending.push_back(PendingFlush { token, upto, done: false });
        token
    }

    fn complete(&mut self, token: FlushToken, now: WallTime) -> bool {
        let Some(flush) = self.pending.iter_mut().find(|flush| flush.token == token) else {
            return false;
        };
        flush.done = true;
        while let Some(flush) = self.pending.pop_front_if(|flush| flush.done) {
            if flush.upto > self.recovery_point {
                self.last_flushed = now;
            }
            self.settle(flush.upto);
        }
        true
    }

    /// Everything below is on the platter, or gone.
    pub(crate) fn settle(&mut self, upto: Offset) {
        self.recovery_point = self.recovery_point.max(upto);
        self.requested = self.requested.max(upto);
    }

    /// A batch was appended and the log ends here now. Only a flush that overtook a truncation had proved more. Source:
    /// `LocalLog.updateLogEndOffset`.
    pub(crate) fn appended(&mut self, end: Offset) {
        self.recovery_point = self.recovery_point.min(end);
        self.requested = self.requested.min(end);
    }

    /// What is from here on is not what was flushed. In Kafka a flush that was scheduled before moves the recovery point
    /// above that all the same. Source: `UnifiedLog.flush`, `LocalLog.markFlushed`.
    pub(crate) fn truncate(&mut self, to: Offset) {
        self.recovery_point = self.recovery_point.min(to);
        self.requested = self.requested.min(to);
        if self.overtakes_truncation {
            return;
        }
        for flush in &mut self.pending {
            flush.upto = flush.upto.min(to);
        }
    }
}

fn token(partition: TopicPartition, counter: u32) -> FlushToken {
    let (topic, index) = (u64::from(partition.topic.0), partition.partition as u64);
    assert!(topic < 1 << TOPIC_BITS, "topic {topic} does not fit a flush token");
    assert!(index < 1 << PARTITION_BITS, "partition {index} does not fit a flush token");
    FlushToken(((topic << PARTITION_BITS | index) << COUNTER_BITS) | u64::from(counter))
}

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

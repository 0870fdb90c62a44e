//! Background flushes, and what they prove.

use std::collections::VecDeque;

use crate::defect::LogDefect;
use crate::log::options::LogOptions;
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
    pub(super) requested: Offset,
    pending: VecDeque<PendingFlush>,
    counter: u32,
    /// Wall time at which the recovery point moved last.
    pub(super) last_flushed: WallTime,
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

    pub(super) fn request(&mut self, upto: Offset) -> FlushToken {
        let token = token(self.partition, self.counter);
        self.counter = self.counter.checked_add(1).expect("a log rolls less than 2^32 times");
        self.requested = self.requested.max(upto);
        self.pending.push_back(PendingFlush { token, upto, done: false });
        token
    }

    pub(super) fn complete(&mut self, token: FlushToken, now: WallTime) -> bool {
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

    /// Everything below is on the disk, or gone.
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

    /// What is from here on is not what was flushed. In Kafka a flush that was scheduled before moves the recovery
    /// point
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

/// The log that a token names.
pub(super) fn owner(token: FlushToken) -> TopicPartition {
    let log = token.0 >> COUNTER_BITS;
    let partition = (log & ((1 << PARTITION_BITS) - 1)) as i32;
    TopicPartition { topic: TopicId((log >> PARTITION_BITS) as u32), partition }
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
            assert_eq!(owner(token(partition, u32::MAX)), partition);
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

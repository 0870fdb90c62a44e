//! The mirror of one log: the headers of its batches, each with a digest of everything up to its end.
//!
//! Two logs are equal up to an offset when their digests there are equal, so every question about prefixes is one
//! comparison or a binary search, whatever the length of the logs.

use harrow_broker_model::note::BatchSummary;
use harrow_broker_model::types::Offset;

/// Digest of the part of a log that is not known; no chain of a log that starts at 0 equals one that starts from it.
const UNKNOWN_PREFIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// Questions are mostly about the newest so many batches.
const NEAR_END: usize = 8;

/// What is known of a log's content, in offset order. A log with a hole equals none that has records there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogMirror {
    start: Offset,
    seed: u64,
    entries: Vec<LogEntry>,
}

/// A batch of a mirror.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEntry {
    /// Its header.
    pub batch: BatchSummary,
    /// Digest of the log up to and with this batch.
    pub chain: u64,
}

impl LogEntry {
    /// The offset after its last record.
    pub fn end(&self) -> Offset {
        self.batch.last_offset.next()
    }
}

impl LogMirror {
    /// First offset that the mirror knows.
    pub fn start(&self) -> Offset {
        self.start
    }

    /// The offset of the next record.
    pub fn end(&self) -> Offset {
        self.entries.last().map_or(self.start, LogEntry::end)
    }

    /// Digest of the whole log.
    pub fn chain(&self) -> u64 {
        self.entries.last().map_or(self.seed, |entry| entry.chain)
    }

    /// The batches, in order.
    pub fn entries(&self) -> &[LogEntry] {
        &self.entries
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The batch that holds `offset`.
    pub fn entry_at(&self, offset: Offset) -> Option<&LogEntry> {
        let index = self.entries.partition_point(|entry| entry.batch.last_offset < offset);
        self.entries.get(index).filter(|entry| entry.batch.base_offset <= offset)
    }

    /// Digest of everything below `end`; `None` if no batch of this log ends there.
    pub fn chain_at(&self, end: Offset) -> Option<u64> {
        if end == self.end() {
            return Some(self.chain());
        }
        let count = self.count_below(end);
        let (known_end, chain) = match count.checked_sub(1) {
            Some(last) => (self.entries[last].end(), self.entries[last].chain),
            None => (self.start, self.seed),
        };
        (known_end == end).then_some(chain)
    }

    /// Whether this log begins with the whole of `prefix`.
    pub fn holds(&self, prefix: &Self) -> bool {
        prefix.is_empty() || self.chain_at(prefix.end()) == Some(prefix.chain())
    }

    /// The offset up to which both logs are equal. Nearly always one of them begins with the whole other one.
    pub fn common_end(&self, other: &Self) -> Offset {
        let shorter = self.end().min(other.end());
        let (own, others) = (self.chain_at(shorter), other.chain_at(shorter));
        if own.is_some() && own == others {
            return shorter;
        }
        let equal = |entry: &LogEntry| other.chain_at(entry.end()) == Some(entry.chain);
        let count = self.entries.partition_point(equal);
        count.checked_sub(1).map_or(self.start, |last| self.entries[last].end())
    }

    /// Whether both logs have the same batches from one offset to another, whatever is below.
    pub fn is_equal_between(&self, other: &Self, (from, to): (Offset, Offset)) -> bool {
        let batches = |log: &Self| -> Vec<BatchSummary> {
            log.between(from, to).iter().map(|entry| entry.batch).collect()
        };
        self.end() >= to && other.end() >= to && batches(self) == batches(other)
    }

    /// Whether both logs are the same up to an offset: all that is below or, where that is not known or deleted, what
    /// is between both starts and it.
    pub fn is_same_up_to(&self, other: &Self, (start, to): (Offset, Offset)) -> bool {
        let from = start.max(self.start).max(other.start);
        self.chain_at(to) == other.chain_at(to)
            || from >= to
            || from > Offset::ZERO && self.is_equal_between(other, (from, to))
    }

    /// The batches that start at or after `from` and end at or before `to`.
    pub fn between(&self, from: Offset, to: Offset) -> &[LogEntry] {
        let first = self.entries.partition_point(|entry| entry.batch.base_offset < from);
        let past = self.count_below(to);
        self.entries.get(first..past).unwrap_or_default()
    }

    /// Adds a batch at the end. One that begins before it is evidence of a missing note, which an invariant reports;
    /// the mirror then follows the newest one. One that begins after it leaves a hole.
    pub(crate) fn push(&mut self, batch: BatchSummary) {
        if batch.base_offset < self.end() {
            self.truncate_to(batch.base_offset);
        }
        if batch.base_offset > self.end() && self.is_empty() {
            self.restart_at(batch.base_offset, UNKNOWN_PREFIX);
        }
        let chain = link(self.chain(), &batch);
        self.entries.push(LogEntry { batch, chain });
    }

    /// What is below its end does not matter any more: from there on it equals a log that has this digest there.
    pub(crate) fn end_as(&mut self, end: Offset, chain: u64) {
        if self.end() != end {
            return;
        }
        match self.entries.last_mut() {
            Some(last) => last.chain = chain,
            None => self.seed = chain,
        }
    }

    /// Cuts the log so that it ends at or below `to`: a batch is kept whole or not at all.
    pub(crate) fn truncate_to(&mut self, to: Offset) {
        let count = self.count_below(to);
        self.entries.truncate(count);
        if to < self.start {
            self.restart_at(to, if to == Offset::ZERO { 0 } else { UNKNOWN_PREFIX });
        }
    }

    /// Drops everything and starts again at `start`; `seed` stands for what is below.
    pub(crate) fn restart_at(&mut self, start: Offset, seed: u64) {
        self.entries.clear();
        self.start = start;
        self.seed = seed;
    }

    /// Starts again at an offset whose prefix is unknown unless `committed` has it.
    pub(crate) fn restart_from(&mut self, start: Offset, committed: &Self) {
        let seed = committed.chain_at(start).unwrap_or(UNKNOWN_PREFIX);
        self.restart_at(start, if start == Offset::ZERO { 0 } else { seed });
    }

    /// Takes over the batches of `source` after this log's end, up to `to`.
    pub(crate) fn extend_from(&mut self, source: &Self, to: Offset) {
        for entry in source.between(self.end(), to) {
            self.push(entry.batch);
        }
    }

    /// How many batches end at or below `end`. Nearly always all but the last few: they are looked at first.
    fn count_below(&self, end: Offset) -> usize {
        let above = self.entries.iter().rev().take(NEAR_END).take_while(|entry| entry.end() > end);
        let count = self.entries.len() - above.count();
        if count + NEAR_END > self.entries.len() {
            return count;
        }
        self.entries[..count].partition_point(|entry| entry.end() <= end)
    }
}

/// Digest of a log with one more batch. Two records are the same when place, epoch and checksum are.
fn link(chain: u64, batch: &BatchSummary) -> u64 {
    let place = (batch.base_offset.0 as u64).rotate_left(32) ^ (batch.last_offset.0 as u64);
    let content = (u64::from(batch.leader_epoch.0 as u32) << 32) | u64::from(batch.checksum);
    stir(stir(chain ^ place).wrapping_add(content))
}

/// One round of `SplitMix64`'s finaliser.
fn stir(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::note::{BatchKind, BatchSummary};
    use harrow_broker_model::types::{
        LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, WallTime,
    };
    use proptest::prelude::*;

    use super::LogMirror;

    fn batch(base: i64, count: i64, checksum: u32) -> BatchSummary {
        BatchSummary {
            base_offset: Offset(base),
            last_offset: Offset(base + count - 1),
            leader_epoch: LeaderEpoch(1),
            checksum,
            producer_id: ProducerId::NONE,
            producer_epoch: ProducerEpoch::NONE,
            base_sequence: Sequence::NONE,
            kind: BatchKind::Plain,
            max_timestamp: WallTime(0),
        }
    }

    fn mirror(batches: &[BatchSummary]) -> LogMirror {
        let mut log = LogMirror::default();
        for batch in batches {
            log.push(*batch);
        }
        log
    }

    fn contents() -> impl Strategy<Value = Vec<BatchSummary>> {
        prop::collection::vec((1..3_i64, 0..2_u32), 0..30).prop_map(|parts| {
            let mut end = 0;
            let place = |(count, checksum): (i64, u32)| {
                end += count;
                batch(end - count, count, checksum)
            };
            parts.into_iter().map(place).collect()
        })
    }

    proptest! {
        #[test]
        fn common_end_is_where_the_batches_part(shared in contents(), a in contents(), b in contents()) {
            let shift = shared.last().map_or(0, |last| last.last_offset.0 + 1);
            let after = |tail: &[BatchSummary]| -> Vec<BatchSummary> {
                let shifted = |it: &BatchSummary| batch(
                    it.base_offset.0 + shift,
                    it.last_offset.0 - it.base_offset.0 + 1,
                    it.checksum,
                );
                let moved = tail.iter().map(shifted);
                shared.iter().copied().chain(moved).collect()
            };
            let (a, b) = (after(&a), after(&b));
            let equal = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
            let expected = equal.checked_sub(1).map_or(Offset::ZERO, |last| a[last].last_offset.next());
            prop_assert_eq!(mirror(&a).common_end(&mirror(&b)), expected);
            prop_assert_eq!(mirror(&a).holds(&mirror(&b)), equal == b.len());
        }

        #[test]
        fn truncation_gives_the_same_as_never_appending(all in contents(), to in 0..60_i64) {
            let mut cut = mirror(&all);
            cut.truncate_to(Offset(to));
            let kept: Vec<BatchSummary> = all.into_iter().filter(|batch| batch.last_offset.0 < to).collect();
            prop_assert_eq!(cut, mirror(&kept));
        }

        #[test]
        fn questions_by_offset(all in contents(), at in 0..60_i64) {
            let log = mirror(&all);
            let held = all.iter().find(|batch| batch.base_offset.0 <= at && at <= batch.last_offset.0);
            prop_assert_eq!(log.entry_at(Offset(at)).map(|entry| &entry.batch), held);
            let ends = at == 0 || all.iter().any(|batch| batch.last_offset.0 + 1 == at);
            prop_assert_eq!(log.chain_at(Offset(at)).is_some(), ends);
        }
    }

    #[test]
    fn logs_that_part_below_may_be_equal_above() {
        let one = mirror(&[batch(0, 1, 1), batch(1, 1, 2), batch(2, 1, 3)]);
        let other = mirror(&[batch(0, 1, 9), batch(1, 1, 2), batch(2, 1, 3)]);
        let table = [((1, 3), true), ((1, 2), true), ((0, 3), false), ((1, 4), false)];
        for ((from, to), equal) in table {
            let between = (Offset(from), Offset(to));
            assert_eq!(one.is_equal_between(&other, between), equal, "{between:?}");
        }
        assert_eq!(one.common_end(&other), Offset::ZERO);
        for ((start, to), same) in [((1, 3), true), ((0, 3), false), ((1, 2), true), ((3, 2), true)]
        {
            let asked = (Offset(start), Offset(to));
            assert_eq!(one.is_same_up_to(&other, asked), same, "{asked:?}");
        }
    }

    #[test]
    fn a_log_with_a_hole_equals_none_without() {
        let whole = mirror(&[batch(0, 1, 1), batch(1, 1, 2), batch(2, 1, 3)]);
        let holed = mirror(&[batch(0, 1, 1), batch(2, 1, 3)]);
        assert_eq!((holed.end(), holed.common_end(&whole)), (Offset(3), Offset(1)));
        assert!(!holed.holds(&whole) && holed.entry_at(Offset(1)).is_none());
        assert_eq!(holed.chain_at(Offset(2)), None, "no batch ends in the hole");
    }

    #[test]
    fn a_log_that_starts_again_equals_one_that_never_did() {
        let whole = mirror(&[batch(0, 1, 1), batch(1, 1, 2), batch(2, 1, 3)]);
        let mut again = LogMirror::default();
        again.restart_from(Offset(2), &whole);
        again.push(batch(2, 1, 3));
        assert!(again.holds(&whole), "its prefix is the committed one");
        again.restart_from(Offset(9), &whole);
        assert!(!again.holds(&whole), "what is below is unknown");
    }
}

//! Where each leader epoch begins in a log. Source: KIP-101, KIP-279, Kafka's
//! `LeaderEpochFileCache`.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::log::checkpoint::{seal, unseal};
use crate::message::EpochEnd;
use crate::record::RecordBatch;
use crate::types::{LeaderEpoch, Offset};

/// An epoch and the offset of its first record, or of the log end when its leader was elected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EpochStart {
    pub(crate) epoch: LeaderEpoch,
    pub(crate) start: Offset,
}

/// Epochs of a log, both epochs and starts strictly ascending.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct EpochCache {
    entries: Vec<EpochStart>,
}

impl EpochCache {
    /// The epochs that these batches, in order, were written in.
    pub(crate) fn of<'a>(batches: impl Iterator<Item = &'a RecordBatch>) -> Self {
        let mut cache = Self::default();
        for batch in batches {
            if batch.leader_epoch() > cache.latest_epoch() {
                cache.assign(batch.leader_epoch(), batch.base_offset());
            }
        }
        cache
    }

    /// Latest epoch, or none.
    pub(crate) fn latest_epoch(&self) -> LeaderEpoch {
        self.entries.last().map_or(LeaderEpoch::NONE, |entry| entry.epoch)
    }

    /// Every epoch and where it begins, ascending.
    pub(crate) fn starts(&self) -> Vec<(LeaderEpoch, Offset)> {
        self.entries.iter().map(|entry| (entry.epoch, entry.start)).collect()
    }

    /// Where the first known epoch begins.
    pub(crate) fn first_start(&self) -> Option<Offset> {
        self.entries.first().map(|entry| entry.start)
    }

    /// Where an epoch begins, if it is known.
    pub(crate) fn start_of(&self, epoch: LeaderEpoch) -> Option<Offset> {
        let index = self.entries.binary_search_by_key(&epoch, |entry| entry.epoch).ok()?;
        Some(self.entries[index].start)
    }

    /// Epoch of the records at an offset, or none.
    pub(crate) fn epoch_at(&self, offset: Offset) -> LeaderEpoch {
        let later = self.entries.partition_point(|entry| entry.start <= offset);
        later.checked_sub(1).map_or(LeaderEpoch::NONE, |index| self.entries[index].epoch)
    }

    /// Records that `epoch` begins at `start`; whether anything changed. Entries that contradict it
    /// give way: the newest information wins.
    pub(crate) fn assign(&mut self, epoch: LeaderEpoch, start: Offset) -> bool {
        assert!(epoch > LeaderEpoch::NONE, "epoch {epoch} assigned at {start}");
        assert!(start >= Offset::ZERO, "epoch {epoch} assigned at {start}");
        let known = |last: &EpochStart| last.epoch == epoch && start >= last.start;
        if self.entries.last().is_some_and(known) {
            return false;
        }
        while self.entries.last().is_some_and(|last| last.epoch >= epoch || last.start >= start) {
            self.entries.pop();
        }
        self.entries.push(EpochStart { epoch, start });
        true
    }

    /// The largest epoch not above `epoch`, and where it ends in a log that ends at `log_end`.
    pub(crate) fn end_offset_for(&self, epoch: LeaderEpoch, log_end: Offset) -> EpochEnd {
        let latest = self.latest_epoch();
        if epoch == LeaderEpoch::NONE || epoch > latest {
            return EpochEnd { epoch: LeaderEpoch::NONE, end_offset: Offset::NONE };
        }
        if epoch == latest {
            return EpochEnd { epoch, end_offset: log_end };
        }
        let higher = self.entries.partition_point(|entry| entry.epoch <= epoch);
        let end_offset = self.entries[higher].start;
        let floor = higher.checked_sub(1).map_or(epoch, |floor| self.entries[floor].epoch);
        EpochEnd { epoch: floor, end_offset }
    }

    /// Drops what begins at or after `end`; whether anything changed.
    pub(crate) fn truncate_from_end(&mut self, end: Offset) -> bool {
        let kept = self.entries.partition_point(|entry| entry.start < end);
        let changed = kept < self.entries.len();
        self.entries.truncate(kept);
        changed
    }

    /// Drops what ends at or before `start`, and lets the epoch that holds `start` begin there;
    /// whether anything changed.
    pub(crate) fn truncate_from_start(&mut self, start: Offset) -> bool {
        let older = self.entries.partition_point(|entry| entry.start <= start);
        let Some(holding) = older.checked_sub(1) else {
            return false;
        };
        let changed = holding > 0 || self.entries[holding].start < start;
        self.entries[holding].start = start;
        self.entries.drain(..holding);
        changed
    }

    /// Forgets everything; whether there was anything.
    pub(crate) fn clear(&mut self) -> bool {
        let changed = !self.entries.is_empty();
        self.entries.clear();
        changed
    }

    /// The newest entries ascend, and the last begins within a log that ends at `end`.
    pub(crate) fn check(&self, end: Offset) {
        if let [.., before, last] = self.entries.as_slice() {
            assert!(
                before.epoch < last.epoch && before.start < last.start,
                "{before:?} is followed by {last:?}"
            );
        }
        let last = self.entries.last();
        assert!(last.is_none_or(|last| last.start <= end), "{last:?} in a log that ends at {end}");
    }

    /// The content of `leader-epoch-checkpoint`.
    pub(crate) fn encode(&self) -> Bytes {
        seal(&self.entries)
    }

    /// Reads the content of `leader-epoch-checkpoint`; `None` if it is torn or damaged.
    pub(crate) fn decode(bytes: &Bytes) -> Option<Self> {
        unseal(bytes).map(|entries| Self { entries })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cache(entries: &[(i32, i64)]) -> EpochCache {
        let entry = |(epoch, start): &(i32, i64)| EpochStart {
            epoch: LeaderEpoch(*epoch),
            start: Offset(*start),
        };
        EpochCache { entries: entries.iter().map(entry).collect() }
    }

    #[test]
    fn assign_follows_rule_2_2_1() {
        type Entries = &'static [(i32, i64)];
        let table: [(&str, Entries, (i32, i64), Entries); 9] = [
            ("first", &[], (3, 10), &[(3, 10)]),
            ("newer epoch", &[(3, 10)], (4, 20), &[(3, 10), (4, 20)]),
            ("same epoch, same start", &[(3, 10)], (3, 10), &[(3, 10)]),
            ("same epoch, later start", &[(3, 10)], (3, 15), &[(3, 10)]),
            ("same epoch, earlier start", &[(3, 10)], (3, 5), &[(3, 5)]),
            ("newer epoch, same start", &[(3, 10)], (4, 10), &[(4, 10)]),
            ("newer epoch, earlier start", &[(1, 0), (3, 10), (4, 20)], (5, 8), &[(1, 0), (5, 8)]),
            ("older epoch, later start", &[(1, 0), (4, 20)], (3, 30), &[(1, 0), (3, 30)]),
            ("older epoch, earlier start", &[(1, 0), (4, 20)], (3, 15), &[(1, 0), (3, 15)]),
        ];
        for (name, before, (epoch, start), after) in table {
            let mut assigned = cache(before);
            let changed = assigned.assign(LeaderEpoch(epoch), Offset(start));
            assert_eq!(assigned, cache(after), "{name}");
            assert_eq!(changed, before != after, "{name}");
        }
    }

    #[test]
    fn end_offsets_follow_rule_2_2_2() {
        let entries = &[(2, 10), (4, 20), (7, 30)];
        let table: [(&str, i32, (i32, i64)); 8] = [
            ("undefined", -1, (-1, -1)),
            ("below the first", 1, (1, 10)),
            ("the first", 2, (2, 20)),
            ("in a gap", 3, (2, 20)),
            ("in the middle", 4, (4, 30)),
            ("in a gap before the latest", 6, (4, 30)),
            ("the latest", 7, (7, 99)),
            ("above the latest", 8, (-1, -1)),
        ];
        for (name, epoch, (end_epoch, end_offset)) in table {
            let expected =
                EpochEnd { epoch: LeaderEpoch(end_epoch), end_offset: Offset(end_offset) };
            let found = cache(entries).end_offset_for(LeaderEpoch(epoch), Offset(99));
            assert_eq!(found, expected, "{name}");
        }
        let empty = cache(&[]).end_offset_for(LeaderEpoch(0), Offset(5));
        assert_eq!((empty.epoch, empty.end_offset), (LeaderEpoch::NONE, Offset::NONE));
    }

    #[test]
    fn truncation_follows_rule_2_2_3() {
        let entries = &[(2, 10), (4, 20), (7, 30)];
        let from_end = |end| {
            let mut cut = cache(entries);
            let changed = cut.truncate_from_end(Offset(end));
            (changed, cut)
        };
        assert_eq!(from_end(31), (false, cache(entries)));
        assert_eq!(from_end(30), (true, cache(&entries[..2])));
        assert_eq!(from_end(21), (true, cache(&entries[..2])));
        assert_eq!(from_end(0), (true, cache(&[])));
        let from_start = |start| {
            let mut cut = cache(entries);
            let changed = cut.truncate_from_start(Offset(start));
            (changed, cut)
        };
        assert_eq!(from_start(9), (false, cache(entries)));
        assert_eq!(from_start(10), (false, cache(entries)));
        assert_eq!(from_start(15), (true, cache(&[(2, 15), (4, 20), (7, 30)])));
        assert_eq!(from_start(20), (true, cache(&entries[1..])));
        assert_eq!(from_start(99), (true, cache(&[(7, 99)])));
    }

    #[test]
    fn a_checkpoint_reads_back() {
        let cache = cache(&[(2, 10), (4, 20)]);
        let bytes = cache.encode();
        assert_eq!(EpochCache::decode(&bytes), Some(cache));
        assert_eq!(EpochCache::decode(&bytes.slice(..bytes.len() - 1)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Whatever happens, both columns ascend, so every epoch has one range of offsets.
        #[test]
        fn entries_ascend(steps in prop::collection::vec((0..3_u8, 0..9_i32, 0..50_i64), 1..40)) {
            let mut cache = EpochCache::default();
            for (kind, epoch, offset) in steps {
                match kind {
                    0 => _ = cache.assign(LeaderEpoch(epoch), Offset(offset)),
                    1 => _ = cache.truncate_from_end(Offset(offset)),
                    _ => _ = cache.truncate_from_start(Offset(offset)),
                }
                let ascends = |pair: &[EpochStart]| {
                    pair[0].epoch < pair[1].epoch && pair[0].start < pair[1].start
                };
                prop_assert!(cache.entries.windows(2).all(ascends), "{:?}", cache);
                for asked in 0..9 {
                    let end = cache.end_offset_for(LeaderEpoch(asked), Offset(60));
                    prop_assert!(end.epoch <= LeaderEpoch(asked));
                }
            }
        }
    }
}

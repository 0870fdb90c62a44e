//! The log cleaner: of each key the last record stays. Source: Kafka's `Cleaner`, KIP-58, KIP-534.
//!
//! A round goes through a log twice: first through its dirty part, to note the newest offset of each key, then through
//! all from its start on, to write segments that lack what is replaced. Offsets stay as they are, so that a cleaned log
//! has holes, and replicas, which clean each for themselves, have different ones. Whoever reads from the start gets of
//! each key the last value, or nothing if that was deleted; without these rules a table that is rebuilt from a topic
//! lacks keys, or has keys that were deleted.
//!
//! | file | what lives there |
//! |---|---|
//! | `mod` | a round: the map, the groups of segments, one cleaned segment after another |
//! | `range` | what may be cleaned, and how dirty a log is |
//! | `offset_map` | the newest offset of each key |
//! | `filter` | what stays of a batch |
//! | `transactions` | which transactions a batch belongs to |
//! | `round` | what a round remembers, and what it makes |
//! | `swap` | how a cleaned segment takes the place of others |
//! | `recover` | what a stop on the way of that leaves |
//!
//! Not covered: indexes, overflow of offsets in a segment, the throttle, `max.compaction.lag.ms`, uncleanable logs.

mod filter;
mod offset_map;
mod range;
mod recover;
mod round;
mod swap;
mod transactions;

use std::collections::VecDeque;

use super::Log;
use super::segment::Segment;
use super::transaction_index::AbortedEntry;
use crate::config::CleanerConfig;
use crate::defect::CleanerDefect;
use crate::types::{Offset, WallTime};

use filter::Filter;
use offset_map::OffsetMap;
use transactions::CleanedTransactions;

pub(crate) use range::CleanableLog;
pub(in crate::log) use recover::complete_swaps;
pub(crate) use round::{CleanedSegment, CleaningRound};

impl Log {
    /// Begins a round: notes the newest offset of each key in the dirty part, as far as there is room. Source:
    /// `Cleaner.doClean`, `buildOffsetMap`.
    pub(crate) fn begin_cleaning(
        &self,
        cleanable: CleanableLog,
        config: CleanerConfig,
        (now, held_by_all): (WallTime, Offset),
    ) -> CleaningRound {
        let CleanableLog { first_dirty, first_uncleanable: upper, .. } = cleanable;
        let mut map = OffsetMap::new(config.dedupe_buffer_size);
        self.fill_map(&mut map, first_dirty, upper);
        let groups = self.group_segments(map.latest().next());
        let transactions = CleanedTransactions::default();
        CleaningRound { now, held_by_all, first_dirty, upper, map, transactions, groups }
    }

    fn fill_map(&self, map: &mut OffsetMap, from: Offset, upper: Offset) {
        let mut transactions = CleanedTransactions::default();
        transactions.add_aborted(self.aborted_between(from, upper));
        let first = self.floor_segment(from);
        for (index, segment) in self.segments.iter().enumerate().skip(first) {
            if segment.base_offset() >= upper {
                return;
            }
            let dirty = segment.batches().iter().skip(segment.count_below(from));
            for batch in dirty {
                let aborted = transactions.read(batch);
                let mut fits = true;
                if !aborted && !batch.is_control() {
                    // What cannot be read replaces nothing.
                    let _ = batch.for_each_record(|record| {
                        let Some(key) = record.key.filter(|_| record.offset >= from) else {
                            return;
                        };
                        fits = fits && map.put(key, record.offset);
                    });
                }
                if !fits {
                    return;
                }
                map.update_latest(batch.last_offset().max(map.latest()));
            }
            let next = self.segments.get(index + 1).map_or(upper, Segment::base_offset);
            map.update_latest(next.min(upper).plus(-1));
        }
    }

    /// The aborted transactions with anything in a range. Source: `LocalLog.collectAbortedTransactions`.
    fn aborted_between(&self, from: Offset, upper: Offset) -> impl Iterator<Item = AbortedEntry> {
        let entries = self.transactions.aborted.iter().copied();
        entries.filter(move |it| it.last_offset >= from && it.first_offset < upper)
    }

    /// The segments below an offset, in groups that fit one segment each. Source: `Cleaner.groupSegmentsBySize`.
    fn group_segments(&self, end: Offset) -> VecDeque<Vec<Offset>> {
        let mut groups: VecDeque<Vec<Offset>> = VecDeque::new();
        let mut size = 0;
        for segment in self.segments.iter().filter(|segment| segment.base_offset() < end) {
            size += segment.size();
            match groups.back_mut() {
                Some(group) if size <= u64::from(self.config.segment_bytes) => {
                    group.push(segment.base_offset());
                }
                Some(_) | None => {
                    groups.push_back(vec![segment.base_offset()]);
                    size = segment.size();
                }
            }
        }
        groups
    }

    /// Cleans the next group of a round; none is left if it gives none. Source: `Cleaner.cleanSegments`.
    pub(crate) fn clean_next(&self, round: &mut CleaningRound) -> Option<CleanedSegment> {
        let replaces = round.groups.pop_front()?;
        if self.config.defects.has(CleanerDefect::ForgetsTransactions) {
            round.transactions = CleanedTransactions::default();
        }
        let mut segment = Segment::new(replaces[0]);
        let mut end = replaces[0];
        for base in &replaces {
            end = self.clean_into(round, *base, &mut segment);
        }
        let aborted = round.transactions.take_kept();
        Some(CleanedSegment { segment, replaces, end, aborted })
    }

    /// Adds what stays of a segment; where that segment ends.
    fn clean_into(&self, round: &mut CleaningRound, base: Offset, into: &mut Segment) -> Offset {
        let index = self.floor_segment(base);
        let source = &self.segments[index];
        assert!(source.base_offset() == base, "{}: no segment at {base}", self.partition);
        let next = self.segments.get(index + 1).map(Segment::base_offset);
        let end = next.unwrap_or(source.end_offset());
        round.transactions.add_aborted(self.aborted_between(base, end));
        let filter = Filter {
            map: &round.map,
            now: round.now,
            delete_retention_ms: self.config.retention.compaction.delete_retention_ms,
            held_by_all: round.held_by_all,
            upper: round.upper,
            producers: &self.producers,
            epochs: &self.epochs,
            defects: self.config.defects,
        };
        for batch in source.batches() {
            let discard = round.transactions.read(batch);
            if let Some(kept) = filter.clean(batch, discard) {
                into.push(kept);
            }
        }
        end
    }
}

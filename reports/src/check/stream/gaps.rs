//! What was passed over with nothing known in it: a record that becomes known there makes it an anomaly.

use std::collections::{BTreeMap, VecDeque};

use crate::check::gap::Gap;

/// So many are watched; the oldest make room. Markers and aborted records leave gaps that never fill.
const GAPS_MAX: usize = 4096;

/// By partition, first offset and number.
type Key = (u32, i64, u64);

#[derive(Debug, Default)]
pub(super) struct Gaps {
    open: BTreeMap<Key, Gap>,
    /// Oldest first; those that have been filled stay until it is their turn.
    order: VecDeque<Key>,
    /// The longest that was ever open.
    longest: u64,
    next: u64,
}

impl Gaps {
    pub(super) fn watch(&mut self, gap: Gap) {
        if self.order.len() == GAPS_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.open.remove(&oldest);
        }
        let key = (gap.partition, gap.first, self.next);
        self.next += 1;
        self.longest = self.longest.max(gap.end.abs_diff(gap.first));
        self.order.push_back(key);
        self.open.insert(key, gap);
    }

    /// A record is at an offset: returns the gaps in which it passes for one that was passed over.
    pub(super) fn fill(
        &mut self,
        partition: u32,
        offset: i64,
        passes: &dyn Fn(&Gap) -> bool,
    ) -> Vec<Gap> {
        let furthest = offset.saturating_sub_unsigned(self.longest);
        let near = self.open.range((partition, furthest, 0)..=(partition, offset, u64::MAX));
        let filled = near.filter(|(_, gap)| offset < gap.end && passes(gap));
        let filled: Vec<Key> = filled.map(|(key, _)| *key).collect();
        filled.into_iter().filter_map(|key| self.open.remove(&key)).collect()
    }
}

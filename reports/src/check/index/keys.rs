//! What compaction may have removed: every record but the last of its key.

use harrow_sim::history::{Completion, NO_KEY};

use super::Index;

/// The last place of each key, in compacted partitions.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// By partition and key.
    last: Vec<((u32, u32), i64)>,
}

impl Keys {
    pub(super) fn of(index: &Index<'_>) -> Self {
        if !index.options.any_compacted() {
            return Self::default();
        }
        let placed = index.by_place.iter().filter_map(|send| {
            let key = index.send(*send).key;
            let (partition, place) = index.place_key(*send);
            let lasting = index.completion_of(*send) != Completion::Fail;
            let counts = key != NO_KEY && lasting && index.options.compacted(partition);
            counts.then_some(((partition, key), place))
        });
        let mut last: Vec<_> = placed.collect();
        last.sort_unstable_by_key(|(key, place)| (*key, std::cmp::Reverse(*place)));
        last.dedup_by_key(|(key, _)| *key);
        Self { last }
    }

    /// Whether a later record of the same key exists.
    pub(super) fn superseded(&self, partition: u32, key: u32, offset: i64) -> bool {
        let found = self.last.binary_search_by_key(&(partition, key), |(known, _)| *known);
        key != NO_KEY && found.is_ok_and(|position| self.last[position].1 > offset)
    }
}

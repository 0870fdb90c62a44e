//! What compaction may have removed: every record but the last of its key.

use harrow_sim::history::{NEVER, NO_KEY, NO_PARTITION};

/// A partition, or [`NO_PARTITION`], and a key in it.
pub(super) type Key = (u32, u32);

/// A record of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyedRecord {
    pub(super) key: Key,
    pub(super) place: i64,
    /// When it began to be sent; once the records are ordered, the first of it and of all later ones of its key.
    pub(super) invoked_ns: u64,
}

/// A record that may be in the log, at a place that nobody was told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct UnplacedRecord {
    pub(super) key: Key,
    pub(super) invoked_ns: u64,
    /// Position in the history's sends.
    pub(super) send: u32,
}

/// The records of each key, in compacted partitions.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// By key and place.
    records: Vec<KeyedRecord>,
    /// By key and time. Such a record stands behind any other of its key for all that anyone knows: a tombstone whose
    /// outcome is unknown removes what was before it, then goes itself.
    unplaced: Vec<UnplacedRecord>,
}

impl Keys {
    pub(super) fn of(mut records: Vec<KeyedRecord>, mut unplaced: Vec<UnplacedRecord>) -> Self {
        records.sort_unstable();
        unplaced.sort_unstable();
        let mut later: Option<KeyedRecord> = None;
        for record in records.iter_mut().rev() {
            let same = later.filter(|later| later.key == record.key);
            record.invoked_ns = record.invoked_ns.min(same.map_or(NEVER, |l| l.invoked_ns));
            later = Some(*record);
        }
        Self { records, unplaced }
    }

    /// When a record of the same key began to be sent that stands later in the log, or may, in nanoseconds, if there is
    /// one.
    pub(super) fn superseded_ns(&self, key: Key, offset: i64, send: u32) -> Option<u64> {
        if key.1 == NO_KEY {
            return None;
        }
        let placed = self.superseded_by_placed_ns(key, offset);
        let anywhere = (NO_PARTITION, key.1);
        let unplaced = [key, anywhere].map(|key| self.superseded_by_unplaced_ns(key, send));
        placed.into_iter().chain(unplaced.into_iter().flatten()).min()
    }

    fn superseded_by_placed_ns(&self, key: Key, offset: i64) -> Option<u64> {
        let later = |record: &KeyedRecord| (record.key, record.place) > (key, offset);
        let position = self.records.partition_point(|record| !later(record));
        let record = self.records.get(position).filter(|record| record.key == key)?;
        Some(record.invoked_ns)
    }

    fn superseded_by_unplaced_ns(&self, key: Key, send: u32) -> Option<u64> {
        let first = self.unplaced.partition_point(|record| record.key < key);
        let same = self.unplaced[first..].iter().take_while(|record| record.key == key);
        same.filter(|record| record.send != send).map(|record| record.invoked_ns).next()
    }
}

//! What compaction may have removed: every record but the last of its key.

use harrow_sim::history::{NEVER, NO_KEY};

/// A partition and a key in it.
pub(super) type Key = (u32, u32);

/// A record of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct KeyedRecord {
    pub(super) key: Key,
    pub(super) place: i64,
    /// When it began to be sent; once the records are ordered, the first of it and of all later ones of its key.
    pub(super) invoked_ns: u64,
}

/// The records of each key, in compacted partitions.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// By key and place.
    records: Vec<KeyedRecord>,
}

impl Keys {
    pub(super) fn of(mut records: Vec<KeyedRecord>) -> Self {
        records.sort_unstable();
        let mut later: Option<KeyedRecord> = None;
        for record in records.iter_mut().rev() {
            let same = later.filter(|later| later.key == record.key);
            record.invoked_ns = record.invoked_ns.min(same.map_or(NEVER, |l| l.invoked_ns));
            later = Some(*record);
        }
        Self { records }
    }

    /// When a later record of the same key began to be sent, in nanoseconds, if there is one.
    pub(super) fn superseded_ns(&self, key: Key, offset: i64) -> Option<u64> {
        let later = |record: &KeyedRecord| (record.key, record.place) > (key, offset);
        let position = self.records.partition_point(|record| !later(record));
        let record = self.records.get(position).filter(|record| record.key == key)?;
        (key.1 != NO_KEY).then_some(record.invoked_ns)
    }

    /// Whether a later record of the same key existed by this time, in nanoseconds.
    pub(super) fn superseded(&self, key: Key, offset: i64, by_ns: u64) -> bool {
        self.superseded_ns(key, offset).is_some_and(|at_ns| at_ns <= by_ns)
    }
}

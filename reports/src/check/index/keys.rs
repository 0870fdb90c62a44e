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
    /// Whether it is a tombstone, which goes itself.
    pub(super) tombstone: bool,
}

/// The records of each key, in compacted partitions.
#[derive(Debug, Default)]
pub(super) struct Keys {
    /// By key and place.
    records: Vec<KeyedRecord>,
    /// By key and time. Such a record stands behind any other of its key for all that anyone knows: a tombstone whose
    /// outcome is unknown removes what was before it, then goes itself.
    unplaced: Vec<UnplacedRecord>,
    /// Whether all that is in the logs in the end was read: then what stays there is placed.
    final_reads: bool,
}

impl Keys {
    pub(super) fn of(
        mut records: Vec<KeyedRecord>,
        mut unplaced: Vec<UnplacedRecord>,
        final_reads: bool,
    ) -> Self {
        records.sort_unstable();
        unplaced.sort_unstable();
        let mut later: Option<KeyedRecord> = None;
        for record in records.iter_mut().rev() {
            let same = later.filter(|later| later.key == record.key);
            record.invoked_ns = record.invoked_ns.min(same.map_or(NEVER, |l| l.invoked_ns));
            later = Some(*record);
        }
        Self { records, unplaced, final_reads }
    }

    /// When a record of the same key began to be sent that stands later in the log, or may, in nanoseconds, if there is
    /// one.
    pub(super) fn superseded_ns(&self, key: Key, offset: i64, send: u32) -> Option<u64> {
        if key.1 == NO_KEY {
            return None;
        }
        let placed = self.superseded_by_placed_ns(key, offset);
        let unplaced = || {
            let anywhere = (NO_PARTITION, key.1);
            let of_key = [key, anywhere].into_iter().flat_map(|key| self.unplaced_of(key));
            of_key.filter(move |record| record.send != send)
        };
        // What took its place and is no tombstone is in the log still, or something else took its place in turn.
        let any = !self.final_reads || placed.is_some() || unplaced().any(|it| it.tombstone);
        let unplaced = unplaced().filter(|_| any).map(|record| record.invoked_ns);
        placed.into_iter().chain(unplaced).min()
    }

    fn superseded_by_placed_ns(&self, key: Key, offset: i64) -> Option<u64> {
        let later = |record: &KeyedRecord| (record.key, record.place) > (key, offset);
        let position = self.records.partition_point(|record| !later(record));
        let record = self.records.get(position).filter(|record| record.key == key)?;
        Some(record.invoked_ns)
    }

    fn unplaced_of(&self, key: Key) -> impl Iterator<Item = &UnplacedRecord> {
        let first = self.unplaced.partition_point(|record| record.key < key);
        self.unplaced[first..].iter().take_while(move |record| record.key == key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = (0, 7);

    /// A record stands at 5; another one was sent at 20, and stands behind it, or may.
    #[test]
    fn what_may_stand_behind_a_record_takes_its_place() {
        let own = KeyedRecord { key: KEY, place: 5, invoked_ns: 10 };
        let placed = |invoked_ns| KeyedRecord { key: KEY, place: 6, invoked_ns };
        let unknown = |key, tombstone| UnplacedRecord { key, invoked_ns: 20, send: 1, tombstone };
        let anywhere = (NO_PARTITION, 7);
        let own_again = UnplacedRecord { send: 0, ..unknown(KEY, true) };
        // (records that are placed, that are not, final reads) -> from when on the first may be gone
        let table = [
            (vec![own], vec![], true, None),
            (vec![own, placed(20)], vec![], true, Some(20)),
            (vec![own], vec![unknown(KEY, true)], true, Some(20)),
            (vec![own], vec![unknown(anywhere, true)], true, Some(20)),
            (vec![own], vec![unknown((0, 8), true)], true, None),
            (vec![own], vec![unknown((1, 7), true)], true, None),
            (vec![own], vec![own_again], true, None),
            (vec![own], vec![unknown(KEY, false)], true, None),
            (vec![own], vec![unknown(KEY, false)], false, Some(20)),
            (vec![own, placed(30)], vec![unknown(KEY, false)], true, Some(20)),
        ];
        for (records, unplaced, final_reads, expected) in table {
            let said = format!("{records:?} {unplaced:?} {final_reads}");
            let keys = Keys::of(records, unplaced, final_reads);
            assert_eq!(keys.superseded_ns(KEY, 5, 0), expected, "{said}");
        }
    }
}

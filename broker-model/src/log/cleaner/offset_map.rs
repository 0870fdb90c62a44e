//! The newest offset of each key in the dirty part of a log. Source: Kafka's `SkimpyOffsetMap`, which keeps hashes of
//! keys; here the keys themselves, so that no two are taken for one.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::types::Offset;

/// Bytes that Kafka takes for a key: a hash of 16 and the offset.
const SLOT_BYTES: u32 = 24;

/// Of each key the newest offset, of so many keys at most.
#[derive(Debug)]
pub(crate) struct OffsetMap {
    keys: BTreeMap<Bytes, Offset>,
    keys_max: usize,
    latest: Offset,
}

impl OffsetMap {
    /// An empty map in so many bytes, of which nine tenths are used. Source: `log.cleaner.io.buffer.load.factor`.
    pub(super) fn new(bytes: u32) -> Self {
        let slots = u64::from(bytes / SLOT_BYTES);
        let keys_max = (slots * 9 / 10).max(1) as usize;
        Self { keys: BTreeMap::new(), keys_max, latest: Offset::NONE }
    }

    /// Notes a record; false if there is no room.
    pub(super) fn put(&mut self, key: &[u8], offset: Offset) -> bool {
        if self.keys.len() >= self.keys_max {
            return false;
        }
        self.keys.insert(Bytes::copy_from_slice(key), offset);
        true
    }

    /// The newest offset of a key that was noted.
    pub(super) fn get(&self, key: &[u8]) -> Option<Offset> {
        self.keys.get(key).copied()
    }

    /// All records up to this one are noted.
    pub(super) fn latest(&self) -> Offset {
        self.latest
    }

    pub(super) fn update_latest(&mut self, latest: Offset) {
        assert!(latest >= self.latest, "a map up to {} goes back to {latest}", self.latest);
        self.latest = latest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_offset_counts_and_room_is_bounded() {
        let mut map = OffsetMap::new(72);
        assert!(map.put(b"a", Offset(1)) && map.put(b"a", Offset(4)));
        assert_eq!((map.get(b"a"), map.get(b"b")), (Some(Offset(4)), None));
        assert!(map.put(b"b", Offset(5)), "two of three slots are used");
        assert!(!map.put(b"c", Offset(6)) && !map.put(b"a", Offset(7)), "it is full");
        assert_eq!(map.get(b"a"), Some(Offset(4)));
    }
}

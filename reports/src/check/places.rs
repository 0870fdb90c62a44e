//! Promises: a record is in the log once, and an offset names one record for all time. Sources: KIP-98 (idempotence);
//! Jepsen's `duplicate` and `inconsistent-offsets`.
//!
//! The log is what acknowledgements and all polls say, polls of failed operations included: a consumer must never get
//! wrong data, whatever becomes of it afterwards. Not verified: copies that nobody read.

use harrow_sim::history::ReadRecord;

use super::index::{Index, NONE, Placement, Read};
use super::{Anomaly, Found, Witness};

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    check_duplicates(index, found);
    check_offsets(index, found);
}

fn check_duplicates(index: &Index<'_>, found: &mut Found) {
    for write in &index.writes {
        let Some((lowest, highest)) = write.places else {
            continue;
        };
        if lowest == highest {
            continue;
        }
        let partition = write.partition;
        let copy = |offset| stated(index, partition, offset, write.value);
        if let (Some(first), Some(second)) = (copy(lowest), copy(highest)) {
            found.add(index, Anomaly::Duplicate, partition, second, Some(first));
        }
    }
    check_garbage_duplicates(index, found);
}

/// Values that nobody sent have no write to hold their places; unreadable bytes are not compared with each other.
fn check_garbage_duplicates(index: &Index<'_>, found: &mut Found) {
    let unsent = |place: &&Placement| place.writer == NONE && place.value != ReadRecord::GARBAGE;
    let mut places: Vec<_> = index.placements.iter().filter(unsent).collect();
    places.sort_by_key(|place| (place.partition, place.value, place.offset));
    for copies in places.chunk_by(|a, b| (a.partition, a.value) == (b.partition, b.value)) {
        if let [first, .., last] = copies {
            let (first, last) = (index.witness_placement(first), index.witness_placement(last));
            found.add(index, Anomaly::Duplicate, copies[0].partition, last, Some(first));
        }
    }
}

fn check_offsets(index: &Index<'_>, found: &mut Found) {
    let same = |a: &Placement, b: &Placement| (a.partition, a.offset) == (b.partition, b.offset);
    let shared = || index.placements.chunk_by(same).filter(|values| values.len() > 1);
    let offsets: Vec<(u32, i64)> =
        shared().map(|values| (values[0].partition, values[0].offset)).collect();
    let read_there = reads_at(index, &offsets);
    let witness = |place: &Placement| {
        let key = (place.partition, place.offset, place.value);
        // A copy of the value elsewhere says nothing about this offset.
        let read = read_there.binary_search(&key).is_ok();
        Witness { read, ..index.witness_placement(place) }
    };
    for values in shared() {
        for other in &values[1..] {
            let (first, other) = (witness(&values[0]), witness(other));
            let partition = values[0].partition;
            found.add(index, Anomaly::InconsistentOffsets, partition, other, Some(first));
        }
    }
}

/// What polls returned at these offsets, in order of partition, offset and value.
fn reads_at(index: &Index<'_>, offsets: &[(u32, i64)]) -> Vec<(u32, i64, u64)> {
    if offsets.is_empty() {
        return Vec::new();
    }
    let here = |read: &&Read| offsets.binary_search(&(read.partition, read.offset)).is_ok();
    let reads = index.reads.iter().filter(here);
    let mut found: Vec<_> = reads.map(|read| (read.partition, read.offset, read.value)).collect();
    found.sort_unstable();
    found.dedup();
    found
}

fn stated(index: &Index<'_>, partition: u32, offset: i64, value: u64) -> Option<Witness> {
    let key = (partition, offset, value);
    let found = index.placements.binary_search_by_key(&key, |p| (p.partition, p.offset, p.value));
    found.ok().map(|position| index.witness_placement(&index.placements[position]))
}

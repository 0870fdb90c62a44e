//! Promises: a record is in the log once, and an offset names one record for all time. Sources: KIP-98 (idempotence);
//! Jepsen's `duplicate` and `inconsistent-offsets`.
//!
//! The log is what acknowledgements and all polls say, polls of failed operations included: a consumer must never get
//! wrong data, whatever becomes of it afterwards. Not verified: copies that nobody read.

use harrow_sim::history::ReadRecord;

use super::index::{Index, NONE, Placement};
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
    for values in index.placements.chunk_by(same) {
        let Some((first, others)) = values.split_first() else {
            continue;
        };
        for other in others {
            let (first, other) = (index.witness_placement(first), index.witness_placement(other));
            let partition = values[0].partition;
            found.add(index, Anomaly::InconsistentOffsets, partition, other, Some(first));
        }
    }
}

fn stated(index: &Index<'_>, partition: u32, offset: i64, value: u64) -> Option<Witness> {
    let key = (partition, offset, value);
    let found = index.placements.binary_search_by_key(&key, |p| (p.partition, p.offset, p.value));
    found.ok().map(|position| index.witness_placement(&index.placements[position]))
}

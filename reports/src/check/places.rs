//! Promises: a record is in the log once, and an offset names one record for all time. Sources: KIP-98 (idempotence);
//! Jepsen's `duplicate` and `inconsistent-offsets`.
//!
//! The log is what acknowledgements and all polls say, polls of failed operations included: a consumer must never get
//! wrong data, whatever becomes of it afterwards. Not verified: copies that nobody read.

use harrow_sim::history::ReadRecord;

use super::anomaly::Anomaly;
use super::found::Found;
use super::index::{Index, NONE, Placement};
use super::occurrence::{Observation, shown_at};

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    check_duplicates(index, found);
    check_offsets(index, found);
}

/// Every record that has copies, against its last one; values that nobody sent, against their first place. Unreadable
/// bytes are not compared with each other.
fn check_duplicates(index: &Index<'_>, found: &mut Found) {
    let named = |copy: &&Placement| copy.writer != NONE || copy.value != ReadRecord::GARBAGE;
    let mut copies: Vec<&Placement> = index.copies().iter().filter(named).collect();
    copies.sort_by_key(|copy| (copy.partition, copy.value, copy.writer, copy.offset));
    let same = |a: &&Placement, b: &&Placement| {
        (a.partition, a.value, a.writer) == (b.partition, b.value, b.writer)
    };
    for group in copies.chunk_by(same) {
        let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
        let first = if first.writer == NONE { **first } else { index.placement(first.writer) };
        if first.offset != last.offset {
            let (subject, other) =
                (index.observation_of_placement(last), index.observation_of_placement(&first));
            found.add(index, Anomaly::Duplicate, last.partition, subject, Some(other));
        }
    }
}

/// Offsets that have carried several values.
fn check_offsets(index: &Index<'_>, found: &mut Found) {
    let shared = shared_offsets(index);
    let read_there = reads_at(index, &shared);
    // A copy of the value elsewhere says nothing about this offset.
    let first_read = |place: &Placement| {
        let key = (place.partition, place.offset, place.value);
        let found = read_there.binary_search_by_key(&key, |(place, _)| *place).ok();
        found.map(|position| read_there[position].1)
    };
    let observation = |place: &Placement| {
        let read = first_read(place).is_some();
        Observation { read, ..index.observation_of_placement(place) }
    };
    let same = |a: &Placement, b: &Placement| (a.partition, a.offset) == (b.partition, b.offset);
    for values in shared.chunk_by(same) {
        let Some((first, others)) = values.split_first() else { continue };
        for other in others {
            // If both were read there, it does not rest on what the producers were told.
            let shown_ns = first_read(other).zip(first_read(first)).map(|(a, b)| a.max(b));
            let both = (observation(other), Some(observation(first)));
            let partition = other.partition;
            found.add_shown(index, Anomaly::InconsistentOffsets, partition, both, shown_ns);
        }
    }
}

/// Everything at an offset that has several values, by partition, offset and value.
fn shared_offsets(index: &Index<'_>) -> Vec<Placement> {
    let mut shared = Vec::new();
    let mut keep = |group: &[u32]| {
        if group.len() > 1 {
            shared.extend(group.iter().map(|send| index.placement(*send)));
        }
    };
    index.by_place().chunk_by(|a, b| index.same_place(*a, *b)).for_each(&mut keep);
    for copies in index.copies().chunk_by(|a, b| (a.partition, a.offset) == (b.partition, b.offset))
    {
        let Some(first) = copies.first() else { continue };
        let sent = index.placed_from(first.partition, first.offset).iter();
        let sent = sent.map(|send| index.placement(*send));
        let sent: Vec<Placement> = sent.take_while(|place| place.offset == first.offset).collect();
        if sent.len() + copies.len() > 1 {
            shared.extend(sent);
            shared.extend_from_slice(copies);
        }
    }
    shared.sort_unstable();
    shared.dedup_by_key(|place| (place.partition, place.offset, place.value));
    shared
}

/// What polls returned at these offsets, in order of partition, offset and value, and when the first of each was there.
fn reads_at(index: &Index<'_>, shared: &[Placement]) -> Vec<((u32, i64, u64), u64)> {
    if shared.is_empty() {
        return Vec::new();
    }
    let shares = |partition: u32, offset: i64| {
        shared.binary_search_by_key(&(partition, offset), |p| (p.partition, p.offset)).is_ok()
    };
    let reads = (0..).zip(index.history.reads());
    let reads = reads.filter(|(_, read)| shares(read.partition, read.offset));
    let shown = |(id, read): (u32, &ReadRecord)| {
        let place = (read.partition, read.offset, read.value);
        (place, shown_at(index.history, index.observation_of_read(id).operation))
    };
    let mut found: Vec<_> = reads.map(shown).collect();
    found.sort_unstable();
    found.dedup_by_key(|(place, _)| *place);
    found
}

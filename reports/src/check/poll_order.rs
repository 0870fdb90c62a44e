//! Promise: a consumer that keeps its assignment moves forward without gaps. Source: Kafka's consumer position;
//! Jepsen's `(int-)nonmonotonic-poll` and `(int-)poll-skip`.
//!
//! A poll of a failed operation does not move the position, as the application goes back; one of unknown outcome may
//! have moved it or not, and both are accepted. Assigning or crashing forgets all positions. A gap is one only if a
//! record is known to exist in it: markers and aborted records leave legal holes. Not verified: where a consumer
//! starts.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, Function};

use super::index::{Index, Read};
use super::{Anomaly, Found};

/// Where a consumer stands in one partition: the last read that surely counts, and one that may.
#[derive(Default, Clone, Copy)]
struct Cursor {
    sure: Option<Read>,
    possible: Option<Read>,
}

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    let mut scratch = Vec::new();
    for consumer in by_process(index).chunk_by(|a, b| a.0 == b.0) {
        let mut cursors: BTreeMap<u32, Cursor> = BTreeMap::new();
        for (_, _, operation) in consumer {
            match index.operation(*operation).function {
                Function::Assign { .. } | Function::Crash => cursors.clear(),
                Function::Send | Function::List => {}
                Function::Poll | Function::Txn => {
                    scratch.clear();
                    scratch.extend_from_slice(index.reads_of(*operation));
                    // Stable, so the order of delivery stays within a partition.
                    scratch.sort_by_key(|read| read.partition);
                    check_poll(index, found, &scratch, &mut cursors);
                }
            }
        }
    }
}

/// Everything that moves or forgets positions, as (process, invocation, operation), in order.
fn by_process(index: &Index<'_>) -> Vec<(u32, u64, u32)> {
    let operations = (0_u32..).zip(&index.history.operations);
    let relevant = operations.filter(|(operation, record)| match record.function {
        Function::Assign { .. } | Function::Crash => true,
        Function::Poll | Function::Txn => !index.reads_of(*operation).is_empty(),
        Function::Send | Function::List => false,
    });
    let mut list: Vec<_> = relevant.map(|(o, r)| (r.process, r.invoked_ns, o)).collect();
    list.sort_unstable();
    list
}

fn check_poll(
    index: &Index<'_>,
    found: &mut Found,
    reads: &[Read],
    cursors: &mut BTreeMap<u32, Cursor>,
) {
    for run in reads.chunk_by(|a, b| a.partition == b.partition) {
        let [first, ..] = run else { continue };
        let last = run.last().unwrap_or(first);
        for pair in run.windows(2) {
            if let [from, to] = pair {
                check_back(index, found, Anomaly::IntNonmonotonicPoll, from, to);
                check_gap(index, found, Anomaly::IntPollSkip, from, to);
            }
        }
        let cursor = cursors.entry(first.partition).or_default();
        check_start(index, found, cursor, first);
        match index.operation(first.operation).completion {
            Completion::Ok => *cursor = Cursor { sure: Some(*last), possible: Some(*last) },
            Completion::Fail => {}
            Completion::Info => cursor.possible = Some(further(cursor.possible, *last)),
        }
    }
}

fn check_start(index: &Index<'_>, found: &mut Found, cursor: &Cursor, first: &Read) {
    if let Some(sure) = &cursor.sure {
        check_back(index, found, Anomaly::NonmonotonicPoll, sure, first);
        // Before a first sure read, nothing says where the consumer stood.
        if let Some(possible) = &cursor.possible {
            check_gap(index, found, Anomaly::PollSkip, possible, first);
        }
    }
}

fn further(before: Option<Read>, read: Read) -> Read {
    before.filter(|before| before.offset > read.offset).unwrap_or(read)
}

fn check_back(index: &Index<'_>, found: &mut Found, anomaly: Anomaly, from: &Read, to: &Read) {
    let offsets_go_on = to.offset > from.offset;
    if offsets_go_on && index.place_of(to) > index.place_of(from) {
        return;
    }
    // If the offsets go on, a second copy has brought back a record that was there before.
    let before = found.list.len();
    let (subject, other) = (index.witness_read(to), index.witness_read(from));
    found.add(index, anomaly, to.partition, subject, Some(other));
    found.list[before..].iter_mut().for_each(|o| o.through_duplicate = offsets_go_on);
}

fn check_gap(index: &Index<'_>, found: &mut Found, anomaly: Anomaly, from: &Read, to: &Read) {
    if let Some(passed) = index.passed_over(from, to) {
        let (subject, other) = (index.witness_read(to), index.witness_placement(&passed));
        found.add(index, anomaly, to.partition, subject, Some(other));
    }
}

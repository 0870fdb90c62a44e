//! In one generation, a partition has one owner at a time.
//!
//! A member owns what a join gave it, and what its polls return, until its process joins again, takes other
//! partitions or crashes: from then on somebody else may have come in its place, as a static member does without a
//! new generation (KIP-345). Nor does it own anything once its group may have been born again: generations that were
//! come again then.

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, Function, History, NEVER, Row, What};

use super::lives::Lives;
use super::moves::rebalanced;
use crate::check::anomaly::Anomaly;
use crate::check::found::Found;
use crate::check::index::Index;
use crate::check::occurrence::Observation;

/// By group, partition and generation.
type Place = (u32, u32, i64);

/// Who owns what, as calls end.
#[derive(Debug, Default)]
pub(in crate::check) struct Owners {
    /// The operations that gave it to those who may have it.
    owned: BTreeMap<Place, Vec<u32>>,
    /// When each process last began to get other partitions.
    released: BTreeMap<u32, u64>,
    lives: Lives,
    /// When each process's last join began.
    joined: BTreeMap<u32, u64>,
}

/// Finds all pairs of owners. Each place is told once.
pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    let begun =
        index.begun().iter().map(|operation| index.row(*operation)).filter(|row| releases(row));
    let mut begun = begun.map(|row| (row.invoked_ns, row)).peekable();
    let (mut owners, mut returned) = (Owners::default(), Vec::new());
    for (operation, row) in (0_u32..).zip(index.history.rows()) {
        if row.completed_ns == NEVER {
            break;
        }
        while let Some((_, row)) = begun.next_if(|(begun_ns, _)| *begun_ns <= row.completed_ns) {
            owners.begin(row);
        }
        for (place, first) in owners.end(index.history, operation) {
            returned.push((place, operation, first));
        }
    }
    returned.sort_by_key(|(place, _, _)| *place);
    returned.dedup_by_key(|(place, _, _)| *place);
    for ((_, partition, _), operation, first) in returned {
        let (subject, other) = (Observation::answer(operation, -1), Observation::answer(first, -1));
        found.add(index, Anomaly::DoubleOwnership, partition, subject, Some(other));
    }
}

impl Owners {
    /// An operation begins.
    pub(in crate::check) fn begin(&mut self, row: &Row) {
        self.lives.take(row);
        if releases(row) {
            self.released.insert(row.process, row.invoked_ns);
        }
        if row.function == Function::Join {
            self.joined.insert(row.process, row.invoked_ns);
        }
    }

    /// An operation has ended; returns what it has that another process has as well, with the operation that shows
    /// it of that one.
    pub(in crate::check) fn end(&mut self, history: &History, operation: u32) -> Vec<(Place, u32)> {
        let row = history.row(operation);
        let shows = matches!(row.function, Function::Join | Function::Poll);
        if !shows || row.completion != Completion::Ok {
            return Vec::new();
        }
        let Some((group, generation)) = history.member(operation) else { return Vec::new() };
        if row.function == Function::Join {
            self.lives.join(row, group, generation);
        }
        let (joined, lives) = (&self.joined, &self.lives);
        let is_past = |process: u32| {
            joined.get(&process).is_some_and(|began_ns| lives.may_be_past(group, *began_ns))
        };
        if is_past(row.process) {
            return Vec::new();
        }
        let mut shared = Vec::new();
        for partition in has(history, operation) {
            let place = (group, partition, generation);
            let owners = self.owned.entry(place).or_default();
            let released = &self.released;
            owners.retain(|owner| {
                let row = history.row(*owner);
                let is_released =
                    released.get(&row.process).is_some_and(|at_ns| *at_ns > row.invoked_ns);
                !is_released && !is_past(row.process)
            });
            let process = |owner: u32| history.row(owner).process;
            let other = owners.iter().find(|owner| process(**owner) != row.process);
            shared.extend(other.map(|other| (place, *other)));
            if !owners.iter().any(|owner| process(*owner) == row.process) {
                owners.push(operation);
            }
        }
        shared
    }
}

/// The partitions that an operation shows its member to have: what a join gave it, or what a poll returned, unless
/// that was taken from it meanwhile.
fn has(history: &History, operation: u32) -> Vec<u32> {
    let details = || history.details_of(operation);
    if history.row(operation).function == Function::Join {
        let given =
            |what| if let What::Assigned { partition } = what { Some(partition) } else { None };
        return details().filter_map(given).collect();
    }
    let reads = &history.reads()[history.reads_of(operation)];
    let mut polled: Vec<u32> = reads.iter().map(|read| read.partition).collect();
    polled.sort_unstable();
    polled.dedup();
    let taken = rebalanced(history, operation);
    polled.retain(|partition| !taken.contains(partition));
    polled
}

/// Whether a process that begins this may not have any longer what it had.
fn releases(row: &Row) -> bool {
    match row.function {
        Function::Assign { .. } | Function::Subscribe | Function::Join | Function::Crash => true,
        Function::Send | Function::Poll | Function::Txn | Function::Commit | Function::List => {
            false
        }
    }
}

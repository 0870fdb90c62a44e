//! Promise: a consumer that keeps its assignment moves forward without gaps. Source: Kafka's consumer position;
//! Jepsen's `(int-)nonmonotonic-poll` and `(int-)poll-skip`.
//!
//! A poll of a failed operation does not move the position, as the application goes back; one of unknown outcome may
//! have moved it or not, and both are accepted; if it tells no records, nobody knows how far. Assigning, subscribing,
//! joining and crashing forget all positions; a rebalance inside an operation forgets those of its partitions, before
//! and after. Who assigns and seeks to the beginning stands before the log's first record. A gap is one only if a
//! record
//! is known to exist in it: markers and aborted records leave legal holes. Not verified: where any other consumer
//! starts
//! (that is `groups`).

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, Function, What};

use super::groups::rebalanced;
use super::index::{Index, ReadId};
use super::{Anomaly, Circumstance, Found};

/// Where a consumer stands in one partition: the last read that surely counts, and one that may.
#[derive(Default, Clone, Copy)]
struct Cursor {
    sure: Option<ReadId>,
    possible: Option<ReadId>,
    /// Whether it stands at the log's start.
    at_start: bool,
    /// Group and generation of the last poll.
    member: Option<(u32, i64)>,
}

/// How a process gets its partitions, as far as it has said.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Source {
    #[default]
    Unsaid,
    Assigned,
    Group,
}

#[derive(Default)]
struct Consumers {
    /// By process, then partition.
    cursors: BTreeMap<(u32, u32), Cursor>,
    /// By process; those that never said are not in it.
    sources: BTreeMap<u32, Source>,
}

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    let mut consumers = Consumers::default();
    let mut scratch = Vec::new();
    for operation in index.begun().iter().copied() {
        let row = index.row(operation);
        match row.function {
            Function::Assign { from_start } => {
                consumers.reset(row.process, Source::Assigned);
                if from_start && row.completion == Completion::Ok {
                    consumers.seek_to_start(index, operation);
                }
            }
            Function::Subscribe | Function::Join => consumers.reset(row.process, Source::Group),
            Function::Crash => consumers.reset(row.process, Source::Unsaid),
            Function::Send | Function::List => {}
            Function::Poll | Function::Txn | Function::Commit => {
                check_poll(index, found, operation, &mut scratch, &mut consumers);
            }
        }
    }
}

impl Consumers {
    /// A process gets other partitions: what it has read says nothing about where it goes on.
    fn reset(&mut self, process: u32, source: Source) {
        self.sources.insert(process, source);
        let known = self.cursors.range((process, 0)..=(process, u32::MAX)).map(|(key, _)| *key);
        let known: Vec<(u32, u32)> = known.collect();
        for key in known {
            self.cursors.remove(&key);
        }
    }

    fn seek_to_start(&mut self, index: &Index<'_>, operation: u32) {
        let process = index.row(operation).process;
        for what in index.history.details_of(operation) {
            if let What::Assigned { partition } = what {
                let start = Cursor { at_start: true, ..Cursor::default() };
                self.cursors.insert((process, partition), start);
            }
        }
    }

    /// A process may have got more than anyone was told.
    fn lose_track(&mut self, process: u32) {
        for (_, cursor) in self.cursors.range_mut((process, 0)..=(process, u32::MAX)) {
            (cursor.possible, cursor.at_start) = (None, false);
        }
    }
}

fn check_poll(
    index: &Index<'_>,
    found: &mut Found,
    operation: u32,
    scratch: &mut Vec<ReadId>,
    consumers: &mut Consumers,
) {
    scratch.clear();
    scratch.extend(index.reads_of(operation));
    let (process, completion) = (index.row(operation).process, index.row(operation).completion);
    let rebalanced = rebalanced(index, operation);
    for partition in &rebalanced {
        // Nobody knows after which of the records that was.
        consumers.cursors.remove(&(process, *partition));
    }
    if scratch.is_empty() {
        if completion == Completion::Info && index.row(operation).function != Function::Commit {
            consumers.lose_track(process);
        }
        return;
    }
    // Stable, so the order of delivery stays within a partition.
    scratch.sort_by_key(|read| index.read(*read).partition);
    let member = index.history.member(operation);
    let source = consumers.sources.get(&process).copied().unwrap_or_default();
    let together = |a: &ReadId, b: &ReadId| index.read(*a).partition == index.read(*b).partition;
    for run in scratch.chunk_by(together) {
        let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
        let partition = index.read(*first).partition;
        if rebalanced.contains(&partition) {
            continue;
        }
        let cursor = consumers.cursors.entry((process, partition)).or_default();
        check_inside(index, found, run);
        check_start(index, found, cursor, *first, circumstance(cursor, member, source));
        cursor.member = member;
        match completion {
            Completion::Ok => (cursor.sure, cursor.possible) = (Some(*last), Some(*last)),
            Completion::Fail => {}
            Completion::Info => cursor.possible = Some(further(index, cursor.possible, *last)),
        }
        cursor.at_start &= completion == Completion::Fail;
    }
}

fn check_inside(index: &Index<'_>, found: &mut Found, run: &[ReadId]) {
    for pair in run.windows(2) {
        if let [from, to] = *pair {
            let plain = Circumstance::Plain;
            check_back(index, found, Anomaly::IntNonmonotonicPoll, (from, to), plain);
            check_gap(index, found, Anomaly::IntPollSkip, (from, to), plain);
        }
    }
}

fn check_start(
    index: &Index<'_>,
    found: &mut Found,
    cursor: &Cursor,
    first: ReadId,
    circumstance: Circumstance,
) {
    if cursor.at_start {
        check_passed(index, found, Anomaly::PollSkip, (0, None), first, circumstance);
    }
    // Before a first sure read, nothing else says where the consumer stood.
    let Some(sure) = cursor.sure else { return };
    check_back(index, found, Anomaly::NonmonotonicPoll, (sure, first), circumstance);
    if let Some(possible) = cursor.possible {
        check_gap(index, found, Anomaly::PollSkip, (possible, first), circumstance);
    }
}

/// Whether a consumer may have lost a partition and got it back since its last poll.
fn circumstance(cursor: &Cursor, member: Option<(u32, i64)>, source: Source) -> Circumstance {
    if source == Source::Assigned || member.is_some() && member == cursor.member {
        Circumstance::KeptAssignment
    } else if source == Source::Group || member.is_some() {
        Circumstance::Subscribed
    } else {
        Circumstance::Plain
    }
}

fn further(index: &Index<'_>, before: Option<ReadId>, read: ReadId) -> ReadId {
    let offset = index.read(read).offset;
    before.filter(|before| index.read(*before).offset > offset).unwrap_or(read)
}

fn check_back(
    index: &Index<'_>,
    found: &mut Found,
    anomaly: Anomaly,
    (from, to): (ReadId, ReadId),
    circumstance: Circumstance,
) {
    let offsets_go_on = index.read(to).offset > index.read(from).offset;
    if offsets_go_on && index.place_of(to) > index.place_of(from) {
        return;
    }
    // If the offsets go on, a second copy has brought back a record that was there before.
    let circumstance = if offsets_go_on { Circumstance::ThroughDuplicate } else { circumstance };
    let witnesses = (index.witness_read(to), Some(index.witness_read(from)));
    found.add_with(index, anomaly, index.read(to).partition, witnesses, circumstance);
}

fn check_gap(
    index: &Index<'_>,
    found: &mut Found,
    anomaly: Anomaly,
    (from, to): (ReadId, ReadId),
    circumstance: Circumstance,
) {
    let from = index.read(from);
    let next = (from.offset.saturating_add(1), Some(from.value));
    check_passed(index, found, anomaly, next, to, circumstance);
}

/// Records between where a consumer stood, behind the record `behind`, and what it read next.
fn check_passed(
    index: &Index<'_>,
    found: &mut Found,
    anomaly: Anomaly,
    (next, behind): (i64, Option<u64>),
    to: ReadId,
    circumstance: Circumstance,
) {
    let record = index.read(to);
    let but = [behind.unwrap_or(record.value), record.value];
    if let Some(passed) = index.exists_between(record.partition, next, record.offset, but) {
        let witnesses = (index.witness_read(to), Some(index.witness_placement(&passed)));
        found.add_with(index, anomaly, record.partition, witnesses, circumstance);
    }
}

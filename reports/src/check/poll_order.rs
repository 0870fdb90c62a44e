//! Promise: a consumer that keeps its assignment moves forward without gaps. Source: Kafka's consumer position;
//! Jepsen's `(int-)nonmonotonic-poll` and `(int-)poll-skip`.
//!
//! A poll of a failed operation does not move the position, as the application goes back; one of unknown outcome may
//! have moved it or not, and both are accepted; if it tells no records, nobody knows how far. Joining and
//! crashing forget
//! all positions; assigning and subscribing those of other partitions (Jepsen's rule: whoever keeps a partition goes on
//! where it stood), unless clients lose them by it (librdkafka). A rebalance inside an operation forgets those of its
//! partitions, before and after. A member seeks by a poll that returns nothing. Who assigns and seeks to the beginning
//! stands before the log's first record; who seeks elsewhere, there, or nobody knows where. A gap is one only if a
//! record is known to exist in it: markers and aborted
//! records leave legal holes. Not verified: where any other consumer starts (that is `groups`).

use std::collections::BTreeMap;

use harrow_sim::history::{Completion, Function, What};

use super::anomaly::Anomaly;
use super::facts::Facts;
use super::found::Found;
use super::gap::Gap;
use super::groups::{failed_to_move, rebalanced};
use super::index::{Index, ReadId};
use super::occurrence::OccurrenceContext;

/// Where a consumer stands in one partition: the last read that surely counts, and one that may.
#[derive(Debug, Default, Clone, Copy)]
struct Cursor {
    sure: Option<ReadId>,
    possible: Option<ReadId>,
    /// The next offset, where it stands since it has read nothing: at the log's start, or where it was set to.
    set_to: Option<i64>,
    /// Group and generation of the last poll.
    member: Option<(u32, i64)>,
}

/// How a process gets its partitions, as far as it has said.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Source {
    #[default]
    Unsaid,
    Assigned,
    Group,
}

/// Where all consumers stand.
#[derive(Debug, Default)]
pub(super) struct Consumers {
    /// By process, then partition.
    cursors: BTreeMap<(u32, u32), Cursor>,
    /// By process; those that never said are not in it.
    sources: BTreeMap<u32, Source>,
    scratch: Vec<ReadId>,
}

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    let mut consumers = Consumers::default();
    for operation in index.begun().iter().copied() {
        consumers.take(index, found, operation);
        check_inside(index, found, operation, &mut consumers.scratch);
    }
}

/// What one operation polled, within itself.
pub(super) fn check_inside(
    facts: &impl Facts,
    found: &mut Found,
    operation: u32,
    scratch: &mut Vec<ReadId>,
) {
    if facts.reads_of(operation).len() < 2 {
        return;
    }
    let rebalanced = rebalanced(facts.history(), operation);
    scratch.clear();
    scratch.extend(facts.reads_of(operation));
    by_partition(facts, scratch);
    for pair in scratch.windows(2) {
        let [from, to] = *pair else { continue };
        let partition = facts.read(from).partition;
        if partition != facts.read(to).partition || rebalanced.contains(&partition) {
            continue;
        }
        let plain = OccurrenceContext::Plain;
        check_back(facts, found, Anomaly::IntNonmonotonicPoll, (from, to), plain);
        check_gap(facts, found, Anomaly::IntPollSkip, (from, to), plain);
    }
}

/// Stable, so the order of delivery stays within a partition.
fn by_partition(facts: &impl Facts, reads: &mut [ReadId]) {
    reads.sort_by_key(|read| facts.read(*read).partition);
}

impl Consumers {
    /// Takes the next operation in order of invocation.
    pub(super) fn take(&mut self, facts: &impl Facts, found: &mut Found, operation: u32) {
        let row = facts.row(operation);
        if failed_to_move(row) {
            return;
        }
        match row.function {
            Function::Assign { from_start } => {
                let keeps = facts.options().assign_keeps_position && !from_start;
                let kept = if keeps { assigned(facts, operation) } else { Vec::new() };
                self.reset(row.process, Source::Assigned, &kept);
                self.seek(facts, operation, from_start);
            }
            Function::Subscribe => {
                self.reset(row.process, Source::Group, &assigned(facts, operation));
            }
            Function::Join => self.reset(row.process, Source::Group, &[]),
            Function::Crash => self.reset(row.process, Source::Unsaid, &[]),
            Function::Send | Function::List => {}
            Function::Poll | Function::Txn | Function::Commit => {
                self.poll(facts, found, operation);
            }
        }
    }

    /// A process gets partitions: of others than those that it keeps, what it has read says nothing about where it goes
    /// on.
    fn reset(&mut self, process: u32, source: Source, kept: &[u32]) {
        self.sources.insert(process, source);
        let known = self.cursors.range((process, 0)..=(process, u32::MAX)).map(|(key, _)| *key);
        let known: Vec<(u32, u32)> = known.collect();
        for key in known.into_iter().filter(|(_, partition)| !kept.contains(partition)) {
            self.cursors.remove(&key);
        }
        for (_, cursor) in self.cursors.range_mut((process, 0)..=(process, u32::MAX)) {
            cursor.member = None;
        }
    }

    /// Where an assign, or a poll by which a member seeks, sets positions. One of unknown outcome may not have.
    fn seek(&mut self, facts: &impl Facts, operation: u32, from_start: bool) {
        let row = facts.row(operation);
        let sure = row.completion == Completion::Ok;
        let mut set = |partition: u32, to: Option<i64>| {
            let cursor = Cursor { set_to: to.filter(|_| sure), ..Cursor::default() };
            self.cursors.insert((row.process, partition), cursor);
        };
        if from_start {
            for partition in assigned(facts, operation) {
                set(partition, Some(0));
            }
        }
        for what in facts.history().details_of(operation) {
            if let What::Seek { partition, offset } = what {
                set(partition, offset);
            }
        }
    }

    /// A process may have got more than anyone was told.
    fn lose_track(&mut self, process: u32) {
        for (_, cursor) in self.cursors.range_mut((process, 0)..=(process, u32::MAX)) {
            (cursor.possible, cursor.set_to) = (None, None);
        }
    }

    /// A poll without records: a member may have gone on elsewhere by it, and if nobody knows what it returned,
    /// anywhere.
    fn move_on(&mut self, facts: &impl Facts, operation: u32) {
        let row = facts.row(operation);
        match row.completion {
            Completion::Ok => self.seek(facts, operation, false),
            Completion::Info if row.function != Function::Commit => self.lose_track(row.process),
            Completion::Info | Completion::Fail => {}
        }
    }

    fn poll(&mut self, facts: &impl Facts, found: &mut Found, operation: u32) {
        let process = facts.row(operation).process;
        let rebalanced = rebalanced(facts.history(), operation);
        for partition in &rebalanced {
            // Nobody knows after which of the records that was.
            self.cursors.remove(&(process, *partition));
        }
        let mut reads = std::mem::take(&mut self.scratch);
        reads.clear();
        reads.extend(facts.reads_of(operation));
        by_partition(facts, &mut reads);
        if reads.is_empty() {
            self.move_on(facts, operation);
        }
        let together =
            |a: &ReadId, b: &ReadId| facts.read(*a).partition == facts.read(*b).partition;
        for run in reads.chunk_by(together) {
            let (Some(first), Some(last)) = (run.first(), run.last()) else { continue };
            if !rebalanced.contains(&facts.read(*first).partition) {
                self.go_on(facts, found, operation, (*first, *last));
            }
        }
        self.scratch = reads;
    }

    /// A consumer goes on in one partition, from its first read in an operation to the last one.
    fn go_on(
        &mut self,
        facts: &impl Facts,
        found: &mut Found,
        operation: u32,
        (first, last): (ReadId, ReadId),
    ) {
        let (process, completion) = (facts.row(operation).process, facts.row(operation).completion);
        let member = facts.history().member(operation);
        let source = self.sources.get(&process).copied().unwrap_or_default();
        let partition = facts.read(first).partition;
        let cursor = self.cursors.entry((process, partition)).or_default();
        check_start(facts, found, cursor, first, context(cursor, member, source));
        cursor.member = member;
        match completion {
            Completion::Ok => (cursor.sure, cursor.possible) = (Some(last), Some(last)),
            Completion::Fail => {}
            Completion::Info => cursor.possible = Some(further(facts, cursor.possible, last)),
        }
        cursor.set_to = cursor.set_to.filter(|_| completion == Completion::Fail);
    }
}

fn check_start(
    facts: &impl Facts,
    found: &mut Found,
    cursor: &Cursor,
    first: ReadId,
    context: OccurrenceContext,
) {
    if let Some(next) = cursor.set_to {
        check_passed(facts, found, Anomaly::PollSkip, (next, None), first, context);
    }
    // Before a first sure read, nothing else says where the consumer stood.
    let Some(sure) = cursor.sure else { return };
    check_back(facts, found, Anomaly::NonmonotonicPoll, (sure, first), context);
    if let Some(possible) = cursor.possible {
        check_gap(facts, found, Anomaly::PollSkip, (possible, first), context);
    }
}

/// The partitions that an operation names.
fn assigned(facts: &impl Facts, operation: u32) -> Vec<u32> {
    let named = facts.history().details_of(operation);
    let named = named.filter_map(|what| {
        if let What::Assigned { partition } = what { Some(partition) } else { None }
    });
    named.collect()
}

/// Whether a consumer may have lost a partition and got it back since its last poll.
fn context(cursor: &Cursor, member: Option<(u32, i64)>, source: Source) -> OccurrenceContext {
    if source == Source::Assigned || member.is_some() && member == cursor.member {
        OccurrenceContext::KeptAssignment
    } else if source == Source::Group || member.is_some() {
        OccurrenceContext::Subscribed
    } else {
        OccurrenceContext::Plain
    }
}

fn further(facts: &impl Facts, before: Option<ReadId>, read: ReadId) -> ReadId {
    let offset = facts.read(read).offset;
    before.filter(|before| facts.read(*before).offset > offset).unwrap_or(read)
}

fn check_back(
    facts: &impl Facts,
    found: &mut Found,
    anomaly: Anomaly,
    (from, to): (ReadId, ReadId),
    context: OccurrenceContext,
) {
    let offsets_go_on = facts.read(to).offset > facts.read(from).offset;
    if offsets_go_on && (facts.place_of(to) > facts.place_of(from) || !facts.is_repeated(to)) {
        return;
    }
    // If the offsets go on, a second copy has brought back a record that was there before.
    let context = if offsets_go_on { OccurrenceContext::ThroughDuplicate } else { context };
    let plain = matches!(context, OccurrenceContext::Plain | OccurrenceContext::KeptAssignment);
    let out_of_range = plain && was_deleted(facts, from, to);
    let context = if out_of_range { OccurrenceContext::OutOfRange } else { context };
    let observations = (facts.observation_of_read(to), Some(facts.observation_of_read(from)));
    found.add_with(facts, anomaly, facts.read(to).partition, observations, context);
}

/// Whether a replica had deleted, when a consumer was given one record, all up to behind another that it had got
/// before, and the record stands where a log began. Who asks that replica is out of range, and the start that the
/// consumer then goes to is the one of whoever leads: one that has not heard of the deletion begins earlier. What a
/// process has read itself between a start and the record says that no log began at the record; cleaners may have taken
/// it since.
fn was_deleted(facts: &impl Facts, from: ReadId, to: ReadId) -> bool {
    let (stood, given) = (facts.read(from), facts.read(to));
    let operation = facts.observation_of_read(to).operation;
    let (at_ns, process) = (facts.row(operation).completed_ns, facts.row(operation).process);
    let starts = facts.options().known_starts(stood.partition, at_ns);
    let deleted = starts.last().is_some_and(|(_, start)| stood.offset.saturating_add(1) < *start);
    let ends = starts.iter().map(|(_, start)| *start).filter(|start| *start <= given.offset);
    let began = ends.max().unwrap_or(0);
    let between = |operation: u32| {
        facts.reads_of(operation).any(|read| {
            let read = facts.read(read);
            read.partition == given.partition && (began..given.offset).contains(&read.offset)
        })
    };
    let mut before = (0..operation).filter(|before| facts.row(*before).process == process);
    deleted && (facts.options().compacted(given.partition) || !before.any(between))
}

fn check_gap(
    facts: &impl Facts,
    found: &mut Found,
    anomaly: Anomaly,
    (from, to): (ReadId, ReadId),
    context: OccurrenceContext,
) {
    let from = facts.read(from);
    let next = (from.offset.saturating_add(1), Some(from.value));
    check_passed(facts, found, anomaly, next, to, context);
}

/// Records between where a consumer stood, behind the record `behind`, and what it read next.
fn check_passed(
    facts: &impl Facts,
    found: &mut Found,
    anomaly: Anomaly,
    (next, behind): (i64, Option<u64>),
    to: ReadId,
    context: OccurrenceContext,
) {
    let record = facts.read(to);
    if next >= record.offset {
        return;
    }
    let gap = Gap {
        anomaly,
        partition: record.partition,
        stood: next,
        stood_least: next,
        first: next,
        end: record.offset,
        but: [behind.unwrap_or(record.value), record.value],
        subject: facts.observation_of_read(to),
        context,
    };
    found.add_passed(facts, gap);
}

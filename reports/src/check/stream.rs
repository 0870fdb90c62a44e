//! Checks while a history is being written: each anomaly that a prefix decides is told at the moment at which it
//! shows.
//!
//! A [`Stream`] is told of begins and ends of operations in order of time, as the history of those that have ended
//! grows. Of the rules of [`check`](super::check) it applies those of [`STREAMED`]; what needs the rest of the history
//! is judged when it is complete: that something is nowhere, and cycles. Whatever a stream tells, the whole history
//! tells as well, but for one name: a record that is read before it is sent is garbage by then, and a circle in the
//! end.
//!
//! - Where the sender of a record is still open, the anomaly waits for that send to end, so that the policy can weigh
//!   it.
//! - Where consumers stand and what groups have committed follows the order of invocation. So a consumer's call is held
//!   against that when all consumers' calls that began before it have ended; one that never ends holds them up until
//!   the history is complete.
//! - What was passed over with nothing known in it is watched until a record becomes known there; of each stream, the
//!   last 4096 such gaps.
//! - What only a read tells of a send of unknown outcome is held against time in the end.

mod floors;
mod gaps;
mod known;
mod order;
mod records;
mod spans;
mod ticket;

use std::collections::{BTreeMap, BTreeSet};

use harrow_sim::history::{
    Completion, Function, History, NEVER, NO_PARTITION, ReadRecord, Row, SendRecord, What,
};

use super::anomaly::{Anomaly, Kind};
use super::found::Found;
use super::gap::Gap;
use super::groups::{Groups, Owners, UnusedOffsets};
use super::occurrence::{Observation, Occurrence};
use super::options::Options;
use super::poll_order::{self, Consumers};
use super::send_order;
use floors::Floors;
use gaps::Gaps;
use known::Known;
use order::Order;
use records::Records;
use spans::Spans;
pub use ticket::Ticket;

/// The rules that a stream applies.
pub const STREAMED: [Anomaly; 21] = [
    Anomaly::Duplicate,
    Anomaly::InconsistentOffsets,
    Anomaly::NonmonotonicSend,
    Anomaly::IntNonmonotonicSend,
    Anomaly::IntSendSkip,
    Anomaly::RealtimeOrder,
    Anomaly::GarbageRead,
    Anomaly::NonmonotonicPoll,
    Anomaly::IntNonmonotonicPoll,
    Anomaly::PollSkip,
    Anomaly::IntPollSkip,
    Anomaly::G1a,
    Anomaly::PrecommittedRead,
    Anomaly::EndOffsetRegression,
    Anomaly::StaleEndOffset,
    Anomaly::LostCommit,
    Anomaly::ResumeSkip,
    Anomaly::ZombieCommit,
    Anomaly::CommitBeyondPosition,
    Anomaly::DoubleOwnership,
    Anomaly::EosDuplicate,
];

/// What is known to be wrong with a history in the making.
#[derive(Debug)]
pub struct Stream {
    options: Options,
    /// When the operations began that have not ended.
    open: BTreeMap<Ticket, u64>,
    order: Order,
    records: Records,
    floors: Floors,
    gaps: Gaps,
    spans: Spans,
    consumers: Consumers,
    groups: Groups,
    /// First and highest of each operation's told sends, by process, partition, invocation and operation.
    sent: BTreeMap<(u32, u32, u64, u32), (Observation, Observation)>,
    owners: Owners,
    /// What concerns a sender that is open, by that sender.
    waiting: BTreeMap<Ticket, Vec<Occurrence>>,
    /// Open operations that have not said yet what they send.
    silent: BTreeSet<Ticket>,
}

/// An operation that has ended.
#[derive(Clone, Copy)]
struct Ended<'a> {
    ticket: Ticket,
    position: u32,
    row: &'a Row,
    history: &'a History,
}

impl Stream {
    /// Nothing has begun.
    pub fn new(options: Options) -> Self {
        Self {
            options,
            open: BTreeMap::new(),
            order: Order::default(),
            records: Records::default(),
            floors: Floors::default(),
            gaps: Gaps::default(),
            spans: Spans::default(),
            consumers: Consumers::default(),
            // A transaction that is yet to come may leave a hole.
            groups: Groups::new(UnusedOffsets::Anywhere),
            sent: BTreeMap::new(),
            owners: Owners::default(),
            waiting: BTreeMap::new(),
            silent: BTreeSet::new(),
        }
    }

    /// More is known of the logs, because the history has named more of them.
    pub fn learn(&mut self, options: Options) {
        self.options = options;
    }

    /// An operation begins. Its sends may be read from now on. Of `row`, nothing counts that only its end can tell.
    pub fn begin(&mut self, ticket: Ticket, row: &Row, sends: &[SendRecord]) {
        for send in sends {
            self.records.begin(ticket, row.invoked_ns, send);
        }
        if sends.is_empty() && matches!(row.function, Function::Send | Function::Txn) {
            self.silent.insert(ticket);
        }
        self.open.insert(ticket, row.invoked_ns);
        self.owners.begin(row);
        if concerns_order(row.function) {
            self.order.begin(row.invoked_ns, ticket);
        }
    }

    /// An operation has ended and is at this position of the history; returns what shows by it. Ends come in order of
    /// time.
    ///
    /// # Panics
    /// If the operation has not begun.
    pub fn end(&mut self, ticket: Ticket, history: &History, position: u32) -> Vec<Occurrence> {
        assert!(self.open.remove(&ticket).is_some(), "operation {ticket} has not begun");
        self.silent.remove(&ticket);
        let row = history.row(position);
        let ended = Ended { ticket, position, row, history };
        let mut found = Found::new(self.options.rules);
        found.gaps = Some(Vec::new());
        self.take_sends(ended, &mut found);
        self.take_reads(ended, &mut found);
        self.take_details(ended, &mut found);
        self.judge_alone(ended, &mut found);
        self.order.end(row.invoked_ns, ticket, position);
        self.judge_in_order(history, &mut found);
        let oldest = self.open.first_key_value().map(|(_, invoked_ns)| *invoked_ns);
        self.floors.forget_before(oldest.unwrap_or(row.completed_ns));
        for gap in found.gaps.take().unwrap_or_default() {
            self.gaps.watch(gap);
        }
        let mut candidates = self.waiting.remove(&ticket).unwrap_or_default();
        candidates.extend(found.list);
        self.settle(history, candidates)
    }

    fn known<'a>(&'a self, history: &'a History) -> Known<'a> {
        Known { history, options: &self.options, records: &self.records }
    }

    fn take_sends(&mut self, ended: Ended<'_>, found: &mut Found) {
        let Ended { ticket, position, row, history } = ended;
        let Row { process, invoked_ns, completed_ns, completion, .. } = *row;
        let mut sent: BTreeMap<u32, (Observation, Observation)> = BTreeMap::new();
        for send in &history.sends()[history.sends_of(position)] {
            let read = self.records.end(ticket, send, (position, row));
            let SendRecord { value, offset, partition, .. } = *send;
            let (writer, was_read) = (Some(position), read.is_some());
            // What an answer of unknown outcome tells counts once a read proves it.
            let unproved = completion == Completion::Info && !was_read;
            let observation =
                Observation { value, offset, operation: position, writer, read: was_read };
            if let (Completion::Fail, Some((partition, read))) = (completion, read) {
                found.add(&self.known(history), Anomaly::G1a, partition, read, Some(observation));
            }
            let untold = offset < 0 || partition == NO_PARTITION;
            if completion == Completion::Fail || untold || unproved {
                continue;
            }
            let (_, highest) = sent.entry(partition).or_insert((observation, observation));
            *highest = if highest.offset < offset { observation } else { *highest };
            let floor = self.floors.record(partition, invoked_ns);
            let floor = floor.filter(|floor| floor.offset >= offset && floor.value != value);
            if floor.is_some() {
                let anomaly = Anomaly::RealtimeOrder;
                found.add(&self.known(history), anomaly, partition, observation, floor);
            }
            self.floors.raise_record(partition, completed_ns, observation);
            if completion == Completion::Ok {
                if row.function == Function::Send {
                    self.floors.raise_covered(partition, completed_ns, observation);
                }
                self.place(history, partition, observation, found);
            }
        }
        for (partition, sends) in sent {
            self.compare_sends(history, (process, partition, invoked_ns), sends, found);
        }
    }

    /// The first and the highest of an operation's told sends to a partition, against its process's operations before
    /// and after.
    fn compare_sends(
        &mut self,
        history: &History,
        (process, partition, invoked_ns): (u32, u32, u64),
        (first, highest): (Observation, Observation),
        found: &mut Found,
    ) {
        let key = |at: u64, operation: u32| (process, partition, at, operation);
        let before = self.sent.range(key(0, 0)..key(invoked_ns, 0)).next_back();
        let after = self.sent.range(key(invoked_ns.saturating_add(1), 0)..=key(NEVER, u32::MAX));
        let (before, after) =
            (before.map(|(_, sent)| sent.1), after.map(|(_, sent)| sent.0).next());
        let (known, anomaly) = (self.known(history), Anomaly::NonmonotonicSend);
        if let Some(before) = before.filter(|before| first.offset <= before.offset) {
            found.add(&known, anomaly, partition, first, Some(before));
        }
        if let Some(after) = after.filter(|after| after.offset <= highest.offset) {
            found.add(&known, anomaly, partition, after, Some(highest));
        }
        self.sent.insert(key(invoked_ns, first.operation), (first, highest));
    }

    fn take_reads(&mut self, ended: Ended<'_>, found: &mut Found) {
        let Ended { ticket, position, row, history } = ended;
        let ok = row.completion == Completion::Ok;
        for read in &history.reads()[history.reads_of(position)] {
            let ReadRecord { value, offset, partition } = *read;
            let writer = None;
            let observation =
                Observation { value, offset, operation: position, writer, read: true };
            let Some(sender) = self.records.sender(value, partition) else {
                found.add(&self.known(history), Anomaly::GarbageRead, partition, observation, None);
                self.place(history, partition, observation, found);
                continue;
            };
            let observation = Observation { writer: sender.position, ..observation };
            if sender.ticket == ticket {
                let anomaly = Anomaly::PrecommittedRead;
                found.add(&self.known(history), anomaly, partition, observation, None);
            } else if ok && sender.failed() {
                found.add(&self.known(history), Anomaly::G1a, partition, observation, None);
            }
            self.records.note_read(partition, observation, ok);
            self.place(history, partition, observation, found);
            self.floors.raise_record(partition, row.completed_ns, observation);
            self.floors.raise_covered(partition, row.completed_ns, observation);
        }
    }

    /// A record is known to be at an offset.
    fn place(&mut self, history: &History, partition: u32, seen: Observation, found: &mut Found) {
        let conflicts = self.records.place(partition, seen);
        let known = self.known(history);
        if conflicts.other_record.is_some() {
            let anomaly = Anomaly::InconsistentOffsets;
            found.add(&known, anomaly, partition, seen, conflicts.other_record);
        }
        if conflicts.other_place.is_some() {
            found.add(&known, Anomaly::Duplicate, partition, seen, conflicts.other_place);
        }
        let sender = self.records.sender(seen.value, partition);
        let Some(sender) = sender.filter(|sender| known.lasts(sender, partition)) else { return };
        // What was sent only afterwards was not there to be passed over.
        let passes = |gap: &Gap| {
            sender.invoked_ns <= gap.sent_by_ns(history) && !gap.but.contains(&seen.value)
        };
        for gap in self.gaps.fill(partition, seen.offset, &passes) {
            let known = self.known(history);
            let known = &known;
            found.add_filled(known, &gap, seen);
        }
    }

    fn take_details(&mut self, ended: Ended<'_>, found: &mut Found) {
        let Ended { position, row, history, .. } = ended;
        if row.completion != Completion::Ok {
            return;
        }
        let known = Known { history, options: &self.options, records: &self.records };
        let observation = |offset: i64| Observation::answer(position, offset);
        let (begun, ended) = (row.invoked_ns, row.completed_ns);
        let member = history.member(position);
        for what in history.details_of(position) {
            if let What::EndOffset { partition, offset: Some(offset) } = what {
                let returned = observation(offset);
                let floor = self.floors.end(partition, begun);
                if let Some(floor) = floor.filter(|floor| offset < floor.offset) {
                    let anomaly = Anomaly::EndOffsetRegression;
                    found.add(&known, anomaly, partition, returned, Some(floor));
                }
                let covered = self.floors.covered(partition, begun);
                if let Some(record) = covered.filter(|record| offset <= record.offset) {
                    let anomaly = Anomaly::StaleEndOffset;
                    found.add(&known, anomaly, partition, returned, Some(record));
                }
                self.floors.raise_end(partition, ended, returned);
            } else if let What::Consumed { partition, first, last } = what {
                let key = (member.map(|(group, _)| group), partition);
                if let Some(other) = self.spans.add(key, (first, last), position) {
                    let twice = observation(other.offset);
                    found.add(&known, Anomaly::EosDuplicate, partition, twice, Some(other));
                }
            }
        }
        for ((_, partition, _), first) in self.owners.end(history, position) {
            let other = Some(Observation::answer(first, -1));
            found.add(&known, Anomaly::DoubleOwnership, partition, observation(-1), other);
        }
    }

    /// What an operation shows by itself.
    fn judge_alone(&self, ended: Ended<'_>, found: &mut Found) {
        let known = self.known(ended.history);
        let mut sends = Vec::new();
        send_order::collect(&known, ended.position, &mut sends);
        send_order::check_inside(&known, found, &sends);
        poll_order::check_inside(&known, found, ended.position, &mut Vec::new());
    }

    /// Consumers' calls whose turn has come.
    fn judge_in_order(&mut self, history: &History, found: &mut Found) {
        while let Some(position) = self.order.next() {
            let known = Known { history, options: &self.options, records: &self.records };
            self.consumers.take(&known, found, position);
            self.groups.take(&known, found, position);
        }
        let known = Known { history, options: &self.options, records: &self.records };
        self.groups.settle(&known, found, self.order.waits_since().unwrap_or(NEVER));
    }

    /// What shows now, of what was found and of what waited for the operation that has ended.
    fn settle(&mut self, history: &History, candidates: Vec<Occurrence>) -> Vec<Occurrence> {
        let mut returned = Vec::new();
        for occurrence in candidates {
            let Occurrence { anomaly, partition, context, passed: gone_past, .. } = occurrence;
            let known = self.known(history);
            let subject = known.with_sender(partition, occurrence.subject);
            let other = occurrence.other.map(|other| known.with_sender(partition, other));
            let observations = [Some(subject), other].into_iter().flatten();
            let senders = observations.filter_map(|w| self.records.sender(w.value, partition));
            let mut open = senders.filter(|sender| sender.position.is_none());
            let failed = |writer| history.row(writer).completion == Completion::Fail;
            let passed = other.and_then(|other| other.writer).filter(|_| passes_over(anomaly));
            let garbage = anomaly == Anomaly::GarbageRead;
            let sent = || self.records.sender(subject.value, partition).is_some();
            if garbage && sent() {
                // One that had not said yet what it sends has said it now.
            } else if let Some(silent) = self.silent.last().filter(|_| garbage) {
                self.waiting.entry(*silent).or_default().push(occurrence);
            } else if let Some(sender) = open.next() {
                self.waiting.entry(sender.ticket).or_default().push(occurrence);
            } else if !passed.is_some_and(failed) {
                // Its senders are known now, and so is when it began.
                let known = Occurrence::of(history, anomaly, partition, (subject, other));
                returned.push(Occurrence { context, passed: gone_past, ..known });
            }
        }
        returned
    }
}

/// Whether it is one only if its other observation is a record that lasts.
fn passes_over(anomaly: Anomaly) -> bool {
    let kind = anomaly.kind();
    let commits = anomaly == Anomaly::CommitBeyondPosition;
    kind == Kind::PassedOver || kind == Kind::Between || commits
}

/// Whether an operation says where a consumer or a group stands.
fn concerns_order(function: Function) -> bool {
    match function {
        Function::Send | Function::List => false,
        Function::Poll
        | Function::Txn
        | Function::Assign { .. }
        | Function::Subscribe
        | Function::Join
        | Function::Commit
        | Function::Crash => true,
    }
}

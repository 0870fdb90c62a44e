//! Checks while a history is being written: each anomaly that a prefix decides is told at the moment at which it
//! shows.
//!
//! A [`Stream`] is told of begins and ends of operations in order of time, as the history of those that have ended
//! grows. Of the rules of [`check`](super::check) it applies those of [`STREAMED`]; what needs the rest of the history
//! (what is missing, what was passed over, where groups go on, cycles) is judged when it is complete. Whatever a
//! stream tells, the whole history tells as well, but for one name: a record that is read before it is sent is garbage
//! by then, and a circle in the end. Where the sender of a record is still open, the anomaly waits for that send to
//! end, so that the policy can weigh it. What only a read tells of a send of unknown outcome is held against time in
//! the end.

mod floors;
mod records;

use std::collections::BTreeMap;

use harrow_sim::history::{
    Completion, Function, History, NEVER, NO_PARTITION, ReadRecord, Row, SendRecord, What,
};

use super::{Anomaly, Circumstance, Occurrence, Rules, Witness};
use floors::Floors;
use records::Records;

/// The rules that a stream applies.
pub const STREAMED: [Anomaly; 10] = [
    Anomaly::Duplicate,
    Anomaly::InconsistentOffsets,
    Anomaly::GarbageRead,
    Anomaly::G1a,
    Anomaly::PrecommittedRead,
    Anomaly::NonmonotonicSend,
    Anomaly::RealtimeOrder,
    Anomaly::IntNonmonotonicPoll,
    Anomaly::EndOffsetRegression,
    Anomaly::ZombieCommit,
];

/// Names an operation that has begun; chosen by the caller, who gives no number twice. Lower ones began earlier.
pub type Ticket = u64;

/// What is known to be wrong with a history in the making.
#[derive(Debug)]
pub struct Stream {
    rules: Rules,
    /// When the operations began that have not ended.
    open: BTreeMap<Ticket, u64>,
    records: Records,
    floors: Floors,
    /// First and highest of each operation's told sends, by process, partition, invocation and operation.
    sent: BTreeMap<(u32, u32, u64, u32), (Witness, Witness)>,
    /// What concerns a sender that is open.
    waiting: Vec<Found>,
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
    pub fn new(rules: Rules) -> Self {
        Self {
            rules,
            open: BTreeMap::new(),
            records: Records::default(),
            floors: Floors::default(),
            sent: BTreeMap::new(),
            waiting: Vec::new(),
        }
    }

    /// An operation begins. Its sends may be read from now on.
    pub fn begin(&mut self, ticket: Ticket, invoked_ns: u64, sends: &[SendRecord]) {
        for send in sends {
            self.records.begin(ticket, send);
        }
        self.open.insert(ticket, invoked_ns);
    }

    /// An operation has ended and is at this position of the history; returns what shows by it. Ends come in order of
    /// time.
    ///
    /// # Panics
    /// If the operation has not begun.
    pub fn end(&mut self, ticket: Ticket, history: &History, position: u32) -> Vec<Occurrence> {
        assert!(self.open.remove(&ticket).is_some(), "operation {ticket} has not begun");
        let row = history.row(position);
        let ended = Ended { ticket, position, row, history };
        let mut found = Vec::new();
        self.take_sends(ended, &mut found);
        self.take_reads(ended, &mut found);
        self.take_details(ended, &mut found);
        let oldest = self.open.first_key_value().map(|(_, invoked_ns)| *invoked_ns);
        self.floors.forget_before(oldest.unwrap_or(row.completed_ns));
        self.settle(history, found)
    }

    fn take_sends(&mut self, ended: Ended<'_>, found: &mut Vec<Found>) {
        let Ended { ticket, position, row, history } = ended;
        let Row { process, invoked_ns, completed_ns, completion, .. } = *row;
        let mut sent: BTreeMap<u32, (Witness, Witness)> = BTreeMap::new();
        for send in &history.sends()[history.sends_of(position)] {
            let read = self.records.end(ticket, send, position, completion);
            let witness = Witness {
                value: send.value,
                offset: send.offset,
                operation: position,
                writer: Some(position),
                read: read.is_some(),
            };
            if let (Completion::Fail, Some((partition, read))) = (completion, read) {
                found.push(Found::of(Anomaly::G1a, partition, read, witness));
            }
            if completion == Completion::Fail || send.offset < 0 || send.partition == NO_PARTITION {
                continue;
            }
            let (_, highest) = sent.entry(send.partition).or_insert((witness, witness));
            *highest = if highest.offset < send.offset { witness } else { *highest };
            let floor = self.floors.record(send.partition, invoked_ns);
            let floor =
                floor.filter(|floor| floor.offset >= send.offset && floor.value != send.value);
            if let Some(floor) = floor {
                found.push(Found::of(Anomaly::RealtimeOrder, send.partition, witness, floor));
            }
            self.floors.raise_record(send.partition, completed_ns, witness);
            if completion == Completion::Ok {
                self.records.place(send.partition, witness, found);
            }
        }
        for (partition, sends) in sent {
            self.compare_sends((process, partition, invoked_ns), sends, found);
        }
    }

    /// The first and the highest of an operation's told sends to a partition, against its process's operations before
    /// and after.
    fn compare_sends(
        &mut self,
        (process, partition, invoked_ns): (u32, u32, u64),
        (first, highest): (Witness, Witness),
        found: &mut Vec<Found>,
    ) {
        let lane = |at: u64, operation: u32| (process, partition, at, operation);
        let before = self.sent.range(lane(0, 0)..lane(invoked_ns, 0)).next_back();
        let after = self.sent.range(lane(invoked_ns.saturating_add(1), 0)..=lane(NEVER, u32::MAX));
        let (before, after) =
            (before.map(|(_, sent)| sent.1), after.map(|(_, sent)| sent.0).next());
        if let Some(before) = before.filter(|before| first.offset <= before.offset) {
            found.push(Found::of(Anomaly::NonmonotonicSend, partition, first, before));
        }
        if let Some(after) = after.filter(|after| after.offset <= highest.offset) {
            found.push(Found::of(Anomaly::NonmonotonicSend, partition, after, highest));
        }
        self.sent.insert(lane(invoked_ns, first.operation), (first, highest));
    }

    fn take_reads(&mut self, ended: Ended<'_>, found: &mut Vec<Found>) {
        let Ended { ticket, position, row, history } = ended;
        let ok = row.completion == Completion::Ok;
        let mut last: BTreeMap<u32, Witness> = BTreeMap::new();
        let moved: Vec<What> = history.details_of(position).collect();
        for read in &history.reads()[history.reads_of(position)] {
            let ReadRecord { value, offset, partition } = *read;
            let writer = None;
            let witness = Witness { value, offset, operation: position, writer, read: true };
            let kept = !moved.contains(&What::Rebalanced { partition });
            let before = last.insert(partition, witness);
            let before = before.filter(|before| kept && before.offset >= offset);
            if let Some(before) = before {
                found.push(Found::of(Anomaly::IntNonmonotonicPoll, partition, witness, before));
            }
            let Some(sender) = self.records.sender(value, partition) else {
                found.push(Found::alone(Anomaly::GarbageRead, partition, witness));
                self.records.place(partition, witness, found);
                continue;
            };
            let witness = Witness { writer: sender.position, ..witness };
            if sender.ticket == ticket {
                found.push(Found::alone(Anomaly::PrecommittedRead, partition, witness));
            } else if ok && sender.completion == Some(Completion::Fail) {
                found.push(Found::alone(Anomaly::G1a, partition, witness));
            }
            self.records.note_read(partition, witness, ok);
            self.records.place(partition, witness, found);
            self.floors.raise_record(partition, row.completed_ns, witness);
        }
    }

    fn take_details(&mut self, ended: Ended<'_>, found: &mut Vec<Found>) {
        let Ended { position, row, history, .. } = ended;
        if row.completion != Completion::Ok {
            return;
        }
        let witness = |offset: i64| Witness {
            value: 0,
            offset,
            operation: position,
            writer: None,
            read: true,
        };
        let (begun, ended) = (row.invoked_ns, row.completed_ns);
        let member = history.member(position);
        for what in history.details_of(position) {
            if let What::EndOffset { partition, offset: Some(offset) } = what {
                let told = witness(offset);
                let floor = self.floors.end(partition, begun);
                if let Some(floor) = floor.filter(|floor| offset < floor.offset) {
                    found.push(Found::of(Anomaly::EndOffsetRegression, partition, told, floor));
                }
                self.floors.raise_end(partition, ended, told);
            } else if let (What::Committed { partition, offset }, Some((group, generation))) =
                (what, member)
            {
                let newer = self.floors.generation(group, begun);
                if let Some(newer) = newer.filter(|newer| newer.offset > generation) {
                    let newer = Witness { offset: -1, ..newer };
                    let told = witness(offset);
                    found.push(Found::of(Anomaly::ZombieCommit, partition, told, newer));
                }
            }
        }
        let asked = matches!(row.function, Function::Join | Function::Commit);
        if let Some((group, generation)) = member.filter(|_| asked) {
            self.floors.raise_generation(group, ended, witness(generation));
        }
    }

    /// What shows now: what was found and waits for no one, and what waited for this operation.
    fn settle(&mut self, history: &History, found: Vec<Found>) -> Vec<Occurrence> {
        self.waiting.extend(found.into_iter().filter(|found| self.rules.has(found.anomaly)));
        let (mut told, mut waiting) = (Vec::new(), Vec::new());
        for mut found in std::mem::take(&mut self.waiting) {
            let witnesses = [Some(&mut found.subject), found.other.as_mut()];
            let mut open = false;
            for witness in witnesses.into_iter().flatten() {
                let sender = self.records.sender(witness.value, found.partition);
                if let Some(sender) = sender.filter(|_| found.anomaly.is_about_records()) {
                    witness.writer = sender.position;
                    open |= sender.position.is_none();
                }
            }
            if open {
                waiting.push(found);
            } else {
                told.push(found.occurrence(history));
            }
        }
        self.waiting = waiting;
        told
    }
}

/// An anomaly whose senders may still be open.
#[derive(Debug)]
struct Found {
    anomaly: Anomaly,
    partition: u32,
    subject: Witness,
    other: Option<Witness>,
}

impl Found {
    fn of(anomaly: Anomaly, partition: u32, subject: Witness, other: Witness) -> Self {
        Self { anomaly, partition, subject, other: Some(other) }
    }

    fn alone(anomaly: Anomaly, partition: u32, subject: Witness) -> Self {
        Self { anomaly, partition, subject, other: None }
    }

    fn occurrence(self, history: &History) -> Occurrence {
        let Self { anomaly, partition, subject, other } = self;
        let witnesses = || [Some(subject), other].into_iter().flatten();
        let operations = witnesses().flat_map(|w| [Some(w.operation), w.writer]).flatten();
        let at = witnesses().map(|witness| history.row(witness.operation).completed_ns).max();
        let since = operations.map(|operation| history.row(operation).invoked_ns).min();
        Occurrence {
            anomaly,
            partition,
            at_ns: at.unwrap_or(0),
            since_ns: since.unwrap_or(0),
            subject,
            other,
            circumstance: Circumstance::Plain,
            cycle: Vec::new(),
        }
    }
}

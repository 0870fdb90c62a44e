//! What it costs to check a history: time and memory by size, with offsets near 0 and near 2^63, and with transactions
//! whose circles are found. The machine's other work shows in the wall clock; the time on the processor is beside it.
//!
//! `cargo bench -p harrow-reports --bench check [-- OPERATIONS_MAX]`

#![expect(
    clippy::disallowed_types,
    reason = "a bench measures real time, with a second thread to look at memory"
)]

use std::alloc::System;
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use harrow_reports::check::{Anomaly, Occurrence, Options, check};
use harrow_reports::policy::{Terms, excuse};
use harrow_sim::history::{
    Completion, Function, History, MicroOperation, NO_KEY, OperationRecord, ReadRecord, SendRecord,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const SIZES: [u64; 4] = [10_000, 100_000, 1_000_000, 10_000_000];
const PARTITIONS: u32 = 16;
const PRODUCERS: u32 = 16;
const CONSUMERS: u32 = 16;
const FINAL_READER: u32 = PRODUCERS + CONSUMERS;
/// Operations begin this far apart. Each lasts until two others have begun, and no longer than to its process's next
/// turn.
const STEP_NS: u64 = 10;
const FINAL_POLL_RECORDS: usize = 500;
/// Every so many transactions, two read from each other.
const CIRCLE_EVERY: u64 = 10_000;

/// What a history is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// 60 % sends and 40 % polls; each partition begins at this offset.
    Plain { first_offset: i64 },
    /// Transactions of three sends, or of a poll and a send; each is appended in one piece.
    Transactions,
    /// The same, each appended while others are: they write after each other in circles throughout.
    Tangled,
}

fn main() {
    let size_max = std::env::args().find_map(|argument| argument.parse().ok()).unwrap_or(u64::MAX);
    head();
    for operations in SIZES.into_iter().filter(|size| *size <= size_max) {
        measure("offsets from 0", Kind::Plain { first_offset: 0 }, operations);
        let high = i64::MAX - operations as i64;
        measure("offsets near 2^63", Kind::Plain { first_offset: high }, operations);
    }
    for operations in SIZES.into_iter().filter(|size| *size <= size_max.min(1_000_000)) {
        measure("transactions", Kind::Transactions, operations);
        measure("tangled transactions", Kind::Tangled, operations);
    }
}

#[expect(clippy::print_stdout, reason = "a bench's result is its output")]
fn head() {
    println!(
        "{:>20} {:>10} {:>10} {:>8} {:>8} {:>12} {:>12} {:>10} {:>6}",
        "history",
        "operations",
        "records",
        "wall s",
        "cpu s",
        "operations/s",
        "history B/op",
        "peak B/op",
        "found"
    );
}

/// Builds a history, checks it, and prints what that took.
#[expect(clippy::print_stdout, reason = "a bench's result is its output")]
fn measure(name: &str, kind: Kind, operations: u64) {
    let before = live_bytes();
    let history = Maker::new(kind, operations).history();
    let held = live_bytes() - before;
    let repeats = if operations < 1_000_000 { 3 } else { 1 };
    let runs: Vec<Cost> = (0..repeats).map(|_| cost(&history)).collect();
    let least = |time: fn(&Cost) -> f64| runs.iter().map(time).fold(f64::INFINITY, f64::min);
    let (wall, processor) = (least(|run| run.wall), least(|run| run.processor));
    let peak = runs.iter().map(|run| run.peak).max().unwrap_or(0);
    let count = history.len() as f64;
    let found = runs.first().map_or(0, |run| run.found.len());
    for run in &runs {
        assert_expected(kind, operations, &history, &run.found);
    }
    println!(
        "{name:>20} {:>10} {:>10} {wall:>8.3} {processor:>8.3} {:>12.0} {:>12.1} {:>10.1} {found:>6}",
        history.len(),
        history.sends().len(),
        count / processor,
        held as f64 / count,
        (peak - before) as f64 / count,
    );
}

/// A correct history shows nothing; planted circles are found.
fn assert_expected(kind: Kind, operations: u64, history: &History, found: &[Occurrence]) {
    let circles = found.iter().filter(|o| o.anomaly == Anomaly::G1c).count() as u64;
    let planted = if matches!(kind, Kind::Plain { .. }) { 0 } else { operations / CIRCLE_EVERY };
    assert_eq!(circles, planted, "circles of reads");
    let strict = Terms::strict();
    let right =
        |o: &&Occurrence| o.anomaly == Anomaly::G1c || excuse(&strict, history, o).is_some();
    let wrong = found.iter().find(|o| !right(o));
    assert!(wrong.is_none(), "{wrong:?} in a correct history");
}

/// What one check took.
struct Cost {
    wall: f64,
    /// Seconds on the processor; those of the clock where the system does not tell.
    processor: f64,
    peak: usize,
    found: Vec<Occurrence>,
}

fn cost(history: &History) -> Cost {
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let peak = scope.spawn(|| watch_peak(&over));
        let (begun, begun_on) = (Instant::now(), processor_seconds());
        let found = check(history, &Options::default());
        let wall = begun.elapsed().as_secs_f64();
        // The system counts in ticks, too coarse for a short run.
        let on = processor_seconds().zip(begun_on).filter(|_| wall > 0.1);
        let processor = on.map_or(wall, |(now, then)| now - then);
        over.store(true, Ordering::Relaxed);
        Cost { wall, processor, peak: peak.join().expect("it only looks"), found }
    })
}

/// The most memory seen until it is over.
fn watch_peak(over: &AtomicBool) -> usize {
    let mut peak = live_bytes();
    while !over.load(Ordering::Relaxed) {
        peak = peak.max(live_bytes());
        std::thread::sleep(Duration::from_micros(500));
    }
    peak
}

fn live_bytes() -> usize {
    let stats = ALLOCATOR.stats();
    stats.bytes_allocated - stats.bytes_deallocated
}

/// Time that this thread has run, as Linux tells it.
fn processor_seconds() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

/// Makes operations and puts them into order of completion.
struct Maker {
    kind: Kind,
    operations: u64,
    history: History,
    /// Completion and ordinal of what is open, the first to complete on top.
    open: BinaryHeap<Reverse<(u64, u64)>>,
    /// The records of the open ones, by ordinal modulo its length.
    records: Vec<OperationRecord>,
    /// By partition.
    logs: Vec<Vec<ReadRecord>>,
    /// By consumer: how far it has come.
    read: Vec<usize>,
}

impl Maker {
    fn new(kind: Kind, operations: u64) -> Self {
        let names = (0..PARTITIONS).map(|partition| format!("orders-{partition}"));
        let mut history = History::new(names.collect());
        history.final_reads = true;
        let tenths = if matches!(kind, Kind::Plain { .. }) { 6 } else { 26 };
        let sends = (operations * tenths / 10) as usize;
        let finals = sends / FINAL_POLL_RECORDS + PARTITIONS as usize;
        history.reserve(operations as usize + finals, sends, 2 * sends);
        let idle = OperationRecord {
            process: 0,
            invoked_ns: 0,
            completed_ns: 0,
            completion: Completion::Ok,
            function: Function::Crash,
            actions: Vec::new(),
        };
        Self {
            kind,
            operations,
            history,
            open: BinaryHeap::new(),
            records: vec![idle; 2 * (PRODUCERS + CONSUMERS) as usize],
            logs: vec![Vec::new(); PARTITIONS as usize],
            read: vec![0; CONSUMERS as usize],
        }
    }

    fn history(mut self) -> History {
        for ordinal in 0..self.operations {
            self.close_until(ordinal * STEP_NS);
            let circle = ordinal % CIRCLE_EVERY;
            if matches!(self.kind, Kind::Plain { .. }) {
                self.begin_plain(ordinal);
            } else if circle < 2 {
                self.begin_half_circle(ordinal, circle as u32);
            } else {
                self.begin_transaction(ordinal);
            }
        }
        self.close_until(u64::MAX);
        self.read_everything();
        self.history
    }

    fn begin_plain(&mut self, ordinal: u64) {
        let (round, turn) = (ordinal / 5, ordinal % 5);
        if turn < 3 {
            let process = CONSUMERS + (round * 3 + turn) as u32 % PRODUCERS;
            let send = self.append(process, mixed(ordinal) as u32 % PARTITIONS, ordinal);
            self.open(ordinal, process, Function::Send, vec![MicroOperation::Send(send)]);
        } else {
            let consumer = (round * 2 + turn - 3) as u32 % CONSUMERS;
            let records = self.poll(consumer, usize::MAX);
            let actions = vec![MicroOperation::Poll { records }];
            self.open(ordinal, consumer, Function::Poll, actions);
        }
    }

    fn begin_transaction(&mut self, ordinal: u64) {
        let draw = mixed(ordinal);
        let process = ordinal as u32 % (PRODUCERS + CONSUMERS);
        let polls = process < CONSUMERS && ordinal % 5 >= 3;
        let mut actions = Vec::new();
        let tangled = self.kind == Kind::Tangled;
        let sends = if polls { 1 } else { 3 - u64::from(tangled) };
        for nth in 0..sends {
            let partition = (draw >> (8 * nth)) as u32 % PARTITIONS;
            let send = self.append(process, partition, 3 * ordinal + nth);
            actions.push(MicroOperation::Send(send));
        }
        if polls {
            let records = self.poll(process, self.committed(process, ordinal));
            actions.push(MicroOperation::Poll { records });
        }
        self.open(ordinal, process, Function::Txn, actions);
        if tangled {
            self.send_late(ordinal);
        }
    }

    /// One of two transactions that read each other's record, by a process of its own.
    fn begin_half_circle(&mut self, ordinal: u64, half: u32) {
        let process = 1_000 + ordinal as u32;
        let send = self.append(process, half, 3 * ordinal);
        let mut actions = vec![MicroOperation::Send(send)];
        if half == 1 {
            let first = self.slot(ordinal - 1);
            let actions_first = &mut self.records[first].actions;
            if let Some(MicroOperation::Send(other)) = actions_first.first().cloned() {
                actions.push(MicroOperation::Poll { records: vec![as_read(&other)] });
                actions_first.push(MicroOperation::Poll { records: vec![as_read(&send)] });
            }
        }
        self.open(ordinal, process, Function::Txn, actions);
    }

    fn slot(&self, ordinal: u64) -> usize {
        ordinal as usize % self.records.len()
    }

    fn append(&mut self, process: u32, partition: u32, number: u64) -> SendRecord {
        let value = u64::from(process) << 32 | number;
        let first = if let Kind::Plain { first_offset } = self.kind { first_offset } else { 0 };
        let log = &mut self.logs[partition as usize];
        let offset = first + log.len() as i64;
        log.push(ReadRecord { value, offset, partition });
        SendRecord { value, offset, partition, key: NO_KEY }
    }

    /// The transaction before, which is still open, sends once more: so each has written behind the other.
    fn send_late(&mut self, ordinal: u64) {
        let Some(before) = ordinal.checked_sub(1).map(|before| self.slot(before)) else { return };
        let sends = |action: &MicroOperation| matches!(action, MicroOperation::Send(_));
        let record = &self.records[before];
        if record.actions.len() == 2 && record.actions.iter().all(sends) {
            let partition = (mixed(ordinal - 1) >> 16) as u32 % PARTITIONS;
            let send = self.append(record.process, partition, 3 * (ordinal - 1) + 2);
            self.records[before].actions.push(MicroOperation::Send(send));
        }
    }

    /// How much of a consumer's partition is surely committed: what began long enough ago has ended.
    fn committed(&self, consumer: u32, ordinal: u64) -> usize {
        let begun = |record: &ReadRecord| (record.value & u64::from(u32::MAX)) / 3;
        let ended = |record: &ReadRecord| begun(record) + (self.records.len() as u64) < ordinal;
        self.logs[consumer as usize].partition_point(ended)
    }

    fn poll(&mut self, consumer: u32, end: usize) -> Vec<ReadRecord> {
        let (log, read) = (&self.logs[consumer as usize], &mut self.read[consumer as usize]);
        let end = log.len().min(end).max(*read);
        let records = log[*read..end].to_vec();
        *read = end;
        records
    }

    fn open(
        &mut self,
        ordinal: u64,
        process: u32,
        function: Function,
        actions: Vec<MicroOperation>,
    ) {
        let invoked_ns = ordinal * STEP_NS;
        let turns = if function == Function::Txn { PRODUCERS + CONSUMERS } else { PRODUCERS };
        let (least, most) = (2 * STEP_NS + 1, u64::from(turns) * STEP_NS - 1);
        let lasts = least + mixed(!ordinal) % (most - least);
        let completed_ns = invoked_ns + lasts;
        let slot = ordinal as usize % self.records.len();
        self.records[slot] = OperationRecord {
            process,
            invoked_ns,
            completed_ns,
            completion: Completion::Ok,
            function,
            actions,
        };
        self.open.push(Reverse((completed_ns, ordinal)));
    }

    fn close_until(&mut self, now: u64) {
        while let Some(Reverse((completed_ns, ordinal))) = self.open.peek().copied() {
            if completed_ns >= now {
                return;
            }
            self.open.pop();
            self.history.push(&self.records[ordinal as usize % self.records.len()]);
        }
    }

    fn read_everything(&mut self) {
        let mut now = (self.operations + 1_000) * STEP_NS;
        for records in std::mem::take(&mut self.logs) {
            for records in records.chunks(FINAL_POLL_RECORDS) {
                now += STEP_NS;
                self.history.push(&OperationRecord {
                    process: FINAL_READER,
                    invoked_ns: now,
                    completed_ns: now + 1,
                    completion: Completion::Ok,
                    function: Function::Poll,
                    actions: vec![MicroOperation::Poll { records: records.to_vec() }],
                });
            }
        }
    }
}

/// Spreads a number over all bits (`splitmix64`).
fn mixed(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

fn as_read(send: &SendRecord) -> ReadRecord {
    ReadRecord { value: send.value, offset: send.offset, partition: send.partition }
}

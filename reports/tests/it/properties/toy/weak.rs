//! A cluster that keeps less: producers with acks=1 and retries that nobody recognizes, and leaders that fall with what
//! no follower had. One producer asks for everything, and gets it.

use harrow_broker_model::config::Acks;
use harrow_reports::check::Options;
use harrow_reports::policy::{ProducerTerms, Terms};
use harrow_sim::history::{
    Completion, Function, MicroOperation, NO_KEY, NO_OFFSET, OperationRecord, ReadRecord,
    SendRecord, What,
};

use super::Good;
use super::choice::Choice;
use super::details::assigned;

const PARTITIONS: u32 = 2;
const PRODUCERS: u32 = 3;
/// It has acks=all and idempotence.
const STRONG: u32 = 0;
const FIRST_CONSUMER: u32 = 50;
const CONSUMERS: u32 = 2;
const FINAL_READER: u32 = 90;

/// A send that is not answered.
#[derive(Debug, Clone, Copy)]
struct Pending {
    process: u32,
    partition: u32,
    value: u64,
    invoked_ns: u64,
    appended: Option<i64>,
}

/// A log without holes.
#[derive(Debug, Default)]
struct Log {
    values: Vec<u64>,
    high_watermark: usize,
}

#[derive(Default)]
struct Weak {
    now: u64,
    values: u64,
    logs: [Log; PARTITIONS as usize],
    pending: Vec<Pending>,
    positions: [[usize; PARTITIONS as usize]; CONSUMERS as usize],
    done: Vec<OperationRecord>,
}

/// Plays the choices, replicates what is left and reads everything.
pub(crate) fn play(choices: &[u32]) -> Good {
    let mut weak = Weak::default();
    for choice in choices {
        weak.now += 10;
        weak.step(&mut Choice(*choice));
    }
    weak.finish();
    let weakest = ProducerTerms { acks: Acks::Leader, idempotence: false, in_flight_max: 5 };
    let strong = Terms::strict().producer;
    let terms = Terms { producer: weakest, producers: vec![(STRONG, strong)], ..Terms::strict() };
    let mut operations = weak.done;
    operations.sort_by_key(|operation| (operation.completed_ns, operation.invoked_ns));
    Good { operations, options: Options::default(), terms }
}

impl Weak {
    fn step(&mut self, choice: &mut Choice) {
        match choice.of(16) {
            0..=3 => self.send(choice),
            4..=7 => self.append(choice),
            8..=10 => self.answer(choice),
            11 => self.replicate(choice),
            12 => self.fail_over(choice),
            13 | 14 => self.poll(choice),
            _ => self.list(choice),
        }
    }

    fn send(&mut self, choice: &mut Choice) {
        self.values += 1;
        let (process, partition) = (choice.of(PRODUCERS), choice.of(PARTITIONS));
        let (value, invoked_ns) = (self.values, self.now);
        self.pending.push(Pending { process, partition, value, invoked_ns, appended: None });
    }

    /// The strong producer's oldest record that is not in the log, or any record of a weak one, for the first time or
    /// again.
    fn append(&mut self, choice: &mut Choice) {
        let open: Vec<usize> = (0..self.pending.len()).filter(|at| self.may_append(*at)).collect();
        if open.is_empty() {
            return;
        }
        let pending = &mut self.pending[open[choice.of(open.len() as u32) as usize]];
        let log = &mut self.logs[pending.partition as usize];
        let offset = log.values.len() as i64;
        log.values.push(pending.value);
        // The answer may be that of the first attempt or that of the last.
        if pending.appended.is_none() || choice.one_in(2) {
            pending.appended = Some(offset);
        }
    }

    fn may_append(&self, at: usize) -> bool {
        let own = self.pending[at];
        let before = self.pending[..at]
            .iter()
            .filter(|other| (other.process, other.partition) == (own.process, own.partition));
        let in_turn = before.clone().all(|other| other.appended.is_some());
        own.process != STRONG || own.appended.is_none() && in_turn
    }

    /// With acks=1 the leader answers at once; with acks=all it waits for its followers.
    fn answer(&mut self, choice: &mut Choice) {
        let open: Vec<usize> = (0..self.pending.len())
            .filter(|at| {
                let Pending { process, partition, appended, .. } = self.pending[*at];
                let replicated = self.logs[partition as usize].high_watermark as i64;
                appended.is_some_and(|offset| process != STRONG || offset < replicated)
            })
            .collect();
        if open.is_empty() {
            return;
        }
        let pending = self.pending.remove(open[choice.of(open.len() as u32) as usize]);
        let unknown = choice.one_in(6);
        self.complete(&pending, if unknown { Completion::Info } else { Completion::Ok });
    }

    fn complete(&mut self, pending: &Pending, completion: Completion) {
        let Pending { process, partition, value, invoked_ns, appended } = *pending;
        let told = appended.filter(|_| completion == Completion::Ok);
        let offset = told.unwrap_or(NO_OFFSET);
        let send = SendRecord { value, offset, partition, key: NO_KEY };
        self.done.push(OperationRecord {
            process,
            invoked_ns,
            completed_ns: self.now,
            completion,
            function: Function::Send,
            actions: vec![MicroOperation::Send(send)],
        });
    }

    fn replicate(&mut self, choice: &mut Choice) {
        let log = &mut self.logs[choice.of(PARTITIONS) as usize];
        let behind = log.values.len() - log.high_watermark;
        log.high_watermark += choice.of(1 + behind as u32) as usize;
    }

    /// What no follower had is gone, and who still waits for it sends it again.
    fn fail_over(&mut self, choice: &mut Choice) {
        let partition = choice.of(PARTITIONS);
        let log = &mut self.logs[partition as usize];
        let behind = log.values.len() - log.high_watermark;
        let end = log.high_watermark + choice.of(1 + behind as u32) as usize;
        log.values.truncate(end);
        for pending in self.pending.iter_mut().filter(|pending| pending.partition == partition) {
            pending.appended = pending.appended.filter(|offset| *offset < end as i64);
        }
    }

    fn read(&self, partition: u32, from: usize, count: usize) -> Vec<ReadRecord> {
        let log = &self.logs[partition as usize];
        let end = log.high_watermark.min(from.saturating_add(count)).max(from);
        let records = (from..).zip(&log.values[from..end]);
        let record = |(offset, value): (usize, &u64)| ReadRecord {
            partition,
            offset: offset as i64,
            value: *value,
        };
        records.map(record).collect()
    }

    fn poll(&mut self, choice: &mut Choice) {
        let (consumer, partition) = (choice.of(CONSUMERS), choice.of(PARTITIONS));
        let from = self.positions[consumer as usize][partition as usize];
        let records = self.read(partition, from, 1 + choice.of(4) as usize);
        self.positions[consumer as usize][partition as usize] += records.len();
        let actions = vec![MicroOperation::Poll { records }];
        self.record(FIRST_CONSUMER + consumer, Function::Poll, actions);
    }

    fn list(&mut self, choice: &mut Choice) {
        let partition = choice.of(PARTITIONS);
        let offset = Some(self.logs[partition as usize].high_watermark as i64);
        let what = What::EndOffset { partition, offset };
        self.record(FINAL_READER - 1, Function::List, vec![MicroOperation::Detail(what)]);
    }

    fn record(&mut self, process: u32, function: Function, actions: Vec<MicroOperation>) {
        self.done.push(OperationRecord {
            process,
            invoked_ns: self.now - 2,
            completed_ns: self.now + 2,
            completion: Completion::Ok,
            function,
            actions,
        });
    }

    fn finish(&mut self) {
        for log in &mut self.logs {
            log.high_watermark = log.values.len();
        }
        for pending in std::mem::take(&mut self.pending) {
            self.complete(&pending, Completion::Info);
        }
        self.now += 10;
        let actions = (0..PARTITIONS).map(assigned).collect();
        self.record(FINAL_READER, Function::Assign { from_start: true }, actions);
        for partition in 0..PARTITIONS {
            self.now += 10;
            let records = self.read(partition, 0, usize::MAX);
            self.record(FINAL_READER, Function::Poll, vec![MicroOperation::Poll { records }]);
        }
    }
}

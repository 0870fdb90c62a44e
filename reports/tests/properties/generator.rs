//! Correct histories: a toy cluster that appends, acknowledges and serves as it should, driven by a list of choices.

use harrow_sim::history::{
    Completion, Function, History, MicroOperation, NEVER, OperationRecord, ReadRecord,
};

pub(crate) const PARTITIONS: u32 = 2;
const PRODUCERS: u32 = 3;
const CONSUMERS: u32 = 2;
const FINAL_READER: u32 = 99;

/// A send that is under way.
struct Pending {
    process: u32,
    partition: u32,
    value: u64,
    invoked_ns: u64,
    appended: Option<i64>,
}

#[derive(Default)]
struct Toy {
    now: u64,
    next_value: u64,
    pending: Vec<Pending>,
    logs: [Vec<(i64, u64)>; PARTITIONS as usize],
    ends: [i64; PARTITIONS as usize],
    positions: [[i64; PARTITIONS as usize]; CONSUMERS as usize],
    done: Vec<OperationRecord>,
}

/// Plays the choices, finishes what is open and reads everything.
pub(crate) fn history(choices: &[(u8, u8)]) -> History {
    let mut toy = Toy::default();
    for (kind, choice) in choices {
        toy.now += 10;
        toy.step(kind % 12, u32::from(*choice));
    }
    toy.finish();
    let mut operations = toy.done;
    operations.sort_by_key(|o| (o.completed_ns, o.invoked_ns));
    History {
        partitions: (0..PARTITIONS).map(|index| format!("orders-{index}")).collect(),
        value_names: Vec::new(),
        operations,
        final_reads: true,
    }
}

impl Toy {
    fn step(&mut self, kind: u8, choice: u32) {
        let partition = choice % PARTITIONS;
        match kind {
            0..=2 => self.send(choice % PRODUCERS, partition),
            3 | 4 => self.append(choice),
            5 | 6 => self.answer(choice),
            7 => self.ends[partition as usize] += 1,
            8 => self.poll(choice, Completion::Ok, true),
            9 => self.poll(choice, Completion::Fail, false),
            10 => self.poll(choice, Completion::Info, choice & 8 == 0),
            11 if choice & 1 == 0 => self.list(choice / 2 % PARTITIONS),
            11 => self.assign(choice / 2 % CONSUMERS),
            other => panic!("choice {other} is not known"),
        }
    }

    fn send(&mut self, process: u32, partition: u32) {
        let (value, invoked_ns) = (self.next_value, self.now);
        self.next_value += 1;
        self.pending.push(Pending { process, partition, value, invoked_ns, appended: None });
    }

    /// Appends the oldest waiting send of a producer to its partition: producers keep their order.
    fn append(&mut self, choice: u32) {
        let waits = |p: &&mut Pending| p.appended.is_none() && p.process == choice % PRODUCERS;
        if let Some(pending) = self.pending.iter_mut().find(waits) {
            let end = &mut self.ends[pending.partition as usize];
            pending.appended = Some(*end);
            self.logs[pending.partition as usize].push((*end, pending.value));
            *end += 1;
        }
    }

    /// Answers any open send: with its offset, with a failure if it is not in the log, or not at all.
    fn answer(&mut self, choice: u32) {
        if self.pending.is_empty() {
            return;
        }
        let pending = self.pending.remove(choice as usize % self.pending.len());
        let completion = match (pending.appended, choice % 5) {
            (_, 0) => Completion::Info,
            (Some(_), _) => Completion::Ok,
            (None, _) => Completion::Fail,
        };
        self.complete(&pending, completion, choice);
    }

    fn complete(&mut self, pending: &Pending, completion: Completion, choice: u32) {
        let Pending { process, partition, value, invoked_ns, appended } = *pending;
        let silent = completion == Completion::Info;
        self.done.push(OperationRecord {
            process,
            invoked_ns,
            completed_ns: if silent && choice & 4 == 0 { NEVER } else { self.now },
            completion,
            function: Function::Send,
            actions: vec![MicroOperation::Send {
                partition: Some(partition).filter(|_| !silent || choice & 2 == 0),
                value,
                offset: appended.filter(|_| completion == Completion::Ok),
            }],
        });
    }

    fn poll(&mut self, choice: u32, completion: Completion, advance: bool) {
        let consumer = choice % CONSUMERS;
        let mut records = Vec::new();
        for partition in 0..PARTITIONS {
            let position = &mut self.positions[consumer as usize][partition as usize];
            let log = &self.logs[partition as usize];
            let next = log.iter().filter(|(offset, _)| *offset >= *position);
            let read: Vec<(i64, u64)> = next.take(1 + choice as usize % 3).copied().collect();
            if let Some((last, _)) = read.last().filter(|_| advance) {
                *position = last + 1;
            }
            records.extend(read.iter().map(|(offset, value)| ReadRecord {
                partition,
                offset: *offset,
                value: *value,
            }));
        }
        let actions = vec![MicroOperation::Poll { records }];
        self.consumer_operation(consumer, completion, Function::Poll, actions);
    }

    fn list(&mut self, partition: u32) {
        let offset = Some(self.ends[partition as usize]);
        let actions = vec![MicroOperation::EndOffset { partition, offset }];
        self.consumer_operation(0, Completion::Ok, Function::List, actions);
    }

    fn assign(&mut self, consumer: u32) {
        self.positions[consumer as usize] = [0; PARTITIONS as usize];
        let function = Function::Assign { from_start: true };
        self.consumer_operation(consumer, Completion::Ok, function, Vec::new());
    }

    fn consumer_operation(
        &mut self,
        consumer: u32,
        completion: Completion,
        function: Function,
        actions: Vec<MicroOperation>,
    ) {
        self.done.push(OperationRecord {
            process: 50 + consumer,
            invoked_ns: self.now,
            completed_ns: self.now + 5,
            completion,
            function,
            actions,
        });
    }

    fn finish(&mut self) {
        while self.pending.iter().any(|pending| pending.appended.is_none()) {
            (0..PRODUCERS).for_each(|producer| self.append(producer));
        }
        for pending in std::mem::take(&mut self.pending) {
            self.now += 10;
            self.complete(&pending, Completion::Ok, 1);
        }
        self.now += 10;
        let everything = (0..PARTITIONS).flat_map(|partition| {
            let log = &self.logs[partition as usize];
            log.iter().map(move |(offset, value)| ReadRecord {
                partition,
                offset: *offset,
                value: *value,
            })
        });
        let records = everything.collect();
        self.consumer_operation(
            FINAL_READER,
            Completion::Ok,
            Function::Poll,
            vec![MicroOperation::Poll { records }],
        );
    }
}

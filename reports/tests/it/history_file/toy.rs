//! Small correct histories, driven by choices: what a cluster that keeps its promises tells its clients.

use harrow_sim::history::{
    Completion, Function, History, MicroOperation, NEVER, NO_OFFSET, OperationRecord, ReadRecord,
    SendRecord, What,
};

const PARTITIONS: u32 = 2;
const FINAL_READER: u32 = 90;

/// What one choice does.
type Choice = (u8, u8);

#[derive(Default)]
struct Toy {
    now: u64,
    value: u64,
    logs: [Vec<(i64, u64)>; PARTITIONS as usize],
    next: [i64; PARTITIONS as usize],
    /// By consumer and partition: the position in the log's records.
    positions: [[usize; PARTITIONS as usize]; 2],
    /// A send that is still open, with when it began.
    open: Vec<(u64, u32, SendRecord)>,
    done: Vec<OperationRecord>,
}

/// A correct history with values from `first` on, and processes from `processes` on.
pub(crate) fn history(choices: &[Choice], first: u64, processes: u32) -> History {
    let mut toy = Toy { value: first, ..Toy::default() };
    toy.join();
    for choice in choices {
        toy.step(*choice);
    }
    toy.finish();
    toy.done.iter_mut().for_each(|operation| operation.process += processes);
    let mut history = History::of(vec!["x-0".into(), "x-1".into()], true, &toy.done);
    history.groups = vec!["readers".into()];
    history
}

/// What is done, by name, so that histories of every function come about.
impl Toy {
    fn step(&mut self, (what, which): Choice) {
        self.now += 1_000;
        let process = u32::from(which) % 3;
        match what % 10 {
            0..=2 => self.send(process),
            3 | 4 => self.answer(usize::from(which)),
            5 | 6 => self.poll(usize::from(which) % 2),
            7 => self.transaction(),
            8 => self.end_offset(u32::from(which) % PARTITIONS),
            _ => self.commit(),
        }
    }

    fn send(&mut self, process: u32) {
        let partition = self.value as u32 % PARTITIONS;
        let send = SendRecord { partition, key: process, ..SendRecord::of(self.value) };
        self.value += 1;
        if self.open.iter().any(|(_, busy, _)| *busy == process) {
            // It did not go out at all.
            self.push(
                process,
                self.now,
                Completion::Fail,
                Function::Send,
                vec![MicroOperation::Send(send)],
            );
            return;
        }
        self.open.push((self.now, process, send));
    }

    /// A send is appended, and its producer told, or not.
    fn answer(&mut self, which: usize) {
        if self.open.is_empty() {
            return;
        }
        let (invoked, process, mut send) = self.open.remove(which % self.open.len());
        let offset = self.append(send.partition, send.value);
        let known = !which.is_multiple_of(5);
        send.offset = if known { offset } else { NO_OFFSET };
        let completion = if known { Completion::Ok } else { Completion::Info };
        let actions = vec![MicroOperation::Send(send)];
        self.push(process, invoked, completion, Function::Send, actions);
    }

    fn append(&mut self, partition: u32, value: u64) -> i64 {
        let next = &mut self.next[partition as usize];
        *next += 1;
        self.logs[partition as usize].push((*next - 1, value));
        *next - 1
    }

    fn poll(&mut self, consumer: usize) {
        let mut records = Vec::new();
        for partition in 0..PARTITIONS {
            let log = &self.logs[partition as usize];
            let position = &mut self.positions[consumer][partition as usize];
            let batch = log[*position..].iter().take(3);
            records.extend(batch.map(|(offset, value)| ReadRecord {
                partition,
                offset: *offset,
                value: *value,
            }));
            *position = log.len().min(*position + 3);
        }
        let mut actions = vec![MicroOperation::Poll { records }];
        if consumer == 1 {
            actions.push(MicroOperation::Detail(What::Member { group: 0, generation: 1 }));
        }
        let process = 10 + consumer as u32;
        self.push(process, self.now, Completion::Ok, Function::Poll, actions);
    }

    /// Two records and two markers.
    fn transaction(&mut self) {
        let sends = [0, 1].map(|partition| {
            let value = self.value;
            self.value += 1;
            let offset = self.append(partition, value);
            self.next[partition as usize] += 1;
            MicroOperation::Send(SendRecord { partition, offset, ..SendRecord::of(value) })
        });
        self.push(20, self.now, Completion::Ok, Function::Txn, sends.to_vec());
    }

    fn end_offset(&mut self, partition: u32) {
        let offset = Some(self.next[partition as usize]);
        let told = MicroOperation::Detail(What::EndOffset { partition, offset });
        self.push(30, self.now, Completion::Ok, Function::List, vec![told]);
    }

    fn join(&mut self) {
        let member = MicroOperation::Detail(What::Member { group: 0, generation: 1 });
        let owned = |partition| MicroOperation::Detail(What::Assigned { partition });
        let actions = vec![owned(0), owned(1), member];
        self.push(11, self.now, Completion::Ok, Function::Join, actions);
        let assign = Function::Assign { from_start: true };
        self.push(10, self.now, Completion::Ok, assign, vec![owned(0), owned(1)]);
    }

    fn commit(&mut self) {
        let Some(last) = self.positions[1][0].checked_sub(1) else { return };
        let offset = self.logs[0][last].0 + 1;
        let commit = MicroOperation::Detail(What::Committed { partition: 0, offset });
        let member = MicroOperation::Detail(What::Member { group: 0, generation: 1 });
        self.push(11, self.now, Completion::Ok, Function::Commit, vec![commit, member]);
    }

    fn finish(&mut self) {
        if self.open.len() > 2 {
            // One never comes back.
            let (invoked_ns, process, send) = self.open.remove(0);
            let actions = vec![MicroOperation::Send(send)];
            self.done.push(OperationRecord {
                process,
                invoked_ns,
                completed_ns: NEVER,
                completion: Completion::Info,
                function: Function::Send,
                actions,
            });
        }
        while !self.open.is_empty() {
            self.now += 1_000;
            self.answer(1);
        }
        self.now += 1_000;
        let everything = (0..PARTITIONS).zip(&self.logs).flat_map(|(partition, log)| {
            let read = move |(offset, value): &(i64, u64)| ReadRecord {
                partition,
                offset: *offset,
                value: *value,
            };
            log.iter().map(read)
        });
        let records = everything.collect();
        let actions = vec![MicroOperation::Poll { records }];
        self.push(FINAL_READER, self.now, Completion::Ok, Function::Poll, actions);
    }

    fn push(
        &mut self,
        process: u32,
        invoked_ns: u64,
        completion: Completion,
        function: Function,
        actions: Vec<MicroOperation>,
    ) {
        self.now += 10;
        let completed_ns = self.now;
        self.done.push(OperationRecord {
            process,
            invoked_ns,
            completed_ns,
            completion,
            function,
            actions,
        });
    }
}

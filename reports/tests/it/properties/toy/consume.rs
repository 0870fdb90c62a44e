//! Consumers that assign partitions to themselves, those who ask for end offsets, and the final readers.

use harrow_sim::history::{Completion, Function, MicroOperation, ReadRecord, What};

use super::choice::Choice;
use super::details::assigned;
use super::state::{CONSUMERS, PARTITIONS, Toy};

const FIRST_PROCESS: u32 = 50;
const ASKERS: u32 = 2;
const FIRST_ASKER: u32 = 55;
const FINAL_READERS: u32 = 2;
/// Final readers have the highest numbers.
pub(crate) const FIRST_FINAL_READER: u32 = 90;

impl Toy {
    /// Two partitions, or one of them twice. A failed poll does not count; an unknown one may, and may not be told.
    pub(super) fn poll(&mut self, choice: &mut Choice) {
        let consumer = choice.of(CONSUMERS);
        let mut positions = self.consumers.positions[consumer as usize];
        let mut actions = Vec::new();
        for _ in 0..2 {
            let partition = choice.of(PARTITIONS);
            let position = &mut positions[partition as usize];
            let (records, next) = self.read(partition, *position, 1 + choice.of(3) as usize);
            *position = next;
            actions.push(MicroOperation::Poll { records });
        }
        let (completion, counts) = match choice.of(6) {
            0..=3 => (Completion::Ok, true),
            4 => (Completion::Fail, false),
            _ => (Completion::Info, choice.one_in(2)),
        };
        if counts {
            self.consumers.positions[consumer as usize] = positions;
        }
        if completion == Completion::Info && choice.one_in(2) {
            actions.clear();
        }
        self.record(FIRST_PROCESS + consumer, completion, Function::Poll, actions, choice);
    }

    /// Assigns again, from the start or from anywhere, or is torn down and begins anew.
    pub(super) fn assign(&mut self, choice: &mut Choice) {
        let consumer = choice.of(CONSUMERS);
        let process = FIRST_PROCESS + consumer;
        let from_start = choice.one_in(2);
        let positions = &mut self.consumers.positions[consumer as usize];
        for (position, log) in positions.iter_mut().zip(&self.logs) {
            let anywhere = choice.of(1 + log.end() as u32);
            *position = if from_start { 0 } else { i64::from(anywhere) };
        }
        if choice.one_in(3) {
            self.record(process, Completion::Info, Function::Crash, Vec::new(), choice);
        } else {
            let function = Function::Assign { from_start };
            let mut actions: Vec<MicroOperation> = (0..PARTITIONS).map(assigned).collect();
            if !from_start {
                let positions = (0_u32..).zip(self.consumers.positions[consumer as usize]);
                let told = choice.one_in(2);
                actions.extend(positions.map(|(partition, next)| {
                    let offset = told.then_some(next);
                    MicroOperation::Detail(What::Seek { partition, offset })
                }));
            }
            self.record(process, Completion::Ok, function, actions, choice);
        }
    }

    /// The end is where readers can come to.
    pub(super) fn list(&mut self, choice: &mut Choice) {
        let (process, partition) = (FIRST_ASKER + choice.of(ASKERS), choice.of(PARTITIONS));
        let log = &self.logs[partition as usize];
        let end = if self.uncommitted { log.end() } else { log.last_stable_offset() };
        let unknown = choice.one_in(6);
        let completion = if unknown { Completion::Fail } else { Completion::Ok };
        let what = What::EndOffset { partition, offset: (!unknown).then_some(end) };
        let actions = vec![MicroOperation::Detail(what)];
        self.record(process, completion, Function::List, actions, choice);
    }

    /// Each final reader takes everything from the start, a few records a poll.
    pub(super) fn read_everything(&mut self) {
        for reader in 0..FINAL_READERS {
            let process = FIRST_FINAL_READER + reader;
            self.now += 10;
            let actions = (0..PARTITIONS).map(assigned).collect();
            let function = Function::Assign { from_start: true };
            self.record(process, Completion::Ok, function, actions, &mut Choice(0));
            let everything: Vec<ReadRecord> =
                (0..PARTITIONS).flat_map(|p| self.read(p, 0, usize::MAX).0).collect();
            for records in everything.chunks(10) {
                self.now += 10;
                let actions = vec![MicroOperation::Poll { records: records.to_vec() }];
                self.record(process, Completion::Ok, Function::Poll, actions, &mut Choice(0));
            }
        }
    }
}

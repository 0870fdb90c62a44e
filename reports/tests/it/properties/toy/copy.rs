//! Exactly-once processing: transactions that read an input, write outputs, and commit how far they have come.

use harrow_sim::history::{Completion, Function, MicroOperation, What};

use super::choice::Choice;
use super::details::{assigned, member};
use super::state::{COPIERS, INPUT, PARTITIONS, Running, Toy};

const COPIER_COUNT: u32 = 2;
const FIRST_PROCESS: u32 = 70;

impl Toy {
    /// Someone else, or the same again, becomes the owner. The old one's transaction is fenced, and so fails or ends
    /// in the unknown.
    pub(super) fn take_over(&mut self, choice: &mut Choice) {
        if let Some(running) = self.copiers.running.take() {
            let process = FIRST_PROCESS + self.copiers.owner;
            let unknown = choice.one_in(2);
            let completion = if unknown { Completion::Info } else { Completion::Fail };
            self.answer_transaction(process, running.number, completion, Some(false), choice);
            self.settle(running.number, choice);
            self.now += 10;
        }
        if let Some(unknown) = self.copiers.unknown.take()
            && self.settle(unknown.number, choice)
        {
            self.copiers.committed = unknown.next;
        }
        let copiers = &mut self.copiers;
        copiers.generation += 1;
        (copiers.owner, copiers.position) = (choice.of(COPIER_COUNT), copiers.committed);
        copiers.vacant = false;
        let actions = vec![member(COPIERS, copiers.generation), assigned(INPUT)];
        let process = FIRST_PROCESS + copiers.owner;
        self.record(process, Completion::Ok, Function::Join, actions, choice);
    }

    /// The owner does the next thing.
    pub(super) fn copy(&mut self, choice: &mut Choice) {
        if self.copiers.vacant || self.copiers.generation == 0 {
            return;
        }
        match self.copiers.running {
            None => self.begin_copy(choice),
            Some(running) => self.end_copy(running, choice),
        }
    }

    fn begin_copy(&mut self, choice: &mut Choice) {
        let position = self.copiers.position;
        let (records, next) = self.read(INPUT, position, 1 + choice.of(3) as usize);
        let (Some(first), Some(last)) = (records.first(), records.last()) else { return };
        // The span may begin where it stood or with the first record: what is between is no record.
        let first = if choice.one_in(2) { position } else { first.offset };
        let consumed = What::Consumed { partition: INPUT, first, last: last.offset };
        let number = self.begin_transaction();
        self.act_in(number, member(COPIERS, self.copiers.generation));
        self.act_in(number, MicroOperation::Poll { records: records.clone() });
        self.act_in(number, MicroOperation::Detail(consumed));
        for _ in &records {
            let partition = choice.of(PARTITIONS);
            // A filter drops some; the input is not written to.
            if partition != INPUT {
                self.send_in(number, partition, choice);
            }
        }
        self.copiers.running = Some(Running { number, next });
    }

    fn end_copy(&mut self, running: Running, choice: &mut Choice) {
        let process = FIRST_PROCESS + self.copiers.owner;
        self.copiers.running = None;
        match self.end_transaction(process, running.number, choice) {
            Completion::Ok => {
                self.copiers.committed = running.next;
                self.copiers.position = running.next;
            }
            Completion::Fail => self.copiers.position = self.copiers.committed,
            Completion::Info => {
                self.copiers.unknown = Some(running);
                self.copiers.vacant = true;
            }
        }
    }

    /// Takes over once more and goes on until the input is at its end.
    pub(super) fn finish_copying(&mut self) {
        if self.copiers.generation == 0 {
            return;
        }
        self.now += 10;
        self.take_over(&mut Choice(0));
        while !self.read(INPUT, self.copiers.position, 1).0.is_empty() {
            self.now += 20;
            self.copy(&mut Choice(0));
            self.now += 20;
            self.copy(&mut Choice(0));
            while let Some(number) = self.marked_late() {
                self.settle(number, &mut Choice(0));
            }
        }
    }
}

//! Transactions: one operation each, of sends and polls.
//!
//! A transaction is decided once and marked in each partition at its own time, so one partition may show it before
//! another does. An unknown outcome is decided sooner or later.

use harrow_sim::history::{
    Completion, Function, MicroOperation, NEVER, NO_OFFSET, NO_PARTITION, OperationRecord,
    SendRecord,
};

use super::choice::Choice;
use super::produce::key;
use super::state::{CLIENTS, Client, PARTITIONS, Toy, Transaction};

impl Toy {
    /// One client does the next thing.
    pub(super) fn transact(&mut self, choice: &mut Choice) {
        let client = choice.of(CLIENTS as u32) as usize;
        let number = self.transactions.clients[client].transaction;
        let open = self.transactions.open.iter().find(|open| open.number == number);
        match open.map(|open| open.answered) {
            None => {
                let begun = self.begin_transaction();
                let client = &mut self.transactions.clients[client];
                (client.transaction, client.before) = (begun, client.positions);
            }
            // Markers are missing: a producer has to wait for them.
            Some(true) => {}
            Some(false) => match choice.of(6) {
                0..=2 => {
                    let partition = choice.of(PARTITIONS);
                    self.send_in(number, partition, choice);
                }
                3 => self.poll_in(client, number, choice),
                _ => self.end_client(client, number, choice),
            },
        }
    }

    pub(super) fn begin_transaction(&mut self) -> u32 {
        self.transactions.number += 1;
        self.transactions.open.push(Transaction {
            number: self.transactions.number,
            invoked_ns: self.now,
            actions: Vec::new(),
            unmarked: Vec::new(),
            decided: None,
            answered: false,
        });
        self.transactions.number
    }

    pub(super) fn send_in(&mut self, number: u32, partition: u32, choice: &mut Choice) {
        let (value, key) = (self.value(), key(partition, choice));
        let offset = self.logs[partition as usize].append(value, key, Some(number));
        let transaction = self.transaction(number);
        let send = SendRecord { value, offset, partition, key };
        transaction.actions.push(MicroOperation::Send(send));
        if !transaction.unmarked.contains(&partition) {
            transaction.unmarked.push(partition);
        }
    }

    pub(super) fn act_in(&mut self, number: u32, action: MicroOperation) {
        self.transaction(number).actions.push(action);
    }

    fn poll_in(&mut self, client: usize, number: u32, choice: &mut Choice) {
        let partition = choice.of(PARTITIONS);
        let position = self.transactions.clients[client].positions[partition as usize];
        let (records, position) = self.read(partition, position, 1 + choice.of(3) as usize);
        self.transactions.clients[client].positions[partition as usize] = position;
        self.act_in(number, MicroOperation::Poll { records });
    }

    fn end_client(&mut self, client: usize, number: u32, choice: &mut Choice) {
        let Client { process, before, .. } = self.transactions.clients[client];
        let completion = self.end_transaction(process, number, choice);
        let rewinds = match completion {
            Completion::Ok => false,
            Completion::Fail => true,
            Completion::Info => choice.one_in(2),
        };
        let gone = completion == Completion::Info && choice.one_in(2);
        let next = self.transactions.process;
        let client = &mut self.transactions.clients[client];
        if rewinds {
            client.positions = before;
        }
        if gone {
            (client.process, client.positions) = (next, [0; PARTITIONS as usize]);
            self.transactions.process += 1;
            forget_everything(self.done.last_mut().expect("it has just ended"));
        }
    }

    /// Ends an open transaction: with a commit, with an abort, or with nobody knowing.
    pub(super) fn end_transaction(
        &mut self,
        process: u32,
        number: u32,
        choice: &mut Choice,
    ) -> Completion {
        let completion = match choice.of(5) {
            0..=2 => Completion::Ok,
            3 => Completion::Fail,
            _ => Completion::Info,
        };
        let decided = match completion {
            Completion::Ok => Some(true),
            Completion::Fail => Some(false),
            Completion::Info => [Some(true), Some(false), None][choice.of(3) as usize],
        };
        self.answer_transaction(process, number, completion, decided, choice);
        completion
    }

    pub(super) fn answer_transaction(
        &mut self,
        process: u32,
        number: u32,
        completion: Completion,
        decided: Option<bool>,
        choice: &mut Choice,
    ) {
        let unsent = (decided == Some(false) && choice.one_in(3)).then(|| self.value());
        let transaction = self.transaction(number);
        (transaction.decided, transaction.answered) = (decided, true);
        let invoked_ns = transaction.invoked_ns;
        let mut actions = std::mem::take(&mut transaction.actions);
        // What was not sent before the abort has neither offset nor partition.
        actions.extend(unsent.map(|value| MicroOperation::Send(SendRecord::of(value))));
        if completion != Completion::Ok {
            forget_answers(&mut actions, choice);
        }
        self.done.push(OperationRecord {
            process,
            invoked_ns,
            completed_ns: self.now,
            completion,
            function: Function::Txn,
            actions,
        });
        if decided == Some(true) {
            self.transactions.committed.insert(number);
        }
        self.transactions.open.retain(|open| !open.is_over());
    }

    /// A marker is written, of a transaction that is decided or, once its client is gone, is decided now.
    pub(super) fn mark(&mut self, choice: &mut Choice) {
        let ended: Vec<u32> =
            self.transactions.open.iter().filter(|t| t.answered).map(|t| t.number).collect();
        if ended.is_empty() {
            return;
        }
        let number = ended[choice.of(ended.len() as u32) as usize];
        let commits = self.decide(number, choice);
        let transaction = self.transaction(number);
        if !transaction.unmarked.is_empty() {
            let at = choice.of(transaction.unmarked.len() as u32) as usize;
            let partition = transaction.unmarked.remove(at);
            self.logs[partition as usize].mark(number, commits);
        }
        self.transactions.open.retain(|open| !open.is_over());
    }

    /// What is left of a transaction is done at once. Whether it has committed.
    pub(super) fn settle(&mut self, number: u32, choice: &mut Choice) -> bool {
        if self.transactions.open.iter().any(|open| open.number == number) {
            let commits = self.decide(number, choice);
            for partition in std::mem::take(&mut self.transaction(number).unmarked) {
                self.logs[partition as usize].mark(number, commits);
            }
            self.transactions.open.retain(|open| !open.is_over());
        }
        self.transactions.committed.contains(&number)
    }

    fn decide(&mut self, number: u32, choice: &mut Choice) -> bool {
        let commits = *self.transaction(number).decided.get_or_insert_with(|| choice.one_in(2));
        if commits {
            self.transactions.committed.insert(number);
        }
        commits
    }

    /// A transaction that has ended and is not marked everywhere.
    pub(super) fn marked_late(&self) -> Option<u32> {
        self.transactions.open.iter().find(|open| open.answered).map(|open| open.number)
    }

    pub(super) fn finish_transactions(&mut self) {
        for client in 0..CLIENTS {
            self.now += 10;
            let number = self.transactions.clients[client].transaction;
            let mut open = self.transactions.open.iter();
            if open.any(|open| open.number == number && !open.answered) {
                self.end_client(client, number, &mut Choice(0));
            }
        }
        while let Some(number) = self.marked_late() {
            self.settle(number, &mut Choice(0));
        }
    }

    fn transaction(&mut self, number: u32) -> &mut Transaction {
        let mut open = self.transactions.open.iter_mut();
        open.find(|open| open.number == number).expect("it is open")
    }
}

impl Transaction {
    fn is_over(&self) -> bool {
        self.answered && self.decided.is_some() && self.unmarked.is_empty()
    }
}

/// The client was gone before anything could be written down.
fn forget_everything(operation: &mut OperationRecord) {
    operation.completed_ns = NEVER;
    operation.actions.retain(|action| !matches!(action, MicroOperation::Poll { .. }));
    for action in &mut operation.actions {
        if let MicroOperation::Send(send) = action {
            send.offset = NO_OFFSET;
        }
    }
}

/// Some answers never reached the client: offsets, where a record went, what was read.
fn forget_answers(actions: &mut [MicroOperation], choice: &mut Choice) {
    let forgets_reads = choice.one_in(4);
    for action in actions {
        match action {
            MicroOperation::Send(send) => match choice.of(4) {
                0 => send.offset = NO_OFFSET,
                1 => (send.offset, send.partition) = (NO_OFFSET, NO_PARTITION),
                _ => {}
            },
            MicroOperation::Poll { records } if forgets_reads => records.clear(),
            MicroOperation::Poll { .. } | MicroOperation::Detail(_) => {}
        }
    }
}

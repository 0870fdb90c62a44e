//! Correct histories: a toy cluster that appends, decides, acknowledges and serves as it should, driven by a list of
//! choices. It has neither brokers nor faults: only what clients may legally see of them.
//!
//! | file | what plays |
//! |---|---|
//! | `log` | partitions: offsets, markers, retention, compaction |
//! | `produce` | producers with several sends open, with `acks=0`, with several records an operation |
//! | `transact` | transactions of sends and polls, decided and marked at their own pace |
//! | `consume` | consumers that assign partitions to themselves, end offsets, the final reads |
//! | `group` | members of a group, with generations, commits, crashes and members that were left behind |
//! | `copy` | exactly-once processing of one partition |
//! | `state`, `choice`, `details` | what all of them know, choose by and tell |
//! | `weak` | a cluster of its own that promises less: acks=1, retries without idempotence, failovers |

mod choice;
mod consume;
mod copy;
mod details;
mod group;
mod log;
mod produce;
mod state;
mod transact;
pub(crate) mod weak;

use harrow_reports::check::{LogFacts, Options};
use harrow_reports::policy::{Isolation, Terms};
use harrow_sim::history::{
    Completion, Function, History, MicroOperation, OperationRecord, ReadRecord,
};

use choice::Choice;
pub(crate) use consume::FIRST_FINAL_READER;
use log::Log;
pub(crate) use state::{COMPACTED, GROUP, INPUT, PLAIN, RETAINED};
use state::{Consumers, Copiers, Group, PARTITIONS, Producers, Toy, Transactions};

/// A correct history, and what is known of its logs and terms.
#[derive(Debug, Clone)]
pub(crate) struct Good {
    pub(crate) operations: Vec<OperationRecord>,
    pub(crate) options: Options,
    pub(crate) terms: Terms,
}

impl Good {
    /// In columns.
    pub(crate) fn history(&self) -> History {
        let names = (0..PARTITIONS).map(|index| format!("orders-{index}"));
        let mut history = History::of(names.collect(), true, &self.operations);
        history.groups = vec!["readers".to_owned(), "copiers".to_owned()];
        history
    }
}

/// Plays the choices, finishes what is open and reads everything.
pub(crate) fn play(choices: &[u32], isolation: Isolation) -> Good {
    let mut toy = Toy {
        uncommitted: isolation == Isolation::ReadUncommitted,
        now: 0,
        values: 0,
        logs: (0..PARTITIONS).map(|_| Log::default()).collect(),
        producers: Producers::default(),
        transactions: Transactions::default(),
        consumers: Consumers::default(),
        group: Group::default(),
        copiers: Copiers::default(),
        done: Vec::new(),
    };
    for choice in choices {
        toy.now += 10;
        toy.step(&mut Choice(*choice));
    }
    toy.finish();
    toy.good()
}

impl Toy {
    fn step(&mut self, choice: &mut Choice) {
        match choice.of(36) {
            0..=3 => self.send(choice),
            4..=7 => self.append(choice),
            8..=10 => self.answer(choice),
            11 => self.send_burst(choice),
            12..=16 => self.transact(choice),
            17..=19 => self.mark(choice),
            20..=22 => self.poll(choice),
            23 => self.assign(choice),
            24 => self.list(choice),
            25 => self.rebalance(choice),
            26..=28 => self.member_poll(choice),
            29 => self.member_commit(choice),
            30 => self.member_crash(choice),
            31..=33 => self.copy(choice),
            34 => self.take_over(choice),
            35 if choice.one_in(2) => self.logs[RETAINED as usize].retain(choice),
            35 => self.logs[COMPACTED as usize].compact(choice),
            other => panic!("choice {other} is not known"),
        }
    }

    /// Everything open ends, the input is processed to its end, and all is read.
    fn finish(&mut self) {
        self.finish_sends();
        self.finish_transactions();
        self.finish_copying();
        self.read_everything();
    }

    fn good(self) -> Good {
        let mut options = Options::default();
        let log_start_offset = self.logs[RETAINED as usize].start();
        options.logs.insert(RETAINED, LogFacts { log_start_offset, compacted: false });
        options.logs.insert(COMPACTED, LogFacts { log_start_offset: 0, compacted: true });
        let mut terms = Terms::strict();
        if self.uncommitted {
            terms.isolation = Isolation::ReadUncommitted;
        }
        let mut operations = self.done;
        operations.sort_by_key(|operation| (operation.completed_ns, operation.invoked_ns));
        Good { operations, options, terms }
    }

    pub(super) fn value(&mut self) -> u64 {
        self.values += 1;
        self.values
    }

    /// What a consumer at a position gets, and where it stands then. Once it has everything, it is behind all holes.
    pub(super) fn read(
        &self,
        partition: u32,
        position: i64,
        count: usize,
    ) -> (Vec<ReadRecord>, i64) {
        let log = &self.logs[partition as usize];
        let position = position.max(log.start());
        let end = if self.uncommitted { log.end() } else { log.last_stable_offset() };
        let readable = log.between(position, end, self.uncommitted);
        let records: Vec<ReadRecord> = readable
            .take(count)
            .map(|entry| ReadRecord { partition, offset: entry.offset, value: entry.value })
            .collect();
        let position = match records.last() {
            Some(last) if records.len() == count => last.offset + 1,
            Some(_) | None => position.max(end),
        };
        (records, position)
    }

    /// An operation around the present instant, without its process's others.
    pub(super) fn record(
        &mut self,
        process: u32,
        completion: Completion,
        function: Function,
        actions: Vec<MicroOperation>,
        choice: &mut Choice,
    ) {
        self.done.push(OperationRecord {
            process,
            invoked_ns: self.now - u64::from(choice.of(6)),
            completed_ns: self.now + u64::from(choice.of(6)),
            completion,
            function,
            actions,
        });
    }
}

//! Producers without transactions.

use harrow_sim::history::{
    Completion, Function, MicroOperation, NEVER, NO_KEY, NO_OFFSET, NO_PARTITION, OperationRecord,
    SendRecord,
};

use super::choice::Choice;
use super::state::{COMPACTED, PARTITIONS, Pending, Toy};

const PRODUCERS: u32 = 4;
/// It asks for no acknowledgement, and so is told no offsets.
const WITHOUT_ACKS: u32 = 3;
/// It sends several records an operation.
const BURSTS: u32 = 5;

/// Keys of the compacted partition.
const KEYS: u32 = 3;

/// Records of the compacted partition have keys; others need none.
pub(super) fn key(partition: u32, choice: &mut Choice) -> u32 {
    if partition == COMPACTED { choice.of(KEYS) } else { NO_KEY }
}

impl Toy {
    pub(super) fn send(&mut self, choice: &mut Choice) {
        let (process, partition) = (choice.of(PRODUCERS), choice.of(PARTITIONS));
        let (value, key) = (self.value(), key(partition, choice));
        self.producers.pending.push(Pending {
            process,
            partition,
            value,
            key,
            invoked_ns: self.now,
            appended: None,
            answered: false,
        });
    }

    /// Appends the oldest waiting send of some producer to some partition: producers keep their order in each.
    pub(super) fn append(&mut self, choice: &mut Choice) {
        let waits = |pending: &&Pending| pending.appended.is_none();
        let waiting: Vec<(u32, u32)> =
            self.producers.pending.iter().filter(waits).map(|p| (p.process, p.partition)).collect();
        if waiting.is_empty() {
            return;
        }
        let whose = waiting[choice.of(waiting.len() as u32) as usize];
        let mut pending = self.producers.pending.iter_mut();
        let oldest = pending.find(|p| p.appended.is_none() && (p.process, p.partition) == whose);
        let oldest = oldest.expect("it waits");
        oldest.appended =
            Some(self.logs[oldest.partition as usize].append(oldest.value, oldest.key, None));
        self.producers.pending.retain(|p| !(p.answered && p.appended.is_some()));
    }

    /// Answers any open send: with its offset, with a failure if it is not in the log and never will be, or not at all.
    pub(super) fn answer(&mut self, choice: &mut Choice) {
        let open = |(_, pending): &(usize, &Pending)| !pending.answered;
        let open: Vec<usize> =
            self.producers.pending.iter().enumerate().filter(open).map(|(at, _)| at).collect();
        if open.is_empty() {
            return;
        }
        let at = open[choice.of(open.len() as u32) as usize];
        let pending = self.producers.pending[at];
        let unknown = choice.one_in(5);
        let completion = match pending.appended {
            _ if unknown => Completion::Info,
            None if pending.process == WITHOUT_ACKS => Completion::Ok,
            Some(_) => Completion::Ok,
            None => Completion::Fail,
        };
        self.complete_send(&pending, completion, choice);
        let arrives = pending.appended.is_none()
            && (completion == Completion::Ok || unknown && choice.one_in(2));
        if arrives {
            self.producers.pending[at].answered = true;
        } else {
            self.producers.pending.remove(at);
        }
    }

    fn complete_send(&mut self, pending: &Pending, completion: Completion, choice: &mut Choice) {
        let Pending { process, partition, value, key, invoked_ns, appended, .. } = *pending;
        let unknown = completion == Completion::Info;
        let told = appended.filter(|_| process != WITHOUT_ACKS && (!unknown || choice.one_in(4)));
        let partition_told = !unknown || told.is_some() || choice.one_in(2);
        let never = unknown && told.is_none() && choice.one_in(2);
        let send = SendRecord {
            value,
            offset: told.unwrap_or(NO_OFFSET),
            partition: if partition_told { partition } else { NO_PARTITION },
            key,
        };
        self.done.push(OperationRecord {
            process,
            invoked_ns,
            completed_ns: if never { NEVER } else { self.now },
            completion,
            function: Function::Send,
            actions: vec![MicroOperation::Send(send)],
        });
    }

    /// Several records in one operation, of which other producers' may come in between only if it takes its time.
    pub(super) fn send_burst(&mut self, choice: &mut Choice) {
        let mut actions = Vec::new();
        for _ in 0..2 + choice.of(2) {
            let partition = choice.of(PARTITIONS);
            let (value, key) = (self.value(), key(partition, choice));
            let offset = self.logs[partition as usize].append(value, key, None);
            actions.push(MicroOperation::Send(SendRecord { value, offset, partition, key }));
            if choice.one_in(4) {
                self.append(choice);
            }
        }
        self.record(BURSTS, Completion::Ok, Function::Send, actions, choice);
    }

    pub(super) fn finish_sends(&mut self) {
        while self.producers.pending.iter().any(|pending| pending.appended.is_none()) {
            self.append(&mut Choice(0));
        }
        for pending in std::mem::take(&mut self.producers.pending) {
            self.now += 10;
            self.complete_send(&pending, Completion::Ok, &mut Choice(0));
        }
    }
}

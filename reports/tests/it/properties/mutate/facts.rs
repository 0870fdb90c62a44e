//! What mutations look up in a correct history.

use std::collections::{BTreeMap, BTreeSet};

use harrow_sim::history::{
    Completion, Function, MicroOperation, NO_OFFSET, NO_PARTITION, OperationRecord, ReadRecord,
    SendRecord, What,
};

use crate::properties::toy::{COMPACTED, FIRST_FINAL_READER, Good};

/// Draws places (`splitmix64`).
pub(crate) struct Pick(pub(crate) u64);

impl Pick {
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of a list; none of an empty one.
    pub(super) fn of<T: Clone>(&mut self, list: &[T]) -> Option<T> {
        let at = self.number().checked_rem(list.len() as u64)?;
        Some(list[at as usize].clone())
    }
}

/// A send with its operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sent {
    pub(super) operation: usize,
    pub(super) action: usize,
    pub(super) record: SendRecord,
    pub(super) process: u32,
    pub(super) invoked_ns: u64,
    pub(super) completed_ns: u64,
    pub(super) completion: Completion,
    pub(super) function: Function,
}

/// A read with its operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Read {
    pub(super) operation: usize,
    pub(super) action: usize,
    pub(super) at: usize,
    pub(super) record: ReadRecord,
    pub(super) process: u32,
    pub(super) completion: Completion,
}

pub(crate) struct Facts {
    pub(super) sends: Vec<Sent>,
    pub(super) reads: Vec<Read>,
    /// What the final readers got: value by partition and offset.
    pub(super) log: BTreeMap<(u32, i64), u64>,
    /// Values in it.
    pub(super) there: BTreeSet<u64>,
    /// Those of them that nothing may remove: compaction keeps the last of a key.
    pub(super) firm: BTreeSet<u64>,
}

impl Facts {
    pub(crate) fn of(good: &Good) -> Self {
        let mut facts = Self {
            sends: Vec::new(),
            reads: Vec::new(),
            log: BTreeMap::new(),
            there: BTreeSet::new(),
            firm: BTreeSet::new(),
        };
        for (operation, record) in good.operations.iter().enumerate() {
            facts.take(operation, record);
        }
        let firm = facts.log.iter().filter(|(place, value)| facts.lasts(**place, **value));
        facts.firm = firm.map(|(_, value)| *value).collect();
        facts
    }

    /// Whether no other record of its key may stand behind it, if its log is compacted.
    fn lasts(&self, (partition, offset): (u32, i64), value: u64) -> bool {
        let own = self.sends.iter().find(|sent| sent.record.value == value);
        let Some(own) = own.filter(|_| partition == COMPACTED) else { return true };
        let place = |value: u64| {
            let read = self.reads.iter().find(|read| read.record.value == value);
            read.map_or(i64::MAX, |read| read.record.offset)
        };
        let mut others = self.sends.iter().filter(|other| {
            let there = [COMPACTED, NO_PARTITION].contains(&other.record.partition);
            there && other.record.key == own.record.key && other.completion != Completion::Fail
        });
        others.all(|other| other.record.value == value || place(other.record.value) < offset)
    }

    fn take(&mut self, operation: usize, of: &OperationRecord) {
        let OperationRecord { process, invoked_ns, completed_ns, completion, function, .. } = *of;
        for (action, what) in of.actions.iter().enumerate() {
            match what {
                MicroOperation::Send(record) => self.sends.push(Sent {
                    operation,
                    action,
                    record: *record,
                    process,
                    invoked_ns,
                    completed_ns,
                    completion,
                    function,
                }),
                MicroOperation::Poll { records } => {
                    for (at, record) in records.iter().enumerate() {
                        let record = *record;
                        self.reads.push(Read {
                            operation,
                            action,
                            at,
                            record,
                            process,
                            completion,
                        });
                        if process >= FIRST_FINAL_READER {
                            self.log.insert((record.partition, record.offset), record.value);
                            self.there.insert(record.value);
                        }
                    }
                }
                MicroOperation::Detail(_) => {}
            }
        }
    }

    /// Sends with these properties.
    pub(super) fn sends(&self, fits: impl Fn(&Sent) -> bool) -> Vec<Sent> {
        self.sends.iter().copied().filter(|send| fits(send)).collect()
    }

    /// Reads with these properties.
    pub(super) fn reads(&self, fits: impl Fn(&Read) -> bool) -> Vec<Read> {
        self.reads.iter().copied().filter(|read| fits(read)).collect()
    }

    /// Acknowledged with an offset, and in the log to the end and beyond.
    pub(super) fn kept(&self) -> Vec<Sent> {
        self.sends(|send| {
            send.completion == Completion::Ok
                && send.record.offset != NO_OFFSET
                && self.firm.contains(&send.record.value)
        })
    }

    /// Reads that count.
    pub(super) fn ok_reads(&self) -> Vec<Read> {
        self.reads(|read| read.completion == Completion::Ok)
    }

    /// The last offset that anyone read of a partition.
    pub(super) fn last_offset(&self, partition: u32) -> i64 {
        let offsets = self.reads.iter().filter(|read| read.record.partition == partition);
        offsets.map(|read| read.record.offset).max().unwrap_or(NO_OFFSET)
    }

    /// Pairs of kept records of one partition.
    pub(super) fn pairs(&self, fits: impl Fn(&Sent, &Sent) -> bool) -> Vec<(Sent, Sent)> {
        let kept = self.kept();
        let mut pairs = Vec::new();
        for first in &kept {
            let fit = |second: &&Sent| {
                let same = first.record.partition == second.record.partition;
                same && first.record.value != second.record.value && fits(first, second)
            };
            pairs.extend(kept.iter().filter(fit).map(|second| (*first, *second)));
        }
        pairs
    }
}

impl Sent {
    pub(super) fn partition_is_told(&self) -> bool {
        self.record.partition != NO_PARTITION
    }
}

impl Good {
    /// All records of all polls.
    pub(super) fn polled(&mut self) -> impl Iterator<Item = &mut Vec<ReadRecord>> {
        let actions = self.operations.iter_mut().flat_map(|operation| &mut operation.actions);
        actions.filter_map(|action| match action {
            MicroOperation::Poll { records } => Some(records),
            MicroOperation::Send(_) | MicroOperation::Detail(_) => None,
        })
    }

    /// No poll ever returned this value.
    pub(super) fn forget(&mut self, value: u64) {
        self.polled().for_each(|records| records.retain(|record| record.value != value));
    }

    pub(super) fn send_mut(&mut self, sent: &Sent) -> &mut SendRecord {
        match &mut self.operations[sent.operation].actions[sent.action] {
            MicroOperation::Send(send) => send,
            other @ (MicroOperation::Poll { .. } | MicroOperation::Detail(_)) => {
                panic!("{other:?} is not a send")
            }
        }
    }

    /// The records of the poll that a read is part of.
    pub(super) fn poll_mut(&mut self, read: &Read) -> &mut Vec<ReadRecord> {
        match &mut self.operations[read.operation].actions[read.action] {
            MicroOperation::Poll { records } => records,
            other @ (MicroOperation::Send(_) | MicroOperation::Detail(_)) => {
                panic!("{other:?} is not a poll")
            }
        }
    }

    /// An operation after all others, by a process of its own.
    pub(super) fn push_last(&mut self, function: Function, actions: Vec<MicroOperation>) {
        let answered = self.operations.iter().map(|operation| operation.completed_ns);
        let end = answered.filter(|at| *at != harrow_sim::history::NEVER).max().unwrap_or(0);
        self.operations.push(OperationRecord {
            process: 1_000 + self.operations.len() as u32,
            invoked_ns: end + 10,
            completed_ns: end + 20,
            completion: Completion::Ok,
            function,
            actions,
        });
    }
}

/// The details of an operation.
pub(super) fn details(operation: &OperationRecord) -> impl Iterator<Item = What> + '_ {
    operation.actions.iter().filter_map(|action| match action {
        MicroOperation::Detail(what) => Some(*what),
        MicroOperation::Send(_) | MicroOperation::Poll { .. } => None,
    })
}

/// Group and generation of an operation.
pub(super) fn member(operation: &OperationRecord) -> Option<(u32, i64)> {
    details(operation).find_map(|what| {
        if let What::Member { group, generation } = what { Some((group, generation)) } else { None }
    })
}

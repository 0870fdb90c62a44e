//! Promises: what was acknowledged is there, and a transaction is there whole or not at all. Sources: Kafka's
//! `acks=all`; KIP-98; Jepsen's `lost-write` and `unseen`.
//!
//! A record counts as lost when reads of its partition went on past its offset without it; as unseen when no poll
//! returned it. Without final reads nothing is unseen, and lost is only what one process came past, if every poll
//! has told what it returned. Transactions of unknown outcome are held to their offsets once a read proves that
//! they committed; where nobody was told an offset, a record that no read ever returned makes such a transaction
//! torn. Not verified: whether an unseen record is gone or merely not delivered; that needs more than the history.

use std::collections::{BTreeMap, BTreeSet};

use harrow_sim::history::{
    Completion, Function, History, NEVER, NO_PARTITION, ReadRecord, Row, What,
};

use super::anomaly::Anomaly;
use super::found::Found;
use super::index::{Index, SendId};
use super::occurrence::Observation;

pub(super) fn check(index: &Index<'_>, found: &mut Found) {
    check_torn(index, found);
    let read_spans = ReadSpans::of(index);
    for send in 0..index.send_count() {
        if index.was_read_ok(send) || !index.committed(send) {
            continue;
        }
        let Some(partition) = index.partition_of(send) else { continue };
        let offset = index.returned(send).or_else(|| index.place(send));
        if let Some(removal) = offset.and_then(|offset| index.removal(send, (partition, offset))) {
            *found.removed.entry((partition, removal)).or_default() += 1;
            continue;
        }
        let lost = check_lost(index, found, &read_spans, send, partition);
        if !index.history.final_reads || index.was_read(send) || may_be_gone(index, send, partition)
        {
            continue;
        }
        let subject = index.observation_of_send(send);
        if index.completion_of(send) == Completion::Ok {
            at_the_end(index, found, Anomaly::Unseen, partition, (subject, None));
        } else if !lost {
            at_the_end(index, found, Anomaly::TornTransaction, partition, (subject, None));
        }
    }
}

/// A transaction that was aborted may still be there in part: whoever reads after that is shown one of its records, and
/// another one, whose place its producer was told, is nowhere. It was ended twice, in two ways (KAFKA-17754).
fn check_torn(index: &Index<'_>, found: &mut Found) {
    if !index.history.final_reads {
        return;
    }
    let rows = (0_u32..).zip(index.history.rows());
    let aborted = rows.filter(|(_, row)| is_aborted(row)).map(|(operation, _)| {
        let sends = index.history.sends_of(operation);
        sends.start as SendId..sends.end as SendId
    });
    let mut shown_late: Option<BTreeSet<SendId>> = None;
    for mut sends in aborted.filter(|sends| sends.clone().any(|send| index.was_read_ok(send))) {
        let late = shown_late.get_or_insert_with(|| read_when_all_is_over(index));
        let Some(shown) = sends.clone().find(|send| late.contains(send)) else { continue };
        let told = |send: &SendId| {
            let sent = index.send(*send);
            (sent.offset >= 0 && sent.partition != NO_PARTITION).then_some(sent)
        };
        let gone = sends.find(|send| !index.was_read(*send) && told(send).is_some());
        let Some((gone, sent)) = gone.and_then(|gone| Some((gone, told(&gone)?))) else { continue };
        let subject = Observation { offset: sent.offset, ..index.observation_of_send(gone) };
        let other = Some(index.observation_of_send(shown));
        let anomaly = Anomaly::TornTransaction;
        at_the_end(index, found, anomaly, sent.partition, (subject, other));
    }
}

/// Records that a poll returned which began when nothing was sent any more: by then, every marker has come.
fn read_when_all_is_over(index: &Index<'_>) -> BTreeSet<SendId> {
    let sends = |row: &&Row| matches!(row.function, Function::Send | Function::Txn);
    let rows = index.history.rows().iter().filter(sends);
    let ended = rows.map(|row| row.completed_ns).filter(|at| *at != NEVER);
    let over_ns = ended.max().unwrap_or(0);
    let reads = 0..index.history.reads().len() as u32;
    let late = reads.filter_map(|read| {
        let reader = index.row(index.operation_of_read(read));
        let late = reader.invoked_ns >= over_ns && reader.completion == Completion::Ok;
        index.writer(read).filter(|_| late)
    });
    late.collect()
}

fn is_aborted(row: &Row) -> bool {
    row.function == Function::Txn && row.completion == Completion::Fail
}

fn check_lost(
    index: &Index<'_>,
    found: &mut Found,
    read_spans: &ReadSpans,
    send: SendId,
    partition: u32,
) -> bool {
    let offset = index.returned(send).or_else(|| index.place(send));
    let (Some(highest), Some(offset)) = (index.highest_read(partition), offset) else {
        return false;
    };
    let passed = offset <= index.read(highest).offset;
    let sent_ns = index.history.row(index.observation_of_send(send).operation).invoked_ns;
    let passed_over = || !index.was_read(send) && read_spans.passed(partition, offset, sent_ns);
    let surely = index.history.final_reads || passed_over();
    if !passed || !surely {
        return false;
    }
    let subject = Observation { offset, ..index.observation_of_send(send) };
    let passer = Some(index.observation_of_read(highest));
    at_the_end(index, found, Anomaly::LostWrite, partition, (subject, passer));
    true
}

/// Where consumers came past while nobody can have read unseen: without final reads, only what lies between two
/// reads of one process counts as passed over.
struct ReadSpans {
    /// By partition.
    spans: Vec<(u32, Span)>,
}

/// What one process was told of one partition by polls that ended well.
#[derive(Clone, Copy)]
struct Span {
    /// First and last offset.
    from: i64,
    to: i64,
    /// When it was told the last one: a record that was sent later was not there to be passed over.
    at_ns: u64,
}

impl ReadSpans {
    fn of(index: &Index<'_>) -> Self {
        let mut spans = Vec::new();
        if !index.history.final_reads && !any_without_offset(index) {
            let mut known: BTreeMap<(u32, u32), Span> = BTreeMap::new();
            let mut at_start = AtStart::default();
            for (operation, row) in (0_u32..).zip(index.history.rows()) {
                at_start.take(index.history, operation, row);
                for read in index.reads_of(operation).filter(|_| row.completion == Completion::Ok) {
                    let ReadRecord { partition, offset, .. } = *index.read(read);
                    let from = if at_start.leaves((row.process, partition)) { -1 } else { offset };
                    let here = Span { from, to: offset, at_ns: row.completed_ns };
                    let span = known.entry((partition, row.process)).or_insert(here);
                    span.from = span.from.min(from);
                    if offset >= span.to {
                        (span.to, span.at_ns) = (offset, row.completed_ns);
                    }
                }
            }
            spans.extend(known.into_iter().map(|((partition, _), span)| (partition, span)));
        }
        Self { spans }
    }

    /// Whether somebody who was told of offsets around it would have been told of a record that was sent then.
    fn passed(&self, partition: u32, offset: i64, sent_ns: u64) -> bool {
        let around = |span: &Span| span.from < offset && offset < span.to && sent_ns <= span.at_ns;
        let first = self.spans.partition_point(|span| span.0 < partition);
        let mut here = self.spans[first..].iter().take_while(|span| span.0 == partition);
        here.any(|(_, span)| around(span))
    }
}

/// Which processes stand at the start of which partitions, having read nothing of them since.
#[derive(Default)]
struct AtStart(BTreeSet<(u32, u32)>);

impl AtStart {
    fn take(&mut self, history: &History, operation: u32, row: &Row) {
        let from_start = match row.function {
            Function::Assign { from_start } => from_start && row.completion == Completion::Ok,
            Function::Subscribe | Function::Join | Function::Crash => false,
            Function::Send | Function::Poll | Function::Txn | Function::Commit | Function::List => {
                return;
            }
        };
        self.0.retain(|(process, _)| *process != row.process);
        for what in history.details_of(operation).filter(|_| from_start) {
            if let What::Assigned { partition } = what {
                self.0.insert((row.process, partition));
            }
        }
        for what in history.details_of(operation) {
            if let What::Seek { partition, .. } = what {
                self.0.remove(&(row.process, partition));
            }
        }
    }

    /// Whether a process that now reads of a partition stood at its start.
    fn leaves(&mut self, place: (u32, u32)) -> bool {
        self.0.remove(&place)
    }
}

/// Whether a poll did not tell what it returned: nobody knows who has read what. One that failed gave no records, but
/// for those of a transaction.
fn any_without_offset(index: &Index<'_>) -> bool {
    let rows = (0_u32..).zip(index.history.rows());
    let untold = |row: &Row| match row.completion {
        Completion::Ok => false,
        Completion::Fail => row.function == Function::Txn,
        Completion::Info => true,
    };
    let mut polls = rows.filter(|(_, row)| row.polls && untold(row));
    polls.any(|(operation, _)| index.reads_of(operation).is_empty())
}

/// Whether a record without an offset may have been there and be gone, with acks=0 for one.
fn may_be_gone(index: &Index<'_>, send: SendId, partition: u32) -> bool {
    let retained = index.options.log_start_offset(partition) > 0;
    index.returned(send).is_none() && (retained || index.may_be_replaced(send, partition))
}

/// What is missing shows only when all reading is over, which is when the last answer came: until then some poll
/// may still return it, and an election may still drop it.
fn at_the_end(
    index: &Index<'_>,
    found: &mut Found,
    anomaly: Anomaly,
    partition: u32,
    (subject, other): (Observation, Option<Observation>),
) {
    let before = found.list.len();
    found.add(index, anomaly, partition, subject, other);
    for occurrence in &mut found.list[before..] {
        occurrence.at_ns = occurrence.at_ns.max(index.ended_ns());
    }
}

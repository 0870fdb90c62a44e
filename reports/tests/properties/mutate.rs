//! One thing done wrong in a correct history, with the name that it must get.

use harrow_reports::check::Anomaly;
use harrow_sim::history::{
    Completion, Function, History, MicroOperation, OperationRecord, ReadRecord,
};

/// A mutation: `pick` chooses where; `None` if this history has no such place.
pub(crate) type Mutate = fn(&mut History, usize) -> Option<()>;

pub(crate) const ALL: [(Anomaly, Mutate); 12] = [
    (Anomaly::LostWrite, lose_inner),
    (Anomaly::Unseen, lose_any),
    (Anomaly::Duplicate, copy_record),
    (Anomaly::InconsistentOffsets, change_acknowledged_value),
    (Anomaly::NonmonotonicSend, swap_one_producers_sends),
    (Anomaly::RealtimeOrder, swap_ordered_sends),
    (Anomaly::GarbageRead, read_garbage),
    (Anomaly::NonmonotonicPoll, poll_again),
    (Anomaly::IntNonmonotonicPoll, reverse_poll),
    (Anomaly::IntPollSkip, skip_inside_poll),
    (Anomaly::G1a, fail_a_read_send),
    (Anomaly::EndOffsetRegression, lower_an_end),
];

/// A told send as (operation, partition, value, offset).
type Told = (usize, u32, u64, i64);

fn told(history: &History) -> Vec<Told> {
    let operations = history.operations.iter().enumerate();
    let sends = operations.filter(|(_, record)| record.completion == Completion::Ok);
    let told = sends.filter_map(|(operation, record)| {
        let Some(MicroOperation::Send { partition, value, offset }) = record.actions.first() else {
            return None;
        };
        Some((operation, (*partition)?, *value, (*offset)?))
    });
    told.collect()
}

fn pick<T: Copy>(list: &[T], pick: usize) -> Option<T> {
    (!list.is_empty()).then(|| list[pick % list.len()])
}

fn polls(history: &mut History) -> impl Iterator<Item = &mut Vec<ReadRecord>> {
    let actions = history.operations.iter_mut().flat_map(|operation| &mut operation.actions);
    actions.filter_map(|action| match action {
        MicroOperation::Poll { records } => Some(records),
        MicroOperation::Send { .. }
        | MicroOperation::Assigned { .. }
        | MicroOperation::EndOffset { .. } => None,
    })
}

/// The last read of everything.
fn final_read(history: &History) -> Option<OperationRecord> {
    let mut polls = history.operations.iter().filter(|record| record.function == Function::Poll);
    polls.next_back().cloned()
}

fn forget(history: &mut History, value: u64) {
    polls(history).for_each(|records| records.retain(|record| record.value != value));
}

fn last_offset(history: &mut History, partition: u32) -> i64 {
    let records = polls(history).flat_map(|records| records.iter());
    records.filter(|r| r.partition == partition).map(|r| r.offset).max().unwrap_or(-1)
}

fn lose_inner(history: &mut History, choice: usize) -> Option<()> {
    let ends = [last_offset(history, 0), last_offset(history, 1)];
    let mut inner = told(history);
    inner.retain(|(_, partition, _, offset)| *offset < ends[*partition as usize]);
    let (_, _, value, _) = pick(&inner, choice)?;
    forget(history, value);
    Some(())
}

fn lose_any(history: &mut History, choice: usize) -> Option<()> {
    let (_, _, value, _) = pick(&told(history), choice)?;
    forget(history, value);
    Some(())
}

fn copy_record(history: &mut History, choice: usize) -> Option<()> {
    let (_, partition, value, _) = pick(&told(history), choice)?;
    let offset = last_offset(history, partition) + 1;
    polls(history).last()?.push(ReadRecord { partition, offset, value });
    Some(())
}

fn change_acknowledged_value(history: &mut History, choice: usize) -> Option<()> {
    let told = told(history);
    let (operation, partition, _, offset) = pick(&told, choice)?;
    let (_, _, _, other) = *told.iter().find(|t| t.1 == partition && t.3 != offset)?;
    set_offset(history, operation, other);
    Some(())
}

fn swap_one_producers_sends(history: &mut History, choice: usize) -> Option<()> {
    let pairs = pairs(history, |first, second| {
        first.process == second.process && first.invoked_ns < second.invoked_ns
    });
    swap(history, choice, &pairs)
}

fn swap_ordered_sends(history: &mut History, choice: usize) -> Option<()> {
    let pairs = pairs(history, |first, second| first.completed_ns < second.invoked_ns);
    swap(history, choice, &pairs)
}

/// Pairs of told sends to one partition whose operations fit.
fn pairs(
    history: &History,
    fit: impl Fn(&OperationRecord, &OperationRecord) -> bool,
) -> Vec<(Told, Told)> {
    let told = told(history);
    let mut pairs = Vec::new();
    for first in &told {
        let fits = |second: &&Told| {
            let operations = &history.operations;
            first.1 == second.1 && fit(&operations[first.0], &operations[second.0])
        };
        pairs.extend(told.iter().filter(fits).map(|second| (*first, *second)));
    }
    pairs
}

/// Two records change places, in acknowledgements and in reads.
fn swap(history: &mut History, choice: usize, pairs: &[(Told, Told)]) -> Option<()> {
    let (a, b) = pick(pairs, choice)?;
    set_offset(history, a.0, b.3);
    set_offset(history, b.0, a.3);
    for record in polls(history).flatten() {
        if record.value == a.2 {
            record.value = b.2;
        } else if record.value == b.2 {
            record.value = a.2;
        }
    }
    Some(())
}

fn set_offset(history: &mut History, operation: usize, to: i64) {
    if let Some(MicroOperation::Send { offset, .. }) =
        history.operations[operation].actions.first_mut()
    {
        *offset = Some(to);
    }
}

fn read_garbage(history: &mut History, choice: usize) -> Option<()> {
    let records = polls(history).last()?;
    let count = records.len();
    records.get_mut(choice % count.max(1))?.value = 1_000_000;
    Some(())
}

fn poll_again(history: &mut History, _choice: usize) -> Option<()> {
    let again = final_read(history)?;
    let MicroOperation::Poll { records } = again.actions.first()? else {
        return None;
    };
    if records.is_empty() {
        return None;
    }
    let (invoked_ns, completed_ns) = (again.invoked_ns + 100, again.completed_ns + 100);
    history.operations.push(OperationRecord { invoked_ns, completed_ns, ..again });
    Some(())
}

fn reverse_poll(history: &mut History, _choice: usize) -> Option<()> {
    let records = polls(history).last()?;
    let (first, second) = (records.first()?, records.get(1)?);
    if first.partition != second.partition {
        return None;
    }
    records.swap(0, 1);
    Some(())
}

fn skip_inside_poll(history: &mut History, _choice: usize) -> Option<()> {
    // A second full reader has seen the record that the last one passes over.
    let again = final_read(history)?;
    let records = polls(history).last()?;
    if records.iter().filter(|record| record.partition == 0).count() < 3 {
        return None;
    }
    records.remove(1);
    let process = again.process + 1;
    history.operations.push(OperationRecord { process, ..again });
    Some(())
}

fn fail_a_read_send(history: &mut History, choice: usize) -> Option<()> {
    let (operation, ..) = pick(&told(history), choice)?;
    history.operations[operation].completion = Completion::Fail;
    Some(())
}

fn lower_an_end(history: &mut History, choice: usize) -> Option<()> {
    let partition = choice as u32 % 2;
    let last = final_read(history)?;
    for (later, offset) in [(100, 9), (200, 8)] {
        history.operations.push(OperationRecord {
            invoked_ns: last.invoked_ns + later,
            completed_ns: last.completed_ns + later,
            function: Function::List,
            actions: vec![MicroOperation::EndOffset { partition, offset: Some(offset) }],
            ..last.clone()
        });
    }
    Some(())
}

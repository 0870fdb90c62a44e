//! Writes histories.

use std::io::{self, Write};

use harrow_sim::history::{
    Completion, Function, History, MicroOperation, NEVER, NO_KEY, NO_PARTITION, OperationRecord,
    ReadRecord, What,
};

use super::HISTORY_VERSION;
use super::line::{Header, Kind, Line, Micro, Name, Polled, Value};

/// Writes a history as lines, in order of time.
pub fn write_history(history: &History, writer: &mut dyn Write) -> io::Result<()> {
    let header = Header {
        harrow_history: HISTORY_VERSION,
        partitions: history.partitions.clone(),
        final_reads: history.final_reads,
    };
    write_line(writer, &header)?;
    let mut begun = vec![0; history.len()];
    for (index, (_, ended, position)) in (0..).zip(events(history)) {
        let operation = history.operation(position as u32);
        if !ended {
            begun[position] = index;
        }
        write_line(writer, &line(history, &operation, index, ended.then_some(begun[position])))?;
    }
    Ok(())
}

/// Begins and ends as (time, whether it is an end, operation), in order.
fn events(history: &History) -> Vec<(u64, bool, usize)> {
    let mut events = Vec::with_capacity(2 * history.len());
    for (position, operation) in history.rows().iter().enumerate() {
        events.push((operation.invoked_ns, false, position));
        if operation.completed_ns != NEVER {
            events.push((operation.completed_ns, true, position));
        }
    }
    events.sort_unstable();
    events
}

fn line(history: &History, operation: &OperationRecord, index: u64, begun: Option<u64>) -> Line {
    let kind = match (begun, operation.completion) {
        (None, _) => Kind::Invoke,
        (Some(_), Completion::Ok) => Kind::Ok,
        (Some(_), Completion::Fail) => Kind::Fail,
        (Some(_), Completion::Info) => Kind::Info,
    };
    let ended = begun.is_some();
    let actions = operation.actions.iter().map(|action| micro(history, action, ended));
    Line {
        index,
        time: if ended { operation.completed_ns } else { operation.invoked_ns },
        process: operation.process,
        kind,
        f: name(operation.function),
        value: Some(actions.collect()),
        from_start: operation.function == Function::Assign { from_start: true },
        invoked: begun,
    }
}

fn name(function: Function) -> Name {
    match function {
        Function::Send => Name::Send,
        Function::Poll => Name::Poll,
        Function::Txn => Name::Txn,
        Function::Assign { .. } => Name::Assign,
        Function::Subscribe => Name::Subscribe,
        Function::Join => Name::Join,
        Function::Commit => Name::Commit,
        Function::List => Name::List,
        Function::Crash => Name::Crash,
    }
}

/// A begin says what is asked; only an end says what came of it.
fn micro(history: &History, action: &MicroOperation, ended: bool) -> Micro {
    let partition = |partition: u32| history.partitions[partition as usize].clone();
    match action {
        MicroOperation::Send(send) => Micro::Send {
            partition: Some(send.partition).filter(|to| *to != NO_PARTITION).map(partition),
            value: value(history, send.value),
            offset: Some(send.offset).filter(|offset| ended && *offset >= 0),
            key: Some(send.key).filter(|key| *key != NO_KEY).map(|key| Value::Number(key.into())),
        },
        MicroOperation::Poll { records } => {
            Micro::Poll { records: ended.then(|| polled(history, records)) }
        }
        MicroOperation::Detail(what) => detail(history, *what, ended),
    }
}

fn detail(history: &History, what: What, ended: bool) -> Micro {
    let name = |partition: u32| history.partitions[partition as usize].clone();
    match what {
        What::Assigned { partition } => Micro::Assigned { partition: name(partition) },
        What::EndOffset { partition, offset } => {
            Micro::End { partition: name(partition), offset: offset.filter(|_| ended) }
        }
        What::Committed { partition, offset } => {
            Micro::Committed { partition: name(partition), offset }
        }
        What::Rebalanced { partition } => Micro::Rebalanced { partition: name(partition) },
        What::Consumed { partition, first, last } => {
            Micro::Consumed { partition: name(partition), first, last }
        }
        What::Member { group, generation } => {
            Micro::Member { group: history.groups[group as usize].clone(), generation }
        }
    }
}

fn polled(history: &History, records: &[ReadRecord]) -> Polled {
    let mut sorted: Vec<&ReadRecord> = records.iter().collect();
    // Stable, so the order of delivery stays within a partition.
    sorted.sort_by_key(|record| record.partition);
    let runs = sorted.chunk_by(|a, b| a.partition == b.partition);
    let of_partition = |run: &[&ReadRecord]| {
        let name = history.partitions[run[0].partition as usize].clone();
        (name, run.iter().map(|record| (record.offset, value(history, record.value))).collect())
    };
    Polled(runs.map(of_partition).collect())
}

fn value(history: &History, value: u64) -> Value {
    if value == ReadRecord::GARBAGE {
        return Value::Unreadable(());
    }
    let name = usize::try_from(value).ok().and_then(|value| history.value_names.get(value));
    name.map_or(Value::Number(value), |name| Value::Text(name.clone()))
}

fn write_line(writer: &mut dyn Write, line: &impl serde::Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *writer, line)?;
    writer.write_all(b"\n")
}

//! Writes histories.

use std::io::{self, Write};

use harrow_sim::history::{
    Completion, Function, History, MicroOperation, NEVER, OperationRecord, ReadRecord,
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
    let mut begun = vec![0; history.operations.len()];
    for (index, (_, ended, position)) in (0..).zip(events(history)) {
        let operation = &history.operations[position];
        if !ended {
            begun[position] = index;
        }
        write_line(writer, &line(history, operation, index, ended.then_some(begun[position])))?;
    }
    Ok(())
}

/// Begins and ends as (time, whether it is an end, operation), in order.
fn events(history: &History) -> Vec<(u64, bool, usize)> {
    let mut events = Vec::with_capacity(2 * history.operations.len());
    for (position, operation) in history.operations.iter().enumerate() {
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
        Function::List => Name::List,
        Function::Crash => Name::Crash,
    }
}

/// A begin says what is asked; only an end says what came of it.
fn micro(history: &History, action: &MicroOperation, ended: bool) -> Micro {
    let partition = |partition: u32| history.partitions[partition as usize].clone();
    match action {
        MicroOperation::Send { partition: to, value: sent, offset } => Micro::Send {
            partition: to.map(partition),
            value: value(history, *sent),
            offset: offset.filter(|_| ended),
        },
        MicroOperation::Poll { records } => {
            Micro::Poll { records: ended.then(|| polled(history, records)) }
        }
        MicroOperation::Assigned { partition: taken } => {
            Micro::Assigned { partition: partition(*taken) }
        }
        MicroOperation::EndOffset { partition: of, offset } => {
            Micro::End { partition: partition(*of), offset: offset.filter(|_| ended) }
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

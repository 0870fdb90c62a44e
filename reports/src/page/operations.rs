//! What clients asked and were told, in order of invocation.

use harrow_sim::history::{
    Completion, Function, History, NEVER, NO_OFFSET, NO_PARTITION, SendRecord, What,
};
use serde::Serialize;

use super::columns::Deltas;
use super::texts::{TextColumn, Texts};
use crate::text::value_name;

/// One row an operation.
#[derive(Debug, Default, Serialize)]
pub(super) struct Operations {
    t: Deltas,
    /// So long it was open, in microseconds; -1 if it never ended.
    took: Vec<i64>,
    process: Vec<u32>,
    /// 0 it happened, 1 it did not, 2 nobody knows.
    ended: Vec<u8>,
    #[serde(flatten)]
    text: TextColumn,
}

impl Operations {
    pub(super) fn of(history: &History, texts: &mut Texts) -> Self {
        let mut order: Vec<u32> = (0..history.len() as u32).collect();
        order.sort_by_key(|position| history.row(*position).invoked_ns);
        let mut columns = Self::default();
        for position in order {
            let row = history.row(position);
            columns.t.push_time(row.invoked_ns);
            let took = (row.completed_ns != NEVER).then(|| row.completed_ns - row.invoked_ns);
            columns.took.push(took.map_or(-1, |ns| (ns / 1_000) as i64));
            columns.process.push(row.process);
            columns.ended.push(ended(row.completion));
            columns.text.push(texts, &text(history, position));
        }
        columns
    }
}

fn ended(completion: Completion) -> u8 {
    match completion {
        Completion::Ok => 0,
        Completion::Fail => 1,
        Completion::Info => 2,
    }
}

fn text(history: &History, operation: u32) -> String {
    let mut parts = vec![function(history.row(operation).function).to_owned()];
    let sends = &history.sends()[history.sends_of(operation)];
    parts.extend(sends.iter().map(|send| sent(history, send)));
    parts.extend(read(history, operation));
    parts.extend(history.details_of(operation).map(|what| detail(history, what)));
    parts.join(" ")
}

fn function(function: Function) -> &'static str {
    match function {
        Function::Send => "send",
        Function::Poll => "poll",
        Function::Txn => "transaction",
        Function::Assign { from_start: true } => "assign from the start",
        Function::Assign { from_start: false } => "assign",
        Function::Subscribe => "subscribe",
        Function::Join => "join",
        Function::Commit => "commit",
        Function::List => "end offset",
        Function::Crash => "crash",
    }
}

fn place(history: &History, partition: u32) -> &str {
    history.partitions.get(partition as usize).map_or("?", String::as_str)
}

fn sent(history: &History, send: &SendRecord) -> String {
    let value = value_name(history, send.value);
    match (send.partition, send.offset) {
        (NO_PARTITION, _) => value,
        (partition, NO_OFFSET) => format!("{value} to {}", place(history, partition)),
        (partition, offset) => format!("{value} to {}@{offset}", place(history, partition)),
    }
}

/// Records that were read, as spans of offsets.
fn read(history: &History, operation: u32) -> Vec<String> {
    let mut spans: Vec<(u32, i64, i64)> = Vec::new();
    for record in &history.reads()[history.reads_of(operation)] {
        match spans.last_mut() {
            Some((partition, _, last))
                if *partition == record.partition && *last + 1 == record.offset =>
            {
                *last = record.offset;
            }
            Some(_) | None => spans.push((record.partition, record.offset, record.offset)),
        }
    }
    let told = spans.into_iter().map(|(partition, first, last)| {
        let name = place(history, partition);
        if first == last { format!("{name}@{first}") } else { format!("{name}@{first}..{last}") }
    });
    told.collect()
}

fn detail(history: &History, what: What) -> String {
    let name = |partition: u32| place(history, partition);
    match what {
        What::Assigned { partition }
        | What::EndOffset { partition, offset: None }
        | What::Fetched { partition, offset: None } => name(partition).to_owned(),
        What::EndOffset { partition, offset: Some(offset) }
        | What::Fetched { partition, offset: Some(offset) }
        | What::Committed { partition, offset } => format!("{}@{offset}", name(partition)),
        What::Rebalanced { partition, lost: false } => format!("{} given up", name(partition)),
        What::Rebalanced { partition, lost: true } => format!("{} lost", name(partition)),
        What::Consumed { partition, first, last } => {
            format!("after {}@{first}..{last}", name(partition))
        }
        What::Seek { partition, offset: Some(offset) } => {
            format!("{} from {offset}", name(partition))
        }
        What::Seek { partition, offset: None } => format!("{} from where it is", name(partition)),
        What::Member { group, generation } => {
            let group = history.groups.get(group as usize).map_or("?", String::as_str);
            format!("in generation {generation} of {group}")
        }
    }
}

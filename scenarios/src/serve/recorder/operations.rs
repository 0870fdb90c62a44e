//! The operations of a history, and their lines as `harrow check` reads them.

use serde_json::{Value, json};

use super::names::{Numbered, PartitionIndex, Partitions};

/// Records that an operation sends to a partition.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sends {
    /// Where to.
    pub(super) partition: PartitionIndex,
    /// Which.
    pub(super) records: Numbered,
    /// Offset of the first, if it was told.
    pub(super) base_offset: Option<i64>,
}

/// What was read of a partition: records by offset and number.
pub(super) type Part = (PartitionIndex, Vec<(i64, Option<u64>)>);

/// What an operation does.
#[derive(Debug)]
pub(super) enum Action {
    /// Sends records of one batch.
    Send(Sends),
    /// A transaction, from its first record to its end.
    Transact(Vec<Sends>),
    /// Reads; each part is a partition's records, by offset and number.
    Poll(Vec<Part>),
    /// Is where it says in these partitions; the others it has go on where they stand.
    Assign {
        /// All that it has.
        partitions: Vec<PartitionIndex>,
        /// Those that it moves, and where to.
        seeks: Vec<(PartitionIndex, i64)>,
        /// Whether it begins them all from the start.
        from_start: bool,
    },
}

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ended {
    /// It happened.
    Ok,
    /// It did not, and will not.
    Fail,
    /// Nobody knows.
    Info,
}

/// One operation.
#[derive(Debug)]
pub(super) struct Operation {
    pub(super) process: u32,
    pub(super) began_ns: u64,
    pub(super) ended: Option<(u64, Ended)>,
    pub(super) action: Action,
}

/// What is kept of a record, to know it again: its number and a piece of its value.
pub(super) type Previews = Vec<Box<str>>;

/// Writes a history: a header, a line for each begin and end in order of time, an end line.
pub(super) fn lines(
    operations: &[Operation],
    partitions: &Partitions,
    previews: &Previews,
    final_reads: bool,
) -> String {
    let mut order: Vec<(u64, usize, bool)> = Vec::with_capacity(operations.len() * 2);
    for (number, operation) in operations.iter().enumerate() {
        order.push((operation.began_ns, number, false));
        order.extend(operation.ended.map(|(at, _)| (at, number, true)));
    }
    order.sort_unstable();
    let writer = Writer { partitions, previews };
    let mut begun = vec![0_usize; operations.len()];
    let mut text = String::from("{\"harrow_history\":2}\n");
    for (index, (at, number, is_end)) in order.iter().enumerate() {
        let operation = &operations[*number];
        let line = if *is_end {
            writer.end(operation, (index + 1, *at), begun[*number])
        } else {
            begun[*number] = index + 1;
            writer.begin(operation, (index + 1, *at))
        };
        text.push_str(&line.to_string());
        text.push('\n');
    }
    let end = json!({"end": {"lines": order.len() + 1, "final_reads": final_reads}});
    text.push_str(&end.to_string());
    text.push('\n');
    text
}

struct Writer<'a> {
    partitions: &'a Partitions,
    previews: &'a Previews,
}

impl Writer<'_> {
    fn begin(&self, operation: &Operation, (index, time): (usize, u64)) -> Value {
        let (f, value) = match &operation.action {
            Action::Send(sends) => ("send", self.sends(&[*sends], false)),
            Action::Transact(sends) => ("txn", self.sends(sends, false)),
            Action::Poll(_) => ("poll", vec![json!(["poll"])]),
            Action::Assign { partitions, seeks, .. } => {
                ("assign", self.assigned(partitions, seeks))
            }
        };
        let mut line = json!({
            "index": index, "time": time, "process": operation.process, "type": "invoke", "f": f,
            "value": value,
        });
        if let Action::Assign { from_start: true, .. } = operation.action {
            line["from_start"] = Value::Bool(true);
        }
        line
    }

    fn end(&self, operation: &Operation, (index, time): (usize, u64), invoked: usize) -> Value {
        let how = operation.ended.map_or(Ended::Info, |(_, how)| how);
        let ok = how == Ended::Ok;
        let (f, value) = match &operation.action {
            Action::Send(sends) => ("send", ok.then(|| self.sends(&[*sends], true))),
            Action::Transact(sends) => ("txn", ok.then(|| self.sends(sends, true))),
            Action::Poll(parts) => ("poll", Some(self.polled(parts))),
            Action::Assign { .. } => ("assign", None),
        };
        let name = match how {
            Ended::Ok => "ok",
            Ended::Fail => "fail",
            Ended::Info => "info",
        };
        let mut line = json!({
            "index": index, "time": time, "process": operation.process, "type": name, "f": f,
            "invoked": invoked,
        });
        if let Some(value) = value {
            line["value"] = Value::Array(value);
        }
        if let Action::Assign { from_start: true, .. } = operation.action {
            line["from_start"] = Value::Bool(true);
        }
        line
    }

    fn sends(&self, sends: &[Sends], told: bool) -> Vec<Value> {
        let mut list = Vec::new();
        for one in sends {
            let name = self.partitions.name(one.partition);
            for at in 0..u64::from(one.records.count) {
                let value = self.value(one.records.first + at);
                let offset = one.base_offset.map_or(-1, |base| base + at as i64);
                list.push(if told {
                    json!(["send", name, value, offset])
                } else {
                    json!(["send", name, value])
                });
            }
        }
        list
    }

    fn polled(&self, parts: &[Part]) -> Vec<Value> {
        let poll = |(partition, records): &Part| {
            let records = records.iter().map(|(offset, number)| {
                json!([offset, number.map_or(Value::Null, |number| self.value(number))])
            });
            let records: Vec<Value> = records.collect();
            json!(["poll", {self.partitions.name(*partition): records}])
        };
        parts.iter().map(poll).collect()
    }

    fn assigned(
        &self,
        partitions: &[PartitionIndex],
        seeks: &[(PartitionIndex, i64)],
    ) -> Vec<Value> {
        let mut list: Vec<Value> = Vec::new();
        list.extend(partitions.iter().map(|it| json!(["assigned", self.partitions.name(*it)])));
        list.extend(seeks.iter().map(|(it, to)| json!(["seek", self.partitions.name(*it), to])));
        list
    }

    /// A record by its number, which tells it apart, and a piece of its value, by which people know it.
    fn value(&self, number: u64) -> Value {
        let preview = self.previews.get(number as usize).map_or("", |preview| preview);
        Value::String(if preview.is_empty() {
            number.to_string()
        } else {
            format!("{number}:{preview}")
        })
    }
}

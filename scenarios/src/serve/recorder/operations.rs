//! The operations of a history, and their lines as `harrow check` reads them.

use serde_json::{Value, json};

use super::members::Membership;
use super::names::{Numbered, PartitionIndex, Partitions};
use super::positions::Consumer;

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

/// What a transaction commits of a group's partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Processed {
    /// Which.
    pub(super) partition: PartitionIndex,
    /// The first offset that it has processed, if that can be told.
    pub(super) first: Option<i64>,
    /// The next offset to read.
    pub(super) next: i64,
    /// Who has read it.
    pub(super) consumer: Consumer,
}

/// What a transaction does.
#[derive(Debug, Default)]
pub(super) struct Transacted {
    /// What it sends.
    pub(super) sends: Vec<Sends>,
    /// For which group's member it commits offsets, if it does.
    pub(super) member: Option<Membership>,
    /// Which.
    pub(super) processed: Vec<Processed>,
}

/// What an operation does.
#[derive(Debug)]
pub(super) enum Action {
    /// Sends records of one batch.
    Send(Sends),
    /// A transaction, from its first record or offset to its end.
    Transact(Transacted),
    /// Becomes a member of a group's generation, and has these partitions from then on.
    Join {
        /// Of which.
        member: Membership,
        /// All that it has.
        partitions: Vec<PartitionIndex>,
    },
    /// Commits a group's offsets: of each partition the next one to read.
    Commit {
        /// As which member.
        member: Membership,
        /// Which.
        offsets: Vec<(PartitionIndex, i64)>,
    },
    /// Asks where a group stands: of each partition the next offset to read, if one is committed.
    Where {
        /// As which member.
        member: Membership,
        /// What it is told.
        told: Vec<(PartitionIndex, Option<i64>)>,
    },
    /// Reads what nobody here sees.
    Unseen,
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
            Action::Transact(transacted) => ("txn", self.transacted(transacted, false)),
            Action::Join { .. } => ("join", Vec::new()),
            Action::Commit { member, offsets } => ("commit", self.committed(member, offsets)),
            Action::Where { member, told } => ("list", self.told_where(member, told, false)),
            Action::Poll(_) | Action::Unseen => ("poll", vec![json!(["poll"])]),
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
            Action::Transact(transacted) => ("txn", ok.then(|| self.transacted(transacted, true))),
            Action::Join { member, partitions } => ("join", Some(self.joined(member, partitions))),
            Action::Commit { member, offsets } => ("commit", Some(self.committed(member, offsets))),
            Action::Where { member, told } => ("list", Some(self.told_where(member, told, true))),
            Action::Unseen => ("poll", None),
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

    fn transacted(&self, transacted: &Transacted, told: bool) -> Vec<Value> {
        let mut list = self.sends(&transacted.sends, told);
        let processed = transacted.processed.iter().map(|it| {
            let name = self.partitions.name(it.partition);
            match it.first {
                Some(first) => json!(["consumed", name, first, it.next - 1]),
                None => json!(["committed", name, it.next]),
            }
        });
        list.extend(processed);
        list.extend(transacted.member.as_ref().map(member_of));
        list
    }

    fn joined(&self, member: &Membership, partitions: &[PartitionIndex]) -> Vec<Value> {
        let mut list = vec![member_of(member)];
        list.extend(partitions.iter().map(|it| json!(["assigned", self.partitions.name(*it)])));
        list
    }

    fn committed(&self, member: &Membership, offsets: &[(PartitionIndex, i64)]) -> Vec<Value> {
        let name = |index: &PartitionIndex| self.partitions.name(*index);
        let offsets = offsets.iter().map(|(index, next)| json!(["committed", name(index), next]));
        offsets.chain([member_of(member)]).collect()
    }

    fn told_where(
        &self,
        member: &Membership,
        told: &[(PartitionIndex, Option<i64>)],
        ended: bool,
    ) -> Vec<Value> {
        let one = |(index, next): &(PartitionIndex, Option<i64>)| {
            let name = self.partitions.name(*index);
            if ended { json!(["fetched", name, next]) } else { json!(["fetched", name]) }
        };
        told.iter().map(one).chain([member_of(member)]).collect()
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

fn member_of(member: &Membership) -> Value {
    json!(["member", member.group, member.generation])
}

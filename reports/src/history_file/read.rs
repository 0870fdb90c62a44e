//! Reads histories, and trusts nothing in them.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use harrow_sim::history::{
    Completion, Function, History, MicroOperation, NEVER, NO_KEY, NO_OFFSET, NO_PARTITION,
    OperationRecord, ReadRecord, SendRecord, What,
};
use thiserror::Error;

use super::HISTORY_VERSION;
use super::line::{Header, Kind, Line, Micro, Name, Value};

/// Why a file is not a history.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The bytes could not be had, or are not UTF-8.
    #[error("read line {line}: {source}")]
    Read {
        /// Which line, from 1.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not what the format says.
    #[error("understand line {line}, column {column}: {problem}")]
    Syntax {
        /// Which line, from 1.
        line: u64,
        /// Which byte of it, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// A line contradicts the header or another line.
    #[error("accept line {line}: {problem}")]
    Content {
        /// Which line, from 1.
        line: u64,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

/// Reads a history. Operations come out in order of completion; those without an end come last.
pub fn read_history(reader: impl BufRead) -> Result<History, HistoryError> {
    let mut state: Option<Reader> = None;
    let mut number = 0;
    for text in reader.lines() {
        number += 1;
        let text = text.map_err(|source| HistoryError::Read { line: number, source })?;
        match &mut state {
            None => state = Some(Reader::new(parse(&text, number)?, number)?),
            Some(_) if text.trim().is_empty() => {}
            Some(state) => state.take(parse(&text, number)?, number)?,
        }
    }
    state.ok_or_else(|| content(1, "the file is empty: a header is missing"))?.finish()
}

fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str, line: u64) -> Result<T, HistoryError> {
    serde_json::from_str(text).map_err(|error| {
        let whole = error.to_string();
        // The parser counts lines within this one line.
        let problem = whole.rsplit_once(" at line ").map_or(whole.as_str(), |(problem, _)| problem);
        HistoryError::Syntax { line, column: error.column(), problem: problem.to_owned() }
    })
}

fn content(line: u64, problem: impl Into<String>) -> HistoryError {
    HistoryError::Content { line, problem: problem.into() }
}

/// An operation that has begun.
struct Open {
    process: u32,
    name: Name,
    line: u64,
    record: OperationRecord,
}

struct Reader {
    history: History,
    partitions: BTreeMap<String, u32>,
    names: BTreeMap<String, u64>,
    keys: BTreeMap<Value, u32>,
    numbers: bool,
    /// By index.
    open: BTreeMap<u64, Open>,
    /// Where each value was sent: partition, value, line.
    sent: Vec<(Option<u32>, u64, u64)>,
}

impl Reader {
    fn new(header: Header, line: u64) -> Result<Self, HistoryError> {
        if header.harrow_history != HISTORY_VERSION {
            let version = header.harrow_history;
            return Err(content(line, format!("version {version} is not {HISTORY_VERSION}")));
        }
        let mut partitions = BTreeMap::new();
        for (position, name) in (0_u32..).zip(&header.partitions) {
            if partitions.insert(name.clone(), position).is_some() {
                return Err(content(line, format!("partition `{name}` is listed twice")));
            }
        }
        let mut history = History::new(header.partitions);
        history.final_reads = header.final_reads;
        let (names, keys, open) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Ok(Self { history, partitions, names, keys, numbers: false, open, sent: Vec::new() })
    }

    fn take(&mut self, line: Line, number: u64) -> Result<(), HistoryError> {
        match line.kind {
            Kind::Invoke => self.begin(line, number),
            Kind::Ok => self.end(line, Completion::Ok, number),
            Kind::Fail => self.end(line, Completion::Fail, number),
            Kind::Info => self.end(line, Completion::Info, number),
        }
    }

    fn begin(&mut self, line: Line, number: u64) -> Result<(), HistoryError> {
        let record = OperationRecord {
            process: line.process,
            invoked_ns: line.time,
            completed_ns: NEVER,
            completion: Completion::Info,
            function: function(&line),
            actions: self.actions(line.value.unwrap_or_default(), number)?,
        };
        let open = Open { process: line.process, name: line.f, line: number, record };
        match self.open.insert(line.index, open) {
            None => Ok(()),
            Some(_) => Err(content(number, format!("index {} is open already", line.index))),
        }
    }

    fn end(&mut self, line: Line, completion: Completion, number: u64) -> Result<(), HistoryError> {
        let index = line.invoked.or_else(|| self.oldest_open(&line));
        let Some(open) = index.and_then(|index| self.open.remove(&index)) else {
            return Err(content(number, "it ends an operation that is not open"));
        };
        if open.process != line.process || open.name != line.f {
            return Err(content(number, "process and f differ from those of its begin"));
        }
        if line.time < open.record.invoked_ns || line.time == NEVER {
            return Err(content(number, "it ends before it begins, or never"));
        }
        let mut record = open.record;
        record.completed_ns = line.time;
        record.completion = completion;
        if let Some(value) = line.value {
            record.actions = self.actions(value, number)?;
        }
        self.keep(record, number);
        Ok(())
    }

    fn oldest_open(&self, line: &Line) -> Option<u64> {
        let mine = |open: &Open| open.process == line.process && open.name == line.f;
        self.open.iter().find(|(_, open)| mine(open)).map(|(index, _)| *index)
    }

    fn keep(&mut self, record: OperationRecord, number: u64) {
        for action in &record.actions {
            if let MicroOperation::Send(send) = action {
                let partition = Some(send.partition).filter(|to| *to != NO_PARTITION);
                self.sent.push((partition, send.value, number));
            }
        }
        self.history.push(&record);
    }

    fn actions(
        &mut self,
        micros: Vec<Micro>,
        number: u64,
    ) -> Result<Vec<MicroOperation>, HistoryError> {
        micros.into_iter().map(|micro| self.action(micro, number)).collect()
    }

    fn action(&mut self, micro: Micro, number: u64) -> Result<MicroOperation, HistoryError> {
        Ok(match micro {
            Micro::Send { partition, value, offset, key } => {
                let partition = partition.map(|name| self.partition(&name, number)).transpose()?;
                if value == Value::Unreadable(()) {
                    return Err(content(number, "a send must have a value"));
                }
                MicroOperation::Send(SendRecord {
                    value: self.value(value, number)?,
                    offset: offset.unwrap_or(NO_OFFSET),
                    partition: partition.unwrap_or(NO_PARTITION),
                    key: key.map_or(NO_KEY, |key| self.key(key)),
                })
            }
            Micro::Poll { records } => {
                let mut read = Vec::new();
                for (name, records) in records.unwrap_or_default().0 {
                    let partition = self.partition(&name, number)?;
                    for (offset, value) in records {
                        let value = self.value(value, number)?;
                        read.push(ReadRecord { partition, offset, value });
                    }
                }
                MicroOperation::Poll { records: read }
            }
            other @ (Micro::Assigned { .. }
            | Micro::End { .. }
            | Micro::Committed { .. }
            | Micro::Rebalanced { .. }
            | Micro::Consumed { .. }
            | Micro::Member { .. }) => MicroOperation::Detail(self.detail(other, number)?),
        })
    }

    fn detail(&mut self, micro: Micro, number: u64) -> Result<What, HistoryError> {
        Ok(match micro {
            Micro::Assigned { partition } => {
                What::Assigned { partition: self.partition(&partition, number)? }
            }
            Micro::End { partition, offset } => {
                What::EndOffset { partition: self.partition(&partition, number)?, offset }
            }
            Micro::Committed { partition, offset } => {
                What::Committed { partition: self.partition(&partition, number)?, offset }
            }
            Micro::Rebalanced { partition } => {
                What::Rebalanced { partition: self.partition(&partition, number)? }
            }
            Micro::Consumed { partition, first, last } => {
                What::Consumed { partition: self.partition(&partition, number)?, first, last }
            }
            Micro::Member { group, generation } => {
                What::Member { group: self.group(group), generation }
            }
            Micro::Send { .. } | Micro::Poll { .. } => unreachable!("these are no details"),
        })
    }

    fn key(&mut self, key: Value) -> u32 {
        let next = self.keys.len() as u32;
        *self.keys.entry(key).or_insert(next)
    }

    fn group(&mut self, name: String) -> u32 {
        let groups = &mut self.history.groups;
        let known = groups.iter().position(|known| *known == name);
        known.unwrap_or_else(|| {
            groups.push(name);
            groups.len() - 1
        }) as u32
    }

    fn partition(&self, name: &str, number: u64) -> Result<u32, HistoryError> {
        let known = self.partitions.get(name).copied();
        known.ok_or_else(|| content(number, format!("the header does not list partition `{name}`")))
    }

    fn value(&mut self, value: Value, number: u64) -> Result<u64, HistoryError> {
        let mixed = || content(number, "values are numbers or text, not both in one file");
        match value {
            Value::Unreadable(()) => Ok(ReadRecord::GARBAGE),
            Value::Number(ReadRecord::GARBAGE) => {
                Err(content(number, format!("value {} is reserved", ReadRecord::GARBAGE)))
            }
            Value::Number(value) => {
                self.numbers = true;
                if self.names.is_empty() { Ok(value) } else { Err(mixed()) }
            }
            Value::Text(_) if self.numbers => Err(mixed()),
            Value::Text(name) => {
                let next = self.names.len() as u64;
                let names = &mut self.history.value_names;
                Ok(*self.names.entry(name).or_insert_with_key(|name| {
                    names.push(name.clone());
                    next
                }))
            }
        }
    }

    fn finish(mut self) -> Result<History, HistoryError> {
        let mut open: Vec<Open> = std::mem::take(&mut self.open).into_values().collect();
        open.sort_by_key(|open| open.record.invoked_ns);
        // Stable: equal times stay in the order of the file.
        self.history.sort();
        for Open { record, line, .. } in open {
            self.keep(record, line);
        }
        self.sent.sort_unstable();
        for pair in self.sent.windows(2) {
            if let [(a, value, first), (b, again, line)] = pair
                && (a, value) == (b, again)
            {
                let problem = format!("its value was sent to the same partition on line {first}");
                return Err(content(*line, problem));
            }
        }
        Ok(self.history)
    }
}

fn function(line: &Line) -> Function {
    match line.f {
        Name::Send => Function::Send,
        Name::Poll => Function::Poll,
        Name::Txn => Function::Txn,
        Name::Assign => Function::Assign { from_start: line.from_start },
        Name::Subscribe => Function::Subscribe,
        Name::Join => Function::Join,
        Name::Commit => Function::Commit,
        Name::List => Function::List,
        Name::Crash => Function::Crash,
    }
}

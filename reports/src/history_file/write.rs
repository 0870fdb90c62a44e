//! Writes histories.

use std::io::{self, Write};

use harrow_sim::history::{
    Completion, Function, History, NO_KEY, NO_OFFSET, NO_PARTITION, ReadRecord, Row, What,
};

use super::HISTORY_VERSION;
use super::line::Name;
use super::operation_lines::{Line, in_order};

/// Writes a history as lines, in order of time; begins come before ends of the same time.
///
/// # Panics
/// If an operation ends before it begins.
pub fn write_history(history: &History, writer: &mut dyn Write) -> io::Result<()> {
    let mut writing = Writing::new(history, writer);
    writing.header()?;
    for row in history.rows() {
        let sound = row.invoked_ns <= row.completed_ns;
        assert!(sound, "an operation ends before it begins: {row:?}");
    }
    let mut indices: Vec<u64> = vec![0; history.len()];
    for line in in_order(history) {
        match line {
            Line::Begin(operation) => {
                indices[operation as usize] = writing.index;
                writing.begin(operation)?;
            }
            Line::End(operation) => writing.end(operation, indices[operation as usize])?,
        }
    }
    writing.finish()
}

struct Writing<'a> {
    history: &'a History,
    writer: &'a mut dyn Write,
    /// Names as JSON.
    partitions: Vec<String>,
    groups: Vec<String>,
    /// Of the next operation's line.
    index: u64,
    /// Operations' text, put together here.
    line: Vec<u8>,
    /// Whether a micro-operation stands in the line already.
    begun: bool,
}

impl<'a> Writing<'a> {
    fn new(history: &'a History, writer: &'a mut dyn Write) -> Self {
        let quoted = |names: &[String]| names.iter().map(|name| quoted(name)).collect();
        let (partitions, groups) = (quoted(&history.partitions), quoted(&history.groups));
        let line = Vec::new();
        Self { history, writer, partitions, groups, index: 0, line, begun: false }
    }

    fn header(&mut self) -> io::Result<()> {
        let partitions = self.partitions.join(",");
        writeln!(
            self.writer,
            "{{\"harrow_history\":{HISTORY_VERSION},\"partitions\":[{partitions}]}}"
        )
    }

    fn finish(&mut self) -> io::Result<()> {
        let (lines, final_reads) = (self.index + 1, self.history.final_reads);
        writeln!(self.writer, "{{\"end\":{{\"lines\":{lines},\"final_reads\":{final_reads}}}}}")?;
        self.writer.flush()
    }

    /// What is asked.
    fn begin(&mut self, operation: u32) -> io::Result<()> {
        let row = *self.history.row(operation);
        self.head(&row, row.invoked_ns, "invoke")?;
        self.value(operation, &row, false)?;
        if row.function == (Function::Assign { from_start: true }) {
            self.line.extend_from_slice(b",\"from_start\":true");
        }
        self.flush()
    }

    /// What came of it.
    fn end(&mut self, operation: u32, invoked: u64) -> io::Result<()> {
        let row = *self.history.row(operation);
        let kind = match row.completion {
            Completion::Ok => "ok",
            Completion::Fail => "fail",
            Completion::Info => "info",
        };
        self.head(&row, row.completed_ns, kind)?;
        self.value(operation, &row, true)?;
        write!(self.line, ",\"invoked\":{invoked}")?;
        self.flush()
    }

    fn head(&mut self, row: &Row, time: u64, kind: &str) -> io::Result<()> {
        let (index, process, f) = (self.index, row.process, name(row.function).text());
        write!(
            self.line,
            "{{\"index\":{index},\"time\":{time},\"process\":{process},\"type\":\"{kind}\",\
             \"f\":\"{f}\",\"value\":["
        )
    }

    fn flush(&mut self) -> io::Result<()> {
        self.line.extend_from_slice(b"}\n");
        self.writer.write_all(&self.line)?;
        self.line.clear();
        self.begun = false;
        self.index += 1;
        Ok(())
    }

    fn value(&mut self, operation: u32, row: &Row, ended: bool) -> io::Result<()> {
        for send in self.history.sends_of(operation) {
            self.send(send, ended)?;
        }
        if ended {
            self.polls(operation, row)?;
        } else if row.polls {
            self.micro("poll");
            self.line.push(b']');
        }
        for what in self.history.details_of(operation) {
            self.detail(what, ended)?;
        }
        self.line.push(b']');
        Ok(())
    }

    /// Opens a micro-operation.
    fn micro(&mut self, name: &str) {
        if self.begun {
            self.line.push(b',');
        }
        self.begun = true;
        self.line.extend_from_slice(b"[\"");
        self.line.extend_from_slice(name.as_bytes());
        self.line.push(b'"');
    }

    fn partition(&mut self, partition: u32) {
        self.line.push(b',');
        self.line.extend_from_slice(self.partitions[partition as usize].as_bytes());
    }

    fn send(&mut self, send: usize, ended: bool) -> io::Result<()> {
        let send = self.history.sends()[send];
        self.micro("send");
        if send.partition == NO_PARTITION {
            self.line.extend_from_slice(b",null");
        } else {
            self.partition(send.partition);
        }
        self.line.push(b',');
        self.record_value(send.value)?;
        let told = ended && send.offset != NO_OFFSET;
        if told {
            write!(self.line, ",{}", send.offset)?;
        } else if send.key != NO_KEY {
            self.line.extend_from_slice(b",null");
        }
        if send.key != NO_KEY {
            write!(self.line, ",{}", send.key)?;
        }
        self.line.push(b']');
        Ok(())
    }

    /// Reads in the order of delivery: a partition that comes again after another one is a poll of its own.
    fn polls(&mut self, operation: u32, row: &Row) -> io::Result<()> {
        let reads = &self.history.reads()[self.history.reads_of(operation)];
        if reads.is_empty() {
            if row.polls {
                self.micro("poll");
                self.line.extend_from_slice(b",{}]");
            }
            return Ok(());
        }
        let mut polled: Vec<u32> = Vec::new();
        for run in reads.chunk_by(|a, b| a.partition == b.partition) {
            let partition = run[0].partition;
            if polled.contains(&partition) {
                self.line.extend_from_slice(b"}]");
                polled.clear();
            }
            if polled.is_empty() {
                self.micro("poll");
                self.line.extend_from_slice(b",{");
            } else {
                self.line.push(b',');
            }
            polled.push(partition);
            self.run(run)?;
        }
        self.line.extend_from_slice(b"}]");
        Ok(())
    }

    /// Records of one partition.
    fn run(&mut self, run: &[ReadRecord]) -> io::Result<()> {
        self.line.extend_from_slice(self.partitions[run[0].partition as usize].as_bytes());
        for (position, record) in run.iter().enumerate() {
            let open = if position == 0 { ":[" } else { "," };
            write!(self.line, "{open}[{},", record.offset)?;
            self.record_value(record.value)?;
            self.line.push(b']');
        }
        self.line.push(b']');
        Ok(())
    }

    fn record_value(&mut self, value: u64) -> io::Result<()> {
        let names = &self.history.value_names;
        let name = usize::try_from(value).ok().and_then(|value| names.get(value));
        match name {
            Some(name) => self.line.extend_from_slice(quoted(name).as_bytes()),
            None if value == ReadRecord::GARBAGE => self.line.extend_from_slice(b"null"),
            None => write!(self.line, "{value}")?,
        }
        Ok(())
    }

    fn detail(&mut self, what: What, ended: bool) -> io::Result<()> {
        match what {
            What::Assigned { partition } => {
                self.micro("assigned");
                self.partition(partition);
            }
            What::EndOffset { partition, offset } => {
                self.micro("end");
                self.partition(partition);
                if let Some(offset) = offset.filter(|_| ended) {
                    write!(self.line, ",{offset}")?;
                }
            }
            What::Fetched { partition, offset } => {
                self.micro("fetched");
                self.partition(partition);
                match offset.filter(|_| ended) {
                    Some(offset) => write!(self.line, ",{offset}")?,
                    None if ended => self.line.extend_from_slice(b",null"),
                    None => {}
                }
            }
            What::Committed { partition, offset } => {
                self.micro("committed");
                self.partition(partition);
                write!(self.line, ",{offset}")?;
            }
            What::Rebalanced { partition, lost } => {
                self.micro(if lost { "lost" } else { "rebalanced" });
                self.partition(partition);
            }
            What::Seek { partition, offset } => {
                self.micro("seek");
                self.partition(partition);
                if let Some(offset) = offset {
                    write!(self.line, ",{offset}")?;
                }
            }
            What::Consumed { partition, first, last } => {
                self.micro("consumed");
                self.partition(partition);
                write!(self.line, ",{first},{last}")?;
            }
            What::Member { group, generation } => {
                self.micro("member");
                let group = &self.groups[group as usize];
                write!(self.line, ",{group},{generation}")?;
            }
        }
        self.line.push(b']');
        Ok(())
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

/// A text as JSON has it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

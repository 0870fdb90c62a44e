//! Reads histories, line by line, and trusts nothing in them.

use std::collections::BTreeMap;
use std::io::BufRead;

use harrow_sim::history::{
    Completion, Function, History, NEVER, NO_KEY, NO_PARTITION, Row, SendRecord, What,
};

use serde::de::IgnoredAny;

use super::HISTORY_VERSION;
use super::line::{End, Fields, Kind, Name, read_line};
use super::lines::{Lines, TextLine, VERSION_ONE, foreign_text};
use super::micro::{MICROS, Micro};
use super::parts::Context;
use super::problem::{HistoryError, Shown as ShownText};
use crate::check::{Occurrence, Options, Stream};

/// A history from a file, and what the file says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// By operation: the line on which it begins.
    pub begun: Vec<u32>,
    /// The operations, in order of completion; those without an end come last.
    pub history: History,
    /// Whether the file has its end line, so that nothing is cut off.
    pub complete: bool,
    /// How many whole lines were read: those that the file has, unless reading was stopped.
    pub lines: u64,
    /// The line in whose middle the file ends, if it does: nothing of it is taken.
    pub cut: Option<u64>,
    /// Whether reading was stopped by who looks on.
    pub stopped: bool,
}

/// What shows while a history is read.
pub struct Shown<'a> {
    /// The anomaly.
    pub occurrence: &'a Occurrence,
    /// The operations that have ended so far; it has no names yet.
    pub history: &'a History,
    /// How many partitions have been named so far.
    pub partition_count: usize,
    /// Gives their names.
    pub partitions: &'a dyn Fn() -> Vec<String>,
}

/// Looks on while a history is read.
pub trait HistoryObserver {
    /// Whether anything is known of logs, by their names.
    fn knows_logs(&self) -> bool;

    /// What is known of the logs of these partitions, which are all that have been named so far.
    fn options(&self, partitions: Vec<String>) -> Options;

    /// Is shown an anomaly; says whether to stop reading.
    fn show(&mut self, shown: &Shown<'_>) -> bool;
}

/// Reads a history. Memory stays in proportion to what is in the file; one line at a time is kept as text.
pub fn read_history(reader: impl BufRead) -> Result<Recorded, HistoryError> {
    read(reader, Reader::default())
}

/// The same, checked as it is read: each anomaly that the lines so far decide is shown at once. See [`Stream`].
pub fn read_history_watched(
    reader: impl BufRead,
    observer: &mut dyn HistoryObserver,
) -> Result<Recorded, HistoryError> {
    let stream = Stream::new(observer.options(Vec::new()));
    let watch = Some(Watch { stream, observer, partitions: 0 });
    read(reader, Reader { watch, ..Reader::default() })
}

fn read(reader: impl BufRead, mut state: Reader<'_>) -> Result<Recorded, HistoryError> {
    let mut lines = Lines::new(reader);
    while let Some(line) = lines.next_line()? {
        state.take(&line)?;
        if state.stopped {
            break;
        }
    }
    let count = lines.count();
    if count == 0 {
        let problem = "the file is empty; a history begins with {\"harrow_history\":2}";
        return Err(HistoryError::content(1, problem));
    }
    state.finish(count)
}

/// What stands between the lines.
#[derive(Default)]
struct Reader<'w> {
    history: History,
    context: Context,
    /// By process, function and index of the begin.
    open: BTreeMap<(u32, Name, u64), Open>,
    /// The line of each operation of the history: that of its end, if it has one.
    lines: Vec<u32>,
    /// The line of its begin.
    begun: Vec<u32>,
    /// Index and time of the last line.
    last: Option<(u64, u64)>,
    end: Option<End>,
    /// Who looks on, with what is known by now.
    watch: Option<Watch<'w>>,
    stopped: bool,
    /// The line in whose middle the file ends.
    cut: Option<u64>,
}

/// Who looks on, and what is told.
struct Watch<'w> {
    stream: Stream,
    observer: &'w mut dyn HistoryObserver,
    /// How many have been named so far.
    partitions: usize,
}

/// An operation that has begun.
struct Open {
    line: u32,
    row: Row,
    sends: Vec<SendRecord>,
    details: Vec<What>,
}

impl Reader<'_> {
    fn take(&mut self, line: &TextLine<'_>) -> Result<(), HistoryError> {
        let number = line.number;
        let fields = match read_line(line.text, &mut self.context) {
            // A cut leaves no whole line with half a character behind it.
            Ok(_) if line.torn => {
                return Err(HistoryError::syntax(number, line.text.len() + 1, "this is not UTF-8"));
            }
            Ok(fields) => fields,
            // Who is killed leaves a file like this: what comes before is still what happened.
            Err((column, _)) if number > 1 && self.end.is_none() && is_cut(line, column) => {
                self.cut = Some(number);
                return Ok(());
            }
            Err(problem) => return Err(problem_at(line, problem)),
        };
        if number == 1 {
            return check_header(&fields).map_err(|problem| HistoryError::content(1, problem));
        }
        let taken = self.take_fields(&fields, number);
        taken.map_err(|problem| HistoryError::content(number, problem))
    }

    fn take_fields(&mut self, fields: &Fields, number: u64) -> Result<(), String> {
        if self.end.is_some() {
            return Err("it comes after the end line, which is the last one".to_owned());
        }
        if fields.harrow_history.is_some() || fields.partitions.is_some() {
            return Err("it is a second header; only the first line is one".to_owned());
        }
        match fields.end {
            Some(end) => self.take_end(fields, end, number),
            None => self.operation(fields, number),
        }
    }

    fn take_end(&mut self, fields: &Fields, end: End, number: u64) -> Result<(), String> {
        if has_operation(fields) {
            return Err("the end line has no keys but `end`".to_owned());
        }
        let before = number - 1;
        if end.lines != before {
            let stated = end.lines;
            return Err(format!("it says that {stated} lines come before it, and {before} do"));
        }
        self.end = Some(end);
        Ok(())
    }

    fn operation(&mut self, fields: &Fields, number: u64) -> Result<(), String> {
        let line = u32::try_from(number).map_err(|_| format!("{number} lines are too many"))?;
        let index = required(fields.index, "index")?;
        let time = required(fields.time, "time")?;
        let process = required(fields.process, "process")?;
        let kind = required(fields.kind, "type")?;
        let f = required(fields.f, "f")?;
        self.follow(index, time)?;
        self.check_parts(f)?;
        if fields.from_start.is_some() && f != Name::Assign {
            return Err(format!("`from_start` belongs to an `assign`, not to a `{}`", f.text()));
        }
        let row = Row::begun(process, function(f, fields.from_start), time);
        match completion(kind) {
            None => {
                self.begin(fields, index, f, Open { line, row, sends: vec![], details: vec![] })
            }
            Some(completion) => self.complete(fields, f, completion, &row, line),
        }
    }

    /// Lines are in order.
    fn follow(&mut self, index: u64, time: u64) -> Result<(), String> {
        if let Some((index_before, time_before)) = self.last {
            if index <= index_before {
                return Err(format!(
                    "index {index} comes after {index_before}; each is higher than the one before"
                ));
            }
            if time < time_before {
                return Err(format!("time {time} comes after {time_before}; time never falls"));
            }
        }
        self.last = Some((index, time));
        Ok(())
    }

    fn check_parts(&self, f: Name) -> Result<(), String> {
        let kinds = self.context.parts.kinds;
        let foreign = MICROS
            .iter()
            .find(|(_, micro)| kinds & (1 << *micro as u32) != 0 && !belongs(*micro, f));
        match foreign {
            None => Ok(()),
            Some((name, _)) => Err(format!("`{name}` does not belong into a `{}`", f.text())),
        }
    }

    fn begin(
        &mut self,
        fields: &Fields,
        index: u64,
        f: Name,
        mut open: Open,
    ) -> Result<(), String> {
        if fields.invoked.is_some() {
            return Err("`invoked` belongs to an end".to_owned());
        }
        let parts = &self.context.parts;
        if parts.states_outcome {
            return Err("a begin cannot know offsets or records yet".to_owned());
        }
        // One that does not say yet what it does may poll.
        let silent = f == Name::Txn && fields.value != Some(true);
        open.row.polls |= silent || parts.polls;
        open.sends.extend_from_slice(&parts.sends);
        open.details.extend_from_slice(&parts.details);
        if let Some(watch) = &mut self.watch {
            watch.stream.begin(index, &open.row, &open.sends);
        }
        self.open.insert((open.row.process, f, index), open);
        Ok(())
    }

    fn complete(
        &mut self,
        fields: &Fields,
        f: Name,
        completion: Completion,
        row: &Row,
        line: u32,
    ) -> Result<(), String> {
        let begun = self.begun(fields.invoked, row.process, f)?;
        let open = self.open.remove(&begun).expect("it was just found");
        if fields.from_start.is_some() && open.row.function != row.function {
            return Err("`from_start` differs from that of its begin".to_owned());
        }
        let mut row = open.row.ended(row.invoked_ns, completion);
        let parts = &self.context.parts;
        let has_value = fields.value == Some(true);
        // An end that tells what was done tells of every poll.
        let whole = completion == Completion::Ok && f == Name::Txn;
        row.polls = parts.polls || row.polls && !whole;
        if completion == Completion::Ok {
            check_value(f, has_value, parts.kinds, parts.bare_poll)?;
        }
        fits(&self.history, parts.reads.len())?;
        if has_value {
            check_sends(&open.sends, &parts.sends)?;
            self.history.push_parts(row, &parts.sends, &parts.reads, &parts.details);
        } else {
            self.history.push_parts(row, &open.sends, &[], &open.details);
        }
        self.lines.push(line);
        self.begun.push(open.line);
        self.show(begun.2);
        Ok(())
    }

    /// Shows what the operation that has ended last decides.
    fn show(&mut self, begun: u64) {
        let Some(watch) = &mut self.watch else { return };
        let (history, names) = (&self.history, &self.context.names);
        let partition_count = names.partition_count();
        if partition_count > watch.partitions && watch.observer.knows_logs() {
            watch.stream.learn(watch.observer.options(names.partitions()));
        }
        watch.partitions = partition_count;
        for occurrence in watch.stream.end(begun, history, history.len() as u32 - 1) {
            let (occurrence, partitions) = (&occurrence, &|| names.partitions());
            let shown = Shown { occurrence, history, partition_count, partitions };
            self.stopped |= watch.observer.show(&shown);
        }
    }

    /// Which open operation an end belongs to.
    fn begun(
        &self,
        invoked: Option<u64>,
        process: u32,
        f: Name,
    ) -> Result<(u32, Name, u64), String> {
        let name = f.text();
        if let Some(index) = invoked {
            let key = (process, f, index);
            return self.open.contains_key(&key).then_some(key).ok_or_else(|| {
                format!("process {process} has no open `{name}` that began at index {index}")
            });
        }
        let mut open = self.open.range((process, f, 0)..=(process, f, u64::MAX));
        match (open.next(), open.next()) {
            (Some((key, _)), None) => Ok(*key),
            (None, _) => Err(format!("process {process} has no open `{name}` that could end")),
            (Some(_), Some(_)) => Err(format!(
                "process {process} has several `{name}` open; say which one ends by `invoked`, the index of \
                 its begin"
            )),
        }
    }

    fn finish(mut self, lines: u64) -> Result<Recorded, HistoryError> {
        let mut open: Vec<((u32, Name, u64), Open)> =
            std::mem::take(&mut self.open).into_iter().collect();
        open.sort_by_key(|((_, _, index), _)| *index);
        for (_, Open { line, row, sends, details }) in open {
            fits(&self.history, 0)
                .map_err(|problem| HistoryError::content(u64::from(line), problem))?;
            self.history.push_parts(row, &sends, &[], &details);
            self.lines.push(line);
            self.begun.push(line);
        }
        self.check_values()?;
        let mut history = self.history;
        self.context.names.name(&mut history);
        let polled = |row: &Row| {
            let polls = matches!(row.function, Function::Poll | Function::Txn);
            polls && row.completion == Completion::Ok
        };
        // Who has polled nothing cannot have read everything.
        history.final_reads =
            self.end.is_some_and(|end| end.final_reads) && history.rows().iter().any(polled);
        let lines = lines - u64::from(self.cut.is_some());
        let (complete, stopped) = (self.end.is_some(), self.stopped);
        Ok(Recorded { begun: self.begun, history, complete, lines, cut: self.cut, stopped })
    }

    /// No value is sent twice to a partition.
    fn check_values(&self) -> Result<(), HistoryError> {
        let sends = self.history.sends().iter().zip(0_u32..);
        let mut sorted: Vec<(u64, u32, u32)> =
            sends.map(|(send, position)| (send.value, send.partition, position)).collect();
        sorted.sort_unstable();
        let twice = sorted.windows(2).find(|pair| (pair[0].0, pair[0].1) == (pair[1].0, pair[1].1));
        let Some([first, second]) = twice else { return Ok(()) };
        let line = |send: u32| {
            u64::from(self.begun[self.history.operation_of_send(send as usize) as usize])
        };
        let value = ShownText(&self.context.names.value_name(first.0)).to_string();
        let lines = [line(first.2), line(second.2)];
        let place = if first.1 == NO_PARTITION { "to nowhere known" } else { "to its partition" };
        let problem = format!(
            "its value `{value}` was sent {place} on line {} already; give every send a value of its own, \
             retries by the application included",
            lines[0].min(lines[1])
        );
        Err(HistoryError::content(lines[0].max(lines[1]), problem))
    }
}

/// Whether a line that cannot be read is the beginning of one: nothing is wrong with it but its end.
fn is_cut(line: &TextLine<'_>, column: usize) -> bool {
    let goes_on =
        || serde_json::from_str::<IgnoredAny>(line.text).is_err_and(|error| error.is_eof());
    line.unended && column >= line.text.len() && !line.text.trim().is_empty() && goes_on()
}

/// An error in a line's text, with what may be said of the first and last line.
fn problem_at(line: &TextLine<'_>, (column, problem): (usize, String)) -> HistoryError {
    let number = line.number;
    if let Some(foreign) = foreign_text(line.text).filter(|_| number == 1) {
        return HistoryError::syntax(number, 1, foreign);
    }
    if line.text.trim().is_empty() {
        return HistoryError::syntax(number, 1, "the line is empty");
    }
    if is_cut(line, column) {
        let problem = "the file ends in the middle of this line: it was cut off";
        return HistoryError::syntax(number, column, problem);
    }
    HistoryError::syntax(number, column, problem)
}

fn check_header(fields: &Fields) -> Result<(), String> {
    let wanted = format!("{{\"harrow_history\":{HISTORY_VERSION}}}");
    match fields.harrow_history {
        None => Err(format!("the header is missing; a history begins with {wanted}")),
        Some(1) => Err(VERSION_ONE.to_owned()),
        Some(HISTORY_VERSION) if has_operation(fields) || fields.end.is_some() => {
            Err("the header has no keys but `harrow_history` and `partitions`".to_owned())
        }
        Some(HISTORY_VERSION) => Ok(()),
        Some(version) => {
            Err(format!("version {version} of the format is not known; this is {HISTORY_VERSION}"))
        }
    }
}

/// Whether there is a key of an operation.
fn has_operation(fields: &Fields) -> bool {
    let Fields { index, time, process, kind, f, value, from_start, invoked, .. } = fields;
    let numbers = index.is_some() || time.is_some() || process.is_some() || invoked.is_some();
    let words = kind.is_some() || f.is_some() || value.is_some() || from_start.is_some();
    numbers || words
}

fn required<T>(field: Option<T>, name: &str) -> Result<T, String> {
    field.ok_or_else(|| format!("the key `{name}` is missing"))
}

fn completion(kind: Kind) -> Option<Completion> {
    match kind {
        Kind::Invoke => None,
        Kind::Ok => Some(Completion::Ok),
        Kind::Fail => Some(Completion::Fail),
        Kind::Info => Some(Completion::Info),
    }
}

fn function(f: Name, from_start: Option<bool>) -> Function {
    match f {
        Name::Send => Function::Send,
        Name::Poll => Function::Poll,
        Name::Txn => Function::Txn,
        Name::Assign => Function::Assign { from_start: from_start.unwrap_or(false) },
        Name::Subscribe => Function::Subscribe,
        Name::Join => Function::Join,
        Name::Commit => Function::Commit,
        Name::List => Function::List,
        Name::Crash => Function::Crash,
    }
}

/// Whether a micro-operation may stand in an operation.
fn belongs(micro: Micro, f: Name) -> bool {
    match micro {
        Micro::Send => matches!(f, Name::Send | Name::Txn),
        Micro::Poll => matches!(f, Name::Poll | Name::Txn),
        Micro::Seek => matches!(f, Name::Assign | Name::Poll),
        Micro::Assigned => matches!(f, Name::Assign | Name::Subscribe | Name::Join),
        Micro::End | Micro::Fetched => f == Name::List,
        Micro::Committed => matches!(f, Name::Commit | Name::Txn | Name::Poll),
        Micro::Consumed => matches!(f, Name::Txn | Name::Send),
        Micro::Member => f != Name::Crash,
        Micro::Rebalanced | Micro::Lost => !matches!(f, Name::Send | Name::Crash),
    }
}

/// What an `ok` must say: who leaves it out would have the rest judged as if nothing had happened.
fn check_value(f: Name, has_value: bool, kinds: u32, bare_poll: bool) -> Result<(), String> {
    let has = |micro: Micro| kinds & (1 << micro as u32) != 0;
    let missing = match f {
        Name::Send if !has(Micro::Send) => Some("what was sent"),
        Name::List if !has(Micro::End) && !has(Micro::Fetched) => {
            Some("the end offset, or the committed one")
        }
        Name::Poll | Name::Txn if bare_poll => Some("what it polled, {} if nothing"),
        Name::Poll | Name::Txn | Name::Commit if !has_value => Some("what it did, by `value`"),
        Name::Send
        | Name::Poll
        | Name::Txn
        | Name::Assign
        | Name::Subscribe
        | Name::Join
        | Name::Commit
        | Name::List
        | Name::Crash => None,
    };
    missing.map_or(Ok(()), |what| Err(format!("a `{}` that ended ok must say {what}", f.text())))
}

/// An end sends what its begin does; only where to may have become known.
fn check_sends(begun: &[SendRecord], ended: &[SendRecord]) -> Result<(), String> {
    if begun.is_empty() {
        return Ok(());
    }
    let same = |(begun, ended): (&SendRecord, &SendRecord)| {
        let place = begun.partition == NO_PARTITION || begun.partition == ended.partition;
        let key = begun.key == NO_KEY || begun.key == ended.key;
        place && key && begun.value == ended.value
    };
    if begun.len() != ended.len() || !begun.iter().zip(ended).all(same) {
        return Err(
            "it sends something else than its begin, elsewhere, or with another key".to_owned()
        );
    }
    Ok(())
}

/// Whether one more operation fits a history.
fn fits(history: &History, reads: usize) -> Result<(), String> {
    let most = history.sends().len().max(history.len()).max(history.reads().len() + reads);
    if most >= (NEVER >> 32) as usize - 1 {
        return Err("the history is too long: 2^32 operations, sends or reads".to_owned());
    }
    Ok(())
}

//! What can be asked, read from a line.

use harrow_reports::trace::query::{Query, QueryProblem, duration_ns};

use super::branch::Edit;
use super::said::Slip;
use crate::format::nearest;

/// What can be asked.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Command {
    Help,
    Quit,
    Where,
    List(usize),
    Step(usize),
    Back(usize),
    Next(Option<i32>),
    Previous(Option<i32>),
    Until(Wanted),
    Rewind(Wanted),
    At(u64),
    Event(u64),
    Row(u64),
    Start,
    End,
    Causes,
    Look(Look),
    Steps,
    Branch(Edit),
    Enter,
    Leave,
    Save(String),
    Verdict,
}

/// A query, and where in the line it begins, in bytes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Wanted {
    pub(super) query: Box<Query>,
    pub(super) at: usize,
}

/// What can be looked at.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Look {
    Nodes,
    Node(i32),
    Partitions,
    Partition(String),
    Group(String),
    Network(Option<i32>),
    Disk(i32),
    Message(Option<u64>),
}

/// Words, what follows them, and what they do.
pub(super) const COMMANDS: [(&str, &str, &str); 30] = [
    ("where", "", "the event at which the run stands"),
    ("list", "[N]", "N events around it, 7 if not given"),
    ("step", "[N]", "N events on, 1 if not given"),
    ("back", "[N]", "N events back"),
    ("next", "[NODE]", "on to the next fact of a node; of the present one if not given"),
    ("previous", "[NODE]", "back to the fact before"),
    ("until", "QUERY", "on to the next event that a query selects: see harrow query"),
    ("rewind", "QUERY", "back to the last one before"),
    ("at", "TIME", "to the first event at a time, such as 3.405s, or after it"),
    ("event", "N", "to an event by its number, as trace.txt has it"),
    ("row", "N", "to a row of the trace"),
    ("start", "", "to the first event"),
    ("end", "", "to the last event"),
    ("nodes", "", "all nodes in a line each"),
    ("node", "N", "a node: its process, clock, deadline, replicas, what it holds"),
    ("partitions", "", "all partitions in a line each"),
    ("partition", "NAME", "a partition: its registration, what is committed, its replicas"),
    ("group", "NAME", "a group, as its coordinator and members have stated it last"),
    ("network", "[NODE]", "messages that are under way, and what those wait for that wait"),
    ("disk", "NODE", "files of a node: page cache against disk"),
    ("why", "[ROW]", "what became of a message, or what it waits for here"),
    ("causes", "", "what led to the present event, back to its beginning"),
    ("steps", "", "the steps of the plan, with their ids"),
    ("branch", "without ID", "the run without a step: where it parts, and what comes of it"),
    ("branch", "move ID TIME", "the run with a step at another time"),
    ("branch", "add STEP", "the run with a step more, as JSON: {\"at_ms\":3000,\"action\":{...}}"),
    ("enter, leave", "", "go on in the branch; go back to the run that it is of"),
    ("save", "FILE", "the plan of the run, to be replayed"),
    ("verdict", "", "what the run is judged to be"),
    ("help, quit", "", "this; the end"),
];

/// The words alone.
const WORDS: [&str; 30] = [
    "where",
    "list",
    "step",
    "back",
    "next",
    "previous",
    "until",
    "rewind",
    "at",
    "event",
    "row",
    "start",
    "end",
    "nodes",
    "node",
    "partitions",
    "partition",
    "group",
    "network",
    "disk",
    "why",
    "causes",
    "steps",
    "branch",
    "enter",
    "leave",
    "save",
    "verdict",
    "help",
    "quit",
];

impl Command {
    /// Reads a line.
    pub(super) fn parse(line: &str) -> Result<Self, Slip> {
        let line = line.trim();
        let (word, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim();
        let (some, none) = (|| needed(word, rest), || nothing(word, rest));
        Ok(match word {
            "where" | "w" => none().map(|()| Self::Where)?,
            "list" | "l" => Self::List(count(rest, 7)?),
            "step" | "s" => Self::Step(count(rest, 1)?),
            "back" | "b" => Self::Back(count(rest, 1)?),
            "next" | "n" => Self::Next(optional(rest)?),
            "previous" | "p" => Self::Previous(optional(rest)?),
            "until" | "u" => Self::Until(query(line, some()?)?),
            "rewind" => Self::Rewind(query(line, some()?)?),
            "at" => Self::At(time(some()?)?),
            "event" => Self::Event(number(some()?)?),
            "row" => Self::Row(number(some()?)?),
            "start" => none().map(|()| Self::Start)?,
            "end" => none().map(|()| Self::End)?,
            "nodes" => none().map(|()| Self::Look(Look::Nodes))?,
            "node" => Self::Look(Look::Node(number(some()?)?)),
            "partitions" => none().map(|()| Self::Look(Look::Partitions))?,
            "partition" => Self::Look(Look::Partition(some()?.to_owned())),
            "group" => Self::Look(Look::Group(some()?.to_owned())),
            "network" => Self::Look(Look::Network(optional(rest)?)),
            "disk" => Self::Look(Look::Disk(number(some()?)?)),
            "why" => Self::Look(Look::Message(optional(rest)?)),
            "causes" => none().map(|()| Self::Causes)?,
            "steps" => none().map(|()| Self::Steps)?,
            "branch" => Self::Branch(Edit::parse(some()?)?),
            "enter" => none().map(|()| Self::Enter)?,
            "leave" => none().map(|()| Self::Leave)?,
            "save" => Self::Save(some()?.to_owned()),
            "verdict" => none().map(|()| Self::Verdict)?,
            "help" | "h" | "?" => Self::Help,
            "quit" | "q" | "exit" => Self::Quit,
            _ => return Err(unknown(word)),
        })
    }
}

fn unknown(word: &str) -> Slip {
    let help = match nearest(word, WORDS) {
        Some(near) => format!("did you mean `{near}`? `help` lists all"),
        None => "`help` lists all".to_owned(),
    };
    Slip::new(format!("there is no command `{word}`"), help)
}

fn needed<'a>(word: &str, rest: &'a str) -> Result<&'a str, Slip> {
    if rest.is_empty() {
        let usage = COMMANDS.iter().find(|(known, ..)| *known == word);
        let usage = usage.map_or("", |(_, usage, _)| usage);
        return Err(Slip::new(format!("`{word}` of what?"), format!("write `{word} {usage}`")));
    }
    Ok(rest)
}

fn nothing(word: &str, rest: &str) -> Result<(), Slip> {
    if rest.is_empty() {
        return Ok(());
    }
    Err(Slip::new(format!("`{word}` takes nothing, not `{rest}`"), format!("write `{word}`")))
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, Slip> {
    let wrong =
        |_| Slip::new(format!("`{text}` is no number that could be meant"), "write one such as 7");
    text.parse().map_err(wrong)
}

fn optional<T: std::str::FromStr>(text: &str) -> Result<Option<T>, Slip> {
    if text.is_empty() { Ok(None) } else { number(text).map(Some) }
}

fn count(text: &str, usual: usize) -> Result<usize, Slip> {
    match optional(text)? {
        Some(0) => Err(Slip::new("0 is none", "write a number from 1 on")),
        Some(count) => Ok(count),
        None => Ok(usual),
    }
}

/// A time of the run, in nanoseconds.
pub(super) fn time(text: &str) -> Result<u64, Slip> {
    let help = "write a number with its unit, such as 2s, 3.405s or 3405ms";
    duration_ns(text).ok_or_else(|| Slip::new(format!("`{text}` is no time"), help))
}

fn query(line: &str, text: &str) -> Result<Wanted, Slip> {
    let at = line.len() - text.len();
    let query = Query::parse(text).map(Box::new).map_err(|problem| of_query(problem, at))?;
    Ok(Wanted { query, at })
}

/// What is wrong with a query that begins there in the line.
pub(super) fn of_query(problem: QueryProblem, at: usize) -> Slip {
    Slip { message: problem.message, help: problem.help, offset: Some(at + problem.offset) }
}

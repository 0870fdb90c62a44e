//! `harrow trace`.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use harrow_reports::trace::query::{Query, time_ns};
use harrow_reports::trace::{TraceEvent, TraceHeader, write_chrome, write_trace};

use super::console::{Console, Failure, mistake};
use super::files::unwritable;
use super::query::{note_unknown, read_query, unknown};
use super::run::while_running;
use super::seeds::{self, SeedRange};
use super::target::{TargetArgs, Traced, one_run};
use crate::difference::seconds;
use crate::exit::ExitCode;
use crate::whole_file::write_whole;

/// Show the trace of a run, or a part of it: as text, as JSON lines, or for viewers of Chrome traces.
///
/// All filters that are given must fit. The columns of the text, and the fields of the JSON lines, are described in
/// reports/TRACE.md; a Chrome trace opens in ui.perfetto.dev, `chrome://tracing` and speedscope. Exit codes: 0 shown, 2
/// there is nothing to show it of.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  harrow trace runs/7 --node 2 --from 3s --to 3.5s\n  \
    harrow trace quick-failover --seed 9 --defect truncate-to-hw --record orders-0@255\n  \
    harrow trace leader-crash --seed 7 --as chrome --out trace.json\n  \
    harrow trace leader-crash --seed 7 --only 'became-leader or truncated'")]
pub(super) struct Trace {
    #[command(flatten)]
    target: TargetArgs,
    /// The seed, for a scenario.
    #[arg(long, value_name = "N", value_parser = seeds::seed, allow_hyphen_values = true)]
    seed: Option<u64>,
    /// Only what happens at this node; repeatable.
    #[arg(long = "node", value_name = "N", value_parser = node, allow_negative_numbers = true)]
    nodes: Vec<i32>,
    /// Only what concerns this partition, such as orders-0; repeatable.
    #[arg(long = "partition", value_name = "NAME")]
    partitions: Vec<String>,
    /// Only what concerns this record: by its place, such as orders-0@255, the facts of that offset; by its value, the
    /// operation that sends it.
    #[arg(long, value_name = "PLACE", value_parser = RecordPlace::parse)]
    record: Option<RecordPlace>,
    /// From this time on, such as 2s or 3405ms: with all that is shown with it.
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    from: Option<u64>,
    /// Up to this time, with all that is shown with it.
    #[arg(long, value_name = "TIME", value_parser = time, allow_hyphen_values = true)]
    to: Option<u64>,
    /// Only what this query selects: see `harrow query`.
    #[arg(long, value_name = "QUERY")]
    only: Option<String>,
    /// How it is written; JSON lines with `--format json`, else text, if not given.
    #[arg(long = "as", value_name = "FORM", value_enum)]
    form: Option<Form>,
    /// Where it goes; standard output if not given.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// How a trace is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    /// A line an event.
    Text,
    /// A JSON object a line, after one with the run.
    JsonLines,
    /// Chrome's trace format.
    Chrome,
}

/// Which record.
#[derive(Debug, Clone, PartialEq, Eq)]
enum RecordPlace {
    At { partition: String, offset: i64 },
    Value(u64),
}

impl RecordPlace {
    fn parse(text: &str) -> Result<Self, String> {
        let wrong =
            || "write PARTITION@OFFSET, such as orders-0@255, or a record's value".to_owned();
        match text.rsplit_once('@') {
            Some((partition, offset)) if !partition.is_empty() => {
                let offset = offset.parse().map_err(|_| wrong())?;
                Ok(Self::At { partition: partition.to_owned(), offset })
            }
            Some(_) => Err(wrong()),
            None => text.parse().map(Self::Value).map_err(|_| wrong()),
        }
    }

    fn fits(&self, event: &TraceEvent) -> bool {
        match self {
            Self::At { partition, offset } => {
                let among = |(first, last): (i64, i64)| first <= *offset && *offset <= last;
                event.concerns(partition) && event.offsets().is_some_and(among)
            }
            Self::Value(value) => {
                let (wanted, mut is) = (value.to_string(), false);
                // Large ones are texts.
                event.each("records", &mut |one| {
                    is |= one.as_str() == Some(&wanted) || one.as_u64() == Some(*value);
                });
                is
            }
        }
    }
}

/// A node, by its id.
fn node(text: &str) -> Result<i32, String> {
    text.parse()
        .map_err(|_| "write the number of a node, such as 2; `harrow trace` shows them".to_owned())
}

/// A time of the run, in nanoseconds.
pub(super) fn time(text: &str) -> Result<u64, String> {
    harrow_reports::trace::query::duration_ns(text)
        .ok_or_else(|| "write a number with its unit, such as 2s, 3.405s or 3405ms".to_owned())
}

impl Trace {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let only = self.only.as_deref().map(read_query).transpose()?;
        self.check_times()?;
        let target = self.target.read(self.seed.map(|seed| SeedRange::new(seed, seed)))?;
        let traced = while_running(|| one_run(target, self.seed.unwrap_or(0)))?;
        self.check_names(&traced)?;
        let chosen = self.chosen(&traced, only.as_ref());
        if chosen.is_empty() {
            let all = traced.events.len();
            // Nothing is left to do if even stderr is gone: an empty answer says the same.
            let _ = writeln!(io::stderr(), "note: none of {all} events is as the filters say");
        }
        if let (Some(text), Some(query)) = (&self.only, &only) {
            note_unknown(console, text, &unknown(query, &traced));
        }
        let Some(out) = &self.out else {
            self.write(&traced, &chosen, console.is_json(), console.stdout())?;
            console.stdout().flush()?;
            return Ok(ExitCode::Held);
        };
        let write = |file: &mut dyn Write| self.write(&traced, &chosen, console.is_json(), file);
        write_whole(out, write).map_err(|error| unwritable(out, &error))?;
        let count = chosen.len();
        if console.is_json() {
            let said = serde_json::json!({
                "schema": 1, "kind": "trace-file", "file": out.display().to_string(), "events": count
            });
            console.json(&said)?;
        } else {
            writeln!(console.stdout(), "{count} events are in {}", out.display())?;
        }
        Ok(ExitCode::Held)
    }

    fn check_times(&self) -> Result<(), Failure> {
        let (Some(from), Some(to)) = (self.from, self.to) else { return Ok(()) };
        if from <= time_ns(to).1 {
            return Ok(());
        }
        let (from, to) = (seconds(from), seconds(to));
        let help = format!("write `--from {to} --to {from}`");
        Err(mistake(format!("nothing is from {from} on and up to {to}"), help).into())
    }

    /// A node or partition that the run does not have is a slip of the keyboard, not an empty answer. Of a trace that
    /// is cut off, nobody knows which partitions the run has.
    fn check_names(&self, traced: &Traced) -> Result<(), Failure> {
        let nodes: Vec<i32> = traced.header.nodes.iter().map(|node| node.node).collect();
        if let Some(node) = self.nodes.iter().find(|node| !nodes.contains(node)) {
            let known: Vec<String> = nodes.iter().map(ToString::to_string).collect();
            let help = format!("its nodes are {}", known.join(", "));
            return Err(mistake(format!("the run has no node {node}"), help).into());
        }
        let of_record = match &self.record {
            Some(RecordPlace::At { partition, .. }) => Some(partition),
            Some(RecordPlace::Value(_)) | None => None,
        };
        let known: BTreeSet<&str> = traced
            .events
            .iter()
            .flat_map(|event| event.partitions.iter().map(String::as_str))
            .collect();
        let missing = |name: &&String| traced.cut.is_none() && !known.contains(name.as_str());
        let Some(name) = self.partitions.iter().chain(of_record).find(missing) else {
            return Ok(());
        };
        let help = format!("events are of {}", Vec::from_iter(known).join(", "));
        Err(mistake(format!("no event is of a partition `{name}`"), help).into())
    }

    fn chosen<'a>(&self, traced: &'a Traced, only: Option<&Query>) -> Vec<&'a TraceEvent> {
        let all = &traced.events;
        let asked = only.map(|only| only.ask(all).events);
        let candidates: Vec<&TraceEvent> = match &asked {
            Some(selected) => selected.iter().map(|position| &all[*position]).collect(),
            None => all.iter().collect(),
        };
        candidates.into_iter().filter(|event| self.fits(event)).collect()
    }

    fn fits(&self, event: &TraceEvent) -> bool {
        let node =
            self.nodes.is_empty() || event.node.is_some_and(|node| self.nodes.contains(&node));
        let partition =
            self.partitions.is_empty() || self.partitions.iter().any(|name| event.concerns(name));
        let record = self.record.as_ref().is_none_or(|record| record.fits(event));
        let from = self.from.is_none_or(|from| event.at_ns >= from);
        let to = self.to.is_none_or(|to| event.at_ns <= time_ns(to).1);
        node && partition && record && from && to
    }

    fn write(
        &self,
        traced: &Traced,
        chosen: &[&TraceEvent],
        json: bool,
        out: &mut dyn Write,
    ) -> io::Result<()> {
        let usual = if json { Form::JsonLines } else { Form::Text };
        match self.form.unwrap_or(usual) {
            Form::Text => chosen.iter().try_for_each(|event| writeln!(out, "{}", event.line())),
            Form::JsonLines => {
                let events = Some(chosen.len() as u64);
                let header = TraceHeader { events, ..traced.header.clone() };
                write_trace(&header, chosen.iter().copied(), out)
            }
            Form::Chrome => write_chrome(&traced.header, chosen, out),
        }
    }
}

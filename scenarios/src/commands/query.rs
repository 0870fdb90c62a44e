//! `harrow query`.

use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;

use clap::Args;
use harrow_reports::trace::query::{Names, Query as Asked, QueryProblem};
use harrow_reports::trace::{FieldShape, Kind, Shape, TraceEvent, kinds};
use serde::Serialize;
use serde_json::json;

use super::console::{Console, Failure, Note, mistake};
use super::interrupt::on_interrupt;
use super::reading::{Prepared, quoted};
use super::run::while_running;
use super::seeds::{self, SeedRange};
use super::target::{Cut, SweepRuns, Target, TargetArgs, Traced, one_run};
use crate::exit::ExitCode;
use crate::pool;

/// Ask which events of a run, or which seeds of a scenario or runs of a sweep, are as a query says.
///
/// A query names kinds of events, with conditions in brackets, and what came before or after: `truncated[partition =
/// orders-0, offset < 255] not preceded by became-leader within 2s`. What is related is looked for at the same node and
/// in the same partition, unless the query ends in `on any node`, `on any partition` or `anywhere`. `and`, `or` and
/// `not` join queries. The language is described in reports/TRACE.md; --kinds lists all kinds, their fields, and the
/// words that stand in them. Exit codes: 0 it holds of a run, 2 it is no query, or asks for a word that its field never
/// has, 3 it holds of none, 130 interrupted.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  harrow query runs/9 'truncated not preceded by became-leader'\n  \
    harrow query quick-failover 'truncated[offset < 260]' --seed 9 --defect truncate-to-hw\n  \
    harrow query swarm 'became-leader followed by halted within 2s' --seeds 1..200\n  \
    harrow query failed truncated\n  \
    harrow query --kinds"
)]
pub(super) struct Query {
    #[command(flatten)]
    target: TargetArgs,
    /// What to look for.
    #[arg(value_name = "QUERY")]
    wanted: Option<String>,
    /// One seed, for a scenario: its events are shown.
    #[arg(long, value_name = "N", value_parser = seeds::seed, allow_hyphen_values = true, conflicts_with = "seeds")]
    seed: Option<u64>,
    /// Many seeds of a scenario, A..B with both ends: those of which the query holds are shown.
    #[arg(long, value_name = "A..B", value_parser = SeedRange::parse, allow_hyphen_values = true)]
    seeds: Option<SeedRange>,
    /// Show at most so many events; all are counted.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = seeds::whole::<usize>,
        allow_hyphen_values = true)]
    limit: usize,
    /// Worker threads; as many as there are cores if not given.
    #[arg(long, value_name = "N", value_parser = seeds::threads, allow_hyphen_values = true)]
    jobs: Option<u16>,
    /// List all kinds of events by family, with their fields and what words these may be.
    #[arg(long, conflicts_with_all = ["target", "wanted", "seed", "seeds"])]
    kinds: bool,
}

/// Reads a query; a mistake in it has its place.
pub(super) fn read_query(text: &str) -> Result<Asked, Failure> {
    Asked::parse(text).map_err(|problem| {
        let mistake = mistake(problem.message.clone(), problem.help.clone());
        mistake.at("query", text, problem.offset).into()
    })
}

/// Tells of names in a query that no run has that it was asked of: the first with the query, the others by their
/// places.
pub(super) fn note_unknown(console: &Console, text: &str, unknown: &[QueryProblem]) {
    let Some((first, others)) = unknown.split_first() else { return };
    let mistake = mistake(&first.message, &first.help).at("query", text, first.offset);
    console.note(&Note(mistake));
    for QueryProblem { offset, message, help } in others {
        let column = text.get(..*offset).map_or(0, |before| before.chars().count()) + 1;
        // Nothing is left to do if even stderr is gone: the answer stands without the notes.
        let _ = writeln!(io::stderr(), "note: {message} (query:1:{column}); {help}");
    }
}

/// The names in a query that a run does not have.
pub(super) fn unknown(query: &Asked, traced: &Traced) -> Vec<QueryProblem> {
    looked_at(query, traced).unknown()
}

fn looked_at(query: &Asked, traced: &Traced) -> Names {
    let mut names = query.names();
    let nodes: Vec<i32> = traced.header.nodes.iter().map(|node| node.node).collect();
    names.look(&nodes, &traced.events);
    names
}

/// One run of many.
struct OneRun {
    seed: u64,
    /// What it is called, and the command that shows it.
    name: String,
    command: String,
    holds: bool,
    matched: usize,
    first: Option<TraceEvent>,
    names: Names,
    cut: Option<Cut>,
}

impl OneRun {
    fn of(query: &Asked, name: String, traced: Traced) -> Self {
        let answer = query.ask(&traced.events);
        let names = looked_at(query, &traced);
        let first = answer.events.first().map(|at| traced.events[*at].clone());
        let Traced { header, command, cut, .. } = traced;
        let (holds, matched) = (answer.holds, answer.events.len());
        Self { seed: header.seed, name, command, holds, matched, first, names, cut }
    }
}

/// What stands beside an answer: a name in the query that no run has, or a trace that is not whole.
#[derive(Serialize)]
struct Beside {
    /// Where in the query, if it is about a word of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<usize>,
    message: String,
    help: String,
}

fn beside(cut: &[Cut], unknown: Vec<QueryProblem>) -> Vec<Beside> {
    let of_trace = cut.iter().map(|cut| Beside {
        offset: None,
        message: cut.to_string(),
        help: "leave it anew with `harrow run ... --out DIR`".to_owned(),
    });
    let of_name =
        |QueryProblem { offset, message, help }| Beside { offset: Some(offset), message, help };
    of_trace.chain(unknown.into_iter().map(of_name)).collect()
}

#[derive(Serialize)]
struct Whole<'a> {
    schema: u32,
    kind: &'static str,
    query: &'a str,
    holds: bool,
    matched: usize,
    command: &'a str,
    digest: &'a str,
    events: Vec<&'a TraceEvent>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Beside>,
}

impl Query {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        if self.kinds {
            return list(console);
        }
        let Some(text) = &self.wanted else {
            let help = "such as `harrow query runs/9 'truncated not preceded by became-leader'`";
            return Err(mistake("there is no query", help).into());
        };
        let query = read_query(text)?;
        let range = self.seeds.or(self.seed.map(|seed| SeedRange::new(seed, seed)));
        match (self.target.read(range)?, self.seeds) {
            (Target::Scenario(prepared), Some(seeds)) => {
                seeds.announce(console)?;
                let count = (seeds.last - seeds.first).saturating_add(1);
                let run = |index: u64| Ok(of_seed(&prepared, seeds.first + index));
                let of = Many { count, what: "seeds", lost: Vec::new() };
                self.ask_many(console, &query, of, run)
            }
            (Target::Sweep(SweepRuns { traced, lost }), _) => {
                let run =
                    |index: u64| of_sweep(&traced[usize::try_from(index).unwrap_or(usize::MAX)]);
                let of = Many { count: traced.len() as u64, what: "runs", lost };
                self.ask_many(console, &query, of, run)
            }
            (target, _) => {
                let traced = while_running(|| one_run(target, self.seed.unwrap_or(0)))?;
                self.ask_one(console, &query, &traced)
            }
        }
    }

    fn ask_one(
        &self,
        console: &mut Console,
        query: &Asked,
        traced: &Traced,
    ) -> Result<ExitCode, Failure> {
        let answer = query.ask(&traced.events);
        let unknown = unknown(query, traced);
        let text = self.wanted.as_deref().unwrap_or_default();
        let shown = answer.events.iter().take(self.limit).map(|at| &traced.events[*at]);
        let (matched, all) = (answer.events.len(), traced.events.len());
        let code = if answer.holds { ExitCode::Held } else { ExitCode::Inconclusive };
        if console.is_json() {
            console.json(&Whole {
                schema: 1,
                kind: "query",
                query: text,
                holds: answer.holds,
                matched,
                command: &traced.command,
                digest: &traced.header.digest,
                events: shown.collect(),
                notes: beside(traced.cut.as_slice(), unknown),
            })?;
            return Ok(code);
        }
        for event in shown {
            writeln!(console.stdout(), "{}", event.line())?;
        }
        let holds = if answer.holds { "it holds" } else { "it does not hold" };
        let more = matched.saturating_sub(self.limit);
        let more = if more > 0 { format!(", {more} of them not shown") } else { String::new() };
        writeln!(console.stdout(), "{holds}: {matched} of {all} events{more}")?;
        console.stdout().flush()?;
        note_unknown(console, text, &unknown);
        Ok(code)
    }

    /// Asks it of many runs, in parallel; they are told in order.
    fn ask_many(
        &self,
        console: &mut Console,
        query: &Asked,
        of: Many,
        run: impl Fn(u64) -> Result<(String, Traced), Failure> + Sync,
    ) -> Result<ExitCode, Failure> {
        let interrupted = on_interrupt()?;
        let mut tally = Tally { asked: 0, holding: 0, names: query.names(), cut: Vec::new() };
        let mut failed = None;
        pool::ordered(
            pool::Options {
                jobs: seeds::jobs(self.jobs),
                more: &|| !interrupted.load(Ordering::Relaxed),
            },
            |index| {
                let asked = |(name, traced)| OneRun::of(query, name, traced);
                (index < of.count).then(|| run(index).map(asked))
            },
            |run| match run.and_then(|run| tally.tell(console, run)) {
                Ok(()) => ControlFlow::Continue(()),
                Err(failure) => {
                    failed = Some(failure);
                    ControlFlow::Break(())
                }
            },
        );
        if let Some(failure) = failed {
            return Err(failure);
        }
        tally.close(console, self.wanted.as_deref().unwrap_or_default(), of)
    }
}

/// A run of a scenario, by its name among those of other seeds.
fn of_seed(prepared: &Prepared, seed: u64) -> (String, Traced) {
    let traced = Traced::of(&prepared.plan(seed), prepared.command(seed));
    (format!("seed {seed}"), traced)
}

/// A run that a sweep has left.
fn of_sweep(directory: &Path) -> Result<(String, Traced), Failure> {
    let traced = Traced::of_directory(directory)?;
    Ok((directory.display().to_string(), traced))
}

/// How many runs are asked, what they are called, and which cannot be.
struct Many {
    count: u64,
    what: &'static str,
    lost: Vec<PathBuf>,
}

/// A run of a sweep was not asked.
fn without_trace(run: &Path) -> Beside {
    let plan = run.join("plan.json");
    Beside {
        offset: None,
        message: format!("{} was not asked: its trace is gone", run.display()),
        help: format!(
            "`harrow query {} ...` runs its plan again",
            quoted(&plan.display().to_string())
        ),
    }
}

/// Runs asked, those of which the query holds, and the names in it that they have.
struct Tally {
    asked: u64,
    holding: u64,
    names: Names,
    cut: Vec<Cut>,
}

impl Tally {
    fn tell(&mut self, console: &mut Console, run: OneRun) -> Result<(), Failure> {
        self.asked += 1;
        self.names.join(run.names);
        self.cut.extend(run.cut);
        if !run.holds {
            return Ok(());
        }
        self.holding += 1;
        if console.is_json() {
            return console.json(&json!({
                "schema": 1, "kind": "query-run", "seed": run.seed, "matched": run.matched,
                "first": run.first, "command": run.command,
            }));
        }
        let first = run
            .first
            .as_ref()
            .map_or_else(String::new, |event| format!(", first {}", event.line().trim_start()));
        writeln!(console.stdout(), "{}: {} events{first}", run.name, run.matched)?;
        if self.holding == 1 {
            writeln!(console.stdout(), "  {}", run.command)?;
        }
        Ok(())
    }

    fn close(
        self,
        console: &mut Console,
        text: &str,
        Many { count, what, lost }: Many,
    ) -> Result<ExitCode, Failure> {
        let Self { asked, holding, names, cut: not_whole } = self;
        let cut = asked < count;
        let unknown = names.unknown();
        if console.is_json() {
            let mut summary = json!({
                "schema": 1, "kind": "query-sweep", "seeds": count, "asked": asked, "holds": holding,
                "interrupted": cut,
            });
            let mut notes = beside(&not_whole, unknown);
            notes.extend(lost.iter().map(|run| without_trace(run)));
            if !notes.is_empty() {
                summary["notes"] = json!(notes);
            }
            console.json(&summary)?;
        } else {
            let cut = if cut {
                format!(", interrupted before {} more", count - asked)
            } else {
                String::new()
            };
            writeln!(console.stdout(), "it holds of {holding} of {asked} {what}{cut}")?;
            console.stdout().flush()?;
            note_unknown(console, text, &unknown);
            for Beside { message, help, .. } in lost.iter().map(|run| without_trace(run)) {
                // Nothing is left to do if even stderr is gone: the answer is of what was asked.
                let _ = writeln!(io::stderr(), "note: {message}; {help}");
            }
        }
        Ok(match (cut, holding) {
            (true, _) => ExitCode::Interrupted,
            (false, 0) => ExitCode::Inconclusive,
            (false, _) => ExitCode::Held,
        })
    }
}

fn list(console: &mut Console) -> Result<ExitCode, Failure> {
    let all = kinds();
    if console.is_json() {
        console.json(&all.iter().map(object).collect::<Vec<_>>())?;
        return Ok(ExitCode::Held);
    }
    for Kind { family, name, fields, .. } in &all {
        let fields: Vec<String> = fields.iter().filter_map(field).collect();
        writeln!(console.stdout(), "{family}.{name}: {}", fields.join(", "))?;
    }
    console.stdout().flush()?;
    Ok(ExitCode::Held)
}

fn object(kind: &Kind) -> serde_json::Value {
    let words = kind.fields.iter().filter_map(|FieldShape { path, shape }| match shape {
        Shape::Enum(words) => Some((path.clone(), json!(words))),
        Shape::Number | Shape::Node | Shape::Name | Shape::Object | Shape::Any => None,
    });
    let words: serde_json::Map<String, serde_json::Value> = words.collect();
    let fields: Vec<&str> = kind.names().collect();
    json!({ "family": kind.family, "kind": kind.name, "fields": fields, "words": words })
}

/// As it stands in a condition; a field that is no single value is told by what is in it.
fn field(FieldShape { path, shape }: &FieldShape) -> Option<String> {
    match shape {
        Shape::Enum(words) => Some(format!("{path} = {}", words.join("|"))),
        Shape::Number | Shape::Node | Shape::Name | Shape::Any => Some(path.clone()),
        Shape::Object => None,
    }
}

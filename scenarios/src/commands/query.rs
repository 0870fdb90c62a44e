//! `harrow query`.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use clap::Args;
use harrow_reports::trace::query::Query as Asked;
use harrow_reports::trace::{Kind, TraceEvent, kinds};
use miette::NamedSource;
use serde::Serialize;
use serde_json::json;

use super::console::{Console, Failure, mistake};
use super::interrupt::on_interrupt;
use super::reading::Prepared;
use super::run::while_running;
use super::seeds::{self, SeedRange};
use super::target::{Target, TargetArgs, Traced, one_run};
use crate::exit::ExitCode;
use crate::pool;

/// Ask which events of a run, or which seeds of a scenario, are as a query says.
///
/// A query names kinds of events, with conditions in brackets, and what came before or after: `truncated[partition =
/// orders-0, offset < 255] not preceded by became-leader within 2s`. What is related is looked for at the same node and
/// in the same partition, unless the query ends in `on any node`, `on any partition` or `anywhere`. `and`, `or` and
/// `not` join queries. The language is described in reports/TRACE.md; --kinds lists all kinds and their fields. Exit
/// codes: 0 it holds of a run, 3 it holds of none, 130 interrupted.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  harrow query runs/9 'truncated not preceded by became-leader'\n  \
    harrow query quick-failover 'truncated[offset < 260]' --seed 9 --defect truncate-to-hw\n  \
    harrow query swarm 'became-leader followed by halted within 2s' --seeds 1..200\n  \
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
    /// List all kinds of events by family, with their fields.
    #[arg(long, conflicts_with_all = ["target", "wanted", "seed", "seeds"])]
    kinds: bool,
}

/// Reads a query; a mistake in it has its place.
pub(super) fn read_query(text: &str) -> Result<Asked, Failure> {
    Asked::parse(text).map_err(|problem| {
        let source = NamedSource::new("query", text.to_owned());
        mistake(problem.message.clone(), problem.help.clone()).at(source, problem.offset).into()
    })
}

/// One run of many.
struct OneRun {
    seed: u64,
    holds: bool,
    matched: usize,
    first: Option<TraceEvent>,
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
        let target = self.target.read(range)?;
        match (target, self.seeds) {
            (Target::Scenario(prepared), Some(seeds)) => {
                self.ask_many(console, &query, &prepared, seeds)
            }
            (target, _) => {
                let traced = while_running(|| one_run(target, self.seed.unwrap_or(0)));
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
        let shown = answer.events.iter().take(self.limit).map(|at| &traced.events[*at]);
        let (matched, all) = (answer.events.len(), traced.events.len());
        let code = if answer.holds { ExitCode::Held } else { ExitCode::Inconclusive };
        if console.is_json() {
            console.json(&Whole {
                schema: 1,
                kind: "query",
                query: self.wanted.as_deref().unwrap_or_default(),
                holds: answer.holds,
                matched,
                command: &traced.command,
                digest: &traced.header.digest,
                events: shown.collect(),
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
        Ok(code)
    }

    fn ask_many(
        &self,
        console: &mut Console,
        query: &Asked,
        prepared: &Prepared,
        seeds: SeedRange,
    ) -> Result<ExitCode, Failure> {
        seeds.announce(console)?;
        let interrupted = on_interrupt()?;
        let count = (seeds.last - seeds.first).saturating_add(1);
        let mut tally = Tally::default();
        let mut failed = None;
        pool::ordered(
            pool::Options {
                jobs: seeds::jobs(self.jobs),
                more: &|| !interrupted.load(Ordering::Relaxed),
            },
            |index| (index < count).then(|| one(query, prepared, seeds.first + index)),
            |run| match tally.tell(console, prepared, &run) {
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
        tally.close(console, count)
    }
}

fn one(query: &Asked, prepared: &Prepared, seed: u64) -> OneRun {
    let traced = Traced::of(&prepared.plan(seed), String::new());
    let answer = query.ask(&traced.events);
    let first = answer.events.first().map(|at| traced.events[*at].clone());
    OneRun { seed, holds: answer.holds, matched: answer.events.len(), first }
}

/// Seeds asked, and those of which the query holds.
#[derive(Default)]
struct Tally {
    asked: u64,
    holding: u64,
}

impl Tally {
    fn tell(
        &mut self,
        console: &mut Console,
        prepared: &Prepared,
        run: &OneRun,
    ) -> Result<(), Failure> {
        self.asked += 1;
        if !run.holds {
            return Ok(());
        }
        self.holding += 1;
        let command = prepared.command(run.seed);
        if console.is_json() {
            return console.json(&json!({
                "schema": 1, "kind": "query-run", "seed": run.seed, "matched": run.matched,
                "first": run.first, "command": command,
            }));
        }
        let first = run
            .first
            .as_ref()
            .map_or_else(String::new, |event| format!(", first {}", event.line().trim_start()));
        writeln!(console.stdout(), "seed {}: {} events{first}", run.seed, run.matched)?;
        if self.holding == 1 {
            writeln!(console.stdout(), "  {command}")?;
        }
        Ok(())
    }

    fn close(self, console: &mut Console, count: u64) -> Result<ExitCode, Failure> {
        let Self { asked, holding } = self;
        let cut = asked < count;
        if console.is_json() {
            console.json(&json!({
                "schema": 1, "kind": "query-sweep", "seeds": count, "asked": asked, "holds": holding,
                "interrupted": cut,
            }))?;
        } else {
            let cut = if cut {
                format!(", interrupted before {} more", count - asked)
            } else {
                String::new()
            };
            writeln!(console.stdout(), "it holds of {holding} of {asked} seeds{cut}")?;
        }
        console.stdout().flush()?;
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
        let object = |kind: &Kind| json!({ "family": kind.family, "kind": kind.name, "fields": kind.fields });
        console.json(&all.iter().map(object).collect::<Vec<_>>())?;
        return Ok(ExitCode::Held);
    }
    for Kind { family, name, fields } in &all {
        writeln!(console.stdout(), "{family}.{name}: {}", fields.join(", "))?;
    }
    console.stdout().flush()?;
    Ok(ExitCode::Held)
}

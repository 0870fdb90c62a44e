//! What several commands look at: a directory that `--out` has left, a trace, a plan, or a scenario with a seed.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use harrow_reports::trace::{TraceEvent, TraceHeader, events, header, read_trace};
use harrow_sim::plan::Plan;

use super::console::{Failure, mistake};
use super::known_file::{HELP, what_it_is};
use super::reading::{Changes, Prepared, STDIN, plan_file, quoted};
use super::seeds::SeedRange;
use crate::catalogue;
use crate::pipeline::{self, COMMIT};

/// What would be right where nothing is there.
const GIVE: &str = "give a directory or trace.jsonl that `harrow run ... --out DIR` has left, a plan.json, or a \
    scenario with `--seed N`";

/// The name of a trace in a run's directory.
pub(super) const TRACE: &str = "trace.jsonl";

/// What is looked at.
#[derive(Debug, Args)]
pub(super) struct TargetArgs {
    /// A directory that `harrow run --out` has left, a trace.jsonl, a plan.json, or a scenario: a name from `harrow
    /// list`, or a path to a .toml file.
    #[arg(value_name = "RUN-DIR|TRACE|PLAN|SCENARIO")]
    pub(super) target: Option<String>,
    #[command(flatten)]
    pub(super) changes: Changes,
}

/// It, read.
pub(super) enum Target {
    /// A trace that was left.
    Recorded(Traced),
    /// A plan, with the command that runs it again.
    Plan(Box<Plan>, String),
    /// A scenario, whose seed is still to be chosen.
    Scenario(Box<Prepared>),
}

/// The events of a run.
pub(super) struct Traced {
    pub(super) header: TraceHeader,
    pub(super) events: Vec<TraceEvent>,
    /// The command that shows the run.
    pub(super) command: String,
}

impl Traced {
    /// Of a plan, which is run.
    pub(super) fn of(plan: &Plan, command: String) -> Self {
        let run = pipeline::run(plan, true);
        Self { header: header(plan, &run, COMMIT), events: events(plan, &run), command }
    }

    fn read(path: &Path) -> Result<Self, Failure> {
        let shown = path.display();
        let file = File::open(path)
            .map_err(|error| mistake(format!("failed to read the trace {shown}: {error}"), GIVE))?;
        let (header, events) = read_trace(BufReader::new(file)).map_err(|problem| {
            if let Some(what) = head(path).and_then(|text| what_it_is(&text)).filter(is_no_trace) {
                return mistake(format!("{shown} is {what}, not a trace"), HELP);
            }
            let help = format!(
                "mend {shown}:{}, or leave it anew with `harrow run ... --out DIR`",
                problem.line
            );
            mistake(format!("{shown} is no trace: {problem}"), help)
        })?;
        let command = format!("harrow trace {}", quoted(&path.display().to_string()));
        note_cut(&header, events.len(), &shown.to_string());
        Ok(Self { header, events, command })
    }
}

/// What a trace lacks at its end is no event that did not happen.
fn note_cut(header: &TraceHeader, count: usize, shown: &str) {
    let Some(all) = header.events.filter(|all| *all > count as u64) else { return };
    // Nothing is left to do if even stderr is gone: what is told is true of what is there.
    let _ = writeln!(
        io::stderr(),
        "note: {shown} is cut off: {count} of its {all} events are there, and only they are looked at"
    );
}

/// The first line of a file.
fn head(path: &Path) -> Option<String> {
    let mut line = String::new();
    BufReader::new(File::open(path).ok()?).read_line(&mut line).ok()?;
    Some(line)
}

fn is_no_trace(what: &&'static str) -> bool {
    *what != "a trace in JSON lines"
}

impl TargetArgs {
    /// Reads what is named.
    pub(super) fn read(&self, seeds: Option<SeedRange>) -> Result<Target, Failure> {
        let Some(name) = &self.target else {
            let help = "give a directory that `harrow run ... --out DIR` has left, a plan.json, or a scenario";
            return Err(mistake("there is nothing to look at", help).into());
        };
        let path = Path::new(name);
        let extension = path.extension().and_then(|extension| extension.to_str());
        let recorded = if path.is_dir() { Some(trace_of(path)) } else { None };
        let recorded = recorded.or_else(|| (extension == Some("jsonl")).then(|| path.to_owned()));
        if recorded.is_some() || extension == Some("json") {
            self.refuse_changes(seeds)?;
        }
        if let Some(trace) = recorded {
            return Ok(Target::Recorded(Traced::read(&trace)?));
        }
        if extension == Some("json") {
            let plan = plan_file(path)?;
            return Ok(Target::Plan(Box::new(plan), format!("harrow replay {}", quoted(name))));
        }
        if is_nothing(name) {
            let near = catalogue::nearest_name(name);
            let near = near.map_or(String::new(), |near| format!("did you mean `{near}`? "));
            let message =
                format!("there is no scenario `{name}`, and no directory or file of that name");
            return Err(mistake(message, format!("{near}{GIVE}")).into());
        }
        let prepared = Prepared::read(name, &self.changes)?;
        if seeds.is_none() {
            let help = format!("add `--seed N`, such as `{name} --seed 7`");
            return Err(mistake("there is no seed to run it with", help).into());
        }
        Ok(Target::Scenario(Box::new(prepared)))
    }

    fn refuse_changes(&self, seeds: Option<SeedRange>) -> Result<(), Failure> {
        if seeds.is_none() && self.changes.is_empty() {
            return Ok(());
        }
        let help = "take `--seed`, `--defect`, `--kafka` and `--set` away, or give the scenario";
        Err(mistake("a run that was made has its seed, rules and settings in it", help).into())
    }
}

/// Whether it is neither a scenario nor there; what ends as scenario files do is meant as one.
fn is_nothing(name: &str) -> bool {
    let path = Path::new(name);
    let is_scenario = path.extension().is_some_and(|extension| extension == "toml");
    name != STDIN && catalogue::find(name).is_none() && !is_scenario && !path.exists()
}

fn trace_of(directory: &Path) -> PathBuf {
    directory.join(TRACE)
}

/// One run of it.
pub(super) fn one_run(target: Target, seed: u64) -> Traced {
    match target {
        Target::Recorded(traced) => traced,
        Target::Plan(plan, command) => Traced::of(&plan, command),
        Target::Scenario(prepared) => Traced::of(&prepared.plan(seed), prepared.command(seed)),
    }
}

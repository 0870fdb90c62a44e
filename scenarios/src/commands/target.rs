//! What several commands look at: a directory that `--out` has left, a trace, a plan, or a scenario with a seed.

use std::fmt;
use std::fs::{self, File};
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
    /// list`, or a path to a .toml file. `query` also takes a directory that `harrow sweep --out` has left.
    #[arg(value_name = "RUN-DIR|TRACE|PLAN|SCENARIO")]
    pub(super) target: Option<String>,
    #[command(flatten)]
    pub(super) changes: Changes,
}

/// It, read.
pub(super) enum Target {
    /// A trace that was left.
    Recorded(Box<Traced>),
    /// The directories of the runs that a sweep has left, by name and seed.
    Sweep(SweepRuns),
    /// A plan, with the command that runs it again.
    Plan(Box<Plan>, String),
    /// A scenario, whose seed is still to be chosen.
    Scenario(Box<Prepared>),
}

/// What a sweep has left of its runs, by name and seed.
pub(super) struct SweepRuns {
    /// Directories of those that have a trace.
    pub(super) traced: Vec<PathBuf>,
    /// Directories of those that have lost theirs.
    pub(super) lost: Vec<PathBuf>,
}

/// The events of a run.
pub(super) struct Traced {
    pub(super) header: TraceHeader,
    pub(super) events: Vec<TraceEvent>,
    /// The command that shows the run.
    pub(super) command: String,
    /// Set if not all of it is there.
    pub(super) cut: Option<Cut>,
}

/// A trace that is cut off: what it lacks at its end is no event that did not happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cut {
    file: String,
    there: usize,
    all: u64,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, there, all } = self;
        write!(
            f,
            "{file} is cut off: {there} of its {all} events are there, and only they are looked at"
        )
    }
}

impl Traced {
    /// Of a plan, which is run.
    pub(super) fn of(plan: &Plan, command: String) -> Self {
        let run = pipeline::run(plan, true);
        let (header, events) = (header(plan, &run, COMMIT), events(plan, &run));
        Self { header, events, command, cut: None }
    }

    /// Of a directory that a run has left.
    pub(super) fn of_directory(directory: &Path) -> Result<Self, Failure> {
        Self::read(&trace_of(directory))
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
        let (file, there) = (shown.to_string(), events.len());
        let all = header.events.filter(|all| *all > there as u64);
        let cut = all.map(|all| Cut { file, there, all });
        if let Some(cut) = &cut {
            // Nothing is left to do if even stderr is gone: what is told is true of what is there.
            let _ = writeln!(io::stderr(), "note: {cut}");
        }
        Ok(Self { header, events, command, cut })
    }
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
            let runs = (!trace.exists()).then(|| runs_in(path));
            if let Some(runs) = runs.filter(|runs| !runs.traced.is_empty()) {
                return Ok(Target::Sweep(runs));
            }
            return Ok(Target::Recorded(Box::new(Traced::read(&trace)?)));
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

/// The runs that a sweep has left in its directory: those of each scenario by their seeds.
fn runs_in(directory: &Path) -> SweepRuns {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut runs: Vec<PathBuf> = entries.map(|entry| entry.path()).collect();
    let is_run = |run: &Path| run.join("plan.json").exists() && !run.join("shrunk.json").exists();
    runs.retain(|run| trace_of(run).exists() || is_run(run));
    runs.sort_by_cached_key(|run| {
        let name =
            run.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let (scenario, seed) = name.rsplit_once('-').unwrap_or((&name, ""));
        (scenario.to_owned(), seed.parse::<u64>().ok(), name)
    });
    let (traced, lost) = runs.into_iter().partition(|run| trace_of(run).exists());
    SweepRuns { traced, lost }
}

/// One run of it.
pub(super) fn one_run(target: Target, seed: u64) -> Result<Traced, Failure> {
    match target {
        Target::Recorded(traced) => Ok(*traced),
        Target::Sweep(runs) => {
            let runs = runs.traced;
            let first = runs.first().map_or_else(String::new, |run| run.display().to_string());
            let message = format!("that is a directory with {} runs of a sweep", runs.len());
            let help =
                format!("give one of them, such as {first}; `harrow query` takes all of them");
            Err(mistake(message, help).into())
        }
        Target::Plan(plan, command) => Ok(Traced::of(&plan, command)),
        Target::Scenario(prepared) => Ok(Traced::of(&prepared.plan(seed), prepared.command(seed))),
    }
}

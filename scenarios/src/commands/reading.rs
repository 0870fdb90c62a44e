//! Reads what commands are given: scenarios by name or path, defects by name, plans by path.

use std::ffi::OsStr;
use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use harrow_broker_model::defect::{Defect, Defects, NotAVersion, Version};
use harrow_reports::rules::Rules;
use harrow_sim::plan::{PLAN_SCHEMA, Plan};
use serde::{Deserialize, Serialize};

use super::console::{Failure, Mistake, mistake};
use super::hold::HeldTo;
use super::known_file::{HELP, what_it_is};
use crate::catalogue::{self, CATALOGUE};
use crate::format::{Scenario, meant_by, misfit, nearest, parse, unknown_version};
use crate::pipeline::{JudgedRun, RunIdentity, Switched, hash_of, run_and_judge_held_to};
use crate::plan_text::{Older, PlanText, PlanTextError, read_plan};

/// What changes a scenario from the command line.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct Changes {
    /// Switch a known bug on; repeatable. `harrow defects` lists them.
    #[arg(long = "defect", value_name = "NAME", value_parser = defect)]
    defects: Vec<Defect>,
    /// Switch on all bugs and weaknesses that this version of Kafka has, such as 4.1 or 3.9.1: the run is as the
    /// version is, not as documentation promises. `harrow defects --kafka VERSION` lists them.
    #[arg(long, value_name = "VERSION", value_parser = version, allow_hyphen_values = true)]
    kafka: Option<Version>,
    /// Lay a value over the scenario; repeatable. PATH is dotted: `heal.at_ms`, `topic.orders.partitions`,
    /// `fault.0.count`, `cluster.broker.session.timeout.ms`.
    #[arg(long = "set", value_name = "PATH=VALUE")]
    set: Vec<String>,
}

impl Changes {
    /// These.
    pub(super) fn new(defects: Vec<Defect>, kafka: Option<Version>, set: Vec<String>) -> Self {
        Self { defects, kafka, set }
    }

    /// These, and more: another version stands in place of the one that is there.
    pub(super) fn with(&self, defects: &[Defect], kafka: Option<Version>, set: &[String]) -> Self {
        let both = |one: &[String], other: &[String]| one.iter().chain(other).cloned().collect();
        Self {
            defects: self.defects.iter().chain(defects).copied().collect(),
            kafka: kafka.or(self.kafka),
            set: both(&self.set, set),
        }
    }

    /// The bugs and weaknesses among them.
    fn switched(&self) -> Switched {
        Switched { kafka: self.kafka, defects: self.defects.clone() }
    }

    /// Whether nothing is changed.
    pub(super) fn is_empty(&self) -> bool {
        self.defects.is_empty() && self.kafka.is_none() && self.set.is_empty()
    }
}

/// A scenario with its changes, as it was asked for: what a receipt says of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    scenario: String,
    defects: Vec<String>,
    kafka: Option<String>,
    set: Vec<String>,
    hold: Vec<String>,
}

impl fmt::Display for Asked {
    /// As one would write it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&quoted(&self.scenario))?;
        let kafka = self.kafka.iter().map(|version| ("kafka", version));
        let defects = self.defects.iter().map(|defect| ("defect", defect));
        let set = self.set.iter().map(|set| ("set", set));
        let hold = self.hold.iter().map(|hold| ("hold", hold));
        let mut all = kafka.chain(defects).chain(set).chain(hold);
        all.try_for_each(|(option, value)| write!(f, " --{option} {}", quoted(value)))
    }
}

/// A scenario with its changes: everything but the seed.
#[derive(Debug, Clone)]
pub(super) struct Prepared {
    /// As the command line named it.
    pub(super) argument: String,
    pub(super) scenario: Scenario,
    /// A hash of its text, if it is no scenario of the catalogue.
    pub(super) hash: Option<String>,
    changes: Changes,
    pub(super) held_to: HeldTo,
}

/// Stands for standard input.
pub(super) const STDIN: &str = "-";

impl Prepared {
    /// Reads a scenario: a name of the catalogue, or a path to a file.
    pub(super) fn read(argument: &str, changes: &Changes) -> Result<Self, Failure> {
        let (origin, text) = source(argument)?;
        let scenario = parse(&origin, &text, &changes.set)?;
        let own = catalogue::find(argument).is_none();
        Ok(Self {
            argument: argument.to_owned(),
            scenario,
            hash: own.then(|| hash_of(text.as_bytes())),
            changes: changes.clone(),
            held_to: HeldTo::default(),
        })
    }

    /// As it was asked for.
    pub(super) fn asked(&self) -> Asked {
        let Changes { defects, kafka, set } = &self.changes;
        Asked {
            scenario: self.argument.clone(),
            defects: defects.iter().map(ToString::to_string).collect(),
            kafka: kafka.map(|version| version.to_string()),
            set: set.clone(),
            hold: self.held_to.texts(),
        }
    }

    /// What was asked for elsewhere.
    pub(super) fn of(asked: &Asked) -> Result<Self, Failure> {
        let unknown =
            |error: String| mistake(error, "take the harrow that the sweep was made with");
        let defects: Result<Vec<Defect>, String> =
            asked.defects.iter().map(|name| defect(name)).collect();
        let kafka = asked.kafka.as_deref().map(version).transpose().map_err(unknown)?;
        let changes = Changes::new(defects.map_err(unknown)?, kafka, asked.set.clone());
        let held_to = HeldTo::of(&asked.hold).map_err(unknown)?;
        Ok(Self::read(&asked.scenario, &changes)?.held_to(&held_to))
    }

    /// The plan of a seed.
    pub(super) fn plan(&self, seed: u64) -> Plan {
        self.changes.switched().plan(&self.scenario, seed)
    }

    /// The same, judged as if more had been promised.
    pub(super) fn held_to(self, held_to: &HeldTo) -> Self {
        Self { held_to: held_to.clone(), ..self }
    }

    /// Runs a plan of it and judges that.
    pub(super) fn judged(&self, plan: &Plan, replay: &str, record_trace: bool) -> JudgedRun {
        let identity = RunIdentity { scenario: &self.argument, plan: None, replay };
        let mut judged = run_and_judge_held_to(plan, identity, record_trace, &self.held_to.hold());
        let coordinate = &mut judged.report.coordinate;
        (coordinate.scenario_hash, coordinate.held_to) = (self.hash.clone(), self.held_to.texts());
        judged
    }

    /// By which rules its runs are made.
    pub(super) fn rules(&self) -> Rules {
        Rules::of(self.changes.kafka, self.changes.switched().all())
    }

    /// What a run of it is called: scenario, seed, version and defects.
    pub(super) fn title(&self, seed: u64) -> String {
        self.command(seed).trim_start_matches("harrow run ").to_owned()
    }

    /// The command that runs a seed again.
    pub(super) fn command(&self, seed: u64) -> String {
        let mut words =
            vec!["harrow run".to_owned(), quoted(&self.argument), format!("--seed {seed}")];
        words.extend(self.changes.kafka.map(|version| format!("--kafka {version}")));
        let named = self.changes.defects.iter().copied().collect::<Defects>();
        words.extend(named.iter().map(|defect| format!("--defect {defect}")));
        words.extend(self.changes.set.iter().map(|set| format!("--set {}", quoted(set))));
        words.extend(self.held_to.flags());
        words.join(" ")
    }
}

/// For a POSIX shell.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', "'\\''"))
}

/// Origin and text of a scenario: `-` is standard input.
fn source(argument: &str) -> Result<(String, String), Mistake> {
    if let Some(entry) = catalogue::find(argument) {
        return Ok((format!("{}.toml", entry.name), entry.text.to_owned()));
    }
    if argument == STDIN {
        let text = io::read_to_string(io::stdin()).map_err(|error| {
            let help = "write the scenario to it, or give a path";
            mistake(format!("failed to read a scenario from standard input: {error}"), help)
        })?;
        return scenario_text("standard input", text);
    }
    let is_path = Path::new(argument).extension() == Some(OsStr::new("toml"))
        || argument.contains(['/', '\\']);
    if !is_path {
        return Err(unknown_scenario(argument));
    }
    let text = fs::read_to_string(argument).map_err(|error| {
        mistake(
            format!("failed to read the scenario {argument}: {error}"),
            "give a path to a .toml file, or a name",
        )
    })?;
    scenario_text(argument, text)
}

/// The text, unless it is one of the other files that Harrow leaves.
fn scenario_text(origin: &str, text: String) -> Result<(String, String), Mistake> {
    match what_it_is(&text) {
        Some(what) => Err(mistake(format!("{origin} is {what}, not a scenario"), HELP)),
        None => Ok((origin.to_owned(), text)),
    }
}

fn unknown_scenario(argument: &str) -> Mistake {
    let all: Vec<&str> = CATALOGUE.iter().map(|entry| entry.name).collect();
    let help = match catalogue::nearest_name(argument) {
        Some(near) => format!(
            "did you mean `{near}`? `harrow list` names all; or give a path to a .toml file"
        ),
        None => format!("known: {}; or give a path to a .toml file", all.join(", ")),
    };
    mistake(format!("there is no scenario `{argument}`"), help)
}

/// A defect by its name.
pub(super) fn defect(name: &str) -> Result<Defect, String> {
    Defect::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = Defect::all().map(Defect::name).collect();
        match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? `harrow defects` lists all"),
            None => format!("known: {}", names.join(", ")),
        }
    })
}

/// A version of Kafka that the catalogue knows.
pub(super) fn version(text: &str) -> Result<Version, String> {
    let version: Version = text.parse().map_err(|error: NotAVersion| error.to_string())?;
    match unknown_version(version) {
        None => Ok(version),
        Some((what, help)) => Err(format!("{what}; {help}")),
    }
}

/// The plan file that is meant: of a directory that `--out` has left, the one in it.
pub(super) fn plan_path(path: &Path) -> PathBuf {
    if path.is_dir() { path.join("plan.json") } else { path.to_owned() }
}

/// Reads a plan file, which may have been edited: what a scenario cannot ask for is refused.
pub(super) fn plan_file(path: &Path) -> Result<Plan, Failure> {
    let shown = path.display();
    let read = if path == Path::new(STDIN) {
        io::read_to_string(io::stdin())
    } else {
        fs::read_to_string(path)
    };
    let text = read.map_err(|error| {
        let help = "give the plan.json that `harrow run ... --out DIR` has left";
        mistake(format!("failed to read the plan {shown}: {error}"), help)
    })?;
    let PlanText { plan, older } =
        read_plan(&shown.to_string(), &text).map_err(|error| unusable_plan(path, &text, error))?;
    if let Some(older) = older {
        tell_older(path, &older);
    }
    Ok(plan)
}

fn unusable_plan(path: &Path, text: &str, error: PlanTextError) -> Failure {
    let shown = path.display();
    let (message, help) = match error {
        PlanTextError::NoPlan(error) => return not_a_plan(path, text, &error).into(),
        PlanTextError::Mistakes(error) => return error.into(),
        PlanTextError::Application(name) => (
            format!("the plan {shown} has the application {name}, whose code is not here"),
            "replay it in the test that ran it: `harrow::sweep(..).application(..).replay(..)`",
        ),
        PlanTextError::Report => (
            format!("{shown} is a report, not a plan"),
            "give the plan.json beside it, or run the command that it has as `replay`",
        ),
        PlanTextError::Schema(schema) => (
            format!("the plan {shown} has schema {schema}, this harrow reads {PLAN_SCHEMA}"),
            "replay it with the commit that wrote it, or draw it anew with `harrow run`",
        ),
        PlanTextError::Outgrown { .. } if what_it_is(text) != Some("a plan") => {
            let what = what_it_is(text).unwrap_or("something else");
            (format!("{shown} is {what}, not a plan"), HELP)
        }
        PlanTextError::Outgrown { schema, error } => (
            format!("the plan {shown} of schema {schema} does not fit any more: {error}"),
            "take that out of it, or replay it with the commit that wrote it",
        ),
    };
    mistake(message, help).into()
}

/// Tells that a plan is from before this version, and what it lacked.
fn tell_older(path: &Path, older: &Older) {
    let Older { schema, added } = older;
    let shown = path.display();
    let added = if added.is_empty() { "nothing".to_owned() } else { added.join(", ") };
    // Nothing is left to do if even stderr is gone: the run is told of all the same.
    let _ = writeln!(
        io::stderr(),
        "note: the plan {shown} has schema {schema}, this harrow has {PLAN_SCHEMA}: a run may differ from \
         what it was; added at its default: {added}"
    );
}

fn not_a_plan(path: &Path, text: &str, error: &serde_json::Error) -> Mistake {
    if let Some(what) = what_it_is(text).filter(|what| *what != "a plan") {
        return mistake(format!("{} is {what}, not a plan", path.display()), HELP);
    }
    let offset = misfit(text).map_or_else(|| offset_of(text, error), |value| value.start);
    let help = "mend it, or draw the plan anew with `harrow run ... --out DIR`";
    let message = format!("this is not a plan: {}", plain(text, error));
    mistake(message, help).at(path.display().to_string(), text, offset)
}

/// Where a reader of JSON stopped, in bytes.
fn offset_of(text: &str, error: &serde_json::Error) -> usize {
    let (line, column) = (error.line().max(1), error.column().max(1));
    let before: usize = text.split_inclusive('\n').take(line - 1).map(str::len).sum();
    (before + column - 1).min(text.len())
}

/// What a reader of JSON says, for who does not read Rust.
fn plain(text: &str, error: &serde_json::Error) -> String {
    if !text.trim_start().starts_with('{') {
        return "it is no JSON object".to_owned();
    }
    let said = error.to_string();
    let said = said.rsplit_once(" at line ").map_or(said.as_str(), |(said, _)| said).to_owned();
    let unknown = said.strip_prefix("invalid value: string \"");
    let unknown = unknown.filter(|_| said.contains("harrow defects"));
    match unknown.and_then(|rest| rest.split_once('"')) {
        Some((name, _)) => match nearest(name, Defect::all().map(Defect::name)) {
            Some(near) => format!("there is no defect `{name}`; did you mean `{near}`?"),
            None => format!("there is no defect `{name}`; `harrow defects` lists them"),
        },
        None => unknown_name(&said).unwrap_or(said),
    }
}

/// The same of a name that is none of those that may stand there.
fn unknown_name(said: &str) -> Option<String> {
    let named = ["unknown variant `", "unknown field `"].iter();
    let (name, known) = named.clone().find_map(|head| said.strip_prefix(head))?.split_once('`')?;
    let known = known.split('`').skip(1).step_by(2);
    Some(match meant_by(name, known.clone()) {
        Some(meant) => format!("there is no `{name}` here; did you mean `{meant}`?"),
        None => {
            format!("there is no `{name}` here; known: {}", known.collect::<Vec<_>>().join(", "))
        }
    })
}

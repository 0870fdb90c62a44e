//! What a directory has that something was left in: nothing of another run, shrink or sweep is replaced.

use std::fs;
use std::path::Path;

use harrow_sim::plan::Plan;
use serde_json::Value;

use super::console::{Failure, mistake};
use super::files::OutDirectory;
use super::shrunk_left::is_as_left;

/// What a sweep leaves first, in names of files.
pub(super) const SWEEP_MARK: &str = "sweep-";

/// Who has left files in a directory.
enum Occupied {
    Sweep,
    /// By its title, and which file is no longer what it was.
    Shrink(String, Option<&'static str>),
    /// By its plan, if that can be read, and whether anything lies beside that.
    Run(Option<Box<Plan>>, bool),
    /// Somebody, who has left this file.
    Unknown(&'static str),
}

/// Files of runs and shrinks beside their plan.
const BESIDE_PLAN: [&str; 8] = [
    "scenario.toml",
    "shrunk.json",
    "report.json",
    "report.html",
    "history.jsonl",
    "history.toml",
    "trace.txt",
    "trace.jsonl",
];

impl Occupied {
    fn by(directory: &Path) -> Option<Self> {
        let entries = fs::read_dir(directory).into_iter().flatten().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let is_mark = |name: String| {
            name.strip_prefix(SWEEP_MARK).is_some_and(|rest| rest.strip_suffix(".json").is_some())
        };
        if names.into_iter().any(is_mark) {
            return Some(Self::Sweep);
        }
        let Ok(plan) = fs::read(directory.join("plan.json")) else {
            let is_there = |file: &&&str| directory.join(file).is_file();
            return BESIDE_PLAN.iter().find(is_there).map(|file| Self::Unknown(file));
        };
        let shrunk = fs::read(directory.join("shrunk.json")).ok();
        if let Some(shrunk) = shrunk {
            let report: Value = serde_json::from_slice(&shrunk).unwrap_or_default();
            let title = report["title"].as_str().unwrap_or_default().to_owned();
            let scenario = fs::read_to_string(directory.join("scenario.toml")).ok();
            let is_scenario_edited =
                scenario.is_some_and(|text| report["scenario"]["text"] != text);
            let edited = if is_as_left(&report, &plan) {
                is_scenario_edited.then_some("scenario.toml")
            } else {
                Some("plan.json")
            };
            return Some(Self::Shrink(title, edited));
        }
        let beside = BESIDE_PLAN.iter().any(|file| directory.join(file).is_file());
        Some(Self::Run(serde_json::from_slice(&plan).ok().map(Box::new), beside))
    }
}

/// Lets a run leave its files where nothing else was left; the very same run may go there again.
pub(super) fn refuse_for_run(out: &OutDirectory, plan: &Plan) -> Result<(), Failure> {
    let help =
        "give `--out` another directory, or remove this one; the very same run may go there again";
    let whose = match Occupied::by(&out.path("")) {
        None => return Ok(()),
        Some(Occupied::Run(Some(there), _)) if *there == *plan => return Ok(()),
        Some(Occupied::Run(Some(there), _)) => {
            let Plan { scenario, seed, .. } = *there;
            let same = (&scenario, seed) == (&plan.scenario, plan.seed);
            let other = if same { ", with another plan" } else { "" };
            format!("another run, that of {scenario} --seed {seed}{other},")
        }
        Some(Occupied::Run(None, _)) => "another run".to_owned(),
        Some(Occupied::Shrink(..)) => "a shrink".to_owned(),
        Some(Occupied::Sweep) => "a sweep".to_owned(),
        Some(Occupied::Unknown(file)) => return Err(unknown(&out.path(""), file)),
    };
    Err(occupied(&out.path(""), &whose, help))
}

/// The same for a plan that is made smaller, by its title. Where a search was ended with nothing but its best plan
/// left, one that goes on from that plan goes there.
pub(super) fn refuse_for_shrink(
    out: &OutDirectory,
    title: &str,
    plan: &Plan,
) -> Result<(), Failure> {
    let help = "give `--out` another directory, or remove this one; the same plan may be shrunk there again";
    let whose = match Occupied::by(&out.path("")) {
        None => return Ok(()),
        Some(Occupied::Shrink(there, None)) if there == title => return Ok(()),
        Some(Occupied::Shrink(there, Some(edited))) if there == title => {
            let shown = out.path(edited).display().to_string();
            let message = format!("failed to write {shown}: it was edited since it was left there");
            return Err(
                mistake(message, "keep it elsewhere, or give `--out` another directory").into()
            );
        }
        Some(Occupied::Shrink(there, _)) => format!("another shrink, that of {there},"),
        Some(Occupied::Run(Some(there), false)) if *there == *plan => return Ok(()),
        Some(Occupied::Run(None, _)) => "another run".to_owned(),
        Some(Occupied::Run(..)) => {
            let place = out.path("plan.json").display().to_string();
            let message = format!(
                "failed to write to {}: a run has left its files there, or a search that did not come to its end",
                out.path("").display()
            );
            let help = format!(
                "give `--out` another directory, or remove this one; `harrow shrink {place}` goes on from its plan"
            );
            return Err(mistake(message, help).into());
        }
        Some(Occupied::Sweep) => "a sweep".to_owned(),
        Some(Occupied::Unknown(file)) => return Err(unknown(&out.path(""), file)),
    };
    Err(occupied(&out.path(""), &whose, help))
}

/// The same for a sweep; which sweep was there before is its own question.
pub(super) fn refuse_for_sweep(out: &Path) -> Result<(), Failure> {
    let whose = match Occupied::by(out) {
        None | Some(Occupied::Sweep | Occupied::Unknown(_)) => return Ok(()),
        Some(Occupied::Shrink(..)) => "a shrink",
        Some(Occupied::Run(..)) => "a run",
    };
    Err(occupied(out, whose, "give `--out` another directory, or remove this one"))
}

fn unknown(directory: &Path, file: &str) -> Failure {
    let shown = directory.join(file).display().to_string();
    let message =
        format!("failed to write {shown}: it is there, and no plan.json says whose it is");
    mistake(message, "keep it elsewhere, or give `--out` another directory").into()
}

fn occupied(directory: &Path, whose: &str, help: &str) -> Failure {
    let shown = directory.display();
    mistake(format!("failed to write to {shown}: {whose} has left its files there"), help).into()
}

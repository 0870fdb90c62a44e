//! What a directory has that something was left in: nothing of another run, shrink or sweep is replaced.

use std::fs;
use std::path::Path;

use harrow_sim::plan::Plan;
use serde_json::Value;

use super::console::{Failure, mistake};
use super::files::OutDirectory;

/// What a sweep leaves first, in names of files.
pub(super) const SWEEP_MARK: &str = "sweep-";

/// Who has left files in a directory.
enum Occupied {
    Sweep,
    /// By its title.
    Shrink(String),
    /// By its plan, if that can be read.
    Run(Option<Box<Plan>>),
}

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
        let plan = fs::read(directory.join("plan.json")).ok()?;
        let shrunk = fs::read(directory.join("shrunk.json")).ok();
        if let Some(shrunk) = shrunk {
            let report: Value = serde_json::from_slice(&shrunk).unwrap_or_default();
            return Some(Self::Shrink(report["title"].as_str().unwrap_or_default().to_owned()));
        }
        Some(Self::Run(serde_json::from_slice(&plan).ok().map(Box::new)))
    }
}

/// Lets a run leave its files where nothing else was left; the very same run may go there again.
pub(super) fn refuse_for_run(out: &OutDirectory, plan: &Plan) -> Result<(), Failure> {
    let help =
        "give `--out` another directory, or remove this one; the very same run may go there again";
    let whose = match Occupied::by(&out.path("")) {
        None => return Ok(()),
        Some(Occupied::Run(Some(there))) if *there == *plan => return Ok(()),
        Some(Occupied::Run(Some(there))) => {
            let Plan { scenario, seed, .. } = *there;
            let same = (&scenario, seed) == (&plan.scenario, plan.seed);
            let other = if same { ", with another plan" } else { "" };
            format!("another run, that of {scenario} --seed {seed}{other},")
        }
        Some(Occupied::Run(None)) => "another run".to_owned(),
        Some(Occupied::Shrink(_)) => "a shrink".to_owned(),
        Some(Occupied::Sweep) => "a sweep".to_owned(),
    };
    Err(occupied(&out.path(""), &whose, help))
}

/// The same for a plan that is made smaller, by its title.
pub(super) fn refuse_for_shrink(out: &OutDirectory, title: &str) -> Result<(), Failure> {
    let help = "give `--out` another directory, or remove this one; the same plan may be shrunk there again";
    let whose = match Occupied::by(&out.path("")) {
        None => return Ok(()),
        Some(Occupied::Shrink(there)) if there == title => return Ok(()),
        Some(Occupied::Shrink(there)) => format!("another shrink, that of {there},"),
        Some(Occupied::Run(_)) => "a run".to_owned(),
        Some(Occupied::Sweep) => "a sweep".to_owned(),
    };
    Err(occupied(&out.path(""), &whose, help))
}

/// The same for a sweep; which sweep was there before is its own question.
pub(super) fn refuse_for_sweep(out: &Path) -> Result<(), Failure> {
    let whose = match Occupied::by(out) {
        None | Some(Occupied::Sweep) => return Ok(()),
        Some(Occupied::Shrink(_)) => "a shrink",
        Some(Occupied::Run(_)) => "a run",
    };
    Err(occupied(out, whose, "give `--out` another directory, or remove this one"))
}

fn occupied(directory: &Path, whose: &str, help: &str) -> Failure {
    let shown = directory.display();
    mistake(format!("failed to write to {shown}: {whose} has left its files there"), help).into()
}

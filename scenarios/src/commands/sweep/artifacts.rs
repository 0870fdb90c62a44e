//! Leaves the files of violated runs: each is run once more, with a trace.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use harrow_reports::report::Report;
use harrow_reports::verdict::Outcome;
use serde::{Deserialize, Serialize};

use crate::commands::console::{Failure, mistake};
use crate::commands::files::OutDirectory;
use crate::commands::occupied::{SWEEP_MARK, refuse_for_sweep};
use crate::commands::reading::{Asked, Prepared, STDIN};
use crate::commands::run::{FILES, keep};
use crate::commands::seeds::{SeedRange, Shard};
use crate::pipeline::COMMIT;

use super::receipt::scenarios_digest;
use super::work::Work;

/// The page of a whole sweep.
pub(super) const INDEX: &str = "index.html";

/// Keeps what violated runs leave, if anybody wants it.
pub(super) struct ArtifactWriter<'a> {
    out: Option<&'a Path>,
    /// What each scenario is called in the directory.
    names: Vec<String>,
    /// The first failure to write; from then on nothing is written.
    failed: Result<(), Failure>,
}

impl<'a> ArtifactWriter<'a> {
    /// Sees whether the directory takes files, before the sweep.
    pub(super) fn open(out: Option<&'a Path>, work: &Work) -> Result<Self, Failure> {
        let names: Vec<String> = work.prepared.iter().map(|one| file_name(&one.argument)).collect();
        if let Some(out) = out {
            OutDirectory::open(out)?;
            let alike = |(at, name): &(usize, &String)| names[..*at].contains(name);
            if let Some((_, name)) = names.iter().enumerate().find(alike) {
                let message = format!("two scenarios would leave their files as `{name}-SEED`");
                return Err(mistake(message, "sweep them one after another").into());
            }
            mark(out, &names, work)?;
        }
        Ok(Self { out, names, failed: Ok(()) })
    }

    /// Leaves the files of a run that is violated; tells where.
    pub(super) fn keep(
        &mut self,
        scenario: usize,
        prepared: &Prepared,
        report: &Report,
    ) -> Option<PathBuf> {
        let out =
            self.out.filter(|_| report.outcome == Outcome::Violated && self.failed.is_ok())?;
        let seed = report.coordinate.seed;
        let path = out.join(format!("{}-{seed}", self.names[scenario]));
        let (plan, replay) = (prepared.plan(seed), &report.coordinate.replay);
        let judged = |trace| prepared.judged(&plan, replay, trace);
        let kept = OutDirectory::open(&path).map_err(Failure::from);
        self.failed = kept.and_then(|out| keep(&out, &plan, judged));
        self.failed.is_ok().then_some(path)
    }

    /// Whether everything was kept.
    pub(super) fn close(self) -> Result<(), Failure> {
        self.failed
    }
}

/// What a sweep leaves first: what it is. Failures of different sweeps, or of different commits, in one directory would
/// be taken for those of one; shards of a sweep may share theirs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    commit: String,
    /// The scenarios with what was changed in them.
    scenarios: Vec<Asked>,
    /// A hash of what the scenarios say.
    scenarios_digest: String,
    /// First and last seed.
    seeds: [String; 2],
    /// Which of how many shards.
    shard: [u64; 2],
}

/// So many scenarios of another sweep are named.
const NAMED_MAX: usize = 3;

impl Mark {
    fn of(work: &Work) -> Self {
        let SeedRange { first, last, .. } = work.seeds;
        let Shard { index, count } = work.shard;
        Self {
            commit: COMMIT.to_owned(),
            scenarios: work.prepared.iter().map(Prepared::asked).collect(),
            scenarios_digest: scenarios_digest(&work.prepared),
            seeds: [first.to_string(), last.to_string()],
            shard: [index, count],
        }
    }

    fn read(path: &Path) -> Option<Self> {
        fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok())
    }

    /// Whether both are of one sweep, be it of another shard.
    fn is_of_sweep(&self, other: &Self) -> bool {
        Self { shard: [0, self.shard[1]], ..self.clone() }
            == Self { shard: [0, other.shard[1]], ..other.clone() }
    }
}

impl fmt::Display for Mark {
    /// What sweep it is.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { commit, scenarios, seeds: [first, last], shard: [index, count], .. } = self;
        let named = scenarios.iter().take(NAMED_MAX).map(|one| format!("`{one}`"));
        let named: Vec<String> = named.collect();
        write!(f, "the sweep of {}", named.join(", "))?;
        if let Some(more) = scenarios.len().checked_sub(NAMED_MAX).filter(|more| *more > 0) {
            write!(f, " and {more} more")?;
        }
        write!(f, ", seeds {first}..{last}, shard {index}/{count}, by commit {commit}")
    }
}

/// Leaves the mark of this sweep, if no other one's is there. What this very sweep has left before is replaced.
fn mark(out: &Path, names: &[String], work: &Work) -> Result<(), Failure> {
    refuse_for_sweep(out)?;
    let mark = Mark::of(work);
    let (mut known_here, mut again) = (false, false);
    for (file, path) in entries(out)? {
        if !file.starts_with(SWEEP_MARK) {
            continue;
        }
        match Mark::read(&path) {
            Some(known) if known.is_of_sweep(&mark) => {
                (known_here, again) = (true, again || known == mark);
            }
            Some(known) => return Err(taken(out, &format!("{known}, has left its files there"))),
            None => {
                return Err(taken(
                    out,
                    &format!("another sweep has left its files there ({file})"),
                ));
            }
        }
    }
    if again {
        clear(out, names, work)?;
    }
    if !known_here {
        refuse_strangers(out, names, work)?;
    }
    let [index, count] = mark.shard;
    let name = format!("{SWEEP_MARK}{index}-of-{count}.json");
    let directory = OutDirectory::open(out)?;
    Ok(directory.write(&name, |file| Ok(serde_json::to_writer_pretty(file, &mark)?))?)
}

/// What is in a directory: names and paths.
fn entries(out: &Path) -> Result<Vec<(String, PathBuf)>, Failure> {
    let listed = fs::read_dir(out).map_err(|error| taken(out, &error.to_string()))?;
    let named =
        |entry: fs::DirEntry| (entry.file_name().to_string_lossy().into_owned(), entry.path());
    Ok(listed.flatten().map(named).collect())
}

/// Where no sweep has left its mark, nothing that has the name of what this one would write is its own.
fn refuse_strangers(out: &Path, names: &[String], work: &Work) -> Result<(), Failure> {
    let is_ours = |name: &str| name == INDEX || is_run(name, names, work);
    match entries(out)?.into_iter().find(|(name, _)| is_ours(name)) {
        None => Ok(()),
        Some((name, _)) => {
            let file = format!("{SWEEP_MARK}1-of-1.json");
            let why = format!("{name} is there, and no {file} says that a sweep has left it");
            Err(taken(out, &why))
        }
    }
}

/// Whether a folder has the name of one of this shard's runs.
fn is_run(folder: &str, names: &[String], work: &Work) -> bool {
    let unit = names.iter().enumerate().find_map(|(scenario, name)| {
        let seed = folder.strip_prefix(name.as_str())?.strip_prefix('-')?;
        Some((scenario, seed.parse().ok()?))
    });
    unit.is_some_and(|(scenario, seed)| work.has(scenario, seed))
}

/// Takes away what runs of this shard have left before. What somebody else has put beside it stays.
fn clear(out: &Path, names: &[String], work: &Work) -> Result<(), Failure> {
    for (folder, path) in entries(out)? {
        if !is_run(&folder, names, work) {
            continue;
        }
        for file in FILES.map(|file| path.join(file)).iter().filter(|file| file.is_file()) {
            fs::remove_file(file).map_err(|error| taken(out, &error.to_string()))?;
        }
        // A folder with something else in it stays.
        let _ = fs::remove_dir(&path);
    }
    Ok(())
}

fn taken(out: &Path, why: &str) -> Failure {
    let message = format!("failed to write to {}: {why}", out.display());
    let help = "give another directory, or remove this one; the very same sweep may go there again, and replaces \
                its files";
    mistake(message, help).into()
}

/// A scenario's name or path as a part of a file name.
pub(super) fn file_name(argument: &str) -> String {
    if argument == STDIN {
        return "stdin".to_owned();
    }
    let name = argument.strip_suffix(".toml").unwrap_or(argument);
    let plain = |c: char| if c.is_alphanumeric() || "._-".contains(c) { c } else { '-' };
    name.trim_start_matches(['.', '/']).chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_file_names() {
        let table =
            [("calm", "calm"), ("my/own.toml", "my-own"), ("../a b.toml", "a-b"), ("/x.toml", "x")];
        for (argument, name) in table {
            assert_eq!(file_name(argument), name);
        }
    }
}

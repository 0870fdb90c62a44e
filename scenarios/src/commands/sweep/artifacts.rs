//! Leaves the files of violated runs: each is run once more, with a trace.

use std::fs;
use std::path::{Path, PathBuf};

use harrow_reports::report::Report;
use harrow_reports::verdict::Outcome;
use serde::{Deserialize, Serialize};

use crate::commands::console::{Failure, mistake};
use crate::commands::files::OutDirectory;
use crate::commands::reading::{Prepared, STDIN};
use crate::commands::run::keep;
use crate::commands::seeds::{SeedRange, Shard};
use crate::pipeline::COMMIT;

use super::work::Work;

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
            mark(out, work)?;
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
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Mark {
    commit: String,
    /// The command of each scenario's first seed.
    scenarios: Vec<String>,
    /// First and last seed.
    seeds: [String; 2],
    /// Which of how many shards.
    shard: [u64; 2],
}

/// The begin of the names of marks.
const MARK: &str = "sweep-";

/// Leaves the mark of this sweep, if no other one's is there.
fn mark(out: &Path, work: &Work) -> Result<(), Failure> {
    let SeedRange { first, last, .. } = work.seeds;
    let Shard { index, count } = work.shard;
    let mark = Mark {
        commit: COMMIT.to_owned(),
        scenarios: work.prepared.iter().map(|prepared| prepared.command(first)).collect(),
        seeds: [first.to_string(), last.to_string()],
        shard: [index, count],
    };
    let name = format!("{MARK}{index}-of-{count}.json");
    let entries = fs::read_dir(out).map_err(|error| unusable(out, &error.to_string()))?;
    for entry in entries.flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        if !file.starts_with(MARK) {
            continue;
        }
        let known = fs::read(entry.path()).ok();
        let known = known.and_then(|text| serde_json::from_slice::<Mark>(&text).ok());
        let sibling = |known: &Mark| {
            let same = (&known.commit, &known.scenarios, &known.seeds);
            same == (&mark.commit, &mark.scenarios, &mark.seeds) && known.shard[1] == count
        };
        if file == name || !known.as_ref().is_some_and(sibling) {
            return Err(unusable(out, &format!("another sweep has left its files there ({file})")));
        }
    }
    let directory = OutDirectory::open(out)?;
    Ok(directory.write(&name, |file| Ok(serde_json::to_writer_pretty(file, &mark)?))?)
}

fn unusable(out: &Path, why: &str) -> Failure {
    let message = format!("failed to write to {}: {why}", out.display());
    mistake(message, "give an empty directory, or remove what is there").into()
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

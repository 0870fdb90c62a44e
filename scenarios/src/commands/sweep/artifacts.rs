//! Leaves the files of violated runs: each is run once more, with a trace.

use std::path::{Path, PathBuf};

use harrow_reports::report::Report;
use harrow_reports::verdict::Outcome;

use crate::commands::console::{Failure, mistake};
use crate::commands::files::OutDirectory;
use crate::commands::reading::Prepared;
use crate::commands::run::keep;
use crate::pipeline::RunIdentity;

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
    pub(super) fn open(out: Option<&'a Path>, prepared: &[Prepared]) -> Result<Self, Failure> {
        let names: Vec<String> = prepared.iter().map(|one| file_name(&one.argument)).collect();
        if let Some(out) = out {
            OutDirectory::open(out)?;
            let alike = |(at, name): &(usize, &String)| names[..*at].contains(name);
            if let Some((_, name)) = names.iter().enumerate().find(alike) {
                let message = format!("two scenarios would leave their files as `{name}-SEED`");
                return Err(mistake(message, "sweep them one after another").into());
            }
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
        let identity = RunIdentity {
            scenario: &prepared.argument,
            plan: None,
            replay: &report.coordinate.replay,
        };
        let kept = OutDirectory::open(&path).map_err(Failure::from);
        self.failed = kept.and_then(|out| keep(&out, &prepared.plan(seed), identity));
        self.failed.is_ok().then_some(path)
    }

    /// Whether everything was kept.
    pub(super) fn close(self) -> Result<(), Failure> {
        self.failed
    }
}

/// A scenario's name or path as a part of a file name.
fn file_name(argument: &str) -> String {
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

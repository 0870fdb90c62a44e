//! What CI services read, beside what is printed: a `JUnit` file, a code quality report as `GitLab` reads it,
//! annotations for `GitHub`.

mod case;
mod code_quality;
mod github;
mod junit;

use std::path::PathBuf;

use clap::Args;
use harrow_reports::verdict::Outcome;

use super::console::{Console, Failure, mistake};
use super::files::{is_same_file, probe_file, unwritable};
use crate::whole_file::write_whole;
pub(super) use case::Case;
use github::JobSummary;

/// Files for CI services.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct CiArgs {
    /// Write a `JUnit` file: a suite for each scenario, a case for each run.
    #[arg(long, value_name = "FILE")]
    junit: Option<PathBuf>,
    /// Write what was found as a code quality report, as `GitLab` reads it.
    #[arg(long, value_name = "FILE")]
    code_quality: Option<PathBuf>,
}

/// So many runs that did not hold are kept for files other than that of `JUnit`; further ones are only counted there.
const KEPT_MAX: usize = 1_000;

/// Gathers what ended, and tells it when all has.
pub(super) struct CiReports<'a> {
    files: &'a CiArgs,
    github: bool,
    cases: Vec<Case>,
    bad: usize,
}

impl CiArgs {
    /// Sees whether the files can be written, before what may take hours.
    pub(super) fn open(&self, console: &Console) -> Result<CiReports<'_>, Failure> {
        for path in [&self.junit, &self.code_quality].into_iter().flatten() {
            probe_file(path).map_err(|error| unwritable(path, &error))?;
        }
        if let (Some(junit), Some(code_quality)) = (&self.junit, &self.code_quality)
            && is_same_file(junit, code_quality)
        {
            let message = format!("`--junit` and `--code-quality` both name {}", junit.display());
            return Err(mistake(message, "give each a file of its own").into());
        }
        let github = console.is_github();
        Ok(CiReports { files: self, github, cases: Vec::new(), bad: 0 })
    }
}

/// Annotations and the job's summary, if it is `GitHub` that reads: of a command that has no files for others.
pub(super) fn tell_github(console: &mut Console, cases: &[Case], end: &str) -> Result<(), Failure> {
    if !console.is_github() {
        return Ok(());
    }
    for case in cases {
        github::annotate(console, case)?;
    }
    JobSummary::of(cases, end).append()
}

impl CiReports<'_> {
    /// Takes what ended; `news` if nothing failed in this way before: only then it is annotated.
    pub(super) fn add(
        &mut self,
        console: &mut Console,
        news: bool,
        case: impl FnOnce() -> Case,
    ) -> Result<(), Failure> {
        let CiArgs { junit, code_quality } = self.files;
        if junit.is_none() && code_quality.is_none() && !self.github {
            return Ok(());
        }
        let case = case();
        let bad = case.outcome != Outcome::Held;
        self.bad += usize::from(bad);
        if self.github && bad && news {
            github::annotate(console, &case)?;
        }
        if junit.is_some() || bad && self.bad <= KEPT_MAX {
            self.cases.push(case);
        }
        Ok(())
    }

    /// Writes the files and the job's summary.
    pub(super) fn close(self, end: &str) -> Result<(), Failure> {
        let CiArgs { junit, code_quality } = self.files;
        if let Some(path) = junit {
            write_whole(path, |file| junit::write(&self.cases, file))
                .map_err(|error| unwritable(path, &error))?;
        }
        if let Some(path) = code_quality {
            write_whole(path, |file| code_quality::write(&self.cases, file))
                .map_err(|error| unwritable(path, &error))?;
        }
        if self.github {
            JobSummary::of(&self.cases, end).append()?;
        }
        Ok(())
    }
}

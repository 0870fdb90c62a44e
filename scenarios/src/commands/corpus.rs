//! `harrow corpus`.

mod keep;
mod make;

use std::io::Write;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use clap::Args;
use harrow_broker_model::defect::Defect;
use harrow_sim::plan::Plan;
use serde::Serialize;

use super::ci::{Case, tell_github};
use super::console::{Console, Failure, mistake};
use super::interrupt::on_interrupt;
use super::reading::defect;
use super::seeds;
use crate::catalogue::Entry;
use crate::corpus::{
    Corpus as Files, CorpusError, Listed, Tried, catalogue_digest, digest_changes, digests_gone,
    digests_text, try_plan,
};
use crate::exit::ExitCode;
use crate::pool;
use keep::Keeping;
use make::Maker;

/// Run the corpus: small plans that must go on failing, or that must hold since their bug is mended, and runs whose
/// digests must not change unnoticed.
///
/// Each plan of the directory must break its guarantee with its fingerprint, under its own runtime seed or, which is
/// told, under one of the first hundred; a plan whose bug is mended must hold under its own and twenty others. Each
/// digest in `digests.txt` must be that of the run today: of the plans, and where `corpus.toml` says
/// `catalogue = true` at its top, of the first seed of each scenario of the catalogue. --accept keeps today's digests,
/// --keep takes up what `harrow shrink --out` has left, --make finds, shrinks and keeps a plan for each defect. Exit
/// codes: 0 all is as it was; 1 a plan fails otherwise or no longer, or a digest has changed; 2 a file is corrupt; 130
/// Ctrl-C ended it before all had been tried, and nothing is accepted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  harrow corpus\n  harrow corpus --accept\n  \
    harrow corpus mine --keep small --name lost-orders\n  \
    harrow corpus mine --keep small --name lost-orders --mended \"Retries keep their order.\"\n  \
    harrow corpus --make --for 60s > table.md\n  harrow corpus --make --defect truncate-to-hw")]
pub(super) struct Corpus {
    /// The directory.
    #[arg(value_name = "DIR", default_value = "scenarios/corpus")]
    directory: PathBuf,
    /// Keep the digests of today: the model behaves otherwise on purpose.
    #[arg(long)]
    accept: bool,
    /// For each defect of the catalogue: find a failure in `swarm`, shrink it, keep it where no smaller one is, and
    /// print a row of a table.
    #[arg(long, conflicts_with = "accept")]
    make: bool,
    /// Keep a plan: what `harrow shrink --out` has left in this directory. It must go on failing as it does.
    #[arg(long, value_name = "SHRUNK", conflicts_with_all = ["accept", "make"], requires = "name")]
    keep: Option<PathBuf>,
    /// With --keep: under this name, of small letters, digits and dashes.
    #[arg(long, value_name = "NAME", requires = "keep", value_parser = plan_name)]
    name: Option<String>,
    /// With --keep: the bug behind it is mended, how in a sentence; the plan must hold from now on.
    #[arg(long, value_name = "HOW", requires = "keep")]
    mended: Option<String>,
    /// With --make: only these; repeatable.
    #[arg(long = "defect", value_name = "NAME", requires = "make", value_parser = defect)]
    defects: Vec<Defect>,
    /// With --make: shrink each no longer than this.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", requires = "make",
        value_parser = seeds::duration, allow_hyphen_values = true)]
    duration: Duration,
    /// Worker threads; as many as there are cores if not given.
    #[arg(long, value_name = "N", value_parser = seeds::threads, allow_hyphen_values = true)]
    jobs: Option<u16>,
}

#[derive(Serialize)]
struct Summary {
    schema: u32,
    kind: &'static str,
    plans: usize,
    /// So many of them must hold, since their bugs are mended.
    mended: usize,
    /// Of the plans, and of the scenarios of the catalogue if their digests are kept.
    runs: usize,
    /// So many of these were tried.
    tried: usize,
    interrupted: bool,
    /// Files of plans that `corpus.toml` does not list.
    unlisted: Vec<String>,
    /// What is not as it was.
    complaints: Vec<String>,
    /// So many of these are of plans that must hold.
    #[serde(skip)]
    broken_again: usize,
    /// Plans that fail as they must, but under another runtime seed than their own.
    moved: Vec<String>,
    /// Digests that have changed.
    changes: Vec<String>,
}

/// What came of the runs, in their order.
#[derive(Default)]
struct TriedAll {
    digests: Vec<(String, String)>,
    complaints: Vec<String>,
    broken_again: usize,
    moved: Vec<String>,
}

/// A name that a file can have everywhere.
fn plan_name(text: &str) -> Result<String, String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if text.is_empty() || text == "corpus" || text.starts_with('-') || !text.chars().all(plain) {
        return Err("a name has small letters, digits and dashes, and is not `corpus`".to_owned());
    }
    Ok(text.to_owned())
}

impl From<CorpusError> for Failure {
    fn from(error: CorpusError) -> Self {
        let help = match error {
            CorpusError::Mistakes(mistakes) => return mistakes.into(),
            CorpusError::Io { .. } => "see that the directory is there and can be read and written",
            CorpusError::Content { .. } => {
                "mend the file; a plan can be taken out of `corpus.toml`"
            }
        };
        mistake(error.to_string(), help).into()
    }
}

impl Corpus {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        if !self.make && self.keep.is_none() && !Files::is_there(&self.directory) {
            let message = format!("there is no corpus in {}", self.directory.display());
            return Err(mistake(message, "give a directory with a `corpus.toml`").into());
        }
        let files = Files::read(&self.directory)?;
        if self.make {
            let (jobs, duration) = (seeds::jobs(self.jobs), self.duration);
            let maker = Maker { jobs, duration, interrupted: &*on_interrupt()? };
            return maker.make(console, files, &self.defects);
        }
        if let (Some(shrunk), Some(name)) = (&self.keep, &self.name) {
            let keeping = Keeping { shrunk, name, mended: self.mended.as_deref() };
            return keeping.keep(console, files);
        }
        let plans = files.listing.plans.iter().map(|listed| Ok((listed, files.plan(listed)?)));
        let plans = plans.collect::<Result<Vec<_>, CorpusError>>()?;
        let interrupted = on_interrupt()?;
        let scenarios = files.scenarios();
        let tried = self.try_all((scenarios, &plans), &interrupted);
        let runs = scenarios.len() + plans.len();
        let cut = tried.digests.len() < runs;
        let kept = files.digests()?;
        let mut changes = digest_changes(&kept, &tried.digests);
        if !cut {
            changes.extend(digests_gone(&kept, &tried.digests));
        }
        if self.accept && !cut {
            files.accept(&digests_text(&tried.digests))?;
        }
        let summary = Summary {
            schema: 1,
            kind: "corpus",
            plans: plans.len(),
            mended: plans.iter().filter(|(listed, _)| listed.mended.is_some()).count(),
            runs,
            tried: tried.digests.len(),
            interrupted: cut,
            unlisted: files.unlisted(),
            complaints: tried.complaints,
            broken_again: tried.broken_again,
            moved: tried.moved,
            changes,
        };
        self.tell(console, &summary)
    }

    /// Runs the first seeds of the scenarios, then the plans.
    fn try_all(
        &self,
        (scenarios, plans): (&[Entry], &[(&Listed, Plan)]),
        interrupted: &AtomicBool,
    ) -> TriedAll {
        let mut all = TriedAll::default();
        let more = || !interrupted.load(Ordering::Relaxed);
        pool::ordered(
            pool::Options { jobs: seeds::jobs(self.jobs), more: &more },
            |index| {
                let index = usize::try_from(index).ok()?;
                if let Some(entry) = scenarios.get(index) {
                    return Some((catalogue_digest(entry), None, None, false));
                }
                let (listed, plan) = plans.get(index - scenarios.len())?;
                let Tried { digest, complaint, moved_to } = try_plan(listed, plan);
                let (name, own) = (&listed.name, plan.seed);
                let complaint = complaint.map(|complaint| format!("{name}: {complaint}"));
                let moved = moved_to
                    .map(|seed| format!("{name}: not under its own seed {own}, but under {seed}"));
                let digest = (format!("corpus/{name}"), digest);
                Some((digest, complaint, moved, listed.mended.is_some()))
            },
            |(digest, complaint, moved, is_mended)| {
                all.broken_again += usize::from(is_mended && complaint.is_some());
                all.moved.extend(moved);
                all.digests.push(digest);
                all.complaints.extend(complaint);
                ControlFlow::Continue(())
            },
        );
        all
    }

    fn tell(&self, console: &mut Console, summary: &Summary) -> Result<ExitCode, Failure> {
        if console.is_json() {
            console.json(summary)?;
        } else {
            self.tell_human(console, summary)?;
            let cases = self.cases(summary);
            let cut = if summary.interrupted { ", interrupted" } else { "" };
            let end = format!(
                "the corpus, {} runs{cut}: {} not as they were",
                summary.tried,
                cases.len()
            );
            tell_github(console, &cases, &end)?;
        }
        console.stdout().flush()?;
        let Summary { unlisted, complaints, changes, interrupted, .. } = summary;
        let changed = !changes.is_empty() && !self.accept;
        let good = complaints.is_empty() && unlisted.is_empty() && !changed;
        Ok(match (good, interrupted) {
            (false, _) => ExitCode::Violated,
            (true, true) => ExitCode::Interrupted,
            (true, false) => ExitCode::Held,
        })
    }

    /// What CI services are told.
    fn cases(&self, summary: &Summary) -> Vec<Case> {
        let directory = self.directory.display().to_string();
        let directory = directory.trim_end_matches('/');
        let command = format!("harrow corpus {directory}");
        let case = |file: &str, line: &str, title: &str| {
            let (name, what) = line.split_once(": ").unwrap_or((line, title));
            let file = format!("{directory}/{file}");
            Case::of_difference(("corpus", name), &file, (title, what, title), &command)
        };
        let Summary { complaints, unlisted, changes, .. } = summary;
        let changes = if self.accept { &[][..] } else { changes };
        let complaints = complaints.iter().map(|it| case("corpus.toml", it, "not as it was"));
        let unlisted = unlisted.iter().map(|it| case("corpus.toml", it, "not listed"));
        let changes = changes.iter().map(|it| case("digests.txt", it, "digest changed"));
        complaints.chain(unlisted).chain(changes).collect()
    }

    fn tell_human(&self, console: &mut Console, summary: &Summary) -> Result<(), Failure> {
        let Summary { plans, mended, runs, tried, interrupted, unlisted, complaints, .. } = summary;
        let Summary { broken_again, moved, changes, .. } = summary;
        for line in complaints.iter().chain(moved) {
            writeln!(console.stdout(), "{line}")?;
        }
        for name in unlisted {
            writeln!(console.stdout(), "{name}: `corpus.toml` does not list it")?;
        }
        let accepted = self.accept && !interrupted;
        let (what, how) = if accepted { ("accepted", "") } else { ("changed", "digest ") };
        for line in changes {
            writeln!(console.stdout(), "{how}{what} {line}")?;
        }
        let (wrong, changed) = (complaints.len(), changes.len());
        let (failing, failing_wrong) = (plans - mended, wrong - broken_again);
        if *interrupted {
            writeln!(
                console.stdout(),
                "interrupted: {tried} of {runs} runs tried; {wrong} plans are otherwise, {changed} digests changed{}",
                if self.accept { "; nothing is accepted" } else { "" }
            )?;
        } else {
            writeln!(
                console.stdout(),
                "{} of {failing} plans fail as they must{}{}; {changed} digests {what}",
                failing - failing_wrong,
                match moved.len() {
                    0 => String::new(),
                    moved => format!(", {moved} of them under another seed than their own"),
                },
                match mended {
                    0 => String::new(),
                    _ => format!("; {} of {mended} mended ones hold", mended - broken_again),
                }
            )?;
        }
        Ok(())
    }
}

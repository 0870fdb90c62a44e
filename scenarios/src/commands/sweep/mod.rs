//! `harrow sweep`: many seeds, in parallel, told in order.

mod artifacts;
mod clusters;
mod engines;
mod index;
mod legal;
mod merge;
mod reach;
mod receipt;
mod show;
mod tally;
mod work;

use std::fmt;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressState, ProgressStyle};

use super::ci::{Case, CiArgs, CiReports};
use super::console::{Console, Failure, mistake, progress_is_seen};
use super::hold::HeldTo;
use super::interrupt::{on_interrupt, tell_interrupted};
use super::reading::{Changes, Prepared};
use super::seeds::{self, SeedRange, Shard, jobs};
use super::shrinking::{ShrinkArgs, Shrinking};
use crate::catalogue::CATALOGUE;
use crate::exit::ExitCode;
use crate::pool;
use artifacts::ArtifactWriter;
use index::Index;
pub(super) use merge::Merge;
use receipt::ReceiptWriter;
use show::{Shown, show};
use tally::{Ended, Tally};
use work::Work;

/// Run many seeds in parallel and tell which fail.
///
/// Every seed is run with each scenario before the next seed begins. What is told, and in which order, does not depend
/// on --jobs. Ctrl-C ends the sweep with what was found so far. A run that does not reach what its scenario is about
/// is counted; it is the sweep that must: each mark of `expect.reach` in one run, or in `expect.reach_share` of them;
/// of shards, `harrow merge` judges that. Exit codes: 0 all held, or a shard had no part of the work; 1 some
/// violated; 3 none violated, but some inconclusive, a mark not reached or none run; 130 none violated, and
/// interrupted. What was legally lost, duplicated or reordered is counted by its reason; --hold makes findings of it.
/// Runs that fail in the same way have the same fingerprint: the first of each is told as it comes, and at the end
/// how many there are.
#[derive(Debug, Args)]
#[command(
    override_usage = "harrow sweep [OPTIONS] [SCENARIO]...\n       harrow sweep [OPTIONS] --all",
    after_help = "Examples:\n  harrow sweep swarm --seeds 1..1000\n  harrow sweep --all --for 60s\n  \
    harrow sweep --all --seeds 1..10000 --shard 2/8 --format json\n  \
    harrow sweep my.toml --seeds commit:200 --junit harrow.xml --format github\n  \
    harrow sweep swarm --seeds 1..1000 --max-failures 5 --out failed --shrink"
)]
pub(super) struct Sweep {
    /// Names from `harrow list`, or paths to .toml files; `swarm` if none is given.
    #[arg(value_name = "SCENARIO")]
    scenarios: Vec<String>,
    /// Every scenario of the catalogue.
    #[arg(long, conflicts_with = "scenarios")]
    all: bool,
    /// Seeds A..B, both ends included, or one seed; `fresh:N` draws N that nobody chose, `commit:N` takes N that follow
    /// from the commit of the repository one is in; 1..100 if neither this nor --for is given.
    #[arg(long, value_name = "A..B", value_parser = SeedRange::parse, allow_hyphen_values = true)]
    seeds: Option<SeedRange>,
    /// Go on for so long: 60s, 5m, 2h; seconds without a unit.
    #[arg(long = "for", value_name = "TIME", value_parser = seeds::duration, allow_hyphen_values = true)]
    duration: Option<Duration>,
    /// Only the I-th of N equal parts of the work, I from 1; `auto` takes what the engine says that started this:
    /// Kubernetes, Slurm, AWS Batch, `GitLab`, Buildkite and others. `HARROW_SHARD=I/N` in the environment equals the
    /// flag; `HARROW_SHARDS=N` gives a count where an engine has none.
    #[arg(long, value_name = "I/N|auto", value_parser = AskedShard::parse)]
    shard: Option<AskedShard>,
    /// Worker threads; as many as there are cores if not given.
    #[arg(long, value_name = "N", value_parser = seeds::threads, allow_hyphen_values = true)]
    jobs: Option<u16>,
    /// End at the first violated run.
    #[arg(long, conflicts_with = "max_failures")]
    fail_fast: bool,
    /// End after so many violated runs.
    #[arg(long, value_name = "N", value_parser = seeds::failures, allow_hyphen_values = true)]
    max_failures: Option<u64>,
    /// Leave a receipt in DIR, with all runs: `harrow merge DIR` joins those of all shards. If one of this very sweep
    /// is there, what it has done is not done again.
    #[arg(long, value_name = "DIR")]
    receipt: Option<PathBuf>,
    /// Leave what `harrow run --out` leaves of each violated run in DIR/SCENARIO-SEED, and DIR/index.html, which tells
    /// of all runs and links to those. The very same sweep replaces what it has left there; another one is refused.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    ci: CiArgs,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    held_to: HeldTo,
    #[command(flatten)]
    shrink: ShrinkArgs,
}

impl Sweep {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let work = self.work()?;
        let (mut receipt, done) = ReceiptWriter::open(self.receipt.as_deref(), &work)?;
        let mut artifacts = ArtifactWriter::open(self.out.as_deref(), &work)?;
        let mut ci = self.ci.open(console)?;
        work.seeds.announce(console)?;
        note(&work, done.len());
        let interrupted = on_interrupt()?;
        let started = Instant::now();
        let in_time = || self.duration.is_none_or(|duration| started.elapsed() < duration);
        let progress = self.progress(&work);
        let mut tally = Tally::new(&work.prepared);
        let mut index = Index::default();
        let mut result = Ok(());
        // Only machines are given whole reports, and so is a receipt.
        let whole = console.is_json() || self.receipt.is_some();
        pool::ordered(
            pool::Options {
                jobs: jobs(self.jobs),
                more: &|| in_time() && !interrupted.load(Ordering::Relaxed),
            },
            |index| {
                let (scenario, seed) = work.unit(index)?;
                let known = usize::try_from(index).ok().and_then(|index| done.get(index));
                let report = known.cloned().unwrap_or_else(|| work.run(scenario, seed, whole));
                Some((scenario, report, known.is_none()))
            },
            |(scenario, report, fresh)| {
                progress.inc(1);
                if fresh {
                    receipt.add(&report);
                }
                let prepared = &work.prepared[scenario];
                let kept = artifacts.keep(scenario, prepared, &report);
                let news = tally.add(scenario, &report);
                if self.out.is_some() {
                    index.add(scenario, &work.prepared[scenario], &report);
                }
                result = progress.suspend(|| {
                    show(console, prepared, &report, Shown { kept: kept.as_deref(), news })?;
                    ci.add(console, news, || Case::of_run(&report, true))
                });
                let enough = tally.violated() >= self.failures_max();
                if result.is_err() || enough {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            },
        );
        progress.finish_and_clear();
        result?;
        if self.shrink.shrink {
            self.shrink(console, &work, &tally, &interrupted);
        }
        let ended = Ended {
            elapsed: started.elapsed(),
            interrupted: interrupted.load(Ordering::Relaxed),
            left_undone: self.left_undone(&work, &tally),
            empty: work.count() == 0,
            is_part: work.shard != Shard::WHOLE,
        };
        let code = tally.close(console, ended)?;
        let left = receipt.close(ended).and(artifacts.close()).and_then(|()| match &self.out {
            Some(out) => index.write(out, &work, &tally.summary(ended), self.shrink.shrink),
            None => Ok(()),
        });
        let left = left.and(tell_ci(ci, console, &tally, ended));
        Ok(console.also(code, left))
    }

    /// One representative of each cluster of failures.
    fn shrink(
        &self,
        console: &mut Console,
        work: &Work,
        tally: &Tally<'_>,
        interrupted: &AtomicBool,
    ) {
        for (scenario, seed, fingerprint) in tally.representatives() {
            if interrupted.load(Ordering::Relaxed) {
                return tell_interrupted("not every kind of failure was shrunk");
            }
            let prepared = &work.prepared[scenario];
            let shrinking = Shrinking {
                jobs: jobs(self.jobs),
                duration: self.shrink.shrink_for,
                interrupted,
                out: self.out.as_ref().map(|out| out.join(format!("shrunk-{fingerprint}"))),
                title: prepared.title(seed),
                held_to: self.held_to.clone(),
                before: None,
            };
            let plan = prepared.plan(seed);
            let shrunk = shrinking.shrink_and_tell(console, &plan, Some(fingerprint));
            // The verdict on all seeds comes after it, whatever becomes of one plan.
            console.also(ExitCode::Violated, shrunk.map(drop));
        }
    }

    fn work(&self) -> Result<Work, Failure> {
        let names: Vec<&str> = match (self.all, self.scenarios.as_slice()) {
            (true, _) => CATALOGUE.iter().map(|entry| entry.name).collect(),
            (false, []) => vec!["swarm"],
            (false, given) => given.iter().map(String::as_str).collect(),
        };
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name))
        {
            return Err(mistake(
                format!("`{}` is given twice", twice.1),
                "name each scenario once",
            )
            .into());
        }
        let prepared: Result<Vec<Prepared>, Failure> =
            names.iter().map(|name| self.prepared(name)).collect();
        let last = if self.duration.is_some() { u64::MAX } else { 100 };
        let seeds = self.seeds.unwrap_or(SeedRange::new(1, last));
        let shard = part(self.shard)?;
        if seeds.is_fresh() && shard != Shard::WHOLE {
            let help = "give all shards the same seeds: `commit:N`, or A..B with the A that one `fresh:N` has printed";
            let Shard { index, count } = shard;
            let message = format!(
                "seeds that nobody chose are others in each shard, and this is {index}/{count}"
            );
            return Err(mistake(message, help).into());
        }
        Ok(Work { prepared: prepared?, seeds, shard })
    }

    fn prepared(&self, name: &str) -> Result<Prepared, Failure> {
        Ok(Prepared::read(name, &self.changes)?.held_to(&self.held_to))
    }

    fn failures_max(&self) -> u64 {
        if self.fail_fast { 1 } else { self.max_failures.unwrap_or(u64::MAX) }
    }

    /// How many runs a bound on failures has left undone, if it ended the sweep.
    fn left_undone(&self, work: &Work, tally: &Tally<'_>) -> u64 {
        let enough = tally.violated() >= self.failures_max();
        if enough { work.count() - tally.runs() } else { 0 }
    }

    /// A bar if somebody watches, nothing otherwise.
    fn progress(&self, work: &Work) -> ProgressBar {
        if !progress_is_seen() {
            return ProgressBar::hidden();
        }
        let bounded = self.duration.is_none() || self.seeds.is_some();
        let progress =
            if bounded { ProgressBar::new(work.count()) } else { ProgressBar::new_spinner() };
        let template = if bounded {
            "{wide_bar} {pos}/{len} runs {rate} {eta}"
        } else {
            "{spinner} {pos} runs {rate} {elapsed}"
        };
        // A template that does not parse leaves the usual bar.
        match ProgressStyle::with_template(template) {
            Ok(style) => progress.with_style(style.with_key("rate", rate)),
            Err(_) => progress,
        }
    }
}

/// Which part of the work was asked for.
#[derive(Debug, Clone, Copy)]
enum AskedShard {
    Auto,
    Given(Shard),
}

impl AskedShard {
    fn parse(text: &str) -> Result<Self, String> {
        if text == "auto" { Ok(Self::Auto) } else { Shard::parse(text).map(Self::Given) }
    }
}

/// The part that is meant. What was not written down is told; without a flag, only our own variable counts.
fn part(asked: Option<AskedShard>) -> Result<Shard, Failure> {
    let environment = |name: &str| std::env::var(name).ok().filter(|text| !text.is_empty());
    let named = environment(engines::SHARD).is_some();
    let detected = match asked {
        Some(AskedShard::Given(shard)) => return Ok(shard),
        None if !named => return Ok(Shard::WHOLE),
        None | Some(AskedShard::Auto) => engines::detect(&environment),
    };
    let detected = detected.map_err(|(message, help)| mistake(message, help))?;
    // Nothing is left to do if even stderr is gone: the summary stands without the note.
    let _ = writeln!(io::stderr(), "{}", engines::description(&detected));
    Ok(detected.shard)
}

/// What no run can tell of the sweep, and its end.
fn tell_ci(
    mut ci: CiReports<'_>,
    console: &mut Console,
    tally: &Tally<'_>,
    ended: Ended,
) -> Result<(), Failure> {
    for (scenario, missing) in tally.unreached(ended) {
        ci.add(console, true, || Case::of_sweep(scenario, "reach", &missing))?;
    }
    if ended.interrupted {
        let why = format!("interrupted after {} runs", tally.runs());
        ci.add(console, true, || Case::of_sweep("sweep", "end", &why))?;
    }
    ci.close(&format!("{}, {} runs", tally.outcome(ended).name(), tally.runs()))
}

/// Runs a second, by their tenths.
fn rate(state: &ProgressState, text: &mut dyn fmt::Write) {
    // A bar that cannot be written is not shown.
    let _ = write!(text, "{:.1}/s", state.per_sec());
}

/// More machines than there is work for is no failure of any of them; what is done already is not done again.
fn note(work: &Work, done: usize) {
    let Shard { index, count } = work.shard;
    // Nothing is left to do if even stderr is gone: the summary stands without the notes.
    if work.count() == 0 {
        let _ = writeln!(io::stderr(), "note: shard {index}/{count} has no part of the work");
    }
    if done > 0 {
        let _ = writeln!(io::stderr(), "note: {done} runs are done, as the receipt says");
    }
}

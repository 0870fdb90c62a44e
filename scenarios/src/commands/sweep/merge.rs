//! `harrow merge`: the shards of a sweep as one, if they are all there.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use harrow_reports::report::Report;

use crate::commands::ci::{Case, CiArgs};
use crate::commands::console::{Console, Failure, mistake};
use crate::commands::files::OutDirectory;
use crate::commands::reading::Prepared;
use crate::commands::seeds::Shard;
use crate::exit::ExitCode;

use super::index::Index;
use super::receipt::{Counted, Receipt, receipts, runs, scenarios_digest};
use super::show::{Shown, show};
use super::tally::{Ended, Tally};
use super::work::Work;

/// Join the shards of a sweep, and prove that none is missing.
///
/// Each shard of `harrow sweep --shard I/N --receipt DIR` leaves its receipt there. That all are there, that they are
/// of one sweep, and that each has done what it was to do, is seen before anything is told: `missing`, `doubled`,
/// `different`, `short` and `damaged` name what is wrong, with exit code 2. Then the summary is that of the sweep
/// without shards. Exit codes: 0 all held, 1 some violated, 2 not all of a sweep is there, 3 none violated, but some
/// inconclusive.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  harrow sweep --all --seeds 1..800 --shard 2/8 --receipt fleet\n  \
    harrow merge fleet --junit harrow.xml --out merged\n  harrow merge fleet --partial"
)]
pub(in crate::commands) struct Merge {
    /// The directory that the shards had as --receipt, or copies of what they left there.
    directory: PathBuf,
    /// Take shards that did less than they were to do, as with `sweep --for`: how much was done is told.
    #[arg(long)]
    partial: bool,
    /// Leave index.html in this directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    ci: CiArgs,
}

impl Merge {
    pub(in crate::commands) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        if let Some(out) = &self.out {
            OutDirectory::open(out)?;
        }
        let all = self.complete()?;
        let mut ci = self.ci.open(console)?;
        let work = whole_work(&all[0])?;
        let mut tally = Tally::new(&work.prepared);
        let mut index = Index::default();
        for report in in_order(&self.directory, &all) {
            let report = report?;
            let scenario = scenario_of(&work, &report)?;
            let news = tally.add(scenario, &report);
            show(console, &work.prepared[scenario], &report, Shown { kept: None, news })?;
            if self.out.is_some() {
                index.add(scenario, &work.prepared[scenario], &report);
            }
            ci.add(console, news, || Case::of_run(&report, true))?;
        }
        let ended = ended(&all);
        if !console.is_json() {
            let (done, count) = (tally.runs(), all.len());
            let of = done.saturating_add(ended.left_undone);
            let of = if out_of_time(&all) { String::new() } else { format!(" of {of}") };
            writeln!(console.stdout(), "{count} shards, {done}{of} runs")?;
        }
        let code = tally.close(console, ended)?;
        let left = match &self.out {
            Some(out) => index.write(out, &work, &tally.summary(ended), false),
            None => Ok(()),
        };
        let end = format!("{}, {} runs", tally.outcome(ended).name(), tally.runs());
        Ok(console.also(code, left.and(ci.close(&end))))
    }

    /// All receipts, by shard, if they are those of one whole sweep.
    fn complete(&self) -> Result<Vec<Receipt>, Failure> {
        let shown = self.directory.display();
        let found = receipts(&self.directory)?;
        let Some((first_file, first)) = found.first() else {
            let help = "give the directory that the shards had as `--receipt`";
            return Err(mistake(format!("missing: there is no receipt in {shown}"), help).into());
        };
        let mut by_shard: BTreeMap<u64, (&Path, &Receipt)> = BTreeMap::new();
        for (file, receipt) in &found {
            if let Some(difference) = first.difference(receipt) {
                let (one, other) = (first_file.display(), file.display());
                let message =
                    format!("different: {one} and {other} are of two sweeps: {difference}");
                return Err(mistake(message, "merge the shards of one sweep").into());
            }
            if let Some((before, _)) = by_shard.insert(receipt.shard[0], (file, receipt)) {
                let message = format!(
                    "doubled: {} and {} are both of shard {}",
                    before.display(),
                    file.display(),
                    receipt.shard[0]
                );
                return Err(mistake(message, "remove one of them").into());
            }
        }
        if let Some(missing) = missing(&by_shard, first.shard[1]) {
            let message = format!("missing: no receipt of shard {missing} is in {shown}");
            return Err(mistake(message, "run that shard, with the same `--receipt`").into());
        }
        let all: Vec<(&Path, &Receipt)> = by_shard.into_values().collect();
        let mut work = whole_work(first)?;
        for (file, receipt) in &all {
            let [index, count] = receipt.shard;
            work.shard = Shard { index, count };
            self.check_done(file, receipt, &work)?;
        }
        Ok(all.into_iter().map(|(_, receipt)| receipt.clone()).collect())
    }

    /// Whether a shard did what it was to do, and its runs are those that it says.
    fn check_done(&self, file: &Path, receipt: &Receipt, work: &Work) -> Result<(), Failure> {
        let shown = file.display();
        let damaged = |why: &str| -> Failure {
            let help = "run that shard again, into an empty `--receipt`";
            mistake(format!("damaged: {shown}: {why}"), help).into()
        };
        if receipt.planned != work.count() {
            let (planned, due) = (receipt.planned, work.count());
            return Err(damaged(&format!(
                "it plans {planned} runs, and its sweep has {due} for it"
            )));
        }
        if let Some((what, help)) = self.short(receipt) {
            return Err(mistake(format!("short: {shown} {what}"), help).into());
        }
        let mut counted = Counted::default();
        for (index, report) in (0..).zip(runs(&receipt.runs_file(&self.directory))) {
            let report = report?;
            work.check(index, &report).map_err(|why| damaged(&why))?;
            counted.add(&report);
        }
        if counted.is(receipt) {
            return Ok(());
        }
        Err(damaged("the runs beside it are not those that it counts"))
    }

    /// What a shard has not done, and what to do about it. Who was killed could not say so: then the lines beside the
    /// receipt tell how far it came.
    fn short(&self, receipt: &Receipt) -> Option<(String, &'static str)> {
        let planned = receipt.planned;
        if !receipt.ended {
            let beside = runs(&receipt.runs_file(&self.directory));
            let done = beside.take_while(Result::is_ok).count();
            let what = format!(
                "was not closed: its process was killed, nobody wrote down by what, or it runs still; {done} of \
                 {planned} runs are beside it"
            );
            return Some((what, "run that shard again with the same `--receipt`: it goes on"));
        }
        if receipt.done >= planned || self.partial {
            return None;
        }
        let why = match receipt.cut.as_deref() {
            Some("time") => ", as its time was over",
            Some("failures") => ", as it had seen failures enough",
            Some("interrupted") => ", as it was interrupted (Ctrl-C or a termination signal)",
            Some(_) | None => "",
        };
        let what = format!("has {} of {planned} runs{why}", receipt.done);
        let help =
            "run that shard again with the same `--receipt`: it goes on; or give `--partial`";
        Some((what, help))
    }
}

/// So many ranges of shards that are missing are named.
const RANGES_MAX: usize = 10;

/// The shards of which there is none, as ranges: `2/8, 4..6/8`.
fn missing(by_shard: &BTreeMap<u64, (&Path, &Receipt)>, count: u64) -> Option<String> {
    let mut ranges = Vec::new();
    let mut due = 1;
    let there = by_shard.keys().map(|index| u128::from(*index));
    for next in there.chain([u128::from(count) + 1]) {
        match next - due {
            0 => {}
            1 => ranges.push(format!("{due}/{count}")),
            _ => ranges.push(format!("{due}..{}/{count}", next - 1)),
        }
        due = next + 1;
    }
    if let Some(more) = ranges.len().checked_sub(RANGES_MAX).filter(|more| *more > 0) {
        ranges.truncate(RANGES_MAX);
        ranges.push(format!("and {more} more"));
    }
    (!ranges.is_empty()).then(|| ranges.join(", "))
}

/// Whether shards ended because their time was over: then nobody knows how much they might have done.
fn out_of_time(all: &[Receipt]) -> bool {
    all.iter().any(|receipt| receipt.cut.as_deref() == Some("time"))
}

/// How a sweep ended whose shards these are: it took as long as the slowest.
fn ended(all: &[Receipt]) -> Ended {
    let undone = |sum: u64, one: &Receipt| sum.saturating_add(one.planned - one.done);
    let slowest = all.iter().map(|receipt| receipt.wall_ms).max().unwrap_or(0);
    Ended {
        elapsed: Duration::from_millis(slowest),
        interrupted: all.iter().any(|receipt| receipt.cut.as_deref() == Some("interrupted")),
        left_undone: if out_of_time(all) { 0 } else { all.iter().fold(0, undone) },
        empty: all.iter().all(|receipt| receipt.planned == 0),
        is_part: false,
    }
}

/// The sweep of which all are shards.
fn whole_work(receipt: &Receipt) -> Result<Work, Failure> {
    let prepared: Result<Vec<Prepared>, Failure> =
        receipt.scenarios.iter().map(Prepared::of).collect();
    let prepared = prepared?;
    if scenarios_digest(&prepared) != receipt.scenarios_digest {
        let message = format!(
            "different: the scenarios are not here as they were for the shards (commit {})",
            receipt.commit
        );
        let help = "merge with the harrow, and in the directory, that the shards had";
        return Err(mistake(message, help).into());
    }
    let seeds = receipt.seed_range().map_err(Failure::Harrow)?;
    Ok(Work { prepared, seeds, shard: Shard::WHOLE })
}

type Reports = Box<dyn Iterator<Item = Result<Report, Failure>>>;

/// All runs in the order of a sweep without shards.
fn in_order(directory: &Path, all: &[Receipt]) -> Reports {
    let mut files: Vec<_> = all.iter().map(|receipt| runs(&receipt.runs_file(directory))).collect();
    let mut over = false;
    Box::new(
        std::iter::from_fn(move || {
            if over {
                return None;
            }
            let round: Vec<_> = files.iter_mut().filter_map(Iterator::next).collect();
            over = round.is_empty();
            (!over).then_some(round)
        })
        .flatten(),
    )
}

fn scenario_of(work: &Work, report: &Report) -> Result<usize, Failure> {
    let name = &report.coordinate.scenario;
    work.prepared.iter().position(|one| one.argument == *name).ok_or_else(|| {
        let message = format!("damaged: a run of {name}, which is none of the sweep's scenarios");
        mistake(message, "run its shard again, into an empty `--receipt`").into()
    })
}

//! `harrow merge`: the shards of a sweep as one, if they are all there.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use harrow_reports::report::Report;

use crate::commands::ci::{Case, CiArgs};
use crate::commands::console::{Console, Failure, mistake};
use crate::commands::reading::Prepared;
use crate::commands::seeds::{SeedRange, Shard};
use crate::exit::ExitCode;

use super::index::Index;
use super::receipt::{Counted, Receipt, receipts, runs, scenarios_digest};
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
        let all = self.complete()?;
        let mut ci = self.ci.open(console)?;
        let work = whole_work(&all[0])?;
        let mut tally = Tally::new(&work.prepared);
        let mut index = Index::default();
        for report in in_order(&self.directory, &all)? {
            let report = report?;
            let scenario = scenario_of(&work, &report)?;
            if console.is_json() {
                console.json(&report)?;
            }
            let news = tally.add(scenario, &report);
            index.add(scenario, &report);
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
        let mut by_shard: Vec<Option<(&Path, &Receipt)>> = vec![None; first.shard[1] as usize];
        for (file, receipt) in &found {
            if let Some(difference) = first.difference(receipt) {
                let (one, other) = (first_file.display(), file.display());
                let message =
                    format!("different: {one} and {other} are of two sweeps: {difference}");
                return Err(mistake(message, "merge the shards of one sweep").into());
            }
            let place = by_shard.get_mut(receipt.shard[0] as usize - 1);
            let place = place.ok_or_else(|| {
                let [index, count] = receipt.shard;
                let message = format!("different: {} is shard {index} of {count}", file.display());
                mistake(message, "run that shard again")
            })?;
            if let Some((before, _)) = place {
                let message = format!(
                    "doubled: {} and {} are both of shard {}",
                    before.display(),
                    file.display(),
                    receipt.shard[0]
                );
                return Err(mistake(message, "remove one of them").into());
            }
            *place = Some((file, receipt));
        }
        let missing: Vec<String> = (1..)
            .zip(&by_shard)
            .filter(|(_, there)| there.is_none())
            .map(|(index, _)| format!("{index}/{}", by_shard.len()))
            .collect();
        if !missing.is_empty() {
            let message =
                format!("missing: no receipt of shard {} is in {shown}", missing.join(", "));
            return Err(mistake(message, "run that shard, with the same `--receipt`").into());
        }
        let all: Vec<(&Path, &Receipt)> = by_shard.into_iter().flatten().collect();
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
        if !receipt.ended || receipt.done < receipt.planned && !self.partial {
            let why = match (&receipt.cut, receipt.ended) {
                (Some(cut), true) => format!(", ended by {cut}"),
                (None, _) | (_, false) => ", and it was ended before it was done".to_owned(),
            };
            let message =
                format!("short: {shown} has {} of {} runs{why}", receipt.done, receipt.planned);
            let help =
                "run that shard again with the same `--receipt`: it goes on; or give `--partial`";
            return Err(mistake(message, help).into());
        }
        let mut counted = Counted::default();
        for (index, report) in (0..).zip(runs(&receipt.runs_file(&self.directory))?) {
            let report = report?;
            work.check(index, &report).map_err(|why| damaged(&why))?;
            counted.add(&report);
        }
        if counted.is(receipt) {
            return Ok(());
        }
        Err(damaged("the runs beside it are not those that it counts"))
    }
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
    let seed =
        |text: &String| text.parse::<u64>().map_err(|_| Failure::Harrow(format!("seed {text}")));
    let seeds = SeedRange::new(seed(&receipt.seeds[0])?, seed(&receipt.seeds[1])?);
    Ok(Work { prepared, seeds, shard: Shard::WHOLE })
}

type Reports = Box<dyn Iterator<Item = Result<Report, Failure>>>;

/// All runs in the order of a sweep without shards.
fn in_order(directory: &Path, all: &[Receipt]) -> Result<Reports, Failure> {
    let files: Result<Vec<_>, Failure> =
        all.iter().map(|receipt| runs(&receipt.runs_file(directory))).collect();
    let mut files = files?;
    let mut over = false;
    Ok(Box::new(
        std::iter::from_fn(move || {
            if over {
                return None;
            }
            let round: Vec<_> = files.iter_mut().filter_map(Iterator::next).collect();
            over = round.is_empty();
            (!over).then_some(round)
        })
        .flatten(),
    ))
}

fn scenario_of(work: &Work, report: &Report) -> Result<usize, Failure> {
    let name = &report.coordinate.scenario;
    work.prepared.iter().position(|one| one.argument == *name).ok_or_else(|| {
        let message = format!("damaged: a run of {name}, which is none of the sweep's scenarios");
        mistake(message, "run its shard again, into an empty `--receipt`").into()
    })
}

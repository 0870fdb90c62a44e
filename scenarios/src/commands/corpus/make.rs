//! Finds a failure of each defect in `swarm`, shrinks and keeps it, and prints the table of how small failures get.

use std::io::Write;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use harrow_broker_model::defect::{Defect, Defects};
use harrow_reports::judge::judge;
use harrow_reports::verdict::Outcome;
use harrow_sim::plan::Plan;

use crate::catalogue::find;
use crate::commands::console::{Console, Failure, Note, mistake};
use crate::commands::hold::HeldTo;
use crate::commands::shrinking::{Shrinking, ShrunkReport};
use crate::corpus::{Corpus, Listed, try_plan};
use crate::exit::ExitCode;
use crate::format::parse;
use crate::pipeline;
use crate::planner::plan;
use crate::pool;
use crate::shrink::{Frequency, Size};

/// So many seeds of `swarm` are tried before a defect is looked for where the catalogue says that it shows.
const SEEDS_MAX: u64 = 150;

/// How to make a corpus.
pub(super) struct Maker<'a> {
    /// Threads.
    pub(super) jobs: usize,
    /// How long each is shrunk.
    pub(super) duration: Duration,
    /// Raised by Ctrl-C.
    pub(super) interrupted: &'a AtomicBool,
}

/// A failure to begin with.
struct Found {
    plan: Plan,
    scenario: &'static str,
}

impl Maker<'_> {
    /// For these defects, or for all.
    pub(super) fn make(
        &self,
        console: &mut Console,
        mut corpus: Corpus,
        defects: &[Defect],
    ) -> Result<ExitCode, Failure> {
        writeln!(
            console.stdout(),
            "| defect | found in | breaks | steps | operations | events | plans | seconds | fails |\n\
             |---|---|---|---|---|---|---|---|---|"
        )?;
        let wanted = |defect: &Defect| defects.is_empty() || defects.contains(defect);
        let mut lacking = Vec::new();
        for defect in Defect::all().filter(wanted) {
            let found = self.first_failure(defect);
            // What was looked for or shrunk while somebody stopped it is not kept.
            let is_stopped = || self.interrupted.load(Ordering::Relaxed);
            if is_stopped() {
                return Ok(ExitCode::Interrupted);
            }
            let Some(found) = found else {
                lacking.push(defect.name());
                continue;
            };
            // Some show together with another alone.
            let others = found.plan.cluster.defects.iter().filter(|other| *other != defect);
            let own = format!("{} --seed {}", found.scenario, found.plan.seed);
            let title = others.fold(own, |title, other| format!("{title} --defect {other}"));
            let shrinking = Shrinking {
                jobs: self.jobs,
                duration: self.duration,
                interrupted: self.interrupted,
                out: None,
                title: format!("{title} --defect {defect}"),
                held_to: HeldTo::default(),
                before: None,
            };
            let broken = shrinking
                .broken(&found.plan, None)
                .map_err(|reason| Failure::Harrow(format!("{defect}, {title}: {reason}")))?;
            let smallest = shrinking.smallest(&found.plan, broken, None);
            if is_stopped() {
                return Ok(ExitCode::Interrupted);
            }
            row(console, defect, &title, &smallest)?;
            match smaller(&corpus, defect, &smallest)? {
                Some(size) => console.note(&Note(mistake(
                    format!("{defect}: the plan that is kept is no larger, and stays: {size}"),
                    format!("take `{defect}` out of `corpus.toml` to have this one"),
                ))),
                None => keep(&mut corpus, defect, &smallest)?,
            }
        }
        if lacking.is_empty() {
            return Ok(ExitCode::Held);
        }
        let message = format!("no failure was found for {}", lacking.join(", "));
        Err(mistake(message, "mend its row in the catalogue of defects").into())
    }

    /// The first seed of `swarm` that fails with a defect, or the one that the catalogue names.
    fn first_failure(&self, defect: Defect) -> Option<Found> {
        let entry = defect.entry();
        let with = entry.with.iter().filter_map(|name| Defect::from_name(name));
        let defects: Defects = with.chain([defect]).collect();
        let mut in_swarm = None;
        pool::ordered(
            pool::Options { jobs: self.jobs, more: &|| !self.interrupted.load(Ordering::Relaxed) },
            |index| (index < SEEDS_MAX).then(|| failing("swarm", index + 1, defects)),
            |found| {
                in_swarm = found;
                if in_swarm.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            },
        );
        in_swarm.or_else(|| failing(entry.scenario, entry.seed, defects))
    }
}

/// A run with these defects, if it fails.
fn failing(scenario: &'static str, seed: u64, defects: Defects) -> Option<Found> {
    let text = find(scenario)?.text;
    let mut plan = plan(&parse(scenario, text, &[]).ok()?, seed);
    plan.cluster.defects = defects;
    let fails = judge(&plan, &pipeline::run(&plan, false)).outcome == Outcome::Violated;
    fails.then_some(Found { plan, scenario })
}

fn row(
    console: &mut Console,
    defect: Defect,
    title: &str,
    smallest: &ShrunkReport,
) -> Result<(), Failure> {
    let (before, after) = (smallest.before, smallest.after);
    let unfinished = if smallest.complete { "" } else { " (stopped)" };
    let Frequency { failed, seeds } = smallest.fails;
    writeln!(
        console.stdout(),
        "| `{defect}` | {title} | {} | {} → {} | {} → {} | {} → {} | {} | {}{unfinished} | {failed} of {seeds} |",
        smallest.anomaly,
        before.size.steps,
        after.size.steps,
        before.size.operations,
        after.size.operations,
        before.events,
        after.events,
        smallest.judged,
        smallest.wall_ms.div_ceil(1_000)
    )?;
    Ok(console.stdout().flush()?)
}

/// The size of the plan that is kept already, if it still fails as it must and is no larger.
fn smaller(
    corpus: &Corpus,
    defect: Defect,
    smallest: &ShrunkReport,
) -> Result<Option<Size>, Failure> {
    let Some(listed) = corpus.listing.plans.iter().find(|listed| listed.name == defect.name())
    else {
        return Ok(None);
    };
    let plan = corpus.plan(listed)?;
    let size = Size::of(&plan);
    let stays = size <= smallest.after.size && try_plan(listed, &plan).complaint.is_none();
    Ok(stays.then_some(size))
}

/// As a scenario if it fails as one, and as it is otherwise.
fn keep(corpus: &mut Corpus, defect: Defect, smallest: &ShrunkReport) -> Result<(), Failure> {
    let plan = &smallest.plan;
    let listed = Listed {
        name: defect.name().to_owned(),
        seed: smallest.scenario.seed.unwrap_or(plan.seed),
        defects: plan.cluster.defects,
        kafka: plan.cluster.kafka,
        guarantee: smallest.guarantee.clone(),
        anomaly: smallest.anomaly.clone(),
        fingerprint: smallest.fingerprint.id.clone(),
        mended: None,
    };
    let kept = match smallest.scenario.seed {
        Some(_) => corpus.keep(listed, &smallest.scenario.text),
        None => corpus.keep_plan(listed, plan),
    };
    Ok(kept?)
}

//! `harrow shrink`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use harrow_reports::fingerprint::Fingerprint;
use harrow_sim::plan::Plan;

use super::console::{Console, Failure, mistake};
use super::hold::HeldTo;
use super::interrupt::on_interrupt;
use super::reading::{Changes, Prepared, plan_file, plan_path, quoted};
use super::seeds;
use super::shrinking::Shrinking;
use super::shrunk_left::{Earlier, Measured, earlier_beside};
use crate::catalogue;
use crate::exit::ExitCode;
use crate::pipeline::is_edited;

/// Find the smallest plan that still breaks the same guarantee in the same way.
///
/// Takes steps, clients, operations, nodes and settings away as long as a run still fails with the same fingerprint,
/// under one of a few runtime seeds. What is left is a plan and a scenario that a person can read and edit, with the
/// nearest plan that passes. Ctrl-C keeps the best so far; a plan that was shrunk can be shrunk again, which goes on
/// from there. Exit codes: 1 it is violated, as it must be; 0 the plan holds, so there is nothing to shrink; 3 it is
/// inconclusive; 4 two of its runs differ; 2 there is no such plan, scenario or finding.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  harrow shrink swarm --seed 5 --defect truncate-to-hw --out small\n  \
    harrow run small/scenario.toml --seed 5 --defect truncate-to-hw    the seed that stands in it\n  \
    harrow shrink runs/7/plan.json --for 5m --out small"
)]
pub(super) struct Shrink {
    /// A plan.json, the directory it is in, or a scenario: a name from `harrow list`, or a path to a .toml file.
    #[arg(value_name = "PLAN|SCENARIO")]
    target: String,
    /// The seed, for a scenario.
    #[arg(long, value_name = "N", value_parser = seeds::seed, allow_hyphen_values = true)]
    seed: Option<u64>,
    /// The finding to keep, if the run has several: its fingerprint. The first if not given.
    #[arg(long, value_name = "ID", value_parser = fingerprint_id)]
    fingerprint: Option<String>,
    /// Search no longer than this: 60s, 5m, 2h. How often the result fails, and the nearest plan that passes, are
    /// looked for after it, each no longer than the search and 20 s; what is being run then is run to its end.
    #[arg(long = "for", value_name = "TIME", default_value = "60s", value_parser = seeds::duration,
        allow_hyphen_values = true)]
    duration: Duration,
    /// Worker threads; as many as there are cores if not given.
    #[arg(long, value_name = "N", value_parser = seeds::threads, allow_hyphen_values = true)]
    jobs: Option<u16>,
    /// Leave plan.json, scenario.toml, report.json and shrunk.json in this directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    changes: Changes,
    #[command(flatten)]
    held_to: HeldTo,
}

/// Eight hexadecimal digits, in any case.
fn fingerprint_id(text: &str) -> Result<String, String> {
    let id = text.to_ascii_lowercase();
    let wanted = "a fingerprint has eight hexadecimal digits, such as b4afda64, and stands with each finding";
    Fingerprint::is_id(&id).then_some(id).ok_or_else(|| wanted.to_owned())
}

/// What to shrink.
struct Target {
    plan: Plan,
    /// What it is called.
    title: String,
    held_to: HeldTo,
    /// How large it was before an earlier search.
    before: Option<Measured>,
}

impl Shrink {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let Target { plan, title, held_to, before } = self.target()?;
        // A scenario's plan is always as it was drawn.
        if is_edited(&plan) && !console.is_json() {
            writeln!(console.stdout(), "the plan {title} is not as it was drawn")?;
        }
        let shrinking = Shrinking {
            jobs: seeds::jobs(self.jobs),
            duration: self.duration,
            interrupted: &*on_interrupt()?,
            out: self.out.clone(),
            title,
            held_to,
            before,
        };
        shrinking.shrink_and_tell(console, &plan, self.fingerprint.as_deref())
    }

    fn target(&self) -> Result<Target, Failure> {
        let path = Path::new(&self.target);
        let is_folder = path.is_dir() && catalogue::find(&self.target).is_none();
        if is_folder || path.extension().is_some_and(|extension| extension == "json") {
            if self.seed.is_some() || !self.changes.is_empty() {
                let help =
                    "take `--seed`, `--defect`, `--kafka` and `--set` away, or edit the plan";
                return Err(mistake("a plan has its seed, rules and settings in it", help).into());
            }
            let path = plan_path(path);
            return Ok(self.of_plan(plan_file(&path)?, earlier_beside(&path)));
        }
        let prepared = Prepared::read(&self.target, &self.changes)?.held_to(&self.held_to);
        let Some(seed) = self.seed else {
            let help =
                format!("add `--seed N`; `harrow sweep {}` finds one that fails", prepared.asked());
            return Err(mistake("there is no seed to shrink", help).into());
        };
        let (plan, title) = (prepared.plan(seed), prepared.title(seed));
        Ok(Target { plan, title, held_to: self.held_to.clone(), before: None })
    }

    /// A plan, and what an earlier search has left of it, which goes on: by its name, from its size, and held to the
    /// same unless something else is asked for.
    fn of_plan(&self, plan: Plan, earlier: Option<Earlier>) -> Target {
        let given = self.held_to.texts();
        let earlier = earlier.filter(|it| given.is_empty() || it.held_to == given);
        let Some(Earlier { title, held_to, before, .. }) = earlier else {
            let title = self.held_to.with_flags(&quoted(&self.target));
            return Target { plan, title, held_to: self.held_to.clone(), before: None };
        };
        let held_to = HeldTo::of(&held_to).unwrap_or_else(|_| self.held_to.clone());
        Target { plan, title, held_to, before: Some(before) }
    }
}

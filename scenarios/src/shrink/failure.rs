//! What "still fails" means for a run: the same guarantee is broken with the same fingerprint, whatever else is.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use harrow_broker_model::defect::Defects;
use harrow_reports::judge::judge_held_to;
use harrow_reports::policy::Hold;
use harrow_reports::verdict::{Finding, Outcome, Verdict};
use harrow_sim::application::Applications;
use harrow_sim::plan::Plan;
use harrow_sim::run::{End, Run, RunOptions};

use super::failing_run::FailingRun;
use crate::pool;

/// A failure that is looked for.
#[derive(Debug, Clone)]
pub struct Failure {
    /// The finding, as the first run told it.
    pub finding: Finding,
    /// The code of the applications that are part of it.
    pub applications: Applications,
    /// What it is held to beside what was promised.
    pub hold: Hold,
    /// Whether the whole plan holds without its defects: then a smaller one must, too, or it shows something else.
    pub is_of_defects: bool,
}

/// Why there is nothing to shrink.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoFailure {
    /// Nothing is broken.
    #[error("the plan holds: there is nothing to shrink")]
    Holds,
    /// Nothing is broken, but the run says too little.
    #[error("the plan is inconclusive: {0}")]
    Inconclusive(String),
    /// Something else is broken.
    #[error("no finding of this plan has fingerprint {wanted}; it has {}", found.join(", "))]
    Other {
        /// The fingerprint that was asked for.
        wanted: String,
        /// Those that there are.
        found: Vec<String>,
    },
    /// Two runs differ.
    #[error("two runs of the plan differ, digests {0:016x} and {1:016x}")]
    NotDeterministic(u64, u64),
}

/// How often a plan fails, over runtime seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Frequency {
    /// Seeds under which it fails in the same way.
    pub failed: u64,
    /// Seeds tried.
    pub seeds: u64,
}

impl Failure {
    /// The failure of a plan: its first finding, or the one of that fingerprint.
    pub fn of(plan: &Plan, wanted: Option<&str>) -> Result<(Self, FailingRun), NoFailure> {
        Self::of_run_with(plan, wanted, &Applications::default(), &Hold::default())
    }

    /// The same of a plan with applications, judged as if more had been promised.
    pub fn of_run_with(
        plan: &Plan,
        wanted: Option<&str>,
        applications: &Applications,
        hold: &Hold,
    ) -> Result<(Self, FailingRun), NoFailure> {
        let run = || harrow_sim::run_with(plan, RunOptions::default(), applications);
        let (run, again) = (run(), run());
        if run.digest != again.digest {
            return Err(NoFailure::NotDeterministic(run.digest, again.digest));
        }
        let verdict = judge_held_to(plan, &run, hold);
        let found = || verdict.findings.iter();
        let is_wanted =
            |finding: &&Finding| wanted.is_none_or(|wanted| finding.fingerprint.id == wanted);
        if let Some(finding) = found().find(is_wanted) {
            let failure = Self {
                finding: finding.clone(),
                applications: applications.clone(),
                hold: hold.clone(),
                is_of_defects: holds_without_defects(plan, applications, hold),
            };
            let failing_run = failure.failing_run(plan, &run, &verdict).expect("it was just found");
            return Ok((failure, failing_run));
        }
        let ids: BTreeSet<String> = found().map(|finding| finding.fingerprint.id.clone()).collect();
        Err(match (wanted, verdict.outcome) {
            (Some(wanted), Outcome::Violated) => {
                NoFailure::Other { wanted: wanted.to_owned(), found: ids.into_iter().collect() }
            }
            (_, Outcome::Inconclusive) => NoFailure::Inconclusive(verdict.inconclusive.join("; ")),
            (_, Outcome::Held | Outcome::Violated) => NoFailure::Holds,
        })
    }

    /// How a plan fails, under its own seed or one of so many in all; the plan's comes first.
    pub fn seen(&self, plan: &Plan, seeds: u32) -> Option<FailingRun> {
        Self::seeds(plan).take(seeds as usize).find_map(|seed| self.seen_with(plan, seed))
    }

    /// How often it fails.
    pub fn frequency(&self, plan: &Plan, seeds: u32, jobs: usize) -> Frequency {
        let tried: Vec<u64> = Self::seeds(plan).take(seeds as usize).collect();
        let failed = RefCell::new(0);
        pool::ordered(
            pool::Options { jobs, more: &|| true },
            |index| {
                let seed = *tried.get(usize::try_from(index).ok()?)?;
                Some(self.seen_with(plan, seed).is_some())
            },
            |fails| {
                *failed.borrow_mut() += u64::from(fails);
                ControlFlow::Continue(())
            },
        );
        Frequency { failed: failed.into_inner(), seeds: tried.len() as u64 }
    }

    /// The plan's seed, then 1, 2, 3, ...
    fn seeds(plan: &Plan) -> impl Iterator<Item = u64> + use<> {
        let own = plan.seed;
        std::iter::once(own).chain((1..).filter(move |seed| *seed != own))
    }

    fn seen_with(&self, plan: &Plan, seed: u64) -> Option<FailingRun> {
        let mut plan = plan.clone();
        plan.seed = seed;
        let run = harrow_sim::run_with(&plan, RunOptions::default(), &self.applications);
        let holds = || holds_without_defects(&plan, &self.applications, &self.hold);
        self.failing_run(&plan, &run, &judge_held_to(&plan, &run, &self.hold))
            .filter(|_| !self.is_of_defects || holds())
    }

    fn failing_run(&self, plan: &Plan, run: &Run, verdict: &Verdict) -> Option<FailingRun> {
        let same = |finding: &&Finding| {
            finding.fingerprint == self.finding.fingerprint
                && finding.guarantee == self.finding.guarantee
        };
        verdict.findings.iter().find(same)?;
        let resolved = run
            .faults
            .iter()
            .map(|fault| (fault.step, fault.nodes.iter().map(|node| node.0).collect::<Vec<i32>>()));
        Some(FailingRun {
            seed: plan.seed,
            shown_ms: self.shown_ms(run),
            resolved: resolved.collect(),
        })
    }

    /// When it showed, if a monitor saw it or the model panicked; what clients saw is known only in the end.
    fn shown_ms(&self, run: &Run) -> Option<u64> {
        if let End::Panicked { .. } = run.end {
            return Some(run.stats.simulated_ms + 1);
        }
        let alike = run.violations.iter().filter(|seen| seen.anomaly == self.finding.anomaly);
        alike.map(|seen| seen.at_ns / 1_000_000 + 1).min()
    }
}

/// Whether a plan with defects holds once they are off.
fn holds_without_defects(plan: &Plan, applications: &Applications, hold: &Hold) -> bool {
    without_defects(plan).is_some_and(|plan| {
        let run = harrow_sim::run_with(&plan, RunOptions::default(), applications);
        judge_held_to(&plan, &run, hold).outcome != Outcome::Violated
    })
}

/// The same plan with its defects off, if any are on.
pub(crate) fn without_defects(plan: &Plan) -> Option<Plan> {
    let mut sound = plan.clone();
    (sound.cluster.defects, sound.cluster.kafka) = (Defects::default(), None);
    (!plan.cluster.defects.is_empty()).then_some(sound)
}

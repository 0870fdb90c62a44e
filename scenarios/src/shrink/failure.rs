//! What "still fails" means for a run: the same guarantee is broken with the same fingerprint, whatever else is.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::ControlFlow;

use harrow_broker_model::defect::{Defect, Defects};
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
    /// What the whole plan does without its defects: a smaller one that does more shows something else.
    pub without_defects: WithoutDefects,
    /// The bugs and weaknesses that it takes together, if they are known and there are several: a plan that fails
    /// without one of them shows something else.
    pub takes: Vec<Defect>,
}

/// What a plan does once its defects are off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum WithoutDefects {
    /// It holds.
    Holds,
    /// It breaks something else.
    BreaksOtherwise,
    /// It breaks just so, or has no defects.
    BreaksAlike,
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

/// How often a plan fails, over other runtime seeds than its own, which was chosen because it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Frequency {
    /// Other seeds under which it fails in the same way.
    pub failed: u64,
    /// Other seeds tried.
    pub seeds: u64,
}

impl Frequency {
    /// Under which seeds it fails, its own by that name.
    pub fn text(self, own: &str) -> String {
        match self {
            Self { seeds: 0, .. } => format!("{own}; no others were tried"),
            Self { failed, seeds } => format!("{own} and {failed} of {seeds} others"),
        }
    }
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
            let mut failure = Self {
                finding: finding.clone(),
                applications: applications.clone(),
                hold: hold.clone(),
                without_defects: WithoutDefects::BreaksAlike,
                takes: Vec::new(),
            };
            failure.without_defects = failure.without_defects_of(plan);
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

    /// How often it fails under other seeds than its own, as many as are tried while `more` says so.
    pub fn frequency(
        &self,
        plan: &Plan,
        seeds: u32,
        jobs: usize,
        more: &(dyn Fn() -> bool + Sync),
    ) -> Frequency {
        let wanted: Vec<u64> = Self::seeds(plan).skip(1).take(seeds as usize).collect();
        let tried = RefCell::new(Frequency { failed: 0, seeds: 0 });
        pool::ordered(
            pool::Options { jobs, more },
            |index| {
                let seed = *wanted.get(usize::try_from(index).ok()?)?;
                Some(self.seen_with(plan, seed).is_some())
            },
            |fails| {
                let mut tried = tried.borrow_mut();
                tried.seeds += 1;
                tried.failed += u64::from(fails);
                ControlFlow::Continue(())
            },
        );
        tried.into_inner()
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
        self.failing_run(&plan, &run, &judge_held_to(&plan, &run, &self.hold))
            .filter(|_| self.is_by_the_same(&plan))
    }

    /// Whether a plan that fails does so by the same bugs and weaknesses.
    fn is_by_the_same(&self, plan: &Plan) -> bool {
        let alike = WithoutDefects::BreaksAlike;
        let holds_as_well = || {
            self.without_defects == alike || self.without_defects_of(plan) <= self.without_defects
        };
        let breaks_without = |defect: &Defect| {
            let mut plan = plan.clone();
            plan.cluster.defects = plan.cluster.defects.iter().filter(|it| it != defect).collect();
            self.of_run(&plan) == alike
        };
        holds_as_well() && (self.takes.len() < 2 || !self.takes.iter().any(breaks_without))
    }

    fn failing_run(&self, plan: &Plan, run: &Run, verdict: &Verdict) -> Option<FailingRun> {
        verdict.findings.iter().find(|finding| self.is_same(finding))?;
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

    fn is_same(&self, finding: &Finding) -> bool {
        finding.fingerprint == self.finding.fingerprint
            && finding.guarantee == self.finding.guarantee
    }

    /// What a plan does once its defects are off.
    fn without_defects_of(&self, plan: &Plan) -> WithoutDefects {
        without_defects(plan).map_or(WithoutDefects::BreaksAlike, |plan| self.of_run(&plan))
    }

    /// What a plan with fewer defects does.
    fn of_run(&self, plan: &Plan) -> WithoutDefects {
        let run = harrow_sim::run_with(plan, RunOptions::default(), &self.applications);
        let verdict = judge_held_to(plan, &run, &self.hold);
        if verdict.findings.iter().any(|finding| self.is_same(finding)) {
            WithoutDefects::BreaksAlike
        } else if verdict.outcome == Outcome::Violated {
            WithoutDefects::BreaksOtherwise
        } else {
            WithoutDefects::Holds
        }
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

/// The same plan with its defects off, if any are on.
pub(crate) fn without_defects(plan: &Plan) -> Option<Plan> {
    let mut sound = plan.clone();
    (sound.cluster.defects, sound.cluster.kafka) = (Defects::default(), None);
    (!plan.cluster.defects.is_empty()).then_some(sound)
}

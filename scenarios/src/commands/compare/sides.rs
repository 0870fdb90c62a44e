//! The two sides of a comparison, and one seed under both.

use std::collections::BTreeMap;

use harrow_broker_model::defect::Defect;
use harrow_reports::judge::judge_held_to;
use harrow_reports::policy::Hold;
use harrow_reports::report::legal_harm;
use harrow_reports::verdict::{Excuse, Finding, Harm, Outcome};
use harrow_sim::plan::Plan;
use serde::Serialize;

use crate::commands::reading::Prepared;
use crate::pipeline;
use crate::shrink::{Change, Needed, changes, needed_defects};

/// Two sides, by name.
pub(super) struct Sides(pub(super) [(String, Prepared); 2]);

/// How many records were legally lost, duplicated and reordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub(super) struct Harmed {
    lost: u64,
    duplicated: u64,
    reordered: u64,
}

impl Harmed {
    fn of(excused: &[Excuse]) -> Self {
        let mut sums = Self::default();
        for one in legal_harm(excused) {
            let sum = match one.harm {
                Harm::Lost => &mut sums.lost,
                Harm::Duplicated => &mut sums.duplicated,
                Harm::Reordered => &mut sums.reordered,
                Harm::Other => continue,
            };
            *sum += one.records;
        }
        sums
    }

    pub(super) fn add(&mut self, other: Self) {
        self.lost += other.lost;
        self.duplicated += other.duplicated;
        self.reordered += other.reordered;
    }

    /// For people.
    pub(super) fn text(self) -> String {
        let Self { lost, duplicated, reordered } = self;
        format!("records legally {lost} lost, {duplicated} duplicated, {reordered} reordered")
    }
}

/// One run.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    /// The first finding of each fingerprint.
    pub(super) findings: BTreeMap<String, Finding>,
    pub(super) legal: Harmed,
}

/// One seed under both.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) seed: u64,
    pub(super) runs: [Judged; 2],
}

impl Judged {
    pub(super) fn of(plan: &Plan, hold: &Hold) -> Self {
        let run = pipeline::run(plan, false);
        let mut verdict = judge_held_to(plan, &run, hold);
        let mut findings = BTreeMap::new();
        for finding in std::mem::take(&mut verdict.findings) {
            findings.entry(finding.fingerprint.id.clone()).or_insert(finding);
        }
        let outcome = verdict.outcome_apart_from_reach();
        Self { outcome, findings, legal: Harmed::of(&verdict.excused) }
    }
}

impl Pair {
    pub(super) fn of(sides: &Sides, seed: u64) -> Self {
        let ([one, other], hold) = (sides.plans(seed), sides.hold());
        Self { seed, runs: [Judged::of(&one, &hold), Judged::of(&other, &hold)] }
    }

    /// Whether both end alike and fail alike.
    pub(super) fn ends_alike(&self) -> bool {
        let [one, other] = &self.runs;
        one.outcome == other.outcome && one.findings.keys().eq(other.findings.keys())
    }

    /// Whether as many records are legally harmed, too.
    pub(super) fn is_same(&self) -> bool {
        self.ends_alike() && self.runs[0].legal == self.runs[1].legal
    }
}

impl Sides {
    /// What both are held to beside their promises.
    pub(super) fn hold(&self) -> Hold {
        self.0[0].1.held_to.hold()
    }

    /// The same, as it was written.
    pub(super) fn held_to(&self) -> Vec<String> {
        self.0[0].1.held_to.texts()
    }

    pub(super) fn plans(&self, seed: u64) -> [Plan; 2] {
        [self.0[0].1.plan(seed), self.0[1].1.plan(seed)]
    }

    /// Entries of the catalogue that a failure takes, of all that the failing side has; none if it was stopped before
    /// it found out.
    pub(super) fn needed(
        &self,
        seed: u64,
        failing: usize,
        fingerprint: &str,
        more: &dyn Fn() -> bool,
    ) -> Option<Vec<Defect>> {
        let (plan, hold) = (&self.plans(seed)[failing], self.hold());
        let fails = |plan: &Plan| Judged::of(plan, &hold).findings.contains_key(fingerprint);
        let Needed { defects, complete } = needed_defects(plan, &fails, more);
        complete.then_some(defects)
    }

    /// What else the plans of the two sides have otherwise than the bugs and weaknesses that are on.
    pub(super) fn settings(&self, seed: u64, failing: usize) -> Vec<Change> {
        let plans = self.plans(seed);
        let mut changes = changes(&plans[failing], &plans[1 - failing]);
        let rules = ["/cluster/defects", "/cluster/kafka"];
        changes.retain(|change| !rules.iter().any(|rule| change.place.starts_with(rule)));
        changes
    }
}

//! The two sides of a comparison, and one seed under both.

use std::collections::BTreeMap;

use harrow_broker_model::defect::Defect;
use harrow_reports::judge::judge;
use harrow_reports::verdict::{Finding, Outcome};
use harrow_sim::plan::Plan;

use crate::commands::reading::Prepared;
use crate::pipeline;
use crate::shrink::{Change, changes, needed_defects};

/// Two sides, by name.
pub(super) struct Sides(pub(super) [(String, Prepared); 2]);

/// One run.
#[derive(Debug, Clone)]
pub(super) struct Judged {
    pub(super) outcome: Outcome,
    /// The first finding of each fingerprint.
    pub(super) findings: BTreeMap<String, Finding>,
}

/// One seed under both.
#[derive(Debug, Clone)]
pub(super) struct Pair {
    pub(super) seed: u64,
    pub(super) runs: [Judged; 2],
}

impl Judged {
    pub(super) fn of(plan: &Plan) -> Self {
        let run = pipeline::run(plan, false);
        let mut verdict = judge(plan, &run);
        let mut findings = BTreeMap::new();
        for finding in std::mem::take(&mut verdict.findings) {
            findings.entry(finding.fingerprint.id.clone()).or_insert(finding);
        }
        let outcome = verdict.outcome_apart_from_reach();
        Self { outcome, findings }
    }
}

impl Pair {
    pub(super) fn of(sides: &Sides, seed: u64) -> Self {
        let [one, other] = sides.plans(seed);
        Self { seed, runs: [Judged::of(&one), Judged::of(&other)] }
    }

    /// Whether both end alike and fail alike.
    pub(super) fn is_same(&self) -> bool {
        let [one, other] = &self.runs;
        one.outcome == other.outcome && one.findings.keys().eq(other.findings.keys())
    }
}

impl Sides {
    pub(super) fn plans(&self, seed: u64) -> [Plan; 2] {
        [self.0[0].1.plan(seed), self.0[1].1.plan(seed)]
    }

    /// Entries of the catalogue that a failure takes, of all that the failing side has.
    pub(super) fn needed(&self, seed: u64, failing: usize, fingerprint: &str) -> Vec<Defect> {
        let plan = &self.plans(seed)[failing];
        needed_defects(plan, &|plan| Judged::of(plan).findings.contains_key(fingerprint))
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

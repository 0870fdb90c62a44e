//! The stages after planning, each entered once per run: run, judge, report.

use std::time::Instant;

use harrow_reports::biography;
use harrow_reports::judge::judge;
use harrow_reports::report::{Coordinate, Report, digest_name};
use harrow_sim::plan::Plan;
use harrow_sim::run::{Run, RunOptions};

/// The commit that this program was built from, or `unknown`.
pub const COMMIT: &str = env!("HARROW_COMMIT");

/// A run and what is to be said about it.
#[derive(Debug)]
pub struct JudgedRun {
    /// The run.
    pub run: Run,
    /// Its report.
    pub report: Report,
}

/// Runs a plan. With a trace it is the same run, slower.
pub fn run(plan: &Plan, record_trace: bool) -> Run {
    harrow_sim::run(plan, RunOptions { record_trace, ..RunOptions::default() })
}

/// Runs a plan that was told about once more, and adds the lives of the records that its findings are about.
///
/// # Panics
/// If the second run differs from the first.
pub fn follow(plan: &Plan, report: &mut Report) {
    let follow = biography::places(&report.findings);
    if follow.is_empty() {
        return;
    }
    let run = harrow_sim::run(plan, RunOptions { follow: follow.clone(), ..RunOptions::default() });
    let digest = digest_name(run.digest);
    assert_eq!(digest, report.digest, "a run that is followed is the same run");
    biography::attach(&mut report.findings, &follow, &run.biographies);
}

/// What a run is called, and how it is seen again.
#[derive(Debug, Clone, Copy)]
pub struct RunIdentity<'a> {
    /// Scenario, by name or path.
    pub scenario: &'a str,
    /// The plan file that is replayed, if one is.
    pub plan: Option<&'a str>,
    /// The whole command that shows it again.
    pub replay: &'a str,
}

/// Runs, judges and reports.
pub fn run_and_judge(plan: &Plan, identity: RunIdentity<'_>, record_trace: bool) -> JudgedRun {
    let started = Instant::now();
    let run = run(plan, record_trace);
    let verdict = judge(plan, &run);
    let wall_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let coordinate = Coordinate {
        scenario: identity.scenario.to_owned(),
        seed: plan.seed,
        commit: COMMIT.to_owned(),
        plan: identity.plan.map(str::to_owned),
        replay: identity.replay.to_owned(),
    };
    let report = Report::new(coordinate, plan, &verdict, &run, wall_ms);
    JudgedRun { run, report }
}

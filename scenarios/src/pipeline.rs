//! The stages after planning, each entered once per run: run, judge, report.

use std::time::Instant;

use harrow_reports::report::{Coordinate, Report};
use harrow_reports::verdict::judge;
use harrow_sim::plan::Plan;
use harrow_sim::run::{Run, RunOptions};

/// The commit that this program was built from, or `unknown`.
pub const COMMIT: &str = env!("HARROW_COMMIT");

/// A run and what is to be said about it.
#[derive(Debug)]
pub struct Told {
    /// The run.
    pub run: Run,
    /// Its report.
    pub report: Report,
}

/// Runs a plan. With a trace it is the same run, slower.
pub fn run(plan: &Plan, record_trace: bool) -> Run {
    harrow_sim::run(plan, RunOptions { record_trace, stop_at_violation: false, watch: true })
}

/// Runs, judges and reports. `scenario` is the name or path to be told.
pub fn tell(plan: &Plan, scenario: &str, record_trace: bool) -> Told {
    let started = Instant::now();
    let run = run(plan, record_trace);
    let verdict = judge(plan, &run);
    let wall_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let coordinate =
        Coordinate { scenario: scenario.to_owned(), seed: plan.seed, commit: COMMIT.to_owned() };
    let report = Report::new(coordinate, &verdict, &run, wall_ms);
    Told { run, report }
}

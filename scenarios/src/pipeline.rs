//! The stages after planning, each entered once per run: run, judge, report.

use std::time::Instant;

use harrow_broker_model::defect::{Defect, Defects, Version};
use harrow_reports::biography;
use harrow_reports::judge::judge_held_to;
use harrow_reports::policy::Hold;
use harrow_reports::report::{Coordinate, Report, digest_name};
use harrow_sim::application::Applications;
use harrow_sim::plan::Plan;
use harrow_sim::run::{Run, RunOptions};
use tracing::subscriber::NoSubscriber;
use xxhash_rust::xxh3::xxh3_64;

use crate::format::Scenario;
use crate::planner;

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

/// From this version on new clusters keep eligible leader replicas. Source: KIP-966.
const ELIGIBLE_REPLICAS_SINCE: Version = Version::new(4, 1, 0);

/// As promised, unless bugs and weaknesses are switched on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Switched {
    /// Those of this version of Kafka.
    pub kafka: Option<Version>,
    /// These beside them.
    pub defects: Vec<Defect>,
}

impl Switched {
    /// All that is on.
    pub fn all(&self) -> Defects {
        let mut defects = self.kafka.map_or(Defects::NONE, Defects::of_version);
        defects.extend(self.defects.iter().copied());
        defects
    }

    /// What a seed makes of a scenario.
    pub fn plan(&self, scenario: &Scenario, seed: u64) -> Plan {
        let mut plan = planner::plan(scenario, seed);
        plan.cluster.kafka = self.kafka;
        // Clusters of an older version have no such feature, or have it switched off.
        let keeps = self.kafka.is_none_or(|version| version >= ELIGIBLE_REPLICAS_SINCE);
        plan.cluster.eligible_leader_replicas &= keeps;
        plan.cluster.defects = self.all();
        plan.drawn = Some(fingerprint(&plan));
        plan
    }
}

/// Runs a plan. With a trace it is the same run, slower.
pub fn run(plan: &Plan, record_trace: bool) -> Run {
    harrow_sim::run(plan, RunOptions { record_trace, ..RunOptions::default() })
}

/// Runs, judges and reports a plan with applications.
pub fn run_and_judge_with(
    plan: &Plan,
    applications: &Applications,
    identity: RunIdentity<'_>,
    record_trace: bool,
) -> JudgedRun {
    let started = Instant::now();
    let options = RunOptions { record_trace, ..RunOptions::default() };
    let run = harrow_sim::run_with(plan, options, applications);
    judged(plan, run, identity, (started, &Hold::default()))
}

/// Runs a plan that was told about once more, and adds the lives of the records that its findings are about.
///
/// # Panics
/// If the second run differs from the first.
pub fn follow(plan: &Plan, report: &mut Report) {
    let mut follow = biography::places(&report.findings);
    follow.extend(biography::excused_places(&report.excused));
    follow.sort();
    follow.dedup();
    if follow.is_empty() {
        return;
    }
    // What the watch had to say is known: lives are told by the view alone.
    let options = RunOptions { follow: follow.clone(), watch: false, ..RunOptions::default() };
    let run = quietly(|| harrow_sim::run(plan, options));
    let digest = digest_name(run.digest);
    assert_eq!(digest, report.digest, "a run that is followed is the same run");
    biography::attach(&mut report.findings, &follow, &run.biographies);
    biography::attach_excused(&mut report.excused, &follow, &run.biographies);
}

/// Runs what was run before, and logs nothing of it a second time.
pub fn quietly<T>(again: impl FnOnce() -> T) -> T {
    tracing::subscriber::with_default(NoSubscriber::default(), again)
}

/// A hash of a text, or of anything else.
pub fn hash_of(bytes: &[u8]) -> String {
    digest_name(xxh3_64(bytes))
}

/// What a plan is, as a hash of all that matters to its run.
///
/// # Panics
/// Never: a plan is plain data.
pub fn fingerprint(plan: &Plan) -> String {
    let plan = Plan { drawn: None, ..plan.clone() };
    hash_of(&serde_json::to_vec(&plan).expect("a plan is plain data"))
}

/// Whether a plan is known not to be what was drawn.
pub fn is_edited(plan: &Plan) -> bool {
    plan.drawn.as_ref().is_some_and(|drawn| *drawn != fingerprint(plan))
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
    run_and_judge_held_to(plan, identity, record_trace, &Hold::default())
}

/// The same, as if more had been promised.
pub fn run_and_judge_held_to(
    plan: &Plan,
    identity: RunIdentity<'_>,
    record_trace: bool,
    hold: &Hold,
) -> JudgedRun {
    let started = Instant::now();
    let run = run(plan, record_trace);
    judged(plan, run, identity, (started, hold))
}

fn judged(
    plan: &Plan,
    run: Run,
    identity: RunIdentity<'_>,
    (started, hold): (Instant, &Hold),
) -> JudgedRun {
    let verdict = judge_held_to(plan, &run, hold);
    let wall_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let coordinate = Coordinate {
        scenario: identity.scenario.to_owned(),
        seed: plan.seed,
        commit: COMMIT.to_owned(),
        scenario_hash: None,
        plan: identity.plan.map(str::to_owned),
        edited: identity.plan.is_some() && is_edited(plan),
        held_to: Vec::new(),
        replay: identity.replay.to_owned(),
    };
    let report = Report::new(coordinate, plan, &verdict, &run, wall_ms);
    JudgedRun { run, report }
}

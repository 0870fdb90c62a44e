//! Harrow inside a Rust test: a scenario, its seeds, and what must come of them.
//!
//! ```no_run
//! # use harrow_scenarios as harrow;
//! #[test]
//! fn orders_survive_a_leader_crash() {
//!     harrow::sweep("tests/orders.toml").seeds(1..=200).assert_held();
//! }
//! ```
//!
//! With `HARROW_SEED=N` in the environment a test runs that seed alone: the failure's text says which.

use std::env;
use std::fmt::{self, Write as _};
use std::fs;
use std::ops::{ControlFlow, RangeInclusive};
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use harrow_broker_model::defect::{Defect, Version};
use harrow_broker_model::types::NodeId;
use harrow_reports::policy::Hold;
use harrow_reports::report::Report;
use harrow_reports::verdict::Outcome;
use harrow_sim::application::{Application, Applications, Environment};
use harrow_sim::plan::{ApplicationPlan, Plan, ProcessingGuarantee};

use crate::catalogue;
use crate::commands::leave_in;
use crate::format::{Mistake, Scenario, ScenarioError, parse};
use crate::pipeline::{JudgedRun, RunIdentity, Switched, fingerprint, run_and_judge_with};
use crate::plan_text::{PlanTextError, read_plan_with};
use crate::pool;
use crate::shrink::{Budget, Failure, NoFailure, Size, shrink};

/// The variable that names the only seed to be run.
const SEED: &str = "HARROW_SEED";

/// Applications have the node ids from here on: there are fewer clients in any scenario.
const APPLICATIONS_FROM: i32 = 1_701;

/// So many failures are told in full.
const TOLD_MAX: usize = 3;

/// Begins a sweep over a scenario: a name of the catalogue, or a path to a `.toml` file.
pub fn sweep(scenario: impl Into<String>) -> Sweep {
    Sweep::of(scenario.into(), None)
}

/// The same over a scenario's text, such as `include_str!` brings it along: the name stands where its path would.
pub fn sweep_text(name: impl Into<String>, text: impl Into<String>) -> Sweep {
    Sweep::of(name.into(), Some(text.into()))
}

/// Which runs are made, and how.
#[derive(Debug, Clone)]
#[must_use = "a sweep runs when its end is asserted"]
pub struct Sweep {
    /// Name or path.
    scenario: String,
    /// If it is known already.
    text: Option<String>,
    seeds: RangeInclusive<u64>,
    switched: Switched,
    set: Vec<String>,
    jobs: usize,
    applications: Applications,
    terms: Vec<(String, ApplicationTerms)>,
}

/// What an application promises beside this: a record that it states as acknowledged is there for good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApplicationTerms {
    /// When its process starts at the earliest, in milliseconds; never before all topics exist.
    pub start_ms: u64,
    /// Whether it promises that none of its records is written twice, or out of order.
    pub idempotence: bool,
    /// How often it promises to process the input of a group: exactly once of each that is not named.
    pub processing: Vec<(String, ProcessingGuarantee)>,
}

/// The smallest plan that still breaks the same.
#[derive(Debug, Clone)]
pub struct Smallest {
    /// It; [`Sweep::replay`] takes its text.
    pub plan: Plan,
    /// What its run tells.
    pub report: Report,
    /// How large the plan was before, and is now.
    pub sizes: (Size, Size),
    /// Whether nothing more can be taken away; else the time ran out.
    pub complete: bool,
}

/// What came of a sweep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Swept {
    /// How many runs were made.
    pub runs: u64,
    /// Reports of the runs that did not hold, in order of their seeds.
    pub failed: Vec<Report>,
    /// Marks of `expect.reach` that no run has reached: what was not come across was not tried.
    pub unreached: Vec<String>,
}

/// Why no run could be made.
#[derive(Debug, thiserror::Error)]
pub enum SweepError {
    /// The scenario's file cannot be read.
    #[error("failed to read the scenario {path}: {source}")]
    Unreadable {
        /// Its path.
        path: String,
        /// Why.
        source: std::io::Error,
    },
    /// The scenario has mistakes.
    #[error("{0}")]
    Scenario(String),
    /// `HARROW_SEED` is no seed.
    #[error("{SEED} is `{0}`: a seed is a whole number from 0 to {max}", max = u64::MAX)]
    Seed(String),
    /// There is nothing to shrink.
    #[error("{0}")]
    NoFailure(#[from] NoFailure),
    /// The files of a run cannot be left.
    #[error("{0}")]
    NotLeft(String),
    /// The plan cannot be run again.
    #[error("failed to read the plan: {0}")]
    Plan(#[from] PlanTextError),
}

impl From<ScenarioError> for SweepError {
    fn from(error: ScenarioError) -> Self {
        let mistakes: Vec<String> = error.mistakes().iter().map(Mistake::one_line).collect();
        Self::Scenario(mistakes.join("\n"))
    }
}

impl Sweep {
    fn of(scenario: String, text: Option<String>) -> Self {
        Self {
            scenario,
            text,
            seeds: 1..=100,
            switched: Switched::default(),
            set: Vec::new(),
            jobs: thread::available_parallelism().map_or(1, usize::from),
            applications: Applications::default(),
            terms: Vec::new(),
        }
    }

    /// Adds an application: its process runs beside the scenario's loads, on a node that faults may be aimed at as
    /// `application NAME`, or as `any-client`. `make` is called for each process that starts, also after a crash.
    pub fn application<A: Application + 'static>(
        mut self,
        name: impl Into<String>,
        terms: ApplicationTerms,
        make: impl Fn(&Environment) -> A + Send + Sync + 'static,
    ) -> Self {
        let name = name.into();
        self.applications = self.applications.with(name.clone(), make);
        self.terms.retain(|(known, _)| *known != name);
        self.terms.push((name, terms));
        self
    }

    /// Seeds, both ends included; 1 to 100 if none are given.
    pub fn seeds(self, seeds: RangeInclusive<u64>) -> Self {
        Self { seeds, ..self }
    }

    /// Switches a known bug on.
    pub fn defect(mut self, defect: Defect) -> Self {
        self.switched.defects.push(defect);
        self
    }

    /// Switches on all that a version of Kafka has.
    pub fn kafka(mut self, version: Version) -> Self {
        self.switched.kafka = Some(version);
        self
    }

    /// Lays a value over the scenario: `PATH=VALUE`, as `--set` takes it.
    pub fn set(mut self, change: impl Into<String>) -> Self {
        self.set.push(change.into());
        self
    }

    /// Worker threads; as many as there are cores if not given.
    pub fn jobs(self, jobs: usize) -> Self {
        Self { jobs: jobs.max(1), ..self }
    }

    /// Makes the runs.
    ///
    /// # Errors
    /// If the scenario cannot be read or has mistakes, or the environment names a seed that is none.
    pub fn run(&self) -> Result<Swept, SweepError> {
        let scenario = self.read()?;
        let seeds = self.asked()?;
        let (first, last) = (*seeds.start(), *seeds.end());
        let mut swept = Swept { runs: 0, failed: Vec::new(), unreached: Vec::new() };
        swept.unreached.clone_from(&scenario.expect.reach);
        pool::ordered(
            pool::Options { jobs: self.jobs, more: &|| true },
            |index| {
                let seed = first.checked_add(index).filter(|seed| *seed <= last)?;
                Some(self.report(&scenario, seed))
            },
            |report| {
                swept.add(report);
                ControlFlow::Continue(())
            },
        );
        // One seed need not come across all that a scenario is about.
        if first == last {
            swept.unreached.clear();
        }
        Ok(swept)
    }

    /// Makes the runs twice over, for their digests: the same seed must give the same, whatever applications do.
    ///
    /// # Errors
    /// As for [`Self::run`].
    ///
    /// # Panics
    /// If two runs of a seed differ: an application has time or chance from elsewhere.
    #[track_caller]
    pub fn assert_deterministic(&self) -> Result<(), SweepError> {
        let scenario = self.read()?;
        for seed in self.asked()? {
            let digest = || self.report(&scenario, seed).digest;
            let (first, second) = (digest(), digest());
            assert!(first == second, "two runs of seed {seed} differ: {first}, {second}");
        }
        Ok(())
    }

    /// Finds the smallest plan that breaks what a seed breaks first, for so long at the most. Applications are what
    /// they are: fewer and simpler faults, other loads, brokers and settings are tried.
    ///
    /// # Errors
    /// If the scenario cannot be read or has mistakes, or the seed breaks nothing.
    pub fn shrink(&self, seed: u64, duration: Duration) -> Result<Smallest, SweepError> {
        let plan = self.plan(&self.read()?, seed);
        let (failure, failing_run) =
            Failure::of_run_with(&plan, None, &self.applications, &Hold::default())?;
        let started = Instant::now();
        let more = || started.elapsed() < duration;
        let budget = Budget { jobs: self.jobs, seeds: 1, more: &more };
        let oracle = |plan: &Plan, seeds: u32| failure.seen(plan, seeds);
        let shrunk = shrink(&plan, failing_run, &oracle, budget, &mut |_| {});
        let sizes = (Size::of(&plan), Size::of(&shrunk.plan));
        let report = self.report_of(&shrunk.plan, "harrow::sweep(..).replay(..)");
        Ok(Smallest { plan: shrunk.plan, report, sizes, complete: shrunk.complete })
    }

    /// Runs a seed once more and leaves what `harrow run --out` would: plan.json, history.jsonl, history.toml,
    /// trace.txt, trace.jsonl, report.json, and report.html, which is its story.
    ///
    /// # Errors
    /// If the scenario cannot be read or has mistakes, or the files cannot be written.
    pub fn leave(&self, seed: u64, directory: impl AsRef<Path>) -> Result<Report, SweepError> {
        let (plan, replay) = (self.plan(&self.read()?, seed), self.command(seed));
        let judged = self.judged(&plan, &replay, true);
        leave_in(directory.as_ref(), &plan, &judged).map_err(SweepError::NotLeft)?;
        Ok(judged.report)
    }

    /// Runs a plan again, by its text: bit for bit the run that it was, with the same applications.
    ///
    /// # Errors
    /// If it is no plan that may be run, or has an application that was not added.
    pub fn replay(&self, text: &str) -> Result<Report, SweepError> {
        let read = read_plan_with("the plan", text, &self.applications)?;
        Ok(self.report_of(&read.plan, "harrow::sweep(..).replay(..)"))
    }

    /// Makes the runs; every guarantee must hold in each, and each mark of `expect.reach` be reached in one.
    ///
    /// # Panics
    /// If not, with what broke, why, and the command that shows it again; or if no run could be made.
    #[track_caller]
    pub fn assert_held(self) {
        let swept = self.made();
        assert!(swept.failed.is_empty() && swept.unreached.is_empty(), "{swept}");
    }

    /// Makes the runs; at least one must break a guarantee by this anomaly first.
    ///
    /// # Panics
    /// If none does, or if no run could be made.
    #[track_caller]
    pub fn assert_violated_by(self, anomaly: &str) {
        let swept = self.made();
        let first = |report: &Report| {
            report.findings.first().is_some_and(|finding| finding.anomaly == anomaly)
        };
        assert!(swept.failed.iter().any(first), "none of {swept} breaks by {anomaly}");
    }

    #[track_caller]
    fn made(&self) -> Swept {
        match self.run() {
            Ok(swept) => swept,
            Err(error) => panic!("{error}"),
        }
    }

    fn read(&self) -> Result<Scenario, SweepError> {
        let known = catalogue::find(&self.scenario).map(|entry| entry.text.to_owned());
        let text = match self.text.clone().or(known) {
            Some(text) => text,
            None => self.file()?,
        };
        Ok(parse(&self.scenario, &text, &self.set)?)
    }

    fn file(&self) -> Result<String, SweepError> {
        let path = self.scenario.clone();
        fs::read_to_string(&path).map_err(|source| SweepError::Unreadable { path, source })
    }

    /// The seeds, or the one that the environment names.
    fn asked(&self) -> Result<RangeInclusive<u64>, SweepError> {
        match env::var(SEED) {
            Err(_) => Ok(self.seeds.clone()),
            Ok(text) => {
                let seed: u64 = text.parse().map_err(|_| SweepError::Seed(text))?;
                Ok(seed..=seed)
            }
        }
    }

    fn report(&self, scenario: &Scenario, seed: u64) -> Report {
        self.report_of(&self.plan(scenario, seed), &self.command(seed))
    }

    fn report_of(&self, plan: &Plan, replay: &str) -> Report {
        self.judged(plan, replay, false).report
    }

    fn judged(&self, plan: &Plan, replay: &str, record_trace: bool) -> JudgedRun {
        let identity = RunIdentity { scenario: &self.scenario, plan: None, replay };
        run_and_judge_with(plan, &self.applications, identity, record_trace)
    }

    /// What a seed makes of the scenario, with the applications.
    fn plan(&self, scenario: &Scenario, seed: u64) -> Plan {
        let mut plan = self.switched.plan(scenario, seed);
        let nodes = APPLICATIONS_FROM..;
        plan.applications.extend(self.terms.iter().zip(nodes).map(|((name, terms), node)| {
            let ApplicationTerms { start_ms, idempotence, processing } = terms.clone();
            ApplicationPlan {
                name: name.clone(),
                node: NodeId(node),
                start_ms,
                idempotence,
                processing,
            }
        }));
        if !plan.applications.is_empty() {
            plan.drawn = Some(fingerprint(&plan));
        }
        plan
    }

    /// The command that shows a run again.
    fn command(&self, seed: u64) -> String {
        if !self.applications.is_empty() {
            // No command has their code.
            return format!("{SEED}={seed} cargo test");
        }
        let mut text = format!("harrow run {} --seed {seed}", self.scenario);
        let kafka = self.switched.kafka.iter().map(|version| format!(" --kafka {version}"));
        let defects = self.switched.defects.iter().map(|defect| format!(" --defect {defect}"));
        let set = self.set.iter().map(|set| format!(" --set '{set}'"));
        text.extend(kafka.chain(defects).chain(set));
        text
    }
}

impl Swept {
    fn add(&mut self, report: Report) {
        self.runs += 1;
        self.unreached.retain(|mark| !report.reached.contains(mark));
        if report.outcome_apart_from_reach() != Outcome::Held {
            self.failed.push(report);
        }
    }
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { runs, failed, unreached } = self;
        write!(f, "{runs} runs, {} of which did not hold", failed.len())?;
        for report in failed.iter().take(TOLD_MAX) {
            let at = &report.coordinate;
            write!(f, "\n{} seed {}: {}", at.scenario, at.seed, report.outcome.name())?;
            for finding in &report.findings {
                let (anomaly, guarantee) = (&finding.anomaly, &finding.guarantee);
                write!(f, "\n  {anomaly} breaks {guarantee}: {}", finding.summary)?;
            }
            for why in &report.inconclusive {
                write!(f, "\n  {why}")?;
            }
            if !at.replay.starts_with(SEED) {
                write!(f, "\n  {}", at.replay)?;
            }
            write!(f, "\n  or this test alone: {SEED}={} cargo test", at.seed)?;
        }
        if failed.len() > TOLD_MAX {
            write!(f, "\nand {} more", failed.len() - TOLD_MAX)?;
        }
        for mark in unreached {
            f.write_str("\n")?;
            write!(f, "`{mark}` was reached in none of {runs} runs")?;
        }
        f.write_char('\n')
    }
}

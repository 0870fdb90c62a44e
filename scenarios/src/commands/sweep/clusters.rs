//! Failures that are alike, by their fingerprints.

use std::collections::BTreeMap;
use std::io::Write;

use harrow_reports::report::Report;
use harrow_reports::verdict::Outcome;
use serde::Serialize;

use crate::commands::console::{Console, Failure};

/// All failures of a sweep, by fingerprint.
#[derive(Default)]
pub(super) struct Clusters(BTreeMap<String, Counted>);

/// Runs that fail in the same way.
struct Counted {
    cluster: Cluster,
    scenario: usize,
    /// Whether the representative has it as its first finding: then nothing else stands before it.
    leads: bool,
}

/// The same, as told.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Cluster {
    fingerprint: String,
    /// What the fingerprint stands for.
    text: String,
    guarantee: String,
    anomaly: String,
    /// Runs that have it, whatever else they have.
    runs: u64,
    /// How many that are of a thousand runs of the sweep.
    per_mille: u64,
    /// Its first seed, in the order in which runs are told.
    first_seed: u64,
    /// A run to look at, with the scenario that it is of.
    scenario: String,
    seed: u64,
    summary: String,
    command: String,
}

impl Cluster {
    pub(super) fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Scenario and seed of the run to look at.
    pub(super) fn run(&self) -> (&str, u64) {
        (&self.scenario, self.seed)
    }
}

impl Clusters {
    /// Counts a run; whether it has a fingerprint that none before it had.
    pub(super) fn add(&mut self, scenario: usize, report: &Report) -> bool {
        if report.outcome != Outcome::Violated {
            return false;
        }
        let mut news = false;
        let mut seen: Vec<&str> = Vec::new();
        for (position, finding) in report.findings.iter().enumerate() {
            let id = finding.fingerprint.id.as_str();
            if seen.contains(&id) {
                continue;
            }
            seen.push(id);
            let leads = position == 0;
            let at = &report.coordinate;
            let fresh = || Cluster {
                fingerprint: id.to_owned(),
                text: finding.fingerprint.text.clone(),
                guarantee: finding.guarantee.clone(),
                anomaly: finding.anomaly.clone(),
                runs: 0,
                per_mille: 0,
                first_seed: at.seed,
                scenario: at.scenario.clone(),
                seed: at.seed,
                summary: finding.summary.clone(),
                command: at.replay.clone(),
            };
            let counted = self.0.entry(id.to_owned()).or_insert_with(|| {
                news = true;
                Counted { cluster: fresh(), scenario, leads }
            });
            if leads && !counted.leads {
                let Cluster { runs, first_seed, .. } = counted.cluster;
                counted.cluster = Cluster { runs, first_seed, ..fresh() };
                (counted.scenario, counted.leads) = (scenario, true);
            }
            counted.cluster.runs += 1;
        }
        news
    }

    /// A run of each: its scenario, its seed and the fingerprint.
    pub(super) fn representatives(&self) -> impl Iterator<Item = (usize, u64, &str)> {
        self.0.iter().map(|(id, one)| (one.scenario, one.cluster.seed, id.as_str()))
    }

    /// Those of most runs first.
    pub(super) fn list(&self, runs: u64) -> Vec<Cluster> {
        let share = |one: &Counted| Cluster {
            per_mille: one.cluster.runs * 1_000 / runs.max(1),
            ..one.cluster.clone()
        };
        let mut all: Vec<Cluster> = self.0.values().map(share).collect();
        all.sort_by_key(|cluster| std::cmp::Reverse(cluster.runs));
        all
    }

    pub(super) fn show(&self, console: &mut Console, runs: u64) -> Result<(), Failure> {
        let clusters = self.list(runs);
        if clusters.is_empty() {
            return Ok(());
        }
        let kinds = if clusters.len() == 1 { "kind" } else { "kinds" };
        writeln!(console.stdout(), "{} {kinds} of failure, by fingerprint:", clusters.len())?;
        for one in clusters {
            let (percent, rest) = (one.per_mille / 10, one.per_mille % 10);
            writeln!(
                console.stdout(),
                "  {}  {:>5} runs  {percent:>3}.{rest} %  first seed {:<5} {} breaks {}\n    {}",
                one.fingerprint,
                one.runs,
                one.first_seed,
                one.anomaly,
                one.guarantee,
                one.command
            )?;
        }
        Ok(())
    }
}

//! The page of a sweep: `index.html` in the directory that it leaves. It says nothing of how long anything took, so
//! that two sweeps of the same seeds leave the same bytes.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::path::Path;

use harrow_broker_model::wide;
use harrow_reports::faults::{Deviation, FaultDeviation};
use harrow_reports::page::write_index;
use harrow_reports::report::Report;
use harrow_reports::verdict::Outcome;
use harrow_sim::plan::{Action, OutsideState, Plan};
use serde::Serialize;

use crate::commands::console::Failure;
use crate::commands::files::OutDirectory;
use crate::commands::reading::Prepared;
use crate::commands::run::PAGE;
use crate::commands::seeds::{SeedRange, Shard};

use super::artifacts::{INDEX, file_name};
use super::tally::Summary;
use super::work::Work;

/// So many of the longest runs are told.
const LONGEST_MAX: usize = 12;
/// So many seeds of each scenario are named that held, and as many that were inconclusive.
const NAMED_MAX: usize = 200;

/// What the page tells beside the sweep's summary.
#[derive(Debug, Default)]
pub(super) struct Index {
    longest: Vec<Long>,
    /// In how many runs each mark was reached, whether a scenario asks for it or not.
    marks: BTreeMap<String, u64>,
    /// The first seeds of each scenario that were not violated, by how they ended.
    seeds: BTreeMap<(usize, Outcome), Vec<u64>>,
    /// What became of the planned faults, by kind.
    faults: BTreeMap<String, FaultRow>,
}

/// What became of the planned faults of a kind.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct FaultRow {
    planned: u64,
    weakened: u64,
    held_back: u64,
}

/// A run that took many events.
#[derive(Debug, Clone, Serialize)]
struct Long {
    scenario: String,
    #[serde(with = "wide")]
    seed: u64,
    outcome: Outcome,
    events: u64,
    messages: u64,
    simulated_ms: u64,
    command: String,
}

/// What the template shows.
#[derive(Serialize)]
struct Shown<'a> {
    title: String,
    seeds: String,
    shard: Option<String>,
    held_to: Vec<String>,
    summary: &'a Summary<'a>,
    /// What each scenario is called in links.
    directories: Vec<String>,
    /// Page of each cluster's run.
    pages: Vec<String>,
    /// Shrunk scenario of each cluster; empty without one.
    shrunk: Vec<String>,
    /// Seeds of each scenario that held, and that were inconclusive.
    held: Vec<String>,
    inconclusive: Vec<String>,
    faults: Vec<(&'a str, FaultRow)>,
    longest: &'a [Long],
    marks: Vec<(&'a str, u64)>,
}

impl Index {
    pub(super) fn add(&mut self, scenario: usize, prepared: &Prepared, report: &Report) {
        self.add_faults(&prepared.plan(report.coordinate.seed), report);
        for mark in &report.reached {
            *self.marks.entry(mark.clone()).or_default() += 1;
        }
        let at = &report.coordinate;
        let outcome = report.outcome_apart_from_reach();
        if outcome != Outcome::Violated {
            let seeds = self.seeds.entry((scenario, outcome)).or_default();
            if seeds.len() < NAMED_MAX {
                seeds.push(at.seed);
            }
        }
        self.longest.push(Long {
            scenario: at.scenario.clone(),
            seed: at.seed,
            outcome: report.outcome,
            events: report.stats.events,
            messages: report.stats.messages,
            simulated_ms: report.stats.simulated_ms,
            command: at.replay.clone(),
        });
        self.longest.sort_by_key(|run| Reverse(run.events));
        self.longest.truncate(LONGEST_MAX);
    }

    /// What was planned is in the plan; what was done otherwise, in the report.
    fn add_faults(&mut self, plan: &Plan, report: &Report) {
        let outside = plan.core.iter().flat_map(|core| core.outside.iter().map(|_| core.state));
        let outside = outside.map(|state| match state {
            OutsideState::Dead => "stay-dead".to_owned(),
            OutsideState::CutFromBrokers => "stay-cut".to_owned(),
        });
        for kind in plan.steps.iter().map(|step| kind(&step.action)).chain(outside) {
            self.faults.entry(kind).or_default().planned += 1;
        }
        for FaultDeviation { how, kind, count, .. } in &report.faults.deviations {
            let row = self.faults.entry(kind.clone()).or_default();
            match how {
                Deviation::HeldBack => row.held_back += count,
                Deviation::Weakened => row.weakened += count,
            }
        }
    }

    /// Writes the page; that of a shard has the shard's name, as shards share their directory.
    pub(super) fn write(
        &self,
        out: &Path,
        work: &Work,
        summary: &Summary<'_>,
        shrunk: bool,
    ) -> Result<(), Failure> {
        let (Shard { index, count }, SeedRange { first, last, .. }) = (work.shard, work.seeds);
        let whole = count == 1;
        let name = if whole { INDEX.to_owned() } else { format!("index-{index}-of-{count}.html") };
        let arguments = || work.prepared.iter().map(|prepared| prepared.argument.as_str());
        let page = |(scenario, seed): (&str, u64)| format!("{}-{seed}/{PAGE}", file_name(scenario));
        let small = |id: &str| {
            if shrunk { format!("shrunk-{id}/scenario.toml") } else { String::new() }
        };
        let shown = Shown {
            title: format!(
                "{}: {}",
                summary.outcome.name(),
                arguments().collect::<Vec<_>>().join(", ")
            ),
            seeds: if last == u64::MAX {
                format!("from {first} on")
            } else {
                format!("{first}..{last}")
            },
            shard: (!whole).then(|| format!("{index}/{count}")),
            held_to: work.prepared.first().map_or_else(Vec::new, |one| one.held_to.texts()),
            directories: arguments().map(file_name).collect(),
            pages: summary.clusters.iter().map(|cluster| page(cluster.run())).collect(),
            shrunk: summary.clusters.iter().map(|cluster| small(cluster.fingerprint())).collect(),
            held: self.named(work, Outcome::Held),
            inconclusive: self.named(work, Outcome::Inconclusive),
            faults: self.faults.iter().map(|(kind, row)| (kind.as_str(), *row)).collect(),
            longest: &self.longest,
            marks: self.marks.iter().map(|(mark, runs)| (mark.as_str(), *runs)).collect(),
            summary,
        };
        let out = OutDirectory::open(out)?;
        Ok(out.write(&name, |file| write_index(&shown, file))?)
    }

    /// The seeds of each scenario that ended so; of many the first.
    fn named(&self, work: &Work, outcome: Outcome) -> Vec<String> {
        let named = |scenario: usize| {
            let seeds = self.seeds.get(&(scenario, outcome)).map_or(&[][..], Vec::as_slice);
            let more = if seeds.len() == NAMED_MAX { " and perhaps more" } else { "" };
            seeds.iter().map(ToString::to_string).collect::<Vec<String>>().join(", ") + more
        };
        (0..work.prepared.len()).map(named).collect()
    }
}

/// The kind of a fault, as plans write it.
fn kind(action: &Action) -> String {
    let written = serde_json::to_value(action).unwrap_or_default();
    written["kind"].as_str().unwrap_or_default().to_owned()
}

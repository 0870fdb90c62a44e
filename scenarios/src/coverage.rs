//! What the catalogue covers: which scenario shows which known bug, by which anomaly of which invariant, which rule of
//! the model that breaks, which scenarios do a kind of fault, and which situations their runs come across.
//!
//! Not covered: that a rule without a bug of its own is exercised. Its test is in `broker-model/RULES.md`.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::defect::Defect;
use harrow_sim::watch::{Invariant, invariants};
use serde::Serialize;

use crate::catalogue::CATALOGUE;
use crate::format::{Scenario, ScenarioError, parse};

/// The rules of the model, as they are written down.
const RULES: &str = include_str!("../../broker-model/RULES.md");

/// What the catalogue covers.
#[derive(Debug, Clone, Serialize)]
pub struct Coverage {
    /// Each known bug or weakness.
    pub defects: Vec<DefectRow>,
    /// Each rule of the model, by number, with the entries of the catalogue that break it.
    pub rules: BTreeMap<RuleNumber, Vec<&'static str>>,
    /// Each invariant.
    pub invariants: Vec<InvariantRow>,
    /// Each kind of fault that scenarios have, with those that have it.
    pub faults: BTreeMap<String, Vec<&'static str>>,
    /// Each mark.
    pub marks: Vec<MarkRow>,
}

/// A rule's number, in order of its parts: 2.2.9 comes before 2.2.10.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleNumber(Vec<u32>);

/// Where a known bug shows.
#[derive(Debug, Clone, Serialize)]
pub struct DefectRow {
    /// Its name.
    pub name: &'static str,
    /// Rules that say so of it.
    pub rules: Vec<RuleNumber>,
    /// The anomaly by which it shows.
    pub anomaly: &'static str,
    /// The invariant that finds it; none if clients find it, or what never came true after the heal.
    pub invariant: Option<&'static str>,
    /// The scenario that shows it.
    pub scenario: &'static str,
    /// With which seed.
    pub seed: u64,
}

/// By what an invariant is known to bite.
#[derive(Debug, Clone, Serialize)]
pub struct InvariantRow {
    /// Its name.
    pub name: &'static str,
    /// So many ways it has to be broken.
    pub anomalies: usize,
    /// Known bugs that break it.
    pub defects: Vec<&'static str>,
}

/// Which scenarios come across a situation.
#[derive(Debug, Clone, Serialize)]
pub struct MarkRow {
    /// Its name.
    pub mark: &'static str,
    /// Scenarios that must: `expect.reach`.
    pub asked: Vec<&'static str>,
    /// In how many runs of each scenario it was reached; absent where in none.
    pub reached: BTreeMap<&'static str, u64>,
}

impl Serialize for RuleNumber {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_string())
    }
}

impl std::fmt::Display for RuleNumber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&parts.join("."))
    }
}

impl RuleNumber {
    fn parse(text: &str) -> Option<Self> {
        let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
        parts.filter(|parts| parts.len() > 1).map(Self)
    }
}

/// Each scenario of the catalogue, read.
///
/// # Errors
/// If one does not parse, which a test rules out.
pub fn scenarios() -> Result<Vec<(&'static str, Scenario)>, ScenarioError> {
    let read = |text: &'static str, name: &'static str| Ok((name, parse(name, text, &[])?));
    CATALOGUE.iter().map(|entry| read(entry.text, entry.name)).collect()
}

impl Coverage {
    /// Of the catalogue, with the marks that runs of its scenarios have reached: how many runs of each, by mark.
    pub fn of(
        scenarios: &[(&'static str, Scenario)],
        reached: &BTreeMap<&'static str, BTreeMap<String, u64>>,
    ) -> Self {
        let rules = rules();
        Self {
            defects: Defect::all().map(|defect| defect_row(defect, &rules)).collect(),
            invariants: invariants().map(invariant_row).collect(),
            faults: faults(scenarios),
            marks: harrow_sim::reach::ALL
                .iter()
                .map(|mark| mark_row(mark, scenarios, reached))
                .collect(),
            rules,
        }
    }
}

/// The entries that each rule's row names.
fn rules() -> BTreeMap<RuleNumber, Vec<&'static str>> {
    let row = |line: &'static str| {
        let number = RuleNumber::parse(line.strip_prefix("| ")?.split(' ').next()?)?;
        let words = line.split('`').skip(1).step_by(2);
        let names: BTreeSet<&str> = words.filter_map(Defect::from_name).map(Defect::name).collect();
        Some((number, names.into_iter().collect()))
    };
    RULES.lines().filter_map(row).collect()
}

fn defect_row(defect: Defect, rules: &BTreeMap<RuleNumber, Vec<&'static str>>) -> DefectRow {
    let entry = defect.entry();
    let of_it = rules.iter().filter(|(_, defects)| defects.contains(&entry.name));
    DefectRow {
        name: entry.name,
        rules: of_it.map(|(number, _)| number.clone()).collect(),
        anomaly: entry.anomaly,
        invariant: invariants().find(|it| breaks(entry.anomaly, it)).map(|it| it.name),
        scenario: entry.scenario,
        seed: entry.seed,
    }
}

fn breaks(anomaly: &str, invariant: &Invariant) -> bool {
    invariant.anomalies.iter().any(|one| one.name == anomaly)
}

fn invariant_row(invariant: &'static Invariant) -> InvariantRow {
    let shown = Defect::all().filter(|defect| breaks(defect.entry().anomaly, invariant));
    InvariantRow {
        name: invariant.name,
        anomalies: invariant.anomalies.len(),
        defects: shown.map(Defect::name).collect(),
    }
}

fn faults(scenarios: &[(&'static str, Scenario)]) -> BTreeMap<String, Vec<&'static str>> {
    let mut all: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for (name, scenario) in scenarios {
        let kinds: BTreeSet<&str> =
            scenario.faults.iter().map(|fault| fault.action.kind()).collect();
        for kind in kinds {
            all.entry(kind.to_owned()).or_default().push(name);
        }
    }
    all
}

fn mark_row(
    mark: &'static str,
    scenarios: &[(&'static str, Scenario)],
    reached: &BTreeMap<&'static str, BTreeMap<String, u64>>,
) -> MarkRow {
    let asks = |scenario: &Scenario| scenario.expect.reach.iter().any(|one| one == mark);
    let asked = scenarios.iter().filter(|(_, scenario)| asks(scenario));
    let counted = reached.iter().filter_map(|(name, marks)| Some((*name, *marks.get(mark)?)));
    MarkRow { mark, asked: asked.map(|(name, _)| *name).collect(), reached: counted.collect() }
}

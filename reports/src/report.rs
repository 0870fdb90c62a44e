//! What is told about a run: one object, versioned, the same for people and machines.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::wide;
use harrow_sim::plan::Plan;
use harrow_sim::run::{Run, RunStats};
use serde::{Deserialize, Serialize};

use crate::faults::FaultCounts;
use crate::rules::Rules;
use crate::verdict::{Excuse, Finding, Harm, Outcome, Record, Verdict};

/// Version of the report's shape.
pub const REPORT_SCHEMA: u32 = 2;

/// The report of one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`REPORT_SCHEMA`].
    pub schema: u32,
    /// `run`: what kind of object it is, among others on lines of their own.
    #[serde(default = "kind")]
    pub kind: String,
    /// What to give to see it again.
    pub coordinate: Coordinate,
    /// By which rules it was made.
    pub rules: Rules,
    /// How it stands.
    pub outcome: Outcome,
    /// Root causes, in order of time.
    pub findings: Vec<Finding>,
    /// What was seen and is legal.
    pub excused: Vec<Excuse>,
    /// How many records are legally lost, duplicated or reordered, by cause; absent if none are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub legal: Vec<LegalHarm>,
    /// Why the run says less than it should; absent if it does not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub inconclusive: Vec<String>,
    /// Reach marks that were expected and not met; each has its line in `inconclusive`, too. Absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreached: Vec<String>,
    /// The run's rolling hash, as 16 hexadecimal digits.
    pub digest: String,
    /// Counts.
    pub stats: Stats,
    /// What became of the planned faults.
    pub faults: FaultCounts,
    /// Reach marks that were met, in order of name.
    pub reached: Vec<String>,
}

/// Records that are legally lost, duplicated or reordered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHarm {
    /// What became of them.
    pub harm: Harm,
    /// Why that is legal.
    pub cause: String,
    /// So many records, each once.
    pub records: u64,
    /// What would make findings of them, had it been promised, as `--hold` takes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<String>,
}

/// Records that were harmed, and what would make a finding of it.
type Harmed<'a> = (BTreeSet<&'a Record>, Option<String>);

/// Counts the records that excuses are about, by what became of them and why.
pub fn legal_harm(excused: &[Excuse]) -> Vec<LegalHarm> {
    let harmed = excused.iter().filter(|excuse| excuse.harm != Harm::Other);
    let mut groups: BTreeMap<(Harm, &str), Harmed<'_>> = BTreeMap::new();
    for excuse in harmed {
        let (records, hold) = groups.entry((excuse.harm, excuse.cause.as_str())).or_default();
        records.extend(&excuse.records);
        add_holds(hold, excuse.hold.as_deref());
    }
    // One record may be told of by several operations: its place and value are what it is.
    let count = |records: BTreeSet<&Record>| {
        let places = records.into_iter().map(|it| (&it.partition, it.offset, &it.value));
        places.collect::<BTreeSet<_>>().len() as u64
    };
    let told = groups.into_iter().map(|((harm, cause), (records, hold))| LegalHarm {
        harm,
        cause: cause.to_owned(),
        records: count(records),
        hold,
    });
    told.collect()
}

/// Adds promises to those that make findings of what is legal, each once.
pub fn add_holds(known: &mut Option<String>, more: Option<&str>) {
    for hold in more.into_iter().flat_map(|more| more.split(',')) {
        match known {
            None => *known = Some(hold.to_owned()),
            Some(known) if known.split(',').any(|it| it == hold) => {}
            Some(known) => *known = format!("{known},{hold}"),
        }
    }
}

/// What to give to see a run again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Coordinate {
    /// Scenario, by name or path.
    pub scenario: String,
    /// A hash of the scenario's text, if it is no scenario of the catalogue: the commit does not tell what is in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario_hash: Option<String>,
    /// Seed.
    #[serde(with = "wide")]
    pub seed: u64,
    /// Commit of the program, with `-dirty` if files differed from it; `unknown` outside a repository.
    pub commit: String,
    /// The plan file that was replayed, if one was: it may differ from what scenario and seed give.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Whether that plan is not as it was drawn.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub edited: bool,
    /// What it was held to beside its promises, as `--hold` takes it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held_to: Vec<String>,
    /// The whole command that shows it again, with every defect and change.
    pub replay: String,
}

/// Counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Simulated time.
    pub simulated_ms: u64,
    /// Time it took; absent in files, which are the same bytes for the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wall_ms: Option<u64>,
    /// Events handled.
    pub events: u64,
    /// Messages delivered.
    pub messages: u64,
    /// Client operations.
    pub operations: Operations,
    /// Records acknowledged.
    pub records_acked: u64,
    /// Faults injected.
    pub faults: u64,
}

/// Client operations by outcome.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operations {
    /// They happened.
    pub ok: u64,
    /// They did not.
    pub fail: u64,
    /// Nobody knows.
    pub unknown: u64,
}

impl Report {
    /// Puts a run and its verdict together.
    pub fn new(
        coordinate: Coordinate,
        plan: &Plan,
        verdict: &Verdict,
        run: &Run,
        wall_ms: u64,
    ) -> Self {
        let Verdict { outcome, findings, excused, inconclusive, unreached } = verdict.clone();
        let met = run.reached.iter().filter(|(_, count)| **count > 0);
        Self {
            schema: REPORT_SCHEMA,
            kind: kind(),
            coordinate,
            rules: Rules::of(plan.cluster.kafka, plan.cluster.defects),
            outcome,
            findings,
            legal: legal_harm(&excused),
            excused,
            inconclusive,
            unreached,
            digest: digest_name(run.digest),
            stats: Stats::new(&run.stats, wall_ms),
            faults: FaultCounts::of(plan, run),
            reached: met.map(|(mark, _)| mark.clone()).collect(),
        }
    }

    /// How it stands among other runs, which may come across what this one did not.
    pub fn outcome_apart_from_reach(&self) -> Outcome {
        let for_reach_alone = self.inconclusive.len() == self.unreached.len();
        match self.outcome {
            Outcome::Inconclusive if for_reach_alone => Outcome::Held,
            outcome @ (Outcome::Held | Outcome::Inconclusive | Outcome::Violated) => outcome,
        }
    }

    /// The report without what differs between two runs of one plan.
    #[must_use]
    pub fn timeless(&self) -> Self {
        let stats = Stats { wall_ms: None, ..self.stats.clone() };
        Self { stats, ..self.clone() }
    }
}

fn kind() -> String {
    "run".to_owned()
}

/// A digest as reports write it.
pub fn digest_name(digest: u64) -> String {
    format!("{digest:016x}")
}

impl Stats {
    fn new(stats: &RunStats, wall_ms: u64) -> Self {
        Self {
            simulated_ms: stats.simulated_ms,
            wall_ms: Some(wall_ms),
            events: stats.events,
            messages: stats.messages,
            operations: Operations {
                ok: stats.operations_ok,
                fail: stats.operations_fail,
                unknown: stats.operations_unknown,
            },
            records_acked: stats.records_acked,
            faults: stats.faults,
        }
    }
}

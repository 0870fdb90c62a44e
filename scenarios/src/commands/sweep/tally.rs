//! What a sweep found, in memory that does not grow with the number of seeds.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::Duration;

use harrow_broker_model::defect::Defects;
use harrow_reports::faults::FaultCounts;
use harrow_reports::report::Report;
use harrow_reports::rules::Rules;
use harrow_reports::verdict::{Harm, Outcome};
use serde::Serialize;

use crate::commands::console::{Console, Failure};
use crate::commands::interrupt::saw_violation;
use crate::commands::reading::Prepared;
use crate::exit::ExitCode;
use crate::pipeline::COMMIT;

use super::clusters::{Cluster, Clusters};
use super::legal::{Legal, LegalCount};
use super::reach::{Mark, Reach};

/// So many failures are kept for each scenario; further ones are only counted.
const KEPT_MAX: usize = 1_000;

/// Counts of all scenarios.
pub(super) struct Tally<'a> {
    rows: Vec<Row<'a>>,
    faults: FaultSums,
    clusters: Clusters,
}

/// How a sweep ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ended {
    /// How long it took.
    pub(super) elapsed: Duration,
    /// Whether somebody ended it.
    pub(super) interrupted: bool,
    /// How many runs were not made, as there were failures enough.
    pub(super) left_undone: u64,
    /// Whether its shard has no part of the work.
    pub(super) empty: bool,
    /// Whether it is one shard of several: what it has not reached, others may have. Who joins them all knows.
    pub(super) is_part: bool,
}

/// What became of the planned faults of all runs.
#[derive(Debug, Clone, Copy, Default, Serialize)]
struct FaultSums {
    planned: u64,
    injected: u64,
    weakened: u64,
    held_back: u64,
}

impl FaultSums {
    fn add(&mut self, faults: &FaultCounts) {
        self.planned += faults.planned;
        self.injected += faults.injected;
        self.weakened += faults.weakened;
        self.held_back += faults.held_back;
    }

    /// What was not done was not survived.
    fn show(self, console: &mut Console) -> Result<(), Failure> {
        let Self { planned, weakened, held_back, .. } = self;
        if weakened + held_back > 0 {
            writeln!(
                console.stdout(),
                "of {planned} planned faults {held_back} were held back, {weakened} weakened"
            )?;
        }
        Ok(())
    }
}

struct Row<'a> {
    prepared: &'a Prepared,
    counts: Counts,
    failures: Vec<Failed>,
    /// The first inconclusive run and why it was one.
    inconclusive: Option<(u64, String)>,
    reach: Reach<'a>,
    legal: Legal,
}

#[derive(Debug, Clone, Copy, Default, Serialize)]
struct Counts {
    runs: u64,
    held: u64,
    violated: u64,
    /// For another reason than that a mark was not reached.
    inconclusive: u64,
    /// Of those that held, how many did not reach every mark.
    unreached: u64,
}

#[derive(Debug, Clone, Serialize)]
struct Failed {
    #[serde(with = "harrow_broker_model::wide")]
    seed: u64,
    guarantee: String,
    anomaly: String,
    command: String,
}

/// The last object of a sweep.
#[derive(Serialize)]
pub(super) struct Summary<'a> {
    schema: u32,
    kind: &'static str,
    commit: &'static str,
    rules: Rules,
    pub(super) outcome: Outcome,
    interrupted: bool,
    /// Runs that were not made, as `--fail-fast` or `--max-failures` had enough.
    left_undone: u64,
    wall_ms: u64,
    runs_per_second: u64,
    #[serde(flatten)]
    counts: Counts,
    faults: FaultSums,
    scenarios: Vec<ScenarioSummary<'a>>,
    /// Failures that are alike, those of most runs first.
    pub(super) clusters: Vec<Cluster>,
}

#[derive(Serialize)]
struct ScenarioSummary<'a> {
    scenario: &'a str,
    #[serde(flatten)]
    counts: Counts,
    reach: Vec<Mark<'a>>,
    /// What was legally lost, duplicated or reordered, by cause.
    legal: Vec<&'a LegalCount>,
    failures: &'a [Failed],
}

impl Counts {
    /// What a run did not reach is counted: whether enough runs did is known when all have ended.
    fn add(&mut self, report: &Report) {
        self.runs += 1;
        match report.outcome_apart_from_reach() {
            Outcome::Held => {
                self.held += 1;
                self.unreached += u64::from(!report.unreached.is_empty());
            }
            Outcome::Inconclusive => self.inconclusive += 1,
            Outcome::Violated => {
                saw_violation();
                self.violated += 1;
            }
        }
    }

    fn plus(self, other: Self) -> Self {
        Self {
            runs: self.runs + other.runs,
            held: self.held + other.held,
            violated: self.violated + other.violated,
            inconclusive: self.inconclusive + other.inconclusive,
            unreached: self.unreached + other.unreached,
        }
    }

    /// The outcome in words. Who ended a sweep knows that not all was shown; of what was shown, it is told how it is.
    fn word(self, outcome: Outcome, interrupted: bool) -> &'static str {
        let held = self.runs > 0 && self.held == self.runs;
        if interrupted && held { "all runs so far held" } else { outcome.name() }
    }

    /// The worst wins; nothing run is nothing shown unless there was nothing to run, and what was interrupted has not
    /// shown all that was asked, nor what no run, or too few, have come across.
    fn outcome(self, ended: Ended, reached: bool) -> Outcome {
        let nothing = self.runs == 0 && !ended.empty;
        if self.violated > 0 {
            Outcome::Violated
        } else if self.inconclusive > 0 || nothing || ended.interrupted || !reached {
            Outcome::Inconclusive
        } else {
            Outcome::Held
        }
    }
}

impl<'a> Tally<'a> {
    pub(super) fn new(prepared: &'a [Prepared]) -> Self {
        let row = |prepared: &'a Prepared| Row {
            prepared,
            counts: Counts::default(),
            failures: Vec::new(),
            inconclusive: None,
            reach: Reach::of(&prepared.scenario.expect),
            legal: Legal::default(),
        };
        let rows = prepared.iter().map(row).collect();
        Self { rows, faults: FaultSums::default(), clusters: Clusters::default() }
    }

    /// Counts a run; whether it fails as none before it did.
    pub(super) fn add(&mut self, scenario: usize, report: &Report) -> bool {
        self.count(scenario, report);
        self.clusters.add(scenario, report)
    }

    /// A run of each kind of failure: its scenario, its seed and the failure's fingerprint.
    pub(super) fn representatives(&self) -> impl Iterator<Item = (usize, u64, &str)> {
        self.clusters.representatives()
    }

    fn count(&mut self, scenario: usize, report: &Report) {
        self.faults.add(&report.faults);
        let row = &mut self.rows[scenario];
        row.counts.add(report);
        row.reach.add(&report.reached);
        row.legal.add(report);
        let seed = report.coordinate.seed;
        match report.outcome_apart_from_reach() {
            Outcome::Held => {}
            Outcome::Violated if row.failures.len() >= KEPT_MAX => {}
            Outcome::Violated => row.failures.push(Failed::new(row.prepared, report)),
            Outcome::Inconclusive => {
                let reason = || report.inconclusive.first().cloned().unwrap_or_default();
                row.inconclusive.get_or_insert_with(|| (seed, reason()));
            }
        }
    }

    pub(super) fn violated(&self) -> u64 {
        self.rows.iter().map(|row| row.counts.violated).sum()
    }

    /// How many runs were counted.
    pub(super) fn runs(&self) -> u64 {
        self.total().runs
    }

    fn total(&self) -> Counts {
        self.rows.iter().fold(Counts::default(), |sum, row| sum.plus(row.counts))
    }

    /// How the sweep stands.
    pub(super) fn outcome(&self, ended: Ended) -> Outcome {
        self.total().outcome(ended, self.unreached(ended).is_empty())
    }

    /// What no run has reached, or too few, with the scenario that it belongs to. Of a shard nobody can say so.
    pub(super) fn unreached(&self, ended: Ended) -> Vec<(&'a str, String)> {
        let mut all = Vec::new();
        if ended.is_part {
            return all;
        }
        for Row { prepared, reach, .. } in &self.rows {
            all.extend(reach.missing().into_iter().map(|one| (prepared.argument.as_str(), one)));
        }
        all
    }

    /// By which rules all runs were made; the same for every scenario of a sweep.
    fn rules(&self) -> Rules {
        self.rows.first().map_or_else(|| Rules::of(None, Defects::NONE), |row| row.prepared.rules())
    }

    /// All that machines are told at the end.
    pub(super) fn summary(&self, ended: Ended) -> Summary<'_> {
        let total = self.total();
        let wall_ms = u64::try_from(ended.elapsed.as_millis()).unwrap_or(u64::MAX);
        Summary {
            schema: 1,
            kind: "summary",
            commit: COMMIT,
            rules: self.rules(),
            outcome: self.outcome(ended),
            interrupted: ended.interrupted,
            left_undone: ended.left_undone,
            wall_ms,
            runs_per_second: total.runs * 1_000 / wall_ms.max(1),
            counts: total,
            faults: self.faults,
            scenarios: self.rows.iter().map(Row::summary).collect(),
            clusters: self.clusters.list(total.runs),
        }
    }

    /// Tells the summary, and how the process ends.
    pub(super) fn close(&self, console: &mut Console, ended: Ended) -> Result<ExitCode, Failure> {
        let Ended { interrupted, left_undone, empty, .. } = ended;
        let summary = self.summary(ended);
        let Summary { counts: total, outcome, wall_ms, runs_per_second, .. } = summary;
        if console.is_json() {
            console.json(&summary)?;
        } else {
            self.table(console, ended)?;
            self.clusters.show(console, total.runs)?;
            let end = match (interrupted, total.runs) {
                (true, _) => ", interrupted".to_owned(),
                (false, 0) if empty => ": this shard has no part of the work".to_owned(),
                (false, 0) => ": nothing was run".to_owned(),
                (false, _) if left_undone > 0 => {
                    format!("; failures enough, {left_undone} runs left undone")
                }
                (false, _) => String::new(),
            };
            self.faults.show(console)?;
            self.show_legal(console)?;
            let name = total.word(outcome, interrupted);
            let (runs, label) = (total.runs, self.rules().label);
            let held_to =
                self.rows.first().map_or_else(Vec::new, |row| row.prepared.held_to.texts());
            let held_to = if held_to.is_empty() {
                String::new()
            } else {
                format!(", held to {}", held_to.join(", "))
            };
            let legal = self.legal_sums();
            let seconds = format!("{}.{:01}", wall_ms / 1_000, wall_ms % 1_000 / 100);
            writeln!(
                console.stdout(),
                "{name} {label}{held_to}: {runs} runs in {seconds} s, {runs_per_second} a second{legal}{end}"
            )?;
        }
        console.stdout().flush()?;
        let cut = interrupted && outcome != Outcome::Violated;
        Ok(if cut { ExitCode::Interrupted } else { outcome.into() })
    }

    /// A sweep that held may still have lost records.
    fn show_legal(&self, console: &mut Console) -> Result<(), Failure> {
        for row in &self.rows {
            for line in row.legal.lines(&row.prepared.argument, row.counts.runs) {
                writeln!(console.stdout(), "{line}")?;
            }
        }
        Ok(())
    }

    /// What was legally lost, duplicated or reordered in all, to follow a sentence.
    fn legal_sums(&self) -> String {
        let mut sums: BTreeMap<Harm, u64> = BTreeMap::new();
        for (harm, records) in self.rows.iter().flat_map(|row| row.legal.sums()) {
            *sums.entry(harm).or_default() += records;
        }
        if sums.is_empty() {
            return String::new();
        }
        let told: Vec<String> =
            sums.iter().map(|(harm, sum)| format!("{sum} {}", harm.participle())).collect();
        format!("; records legally {}", told.join(", "))
    }

    fn table(&self, console: &mut Console, ended: Ended) -> Result<(), Failure> {
        let width =
            self.rows.iter().map(|row| row.prepared.argument.len()).max().unwrap_or(0).max(8);
        let titles = ("scenario", "held", "violated", "inconclusive");
        writeln!(
            console.stdout(),
            "{:width$}  {:>9}  {:>9}  {:>12}",
            titles.0,
            titles.1,
            titles.2,
            titles.3
        )?;
        for row in &self.rows {
            let Counts { held, violated, inconclusive, .. } = row.counts;
            writeln!(
                console.stdout(),
                "{:width$}  {held:>9}  {violated:>9}  {inconclusive:>12}",
                row.prepared.argument
            )?;
        }
        for row in &self.rows {
            if let Some((seed, reason)) = &row.inconclusive {
                let command = row.prepared.command(*seed);
                writeln!(
                    console.stdout(),
                    "inconclusive {} seed {seed}: {reason}\n  {command}",
                    row.prepared.argument
                )?;
            }
            let name = &row.prepared.argument;
            for missing in row.reach.missing() {
                if ended.is_part {
                    let whose = "of this shard; `harrow merge` tells it of all";
                    writeln!(console.stdout(), "reach {name}: {missing} {whose}")?;
                } else {
                    writeln!(console.stdout(), "inconclusive {name}: {missing}")?;
                }
            }
            // Of many scenarios it would be a page that nobody asked for.
            let alone = self.rows.len() == 1;
            for some in row.reach.partly().into_iter().filter(|_| alone) {
                writeln!(console.stdout(), "reach {name}: {some}")?;
            }
        }
        Ok(())
    }
}

impl Row<'_> {
    fn summary(&self) -> ScenarioSummary<'_> {
        ScenarioSummary {
            scenario: &self.prepared.argument,
            counts: self.counts,
            reach: self.reach.marks(),
            legal: self.legal.rows(),
            failures: &self.failures,
        }
    }
}

impl Failed {
    fn new(prepared: &Prepared, report: &Report) -> Self {
        let finding = report.findings.first();
        Self {
            seed: report.coordinate.seed,
            guarantee: finding.map_or_else(String::new, |finding| finding.guarantee.clone()),
            anomaly: finding.map_or_else(String::new, |finding| finding.anomaly.clone()),
            command: prepared.command(report.coordinate.seed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_that_somebody_ended_tells_what_its_runs_were() {
        let counts = |held, inconclusive| Counts {
            runs: held + inconclusive,
            held,
            inconclusive,
            ..Counts::default()
        };
        let word = |counts: Counts, interrupted| counts.word(Outcome::Inconclusive, interrupted);
        assert_eq!(word(counts(5, 0), true), "all runs so far held");
        assert_eq!(word(counts(4, 1), true), "inconclusive");
        assert_eq!(word(counts(0, 0), true), "inconclusive");
        assert_eq!(word(counts(5, 0), false), "inconclusive", "a mark was not reached");
        assert_eq!(counts(5, 0).word(Outcome::Held, false), "held");
    }
}

//! `harrow coverage`.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering;

use clap::Args;
use serde::Serialize;

use super::console::{Console, Failure};
use super::interrupt::{on_interrupt, tell_interrupted};
use super::seeds::{self, SeedRange};
use crate::coverage::{Coverage, DefectRow, InvariantRow, MarkRow, RuleNumber, scenarios};
use crate::exit::ExitCode;
use crate::format::Scenario;
use crate::pipeline::{self, COMMIT};
use crate::planner::plan;
use crate::pool;

/// So many scenarios are named in a cell; of more, it is told how many they are.
const NAMES_MAX: usize = 6;

/// Tell which scenario of the catalogue covers which known bug, rule, invariant, fault and situation.
///
/// Every scenario is run with each seed to see which marks it reaches; the rest follows from the catalogue. The tables
/// are Markdown: scenarios/COVERAGE.md is this command's output. Exit codes: 0 told, 130 interrupted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  harrow coverage > COVERAGE.md\n  \
    harrow coverage --seeds 1..20 --format json")]
pub(super) struct CoverageCommand {
    /// Seeds A..B, both ends included, of which each scenario is run.
    #[arg(long, value_name = "A..B", value_parser = SeedRange::parse, default_value = "1..2",
        allow_hyphen_values = true)]
    seeds: SeedRange,
    /// Worker threads; as many as there are cores if not given.
    #[arg(long, value_name = "N", value_parser = seeds::threads, allow_hyphen_values = true)]
    jobs: Option<u16>,
}

#[derive(Serialize)]
struct CoverageReport<'a> {
    schema: u32,
    kind: &'static str,
    commit: &'static str,
    /// So many runs of each scenario.
    seeds: u64,
    #[serde(flatten)]
    coverage: &'a Coverage,
}

type Reached = BTreeMap<&'static str, BTreeMap<String, u64>>;

impl CoverageCommand {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let scenarios = scenarios()?;
        let Some(reached) = self.reached(&scenarios)? else { return Ok(ExitCode::Interrupted) };
        let coverage = Coverage::of(&scenarios, &reached);
        let seeds = self.seeds.last - self.seeds.first + 1;
        if console.is_json() {
            let coverage = &coverage;
            console.json(&CoverageReport {
                schema: 1,
                kind: "coverage",
                commit: COMMIT,
                seeds,
                coverage,
            })?;
            return Ok(ExitCode::Held);
        }
        let asked = format!("{}..{}", self.seeds.first, self.seeds.last);
        show(&coverage, &asked, scenarios.len(), console.stdout())?;
        console.stdout().flush()?;
        Ok(ExitCode::Held)
    }

    /// In how many runs of each scenario each mark was reached; none if somebody had enough.
    fn reached(&self, scenarios: &[(&'static str, Scenario)]) -> Result<Option<Reached>, Failure> {
        let interrupted = on_interrupt()?;
        let SeedRange { first, last, .. } = self.seeds;
        let runs = (last - first + 1).saturating_mul(scenarios.len() as u64);
        let (mut reached, mut done) = (Reached::new(), 0);
        pool::ordered(
            pool::Options {
                jobs: seeds::jobs(self.jobs),
                more: &|| !interrupted.load(Ordering::Relaxed),
            },
            |index| (index < runs).then(|| one(scenarios, first, index)),
            |(name, marks)| {
                done += 1;
                let counts = reached.entry(name).or_default();
                for mark in marks {
                    *counts.entry(mark).or_default() += 1;
                }
                ControlFlow::Continue(())
            },
        );
        if done < runs {
            tell_interrupted(&format!(
                "{done} of {runs} runs were played, and a part tells nothing"
            ));
            return Ok(None);
        }
        Ok(Some(reached))
    }
}

fn one(
    scenarios: &[(&'static str, Scenario)],
    first: u64,
    index: u64,
) -> (&'static str, Vec<String>) {
    let count = scenarios.len() as u64;
    let (name, scenario) = &scenarios[(index % count) as usize];
    let run = pipeline::run(&plan(scenario, first + index / count), false);
    let met = run.reached.into_iter().filter(|(_, times)| *times > 0);
    (name, met.map(|(mark, _)| mark).collect())
}

fn show(
    coverage: &Coverage,
    seeds: &str,
    scenarios: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(
        out,
        "# What the catalogue covers\n\n\
         Made by `harrow coverage --seeds {seeds}`; a test keeps it true. {scenarios} scenarios, {} known bugs and \
         weaknesses, {} invariants\nthat watch every run, {} rules of the model \
         ([RULES.md](../broker-model/RULES.md)).",
        coverage.defects.len(),
        coverage.invariants.len(),
        coverage.rules.len(),
    )?;
    show_defects(&coverage.defects, out)?;
    show_rules(&coverage.rules, out)?;
    show_invariants(&coverage.invariants, out)?;
    show_faults(&coverage.faults, scenarios, out)?;
    show_marks(&coverage.marks, seeds, scenarios, out)
}

fn show_defects(defects: &[DefectRow], out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "\n## Known bugs\n\nEach is found in the scenario by the anomaly, and the seed holds without it. Where no \
         invariant is named, clients see it,\nor something never came true after the heal.\n\n\
         | bug | rule | anomaly | invariant | scenario, seed |\n|---|---|---|---|---|"
    )?;
    for DefectRow { name, rules, anomaly, invariant, scenario, seed } in defects {
        let rules = joined(rules);
        let invariant = invariant.map_or_else(String::new, |name| format!("`{name}`"));
        writeln!(out, "| `{name}` | {rules} | `{anomaly}` | {invariant} | `{scenario}`, {seed} |")?;
    }
    Ok(())
}

fn show_rules(
    rules: &BTreeMap<RuleNumber, Vec<&'static str>>,
    out: &mut impl Write,
) -> io::Result<()> {
    let (broken, whole): (Vec<_>, Vec<_>) =
        rules.iter().partition(|(_, defects)| !defects.is_empty());
    writeln!(
        out,
        "\n## Rules\n\nWhat breaks a rule, and so shows that scenarios exercise it.\n\n\
         | rule | broken by |\n|---|---|"
    )?;
    for (number, defects) in &broken {
        writeln!(out, "| {number} | {} |", quoted(defects))?;
    }
    let numbers: Vec<&RuleNumber> = whole.into_iter().map(|(number, _)| number).collect();
    writeln!(out, "\nRules that no known bug breaks; their tests are in RULES.md:\n")?;
    for numbers in numbers.chunks(16) {
        writeln!(out, "{}", joined(numbers))?;
    }
    Ok(())
}

fn show_invariants(invariants: &[InvariantRow], out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "\n## Invariants\n\nEach has a good and a bad case for each of its anomalies in `sim/tests/watch/matrix`.\n\n\
         | invariant | anomalies | bugs by which runs break it |\n|---|---|---|"
    )?;
    for InvariantRow { name, anomalies, defects } in invariants {
        writeln!(out, "| `{name}` | {anomalies} | {} |", quoted(defects))?;
    }
    Ok(())
}

fn show_faults(
    faults: &BTreeMap<String, Vec<&'static str>>,
    scenarios: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(out, "\n## Faults\n\n| fault | scenarios |\n|---|---|")?;
    for (kind, names) in faults {
        writeln!(out, "| `{kind}` | {} |", few(names, scenarios))?;
    }
    Ok(())
}

fn show_marks(
    marks: &[MarkRow],
    seeds: &str,
    scenarios: usize,
    out: &mut impl Write,
) -> io::Result<()> {
    writeln!(
        out,
        "\n## Situations\n\nA mark counts a situation; `harrow explain MARK` says which. A scenario of the second \
         column is inconclusive if a sweep of it\nnever comes across it.\n\n\
         | mark | must be reached in | is reached in, with seeds {seeds} |\n|---|---|---|"
    )?;
    for MarkRow { mark, asked, reached } in marks {
        let names: Vec<&str> = reached.keys().copied().collect();
        let (asked, reached) = (few(asked, scenarios), few(&names, scenarios));
        writeln!(out, "| `{mark}` | {asked} | {reached} |")?;
    }
    Ok(())
}

fn joined(items: &[impl ToString]) -> String {
    items.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn few(names: &[&str], all: usize) -> String {
    match names.len() {
        count if count <= NAMES_MAX => quoted(names),
        count if count == all => "all".to_owned(),
        count => format!("{count} of {all}"),
    }
}

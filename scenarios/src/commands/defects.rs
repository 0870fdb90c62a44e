//! `harrow defects`.

use std::io::Write;

use clap::Args;
use harrow_broker_model::defect::{Defect, Entry, Version};
use serde::Serialize;

use super::console::{Console, Failure};
use super::list::wrapped;
use super::reading::version;
use crate::exit::ExitCode;

/// List the bugs and weaknesses of Kafka that can be switched on: what each is, which versions have it, and a scenario
/// and seed that show it.
///
/// `--format json` prints one array: name, meaning, source, since, fixed, side, with, guarantee, anomaly, scenario,
/// seed. `since` is null for what nobody shipped; `fixed` is empty for what is open; `with` names others that must be
/// on for it to show.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  harrow defects\n  harrow defects --kafka 4.1\n  harrow explain no-dedup\n  \
    harrow sweep lost-response --seeds 1..200 --defect no-dedup --fail-fast"
)]
pub(super) struct Defects {
    /// Only those that this version of Kafka has.
    #[arg(long, value_name = "VERSION", value_parser = version, allow_hyphen_values = true)]
    kafka: Option<Version>,
}

/// As `--format json` prints it.
#[derive(Serialize)]
struct Row {
    name: &'static str,
    meaning: &'static str,
    source: &'static str,
    since: Option<Version>,
    fixed: &'static [Version],
    side: &'static str,
    with: &'static [&'static str],
    guarantee: &'static str,
    anomaly: &'static str,
    scenario: &'static str,
    seed: u64,
}

impl From<&Entry> for Row {
    fn from(entry: &Entry) -> Self {
        Self {
            name: entry.name,
            meaning: entry.meaning,
            source: entry.source,
            since: entry.affected.since(),
            fixed: entry.affected.fixed(),
            side: entry.side.name(),
            with: entry.with,
            guarantee: entry.guarantee,
            anomaly: entry.anomaly,
            scenario: entry.scenario,
            seed: entry.seed,
        }
    }
}

impl Defects {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let entries: Vec<&Entry> = Defect::all()
            .map(Defect::entry)
            .filter(|entry| self.kafka.is_none_or(|version| entry.affected.includes(version)))
            .collect();
        if console.is_json() {
            console.json(&entries.iter().map(|entry| Row::from(*entry)).collect::<Vec<_>>())?;
            return Ok(ExitCode::Held);
        }
        let bold = Console::styles().strong;
        for entry in &entries {
            writeln!(console.stdout(), "{bold}{}{bold:#}  {}", entry.name, entry.source)?;
            for line in wrapped(entry.meaning, 76) {
                writeln!(console.stdout(), "    {line}")?;
            }
            writeln!(console.stdout(), "    {} side, {}", entry.side.name(), entry.affected)?;
            writeln!(console.stdout(), "    {}: harrow {}", entry.anomaly, entry.shown_by())?;
        }
        if let (Some(version), true) = (self.kafka, entries.is_empty()) {
            writeln!(console.stdout(), "the catalogue has none that Kafka {version} has")?;
        }
        Ok(ExitCode::Held)
    }
}

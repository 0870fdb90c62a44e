//! `harrow defects`.

use std::io::Write;

use clap::Args;
use harrow_reports::explain::DEFECTS;

use super::console::{Console, Failure};
use crate::exit::ExitCode;

/// List the historical bugs that can be switched on, and where each shows soonest.
///
/// `--format json` prints one array: name, id, source, guarantee, anomaly, scenario.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  harrow defects\n  harrow explain no-dedup\n  \
    harrow sweep lost-response --seeds 1..200 --defect no-dedup --fail-fast")]
pub(super) struct Defects {}

impl Defects {
    pub(super) fn execute(console: &mut Console) -> Result<ExitCode, Failure> {
        if console.is_json() {
            console.json(&DEFECTS)?;
            return Ok(ExitCode::Held);
        }
        let bold = Console::styles().strong;
        let rows = [["NAME", "ID", "GUARANTEE", "ANOMALY", "SCENARIO", "SOURCE"]]
            .into_iter()
            .chain(DEFECTS.iter().map(|row| {
                [row.entry.name, row.id, row.guarantee, row.anomaly, row.scenario, row.entry.source]
            }));
        let rows: Vec<[&str; 6]> = rows.collect();
        let widths: Vec<usize> = (0..6)
            .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
            .collect();
        for (index, row) in rows.iter().enumerate() {
            let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}"));
            let line = cells.collect::<Vec<_>>().join("  ");
            let style = if index == 0 { bold } else { anstyle::Style::new() };
            writeln!(console.stdout(), "{style}{}{style:#}", line.trim_end())?;
        }
        Ok(ExitCode::Held)
    }
}

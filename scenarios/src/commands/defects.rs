//! `harrow defects`.

use std::io::Write;

use clap::Args;
use harrow_reports::explain::DEFECTS;

use super::console::{Console, Failure};
use crate::exit::ExitCode;

/// List the historical bugs that can be switched on, and where each shows soonest.
///
/// `--format json` prints one array: name, source, guarantee, anomaly, scenario.
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
        for row in &DEFECTS {
            let entry = &row.entry;
            writeln!(console.stdout(), "{bold}{}{bold:#}  {}", entry.name, entry.source)?;
            let shows =
                format!("breaks {} by {}, soonest in {}", row.guarantee, row.anomaly, row.scenario);
            writeln!(console.stdout(), "    {shows}")?;
        }
        Ok(ExitCode::Held)
    }
}

//! `harrow replay`.

use std::path::PathBuf;

use clap::Args;

use super::console::{Console, Failure};
use super::files::OutDirectory;
use super::reading::{plan_file, quoted};
use super::run::show;
use crate::exit::ExitCode;
use crate::pipeline::RunIdentity;

/// Run a plan file again, bit for bit: same digest, same findings.
///
/// Exit codes: 0 held, 1 violated, 3 inconclusive.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  harrow run leader-crash --seed 7 --out runs/7\n  \
    harrow replay runs/7/plan.json")]
pub(super) struct Replay {
    /// A plan.json that `harrow run --out` has left; it may have been edited.
    plan: PathBuf,
    /// Leave plan.json, history.jsonl, history.toml, trace.txt and report.json in this directory.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Replay {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let plan = plan_file(&self.plan)?;
        let out = self.out.as_deref().map(OutDirectory::open).transpose()?;
        let path = self.plan.display().to_string();
        let command = format!("harrow replay {}", quoted(&path));
        let identity =
            RunIdentity { scenario: &plan.scenario, plan: Some(&path), replay: &command };
        show(console, &plan, identity, out.as_ref())
    }
}

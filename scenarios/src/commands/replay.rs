//! `harrow replay`.

use std::path::PathBuf;

use clap::Args;

use super::ci::CiArgs;
use super::console::{Console, Failure};
use super::files::OutDirectory;
use super::hold::HeldTo;
use super::reading::{plan_file, plan_path, quoted};
use super::run::{Left, show, while_running};
use crate::exit::ExitCode;
use crate::pipeline::{RunIdentity, run_and_judge_held_to};

/// Run a plan file again, bit for bit: same digest, same findings.
///
/// Exit codes: 0 held, 1 violated, 3 inconclusive.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  harrow run leader-crash --seed 7 --out runs/7\n  \
    harrow replay runs/7/plan.json\n  harrow replay runs/7 --hold acks=all")]
pub(super) struct Replay {
    /// A plan.json that `harrow run --out` has left, the directory, or `-` for a plan on standard input; it may
    /// have been edited.
    plan: PathBuf,
    #[command(flatten)]
    held_to: HeldTo,
    /// Leave plan.json, history.jsonl, history.toml, trace.txt, trace.jsonl, report.json and report.html in this
    /// directory. The very same run replaces what it has left there; another one is refused.
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    ci: CiArgs,
}

impl Replay {
    pub(super) fn execute(&self, console: &mut Console) -> Result<ExitCode, Failure> {
        let path = plan_path(&self.plan);
        let plan = plan_file(&path)?;
        let out = self.out.as_deref().map(OutDirectory::open).transpose()?;
        let path = path.display().to_string();
        let mut words = vec![format!("harrow replay {}", quoted(&path))];
        words.extend(self.held_to.flags());
        let command = words.join(" ");
        let identity =
            RunIdentity { scenario: &plan.scenario, plan: Some(&path), replay: &command };
        let judged = |trace| {
            let hold = self.held_to.hold();
            let mut judged = while_running(|| run_and_judge_held_to(&plan, identity, trace, &hold));
            judged.report.coordinate.held_to = self.held_to.texts();
            judged
        };
        show(
            console,
            &plan,
            &command,
            judged,
            Left { out: out.as_ref(), ci: &self.ci, held_to: &self.held_to },
        )
    }
}

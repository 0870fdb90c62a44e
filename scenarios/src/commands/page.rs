//! The page of a run, beside its other files.

use harrow_reports::page::{Story, write_page};
use harrow_sim::plan::Plan;

use super::console::Failure;
use super::files::OutDirectory;
use crate::pipeline::JudgedRun;

/// What it is called in the directory of a run.
pub(super) const PAGE: &str = "report.html";

/// Writes the page of a run that has its trace.
pub(super) fn leave_page(
    out: &OutDirectory,
    name: &str,
    plan: &Plan,
    judged: &JudgedRun,
) -> Result<(), Failure> {
    let story = Story { plan, run: &judged.run, report: &judged.report };
    Ok(out.write(name, |file| write_page(story, file))?)
}

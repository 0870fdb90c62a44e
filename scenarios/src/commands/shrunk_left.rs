//! What an earlier search has left in a directory.

use std::fs;
use std::path::Path;

use harrow_reports::fingerprint::Fingerprint;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::files::OutDirectory;
use crate::shrink::Size;

/// How large a plan and its run are.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(super) struct Measured {
    #[serde(flatten)]
    pub(super) size: Size,
    pub(super) events: u64,
    pub(super) simulated_ms: u64,
}

/// Of `shrunk.json`, what a search needs that goes on from there.
#[derive(Debug, Deserialize)]
pub(super) struct Earlier {
    /// What the whole plan was called.
    pub(super) title: String,
    pub(super) fingerprint: Fingerprint,
    /// What it is held to beside what was promised.
    #[serde(default)]
    pub(super) held_to: Vec<String>,
    /// How large the whole plan was.
    pub(super) before: Measured,
    /// How large what it left is.
    pub(super) after: Measured,
}

/// What a search has left in a directory, if one has.
pub(super) fn earlier(out: &OutDirectory) -> Option<Earlier> {
    serde_json::from_slice(&fs::read(out.path("shrunk.json")).ok()?).ok()
}

/// What a search has left beside a plan, if the plan is still as it left it.
pub(super) fn earlier_beside(plan: &Path) -> Option<Earlier> {
    let report = fs::read(plan.with_file_name("shrunk.json")).ok()?;
    let report: Value = serde_json::from_slice(&report).ok()?;
    let is_as_left = is_as_left(&report, &fs::read(plan).ok()?);
    is_as_left.then(|| serde_json::from_value(report).ok()).flatten()
}

/// Whether a plan's text is the plan that `shrunk.json` tells of.
pub(super) fn is_as_left(report: &Value, plan: &[u8]) -> bool {
    serde_json::from_slice::<Value>(plan).is_ok_and(|plan| report["plan"] == plan)
}

//! What an oracle tells of a plan that still fails.

use std::collections::BTreeMap;

/// How a plan failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FailingRun {
    /// The runtime seed under which it did.
    pub seed: u64,
    /// When it showed, in milliseconds of true time; none if that is not known. What comes later does not matter.
    pub shown_ms: Option<u64>,
    /// The nodes that each step's targets stood for, by the step's id.
    pub resolved: BTreeMap<u32, Vec<i32>>,
}

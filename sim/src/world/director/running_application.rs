//! An application of a run, as its director knows it.

use std::collections::BTreeMap;

use harrow_broker_model::types::{NodeId, Offset, OperationId};

use crate::plan::Plan;

/// The offset behind the furthest record that was stated as processed: by group and topic, then by partition.
pub(super) type ProcessedInput = BTreeMap<(String, String), BTreeMap<i32, Offset>>;

/// One application.
#[derive(Debug)]
pub(super) struct RunningApplication {
    /// Its node.
    pub(super) node: NodeId,
    /// Its process number in the history; another one after a crash.
    pub(super) process: u32,
    /// When it starts at the earliest, in milliseconds.
    pub(super) start_ms: u64,
    /// What it has begun: the numbers in the history of its own.
    pub(super) open: BTreeMap<OperationId, OperationId>,
}

impl RunningApplication {
    /// Those of a plan; the first has this process number.
    pub(super) fn all(plan: &Plan, first_process: u32) -> Vec<Self> {
        let numbered = plan.applications.iter().zip(first_process..);
        let all = numbered.map(|(planned, process)| Self {
            node: planned.node,
            process,
            start_ms: planned.start_ms,
            open: BTreeMap::new(),
        });
        all.collect()
    }
}

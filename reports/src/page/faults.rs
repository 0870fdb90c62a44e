//! Faults as bands over the nodes that they struck.

use harrow_sim::plan::{Plan, Step};
use harrow_sim::run::{InjectedFault, Run};
use serde::Serialize;

/// One fault, times in microseconds.
#[derive(Debug, Serialize)]
pub(super) struct FaultBand {
    at: u64,
    until: u64,
    kind: String,
    nodes: Vec<i32>,
    summary: String,
    /// Why it was held back or weakened.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_back: Option<String>,
    /// What the template shows as its time.
    time: String,
}

pub(super) fn of(plan: &Plan, run: &Run) -> Vec<FaultBand> {
    run.faults.iter().map(|fault| band(plan, fault)).collect()
}

fn band(plan: &Plan, fault: &InjectedFault) -> FaultBand {
    let step = plan.steps.iter().find(|step| step.id == fault.step);
    let lasts_ms = step.map_or(0, lasts_ms);
    // Whatever lasts is ended by the heal.
    let until_ms = (fault.at_ms + lasts_ms).min(plan.heal_at_ms).max(fault.at_ms);
    FaultBand {
        at: fault.at_ms * 1_000,
        until: until_ms * 1_000,
        kind: fault.kind.clone(),
        nodes: fault.nodes.iter().map(|node| node.0).collect(),
        summary: fault.summary.clone(),
        held_back: fault.held_back.clone(),
        time: format!("{}.{:03}s", fault.at_ms / 1_000, fault.at_ms % 1_000),
    }
}

/// How long a step says that it lasts; 0 if it says nothing. Faults call that `for_ms` or `down_ms`.
fn lasts_ms(step: &Step) -> u64 {
    let action = serde_json::to_value(&step.action).unwrap_or_default();
    let field = |name: &str| action.get(name).and_then(serde_json::Value::as_u64);
    field("for_ms").or_else(|| field("down_ms")).unwrap_or(0)
}

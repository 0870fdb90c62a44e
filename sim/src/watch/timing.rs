//! What may be expected in time: how long processes have run, and how far clocks may be wrong. Of a process that
//! stands still, paused or in a blocking sync, nobody expects anything.

use harrow_broker_model::types::NodeId;

use crate::plan::{Action, Plan};

/// What a leader may need beyond the clocks, in nanoseconds: its check is one of several things due at a time.
pub(super) const SLACK_NS: u64 = 100_000_000;

/// Since when each node goes on.
#[derive(Debug, Default)]
pub(super) struct RunningSince {
    /// None while it stands still. There are few nodes, and they stand still often.
    since: Vec<(NodeId, Option<u64>)>,
}

impl RunningSince {
    /// A process stands still from now on, or goes on.
    pub(super) fn process_blocked(&mut self, at_ns: u64, node: NodeId, still: bool) {
        let since = (!still).then_some(at_ns);
        match self.since.iter_mut().find(|(known, _)| *known == node) {
            Some((_, known)) => *known = since,
            None => self.since.push((node, since)),
        }
    }

    /// Whether a node has gone on for longer than this, in nanoseconds.
    pub(super) fn for_longer_than(&self, at_ns: u64, node: NodeId, long_ns: u64) -> bool {
        let known = self.since.iter().find(|(known, _)| *known == node);
        let since = known.map_or(Some(0), |(_, since)| *since);
        since.is_some_and(|since| at_ns > since + long_ns)
    }
}

/// How much true time passes, at most, while a clock of the plan shows that so much has passed.
pub(super) fn by_slowest_clock(plan: &Plan, own_ns: u64) -> u64 {
    let steps = plan.steps.iter().filter_map(|step| {
        if let Action::DriftClock { ppm, .. } = step.action { Some(ppm) } else { None }
    });
    let slowest = plan.clocks.iter().map(|clock| clock.drift_ppm).chain(steps).min();
    let speed = 1_000_000 + i64::from(slowest.unwrap_or(0).min(0));
    (u128::from(own_ns) * 1_000_000 / speed.max(1) as u128) as u64
}

/// Whether a clock of the plan is wrong at any time.
pub(super) fn has_wrong_clocks(plan: &Plan) -> bool {
    let is_turned =
        |action: &Action| matches!(action, Action::StepClock { .. } | Action::DriftClock { .. });
    plan.clocks.iter().any(|clock| (clock.offset_ms, clock.drift_ppm) != (0, 0))
        || plan.steps.iter().any(|step| is_turned(&step.action))
}

/// How much true time passes, at least, while a clock of the plan shows that so much has passed.
pub(super) fn by_fastest_clock(plan: &Plan, own_ns: u64) -> u64 {
    let steps = plan.steps.iter().filter_map(|step| {
        if let Action::DriftClock { ppm, .. } = step.action { Some(ppm) } else { None }
    });
    let fastest = plan.clocks.iter().map(|clock| clock.drift_ppm).chain(steps).max();
    let speed = 1_000_000 + i64::from(fastest.unwrap_or(0).max(0));
    (u128::from(own_ns) * 1_000_000 / speed.max(1) as u128) as u64
}

//! First stage: what either view has to say against the run, legal or not.

use std::collections::BTreeMap;

use harrow_broker_model::types::NodeId;
use harrow_sim::liveness::Goal;
use harrow_sim::run::{End, Run, UnmetGoal};
use harrow_sim::violation::Violation;

use crate::check::{Examined, Occurrence, Removal, examine};

use super::case::{Case, Simulated};
use super::gaps::gaps;

/// Everything that is not as it should be.
#[derive(Default)]
pub(super) struct Detected<'a> {
    /// Invariants that the watch saw broken, in true state.
    pub(super) violations: Vec<&'a Violation>,
    /// What the checks found in the history, in order of time.
    pub(super) anomalies: Vec<Occurrence>,
    /// Acknowledged records that nobody read and nobody can miss: by partition and reason, how many.
    pub(super) removed: BTreeMap<(u32, Removal), u64>,
    /// Goals that no rule could meet.
    pub(super) unmet: Vec<&'a UnmetGoal>,
    /// How the run failed to end, if it did.
    pub(super) failure: Option<Failure<'a>>,
    /// What the history lacks.
    pub(super) gaps: Vec<String>,
    /// Reach marks that the plan expects and the run never came across.
    pub(super) unreached: Vec<&'a str>,
}

/// How a run failed to end, and when, in true time.
pub(super) struct Failure<'a> {
    pub(super) ended_ns: u64,
    pub(super) kind: FailureKind<'a>,
}

/// How a run failed to end.
pub(super) enum FailureKind<'a> {
    NotConverged(NotConverged<'a>),
    Panicked { message: &'a str, node: Option<NodeId>, events: u64 },
}

/// What did not come true after the heal.
pub(super) struct NotConverged<'a> {
    pub(super) goal: Goal,
    /// What it waited for, in words.
    pub(super) pending: &'a str,
    /// The last progress, in milliseconds of true time.
    pub(super) since_ms: u64,
    /// Why no rule can recover from this state, if that is so.
    pub(super) unrecoverable: Option<&'a str>,
}

/// Looks at the history with the checks, and at the run with what its watch noted.
pub(super) fn detect<'a>(case: &Case<'a>) -> Detected<'a> {
    let Examined { occurrences, removed } = examine(case.history, case.options);
    let gaps = case.cut.iter().cloned().chain(gaps(case.history)).collect();
    let by_clients = Detected { anomalies: occurrences, removed, gaps, ..Detected::default() };
    match case.simulated {
        Some(simulated) => with_true_state(simulated, by_clients),
        None => by_clients,
    }
}

fn with_true_state<'a>(simulated: Simulated<'a>, by_clients: Detected<'a>) -> Detected<'a> {
    let Simulated { plan, run } = simulated;
    let expected = plan.expect.reach.iter().map(String::as_str);
    Detected {
        violations: run.violations.iter().collect(),
        unmet: run.unmet.iter().collect(),
        failure: failure(run),
        unreached: expected.filter(|mark| !reached(run, mark)).collect(),
        ..by_clients
    }
}

fn reached(run: &Run, mark: &str) -> bool {
    run.reached.get(mark).is_some_and(|count| *count > 0)
}

fn failure(run: &Run) -> Option<Failure<'_>> {
    let kind = match &run.end {
        End::Quiesced => return None,
        End::TimeLimit { goal, pending, since_ms, unrecoverable } => {
            let (goal, since_ms) = (*goal, *since_ms);
            let unrecoverable = unrecoverable.as_deref();
            FailureKind::NotConverged(NotConverged { goal, pending, since_ms, unrecoverable })
        }
        End::Panicked { message, node } => {
            FailureKind::Panicked { message, node: *node, events: run.stats.events }
        }
    };
    Some(Failure { ended_ns: run.stats.simulated_ms.saturating_mul(1_000_000), kind })
}

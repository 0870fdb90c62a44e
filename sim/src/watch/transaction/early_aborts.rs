//! Nobody's transaction is aborted while it has time.
//!
//! Promise: a coordinator aborts a transaction by itself only once `transaction.timeout.ms` has passed since it began,
//! whichever coordinator began it; before that, only if somebody has asked: its producer (`EndTxn`), or who takes the
//! transactional id over (`InitProducerId`), administrators among them. A coordinator that counts from an older
//! transaction, or from what another one had in mind, fences producers that have done nothing wrong, again and again.
//! Source: KIP-98; `TransactionMetadata.prepareAddPartitions` (`txnStartTimestamp`),
//! `TransactionStateManager.timedOutTransactions`.
//! Not verified: by how much a transaction is cut short that begins long after the one before it ended, since it counts
//! from there; one whose predecessor nobody has stated; runs with clients that speak bytes, whose requests nobody
//! hears. Where wall clocks are wrong, by which these times go, all that they may be wrong by is allowed for.

use std::collections::BTreeMap;

use harrow_broker_model::message::{ClientRequest, Request, RequestBody, Response};
use harrow_broker_model::note::TransactionState;
use harrow_broker_model::types::{ConnectionId, CorrelationId, NodeId, TransactionOrdinal};

use super::transactions::Transition;
use crate::plan::{Action, Plan};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

const UNASKED: Anomaly = Anomaly {
    name: "aborted-unasked",
    guarantee: Guarantee::Liveness,
    meaning: "a coordinator aborted a transaction that had time left, and nobody had asked for that",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "transaction-time",
    promise: "a transaction has its whole timeout, unless somebody asks for its abort",
    source: "KIP-98, TransactionStateManager.timedOutTransactions",
    leaves_out: "the pause before a transaction, which counts as part of it; clients that speak bytes",
    anomalies: &[UNASKED],
};

const MS: u64 = 1_000_000;

/// A request: at whom, on which connection, and which one there.
type Key = (NodeId, ConnectionId, CorrelationId);

/// Since when each transactional id can have had its next transaction, and who wanted that it ends.
#[derive(Debug)]
pub(super) struct EarlyAborts {
    clocks: ClockErrors,
    rested: BTreeMap<String, Rest>,
    wishes: Wishes,
}

/// When it was first stated that a transactional id rests after a transaction.
#[derive(Debug, Clone, Copy)]
struct Rest {
    transaction: TransactionOrdinal,
    since_ns: u64,
}

impl EarlyAborts {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { clocks: ClockErrors::of(plan), rested: BTreeMap::new(), wishes: Wishes::default() }
    }

    pub(super) fn asked(
        &mut self,
        context: &Context<'_>,
        (connection, request): (ConnectionId, &Request),
    ) {
        self.wishes.asked(context, (connection, request));
    }

    pub(super) fn answered(
        &mut self,
        context: &Context<'_>,
        (connection, response): (ConnectionId, &Response),
    ) {
        self.wishes.answered(context.at_ns, (context.node, connection, response.correlation_id));
    }

    /// Nobody waits on a connection any more.
    pub(super) fn connection_closed(&mut self, node: NodeId, connection: ConnectionId) {
        self.wishes.gone(|(at, on, _)| (*at, *on) == (node, connection));
    }

    /// A process begins without memory.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.wishes.gone(|(at, ..)| *at == node);
    }

    /// A coordinator took a transactional id to a state.
    pub(super) fn on_state(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        next: Transition<'_>,
    ) {
        self.wishes.now_ns = context.at_ns;
        match next.state {
            TransactionState::Empty
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort => self.on_rest(context.at_ns, next),
            TransactionState::PrepareAbort => self.on_abort(context, findings, next),
            TransactionState::Ongoing
            | TransactionState::PrepareCommit
            | TransactionState::PrepareEpochFence
            | TransactionState::Dead => {}
        }
    }

    /// What is said again, by one that loads, changes nothing: what it has not read may have begun already.
    fn on_rest(&mut self, at_ns: u64, next: Transition<'_>) {
        let rest = Rest { transaction: next.transaction, since_ns: at_ns };
        match self.rested.get_mut(next.transactional_id) {
            Some(known) if known.transaction < rest.transaction => *known = rest,
            Some(_) => {}
            None => {
                self.rested.insert(next.transactional_id.to_owned(), rest);
            }
        }
    }

    fn on_abort(&self, context: &Context<'_>, findings: &mut Findings, next: Transition<'_>) {
        let Some(rest) = self.rested.get(next.transactional_id) else { return };
        if rest.transaction.0 + 1 != next.transaction.0 || !context.view.states_all() {
            return;
        }
        let seems_ns = self.clocks.seems_ns(context.at_ns, context.at_ns - rest.since_ns);
        let has_time = seems_ns < next.timeout_ms.saturating_mul(MS);
        if has_time && !self.wishes.since(next.transactional_id, rest.since_ns) {
            findings.report(context, &UNASKED, Place::CLUSTER, || {
                let open_ms = (context.at_ns - rest.since_ns) / MS;
                format!(
                    "transaction {} of {} was aborted, which nobody asked for, at most {open_ms} ms after it began; \
                     its timeout is {} ms",
                    next.transaction, next.transactional_id, next.timeout_ms
                )
            });
        }
    }
}

/// Requests after which a coordinator may abort.
#[derive(Debug, Default)]
struct Wishes {
    now_ns: u64,
    /// Those that are not answered: one may wait for its turn on its connection.
    open: BTreeMap<Key, String>,
    /// When the last of the others of a transactional id was answered, or given up.
    ended: BTreeMap<String, u64>,
    /// Somebody speaks bytes: nobody knows what it asks for.
    unheard: bool,
}

impl Wishes {
    fn asked(&mut self, context: &Context<'_>, (connection, request): (ConnectionId, &Request)) {
        self.unheard |= matches!(request.body, RequestBody::Wire(_));
        let Some(id) = to_abort(request) else { return };
        self.now_ns = context.at_ns;
        self.open.insert((context.node, connection, request.correlation_id), id.to_owned());
    }

    fn answered(&mut self, at_ns: u64, key: Key) {
        if let Some(id) = self.open.remove(&key) {
            self.now_ns = at_ns;
            self.ended.insert(id, at_ns);
        }
    }

    /// Nobody will answer these. What followed from one of them was stated by now, or will be.
    fn gone(&mut self, is_gone: impl Fn(&Key) -> bool) {
        if !self.open.keys().any(&is_gone) {
            return;
        }
        let open = std::mem::take(&mut self.open);
        let (gone, open): (BTreeMap<Key, String>, BTreeMap<Key, String>) =
            open.into_iter().partition(|(key, _)| is_gone(key));
        self.open = open;
        self.ended.extend(gone.into_values().map(|id| (id, self.now_ns)));
    }

    /// Whether a coordinator may have heard such a wish since a time.
    fn since(&self, id: &str, from_ns: u64) -> bool {
        self.unheard
            || self.ended.get(id).is_some_and(|at_ns| *at_ns >= from_ns)
            || self.open.values().any(|open| open == id)
    }
}

/// The transactional id whose transaction a request has aborted, if one is open.
fn to_abort(request: &Request) -> Option<&str> {
    let RequestBody::Client(body) = &request.body else { return None };
    if let ClientRequest::InitProducerId(init) = body {
        init.transactional_id.as_ref().map(|id| id.as_str())
    } else if let ClientRequest::EndTxn(end) = body
        && !end.committed
    {
        Some(end.transactional_id.as_str())
    } else {
        None
    }
}

/// By how much the time between two looks at wall clocks may seem longer than it is, by the plan.
#[derive(Debug, Clone, Copy)]
struct ClockErrors {
    /// How far clocks are apart at first, and how far they jump.
    jumps_ns: u64,
    /// How much too fast or too slow one may run, in millionths.
    drift_ppm: u64,
}

impl ClockErrors {
    fn of(plan: &Plan) -> Self {
        let offsets = plan.clocks.iter().map(|clock| clock.offset_ms);
        let ahead = offsets.clone().max().unwrap_or(0).max(0).unsigned_abs();
        let behind = offsets.min().unwrap_or(0).min(0).unsigned_abs();
        let steps = plan.steps.iter().filter_map(|step| {
            if let Action::StepClock { by_ms, .. } = step.action { Some(by_ms) } else { None }
        });
        let jumps_ms = steps.fold(ahead + behind, |sum, by| sum.saturating_add(by.unsigned_abs()));
        let drifts = plan.steps.iter().filter_map(|step| {
            if let Action::DriftClock { ppm, .. } = step.action { Some(ppm) } else { None }
        });
        let drifts = plan.clocks.iter().map(|clock| clock.drift_ppm).chain(drifts);
        let drift_ppm = drifts.map(i32::unsigned_abs).max().unwrap_or(0).into();
        Self { jumps_ns: jumps_ms.saturating_mul(MS), drift_ppm }
    }

    /// How long a time may seem that is over now: both clocks that were looked at have drifted from the start on.
    fn seems_ns(self, at_ns: u64, took_ns: u64) -> u64 {
        let drifted = u128::from(at_ns) * u128::from(self.drift_ppm) * 2 / 1_000_000;
        let drifted = u64::try_from(drifted).unwrap_or(u64::MAX);
        took_ns.saturating_add(self.jumps_ns).saturating_add(drifted)
    }
}

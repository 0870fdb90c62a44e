//! Who asks while nothing stands in the way is answered.
//!
//! Promise: a consumer's question for an end offset does not run out of time while it has long been calm for the whole
//! cluster: every broker and every controller runs and is to go on, no fault lasts, and the last one ended so long ago
//! that sessions, elections and proposals that it had begun are over. Source: Kafka's `Consumer.endOffsets`, which
//! repeats what fails until its time is over.
//! Not verified: where topics are deleted, whose partitions nobody may ask for; other errors than that the time is up;
//! a question whose time is too short for what has to be sent for it; commits, which have deadlines of their own, and
//! what producers send, which waits for its turn.

use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};
use crate::watch::shared::Shared;
use crate::watch::timing::by_slowest_clock;

const US: u64 = 1_000;
const MS: u64 = 1_000_000;
/// Sessions of brokers that may be over before the cluster is as it should be: one that ends, and one that begins.
const SESSIONS: u64 = 2;

const TIMED_OUT: Anomaly = Anomaly {
    name: "timed-out-in-calm",
    guarantee: Guarantee::Liveness,
    meaning: "a consumer's question for an end offset ran out of time although no fault was near",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answered-in-calm",
    promise: "a consumer's question for an end offset does not run out of time in a sound cluster",
    source: "Consumer.endOffsets",
    leaves_out: "deleted topics, other errors, times too short for an answer, commits, sends",
    anomalies: &[TIMED_OUT],
};

/// Messages that a question may need: for connections, for metadata and for itself, each of them sent again.
const MESSAGES: u64 = 24;

/// How long a cluster may need for itself when the last fault is over, and a client for an answer.
#[derive(Debug)]
pub(super) struct AnsweredInCalm {
    sessions_ns: u64,
    messages_ns: u64,
}

impl AnsweredInCalm {
    pub(super) fn new(plan: &Plan) -> Self {
        let session_ns = plan.cluster.broker_session_timeout_ms.saturating_mul(MS);
        let network = &plan.network;
        let slow_us = if network.slow_one_in > 0 { network.slow_extra_us.1 } else { 0 };
        Self {
            sessions_ns: by_slowest_clock(plan, SESSIONS * session_ns),
            messages_ns: MESSAGES * (network.client_latency_us.1 + slow_us) * US,
        }
    }

    /// What a consumer asked at a time has run out of time now.
    pub(super) fn on_timeout(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        (shared, asked_ns): (&Shared, u64),
    ) {
        let bounds = shared.calm.bounds();
        let own = [bounds.election_ns, bounds.proposal_ns, bounds.learns_ns, bounds.joiner_ns];
        let recovers_ns = own.into_iter().fold(self.sessions_ns, u64::saturating_add);
        let takes_ns = self.messages_ns.saturating_add(bounds.checks_ns);
        let view = context.view;
        let is_deleted = view.registry().topics().values().any(|topic| topic.deleted);
        let calm_since = shared.calm.everywhere(|node| view.is_running(node));
        let calm_since = calm_since.filter(|_| !view.hinders_anybody() && !is_deleted);
        let long_calm =
            calm_since.is_some_and(|since| asked_ns >= since.saturating_add(recovers_ns));
        if !long_calm || context.at_ns < asked_ns.saturating_add(takes_ns) {
            return;
        }
        findings.report(context, &TIMED_OUT, Place::CLUSTER, || {
            let (node, ms) = (context.node, (context.at_ns - asked_ns) / MS);
            format!("node {node} was not told an end offset for {ms} ms, and no fault was near")
        });
    }
}

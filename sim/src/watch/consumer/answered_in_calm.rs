//! Who asks while nothing stands in the way is answered.
//!
//! Promise: a consumer's question for an end offset, and its commit, do not run out of time while it has long been calm
//! for the whole cluster: every broker and every controller runs, no fault lasts, and the last one ended so long ago
//! that sessions, elections and proposals that it had begun are over. Source: Kafka's `Consumer.endOffsets` and
//! `commitSync`, which repeat what fails until `default.api.timeout.ms` is over.
//! Not verified: where topics are deleted, whose partitions nobody may ask for; other errors than that the time is up;
//! what producers send, which waits for its turn within `delivery.timeout.ms`.

use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};
use crate::watch::shared::Shared;
use crate::watch::timing::by_slowest_clock;

const MS: u64 = 1_000_000;
/// Sessions of brokers that may be over before the cluster is as it should be: one that ends, and one that begins.
const SESSIONS: u64 = 2;

const TIMED_OUT: Anomaly = Anomaly {
    name: "timed-out-in-calm",
    guarantee: Guarantee::Liveness,
    meaning: "a consumer's question or commit ran out of time although nothing stood in its way",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "answered-in-calm",
    promise: "a consumer's question or commit does not run out of time in a sound cluster",
    source: "Consumer.endOffsets, Consumer.commitSync",
    leaves_out: "deleted topics, other errors, sends",
    anomalies: &[TIMED_OUT],
};

/// How long a cluster may need for itself when the last fault is over.
#[derive(Debug)]
pub(super) struct AnsweredInCalm {
    sessions_ns: u64,
}

impl AnsweredInCalm {
    pub(super) fn new(plan: &Plan) -> Self {
        let session_ns = plan.cluster.broker_session_timeout_ms.saturating_mul(MS);
        Self { sessions_ns: by_slowest_clock(plan, SESSIONS * session_ns) }
    }

    /// What a consumer asked for at a time has run out of time now.
    pub(super) fn on_timeout(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        (shared, asked_ns, what): (&Shared, u64, &str),
    ) {
        let bounds = shared.calm.bounds();
        let own = [bounds.election_ns, bounds.proposal_ns, bounds.learns_ns, bounds.joiner_ns];
        let recovers_ns = own.into_iter().fold(self.sessions_ns, u64::saturating_add);
        let view = context.view;
        let is_deleted = view.registry().topics().values().any(|topic| topic.deleted);
        let calm_since = shared.calm.everywhere(|node| view.is_running(node));
        if is_deleted || calm_since.is_none_or(|since| asked_ns < since.saturating_add(recovers_ns))
        {
            return;
        }
        findings.report(context, &TIMED_OUT, Place::CLUSTER, || {
            let (node, ms) = (context.node, (context.at_ns - asked_ns) / MS);
            format!("node {node} had no answer to its {what} for {ms} ms, and no fault was near")
        });
    }
}

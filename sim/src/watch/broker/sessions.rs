//! Who has not been heard of for a session is let go.
//!
//! Promise: the active controller fences a broker once it has not heard of it for `broker.session.timeout.ms`, so that
//! what that one leads gets another leader. A new controller gives each broker that is let in a session from when it
//! becomes active. Source: KIP-631; `BrokerHeartbeatTracker.maybeRemoveExpired`,
//! `ReplicationControlManager.maybeFenceReplicas`.
//! Not verified: while the controller stands still, or what it has written is not committed: then the change may be on
//! its way.
//!
//! The session is counted on the controller's clock, which may be as slow as the plan's slowest. What is overdue must
//! be so at two looks: between commitment and the first who applies it lies a moment.

use std::collections::BTreeMap;

use harrow_broker_model::types::{NodeId, TopicPartition};

use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::timing::{RunningSince, SLACK_NS, by_slowest_clock};

const KEPT: Anomaly = Anomaly {
    name: "fencing-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "the active controller did not fence a broker of which it had not heard for a session",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "broker-sessions",
    promise: "a broker that is not heard of for broker.session.timeout.ms is fenced",
    source: "KIP-631, BrokerHeartbeatTracker",
    leaves_out: "what the controller has written and not committed",
    anomalies: &[KEPT],
};

/// When a controller heard of brokers.
#[derive(Debug)]
pub(super) struct Sessions {
    session_ns: u64,
    next_look_ns: u64,
    /// Who is active, and since when.
    active: Option<(NodeId, u64)>,
    heard: BTreeMap<NodeId, u64>,
    /// Who was overdue at the last look.
    overdue: Vec<NodeId>,
}

impl Sessions {
    pub(super) fn new(plan: &Plan) -> Self {
        let session_ns = plan.cluster.broker_session_timeout_ms * 1_000_000;
        Self {
            session_ns: by_slowest_clock(plan, session_ns) + SLACK_NS,
            next_look_ns: 0,
            active: None,
            heard: BTreeMap::new(),
            overdue: Vec::new(),
        }
    }

    /// A controller becomes active, or is it no more.
    pub(super) fn on_activated(&mut self, context: &Context<'_>, active: bool) {
        if active {
            self.active = Some((context.node, context.at_ns));
            self.heard.clear();
        } else if self.active.is_some_and(|(node, _)| node == context.node) {
            self.active = None;
        }
    }

    /// A process begins anew: if it was active, it is so no more.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.active.take_if(|(active, _)| *active == node);
    }

    /// A controller takes a heartbeat of a broker: one that was deposed and has not heard of it tells nobody.
    pub(super) fn on_heartbeat(&mut self, context: &Context<'_>, broker: NodeId) {
        if self.active.is_some_and(|(node, _)| node == context.node) {
            self.heard.insert(broker, context.at_ns);
        }
    }

    /// Time goes on.
    #[inline]
    pub(super) fn look(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        running_since: &RunningSince,
    ) {
        if context.at_ns < self.next_look_ns || !context.view.states_all() {
            return;
        }
        self.next_look_ns = context.at_ns + SLACK_NS;
        let before = std::mem::take(&mut self.overdue);
        let Some((controller, since)) = self.active.filter(|(node, _)| can_act(context, *node))
        else {
            return;
        };
        if !running_since.for_longer_than(context.at_ns, controller, SLACK_NS) {
            return;
        }
        for (broker, registered) in context.view.registry().brokers() {
            let heard = self.heard.get(&broker).copied().unwrap_or(0).max(since);
            if registered.fenced || context.at_ns <= heard + self.session_ns {
                continue;
            }
            if before.contains(&broker) {
                findings.report(context, &KEPT, TopicPartition::METADATA, || {
                    let ms = (context.at_ns - heard) / 1_000_000;
                    format!(
                        "controller {controller} has not heard of broker {broker} for {ms} ms, which is not fenced"
                    )
                });
            }
            self.overdue.push(broker);
        }
    }
}

/// Whether a controller runs, is the newest, and has nothing under way: what it wrote is committed.
fn can_act(context: &Context<'_>, node: NodeId) -> bool {
    let log = context.view.metadata_log();
    let end = log.replica(node).map(|replica| replica.log.end());
    context.view.is_running(node)
        && context.view.active_controller() == Some(node)
        && end.is_none_or(|end| end <= log.committed.end())
}

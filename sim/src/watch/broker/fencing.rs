//! When the controller lets a broker in, and when it lets it go.
//!
//! Promise: a broker is unfenced only once it has applied the metadata up to its own newest registration, when it says
//! so to the controller, and is taken for one that shuts down only if this uptime of it asked for that: what an earlier
//! uptime said counts for nothing.
//! Source: KIP-631, KIP-841; `BrokerHeartbeatManager.calculateNextBrokerState`,
//! `ClusterControlManager.checkBrokerEpoch`.
//! Not verified: that it is fenced for a reason, since sessions are the controller's own; brokers that ended between
//! what they said and the change.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::{BrokerState, MetadataChange};
use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const UNREADY: Anomaly = Anomaly {
    name: "unfenced-unready",
    guarantee: Guarantee::Leadership,
    meaning: "a broker was unfenced before it had applied the metadata up to its registration",
};
const UNASKED: Anomaly = Anomaly {
    name: "shutdown-unasked",
    guarantee: Guarantee::Leadership,
    meaning: "a broker was taken for one that shuts down though its present process did not ask for that",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "broker-fencing",
    promise: "brokers are let in when they are ready, and go when they ask, in their present uptime",
    source: "KIP-631, KIP-841, BrokerHeartbeatManager",
    leaves_out: "that a broker is fenced for a reason",
    anomalies: &[UNREADY, UNASKED],
};

/// What brokers asked for in their present uptime.
#[derive(Debug, Default)]
pub(super) struct Fencing {
    stopping: BTreeSet<NodeId>,
    /// What each had applied when a controller took its last heartbeat: it cannot have said more.
    told: BTreeMap<NodeId, Option<Offset>>,
}

impl Fencing {
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.stopping.remove(&node);
        self.told.remove(&node);
    }

    /// A controller takes a heartbeat of a broker that has applied the metadata up to an offset.
    pub(super) fn on_heartbeat(&mut self, broker: NodeId, applied: Option<Offset>) {
        self.told.insert(broker, applied);
    }

    /// A broker's own view of its state changed.
    pub(super) fn on_state(&mut self, node: NodeId, state: BrokerState) {
        if state == BrokerState::ShuttingDown {
            self.stopping.insert(node);
        }
    }

    /// The state of a broker changed; `applied` tells what metadata a node has applied.
    pub(super) fn on_broker(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        change: &MetadataChange,
        applied: impl Fn(NodeId) -> Option<Offset>,
    ) {
        let MetadataChange::BrokerChanged { broker, broker_epoch, fenced, shutting_down } = change
        else {
            return;
        };
        let Some(before) = context.view.registry().broker(*broker) else { return };
        // Of a process that has ended, or not registered yet, nobody knows what it had said.
        if !context.view.states_all() || !context.view.has_registered(*broker) {
            return;
        }
        let needed = before.registered_at;
        let told = self.told.get(broker).copied().unwrap_or_else(|| applied(*broker));
        let ready = told.is_some_and(|told| told >= needed);
        if before.fenced && !fenced && !ready {
            findings.report(context, &UNREADY, TopicPartition::METADATA, || {
                format!("broker {broker} was unfenced before it had applied offset {needed}")
            });
        }
        if !before.shutting_down && *shutting_down && !self.stopping.contains(broker) {
            findings.report(context, &UNASKED, TopicPartition::METADATA, || {
                format!("broker {broker} of epoch {broker_epoch} did not ask to shut down")
            });
        }
    }
}

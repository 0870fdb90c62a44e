//! What a clean stop means.
//!
//! Promise: a broker that says it stopped cleanly has all of its logs on the disk; a log is opened as cleanly
//! closed only by the uptime after a clean stop; and a registration says that the uptime before ended cleanly only if
//! it did, since a replica that lost unflushed records must leave ISR and ELR.
//! Source: KIP-966; `LogManager.shutdown`, `CleanShutdownFileHandler`, known bug L01.
//! Not verified: that a clean shutdown is recognised as one; whose registration it is that arrives after a broker was
//! stopped that had not heard yet that it is registered.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::MetadataChange;
use harrow_broker_model::types::{BrokerEpoch, LogDirectory, NodeId, Offset, TopicPartition};

use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};
use crate::watch::log::Reopened;

const VOLATILE: Anomaly = Anomaly {
    name: "clean-stop-not-durable",
    guarantee: Guarantee::Durability,
    meaning: "a broker stopped cleanly, as its marker says, with records that are not on its disk",
};
const FALSELY: Anomaly = Anomaly {
    name: "false-clean-recovery",
    guarantee: Guarantee::Durability,
    meaning: "a log was opened as cleanly closed after a stop that was not clean",
};
const OVERLOOKED: Anomaly = Anomaly {
    name: "unclean-stop-overlooked",
    guarantee: Guarantee::Durability,
    meaning: "a broker was registered as cleanly stopped though its uptime before ended otherwise",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "clean-stop",
    promise: "a stop that counts as clean left everything on the disk",
    source: "KIP-966, LogManager.shutdown",
    leaves_out: "that a clean shutdown is recognised as one",
    anomalies: &[VOLATILE, FALSELY, OVERLOOKED],
};

/// How brokers' uptimes ended.
#[derive(Debug, Default)]
pub(super) struct CleanStops {
    nodes: BTreeMap<NodeId, Ends>,
}

#[derive(Debug, Default)]
struct Ends {
    /// The broker epochs of all markers: the uptime after one may register late, after others came and went.
    marked: BTreeSet<BrokerEpoch>,
    /// How often it stopped cleanly: each log directory has a marker then.
    stops: u64,
    /// The last stop of which the marker in a directory is gone: a log was opened there since.
    used: BTreeMap<LogDirectory, u64>,
    /// Whether this uptime found the marker in a directory, once it has opened a log there.
    found: BTreeMap<LogDirectory, bool>,
}

impl CleanStops {
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.nodes.entry(node).or_default().found.clear();
    }

    /// A broker stopped, and its marker is written; the disk says whether its logs are there for good.
    pub(super) fn on_stopped(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        broker_epoch: BrokerEpoch,
        durable: bool,
    ) {
        let ends = self.nodes.entry(context.node).or_default();
        ends.marked.insert(broker_epoch);
        ends.stops += 1;
        if !durable {
            findings.report(context, &VOLATILE, Place::CLUSTER, || {
                format!("node {} stopped cleanly; not all of its logs are synced", context.node)
            });
        }
    }

    /// A log was opened. One that is new is empty, and as clean as can be.
    pub(super) fn on_opened(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        log: Reopened<'_>,
        clean: bool,
    ) {
        let ends = self.nodes.entry(context.node).or_default();
        let is_new = log.log_end_offset == Offset::ZERO;
        if is_new || log.partition == TopicPartition::METADATA {
            return;
        }
        let place = context.view.directory_of(context.node, log.partition);
        let used = ends.used.insert(place, ends.stops).unwrap_or(0);
        let found = *ends.found.entry(place).or_insert(used < ends.stops);
        if clean && !found && context.view.states_all() {
            findings.report(context, &FALSELY, log.partition, || {
                format!("node {} opened its log as cleanly closed after a crash", context.node)
            });
        }
    }

    /// A broker was registered, and with it how its uptime before ended.
    pub(super) fn on_broker(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        change: &MetadataChange,
    ) {
        let MetadataChange::BrokerRegistered { broker, unclean: false, .. } = change else {
            return;
        };
        let before = context.view.registry().broker(*broker).map(|known| known.broker_epoch);
        let marked = |epoch: BrokerEpoch| {
            self.nodes.get(broker).is_some_and(|ends| ends.marked.contains(&epoch))
        };
        if before.is_some_and(|before| !marked(before)) && context.view.states_all() {
            findings.report(context, &OVERLOOKED, Place::CLUSTER, || {
                format!("broker {broker} was registered as cleanly stopped; it was not")
            });
        }
    }
}

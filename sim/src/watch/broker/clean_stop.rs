//! What a clean stop means.
//!
//! Promise: a broker that says it stopped cleanly has all of its logs on the disk; a log is opened as cleanly
//! closed only by the uptime after a clean stop; and a registration says that the uptime before ended cleanly if, and
//! only if, it did: a replica that lost unflushed records must leave ISR and ELR, and one that lost none stays.
//! Source: KIP-966; `LogManager.shutdown`, `CleanShutdownFileHandler`, `ClusterControlManager.registerBroker`, known
//! bug L01.
//! Not verified: whose registration it is that arrives after a broker was stopped that had not heard yet that it is
//! registered; that a clean stop is recognised, where such a registration may be under way or the plan takes disks
//! away.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::message::BrokerRegistrationRequest;
use harrow_broker_model::note::MetadataChange;
use harrow_broker_model::types::{BrokerEpoch, LogDirectory, NodeId, Offset, TopicPartition};

use crate::plan::{Action, Plan};
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
const FORGOTTEN: Anomaly = Anomaly {
    name: "clean-stop-forgotten",
    guarantee: Guarantee::Replication,
    meaning: "a broker was registered, or asked to be, as uncleanly stopped though its uptime before ended cleanly",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "clean-stop",
    promise: "a stop that counts as clean left everything on the disk, and one that was clean counts",
    source: "KIP-966, LogManager.shutdown, ClusterControlManager.registerBroker",
    leaves_out: "clean stops of brokers that ended before they had registered, or whose disks fail",
    anomalies: &[VOLATILE, FALSELY, OVERLOOKED, FORGOTTEN],
};

/// How brokers' uptimes ended.
#[derive(Debug, Default)]
pub(super) struct CleanStops {
    nodes: BTreeMap<NodeId, Ends>,
    /// Whether the plan may take a marker away, or keep it from being written.
    loses_markers: bool,
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
    /// What the last marker says, until the next uptime begins.
    last: Option<BrokerEpoch>,
    /// What the marker says that this uptime has to find.
    to_find: Option<BrokerEpoch>,
    /// The uptimes that asked to be registered.
    heard_of: BTreeSet<u64>,
    /// What this uptime said that it has found.
    told: Option<BrokerEpoch>,
    /// Whether an uptime ended unregistered: what it asked for may be heard of at any time.
    lingers: bool,
}

impl CleanStops {
    pub(super) fn new(plan: &Plan) -> Self {
        let loses_markers = plan.steps.iter().any(|step| {
            matches!(
                step.action,
                Action::WipeDisk { .. }
                    | Action::FailDisk { .. }
                    | Action::FailLogDirectory { .. }
                    | Action::FullDisk { .. }
                    | Action::LyingSync { .. }
            )
        });
        Self { loses_markers, ..Self::default() }
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        let ends = self.nodes.entry(node).or_default();
        ends.found.clear();
        ends.to_find = ends.last.take();
        ends.told = None;
    }

    /// A process ended; `lossy` if it may find less on its disk than it wrote.
    pub(super) fn process_ended(&mut self, node: NodeId, lossy: bool, registered: bool) {
        let ends = self.nodes.entry(node).or_default();
        ends.lingers |= !registered;
        if lossy {
            ends.last = None;
        }
    }

    /// A controller is asked to register an uptime. If it is not known yet, it is the one that runs.
    pub(super) fn on_asked(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        request: &BrokerRegistrationRequest,
    ) {
        let ends = self.nodes.entry(request.broker).or_default();
        if !ends.heard_of.insert(request.incarnation) || ends.lingers || self.loses_markers {
            return;
        }
        let told = request.previous_broker_epoch;
        ends.told = Some(told);
        if let Some(to_find) = ends.to_find.filter(|it| *it != told && context.view.states_all()) {
            findings.report(context, &FORGOTTEN, Place::CLUSTER, || {
                let broker = request.broker;
                format!("broker {broker} asks as one after epoch {told}; epoch {to_find} stopped cleanly")
            });
        }
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
        ends.last = Some(broker_epoch);
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
        let MetadataChange::BrokerRegistered { broker, unclean, .. } = change else { return };
        let before = context.view.registry().broker(*broker).map(|known| known.broker_epoch);
        let (Some(before), Some(ends)) = (before, self.nodes.get(broker)) else { return };
        if !unclean && !ends.marked.contains(&before) && context.view.states_all() {
            findings.report(context, &OVERLOOKED, Place::CLUSTER, || {
                format!("broker {broker} was registered as cleanly stopped; it was not")
            });
        }
        if *unclean && ends.told == Some(before) && ends.to_find == Some(before) {
            findings.report(context, &FORGOTTEN, Place::CLUSTER, || {
                format!("broker {broker} was registered as uncleanly stopped; epoch {before} stopped cleanly")
            });
        }
    }
}

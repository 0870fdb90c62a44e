//! Who has not been heard of for a session is let go, and nobody else.
//!
//! Promise: the active controller fences a broker once it has not heard of it for `broker.session.timeout.ms`, so that
//! what that one leads gets another leader, and not before, unless the broker stops or says that it is to be fenced. A
//! new controller gives each broker that is let in a session from when it becomes active.
//! Source: KIP-631; `BrokerHeartbeatTracker.maybeRemoveExpired`, `ClusterControlManager.activate`,
//! `ReplicationControlManager.maybeFenceReplicas`.
//! Not verified: that one is fenced, while the controller stands still or what it has written is not committed: then
//! the change may be on its way.
//!
//! The session is counted on the controller's clock, which may be as slow as the plan's slowest. What is overdue must
//! be so at two looks: between commitment and the first who applies it lies a moment. What is decided may be appended
//! later, by `controller.quorum.append.linger.ms`: what was heard in between does not count against it.

use std::collections::BTreeMap;

use harrow_broker_model::message::BrokerHeartbeatRequest;
use harrow_broker_model::note::{AppendOrigin, LogNote, MetadataChange};
use harrow_broker_model::types::{BrokerEpoch, NodeId, Offset, TopicPartition};

use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::timing::{RunningSince, SLACK_NS, by_fastest_clock, by_slowest_clock};

const KEPT: Anomaly = Anomaly {
    name: "fencing-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "the active controller did not fence a broker of which it had not heard for a session",
};
const NEEDLESS: Anomaly = Anomaly {
    name: "fenced-in-session",
    guarantee: Guarantee::Leadership,
    meaning: "the active controller fenced a broker of which it had heard within its session, and that did not want it",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "broker-sessions",
    promise: "a broker is fenced if it is not heard of for broker.session.timeout.ms, and not before",
    source: "KIP-631, BrokerHeartbeatTracker",
    leaves_out: "what the controller has written and not committed",
    anomalies: &[KEPT, NEEDLESS],
};

/// When a controller heard of brokers.
#[derive(Debug)]
pub(super) struct Sessions {
    /// How long a session takes at most, and at least, by the clocks of the plan.
    session_ns: u64,
    shortest_ns: u64,
    /// How long what is decided may wait before it is appended.
    linger_ns: u64,
    next_look_ns: u64,
    /// Who is active, and since when.
    active: Option<(NodeId, u64)>,
    /// Whether that is just when its sessions began: nothing held up the word of it.
    is_sure: bool,
    heard: BTreeMap<NodeId, u64>,
    /// When it heard of each in its uptime, ascending.
    told: BTreeMap<NodeId, Vec<(BrokerEpoch, u64)>>,
    /// What it has appended and is not known to be committed.
    appended: Vec<Decision>,
    /// Who wanted to be fenced or to stop: in which event and when that was heard. Only what may not be appended yet.
    wishes: Vec<(u64, u64, NodeId)>,
    /// The uptimes that were told to stop.
    stopping: BTreeMap<NodeId, BrokerEpoch>,
    /// Who was overdue at the last look.
    overdue: Vec<NodeId>,
}

/// A batch of the metadata log, as the active controller has appended it.
#[derive(Debug, Clone)]
struct Decision {
    last: Offset,
    at_ns: u64,
    /// Who had just said that it wants to be fenced or to stop.
    wished_by: Vec<NodeId>,
}

impl Sessions {
    pub(super) fn new(plan: &Plan) -> Self {
        let session_ns = plan.cluster.broker_session_timeout_ms * 1_000_000;
        let linger_ns = by_slowest_clock(plan, plan.cluster.quorum_append_linger_ms * 1_000_000);
        Self {
            session_ns: by_slowest_clock(plan, session_ns) + linger_ns + SLACK_NS,
            shortest_ns: by_fastest_clock(plan, session_ns),
            linger_ns,
            next_look_ns: 0,
            active: None,
            is_sure: false,
            wishes: Vec::new(),
            heard: BTreeMap::new(),
            told: BTreeMap::new(),
            appended: Vec::new(),
            stopping: BTreeMap::new(),
            overdue: Vec::new(),
        }
    }

    /// A controller becomes active, or is it no more.
    pub(super) fn on_activated(
        &mut self,
        context: &Context<'_>,
        running_since: &RunningSince,
        active: bool,
    ) {
        if active {
            self.active = Some((context.node, context.at_ns));
            self.is_sure = running_since.for_longer_than(context.at_ns, context.node, 0);
            self.heard.clear();
            self.told.clear();
            self.appended.clear();
        } else if self.active.is_some_and(|(node, _)| node == context.node) {
            self.active = None;
        }
    }

    /// A process begins anew: if it was active, it is so no more.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.active.take_if(|(active, _)| *active == node);
    }

    /// A controller takes a heartbeat of an uptime of a broker, where it knows of another one or of none perhaps. A
    /// controller that was deposed and has not heard of it tells nobody.
    pub(super) fn on_heartbeat(
        &mut self,
        context: &Context<'_>,
        broker: NodeId,
        epochs: (i64, i64),
    ) {
        if self.active.is_none_or(|(node, _)| node != context.node) {
            return;
        }
        self.heard.insert(broker, context.at_ns);
        let (named, own) = epochs;
        if named == own {
            let told = self.told.entry(broker).or_default();
            if self.appended.is_empty() {
                let lingers = (self.linger_ns > 0).then_some(self.linger_ns + self.shortest_ns);
                told.retain(|(_, at_ns)| lingers.is_some_and(|ns| at_ns + ns >= context.at_ns));
            }
            told.push((BrokerEpoch(named), context.at_ns));
        }
    }

    /// A controller is told by a broker what that wants.
    pub(super) fn on_asked(&mut self, context: &Context<'_>, request: &BrokerHeartbeatRequest) {
        if request.want_fence || request.want_shutdown {
            self.wishes.retain(|(_, at_ns, _)| at_ns + self.linger_ns >= context.at_ns);
            self.wishes.push((context.event, context.at_ns, request.broker));
        }
    }

    /// An uptime of a broker is told to stop.
    pub(super) fn on_stopping(&mut self, node: NodeId, broker_epoch: BrokerEpoch) {
        self.stopping.insert(node, broker_epoch);
    }

    /// The active controller decides when it appends.
    pub(super) fn on_log(&mut self, context: &Context<'_>, note: &LogNote) {
        if let LogNote::Appended { partition, batch, origin: AppendOrigin::Leader, .. } = note
            && *partition == TopicPartition::METADATA
            && self.active.is_some_and(|(node, _)| node == context.node)
        {
            let lingered = |at_ns: u64| {
                self.linger_ns > 0 && at_ns + self.linger_ns + SLACK_NS >= context.at_ns
            };
            let wishes = self.wishes.iter();
            let fresh =
                wishes.filter(|(event, at_ns, _)| *event == context.event || lingered(*at_ns));
            let wished_by = fresh.map(|(_, _, broker)| *broker).collect();
            let (last, at_ns) = (batch.last_offset, context.at_ns);
            self.appended.push(Decision { last, at_ns, wished_by });
        }
    }

    /// A change was committed at an offset of the metadata log.
    pub(super) fn on_committed(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        offset: Offset,
        change: &MetadataChange,
    ) {
        let passed = self.appended.partition_point(|decision| decision.last < offset);
        self.appended.drain(..passed);
        self.check_fenced(context, findings, change);
        self.appended.retain(|decision| decision.last > offset);
    }

    fn check_fenced(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        change: &MetadataChange,
    ) {
        let MetadataChange::BrokerChanged { broker, broker_epoch, fenced: true, .. } = change
        else {
            return;
        };
        let before = context.view.registry().broker(*broker);
        let was_in = before.is_some_and(|known| !known.fenced && !known.shutting_down);
        let stops = self.stopping.get(broker) == Some(broker_epoch);
        let wishes = |decision: &Decision| stops || decision.wished_by.contains(broker);
        if let Some(Decision { at_ns: decided, .. }) =
            self.appended.first().filter(|decision| was_in && !wishes(decision))
            && let Some(heard) =
                self.heard_before(*broker, *broker_epoch, decided.saturating_sub(self.linger_ns))
            && *decided + SLACK_NS < heard + self.shortest_ns
        {
            findings.report(context, &NEEDLESS, TopicPartition::METADATA, || {
                let ms = (decided - heard) / 1_000_000;
                format!(
                    "broker {broker} was fenced {ms} ms after it was heard of; it did not want it"
                )
            });
        }
    }

    /// When the active controller had heard last of an uptime of a broker by a time; since it is active it counts as
    /// heard of.
    fn heard_before(&self, broker: NodeId, epoch: BrokerEpoch, by_ns: u64) -> Option<u64> {
        let (_, since) = self.active?;
        let told = self.told.get(&broker).map_or(&[][..], Vec::as_slice);
        let of_uptime = told.iter().rev().filter(|(told, _)| *told == epoch);
        let heard = of_uptime.map(|(_, at_ns)| *at_ns).find(|at_ns| *at_ns <= by_ns);
        heard.or(Some(since).filter(|_| self.is_sure))
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

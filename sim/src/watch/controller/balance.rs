//! A partition goes back to its preferred leader.
//!
//! Promise: with `auto.leader.rebalance.enable`, a partition whose first replica is in sync, unfenced and in a log
//! directory that is online, and is led by another one, is led by that one again with the controller's next check.
//! Source: `QuorumController.electPreferred`, `ReplicationControlManager.maybeBalancePartitionLeaders`.
//! Not verified: while a controller of the majority is hindered, or the active one writes; partitions whose
//! registrations change meanwhile; what a controller that was just elected owes, whose first check is an interval after
//! that.

use std::collections::BTreeMap;

use harrow_broker_model::types::{NodeId, PartitionEpoch, TopicPartition};

use crate::plan::Plan;
use crate::view::PartitionView;
use crate::violation::Guarantee;
use crate::watch::due::Look;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::shared::Shared;
use crate::watch::timing::{SLACK_NS, by_slowest_clock};

const OVERDUE: Anomaly = Anomaly {
    name: "preferred-leader-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a partition was not given back to its preferred leader, which was in sync all the time, by the \
        controller's check",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "preferred-leader-due",
    promise: "with auto.leader.rebalance.enable, preferred leaders that are in sync lead after \
        leader.imbalance.check.interval.seconds",
    source: "QuorumController.electPreferred, ReplicationControlManager.maybeBalancePartitionLeaders",
    leaves_out: "while a controller is hindered, or has just been elected",
    anomalies: &[OVERDUE],
};

/// Looks in each interval.
const LOOKS: u64 = 4;

/// A partition that another one leads than who should.
#[derive(Debug, Clone, Copy)]
struct Imbalance {
    /// Who should, by which version of the registration.
    state: (NodeId, PartitionEpoch),
    since: u64,
}

/// Partitions that others lead than who should, and since when.
#[derive(Debug)]
pub(super) struct Balance {
    /// `leader.imbalance.check.interval.seconds` by the slowest clock, in nanoseconds; none if nobody checks.
    interval_ns: Option<u64>,
    next_look_ns: u64,
    /// Who was the active controller at the last look, and since when.
    active: Option<(NodeId, u64)>,
    imbalanced: BTreeMap<TopicPartition, Imbalance>,
}

impl Balance {
    pub(super) fn new(plan: &Plan) -> Self {
        let cluster = &plan.cluster;
        let interval_ns = cluster.leader_imbalance_check_interval_ms.saturating_mul(1_000_000);
        let checks = cluster.auto_leader_rebalance;
        Self {
            interval_ns: checks.then(|| by_slowest_clock(plan, interval_ns)),
            next_look_ns: 0,
            active: None,
            imbalanced: BTreeMap::new(),
        }
    }

    /// Another controller is active, or none: its checks begin anew.
    pub(super) fn on_activated(&mut self) {
        self.active = None;
    }

    /// Time goes on.
    #[inline]
    pub(super) fn look(&mut self, context: &Context<'_>, findings: &mut Findings, shared: &Shared) {
        if context.at_ns < self.next_look_ns || !context.view.states_all() {
            return;
        }
        let Some(interval_ns) = self.interval_ns else { return };
        self.next_look_ns = context.at_ns.saturating_add((interval_ns / LOOKS).max(SLACK_NS));
        let look = Look::new(context, shared);
        let Some((active, calm_since)) = look.controller else {
            self.active = None;
            return self.imbalanced.clear();
        };
        let known = self.active.filter(|(known, _)| *known == active);
        let (_, active_since) = *self.active.insert(known.unwrap_or((active, context.at_ns)));
        // What was lost before it became calm may have to be asked for again before anything is committed.
        let begins = active_since.max(calm_since.saturating_add(look.bounds().proposal_ns));
        let checks_ns = look.bounds().checks_ns;
        let takes_ns = look.written_ns().saturating_add(checks_ns);
        let bound = interval_ns.saturating_add(takes_ns).saturating_add(SLACK_NS);
        // What it has just written is not committed yet.
        let rests = shared.running_since.for_longer_than(context.at_ns, active, checks_ns);
        for view in context.view.partitions() {
            let Some(state) = passed_over(context, view) else {
                self.imbalanced.remove(&view.partition);
                continue;
            };
            let known = self.imbalanced.get(&view.partition).filter(|known| known.state == state);
            let known = *known.unwrap_or(&Imbalance { state, since: context.at_ns });
            self.imbalanced.insert(view.partition, known);
            if rests && look.is_unchecked(known.since.max(begins), active, bound) {
                report(context, findings, (view.partition, state.0), known.since);
            }
        }
    }
}

fn report(
    context: &Context<'_>,
    findings: &mut Findings,
    (partition, preferred): (TopicPartition, NodeId),
    since: u64,
) {
    findings.report(context, &OVERDUE, partition, || {
        let ms = (context.at_ns - since) / 1_000_000;
        format!("node {preferred} has been in sync for {ms} ms, and others lead in its place")
    });
}

/// The preferred leader of a partition, if it could lead and another one does, and the version of the registration.
fn passed_over(context: &Context<'_>, view: &PartitionView) -> Option<(NodeId, PartitionEpoch)> {
    let registration = view.registration.as_ref()?;
    let preferred = *registration.replicas.first()?;
    let registry = context.view.registry();
    let may_lead = registry.broker(preferred).is_some_and(|it| !it.fenced && !it.shutting_down)
        && registry.directories().has_online(view.partition, preferred);
    let is_led_by_another = registration.leader.is_some_and(|leader| leader != preferred);
    let is_in_sync = registration.isr.contains(&preferred);
    (is_led_by_another && is_in_sync && may_lead)
        .then_some((preferred, registration.partition_epoch))
}

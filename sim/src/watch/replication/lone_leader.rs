//! A leader that nobody follows commits what it appends.
//!
//! Promise: a leader that is alone in its ISR, while all other replicas are fenced as far as it knows, has no record
//! that is not committed once it has looked for lagging members again, and from then on commits what it appends at
//! once. That needs no calm: nobody else takes part. Source: `Partition.maybeIncrementLeaderHW`.
//! Not verified: leaders that do not know the newest metadata, that have proposed another ISR, or that are not enough
//! for `min.insync.replicas`.

use std::collections::BTreeMap;

use harrow_broker_model::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, TopicPartition};

use super::overdue::COMMIT;
use crate::plan::Plan;
use crate::view::{PartitionView, ReplicaRole, ReplicaView};
use crate::watch::finding::{Context, Findings};
use crate::watch::shared::Shared;
use crate::watch::timing::{SLACK_NS, by_slowest_clock};

/// Looks in each `replica.lag.time.max.ms`.
const LOOKS: u64 = 8;
const MILLION: u64 = 1_000_000;

/// Leaders that are alone.
#[derive(Debug)]
pub(super) struct LoneLeaders {
    lag_ns: u64,
    /// The time between two checks for lagging members, by the slowest clock, in nanoseconds.
    check_ns: u64,
    next_look_ns: u64,
    alone: BTreeMap<TopicPartition, Alone>,
}

/// A leader that was alone at each look since a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Alone {
    node: NodeId,
    epoch: LeaderEpoch,
    minimum: usize,
    since_ns: u64,
    /// When it appended last.
    appended_ns: u64,
}

impl LoneLeaders {
    pub(super) fn new(plan: &Plan) -> Self {
        let lag_ns = plan.cluster.replica_lag_time_max_ms * MILLION;
        let check_ns = by_slowest_clock(plan, lag_ns / 2) + SLACK_NS;
        Self { lag_ns, check_ns, next_look_ns: 0, alone: BTreeMap::new() }
    }

    pub(super) fn process_ended(&mut self, node: NodeId) {
        self.alone.retain(|_, alone| alone.node != node);
    }

    /// A node appended records. One that waits for somebody who may join, between two looks, is not alone: its high
    /// watermark stays, and moves with the next append, or when it looks for lagging members.
    #[inline]
    pub(super) fn on_appended(
        &mut self,
        context: &Context<'_>,
        shared: &Shared,
        partition: TopicPartition,
    ) {
        let Some(known) = self.alone.get_mut(&partition).filter(|it| it.node == context.node)
        else {
            return;
        };
        let view = context.view.partition(partition);
        if view.is_some_and(|view| alone(context, shared, view).is_some()) {
            known.appended_ns = context.at_ns;
        } else {
            self.alone.remove(&partition);
        }
    }

    /// Time goes on.
    #[inline]
    pub(super) fn look(&mut self, context: &Context<'_>, findings: &mut Findings, shared: &Shared) {
        if context.at_ns >= self.next_look_ns && context.view.states_all() {
            self.next_look_ns = context.at_ns + self.lag_ns / LOOKS;
            for view in context.view.partitions() {
                self.look_at(context, findings, shared, view);
            }
        }
    }

    fn look_at(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        view: &PartitionView,
    ) {
        let partition = view.partition;
        let Some(leader) = alone(context, shared, view) else {
            self.alone.remove(&partition);
            return;
        };
        let now = Alone {
            node: leader.node,
            epoch: leader.leader_epoch,
            minimum: view.minimums_of(leader.node).1,
            since_ns: context.at_ns,
            appended_ns: context.at_ns,
        };
        let known = self.alone.entry(partition).or_insert(now);
        if !known.is_same(now) {
            *known = now;
        }
        let bound_ns = self.check_ns;
        let settled = context.at_ns > known.since_ns + bound_ns
            && context.at_ns > known.appended_ns
            && shared.running_since.for_longer_than(context.at_ns, leader.node, bound_ns);
        let end = leader.log.end();
        if settled && leader.high_watermark < end {
            findings.report(context, &COMMIT, partition, || {
                format!(
                    "leader {} has high watermark {} and a log that ends at {end}, and nobody follows it",
                    leader.node, leader.high_watermark
                )
            });
        }
    }
}

impl Alone {
    fn is_same(self, other: Self) -> bool {
        let of = |it: Self| (it.node, it.epoch, it.minimum);
        of(self) == of(other)
    }
}

/// The registered leader, if it acts, knows all metadata, is alone in the ISR and enough, and nobody may join.
fn alone<'a>(
    context: &Context<'_>,
    shared: &Shared,
    view: &'a PartitionView,
) -> Option<&'a ReplicaView> {
    let registration = view.registration.as_ref()?;
    let leader = view.replica(registration.leader?)?;
    let acts = leader.role == ReplicaRole::Leader
        && leader.leader_epoch == registration.leader_epoch
        && leader.isr.members == [leader.node]
        && leader.isr.maximal_len == 1
        && registration.isr == [leader.node]
        && view.minimums_of(leader.node).1 <= 1;
    if !acts {
        return None;
    }
    let registry = context.view.registry();
    let applied = shared.applied_by(leader.node)?;
    let knows_all = registry.is_news(Offset(applied.0 + 1));
    let may_join = |node: NodeId| {
        let known = registry.state_at(node, BrokerEpoch(0), applied);
        known.is_some_and(|known| !known.fenced && !known.shutting_down)
    };
    let mut others = registration.replicas.iter().copied().filter(|node| *node != leader.node);
    (knows_all && !others.any(may_join)).then_some(leader)
}

//! What a leader can do when it is calm, it does in time; what it does alone needs no calm, and stands in
//! `lone_leader`.
//!
//! Promise: while no fault lasts and every process runs, a leader commits what every member of its ISR holds, as soon
//! as their next fetches can have told it, and lets a replica into the ISR that has all that it needs; members of the
//! ISR let their logs start where their leader's does. Source: KIP-101, KIP-107, KIP-497;
//! `Partition.maybeIncrementLeaderHW`, `Partition.maybeExpandIsr`, `ReplicaFetcherThread.processPartitionData`.
//! Not verified: anything while a fault lasts, or in networks that are narrow by plan; the heal, which liveness judges.

use std::collections::BTreeMap;

use harrow_broker_model::types::{NodeId, Offset, PartitionEpoch, TopicPartition};

use crate::view::{PartitionView, ReplicaRole, ReplicaView};
use crate::violation::Guarantee;
use crate::watch::calm::Calm;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::timing::RunningSince;

pub(super) const COMMIT: Anomaly = Anomaly {
    name: "commit-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a leader did not commit what every member of its ISR has held for long enough, or, alone, what it has",
};
const EXPANSION: Anomaly = Anomaly {
    name: "expansion-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a leader did not let a replica into the ISR that has had all that it needs for long enough",
};
const START: Anomaly = Anomaly {
    name: "log-start-overdue",
    guarantee: Guarantee::Replication,
    meaning: "a member of the ISR did not let its log start where its leader's has started for long enough",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "replication-due",
    promise: "when it is calm, what all in-sync replicas hold is committed, who has caught up is in sync, and \
        followers' logs start where their leader's does",
    source: "KIP-101, KIP-107, KIP-497, Partition.maybeIncrementLeaderHW, Partition.maybeExpandIsr",
    leaves_out: "anything while a fault lasts, unless a leader is alone; networks that are narrow by plan",
    anomalies: &[COMMIT, EXPANSION, START],
};

/// Looks in each bound.
const LOOKS: u64 = 3;

/// What waits, and since when.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    next_look_ns: u64,
    commits: BTreeMap<TopicPartition, Wait>,
    expansions: BTreeMap<TopicPartition, (NodeId, PartitionEpoch, u64)>,
    /// Members of the ISR whose logs start before their leader's: where that does, and since when.
    starts: BTreeMap<(TopicPartition, NodeId), (Offset, u64)>,
}

/// A commit that waits: under which registration, of what, and since when.
#[derive(Debug, Clone, Copy)]
struct Wait {
    registered: PartitionEpoch,
    offset: Offset,
    from: u64,
}

impl Overdue {
    /// Time goes on.
    #[inline]
    pub(super) fn look(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (calm, running_since): (&Calm, &RunningSince),
    ) {
        if context.at_ns < self.next_look_ns || !context.view.states_all() {
            return;
        }
        let bounds = calm.bounds();
        self.next_look_ns = context.at_ns.saturating_add(bounds.hears_ns / LOOKS);
        let Some(since) = calm.since(|node| context.view.is_running(node)) else {
            self.commits.clear();
            self.expansions.clear();
            self.starts.clear();
            return;
        };
        let for_longer =
            |node: NodeId, bound: u64| running_since.for_longer_than(context.at_ns, node, bound);
        for view in context.view.partitions() {
            let Some(leading) = Leading::of(view) else {
                self.commits.remove(&view.partition);
                self.expansions.remove(&view.partition);
                continue;
            };
            let due = |from: u64, bound: u64| {
                context.at_ns > from.max(since).saturating_add(bound)
                    && view.replicas().iter().all(|replica| for_longer(replica.node, bound))
            };
            self.check_commit(context, findings, &leading, |from| due(from, bounds.hears_ns));
            self.check_expansion(context, findings, &leading, |from| due(from, bounds.proposal_ns));
            self.check_starts(context, findings, &leading, |from| due(from, bounds.hears_ns));
        }
    }

    fn check_commit(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        leading: &Leading<'_>,
        due: impl Fn(u64) -> bool,
    ) {
        let partition = leading.view.partition;
        let held = leading.held_by_all();
        // An ISR that was too small in between, or another one, begins anew.
        let waits = |wait: &Wait| {
            wait.registered == leading.registered
                && held >= Some(wait.offset)
                && leading.lacks(wait.offset)
        };
        if let Some(Wait { offset, from, .. }) = self.commits.get(&partition).copied().filter(waits)
        {
            if due(from) {
                findings.report(context, &COMMIT, partition, || {
                    format!(
                        "leader {} has high watermark {}; its ISR has held {offset} for {} ms",
                        leading.replica.node,
                        leading.replica.high_watermark,
                        (context.at_ns - from) / 1_000_000
                    )
                });
            }
            return;
        }
        match held {
            Some(offset) if leading.lacks(offset) => {
                let wait = Wait { registered: leading.registered, offset, from: context.at_ns };
                self.commits.insert(partition, wait);
            }
            Some(_) | None => {
                self.commits.remove(&partition);
            }
        }
    }

    fn check_starts(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        leading: &Leading<'_>,
        due: impl Fn(u64) -> bool,
    ) {
        let partition = leading.view.partition;
        let start = leading.replica.log_start_offset;
        for replica in leading.view.replicas() {
            let key = (partition, replica.node);
            if !leading.is_to_start_at(replica, start) {
                self.starts.remove(&key);
                continue;
            }
            let (at, from) = *self.starts.entry(key).or_insert((start, context.at_ns));
            if at != start {
                self.starts.insert(key, (start, context.at_ns));
            } else if due(from) {
                findings.report(context, &START, partition, || {
                    format!(
                        "node {} starts at {}; its leader {} has started at {start} for {} ms",
                        replica.node,
                        replica.log_start_offset,
                        leading.replica.node,
                        (context.at_ns - from) / 1_000_000
                    )
                });
            }
        }
    }

    fn check_expansion(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        leading: &Leading<'_>,
        due: impl Fn(u64) -> bool,
    ) {
        let partition = leading.view.partition;
        let registry = context.view.registry();
        let active = |node: NodeId| {
            let broker = registry.broker(node);
            broker.is_some_and(|broker| !broker.fenced && !broker.shutting_down)
                && context.view.has_registered(node)
                && registry.directories().has_online(partition, node)
                && !context.view.is_in_failed_directory(node, partition)
        };
        let Some(outside) = leading.caught_up_outside().find(|node| active(*node)) else {
            self.expansions.remove(&partition);
            return;
        };
        let now = (outside, leading.registered, context.at_ns);
        let (node, registered, from) = *self.expansions.entry(partition).or_insert(now);
        if (node, registered) != (outside, leading.registered) {
            self.expansions.insert(partition, now);
        } else if context.view.active_controller().is_some() && due(from) {
            findings.report(context, &EXPANSION, partition, || {
                format!(
                    "leader {} keeps node {node} out of its ISR, which has had all for {} ms",
                    leading.replica.node,
                    (context.at_ns - from) / 1_000_000
                )
            });
        }
    }
}

/// The registered leader of a partition, which acts and knows the registered ISR.
struct Leading<'a> {
    view: &'a PartitionView,
    replica: &'a ReplicaView,
    isr: &'a [NodeId],
    registered: PartitionEpoch,
}

impl<'a> Leading<'a> {
    fn of(view: &'a PartitionView) -> Option<Self> {
        let registration = view.registration.as_ref()?;
        let replica = view.replica(registration.leader?)?;
        let acts = replica.role == ReplicaRole::Leader
            && replica.leader_epoch == registration.leader_epoch
            && replica.isr.members == registration.isr;
        acts.then_some(Self {
            view,
            replica,
            isr: &registration.isr,
            registered: registration.partition_epoch,
        })
    }

    fn lacks(&self, offset: Offset) -> bool {
        self.replica.high_watermark < offset
    }

    /// What every replica that counts holds, if there are enough in sync. Who is outside and about to join counts, too.
    fn held_by_all(&self) -> Option<Offset> {
        let enough = self.isr.len() >= self.view.minimums_of(self.replica.node).1;
        let ends = self.view.replicas().iter().map(|replica| self.end_of(replica));
        enough.then(|| ends.min()).flatten()
    }

    fn end_of(&self, replica: &ReplicaView) -> Offset {
        let follows = replica.node == self.replica.node
            || replica.leader_epoch == self.replica.leader_epoch
                && replica.role == ReplicaRole::Follower;
        if follows { self.replica.log.common_end(&replica.log) } else { Offset::ZERO }
    }

    /// Whether a replica is a member of the ISR that follows, starts before an offset, and knows it to be committed:
    /// beyond its high watermark no log starts.
    fn is_to_start_at(&self, replica: &ReplicaView, start: Offset) -> bool {
        replica.role == ReplicaRole::Follower
            && replica.leader_epoch == self.replica.leader_epoch
            && self.isr.contains(&replica.node)
            && replica.log_start_offset < start
            && replica.high_watermark >= start
    }

    /// Followers that are not in the ISR and have all up to the high watermark and the start of the epoch.
    fn caught_up_outside(&self) -> impl Iterator<Item = NodeId> + '_ {
        let needed = self.replica.high_watermark.max(self.replica.epoch_start_offset);
        let outside = self.view.replicas().iter().filter(|it| !self.isr.contains(&it.node));
        let registered = self.view.registration.as_ref();
        let assigned =
            move |it: &&ReplicaView| registered.is_some_and(|now| now.replicas.contains(&it.node));
        let has_all = move |it: &&ReplicaView| {
            it.leader_epoch == self.replica.leader_epoch && self.end_of(it) >= needed
        };
        outside.filter(assigned).filter(has_all).map(|replica| replica.node)
    }
}

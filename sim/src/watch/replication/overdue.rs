//! What a leader can do when it is calm, it does in time; what it does alone needs no calm, and stands in
//! `lone_leader`.
//!
//! Promise: of those for whom it is calm, a leader commits what every member of its ISR holds, as soon as their next
//! fetches can have told it, and lets a replica into the ISR that has all that it needs; members of the ISR let their
//! logs start where their leader's does. Who is needed: for a commit, the leader and the members of the ISR; for an
//! expansion, the leader, the candidate, the active controller and a majority of the controllers; for a log start, the
//! leader and the member. Anybody else may be down or cut. Source: KIP-101, KIP-107, KIP-497;
//! `Partition.maybeIncrementLeaderHW`, `Partition.maybeExpandIsr`, `ReplicaFetcherThread.processPartitionData`.
//! Not verified: anything while a quota holds a follower up, or a fault lasts that touches who is needed, or in
//! networks that are narrow by plan; the heal, which liveness judges.

use std::collections::BTreeMap;

use harrow_broker_model::types::{NodeId, Offset, PartitionEpoch, TopicPartition};

use crate::view::{PartitionView, ReplicaRole, ReplicaView};
use crate::violation::Guarantee;
use crate::watch::due::{Look, acting_leader};
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::shared::Shared;

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
    promise: "when it is calm for who is needed, what all in-sync replicas hold is committed, who has caught up is \
        in sync, and followers' logs start where their leader's does",
    source: "KIP-101, KIP-107, KIP-497, Partition.maybeIncrementLeaderHW, Partition.maybeExpandIsr",
    leaves_out: "faults that touch who is needed, unless a leader is alone; networks that are narrow by plan",
    anomalies: &[COMMIT, EXPANSION, START],
};

/// Looks in each bound.
const LOOKS: u64 = 3;

/// What waits, and since when.
#[derive(Debug, Default)]
pub(super) struct Overdue {
    next_look_ns: u64,
    commits: BTreeMap<TopicPartition, Wait>,
    expansions: BTreeMap<TopicPartition, Joiner>,
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

/// Who waits to be let into the ISR: by which controller, under which registration, and since when.
#[derive(Debug, Clone, Copy)]
struct Joiner {
    node: NodeId,
    controller: NodeId,
    registered: PartitionEpoch,
    from: u64,
}

impl Overdue {
    /// A quota holds a follower up, which says so as long as it does: nothing of the partition is due. One that is in
    /// the ISR is held up, too, until it has got records in the present epoch.
    pub(super) fn on_held_up(&mut self, partition: TopicPartition) {
        self.commits.remove(&partition);
        self.expansions.remove(&partition);
    }

    /// Time goes on.
    #[inline]
    pub(super) fn look(&mut self, context: &Context<'_>, findings: &mut Findings, shared: &Shared) {
        if context.at_ns < self.next_look_ns || !context.view.states_all() {
            return;
        }
        self.next_look_ns = context.at_ns.saturating_add(shared.calm.bounds().hears_ns / LOOKS);
        let look = Look::new(context, shared);
        for view in context.view.partitions() {
            let Some(leading) = Leading::of(view) else {
                self.commits.remove(&view.partition);
                self.expansions.remove(&view.partition);
                continue;
            };
            self.check_commit(&look, findings, &leading);
            self.check_expansion(&look, findings, &leading);
            self.check_starts(&look, findings, &leading);
        }
    }

    fn check_commit(&mut self, look: &Look<'_>, findings: &mut Findings, leading: &Leading<'_>) {
        let (partition, context) = (leading.view.partition, look.context);
        let Some(needed) = Needed::for_commit(look, leading) else {
            self.commits.remove(&partition);
            return;
        };
        let held = leading.held_by(&needed.nodes);
        // An ISR that was too small in between, or another one, begins anew.
        let waits = |wait: &Wait| {
            wait.registered == leading.registered
                && held >= Some(wait.offset)
                && leading.lacks(wait.offset)
        };
        if let Some(Wait { offset, from, .. }) = self.commits.get(&partition).copied().filter(waits)
        {
            if look.is_due(from.max(needed.since), &needed.nodes, needed.bound) {
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

    fn check_starts(&mut self, look: &Look<'_>, findings: &mut Findings, leading: &Leading<'_>) {
        let (partition, context) = (leading.view.partition, look.context);
        let (leader, start) = (leading.replica.node, leading.replica.log_start_offset);
        for replica in leading.view.replicas() {
            let key = (partition, replica.node);
            let since = look.calm_since(leader, &[replica.node]);
            let Some(since) = since.filter(|_| leading.is_to_start_at(replica, start)) else {
                self.starts.remove(&key);
                continue;
            };
            let (at, from) = *self.starts.entry(key).or_insert((start, context.at_ns));
            let nodes = [leader, replica.node];
            if at != start {
                self.starts.insert(key, (start, context.at_ns));
            } else if look.is_due(from.max(since), &nodes, look.bounds().hears_ns) {
                findings.report(context, &START, partition, || {
                    format!(
                        "node {} starts at {}; its leader {leader} has started at {start} for {} ms",
                        replica.node,
                        replica.log_start_offset,
                        (context.at_ns - from) / 1_000_000
                    )
                });
            }
        }
    }

    fn check_expansion(&mut self, look: &Look<'_>, findings: &mut Findings, leading: &Leading<'_>) {
        let (partition, context) = (leading.view.partition, look.context);
        let leader = leading.replica.node;
        let Some((controller, calm_since)) = look.controller else {
            self.expansions.remove(&partition);
            return;
        };
        let since = |node: NodeId| {
            let at_leader = look.calm_since(leader, &[node, controller])?;
            Some(at_leader.max(look.calm_since(controller, &[node])?).max(calm_since))
        };
        let may_join = |node: NodeId| {
            is_active(context, node)
                && context.view.has_registered(node)
                && context.view.registry().directories().has_online(partition, node)
                && !context.view.is_in_failed_directory(node, partition)
        };
        // A proposal with a member that is not active is refused.
        let accepted = leading.isr.iter().all(|member| is_active(context, *member));
        let mut outside = leading.caught_up_outside().filter(|node| accepted && may_join(*node));
        let found = outside.find_map(|node| since(node).map(|since| (node, since)));
        let Some((node, since)) = found else {
            self.expansions.remove(&partition);
            return;
        };
        let now = Joiner { node, controller, registered: leading.registered, from: context.at_ns };
        let joiner = self.expansions.entry(partition).or_insert(now);
        if !joiner.is_same(now) {
            *joiner = now;
        } else if look.is_due(joiner.from.max(since), &[leader, node], leading.joins_ns(look)) {
            let ms = (context.at_ns - joiner.from) / 1_000_000;
            findings.report(context, &EXPANSION, partition, || {
                format!("leader {leader} keeps node {node} out of its ISR, which has had all for {ms} ms")
            });
        }
    }
}

impl Joiner {
    fn is_same(self, other: Self) -> bool {
        let of = |it: Self| (it.node, it.controller, it.registered);
        of(self) == of(other)
    }
}

/// Whether the controller lets a broker into an ISR.
fn is_active(context: &Context<'_>, node: NodeId) -> bool {
    let broker = context.view.registry().broker(node);
    broker.is_some_and(|broker| !broker.fenced && !broker.shutting_down)
}

/// Who is needed for a commit, all of whom go on; since when nothing stands in their way, and how long it may take.
struct Needed {
    nodes: Vec<NodeId>,
    since: u64,
    bound: u64,
}

impl Needed {
    /// The leader and the members of the ISR, and who is outside and about to join: a leader waits for that one, too.
    /// It goes on without one that is down or hindered only when that one has lagged for too long, and it looks for
    /// lagging ones again; one that it has proposed it waits for until the controller answers.
    fn for_commit(look: &Look<'_>, leading: &Leading<'_>) -> Option<Self> {
        let leader = leading.replica.node;
        let mut since = look.calm_since(leader, leading.isr).filter(|_| leading.knows_all)?;
        let mut nodes = leading.isr.to_vec();
        let mut bound = look.bounds().hears_ns;
        for node in leading.outside().map(|replica| replica.node) {
            if let Some(calm_since) = look.calm_since(leader, &[node]) {
                since = since.max(calm_since);
                nodes.push(node);
            } else if leading.replica.isr.maximal_len > leading.isr.len() {
                return None;
            } else {
                bound = look.bounds().hears_ns.saturating_add(look.bounds().joiner_ns);
            }
        }
        Some(Self { nodes, since, bound })
    }
}

/// The registered leader of a partition, which acts.
struct Leading<'a> {
    view: &'a PartitionView,
    replica: &'a ReplicaView,
    isr: &'a [NodeId],
    registered: PartitionEpoch,
    /// Whether it knows the registered ISR.
    knows_all: bool,
}

impl<'a> Leading<'a> {
    fn of(view: &'a PartitionView) -> Option<Self> {
        let replica = acting_leader(view)?;
        let registration = view.registration.as_ref()?;
        Some(Self {
            view,
            replica,
            isr: &registration.isr,
            registered: registration.partition_epoch,
            knows_all: replica.isr.members == registration.isr,
        })
    }

    fn lacks(&self, offset: Offset) -> bool {
        self.replica.high_watermark < offset
    }

    /// Replicas that are not in the ISR.
    fn outside(&self) -> impl Iterator<Item = &'a ReplicaView> + '_ {
        let replicas = self.view.registration.as_ref().map_or(&[][..], |now| &now.replicas);
        let assigned = move |it: &&ReplicaView| replicas.contains(&it.node);
        self.view.replicas().iter().filter(assigned).filter(|it| !self.isr.contains(&it.node))
    }

    /// What each of these replicas holds, if there are enough in sync.
    fn held_by(&self, nodes: &[NodeId]) -> Option<Offset> {
        let enough = self.isr.len() >= self.view.minimums_of(self.replica.node).1;
        let end =
            |node: &NodeId| self.view.replica(*node).map_or(Offset::ZERO, |it| self.end_of(it));
        enough.then(|| nodes.iter().map(end).min()).flatten()
    }

    fn end_of(&self, replica: &ReplicaView) -> Offset {
        let follows = replica.node == self.replica.node
            || replica.leader_epoch == self.replica.leader_epoch
                && replica.role == ReplicaRole::Follower;
        if follows { self.replica.log.common_end(&replica.log) } else { Offset::ZERO }
    }

    /// How long it may take that who has all is in the ISR. A leader that does not know what is registered hears of
    /// that first.
    fn joins_ns(&self, look: &Look<'_>) -> u64 {
        let bounds = look.bounds();
        let learns_ns = if self.knows_all { 0 } else { bounds.learns_ns };
        bounds.proposal_ns.saturating_add(learns_ns)
    }

    /// Whether a replica is a member of the ISR that follows, starts before an offset, and knows it to be committed:
    /// beyond its high watermark no log starts.
    fn is_to_start_at(&self, replica: &ReplicaView, start: Offset) -> bool {
        replica.role == ReplicaRole::Follower
            && replica.leader_epoch == self.replica.leader_epoch
            && self.knows_all
            && self.isr.contains(&replica.node)
            && replica.log_start_offset < start
            && replica.high_watermark >= start
    }

    /// Followers that are not in the ISR and have all up to the high watermark and the start of the epoch.
    fn caught_up_outside(&self) -> impl Iterator<Item = NodeId> + '_ {
        let needed = self.replica.high_watermark.max(self.replica.epoch_start_offset);
        let has_all = move |it: &&ReplicaView| {
            it.leader_epoch == self.replica.leader_epoch && self.end_of(it) >= needed
        };
        self.outside().filter(has_all).map(|replica| replica.node)
    }
}

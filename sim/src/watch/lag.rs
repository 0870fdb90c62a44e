//! Who lags leaves the ISR in time.
//!
//! Promise: a member of the ISR that has not caught up with its leader for longer than `replica.lag.time.max.ms` is
//! proposed for removal when the leader looks next, which it does every half of that time. A follower has caught up
//! at a time if it holds all that the leader held then, however much it lacks of what came since.
//! Source: KIP-16; `ReplicaManager.maybeShrinkIsr`, `Partition.getOutOfSyncReplicas`.
//! Not verified: how long the controller takes to answer, which liveness judges; a follower that has not fetched in
//! the leader's epoch and lacks nothing; lags that end within the time that a leader may take to notice.
//!
//! The leader counts from a fetch, which comes after what the follower held: so its own measure of a lag is never
//! below the true one, and only the true one is looked at here, a few times in each `replica.lag.time.max.ms`. What
//! keeps a leader from looking begins the count of its time anew: that it stands still, or waits for the answer to
//! another proposal. What may have happened to a follower's log since it fetched last counts as caught up. All
//! clocks may be as slow as the plan's slowest.

use std::collections::BTreeMap;

use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use super::finding::{Anomaly, Context, Findings, Invariant};
use crate::plan::{Action, Plan};
use crate::view::{ClusterView, PartitionView, ReplicaRole};
use crate::violation::Guarantee;

const KEPT: Anomaly = Anomaly {
    name: "laggard-in-isr",
    guarantee: Guarantee::Liveness,
    meaning: "a leader kept a follower in its ISR that had not caught up for longer than replica.lag.time.max.ms",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "replica-lag",
    promise: "who has not caught up for too long leaves the ISR, so that it holds nobody up",
    source: "KIP-16, ReplicaManager.maybeShrinkIsr",
    leaves_out: "how long the controller takes; lags that end in time to go unnoticed",
    anomalies: &[KEPT],
};

/// What a leader may need beyond the clocks, in nanoseconds: its check is one of several things due at a time.
const SLACK_NS: u64 = 100_000_000;
/// Looks in each `replica.lag.time.max.ms`.
const LOOKS: u64 = 4;
const MILLION: u64 = 1_000_000;

/// Leaders and how far their followers are.
#[derive(Debug)]
pub(super) struct Laggards {
    /// `replica.lag.time.max.ms` and the time between two checks of it, by the slowest clock, in nanoseconds.
    lag_ns: u64,
    check_ns: u64,
    next_look_ns: u64,
    /// Since when each node goes on; none while it stands still.
    goes_on: BTreeMap<NodeId, Option<u64>>,
    leaders: BTreeMap<TopicPartition, Leading>,
}

/// The newest leader of a partition.
#[derive(Debug)]
struct Leading {
    node: NodeId,
    epoch: LeaderEpoch,
    /// Whether it waits for the answer to a proposal, and since when it does not.
    proposes: bool,
    free_since: u64,
    members: Vec<Member>,
}

/// A member of its ISR.
#[derive(Debug)]
struct Member {
    node: NodeId,
    /// The farthest that it is known to have been.
    reached: Offset,
    /// Where the leader's log ended when it was seen to have caught up last, and when that was.
    mark: Offset,
    mark_at: u64,
}

impl Laggards {
    pub(super) fn new(plan: &Plan) -> Self {
        let lag_ns = plan.cluster.replica_lag_time_max_ms * MILLION;
        Self {
            lag_ns: by_slowest_clock(plan, lag_ns),
            check_ns: by_slowest_clock(plan, lag_ns / 2) + SLACK_NS,
            next_look_ns: 0,
            goes_on: BTreeMap::new(),
            leaders: BTreeMap::new(),
        }
    }

    /// A process stands still from now on, or goes on.
    pub(super) fn process_stands(&mut self, at_ns: u64, node: NodeId, still: bool) {
        self.goes_on.insert(node, (!still).then_some(at_ns));
    }

    /// A process ended: it leads nothing any more, and what it has when it is back is another question.
    pub(super) fn process_ended(&mut self, at_ns: u64, view: &ClusterView, node: NodeId) {
        self.leaders.retain(|_, leading| leading.node != node);
        self.forgive(at_ns, view, node, None);
    }

    /// A follower's log may be shorter from now on than its leader knows: it counts as caught up.
    pub(super) fn forgive(
        &mut self,
        at_ns: u64,
        view: &ClusterView,
        node: NodeId,
        partition: Option<TopicPartition>,
    ) {
        for (id, leading) in &mut self.leaders {
            let Some(member) = leading.members.iter_mut().find(|member| member.node == node) else {
                continue;
            };
            if let Some(leader) = view.replica(leading.node, *id)
                && partition.is_none_or(|only| only == *id)
            {
                let end = leader.log.end();
                *member = Member { node, reached: end, mark: end, mark_at: at_ns };
            }
        }
    }

    /// A node begins to lead.
    pub(super) fn on_became_leader(
        &mut self,
        context: &Context<'_>,
        partition: TopicPartition,
        epoch: LeaderEpoch,
    ) {
        let known = self.leaders.get(&partition);
        if known.is_some_and(|leading| leading.epoch > epoch) {
            return;
        }
        let (node, free_since) = (context.node, context.at_ns);
        let leading = Leading { node, epoch, proposes: false, free_since, members: Vec::new() };
        self.leaders.insert(partition, leading);
    }

    /// A leader made a proposal, or has none any more.
    pub(super) fn on_proposal(
        &mut self,
        context: &Context<'_>,
        partition: TopicPartition,
        open: bool,
    ) {
        if let Some(leading) = self.leaders.get_mut(&partition)
            && leading.node == context.node
        {
            leading.proposes = open;
            leading.free_since = context.at_ns;
        }
    }

    /// Time goes on.
    #[inline]
    pub(super) fn look(&mut self, context: &Context<'_>, findings: &mut Findings) {
        if context.at_ns >= self.next_look_ns {
            self.next_look_ns = context.at_ns + self.lag_ns / LOOKS;
            self.look_at_all(context, findings);
        }
    }

    fn look_at_all(&mut self, context: &Context<'_>, findings: &mut Findings) {
        let Self { lag_ns, check_ns, goes_on, leaders, .. } = self;
        leaders.retain(|partition, leading| {
            let Some(view) = context.view.partition(*partition) else { return false };
            if !leading.is_present(view) {
                return false;
            }
            leading.follow(context.at_ns, view);
            let running = goes_on.get(&leading.node).copied().unwrap_or(Some(0));
            if let Some(running_since) = running.filter(|_| !leading.proposes) {
                let able_since = running_since.max(leading.free_since);
                let overdue = |member: &&Member| {
                    context.at_ns > able_since.max(member.mark_at + *lag_ns) + *check_ns
                };
                if let Some(member) = leading.members.iter().find(overdue) {
                    leading.report(context, findings, *partition, member);
                }
            }
            true
        });
    }
}

impl Leading {
    /// Whether it is the registered leader and acts as such.
    fn is_present(&self, view: &PartitionView) -> bool {
        let registered = view
            .registration
            .as_ref()
            .is_some_and(|now| now.leader == Some(self.node) && now.leader_epoch == self.epoch);
        registered
            && view.replica(self.node).is_some_and(|leader| {
                leader.role == ReplicaRole::Leader && leader.leader_epoch == self.epoch
            })
    }

    /// Sees how far the members are, and forgets who is none any more, as registered or as the leader knows.
    fn follow(&mut self, at_ns: u64, view: &PartitionView) {
        let (Some(now), Some(leader)) = (&view.registration, view.replica(self.node)) else {
            return;
        };
        let (epoch, end) = (self.epoch, leader.log.end());
        let is_member =
            |node: NodeId| now.isr.contains(&node) && leader.isr.members.contains(&node);
        self.members.retain(|member| is_member(member.node));
        for node in now.isr.iter().copied().filter(|node| *node != self.node && is_member(*node)) {
            if !self.members.iter().any(|member| member.node == node) {
                self.members.push(Member { node, reached: end, mark: end, mark_at: at_ns });
            }
        }
        for member in &mut self.members {
            let replica = view.replica(member.node).filter(|it| it.leader_epoch == epoch);
            if let Some(replica) = replica {
                member.reached = member.reached.max(replica.log.end());
            }
            if member.reached >= member.mark {
                (member.mark, member.mark_at) = (end, at_ns);
            }
        }
    }

    fn report(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        member: &Member,
    ) {
        let lag_ms = (context.at_ns - member.mark_at) / MILLION;
        findings.report(context, &KEPT, partition, || {
            format!(
                "leader {} of epoch {} keeps node {} in its ISR, which has not had all up to {} for {lag_ms} ms",
                self.node, self.epoch, member.node, member.mark
            )
        });
    }
}

/// How much true time passes, at most, while a clock of the plan shows that so much has passed.
fn by_slowest_clock(plan: &Plan, own_ns: u64) -> u64 {
    let steps = plan.steps.iter().filter_map(|step| {
        if let Action::DriftClock { ppm, .. } = step.action { Some(ppm) } else { None }
    });
    let slowest = plan.clocks.iter().map(|clock| clock.drift_ppm).chain(steps).min();
    let speed = 1_000_000 + i64::from(slowest.unwrap_or(0).min(0));
    (u128::from(own_ns) * 1_000_000 / speed.max(1) as u128) as u64
}

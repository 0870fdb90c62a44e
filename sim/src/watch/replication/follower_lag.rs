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
//! below the true one. Only that one is looked at here, a few times in each `replica.lag.time.max.ms`: a follower lags
//! all the time between two looks if what it has at the second is older than the allowed lag at the first. What keeps a
//! leader from looking excuses it: that it stands still, or waits for the answer to another proposal. What may have
//! happened to a follower's log since it fetched last counts as caught up. All clocks may be as slow as the plan's
//! slowest.

use std::collections::{BTreeMap, VecDeque};

use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use crate::plan::Plan;
use crate::view::{ClusterView, PartitionView, ReplicaRole};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::timing::{RunningSince, SLACK_NS, by_slowest_clock};

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

/// Looks in each `replica.lag.time.max.ms`.
const LOOKS: u64 = 4;
/// So many ends of a leader's log are remembered: what is older is no news of a member that is still one.
const ENDS_MAX: usize = 32;
const MILLION: u64 = 1_000_000;

/// Leaders and how far their followers are.
#[derive(Debug)]
pub(super) struct FollowerLag {
    /// `replica.lag.time.max.ms` and the time between two checks of it, by the slowest clock, in nanoseconds.
    lag_ns: u64,
    check_ns: u64,
    looked_at_ns: u64,
    next_look_ns: u64,
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
    /// Where its log was seen to end, and when first, oldest first.
    ends: VecDeque<(Offset, u64)>,
    members: Vec<Member>,
}

/// A member of its ISR.
#[derive(Debug)]
struct Member {
    node: NodeId,
    /// The farthest that it is known to have been.
    reached: Offset,
    /// Not before it had all that its leader had last.
    caught_up_at: u64,
    /// Whether it had all when it was looked at last: then it may have had all until right before the next look.
    had_all: bool,
    /// Since when it lags more than it may; none if it does not.
    lags_since: Option<u64>,
}

impl FollowerLag {
    pub(super) fn new(plan: &Plan) -> Self {
        let lag_ns = plan.cluster.replica_lag_time_max_ms * MILLION;
        Self {
            lag_ns: by_slowest_clock(plan, lag_ns),
            check_ns: by_slowest_clock(plan, lag_ns / 2) + SLACK_NS,
            looked_at_ns: 0,
            next_look_ns: 0,
            leaders: BTreeMap::new(),
        }
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
                *member = Member::caught_up(node, leader.log.end(), at_ns);
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
        let leading = Leading {
            node: context.node,
            epoch,
            proposes: false,
            free_since: context.at_ns,
            ends: VecDeque::new(),
            members: Vec::new(),
        };
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
    pub(super) fn look(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        running_since: &RunningSince,
    ) {
        if context.at_ns >= self.next_look_ns {
            self.next_look_ns = context.at_ns + self.lag_ns / LOOKS;
            self.look_at_all(context, findings, running_since);
        }
    }

    fn look_at_all(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        running_since: &RunningSince,
    ) {
        let before = std::mem::replace(&mut self.looked_at_ns, context.at_ns);
        let Self { lag_ns, check_ns, leaders, .. } = self;
        leaders.retain(|partition, leading| {
            let Some(view) = context.view.partition(*partition) else { return false };
            if !leading.is_present(view) {
                return false;
            }
            leading.follow(context.at_ns, view);
            leading.members.iter_mut().for_each(|member| member.lag(before, *lag_ns));
            if running_since.for_longer_than(context.at_ns, leading.node, SLACK_NS) {
                leading.judge(context, findings, *partition, *check_ns);
            }
            true
        });
    }
}

impl Member {
    fn caught_up(node: NodeId, reached: Offset, at_ns: u64) -> Self {
        Self { node, reached, caught_up_at: at_ns, had_all: true, lags_since: None }
    }

    /// Whether it lagged all the time since the look before, more than it may.
    fn lag(&mut self, before: u64, lag_ns: u64) {
        let lagged = before > self.caught_up_at + lag_ns;
        self.lags_since = lagged.then(|| self.lags_since.unwrap_or(before));
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
        self.ends_at(end, at_ns);
        let is_member =
            |node: NodeId| now.isr.contains(&node) && leader.isr.members.contains(&node);
        self.members.retain(|member| is_member(member.node));
        for node in now.isr.iter().copied().filter(|node| *node != self.node && is_member(*node)) {
            if !self.members.iter().any(|member| member.node == node) {
                self.members.push(Member::caught_up(node, end, at_ns));
            }
        }
        for member in &mut self.members {
            let replica = view.replica(member.node).filter(|it| it.leader_epoch == epoch);
            let has = replica.map_or(member.reached, |replica| replica.log.end());
            if has > member.reached || member.reached >= end || member.had_all {
                member.reached = member.reached.max(has);
                // The leader had more not later than at that look; when exactly nobody looked.
                let beyond = self.ends.iter().find(|(end, _)| *end > member.reached);
                member.caught_up_at = beyond.map_or(at_ns, |(_, since)| *since);
            }
            member.had_all = member.reached >= end;
        }
    }

    /// Its log ends there now.
    fn ends_at(&mut self, end: Offset, at_ns: u64) {
        if self.ends.back().is_none_or(|(last, _)| *last < end) {
            self.ends.push_back((end, at_ns));
        }
        if self.ends.len() > ENDS_MAX {
            self.ends.pop_front();
        }
    }

    /// It could look, and somebody lags since before it had to.
    fn judge(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        check_ns: u64,
    ) {
        let now_ns = context.at_ns;
        let overdue = |member: &&Member| {
            let since = member.lags_since.map(|since| since.max(self.free_since));
            since.is_some_and(|since| now_ns > since + check_ns)
        };
        let Some(member) = self.members.iter().find(overdue).filter(|_| !self.proposes) else {
            return;
        };
        let lag_ms = (now_ns - member.caught_up_at) / MILLION;
        findings.report(context, &KEPT, partition, || {
            format!(
                "leader {} of epoch {} keeps node {} in its ISR, which has not caught up for {lag_ms} ms",
                self.node, self.epoch, member.node
            )
        });
    }
}

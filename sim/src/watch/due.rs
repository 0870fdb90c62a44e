//! A look at what is due: who is asked for it, since when nothing stands in their way, and whether it takes too long.

use harrow_broker_model::types::{LeaderEpoch, NodeId, TopicPartition};

use super::calm::{Bounds, Calm};
use super::exchange::CoordinatorKind;
use super::finding::Context;
use super::shared::Shared;
use super::timing::{RunningSince, SLACK_NS};
use crate::view::{ClusterView, PartitionView, ReplicaRole, ReplicaView};

/// Time between two looks at coordinators, in nanoseconds.
pub(super) const COORDINATORS_NS: u64 = 250_000_000;

/// What a look goes by.
pub(super) struct Look<'a> {
    pub(super) context: &'a Context<'a>,
    calm: &'a Calm,
    running_since: &'a RunningSince,
    /// The active controller, if it is calm for a majority with it, and since when.
    pub(super) controller: Option<(NodeId, u64)>,
}

impl<'a> Look<'a> {
    pub(super) fn new(context: &'a Context<'a>, shared: &'a Shared) -> Self {
        let (calm, running_since) = (&shared.calm, &shared.running_since);
        Self { context, calm, running_since, controller: controller(context, calm) }
    }

    /// How long things may take.
    pub(super) fn bounds(&self) -> Bounds {
        self.calm.bounds()
    }

    /// How long a record may take to be committed by replicas that are all in sync.
    pub(super) fn written_ns(&self) -> u64 {
        self.bounds().hears_ns
    }

    /// Since when it is calm for a node and those that it has to do with.
    pub(super) fn calm_since(&self, node: NodeId, others: &[NodeId]) -> Option<u64> {
        self.calm.around(node, others, |node| self.context.view.is_running(node))
    }

    /// Who has replicas of a partition.
    pub(super) fn replicas_of(&self, partition: TopicPartition) -> Vec<NodeId> {
        let view = self.context.view.partition(partition);
        let registration = view.and_then(|view| view.registration.as_ref());
        registration.map_or_else(Vec::new, |registration| registration.replicas.clone())
    }

    /// In which epoch a node leads a partition, by the registration and by itself.
    pub(super) fn leads_in(&self, node: NodeId, partition: TopicPartition) -> Option<LeaderEpoch> {
        let leader = self.context.view.partition(partition).and_then(acting_leader);
        leader.filter(|leader| leader.node == node).map(|leader| leader.leader_epoch)
    }

    /// Since when records of a partition can be committed: its registered leader acts, and all its replicas are there,
    /// follow it and are in sync, as it knows; none while that is not so.
    pub(super) fn commits_since(&self, partition: TopicPartition) -> Option<u64> {
        let view = self.context.view.partition(partition)?;
        let registration = view.registration.as_ref()?;
        let leader = acting_leader(view)?;
        let (members, all) = (&leader.isr.members, registration.replicas.len());
        let whole = *members == registration.isr && members.len() == all;
        let follows = |node: &NodeId| {
            *node == leader.node || view.replica(*node).is_some_and(|it| is_follower(it, leader))
        };
        let followed = registration.replicas.iter().all(follows);
        let enough = all >= view.minimums_of(leader.node).1;
        self.calm_since(leader.node, &registration.replicas).filter(|_| whole && followed && enough)
    }

    /// Whether what a node does at its next check has waited since a time, for too long. What it writes blocks it now
    /// and then, and it goes on with what is due by then: a moment without that is enough.
    pub(super) fn is_unchecked(&self, from: u64, node: NodeId, bound: u64) -> bool {
        let at_ns = self.context.at_ns;
        at_ns > from.saturating_add(bound)
            && self.running_since.for_longer_than(at_ns, node, SLACK_NS)
    }

    /// Whether what has waited since a time, and these nodes have worked on, has waited for too long.
    pub(super) fn is_due(&self, from: u64, nodes: &[NodeId], bound: u64) -> bool {
        let at_ns = self.context.at_ns;
        at_ns > from.saturating_add(bound)
            && nodes.iter().all(|node| self.running_since.for_longer_than(at_ns, *node, bound))
    }
}

/// Whether a replica follows in the leader's epoch: one that has started and is not registered does not yet.
fn is_follower(replica: &ReplicaView, leader: &ReplicaView) -> bool {
    replica.role == ReplicaRole::Follower && replica.leader_epoch == leader.leader_epoch
}

/// The registered leader of a partition, if it acts in that epoch.
pub(super) fn acting_leader(view: &PartitionView) -> Option<&ReplicaView> {
    let registration = view.registration.as_ref()?;
    let replica = view.replica(registration.leader?)?;
    let acts =
        replica.role == ReplicaRole::Leader && replica.leader_epoch == registration.leader_epoch;
    acts.then_some(replica)
}

/// A partition of the topic that a kind of coordinators writes to.
pub(super) fn internal_partition(
    view: &ClusterView,
    kind: CoordinatorKind,
    partition: i32,
) -> Option<TopicPartition> {
    Some(TopicPartition { topic: view.topic_id(kind.topic())?, partition })
}

/// The active controller, if it is calm for a majority of the controllers that it is one of, and since when.
fn controller(context: &Context<'_>, calm: &Calm) -> Option<(NodeId, u64)> {
    let active = context.view.active_controller()?;
    let voters: Vec<NodeId> =
        context.view.quorum().voters().iter().map(|voter| voter.node).collect();
    let (members, since) = calm.majority(&voters, |node| context.view.is_running(node))?;
    members.contains(&active).then_some((active, since))
}

//! Why no rule can recover from a state: then it is legal, not a bug. Source: `TigerBeetle` asks the same of its core
//! before it calls a state stuck; KIP-966 says who may be elected.
//!
//! | lost | said of |
//! |---|---|
//! | a majority of the quorum is dead for good, or was wiped and never caught up | the cluster |
//! | every member of ISR and ELR is dead for good, or none is left | a partition, unless unclean election may help |
//! | every replica is dead for good | a partition |
//! | fewer replicas live than `min.insync.replicas` | a partition: acks=all is refused, the high watermark stands |
//!
//! Not verified: that the loss itself was legal. That is for the atlas, which holds faults back, and the policy.

use harrow_broker_model::node::Node;
use harrow_broker_model::types::NodeId;

use super::Director;
use super::pending::sorted;
use super::progress::Pending;
use crate::liveness::Goal;
use crate::plan::OutsideState;
use crate::view::PartitionView;
use crate::world::cuts::list;
use crate::world::engine::Boot;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// Whether the heal left the node outside the core.
    pub(super) fn is_outside(&self, node: NodeId) -> bool {
        self.outside.contains(&node)
    }

    /// Whether the node is dead for good.
    pub(super) fn is_dead(&self, node: NodeId) -> bool {
        self.gone.contains(&node)
            || self.is_outside(node)
                && self.plan.core.as_ref().is_some_and(|core| core.state == OutsideState::Dead)
    }

    /// Why no rule can meet this goal, if so. Goals leave out the partitions that are lost, so what is pending never
    /// waits for one of those; and a process starts, and what is overdue is ended, without any quorum.
    pub(super) fn unrecoverable(&self, goal: Goal) -> Option<String> {
        let alone = matches!(goal, Goal::Processes | Goal::Resources);
        if alone { None } else { self.quorum_lost() }
    }

    /// What no rule can bring back, partition by partition; the first.
    pub(super) fn stranded(&self) -> Option<(Pending, String)> {
        self.partitions().find_map(|(name, partition)| {
            let view = self.host.view().partition(partition?)?;
            let (goal, what, reason) = if let Some(reason) = self.offline(&name, view) {
                (Goal::Leaders, format!("partition {name} has no leader"), reason)
            } else {
                let what = format!("committed records of {name} are above its high watermark");
                (Goal::HighWatermark, what, self.hidden(&name, view)?)
            };
            Some((Pending { goal, what, left: 1 }, reason))
        })
    }

    fn quorum_lost(&self) -> Option<String> {
        let voters: Vec<NodeId> = self.host.view().quorum().counted_voters().ids().collect();
        let (dead, rest): (Vec<NodeId>, Vec<NodeId>) =
            voters.iter().partition(|voter| self.is_dead(**voter));
        let (wiped, sound): (Vec<NodeId>, Vec<NodeId>) =
            rest.iter().partition(|voter| self.is_hollow(**voter));
        if sound.len() > voters.len() / 2 {
            return None;
        }
        Some(format!(
            "no majority of the controllers {} is left: {} stay dead, {} lost their disks",
            list(&voters),
            list(&dead),
            list(&wiped)
        ))
    }

    /// Whether a voter's disk was wiped and has not got back what is committed.
    fn is_hollow(&self, voter: NodeId) -> bool {
        let quorum = self.host.view().quorum();
        if quorum.changes() {
            let key = quorum.counted_voters().voter(voter);
            return key.is_some_and(|key| !quorum.is_intact(key));
        }
        self.was_wiped(voter) && !self.host.view().metadata_log().holds_committed(voter)
    }

    fn was_wiped(&self, node: NodeId) -> bool {
        let wipes = self.faults.iter().filter(|fault| fault.kind == "wipe-disk" && fault.lossy);
        wipes.into_iter().any(|fault| fault.nodes.contains(&node))
    }

    /// Why the partition stays without a leader, if so.
    pub(super) fn offline(&self, name: &str, view: &PartitionView) -> Option<String> {
        let registration = view.registration.as_ref()?;
        if registration.leader.is_some_and(|leader| !self.is_dead(leader)) {
            return None;
        }
        let replicas = &registration.replicas;
        if replicas.iter().all(|replica| self.is_dead(*replica)) {
            return Some(format!(
                "every replica of {name}, {}, stays dead",
                list(&sorted(replicas))
            ));
        }
        if registration.leader.is_some() || view.unclean_leader_election {
            return None;
        }
        let electable: Vec<NodeId> = view.electable().collect();
        let last_known = registration.last_known_leader.filter(|_| electable.is_empty());
        if electable.iter().chain(&last_known).any(|member| !self.is_dead(*member)) {
            return None;
        }
        let rule = "its topic forbids unclean elections";
        if !electable.is_empty() {
            let members = list(&electable);
            return Some(format!(
                "every member of isr and elr of {name}, {members}, stays dead and {rule}"
            ));
        }
        let wiped: Vec<NodeId> =
            replicas.iter().copied().filter(|replica| self.was_wiped(*replica)).collect();
        let why = if wiped.is_empty() {
            String::new()
        } else {
            format!(" (disks of {} were wiped)", list(&wiped))
        };
        Some(format!("isr and elr of {name} are empty{why} and {rule}"))
    }

    /// Why the partition refuses acks=all for good, if so.
    pub(super) fn short_of_replicas(&self, name: &str, view: &PartitionView) -> Option<String> {
        let registration = view.registration.as_ref()?;
        let (outside, live): (Vec<NodeId>, Vec<NodeId>) =
            registration.replicas.iter().partition(|replica| self.is_outside(**replica));
        let least = view.min_insync_replicas;
        if live.len() >= least as usize {
            return None;
        }
        Some(format!(
            "acks=all is refused by {name}: of its replicas, {} stay outside the core, and \
             min.insync.replicas={least} is more than are left",
            list(&outside)
        ))
    }

    /// Whether consumers cannot get to the partition's committed end for good.
    pub(super) fn is_stranded(&self, name: &str, view: &PartitionView) -> bool {
        self.offline(name, view).is_some() || self.hidden(name, view).is_some()
    }

    /// Why committed records of the partition stay out of consumers' sight, if so: a new leader may know of fewer than
    /// are committed, and its high watermark stands while the ISR is below the minimum.
    fn hidden(&self, name: &str, view: &PartitionView) -> Option<String> {
        let leader = view.registration.as_ref()?.leader?;
        let seen = view.replica(leader)?.high_watermark;
        if seen >= view.committed.end() {
            return None;
        }
        self.short_of_replicas(name, view)
    }
}

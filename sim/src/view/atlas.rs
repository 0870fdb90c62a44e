//! The fault atlas: which losses the configuration promises to survive in the present state.
//!
//! Kafka acknowledges a record when at least `min.insync.replicas` page caches have it; with eligible leader replicas
//! (KIP-966) it survives as long as fewer than that many of them lose what was not flushed. The quorum flushes before
//! it counts a record, so a controller may always lose power; but a voter that forgets its vote breaks Raft's promise.
//! Without eligible leader replicas the last member of the ISR leads again with whatever it still has, so no replica
//! may lose anything. What is in a log counts though it is not committed yet: a leader goes by what a follower had when
//! it last asked, so a record may be committed after a member of the ISR has lost it.
//!
//! With known weaknesses switched on the question stays what the promised rules survive: a member of ISR or ELR counts
//! as complete, as promised, though its log may not be. So a plan meets the same faults with them and without.

use harrow_broker_model::types::NodeId;

use super::{ClusterView, PartitionView};

impl ClusterView {
    /// Whether this node may lose what it has not flushed without putting committed records at risk; the error says
    /// which partition is in the way. Always so if the plan allows loss.
    pub fn power_loss_allowed(&self, node: NodeId) -> Result<(), String> {
        if self.loss_allowed || self.is_controller(node) {
            return Ok(());
        }
        self.partitions().try_for_each(|partition| self.survives(partition, node))
    }

    /// Whether the node's disk may be emptied: as for a power loss, and never a controller's.
    pub fn wipe_allowed(&self, node: NodeId) -> Result<(), String> {
        if self.is_controller(node) {
            return Err(format!(
                "node {node} is a voter: without its vote on disk it may vote twice in one epoch"
            ));
        }
        self.power_loss_allowed(node)
    }

    /// Whether this node's process may die, its page cache intact. A controller takes any restart without a clean stop
    /// for a loss (KIP-966), and elects the last known leader when nobody else is left: if that one lost data, the
    /// death of the last sound replica's process loses it for good, although its disk still has it.
    pub fn crash_allowed(&self, node: NodeId) -> Result<(), String> {
        self.absence_allowed(&[node])
    }

    /// Whether a fault may cut these nodes off or hold them still for a while, all at once: the controller fences them
    /// then, which takes them out of the ISR. As for the death of a process.
    pub fn hindrance_allowed(&self, nodes: &[NodeId]) -> Result<(), String> {
        self.absence_allowed(nodes)
    }

    /// These nodes, and no others, are cut off, held still, asked to stop or about to die at present.
    pub fn set_hindered(&mut self, hindered: &[NodeId]) {
        for (node, known) in &mut self.nodes {
            known.hindered = hindered.contains(node);
        }
    }

    /// Whether somebody is cut off, held still or on its way out.
    pub(crate) fn hinders_anybody(&self) -> bool {
        self.nodes.values().any(|known| known.hindered)
    }

    /// Whether this node's process may be asked to stop. It hands its partitions over first, and the next in order
    /// among those whom the controller takes for members of the ISR gets them: not even another sound replica helps
    /// while one that lost data counts among them, since the controller has not heard of its restart.
    pub fn stop_allowed(&self, node: NodeId) -> Result<(), String> {
        if self.loss_allowed {
            return Ok(());
        }
        let mut at_risk = self.partitions().filter(|view| self.may_elect_lossy(view, &[node]));
        at_risk.next().map_or(Ok(()), |view| {
            let name = self.partition_name(view.partition);
            Err(format!("{name}: a replica that lost data may still be elected"))
        })
    }

    /// Whether these brokers may be without a say in elections, all at once.
    fn absence_allowed(&self, nodes: &[NodeId]) -> Result<(), String> {
        if self.loss_allowed {
            return Ok(());
        }
        self.partitions().try_for_each(|view| {
            if !self.may_elect_lossy(view, nodes) || self.another_is_sound(view, nodes) {
                return Ok(());
            }
            let name = self.partition_name(view.partition);
            Err(format!(
                "{name}: a replica that lost data may still be elected, and no other is sound"
            ))
        })
    }

    /// Whether one of these nodes hosts the partition, and a replica that lost data may be its next leader.
    fn may_elect_lossy(&self, view: &PartitionView, nodes: &[NodeId]) -> bool {
        let electable = |replica: &super::ReplicaView| {
            replica.lossy
                && (view.is_electable(replica.node) || view.is_last_known(replica.node))
                && self.is_reachable(view, replica.node)
        };
        let hosts = |node: &NodeId| {
            !self.is_controller(*node)
                && view.replica(*node).is_some_and(|replica| !replica.log.is_empty())
        };
        nodes.iter().any(hosts) && view.replicas().iter().any(electable)
    }

    /// Whether the log directory of a replica works, as far as the controller and its broker know: else it is not
    /// elected.
    fn is_reachable(&self, view: &PartitionView, node: NodeId) -> bool {
        self.registry().directories().has_online(view.partition, node)
            && !self.is_in_failed_directory(node, view.partition)
    }

    fn survives(&self, view: &PartitionView, node: NodeId) -> Result<(), String> {
        let hosts = view.is_replica(node)
            && view.replica(node).is_some_and(|replica| !replica.log.is_empty());
        if !hosts {
            return Ok(());
        }
        let name = self.partition_name(view.partition);
        if !self.keeps_eligible_replicas() {
            return Err(format!(
                "{name}: without eligible leader replicas a replica that lost records may lead"
            ));
        }
        let is_other = |replica: &&super::ReplicaView| {
            replica.lossy && replica.node != node && view.is_replica(replica.node)
        };
        let others = view.replicas().iter().filter(is_other).count();
        let limit = view.losses_survived as usize;
        if others + 1 > limit {
            return Err(format!(
                "{name}: {} replicas would be lossy, its configuration survives {limit}",
                others + 1
            ));
        }
        if self.another_is_sound(view, &[node]) {
            Ok(())
        } else {
            Err(format!("{name}: no other electable replica is complete"))
        }
    }

    /// Whether some member of ISR or ELR other than these has everything, will not be taken for lossy, and is not about
    /// to be fenced.
    fn another_is_sound(&self, view: &PartitionView, nodes: &[NodeId]) -> bool {
        let hindered = |node: NodeId| self.nodes.get(&node).is_some_and(|known| known.hindered);
        let sound = |replica: &super::ReplicaView| {
            let complete = self.weak || replica.log.holds(&view.committed);
            !replica.lossy
                && !replica.unclean
                && !self.lacks_marker(replica.node)
                && complete
                && !hindered(replica.node)
                && self.is_reachable(view, replica.node)
        };
        let mut others = view.electable().filter(|member| !nodes.contains(member));
        others.any(|member| view.replica(member).is_some_and(sound))
    }
}

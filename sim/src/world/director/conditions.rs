//! Faults that last, and what the atlas is told of them.

use harrow_broker_model::node::Node;
use harrow_broker_model::types::NodeId;

use super::Director;
use crate::watch::LastingFaults;
use crate::world::condition::{Condition, Kept, Touched};
use crate::world::conditions::apply;
use crate::world::engine::Boot;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// Makes the world what the active faults say.
    pub(super) fn apply_conditions(&mut self) {
        apply(&self.active, &mut self.engine, &mut self.host);
        self.tell_disturbed();
        self.tell_hindered();
    }

    /// Tells the watch what stands in the way now that something began or ended, and until when that leaves its traces.
    fn tell_disturbed(&mut self) {
        let ids = self.engine.ids();
        let mut lasting = LastingFaults::default();
        for active in &self.active {
            match active.condition.touches() {
                Touched::Node(node) => lasting.nodes.push(ids[node]),
                Touched::Links(links) => {
                    lasting.cuts.extend(links.iter().map(|(from, to)| (ids[*from], ids[*to])));
                }
            }
        }
        self.host.disturbed(self.engine.settles_ns(), &lasting);
    }

    /// Tells the atlas whom it cannot count on: brokers that a fault cuts off or holds still, those that were asked to
    /// stop, and those whose process dies with the next write to its disk.
    pub(super) fn tell_hindered(&mut self) {
        let mut hindered: Vec<NodeId> =
            self.active.iter().flat_map(|active| self.hindered_by(&active.condition)).collect();
        let leaves = |node: &usize| self.engine.is_stopping(*node) || self.engine.disk_fails(*node);
        let ids = self.engine.ids();
        hindered.extend((0..ids.len()).filter(leaves).map(|node| ids[node]));
        self.host.hindered(&hindered);
    }

    /// Whether a condition may begin now: what the atlas says of the brokers that it would cut off or hold still,
    /// unless the plan allows loss.
    pub(super) fn condition_allowed(&self, condition: &Condition) -> Result<(), String> {
        if self.plan.expect.loss_allowed {
            return Ok(());
        }
        self.host.view().hindrance_allowed(&self.hindered_by(condition))
    }

    /// The brokers that a condition keeps from the controllers, or ends, so that they may be fenced.
    fn hindered_by(&self, condition: &Condition) -> Vec<NodeId> {
        let cluster = &self.plan.cluster;
        let is_broker = |node: &NodeId| cluster.brokers.contains(node);
        let ids = self.engine.ids();
        let mut nodes: Vec<NodeId> = match condition.keeps() {
            Kept::Nobody => Vec::new(),
            Kept::Node(node) => vec![ids[node]],
            Kept::Links(links) => {
                let is_controller = |node: &NodeId| cluster.controllers.contains(node);
                let ends = links.iter().map(|(from, to)| [ids[*from], ids[*to]]);
                ends.filter(|ends| ends.iter().any(is_controller)).flatten().collect()
            }
        };
        nodes.retain(is_broker);
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

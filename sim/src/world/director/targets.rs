//! Resolves symbolic targets against the true state, when a step fires.

use harrow_broker_model::node::Node;
use harrow_broker_model::types::NodeId;

use super::Director;
use crate::plan::{Step, Target};
use crate::view::ClusterView;
use crate::world::engine::Boot;
use crate::world::targets::{Candidates, Leadership};

impl Leadership for ClusterView {
    fn leader_of(&self, topic: &str, partition: u32) -> Option<NodeId> {
        self.leader_of(topic, partition)
    }

    fn replicas_of(&self, topic: &str, partition: u32) -> &[NodeId] {
        self.replicas_of(topic, partition)
    }

    fn isr_of(&self, topic: &str, partition: u32) -> &[NodeId] {
        self.isr_of(topic, partition)
    }

    fn active_controller(&self) -> Option<NodeId> {
        self.active_controller()
    }
}

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// The node that a target stands for now; the error says why there is none. `role` tells two targets of one step
    /// apart.
    pub(super) fn resolve(
        &self,
        step: &Step,
        target: &Target,
        role: u64,
    ) -> Result<NodeId, String> {
        let index_of = |node: NodeId| self.engine.index_of(node);
        let candidates = Candidates {
            leadership: self.host.view(),
            cluster: &self.plan.cluster,
            clients: self
                .loads
                .iter()
                .map(|load| (load.node, load.member_of()))
                .chain(self.applications.iter().map(|application| (application.node, None)))
                .collect(),
            application: &|name| {
                let planned = self.plan.applications.iter();
                planned.filter(|it| it.name == name).map(|it| it.node).next()
            },
            runs: &|node| index_of(node).is_some_and(|index| self.engine.runs(index)),
            may_be_named: &|node| index_of(node).is_some() && !self.is_ours(node),
            draws: self.draws,
        };
        candidates.resolve((step.id, role), target)
    }

    /// The admin client and the fresh clients serve the run itself: no fault is aimed at them.
    fn is_ours(&self, node: NodeId) -> bool {
        node == self.plan.admin.node || self.is_fresh(node)
    }
}

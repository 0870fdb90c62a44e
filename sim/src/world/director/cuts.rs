//! Cuts of the network, with the targets that a run has.

use harrow_broker_model::node::Node;
use harrow_broker_model::types::NodeId;

use super::Director;
use crate::plan::{Cut, Step};
use crate::world::cuts::{CutLinks, Ends, both_ways};
use crate::world::engine::Boot;

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// What a cut cuts; the error says which target is nobody.
    pub(super) fn cut_links(&self, step: &Step, cut: &Cut) -> Result<CutLinks, String> {
        let ends = Ends {
            brokers: &self.plan.cluster.brokers,
            controllers: &self.plan.cluster.controllers,
            everybody: self.engine.ids(),
            resolve: &|target, role| self.resolve(step, target, role),
            place: &|node| self.place(node),
            draws: self.draws,
        };
        ends.cut(step, cut)
    }

    pub(super) fn both_ways(&self, left: &[NodeId], right: &[NodeId]) -> Vec<(usize, usize)> {
        both_ways(left, right, &|node| self.place(node))
    }

    /// The index of a node that exists.
    pub(super) fn place(&self, node: NodeId) -> usize {
        self.engine.index_of(node).unwrap_or_else(|| panic!("there is no node {node}"))
    }
}

//! Which directed links each shape of a partition cuts.

use harrow_broker_model::node::Node;
use harrow_broker_model::types::NodeId;

use super::Director;
use crate::plan::{Cut, Step};
use crate::world::draw::Purpose;
use crate::world::engine::Boot;

/// The links of a cut, and the nodes that its targets stand for.
#[derive(Debug)]
pub(super) struct CutLinks {
    /// Directed links, by index of sender and receiver.
    pub(super) links: Vec<(usize, usize)>,
    /// Nodes named by targets, or one side of a drawn shape.
    pub(super) nodes: Vec<NodeId>,
    /// The shape in words.
    pub(super) description: String,
}

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// What a cut cuts; the error says which target is nobody.
    pub(super) fn cut_links(&self, step: &Step, cut: &Cut) -> Result<CutLinks, String> {
        let brokers = self.plan.cluster.brokers.clone();
        let controllers = self.plan.cluster.controllers.clone();
        let everybody = self.engine.ids().to_vec();
        match cut {
            Cut::Isolate { target } => self.apart(step, target, &everybody, "all others"),
            Cut::FromControllers { target } => {
                self.apart(step, target, &controllers, "the controllers")
            }
            Cut::FromBrokers { target } => self.apart(step, target, &brokers, "the other brokers"),
            Cut::FromClients { target } => {
                let cluster = |node: &NodeId| brokers.contains(node) || controllers.contains(node);
                let clients: Vec<NodeId> =
                    everybody.into_iter().filter(|node| !cluster(node)).collect();
                self.apart(step, target, &clients, "the clients")
            }
            Cut::OneWay { from, to } => {
                let (a, b) = (self.resolve(step, from, 0)?, self.resolve(step, to, 1)?);
                differ(a, b)?;
                let links = vec![(self.place(a), self.place(b))];
                Ok(CutLinks {
                    links,
                    nodes: vec![a, b],
                    description: format!("{a} to {b}, one way"),
                })
            }
            Cut::Between { a, b } => {
                let (a, b) = (self.resolve(step, a, 0)?, self.resolve(step, b, 1)?);
                differ(a, b)?;
                let links = self.both_ways(&[a], &[b]);
                Ok(CutLinks { links, nodes: vec![a, b], description: format!("{a} from {b}") })
            }
            Cut::Halves => {
                let order = self.drawn_order(step);
                let (left, right) = order.split_at(order.len() / 2);
                Ok(self.sides("halves", left, right))
            }
            Cut::Bridge => {
                let order = self.drawn_order(step);
                let (_, rest) = order.split_first().ok_or("there is no node to be the bridge")?;
                let (left, right) = rest.split_at(rest.len() / 2);
                Ok(self.sides(&format!("bridge over {}", order[0]), left, right))
            }
            Cut::Ring => Ok(self.ring(step)),
        }
    }

    fn apart(
        &self,
        step: &Step,
        target: &crate::plan::Target,
        others: &[NodeId],
        description: &str,
    ) -> Result<CutLinks, String> {
        let node = self.resolve(step, target, 0)?;
        let others: Vec<NodeId> = others.iter().copied().filter(|other| *other != node).collect();
        let links = self.both_ways(&[node], &others);
        Ok(CutLinks {
            links,
            nodes: vec![node],
            description: format!("{node} ({target}) from {description}"),
        })
    }

    fn sides(&self, shape: &str, left: &[NodeId], right: &[NodeId]) -> CutLinks {
        let mut nodes = left.to_vec();
        nodes.sort_unstable();
        let mut others = right.to_vec();
        others.sort_unstable();
        CutLinks {
            links: self.both_ways(left, right),
            description: format!("{shape}: {} from {}", list(&nodes), list(&others)),
            nodes,
        }
    }

    fn ring(&self, step: &Step) -> CutLinks {
        let order = self.drawn_order(step);
        let count = order.len();
        let mut links = Vec::new();
        for (a, from) in order.iter().enumerate() {
            for (b, to) in order.iter().enumerate() {
                let distance = a.abs_diff(b);
                if distance > 1 && distance != count - 1 {
                    links.push((self.place(*from), self.place(*to)));
                }
            }
        }
        CutLinks { links, description: format!("ring {}", list(&order)), nodes: order }
    }

    /// Brokers and controllers in an order drawn by the step's key.
    fn drawn_order(&self, step: &Step) -> Vec<NodeId> {
        let cluster = &self.plan.cluster;
        let mut order: Vec<NodeId> =
            cluster.brokers.iter().chain(&cluster.controllers).copied().collect();
        self.draws.stream(Purpose::Cut, u64::from(step.id), 0, 0).shuffle(&mut order);
        order
    }

    pub(super) fn both_ways(&self, left: &[NodeId], right: &[NodeId]) -> Vec<(usize, usize)> {
        let mut links = Vec::new();
        for a in left {
            for b in right {
                links.push((self.place(*a), self.place(*b)));
                links.push((self.place(*b), self.place(*a)));
            }
        }
        links
    }

    /// The index of a node that exists.
    pub(super) fn place(&self, node: NodeId) -> usize {
        self.engine.index_of(node).unwrap_or_else(|| panic!("there is no node {node}"))
    }
}

fn differ(a: NodeId, b: NodeId) -> Result<(), String> {
    if a == b { Err(format!("both targets are node {a}")) } else { Ok(()) }
}

/// Nodes as people write them: `[1,2,3]`.
pub(super) fn list(nodes: &[NodeId]) -> String {
    let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    format!("[{}]", nodes.join(","))
}

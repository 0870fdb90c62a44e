//! Which directed links each shape of a partition cuts.

use harrow_broker_model::types::NodeId;

use super::draw::{Draws, Purpose};
use crate::plan::{Cut, Step, Target};

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

/// Who can be cut from whom.
pub(super) struct Ends<'a> {
    pub(super) brokers: &'a [NodeId],
    pub(super) controllers: &'a [NodeId],
    /// All nodes, clients included.
    pub(super) everybody: &'a [NodeId],
    /// The node that a target stands for now; the second one of a step is of role 1.
    pub(super) resolve: &'a dyn Fn(&Target, u64) -> Result<NodeId, String>,
    /// A node's index.
    pub(super) place: &'a dyn Fn(NodeId) -> usize,
    /// Draws the order of brokers and controllers where a shape needs one.
    pub(super) draws: Draws,
}

impl Ends<'_> {
    /// What a cut cuts; the error says which target is nobody.
    pub(super) fn cut(&self, step: &Step, cut: &Cut) -> Result<CutLinks, String> {
        match cut {
            Cut::Isolate { target } => self.apart(target, self.everybody, "all others"),
            Cut::FromControllers { target } => {
                self.apart(target, self.controllers, "the controllers")
            }
            Cut::FromBrokers { target } => self.apart(target, self.brokers, "the other brokers"),
            Cut::FromClients { target } => {
                let clients = self.everybody.iter().filter(|node| !self.is_of_cluster(**node));
                let clients: Vec<NodeId> = clients.copied().collect();
                self.apart(target, &clients, "the clients")
            }
            Cut::OneWay { from, to } => {
                let (a, b) = self.pair(from, to)?;
                let links = vec![((self.place)(a), (self.place)(b))];
                let description = format!("{a} to {b}, one way");
                Ok(CutLinks { links, nodes: vec![a, b], description })
            }
            Cut::Between { a, b } => {
                let (a, b) = self.pair(a, b)?;
                let links = both_ways(&[a], &[b], self.place);
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

    fn is_of_cluster(&self, node: NodeId) -> bool {
        self.brokers.contains(&node) || self.controllers.contains(&node)
    }

    fn pair(&self, a: &Target, b: &Target) -> Result<(NodeId, NodeId), String> {
        let (a, b) = ((self.resolve)(a, 0)?, (self.resolve)(b, 1)?);
        if a == b { Err(format!("both targets are node {a}")) } else { Ok((a, b)) }
    }

    fn apart(
        &self,
        target: &Target,
        others: &[NodeId],
        description: &str,
    ) -> Result<CutLinks, String> {
        let node = (self.resolve)(target, 0)?;
        let others: Vec<NodeId> = others.iter().copied().filter(|other| *other != node).collect();
        let links = both_ways(&[node], &others, self.place);
        let description = format!("{node} ({target}) from {description}");
        Ok(CutLinks { links, nodes: vec![node], description })
    }

    fn sides(&self, shape: &str, left: &[NodeId], right: &[NodeId]) -> CutLinks {
        let mut nodes = left.to_vec();
        nodes.sort_unstable();
        let mut others = right.to_vec();
        others.sort_unstable();
        CutLinks {
            links: both_ways(left, right, self.place),
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
                    links.push(((self.place)(*from), (self.place)(*to)));
                }
            }
        }
        CutLinks { links, description: format!("ring {}", list(&order)), nodes: order }
    }

    /// Brokers and controllers in an order drawn by the step's key.
    fn drawn_order(&self, step: &Step) -> Vec<NodeId> {
        let mut order: Vec<NodeId> = self.brokers.iter().chain(self.controllers).copied().collect();
        self.draws.stream(Purpose::Cut, u64::from(step.id), 0, 0).shuffle(&mut order);
        order
    }
}

/// All links between two sides, by index.
pub(super) fn both_ways(
    left: &[NodeId],
    right: &[NodeId],
    place: &dyn Fn(NodeId) -> usize,
) -> Vec<(usize, usize)> {
    let mut links = Vec::new();
    for a in left {
        for b in right {
            links.push((place(*a), place(*b)));
            links.push((place(*b), place(*a)));
        }
    }
    links
}

/// Nodes as people write them: `[1,2,3]`.
pub(super) fn list(nodes: &[NodeId]) -> String {
    let nodes: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    format!("[{}]", nodes.join(","))
}

//! Strongly connected components, by Tarjan's algorithm without recursion.

use super::graph::{Graph, Node};
use crate::check::index::NONE;

/// Operations of which each comes before each other.
pub(super) struct Component {
    /// Ascending, milestones included.
    pub(super) nodes: Vec<Node>,
}

impl Component {
    pub(super) fn has(&self, node: Node) -> bool {
        self.nodes.binary_search(&node).is_ok()
    }
}

/// Stands for "part of a component that is complete".
const CLOSED: u32 = u32::MAX - 1;

struct TarjanSearch<'a> {
    graph: &'a Graph<'a>,
    /// By node: [`NONE`], then the lowest open ordinal that it reaches, at last [`CLOSED`].
    low: Vec<u32>,
    /// Nodes that are not closed, in order of discovery, with their ordinals.
    open: Vec<Node>,
    /// The path to the present node: node, cursor, ordinal.
    path: Vec<(Node, u32, u32)>,
    next: u32,
    found: Vec<Component>,
}

/// All components with more than one operation, in the order of their first operation.
pub(super) fn components(graph: &Graph<'_>) -> Vec<Component> {
    let low = vec![NONE; graph.nodes() as usize];
    let (open, path, found) = (Vec::new(), Vec::new(), Vec::new());
    let mut walk = TarjanSearch { graph, low, open, path, next: 0, found };
    for operation in 0..graph.operations() {
        if walk.low[operation as usize] == NONE && graph.takes_part(operation) {
            walk.run(operation);
        }
    }
    let mut found = walk.found;
    found.sort_by_key(|component| component.nodes.first().copied());
    found
}

impl TarjanSearch<'_> {
    fn run(&mut self, root: Node) {
        self.enter(root);
        while let Some((node, cursor, _)) = self.path.last_mut() {
            let node = *node;
            match self.graph.before(node, cursor) {
                Some((earlier, _)) => self.follow(node, earlier),
                None => self.leave(),
            }
        }
    }

    fn enter(&mut self, node: Node) {
        self.low[node as usize] = self.next;
        self.open.push(node);
        self.path.push((node, 0, self.next));
        self.next += 1;
    }

    fn follow(&mut self, node: Node, earlier: Node) {
        match self.low[earlier as usize] {
            NONE => self.enter(earlier),
            CLOSED => {}
            reached => {
                let low = &mut self.low[node as usize];
                *low = reached.min(*low);
            }
        }
    }

    fn leave(&mut self) {
        let Some((node, _, ordinal)) = self.path.pop() else { return };
        let low = self.low[node as usize];
        if let Some((parent, _, _)) = self.path.last() {
            let above = &mut self.low[*parent as usize];
            *above = low.min(*above);
        }
        if low == ordinal {
            self.close(node);
        }
    }

    /// The node is the root of a component: everything found since belongs to it.
    fn close(&mut self, root: Node) {
        let first = self.open.iter().rposition(|node| *node == root).unwrap_or(0);
        let mut nodes = self.open.split_off(first);
        for node in &nodes {
            self.low[*node as usize] = CLOSED;
        }
        let operations = nodes.iter().filter(|node| !self.graph.is_milestone(**node)).count();
        if operations > 1 {
            nodes.sort_unstable();
            self.found.push(Component { nodes });
        }
    }
}

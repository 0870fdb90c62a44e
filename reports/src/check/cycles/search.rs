//! A short cycle in a component: breadth first within a budget, else the first that turns up.

use std::collections::BTreeMap;

use super::components::Component;
use super::graph::{Edge, Graph, Node};
use crate::check::occurrence::Step;

/// A node, and which kinds of edges lead to it from the start: bit 0 `ww`, bit 1 `wr`. Kept at 0 unless both are asked
/// for.
type State = (Node, u8);

const BOTH: u8 = 3;

/// A cycle within the component; with `both`, one that has a `ww` and a `wr` edge, if there is one.
pub(super) fn cycle(
    graph: &Graph<'_>,
    component: &Component,
    both: bool,
    steps_max: u64,
) -> Option<Vec<Step>> {
    let mut steps = 0;
    for start in component.nodes.iter().copied().filter(|node| !graph.is_milestone(*node)) {
        let found = around(graph, component, start, both, &mut steps, steps_max);
        if found.is_some() {
            return found;
        }
        if steps >= steps_max {
            break;
        }
    }
    if both && steps < steps_max { None } else { first_circle(graph, component) }
}

/// The shortest circle through a node, backwards.
fn around(
    graph: &Graph<'_>,
    component: &Component,
    start: Node,
    both: bool,
    steps: &mut u64,
    steps_max: u64,
) -> Option<Vec<Step>> {
    let mut came_from: BTreeMap<State, (State, Edge)> = BTreeMap::new();
    let mut level: Vec<State> = vec![(start, 0)];
    while !level.is_empty() {
        let mut next = Vec::new();
        for state in level {
            let mut cursor = 0;
            while let Some((earlier, edge)) = graph.before(state.0, &mut cursor) {
                *steps += 1;
                if *steps > steps_max {
                    return None;
                }
                if !component.has(earlier) {
                    continue;
                }
                let kinds = if both { state.1 | kind(edge) } else { 0 };
                if earlier == start && (!both || kinds == BOTH) {
                    return Some(reported(graph, &came_from, start, state, edge));
                }
                let reached = (earlier, kinds);
                if reached != (start, 0) && !came_from.contains_key(&reached) {
                    came_from.insert(reached, (state, edge));
                    next.push(reached);
                }
            }
        }
        level = next;
    }
    None
}

fn kind(edge: Edge) -> u8 {
    match edge {
        Edge::Overwrites(_) => 1,
        Edge::Reads(_) => 2,
        Edge::Order => 0,
    }
}

/// The circle from the start, over the last state, back to the start, in order of dependency.
fn reported(
    graph: &Graph<'_>,
    came_from: &BTreeMap<State, (State, Edge)>,
    start: Node,
    last: State,
    edge: Edge,
) -> Vec<Step> {
    // The walk went backwards, so following it back goes forwards: each edge leads from the earlier to the later.
    let mut edges = vec![(start, last.0, edge)];
    let mut state = last;
    while let Some((later, edge)) = came_from.get(&state) {
        edges.push((state.0, later.0, *edge));
        state = *later;
    }
    join_orders(graph, &edges)
}

/// Turns runs of edges through milestones into one step each.
fn join_orders(graph: &Graph<'_>, edges: &[(Node, Node, Edge)]) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut ordered_from = None;
    for (from, to, edge) in edges.iter().copied() {
        if let Some(step) = graph.step(from, to, edge) {
            steps.push(step);
            continue;
        }
        if !graph.is_milestone(from) {
            ordered_from = Some(from);
        }
        if !graph.is_milestone(to)
            && let Some(from) = ordered_from.take()
        {
            steps.push(graph.order_step(from, to));
        }
    }
    steps
}

/// Goes backwards within the component until a node comes again.
fn first_circle(graph: &Graph<'_>, component: &Component) -> Option<Vec<Step>> {
    let start = component.nodes.iter().copied().find(|node| !graph.is_milestone(*node))?;
    let mut seen: BTreeMap<Node, usize> = BTreeMap::new();
    let mut edges: Vec<(Node, Node, Edge)> = Vec::new();
    let mut node = start;
    loop {
        if let Some(first) = seen.insert(node, edges.len()) {
            let mut circle = edges.split_off(first);
            circle.reverse();
            let begin = circle.iter().position(|(from, ..)| !graph.is_milestone(*from))?;
            circle.rotate_left(begin);
            return Some(join_orders(graph, &circle));
        }
        let mut cursor = 0;
        let (earlier, edge) = loop {
            let (earlier, edge) = graph.before(node, &mut cursor)?;
            if component.has(earlier) {
                break (earlier, edge);
            }
        };
        edges.push((earlier, node, edge));
        node = earlier;
    }
}

//! The dependency graph, seen backwards: who comes before an operation.
//!
//! An order in time has quadratically many pairs, so it runs through *milestones*: one for each completion, chained in
//! order. An operation comes after the milestone of the last completion before its invocation.

use std::collections::BTreeMap;

use harrow_sim::history::Completion;

use crate::check::index::{Index, NONE, SendId};
use crate::check::occurrence::{Dependency, Step};

/// An operation, or (from the number of operations on) the milestone of one.
pub(super) type Node = u32;

/// Which edges a pass follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edges {
    pub(super) ww: bool,
    pub(super) wr: bool,
    pub(super) order: Option<Order>,
}

/// An order of operations besides what they read and write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    Process,
    Realtime,
}

/// Why a node comes before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Edge {
    Overwrites(SendId),
    Reads(SendId),
    Order,
}

pub(super) struct Graph<'a> {
    pub(super) index: &'a Index<'a>,
    edges: Edges,
    /// Edges to earlier operations, those of each operation together: `ww` and `wr`, each earlier operation once.
    sources: Vec<Source>,
    /// The edges of operation `n` are `sources[starts[n]..starts[n + 1]]`.
    starts: Vec<u32>,
    /// By operation: it may be part of a circle at all.
    tangled: Vec<bool>,
    /// By operation: already part of a circle that was told.
    reported: Vec<bool>,
    milestones: Milestones,
}

/// An operation that comes before another one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Source {
    operation: u32,
    /// The later operation's send, or the earlier one's that was read.
    send: SendId,
    reads: bool,
}

/// The milestones of an order; empty without one.
#[derive(Default)]
struct Milestones {
    /// By operation: the milestone before it, or [`NONE`].
    before: Vec<u32>,
    /// By milestone: the milestone before it, or [`NONE`].
    previous: Vec<u32>,
}

impl<'a> Graph<'a> {
    pub(super) fn new(index: &'a Index<'a>) -> Self {
        let mut positions = vec![NONE; index.send_count() as usize];
        for (position, send) in (0_u32..).zip(index.by_place()) {
            positions[*send as usize] = position;
        }
        let operations = index.history.len();
        let mut graph = Self {
            index,
            edges: Edges { ww: true, wr: true, order: None },
            sources: Vec::new(),
            starts: Vec::with_capacity(operations + 1),
            tangled: vec![true; operations],
            reported: vec![false; operations],
            milestones: Milestones::default(),
        };
        for operation in 0..operations as u32 {
            graph.starts.push(graph.sources.len() as u32);
            graph.collect_sources(operation, &positions);
        }
        graph.starts.push(graph.sources.len() as u32);
        graph
    }

    /// From now on, only these operations take part.
    pub(super) fn keep(&mut self, nodes: impl Iterator<Item = Node>) {
        self.tangled.fill(false);
        for node in nodes {
            if let Some(tangled) = self.tangled.get_mut(node as usize) {
                *tangled = true;
            }
        }
    }

    /// Chooses what to follow from now on.
    pub(super) fn choose(&mut self, edges: Edges) {
        if self.edges.order != edges.order {
            self.milestones = match edges.order {
                None => Milestones::default(),
                Some(Order::Realtime) => Milestones::of(self.index, &self.tangled, |_| 0),
                Some(Order::Process) => {
                    Milestones::of(self.index, &self.tangled, |row| row.process)
                }
            };
        }
        self.edges = edges;
    }

    /// An operation is part of a circle that was told.
    pub(super) fn mark_reported(&mut self, node: Node) {
        if let Some(reported) = self.reported.get_mut(node as usize) {
            *reported = true;
        }
    }

    pub(super) fn operations(&self) -> u32 {
        self.reported.len() as u32
    }

    /// Operations and milestones.
    pub(super) fn nodes(&self) -> u32 {
        self.operations() + self.milestones.previous.len() as u32
    }

    pub(super) fn is_milestone(&self, node: Node) -> bool {
        node >= self.operations()
    }

    /// The next node before this one, at or after a cursor that begins at 0 and is moved behind it.
    pub(super) fn before(&self, node: Node, cursor: &mut u32) -> Option<(Node, Edge)> {
        if self.is_milestone(node) {
            return self.before_milestone(node - self.operations(), cursor);
        }
        if !self.takes_part(node) {
            return None;
        }
        let (first, end) = (self.starts[node as usize], self.starts[node as usize + 1]);
        while *cursor < end - first {
            let source = self.sources[(first + *cursor) as usize];
            *cursor += 1;
            let followed = if source.reads { self.edges.wr } else { self.edges.ww };
            if followed && self.takes_part(source.operation) {
                let edge = if source.reads {
                    Edge::Reads(source.send)
                } else {
                    Edge::Overwrites(source.send)
                };
                return Some((source.operation, edge));
            }
        }
        if *cursor > end - first {
            return None;
        }
        *cursor += 1;
        let milestone = self.milestones.before.get(node as usize).copied();
        let milestone = milestone.filter(|milestone| *milestone != NONE)?;
        Some((self.operations() + milestone, Edge::Order))
    }

    /// One edge as a step, if it joins operations directly.
    pub(super) fn step(&self, from: Node, to: Node, edge: Edge) -> Option<Step> {
        let dependency = |send: SendId| self.index.placement(send);
        let dependency = match edge {
            Edge::Overwrites(send) => {
                let place = dependency(send);
                Dependency::Overwrites { partition: place.partition, offset: place.offset }
            }
            Edge::Reads(send) => {
                let place = dependency(send);
                Dependency::Reads { partition: place.partition, offset: place.offset }
            }
            Edge::Order => return None,
        };
        Some(Step { from, to, dependency })
    }

    /// The step between two operations that only the chosen order joins.
    pub(super) fn order_step(&self, from: Node, to: Node) -> Step {
        let dependency = match self.edges.order {
            Some(Order::Process) => Dependency::Process,
            Some(Order::Realtime) | None => Dependency::Realtime,
        };
        Step { from, to, dependency }
    }

    /// Whether an operation may be part of a circle that this pass looks for.
    pub(super) fn takes_part(&self, operation: u32) -> bool {
        let position = operation as usize;
        self.tangled[position] && !(self.edges.order.is_some() && self.reported[position])
    }

    fn committed(&self, operation: u32) -> bool {
        match self.index.row(operation).completion {
            Completion::Ok => true,
            Completion::Fail => false,
            Completion::Info => self.index.is_proved(operation),
        }
    }

    fn before_milestone(&self, milestone: u32, cursor: &mut u32) -> Option<(Node, Edge)> {
        if *cursor == 0 {
            *cursor = 1;
            if self.takes_part(milestone) {
                return Some((milestone, Edge::Order));
            }
        }
        if *cursor == 1 {
            *cursor = 2;
            let previous = self.milestones.previous[milestone as usize];
            if previous != NONE {
                return Some((self.operations() + previous, Edge::Order));
            }
        }
        None
    }

    /// Who wrote the records before this operation's, and who wrote what it reads.
    fn collect_sources(&mut self, operation: u32, positions: &[u32]) {
        if !self.committed(operation) {
            self.tangled[operation as usize] = false;
            return;
        }
        let first = self.sources.len();
        for send in self.index.history.sends_of(operation) {
            let send = send as SendId;
            let position = positions[send as usize];
            let before = position.checked_sub(1).filter(|_| position != NONE);
            let earlier = before.map(|before| self.index.by_place()[before as usize]);
            if let Some(earlier) = earlier
                && self.index.partition_of(earlier) == self.index.partition_of(send)
                && self.index.place(earlier) < self.index.place(send)
            {
                self.add_source(
                    first,
                    operation,
                    self.index.operation_of_send(earlier),
                    send,
                    false,
                );
            }
        }
        for read in self.index.reads_of(operation) {
            if let Some(send) = self.index.writer(read) {
                self.add_source(first, operation, self.index.operation_of_send(send), send, true);
            }
        }
    }

    fn add_source(&mut self, first: usize, later: u32, earlier: u32, send: SendId, reads: bool) {
        let known = self.sources[first..].iter().rev().take(4);
        let known =
            known.filter(|source| (source.operation, source.reads) == (earlier, reads)).count();
        // What contradicts time by itself is an anomaly of its own.
        let in_time = self.index.row(later).completed_ns >= self.index.row(earlier).invoked_ns;
        if known == 0 && earlier != later && in_time && self.committed(earlier) {
            self.sources.push(Source { operation: earlier, send, reads });
        }
    }
}

impl Milestones {
    /// Milestones of the completions of each thread that `thread` tells apart.
    fn of(
        index: &Index<'_>,
        tangled: &[bool],
        thread: impl Fn(&harrow_sim::history::Row) -> u32,
    ) -> Self {
        let rows = index.history.rows();
        let mut before = vec![NONE; rows.len()];
        let mut previous = vec![NONE; rows.len()];
        let mut newest: BTreeMap<u32, u32> = BTreeMap::new();
        let mut answered = 0;
        for operation in index.begun().iter().copied() {
            let row = index.row(operation);
            while rows.get(answered).is_some_and(|earlier| earlier.completed_ns < row.invoked_ns) {
                if tangled[answered] {
                    let earlier = newest.insert(thread(&rows[answered]), answered as u32);
                    previous[answered] = earlier.unwrap_or(NONE);
                }
                answered += 1;
            }
            before[operation as usize] = newest.get(&thread(row)).copied().unwrap_or(NONE);
        }
        Self { before, previous }
    }
}

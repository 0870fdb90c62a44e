//! The dependency graph, seen backwards: who comes before an operation. Nothing is stored that the index tells.
//!
//! An order in time has quadratically many pairs, so it runs through *milestones*: one for each completion, chained in
//! order. An operation comes after the milestone of the last completion before its invocation.

use std::collections::BTreeMap;

use harrow_sim::history::Completion;

use crate::check::index::{Index, NONE, SendId};
use crate::check::{Step, Why};

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
    /// By send: its position among the placed ones, or [`NONE`].
    positions: Vec<u32>,
    /// By operation: already part of a circle that was told.
    told: Vec<bool>,
    milestones: Milestones,
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
        Self {
            index,
            edges: Edges { ww: false, wr: false, order: None },
            positions,
            told: vec![false; index.history.len()],
            milestones: Milestones::default(),
        }
    }

    /// Chooses what to follow from now on.
    pub(super) fn choose(&mut self, edges: Edges) {
        if self.edges.order != edges.order {
            self.milestones = match edges.order {
                None => Milestones::default(),
                Some(Order::Realtime) => Milestones::of(self.index, |_| 0),
                Some(Order::Process) => Milestones::of(self.index, |row| row.process),
            };
        }
        self.edges = edges;
    }

    /// An operation is part of a circle that was told.
    pub(super) fn tell(&mut self, node: Node) {
        if let Some(told) = self.told.get_mut(node as usize) {
            *told = true;
        }
    }

    pub(super) fn operations(&self) -> u32 {
        self.told.len() as u32
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
        let (sends, reads) = (self.index.history.sends_of(node), self.index.reads_of(node));
        let (writes, all) = (sends.len() as u32, (sends.len() + reads.len()) as u32);
        while *cursor <= all {
            let at = *cursor;
            *cursor += 1;
            let found = if at < writes {
                self.overwritten(node, sends.start as u32 + at)
            } else if at < all {
                self.writer(node, reads.start + (at - writes))
            } else {
                let milestone = self.milestones.before.get(node as usize).copied();
                let milestone = milestone.filter(|milestone| *milestone != NONE);
                milestone.map(|milestone| (self.operations() + milestone, Edge::Order))
            };
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// One edge as a step, if it joins operations directly.
    pub(super) fn step(&self, from: Node, to: Node, edge: Edge) -> Option<Step> {
        let why = |send: SendId| self.index.placement(send);
        let why = match edge {
            Edge::Overwrites(send) => {
                let place = why(send);
                Why::Overwrites { partition: place.partition, offset: place.offset }
            }
            Edge::Reads(send) => {
                let place = why(send);
                Why::Reads { partition: place.partition, offset: place.offset }
            }
            Edge::Order => return None,
        };
        Some(Step { from, to, why })
    }

    /// The step between two operations that only the chosen order joins.
    pub(super) fn order_step(&self, from: Node, to: Node) -> Step {
        let why = match self.edges.order {
            Some(Order::Process) => Why::Process,
            Some(Order::Realtime) | None => Why::Realtime,
        };
        Step { from, to, why }
    }

    fn takes_part(&self, operation: u32) -> bool {
        let committed = match self.index.row(operation).completion {
            Completion::Ok => true,
            Completion::Fail => false,
            Completion::Info => self.index.is_proved(operation),
        };
        committed && !(self.edges.order.is_some() && self.told[operation as usize])
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

    /// Who wrote the record before this one.
    fn overwritten(&self, operation: u32, send: SendId) -> Option<(Node, Edge)> {
        let position = self.positions[send as usize];
        if !self.edges.ww || position == NONE {
            return None;
        }
        let earlier = self.index.by_place()[..position as usize].last().copied()?;
        let writer = self.index.operation_of_send(earlier);
        let neighbours = self.index.partition_of(earlier) == self.index.partition_of(send)
            && self.index.place(earlier) < self.index.place(send);
        // An offset that contradicts time is an anomaly of its own.
        let in_time = self.index.row(operation).completed_ns >= self.index.row(writer).invoked_ns;
        let fits = neighbours && writer != operation && in_time && self.takes_part(writer);
        fits.then_some((writer, Edge::Overwrites(send)))
    }

    fn writer(&self, operation: u32, read: u32) -> Option<(Node, Edge)> {
        let send = self.index.writer(read).filter(|_| self.edges.wr)?;
        let writer = self.index.operation_of_send(send);
        let in_time = self.index.row(operation).completed_ns >= self.index.row(writer).invoked_ns;
        let fits = writer != operation && in_time && self.takes_part(writer);
        fits.then_some((writer, Edge::Reads(send)))
    }
}

impl Milestones {
    /// Milestones of the completions of each thread that `thread` tells apart.
    fn of(index: &Index<'_>, thread: impl Fn(&harrow_sim::history::Row) -> u32) -> Self {
        let rows = index.history.rows();
        let mut before = vec![NONE; rows.len()];
        let mut previous = vec![NONE; rows.len()];
        let mut newest: BTreeMap<u32, u32> = BTreeMap::new();
        let mut answered = 0;
        for operation in index.begun().iter().copied() {
            let row = index.row(operation);
            while rows.get(answered).is_some_and(|earlier| earlier.completed_ns < row.invoked_ns) {
                let earlier = newest.insert(thread(&rows[answered]), answered as u32);
                previous[answered] = earlier.unwrap_or(NONE);
                answered += 1;
            }
            before[operation as usize] = newest.get(&thread(row)).copied().unwrap_or(NONE);
        }
        Self { before, previous }
    }
}

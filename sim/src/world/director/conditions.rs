//! Faults that last: the state of links, disks and processes is a function of the set of those that are active.

use harrow_broker_model::node::Node;
use harrow_broker_model::types::NodeId;

use super::Director;
use super::condition::Condition;
use crate::world::engine::{Boot, DiskCondition};
use crate::world::network::{LinkCondition, NodeCondition};

#[derive(Debug)]
struct Conditions {
    nodes: usize,
    links: Vec<LinkCondition>,
    messages: Vec<NodeCondition>,
    stalled: Vec<u64>,
    disks: Vec<DiskCondition>,
    paused: Vec<bool>,
    publishing_stalled: Vec<bool>,
}

impl<N: Node, F: FnMut(Boot<'_>) -> N> Director<'_, N, F> {
    /// Makes the world what the active faults say.
    pub(super) fn apply_conditions(&mut self) {
        self.host.disturbed(self.engine.now(), !self.active.is_empty());
        let mut conditions = Conditions::new(self.engine.ids().len());
        self.active.iter().for_each(|active| conditions.add(&active.condition));
        let Conditions { links, messages, stalled, .. } = &mut conditions;
        stalled.sort_unstable();
        stalled.dedup();
        self.engine.set_network_conditions(links, messages, stalled);
        for (node, condition) in conditions.disks.iter().enumerate() {
            self.engine.set_disk_condition(node, *condition);
        }
        for (node, paused) in conditions.paused.iter().enumerate() {
            self.engine.set_paused(node, *paused, &mut self.host);
        }
        for (node, stalled) in conditions.publishing_stalled.iter().enumerate() {
            self.engine.set_publishing_stalled(node, *stalled, &mut self.host);
        }
        self.tell_hindered();
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
        let mut nodes: Vec<NodeId> = match condition {
            // A full disk ends the process with its next write.
            Condition::Pause(node) | Condition::Stall(node, _) | Condition::FullDisk(node) => {
                vec![ids[*node]]
            }
            Condition::Cut(links) => {
                let is_controller = |node: &NodeId| cluster.controllers.contains(node);
                let ends = links.iter().map(|(from, to)| [ids[*from], ids[*to]]);
                ends.filter(|ends| ends.iter().any(is_controller)).flatten().collect()
            }
            Condition::Delay(..)
            | Condition::Drop(..)
            | Condition::Hold(..)
            | Condition::HoldMetadata(_)
            | Condition::StallPublishing(_)
            | Condition::Duplicate(..)
            | Condition::Bandwidth(..)
            | Condition::SlowDisk(..)
            | Condition::StallDisk(_)
            | Condition::LyingSync(_) => Vec::new(),
        };
        nodes.retain(is_broker);
        nodes.sort_unstable();
        nodes.dedup();
        nodes
    }
}

impl Conditions {
    fn new(nodes: usize) -> Self {
        Self {
            nodes,
            links: vec![LinkCondition::default(); nodes * nodes],
            messages: vec![NodeCondition::default(); nodes],
            stalled: Vec::new(),
            disks: vec![DiskCondition::default(); nodes],
            paused: vec![false; nodes],
            publishing_stalled: vec![false; nodes],
        }
    }

    fn add(&mut self, condition: &Condition) {
        match condition {
            Condition::Pause(node) => self.paused[*node] = true,
            Condition::Cut(links) => {
                for (from, to) in links {
                    self.links[from * self.nodes + to].cut = true;
                }
            }
            Condition::Delay(node, extra_us) => self.each_link(*node, |link| {
                link.extra_us = (link.extra_us.0 + extra_us.0, link.extra_us.1 + extra_us.1);
            }),
            Condition::Bandwidth(node, limit) => self.each_link(*node, |link| {
                let before =
                    if link.bytes_per_second == 0 { u64::MAX } else { link.bytes_per_second };
                link.bytes_per_second = before.min(*limit);
            }),
            Condition::Drop(node, one_in) => self.messages[*node].drop_one_in = *one_in,
            Condition::Hold(node, channel) => self.messages[*node].hold = Some(*channel),
            Condition::HoldMetadata(node) => self.messages[*node].hold_metadata = true,
            Condition::StallPublishing(node) => self.publishing_stalled[*node] = true,
            Condition::Stall(_, connections) => self.stalled.extend(connections),
            Condition::Duplicate(node, one_in) => self.messages[*node].duplicate_one_in = *one_in,
            Condition::SlowDisk(node, extra_us) => {
                let disk = &mut self.disks[*node];
                disk.slow_us = (disk.slow_us.0 + extra_us.0, disk.slow_us.1 + extra_us.1);
            }
            Condition::StallDisk(node) => self.disks[*node].stalled = true,
            Condition::FullDisk(node) => self.disks[*node].full = true,
            Condition::LyingSync(node) => self.disks[*node].lying = true,
        }
    }

    /// Changes all links from and to a node.
    fn each_link(&mut self, node: usize, change: impl Fn(&mut LinkCondition)) {
        for other in (0..self.nodes).filter(|other| *other != node) {
            change(&mut self.links[node * self.nodes + other]);
            change(&mut self.links[other * self.nodes + node]);
        }
    }
}

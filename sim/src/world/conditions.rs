//! Faults that last: the state of links, disks and processes is a function of the set of those that are active.

use std::collections::BTreeMap;

use harrow_broker_model::node::Node;
use harrow_broker_model::types::LogDirectory;

use super::condition::{Active, Condition};
use super::engine::{DiskCondition, Engine, NodeHost};
use super::network::{Held, LinkCondition, NodeCondition};

#[derive(Debug)]
struct Conditions {
    nodes: usize,
    links: Vec<LinkCondition>,
    messages: Vec<NodeCondition>,
    stalled: Vec<u64>,
    disks: Vec<DiskCondition>,
    failed: Vec<BTreeMap<LogDirectory, bool>>,
    paused: Vec<bool>,
    publishing_stalled: Vec<bool>,
}

/// Makes the world what the active faults say.
pub(super) fn apply<N: Node>(
    active: &[Active],
    engine: &mut Engine<N>,
    host: &mut impl NodeHost<N>,
) {
    let mut conditions = Conditions::new(engine.ids().len());
    for one in active {
        conditions.add(&one.condition);
    }
    let Conditions { links, messages, stalled, .. } = &mut conditions;
    stalled.sort_unstable();
    stalled.dedup();
    engine.set_network_conditions(links, messages, stalled);
    for (node, condition) in conditions.disks.iter().enumerate() {
        engine.set_disk_condition(node, *condition);
    }
    for (node, failed) in conditions.failed.iter().enumerate() {
        engine.set_failed_directories(node, failed, host);
    }
    for (node, paused) in conditions.paused.iter().enumerate() {
        engine.set_paused(node, *paused, host);
    }
    for (node, stalled) in conditions.publishing_stalled.iter().enumerate() {
        engine.set_publishing_stalled(node, *stalled, host);
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
            failed: vec![BTreeMap::new(); nodes],
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
            Condition::Drop(node, (one_in, None)) => self.messages[*node].drop_one_in = *one_in,
            Condition::Drop(node, (one_in, Some(kind))) => {
                self.messages[*node].drop_kinds.push((*kind, *one_in));
            }
            Condition::Hold(node, Held::Channel(channel)) => {
                self.messages[*node].hold = Some(*channel);
            }
            Condition::Hold(node, Held::Kind(kind)) => self.messages[*node].hold_kinds.push(*kind),
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
            Condition::FailLogDirectory(node, (directory, replaced)) => {
                *self.failed[*node].entry(*directory).or_default() |= replaced;
            }
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

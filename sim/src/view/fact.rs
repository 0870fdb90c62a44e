//! The last few facts of a partition that matter for a story: elections, membership, cuts, crashes. They are kept as
//! data and become text only when a violation needs evidence.

use std::collections::VecDeque;

use harrow_broker_model::note::{PartitionRegistration, TruncateReason};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset};

/// So many facts of a partition are remembered.
const FACTS_MAX: usize = 32;

/// Something that happened to a partition.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Fact {
    /// The controller's registration changed.
    Registered { registration: PartitionRegistration, unclean: bool },
    /// A node acts as leader.
    BecameLeader { leader_epoch: LeaderEpoch, log_end_offset: Offset, high_watermark: Offset },
    /// A node follows.
    BecameFollower { leader_epoch: LeaderEpoch, leader: Option<NodeId> },
    /// A leader wants another ISR.
    IsrProposed { to: Vec<NodeId> },
    /// A log was cut.
    Truncated { from: Offset, to: Offset, reason: TruncateReason },
    /// A log was opened.
    Recovered { log_end_offset: Offset, high_watermark: Offset, clean: bool },
    /// The process of a replica ended.
    Ended { lossy: bool },
    /// The committed sequence was cut because the elected replica does not hold all of it.
    Lost { from: Offset, to: Offset },
}

/// The newest facts, oldest first.
#[derive(Debug, Default)]
pub(crate) struct FactRing {
    rows: VecDeque<(u64, NodeId, Fact)>,
}

impl FactRing {
    pub(crate) fn push(&mut self, at_ns: u64, node: NodeId, fact: Fact) {
        if self.rows.len() == FACTS_MAX {
            self.rows.pop_front();
        }
        self.rows.push_back((at_ns, node, fact));
    }

    /// One line for each fact.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.rows
            .iter()
            .map(|(at_ns, node, fact)| format!("{} {}", instant(*at_ns), describe(*node, fact)))
    }
}

fn instant(at_ns: u64) -> String {
    format!("{}.{:06}s", at_ns / 1_000_000_000, at_ns / 1_000 % 1_000_000)
}

fn describe(node: NodeId, fact: &Fact) -> String {
    match fact {
        Fact::Registered { registration, unclean } => describe_registration(registration, *unclean),
        Fact::BecameLeader { leader_epoch, log_end_offset, high_watermark } => format!(
            "node {node} became leader in epoch {leader_epoch} with log end {log_end_offset}, high watermark \
             {high_watermark}"
        ),
        Fact::BecameFollower { leader_epoch, leader } => {
            format!("node {node} follows {} in epoch {leader_epoch}", optional(*leader))
        }
        Fact::IsrProposed { to } => format!("node {node} proposed ISR {}", list(to)),
        Fact::Truncated { from, to, reason } => {
            format!("node {node} truncated its log from {from} to {to} ({reason:?})")
        }
        Fact::Recovered { log_end_offset, high_watermark, clean } => format!(
            "node {node} opened its log {}: log end {log_end_offset}, high watermark {high_watermark}",
            if *clean { "after a clean stop" } else { "after an unclean stop" }
        ),
        Fact::Ended { lossy: true } => format!("node {node} ended and lost what was not flushed"),
        Fact::Ended { lossy: false } => format!("node {node} ended, its files intact"),
        Fact::Lost { from, to } => {
            format!("the election of node {node} cut the committed records from {from} to {to}")
        }
    }
}

fn describe_registration(registration: &PartitionRegistration, unclean: bool) -> String {
    format!(
        "registered: leader {} in epoch {}, ISR {}, ELR {}, partition epoch {}{}",
        optional(registration.leader),
        registration.leader_epoch,
        list(&registration.isr),
        list(&registration.elr),
        registration.partition_epoch,
        if unclean { ", elected uncleanly" } else { "" }
    )
}

fn optional(node: Option<NodeId>) -> String {
    node.map_or_else(|| "nobody".to_owned(), |node| format!("node {node}"))
}

/// Node ids as `[1, 2, 3]`.
pub(crate) fn list(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    format!("[{}]", names.join(", "))
}

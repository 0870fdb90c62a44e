//! The last few facts of a partition that matter for a story: elections, membership, cuts, crashes. They are kept as
//! data and become text only when a violation needs evidence.

use std::collections::VecDeque;

use harrow_broker_model::note::{
    DeletionReason, PartitionRegistration, Reassignment, TruncateReason,
};
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
    /// A log start moved up.
    Deleted { to: Offset, reason: DeletionReason },
    /// A replica was given up.
    Discarded { log_end_offset: Offset, stray: bool },
    /// A log was opened.
    Recovered { log_end_offset: Offset, high_watermark: Offset, clean: bool },
    /// The process of a replica ended.
    Ended { lossy: bool },
    /// The committed sequence was cut because the elected replica does not hold all of it.
    Lost { from: Offset, to: Offset },
}

/// A fact, with its node and true time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row {
    pub(crate) at_ns: u64,
    pub(crate) node: NodeId,
    pub(crate) fact: Fact,
}

/// The newest facts, oldest first.
#[derive(Debug, Default)]
pub(crate) struct FactRing {
    rows: VecDeque<Row>,
}

impl FactRing {
    pub(crate) fn push(&mut self, at_ns: u64, node: NodeId, fact: Fact) {
        if self.rows.len() == FACTS_MAX {
            self.rows.pop_front();
        }
        self.rows.push_back(Row { at_ns, node, fact });
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = &Row> + '_ {
        self.rows.iter()
    }
}

/// A fact in words. `before` is the registration before it, if it is known.
pub(crate) fn line(row: &Row, before: Option<&PartitionRegistration>) -> String {
    format!("{} {}", instant(row.at_ns), describe(row.node, &row.fact, before))
}

fn instant(at_ns: u64) -> String {
    format!("{}.{:06}s", at_ns / 1_000_000_000, at_ns / 1_000 % 1_000_000)
}

fn describe(node: NodeId, fact: &Fact, before: Option<&PartitionRegistration>) -> String {
    match fact {
        Fact::Registered { registration, unclean } => {
            describe_registration(registration, before, *unclean)
        }
        Fact::BecameLeader { leader_epoch, log_end_offset, high_watermark } => format!(
            "node {node} became leader in epoch {leader_epoch}, log end {log_end_offset}, high watermark \
             {high_watermark}"
        ),
        Fact::BecameFollower { leader_epoch, leader } => {
            format!("node {node} became follower of {} in epoch {leader_epoch}", optional(*leader))
        }
        Fact::IsrProposed { to } => format!("node {node} requested ISR {}", list(to)),
        Fact::Truncated { from, to, reason } => {
            format!(
                "node {node} truncated its log from {from} to {to}, {}",
                truncation_reason(*reason)
            )
        }
        Fact::Deleted { to, reason } => {
            format!("node {node} deleted what is below {to}, {}", deletion_reason(*reason))
        }
        Fact::Recovered { log_end_offset, high_watermark, clean } => format!(
            "node {node} loaded its log{}: log end {log_end_offset}, high watermark {high_watermark}",
            if *clean { " after clean shutdown" } else { "" }
        ),
        Fact::Discarded { log_end_offset, stray: false } => {
            format!("node {node} gave up its replica, whose log ended at {log_end_offset}")
        }
        Fact::Discarded { log_end_offset, stray: true } => {
            format!("node {node} found a stray log, and gave it up; it ended at {log_end_offset}")
        }
        Fact::Ended { lossy: true } => {
            format!("node {node} went down and lost what was not synced")
        }
        Fact::Ended { lossy: false } => format!("node {node} went down, its files intact"),
        Fact::Lost { from, to } => format!(
            "with node {node} elected, the committed records from {to} up to {from} are gone"
        ),
    }
}

/// Why a log was cut, to follow "cut its log".
pub(crate) fn truncation_reason(reason: TruncateReason) -> &'static str {
    match reason {
        TruncateReason::Diverged => "where it diverges from the leader's log",
        TruncateReason::OutOfRange => "out of the leader's range",
        TruncateReason::HighWatermark => "to its own high watermark",
        TruncateReason::Snapshot => "to begin where a snapshot ends",
        TruncateReason::AcrossStart => "to begin with a whole batch",
    }
}

/// Why records were deleted, to follow "deleted".
pub(crate) fn deletion_reason(reason: DeletionReason) -> String {
    match reason {
        DeletionReason::Time { limit_ms, age_ms, .. } => {
            format!("{age_ms} ms old by its clock with retention.ms={limit_ms}")
        }
        DeletionReason::Size { limit_bytes, left_bytes } => {
            format!("which leaves {left_bytes} bytes with retention.bytes={limit_bytes}")
        }
        DeletionReason::Leader => "as its leader did".to_owned(),
        DeletionReason::Snapshot => "as a snapshot holds them".to_owned(),
        DeletionReason::DeleteRecords => "as a client asked".to_owned(),
    }
}

fn describe_registration(
    registration: &PartitionRegistration,
    before: Option<&PartitionRegistration>,
    unclean: bool,
) -> String {
    let PartitionRegistration { leader, leader_epoch, isr, elr, .. } = registration;
    let again = before
        .is_some_and(|before| (before.leader, before.leader_epoch) == (*leader, *leader_epoch));
    let who = match leader {
        _ if again => format!("ISR changed under {}", optional(*leader)),
        Some(node) if unclean => format!("node {node} was elected uncleanly"),
        Some(node) => format!("node {node} was elected"),
        None => "nobody leads".to_owned(),
    };
    let elr = if elr.is_empty() { String::new() } else { format!(", ELR {}", list(elr)) };
    let Reassignment { adding, removing } = &registration.reassignment;
    let moves = if registration.reassignment.is_under_way() {
        format!(", adding {}, removing {}", list(adding), list(removing))
    } else {
        String::new()
    };
    format!("{who} in epoch {leader_epoch}: ISR {}{elr}{moves}", list(isr))
}

fn optional(node: Option<NodeId>) -> String {
    node.map_or_else(|| "nobody".to_owned(), |node| format!("node {node}"))
}

/// Node ids as `[1, 2, 3]`.
pub(crate) fn list(nodes: &[NodeId]) -> String {
    let names: Vec<String> = nodes.iter().map(ToString::to_string).collect();
    format!("[{}]", names.join(", "))
}

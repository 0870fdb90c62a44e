//! Which nodes can have a fault, as far as a file tells it: a client has no disk, answers nobody and reads no metadata
//! log. What turns out in a run alone is held back there (`sim`, `director/suits.rs`).

use harrow_sim::plan::{RequestKind, Target};

use super::scenario::{ReplicaRole, TargetPattern};
use crate::planner::defaults::{CLIENTS_FROM, CONTROLLERS_FROM};

/// What a fault needs of its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Need {
    /// A disk.
    Disk,
    /// Somebody whom it answers.
    Callers,
    /// A metadata log that it reads.
    Metadata,
    /// Metadata that it acts on.
    Publishing,
    /// The name of a partition.
    Partition,
    /// The name of a group.
    Group,
    /// A metadata log that it votes on.
    Votes,
}

const NEEDS: &[(&str, Need)] = &[
    ("wipe-disk", Need::Disk),
    ("slow-disk", Need::Disk),
    ("stall-disk", Need::Disk),
    ("fail-disk", Need::Disk),
    ("fail-log-directory", Need::Publishing),
    ("full-disk", Need::Disk),
    ("lying-sync", Need::Disk),
    ("bit-rot", Need::Disk),
    ("drop-responses", Need::Callers),
    ("duplicate-responses", Need::Callers),
    ("hold-requests", Need::Callers),
    ("hold-metadata", Need::Metadata),
    ("stall-metadata-publishing", Need::Publishing),
    ("delete-records", Need::Partition),
    ("reassign", Need::Partition),
    ("cancel-reassignment", Need::Partition),
    ("add-partitions", Need::Partition),
    ("alter-config", Need::Partition),
    ("elect-preferred", Need::Partition),
    ("delete-topic", Need::Partition),
    ("create-topic", Need::Partition),
    ("abort-hanging", Need::Partition),
    ("delete-group", Need::Group),
    ("reset-offsets", Need::Group),
    ("add-voter", Need::Votes),
    ("remove-voter", Need::Votes),
];

/// Who a target is, whenever it is resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Who {
    Broker,
    Controller,
    /// A broker or a controller.
    Server,
    Client,
}

/// A target that a kind of fault can have, as a file has it.
pub(super) fn example_target(kind: &str) -> &'static str {
    let of_groups = NEEDS.iter().any(|(name, need)| *name == kind && *need == Need::Group);
    let of_voters = NEEDS.iter().any(|(name, need)| *name == kind && *need == Need::Votes);
    if of_voters {
        "\"any-controller\""
    } else if of_groups {
        "\"coordinator-of group-a\""
    } else {
        "\"leader-of orders-0\""
    }
}

/// Whether a target can have a kind of fault; the error is what is wrong and what would be right.
pub(super) fn check_suits(kind: &str, pattern: &TargetPattern) -> Result<(), (String, String)> {
    let Some((_, need)) = NEEDS.iter().find(|(name, _)| *name == kind) else { return Ok(()) };
    let who = who(pattern);
    let (why, help) = match need {
        Need::Disk if who == Who::Client => ("a client has no disk", SERVERS),
        Need::Callers if who == Who::Client => ("a client answers nobody", SERVERS),
        Need::Metadata if who == Who::Client => ("a client reads no metadata log", SERVERS),
        Need::Publishing if [Who::Client, Who::Controller].contains(&who) => {
            ("only brokers publish metadata", "aim it at a broker, such as `any-broker`")
        }
        Need::Partition if !is_leader(pattern) => {
            ("it names no partition", "write `leader-of TOPIC-N`, such as `leader-of orders-0`")
        }
        Need::Group if !matches!(pattern, TargetPattern::Plain(Target::CoordinatorOf(_))) => {
            ("it names no group", "write `coordinator-of GROUP`")
        }
        Need::Votes if who != Who::Controller => {
            ("only controllers vote", "aim it at a controller, such as `any-controller`")
        }
        Need::Disk
        | Need::Callers
        | Need::Metadata
        | Need::Publishing
        | Need::Partition
        | Need::Group
        | Need::Votes => return Ok(()),
    };
    Err((format!("`{kind}` cannot be done here: {why}"), help.to_owned()))
}

/// Whether a target may be asked for something; the error is what is wrong and what would be right.
pub(super) fn check_asked(
    kind: RequestKind,
    pattern: &TargetPattern,
) -> Result<(), (String, String)> {
    let of_broker = match who(pattern) {
        Who::Broker => true,
        Who::Controller => false,
        Who::Server | Who::Client => return Ok(()),
    };
    let other = if kind.is_answered_by_brokers() { "any-broker" } else { "controller" };
    kind.check_asked(of_broker)
        .map_err(|why| (why, format!("aim it at who is asked for it, such as `{other}`")))
}

const SERVERS: &str =
    "aim it at a broker or a controller, such as `any-node`, `any-broker` or `leader-of orders-0`";

fn is_leader(pattern: &TargetPattern) -> bool {
    matches!(
        pattern,
        TargetPattern::Plain(Target::LeaderOf(..))
            | TargetPattern::Replica { role: ReplicaRole::Leader, .. }
    )
}

fn who(pattern: &TargetPattern) -> Who {
    let TargetPattern::Plain(target) = pattern else { return Who::Broker };
    match target {
        Target::ActiveController | Target::StandbyController | Target::AnyController => {
            Who::Controller
        }
        Target::AnyNode => Who::Server,
        Target::AnyClient | Target::MemberOf(_) | Target::Application(_) => Who::Client,
        Target::Node(node) if node.0 >= CLIENTS_FROM => Who::Client,
        Target::Node(node) if node.0 >= CONTROLLERS_FROM => Who::Controller,
        Target::Node(_)
        | Target::LeaderOf(..)
        | Target::FollowerOf(..)
        | Target::IsrFollowerOf(..)
        | Target::TransactionCoordinatorOf(_)
        | Target::CoordinatorOf(_)
        | Target::AnyBroker => Who::Broker,
    }
}

//! Parts of lines that several facts have.

use std::fmt;

use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset};

pub(super) fn joined(parts: impl Iterator<Item = String>) -> String {
    format!("[{}]", parts.collect::<Vec<_>>().join(", "))
}

pub(super) fn nodes(nodes: &[NodeId]) -> String {
    joined(nodes.iter().map(ToString::to_string))
}

pub(super) fn somebody(node: Option<NodeId>) -> String {
    node.map_or_else(|| "nobody".to_owned(), |node| format!("node {node}"))
}

/// Offsets from first to last, both included.
pub(super) fn span(first: Offset, last: Offset) -> String {
    if first == last { first.to_string() } else { format!("{first}..{last}") }
}

/// ` text value` if there is a value.
pub(super) fn also<T: fmt::Display>(text: &str, value: Option<T>) -> String {
    value.map_or_else(String::new, |value| format!("{text}{value}"))
}

/// An epoch that may be unknown.
pub(super) fn epoch(epoch: LeaderEpoch) -> String {
    if epoch == LeaderEpoch::NONE { "none".to_owned() } else { epoch.to_string() }
}

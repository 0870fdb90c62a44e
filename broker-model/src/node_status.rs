//! What a node says of itself when a host asks between two events: where it stands, and what it still owes to others.
//! Asking changes nothing.

use crate::proto::StrBytes;
use crate::types::{NodeId, Offset};

/// Where a node stands.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct NodeStatus {
    /// The leader of the controller quorum, as far as this broker or controller knows.
    pub quorum_leader: Option<NodeId>,
    /// First offset of the metadata log that this broker or controller has not applied.
    pub metadata_end: Offset,
    /// What it holds; an idle node holds nothing but fetches that wait for news.
    pub held: Vec<Held>,
    /// A consumer's positions, by topic and partition: the offsets that the application gets next. [`Offset::NONE`]
    /// where it waits for a record that is as new as `auto.offset.reset=by_duration` wants it.
    pub positions: Vec<(StrBytes, i32, Offset)>,
    /// What an application has still to do, in words, and how much of it: less is progress.
    pub unfinished: Option<(String, u64)>,
}

/// What a broker holds whose partitions have transactions open, of those that it leads.
pub const OPEN_TRANSACTIONS: &str = "open transactions";

/// Something that a node holds until something else happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// What, in the plural: `produces that wait`.
    pub what: &'static str,
    /// How many; never zero.
    pub count: usize,
    /// Whether what they wait for has happened already, so that nobody may come to end their waiting.
    pub overdue: bool,
}

impl NodeStatus {
    /// Adds what is held, if there is any of it.
    pub(crate) fn holds(mut self, what: &'static str, count: usize) -> Self {
        if count > 0 {
            self.held.push(Held { what, count, overdue: false });
        }
        self
    }

    /// Adds what is held although its waiting should be over, if there is any of it.
    pub(crate) fn holds_overdue(mut self, what: &'static str, count: usize) -> Self {
        if count > 0 {
            self.held.push(Held { what, count, overdue: true });
        }
        self
    }
}

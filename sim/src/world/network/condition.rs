//! Faults of links and of nodes' messages, as data.

use harrow_broker_model::node::Channel;

use crate::request_kind::RequestKind;

/// Faults of one directed link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LinkCondition {
    /// Nothing passes.
    pub(crate) cut: bool,
    /// Extra latency, in microseconds, inclusive range.
    pub(crate) extra_us: (u64, u64),
    /// Bandwidth, in bytes per second; 0 is as planned.
    pub(crate) bytes_per_second: u64,
}

/// Faults of the messages of one node.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct NodeCondition {
    /// All requests to the node on this kind of connection are held back.
    pub(crate) hold: Option<Channel>,
    /// Requests of these kinds to the node are held back, and what comes behind them on their connections.
    pub(crate) hold_kinds: Vec<RequestKind>,
    /// The node's own fetches of the metadata log are held back.
    pub(crate) hold_metadata: bool,
    /// One of so many of its responses to clients is lost with its connection; 0 is none.
    pub(crate) drop_one_in: u32,
    /// Of these kinds one of so many of its responses is, whoever asked; of two the later one counts.
    pub(crate) drop_kinds: Vec<(RequestKind, u32)>,
    /// One of so many of its responses arrives twice; 0 is none.
    pub(crate) duplicate_one_in: u32,
}

impl NodeCondition {
    /// One of how many responses to such a request is lost; 0 is none.
    pub(crate) fn loses_one_in(&self, to_client: bool, answers: Option<RequestKind>) -> u32 {
        let of_kind = self.drop_kinds.iter().rev().find(|(kind, _)| Some(*kind) == answers);
        match of_kind {
            Some((_, one_in)) => *one_in,
            None if to_client => self.drop_one_in,
            None => 0,
        }
    }
}

/// Which requests are held back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Held {
    /// All on one kind of connection.
    Channel(Channel),
    /// Those of one kind, and what comes behind them on their connections.
    Kind(RequestKind),
}

//! Faults of links and of nodes' messages, as data.

use harrow_broker_model::node::Channel;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NodeCondition {
    /// Requests of this kind to the node are held back.
    pub(crate) hold: Option<Channel>,
    /// The node's own fetches of the metadata log are held back.
    pub(crate) hold_metadata: bool,
    /// One of so many of its responses to clients is lost with its connection; 0 is none.
    pub(crate) drop_one_in: u32,
    /// One of so many of its responses arrives twice; 0 is none.
    pub(crate) duplicate_one_in: u32,
}

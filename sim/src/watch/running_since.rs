//! Which processes stand still, paused or in a blocking sync: nobody expects anything of them then.

use harrow_broker_model::types::NodeId;

/// Since when each node goes on.
#[derive(Debug, Default)]
pub(super) struct RunningSince {
    /// None while it stands still. There are few nodes, and they stand still often.
    since: Vec<(NodeId, Option<u64>)>,
}

impl RunningSince {
    /// A process stands still from now on, or goes on.
    pub(super) fn process_blocked(&mut self, at_ns: u64, node: NodeId, still: bool) {
        let since = (!still).then_some(at_ns);
        match self.since.iter_mut().find(|(known, _)| *known == node) {
            Some((_, known)) => *known = since,
            None => self.since.push((node, since)),
        }
    }

    /// Whether a node has gone on for longer than this, in nanoseconds.
    pub(super) fn for_longer_than(&self, at_ns: u64, node: NodeId, long_ns: u64) -> bool {
        let known = self.since.iter().find(|(known, _)| *known == node);
        let since = known.map_or(Some(0), |(_, since)| *since);
        since.is_some_and(|since| at_ns > since + long_ns)
    }
}

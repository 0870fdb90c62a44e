//! Consumers' calls in order of invocation: each one's turn comes when all that began before it have ended.

use std::collections::BTreeSet;

use super::ticket::Ticket;

#[derive(Debug, Default)]
pub(super) struct Order {
    /// Calls that have begun and not ended, by time of invocation.
    open: BTreeSet<(u64, Ticket)>,
    /// Calls that have ended, by time of invocation and position in the history.
    ended: BTreeSet<(u64, u32)>,
}

impl Order {
    pub(super) fn begin(&mut self, invoked_ns: u64, ticket: Ticket) {
        self.open.insert((invoked_ns, ticket));
    }

    /// A call has ended. Those that never began by [`Self::begin`] are none that order concerns.
    pub(super) fn end(&mut self, invoked_ns: u64, ticket: Ticket, position: u32) {
        if self.open.remove(&(invoked_ns, ticket)) {
            self.ended.insert((invoked_ns, position));
        }
    }

    /// When the earliest call began whose turn has not come, if there is any.
    pub(super) fn waits_since(&self) -> Option<u64> {
        let open = self.open.first().map(|(invoked_ns, _)| *invoked_ns);
        let ended = self.ended.first().map(|(invoked_ns, _)| *invoked_ns);
        open.into_iter().chain(ended).min()
    }

    /// The next call whose turn has come.
    pub(super) fn next(&mut self) -> Option<u32> {
        let (invoked_ns, position) = *self.ended.first()?;
        let earlier = self.open.first().is_some_and(|(open_ns, _)| *open_ns < invoked_ns);
        if earlier {
            return None;
        }
        self.ended.pop_first();
        Some(position)
    }
}

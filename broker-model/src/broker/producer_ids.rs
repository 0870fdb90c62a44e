//! Producer ids: given out from a block that the controller allocates. Source: KIP-730, Kafka's `RPCProducerIdManager`.

use std::collections::VecDeque;

use crate::broker::connections::Caller;
use crate::broker::context::RETRY_BACKOFF_MS;
use crate::config::ms;
use crate::node::Deadline;
use crate::types::{ProducerId, Time};

/// The broker's block, and who waits for one.
#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    next: i64,
    end: i64,
    /// In order of arrival. One that has left meanwhile is passed over.
    waiting: VecDeque<Caller>,
    in_flight: bool,
    not_before: Time,
}

impl ProducerIds {
    /// The next id of the block, if there is one left.
    pub(super) fn take(&mut self) -> Option<ProducerId> {
        if self.next == self.end {
            return None;
        }
        let id = ProducerId(self.next);
        self.next += 1;
        Some(id)
    }

    /// The caller waits for a block.
    pub(super) fn wait(&mut self, caller: Caller) {
        self.waiting.push_back(caller);
    }

    /// The caller's patience has ended, or it left.
    pub(super) fn leave(&mut self, caller: Caller) {
        self.waiting.retain(|other| *other != caller);
    }

    /// The first that waits, once there is an id for it.
    pub(super) fn next_served(&mut self) -> Option<(Caller, ProducerId)> {
        if self.waiting.is_empty() {
            return None;
        }
        let id = self.take()?;
        self.waiting.pop_front().map(|caller| (caller, id))
    }

    /// Whether a block should be asked for now; if so, it counts as asked for.
    pub(super) fn ask(&mut self, now: Time) -> bool {
        let ask = !self.in_flight && !self.waiting.is_empty() && self.not_before <= now;
        self.in_flight |= ask;
        ask
    }

    /// The controller gave a block.
    pub(super) fn allocated(&mut self, first: i64, count: i32) {
        assert!(count > 0, "a block of {count} producer ids");
        assert!(first >= self.end, "block from {first} after one up to {}", self.end);
        self.in_flight = false;
        self.next = first;
        self.end = first + i64::from(count);
    }

    /// The request for a block failed; it is made again after a pause.
    pub(super) fn failed(&mut self, now: Time) {
        self.in_flight = false;
        self.not_before = now + ms(RETRY_BACKOFF_MS);
    }

    /// When the next request may be made.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        if self.in_flight || self.waiting.is_empty() {
            return None;
        }
        Some(Deadline { at: self.not_before, why: "request for producer ids is due" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::{ConnectionId, CorrelationId, NodeId};

    fn caller(connection: u64) -> Caller {
        Caller {
            connection: ConnectionId(connection),
            correlation_id: CorrelationId(1),
            from: NodeId(1001),
        }
    }

    #[test]
    fn who_waits_is_served_in_order_when_the_block_comes() {
        let mut ids = ProducerIds::default();
        assert_eq!(ids.take(), None);
        ids.wait(caller(1));
        ids.wait(caller(2));
        assert!(ids.ask(Time::ZERO));
        assert!(!ids.ask(Time::ZERO), "one request at a time");
        ids.allocated(1000, 2);
        assert_eq!(ids.next_served(), Some((caller(1), ProducerId(1000))));
        assert_eq!(ids.next_served(), Some((caller(2), ProducerId(1001))));
        assert_eq!(ids.next_served(), None);
        assert_eq!(ids.take(), None, "the block is used up");
    }

    #[test]
    fn a_failed_request_is_made_again_after_a_pause() {
        let mut ids = ProducerIds::default();
        ids.wait(caller(1));
        assert!(ids.ask(Time::ZERO));
        ids.failed(Time::ZERO);
        assert!(!ids.ask(Time::ZERO));
        let due = ids.deadline().expect("somebody waits").at;
        assert!(ids.ask(due));
        ids.leave(caller(1));
        ids.failed(due);
        assert_eq!(ids.deadline(), None, "nobody waits any more");
    }
}

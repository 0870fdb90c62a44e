//! Producer ids: given out from a block that the controller allocates. Source: KIP-730, Kafka's `RPCProducerIdManager`.
//!
//! Nobody waits here: while there is no id, a producer is told `COORDINATOR_LOAD_IN_PROGRESS` at once and asks again.
//! Its question is also what has the next block fetched, unless that was done when nine tenths of this one were gone.

use crate::broker::context::RETRY_BACKOFF_MS;
use crate::config::ms;
use crate::node::Deadline;
use crate::types::{ProducerId, Time};

/// Ids of a block, as the controller allocated them.
#[derive(Debug, Clone, Copy, Default)]
struct Block {
    first: i64,
    end: i64,
}

impl Block {
    /// With the id at nine tenths the next block is asked for.
    fn prefetch_at(self) -> i64 {
        self.first + (self.end - self.first) * 9 / 10
    }
}

/// The broker's block, and the next one.
#[derive(Debug, Default)]
pub(super) struct ProducerIds {
    current: Block,
    next_id: i64,
    next: Option<Block>,
    /// A request for a block is to be sent.
    wanted: bool,
    in_flight: bool,
    not_before: Time,
}

impl ProducerIds {
    /// The next id, if there is one now. Source: `RPCProducerIdManager.generateProducerId`.
    pub(super) fn generate(&mut self, now: Time) -> Option<ProducerId> {
        if self.next_id == self.current.end {
            let Some(block) = self.next.take() else {
                self.request_block(now);
                return None;
            };
            (self.current, self.next_id) = (block, block.first);
        }
        let id = self.next_id;
        self.next_id += 1;
        if id == self.current.prefetch_at() {
            self.request_block(now);
        }
        assert!(id < self.current.end, "id {id} is not in {:?}", self.current);
        self.self_check();
        Some(ProducerId(id))
    }

    /// A request that failed a moment ago is not made again by the next question.
    fn request_block(&mut self, now: Time) {
        self.wanted |= self.next.is_none() && !self.in_flight && self.not_before <= now;
    }

    /// Whether a block should be asked for now; if so, it counts as asked for.
    pub(super) fn ask(&mut self, now: Time) -> bool {
        let ask = self.wanted && self.not_before <= now;
        if ask {
            assert!(!self.in_flight && self.next.is_none(), "two blocks are asked for: {self:?}");
            (self.wanted, self.in_flight) = (false, true);
        }
        ask
    }

    /// The controller gave a block.
    pub(super) fn allocated(&mut self, first: i64, count: i32) {
        assert!(count > 0, "a block of {count} producer ids");
        assert!(first >= self.current.end, "block from {first} after {:?}", self.current);
        self.in_flight = false;
        self.next = Some(Block { first, end: first + i64::from(count) });
        self.self_check();
    }

    /// The next id is in the block or at its end, and the next block lies above.
    fn self_check(&self) {
        let Block { first, end } = self.current;
        assert!(
            (first..=end).contains(&self.next_id),
            "{} is the next id of the block from {first} to {end}",
            self.next_id
        );
        assert!(
            self.next.is_none_or(|next| next.first >= end && next.first < next.end),
            "{:?} follows the block from {first} to {end}",
            self.next
        );
    }

    /// The controller refused, so that the next question after a pause asks again.
    pub(super) fn refused(&mut self, now: Time) {
        self.in_flight = false;
        self.not_before = now + ms(RETRY_BACKOFF_MS);
        self.self_check();
    }

    /// The request did not reach the active controller; it is made again after a pause, as Kafka's channel to the
    /// controller does by itself.
    pub(super) fn lost(&mut self, now: Time) {
        self.refused(now);
        self.wanted = true;
    }

    /// When the next request may be made.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let at = self.not_before;
        self.wanted.then_some(Deadline { at, why: "request for producer ids is due" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time::ZERO;

    #[test]
    fn the_first_question_has_a_block_fetched_and_is_not_answered_by_it() {
        let mut ids = ProducerIds::default();
        assert_eq!(ids.generate(NOW), None);
        assert_eq!(ids.generate(NOW), None);
        assert!(ids.ask(NOW));
        assert!(!ids.ask(NOW), "one request at a time");
        ids.allocated(1000, 2);
        assert_eq!(ids.generate(NOW), Some(ProducerId(1000)));
        assert_eq!(ids.generate(NOW), Some(ProducerId(1001)));
        assert!(ids.ask(NOW), "the id at nine tenths asked for the next block");
        assert_eq!(ids.generate(NOW), None, "the block is used up");
        ids.allocated(3000, 1000);
        assert_eq!(ids.generate(NOW), Some(ProducerId(3000)));
    }

    #[test]
    fn the_next_block_is_fetched_when_nine_tenths_are_gone() {
        let mut ids = ProducerIds::default();
        assert_eq!(ids.generate(NOW), None);
        assert!(ids.ask(NOW));
        ids.allocated(0, 10);
        for id in 0..9 {
            assert_eq!((ids.generate(NOW), ids.ask(NOW)), (Some(ProducerId(id)), false));
        }
        assert_eq!((ids.generate(NOW), ids.ask(NOW)), (Some(ProducerId(9)), true));
    }

    #[test]
    fn a_refused_request_is_made_by_the_next_question_and_a_lost_one_by_itself() {
        let mut ids = ProducerIds::default();
        assert_eq!((ids.generate(NOW), ids.ask(NOW)), (None, true));
        ids.refused(NOW);
        let later = NOW + ms(RETRY_BACKOFF_MS);
        assert_eq!((ids.generate(NOW), ids.deadline()), (None, None), "within the pause");
        assert!(!ids.ask(later), "nobody has asked since");
        assert_eq!((ids.generate(later), ids.ask(later)), (None, true));
        ids.lost(later);
        let due = ids.deadline().expect("a lost request is made again").at;
        assert!(!ids.ask(later) && ids.ask(due));
    }
}

//! Where lines are read into: vectors that are used again for the next one.

use harrow_sim::history::{ReadRecord, SendRecord, What};

use super::names::Names;

/// Where lines are read into.
#[derive(Default)]
pub(super) struct Context {
    pub(super) names: Names,
    pub(super) parts: Parts,
}

/// The parts of the present line's operation.
#[derive(Default)]
pub(super) struct Parts {
    pub(super) sends: Vec<SendRecord>,
    pub(super) reads: Vec<ReadRecord>,
    pub(super) details: Vec<What>,
    /// Names of the micro-operations as bits, by position in [`MICROS`](super::micro::MICROS).
    pub(super) kinds: u32,
    /// Whether something is stated that only an end can know.
    pub(super) states_outcome: bool,
    /// Whether a poll is among them.
    pub(super) polls: bool,
    /// Whether a poll does not say what it returned.
    pub(super) bare_poll: bool,
}

impl Parts {
    pub(super) fn clear(&mut self) {
        self.sends.clear();
        self.reads.clear();
        self.details.clear();
        self.kinds = 0;
        self.states_outcome = false;
        self.polls = false;
        self.bare_poll = false;
    }
}

//! Settings as a seed has them.

use super::draws::Draws;
use crate::format::{Numbers, Settings};

/// Settings being drawn, each from the stream of its own name.
pub(super) struct Drawn<'a> {
    pub(super) settings: &'a Settings,
    pub(super) draws: &'a Draws,
}

impl Drawn<'_> {
    pub(super) fn numbers(&self, name: &str) -> (Numbers, Draws) {
        (self.settings.get(name), self.draws.at(name))
    }

    /// A time or size.
    pub(super) fn long(&self, name: &str) -> u64 {
        let (numbers, draws) = self.numbers(name);
        draws.unsigned(&numbers)
    }

    /// A time or size that may be -1: none.
    pub(super) fn signed(&self, name: &str) -> i64 {
        let (numbers, draws) = self.numbers(name);
        draws.number(&numbers)
    }

    /// A count.
    pub(super) fn int(&self, name: &str) -> u32 {
        let (numbers, draws) = self.numbers(name);
        draws.small(&numbers)
    }

    /// A range that stays one in the plan.
    pub(super) fn range(&self, name: &str) -> (u64, u64) {
        let (numbers, draws) = self.numbers(name);
        draws.unsigned_range(&numbers)
    }
}

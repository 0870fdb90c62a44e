//! What drives the toy cluster.

/// A number to choose by, used up from below.
pub(super) struct Choice(pub(super) u32);

impl Choice {
    /// One of so many.
    pub(super) fn of(&mut self, count: u32) -> u32 {
        let chosen = self.0 % count;
        self.0 /= count;
        chosen
    }

    pub(super) fn one_in(&mut self, count: u32) -> bool {
        self.of(count) == count - 1
    }
}

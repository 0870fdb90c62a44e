//! How far the cluster has come after the heal.

use crate::liveness::Goal;

/// What has not converged yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pending {
    /// The first goal that is not met.
    pub(super) goal: Goal,
    /// The first thing that is missing, in words.
    pub(super) what: String,
    /// How much is missing; fewer is progress.
    pub(super) left: u64,
}

/// The best state so far, and since when.
#[derive(Debug)]
pub(super) struct Progress {
    goal: Goal,
    left: u64,
    /// Operations of loads that are not resolved.
    unresolved: u64,
    since_ns: u64,
}

impl Progress {
    /// Nothing was achieved yet.
    pub(super) fn none(now: u64) -> Self {
        Self { goal: Goal::Processes, left: u64::MAX, unresolved: u64::MAX, since_ns: now }
    }

    /// The furthest goal that was pending so far.
    pub(super) fn furthest(&self) -> Goal {
        self.goal
    }

    /// Since when there was no progress, with what is pending now. A goal that is lost again is no progress, and
    /// neither is meeting it once more.
    pub(super) fn since(&mut self, now: u64, pending: &Pending, unresolved: u64) -> u64 {
        let further = pending.goal > self.goal;
        let nearer = pending.goal == self.goal && pending.left < self.left;
        if further || nearer {
            (self.goal, self.left) = (pending.goal, pending.left);
        }
        if further || nearer || unresolved < self.unresolved {
            self.since_ns = now;
        }
        self.unresolved = self.unresolved.min(unresolved);
        self.since_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending(goal: Goal, left: u64) -> Pending {
        Pending { goal, what: String::new(), left }
    }

    #[test]
    fn only_what_is_better_than_ever_before_is_progress() {
        let mut progress = Progress::none(0);
        let mut since =
            |now, goal, left, unresolved| progress.since(now, &pending(goal, left), unresolved);
        assert_eq!(since(1, Goal::Isr, 3, 9), 1, "a later goal");
        assert_eq!(since(2, Goal::Isr, 2, 9), 2, "fewer are left");
        assert_eq!(since(3, Goal::Leaders, 1, 9), 2, "an earlier goal is lost");
        assert_eq!(since(4, Goal::Isr, 2, 9), 2, "and met once more");
        assert_eq!(since(5, Goal::Isr, 3, 8), 5, "an operation is resolved");
        assert_eq!(since(6, Goal::Isr, 3, 8), 5, "nothing");
        assert_eq!(progress.furthest(), Goal::Isr);
    }
}

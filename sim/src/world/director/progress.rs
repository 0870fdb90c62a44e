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

/// What the loads have done and have still to do, whatever the goals say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Work {
    /// Operations that are not resolved.
    pub(super) unresolved: u64,
    /// Offsets of its input that each pipeline has processed at least once. What it sends stands in the way of goals
    /// about log ends, so that these wait for it.
    pub(super) processed: u64,
}

/// The best state so far, and since when.
#[derive(Debug)]
pub(super) struct Progress {
    goal: Goal,
    left: u64,
    work: Work,
    since_ns: u64,
}

impl Progress {
    /// Nothing was achieved yet.
    pub(super) fn none(now: u64) -> Self {
        let work = Work { unresolved: u64::MAX, processed: 0 };
        Self { goal: Goal::Processes, left: u64::MAX, work, since_ns: now }
    }

    /// The furthest goal that was pending so far.
    pub(super) fn furthest(&self) -> Goal {
        self.goal
    }

    /// Since when there was no progress, with what is pending now. A goal that is lost again is no progress, and
    /// neither is meeting it once more.
    pub(super) fn since(&mut self, now: u64, pending: &Pending, work: Work) -> u64 {
        let further = pending.goal > self.goal;
        let nearer = pending.goal == self.goal && pending.left < self.left;
        if further || nearer {
            (self.goal, self.left) = (pending.goal, pending.left);
        }
        let best = self.work;
        let worked = work.unresolved < best.unresolved || work.processed > best.processed;
        if further || nearer || worked {
            self.since_ns = now;
        }
        self.work = Work {
            unresolved: work.unresolved.min(best.unresolved),
            processed: work.processed.max(best.processed),
        };
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
        let work = |unresolved, processed| Work { unresolved, processed };
        let mut since = |now, goal, left, work| progress.since(now, &pending(goal, left), work);
        assert_eq!(since(1, Goal::Isr, 3, work(9, 0)), 1, "a later goal");
        assert_eq!(since(2, Goal::Isr, 2, work(9, 0)), 2, "fewer are left");
        assert_eq!(since(3, Goal::Leaders, 1, work(9, 0)), 2, "an earlier goal is lost");
        assert_eq!(since(4, Goal::Isr, 2, work(9, 0)), 2, "and met once more");
        assert_eq!(since(5, Goal::Isr, 3, work(8, 0)), 5, "an operation is resolved");
        assert_eq!(since(6, Goal::Isr, 3, work(8, 0)), 5, "nothing");
        assert_eq!(since(7, Goal::Isr, 4, work(8, 2)), 7, "a pipeline has come further");
        assert_eq!(since(8, Goal::Isr, 4, work(8, 1)), 7, "and does it once more");
        assert_eq!(progress.furthest(), Goal::Isr);
    }
}

//! How long members of groups of the consumer protocol are waited for.

use crate::note::Lateness;
use crate::types::Time;

/// By partition of the topic, group and member.
pub(in crate::coordinator::group) type MemberKey = (i32, String, String);

/// When a member is thrown out.
#[derive(Debug, Clone, Copy)]
pub(in crate::coordinator::group) struct Timers {
    /// If nothing is heard of it.
    pub(super) session: Time,
    /// If it still is in this epoch then.
    pub(super) rebalance: Option<(Time, i32)>,
    /// If it speaks the classic protocol, was told to join again, and has not.
    pub(super) join: Option<Time>,
    /// If it has joined by the classic protocol, and has not asked for its assignment.
    pub(super) sync: Option<Time>,
}

impl Timers {
    pub(in crate::coordinator::group) fn at(&self) -> Time {
        let rebalance = self.rebalance.map(|(at, _)| at);
        let first = [rebalance, self.join, self.sync].into_iter().flatten().min();
        first.map_or(self.session, |at| at.min(self.session))
    }

    /// Nothing but a session.
    pub(super) fn of_session(session: Time) -> Self {
        Self { session, rebalance: None, join: None, sync: None }
    }

    /// Whether it is late whatever its epoch is.
    pub(super) fn is_over(&self, now: Time) -> bool {
        self.session <= now || [self.join, self.sync].into_iter().flatten().any(|at| at <= now)
    }

    /// What is over, if anything is.
    pub(super) fn lateness(&self, now: Time) -> Lateness {
        if self.session <= now {
            Lateness::Session
        } else if self.is_over(now) {
            Lateness::Join
        } else {
            Lateness::Rebalance
        }
    }

    /// What is over is looked at again then.
    pub(super) fn retry(&mut self, now: Time, again: Time) {
        let waits = [Some(&mut self.session), self.join.as_mut(), self.sync.as_mut()];
        waits.into_iter().flatten().filter(|at| **at <= now).for_each(|at| *at = again);
    }
}

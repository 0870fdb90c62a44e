//! How long members of groups of the consumer protocol are waited for.

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
}

impl Timers {
    pub(in crate::coordinator::group) fn at(&self) -> Time {
        self.rebalance.map_or(self.session, |(at, _)| at.min(self.session))
    }
}

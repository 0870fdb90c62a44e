//! What a leader knows of one follower's progress. Source: Kafka's `Replica` and `ReplicaState`, rules 2.1.3 and 2.1.6.

use std::time::Duration;

use crate::types::{BrokerEpoch, NodeId, Offset, Time};

/// One follower as its leader sees it.
#[derive(Debug, Clone)]
pub(super) struct FollowerProgress {
    /// Which broker.
    pub(super) replica: NodeId,
    /// Its log end; [`Offset::NONE`] until its first fetch from this leader.
    pub(super) log_end_offset: Offset,
    /// Its log start.
    pub(super) log_start_offset: Offset,
    /// Broker epoch of its last fetch from this leader.
    pub(super) broker_epoch: Option<BrokerEpoch>,
    /// Last time at which it had everything that the leader had; `None` is never.
    last_caught_up: Option<Time>,
    /// When it last fetched; `None` is never.
    last_fetch: Option<Time>,
    /// The leader's log end then.
    leader_end_at_last_fetch: Offset,
}

impl FollowerProgress {
    /// A follower that has not fetched from this leader. A member of the ISR counts as caught up now.
    pub(super) fn new(replica: NodeId, in_sync_since: Option<Time>) -> Self {
        Self {
            replica,
            log_end_offset: Offset::NONE,
            log_start_offset: Offset::NONE,
            broker_epoch: None,
            last_caught_up: in_sync_since,
            last_fetch: None,
            leader_end_at_last_fetch: Offset::NONE,
        }
    }

    /// The leader was elected again and has not followed anyone in between: where the follower's log ended, and in
    /// which uptime, is kept; how far it lags is not. Source: `Replica.resetReplicaState`.
    pub(super) fn reset(&self, in_sync_since: Option<Time>, leader_end: Offset) -> Self {
        Self {
            leader_end_at_last_fetch: leader_end,
            last_fetch: in_sync_since,
            last_caught_up: in_sync_since,
            ..self.clone()
        }
    }

    /// Takes a fetch at `fetch_offset`, made while the leader's log ended at `leader_end`; true if the follower's log
    /// end moved.
    pub(super) fn fetched(
        &mut self,
        now: Time,
        fetch_offset: Offset,
        log_start_offset: Offset,
        leader_end: Offset,
        broker_epoch: BrokerEpoch,
    ) -> bool {
        let caught_up_at = if fetch_offset >= leader_end {
            Some(now)
        } else {
            self.last_fetch.filter(|_| fetch_offset >= self.leader_end_at_last_fetch)
        };
        self.last_caught_up = self.last_caught_up.max(caught_up_at);
        self.leader_end_at_last_fetch = self.leader_end_at_last_fetch.max(leader_end);
        self.last_fetch = Some(now);
        self.log_start_offset = log_start_offset;
        self.broker_epoch = Some(broker_epoch);
        let before = std::mem::replace(&mut self.log_end_offset, fetch_offset);
        before != fetch_offset
    }

    /// It had everything until then, by fetches of a session that were not counted one by one. Source: KIP-227.
    pub(super) fn kept_up(&mut self, until: Time) {
        if self.log_end_offset == Offset::NONE {
            return;
        }
        self.last_caught_up = self.last_caught_up.max(Some(until));
        self.last_fetch = self.last_fetch.max(Some(until));
        self.leader_end_at_last_fetch = self.leader_end_at_last_fetch.max(self.log_end_offset);
    }

    /// When it last had everything that the leader had; `None` is never.
    pub(super) fn last_caught_up(&self) -> Option<Time> {
        self.last_caught_up
    }

    /// For how long it has not had everything that the leader had; `None` if it never had.
    pub(super) fn lag(&self, now: Time) -> Option<Duration> {
        self.last_caught_up.map(|then| now.since(then))
    }

    /// Whether it has fetched before from this leader, and in this uptime.
    pub(super) fn is_known_in(&self, broker_epoch: BrokerEpoch) -> bool {
        self.broker_epoch == Some(broker_epoch)
    }

    /// Whether it has all, or had all not longer ago than the allowed lag.
    pub(super) fn is_caught_up(
        &self,
        leader_end: Offset,
        now: Time,
        lag_time_max: Duration,
    ) -> bool {
        self.log_end_offset == leader_end || self.lag(now).is_some_and(|lag| lag <= lag_time_max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_follower_is_caught_up_while_it_reaches_what_the_leader_had_at_the_fetch_before() {
        let mut progress = FollowerProgress::new(NodeId(2), None);
        // (seconds, fetch offset, leader's end) -> caught up at that second with one second of lag allowed
        let table = [(10, 0, 5, false), (11, 5, 9, true), (12, 8, 12, false), (14, 12, 12, true)];
        for (second, offset, end, expected) in table {
            let now = Time(second * 1_000_000_000);
            let moved =
                progress.fetched(now, Offset(offset), Offset(0), Offset(end), BrokerEpoch(7));
            assert!(moved, "the log end moved to {offset}");
            let caught_up = progress.is_caught_up(Offset(end), now, SECOND);
            assert_eq!(caught_up, expected, "at {second} s, {offset} of {end}");
        }
    }

    #[test]
    fn a_reset_keeps_the_log_end_and_the_uptime_only() {
        let mut progress = FollowerProgress::new(NodeId(2), None);
        progress.fetched(Time(5), Offset(4), Offset(1), Offset(9), BrokerEpoch(7));
        let mut progress = progress.reset(None, Offset(9));
        assert_eq!(
            (progress.log_end_offset, progress.broker_epoch),
            (Offset(4), Some(BrokerEpoch(7)))
        );
        assert!(!progress.is_caught_up(Offset(9), Time(5), SECOND), "not in the ISR: lags");
        progress = progress.reset(Some(Time(6)), Offset(9));
        assert!(progress.is_caught_up(Offset(9), Time(6), SECOND), "in the ISR: caught up now");
        let moved = progress.fetched(Time(7), Offset(4), Offset(1), Offset(9), BrokerEpoch(7));
        assert!(!moved, "the log end did not move");
    }
}

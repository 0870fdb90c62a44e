//! What a leader knows of one follower's progress. Source: Kafka's `Replica`, rule 2.1.3 and 2.1.6.

use std::time::Duration;

use crate::types::{BrokerEpoch, NodeId, Offset, Time};

/// One follower as its leader sees it.
#[derive(Debug, Clone)]
pub(super) struct FollowerProgress {
    /// Which broker.
    pub(super) replica: NodeId,
    /// Its log end, unknown until its first fetch in the leader's epoch.
    pub(super) log_end_offset: Option<Offset>,
    /// Its log start.
    pub(super) log_start_offset: Offset,
    /// Broker epoch of its last fetch.
    pub(super) broker_epoch: BrokerEpoch,
    /// Last time at which it had everything that the leader had; `None` is never.
    pub(super) last_caught_up: Option<Time>,
    /// When it last fetched, and the leader's log end then.
    last_fetch: Option<(Time, Offset)>,
}

impl FollowerProgress {
    /// A follower that has not fetched in this epoch. A member of the ISR counts as caught up now.
    pub(super) fn new(replica: NodeId, in_sync_since: Option<Time>) -> Self {
        Self {
            replica,
            log_end_offset: None,
            log_start_offset: Offset::NONE,
            broker_epoch: BrokerEpoch::NONE,
            last_caught_up: in_sync_since,
            last_fetch: None,
        }
    }

    /// Takes a fetch at `fetch_offset`, made while the leader's log ended at `leader_end`.
    pub(super) fn fetched(
        &mut self,
        now: Time,
        fetch_offset: Offset,
        log_start_offset: Offset,
        leader_end: Offset,
        broker_epoch: BrokerEpoch,
    ) {
        let caught_up_at = if fetch_offset >= leader_end {
            Some(now)
        } else {
            self.last_fetch.filter(|(_, end_then)| fetch_offset >= *end_then).map(|(time, _)| time)
        };
        self.last_caught_up = self.last_caught_up.max(caught_up_at);
        let end_seen = self.last_fetch.map_or(leader_end, |(_, end_then)| end_then.max(leader_end));
        self.last_fetch = Some((now, end_seen));
        self.log_end_offset = Some(fetch_offset);
        self.log_start_offset = log_start_offset;
        self.broker_epoch = broker_epoch;
    }

    /// It had everything until then, by fetches of a session that were not counted one by one. Source: KIP-227.
    pub(super) fn kept_up(&mut self, until: Time) {
        let Some(end) = self.log_end_offset else { return };
        self.last_caught_up = self.last_caught_up.max(Some(until));
        let last_fetch = self.last_fetch.unwrap_or((until, end));
        self.last_fetch = Some((last_fetch.0.max(until), last_fetch.1.max(end)));
    }

    /// Whether it has fetched before in the leader's epoch, and in this uptime.
    pub(super) fn is_known_in(&self, broker_epoch: BrokerEpoch) -> bool {
        self.log_end_offset.is_some() && self.broker_epoch == broker_epoch
    }

    /// Whether it has all, or had all not longer ago than the allowed lag.
    pub(super) fn is_caught_up(
        &self,
        leader_end: Offset,
        now: Time,
        lag_time_max: Duration,
    ) -> bool {
        self.log_end_offset == Some(leader_end)
            || self.last_caught_up.is_some_and(|then| now.since(then) <= lag_time_max)
    }
}

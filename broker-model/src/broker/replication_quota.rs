//! Replication quotas: how fast a broker copies for throttled replicas, while it sends and while it takes.
//!
//! All bytes of throttled replicas are counted; held up are only those that are not in sync, so that a quota takes
//! nobody out of the ISR. The rate is that of the last eleven seconds, in samples of a second each, of which what is
//! older than that is forgotten. Source: KIP-73; Kafka's `ReplicationQuotaManager`, `SimpleRate`, `SampledStat`. Left
//! out: the bytes of an answer that are no records.

use std::collections::VecDeque;
use std::time::Duration;

use crate::throttle::ThrottledRates;
use crate::types::Time;

/// Kafka's `replication.quota.window.size.seconds`.
const SAMPLE: Duration = Duration::from_secs(1);

/// Kafka's `replication.quota.window.num`, of one second each.
const WINDOW: Duration = Duration::from_secs(11);

/// Those of a broker.
#[derive(Debug)]
pub(super) struct ReplicationQuotas {
    /// For what leaders send to followers.
    pub(super) leader: ReplicationQuota,
    /// For what followers get.
    pub(super) follower: ReplicationQuota,
}

impl ReplicationQuotas {
    /// Nothing is counted yet.
    pub(super) fn new(rates: ThrottledRates) -> Self {
        let quota = |rate| ReplicationQuota { rate, samples: VecDeque::new() };
        Self { leader: quota(rates.leader), follower: quota(rates.follower) }
    }
}

/// One of them.
#[derive(Debug)]
pub(super) struct ReplicationQuota {
    /// Bytes a second, if they are bounded.
    rate: Option<u64>,
    samples: VecDeque<Sample>,
}

/// What was counted in about a second.
#[derive(Debug, Clone, Copy)]
struct Sample {
    began_at: Time,
    last_at: Time,
    bytes: u64,
}

impl ReplicationQuota {
    /// Whether there is a bound at all.
    pub(super) fn is_bounded(&self) -> bool {
        self.rate.is_some()
    }

    /// Counts bytes, be the quota exceeded or not.
    pub(super) fn record(&mut self, now: Time, bytes: u64) {
        if !self.is_bounded() {
            return;
        }
        self.samples.retain(|sample| now.since(sample.last_at) < WINDOW);
        match self.samples.back_mut().filter(|sample| now.since(sample.began_at) < SAMPLE) {
            Some(sample) => {
                sample.last_at = now;
                sample.bytes = sample.bytes.saturating_add(bytes);
            }
            None => self.samples.push_back(Sample { began_at: now, last_at: now, bytes }),
        }
        let count = self.samples.len() as u64;
        assert!(count <= WINDOW.as_secs() + 1, "{count} samples in {WINDOW:?}");
    }

    /// Whether more was counted than the rate allows.
    pub(super) fn is_exceeded(&self, now: Time) -> bool {
        let Some(rate) = self.rate else { return false };
        let kept = || self.samples.iter().filter(|sample| now.since(sample.last_at) < WINDOW);
        let bytes: u64 = kept().map(|sample| sample.bytes).sum();
        let first = kept().map(|sample| sample.began_at).min().unwrap_or(now);
        let elapsed = now.since(first).max(SAMPLE);
        u128::from(bytes) * Duration::from_secs(1).as_nanos()
            > u128::from(rate) * elapsed.as_nanos()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: u64) -> Time {
        Time::ZERO + Duration::from_millis(ms)
    }

    fn quota(rate: u64) -> ReplicationQuota {
        ReplicationQuotas::new(ThrottledRates { leader: Some(rate), follower: None }).leader
    }

    #[test]
    fn the_first_second_counts_whole() {
        let mut quota = quota(100);
        assert!(!quota.is_exceeded(at(0)), "nothing was counted");
        quota.record(at(0), 100);
        assert!(!quota.is_exceeded(at(1)), "100 in a second");
        quota.record(at(1), 1);
        assert!(quota.is_exceeded(at(1)), "one more");
        assert!(!quota.is_exceeded(at(1_010)), "101 in 1.01 seconds");
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut quota = quota(10);
        quota.record(at(0), 1_000);
        for (ms, exceeded) in [(5_000, true), (10_999, true), (11_000, false)] {
            assert_eq!(quota.is_exceeded(at(ms)), exceeded, "at {ms}");
        }
        quota.record(at(11_000), 10);
        assert_eq!(quota.samples.len(), 1);
        assert!(!quota.is_exceeded(at(11_000)));
    }

    #[test]
    fn a_rate_that_is_kept_to_is_never_exceeded() {
        let mut quota = quota(1_000);
        for second in 0..100 {
            quota.record(at(second * 1_000), 1_000);
            assert!(!quota.is_exceeded(at((second + 1) * 1_000)), "second {second}");
        }
        assert!(quota.samples.len() <= 12);
    }

    #[test]
    fn without_a_rate_nothing_is_counted() {
        let mut quotas = ReplicationQuotas::new(ThrottledRates::default());
        quotas.follower.record(at(0), u64::MAX);
        assert!(!quotas.follower.is_exceeded(at(0)) && quotas.follower.samples.is_empty());
    }
}

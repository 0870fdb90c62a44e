//! When a broker looks at its logs.

use crate::config::{ClusterConfig, ms};
use crate::node::Deadline;
use crate::types::Time;

/// When logs are looked at next.
#[derive(Debug)]
pub(super) struct Maintenance {
    pub(super) flushes_at: Time,
    pub(super) expiration_at: Time,
}

impl Maintenance {
    /// The first checks are an interval after the start.
    pub(super) fn new(config: &ClusterConfig, now: Time) -> Self {
        Self {
            flushes_at: now + ms(config.flush_scheduler_interval_ms),
            expiration_at: now + ms(config.producer_id_expiration_check_interval_ms),
        }
    }

    /// When the next check is due.
    pub(super) fn deadline(&self) -> Deadline {
        if self.flushes_at < self.expiration_at {
            Deadline { at: self.flushes_at, why: "flush check is due" }
        } else {
            Deadline { at: self.expiration_at, why: "producer id expiration check is due" }
        }
    }
}

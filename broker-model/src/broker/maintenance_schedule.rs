//! When a broker looks at its logs.

use crate::config::{ClusterConfig, ms};
use crate::node::Deadline;
use crate::types::Time;

/// When logs are looked at next.
#[derive(Debug)]
#[expect(clippy::struct_field_names, reason = "each is the time of something")]
pub(super) struct Maintenance {
    pub(super) flushes_at: Time,
    pub(super) expiration_at: Time,
    /// None as long as nothing may be deleted anywhere.
    pub(super) retention_at: Option<Time>,
}

impl Maintenance {
    /// The first checks are an interval after the start.
    pub(super) fn new(config: &ClusterConfig, now: Time) -> Self {
        Self {
            flushes_at: now + ms(config.flush_scheduler_interval_ms),
            expiration_at: now + ms(config.producer_id_expiration_check_interval_ms),
            retention_at: None,
        }
    }

    /// Something may be deleted: logs are looked at for that from now on.
    pub(super) fn retain(&mut self, config: &ClusterConfig, now: Time) {
        self.retention_at.get_or_insert(now + ms(config.retention_check_interval_ms));
    }

    /// When the next check is due.
    pub(super) fn deadline(&self) -> Deadline {
        let retention =
            self.retention_at.map(|at| Deadline { at, why: "log retention check is due" });
        let other = if self.flushes_at < self.expiration_at {
            Deadline { at: self.flushes_at, why: "flush check is due" }
        } else {
            Deadline { at: self.expiration_at, why: "producer id expiration check is due" }
        };
        retention.filter(|it| it.at < other.at).unwrap_or(other)
    }
}

//! What a broker's scheduler does for its logs from time to time: flushes by `flush.ms`, producers that expire, and
//! records that retention lets go.
//!
//! Kafka acknowledges what is in the page cache. A topic with `flush.ms` has its logs flushed when they were not for so
//! long, as seen by a check every `log.flush.scheduler.interval.ms`. A producer that sent nothing to a partition for
//! `producer.id.expiration.ms`, by its records' timestamps, is forgotten there by a check every
//! `producer.id.expiration.check.interval.ms`: its next batch is then the first of an unknown producer, whatever its
//! sequence, and a retry of an old one is appended again. Source: `LogManager.flushDirtyLogs`,
//! `UnifiedLog.removeExpiredProducers`, KIP-854. Not covered: that each log's check has its own phase.

use crate::broker::Broker;
use crate::config::ms;
use crate::node::Effects;
use crate::partition::Partition;
use crate::types::Now;

impl Broker {
    /// Deletes what retention lets go, if that is due. Source: `LogManager.cleanupLogs`.
    pub(super) fn clean_up_logs(&mut self, now: Now, effects: &mut Effects) {
        if self.maintenance.retention_at.is_none_or(|at| at > now.time) {
            return;
        }
        self.maintenance.retention_at = None;
        let may_delete = |it: &&mut Partition| it.log().may_delete() && !it.log().has_holes();
        for partition in self.partitions.values_mut().filter(may_delete) {
            self.maintenance.retain(&self.context.config, now.time);
            partition.delete_old_segments(now, effects);
            self.touched.push(partition.id());
        }
    }

    /// Does the checks that are due.
    pub(super) fn maintain_logs(&mut self, now: Now, effects: &mut Effects) {
        let config = &self.context.config;
        let flushes = self.maintenance.flushes_at <= now.time;
        if flushes {
            self.maintenance.flushes_at = now.time + ms(config.flush_scheduler_interval_ms);
        }
        let expires = self.maintenance.expiration_at <= now.time;
        if expires {
            let interval = ms(config.producer_id_expiration_check_interval_ms);
            self.maintenance.expiration_at = now.time + interval;
        }
        if !flushes && !expires {
            return;
        }
        let hosted = self.partitions.values_mut().map(Partition::log_mut);
        for log in hosted.chain(self.unhosted.values_mut()) {
            if flushes {
                log.flush_if_due(now.wall, effects);
            }
            if expires {
                log.expire_producers(now.wall, effects);
            }
        }
    }
}

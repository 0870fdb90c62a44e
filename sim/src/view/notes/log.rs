//! What notes on logs change: the mirrors.

use harrow_broker_model::note::{LogNote, TruncateReason};
use harrow_broker_model::types::NodeId;

use crate::view::{ClusterView, Fact, Reopening};

impl ClusterView {
    pub(super) fn on_log_note(&mut self, at_ns: u64, node: NodeId, note: &LogNote) {
        match note {
            LogNote::Appended { partition, batch, leader_epoch, .. } => {
                let replica = self.partition_mut(*partition).replica_mut(node);
                replica.leader_epoch = *leader_epoch;
                replica.reopening = None;
                replica.log.push(*batch);
            }
            LogNote::Truncated { partition, from, to, reason } => {
                let view = self.partition_mut(*partition);
                let fact = Fact::Truncated { from: *from, to: *to, reason: *reason };
                view.facts.push(at_ns, node, fact);
                if *reason == TruncateReason::Snapshot {
                    view.restart_replica(node, *to);
                } else {
                    view.cut_replica(node, *to);
                }
            }
            LogNote::Recovered { .. } => self.on_recovered(at_ns, node, note),
            LogNote::StartMoved { partition, log_start_offset } => {
                let replica = self.partition_mut(*partition).replica_mut(node);
                replica.log_start_offset = *log_start_offset;
                replica.furthest_start = replica.furthest_start.max(*log_start_offset);
            }
            LogNote::RecordsDeleted { partition, to, reason, .. } => {
                let view = self.partition_mut(*partition);
                view.facts.push(at_ns, node, Fact::Deleted { to: *to, reason: *reason });
            }
            LogNote::Discarded { partition, log_end_offset, stray } => {
                let view = self.partition_mut(*partition);
                let (log_end_offset, stray) = (*log_end_offset, *stray);
                view.facts.push(at_ns, node, Fact::Discarded { log_end_offset, stray });
                view.discard_replica(node);
            }
            LogNote::KeysAppended { partition, base_offset, leader_epoch, records } => {
                let keys = (*base_offset, *leader_epoch);
                self.partition_mut(*partition).compaction.keys_appended(keys, records);
            }
            LogNote::Cleaned { partition, from, to, batches, .. } => {
                self.partition_mut(*partition).clean_replica(node, (*from, *to), batches);
            }
            LogNote::EpochsKnown { .. }
            | LogNote::CleanerCheckpointed { .. }
            | LogNote::DeletionConfirmed { .. } => {}
        }
    }

    fn on_recovered(&mut self, at_ns: u64, node: NodeId, note: &LogNote) {
        let LogNote::Recovered {
            partition,
            log_start_offset,
            log_end_offset,
            high_watermark,
            clean,
            batches,
        } = note
        else {
            return;
        };
        let known = self.nodes.get(&node);
        let unknown = known.is_some_and(|it| it.stopped_unregistered || it.started_unmarked);
        let view = self.partition_mut(*partition);
        let fact = Fact::Recovered {
            log_end_offset: *log_end_offset,
            high_watermark: *high_watermark,
            clean: *clean,
        };
        view.facts.push(at_ns, node, fact);
        view.reopen_replica(node, *log_start_offset, batches);
        let replica = view.replica_mut(node);
        replica.log_start_offset = *log_start_offset;
        replica.high_watermark = *high_watermark;
        if replica.reopening == Some(Reopening::Lossy) {
            replica.producers_from = *log_start_offset;
        }
        replica.reopening = None;
        replica.unclean &= !clean || unknown;
    }
}

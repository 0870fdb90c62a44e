//! Marks of logs.

use harrow_broker_model::note::{CleanedBatch, DeletionReason, LogNote, TruncateReason};

use super::Tally;

impl Tally {
    pub(super) fn log(&mut self, note: &LogNote) {
        match note {
            LogNote::Truncated { reason, .. } => self.truncated(*reason),
            LogNote::Recovered { clean, .. } => {
                self.mark(if *clean { "log-recovered-clean" } else { "log-recovered-unclean" });
            }
            LogNote::RecordsDeleted { reason, .. } => self.mark(match reason {
                DeletionReason::Time { .. } => "deleted-by-time",
                DeletionReason::Size { .. } => "deleted-by-size",
                DeletionReason::Leader => "log-start-followed",
                DeletionReason::DeleteRecords => "records-deleted",
                DeletionReason::Snapshot => "metadata-prefix-deleted",
            }),
            LogNote::DeletionConfirmed { .. } => self.mark("deletion-confirmed"),
            LogNote::Discarded { stray, .. } => {
                self.mark(if *stray { "stray-discarded" } else { "replica-discarded" });
            }
            LogNote::Cleaned { partition, .. } if self.internal.contains(&partition.topic.0) => {
                self.mark("internal-log-cleaned");
            }
            LogNote::Cleaned { batches, .. } => self.cleaned(batches),
            LogNote::Appended { .. }
            | LogNote::EpochsKnown { .. }
            | LogNote::KeysAppended { .. }
            | LogNote::CleanerCheckpointed { .. }
            | LogNote::StartMoved { .. } => {}
        }
    }

    fn cleaned(&mut self, batches: &[CleanedBatch]) {
        self.mark("log-cleaned");
        if batches.iter().any(|batch| batch.records.is_empty()) {
            self.mark("batch-kept-empty");
        }
        if batches.iter().any(|batch| batch.delete_horizon.is_some()) {
            self.mark("delete-horizon-set");
        }
    }

    fn truncated(&mut self, reason: TruncateReason) {
        self.mark("log-truncated");
        match reason {
            TruncateReason::OutOfRange => self.mark("out-of-range-truncation"),
            TruncateReason::Snapshot => self.mark("snapshot-overtook-log"),
            TruncateReason::AcrossStart => self.mark("started-at-batch"),
            TruncateReason::Diverged | TruncateReason::HighWatermark => {}
        }
    }
}

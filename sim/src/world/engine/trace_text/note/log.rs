//! Facts of logs.

use harrow_broker_model::note::{AppendOrigin, LogNote};
use harrow_broker_model::types::{LeaderEpoch, Offset};

use crate::view::{deletion_reason, truncation_reason};
use crate::world::engine::trace_text::names::Names;
use crate::world::engine::trace_text::parts::{joined, span};

pub(super) fn trace_text(names: &Names, note: &LogNote) -> String {
    match note {
        LogNote::Appended { partition, batch, origin, .. } => {
            let role = match origin {
                AppendOrigin::Leader => "leader",
                AppendOrigin::Follower => "follower",
            };
            let (at, epoch) = (span(batch.base_offset, batch.last_offset), batch.leader_epoch);
            format!("{}: appended {at} as {role}, epoch {epoch}", names.place(*partition))
        }
        LogNote::Truncated { partition, from, to, reason } => {
            let (place, reason) = (names.place(*partition), truncation_reason(*reason));
            format!("{place}: truncated log from {from} to {to}, {reason}")
        }
        LogNote::Recovered {
            partition,
            log_start_offset,
            log_end_offset,
            high_watermark,
            clean,
            ..
        } => {
            let how = if *clean { "clean" } else { "unclean" };
            format!(
                "{}: loaded log {log_start_offset}..{log_end_offset} after {how} shutdown, high \
                 watermark {high_watermark}",
                names.place(*partition)
            )
        }
        LogNote::EpochsKnown { partition, epochs } => {
            let known = |(epoch, start): &(LeaderEpoch, Offset)| format!("{epoch} from {start}");
            let known = joined(epochs.iter().map(known));
            format!("{}: loaded leader epochs {known}", names.place(*partition))
        }
        LogNote::StartMoved { partition, log_start_offset } => {
            format!("{}: advanced log start offset to {log_start_offset}", names.place(*partition))
        }
        LogNote::DeletionConfirmed { partition, low_watermark } => {
            let place = names.place(*partition);
            format!("{place}: confirmed deletion, low watermark {low_watermark}")
        }
        LogNote::Discarded { partition, log_end_offset, stray } => {
            let what = if *stray { "stray log" } else { "log" };
            format!(
                "{}: gave up its {what}, which ended at {log_end_offset}",
                names.place(*partition)
            )
        }
        LogNote::KeysAppended { partition, base_offset, records, .. } => {
            let tombstones = records.iter().filter(|record| record.tombstone).count();
            let (place, count) = (names.place(*partition), records.len());
            format!("{place}: {count} records from {base_offset} on, {tombstones} tombstones")
        }
        LogNote::Cleaned { partition, from, to, batches, .. } => {
            let kept: usize = batches.iter().map(|batch| batch.records.len()).sum();
            let (place, to) = (names.place(*partition), to.plus(-1));
            format!("{place}: cleaned {from} to {to}, {kept} records in {} batches", batches.len())
        }
        LogNote::CleanerCheckpointed { partition, first_dirty } => {
            format!("{}: clean up to {first_dirty}", names.place(*partition))
        }
        LogNote::RecordsDeleted { partition, from, to, reason } => {
            let (place, why) = (names.place(*partition), deletion_reason(*reason));
            format!("{place}: deletes records {from} to {}, {why}", to.plus(-1))
        }
    }
}

//! Producer state on disk, and how it is restored. Source: Kafka's
//! `ProducerStateManager.takeSnapshot` and `truncateAndReload`.
//!
//! As promised, a snapshot holds all that is known of a producer, so that a broker which has restarted recognises what
//! it recognised before. Kafka's holds the last batch of each.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::defect::LogDefect;
use crate::disk_image::{DiskImage, FileId};
use crate::log::Log;
use crate::log::checkpoint::{seal, unseal};
use crate::log::producer_state::ProducerState;
use crate::log::segment::Segment;
use crate::log::snapshot_files::Snapshots;
use crate::node::{Effect, Effects};
use crate::record::RecordBatch;
use crate::types::{LeaderEpoch, Offset, TopicPartition};

/// Content of a snapshot file.
#[derive(Debug, Serialize, Deserialize)]
struct Snapshot {
    /// Epoch and checksum of the batch before the snapshot's offset. If the log has another batch
    /// there, the snapshot is of a log that was cut since, and its deletion was lost with the
    /// power. By the log-matching property it is of this log otherwise.
    last_batch: Option<(LeaderEpoch, u32)>,
    producers: ProducerState,
}

fn identity(batch: &RecordBatch) -> (LeaderEpoch, u32) {
    (batch.leader_epoch(), batch.header().checksum)
}

impl Log {
    /// Writes the producer state at the log end, in place, and deletes snapshots that cannot be needed any more. That
    /// no producer is known is written, too: those that expired would come back with an older snapshot. Nothing is
    /// written if the file is there already, or if there is nothing that it could tell of.
    pub(super) fn write_snapshot(&mut self, effects: &mut Effects) -> Option<FileId> {
        let offset = self.log_end_offset;
        let is_idle = self.producers.is_empty() && offset == self.log_start_offset;
        if is_idle || self.snapshots.contains_key(&offset) {
            return None;
        }
        let last_batch = self.batch_ending_at(offset).map(identity);
        let mut producers = self.producers.clone();
        if self.has(LogDefect::SnapshotKeepsLastBatch) {
            producers.keep_last_batches();
        }
        let bytes = seal(&Snapshot { last_batch, producers });
        let file = snapshot_file(self.partition, offset);
        effects.push(Effect::Write { file, bytes: bytes.clone() });
        self.snapshots.insert(offset, bytes);
        self.delete_old_snapshots(effects);
        Some(file)
    }

    /// After each reload, Kafka writes what it found and syncs it. As promised nothing is gained by that: a snapshot
    /// that is of this log and the batches after it tell the same. Source: `UnifiedLog.rebuildProducerState`.
    pub(super) fn snapshot_restored(&mut self, effects: &mut Effects) {
        if !self.trusts_any_snapshot() && !self.has(LogDefect::SnapshotKeepsLastBatch) {
            return;
        }
        if let Some(file) = self.write_snapshot(effects) {
            effects.push(Effect::Sync { file });
        }
    }

    fn trusts_any_snapshot(&self) -> bool {
        self.has(LogDefect::DerivedStateFromFiles)
    }

    fn has(&self, defect: LogDefect) -> bool {
        self.config.defects.has(defect)
    }

    /// Keeps the newest snapshot of what is committed and flushed, and all that are newer: no ordinary truncation and
    /// no power loss goes back further.
    fn delete_old_snapshots(&mut self, effects: &mut Effects) {
        let settled = self.high_watermark.min(self.recovery_point());
        if let Some((&oldest, _)) = self.snapshots.range(..=settled).next_back() {
            self.delete_snapshots_below(oldest, effects);
        }
    }

    pub(super) fn delete_snapshots_below(&mut self, offset: Offset, effects: &mut Effects) {
        let kept = self.snapshots.split_off(&offset);
        let deleted = std::mem::replace(&mut self.snapshots, kept);
        delete(self.partition, deleted.into_keys(), effects);
    }

    pub(super) fn delete_snapshots_above(&mut self, offset: Offset, effects: &mut Effects) {
        let deleted = self.snapshots.split_off(&offset.next());
        delete(self.partition, deleted.into_keys(), effects);
    }

    /// Takes over the snapshot files that are of this log, deletes the others, and rebuilds the producer state;
    /// `checked` is the first segment whose bytes were checked.
    pub(super) fn load_snapshots(
        &mut self,
        image: &DiskImage,
        checked: Option<Offset>,
        effects: &mut Effects,
    ) {
        let first = snapshot_file(self.partition, Offset(i64::MIN));
        let last = snapshot_file(self.partition, Offset(i64::MAX));
        let files = image.files.range(first..=last);
        let found: Snapshots =
            files.filter_map(|(file, bytes)| Some((offset_of(*file)?, bytes.clone()))).collect();
        let kept = if self.trusts_any_snapshot() {
            self.snapshots_within(&found, checked)
        } else {
            found
                .keys()
                .copied()
                .filter(|at| self.is_snapshot_of_this_log(*at, &found[at]))
                .collect()
        };
        let gone = found.keys().copied().filter(|offset| !kept.contains(offset));
        delete(self.partition, gone, effects);
        self.snapshots = found.into_iter().filter(|(offset, _)| kept.contains(offset)).collect();
        self.restore_producers();
        self.snapshot_restored(effects);
        // After an unclean stop Kafka reads the producers from the snapshot that it has just written of the segments
        // that it checked. Source: `LogLoader.recoverSegment`.
        if checked.is_some() && self.has(LogDefect::SnapshotKeepsLastBatch) {
            self.producers.keep_last_batches();
        }
    }

    /// The whole snapshots that Kafka takes for those of a log with these bounds, whatever log they were taken of:
    /// after an unclean stop up to the first segment that is checked, else those at the beginnings of segments and
    /// the newest. Source: `ProducerStateManager.truncateAndReload`, `removeStraySnapshots`.
    fn snapshots_within(&self, found: &Snapshots, checked: Option<Offset>) -> BTreeSet<Offset> {
        let upto = checked.unwrap_or(self.log_end_offset);
        let whole = |(offset, bytes): (&Offset, &Bytes)| {
            let within = *offset > self.log_start_offset && *offset <= upto;
            (within && unseal::<Snapshot>(bytes).is_some()).then_some(*offset)
        };
        let mut kept: BTreeSet<Offset> = found.iter().filter_map(whole).collect();
        let bases: BTreeSet<Offset> = self.segments.iter().map(Segment::base_offset).collect();
        let newest_stray = kept.difference(&bases).last().copied();
        kept.retain(|offset| {
            let stray =
                Some(*offset) == newest_stray && bases.last().is_none_or(|last| last <= offset);
            checked.is_some() || bases.contains(offset) || stray
        });
        kept
    }

    fn is_snapshot_of_this_log(&self, offset: Offset, bytes: &Bytes) -> bool {
        let Some(first) = self.segments.first().map(Segment::base_offset) else {
            return false;
        };
        if offset < first || offset > self.log_end_offset {
            return false;
        }
        let Some(snapshot) = unseal::<Snapshot>(bytes) else {
            return false;
        };
        // What came before the first segment is gone and cannot be compared. Nor can a batch that the cleaner may have
        // taken, but its epoch is known: two logs with one epoch at an offset are the same below.
        if self.holes {
            let epoch = self.epochs.epoch_at(offset.plus(-1));
            return offset == first || snapshot.last_batch.is_some_and(|(of, _)| of == epoch);
        }
        offset == first || snapshot.last_batch == self.batch_ending_at(offset).map(identity)
    }

    /// Rebuilds the producer state: the newest snapshot without the producers that expired, then the batches after it.
    fn restore_producers(&mut self) {
        let (mut producers, from) = self.newest_snapshot();
        let end = self.log_end_offset;
        assert!(from <= end, "snapshot at {from} beyond log end {end}");
        for batch in self.batches().skip_while(|batch| batch.next_offset() <= from) {
            producers.take(batch, self.config.defects);
        }
        producers.take_verifications(&mut self.producers);
        self.producers = producers;
        self.restore_transactions();
    }

    /// As [`Self::restore_producers`], after a cut. Who was known of nobody knows no more after it: the batches that
    /// are left are of producers that have expired. Source: `UnifiedLog.rebuildProducerState`.
    pub(super) fn restore_producers_after_cut(&mut self) {
        let keeps = self.config.defects.has(LogDefect::CutKeepsProducers);
        let before = keeps.then(|| self.producers.clone());
        if self.producers.is_empty() {
            self.producers = self.newest_snapshot().0;
            self.transactions.truncate(self.log_end_offset);
        } else {
            self.restore_producers();
        }
        if let Some(before) = before {
            // LogDefect::CutKeepsProducers: of those without a transaction, all that was known.
            self.producers.keep_all_of(before);
        }
    }

    /// The newest snapshot without the producers that have expired, and what it is of.
    fn newest_snapshot(&self) -> (ProducerState, Offset) {
        let (mut producers, from) = match self.snapshots.last_key_value() {
            Some((offset, bytes)) => (producers_in(bytes), *offset),
            None => (ProducerState::default(), Offset::ZERO),
        };
        let expiration_ms = self.config.producer_id_expiration_ms;
        producers.remove_expired(self.clock, expiration_ms, self.config.defects);
        (producers, from)
    }
}

fn producers_in(bytes: &Bytes) -> ProducerState {
    let snapshot: Option<Snapshot> = unseal(bytes);
    let snapshot = snapshot.expect("snapshots are checked when they are loaded");
    let mut producers = snapshot.producers;
    producers.index_ongoing();
    producers
}

fn snapshot_file(partition: TopicPartition, offset: Offset) -> FileId {
    FileId::ProducerSnapshot { partition, offset }
}

fn offset_of(file: FileId) -> Option<Offset> {
    match file {
        FileId::ProducerSnapshot { offset, .. } => Some(offset),
        FileId::Segment { .. }
        | FileId::LeaderEpochCheckpoint(_)
        | FileId::RecoveryPointCheckpoint
        | FileId::HighWatermarkCheckpoint
        | FileId::LogStartOffsetCheckpoint
        | FileId::CleanShutdown
        | FileId::QuorumState
        | FileId::CleanerCheckpoint
        | FileId::SegmentAside { .. }
        | FileId::MetadataSnapshot(_)
        | FileId::OfDirectory { .. }
        | FileId::PartitionMetadata(_) => None,
    }
}

fn delete(partition: TopicPartition, offsets: impl Iterator<Item = Offset>, effects: &mut Effects) {
    for offset in offsets {
        effects.push(Effect::Delete { file: snapshot_file(partition, offset) });
    }
}

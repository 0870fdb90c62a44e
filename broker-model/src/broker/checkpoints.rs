//! Checkpoints of high watermarks, recovery points and log starts: one small file each, for all partitions.
//!
//! Partitions that this uptime has not hosted yet keep the entries they had (L08). Source: rules 2.10, Kafka's
//! `OffsetCheckpointFile`, `ReplicaManager.checkpointHighWatermarks` and `LogManager`.

use std::collections::BTreeMap;

use crate::collections::PartitionMap;
use crate::config::{ClusterConfig, ms};
use crate::disk_image::{DiskImage, FileId};
use crate::log::checkpoint::{decode_offsets, encode_offsets};
use crate::log::{Log, LogConfig, LogOptions};
use crate::node::{Deadline, Effect, Effects};
use crate::partition::Partition;
use crate::types::{LeaderEpoch, Offset, Time, TopicPartition, WallTime};

/// The three checkpoint files.
#[derive(Debug)]
pub(super) struct Checkpoints {
    high_watermarks: Checkpoint,
    recovery_points: Checkpoint,
    log_starts: Checkpoint,
    high_watermarks_at: Time,
    recovery_points_at: Time,
}

/// One file.
#[derive(Debug)]
struct Checkpoint {
    file: FileId,
    /// As last written.
    offsets: BTreeMap<TopicPartition, Offset>,
}

/// Hosted partitions by id.
type Partitions = PartitionMap<TopicPartition, Partition>;

impl Checkpoints {
    /// As found at boot.
    pub(super) fn new(image: &DiskImage, config: &ClusterConfig, now: Time) -> Self {
        Self {
            high_watermarks: Checkpoint::read(image, FileId::HighWatermarkCheckpoint),
            recovery_points: Checkpoint::read(image, FileId::RecoveryPointCheckpoint),
            log_starts: Checkpoint::read(image, FileId::LogStartOffsetCheckpoint),
            high_watermarks_at: now + ms(config.high_watermark_checkpoint_interval_ms),
            recovery_points_at: now + ms(config.recovery_point_checkpoint_interval_ms),
        }
    }

    /// What a partition's log is opened with.
    pub(super) fn log_options(
        &self,
        partition: TopicPartition,
        config: LogConfig,
        now: WallTime,
        clean: bool,
    ) -> LogOptions {
        LogOptions {
            config,
            now,
            clean,
            recovery_point: self.recovery_points.of(partition),
            high_watermark: self.high_watermarks.of(partition),
            log_start_offset: self.log_starts.of(partition),
            holes: false,
        }
    }

    /// Writes what is due.
    pub(super) fn tick(
        &mut self,
        now: Time,
        config: &ClusterConfig,
        partitions: &Partitions,
        effects: &mut Effects,
    ) {
        if self.high_watermarks_at <= now {
            self.high_watermarks_at = now + ms(config.high_watermark_checkpoint_interval_ms);
            self.high_watermarks.write_changes(high_watermarks(partitions), effects);
        }
        if self.recovery_points_at <= now {
            self.recovery_points_at = now + ms(config.recovery_point_checkpoint_interval_ms);
            self.recovery_points.write_changes(recovery_points(partitions), effects);
            self.log_starts.write_changes(log_starts(partitions), effects);
        }
        self.self_check(now);
    }

    fn self_check(&self, now: Time) {
        let due = self.deadline();
        assert!(due.at > now, "at {now} a checkpoint is due since {}", due.at);
    }

    /// A log was cut, or opened with less than it had: nothing is appended to it before its checkpoint says so. Else a
    /// recovery would trust what takes the place of records that had been flushed. Source: Kafka's
    /// `LogManager.truncateTo`, which writes the recovery points at once.
    pub(super) fn lower(
        &mut self,
        partition: TopicPartition,
        recovery_point: Offset,
        effects: &mut Effects,
    ) {
        if self.recovery_points.of(partition) > recovery_point {
            self.recovery_points.replace(std::iter::once((partition, recovery_point)), effects);
        }
        let written = self.recovery_points.of(partition);
        assert!(
            written <= recovery_point,
            "{partition}: flushed up to {recovery_point}, its checkpoint says {written}"
        );
    }

    /// A log without records was opened, or begins anew further on: nothing else on the disk tells where it starts. As
    /// promised it never starts below that again; in Kafka it is the name of its empty segment that tells. Source:
    /// `LogLoader.load`, `LocalLog.truncateFullyAndStartAt`.
    pub(super) fn keep_start(
        &mut self,
        partition: TopicPartition,
        log: &Log,
        effects: &mut Effects,
    ) {
        let start = log.log_start_offset();
        if log.latest_epoch() == LeaderEpoch::NONE && start > self.log_starts.of(partition) {
            self.log_starts.replace_first((partition, start), effects);
        }
    }

    /// The log start of a compacted log moved: its epochs do not tell of it, as those of other logs do.
    pub(super) fn keep_moved_start(
        &mut self,
        partition: TopicPartition,
        log: &Log,
        effects: &mut Effects,
    ) {
        let start = log.log_start_offset();
        if log.has_holes() && start > self.log_starts.of(partition) {
            self.log_starts.replace_first((partition, start), effects);
        }
    }

    /// A log is gone. Source: `LogManager.asyncDelete`, which writes recovery points and log starts at once.
    pub(super) fn forget(&mut self, partition: TopicPartition, effects: &mut Effects) {
        self.high_watermarks.offsets.remove(&partition);
        for checkpoint in [&mut self.recovery_points, &mut self.log_starts] {
            if checkpoint.offsets.remove(&partition).is_some() {
                let (file, bytes) = (checkpoint.file, encode_offsets(&checkpoint.offsets));
                effects.push(Effect::ReplaceInBackground { file, bytes });
            }
        }
    }

    /// Replaces the high watermarks, first of all in a clean stop. Source: `ReplicaManager.shutdown`.
    pub(super) fn replace_high_watermarks(
        &mut self,
        partitions: &Partitions,
        effects: &mut Effects,
    ) {
        self.high_watermarks.replace(high_watermarks(partitions), effects);
    }

    /// Replaces the rest, once a clean stop has flushed the logs. Source: `LogManager.shutdown`.
    pub(super) fn replace_log_bounds(&mut self, partitions: &Partitions, effects: &mut Effects) {
        self.recovery_points.replace(recovery_points(partitions), effects);
        self.log_starts.replace(log_starts(partitions), effects);
    }

    /// When the next checkpoint is due.
    pub(super) fn deadline(&self) -> Deadline {
        if self.recovery_points_at < self.high_watermarks_at {
            Deadline { at: self.recovery_points_at, why: "recovery point checkpoint is due" }
        } else {
            Deadline { at: self.high_watermarks_at, why: "high watermark checkpoint is due" }
        }
    }
}

impl Checkpoint {
    fn read(image: &DiskImage, file: FileId) -> Self {
        // Kafka replaces these files, so only a disk that lies about syncs leaves one torn. Such a one counts as
        // absent: all it costs is a longer recovery and a lower start.
        let offsets = image.read(file).and_then(decode_offsets).unwrap_or_default();
        Self { file, offsets }
    }

    fn of(&self, partition: TopicPartition) -> Offset {
        self.offsets.get(&partition).copied().unwrap_or(Offset::ZERO)
    }

    /// Takes the hosted partitions' offsets in; true if any is news.
    fn update(&mut self, offsets: impl Iterator<Item = (TopicPartition, Offset)>) -> bool {
        let mut changed = false;
        for (partition, offset) in offsets {
            assert!(offset >= Offset::ZERO, "{:?} of {partition}: {offset}", self.file);
            changed |= self.offsets.insert(partition, offset) != Some(offset);
        }
        changed
    }

    fn write_changes(
        &mut self,
        offsets: impl Iterator<Item = (TopicPartition, Offset)>,
        effects: &mut Effects,
    ) {
        if self.update(offsets) {
            let (file, bytes) = (self.file, encode_offsets(&self.offsets));
            effects.push(Effect::ReplaceInBackground { file, bytes });
        }
    }

    fn replace(
        &mut self,
        offsets: impl Iterator<Item = (TopicPartition, Offset)>,
        effects: &mut Effects,
    ) {
        self.update(offsets);
        effects.push(Effect::Replace { file: self.file, bytes: encode_offsets(&self.offsets) });
    }

    /// The same of one partition, before what else is about to be done.
    fn replace_first(&mut self, offset: (TopicPartition, Offset), effects: &mut Effects) {
        self.update(std::iter::once(offset));
        let bytes = encode_offsets(&self.offsets);
        effects.push_ahead(self.file, Effect::Replace { file: self.file, bytes });
    }
}

fn high_watermarks(partitions: &Partitions) -> impl Iterator<Item = (TopicPartition, Offset)> {
    partitions.iter().map(|(id, partition)| (id, partition.log().high_watermark()))
}

fn recovery_points(partitions: &Partitions) -> impl Iterator<Item = (TopicPartition, Offset)> {
    partitions.iter().map(|(id, partition)| (id, partition.log().recovery_point()))
}

fn log_starts(partitions: &Partitions) -> impl Iterator<Item = (TopicPartition, Offset)> {
    partitions.iter().map(|(id, partition)| (id, partition.log().log_start_offset()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;

    #[test]
    fn a_recovery_point_falls_at_once_and_for_good() {
        let partition = TopicPartition { topic: TopicId(1), partition: 0 };
        let file = FileId::RecoveryPointCheckpoint;
        let bytes = encode_offsets(&BTreeMap::from([(partition, Offset(40))]));
        let image = DiskImage { files: BTreeMap::from([(file, bytes)]) };
        let config = crate::controller::tests::config(3, &[]);
        let mut checkpoints = Checkpoints::new(&image, &config, Time(0));
        let mut effects = Effects::new();
        checkpoints.lower(partition, Offset(40), &mut effects);
        checkpoints.lower(partition, Offset(50), &mut effects);
        assert_eq!(effects.as_slice(), [], "it says no more than is flushed");
        checkpoints.lower(partition, Offset(30), &mut effects);
        let bytes = encode_offsets(&BTreeMap::from([(partition, Offset(30))]));
        assert_eq!(effects.as_slice(), [Effect::Replace { file, bytes }]);
        let options =
            checkpoints.log_options(partition, LogConfig::of(&config), WallTime(0), false);
        assert_eq!(options.recovery_point, Offset(30));
    }
}

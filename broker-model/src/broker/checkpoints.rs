//! Checkpoints of high watermarks, recovery points and log starts: one small file each in a log directory, for all
//! partitions in it.
//!
//! Partitions that this uptime has not hosted yet keep the entries they had (L08). Source: rules 2.10, Kafka's
//! `OffsetCheckpointFile`, `ReplicaManager.checkpointHighWatermarks` and `LogManager`.

use std::collections::BTreeMap;

use crate::collections::PartitionMap;
use crate::config::{ClusterConfig, ms};
use crate::disk_image::{DirectoryFile, DiskImage, FileId};
use crate::log::checkpoint::{decode_offsets, encode_offsets};
use crate::log::{Log, LogConfig, LogOptions};
use crate::node::{Deadline, Effect, Effects};
use crate::partition::Partition;
use crate::types::{LeaderEpoch, LogDirectory, Offset, Time, TopicPartition, WallTime};

/// The checkpoint files.
#[derive(Debug)]
pub(super) struct Checkpoints {
    /// Of each log directory that is online.
    directories: Vec<DirectoryCheckpoints>,
    high_watermarks_at: Time,
    recovery_points_at: Time,
}

/// The three files of a log directory.
#[derive(Debug)]
struct DirectoryCheckpoints {
    directory: LogDirectory,
    high_watermarks: Checkpoint,
    recovery_points: Checkpoint,
    log_starts: Checkpoint,
}

/// One file.
#[derive(Debug)]
struct Checkpoint {
    file: FileId,
    /// As last written.
    offsets: BTreeMap<TopicPartition, Offset>,
    /// Whether what was found at boot cannot be read.
    malformed: bool,
}

/// Hosted partitions by id.
type Partitions = PartitionMap<TopicPartition, Partition>;

impl Checkpoints {
    /// As found at boot, in the directories that are online.
    pub(super) fn new(
        image: &DiskImage,
        directories: impl Iterator<Item = LogDirectory>,
        config: &ClusterConfig,
        now: Time,
    ) -> Self {
        Self {
            directories: directories.map(|it| DirectoryCheckpoints::read(image, it)).collect(),
            high_watermarks_at: now + ms(config.high_watermark_checkpoint_interval_ms),
            recovery_points_at: now + ms(config.recovery_point_checkpoint_interval_ms),
        }
    }

    fn of(&mut self, directory: LogDirectory) -> &mut DirectoryCheckpoints {
        let found = self.directories.iter_mut().find(|it| it.directory == directory);
        found.unwrap_or_else(|| panic!("log directory {directory} is offline"))
    }

    /// A log directory is offline: nothing is written there any more.
    pub(super) fn close(&mut self, directory: LogDirectory) {
        self.directories.retain(|it| it.directory != directory);
    }

    /// Directories with a checkpoint that cannot be read.
    pub(super) fn malformed(&self) -> Vec<LogDirectory> {
        let malformed = self.directories.iter().filter(|it| it.is_malformed());
        malformed.map(|it| it.directory).collect()
    }

    /// What the log of a partition in a directory is opened with.
    pub(super) fn log_options(
        &mut self,
        (directory, partition): (LogDirectory, TopicPartition),
        config: LogConfig,
        now: WallTime,
        clean: bool,
    ) -> LogOptions {
        let known = self.of(directory);
        LogOptions {
            config,
            now,
            clean,
            recovery_point: known.recovery_points.of(partition),
            high_watermark: known.high_watermarks.of(partition),
            log_start_offset: known.log_starts.of(partition),
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
            for DirectoryCheckpoints { directory, high_watermarks: file, .. } in
                &mut self.directories
            {
                file.write_changes(high_watermarks(partitions, *directory), effects);
            }
        }
        if self.recovery_points_at <= now {
            self.recovery_points_at = now + ms(config.recovery_point_checkpoint_interval_ms);
            for known in &mut self.directories {
                let at = known.directory;
                known.recovery_points.write_changes(recovery_points(partitions, at), effects);
                known.log_starts.write_changes(log_starts(partitions, at), effects);
            }
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
        (directory, partition): (LogDirectory, TopicPartition),
        recovery_point: Offset,
        effects: &mut Effects,
    ) {
        let file = &mut self.of(directory).recovery_points;
        if file.of(partition) > recovery_point {
            file.replace(std::iter::once((partition, recovery_point)), effects);
        }
        let written = file.of(partition);
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
        let file = &mut self.of(log.directory()).log_starts;
        if log.latest_epoch() == LeaderEpoch::NONE && start > file.of(partition) {
            file.replace_first((partition, start), effects);
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
        let file = &mut self.of(log.directory()).log_starts;
        if log.has_holes() && start > file.of(partition) {
            file.replace_first((partition, start), effects);
        }
    }

    /// A log is gone. Source: `LogManager.asyncDelete`, which writes recovery points and log starts at once.
    pub(super) fn forget(
        &mut self,
        directory: LogDirectory,
        partition: TopicPartition,
        effects: &mut Effects,
    ) {
        let known = self.of(directory);
        known.high_watermarks.offsets.remove(&partition);
        for checkpoint in [&mut known.recovery_points, &mut known.log_starts] {
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
        for DirectoryCheckpoints { directory, high_watermarks: file, .. } in &mut self.directories {
            file.replace(high_watermarks(partitions, *directory), effects);
        }
    }

    /// Replaces the rest, once a clean stop has flushed the logs. Source: `LogManager.shutdown`.
    pub(super) fn replace_log_bounds(&mut self, partitions: &Partitions, effects: &mut Effects) {
        for known in &mut self.directories {
            let at = known.directory;
            known.recovery_points.replace(recovery_points(partitions, at), effects);
            known.log_starts.replace(log_starts(partitions, at), effects);
        }
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

impl DirectoryCheckpoints {
    fn read(image: &DiskImage, directory: LogDirectory) -> Self {
        let found = image.directory(directory);
        let read = |file: DirectoryFile| Checkpoint::read(&found, file.of(directory));
        Self {
            directory,
            high_watermarks: read(DirectoryFile::HighWatermarkCheckpoint),
            recovery_points: read(DirectoryFile::RecoveryPointCheckpoint),
            log_starts: read(DirectoryFile::LogStartOffsetCheckpoint),
        }
    }

    fn is_malformed(&self) -> bool {
        let files = [&self.high_watermarks, &self.recovery_points, &self.log_starts];
        files.iter().any(|it| it.malformed)
    }
}

impl Checkpoint {
    fn read(image: &DiskImage, file: FileId) -> Self {
        // Kafka replaces these files, so only a disk that lies about syncs leaves one torn. One that is empty counts as
        // absent. One that cannot be read costs the directory (`lose_malformed`); until then it counts as absent, too.
        let found = image.read(file).filter(|bytes| !bytes.is_empty());
        let offsets = found.and_then(decode_offsets);
        let malformed = found.is_some() && offsets.is_none();
        Self { file, offsets: offsets.unwrap_or_default(), malformed }
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

fn logs(partitions: &Partitions, of: LogDirectory) -> impl Iterator<Item = &Log> {
    partitions.values().map(Partition::log).filter(move |log| log.directory() == of)
}

fn high_watermarks(
    partitions: &Partitions,
    of: LogDirectory,
) -> impl Iterator<Item = (TopicPartition, Offset)> {
    logs(partitions, of).map(|log| (log.partition(), log.high_watermark()))
}

fn recovery_points(
    partitions: &Partitions,
    of: LogDirectory,
) -> impl Iterator<Item = (TopicPartition, Offset)> {
    logs(partitions, of).map(|log| (log.partition(), log.recovery_point()))
}

fn log_starts(
    partitions: &Partitions,
    of: LogDirectory,
) -> impl Iterator<Item = (TopicPartition, Offset)> {
    logs(partitions, of).map(|log| (log.partition(), log.log_start_offset()))
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
        let image = DiskImage::of(BTreeMap::from([(file, bytes)]));
        let config = crate::controller::tests::config(3, &[]);
        let mut checkpoints = Checkpoints::new(&image, config.log_directories(), &config, Time(0));
        let place = (LogDirectory::FIRST, partition);
        let mut effects = Effects::new();
        checkpoints.lower(place, Offset(40), &mut effects);
        checkpoints.lower(place, Offset(50), &mut effects);
        assert_eq!(effects.as_slice(), [], "it says no more than is flushed");
        checkpoints.lower(place, Offset(30), &mut effects);
        let bytes = encode_offsets(&BTreeMap::from([(partition, Offset(30))]));
        assert_eq!(effects.as_slice(), [Effect::Replace { file, bytes }]);
        let options = checkpoints.log_options(place, LogConfig::of(&config), WallTime(0), false);
        assert_eq!(options.recovery_point, Offset(30));
    }
}

//! What a node finds on its disk when it boots.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::types::{LogDirectory, Offset, SnapshotId, TopicPartition};

/// Names a file of a node. Logs are appended to. Checkpoints, the quorum state and the partition
/// metadata are replaced whole; producer snapshots and the clean-shutdown file are written in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FileId {
    /// One segment of a partition's log, named by its first offset. Source: Kafka's `LogSegment`.
    Segment {
        /// Whose.
        partition: TopicPartition,
        /// First offset.
        base_offset: Offset,
    },
    /// `leader-epoch-checkpoint` of a partition.
    LeaderEpochCheckpoint(TopicPartition),
    /// A producer state snapshot of a partition, at an offset.
    ProducerSnapshot {
        /// Whose.
        partition: TopicPartition,
        /// State of all records below this offset.
        offset: Offset,
    },
    /// `recovery-point-offset-checkpoint`: everything below was flushed, per partition.
    RecoveryPointCheckpoint,
    /// `replication-offset-checkpoint`: high watermarks.
    HighWatermarkCheckpoint,
    /// `log-start-offset-checkpoint`.
    LogStartOffsetCheckpoint,
    /// `.kafka_cleanshutdown`, holding the broker epoch of the clean shutdown. Source: KIP-966.
    CleanShutdown,
    /// `quorum-state`: epoch, vote and known leader of a quorum voter. Source: KIP-595.
    QuorumState,
    /// `partition.metadata` of a broker's replica: the topic's name.
    PartitionMetadata(TopicPartition),
    /// `cleaner-offset-checkpoint`: where the dirty part of each compacted log begins.
    CleanerCheckpoint,
    /// A segment under another name, while the cleaner replaces segments by one.
    SegmentAside {
        /// Whose.
        partition: TopicPartition,
        /// First offset.
        base_offset: Offset,
        /// What it is called.
        suffix: Suffix,
    },
    /// `OFFSET-EPOCH.checkpoint` of a voter: a snapshot of the metadata log. Source: KIP-630.
    MetadataSnapshot(SnapshotId),
    /// A file of a log directory that is not a log's: `meta.properties` of any, the others of all but the first, of
    /// which they have names of their own. Source: KIP-112.
    OfDirectory {
        /// Which directory.
        directory: LogDirectory,
        /// Which file.
        file: DirectoryFile,
    },
}

/// A file that each log directory has. Source: KIP-112, Kafka's `LogManager`, `MetaPropertiesEnsemble`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum DirectoryFile {
    /// `meta.properties`: the directory's id.
    MetaProperties,
    /// As [`FileId::RecoveryPointCheckpoint`].
    RecoveryPointCheckpoint,
    /// As [`FileId::HighWatermarkCheckpoint`].
    HighWatermarkCheckpoint,
    /// As [`FileId::LogStartOffsetCheckpoint`].
    LogStartOffsetCheckpoint,
    /// As [`FileId::CleanShutdown`].
    CleanShutdown,
    /// As [`FileId::CleanerCheckpoint`].
    CleanerCheckpoint,
}

impl DirectoryFile {
    /// The file's name in a directory.
    pub fn of(self, directory: LogDirectory) -> FileId {
        match (directory, self) {
            (LogDirectory::FIRST, Self::RecoveryPointCheckpoint) => FileId::RecoveryPointCheckpoint,
            (LogDirectory::FIRST, Self::HighWatermarkCheckpoint) => FileId::HighWatermarkCheckpoint,
            (LogDirectory::FIRST, Self::LogStartOffsetCheckpoint) => {
                FileId::LogStartOffsetCheckpoint
            }
            (LogDirectory::FIRST, Self::CleanShutdown) => FileId::CleanShutdown,
            (LogDirectory::FIRST, Self::CleanerCheckpoint) => FileId::CleanerCheckpoint,
            (directory, file) => FileId::OfDirectory { directory, file },
        }
    }
}

/// What a segment's file is called while it is no segment. Source: `LogFileUtils`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Suffix {
    /// `.cleaned`: the cleaner writes it.
    Cleaned,
    /// `.swap`: it is whole, and to take the place of the segments in its range.
    Swap,
    /// `.deleted`: it is gone, and about to be removed.
    Deleted,
}

/// All files of a node, with their content at boot.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DiskImage {
    /// Content by name, of the first log directory.
    pub files: BTreeMap<FileId, Bytes>,
    /// The same of the directories after it.
    pub others: BTreeMap<LogDirectory, BTreeMap<FileId, Bytes>>,
    /// The directories that cannot be read: nothing is told of what is in them.
    pub failed: BTreeSet<LogDirectory>,
}

impl FileId {
    /// Whose file it is, if it is one partition's.
    pub fn partition(self) -> Option<TopicPartition> {
        match self {
            Self::Segment { partition, .. }
            | Self::LeaderEpochCheckpoint(partition)
            | Self::ProducerSnapshot { partition, .. }
            | Self::SegmentAside { partition, .. }
            | Self::PartitionMetadata(partition) => Some(partition),
            Self::MetadataSnapshot(_) => Some(TopicPartition::METADATA),
            Self::RecoveryPointCheckpoint
            | Self::HighWatermarkCheckpoint
            | Self::LogStartOffsetCheckpoint
            | Self::CleanShutdown
            | Self::CleanerCheckpoint
            | Self::OfDirectory { .. }
            | Self::QuorumState => None,
        }
    }
}

impl DiskImage {
    /// A disk of one directory with these files.
    pub fn of(files: BTreeMap<FileId, Bytes>) -> Self {
        Self { files, ..Self::default() }
    }

    /// What is in one log directory, as a disk of its own; nothing if it cannot be read.
    #[must_use]
    pub fn directory(&self, directory: LogDirectory) -> Self {
        if self.failed.contains(&directory) {
            return Self::default();
        }
        let files = match directory {
            LogDirectory::FIRST => Some(&self.files),
            other => self.others.get(&other),
        };
        Self::of(files.cloned().unwrap_or_default())
    }

    /// The content of a file, if it is there.
    pub fn read(&self, file: FileId) -> Option<&Bytes> {
        self.files.get(&file)
    }

    /// The segments of a partition, by first offset.
    pub fn segments(&self, partition: TopicPartition) -> impl Iterator<Item = (Offset, &Bytes)> {
        let first = FileId::Segment { partition, base_offset: Offset(i64::MIN) };
        let last = FileId::Segment { partition, base_offset: Offset(i64::MAX) };
        self.files.range(first..=last).filter_map(|(file, bytes)| match file {
            FileId::Segment { base_offset, .. } => Some((*base_offset, bytes)),
            FileId::LeaderEpochCheckpoint(_)
            | FileId::ProducerSnapshot { .. }
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
        })
    }

    /// The snapshots of the metadata log, the oldest first.
    pub fn metadata_snapshots(&self) -> impl Iterator<Item = (SnapshotId, &Bytes)> {
        self.files.iter().filter_map(|(file, bytes)| {
            let FileId::MetadataSnapshot(id) = file else { return None };
            Some((*id, bytes))
        })
    }

    /// The segments of a partition under a suffix, by first offset.
    pub fn segments_aside(
        &self,
        partition: TopicPartition,
        of: Suffix,
    ) -> impl Iterator<Item = (Offset, &Bytes)> {
        let aside = |base_offset| FileId::SegmentAside { partition, base_offset, suffix: of };
        let range = aside(Offset(i64::MIN))..=aside(Offset(i64::MAX));
        self.files.range(range).filter_map(move |(file, bytes)| {
            let FileId::SegmentAside { base_offset, suffix, .. } = file else { return None };
            (*suffix == of).then_some((*base_offset, bytes))
        })
    }

    /// The partitions that have at least one file, in order, the metadata log apart.
    pub fn partitions(&self) -> Vec<TopicPartition> {
        let mut found: Vec<TopicPartition> = self
            .files
            .keys()
            .filter_map(|file| file.partition())
            .filter(|partition| *partition != TopicPartition::METADATA)
            .collect();
        found.sort_unstable();
        found.dedup();
        found
    }
}

//! Files of a node in words.

use harrow_broker_model::disk_image::{DirectoryFile, FileId, Suffix};
use harrow_broker_model::types::TopicPartition;

use super::names::Names;

/// What a file is, and whose.
pub(super) fn file_name(names: &Names, file: FileId) -> String {
    file_text(file, |partition| names.place(partition))
}

/// The same, by whatever names partitions have.
pub(in crate::world::engine) fn file_text(
    file: FileId,
    place: impl Fn(TopicPartition) -> String,
) -> String {
    match file {
        FileId::Segment { partition, base_offset } => {
            format!("segment {base_offset} of {}", place(partition))
        }
        FileId::LeaderEpochCheckpoint(partition) => {
            format!("leader epoch checkpoint of {}", place(partition))
        }
        FileId::ProducerSnapshot { partition, offset } => {
            format!("producer snapshot {offset} of {}", place(partition))
        }
        FileId::RecoveryPointCheckpoint => "recovery point checkpoint".to_owned(),
        FileId::HighWatermarkCheckpoint => "high watermark checkpoint".to_owned(),
        FileId::LogStartOffsetCheckpoint => "log start checkpoint".to_owned(),
        FileId::CleanShutdown => "clean shutdown marker".to_owned(),
        FileId::QuorumState => "quorum state".to_owned(),
        FileId::PartitionMetadata(partition) => {
            format!("partition metadata of {}", place(partition))
        }
        FileId::MetadataSnapshot(snapshot) => format!("snapshot {snapshot}"),
        FileId::OfDirectory { directory, file } => {
            let name = match file {
                DirectoryFile::MetaProperties => "meta.properties",
                DirectoryFile::RecoveryPointCheckpoint => "recovery point checkpoint",
                DirectoryFile::HighWatermarkCheckpoint => "high watermark checkpoint",
                DirectoryFile::LogStartOffsetCheckpoint => "log start checkpoint",
                DirectoryFile::CleanShutdown => "clean shutdown marker",
                DirectoryFile::CleanerCheckpoint => "cleaner checkpoint",
            };
            format!("{name} of log directory {directory}")
        }
        FileId::CleanerCheckpoint => "cleaner checkpoint".to_owned(),
        FileId::SegmentAside { partition, base_offset, suffix } => {
            let suffix = match suffix {
                Suffix::Cleaned => "cleaned",
                Suffix::Swap => "swap",
                Suffix::Deleted => "deleted",
            };
            format!("segment {base_offset}.{suffix} of {}", place(partition))
        }
    }
}

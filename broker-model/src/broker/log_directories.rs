//! A broker's log directories: their ids, which are offline, and where a new log goes.
//!
//! An id is given to a directory when it is formatted, so that a disk that was replaced is known for another one.
//! Source: KIP-112, KIP-858, Kafka's `LogManager`, `MetaPropertiesEnsemble`, `DirectoryId`.

use std::collections::BTreeSet;

use crate::config::ClusterConfig;
use crate::disk_image::{DirectoryFile, DiskImage};
use crate::meta_properties::{decode_id, encode_id, new_id};
use crate::node::{Effect, Effects};
use crate::types::{DirectoryId, LogDirectory, NodeId, TopicPartition};

/// A broker's log directories.
#[derive(Debug)]
pub(super) struct LogDirectories {
    /// All of them, in the order of `log.dirs`.
    directories: Vec<Directory>,
    /// Replicas that are not opened: their logs are, or may be, in a directory that is offline. Source:
    /// `HostedPartition.Offline`.
    offline_replicas: BTreeSet<TopicPartition>,
}

#[derive(Debug, Clone, Copy)]
struct Directory {
    place: LogDirectory,
    id: DirectoryId,
    online: bool,
    /// Whether it had no id at boot.
    new: bool,
}

impl LogDirectories {
    /// As found at boot. A directory without an id is given one.
    pub(super) fn new(
        image: &DiskImage,
        config: &ClusterConfig,
        (node, incarnation): (NodeId, u64),
    ) -> Self {
        let open = |place| {
            let file = DirectoryFile::MetaProperties.of(place);
            let found = image.directory(place).read(file).and_then(decode_id);
            let id = found.unwrap_or_else(|| new_id(node, incarnation, place));
            let online = !image.failed.contains(&place);
            Directory { place, id, online, new: found.is_none() }
        };
        let directories: Vec<Directory> = config.log_directories().map(open).collect();
        assert!(!directories.is_empty(), "broker {node} has no log directory");
        Self { directories, offline_replicas: BTreeSet::new() }
    }

    /// Whether there is one only: then nothing is told of it.
    pub(super) fn is_single(&self) -> bool {
        self.directories.len() == 1
    }

    /// Those that are online, in the order of `log.dirs`.
    pub(super) fn online(&self) -> impl Iterator<Item = LogDirectory> {
        self.directories.iter().filter(|it| it.online).map(|it| it.place)
    }

    /// The ids of those that are online, as the controller is told them; none of a single one.
    pub(super) fn online_ids(&self) -> Vec<DirectoryId> {
        let online = self.directories.iter().filter(|it| it.online && !self.is_single());
        online.map(|it| it.id).collect()
    }

    /// Whether any is offline. Source: `LogManager.hasOfflineLogDirs`.
    pub(super) fn has_offline(&self) -> bool {
        self.directories.iter().any(|it| !it.online)
    }

    /// The directory of an id, if it is online. Source: `LogManager.onlineLogDirId`.
    pub(super) fn online_of(&self, id: DirectoryId) -> Option<LogDirectory> {
        self.directories.iter().find(|it| it.online && it.id == id).map(|it| it.place)
    }

    /// The id of a directory.
    pub(super) fn id_of(&self, place: LogDirectory) -> DirectoryId {
        self.directories[usize::from(place.0)].id
    }

    /// The directory that is to get the next log: the one with the fewest, the first of several. Source:
    /// `LogManager.nextLogDirs`, where the order of several is not defined.
    pub(super) fn next(&self, logs: impl Fn(LogDirectory) -> usize) -> LogDirectory {
        let next = self.online().min_by_key(|place| (logs(*place), *place));
        next.expect("a broker without a log directory has halted")
    }

    /// A directory is offline from here on: its id, or nothing if it was so before.
    pub(super) fn take_offline(&mut self, place: LogDirectory) -> Option<DirectoryId> {
        let directory = &mut self.directories[usize::from(place.0)];
        std::mem::take(&mut directory.online).then_some(directory.id)
    }

    /// A replica is not opened, because of a directory that is offline; false if that was known.
    pub(super) fn mark_offline(&mut self, partition: TopicPartition) -> bool {
        self.offline_replicas.insert(partition)
    }

    /// A replica is gone, or opened after all.
    pub(super) fn forget(&mut self, partition: TopicPartition) {
        self.offline_replicas.remove(&partition);
    }

    /// Whether a replica is not opened, because of a directory that is offline.
    pub(super) fn is_offline(&self, partition: TopicPartition) -> bool {
        self.offline_replicas.contains(&partition)
    }

    /// Gives the directories that have none their ids, as the storage tool does when it formats them. Source:
    /// `KafkaRaftServer.initializeLogDirs`, `PropertiesUtils.writePropertiesFile`.
    pub(super) fn format(&mut self, node: NodeId, effects: &mut Effects) {
        if self.is_single() {
            return;
        }
        for directory in self.directories.iter_mut().filter(|it| it.online && it.new) {
            directory.new = false;
            let file = DirectoryFile::MetaProperties.of(directory.place);
            effects.push(Effect::Replace { file, bytes: encode_id(node, directory.id) });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing;

    fn directories(image: &DiskImage) -> LogDirectories {
        let config = ClusterConfig { log_dirs: 3, ..testing::cluster() };
        LogDirectories::new(image, &config, (NodeId(1), 7))
    }

    #[test]
    fn a_directory_keeps_its_id_until_it_is_formatted_anew() {
        let mut first = directories(&DiskImage::default());
        let mut effects = Effects::new();
        first.format(NodeId(1), &mut effects);
        let mut image = DiskImage::default();
        for effect in effects.drain() {
            let Effect::Replace { file, bytes } = effect else { panic!("{effect:?}") };
            let crate::disk_image::FileId::OfDirectory { directory, .. } = file else {
                panic!("{file:?}")
            };
            match directory {
                LogDirectory::FIRST => image.files.insert(file, bytes),
                other => image.others.entry(other).or_default().insert(file, bytes),
            };
        }
        let config = ClusterConfig { log_dirs: 3, ..testing::cluster() };
        image.others.remove(&LogDirectory(2));
        let second = LogDirectories::new(&image, &config, (NodeId(1), 8));
        assert_eq!(second.online_ids()[..2], first.online_ids()[..2]);
        assert!(second.online_ids()[2] != first.online_ids()[2], "it is another disk");
        assert!(first.online_ids().iter().all(|id| !id.is_reserved()));
    }

    #[test]
    fn a_new_log_goes_where_the_fewest_are() {
        let mut directories = directories(&DiskImage::default());
        let table = [
            ([0, 0, 0], 0, "all are empty"),
            ([1, 0, 0], 1, "the first of two"),
            ([2, 2, 1], 2, "the one with the fewest"),
        ];
        for (logs, expected, name) in table {
            let next = directories.next(|place| logs[usize::from(place.0)]);
            assert_eq!(next, LogDirectory(expected), "{name}");
        }
        assert!(directories.take_offline(LogDirectory(1)).is_some());
        assert!(directories.take_offline(LogDirectory(1)).is_none(), "it is offline already");
        assert_eq!(directories.next(|place| [1, 0, 2][usize::from(place.0)]), LogDirectory::FIRST);
        assert_eq!(directories.online_ids().len(), 2);
    }
}

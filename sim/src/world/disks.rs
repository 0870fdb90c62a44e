//! The log directories of a node: a disk each, of which any but the others may fail.
//!
//! A directory that failed takes no write and gives nothing back: what a node asks there is done in name only. It works
//! again for the next process that starts after its repair, with what it had, or empty if the disk was replaced.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use harrow_broker_model::disk_image::{DirectoryFile, DiskImage, FileId};
use harrow_broker_model::log::checkpoint::decode_offsets;
use harrow_broker_model::types::{LogDirectory, TopicPartition};

use super::disk::{Disk, FlushedLog, Replacement, SoundLog, SyncMark};
use super::draw::Draws;
use crate::inspect::FileState;

/// Files that cost a broker their directory if it cannot read them.
const CHECKPOINTS: [DirectoryFile; 3] = [
    DirectoryFile::HighWatermarkCheckpoint,
    DirectoryFile::RecoveryPointCheckpoint,
    DirectoryFile::LogStartOffsetCheckpoint,
];

/// The log directories of one node.
#[derive(Debug, Default)]
pub(crate) struct Disks {
    first: Disk,
    others: BTreeMap<LogDirectory, Disk>,
    /// In which directory the logs are that are not in the first one.
    places: BTreeMap<TopicPartition, LogDirectory>,
    /// Directories in which nothing works.
    failed: BTreeSet<LogDirectory>,
    /// Those of them that the next process finds working, and whether they are empty then.
    repaired: BTreeMap<LogDirectory, bool>,
    /// Directories that work, and that a process has given up for what is in them.
    given_up: BTreeSet<LogDirectory>,
}

impl Disks {
    fn place(&self, partition: Option<TopicPartition>) -> LogDirectory {
        let place = partition.and_then(|partition| self.places.get(&partition));
        place.copied().unwrap_or(LogDirectory::FIRST)
    }

    fn place_of(&self, file: FileId) -> LogDirectory {
        if let FileId::OfDirectory { directory, .. } = file {
            return directory;
        }
        self.place(file.partition())
    }

    fn at(&self, place: LogDirectory) -> Option<&Disk> {
        if self.failed.contains(&place) {
            return None;
        }
        match place {
            LogDirectory::FIRST => Some(&self.first),
            other => self.others.get(&other),
        }
    }

    fn at_mut(&mut self, place: LogDirectory) -> Option<&mut Disk> {
        if self.failed.contains(&place) {
            return None;
        }
        match place {
            LogDirectory::FIRST => Some(&mut self.first),
            other => Some(self.others.entry(other).or_default()),
        }
    }

    fn of(&self, file: FileId) -> Option<&Disk> {
        self.at(self.place_of(file))
    }

    fn of_mut(&mut self, file: FileId) -> Option<&mut Disk> {
        self.at_mut(self.place_of(file))
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Disk> {
        std::iter::once(&mut self.first).chain(self.others.values_mut())
    }

    fn all(&self) -> impl Iterator<Item = &Disk> {
        std::iter::once(&self.first).chain(self.others.values())
    }

    /// A directory fails from here on.
    pub(crate) fn fail(&mut self, directory: LogDirectory) {
        self.failed.insert(directory);
        self.repaired.remove(&directory);
    }

    /// A directory that failed works again for the next process; `empty` if its disk was replaced.
    pub(crate) fn repair(&mut self, directory: LogDirectory, empty: bool) {
        if self.failed.contains(&directory) {
            self.repaired.insert(directory, empty);
        }
    }

    /// A process takes a directory offline. If it works, there is something in it that cannot be read.
    pub(crate) fn given_up(&mut self, directory: LogDirectory) {
        if !self.failed.contains(&directory) {
            self.given_up.insert(directory);
        }
    }

    /// Whether any directory has failed, repaired or not, or was given up.
    pub(crate) fn any_failed(&self) -> bool {
        !self.failed.is_empty() || !self.given_up.is_empty()
    }

    /// A process is about to start: what was repaired works. A log that was made anew in another directory meanwhile is
    /// taken out of it, as Kafka asks its operator to do, and so are checkpoints that cannot be read.
    pub(crate) fn mount(&mut self, at_ns: u64) {
        for (directory, empty) in std::mem::take(&mut self.repaired) {
            self.failed.remove(&directory);
            if !empty {
                self.take_out_moved(at_ns, directory);
            } else if let Some(disk) = self.at_mut(directory) {
                disk.wipe();
            }
        }
        for directory in std::mem::take(&mut self.given_up) {
            self.take_out_malformed(at_ns, directory);
            self.take_out_moved(at_ns, directory);
        }
    }

    /// Takes out the logs that are in another directory by now.
    fn take_out_moved(&mut self, at_ns: u64, directory: LogDirectory) {
        let places = self.places.clone();
        let Some(disk) = self.at_mut(directory) else { return };
        for partition in disk.image().partitions() {
            let place = places.get(&partition).copied().unwrap_or(LogDirectory::FIRST);
            if place != directory {
                disk.discard(at_ns, partition, true);
            }
        }
    }

    fn take_out_malformed(&mut self, at_ns: u64, directory: LogDirectory) {
        let Some(disk) = self.at_mut(directory) else { return };
        let image = disk.image();
        for file in CHECKPOINTS.map(|file| file.of(directory)) {
            if image.read(file).is_some_and(|bytes| decode_offsets(bytes).is_none()) {
                disk.delete(at_ns, file);
                disk.end_sync(disk.begin_sync(file));
            }
        }
    }

    /// The log of a partition is made in a directory.
    pub(crate) fn create_log(&mut self, partition: TopicPartition, directory: LogDirectory) {
        self.places.insert(partition, directory);
    }

    /// Bytes in all files, as the page cache has them.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.all().map(Disk::used_bytes).sum()
    }

    pub(crate) fn append(&mut self, at_ns: u64, file: FileId, bytes: Bytes) -> bool {
        self.of_mut(file).is_some_and(|disk| disk.append(at_ns, file, bytes))
    }

    pub(crate) fn truncate(&mut self, at_ns: u64, file: FileId, length: u64) {
        if let Some(disk) = self.of_mut(file) {
            disk.truncate(at_ns, file, length);
        }
    }

    pub(crate) fn write(&mut self, at_ns: u64, file: FileId, bytes: Bytes) {
        if let Some(disk) = self.of_mut(file) {
            disk.write(at_ns, file, bytes);
        }
    }

    pub(crate) fn begin_replace(&mut self, file: FileId, bytes: Bytes) -> Replacement {
        match self.place_of(file) {
            LogDirectory::FIRST => self.first.begin_replace(file, bytes),
            other => self.others.entry(other).or_default().begin_replace(file, bytes),
        }
    }

    pub(crate) fn end_replace(&mut self, at_ns: u64, replacement: Replacement, synced: bool) {
        if let Some(disk) = self.of_mut(replacement.file()) {
            disk.end_replace(at_ns, replacement, synced);
        }
    }

    pub(crate) fn rename(&mut self, at_ns: u64, from: FileId, to: FileId) {
        if let Some(disk) = self.of_mut(from) {
            disk.rename(at_ns, from, to);
        }
    }

    pub(crate) fn delete(&mut self, at_ns: u64, file: FileId) {
        if let Some(disk) = self.of_mut(file) {
            disk.delete(at_ns, file);
        }
    }

    pub(crate) fn discard(&mut self, at_ns: u64, partition: TopicPartition, synced: bool) {
        if let Some(disk) = self.at_mut(self.place(Some(partition))) {
            disk.discard(at_ns, partition, synced);
        }
    }

    pub(crate) fn begin_sync(&self, file: FileId) -> SyncMark {
        self.of(file).unwrap_or(&self.first).begin_sync(file)
    }

    pub(crate) fn end_sync(&mut self, mark: SyncMark) {
        if let Some(disk) = self.of_mut(mark.file()) {
            disk.end_sync(mark);
        }
    }

    /// All directories are empty.
    pub(crate) fn wipe(&mut self) {
        self.all_mut().for_each(Disk::wipe);
    }

    /// Power is lost: each directory loses what it had not on durable storage.
    pub(crate) fn lose_power(
        &mut self,
        at_ns: u64,
        write_back_ns: u64,
        draws: Draws,
        (node, ordinal): (u64, u64),
    ) {
        for (index, disk) in self.all_mut().enumerate() {
            // The nodes of a cluster have small numbers.
            let key = node | (index as u64) << 32;
            disk.lose_power(at_ns, write_back_ns, draws, (key, ordinal));
        }
    }

    pub(crate) fn write_back(&mut self, at_ns: u64, write_back_ns: u64) {
        self.all_mut().for_each(|disk| disk.write_back(at_ns, write_back_ns));
    }

    pub(crate) fn is_durable(&self, file: FileId) -> bool {
        self.of(file).is_none_or(|disk| disk.is_durable(file))
    }

    /// Whether all log segments in directories that work would survive a power loss.
    pub(crate) fn are_logs_durable(&self) -> bool {
        let others = self.others.keys().copied();
        let places = std::iter::once(LogDirectory::FIRST).chain(others);
        places.filter_map(|place| self.at(place)).all(Disk::are_logs_durable)
    }

    pub(crate) fn sound_log(&self, partition: TopicPartition) -> Option<SoundLog> {
        self.at(self.place(Some(partition)))?.sound_log(partition)
    }

    pub(crate) fn flushed_logs(&self) -> BTreeMap<TopicPartition, FlushedLog> {
        let mut all = self.first.flushed_logs();
        for (place, disk) in &self.others {
            let logs = disk.flushed_logs().into_iter();
            all.extend(logs.filter(|(partition, _)| self.place(Some(*partition)) == *place));
        }
        all
    }

    /// Flips a bit of a log in the first directory.
    pub(crate) fn rot(&mut self, draws: Draws, key: u64) -> Option<FileId> {
        self.first.rot(draws, key)
    }

    /// As [`Self::rot`], where the next unclean start finds it.
    pub(crate) fn rot_newest(&mut self, draws: Draws, key: u64) -> Option<FileId> {
        self.first.rot_newest(draws, key)
    }

    /// What the node finds when it boots.
    pub(crate) fn image(&self) -> DiskImage {
        let first = self.at(LogDirectory::FIRST).map(Disk::image).unwrap_or_default();
        let readable = self.others.iter().filter(|(place, _)| !self.failed.contains(place));
        DiskImage {
            files: first.files,
            others: readable.map(|(place, disk)| (*place, disk.image().files)).collect(),
            failed: self.failed.clone(),
        }
    }

    /// All files, by the names that are given to them.
    pub(crate) fn states(&self, name: impl Fn(FileId) -> String) -> Vec<FileState> {
        self.all().flat_map(|disk| disk.states(&name)).collect()
    }
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::log::checkpoint::encode_offsets;
    use harrow_broker_model::types::{Offset, TopicId};

    use super::*;

    const PARTITION: TopicPartition = TopicPartition { topic: TopicId(1), partition: 0 };
    const SECOND: LogDirectory = LogDirectory(1);

    fn segment() -> FileId {
        FileId::Segment { partition: PARTITION, base_offset: Offset(0) }
    }

    fn disks() -> Disks {
        let mut disks = Disks::default();
        disks.create_log(PARTITION, SECOND);
        disks.append(1, segment(), Bytes::from_static(b"before"));
        disks
    }

    fn content(disks: &Disks) -> Option<Bytes> {
        disks.image().directory(SECOND).read(segment()).cloned()
    }

    #[test]
    fn what_is_written_to_a_directory_that_failed_is_nowhere() {
        let mut disks = disks();
        disks.fail(SECOND);
        disks.append(2, segment(), Bytes::from_static(b"after"));
        disks.truncate(2, segment(), 0);
        assert!(disks.image().failed.contains(&SECOND));
        assert_eq!(content(&disks), None, "nobody can read it");
        disks.repair(SECOND, false);
        assert!(disks.any_failed(), "for the process that runs");
        disks.mount(3);
        assert_eq!(content(&disks), Some(Bytes::from_static(b"before")));
    }

    #[test]
    fn a_checkpoint_for_which_a_directory_was_given_up_is_taken_out() {
        let mut disks = disks();
        let torn = DirectoryFile::HighWatermarkCheckpoint.of(SECOND);
        let sound = DirectoryFile::RecoveryPointCheckpoint.of(SECOND);
        let none = encode_offsets(&BTreeMap::new());
        disks.write(2, torn, Bytes::from_static(b"torn"));
        disks.write(2, sound, none.clone());
        disks.mount(3);
        let found = |disks: &Disks, file| disks.image().directory(SECOND).read(file).cloned();
        assert!(found(&disks, torn).is_some(), "nobody has complained of it");
        disks.given_up(SECOND);
        assert!(disks.any_failed());
        disks.mount(4);
        assert_eq!((found(&disks, torn), found(&disks, sound)), (None, Some(none)));
        assert_eq!(content(&disks), Some(Bytes::from_static(b"before")));
        assert!(!disks.any_failed());
    }

    #[test]
    fn a_disk_that_was_replaced_is_empty() {
        let mut disks = disks();
        disks.fail(SECOND);
        disks.repair(SECOND, true);
        disks.mount(2);
        assert_eq!((content(&disks), disks.any_failed()), (None, false));
    }

    #[test]
    fn a_log_that_was_made_anew_elsewhere_is_taken_out_of_the_directory_that_is_back() {
        let mut disks = disks();
        disks.fail(SECOND);
        disks.create_log(PARTITION, LogDirectory::FIRST);
        disks.append(2, segment(), Bytes::from_static(b"anew"));
        disks.repair(SECOND, false);
        disks.mount(3);
        assert_eq!(content(&disks), None);
        assert_eq!(disks.image().read(segment()), Some(&Bytes::from_static(b"anew")));
    }
}

//! `cleaner-offset-checkpoint`: where the dirty part of each compacted log begins. Source: Kafka's
//! `LogCleanerManager.updateCheckpoints`, `maybeTruncateCheckpoint`.
//!
//! It is written when a round is over, so that a round that was interrupted is done again, and cut with the log: were
//! it not, records that take the place of those that were cut would count as clean. A log has its entry before it has
//! records: whoever opens it learns from that that it may have holes. In Kafka any log may.

use std::collections::BTreeMap;

use crate::disk_image::{DirectoryFile, DiskImage};
use crate::log::checkpoint::{decode_offsets, encode_offsets};
use crate::node::{Effect, Effects};
use crate::note::LogNote;
use crate::types::{LogDirectory, Offset, TopicPartition};

/// The checkpoint, as it was written last.
#[derive(Debug)]
pub(super) struct CleanerCheckpoint {
    /// By log directory: each has a file of its own.
    directories: BTreeMap<LogDirectory, BTreeMap<TopicPartition, Offset>>,
}

impl CleanerCheckpoint {
    /// As found at boot.
    pub(super) fn new(image: &DiskImage, directories: impl Iterator<Item = LogDirectory>) -> Self {
        let read = |place: LogDirectory| {
            let found = image.directory(place);
            let bytes = found.read(DirectoryFile::CleanerCheckpoint.of(place));
            (place, bytes.and_then(decode_offsets).unwrap_or_default())
        };
        Self { directories: directories.map(read).collect() }
    }

    /// Where the dirty part of a log begins, if it is known.
    pub(super) fn of(&self, partition: TopicPartition) -> Option<Offset> {
        self.place_of(partition).and_then(|place| self.directories[&place].get(&partition).copied())
    }

    fn place_of(&self, partition: TopicPartition) -> Option<LogDirectory> {
        let mut places = self.directories.iter();
        places.find(|(_, offsets)| offsets.contains_key(&partition)).map(|(place, _)| *place)
    }

    /// A log directory is offline: nothing is written there any more.
    pub(super) fn close(&mut self, directory: LogDirectory) {
        self.directories.remove(&directory);
    }

    /// The dirty part of a log begins here from now on.
    pub(super) fn set(
        &mut self,
        (directory, partition): (LogDirectory, TopicPartition),
        first_dirty: Offset,
        effects: &mut Effects,
    ) {
        let offsets = self.directories.entry(directory).or_default();
        if offsets.insert(partition, first_dirty) == Some(first_dirty) {
            return;
        }
        self.write(directory, effects);
        effects.note(LogNote::CleanerCheckpointed { partition, first_dirty });
    }

    /// A log was cut: what is from here on is dirty.
    pub(super) fn cut(&mut self, partition: TopicPartition, to: Offset, effects: &mut Effects) {
        if self.of(partition).is_some_and(|known| known > to)
            && let Some(directory) = self.place_of(partition)
        {
            self.set((directory, partition), to, effects);
        }
    }

    /// A log is gone.
    pub(super) fn forget(&mut self, partition: TopicPartition, effects: &mut Effects) {
        let Some(directory) = self.place_of(partition) else { return };
        if let Some(offsets) = self.directories.get_mut(&directory) {
            offsets.remove(&partition);
            self.write(directory, effects);
        }
    }

    fn write(&self, directory: LogDirectory, effects: &mut Effects) {
        let bytes = encode_offsets(&self.directories[&directory]);
        let file = DirectoryFile::CleanerCheckpoint.of(directory);
        effects.push(Effect::Replace { file, bytes });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;

    #[test]
    fn a_checkpoint_falls_with_its_log() {
        let partition = TopicPartition { topic: TopicId(1), partition: 0 };
        let mut checkpoint =
            CleanerCheckpoint::new(&DiskImage::default(), [LogDirectory::FIRST].into_iter());
        let mut effects = Effects::new();
        checkpoint.cut(partition, Offset(9), &mut effects);
        assert_eq!((checkpoint.of(partition), effects.as_slice()), (None, &[][..]));
        checkpoint.set((LogDirectory::FIRST, partition), Offset(40), &mut effects);
        checkpoint.cut(partition, Offset(50), &mut effects);
        assert_eq!(checkpoint.of(partition), Some(Offset(40)), "it was not cleaned so far");
        checkpoint.cut(partition, Offset(30), &mut effects);
        let written = effects.drain().filter_map(|effect| {
            let Effect::Replace { bytes, .. } = effect else { return None };
            decode_offsets(&bytes)
        });
        let written: Vec<Offset> = written.map(|offsets| offsets[&partition]).collect();
        assert_eq!(written, [Offset(40), Offset(30)]);
    }
}

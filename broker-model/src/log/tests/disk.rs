//! A disk with a page cache and durable storage, small enough to see through.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use crate::disk_image::{DiskImage, FileId};
use crate::log::Log;
use crate::node::{Effect, Effects};
use crate::types::{FlushToken, TopicId, TopicPartition};

/// Whose log it is.
pub(super) const PARTITION: TopicPartition = TopicPartition { topic: TopicId(2), partition: 1 };

/// What is in the page cache, what is on durable storage, and which flushes are under way.
#[derive(Debug, Default)]
pub(super) struct FakeDisk {
    cache: BTreeMap<FileId, Vec<u8>>,
    durable: BTreeMap<FileId, Vec<u8>>,
    flushes: VecDeque<(FileId, FlushToken)>,
}

impl FakeDisk {
    /// Performs effects and hands them out for inspection.
    pub(super) fn apply(&mut self, effects: &mut Effects) -> Vec<Effect> {
        let effects: Vec<Effect> = effects.drain().collect();
        for effect in &effects {
            self.perform(effect);
        }
        effects
    }

    fn perform(&mut self, effect: &Effect) {
        match effect {
            Effect::Append { file, bytes } => {
                self.cache.entry(*file).or_default().extend_from_slice(bytes);
            }
            Effect::Truncate { file, length } => {
                let content = self.cache.get_mut(file).expect("a file that is cut is there");
                assert!(*length <= content.len() as u64, "{file:?} cut to more than it has");
                content.truncate(*length as usize);
            }
            Effect::Write { file, bytes } => self.put(*file, bytes),
            Effect::Replace { file, bytes } | Effect::ReplaceInBackground { file, bytes } => {
                self.put(*file, bytes);
                self.sync(*file);
            }
            Effect::Delete { file } => {
                let content = self.cache.remove(file);
                assert!(content.is_some(), "{file:?} deleted, but it is not there");
            }
            Effect::Sync { file } => self.sync(*file),
            Effect::Flush { file, token } => self.flushes.push_back((*file, *token)),
            Effect::Note(_) => {}
            Effect::Rename { from, to } => {
                let content = self.cache.remove(from).expect("what is renamed is there");
                self.cache.insert(*to, content);
            }
            Effect::Discard { .. }
            | Effect::CreateLogDirectory { .. }
            | Effect::Request { .. }
            | Effect::Reply { .. }
            | Effect::Disconnect { .. }
            | Effect::Close { .. }
            | Effect::Complete { .. }
            | Effect::Begin(_)
            | Effect::Halt { .. } => panic!("a log does not do this: {effect:?}"),
        }
    }

    fn sync(&mut self, file: FileId) {
        match self.cache.get(&file) {
            Some(content) => drop(self.durable.insert(file, content.clone())),
            None => drop(self.durable.remove(&file)),
        }
    }

    /// Completes one of the flushes that are under way.
    pub(super) fn complete_flush(&mut self, index: usize) -> Option<FlushToken> {
        let index = index.checked_rem(self.flushes.len())?;
        let (file, token) = self.flushes.remove(index)?;
        self.sync(file);
        Some(token)
    }

    /// What a new process finds: the page cache.
    pub(super) fn image(&self) -> DiskImage {
        let files = self.cache.iter().map(|(file, bytes)| (*file, Bytes::from(bytes.clone())));
        DiskImage::of(files.collect())
    }

    /// Ends the process: flushes under way are never reported.
    pub(super) fn crash(&mut self) {
        self.flushes.clear();
    }

    /// Ends the power: each file is, by the next draw, as synced, as cached, or, if it was only
    /// appended to, torn in between, perhaps with a damaged last byte.
    pub(super) fn lose_power(&mut self, mut draw: impl FnMut() -> u64) {
        self.crash();
        let mut files: Vec<FileId> =
            self.cache.keys().chain(self.durable.keys()).copied().collect();
        files.sort_unstable();
        files.dedup();
        for file in files {
            let synced = self.durable.get(&file).cloned();
            let cached = self.cache.get(&file).cloned();
            self.cache.remove(&file);
            self.durable.remove(&file);
            if let Some(content) = survivor(file, synced, cached, &mut draw) {
                self.cache.insert(file, content.clone());
                self.durable.insert(file, content);
            }
        }
    }

    /// Replaces a file in the page cache.
    pub(super) fn put(&mut self, file: FileId, bytes: &Bytes) {
        self.cache.insert(file, bytes.to_vec());
    }

    /// Removes a file behind the log's back.
    pub(super) fn lose(&mut self, file: FileId) {
        assert!(self.cache.remove(&file).is_some(), "{file:?} is not there to be lost");
    }

    /// Damages a file behind the log's back.
    pub(super) fn flip_bit(&mut self, file: FileId, bit: usize) {
        let content = self.cache.get_mut(&file).expect("the file is there");
        content[bit / 8] ^= 1 << (bit % 8);
    }

    /// The files hold what the log holds, and nothing is left over.
    pub(super) fn assert_agrees(&self, log: &Log) {
        let image = self.image();
        let on_disk: Vec<_> =
            image.segments(PARTITION).map(|(base, bytes)| (base, bytes.to_vec())).collect();
        let in_memory: Vec<_> = log
            .segments
            .iter()
            .map(|segment| {
                let parts: Vec<_> = segment.batches().iter().map(|b| b.bytes().to_vec()).collect();
                (segment.base_offset(), parts.concat())
            })
            .collect();
        assert_eq!(on_disk, in_memory, "segments on disk and in memory");
        let checkpoint = image.read(FileId::LeaderEpochCheckpoint(PARTITION));
        let checkpoint = checkpoint.map_or_else(Default::default, |bytes| {
            super::super::epoch_cache::EpochCache::decode(bytes).expect("the checkpoint is whole")
        });
        assert_eq!(checkpoint, log.epochs, "epochs on disk and in memory");
        for (offset, bytes) in &log.snapshots {
            let file = FileId::ProducerSnapshot { partition: PARTITION, offset: *offset };
            assert_eq!(image.read(file), Some(bytes), "snapshot at {offset}");
        }
    }
}

fn survivor(
    file: FileId,
    synced: Option<Vec<u8>>,
    cached: Option<Vec<u8>>,
    draw: &mut impl FnMut() -> u64,
) -> Option<Vec<u8>> {
    if synced == cached {
        return cached;
    }
    let choice = draw() % 4;
    let (before, after) = match (&synced, &cached) {
        (_, Some(after)) if choice >= 2 && matches!(file, FileId::Segment { .. }) => {
            (synced.as_deref().unwrap_or_default(), after)
        }
        _ => return if choice.is_multiple_of(2) { synced } else { cached },
    };
    // What is the same in both was never in danger.
    let kept = before.iter().zip(after).take_while(|(old, new)| old == new).count();
    let length = kept + (draw() as usize) % (after.len() - kept + 1);
    let mut torn = after[..length].to_vec();
    if choice == 3 && length > kept {
        torn[length - 1] ^= 0x10;
    }
    Some(torn)
}

//! A node's disk: a page cache over durable storage.
//!
//! Every file is what durable storage holds plus a journal of operations that are in the page cache only. A sync or the
//! write-back moves the journal's head to durable storage; a process crash keeps both; a power loss keeps durable
//! storage and a drawn prefix of each journal, the last operation of which may be torn. Files lose independently of
//! each other. Creation of a file is part of its first operation, so an unsynced new file may vanish with its
//! directory entry.

mod inspect;
mod renames;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::{Bytes, BytesMut};
use harrow_broker_model::disk_image::{DiskImage, FileId};
use harrow_broker_model::log::checkpoint::decode_offsets;
use harrow_broker_model::note::BatchSummary;
use harrow_broker_model::record::RecordBatch;
use harrow_broker_model::types::{Offset, TopicPartition};

use super::draw::{Draws, Purpose, Stream};
use renames::Renames;

/// Torn pieces are of this size: a sector.
const SECTOR_BYTES: usize = 512;

/// A batch's epoch is so long, and the one field that its checksum leaves out.
const EPOCH_BYTES: u64 = 4;

/// How many places are tried for rot that is to be found.
const ROT_TRIES: u64 = 8;

/// Page cache and durable storage of one node.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    files: BTreeMap<FileId, File>,
    used_bytes: u64,
    /// Replacements begun.
    replacements: u64,
    /// Logs that were moved away, with the number of the last replacement that had begun by then.
    discarded: BTreeMap<TopicPartition, u64>,
    /// Renames that a power loss may undo.
    renames: Renames<File>,
}

/// How far the journal of a file reached when a sync of it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SyncMark {
    file: FileId,
    position: u64,
    renames: u64,
}

/// A small file that is being replaced: what is written aside, and when the replacement began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Replacement {
    file: FileId,
    bytes: Bytes,
    number: u64,
}

/// What of a log's files is sound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SoundLog {
    /// Where the sound batches end.
    pub(crate) end: Offset,
    /// Whether there is nothing else in the files.
    pub(crate) whole: bool,
    /// The same if offsets may be missing.
    pub(crate) with_holes: (Offset, bool),
}

impl SyncMark {
    /// What is synced.
    pub(crate) fn file(&self) -> FileId {
        self.file
    }
}

impl Replacement {
    /// What is replaced.
    pub(crate) fn file(&self) -> FileId {
        self.file
    }
}

#[derive(Debug, Default)]
struct File {
    /// What survives everything but bit rot and a wipe.
    durable: Option<Content>,
    /// What the page cache holds beyond durable storage, oldest first.
    journal: VecDeque<Entry>,
    /// Number of entries that have left the journal.
    journal_start: u64,
    /// Length in the page cache; `None` if there is no such file.
    length: Option<u64>,
    /// Number of the newest replacement that is done.
    replaced: u64,
}

#[derive(Debug)]
struct Entry {
    at_ns: u64,
    change: Change,
}

#[derive(Debug, Clone)]
enum Change {
    Append(Bytes),
    Truncate(u64),
    Write(Bytes),
    Delete,
}

/// A file's bytes in the pieces in which they were written.
#[derive(Debug, Clone, Default)]
struct Content {
    chunks: Vec<Bytes>,
    length: u64,
}

/// What of a log would survive a power loss, whatever is drawn.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct FlushedLog {
    /// Its batches, in order. Where segments are lacking there are gaps: deletions of earlier ones may be undone.
    pub(crate) batches: Vec<BatchSummary>,
    /// What of each segment is on durable storage now, from where to where, whatever the cache takes away from it.
    pub(crate) durable: Vec<(Offset, Offset)>,
    /// Up to where it is flushed, by the checkpoint that would survive as well.
    pub(crate) recovery_point: Offset,
}

impl Disk {
    /// Bytes in all files, as the page cache has them.
    pub(crate) fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    /// Adds bytes at the end of a file, which is created if there is none; says whether it was.
    pub(crate) fn append(&mut self, at_ns: u64, file: FileId, bytes: Bytes) -> bool {
        let added = bytes.len() as u64;
        let entry = self.files.entry(file).or_default();
        let before = entry.length.replace(entry.length.unwrap_or(0) + added);
        entry.journal.push_back(Entry { at_ns, change: Change::Append(bytes) });
        self.used_bytes += added;
        before.is_none()
    }

    /// Cuts a file.
    pub(crate) fn truncate(&mut self, at_ns: u64, file: FileId, length: u64) {
        let entry = self.files.entry(file).or_default();
        let before = entry.length.expect("a node truncates files that it has");
        assert!(length <= before, "{file:?} of {before} bytes is cut to {length}");
        entry.length = Some(length);
        entry.journal.push_back(Entry { at_ns, change: Change::Truncate(length) });
        self.used_bytes -= before - length;
    }

    /// Writes a file in place.
    pub(crate) fn write(&mut self, at_ns: u64, file: FileId, bytes: Bytes) {
        let entry = self.files.entry(file).or_default();
        let length = bytes.len() as u64;
        self.used_bytes = self.used_bytes - entry.length.unwrap_or(0) + length;
        entry.length = Some(length);
        entry.journal.push_back(Entry { at_ns, change: Change::Write(bytes) });
    }

    /// A replacement of a file begins: it is written aside, so nothing is to be seen of it yet.
    pub(crate) fn begin_replace(&mut self, file: FileId, bytes: Bytes) -> Replacement {
        self.replacements += 1;
        Replacement { file, bytes, number: self.replacements }
    }

    /// That replacement is done: what is on durable storage is the new file. One that began later and is done already
    /// overtook it. If the disk lies about syncs, the rename alone is done, in the page cache.
    pub(crate) fn end_replace(&mut self, at_ns: u64, replacement: Replacement, synced: bool) {
        let Replacement { file, bytes, number } = replacement;
        let discarded = file.partition().and_then(|partition| self.discarded.get(&partition));
        if discarded.is_some_and(|discarded| number <= *discarded) {
            return;
        }
        let entry = self.files.entry(file).or_default();
        if entry.replaced > number {
            return;
        }
        entry.replaced = number;
        self.write(at_ns, file, bytes);
        if synced {
            self.end_sync(self.begin_sync(file));
        }
    }

    /// Gives a file another name, in place of one that may be there.
    pub(crate) fn rename(&mut self, at_ns: u64, from: FileId, to: FileId) {
        let file = self.files.remove(&from).expect("a node renames files that it has");
        let displaced = self.files.insert(to, file);
        let lost = displaced.as_ref().and_then(|file| file.length);
        self.used_bytes -= lost.unwrap_or(0);
        self.renames.push(at_ns, (from, to), displaced);
    }

    /// Removes a file, if it is there.
    pub(crate) fn delete(&mut self, at_ns: u64, file: FileId) {
        let Some(entry) = self.files.get_mut(&file) else {
            return;
        };
        let Some(length) = entry.length.take() else {
            return;
        };
        entry.journal.push_back(Entry { at_ns, change: Change::Delete });
        self.used_bytes -= length;
    }

    /// All files of a log are gone, as one. If the disk lies about syncs, in the page cache alone.
    pub(crate) fn discard(&mut self, at_ns: u64, partition: TopicPartition, synced: bool) {
        self.discarded.insert(partition, self.replacements);
        let files = self.files.keys().filter(|file| file.partition() == Some(partition));
        for file in files.copied().collect::<Vec<FileId>>() {
            self.delete(at_ns, file);
            if synced {
                self.end_sync(self.begin_sync(file));
            }
        }
    }

    /// A sync of a file begins: it will cover what the cache holds now.
    pub(crate) fn begin_sync(&self, file: FileId) -> SyncMark {
        let position =
            self.files.get(&file).map_or(0, |file| file.journal_start + file.journal.len() as u64);
        SyncMark { file, position, renames: self.renames.count() }
    }

    /// That sync is done: what it covers is on durable storage.
    pub(crate) fn end_sync(&mut self, mark: SyncMark) {
        self.renames.settle(mark.file.partition(), mark.renames);
        if let Some(file) = self.files.get_mut(&mark.file) {
            file.settle(|_, position| position < mark.position);
        }
        self.forget_if_gone(mark.file);
    }

    /// Everything is empty.
    pub(crate) fn wipe(&mut self) {
        self.files.clear();
        self.renames.clear();
        self.used_bytes = 0;
    }

    /// Power is lost at a true time: what is older than the write-back time is on durable storage, of the
    /// rest a drawn part.
    pub(crate) fn lose_power(
        &mut self,
        at_ns: u64,
        write_back_ns: u64,
        draws: Draws,
        key: (u64, u64),
    ) {
        self.write_back(at_ns, write_back_ns);
        if !self.renames.is_empty() {
            self.renames.lose(&mut draws.stream(Purpose::PowerLoss, key.0, key.1, u64::MAX));
            self.undo_renames();
        }
        for (ordinal, file) in self.files.values_mut().enumerate() {
            if !file.journal.is_empty() {
                file.lose(&mut draws.stream(Purpose::PowerLoss, key.0, key.1, ordinal as u64));
            }
            file.length = file.durable.as_ref().map(|content| content.length);
        }
        self.files.retain(|_, file| file.durable.is_some());
        self.used_bytes = self.files.values().filter_map(|file| file.length).sum();
    }

    /// What is older than the write-back time is on durable storage.
    pub(crate) fn write_back(&mut self, at_ns: u64, write_back_ns: u64) {
        let old = at_ns.saturating_sub(write_back_ns);
        self.renames.settle_old(|renamed_ns| at_ns >= write_back_ns && renamed_ns <= old);
        for file in self.files.values_mut() {
            file.settle(|entry, _| at_ns >= write_back_ns && entry.at_ns <= old);
        }
    }

    /// What was renamed and did not survive has its old name again, and what it displaced is back.
    fn undo_renames(&mut self) {
        while let Some(undone) = self.renames.pop_lost() {
            if let Some(file) = self.files.remove(&undone.to) {
                self.files.insert(undone.from, file);
            }
            if let Some(displaced) = undone.displaced {
                self.files.insert(undone.to, displaced);
            }
        }
    }

    /// Whether all of a file would survive a power loss.
    pub(crate) fn is_durable(&self, file: FileId) -> bool {
        self.files.get(&file).is_none_or(|file| file.journal.is_empty())
    }

    /// Whether all log segments would survive a power loss.
    pub(crate) fn are_logs_durable(&self) -> bool {
        let mut files = self.files.iter();
        files.all(|(id, file)| {
            let length = file.length.unwrap_or(0);
            !matches!(id, FileId::Segment { .. }) || file.certain_length() >= length
        })
    }

    /// What of a log's files, as the page cache has them, is batches that follow each other and have their checksums;
    /// `None` without files.
    pub(crate) fn sound_log(&self, partition: TopicPartition) -> Option<SoundLog> {
        let first = FileId::Segment { partition, base_offset: Offset(i64::MIN) };
        let last = FileId::Segment { partition, base_offset: Offset(i64::MAX) };
        let mut sound: Option<SoundLog> = None;
        for (id, file) in self.files.range(first..=last) {
            let (FileId::Segment { base_offset, .. }, Some(content)) = (*id, file.cached()) else {
                continue;
            };
            let none = SoundLog { end: base_offset, whole: true, with_holes: (base_offset, true) };
            let so_far = sound.get_or_insert(none);
            let (batches, _, error) = RecordBatch::parse_all(content.joined());
            for batch in &batches {
                let (end, whole) = &mut so_far.with_holes;
                *whole &= batch.base_offset() >= *end;
                if *whole {
                    *end = batch.next_offset();
                }
                so_far.whole &= batch.base_offset() == so_far.end;
                if so_far.whole {
                    so_far.end = batch.next_offset();
                }
            }
            so_far.whole &= error.is_none();
            so_far.with_holes.1 &= error.is_none();
        }
        sound
    }

    /// The batches of each log that would survive a power loss whatever is drawn: those on durable storage that
    /// nothing in the cache cuts away. What may be torn ends the log: recovery then deletes all later segments.
    pub(crate) fn flushed_logs(&self) -> BTreeMap<TopicPartition, FlushedLog> {
        let claimed = self.files.get(&FileId::RecoveryPointCheckpoint);
        let claimed = claimed.and_then(|file| decode_offsets(&file.certain())).unwrap_or_default();
        let mut logs: BTreeMap<TopicPartition, FlushedLog> = BTreeMap::new();
        let mut torn: BTreeSet<TopicPartition> = BTreeSet::new();
        for (id, file) in &self.files {
            let FileId::Segment { partition, base_offset } = *id else { continue };
            let log = logs.entry(partition).or_default();
            log.recovery_point = claimed.get(&partition).copied().unwrap_or_default();
            if let Some(content) = &file.durable {
                let (batches, _, _) = RecordBatch::parse_all(content.joined());
                let end = batches.last().map_or(base_offset, RecordBatch::next_offset);
                log.durable.push((base_offset, end));
            }
            if file.length.is_none() {
                continue;
            }
            if !torn.contains(&partition) {
                let (batches, _, _) = RecordBatch::parse_all(file.certain());
                log.batches.extend(batches.iter().map(RecordBatch::summary));
            }
            if file.may_tear() {
                torn.insert(partition);
            }
        }
        logs
    }

    /// Flips one drawn bit of one log segment, cached and durable alike; `None` if there is no segment with bytes.
    pub(crate) fn rot(&mut self, draws: Draws, key: u64) -> Option<FileId> {
        let mut stream = draws.stream(Purpose::BitRot, key, 0, 0);
        let mut segments: Vec<(FileId, &mut File)> = self
            .files
            .iter_mut()
            .filter(|(id, file)| matches!(id, FileId::Segment { .. }) && file.stored_bytes() > 0)
            .map(|(id, file)| (*id, file))
            .collect();
        if segments.is_empty() {
            return None;
        }
        let chosen = stream.below(segments.len() as u64) as usize;
        let (id, file) = &mut segments[chosen];
        let position = stream.below(file.stored_bytes());
        file.flip(position, stream.below(8) as u32);
        Some(*id)
    }

    /// As [`Self::rot`], in the newest segment of a log, which every unclean start checks, and where the
    /// check finds it: of a batch, only the epoch is outside of its checksum. `None` if there is no such
    /// place.
    pub(crate) fn rot_newest(&mut self, draws: Draws, key: u64) -> Option<FileId> {
        let mut stream = draws.stream(Purpose::BitRot, key, 1, 0);
        let mut newest: BTreeMap<TopicPartition, FileId> = BTreeMap::new();
        for (id, file) in &self.files {
            if let FileId::Segment { partition, .. } = *id
                && file.length.is_some_and(|length| length > 0)
            {
                newest.insert(partition, *id);
            }
        }
        if newest.is_empty() {
            return None;
        }
        let chosen = stream.below(newest.len() as u64) as usize;
        let (partition, id) = newest.into_iter().nth(chosen).expect("it is one of them");
        let sound = self.sound_log(partition)?.end;
        let stored = self.files.get(&id).expect("it was found").stored_bytes();
        let (first, bit) = (stream.below(stored), stream.below(8) as u32);
        let mut places = (0..ROT_TRIES).map(|index| (first + index * EPOCH_BYTES) % stored);
        places.find_map(|place| {
            self.files.get_mut(&id)?.flip(place, bit);
            let found = self.sound_log(partition)?.end < sound;
            if !found {
                self.files.get_mut(&id)?.flip(place, bit);
            }
            found.then_some(id)
        })
    }

    /// What the node finds when it boots: the cache, which is durable storage alone after a power loss.
    pub(crate) fn image(&self) -> DiskImage {
        let files = self
            .files
            .iter()
            .filter_map(|(id, file)| Some((*id, file.cached()?.joined())))
            .collect();
        DiskImage::of(files)
    }

    fn forget_if_gone(&mut self, id: FileId) {
        let gone = |file: &File| {
            file.length.is_none() && file.durable.is_none() && file.journal.is_empty()
        };
        if self.files.get(&id).is_some_and(gone) {
            self.files.remove(&id);
        }
    }
}

impl File {
    /// Moves the journal's head to durable storage, as far as the condition on (entry, position) holds.
    fn settle(&mut self, durable: impl Fn(&Entry, u64) -> bool) {
        while self.journal.front().is_some_and(|entry| durable(entry, self.journal_start)) {
            let entry = self.journal.pop_front().expect("the front was looked at");
            self.journal_start += 1;
            apply(&mut self.durable, entry.change);
        }
    }

    /// A drawn prefix of the journal survives, the last operation of it perhaps torn; the rest is lost.
    fn lose(&mut self, stream: &mut Stream) {
        // In half of the losses nothing of the journal survives: the case that hurts most.
        let kept =
            if stream.below(2) == 0 { 0 } else { stream.below(self.journal.len() as u64 + 1) };
        self.journal_start += self.journal.len() as u64;
        let mut journal = std::mem::take(&mut self.journal).into_iter();
        for entry in journal.by_ref().take(kept as usize) {
            apply(&mut self.durable, entry.change);
        }
        if let Some(entry) = journal.next() {
            self.tear(entry.change, stream);
        }
    }

    /// The first operation that did not survive whole leaves its traces.
    fn tear(&mut self, change: Change, stream: &mut Stream) {
        match change {
            Change::Append(bytes) => {
                if let Some(torn) = torn_append(&bytes, stream) {
                    apply(&mut self.durable, Change::Append(torn));
                }
            }
            // The file was emptied first, the data is not or partly there.
            Change::Write(bytes) if stream.below(4) == 0 => {
                let kept =
                    if stream.below(2) == 0 { 0 } else { stream.below(bytes.len() as u64 + 1) };
                apply(&mut self.durable, Change::Write(bytes.slice(..kept as usize)));
            }
            Change::Write(_) | Change::Truncate(_) | Change::Delete => {}
        }
    }

    /// Whether a power loss may leave a part of an append, or bring back what a cut took away.
    fn may_tear(&self) -> bool {
        let durable = self.durable.as_ref().map_or(0, |content| content.length);
        let appends = self.journal.iter().any(|entry| entry.change.appended().is_some());
        appends || self.certain_length() < durable
    }

    /// Length of the part of durable storage that no change in the cache takes away.
    fn certain_length(&self) -> u64 {
        let lengths = self.journal.iter().map(|entry| match entry.change {
            Change::Append(_) => u64::MAX,
            Change::Truncate(length) => length,
            Change::Write(_) | Change::Delete => 0,
        });
        let durable = self.durable.as_ref().map_or(0, |content| content.length);
        lengths.min().unwrap_or(u64::MAX).min(durable)
    }

    /// The part of durable storage that no change in the cache takes away.
    fn certain(&self) -> Bytes {
        let Some(content) = &self.durable else { return Bytes::new() };
        content.joined().slice(..self.certain_length() as usize)
    }

    fn cached(&self) -> Option<Content> {
        let mut content = self.durable.clone();
        for entry in &self.journal {
            apply(&mut content, entry.change.clone());
        }
        content
    }

    /// Bytes on durable storage and in the journal's appends.
    fn stored_bytes(&self) -> u64 {
        let journal = self
            .journal
            .iter()
            .filter_map(|entry| entry.change.appended())
            .map(|bytes| bytes.len() as u64);
        self.durable.as_ref().map_or(0, |content| content.length) + journal.sum::<u64>()
    }

    /// Flips a bit of the byte at a position counted over durable storage and journal.
    fn flip(&mut self, position: u64, bit: u32) {
        let durable = self.durable.iter_mut().flat_map(|content| content.chunks.iter_mut());
        let journal = self.journal.iter_mut().filter_map(|entry| entry.change.appended_mut());
        let mut before = 0;
        for chunk in durable.chain(journal) {
            let index = position - before;
            if index < chunk.len() as u64 {
                let mut copy = BytesMut::from(&chunk[..]);
                copy[index as usize] ^= 1 << bit;
                *chunk = copy.freeze();
                return;
            }
            before += chunk.len() as u64;
        }
        unreachable!("byte {position} of {before}");
    }
}

impl Change {
    fn appended(&self) -> Option<&Bytes> {
        match self {
            Self::Append(bytes) => Some(bytes),
            Self::Truncate(_) | Self::Write(_) | Self::Delete => None,
        }
    }

    fn appended_mut(&mut self) -> Option<&mut Bytes> {
        match self {
            Self::Append(bytes) => Some(bytes),
            Self::Truncate(_) | Self::Write(_) | Self::Delete => None,
        }
    }
}

impl Content {
    fn push(&mut self, bytes: Bytes) {
        self.length += bytes.len() as u64;
        self.chunks.push(bytes);
    }

    fn cut(&mut self, length: u64) {
        while self.length > length {
            let chunk = self.chunks.pop().expect("a content with bytes has chunks");
            self.length -= chunk.len() as u64;
            if self.length < length {
                self.push(chunk.slice(..(length - self.length) as usize));
            }
        }
    }

    fn joined(&self) -> Bytes {
        if let [only] = self.chunks.as_slice() {
            return only.clone();
        }
        let mut joined = BytesMut::with_capacity(self.length as usize);
        self.chunks.iter().for_each(|chunk| joined.extend_from_slice(chunk));
        joined.freeze()
    }
}

fn apply(content: &mut Option<Content>, change: Change) {
    match change {
        Change::Append(bytes) => content.get_or_insert_default().push(bytes),
        // What was appended before may have been lost to a torn write; then there is less to cut.
        Change::Truncate(length) => content.get_or_insert_default().cut(length),
        Change::Write(bytes) => {
            let mut fresh = Content::default();
            fresh.push(bytes);
            *content = Some(fresh);
        }
        Change::Delete => *content = None,
    }
}

/// What is left of an append that was under way: nothing, a prefix, or a prefix whose last sector is zeroes
/// or garbage.
fn torn_append(bytes: &Bytes, stream: &mut Stream) -> Option<Bytes> {
    let kept = stream.below(bytes.len() as u64 + 1) as usize;
    let torn = SECTOR_BYTES.min(bytes.len() - kept);
    match stream.below(4) {
        0 => None,
        1 => Some(bytes.slice(..kept)),
        kind => {
            let mut copy = BytesMut::from(&bytes[..kept]);
            copy.resize(kept + torn, 0);
            if kind == 3 {
                stream.fill(&mut copy[kept..]);
            }
            Some(copy.freeze())
        }
    }
}

//! Opening what a stop left behind. Source: Kafka's `LogLoader` and `LogSegment.recover`.
//!
//! After an unclean stop, every batch from the segment of the recovery point on is checked, and the log ends before the
//! first byte that is not right: later segments are deleted, whatever they hold.
//!
//! Truncations and deletions are not synced by the file system's leave, so a power loss may bring back what they
//! removed, next to records that were written and flushed since. As promised, nothing of that counts: the epoch
//! checkpoint tells remainders apart. It is synced whenever it changes, before any record of a new epoch is written, so
//! a record of an older epoch than the checkpoint has at its offset is a remainder. And before it forgets an epoch,
//! what was cut is synced: a remainder that only that epoch gives away would be taken for the log. So is every cut of a
//! compacted log, where a follower knows of an epoch from the first record on that the cleaner has left to copy: a
//! remainder below it is given away by none. Nothing after a gap is kept either.
//!
//! Kafka's own recovery looks at bytes only: see the entries of [`LogDefect`] that are asked for here.

use bytes::Bytes;

use crate::defect::LogDefect;
use crate::disk_image::{DiskImage, FileId};
use crate::log::cleaner::complete_swaps;
use crate::log::epoch_cache::EpochCache;
use crate::log::flushes::Flushes;
use crate::log::producer_state::ProducerState;
use crate::log::segment::Segment;
use crate::log::snapshot_files::Snapshots;
use crate::log::transaction_index::TransactionIndex;
use crate::log::{Log, LogOptions};
use crate::node::{Effect, Effects};
use crate::note::LogNote;
use crate::record::RecordBatch;
use crate::types::{LeaderEpoch, LogDirectory, Offset, TopicPartition};

impl Log {
    /// Opens a log from what is on disk, or makes an empty one; checks and cuts what an unclean
    /// stop left behind. The recovery point may be below its checkpoint then: a caller that keeps
    /// checkpoints writes them again before records are appended.
    pub fn open(
        partition: TopicPartition,
        options: LogOptions,
        image: &DiskImage,
        effects: &mut Effects,
    ) -> Self {
        let config = options.config;
        assert!(config.segment_bytes > 0, "{partition}: segments of 0 bytes");
        let checkpoint = image.read(FileId::LeaderEpochCheckpoint(partition));
        let checkpoint = checkpoint.and_then(EpochCache::decode).unwrap_or_default();
        let mut loader = Loader::new(partition, options, &checkpoint, effects);
        loader.load(image);
        let (changed, checked) = (loader.changed.clone(), loader.checked_from);
        let mut log = Self::of_loaded(loader);
        if options.holes && !config.defects.has(LogDefect::DerivedStateFromFiles) {
            log.keep_epochs(&checkpoint, &changed, effects);
        } else if config.defects.has(LogDefect::DerivedStateFromFiles) {
            log.take_epochs(checkpoint, checked, effects);
        } else {
            log.rebuild_epochs(&checkpoint, &changed, effects);
        }
        log.load_snapshots(image, checked, effects);
        log.check();
        effects.note(LogNote::Recovered {
            partition,
            log_start_offset: log.log_start_offset,
            log_end_offset: log.log_end_offset,
            high_watermark: log.high_watermark,
            clean: options.clean,
            batches: log.batches().map(RecordBatch::summary).collect(),
        });
        log.note_known(effects);
        log
    }

    fn of_loaded(loader: Loader<'_>) -> Self {
        let options = loader.options;
        let first = loader.segments.first().map_or(Offset::ZERO, Segment::base_offset);
        let start = loader.log_start.max(first);
        let end = loader.segments.last().map_or(start, Segment::end_offset);
        // Opening a log after an unclean stop flushes nothing (KAFKA-10101).
        let trusted = options.clean && loader.changed.is_empty();
        let to_end = options.config.defects.has(LogDefect::RecoveryPointToEnd);
        let recovery_point = if trusted || to_end { end } else { options.recovery_point.min(end) };
        Self {
            partition: loader.partition,
            config: options.config,
            log_start_offset: start,
            log_end_offset: end,
            high_watermark: options.high_watermark.clamp(start, end),
            segments: loader.segments,
            epochs: EpochCache::default(),
            producers: ProducerState::default(),
            transactions: TransactionIndex::default(),
            snapshots: Snapshots::new(),
            flushes: Flushes::new(loader.partition, recovery_point, &options),
            holes: options.holes,
            clock: options.now,
            directory: LogDirectory::FIRST,
        }
    }

    /// Rebuilds the epoch cache from the batches, which are all at hand. An epoch without records begins at the log end
    /// and is dropped.
    fn rebuild_epochs(
        &mut self,
        checkpoint: &EpochCache,
        changed: &[FileId],
        effects: &mut Effects,
    ) {
        self.epochs = EpochCache::of(self.batches());
        self.epochs.truncate_from_start(self.log_start_offset);
        if self.epochs != *checkpoint {
            self.sync_cuts(changed, effects);
            self.write_epochs(effects);
        }
    }

    /// As [`Self::rebuild_epochs`], of a log that the cleaner was at: the batches with which an epoch began may be
    /// gone, so that only the checkpoint knows. What is copied next may begin behind the end, and its epoch with it: no
    /// epoch would give away what comes back before it.
    fn keep_epochs(&mut self, checkpoint: &EpochCache, changed: &[FileId], effects: &mut Effects) {
        self.epochs = checkpoint.clone();
        let end = self.log_end_offset;
        self.epochs.truncate_from_end(end);
        let newest = self.epochs.latest_epoch();
        let mut later = EpochCache::of(self.batches()).starts();
        later.retain(|(epoch, _)| *epoch > newest);
        for (epoch, start) in later {
            self.epochs.assign(epoch, start);
        }
        self.epochs.truncate_from_start(self.log_start_offset);
        self.sync_cuts(changed, effects);
        if self.epochs != *checkpoint {
            self.write_epochs(effects);
        }
    }

    /// Trusts the checkpoint: cuts it to the log and adds what the segments tell that were checked, from `checked` on,
    /// if it is of a later epoch. Source: `LogLoader.load`, `LogSegment.recover`.
    fn take_epochs(
        &mut self,
        checkpoint: EpochCache,
        checked: Option<Offset>,
        effects: &mut Effects,
    ) {
        self.epochs = checkpoint;
        let mut added = false;
        let count = self.segments.len();
        let first = checked.map_or(count, |from| {
            self.segments.partition_point(|segment| segment.base_offset() < from)
        });
        for batch in self.segments[first..].iter().flat_map(Segment::batches) {
            if batch.leader_epoch() > self.epochs.latest_epoch() {
                added |= self.epochs.assign(batch.leader_epoch(), batch.base_offset());
            }
        }
        let cut_end = self.epochs.truncate_from_end(self.log_end_offset);
        let cut_start = self.epochs.truncate_from_start(self.log_start_offset);
        if added {
            self.write_epochs(effects);
        } else if cut_end || cut_start {
            self.write_cut_epochs(effects);
        }
    }
}

/// Reads segments in order and decides which part of them is the log.
struct Loader<'a> {
    partition: TopicPartition,
    options: LogOptions,
    epochs: &'a EpochCache,
    effects: &'a mut Effects,
    /// From its checkpoint or from the epoch cache, whose first entry moves with it.
    log_start: Offset,
    segments: Vec<Segment>,
    /// Epoch of the last batch so far.
    last_epoch: LeaderEpoch,
    /// The first segment whose bytes were checked: the one of the recovery point, after an unclean stop.
    checked_from: Option<Offset>,
    /// Files of which something was not kept.
    changed: Vec<FileId>,
}

/// A segment's batches, and why they end where they do.
struct ReadSegment {
    segment: Segment,
    /// What follows is not a batch, or not whole.
    invalid: bool,
}

impl<'a> Loader<'a> {
    fn new(
        partition: TopicPartition,
        options: LogOptions,
        epochs: &'a EpochCache,
        effects: &'a mut Effects,
    ) -> Self {
        let lags = options.config.defects.has(LogDefect::LogStartCheckpointLags);
        // A log that copied what a cleaner had left may begin with an epoch of which the first records are missing.
        let tells = !lags && !options.holes;
        let first_start = epochs.first_start().filter(|_| tells).unwrap_or(Offset::ZERO);
        let log_start = options.log_start_offset.max(first_start);
        Self {
            partition,
            options,
            epochs,
            effects,
            log_start,
            segments: Vec::new(),
            last_epoch: LeaderEpoch::NONE,
            checked_from: None,
            changed: Vec::new(),
        }
    }

    fn has(&self, defect: LogDefect) -> bool {
        self.options.config.defects.has(defect)
    }

    fn load(&mut self, image: &DiskImage) {
        let defects = self.options.config.defects;
        let mut found = complete_swaps(self.partition, image, defects, self.effects);
        self.drop_below_start(&mut found);
        let Some((first, _)) = found.first() else {
            return;
        };
        let first = *first;
        // What is below the recovery point was flushed: if it is gone, it was deleted on purpose.
        let known = self.log_start.max(self.options.recovery_point);
        // In Kafka a log begins with whatever segment is the first.
        let anywhere =
            self.has(LogDefect::RecoveryKeepsGaps) || self.has(LogDefect::LogStartCheckpointLags);
        let begins = self.options.clean || first <= known || anywhere;
        let mut expected = begins.then_some(first);
        for (index, (base_offset, bytes)) in found.iter().enumerate() {
            let next = found.get(index + 1).map(|(next, _)| *next);
            expected = self.load_segment(expected, *base_offset, next, bytes);
        }
        self.drop_all_if_below_start();
    }

    /// Takes a segment in if it begins where the log so far ends; `None` stands for the end of the log. Returns where
    /// the next segment must begin.
    fn load_segment(
        &mut self,
        expected: Option<Offset>,
        base_offset: Offset,
        next: Option<Offset>,
        bytes: &Bytes,
    ) -> Option<Offset> {
        let remainders = self.has(LogDefect::RecoveryTrustsRemainders);
        let gaps = self.has(LogDefect::RecoveryKeepsGaps);
        match expected {
            Some(end) if end > base_offset && !remainders => {
                // A remainder: the segment before reaches across it.
                self.delete(base_offset);
                Some(end)
            }
            Some(end) if end >= base_offset || gaps || self.options.holes => {
                let flushed = next.is_some_and(|next| next <= self.options.recovery_point);
                self.keep(base_offset, bytes, (self.options.clean || flushed, next.is_none()))
            }
            Some(_) | None => {
                self.delete(base_offset);
                None
            }
        }
    }

    /// Keeps the valid front of a segment; returns where it ends, or `None` if bytes were found that are not valid:
    /// then the log ends there. A remainder that was cut off is valid: the next segment may begin where it began.
    fn keep(
        &mut self,
        base_offset: Offset,
        bytes: &Bytes,
        (unchecked, is_last): (bool, bool),
    ) -> Option<Offset> {
        if !unchecked {
            self.checked_from.get_or_insert(base_offset);
        }
        let mut read = self.read_segment(base_offset, bytes.clone(), unchecked);
        if read.invalid && unchecked && is_last && self.has(LogDefect::MarkerDeletionNotSynced) {
            // A marker that should be gone says that all is well: the torn tail stays, and appends go behind it.
            read.segment.leave_unreadable(bytes.len() as u64 - read.segment.size());
        }
        let (length, end) = (read.segment.size(), read.segment.end_offset());
        let before = self.segments.last().map(Segment::end_offset);
        if self.options.holes && length == 0 && before.is_some_and(|before| before < base_offset) {
            // Only what follows it, and is gone, tells a hole of the cleaner's from one that was left by a power loss.
            self.delete(base_offset);
            return before.filter(|_| unchecked || !read.invalid);
        }
        self.segments.push(read.segment);
        if length < bytes.len() as u64 {
            let file = FileId::Segment { partition: self.partition, base_offset };
            self.effects.push(Effect::Truncate { file, length });
            self.changed.push(file);
        }
        (unchecked || !read.invalid).then_some(end)
    }

    fn read_segment(&mut self, base: Offset, mut bytes: Bytes, unchecked: bool) -> ReadSegment {
        let mut segment = Segment::new(base);
        let gaps = self.has(LogDefect::RecoveryKeepsGaps) || self.options.holes;
        while !bytes.is_empty() {
            let batch = if unchecked {
                RecordBatch::split_front_trusted(&mut bytes)
            } else {
                RecordBatch::split_front(&mut bytes)
            };
            let Ok(batch) = batch else {
                return ReadSegment { segment, invalid: true };
            };
            let (begins, end) = (batch.base_offset(), segment.end_offset());
            let misplaced = begins < end || begins > end && !gaps;
            if misplaced || self.is_remainder(&batch) {
                break;
            }
            self.last_epoch = batch.leader_epoch();
            segment.push(batch);
        }
        ReadSegment { segment, invalid: false }
    }

    /// Whether a batch is from before a truncation that the power took back.
    fn is_remainder(&self, batch: &RecordBatch) -> bool {
        let epoch = batch.leader_epoch();
        let since = self.last_epoch.max(self.epochs.epoch_at(batch.last_offset()));
        epoch < since && !self.has(LogDefect::RecoveryTrustsRemainders)
    }

    /// Segments wholly below the log start were deleted, or were about to be. A segment's own
    /// content says where it ends: the next one may be a remainder. Of a compacted log it says nothing, since the
    /// cleaner
    /// may have taken all of it.
    fn drop_below_start(&mut self, found: &mut Vec<(Offset, Bytes)>) {
        let ends_below = |loader: &mut Self, base_offset, bytes: &Bytes| {
            let read = loader.read_segment(base_offset, bytes.clone(), true);
            loader.last_epoch = LeaderEpoch::NONE;
            read.segment.end_offset() <= loader.log_start
        };
        let mut count = 0;
        if self.options.holes {
            let above = |pair: &[(Offset, Bytes)]| pair[1].0 > self.log_start;
            count = found.windows(2).position(above).unwrap_or(found.len().saturating_sub(1));
            for (base_offset, _) in found.drain(..count) {
                self.delete(base_offset);
            }
            return;
        }
        while count + 1 < found.len() && ends_below(self, found[count].0, &found[count].1) {
            self.delete(found[count].0);
            count += 1;
        }
        found.drain(..count);
    }

    /// A log that ends below its start holds nothing that may be read: it starts again, empty.
    fn drop_all_if_below_start(&mut self) {
        if self.segments.last().is_some_and(|last| last.end_offset() < self.log_start) {
            for segment in std::mem::take(&mut self.segments) {
                self.delete(segment.base_offset());
            }
        }
    }

    fn delete(&mut self, base_offset: Offset) {
        let file = FileId::Segment { partition: self.partition, base_offset };
        self.effects.push(Effect::Delete { file });
        self.changed.push(file);
    }
}

//! A replica's log: segments, leader-epoch cache, producer state, high watermark, recovery.
//!
//! A log keeps its batches in memory and states as effects what must happen to its files, so that
//! disk and memory agree whenever the effects of a call have been performed.
//!
//! | file | what lives there |
//! |---|---|
//! | `mod` | [`Log`]: bounds, appends, reads |
//! | `segment` | whole batches, and the length of the file that holds them |
//! | `epoch_cache` | where each leader epoch begins |
//! | `producer_state`, `producer_entry` | duplicates and gaps of producers, and their open transactions |
//! | `verification` | transactions that their coordinator is asked about |
//! | `transactions`, `transaction_index` | last stable offset, index of aborted transactions |
//! | `snapshots`, `snapshot_files` | producer state on disk, and how it is restored |
//! | `options` | what a log is opened with |
//! | `flushes` | what background flushes prove |
//! | `flush` | rolling, background flushes and the recovery point |
//! | `truncate` | cutting at either end |
//! | `retention` | deleting segments that are old, or too many |
//! | `metadata_log` | beginning again where a snapshot ends |
//! | `cleaner` | compaction: of each key the last record stays |
//! | `recovery` | opening what a stop left behind |
//! | `self_check` | what must hold after each call |
//! | [`checkpoint`] | small files with a checksum |

pub mod checkpoint;
pub(crate) mod cleaner;
mod epoch_cache;
mod flush;
mod flushes;
mod metadata_log;
mod options;
mod producer_entry;
mod producer_state;
mod recovery;
mod retention;
mod segment;
mod self_check;
mod snapshot_files;
mod snapshots;
mod transaction_index;
mod transactions;
mod truncate;
mod verification;

#[cfg(test)]
mod tests;

use xxhash_rust::xxh3::Xxh3;

use crate::defect::LogDefect;
use crate::disk_image::FileId;
pub(crate) use crate::log::epoch_cache::EpochCache;
use crate::log::flushes::Flushes;
use crate::log::producer_state::{ProducerState, is_transactional};
use crate::log::segment::Segment;
use crate::log::snapshot_files::Snapshots;
use crate::log::transaction_index::TransactionIndex;
use crate::message::EpochEnd;
use crate::node::{Effect, Effects};
use crate::note::{AppendOrigin, KnownProducer, LogNote, ProducerNote};
use crate::proto::ErrorCode;
use crate::record::{BatchHeader, RecordBatch};
use crate::types::{LeaderEpoch, LogDirectory, Offset, ProducerId, TopicPartition, WallTime};

pub use options::{LogConfig, LogOptions, ReadLimit};
pub use producer_state::{ActiveProducer, AppendRights, ProducerCheck};
pub use verification::VerificationGuard;

/// Room is made at once for so many batches of a read, if there are as many.
const READ_ROOM_MAX: usize = 16;

/// A replica's log.
#[expect(clippy::struct_field_names, reason = "Kafka's names of the bounds are kept whole")]
#[derive(Debug)]
pub struct Log {
    partition: TopicPartition,
    config: LogConfig,
    log_start_offset: Offset,
    log_end_offset: Offset,
    high_watermark: Offset,
    /// Ascending, and contiguous as promised; none before the first append.
    segments: Vec<Segment>,
    epochs: EpochCache,
    producers: ProducerState,
    transactions: TransactionIndex,
    snapshots: Snapshots,
    flushes: Flushes,
    /// Whether it is compacted: then offsets may be missing.
    holes: bool,
    /// The wall time that it was told last: when it was opened or last looked after.
    clock: WallTime,
    /// Where its files are. Source: `UnifiedLog.parentDir`.
    directory: LogDirectory,
}

impl Log {
    /// Whose log this is.
    pub fn partition(&self) -> TopicPartition {
        self.partition
    }

    /// The log directory in which its files are.
    pub fn directory(&self) -> LogDirectory {
        self.directory
    }

    /// The same log, in that log directory; a log is opened for the first one.
    #[must_use]
    pub fn in_directory(mut self, directory: LogDirectory) -> Self {
        self.directory = directory;
        self
    }

    /// Whether it is compacted: then offsets may be missing.
    pub fn has_holes(&self) -> bool {
        self.holes
    }

    /// First offset that may be read.
    pub fn log_start_offset(&self) -> Offset {
        self.log_start_offset
    }

    /// Offset of the next record.
    pub fn log_end_offset(&self) -> Offset {
        self.log_end_offset
    }

    /// Everything below is committed, as far as this replica knows.
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// Everything below is flushed.
    pub fn recovery_point(&self) -> Offset {
        self.flushes.recovery_point()
    }

    /// Latest epoch in the epoch cache, or [`LeaderEpoch::NONE`].
    pub fn latest_epoch(&self) -> LeaderEpoch {
        self.epochs.latest_epoch()
    }

    /// Every epoch that this log knows and where it begins, ascending.
    pub fn known_epochs(&self) -> Vec<(LeaderEpoch, Offset)> {
        self.epochs.starts()
    }

    /// What a follower sends as last fetched epoch: the latest in the epoch cache, even if it has
    /// no record yet. A leader that does not know that epoch answers with the one before, and the
    /// entry is dropped; the epoch of the last record instead could hide a divergence. Source:
    /// Kafka's `UnifiedLog.latestEpoch`, as `ReplicaFetcherThread` uses it.
    pub fn last_fetched_epoch(&self) -> LeaderEpoch {
        self.latest_epoch()
    }

    /// Records that `epoch` begins at the log end; the checkpoint is synced before anything else
    /// happens.
    pub fn assign_epoch(&mut self, epoch: LeaderEpoch, effects: &mut Effects) {
        self.assign_epoch_at(epoch, self.log_end_offset, effects);
        self.check();
    }

    /// Where an epoch ends in this log (KIP-101, KIP-279): the largest epoch not above it that is
    /// known here, and its end; both undefined for one that is later than all.
    pub fn end_offset_for(&self, epoch: LeaderEpoch) -> EpochEnd {
        self.epochs.end_offset_for(epoch, self.log_end_offset)
    }

    /// Judges a client's or a coordinator's batch by its producer's history on this partition (KIP-98): recognised as
    /// a duplicate, next in sequence, or an error.
    pub fn check_producer(
        &self,
        batch: &BatchHeader,
        rights: AppendRights,
    ) -> Result<ProducerCheck, ErrorCode> {
        self.producers.check(batch, rights, self.config.defects)
    }

    /// The producers that the log's records tell of, by id.
    pub fn active_producers(&self) -> Vec<ActiveProducer> {
        self.producers.active()
    }

    /// Each producer's newest epoch and the last sequence in it.
    pub(crate) fn known_producers(&self) -> Vec<KnownProducer> {
        self.producers.known()
    }

    /// The epoch of the coordinator that had the last marker of a producer written; -1 if none had.
    pub(crate) fn coordinator_epoch(&self, producer: ProducerId) -> LeaderEpoch {
        self.producers.coordinator_epoch(producer)
    }

    /// Forgets producers whose newest record is older than `producer.id.expiration.ms`, by its own timestamp: from
    /// now on a batch of theirs is the first of an unknown producer. Source:
    /// `ProducerStateManager.removeExpiredProducers`.
    pub(crate) fn expire_producers(&mut self, now: WallTime, effects: &mut Effects) {
        self.clock = now;
        let expiration_ms = self.config.producer_id_expiration_ms;
        let producers = self.producers.remove_expired(now, expiration_ms, self.config.defects);
        if !producers.is_empty() {
            let partition = self.partition;
            effects.note(ProducerNote::ProducersExpired { partition, producers, at: now });
            let producers = self.known_producers();
            effects.note(ProducerNote::ProducersKnown { partition, producers });
        }
        self.check();
    }

    /// States what is known from the batches: where epochs begin, and how far producers are.
    pub(crate) fn note_known(&self, effects: &mut Effects) {
        let partition = self.partition;
        effects.note(LogNote::EpochsKnown { partition, epochs: self.known_epochs() });
        effects.note(ProducerNote::ProducersKnown { partition, producers: self.known_producers() });
    }

    /// Gives the batch the next offset and this epoch and appends it; the returned batch is as
    /// appended. `acks` is what its producer asked for, 0 if nobody waits for an answer.
    pub fn append_as_leader(
        &mut self,
        batch: &RecordBatch,
        epoch: LeaderEpoch,
        acks: i16,
        effects: &mut Effects,
    ) -> RecordBatch {
        let latest = self.latest_epoch();
        assert!(epoch >= latest, "leader of epoch {epoch} appends to a log in epoch {latest}");
        let assigned = batch.with_assignment(self.log_end_offset, epoch);
        let origin = (AppendOrigin::Leader, acks);
        self.append(std::slice::from_ref(&assigned), origin, epoch, effects);
        assigned
    }

    /// Appends a leader's batches as they are; `following` is the epoch in which this node follows. The first begins at
    /// the log end. What one fetch has brought is one append: the log is rolled before it or not at all, and looked
    /// at for `flush.messages` after it. More than fits a whole segment, which Kafka refuses, goes in parts. Source:
    /// `UnifiedLog.append`.
    pub fn append_as_follower(
        &mut self,
        batches: &[RecordBatch],
        following: LeaderEpoch,
        effects: &mut Effects,
    ) {
        let mut rest = batches;
        while !rest.is_empty() {
            let (part, later) = rest.split_at(self.fit_segment(rest));
            self.append(part, (AppendOrigin::Follower, 0), following, effects);
            rest = later;
        }
    }

    /// How many of the batches fit one segment; the first does.
    fn fit_segment(&self, batches: &[RecordBatch]) -> usize {
        let mut size = 0;
        let fits = |batch: &&RecordBatch| {
            size += u64::from(batch.size());
            size <= u64::from(self.config.segment_bytes)
        };
        batches.iter().take_while(fits).count().max(1)
    }

    /// Sets the high watermark, bounded by log start and log end; true if it moved. The caller
    /// states the note.
    pub fn set_high_watermark(&mut self, to: Offset) -> bool {
        let bounded = to.clamp(self.log_start_offset, self.log_end_offset);
        let moved = bounded != self.high_watermark;
        self.high_watermark = bounded;
        self.producers.replicated(bounded);
        self.check_derived();
        moved
    }

    /// Whole batches from the one that holds `from` on, all of them below `upper`, up to about
    /// `bytes_max` bytes (at least one batch if there is any). The segment that holds an offset is the last that begins
    /// at or below it; where two segments are not contiguous, a read ends. Source: `LocalLog.read`.
    pub fn read(&self, from: Offset, upper: Offset, bytes_max: u32) -> Vec<RecordBatch> {
        self.read_at_most(from, upper, ReadLimit { bytes_max, min_one: true })
    }

    /// As [`Self::read`]; whether a first batch that is larger than the limit is given all the same is part of that.
    pub fn read_at_most(&self, from: Offset, upper: Offset, limit: ReadLimit) -> Vec<RecordBatch> {
        let ReadLimit { bytes_max, min_one } = limit;
        if from >= upper || self.segments.is_empty() || self.is_unreadable(from) {
            return Vec::new();
        }
        let segments = &self.segments[self.floor_segment(from)..];
        let room = segments[0].batches_from(from).len().min(READ_ROOM_MAX);
        let mut found: Vec<RecordBatch> = Vec::with_capacity(room);
        let mut bytes_left = bytes_max;
        for segment in segments {
            let parts = |last: &RecordBatch| last.next_offset() != segment.base_offset();
            if !self.holes && found.last().is_some_and(parts) {
                break;
            }
            for batch in segment.batches_from(from) {
                let fits = batch.size() <= bytes_left || found.is_empty() && min_one;
                if batch.next_offset() > upper || !fits {
                    return found;
                }
                bytes_left = bytes_left.saturating_sub(batch.size());
                found.push(batch.clone());
            }
        }
        found
    }

    /// Whether a read from an offset, which is below the log end, finds bytes that are no batches. Source:
    /// `FileRecords.searchForOffsetFromPosition`, which throws then.
    pub(crate) fn is_unreadable(&self, from: Offset) -> bool {
        let segment = self.segments.get(self.floor_segment(from));
        from < self.log_end_offset && segment.is_some_and(|segment| segment.is_unreadable(from))
    }

    /// All batches that are still there, in order. Of a segment that reaches across the beginning of the next one, what
    /// lies before.
    pub fn batches(&self) -> impl Iterator<Item = &RecordBatch> {
        let later = self.segments.iter().skip(1).map(|segment| Some(segment.base_offset()));
        self.segments.iter().zip(later.chain([None])).flat_map(|(segment, next)| {
            let own = segment.batches();
            &own[..next.map_or(own.len(), |next| segment.count_below(next))]
        })
    }

    /// Index of the last segment that begins at or below an offset, or of the first.
    fn floor_segment(&self, offset: Offset) -> usize {
        let above = self.segments.partition_point(|segment| segment.base_offset() <= offset);
        above.saturating_sub(1)
    }

    /// A hash over offsets, epochs and checksums of the batches that are there and wholly below
    /// `upto`. Two logs with the same first batch agree below `upto` if their digests do. Takes time
    /// linear in the number of batches: for audits.
    pub fn digest(&self, upto: Offset) -> u64 {
        let mut hasher = Xxh3::new();
        for batch in self.batches().take_while(|batch| batch.next_offset() <= upto) {
            hasher.update(&batch.base_offset().0.to_le_bytes());
            hasher.update(&batch.last_offset().0.to_le_bytes());
            hasher.update(&batch.leader_epoch().0.to_le_bytes());
            hasher.update(&batch.header().checksum.to_le_bytes());
        }
        hasher.digest()
    }

    /// The file that the last append went to, for a caller that must sync it; before the first
    /// append, the file that it will go to. See also [`Self::sync_records`].
    pub fn active_file(&self) -> FileId {
        let base_offset = self.segments.last().map_or(self.log_end_offset, Segment::base_offset);
        self.segment_file(base_offset)
    }

    /// One append of at least one batch.
    fn append(
        &mut self,
        batches: &[RecordBatch],
        (origin, acks): (AppendOrigin, i16),
        leader_epoch: LeaderEpoch,
        effects: &mut Effects,
    ) {
        let end = self.log_end_offset;
        let base = batches.first().map_or(end, RecordBatch::base_offset);
        let gaps = self.config.defects.has(LogDefect::RecoveryKeepsGaps) || self.holes;
        assert!(
            base == end || base > end && gaps,
            "batch at {base} appended to a log that ends at {end}"
        );
        // The epoch's entry must be durable before any record of the epoch can be (KAFKA-16541).
        for batch in batches {
            self.assign_epoch_at(batch.leader_epoch(), batch.base_offset(), effects);
        }
        self.roll_if_due(batches, effects);
        for batch in batches {
            self.append_batch(batch, effects);
            if self.holes && origin == AppendOrigin::Leader {
                self.note_keys(batch, effects);
            }
            effects.note(LogNote::Appended {
                partition: self.partition,
                batch: batch.summary(),
                origin,
                leader_epoch,
                acks,
            });
        }
        self.flush_if_full(effects);
        self.check();
    }

    fn note_keys(&self, batch: &RecordBatch, effects: &mut Effects) {
        effects.note(LogNote::KeysAppended {
            partition: self.partition,
            base_offset: batch.base_offset(),
            leader_epoch: batch.leader_epoch(),
            records: batch.keyed_records(),
        });
    }

    fn append_batch(&mut self, batch: &RecordBatch, effects: &mut Effects) {
        effects.push(Effect::Append { file: self.active_file(), bytes: batch.bytes().clone() });
        self.log_end_offset = batch.next_offset();
        self.flushes.appended(self.log_end_offset);
        if is_transactional(batch.kind()) {
            self.transactions.seen = true;
        }
        if let Some(completed) = self.producers.take(batch, self.config.defects) {
            self.transactions.completed(completed, &self.producers);
        }
        self.active_segment().push(batch.clone());
    }

    fn active_segment(&mut self) -> &mut Segment {
        if self.segments.is_empty() {
            self.segments.push(Segment::new(self.log_start_offset));
        }
        self.segments.last_mut().expect("one was added if there was none")
    }

    fn assign_epoch_at(&mut self, epoch: LeaderEpoch, start: Offset, effects: &mut Effects) {
        if self.epochs.assign(epoch, start) {
            self.write_epochs(effects);
        }
    }

    /// Replaces the epoch checkpoint, before anything else happens. Source: `LeaderEpochFileCache.assign`.
    fn write_epochs(&self, effects: &mut Effects) {
        let file = FileId::LeaderEpochCheckpoint(self.partition);
        effects.push(Effect::Replace { file, bytes: self.epochs.encode() });
    }

    /// Replaces the epoch checkpoint after entries were cut. As promised, at once: else an entry can come back with the
    /// power that contradicts records which were flushed since. Kafka leaves it to a scheduler thread. Source:
    /// `LeaderEpochFileCache.truncateFromEndAsyncFlush`, KAFKA-16541.
    fn write_cut_epochs(&self, effects: &mut Effects) {
        let defects = self.config.defects;
        let file = FileId::LeaderEpochCheckpoint(self.partition);
        if defects.has(LogDefect::EpochCheckpointTorn) {
            effects.push(Effect::Write { file, bytes: self.epochs.encode() });
        } else if defects.has(LogDefect::EpochCutsNotSynced) {
            effects.push(Effect::ReplaceInBackground { file, bytes: self.epochs.encode() });
        } else {
            self.write_epochs(effects);
        }
    }

    /// What is in these files after a cut, or that they are gone, is on the disk before an epoch is forgotten, and in a
    /// compacted log before anything else. Kafka syncs no cut. Source:
    /// `FileRecords.truncateTo`, `LocalLog.deleteSegmentFiles`.
    fn sync_cuts(&self, files: &[FileId], effects: &mut Effects) {
        if self.config.defects.has(LogDefect::CutsNotSynced) {
            return;
        }
        for file in files {
            effects.push(Effect::Sync { file: *file });
        }
    }

    fn segment_file(&self, base_offset: Offset) -> FileId {
        FileId::Segment { partition: self.partition, base_offset }
    }

    /// The batch whose last record is the one before `offset`.
    fn batch_ending_at(&self, offset: Offset) -> Option<&RecordBatch> {
        let batches = self.segments.get(self.floor_segment(offset.plus(-1)))?.batches();
        let index = batches.binary_search_by_key(&offset, RecordBatch::next_offset).ok()?;
        batches.get(index)
    }

    /// What must hold between any two calls, whatever the length of the log: the bounds in order, the recovery point
    /// and the last epoch within the log, the last two segments and epochs ascending.
    fn check(&self) {
        let (start, end) = (self.log_start_offset, self.log_end_offset);
        let watermark = self.high_watermark;
        assert!(
            start <= watermark && watermark <= end,
            "{}: log start {start}, high watermark {watermark}, log end {end}",
            self.partition
        );
        let flushed = self.recovery_point();
        let beyond = self.config.defects.has(LogDefect::CutsNotSynced);
        assert!(flushed <= end || beyond, "{}: flushed {flushed}, end {end}", self.partition);
        self.epochs.check(end);
        let last = self.segments.last().map_or(end, Segment::end_offset);
        let hole = last < end && self.config.defects.has(LogDefect::DerivedStateFromFiles);
        assert!(
            last == end || hole,
            "{}: {last} ends the last segment, {end} the log",
            self.partition
        );
        if let [.., before, active] = self.segments.as_slice() {
            let (before, base) = (before.end_offset(), active.base_offset());
            let defects = self.config.defects;
            let overlaps = before > base && defects.has(LogDefect::RecoveryTrustsRemainders);
            let gaps = self.holes || defects.has(LogDefect::RecoveryKeepsGaps);
            let gap = before < base && gaps;
            assert!(
                before == base || overlaps || gap,
                "{}: a segment ends at {before}, the active one begins at {base}",
                self.partition
            );
        }
        self.check_derived();
    }
}

//! Cutting a log at either end. Source: Kafka's `UnifiedLog.truncateTo`,
//! `truncateFullyAndStartAt` and `maybeIncrementLogStartOffset`.

use crate::defect::LogDefect;
use crate::disk_image::FileId;
use crate::log::Log;
use crate::node::{Effect, Effects};
use crate::note::{LogNote, TruncateReason};
use crate::types::Offset;

impl Log {
    /// Cuts the log so that it ends at `to`, or before if a batch reaches across: batches are
    /// removed whole. At or above the log end, only the epoch cache is cut. Below the first
    /// segment, the log starts again, empty, at `to`.
    ///
    /// The recovery point may fall: a caller that keeps a recovery point checkpoint writes it
    /// again, as Kafka's `LogManager.truncateTo` does.
    pub fn truncate_to(&mut self, to: Offset, reason: TruncateReason, effects: &mut Effects) {
        assert!(to >= Offset::ZERO, "{}: truncated to {to}", self.partition);
        if to >= self.log_end_offset {
            if self.epochs.truncate_from_end(self.log_end_offset) {
                self.write_cut_epochs(effects);
            }
        } else if self.segments.first().is_none_or(|first| first.base_offset() > to) {
            self.start_again(to, reason, effects);
        } else {
            self.cut_end(to, reason, effects);
        }
        self.check();
    }

    /// An empty log that starts inside of a batch of the leader's starts at that batch instead. Source:
    /// `Partition.appendRecordsToFollowerOrFutureReplica`, KAFKA-6975.
    pub(crate) fn start_at_batch(&mut self, first: Offset, effects: &mut Effects) {
        let (start, end) = (self.log_start_offset, self.log_end_offset);
        assert!(
            first < start && start == end,
            "{}: log {start}..{end} starts at {first} instead",
            self.partition
        );
        self.start_again(first, TruncateReason::AcrossStart, effects);
        self.check();
    }

    /// Drops everything and starts again, empty, at an offset.
    pub fn truncate_fully_and_start_at(&mut self, start: Offset, effects: &mut Effects) {
        assert!(start >= Offset::ZERO, "{}: started again at {start}", self.partition);
        self.start_again(start, TruncateReason::OutOfRange, effects);
        self.check();
    }

    /// Drops everything and starts again, empty, where a snapshot ends.
    pub(super) fn truncate_to_snapshot_end(&mut self, end: Offset, effects: &mut Effects) {
        self.start_again(end, TruncateReason::Snapshot, effects);
        self.check();
    }

    fn cut_end(&mut self, to: Offset, reason: TruncateReason, effects: &mut Effects) {
        let from = self.log_end_offset;
        let mut changed = Vec::new();
        while let Some(last) = self.segments.pop_if(|last| last.base_offset() > to) {
            let file = self.segment_file(last.base_offset());
            effects.push(Effect::Delete { file });
            changed.push(file);
        }
        let last = self.segments.last_mut().expect("the first segment begins at or below");
        let cut = last.cut(to);
        let (base_offset, length, whole) = (last.base_offset(), last.size(), last.end_offset());
        let end = if self.leaves_holes() { to } else { whole };
        if cut {
            let file = self.segment_file(base_offset);
            effects.push(Effect::Truncate { file, length });
            changed.push(file);
        }
        self.log_end_offset = end;
        self.high_watermark = self.high_watermark.min(end);
        self.flushes.truncate(end);
        let forgets = self.epochs.truncate_from_end(end);
        // What is copied next to a compacted log may begin behind the cut, and its epoch with it: no epoch gives away
        // what comes back before it.
        if forgets || self.holes {
            self.sync_cuts(&changed, effects);
        }
        if forgets {
            self.write_cut_epochs(effects);
        }
        self.delete_snapshots_above(end, effects);
        self.restore_producers_after_cut();
        self.snapshot_restored(effects);
        effects.note(LogNote::Truncated { partition: self.partition, from, to: end, reason });
        self.note_known(effects);
        if self.log_start_offset > end {
            self.log_start_offset = end;
            self.note_log_start(effects);
        }
    }

    /// As promised a log ends where its last batch does. In Kafka a cut inside a batch, where the epochs are not those
    /// of the batches, drops it and leaves a hole up to where the cut was asked for. Source: `LocalLog.truncateTo`.
    fn leaves_holes(&self) -> bool {
        self.config.defects.has(LogDefect::DerivedStateFromFiles)
    }

    fn start_again(&mut self, start: Offset, reason: TruncateReason, effects: &mut Effects) {
        let from = self.log_end_offset;
        let segments = std::mem::take(&mut self.segments);
        let changed: Vec<FileId> =
            segments.iter().map(|segment| self.segment_file(segment.base_offset())).collect();
        for file in &changed {
            effects.push(Effect::Delete { file: *file });
        }
        self.log_start_offset = start;
        self.log_end_offset = start;
        self.high_watermark = start;
        self.flushes.truncate(start);
        self.flushes.settle(start);
        if self.epochs.clear() {
            self.sync_cuts(&changed, effects);
            self.write_epochs(effects);
        }
        self.delete_snapshots_above(Offset::NONE, effects);
        // Each segment takes its index of aborted transactions with it, wherever the log goes on.
        self.transactions.forget_aborted();
        self.restore_producers_after_cut();
        effects.note(LogNote::Truncated { partition: self.partition, from, to: start, reason });
        self.note_log_start(effects);
    }

    pub(super) fn note_log_start(&self, effects: &mut Effects) {
        let (partition, log_start_offset) = (self.partition, self.log_start_offset);
        effects.note(LogNote::StartMoved { partition, log_start_offset });
    }
}

//! How a cleaned segment takes the place of others. Source: Kafka's `LocalLog.replaceSegments`, `LogLoader.load`.
//!
//! It is written aside as `.cleaned` and flushed, renamed to `.swap`, the old segments are renamed to `.deleted`, and
//! it gets its own name; then the directory is synced. A process that dies on the way, or loses power, finds one of
//! these when it starts: see `recover`.

use bytes::BytesMut;

use super::round::{CleanedSegment, CleaningRound};
use crate::disk_image::{FileId, Suffix};
use crate::log::Log;
use crate::node::{Effect, Effects};
use crate::note::LogNote;
use crate::record::RecordBatch;
use crate::types::{FlushToken, Offset, TopicPartition};

impl Log {
    /// Writes a cleaned segment aside, and has it flushed.
    pub(crate) fn write_cleaned(
        &mut self,
        cleaned: &CleanedSegment,
        effects: &mut Effects,
    ) -> FlushToken {
        let file = aside(self.partition, cleaned.segment.base_offset(), Suffix::Cleaned);
        let mut bytes = BytesMut::new();
        for batch in cleaned.segment.batches() {
            bytes.extend_from_slice(batch.bytes());
        }
        effects.push(Effect::Append { file, bytes: bytes.freeze() });
        let token = self.flushes.request(Offset::ZERO);
        effects.push(Effect::Flush { file, token });
        token
    }

    /// A cleaned segment that was written aside is not wanted any more. Source: `LogSegment.deleteIfExists`.
    pub(crate) fn drop_cleaned(&self, cleaned: &CleanedSegment, effects: &mut Effects) {
        let base = cleaned.segment.base_offset();
        effects.push(Effect::Delete { file: aside(self.partition, base, Suffix::Cleaned) });
    }

    /// Puts a cleaned segment that is flushed in the place of those that it was made of.
    pub(crate) fn replace_segments(
        &mut self,
        round: &CleaningRound,
        cleaned: CleanedSegment,
        effects: &mut Effects,
    ) {
        let CleanedSegment { segment, replaces, end, aborted } = cleaned;
        let (partition, base) = (self.partition, segment.base_offset());
        let swap = aside(partition, base, Suffix::Swap);
        effects.push(Effect::Rename { from: aside(partition, base, Suffix::Cleaned), to: swap });
        for old in &replaces {
            let (from, to) = (self.segment_file(*old), aside(partition, *old, Suffix::Deleted));
            effects.push(Effect::Rename { from, to });
        }
        effects.push(Effect::Rename { from: swap, to: self.segment_file(base) });
        effects.push(Effect::Sync { file: self.segment_file(base) });
        for old in &replaces {
            effects.push(Effect::Delete { file: aside(partition, *old, Suffix::Deleted) });
        }
        effects.note(LogNote::Cleaned {
            partition,
            from: base,
            to: end,
            first_dirty: round.first_dirty,
            upper: round.upper,
            end: round.end(),
            at: round.now,
            batches: segment.batches().iter().map(RecordBatch::cleaned_summary).collect(),
        });
        let first = self.floor_segment(base);
        self.segments.splice(first..first + replaces.len(), [segment]);
        let index = &mut self.transactions.aborted;
        index.retain(|entry| entry.last_offset < base || entry.last_offset >= end);
        index.extend(aborted);
        index.sort_by_key(|entry| entry.last_offset);
        self.check();
    }
}

pub(super) fn aside(partition: TopicPartition, base_offset: Offset, suffix: Suffix) -> FileId {
    FileId::SegmentAside { partition, base_offset, suffix }
}

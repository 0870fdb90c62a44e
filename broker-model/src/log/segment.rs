//! One segment of a log: whole batches, in memory and in a file of the same bytes.

use crate::record::RecordBatch;
use crate::types::{Offset, WallTime};

/// Consecutive batches, from the offset that names the file.
#[derive(Debug)]
pub(crate) struct Segment {
    base_offset: Offset,
    batches: Vec<RecordBatch>,
    /// Length of the file.
    size: u64,
}

impl Segment {
    /// An empty segment.
    pub(crate) fn new(base_offset: Offset) -> Self {
        Self { base_offset, batches: Vec::new(), size: 0 }
    }

    /// First offset, the file's name.
    pub(crate) fn base_offset(&self) -> Offset {
        self.base_offset
    }

    /// First offset after it.
    pub(crate) fn end_offset(&self) -> Offset {
        self.batches.last().map_or(self.base_offset, RecordBatch::next_offset)
    }

    /// Length of the file in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Timestamp of its first batch. Source: `LogSegment.timeWaitedForRoll`.
    pub(crate) fn first_timestamp(&self) -> Option<WallTime> {
        self.batches.first().map(|first| first.header().max_timestamp)
    }

    /// Timestamp of its newest record, by what the records themselves say. Source: `LogSegment.largestTimestamp`.
    pub(crate) fn largest_timestamp(&self) -> Option<WallTime> {
        self.batches.iter().map(|batch| batch.header().max_timestamp).max()
    }

    /// The batches, in order.
    pub(crate) fn batches(&self) -> &[RecordBatch] {
        &self.batches
    }

    /// Adds a batch, which must not begin before the segment ends.
    pub(crate) fn push(&mut self, batch: RecordBatch) {
        let (base, end) = (batch.base_offset(), self.end_offset());
        assert!(base >= end, "batch at {base} added to a segment that ends at {end}");
        self.size += u64::from(batch.size());
        self.batches.push(batch);
    }

    /// Removes every batch that reaches `to` or beyond; whether there was one.
    pub(crate) fn cut(&mut self, to: Offset) -> bool {
        let kept = self.count_below(to);
        let removed: u64 = self.batches[kept..].iter().map(|batch| u64::from(batch.size())).sum();
        self.batches.truncate(kept);
        self.size -= removed;
        removed > 0
    }

    /// How many batches end at or below an offset.
    pub(crate) fn count_below(&self, offset: Offset) -> usize {
        self.batches.partition_point(|batch| batch.next_offset() <= offset)
    }

    /// The batches from the one that holds `from` on.
    pub(crate) fn batches_from(&self, from: Offset) -> &[RecordBatch] {
        &self.batches[self.count_below(from)..]
    }
}

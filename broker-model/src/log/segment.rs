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
    unreadable: Option<Unreadable>,
}

/// Bytes among the batches that are none, and that nobody looked for when the log was opened: what is behind them is in
/// the file, and no read comes to it.
#[derive(Debug, Clone, Copy)]
struct Unreadable {
    /// Where the batches before it end.
    from: Offset,
    bytes: u64,
}

impl Segment {
    /// An empty segment.
    pub(crate) fn new(base_offset: Offset) -> Self {
        Self { base_offset, batches: Vec::new(), size: 0, unreadable: None }
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

    /// The file goes on with bytes that are no batches.
    pub(crate) fn leave_unreadable(&mut self, bytes: u64) {
        assert!(self.unreadable.is_none(), "{:?} is followed by {bytes} bytes", self.unreadable);
        self.unreadable = Some(Unreadable { from: self.end_offset(), bytes });
        self.size += bytes;
    }

    /// Whether a read from an offset of this segment comes to bytes that are no batches before all else.
    pub(crate) fn is_unreadable(&self, from: Offset) -> bool {
        self.unreadable.is_some_and(|unreadable| from >= unreadable.from)
    }

    /// Removes every batch that reaches `to` or beyond, and what cannot be read there; whether there was anything.
    pub(crate) fn cut(&mut self, to: Offset) -> bool {
        let unreadable = self.unreadable.take_if(|unreadable| to <= unreadable.from);
        let cut = self.cut_batches(to);
        self.size -= unreadable.map_or(0, |unreadable| unreadable.bytes);
        cut || unreadable.is_some()
    }

    fn cut_batches(&mut self, to: Offset) -> bool {
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

    /// The batches from the one that holds `from` on, as far as they can be read.
    pub(crate) fn batches_from(&self, from: Offset) -> &[RecordBatch] {
        let end = self.unreadable.map_or(self.batches.len(), |it| self.count_below(it.from));
        &self.batches[self.count_below(from).min(end)..end]
    }
}

//! What a stop has left of a replacement of segments. Source: Kafka's `LogLoader.load`,
//! `removeTempFilesAndCollectSwapFiles`.
//!
//! A `.cleaned` file is nothing, since the old segments are there; a `.swap` file is whole, and what lies in its range
//! is deleted before it gets its name. To drop it would lose the log's records with the old segments; to keep the old
//! ones beside it would bring back what a tombstone had deleted.
//!
//! As promised what is completed is synced at once: Kafka syncs nothing here, and a power loss may bring the old
//! segments back.

use bytes::Bytes;

use super::swap::aside;
use crate::defect::{CleanerDefect, Defects};
use crate::disk_image::{DiskImage, FileId, Suffix};
use crate::node::{Effect, Effects};
use crate::record::RecordBatch;
use crate::types::{Offset, TopicPartition};

/// Completes or undoes a replacement: the segments that are there then, by first offset.
pub(in crate::log) fn complete_swaps(
    partition: TopicPartition,
    image: &DiskImage,
    defects: Defects,
    effects: &mut Effects,
) -> Vec<(Offset, Bytes)> {
    let mut found: Vec<(Offset, Bytes)> =
        image.segments(partition).map(|(base, bytes)| (base, bytes.clone())).collect();
    for suffix in [Suffix::Cleaned, Suffix::Deleted] {
        for (base, _) in image.segments_aside(partition, suffix) {
            effects.push(Effect::Delete { file: aside(partition, base, suffix) });
        }
    }
    for (base, bytes) in image.segments_aside(partition, Suffix::Swap) {
        if defects.has(CleanerDefect::DropsSwapFiles) {
            effects.push(Effect::Delete { file: aside(partition, base, Suffix::Swap) });
        } else {
            complete(partition, (base, bytes), &mut found, effects);
        }
    }
    found.sort_unstable_by_key(|(base, _)| *base);
    found
}

/// A segment that is whole gets its name, in the place of those in its range.
fn complete(
    partition: TopicPartition,
    (base, bytes): (Offset, &Bytes),
    found: &mut Vec<(Offset, Bytes)>,
    effects: &mut Effects,
) {
    let end = end_of(base, bytes);
    let segment = |base_offset| FileId::Segment { partition, base_offset };
    let is_replaced = |(at, _): &mut (Offset, Bytes)| *at == base || *at > base && *at < end;
    let replaced: Vec<Offset> = found.extract_if(.., is_replaced).map(|(at, _)| at).collect();
    for old in &replaced {
        let to = aside(partition, *old, Suffix::Deleted);
        effects.push(Effect::Rename { from: segment(*old), to });
    }
    let swap = aside(partition, base, Suffix::Swap);
    effects.push(Effect::Rename { from: swap, to: segment(base) });
    effects.push(Effect::Sync { file: segment(base) });
    for old in replaced {
        effects.push(Effect::Delete { file: aside(partition, old, Suffix::Deleted) });
    }
    found.push((base, bytes.clone()));
}

/// Where a segment's batches end.
fn end_of(base: Offset, bytes: &Bytes) -> Offset {
    let (batches, _, _) = RecordBatch::parse_all(bytes.clone());
    batches.last().map_or(base, RecordBatch::next_offset)
}

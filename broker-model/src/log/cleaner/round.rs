//! What a round of cleaning remembers, and what it makes.

use std::collections::VecDeque;

use super::offset_map::OffsetMap;
use super::transactions::CleanedTransactions;
use crate::log::segment::Segment;
use crate::log::transaction_index::AbortedEntry;
use crate::types::{Offset, WallTime};

/// One round of cleaning of one log.
#[derive(Debug)]
pub(crate) struct CleaningRound {
    /// When it began.
    pub(super) now: WallTime,
    /// Every replica had what is below then.
    pub(super) held_by_all: Offset,
    pub(super) first_dirty: Offset,
    /// The first offset that it leaves alone.
    pub(super) upper: Offset,
    pub(super) map: OffsetMap,
    pub(super) transactions: CleanedTransactions,
    /// First offsets of the segments that are to become one, group by group.
    pub(super) groups: VecDeque<Vec<Offset>>,
}

/// What takes the place of a group of segments.
#[derive(Debug)]
pub(crate) struct CleanedSegment {
    pub(super) segment: Segment,
    /// First offsets of those that it replaces.
    pub(super) replaces: Vec<Offset>,
    /// Where they end.
    pub(super) end: Offset,
    /// What of transactions is aborted by a marker in it.
    pub(super) aborted: Vec<AbortedEntry>,
}

impl CleaningRound {
    /// Everything below is clean when the round is over.
    pub(crate) fn end(&self) -> Offset {
        self.map.latest().next()
    }

    /// Whether it comes further than what was clean before.
    pub(crate) fn has_advanced(&self) -> bool {
        self.end() > self.first_dirty
    }
}

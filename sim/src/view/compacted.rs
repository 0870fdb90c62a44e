//! What is left of logs that were cleaned, and what the records of compacted partitions are.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::{BatchSummary, CleanedBatch, KeyedRecord};
use harrow_broker_model::types::{LeaderEpoch, Offset};

use super::log::LogMirror;

/// What is known of the records of a compacted partition.
#[derive(Debug, Default)]
pub struct CompactedRecords {
    pub(super) contents: BTreeMap<(Offset, LeaderEpoch), Vec<KeyedRecord>>,
    /// Batches as their leaders appended them.
    pub(super) originals: BTreeMap<(Offset, LeaderEpoch), BatchSummary>,
    /// What cleaners made of batches, by first offset and checksum.
    pub(super) cleaned: BTreeMap<(Offset, u32), CleanedBatch>,
}

/// In what a replica's log differs from what was written to it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Holes {
    /// Batches of which something is left, by first offset.
    pub changed: BTreeMap<Offset, CleanedBatch>,
    /// First offsets of batches that are not there.
    pub gone: BTreeSet<Offset>,
    /// First offsets of batches that may be missing when the log is opened again.
    pub(super) may_lack: BTreeSet<Offset>,
    /// First offsets of batches that were passed over when others behind them were copied, and that no cleaner took.
    pub unexplained: BTreeSet<Offset>,
}

impl Holes {
    /// Whether the log is as it was written.
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.gone.is_empty()
    }

    /// Whether a record of a batch, as that was written, is there.
    pub fn has(&self, batch: &BatchSummary, offset: Offset) -> bool {
        let left = self.changed.get(&batch.base_offset);
        !self.gone.contains(&batch.base_offset)
            && left.is_none_or(|left| left.records.contains(&offset))
    }

    /// Whether everything in a range of the log was taken by the cleaner.
    pub fn cover(&self, log: &LogMirror, from: Offset, to: Offset) -> bool {
        let mut next = from;
        while next < to {
            let Some(entry) =
                log.entry_at(next).filter(|it| self.gone.contains(&it.batch.base_offset))
            else {
                return false;
            };
            next = entry.end();
        }
        next == to
    }

    pub(super) fn lacks(&mut self, base: Offset) {
        self.changed.remove(&base);
        self.gone.insert(base);
        self.may_lack.insert(base);
    }

    pub(super) fn cut(&mut self, to: Offset) {
        self.changed.split_off(&to);
        self.gone.split_off(&to);
        self.may_lack.split_off(&to);
        self.unexplained.split_off(&to);
    }
}

impl CompactedRecords {
    /// Whether nothing was ever appended that may be compacted.
    pub fn is_empty(&self) -> bool {
        self.contents.is_empty()
    }

    /// The records of a batch as it was written, in order; none if they are not known.
    pub fn of(&self, batch: &BatchSummary) -> &[KeyedRecord] {
        let known = self.contents.get(&(batch.base_offset, batch.leader_epoch));
        known.map_or(&[], Vec::as_slice)
    }

    /// Offsets of the records that a cleaner has left of a batch; none if it is as it was written.
    pub fn left_of(&self, batch: &BatchSummary) -> Option<&[Offset]> {
        let cleaned = self.cleaned.get(&(batch.base_offset, batch.checksum))?;
        Some(&cleaned.records)
    }

    pub(super) fn keys_appended(&mut self, at: (Offset, LeaderEpoch), records: &[KeyedRecord]) {
        self.contents.insert(at, records.to_vec());
    }

    /// The batch that was written, of one that a log has.
    pub(super) fn original_of(&self, batch: &BatchSummary) -> BatchSummary {
        if !self.cleaned.contains_key(&(batch.base_offset, batch.checksum)) {
            return *batch;
        }
        let original = self.originals.get(&(batch.base_offset, batch.leader_epoch));
        original.copied().unwrap_or(*batch)
    }
}

//! Which transactions the cleaner is among, as it goes through a log. Source: Kafka's `CleanedTransactionMetadata`.
//!
//! What was aborted goes at once. A marker stays as long as anything of its transaction does: without it, aborted
//! records would count, and a committed transaction would be open for ever. One object goes through all segments of a
//! round; a new one for each would take a transaction that reaches across for one without records (KAFKA-8351).

use std::collections::{BTreeMap, BTreeSet};

use crate::log::transaction_index::AbortedEntry;
use crate::note::BatchKind;
use crate::record::RecordBatch;
use crate::types::{Offset, ProducerId};

/// Transactions that were begun and not ended in what was read so far.
#[derive(Debug, Default)]
pub(super) struct CleanedTransactions {
    /// Aborted ones that are yet to come, by first offset.
    aborted: BTreeMap<(Offset, ProducerId), AbortedEntry>,
    committed: BTreeSet<ProducerId>,
    /// Aborted ones, and whether a batch of theirs was seen.
    ongoing: BTreeMap<ProducerId, (AbortedEntry, bool)>,
    /// Aborted ones whose marker stays, in the segment that is being cleaned.
    kept: Vec<AbortedEntry>,
}

impl CleanedTransactions {
    /// These are aborted in what is read next.
    pub(super) fn add_aborted(&mut self, entries: impl Iterator<Item = AbortedEntry>) {
        self.aborted.extend(entries.map(|entry| ((entry.first_offset, entry.producer_id), entry)));
    }

    /// The index of the segment that was cleaned.
    pub(super) fn take_kept(&mut self) -> Vec<AbortedEntry> {
        std::mem::take(&mut self.kept)
    }

    /// Reads a batch; whether it may go, as far as transactions are concerned.
    pub(super) fn read(&mut self, batch: &RecordBatch) -> bool {
        self.begin_up_to(batch.last_offset());
        let producer = batch.header().producer_id;
        match batch.kind() {
            BatchKind::AbortMarker => match self.ongoing.remove(&producer) {
                Some((entry, true)) => {
                    self.kept.push(entry);
                    false
                }
                Some((_, false)) | None => true,
            },
            BatchKind::CommitMarker => !self.committed.remove(&producer),
            // Of a marker, nothing is left.
            BatchKind::Control => batch.header().record_count == 0,
            BatchKind::Transactional => {
                if let Some((_, seen)) = self.ongoing.get_mut(&producer) {
                    *seen = true;
                    return true;
                }
                self.committed.insert(producer);
                false
            }
            BatchKind::Plain => false,
        }
    }

    fn begin_up_to(&mut self, offset: Offset) {
        while let Some(first) = self.aborted.first_entry()
            && first.key().0 <= offset
        {
            let entry = first.remove();
            self.ongoing.entry(entry.producer_id).or_insert((entry, false));
        }
    }
}

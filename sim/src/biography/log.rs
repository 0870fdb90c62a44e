//! What happens to a record in logs.

use harrow_broker_model::note::{CleanedBatch, LogNote};
use harrow_broker_model::types::{NodeId, Offset};

use super::{BiographyRecorder, MomentKind, Stage};
use crate::view::{LogEntry, PartitionView};

impl BiographyRecorder {
    pub(super) fn on_log_note(&mut self, stage: Stage<'_>, note: &LogNote) {
        if let LogNote::Appended { partition, batch, origin, .. } = note
            && self.follows(*partition)
            && let Some(record) = self.occupant_left(stage, batch)
        {
            self.push(stage, MomentKind::Appended { record, origin: *origin });
        } else if let LogNote::Truncated { partition, to, reason, .. } = note
            && self.follows(*partition)
            && let Some(record) = self.held_from(stage, *to)
        {
            self.push(stage, MomentKind::Truncated { record, to: to.0, reason: *reason });
        } else if let LogNote::Recovered { partition, batches, .. } = note
            && self.follows(*partition)
        {
            let before = self.held(stage);
            let record = batches.iter().find_map(|batch| self.occupant_left(stage, batch));
            if before.is_some() || record.is_some() {
                self.push(stage, MomentKind::LogRecovered { before, record });
            }
        } else if let LogNote::Cleaned { partition, from, to, end, batches, .. } = note
            && self.follows(*partition)
            && (*from..*to).contains(&self.offset)
        {
            self.on_cleaned(stage, *end, batches);
        }
    }

    /// A segment with the offset was cleaned up to `end`: what the node had here is left, or taken.
    fn on_cleaned(&mut self, stage: Stage<'_>, end: Offset, batches: &[CleanedBatch]) {
        let is_left = batches.iter().any(|batch| batch.records.contains(&self.offset));
        if let Some(record) = self.held(stage).filter(|_| !is_left) {
            let replaced_by = self.replaced_by(stage, end).map(|offset| offset.0);
            self.push(stage, MomentKind::Cleaned { record, replaced_by });
        }
    }

    /// The last record of the same key that the round looked at, if it is a later one.
    fn replaced_by(&self, stage: Stage<'_>, end: Offset) -> Option<Offset> {
        let view = stage.view.partition(self.partition?)?;
        let log = &view.replica(stage.node)?.log;
        let entry = log.entry_at(self.offset)?;
        let keys = keys(view, entry);
        let (_, key) = keys.into_iter().find(|(offset, _)| *offset == self.offset)?;
        let later = log.between(entry.batch.base_offset, end).iter();
        let alike = later.flat_map(|entry| self::keys(view, entry)).filter(|(_, it)| *it == key);
        alike.map(|(offset, _)| offset).rfind(|offset| *offset > self.offset)
    }

    /// Whether a cleaner has taken what was here from a node's log.
    pub(super) fn is_cleaned_away(&self, view: &PartitionView, node: NodeId, base: Offset) -> bool {
        let Some(replica) = view.replica(node) else { return false };
        let changed = replica.holes.changed.get(&base);
        replica.holes.gone.contains(&base)
            || changed.is_some_and(|batch| !batch.records.contains(&self.offset))
    }
}

/// Offsets and keys of the records of a batch, as they were written.
fn keys(view: &PartitionView, entry: &LogEntry) -> Vec<(Offset, u64)> {
    let records = view.compaction.of(&entry.batch).iter().enumerate();
    let base = entry.batch.base_offset;
    records.map(|(index, record)| (base.plus(index as i64), record.key)).collect()
}

//! What happens to a record in logs.

use harrow_broker_model::note::LogNote;

use super::{BiographyRecorder, MomentKind, Stage};

impl BiographyRecorder {
    pub(super) fn on_log_note(&mut self, stage: Stage<'_>, note: &LogNote) {
        if let LogNote::Appended { partition, batch, origin, .. } = note
            && self.follows(*partition)
            && let Some(record) = self.occupant(batch)
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
            let record = batches.iter().find_map(|batch| self.occupant(batch));
            if before.is_some() || record.is_some() {
                self.push(stage, MomentKind::LogRecovered { before, record });
            }
        }
    }
}

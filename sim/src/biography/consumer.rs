//! Who gets a record.

use harrow_broker_model::note::ConsumerNote;

use super::{BiographyRecorder, MomentKind, Stage};

impl BiographyRecorder {
    pub(super) fn on_consumer_note(&mut self, stage: Stage<'_>, note: &ConsumerNote) {
        if let ConsumerNote::RecordsServed { partition, consumer, batches, .. } = note
            && self.follows(*partition)
            && let Some(record) = batches.iter().find_map(|batch| self.occupant_left(stage, batch))
        {
            self.push(stage, MomentKind::Served { record, consumer: *consumer });
        }
    }
}

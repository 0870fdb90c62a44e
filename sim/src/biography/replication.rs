//! What happens to a record by replication.

use harrow_broker_model::note::ReplicationNote;

use super::{BiographyRecorder, Stage};

impl BiographyRecorder {
    pub(super) fn on_replication_note(&mut self, stage: Stage<'_>, note: &ReplicationNote) {
        if let ReplicationNote::HighWatermarkMoved { partition, as_leader, from, to, .. } = note
            && self.follows(*partition)
        {
            self.on_high_watermark(stage, *as_leader, *from, *to);
        }
    }
}

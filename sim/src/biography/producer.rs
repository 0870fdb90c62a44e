//! What producers are told of a record.

use harrow_broker_model::note::ProducerNote;

use super::{BiographyRecorder, MomentKind, RecordIdentity, Stage};

impl BiographyRecorder {
    pub(super) fn on_producer_note(&mut self, stage: Stage<'_>, note: &ProducerNote) {
        if let ProducerNote::ProduceAcknowledged {
            partition,
            leader_epoch,
            base_offset,
            last_offset,
            checksum,
            acks,
            duplicate,
        } = note
            && self.follows(*partition)
            && (*base_offset..=*last_offset).contains(&self.offset)
        {
            let value = self.values.get(&(*base_offset, *checksum)).copied();
            let named = RecordIdentity { value, leader_epoch: *leader_epoch, checksum: *checksum };
            let held = self.held(stage).filter(|held| held.checksum == *checksum);
            let (record, acks, duplicate) = (held.unwrap_or(named), *acks, *duplicate);
            self.push(stage, MomentKind::Acknowledged { record, acks, duplicate });
        }
    }
}

//! What happens to a record of the metadata log by the quorum.

use harrow_broker_model::note::{QuorumNote, QuorumRole};
use harrow_broker_model::types::{Offset, TopicPartition};

use super::{BiographyRecorder, MomentKind, Stage};

impl BiographyRecorder {
    pub(super) fn on_quorum_note(&mut self, stage: Stage<'_>, note: &QuorumNote) {
        if !self.follows(TopicPartition::METADATA) {
            return;
        }
        if let QuorumNote::HighWatermarkMoved { as_leader, to, .. } = note {
            let replica = stage.view.replica(stage.node, TopicPartition::METADATA);
            let from = replica.map_or(Offset::ZERO, |replica| replica.high_watermark);
            self.on_high_watermark(stage, *as_leader, from, *to);
        } else if let QuorumNote::StateChanged { epoch, role: QuorumRole::Leader, .. } = note
            && self.has_begun()
        {
            let record = self.held(stage);
            let kind = MomentKind::Elected { leader_epoch: *epoch, unclean: false, record };
            self.push(stage, kind);
        }
    }
}

//! What happens to a record by elections.

use harrow_broker_model::note::{ControllerNote, MetadataChange, PartitionRegistration};

use super::{BiographyRecorder, MomentKind, Stage};

impl BiographyRecorder {
    pub(super) fn on_controller_note(&mut self, stage: Stage<'_>, note: &ControllerNote) {
        if let ControllerNote::MetadataApplied { offset, change, .. } = note
            && self.has_begun()
            && stage.view.registry().is_news(*offset)
            && let MetadataChange::PartitionChanged { partition, registration, unclean } = &**change
            && self.follows(*partition)
        {
            self.on_registered(stage, registration, *unclean);
        }
    }

    fn on_registered(&mut self, stage: Stage<'_>, next: &PartitionRegistration, unclean: bool) {
        let view = self.partition.and_then(|partition| stage.view.partition(partition));
        let elected = view.and_then(|view| view.newly_elected(next));
        if let Some(leader) = elected {
            let stage = Stage { node: leader, ..stage };
            let (leader_epoch, record) = (next.leader_epoch, self.held(stage));
            self.push(stage, MomentKind::Elected { leader_epoch, unclean, record });
        }
    }
}

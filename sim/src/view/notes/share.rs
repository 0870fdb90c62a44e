//! Facts of share groups.

use harrow_broker_model::note::ShareNote;

use crate::view::ClusterView;

impl ClusterView {
    pub(super) fn on_share_note(&mut self, note: &ShareNote) {
        match note {
            ShareNote::Loaded { group, partition, leader_epoch, start_offset: to, .. }
            | ShareNote::StartOffsetMoved { group, partition, leader_epoch, to, .. } => {
                self.shares.start_offset_moved((group, *partition), *leader_epoch, *to);
            }
            ShareNote::Acquired { .. }
            | ShareNote::AcknowledgementTaken { .. }
            | ShareNote::AcknowledgementAnswered { .. }
            | ShareNote::LockEnded { .. }
            | ShareNote::SessionOpened { .. }
            | ShareNote::SessionClosed { .. }
            | ShareNote::StateRead { .. }
            | ShareNote::StateWritten { .. }
            | ShareNote::StateAppended { .. }
            | ShareNote::Fenced { .. } => {}
        }
    }
}

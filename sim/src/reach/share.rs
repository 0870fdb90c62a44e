//! Marks of share groups.

use harrow_broker_model::note::{LockEnd, ShareNote};
use harrow_broker_model::share_message::AcknowledgeType;

use super::Tally;

impl Tally {
    pub(super) fn share(&mut self, note: &ShareNote) {
        match note {
            ShareNote::Loaded { .. } => self.mark("share-partition-loaded"),
            ShareNote::Acquired { delivery_count: 1, .. } => self.mark("share-record-acquired"),
            ShareNote::Acquired { .. } => self.mark("share-record-redelivered"),
            ShareNote::LockEnded { archived: true, .. }
            | ShareNote::AcknowledgementTaken {
                archived: true,
                what: AcknowledgeType::Release,
                ..
            } => self.mark("share-delivery-limit-reached"),
            ShareNote::LockEnded { why: LockEnd::Expired, .. } => self.mark("share-lock-expired"),
            ShareNote::LockEnded { why: LockEnd::SessionClosed, .. } => {
                self.mark("share-session-released");
            }
            ShareNote::AcknowledgementTaken { what: AcknowledgeType::Reject, .. } => {
                self.mark("share-record-rejected");
            }
            ShareNote::AcknowledgementAnswered { stored: false, .. } => {
                self.mark("share-acknowledgement-failed");
            }
            ShareNote::Fenced { .. } => self.mark("share-leader-fenced"),
            ShareNote::AcknowledgementTaken { .. }
            | ShareNote::AcknowledgementAnswered { .. }
            | ShareNote::StartOffsetMoved { .. }
            | ShareNote::SessionOpened { .. }
            | ShareNote::SessionClosed { .. }
            | ShareNote::StateRead { .. }
            | ShareNote::StateAppended { .. }
            | ShareNote::StateWritten { .. } => {}
        }
    }
}

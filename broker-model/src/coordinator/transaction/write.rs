//! A record of the transaction log under way.

use crate::types::LeaderEpoch;

use super::metadata::TransactionRecord;
use super::todo::Asker;

/// A record under way.
#[derive(Debug)]
pub(super) struct Write {
    pub(super) partition: i32,
    /// In which epoch of the partition it was prepared: it means nothing in another.
    pub(super) coordinator_epoch: LeaderEpoch,
    pub(super) transactional_id: String,
    pub(super) next: TransactionRecord,
    pub(super) then: Then,
}

/// What follows.
#[derive(Debug)]
pub(super) enum Then {
    /// Who asked is answered.
    Answer(Asker),
    /// Who asked is answered, and the markers go out.
    SendMarkers {
        asker: Asker,
        /// Whether it aborts for another producer, or for nobody.
        fences: bool,
    },
    /// The transaction is complete.
    Complete,
    /// The id is forgotten.
    Forget,
}

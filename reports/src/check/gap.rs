//! Offsets that were passed over.

use harrow_sim::history::{History, NEVER};

use super::anomaly::Anomaly;
use super::occurrence::{Observation, OccurrenceContext};

/// Offsets that were passed over: an anomaly if a record stands among them.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gap {
    pub(super) anomaly: Anomaly,
    pub(super) partition: u32,
    /// The next offset, where it was gone on from.
    pub(super) stood: i64,
    /// The least offset where it may have stood instead, for all that is known of commits of unknown outcome.
    pub(super) stood_least: i64,
    /// The first offset passed over, at which the log goes on.
    pub(super) first: i64,
    /// The offset that was gone on to.
    pub(super) end: i64,
    /// Values that do not count.
    pub(super) but: [u64; 2],
    /// What went on behind it.
    pub(super) subject: Observation,
    pub(super) context: OccurrenceContext,
}

impl Gap {
    /// By when a record must have been sent to be passed over, in nanoseconds. A commit passes over what is yet to
    /// come as well.
    pub(super) fn sent_by_ns(&self, history: &History) -> u64 {
        let commit = self.anomaly == Anomaly::CommitBeyondPosition;
        if commit { NEVER } else { history.row(self.subject.operation).completed_ns }
    }
}

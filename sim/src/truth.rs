//! What is true of each partition at the end of a run, for those who judge what clients saw.
//!
//! Clients know what they were told. Whether a record that was acknowledged is in the committed log, was there once, or
//! never was, only the cluster itself knows: this is that knowledge, as data.

use harrow_broker_model::note::DeletionReason;
use harrow_broker_model::types::{LeaderEpoch, NodeId};

/// A partition as it truly was when the run ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PartitionTruth {
    /// Its name, such as `orders-0`.
    pub name: String,
    /// First offset that may be read.
    pub log_start_offset: i64,
    /// A reader with `read_committed` gets what is below. The true high watermark as long as there are no
    /// transactions.
    pub last_stable_offset: i64,
    /// The true high watermark: everything below is committed.
    pub high_watermark: i64,
    /// Each time that records were deleted further than any replica had before, oldest first.
    pub deletions: Vec<Deletion>,
    /// When its topic was deleted, if it was: true time, in nanoseconds. Nothing need be there since.
    pub deleted_ns: Option<u64>,
    /// Each time that a client which knew of another topic of its name was told of this one, in order: it goes on where
    /// it stood. True times, in nanoseconds.
    pub taken_for_another_ns: Vec<u64>,
    /// Each time that committed records were lost, oldest first.
    pub losses: Vec<Loss>,
    /// The newest epoch whose election lost committed records or was unclean: what leaders of earlier epochs
    /// acknowledge binds nobody.
    pub lost_in: Option<LeaderEpoch>,
    /// Each time that a leader was elected after the first one, oldest first.
    pub elections: Vec<Election>,
    /// Whether its topic is compacted.
    pub compacted: bool,
    /// What leaders acknowledged, oldest first.
    pub acknowledged: Vec<Acknowledged>,
}

/// A replica deleted records at its log's front, as retention or a client had it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deletion {
    /// True time, in nanoseconds.
    pub at_ns: u64,
    /// Where its log begins since.
    pub end: i64,
    /// Why.
    pub reason: DeletionReason,
}

/// The controller chose a leader, and an epoch for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Election {
    /// True time, in nanoseconds.
    pub at_ns: u64,
    /// In which epoch it leads.
    pub leader_epoch: LeaderEpoch,
}

/// Committed records were lost: a leader that does not hold them was elected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// True time, in nanoseconds.
    pub at_ns: u64,
    /// First offset that is gone.
    pub first: i64,
    /// The offset after the last one that is gone.
    pub end: i64,
    /// Who leads without them.
    pub leader: NodeId,
    /// In which epoch.
    pub leader_epoch: LeaderEpoch,
}

impl Loss {
    /// Whether it took what was at this offset.
    pub fn covers(&self, offset: i64) -> bool {
        self.first <= offset && offset < self.end
    }
}

/// A leader answered a produce with success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// True time, in nanoseconds.
    pub at_ns: u64,
    /// First offset told.
    pub first: i64,
    /// Last offset told.
    pub last: i64,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// As asked for: -1 is all.
    pub acks: i16,
    /// Whether the batch is in the committed log, at this place, when the run ends.
    pub committed: bool,
}

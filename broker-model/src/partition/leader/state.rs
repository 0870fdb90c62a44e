//! What a leader keeps for its epoch.

use crate::partition::isr_state::IsrState;
use crate::partition::progress::FollowerProgress;
use crate::types::{BrokerEpoch, NodeId, Offset};

/// What a leader keeps for its epoch.
#[derive(Debug)]
pub(in crate::partition) struct LeaderState {
    /// Its log end when it became leader.
    pub(in crate::partition) epoch_start_offset: Offset,
    /// The in-sync replicas.
    pub(in crate::partition) isr: IsrState,
    pub(super) followers: Vec<FollowerProgress>,
    /// Produces with acks=all that wait for the high watermark, in order of offset.
    pub(super) waiting: Vec<WaitingProduce>,
}

impl LeaderState {
    pub(in crate::partition) fn follower(&self, replica: NodeId) -> Option<&FollowerProgress> {
        self.followers.iter().find(|progress| progress.replica == replica)
    }

    /// The broker epoch in which a replica is known: its own if it is `own`, else that of its last fetch.
    pub(in crate::partition) fn broker_epoch_of(
        &self,
        replica: NodeId,
        own: (NodeId, BrokerEpoch),
    ) -> BrokerEpoch {
        if replica == own.0 {
            return own.1;
        }
        self.follower(replica)
            .and_then(|progress| progress.broker_epoch)
            .unwrap_or(BrokerEpoch::NONE)
    }

    /// Asserts what a wait adds: the new one at `at` stands between its neighbours.
    pub(super) fn check_waiting_at(&self, at: usize) {
        let last = |index: usize| self.waiting.get(index).map(WaitingProduce::last_offset);
        let ordered = at.checked_sub(1).is_none_or(|before| last(before) <= last(at))
            && last(at + 1).is_none_or(|after| last(at) <= Some(after));
        assert!(ordered, "waiting produces are out of order at {at}: {:?}", self.waiting);
    }
}

/// Names a produce that waits; chosen by the broker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ProduceTicket(pub u64);

/// A batch that is appended and not yet committed.
#[derive(Debug)]
pub(super) struct WaitingProduce {
    pub(super) ticket: ProduceTicket,
    pub(super) ack: ProduceAck,
    pub(super) checksum: u32,
    pub(super) duplicate: bool,
}

impl WaitingProduce {
    pub(super) fn last_offset(&self) -> Offset {
        self.ack.last_offset
    }
}

/// Where a batch is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProduceAck {
    /// Its first offset.
    pub base_offset: Offset,
    /// Its last offset.
    pub last_offset: Offset,
}

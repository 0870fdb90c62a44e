//! What a leader keeps for its epoch.

use crate::defect::{Defects, ReplicationDefect};
use crate::partition::isr_state::IsrState;
use crate::partition::progress::FollowerProgress;
use crate::types::{BrokerEpoch, NodeId, Offset, TopicPartition};

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

    /// Asserts what must hold of a leader between two calls: it knows each follower, its epoch began in its log, who
    /// waits waits for what is appended and not committed.
    pub(in crate::partition) fn self_check(
        &self,
        id: TopicPartition,
        (high_watermark, end): (Offset, Offset),
        replicas: usize,
        defects: Defects,
    ) {
        let (start, followers) = (self.epoch_start_offset, self.followers.len());
        assert!(start <= end, "{id}: the epoch began at {start}, the log ends at {end}");
        assert!(followers + 1 == replicas, "{id}: {followers} followers of {replicas} replicas");
        let (first, last) = (self.waiting.first(), self.waiting.last());
        assert!(
            last.is_none_or(|last| last.last_offset() < end),
            "{id}: {last:?} waits, and the log ends at {end}"
        );
        // What a proposed ISR commits is looked at with the next fetch.
        let late = defects.has(ReplicationDefect::HwUsesProposedIsr);
        assert!(
            late || first.is_none_or(|first| first.last_offset() >= high_watermark),
            "{id}: {first:?} waits, and {high_watermark} is committed"
        );
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

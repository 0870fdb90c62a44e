//! Markers under way: to each leader of a partition of the transaction, until all have written them. Source: KIP-98,
//! Kafka's `TransactionMarkerChannelManager`, `TransactionMarkerRequestCompletionHandler`.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::ms;
use crate::message::{WritableMarker, WriteTxnMarkersRequest};
use crate::node::Deadline;
use crate::proto::ErrorCode;
use crate::record::TransactionMarker;
use crate::types::{LeaderEpoch, NodeId, Now, Time, TopicPartition, TransactionOrdinal};

/// Pause before a marker is sent again, in milliseconds. Source: `retry.backoff.ms`.
const RETRY_BACKOFF_MS: u64 = 100;

/// A partition of the transaction log, and a transactional id in it.
pub(super) type Key = (i32, String);

/// Names a request with markers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct MarkerRequest(pub(crate) u64);

/// Markers for one broker.
#[derive(Debug)]
pub(crate) struct MarkersToSend {
    pub(crate) to: NodeId,
    pub(crate) request: MarkerRequest,
    pub(crate) body: WriteTxnMarkersRequest,
}

/// All markers under way.
#[derive(Debug, Default)]
pub(super) struct Markers {
    pub(super) pending: BTreeMap<Key, Pending>,
    pub(super) requests: BTreeMap<MarkerRequest, Vec<Sent>>,
    pub(super) last_request: u64,
}

/// What was sent of a transaction in one request.
#[derive(Debug)]
pub(super) struct Sent {
    pub(super) key: Key,
    pub(super) coordinator_epoch: LeaderEpoch,
    pub(super) partitions: Vec<TopicPartition>,
}

/// One transaction whose markers are not all written, or whose end is not.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) marker: TransactionMarker,
    pub(super) transaction: TransactionOrdinal,
    /// Partitions to be sent to.
    pub(super) waiting: BTreeSet<TopicPartition>,
    /// Partitions that were sent to and have not answered.
    pub(super) in_flight: BTreeSet<TopicPartition>,
    pub(super) not_before: Time,
    /// All are written: the end is to be written, again after a failure.
    pub(super) complete_due: bool,
}

impl Markers {
    /// Nothing of this partition of the log counts any more.
    pub(super) fn forget(&mut self, partition: i32) {
        self.pending.retain(|(other, _), _| *other != partition);
    }

    pub(super) fn count(&self) -> usize {
        self.pending.len()
    }

    /// The end of a transaction could not be written.
    pub(super) fn complete_again(&mut self, now: Now, (partition, id): (i32, &str)) {
        if let Some(pending) = self.pending.get_mut(&(partition, id.to_owned())) {
            pending.complete_due = true;
            pending.not_before = now.time + ms(RETRY_BACKOFF_MS);
        }
    }

    /// When something may be sent.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let due = |pending: &&Pending| !pending.waiting.is_empty() || pending.complete_due;
        let at = self.pending.values().filter(due).map(|pending| pending.not_before).min()?;
        Some(Deadline { at, why: "transaction markers are due" })
    }

    /// Leaves out what nobody can write any more; the transactions for which that was all there was to wait for.
    pub(super) fn skip(&mut self, is_gone: impl Fn(TopicPartition) -> bool) -> Vec<Key> {
        let mut written = Vec::new();
        for (key, pending) in &mut self.pending {
            let before = pending.waiting.len();
            pending.waiting.retain(|partition| !is_gone(*partition));
            let is_rest = pending.waiting.len() < before && pending.waiting.is_empty();
            if is_rest && pending.in_flight.is_empty() {
                written.push(key.clone());
            }
        }
        written
    }

    /// Takes what may be sent now, by leader.
    pub(super) fn take(
        &mut self,
        now: Time,
        leader_of: impl Fn(TopicPartition) -> Option<NodeId>,
    ) -> BTreeMap<NodeId, Vec<(Key, WritableMarker)>> {
        let mut by_leader: BTreeMap<NodeId, Vec<(Key, WritableMarker)>> = BTreeMap::new();
        for (key, pending) in &mut self.pending {
            if pending.not_before > now || pending.waiting.is_empty() {
                continue;
            }
            let mut leaders: BTreeMap<NodeId, Vec<TopicPartition>> = BTreeMap::new();
            for partition in &pending.waiting {
                if let Some(leader) = leader_of(*partition) {
                    leaders.entry(leader).or_default().push(*partition);
                }
            }
            for (leader, partitions) in leaders {
                for partition in &partitions {
                    pending.waiting.remove(partition);
                    pending.in_flight.insert(*partition);
                }
                let (marker, transaction) = (pending.marker, pending.transaction);
                let marker = WritableMarker { marker, transaction, partitions };
                by_leader.entry(leader).or_default().push((key.clone(), marker));
            }
            // Who has no leader now is looked at again.
            pending.not_before = now + ms(RETRY_BACKOFF_MS);
        }
        by_leader
    }

    /// Takes an answer, or a loss, of one transaction's part of a request: whether all its markers are written, and
    /// the epoch in which its coordinator is; none if it is for nobody any more.
    pub(super) fn answered(
        &mut self,
        now: Time,
        sent: &Sent,
        results: &[Option<ErrorCode>],
    ) -> Option<(bool, LeaderEpoch)> {
        let pending = self.pending.get_mut(&sent.key)?;
        let own = pending.marker.coordinator_epoch;
        if own != sent.coordinator_epoch {
            return None;
        }
        for (at, partition) in sent.partitions.iter().enumerate() {
            let error = results.get(at).copied().unwrap_or(Some(ErrorCode::UnknownServerError));
            match error {
                None => {
                    pending.in_flight.remove(partition);
                }
                Some(ErrorCode::InvalidProducerEpoch | ErrorCode::TransactionCoordinatorFenced) => {
                    // A newer coordinator, or a newer transaction: these markers are not this one's to write.
                    self.pending.remove(&sent.key);
                    return Some((false, own));
                }
                Some(_) => {
                    if pending.in_flight.remove(partition) {
                        pending.waiting.insert(*partition);
                        pending.not_before = now + ms(RETRY_BACKOFF_MS);
                    }
                }
            }
        }
        Some((pending.waiting.is_empty() && pending.in_flight.is_empty(), own))
    }
}

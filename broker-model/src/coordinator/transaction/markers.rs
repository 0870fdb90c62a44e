//! Markers under way: to each leader of a partition of the transaction, until all have written them. Source: KIP-98,
//! Kafka's `TransactionMarkerChannelManager`, `TransactionMarkerRequestCompletionHandler`.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::ms;
use crate::message::{WritableMarker, WriteTxnMarkersRequest, WriteTxnMarkersResponse};
use crate::node::Deadline;
use crate::proto::ErrorCode;
use crate::record::{TransactionMarker, TransactionResult};
use crate::types::{LeaderEpoch, NodeId, Now, Time, TopicPartition, TransactionOrdinal};

use super::TransactionCoordinator;

/// Pause before a marker is sent again, in milliseconds. Source: `retry.backoff.ms`.
const RETRY_BACKOFF_MS: u64 = 100;

/// A partition of the transaction log, and a transactional id in it.
type Key = (i32, String);

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
    pending: BTreeMap<Key, Pending>,
    requests: BTreeMap<MarkerRequest, Vec<Sent>>,
    last_request: u64,
}

/// What was sent of a transaction in one request.
#[derive(Debug)]
struct Sent {
    key: Key,
    coordinator_epoch: LeaderEpoch,
    partitions: Vec<TopicPartition>,
}

/// One transaction whose markers are not all written, or whose end is not.
#[derive(Debug)]
struct Pending {
    marker: TransactionMarker,
    transaction: TransactionOrdinal,
    /// Partitions to be sent to.
    waiting: BTreeSet<TopicPartition>,
    /// Partitions that were sent to and have not answered.
    in_flight: BTreeSet<TopicPartition>,
    not_before: Time,
    /// All are written: the end is to be written, again after a failure.
    complete_due: bool,
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

    /// Takes what may be sent now, by leader.
    fn take(
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

    /// Takes an answer, or a loss, of one transaction's part of a request; true if all its markers are written.
    fn answered(&mut self, now: Time, sent: &Sent, results: &[Option<ErrorCode>]) -> bool {
        let Some(pending) = self.pending.get_mut(&sent.key) else { return false };
        if pending.marker.coordinator_epoch != sent.coordinator_epoch {
            return false;
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
                    return false;
                }
                Some(_) => {
                    if pending.in_flight.remove(partition) {
                        pending.waiting.insert(*partition);
                        pending.not_before = now + ms(RETRY_BACKOFF_MS);
                    }
                }
            }
        }
        pending.waiting.is_empty() && pending.in_flight.is_empty()
    }
}

impl TransactionCoordinator {
    /// Has the markers of a decided transaction written. Source: `TransactionMarkerChannelManager.addTxnMarkersToSend`.
    pub(super) fn send_markers(
        &mut self,
        now: Now,
        partition: i32,
        id: &str,
        result: TransactionResult,
    ) {
        let Ok((coordinator_epoch, metadata)) = self.known(partition, id) else { return };
        let record = &metadata.now;
        let marker = TransactionMarker {
            producer_id: record.producer_id,
            producer_epoch: record.epoch,
            result,
            coordinator_epoch,
        };
        let pending = Pending {
            marker,
            transaction: record.ordinal,
            waiting: record.partitions.clone(),
            in_flight: BTreeSet::new(),
            not_before: now.time,
            complete_due: false,
        };
        let empty = pending.waiting.is_empty();
        self.markers.pending.insert((partition, id.to_owned()), pending);
        if empty {
            self.complete(now, partition, id);
        }
    }

    /// Markers that are to be sent now; partitions that have no leader wait.
    pub(crate) fn markers_to_send(
        &mut self,
        now: Now,
        leader_of: impl Fn(TopicPartition) -> Option<NodeId>,
    ) -> Vec<MarkersToSend> {
        self.complete_due(now);
        let mut requests = Vec::new();
        for (to, parts) in self.markers.take(now.time, leader_of) {
            self.markers.last_request += 1;
            let request = MarkerRequest(self.markers.last_request);
            let mut markers = Vec::with_capacity(parts.len());
            let mut sent = Vec::with_capacity(parts.len());
            for (key, marker) in parts {
                let coordinator_epoch = marker.marker.coordinator_epoch;
                let partitions = marker.partitions.clone();
                sent.push(Sent { key, coordinator_epoch, partitions });
                markers.push(marker);
            }
            self.markers.requests.insert(request, sent);
            requests.push(MarkersToSend { to, request, body: WriteTxnMarkersRequest { markers } });
        }
        requests
    }

    fn complete_due(&mut self, now: Now) {
        let due = |pending: &Pending| pending.complete_due && pending.not_before <= now.time;
        let all = self.markers.pending.iter_mut();
        let mut again: Vec<Key> = Vec::new();
        for (key, pending) in all.filter(|(_, pending)| due(pending)) {
            pending.complete_due = false;
            again.push(key.clone());
        }
        for (partition, id) in again {
            self.complete(now, partition, &id);
        }
    }

    /// A leader answered, or its answer is lost.
    pub(crate) fn markers_answered(
        &mut self,
        now: Now,
        request: MarkerRequest,
        response: Option<&WriteTxnMarkersResponse>,
    ) {
        let Some(sent) = self.markers.requests.remove(&request) else { return };
        for (at, part) in sent.iter().enumerate() {
            let results = response.and_then(|response| response.results.get(at));
            let results: Vec<Option<ErrorCode>> = match results {
                Some(results) => results.iter().map(|(_, error)| *error).collect(),
                None => vec![Some(ErrorCode::NetworkException); part.partitions.len()],
            };
            if self.markers.answered(now.time, part, &results) {
                let (partition, id) = &part.key;
                self.complete(now, *partition, id);
            }
        }
    }

    /// The end of a transaction is written.
    pub(super) fn markers_done(&mut self, partition: i32, id: &str) {
        self.markers.pending.remove(&(partition, id.to_owned()));
    }
}

//! The markers of decided transactions are sent, and sent again, until all are written. Source: KIP-98, Kafka's
//! `TransactionMarkerChannelManager`, `TransactionMarkerRequestCompletionHandler`.

use std::collections::BTreeSet;

use crate::message::{WriteTxnMarkersRequest, WriteTxnMarkersResponse};
use crate::note::{Api, ExchangeNote, Standing};
use crate::proto::ErrorCode;
use crate::record::{TransactionMarker, TransactionResult};
use crate::types::{LeaderEpoch, NodeId, Now, TopicPartition};

use super::markers::{Key, MarkerRequest, MarkersToSend, Pending, Sent};
use super::{Todo, TransactionCoordinator};

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

    /// Whether nothing waits for its turn, and no transaction for its markers.
    pub(crate) fn has_nothing_to_send(&self) -> bool {
        self.is_idle() && self.markers.pending.is_empty()
    }

    /// A partition whose topic is deleted needs no marker: else the transaction would never end, and its producer never
    /// begin another. Kafka passes over any partition of which the coordinator knows no leader, whether it is gone or
    /// not heard of yet. Source: `TransactionMarkerChannelManager.addTxnMarkersToBrokerQueue`.
    pub(crate) fn skip_deleted(&mut self, now: Now, is_gone: impl Fn(TopicPartition) -> bool) {
        for (partition, id) in self.markers.skip(is_gone) {
            self.complete(now, partition, &id);
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
            let (partition, id) = &part.key;
            let answered = self.markers.answered(now.time, part, &results);
            if let Some((_, own)) = answered {
                self.todo.push_back(Todo::Exchanged(markers_took(part.coordinator_epoch, own)));
            }
            if let Some((true, _)) = answered {
                self.complete(now, *partition, id);
            }
            self.self_check(*partition, id);
        }
    }

    /// The end of a transaction is written.
    pub(super) fn markers_done(&mut self, partition: i32, id: &str) {
        self.markers.pending.remove(&(partition, id.to_owned()));
    }
}

/// The fact that an answer about markers counts, by the epoch of the coordinator that asked, and the present one.
fn markers_took(asked: LeaderEpoch, own: LeaderEpoch) -> ExchangeNote {
    let standing = |epoch: LeaderEpoch| Standing { epoch: i64::from(epoch.0), position: -1 };
    let (asked, own) = (standing(asked), standing(own));
    ExchangeNote::AnswerApplied { api: Api::WriteTxnMarkers, partition: None, asked, own }
}

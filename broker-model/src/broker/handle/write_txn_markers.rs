//! `WriteTxnMarkers`: a coordinator has the end of transactions written. Source: KIP-98, Kafka's
//! `KafkaApis.handleWriteTxnMarkersRequest`.

use crate::broker::pending_transactions::{MarkerBatch, MarkerSource, Owner};
use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::defect::TransactionDefect;
use crate::log::AppendRights;
use crate::message::{
    PeerResponse, ResponseBody, WritableMarker, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use crate::node::Effects;
use crate::note::{Api, ExchangeNote, TransactionNote};
use crate::partition::ProduceOutcome;
use crate::proto::ErrorCode;
use crate::types::{NodeId, Now, TopicPartition};

impl Broker {
    pub(super) fn on_write_txn_markers(
        &mut self,
        now: Now,
        caller: Caller,
        request: &WriteTxnMarkersRequest,
        effects: &mut Effects,
    ) {
        self.write_markers(now, MarkerSource::Remote(caller), request, effects);
    }

    /// Writes markers, each on its partitions; the answer goes out when all are decided.
    pub(in crate::broker) fn write_markers(
        &mut self,
        now: Now,
        from: MarkerSource,
        request: &WriteTxnMarkersRequest,
        effects: &mut Effects,
    ) {
        let administrator = matches!(from, MarkerSource::Administrator(..));
        let rights = AppendRights { coordinator: true, administrator, ..AppendRights::default() };
        let batch = self.transactions.number();
        let unknown = Some(ErrorCode::UnknownServerError);
        let blank = |marker: &WritableMarker| {
            marker.partitions.iter().map(|partition| (*partition, unknown)).collect()
        };
        let response =
            WriteTxnMarkersResponse { results: request.markers.iter().map(blank).collect() };
        let undecided = request.markers.iter().map(|marker| marker.partitions.len()).sum();
        self.transactions.marker_batches.insert(batch, MarkerBatch { from, response, undecided });
        for (at, marker) in request.markers.iter().enumerate() {
            for (index, partition) in marker.partitions.iter().enumerate() {
                let owner = Owner::Marker(batch, (at, index));
                self.write_marker(now, (marker, rights), *partition, owner, effects);
            }
        }
    }

    fn write_marker(
        &mut self,
        now: Now,
        (marker, rights): (&WritableMarker, AppendRights),
        id: TopicPartition,
        owner: Owner,
        effects: &mut Effects,
    ) {
        let ticket = self.purgatory.new_ticket();
        let batch = marker.marker.batch(now.wall);
        if let Err(error) = self.takes_markers(id) {
            let refused = ProduceOutcome::Refused(error);
            return self.follow_append(now, (ticket, id), &refused, owner, effects);
        }
        let of_group = self.internal_topics.kind_of(id.topic) == Some(CoordinatorKind::Group);
        let bug = TransactionDefect::MarkerAnsweredEarly;
        let answers_early = of_group && self.context.config.defects.has(bug);
        let (context, partitions) = self.partition_context(now);
        let partition = partitions.get_mut(&id).expect("it takes markers");
        if partition.takes_marker(&marker.marker, rights) {
            let (producer_id, transaction) = (marker.marker.producer_id, marker.transaction);
            effects.note(if rights.administrator {
                TransactionNote::MarkerForced { partition: id, producer_id }
            } else {
                TransactionNote::BatchAttributed { partition: id, producer_id, transaction }
            });
        }
        let before = partition.log().coordinator_epoch(marker.marker.producer_id);
        let acks = if answers_early { 1 } else { -1 };
        let outcome =
            partition.produce_verified(context, Ok(&batch), (acks, rights), ticket, effects);
        if !matches!(outcome, ProduceOutcome::Refused(_)) {
            effects.note(ExchangeNote::RequestServed {
                api: Api::WriteTxnMarkers,
                partition: Some(id),
                by: self.asker_of(owner),
                named: i64::from(marker.marker.coordinator_epoch.0),
                own: i64::from(before.0),
            });
        }
        self.touched.push(id);
        self.follow_append(now, (ticket, id), &outcome, owner, effects);
    }

    /// Who asked for a marker.
    fn asker_of(&self, owner: Owner) -> NodeId {
        let Owner::Marker(batch, _) = owner else { return self.context.node };
        match self.transactions.marker_batches.get(&batch).map(|batch| &batch.from) {
            Some(MarkerSource::Remote(caller) | MarkerSource::Administrator(caller, _)) => {
                caller.from
            }
            Some(MarkerSource::Own(_)) | None => self.context.node,
        }
    }

    /// Whether markers for a partition are this broker's business. Those for offsets are the group coordinator's, once
    /// it has loaded them. Source: `KafkaApis.handleWriteTxnMarkersRequest`, `GroupCoordinator.completeTransaction`.
    fn takes_markers(&mut self, id: TopicPartition) -> Result<(), ErrorCode> {
        if !self.partitions.contains_key(&id) {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        if self.internal_topics.kind_of(id.topic) == Some(CoordinatorKind::Group) {
            self.groups.serves(id.partition).map_err(|_| ErrorCode::NotLeaderOrFollower)?;
        }
        Ok(())
    }

    /// One marker is written, or is not; the last one sends the answer.
    pub(in crate::broker) fn marker_ended(
        &mut self,
        now: Now,
        (batch, (at, index)): (u64, (usize, usize)),
        error: Option<ErrorCode>,
        effects: &mut Effects,
    ) {
        let batches = &mut self.transactions.marker_batches;
        let Some(known) = batches.get_mut(&batch) else { return };
        known.response.results[at][index].1 = error;
        known.undecided -= 1;
        if known.undecided > 0 {
            return;
        }
        let Some(MarkerBatch { from, response, .. }) = batches.remove(&batch) else { return };
        match from {
            MarkerSource::Remote(caller) => {
                let body = ResponseBody::Peer(PeerResponse::WriteTxnMarkers(Box::new(response)));
                self.connections.reply(caller, body, effects);
            }
            MarkerSource::Administrator(caller, request) => {
                self.markers_forced(caller, &request, &response, effects);
            }
            MarkerSource::Own(request) => {
                let coordinator = &mut self.transactions.coordinator;
                coordinator.markers_answered(now, request, Some(&response));
            }
        }
    }
}

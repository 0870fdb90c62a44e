//! What administrators ask of transactions: to find those that hang, and to end them. Source: KIP-664; Kafka's
//! `KafkaApis.handleListTransactionsRequest`, `KafkaApis.handleDescribeTransactionsRequest`,
//! `KafkaApis.handleDescribeProducersRequest`, `KafkaApis.handleWriteTxnMarkersRequest`.
//!
//! An administrator's marker is one as a coordinator sends it, with the epochs of the records that hang. It is judged
//! by them alone: nobody asks the coordinator whether the transaction is over, so that who names a transaction that
//! goes on tears it.

use std::collections::BTreeMap;

use crate::broker::pending_transactions::MarkerSource;
use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::log::ActiveProducer;
use crate::message::{
    ClientResponse, ResponseBody, WritableMarker, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use crate::metadata::is_topic_name;
use crate::node::Effects;
use crate::proto::{
    DescribeProducersRequest, DescribeProducersResponse, DescribeTransactionsRequest,
    DescribeTransactionsResponse, DescribedProducer, DescribedProducers, ErrorCode,
    ProducersOfTopic, ProducersOfTopicRequest, TxnMarkersRequest, TxnMarkersResponse,
    WireProducerId, WritableTxnMarker, WrittenTxnMarker,
};
use crate::record::{TransactionMarker, TransactionResult};
use crate::transaction_admin_message::{
    TransactionAdminRequest, TransactionAdminResponse, written,
};
use crate::types::{
    LeaderEpoch, Now, Offset, ProducerEpoch, ProducerId, TopicId, TopicPartition,
    TransactionOrdinal,
};

/// A partition that is not there.
const NOWHERE: TopicPartition = TopicPartition { topic: TopicId(u32::MAX), partition: -1 };

impl Broker {
    pub(super) fn on_transaction_admin(
        &mut self,
        now: Now,
        caller: Caller,
        request: &TransactionAdminRequest,
        effects: &mut Effects,
    ) {
        let response = match request {
            TransactionAdminRequest::ListTransactions(request) => {
                let response = self.transactions.coordinator.list(now, request);
                TransactionAdminResponse::ListTransactions(response)
            }
            TransactionAdminRequest::DescribeTransactions(request) => {
                TransactionAdminResponse::DescribeTransactions(self.describe_transactions(request))
            }
            TransactionAdminRequest::DescribeProducers(request) => {
                TransactionAdminResponse::DescribeProducers(self.describe_producers(request))
            }
            TransactionAdminRequest::WriteTxnMarkers(request) => {
                return self.force_markers(now, caller, request, effects);
            }
        };
        self.administered(caller, response, effects);
    }

    fn administered(
        &mut self,
        caller: Caller,
        response: TransactionAdminResponse,
        effects: &mut Effects,
    ) {
        let body = ResponseBody::Client(ClientResponse::TransactionAdmin(Box::new(response)));
        self.connections.reply(caller, body, effects);
    }

    fn describe_transactions(
        &mut self,
        request: &DescribeTransactionsRequest,
    ) -> DescribeTransactionsResponse {
        let mut states = Vec::with_capacity(request.transactional_ids.len());
        for id in &request.transactional_ids {
            let partition = self.partition_of_key(CoordinatorKind::Transaction, id.as_str());
            let image = self.metadata.image();
            states.push(self.transactions.coordinator.describe((id, partition), image));
        }
        DescribeTransactionsResponse::default().with_transaction_states(states)
    }

    fn describe_producers(&self, request: &DescribeProducersRequest) -> DescribeProducersResponse {
        let topics = request.topics.iter().map(|topic| self.producers_of(topic));
        DescribeProducersResponse::default().with_topics(topics.collect())
    }

    /// Any replica tells what its own log says. Source: `ReplicaManager.activeProducerState`.
    fn producers_of(&self, topic: &ProducersOfTopicRequest) -> ProducersOfTopic {
        let partitions = topic.partition_indexes.iter().map(|index| {
            let answer = DescribedProducers::default().with_partition_index(*index);
            if !is_topic_name(topic.name.as_str()) {
                return answer.with_error_code(ErrorCode::InvalidTopicException.code());
            }
            match self.hosted(&topic.name, *index) {
                Ok(partition) => {
                    let producers = partition.log().active_producers().into_iter().map(described);
                    answer.with_active_producers(producers.collect())
                }
                Err(error) => answer.with_error_code(error.code()),
            }
        });
        ProducersOfTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    }

    /// Each marker is for the partitions of its topics, in that order; a partition that is not there is nobody's.
    fn force_markers(
        &mut self,
        now: Now,
        caller: Caller,
        request: &TxnMarkersRequest,
        effects: &mut Effects,
    ) {
        let markers: Vec<WritableMarker> =
            request.markers.iter().map(|wanted| self.forced_marker(wanted)).collect();
        if markers.iter().all(|marker| marker.partitions.is_empty()) {
            let response = forced(request, |_, _| 0);
            return self.administered(caller, response, effects);
        }
        let from = MarkerSource::Administrator(caller, Box::new(request.clone()));
        self.write_markers(now, from, &WriteTxnMarkersRequest { markers }, effects);
    }

    fn forced_marker(&self, wanted: &WritableTxnMarker) -> WritableMarker {
        let commits = wanted.transaction_result;
        let marker = TransactionMarker {
            producer_id: ProducerId(wanted.producer_id.0),
            producer_epoch: ProducerEpoch(wanted.producer_epoch),
            result: if commits { TransactionResult::Commit } else { TransactionResult::Abort },
            coordinator_epoch: LeaderEpoch(wanted.coordinator_epoch),
        };
        let partitions = wanted.topics.iter().flat_map(|topic| {
            let indexes = topic.partition_indexes.iter();
            indexes.map(|index| self.resolve(&topic.name, *index).unwrap_or(NOWHERE))
        });
        // An administrator does not count transactions.
        let transaction = TransactionOrdinal::default();
        WritableMarker { marker, transaction, partitions: partitions.collect() }
    }

    /// All markers of an administrator are written, or are not.
    pub(super) fn markers_forced(
        &mut self,
        caller: Caller,
        request: &TxnMarkersRequest,
        written: &WriteTxnMarkersResponse,
        effects: &mut Effects,
    ) {
        let code_of = |marker: usize, place: usize| {
            written.results[marker][place].1.map_or(0, |error| error.code())
        };
        self.administered(caller, forced(request, code_of), effects);
    }
}

/// One answer for each producer id, in their order; of two markers on one partition the later one's counts. Source:
/// `KafkaApis.handleWriteTxnMarkersRequest`, whose errors are kept by producer id.
fn by_producer(markers: impl Iterator<Item = WrittenTxnMarker>) -> Vec<WrittenTxnMarker> {
    let mut merged: BTreeMap<i64, WrittenTxnMarker> = BTreeMap::new();
    for marker in markers {
        let Some(known) = merged.get_mut(&marker.producer_id.0) else {
            merged.insert(marker.producer_id.0, marker);
            continue;
        };
        for topic in marker.topics {
            known.topics.retain_mut(|before| {
                let same = before.name == topic.name;
                let indexes: Vec<i32> =
                    topic.partitions.iter().map(|it| it.partition_index).collect();
                before.partitions.retain(|it| !same || !indexes.contains(&it.partition_index));
                !before.partitions.is_empty()
            });
            known.topics.push(topic);
        }
    }
    merged.into_values().collect()
}

/// The answer to an administrator, with an error code for each partition by marker and place.
fn forced(
    request: &TxnMarkersRequest,
    code_of: impl Fn(usize, usize) -> i16,
) -> TransactionAdminResponse {
    let markers = request.markers.iter().enumerate().map(|(at, marker)| {
        let mut place = 0;
        written(marker, || {
            place += 1;
            code_of(at, place - 1)
        })
    });
    let response = TxnMarkersResponse::default().with_markers(by_producer(markers));
    TransactionAdminResponse::WriteTxnMarkers(response)
}

fn described(producer: ActiveProducer) -> DescribedProducer {
    DescribedProducer::default()
        .with_producer_id(WireProducerId(producer.producer_id.0))
        .with_producer_epoch(i32::from(producer.producer_epoch.0))
        .with_last_sequence(producer.last_sequence.0)
        .with_last_timestamp(producer.last_timestamp.0)
        .with_coordinator_epoch(producer.coordinator_epoch.0)
        .with_current_txn_start_offset(producer.transaction.unwrap_or(Offset::NONE).0)
}

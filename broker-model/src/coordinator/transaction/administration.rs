//! What administrators are told of transactions. Source: KIP-664; Kafka's
//! `TransactionCoordinator.handleDescribeTransactions`, `TransactionStateManager.listTransactionStates`.

use super::TransactionCoordinator;
use crate::config::topic_name;
use crate::metadata::MetadataImage;
use crate::note::TransactionState;
use crate::proto::{
    DescribedTransaction, ErrorCode, ListTransactionsRequest, ListTransactionsResponse,
    ListedTransaction, StrBytes, TopicInTransaction, TopicName, TransactionalId, WireProducerId,
};
use crate::types::Now;

use super::metadata::TransactionRecord;

const STATES: [TransactionState; 8] = [
    TransactionState::Empty,
    TransactionState::Ongoing,
    TransactionState::PrepareCommit,
    TransactionState::PrepareAbort,
    TransactionState::CompleteCommit,
    TransactionState::CompleteAbort,
    TransactionState::Dead,
    TransactionState::PrepareEpochFence,
];

/// As Kafka names it. Source: `TransactionState.stateName`.
const fn name(state: TransactionState) -> &'static str {
    match state {
        TransactionState::Empty => "Empty",
        TransactionState::Ongoing => "Ongoing",
        TransactionState::PrepareCommit => "PrepareCommit",
        TransactionState::PrepareAbort => "PrepareAbort",
        TransactionState::CompleteCommit => "CompleteCommit",
        TransactionState::CompleteAbort => "CompleteAbort",
        TransactionState::PrepareEpochFence => "PrepareEpochFence",
        TransactionState::Dead => "Dead",
    }
}

impl TransactionCoordinator {
    /// The transactional ids that this broker coordinates. While some of them are being loaded, nobody knows which
    /// these are.
    pub(crate) fn list(
        &self,
        now: Now,
        request: &ListTransactionsRequest,
    ) -> ListTransactionsResponse {
        if self.contexts.values().any(|context| context.loaded_at.is_some()) {
            let code = ErrorCode::CoordinatorLoadInProgress.code();
            return ListTransactionsResponse::default().with_error_code(code);
        }
        let is_known = |wanted: &&StrBytes| STATES.iter().any(|it| name(*it) == wanted.as_str());
        let unknown = request.state_filters.iter().filter(|wanted| !is_known(wanted));
        let all = self.contexts.values().flat_map(|context| &context.ids);
        let wanted = all.filter(|(_, metadata)| is_wanted(now, request, &metadata.now));
        let listed = wanted.map(|(id, metadata)| {
            ListedTransaction::default()
                .with_transactional_id(TransactionalId(topic_name(id)))
                .with_producer_id(WireProducerId(metadata.now.producer_id.0))
                .with_transaction_state(StrBytes::from_static_str(name(metadata.now.state)))
        });
        ListTransactionsResponse::default()
            .with_unknown_state_filters(unknown.cloned().collect())
            .with_transaction_states(listed.collect())
    }

    /// One transactional id with its transaction, if this broker coordinates it.
    pub(crate) fn describe(
        &mut self,
        (id, partition): (&TransactionalId, i32),
        image: &MetadataImage,
    ) -> DescribedTransaction {
        let answer = DescribedTransaction::default().with_transactional_id(id.clone());
        if id.is_empty() {
            return answer.with_error_code(ErrorCode::InvalidRequest.code());
        }
        let found = self
            .find(partition, id.as_str())
            .and_then(|(_, metadata)| metadata.ok_or(ErrorCode::TransactionalIdNotFound));
        match found {
            Ok(metadata) => described(answer, &metadata.now, image),
            Err(error) => answer.with_error_code(error.code()),
        }
    }
}

fn is_wanted(now: Now, request: &ListTransactionsRequest, record: &TransactionRecord) -> bool {
    let states = &request.state_filters;
    let producers = &request.producer_id_filters;
    let in_state = states.iter().any(|wanted| wanted.as_str() == name(record.state));
    let of_producer = producers.iter().any(|wanted| wanted.0 == record.producer_id.0);
    let age = now.wall.0.saturating_sub(record.started.0);
    record.state != TransactionState::Dead
        && (states.is_empty() || in_state)
        && (producers.is_empty() || of_producer)
        && (request.duration_filter < 0 || age > request.duration_filter)
}

fn described(
    answer: DescribedTransaction,
    record: &TransactionRecord,
    image: &MetadataImage,
) -> DescribedTransaction {
    let mut topics: Vec<TopicInTransaction> = Vec::new();
    for place in &record.partitions {
        let mut known = image.topic_ids.iter();
        let Some((topic, _)) = known.find(|(_, id)| **id == place.topic) else { continue };
        match topics.last_mut().filter(|last| last.topic.as_str() == topic.as_str()) {
            Some(last) => last.partitions.push(place.partition),
            None => topics.push(
                TopicInTransaction::default()
                    .with_topic(TopicName(topic_name(topic)))
                    .with_partitions(vec![place.partition]),
            ),
        }
    }
    answer
        .with_transaction_state(StrBytes::from_static_str(name(record.state)))
        .with_transaction_timeout_ms(i32::try_from(record.timeout_ms).unwrap_or(i32::MAX))
        .with_transaction_start_time_ms(record.started.0)
        .with_producer_id(WireProducerId(record.producer_id.0))
        .with_producer_epoch(record.epoch.0)
        .with_topics(topics)
}

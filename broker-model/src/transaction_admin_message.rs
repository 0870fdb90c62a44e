//! What an administrator asks of transactions: which there are, which producers partitions know, that a transaction
//! that hangs is ended where it hangs. Source: KIP-664.

use crate::proto::{
    DescribeProducersRequest, DescribeProducersResponse, DescribeTransactionsRequest,
    DescribeTransactionsResponse, DescribedProducers, DescribedTransaction, ErrorCode,
    ListTransactionsRequest, ListTransactionsResponse, ProducersOfTopic, TxnMarkersRequest,
    TxnMarkersResponse, WritableTxnMarker, WrittenTxnMarker, WrittenTxnMarkerPartition,
    WrittenTxnMarkerTopic,
};

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka request of its name")]
pub enum TransactionAdminRequest {
    ListTransactions(ListTransactionsRequest),
    DescribeTransactions(DescribeTransactionsRequest),
    DescribeProducers(DescribeProducersRequest),
    WriteTxnMarkers(TxnMarkersRequest),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka response of its name")]
pub enum TransactionAdminResponse {
    ListTransactions(ListTransactionsResponse),
    DescribeTransactions(DescribeTransactionsResponse),
    DescribeProducers(DescribeProducersResponse),
    WriteTxnMarkers(TxnMarkersResponse),
}

impl TransactionAdminRequest {
    /// The answer that refuses all of it.
    pub fn refused(&self, error: ErrorCode) -> TransactionAdminResponse {
        let code = error.code();
        match self {
            Self::ListTransactions(_) => TransactionAdminResponse::ListTransactions(
                ListTransactionsResponse::default().with_error_code(code),
            ),
            Self::DescribeTransactions(request) => {
                let states = request.transactional_ids.iter().map(|id| {
                    DescribedTransaction::default()
                        .with_transactional_id(id.clone())
                        .with_error_code(code)
                });
                let states = states.collect();
                let response = DescribeTransactionsResponse::default();
                TransactionAdminResponse::DescribeTransactions(
                    response.with_transaction_states(states),
                )
            }
            Self::DescribeProducers(request) => {
                let topics = request.topics.iter().map(|topic| {
                    let refuse = |index: &i32| {
                        let partition = DescribedProducers::default();
                        partition.with_partition_index(*index).with_error_code(code)
                    };
                    let partitions = topic.partition_indexes.iter().map(refuse).collect();
                    let answer = ProducersOfTopic::default().with_name(topic.name.clone());
                    answer.with_partitions(partitions)
                });
                let response = DescribeProducersResponse::default().with_topics(topics.collect());
                TransactionAdminResponse::DescribeProducers(response)
            }
            Self::WriteTxnMarkers(request) => {
                let markers = request.markers.iter().map(|marker| written(marker, || code));
                let response = TxnMarkersResponse::default().with_markers(markers.collect());
                TransactionAdminResponse::WriteTxnMarkers(response)
            }
        }
    }
}

/// What became of a marker: an error code for each of its partitions, in order.
pub(crate) fn written(
    marker: &WritableTxnMarker,
    mut next_code: impl FnMut() -> i16,
) -> WrittenTxnMarker {
    let topics = marker.topics.iter().map(|topic| {
        let partitions = topic.partition_indexes.iter().map(|index| {
            let partition = WrittenTxnMarkerPartition::default().with_partition_index(*index);
            partition.with_error_code(next_code())
        });
        let partitions = partitions.collect();
        WrittenTxnMarkerTopic::default().with_name(topic.name.clone()).with_partitions(partitions)
    });
    WrittenTxnMarker::default().with_producer_id(marker.producer_id).with_topics(topics.collect())
}

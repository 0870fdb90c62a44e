//! What the requests of a producer are for.

use super::batch::ProducerIdentity;
use crate::client::connection::MetadataUpdate;
use crate::client::partition_key::PartitionKey;
use crate::note::Api;

/// What an outstanding request of a producer is for.
#[derive(Debug)]
pub(crate) enum Purpose {
    /// Who leads what.
    Metadata,
    /// An identity.
    InitProducerId,
    /// What its transaction needs of its coordinator, and who it is that asks.
    Transaction(TransactionRequest, Option<ProducerIdentity>),
    /// The batches that it carries, at most one a partition.
    Produce(Vec<BatchTicket>),
}

impl From<MetadataUpdate> for Purpose {
    fn from(MetadataUpdate: MetadataUpdate) -> Self {
        Self::Metadata
    }
}

impl TransactionRequest {
    /// What is asked, if it names who asks.
    pub(super) fn api(self) -> Option<Api> {
        match self {
            Self::FindCoordinator | Self::Offsets(OffsetsRequest::FindCoordinator) => None,
            Self::InitProducerId => Some(Api::InitProducerId),
            Self::AddPartitions => Some(Api::AddPartitionsToTxn),
            Self::Offsets(OffsetsRequest::Add) => Some(Api::AddOffsetsToTxn),
            Self::Offsets(OffsetsRequest::Commit) => Some(Api::TxnOffsetCommit),
            Self::EndTxn => Some(Api::EndTxn),
        }
    }
}

/// What a transactional producer asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TransactionRequest {
    /// Who coordinates its transactional id.
    FindCoordinator,
    /// Who it is.
    InitProducerId,
    /// That partitions are in its transaction.
    AddPartitions,
    /// That offsets of a group are committed with it.
    Offsets(OffsetsRequest),
    /// The end.
    EndTxn,
}

/// What a transactional producer asks for the offsets that its transaction commits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OffsetsRequest {
    /// Who coordinates the group whose offsets it commits.
    FindCoordinator,
    /// That the offsets of a group are in its transaction.
    Add,
    /// That these offsets are committed with it: its coordinator's, of the group.
    Commit,
}

/// Names a batch in flight.
#[derive(Debug, Clone, Copy)]
pub(crate) struct BatchTicket {
    /// Its partition.
    pub(crate) key: PartitionKey,
    /// Its number among all batches of the producer.
    pub(crate) serial: u64,
}

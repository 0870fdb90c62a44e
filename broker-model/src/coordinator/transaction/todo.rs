//! What a transaction coordinator wants its broker to do, and for whom.

use crate::caller::Caller;
use crate::coordinator::runtime::CoordinatorRecord;
use crate::message::{ClientResponse, ResponseBody};
use crate::note::{Api, ExchangeNote, TransactionNote};
use crate::proto::{AddOffsetsToTxnResponse, EndTxnResponse, ErrorCode, InitProducerIdResponse};
use crate::types::{NodeId, ProducerEpoch, ProducerId, TopicPartition};

/// Names a record that is under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WriteId(pub(crate) u64);

/// What the broker is to do.
#[derive(Debug)]
pub(crate) enum Todo {
    /// Answer a request.
    Reply(Caller, ResponseBody),
    /// Answer a question of whether partitions are in a transaction: by its number, if this broker asked itself.
    Added(AddAsker, Added),
    /// Append a record to a partition of the transaction log, and say what became of it.
    Write(i32, CoordinatorRecord, WriteId),
    /// State a fact.
    Note(TransactionNote),
    /// State that a producer is served, which names its epoch, or that an answer counts.
    Exchanged(ExchangeNote),
}

/// What became of a question for partitions: those that are not in the transaction, of which each is refused alone.
pub(crate) type Added = Result<Vec<TopicPartition>, ErrorCode>;

/// Who asked for something.
#[derive(Debug, Clone)]
pub(crate) enum Asker {
    /// Its transaction timed out: nobody.
    Nobody,
    /// A producer, for its id and epoch.
    InitProducerId(Caller),
    /// A producer, or a leader for it, for partitions.
    AddPartitions(AddAsker),
    /// A producer, for the partition of a group.
    AddOffsets(Caller),
    /// A producer, for an end.
    EndTxn(Caller),
}

/// Who asked for partitions: which of the transactions in its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AddAsker(pub(crate) u64);

impl Asker {
    /// What is asked, and who asks on a connection of its own.
    pub(super) fn named(&self) -> Option<(Api, NodeId)> {
        match self {
            Self::Nobody | Self::AddPartitions(_) => None,
            Self::InitProducerId(caller) => Some((Api::InitProducerId, caller.from)),
            Self::AddOffsets(caller) => Some((Api::AddOffsetsToTxn, caller.from)),
            Self::EndTxn(caller) => Some((Api::EndTxn, caller.from)),
        }
    }

    /// The answer. An id and an epoch go with success where the API has them.
    pub(super) fn answer(
        self,
        result: Result<Option<(ProducerId, ProducerEpoch)>, ErrorCode>,
    ) -> Option<Todo> {
        let code = result.err().map_or(0, |error| error.code());
        let none = (ProducerId::NONE, ProducerEpoch::NONE);
        let (id, epoch) = result.ok().flatten().unwrap_or(none);
        match self {
            Self::Nobody => None,
            Self::InitProducerId(caller) => {
                let response = InitProducerIdResponse::default()
                    .with_error_code(code)
                    .with_producer_id(id.0.into())
                    .with_producer_epoch(epoch.0);
                Some(Todo::Reply(
                    caller,
                    ResponseBody::Client(ClientResponse::InitProducerId(Box::new(response))),
                ))
            }
            Self::AddPartitions(asker) => Some(Todo::Added(asker, result.map(|_| Vec::new()))),
            Self::AddOffsets(caller) => {
                let response = AddOffsetsToTxnResponse::default().with_error_code(code);
                Some(Todo::Reply(
                    caller,
                    ResponseBody::Client(ClientResponse::AddOffsetsToTxn(Box::new(response))),
                ))
            }
            Self::EndTxn(caller) => {
                let response = EndTxnResponse::default()
                    .with_error_code(code)
                    .with_producer_id(id.0.into())
                    .with_producer_epoch(epoch.0);
                Some(Todo::Reply(
                    caller,
                    ResponseBody::Client(ClientResponse::EndTxn(Box::new(response))),
                ))
            }
        }
    }
}

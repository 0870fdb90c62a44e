//! `AddPartitionsToTxn` and `AddOffsetsToTxn`: by producers, and by leaders that verify what they are to append.
//! Source: KIP-98, KIP-890, Kafka's `KafkaApis.handleAddPartitionsToTxnRequest`, `AddPartitionsToTxnManager`.

use crate::broker::pending_transactions::{AddBatch, Adder};
use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::coordinator::transaction::{AddAsker, AddPartitions, Added, Asker};
use crate::message::ResponseBody;
use crate::node::Effects;
use crate::proto::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
    AddPartitionsToTxnTransaction, ErrorCode,
};
use crate::types::{NodeId, Now, ProducerEpoch, ProducerId, TopicPartition};

impl Broker {
    pub(super) fn on_add_partitions_to_txn(
        &mut self,
        now: Now,
        (caller, to_body): (Caller, fn(Box<AddPartitionsToTxnResponse>) -> ResponseBody),
        request: Box<AddPartitionsToTxnRequest>,
        effects: &mut Effects,
    ) {
        let undecided = request.transactions.len();
        let wanted = |it| self.wanted(it, caller.from);
        let transactions: Vec<_> = request.transactions.iter().map(wanted).collect();
        let results = vec![Ok(Vec::new()); undecided];
        let batch = self.transactions.number();
        let known = AddBatch { caller, to_body, request, results, undecided };
        self.transactions.add_batches.insert(batch, known);
        for (at, wanted) in transactions.into_iter().enumerate() {
            let asker = self.new_adder(Adder::Request(batch, at));
            match wanted {
                Ok(wanted) => self.add_to_transaction(now, &wanted, asker),
                Err(error) => self.partitions_added(now, asker, Err(error), effects),
            }
        }
        self.run_transactions(now, effects);
    }

    /// What one transaction of a request asks for.
    fn wanted(
        &self,
        transaction: &AddPartitionsToTxnTransaction,
        from: NodeId,
    ) -> Result<AddPartitions, ErrorCode> {
        let mut partitions = Vec::new();
        for topic in &transaction.topics {
            for index in &topic.partitions {
                partitions.push(self.resolve(&topic.name, *index)?);
            }
        }
        let epoch = ProducerEpoch(transaction.producer_epoch);
        Ok(AddPartitions {
            from,
            transactional_id: transaction.transactional_id.as_str().to_owned(),
            producer: (ProducerId(transaction.producer_id.0), epoch),
            verify_only: transaction.verify_only,
            partitions,
        })
    }

    pub(in crate::broker) fn new_adder(&mut self, adder: Adder) -> AddAsker {
        let asker = AddAsker(self.transactions.number());
        self.transactions.adders.insert(asker, adder);
        asker
    }

    /// Asks the coordinator on this broker.
    pub(in crate::broker) fn add_to_transaction(
        &mut self,
        now: Now,
        wanted: &AddPartitions,
        asker: AddAsker,
    ) {
        let kind = CoordinatorKind::Transaction;
        let partition = self.partition_of_key(kind, &wanted.transactional_id);
        let asker = Asker::AddPartitions(asker);
        self.transactions.coordinator.add_partitions(now, partition, wanted, asker);
    }

    /// The coordinator decided.
    pub(in crate::broker) fn partitions_added(
        &mut self,
        now: Now,
        asker: AddAsker,
        result: Added,
        effects: &mut Effects,
    ) {
        match self.transactions.adders.remove(&asker) {
            None => {}
            Some(Adder::Own(connection)) => self.verified(now, connection, &result, effects),
            Some(Adder::Request(batch, at)) => {
                let batches = &mut self.transactions.add_batches;
                let Some(known) = batches.get_mut(&batch) else { return };
                known.results[at] = result;
                known.undecided -= 1;
                if known.undecided == 0
                    && let Some(known) = batches.remove(&batch)
                {
                    let answer = self.added_answer(&known);
                    let body = (known.to_body)(Box::new(answer));
                    self.connections.reply(known.caller, body, effects);
                }
            }
        }
    }

    /// The partition of the group's offsets is in the transaction from now on. Source:
    /// `KafkaApis.handleAddOffsetsToTxnRequest`.
    pub(super) fn on_add_offsets_to_txn(
        &mut self,
        now: Now,
        caller: Caller,
        request: &AddOffsetsToTxnRequest,
        effects: &mut Effects,
    ) {
        let asker = Asker::AddOffsets(caller);
        let group = self.partition_of_key(CoordinatorKind::Group, request.group_id.as_str());
        let Some(topic) = self.internal_topics.id_of(CoordinatorKind::Group) else {
            let error = Err(ErrorCode::CoordinatorNotAvailable);
            self.transactions.coordinator.refuse(asker, error);
            return self.run_transactions(now, effects);
        };
        let wanted = AddPartitions {
            from: caller.from,
            transactional_id: request.transactional_id.as_str().to_owned(),
            producer: (ProducerId(request.producer_id.0), ProducerEpoch(request.producer_epoch)),
            verify_only: false,
            partitions: vec![TopicPartition { topic, partition: group }],
        };
        let kind = CoordinatorKind::Transaction;
        let partition = self.partition_of_key(kind, &wanted.transactional_id);
        self.transactions.coordinator.add_partitions(now, partition, &wanted, asker);
        self.run_transactions(now, effects);
    }

    /// The answer to a request of which each transaction is decided.
    fn added_answer(&self, known: &AddBatch) -> AddPartitionsToTxnResponse {
        let transactions = known.request.transactions.iter().zip(&known.results);
        let results = transactions.map(|(transaction, result)| {
            let topics = transaction.topics.iter().map(|topic| {
                let partitions = topic.partitions.iter().map(|index| {
                    let place = self.resolve(&topic.name, *index);
                    AddPartitionsToTxnPartitionResult::default()
                        .with_partition_index(*index)
                        .with_partition_error_code(code_of(result, place))
                });
                AddPartitionsToTxnTopicResult::default()
                    .with_name(topic.name.clone())
                    .with_results_by_partition(partitions.collect())
            });
            AddPartitionsToTxnResult::default()
                .with_transactional_id(transaction.transactional_id.clone())
                .with_topic_results(topics.collect())
        });
        AddPartitionsToTxnResponse::default().with_results_by_transaction(results.collect())
    }
}

/// What one partition is told.
fn code_of(result: &Added, place: Result<TopicPartition, ErrorCode>) -> i16 {
    match (result, place) {
        (Err(error), _) => error.code(),
        (Ok(missing), Ok(place)) if missing.contains(&place) => {
            ErrorCode::TransactionAbortable.code()
        }
        (Ok(_), _) => 0,
    }
}

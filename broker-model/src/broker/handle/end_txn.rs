//! `EndTxn`. Source: KIP-98, KIP-890, Kafka's `KafkaApis.handleEndTxnRequest`.

use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::coordinator::transaction::Asker;
use crate::node::Effects;
use crate::proto::EndTxnRequest;
use crate::record::TransactionResult;
use crate::types::{Now, ProducerEpoch, ProducerId};

impl Broker {
    pub(super) fn on_end_txn(
        &mut self,
        now: Now,
        caller: Caller,
        request: &EndTxnRequest,
        effects: &mut Effects,
    ) {
        let id = request.transactional_id.as_str();
        let partition = self.partition_of_key(CoordinatorKind::Transaction, id);
        let producer = (ProducerId(request.producer_id.0), ProducerEpoch(request.producer_epoch));
        let result =
            if request.committed { TransactionResult::Commit } else { TransactionResult::Abort };
        let ids = &mut self.producer_ids;
        let mut generate = || ids.generate(now.time);
        let (place, end) = ((partition, id), (producer, result));
        let coordinator = &mut self.transactions.coordinator;
        coordinator.end_transaction(now, place, end, Asker::EndTxn(caller), &mut generate);
        self.run_transactions(now, effects);
    }
}

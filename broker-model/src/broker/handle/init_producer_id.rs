//! `InitProducerId`. Source: KIP-98, KIP-360, KIP-730, Kafka's
//! `TransactionCoordinator.handleInitProducerId`.
//!
//! Who has no transactional id gets a new producer id with epoch 0 whatever id it gives: only a coordinator could know
//! that an epoch is free. Such a producer takes its next epochs by itself (KIP-360).

use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::coordinator::transaction::{Asker, InitProducer};
use crate::message::{ClientResponse, ResponseBody};
use crate::node::Effects;
use crate::note::ProducerNote;
use crate::proto::{ErrorCode, InitProducerIdRequest, InitProducerIdResponse};
use crate::types::{Now, ProducerEpoch, ProducerId};

impl Broker {
    pub(super) fn on_init_producer_id(
        &mut self,
        now: Now,
        caller: Caller,
        request: &InitProducerIdRequest,
        effects: &mut Effects,
    ) {
        if let Some(id) = &request.transactional_id {
            let id = id.as_str().to_owned();
            return self.init_transactional(now, caller, (id, request), effects);
        }
        let answer =
            self.producer_ids.generate(now.time).ok_or(ErrorCode::CoordinatorLoadInProgress);
        let response = match answer {
            Ok(producer_id) => {
                let producer_epoch = ProducerEpoch(0);
                effects.note(ProducerNote::ProducerIdGiven { producer_id, producer_epoch });
                InitProducerIdResponse::default()
                    .with_producer_id(producer_id.0.into())
                    .with_producer_epoch(producer_epoch.0)
            }
            Err(error) => InitProducerIdResponse::default()
                .with_error_code(error.code())
                .with_producer_id(ProducerId::NONE.0.into())
                .with_producer_epoch(ProducerEpoch::NONE.0),
        };
        self.connections.reply(
            caller,
            ResponseBody::Client(ClientResponse::InitProducerId(Box::new(response))),
            effects,
        );
    }

    /// Who has a transactional id is told who it is by its coordinator.
    fn init_transactional(
        &mut self,
        now: Now,
        caller: Caller,
        (transactional_id, request): (String, &InitProducerIdRequest),
        effects: &mut Effects,
    ) {
        let kind = CoordinatorKind::Transaction;
        let partition = self.partition_of_key(kind, &transactional_id);
        let producer_id = ProducerId(request.producer_id.0);
        let expected = (producer_id != ProducerId::NONE)
            .then_some((producer_id, ProducerEpoch(request.producer_epoch)));
        let timeout_ms = u64::try_from(request.transaction_timeout_ms).unwrap_or(0);
        let wanted = InitProducer { transactional_id, timeout_ms, expected };
        let ids = &mut self.producer_ids;
        let mut generate = || ids.generate(now.time);
        let asker = Asker::InitProducerId(caller);
        let coordinator = &mut self.transactions.coordinator;
        coordinator.init_producer_id(now, partition, &wanted, asker, &mut generate);
        self.run_transactions(now, effects);
    }
}

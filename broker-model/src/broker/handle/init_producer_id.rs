//! `InitProducerId` of idempotent producers without transactions. Source: KIP-98, KIP-730, Kafka's
//! `TransactionCoordinator.handleInitProducerId`.
//!
//! Who has no transactional id gets a new producer id with epoch 0 whatever id it gives: only a coordinator could know
//! that an epoch is free. Such a producer takes its next epochs by itself (KIP-360).

use crate::broker::{Broker, Caller};
use crate::message::ResponseBody;
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
        let answer = if request.transactional_id.is_some() {
            // There is no transaction coordinator.
            Err(ErrorCode::CoordinatorNotAvailable)
        } else {
            self.producer_ids.generate(now.time).ok_or(ErrorCode::CoordinatorLoadInProgress)
        };
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
        self.connections.reply(caller, ResponseBody::InitProducerId(Box::new(response)), effects);
    }
}

//! `InitProducerId` of idempotent producers without transactions. Source: KIP-98, KIP-360, KIP-730.

use crate::broker::purgatory::Wait;
use crate::broker::{Broker, Caller};
use crate::config::ms;
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
        if request.transactional_id.is_some() {
            // There is no transaction coordinator.
            self.refuse_producer_id(caller, ErrorCode::CoordinatorNotAvailable, effects);
            return;
        }
        let given = ProducerId(request.producer_id.0);
        if given != ProducerId::NONE && (0..i16::MAX).contains(&request.producer_epoch) {
            self.give_producer_id(
                caller,
                given,
                ProducerEpoch(request.producer_epoch + 1),
                effects,
            );
            return;
        }
        if let Some(id) = self.producer_ids.take() {
            self.give_producer_id(caller, id, ProducerEpoch(0), effects);
            return;
        }
        self.producer_ids.wait(caller);
        let deadline = now.time + ms(self.context.config.request_timeout_ms);
        self.purgatory.park(caller, deadline, Wait::ProducerId, Vec::new());
    }

    /// Serves all that wait, as far as the block reaches.
    pub(in crate::broker) fn serve_producer_ids(&mut self, effects: &mut Effects) {
        while let Some((caller, id)) = self.producer_ids.next_served() {
            self.purgatory.remove(caller.connection);
            self.give_producer_id(caller, id, ProducerEpoch(0), effects);
        }
    }

    fn give_producer_id(
        &mut self,
        caller: Caller,
        id: ProducerId,
        epoch: ProducerEpoch,
        effects: &mut Effects,
    ) {
        effects.note(ProducerNote::ProducerIdGiven { producer_id: id, producer_epoch: epoch });
        let response = InitProducerIdResponse::default()
            .with_producer_id(id.0.into())
            .with_producer_epoch(epoch.0);
        self.connections.reply(caller, ResponseBody::InitProducerId(Box::new(response)), effects);
    }

    /// Answers that there is no id.
    pub(in crate::broker) fn refuse_producer_id(
        &mut self,
        caller: Caller,
        error: ErrorCode,
        effects: &mut Effects,
    ) {
        let response = InitProducerIdResponse::default()
            .with_error_code(error.code())
            .with_producer_id(ProducerId::NONE.0.into())
            .with_producer_epoch(ProducerEpoch::NONE.0);
        self.connections.reply(caller, ResponseBody::InitProducerId(Box::new(response)), effects);
    }
}

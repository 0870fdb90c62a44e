//! Who a producer is to brokers. Source: Kafka's `TransactionManager`.

use super::batch::ProducerIdentity;
use super::purpose::Purpose;
use crate::client::connection::Connections;
use crate::client::metadata::Metadata;
use crate::message::ClientRequest;
use crate::node::{Channel, Deadline, Effects};
use crate::note::ProducerNote;
use crate::proto::{InitProducerIdRequest, InitProducerIdResponse};
use crate::types::{NodeId, ProducerEpoch, ProducerId, Time};

/// Who the producer is to brokers.
#[derive(Debug)]
pub(super) struct Identity {
    /// Whether it is idempotent at all.
    pub(super) idempotent: bool,
    /// As given by a broker, with bumps.
    pub(super) current: Option<ProducerIdentity>,
    asked: bool,
    not_before: Time,
}

impl Identity {
    /// None yet.
    pub(super) fn new(idempotent: bool, now: Time) -> Self {
        Self { idempotent, current: None, asked: false, not_before: now }
    }

    /// Asks any broker for a producer id, if there is none.
    pub(super) fn run(
        &mut self,
        now: Time,
        metadata: &mut Metadata,
        connections: &mut Connections<Purpose>,
        effects: &mut Effects,
    ) {
        if !self.is_wanted() || now < self.not_before {
            return;
        }
        let Some(broker) = metadata.pick_broker(now, connections) else {
            return;
        };
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX);
        let body = ClientRequest::InitProducerId(Box::new(request));
        connections.send(now, (broker, Channel::Client), body, Purpose::InitProducerId, effects);
        self.asked = true;
    }

    /// A broker answered.
    pub(super) fn on_response(&mut self, response: &InitProducerIdResponse, retry_at: Time) {
        if response.error_code != 0 || response.producer_id.0 < 0 {
            return self.on_failure(retry_at);
        }
        self.asked = false;
        let id = ProducerId(response.producer_id.0);
        self.current = Some(ProducerIdentity { id, epoch: ProducerEpoch(response.producer_epoch) });
    }

    /// No broker answered, or not with an id.
    pub(super) fn on_failure(&mut self, retry_at: Time) {
        self.asked = false;
        self.not_before = retry_at;
    }

    /// When to ask.
    pub(super) fn next_deadline(
        &self,
        brokers: &[NodeId],
        connections: &Connections<Purpose>,
    ) -> Option<Deadline> {
        self.is_wanted().then(|| {
            let at = self.not_before.max(connections.first_unblocked(brokers));
            Deadline { at, why: "producer id" }
        })
    }

    fn is_wanted(&self) -> bool {
        self.idempotent && self.current.is_none() && !self.asked
    }

    /// Nobody asks for an id who has one, or needs none.
    pub(super) fn self_check(&self) {
        assert!(!self.asked || self.idempotent, "an id is asked for that nobody needs");
        assert!(
            !self.asked || self.current.is_none(),
            "another id than {:?} is asked",
            self.current
        );
        let valid = |current: ProducerIdentity| current.id.0 >= 0 && current.epoch.0 >= 0;
        assert!(self.current.is_none_or(valid), "{:?} is nobody", self.current);
    }

    /// Takes the next epoch, or gives the id up if there is none. Source: `bumpIdempotentProducerEpoch`.
    pub(super) fn bump(&mut self, effects: &mut Effects) {
        let Some(current) = &mut self.current else {
            return;
        };
        if current.epoch.0 == i16::MAX {
            self.current = None;
            return;
        }
        current.epoch.0 += 1;
        let (producer_id, producer_epoch) = (current.id, current.epoch);
        effects.note(ProducerNote::EpochBumped { producer_id, producer_epoch });
    }
}

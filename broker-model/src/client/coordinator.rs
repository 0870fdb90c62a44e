//! Who coordinates a group or a transactional id, as far as a client knows. Source: Kafka's
//! `AbstractCoordinator.lookupCoordinator`, `TransactionManager.lookupCoordinator`; KIP-699.

use crate::config::topic_name;
use crate::message::ClientRequest;
use crate::node::{Channel, Deadline, Effects};
use crate::proto::{ErrorCode, FindCoordinatorRequest, FindCoordinatorResponse};
use crate::types::{NodeId, Time};

use super::connection::Connections;
use super::consumer::purpose::Purpose;
use super::metadata::Metadata;

/// What is looked for: `FindCoordinatorRequest.CoordinatorType.GROUP`.
pub(crate) const GROUP: i8 = 0;

/// Looks for a coordinator, and remembers it until it turns out to be another one.
#[derive(Debug)]
pub(crate) struct CoordinatorFinder {
    key: String,
    key_type: i8,
    known: Option<NodeId>,
    asked: bool,
    not_before: Time,
}

impl CoordinatorFinder {
    /// Nobody is known yet.
    pub(crate) fn new(key: &str, key_type: i8) -> Self {
        let key = key.to_owned();
        Self { key, key_type, known: None, asked: false, not_before: Time::ZERO }
    }

    /// The coordinator, if one is known.
    pub(crate) fn known(&self) -> Option<NodeId> {
        self.known
    }

    /// It is not the coordinator, or cannot be reached.
    pub(crate) fn forget(&mut self) {
        self.known = None;
    }

    /// Asks any broker, if nobody is known and it is time.
    pub(crate) fn run(
        &mut self,
        now: Time,
        (metadata, connections): (&mut Metadata, &mut Connections<Purpose>),
        effects: &mut Effects,
    ) {
        if self.known.is_some() || self.asked || self.not_before > now {
            return;
        }
        let Some(broker) = metadata.pick_broker(now, connections) else { return };
        let request = FindCoordinatorRequest::default()
            .with_key_type(self.key_type)
            .with_coordinator_keys(vec![topic_name(&self.key)]);
        let body = ClientRequest::FindCoordinator(Box::new(request));
        connections.send(now, (broker, Channel::Client), body, Purpose::FindCoordinator, effects);
        self.asked = true;
        self.self_check();
    }

    /// Nobody asks who knows, and who asks names what it looks for.
    fn self_check(&self) {
        assert!(!self.asked || self.known.is_none(), "{:?} is known, and asked for", self.known);
        assert!(!self.asked || !self.key.is_empty(), "the coordinator of nothing is asked for");
    }

    /// The question had no answer.
    pub(crate) fn on_failure(&mut self, now: Time, connections: &mut Connections<Purpose>) {
        self.asked = false;
        self.not_before = connections.backoff.after(now);
        self.self_check();
    }

    /// Takes an answer; whatever is wrong with it may pass.
    pub(crate) fn on_response(
        &mut self,
        now: Time,
        response: &FindCoordinatorResponse,
        connections: &mut Connections<Purpose>,
    ) {
        let answer = response.coordinators.iter().find(|answer| *answer.key == *self.key);
        match answer.filter(|answer| ErrorCode::try_from_code(answer.error_code).is_none()) {
            Some(answer) => {
                self.asked = false;
                self.known = Some(NodeId(answer.node_id.0));
            }
            None => self.on_failure(now, connections),
        }
        self.self_check();
    }

    /// When the next question is due.
    pub(crate) fn deadline(
        &self,
        metadata: &Metadata,
        connections: &Connections<Purpose>,
    ) -> Option<Deadline> {
        if self.known.is_some() || self.asked {
            return None;
        }
        let at = self.not_before.max(connections.first_unblocked(metadata.brokers()));
        Some(Deadline { at, why: "the coordinator is looked for" })
    }
}

//! What is in flight to controllers on the controller channel: ISR proposals, producer id blocks and
//! forwarded requests.

use crate::admin_message::AdminRequest;
use crate::broker::connections::Caller;
use crate::broker::context::Context;
use crate::config::{ClusterConfig, ms};
use crate::coordinator::runtime::CoordinatorKind;
use crate::message::RequestBody;
use crate::node::{Channel, Deadline, Effect, Effects};
use crate::proto::TopicName;
use crate::types::{CorrelationId, NodeId, Time};

/// Why a request was sent.
#[derive(Debug)]
pub(super) enum PendingRequest {
    /// An ISR proposal.
    AlterPartition,
    /// A block of producer ids.
    ProducerIds,
    /// Where replicas are.
    Assignments,
    /// New topics.
    Topics(TopicsAsker),
    /// What an administrator asks, passed on.
    Admin {
        /// Who waits for the answer.
        caller: Caller,
        /// What was asked, for an answer of our own when the controller gives none.
        request: Box<AdminRequest>,
    },
}

/// Who wants topics.
#[derive(Debug)]
pub(super) enum TopicsAsker {
    /// A client, whose request is passed on.
    Client {
        /// Who waits for the answer.
        caller: Caller,
        /// The topics' names, for an answer of our own when the controller gives none.
        topics: Vec<TopicName>,
    },
    /// The coordinators of this broker, one that they need.
    Coordinators(CoordinatorKind),
}

/// A request without an answer yet.
#[derive(Debug)]
struct InFlight {
    correlation_id: CorrelationId,
    to: NodeId,
    pending: PendingRequest,
    deadline: Time,
}

/// The requests in flight. They are few, so a list serves.
#[derive(Debug, Default)]
pub(super) struct ControllerChannel {
    in_flight: Vec<InFlight>,
}

impl ControllerChannel {
    /// Sends a request to the controller that is believed to be active.
    pub(super) fn send(
        &mut self,
        pending: PendingRequest,
        body: RequestBody,
        now: Time,
        context: &mut Context,
        effects: &mut Effects,
    ) {
        let to = context.controllers.target();
        let correlation_id = context.send(to, Channel::Controller, body, effects);
        let deadline = deadline(now, &context.config);
        let newest = self.in_flight.last().map(|sent| sent.correlation_id);
        assert!(newest != Some(correlation_id), "two requests are {correlation_id}");
        self.in_flight.push(InFlight { correlation_id, to, pending, deadline });
        self.self_check();
    }

    /// Proposals go one request at a time, and so do blocks of producer ids.
    fn self_check(&self) {
        let count = |is_it: fn(&PendingRequest) -> bool| {
            self.in_flight.iter().filter(|sent| is_it(&sent.pending)).count()
        };
        let proposals = count(|pending| matches!(pending, PendingRequest::AlterPartition));
        assert!(proposals <= 1, "{proposals} requests with proposals are in flight");
        let blocks = count(|pending| matches!(pending, PendingRequest::ProducerIds));
        assert!(blocks <= 1, "{blocks} requests for producer ids are in flight");
    }

    /// How many requests have no answer yet.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// The request that a response ends; `None` if nobody waits for it any more.
    pub(super) fn answered(
        &mut self,
        from: NodeId,
        correlation_id: CorrelationId,
    ) -> Option<PendingRequest> {
        let index = self
            .in_flight
            .iter()
            .position(|sent| sent.correlation_id == correlation_id && sent.to == from)?;
        Some(self.in_flight.remove(index).pending)
    }

    /// The connection to a node stands: the time of what was sent to it begins.
    pub(super) fn on_connected(&mut self, now: Time, to: NodeId, config: &ClusterConfig) {
        for sent in self.in_flight.iter_mut().filter(|sent| sent.to == to) {
            sent.deadline = deadline(now, config);
        }
    }

    /// Takes out all requests to a node whose connection is gone, in the order of sending.
    pub(super) fn lost(&mut self, to: NodeId) -> Vec<PendingRequest> {
        self.in_flight.extract_if(.., |sent| sent.to == to).map(|sent| sent.pending).collect()
    }

    /// Gives up the connection to a node that has not answered in time and takes out all that was in flight to it.
    pub(super) fn expired(
        &mut self,
        now: Time,
        effects: &mut Effects,
    ) -> Option<(NodeId, Vec<PendingRequest>)> {
        let to = self.in_flight.iter().find(|sent| sent.deadline <= now)?.to;
        effects.push(Effect::Disconnect { to, channel: Channel::Controller });
        Some((to, self.lost(to)))
    }

    /// When the first request times out.
    pub(super) fn deadline(&self) -> Option<Deadline> {
        let at = self.in_flight.iter().map(|sent| sent.deadline).min()?;
        Some(Deadline { at, why: "request to the controller times out" })
    }
}

/// When the answer to what is sent now is too late.
fn deadline(now: Time, config: &ClusterConfig) -> Time {
    now + ms(config.request_timeout_ms)
}

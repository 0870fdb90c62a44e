//! Each transaction has an epoch of its own.
//!
//! Promise: with version 2 of transactions each end, a commit or an abort, also of a transaction of which the
//! coordinator knows nothing yet, takes the producer to its next epoch, or to a new id, and its producer is told so:
//! what was sent before and comes late is of an epoch that is over. Where the epoch stays, a batch that lies on the way
//! joins the next transaction, and is committed with that.
//! Source: KIP-890; `TransactionCoordinator.endTransaction`, `TransactionMetadata.prepareAbortOrCommit`.
//! Not verified: version 1, where only who is fenced gets another epoch; what another coordinator had stated; ends
//! that are refused, and clients that speak bytes.

use std::collections::BTreeMap;

use harrow_broker_model::message::{
    ClientRequest, ClientResponse, Request, RequestBody, Response, ResponseBody,
};
use harrow_broker_model::note::TransactionState;
use harrow_broker_model::types::{
    ConnectionId, CorrelationId, LeaderEpoch, NodeId, ProducerEpoch, ProducerId,
};

use super::transactions::Transition;
use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

const KEPT: Anomaly = Anomaly {
    name: "epoch-kept-at-end",
    guarantee: Guarantee::Visibility,
    meaning: "a transaction ended, and its producer stayed in the same epoch",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "epoch-per-transaction",
    promise: "with transaction version 2, each end takes the producer to its next epoch",
    source: "KIP-890, TransactionMetadata.prepareAbortOrCommit",
    leaves_out: "version 1; what another coordinator had stated; clients that speak bytes",
    anomalies: &[KEPT],
};

/// A request: at whom, on which connection, and which one there.
type Key = (NodeId, ConnectionId, CorrelationId);
/// A producer id with its epoch.
type Producer = (ProducerId, ProducerEpoch);

/// Who each transactional id is, and which producers want to end what they have.
#[derive(Debug)]
pub(super) struct NextEpochs {
    /// Whether transactions have epochs of their own.
    own_epochs: bool,
    undecided: BTreeMap<String, Undecided>,
    ending: BTreeMap<Key, Producer>,
}

/// A transactional id that is not at an end of a transaction, as its coordinator last said.
#[derive(Debug, Clone, Copy)]
struct Undecided {
    coordinator_epoch: LeaderEpoch,
    producer: Producer,
}

impl NextEpochs {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            own_epochs: plan.cluster.transaction_version >= 2,
            undecided: BTreeMap::new(),
            ending: BTreeMap::new(),
        }
    }

    /// A coordinator took a transactional id to a state.
    pub(super) fn on_state(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        next: Transition<'_>,
    ) {
        if !self.own_epochs || !context.view.states_all() {
            return;
        }
        match next.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                self.on_decided(context, findings, next);
            }
            TransactionState::Empty
            | TransactionState::Ongoing
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort => self.on_undecided(next),
            TransactionState::PrepareEpochFence | TransactionState::Dead => {
                self.undecided.remove(next.transactional_id);
            }
        }
    }

    fn on_undecided(&mut self, next: Transition<'_>) {
        let now = Undecided {
            coordinator_epoch: next.coordinator_epoch,
            producer: (next.producer_id, next.producer_epoch),
        };
        match self.undecided.get_mut(next.transactional_id) {
            Some(known) if known.coordinator_epoch > now.coordinator_epoch => {}
            Some(known) => *known = now,
            None => {
                self.undecided.insert(next.transactional_id.to_owned(), now);
            }
        }
    }

    fn on_decided(&self, context: &Context<'_>, findings: &mut Findings, next: Transition<'_>) {
        let Some(known) = self.undecided.get(next.transactional_id) else { return };
        let (from, to) = (known.producer, (next.producer_id, next.producer_epoch));
        if known.coordinator_epoch == next.coordinator_epoch && !is_beyond(to, from) {
            findings.report(context, &KEPT, Place::CLUSTER, || {
                format!(
                    "transaction {} of {} ends in epoch {} of producer {}, which had epoch {} before",
                    next.transaction, next.transactional_id, to.1, to.0, from.1
                )
            });
        }
    }

    /// A producer asks a node that its transaction ends.
    pub(super) fn asked(&mut self, node: NodeId, (on, request): (ConnectionId, &Request)) {
        if let RequestBody::Client(ClientRequest::EndTxn(end)) = &request.body
            && self.own_epochs
        {
            let producer = (ProducerId(end.producer_id.0), ProducerEpoch(end.producer_epoch));
            self.ending.insert((node, on, request.correlation_id), producer);
        }
    }

    /// A node says that a transaction ends.
    pub(super) fn answered(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (on, response): (ConnectionId, &Response),
    ) {
        let ResponseBody::Client(ClientResponse::EndTxn(ended)) = &response.body else { return };
        let Some(asked) = self.ending.remove(&(context.node, on, response.correlation_id)) else {
            return;
        };
        let told = (ProducerId(ended.producer_id.0), ProducerEpoch(ended.producer_epoch));
        if ended.error_code == 0 && (told.0 == ProducerId::NONE || !is_beyond(told, asked)) {
            findings.report(context, &KEPT, Place::CLUSTER, || {
                format!(
                    "producer {} ended its transaction in epoch {}, and was told to go on as {} in epoch {}",
                    asked.0, asked.1, told.0, told.1
                )
            });
        }
    }

    /// Nobody waits on a connection any more.
    pub(super) fn connection_closed(&mut self, node: NodeId, connection: ConnectionId) {
        self.ending.retain(|(at, on, _), _| (*at, *on) != (node, connection));
    }

    /// A process begins without memory.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.ending.retain(|(at, ..), _| *at != node);
    }
}

/// Whether what belongs to the one producer is refused when the other goes on.
fn is_beyond(next: Producer, before: Producer) -> bool {
    next.0 != before.0 || next.1 > before.1
}

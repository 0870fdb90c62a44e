//! Invariants of requests and answers: epochs are fences for whoever is asked and for whoever asks.

mod answers;
mod coordination;
mod lookups;
mod newest_epoch;
mod passed_over;
mod request_fencing;
mod standing;
mod unanswered;
pub(super) mod valid_requests;

use harrow_broker_model::message::{Request, Response};
use harrow_broker_model::note::{ExchangeNote, Note};
use harrow_broker_model::types::{ConnectionId, NodeId};

use super::finding::{Context, Findings, Invariant};
use super::shared::Shared;
use crate::plan::Plan;
use answers::AnswersDue;
use coordination::Coordination;
use lookups::Lookups;
use newest_epoch::NewestEpochs;

pub use coordination::{CoordinatorDeed, CoordinatorKind};

pub(super) const INVARIANTS: &[Invariant] = &[
    request_fencing::INVARIANT,
    standing::INVARIANT,
    newest_epoch::INVARIANT,
    answers::INVARIANT,
    valid_requests::INVARIANT,
    passed_over::INVARIANT,
    lookups::INVARIANT,
];

/// What the invariants of requests and answers remember.
#[derive(Debug)]
pub(super) struct ExchangeWing {
    newest_epochs: NewestEpochs,
    coordination: Coordination,
    answers_due: AnswersDue,
    lookups: Lookups,
}

impl ExchangeWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            newest_epochs: NewestEpochs::default(),
            coordination: Coordination::new(plan),
            answers_due: AnswersDue::new(plan),
            lookups: Lookups::default(),
        }
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.newest_epochs.process_started(node);
        self.coordination.process_started(node);
    }

    pub(super) fn process_ended(&mut self, node: NodeId) {
        self.answers_due.process_ended(node);
        self.lookups.process_ended(node);
    }

    /// A node is about to handle what came by a connection.
    pub(super) fn asked(
        &mut self,
        context: &Context<'_>,
        (findings, shared): (&mut Findings, &Shared),
        request: (ConnectionId, &Request),
    ) {
        self.lookups.asked(context, findings, request);
        self.answers_due.asked(context, (findings, shared, &self.coordination), request);
    }

    /// A node answers by a connection.
    pub(super) fn answered(
        &mut self,
        context: &Context<'_>,
        (findings, shared): (&mut Findings, &Shared),
        response: (ConnectionId, &Response),
    ) {
        self.lookups.answered(context.node, response);
        self.answers_due.answered(context, (findings, shared, &self.coordination), response);
    }

    /// Nobody waits on a connection any more.
    pub(super) fn connection_closed(&mut self, node: NodeId, connection: ConnectionId) {
        self.answers_due.closed(node, connection);
        self.lookups.connection_closed(node, connection);
    }

    /// A node says something to others that only a coordinator says.
    pub(super) fn coordinator_acts(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        deed: &CoordinatorDeed,
    ) {
        self.coordination.on_deed(context, findings, deed);
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &Note,
    ) {
        self.answers_due.observe(context, findings, (shared, &self.coordination), note);
        self.newest_epochs.on_note(context, findings, note);
        self.coordination.on_note(context, findings, note);
        if let Note::Exchange(note) = note {
            self.on_exchange_note(context, findings, note);
        }
    }

    fn on_exchange_note(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &ExchangeNote,
    ) {
        match note {
            ExchangeNote::RequestServed { api, partition, by, named, own } => {
                let place = (*partition, *by);
                request_fencing::on_served(context, findings, *api, place, (*named, *own));
            }
            ExchangeNote::RequestRefused { .. } => {
                request_fencing::on_refused(context, findings, note);
            }
            ExchangeNote::AnswerApplied { api, partition, asked, own } => {
                standing::on_applied(context, findings, (*api, *partition), *asked, *own);
            }
            ExchangeNote::EpochLearned { partition, epoch } => {
                self.newest_epochs.on_learned(context, findings, partition, *epoch);
            }
            ExchangeNote::TopicReplaced { topic, .. } => {
                self.newest_epochs.on_replaced(context.node, topic);
            }
        }
    }
}

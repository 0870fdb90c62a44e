//! Invariants of requests and answers: epochs are fences for whoever is asked and for whoever asks.

mod coordination;
mod newest_epoch;
mod request_fencing;
mod standing;

use harrow_broker_model::note::{ExchangeNote, Note};
use harrow_broker_model::types::NodeId;

use super::finding::{Context, Findings, Invariant};
use crate::plan::Plan;
use coordination::Coordination;
use newest_epoch::NewestEpochs;

pub use coordination::{CoordinatorDeed, CoordinatorKind};

pub(super) const INVARIANTS: &[Invariant] =
    &[request_fencing::INVARIANT, standing::INVARIANT, newest_epoch::INVARIANT];

/// What the invariants of requests and answers remember.
#[derive(Debug)]
pub(super) struct ExchangeWing {
    newest_epochs: NewestEpochs,
    coordination: Coordination,
}

impl ExchangeWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { newest_epochs: NewestEpochs::default(), coordination: Coordination::new(plan) }
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.newest_epochs.process_started(node);
        self.coordination.process_started(node);
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
    pub(super) fn observe(&mut self, context: &Context<'_>, findings: &mut Findings, note: &Note) {
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

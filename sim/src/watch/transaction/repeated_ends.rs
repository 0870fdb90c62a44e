//! Who asks again is told what became of it.
//!
//! Promise: a coordinator that has decided a transaction, and has begun no other one of its producer since, takes a
//! request to end it in the same way for one that it has met before: it says that it is done, or that it is being
//! done. Told that there is nothing to end so (`INVALID_TXN_STATE`, which is final), an application takes for failed
//! what is committed. Source: `TransactionCoordinator.endTransaction`, KIP-890; Redpanda 3616.
//! Not verified: coordinators that were started after the decision, unless they state it when they load; an end in the
//! other way, which may be refused; a refusal for another reason, such as a newer producer.

use std::collections::BTreeMap;

use harrow_broker_model::note::TransactionState;
use harrow_broker_model::types::{
    LeaderEpoch, NodeId, ProducerEpoch, ProducerId, TransactionOrdinal,
};

use super::transactions::Transition;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

const REFUSED: Anomaly = Anomaly {
    name: "decided-end-refused",
    guarantee: Guarantee::Visibility,
    meaning: "a producer that asked again was told that its transaction cannot end as it has ended",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "repeated-ends",
    promise: "who asks again to end a transaction is told that it has ended so",
    source: "TransactionCoordinator.endTransaction, KIP-890",
    leaves_out: "coordinators that have not stated the decision themselves; refusals for a newer producer",
    anomalies: &[REFUSED],
};

/// How a producer asks that its transaction ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedEnd {
    /// Whose.
    pub transactional_id: String,
    /// The producer that asks.
    pub producer: (ProducerId, ProducerEpoch),
    /// Whether it is to be committed.
    pub commits: bool,
}

/// What became of the newest transaction of each transactional id.
#[derive(Debug, Default)]
pub(super) struct RepeatedEnds {
    newest: BTreeMap<String, Newest>,
}

#[derive(Debug, Clone, Copy)]
struct Newest {
    coordinator_epoch: LeaderEpoch,
    transaction: TransactionOrdinal,
    /// Who had it open.
    producer: (ProducerId, ProducerEpoch),
    /// Who stated how it ends, and whether it is committed.
    decided: Option<(NodeId, bool)>,
}

impl RepeatedEnds {
    /// A process begins without memory.
    pub(super) fn process_started(&mut self, node: NodeId) {
        for newest in self.newest.values_mut() {
            newest.decided = newest.decided.filter(|(by, _)| *by != node);
        }
    }

    /// A coordinator took a transactional id to a state.
    pub(super) fn on_state(&mut self, context: &Context<'_>, next: Transition<'_>) {
        let known = self.newest.get_mut(next.transactional_id);
        if known.as_ref().is_some_and(|it| next.coordinator_epoch < it.coordinator_epoch) {
            return;
        }
        match next.state {
            TransactionState::Ongoing => {
                let newest = Newest {
                    coordinator_epoch: next.coordinator_epoch,
                    transaction: next.transaction,
                    producer: (next.producer_id, next.producer_epoch),
                    decided: None,
                };
                self.newest.insert(next.transactional_id.to_owned(), newest);
            }
            TransactionState::PrepareCommit
            | TransactionState::PrepareAbort
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort => {
                let is_commit = matches!(
                    next.state,
                    TransactionState::PrepareCommit | TransactionState::CompleteCommit
                );
                if let Some(known) = known
                    && (known.producer.0, known.transaction) == (next.producer_id, next.transaction)
                {
                    known.coordinator_epoch = next.coordinator_epoch;
                    known.decided = Some((context.node, is_commit));
                } else {
                    self.newest.remove(next.transactional_id);
                }
            }
            TransactionState::Empty
            | TransactionState::PrepareEpochFence
            | TransactionState::Dead => {
                self.newest.remove(next.transactional_id);
            }
        }
    }

    /// A node refuses an end as impossible.
    pub(super) fn on_refused(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        asked: &AskedEnd,
    ) {
        let Some(newest) = self.newest.get(&asked.transactional_id) else { return };
        if newest.producer == asked.producer
            && newest.decided == Some((context.node, asked.commits))
        {
            findings.report(context, &REFUSED, Place::CLUSTER, || {
                format!(
                    "node {} refused to {} transaction {} of {}, which it has ended so",
                    context.node,
                    if asked.commits { "commit" } else { "abort" },
                    newest.transaction,
                    asked.transactional_id
                )
            });
        }
    }
}

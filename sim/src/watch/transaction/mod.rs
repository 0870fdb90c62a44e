//! Invariants of transactions and of what `read_committed` shows.

mod early_aborts;
mod next_epoch;
mod overdue;
mod repeated_ends;
mod stable_offset;
mod transactions;

use harrow_broker_model::message::{Request, Response};
use harrow_broker_model::note::{
    ConsumerNote, IsolationLevel, LogNote, Note, ReplicationNote, TransactionNote,
};
use harrow_broker_model::types::{ConnectionId, NodeId};

use super::finding::{Context, Findings, Invariant};
use super::shared::Shared;
use crate::plan::Plan;
use early_aborts::EarlyAborts;
use next_epoch::NextEpochs;
use overdue::TransactionsDue;
use repeated_ends::RepeatedEnds;
use stable_offset::{CommittedBound, Served, StableMove, StableOffsets};
use transactions::{Transactions, Transition};

pub use repeated_ends::AskedEnd;
pub(crate) use transactions::state_name;

pub(super) const INVARIANTS: &[Invariant] = &[
    transactions::INVARIANT,
    stable_offset::INVARIANT,
    overdue::INVARIANT,
    repeated_ends::INVARIANT,
    early_aborts::INVARIANT,
    next_epoch::INVARIANT,
];

/// What the invariants of transactions remember.
#[derive(Debug)]
pub(super) struct TransactionWing {
    transactions: Transactions,
    stable_offsets: StableOffsets,
    due: TransactionsDue,
    repeated_ends: RepeatedEnds,
    early_aborts: EarlyAborts,
    next_epochs: NextEpochs,
}

impl TransactionWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            transactions: Transactions::default(),
            stable_offsets: StableOffsets::default(),
            due: TransactionsDue::new(plan),
            repeated_ends: RepeatedEnds::default(),
            early_aborts: EarlyAborts::new(plan),
            next_epochs: NextEpochs::new(plan),
        }
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.stable_offsets.process_started(node);
        self.due.process_started(node);
        self.repeated_ends.process_started(node);
        self.early_aborts.process_started(node);
        self.next_epochs.process_started(node);
    }

    /// A node is about to handle a request.
    pub(super) fn asked(&mut self, context: &Context<'_>, request: (ConnectionId, &Request)) {
        self.early_aborts.asked(context, request);
        self.next_epochs.asked(context.node, request);
    }

    /// A node answers.
    pub(super) fn answered(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        response: (ConnectionId, &Response),
    ) {
        self.early_aborts.answered(context, response);
        self.next_epochs.answered(context, findings, response);
    }

    /// Nobody waits on a connection any more.
    pub(super) fn connection_closed(&mut self, node: NodeId, connection: ConnectionId) {
        self.early_aborts.connection_closed(node, connection);
        self.next_epochs.connection_closed(node, connection);
    }

    pub(super) fn end_refused(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        asked: &AskedEnd,
    ) {
        self.repeated_ends.on_refused(context, findings, asked);
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &Note,
    ) {
        self.due.look(context, findings, shared);
        if let Note::Transaction(note) = note {
            self.on_transaction_note(context, findings, note);
        } else if let Note::Replication(ReplicationNote::HeldUp { partition, .. }) = note {
            self.due.on_held_up(context.at_ns, *partition);
        } else if let Note::Log(LogNote::Appended { partition, batch, origin, .. }) = note {
            self.transactions.on_append(context, findings, *partition, batch, *origin);
        } else if let Note::Consumer(ConsumerNote::RecordsServed {
            partition,
            leader_epoch,
            isolation: IsolationLevel::ReadCommitted,
            batches,
            aborted,
            ..
        }) = note
        {
            let (partition, epoch) = (*partition, *leader_epoch);
            let served = Served { partition, epoch, batches, aborted };
            self.stable_offsets.on_served(context, findings, served);
        } else if let Note::Consumer(note) = note
            && let Some(told) = CommittedBound::by(note)
        {
            self.stable_offsets.on_told(context, findings, told);
        }
    }

    fn on_transaction_note(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &TransactionNote,
    ) {
        match note {
            TransactionNote::StateChanged {
                transactional_id,
                producer_id,
                producer_epoch,
                transaction,
                state,
                timeout_ms,
                coordinator_epoch,
            } => {
                let next = Transition {
                    transactional_id,
                    producer_id: *producer_id,
                    producer_epoch: *producer_epoch,
                    transaction: *transaction,
                    state: *state,
                    timeout_ms: *timeout_ms,
                    coordinator_epoch: *coordinator_epoch,
                };
                self.transactions.on_state(context, findings, next);
                self.due.on_state(context, next);
                self.repeated_ends.on_state(context, next);
                self.early_aborts.on_state(context, findings, next);
                self.next_epochs.on_state(context, findings, next);
            }
            TransactionNote::PartitionAdded { producer_id, transaction, partition } => {
                let (producer_id, transaction) = (*producer_id, *transaction);
                self.transactions.on_partition_added(producer_id, transaction, *partition);
                self.due.on_partition_added(producer_id, transaction, *partition);
            }
            TransactionNote::BatchAttributed { partition, producer_id, transaction } => {
                self.transactions.on_attributed(context, *partition, *producer_id, *transaction);
            }
            TransactionNote::MarkerForced { partition, producer_id } => {
                self.transactions.on_forced(context, *partition, *producer_id);
            }
            TransactionNote::LastStableOffsetMoved { partition, leader_epoch, as_leader, to } => {
                let (epoch, as_leader) = (*leader_epoch, *as_leader);
                let moved = StableMove { partition: *partition, epoch, as_leader, to: *to };
                self.stable_offsets.on_moved(context, findings, moved);
            }
        }
    }
}

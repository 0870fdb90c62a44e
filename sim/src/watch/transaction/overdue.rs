//! A transaction ends in time.
//!
//! Promise: where nothing stands in the way of those who are needed, a transaction is aborted by its coordinator once
//! `transaction.timeout.ms` is over, at one of its next two looks, and one that is decided is complete as soon as the
//! leaders of its partitions can have written their markers: until then nobody reads past it, and its producer begins
//! no other. Who is needed: the coordinator and the replicas of its partition of the
//! transaction log; for the markers the active controller, which says who leads, and the replicas of the partitions of
//! the transaction.
//! Source: KIP-98; `TransactionCoordinator.abortTimedOutTransactions`, `TransactionMarkerChannelManager`.
//! Not verified: a coordinator that never loads what another one had stated, which liveness judges; timeouts where a
//! wall clock is wrong, by which they go; a producer that takes in partitions all the time, since a look passes over
//! what is being written; partitions of which a replica is away, or held up by a quota.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::config::CoordinatorConfig;
use harrow_broker_model::note::TransactionState;
use harrow_broker_model::types::{
    LeaderEpoch, NodeId, ProducerId, TopicPartition, TransactionOrdinal,
};

use super::transactions::{Transition, state_name};
use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::due::{COORDINATORS_NS, Look, acting_leader, internal_partition};
use crate::watch::exchange::CoordinatorKind;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};
use crate::watch::shared::Shared;
use crate::watch::timing::has_wrong_clocks;

const OVERDUE: Anomaly = Anomaly {
    name: "transaction-overdue",
    guarantee: Guarantee::Liveness,
    meaning: "a transaction was open for longer than its timeout allows, or decided for longer than its markers need",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "transaction-due",
    promise: "when it is calm for who is needed, transactions are aborted when their time is over, and complete when \
        they are decided",
    source: "KIP-98, TransactionCoordinator.abortTimedOutTransactions, TransactionMarkerChannelManager",
    leaves_out: "timeouts where a wall clock is wrong; partitions of which a replica is away, or held up by a quota",
    anomalies: &[OVERDUE],
};

const MS: u64 = 1_000_000;

/// Transactions that are to end, by their transactional ids.
#[derive(Debug)]
pub(super) struct TransactionsDue {
    coordinators: CoordinatorConfig,
    /// Time between a coordinator's looks at what is open; none if clocks are wrong.
    looks_ms: Option<u64>,
    next_look_ns: u64,
    waits: BTreeMap<String, Wait>,
}

/// A transaction that is to end.
#[derive(Debug)]
struct Wait {
    producer_id: ProducerId,
    transaction: TransactionOrdinal,
    state: TransactionState,
    /// For how long it may be open.
    timeout_ms: u64,
    /// Partitions that need a marker.
    partitions: BTreeSet<TopicPartition>,
    /// Who said so, in which epoch: another coordinator says it again.
    coordinator: (NodeId, LeaderEpoch),
    /// Since when it is in this state.
    began: u64,
    /// When that was stated last, or something that it needs was missing at a look.
    moved: u64,
}

impl TransactionsDue {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            coordinators: plan.cluster.coordinators,
            looks_ms: (!has_wrong_clocks(plan))
                .then_some(plan.cluster.transaction_cleanup_interval_ms),
            next_look_ns: 0,
            waits: BTreeMap::new(),
        }
    }

    /// A process starts: it coordinates nothing.
    pub(super) fn process_started(&mut self, node: NodeId) {
        self.waits.retain(|_, wait| wait.coordinator.0 != node);
    }

    /// A coordinator says in which state a transactional id is.
    pub(super) fn on_state(&mut self, context: &Context<'_>, next: Transition<'_>) {
        let known = self.waits.get(next.transactional_id);
        if known.is_some_and(|known| known.coordinator.1 > next.coordinator_epoch) {
            return;
        }
        let waits = match next.state {
            TransactionState::Ongoing
            | TransactionState::PrepareCommit
            | TransactionState::PrepareAbort => true,
            TransactionState::Empty
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort
            | TransactionState::PrepareEpochFence
            | TransactionState::Dead => false,
        };
        if !waits {
            self.waits.remove(next.transactional_id);
            return;
        }
        let now = Wait {
            producer_id: next.producer_id,
            transaction: next.transaction,
            state: next.state,
            timeout_ms: next.timeout_ms,
            partitions: BTreeSet::new(),
            coordinator: (context.node, next.coordinator_epoch),
            began: context.at_ns,
            moved: context.at_ns,
        };
        let known = self.waits.get(next.transactional_id).filter(|known| known.is_same(&now));
        // An ongoing one that takes in more partitions has begun before.
        let began = known.map_or(now.began, |known| known.began);
        self.waits.insert(next.transactional_id.to_owned(), Wait { began, ..now });
    }

    /// A coordinator says that a partition is in a transaction, right after it has told the state.
    pub(super) fn on_partition_added(
        &mut self,
        producer_id: ProducerId,
        transaction: TransactionOrdinal,
        partition: TopicPartition,
    ) {
        let of =
            |wait: &&mut Wait| (wait.producer_id, wait.transaction) == (producer_id, transaction);
        for wait in self.waits.values_mut().filter(of) {
            wait.partitions.insert(partition);
        }
    }

    /// A quota holds a follower up: no marker of the partition is due.
    pub(super) fn on_held_up(&mut self, at_ns: u64, partition: TopicPartition) {
        let marks = |wait: &&mut Wait| wait.is_decided() && wait.partitions.contains(&partition);
        for wait in self.waits.values_mut().filter(marks) {
            wait.moved = at_ns;
        }
    }

    /// Time goes on.
    #[inline]
    pub(super) fn look(&mut self, context: &Context<'_>, findings: &mut Findings, shared: &Shared) {
        if context.at_ns < self.next_look_ns || !context.view.states_all() {
            return;
        }
        self.next_look_ns = context.at_ns.saturating_add(COORDINATORS_NS);
        if !self.waits.is_empty() {
            self.look_at_all(&Look::new(context, shared), findings);
        }
    }

    fn look_at_all(&mut self, look: &Look<'_>, findings: &mut Findings) {
        let (coordinators, looks_ms) = (self.coordinators, self.looks_ms);
        self.waits.retain(|id, wait| {
            let (view, kind) = (look.context.view, CoordinatorKind::Transaction);
            let index = coordinators.transaction_partition_of(id) as i32;
            let (node, epoch) = wait.coordinator;
            let log = internal_partition(view, kind, index)
                .filter(|log| look.leads_in(node, *log) == Some(epoch));
            let Some(log) = log else { return false };
            if let Some(since) = wait.unhindered_since(look, log) {
                let due = wait.due(look, looks_ms);
                let nodes = look.replicas_of(log);
                if due.is_some_and(|(at, bound)| look.is_due(at.max(since), &nodes, bound)) {
                    wait.report(look, findings, (id, log));
                }
            } else {
                wait.moved = look.context.at_ns;
            }
            true
        });
    }
}

/// How long markers may take: the coordinator and the leaders learn who leads what, a request that went elsewhere is
/// given up, and what was written is committed.
fn marked_ns(look: &Look<'_>) -> u64 {
    let bounds = look.bounds();
    let asked_ns = bounds.learns_ns.saturating_add(bounds.proposal_ns);
    asked_ns.saturating_add(look.written_ns().saturating_mul(2))
}

impl Wait {
    fn is_same(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.producer_id, it.transaction, it.is_decided(), it.coordinator);
        of(self) == of(other)
    }

    fn is_decided(&self) -> bool {
        self.state != TransactionState::Ongoing
    }

    /// When something is to be done, and how long that may take. A coordinator looks again at what was being written
    /// at one look, or could not be.
    fn due(&self, look: &Look<'_>, looks_ms: Option<u64>) -> Option<(u64, u64)> {
        if self.is_decided() {
            return Some((self.moved, marked_ns(look)));
        }
        let over = self.began.saturating_add(self.timeout_ms.saturating_mul(MS));
        let looks_ns = looks_ms?.saturating_mul(2 * MS);
        Some((self.moved.max(over), looks_ns.saturating_add(look.written_ns())))
    }

    /// Since when nothing stands in the way; none while something does.
    fn unhindered_since(&self, look: &Look<'_>, log: TopicPartition) -> Option<u64> {
        let view = look.context.view;
        let mut since = look.commits_since(log)?;
        if !self.is_decided() {
            return Some(since);
        }
        let (controller, majority_since) = look.controller?;
        since = since.max(majority_since);
        // It learns from the controller who leads, and what is deleted.
        since = since.max(look.calm_since(self.coordinator.0, &[controller])?);
        // What is deleted needs no marker.
        let there = self.partitions.iter().filter_map(|partition| view.partition(*partition));
        for partition in there.filter(|partition| partition.registration.is_some()) {
            let leader = acting_leader(partition)?.node;
            since = since.max(look.commits_since(partition.partition)?);
            since = since.max(look.calm_since(self.coordinator.0, &[leader])?);
            since = since.max(look.calm_since(leader, &[controller])?);
        }
        Some(since)
    }

    fn report(&self, look: &Look<'_>, findings: &mut Findings, (id, log): (&str, TopicPartition)) {
        let context = Context { node: self.coordinator.0, ..*look.context };
        findings.report(&context, &OVERDUE, log, || {
            let ms = (context.at_ns - self.began) / MS;
            let (state, transaction) = (state_name(self.state), self.transaction);
            format!("transaction {transaction} of {id} has been {state} for {ms} ms")
        });
    }
}

//! A transaction ends in time.
//!
//! Promise: where nothing stands in the way of those who are needed, a transaction whose producer says nothing is
//! aborted by its coordinator once `transaction.timeout.ms` is over, at the next of its looks, and one that is decided
//! is complete as soon as the leaders of its partitions can have written their markers: until then nobody reads past
//! it, and its producer begins no other. Who is needed: the coordinator and the replicas of its partition of the
//! transaction log; for the markers the active controller, which says who leads, and the replicas of the partitions of
//! the transaction.
//! Source: KIP-98; `TransactionCoordinator.abortTimedOutTransactions`, `TransactionMarkerChannelManager`.
//! Not verified: a coordinator that never loads what another one had stated, which liveness judges; timeouts where a
//! wall clock is wrong, by which they go; partitions of which a replica is away, or held up by a quota.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::config::CoordinatorConfig;
use harrow_broker_model::note::TransactionState;
use harrow_broker_model::types::{
    LeaderEpoch, NodeId, ProducerId, TopicPartition, TransactionOrdinal,
};

use super::transactions::{Transition, state_name};
use crate::plan::Plan;
use crate::violation::Guarantee;
use crate::watch::due::{Look, acting_leader, coordinators_partition};
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
/// Time between two looks, in nanoseconds.
const LOOKS_NS: u64 = 250 * MS;

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
    /// Since when it is in this state, and nothing that it needs was missing at a look.
    from: u64,
}

impl Wait {
    fn is_decided(&self) -> bool {
        self.state != TransactionState::Ongoing
    }
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
            from: context.at_ns,
        };
        let known = self.waits.get(next.transactional_id).filter(|known| known.is_same(&now));
        // An ongoing one that takes in more partitions has begun before.
        let from = known.map_or(now.from, |known| known.from);
        self.waits.insert(next.transactional_id.to_owned(), Wait { from, ..now });
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
        for wait in self.waits.values_mut().filter(|wait| wait.partitions.contains(&partition)) {
            wait.from = at_ns;
        }
    }

    /// Time goes on.
    #[inline]
    pub(super) fn look(&mut self, context: &Context<'_>, findings: &mut Findings, shared: &Shared) {
        if context.at_ns < self.next_look_ns || !context.view.states_all() {
            return;
        }
        self.next_look_ns = context.at_ns.saturating_add(LOOKS_NS);
        if !self.waits.is_empty() {
            self.look_at_all(&Look::new(context, shared), findings);
        }
    }

    fn look_at_all(&mut self, look: &Look<'_>, findings: &mut Findings) {
        let (coordinators, looks_ms) = (self.coordinators, self.looks_ms);
        self.waits.retain(|id, wait| {
            let index = coordinators.transaction_partition_of(id);
            let log = coordinators_partition(look.context.view, "__transaction_state", index);
            let Some(log) = log.filter(|log| wait.is_coordinated(look, *log)) else { return false };
            let Some(since) = wait.unhindered_since(look, log) else {
                wait.from = look.context.at_ns;
                return true;
            };
            let open_ms = looks_ms.map(|looks_ms| wait.timeout_ms.saturating_add(looks_ms));
            let open_ns = open_ms.map(|open_ms| open_ms.saturating_mul(MS));
            let bound = if wait.is_decided() { Some(marked_ns(look)) } else { open_ns };
            let bound = bound.map(|own_ns| own_ns.saturating_add(look.written_ns()));
            let from = wait.from.max(since);
            if bound.is_some_and(|bound| look.is_due(from, &[wait.coordinator.0], bound)) {
                wait.report(look, findings, (id, log));
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
    asked_ns.saturating_add(look.written_ns())
}

impl Wait {
    fn is_same(&self, other: &Self) -> bool {
        let of = |it: &Self| (it.producer_id, it.transaction, it.is_decided(), it.coordinator);
        of(self) == of(other)
    }

    /// Whether who said it is still the one to see to it.
    fn is_coordinated(&self, look: &Look<'_>, log: TopicPartition) -> bool {
        let leader = look.context.view.partition(log).and_then(acting_leader);
        leader.is_some_and(|leader| (leader.node, leader.leader_epoch) == self.coordinator)
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
        // What is deleted needs no marker.
        let there = self.partitions.iter().filter_map(|partition| view.partition(*partition));
        for partition in there.filter(|partition| partition.registration.is_some()) {
            let leader = acting_leader(partition)?.node;
            since = since.max(look.commits_since(partition.partition)?);
            since = since.max(look.calm_since(self.coordinator.0, &[leader, controller])?);
            since = since.max(look.calm_since(leader, &[controller])?);
        }
        Some(since)
    }

    fn report(&self, look: &Look<'_>, findings: &mut Findings, (id, log): (&str, TopicPartition)) {
        let context = Context { node: self.coordinator.0, ..*look.context };
        findings.report(&context, &OVERDUE, log, || {
            let ms = (context.at_ns - self.from) / MS;
            let (state, transaction) = (state_name(self.state), self.transaction);
            format!("transaction {transaction} of {id} has been {state} for {ms} ms")
        });
    }
}

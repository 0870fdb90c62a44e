//! Transactions: one decision each, told everywhere.
//!
//! Promise: a transactional id goes through the states of KIP-98 and KIP-890, once to a decision in each transaction
//! and never back, and only its newest producer id and epoch go on; a marker is written after the coordinator decided
//! so, ends records of its own transaction only, and says the same on every partition; when the coordinator calls a
//! transaction complete, each of its partitions has a marker; nothing joins a transaction that is over or never
//! began, and no record outside of it comes between.
//! Source: KIP-98, KIP-890, KAFKA-17754; `TransactionMetadata.prepareTransitionTo`,
//! `UnifiedLog.analyzeAndValidateProducerState`.
//! Not verified: coordinator epochs on markers; records that a deposed leader appends, unless the last stable offset
//! shows them; offsets committed within a transaction; markers that a failover takes away again, which the last stable
//! offset shows. What a coordinator never stated is not judged by its decision.

use std::collections::{BTreeMap, BTreeSet};

use harrow_broker_model::note::{AppendOrigin, BatchKind, BatchSummary, TransactionState};
use harrow_broker_model::types::{
    LeaderEpoch, NodeId, Offset, ProducerEpoch, ProducerId, TopicPartition, TransactionOrdinal,
};

use crate::view::{LogEntry, LogMirror};
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant, Place};

const TRANSITION: Anomaly = Anomaly {
    name: "illegal-txn-transition",
    guarantee: Guarantee::Visibility,
    meaning: "a transaction went to a state that cannot follow, as from one decision to the other",
};
const FENCED: Anomaly = Anomaly {
    name: "fenced-producer-accepted",
    guarantee: Guarantee::Visibility,
    meaning: "a coordinator let an older producer id or epoch of a transactional id go on",
};
const UNDECIDED: Anomaly = Anomaly {
    name: "marker-without-decision",
    guarantee: Guarantee::Visibility,
    meaning: "a transaction marker was written that its coordinator had not decided",
};
const WRONG: Anomaly = Anomaly {
    name: "marker-wrong-txn",
    guarantee: Guarantee::Visibility,
    meaning: "a marker of one transaction ended the records of another",
};
const TORN: Anomaly = Anomaly {
    name: "torn-txn",
    guarantee: Guarantee::Visibility,
    meaning: "a transaction is committed on one partition and aborted or left open on another",
};
const HANGING: Anomaly = Anomaly {
    name: "hanging-txn",
    guarantee: Guarantee::Visibility,
    meaning: "a record joined a transaction that is over or never began, so that no marker will end it",
};
const BETWEEN: Anomaly = Anomaly {
    name: "non-transactional-append-in-txn",
    guarantee: Guarantee::Visibility,
    meaning: "a producer's record outside of any transaction was appended amid its open transaction",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "transactions",
    promise: "a transaction is decided once, with the same outcome on every partition",
    source: "KIP-98, KIP-890, TransactionMetadata",
    leaves_out: "coordinator epochs; records that a deposed leader appends; offsets committed within a transaction",
    anomalies: &[TRANSITION, FENCED, UNDECIDED, WRONG, TORN, HANGING, BETWEEN],
};

/// What a coordinator stated of a transactional id.
#[derive(Debug, Clone, Copy)]
pub(super) struct Transition<'a> {
    pub(super) transactional_id: &'a str,
    pub(super) producer_id: ProducerId,
    pub(super) producer_epoch: ProducerEpoch,
    pub(super) transaction: TransactionOrdinal,
    pub(super) state: TransactionState,
    pub(super) timeout_ms: u64,
    pub(super) coordinator_epoch: LeaderEpoch,
}

/// What coordinators decided and what partitions were told.
#[derive(Debug, Default)]
pub(super) struct Transactions {
    /// Newest transaction and state of each producer, as its coordinator says.
    coordinated: BTreeMap<ProducerId, (TransactionOrdinal, TransactionState)>,
    /// Newest producer of each transactional id, and those before it.
    identities: BTreeMap<String, Identity>,
    /// In which epoch the newest coordinator of each transactional id spoke.
    coordinators: BTreeMap<String, LeaderEpoch>,
    begun: BTreeMap<(ProducerId, TransactionOrdinal), Transaction>,
    /// To which transaction the next batch of a producer belongs, and when that was stated.
    attributed: BTreeMap<(NodeId, TopicPartition, ProducerId), (TransactionOrdinal, u64)>,
    partitions: BTreeMap<TopicPartition, OpenTransactions>,
    /// Markers that administrators sent, and when that was stated.
    forced: BTreeMap<(NodeId, TopicPartition, ProducerId), u64>,
}

#[derive(Debug)]
struct Identity {
    newest: (ProducerId, ProducerEpoch),
    retired: BTreeSet<ProducerId>,
}

#[derive(Debug, Default)]
struct Transaction {
    decided: Option<Decision>,
    /// What coordinators stated of it.
    stated: Vec<TransactionState>,
    /// Partitions that need a marker.
    touched: BTreeSet<TopicPartition>,
    markers: BTreeMap<TopicPartition, Decision>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Decision {
    Commit,
    Abort,
}

/// Transactions that are open in the log of the leader that appended last, up to an offset of it.
#[derive(Debug, Default)]
struct OpenTransactions {
    end: Offset,
    chain: u64,
    open: BTreeMap<ProducerId, Option<TransactionOrdinal>>,
    /// The newest transaction of each producer that a marker ended.
    ended: BTreeMap<ProducerId, TransactionOrdinal>,
    /// Which transaction a batch or marker belongs to. What a leader appends, one that was deposed may have appended at
    /// the same offset, for another transaction.
    ordinals: BTreeMap<(Offset, LeaderEpoch, u32), TransactionOrdinal>,
}

fn key_of(batch: &BatchSummary) -> (Offset, LeaderEpoch, u32) {
    (batch.base_offset, batch.leader_epoch, batch.checksum)
}

impl Transactions {
    /// A coordinator took a transactional id to a state.
    pub(super) fn on_state(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        next: Transition<'_>,
    ) {
        let key = (next.producer_id, next.transaction);
        let newest = self.coordinators.entry(next.transactional_id.to_owned());
        let newest = newest.or_insert(next.coordinator_epoch);
        if next.coordinator_epoch < *newest {
            let known = self.begun.get(&key);
            if !known.is_some_and(|known| known.stated.contains(&next.state)) {
                findings.report(context, &TRANSITION, Place::CLUSTER, || {
                    format!(
                        "a deposed coordinator says that transaction {} of {} is {}; its successor never did",
                        next.transaction,
                        next.transactional_id,
                        state_name(next.state)
                    )
                });
            }
            return;
        }
        *newest = next.coordinator_epoch;
        self.begun.entry(key).or_default().stated.push(next.state);
        self.check_identity(context, findings, next);
        let decided = self.begun.get(&key).and_then(|known| known.decided);
        let before = self.coordinated.insert(next.producer_id, (next.transaction, next.state));
        let before = before.unwrap_or((next.transaction, TransactionState::Empty));
        if before == (next.transaction, next.state) && next.state != TransactionState::Empty {
            // A coordinator that loads its log states again what it read.
            return;
        }
        if !may_follow(before, (next.transaction, next.state), decided) {
            findings.report(context, &TRANSITION, Place::CLUSTER, || {
                format!(
                    "transaction {} of {} is {} after transaction {} was {}",
                    next.transaction,
                    next.transactional_id,
                    state_name(next.state),
                    before.0,
                    state_name(before.1)
                )
            });
            return;
        }
        let transaction = self.begun.entry(key).or_default();
        if let Some(decision) = prepared(next.state) {
            transaction.decided.get_or_insert(decision);
        } else if let Some(decision) = completed(next.state) {
            check_markers(context, findings, next, transaction, decision);
        }
    }

    /// A coordinator registered a partition in a transaction.
    pub(super) fn on_partition_added(
        &mut self,
        producer_id: ProducerId,
        transaction: TransactionOrdinal,
        partition: TopicPartition,
    ) {
        let known = self.begun.entry((producer_id, transaction)).or_default();
        known.touched.insert(partition);
    }

    /// The node's next batch of the producer belongs to this transaction.
    pub(super) fn on_attributed(
        &mut self,
        context: &Context<'_>,
        partition: TopicPartition,
        producer_id: ProducerId,
        transaction: TransactionOrdinal,
    ) {
        let stated = (transaction, context.at_ns);
        self.attributed.insert((context.node, partition, producer_id), stated);
    }

    /// The node's next marker for the producer is an administrator's: it ends whatever is open.
    pub(super) fn on_forced(
        &mut self,
        context: &Context<'_>,
        partition: TopicPartition,
        producer_id: ProducerId,
    ) {
        self.forced.insert((context.node, partition, producer_id), context.at_ns);
    }

    fn is_forced(
        &mut self,
        context: &Context<'_>,
        partition: TopicPartition,
        producer: ProducerId,
    ) -> bool {
        self.forced.remove(&(context.node, partition, producer)) == Some(context.at_ns)
    }

    /// A batch is appended.
    pub(super) fn on_append(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        batch: &BatchSummary,
        origin: AppendOrigin,
    ) {
        if origin == AppendOrigin::Follower {
            return;
        }
        let outside = self.partitions.is_empty() || batch.producer_id == ProducerId::NONE;
        match batch.kind {
            BatchKind::Plain if outside => {}
            BatchKind::Control => {}
            BatchKind::Plain => self.on_plain(context, findings, partition, batch),
            BatchKind::Transactional => self.on_record(context, findings, partition, batch),
            BatchKind::CommitMarker => {
                self.on_marker(context, findings, partition, batch, Decision::Commit);
            }
            BatchKind::AbortMarker => {
                self.on_marker(context, findings, partition, batch, Decision::Abort);
            }
        }
    }

    fn on_plain(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        batch: &BatchSummary,
    ) {
        let Some(known) = self.partitions.get_mut(&partition) else { return };
        known.follow(context, partition);
        if known.open.contains_key(&batch.producer_id) {
            findings.report(context, &BETWEEN, place(partition, batch), || {
                format!(
                    "producer {} appended offset {} outside of its open transaction",
                    batch.producer_id, batch.base_offset
                )
            });
        }
    }

    fn on_record(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        batch: &BatchSummary,
    ) {
        let producer = batch.producer_id;
        let ordinal = self.ordinal_of(context, partition, batch);
        let known = self.partitions.entry(partition).or_default();
        known.follow(context, partition);
        let markers = ordinal.is_some_and(|now| known.ended.get(&producer) >= Some(&now));
        let coordinated = self.coordinated.get(&producer);
        let over = coordinated.is_some_and(|newest| !may_take_records(*newest, ordinal));
        // No follower of a newer leader keeps what a deposed one appends.
        let deposed = is_deposed(context, partition, batch);
        if (markers || over) && !deposed {
            findings.report(context, &HANGING, place(partition, batch), || {
                format!(
                    "producer {producer} appended offset {} to transaction {}, which is {}",
                    batch.base_offset,
                    ordinal.unwrap_or_default(),
                    if markers { "ended by a marker" } else { "not ongoing" }
                )
            });
        }
        let Some(ordinal) = ordinal else { return };
        known.ordinals.insert(key_of(batch), ordinal);
        if !deposed {
            self.begun.entry((producer, ordinal)).or_default().touched.insert(partition);
        }
    }

    fn on_marker(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        batch: &BatchSummary,
        decision: Decision,
    ) {
        let producer = batch.producer_id;
        let ordinal = self.ordinal_of(context, partition, batch);
        if self.is_forced(context, partition, producer) {
            return self.on_forced_marker(context, findings, partition, batch);
        }
        let known = self.partitions.entry(partition).or_default();
        known.follow(context, partition);
        let Some(ordinal) = ordinal else { return };
        known.ordinals.insert(key_of(batch), ordinal);
        let place = place(partition, batch);
        let what = format_args!("the {} marker of transaction {ordinal}", decision.name());
        let open = known.open.get(&producer).copied().flatten();
        if let Some(open) = open.filter(|open| *open != ordinal) {
            findings.report(context, &WRONG, place, || {
                format!("{what} of producer {producer} ended its transaction {open}")
            });
        }
        let transaction = self.begun.entry((producer, ordinal)).or_default();
        if self.coordinated.contains_key(&producer) && transaction.decided != Some(decision) {
            findings.report(context, &UNDECIDED, place, || {
                let decided = transaction.decided.map_or("nothing yet", Decision::name);
                format!("{what} of producer {producer} was written; decided was {decided}")
            });
        }
        if transaction.markers.values().any(|markers| *markers != decision) {
            findings.report(context, &TORN, place, || {
                format!("{what} of producer {producer} was written after one that says otherwise")
            });
        }
        transaction.markers.insert(partition, decision);
    }

    /// An administrator may end what no coordinator will: a transaction that is over, or that none knows.
    fn on_forced_marker(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        batch: &BatchSummary,
    ) {
        let producer = batch.producer_id;
        let known = self.partitions.entry(partition).or_default();
        known.follow(context, partition);
        let Some(open) = known.open.get(&producer).copied().flatten() else { return };
        known.ordinals.insert(key_of(batch), open);
        let newest = self.coordinated.get(&producer);
        if newest.is_some_and(|newest| may_take_records(*newest, Some(open))) {
            findings.report(context, &UNDECIDED, place(partition, batch), || {
                format!("an administrator ended transaction {open} of producer {producer}, which goes on")
            });
        }
    }

    /// The transaction of a batch: as stated with it, else the newest that the coordinator knows of the producer. A
    /// leader that refuses or fails to append what it stated leaves its statement behind, which no record counts. Each
    /// marker has its own, however long a disk stands still between that and the marker.
    fn ordinal_of(
        &mut self,
        context: &Context<'_>,
        partition: TopicPartition,
        batch: &BatchSummary,
    ) -> Option<TransactionOrdinal> {
        let producer = batch.producer_id;
        let is_marker = matches!(batch.kind, BatchKind::CommitMarker | BatchKind::AbortMarker);
        let stated = self.attributed.remove(&(context.node, partition, producer));
        let stated = stated.filter(|(_, at_ns)| is_marker || *at_ns == context.at_ns);
        let newest = || self.coordinated.get(&producer).map(|(newest, _)| *newest);
        stated.map(|(ordinal, _)| ordinal).or_else(newest)
    }

    fn check_identity(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        next: Transition<'_>,
    ) {
        let now = (next.producer_id, next.producer_epoch);
        let Some(known) = self.identities.get_mut(next.transactional_id) else {
            let identity = Identity { newest: now, retired: BTreeSet::new() };
            self.identities.insert(next.transactional_id.to_owned(), identity);
            return;
        };
        let (newest, epoch) = known.newest;
        let older = newest == now.0 && now.1 < epoch || known.retired.contains(&now.0);
        if older {
            findings.report(context, &FENCED, Place::CLUSTER, || {
                format!(
                    "{} goes on with producer {} epoch {} after producer {newest} epoch {epoch}",
                    next.transactional_id, now.0, now.1
                )
            });
            return;
        }
        if newest != now.0 {
            known.retired.insert(newest);
        }
        known.newest = now;
    }
}

impl OpenTransactions {
    /// Reads the log of the node up to its end. Logs of successive leaders share what is committed, so that mostly only
    /// what is new is read.
    fn follow(&mut self, context: &Context<'_>, partition: TopicPartition) {
        let Some(replica) = context.view.replica(context.node, partition) else { return };
        let log = &replica.log;
        if log.chain_at(self.end) != Some(self.chain) {
            self.start_again(log);
        }
        for entry in log.between(self.end, log.end()) {
            self.take(entry);
        }
        self.end = log.end();
        self.chain = log.chain();
    }

    fn start_again(&mut self, log: &LogMirror) {
        self.open.clear();
        self.ended.clear();
        self.end = log.start();
    }

    fn take(&mut self, entry: &LogEntry) {
        let batch = &entry.batch;
        let ordinal = self.ordinals.get(&key_of(batch)).copied();
        match batch.kind {
            BatchKind::Transactional => {
                self.open.entry(batch.producer_id).or_insert(ordinal);
            }
            BatchKind::CommitMarker | BatchKind::AbortMarker => {
                let ended = self.open.remove(&batch.producer_id).flatten();
                if let Some(ended) = ended.max(ordinal) {
                    self.ended.insert(batch.producer_id, ended);
                }
            }
            BatchKind::Plain | BatchKind::Control => {}
        }
    }
}

/// Whether a newer leader is registered than the one that appended a batch.
fn is_deposed(context: &Context<'_>, partition: TopicPartition, batch: &BatchSummary) -> bool {
    let known = context.view.partition(partition);
    known.is_some_and(|known| batch.leader_epoch < known.leader_epoch())
}

impl Decision {
    fn name(self) -> &'static str {
        match self {
            Self::Commit => "commit",
            Self::Abort => "abort",
        }
    }
}

/// Every partition must have been told when the coordinator calls the transaction complete, but for those of deleted
/// topics. Source: `TransactionMarkerChannelManager.addTxnMarkersToBrokerQueue`.
fn check_markers(
    context: &Context<'_>,
    findings: &mut Findings,
    next: Transition<'_>,
    transaction: &Transaction,
    decision: Decision,
) {
    let is_there = |partition: &TopicPartition| {
        context.view.partition(*partition).is_none_or(|known| known.deleted_ns.is_none())
    };
    for partition in transaction.touched.iter().filter(|partition| is_there(partition)) {
        if !transaction.markers.contains_key(partition) {
            findings.report(context, &TORN, *partition, || {
                format!(
                    "transaction {} of {} is complete, but no {} marker was written here",
                    next.transaction,
                    next.transactional_id,
                    decision.name()
                )
            });
        }
    }
}

/// Whether records may be added: while the transaction is ongoing, or decided and not yet ended here, as a marker and a
/// batch that was verified before may cross.
fn may_take_records(
    (newest, state): (TransactionOrdinal, TransactionState),
    ordinal: Option<TransactionOrdinal>,
) -> bool {
    let open = match state {
        TransactionState::Ongoing
        | TransactionState::PrepareCommit
        | TransactionState::PrepareAbort
        | TransactionState::PrepareEpochFence => true,
        TransactionState::Empty
        | TransactionState::CompleteCommit
        | TransactionState::CompleteAbort
        | TransactionState::Dead => false,
    };
    open && ordinal == Some(newest)
}

/// Whether a state may follow another. Source: `TransactionState.validPreviousStates`.
fn may_follow(
    (transaction, state): (TransactionOrdinal, TransactionState),
    (next_transaction, next): (TransactionOrdinal, TransactionState),
    decided: Option<Decision>,
) -> bool {
    use TransactionState as State;
    let rests = matches!(state, State::Empty | State::CompleteCommit | State::CompleteAbort);
    let same = transaction == next_transaction;
    let contradicts = prepared(next).is_some_and(|next| decided.is_some_and(|it| it != next));
    if next_transaction < transaction || contradicts {
        return false;
    }
    match next {
        State::Empty => rests || state == State::Dead,
        State::Ongoing if same => {
            matches!(state, State::Ongoing | State::Empty) && decided.is_none()
        }
        State::PrepareCommit | State::PrepareEpochFence => same && state == State::Ongoing,
        State::PrepareAbort => {
            rests && decided.is_none()
                || same && matches!(state, State::Ongoing | State::PrepareEpochFence)
        }
        State::CompleteCommit => same && state == State::PrepareCommit,
        State::CompleteAbort => same && state == State::PrepareAbort,
        State::Ongoing | State::Dead => rests,
    }
}

fn prepared(state: TransactionState) -> Option<Decision> {
    match state {
        TransactionState::PrepareCommit => Some(Decision::Commit),
        TransactionState::PrepareAbort => Some(Decision::Abort),
        TransactionState::Empty
        | TransactionState::Ongoing
        | TransactionState::CompleteCommit
        | TransactionState::CompleteAbort
        | TransactionState::PrepareEpochFence
        | TransactionState::Dead => None,
    }
}

fn completed(state: TransactionState) -> Option<Decision> {
    match state {
        TransactionState::CompleteCommit => Some(Decision::Commit),
        TransactionState::CompleteAbort => Some(Decision::Abort),
        TransactionState::Empty
        | TransactionState::Ongoing
        | TransactionState::PrepareCommit
        | TransactionState::PrepareAbort
        | TransactionState::PrepareEpochFence
        | TransactionState::Dead => None,
    }
}

fn place(partition: TopicPartition, batch: &BatchSummary) -> Place {
    Place::from((partition, batch.base_offset, batch.last_offset))
}

/// A transaction's state, in words.
pub(crate) fn state_name(state: TransactionState) -> &'static str {
    match state {
        TransactionState::Empty => "empty",
        TransactionState::Ongoing => "ongoing",
        TransactionState::PrepareCommit => "to be committed",
        TransactionState::PrepareAbort => "to be aborted",
        TransactionState::CompleteCommit => "committed",
        TransactionState::CompleteAbort => "aborted",
        TransactionState::PrepareEpochFence => "fenced by a newer producer",
        TransactionState::Dead => "forgotten",
    }
}

//! The transactional side of a producer: who it is, which partitions its transaction has, how it ends. Source: Kafka's
//! `TransactionManager` at 4.1; KIP-98, KIP-360, KIP-588, KIP-890.
//!
//! **The obligation.** Nothing of a transaction is sent to a partition that its coordinator does not know of, and the
//! end is asked for when everything that was sent has an answer. One question goes to the coordinator at a time; what
//! may pass is asked again, on a new connection if the old one is lost. Errors are *abortable*: the transaction must
//! end by an abort; or *fatal*: another producer has taken over, and only a new producer can go on.
//!
//! With version 2 of the protocol leaders add partitions to the transaction, and the end gives the next epoch.
//!
//! **Not covered.** Prepared transactions (KIP-939).

use std::collections::BTreeSet;

use super::batch::ProducerIdentity;
use super::purpose::{OffsetsRequest, Purpose, TransactionRequest};
use super::transaction_offsets::{Answered, OffsetsToCommit, is_stale_member, refusals};
use crate::client::connection::Connections;
use crate::client::metadata::{Metadata, PartitionKey};
use crate::config::{ProducerConfig, ms};
use crate::defect::{Defects, TransactionDefect};
use crate::message::{ClientRequest, ClientResponse};
use crate::node::{Channel, Deadline, Effects};
use crate::proto::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
    EndTxnRequest, EndTxnResponse, ErrorCode, FindCoordinatorRequest, InitProducerIdRequest,
    StrBytes, TopicName,
};
use crate::types::{NodeId, ProducerEpoch, ProducerId, Time};

/// Pause before partitions are added again while the transaction before is being completed, in milliseconds. Source:
/// `TransactionManager.ADD_PARTITIONS_RETRY_BACKOFF_MS`.
const ADD_PARTITIONS_BACKOFF_MS: u64 = 20;

/// Where a transactional producer is. Source: `TransactionManager.State`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It asks for its id and epoch.
    Initializing,
    /// It may begin a transaction.
    Ready,
    /// A transaction is going on.
    InTransaction,
    /// The end is asked for.
    Committing,
    /// The other end is.
    Aborting,
    /// It must not go on: the transaction has to be aborted.
    Abortable(ErrorCode),
    /// Another producer has taken over.
    Fatal(ErrorCode),
}

/// An answer is for the producer that was before.
#[derive(Debug)]
pub(super) struct Orphaned;

/// The transactional side of a producer.
#[derive(Debug)]
pub(super) struct Transactional {
    id: StrBytes,
    timeout_ms: i32,
    /// Whether leaders add partitions, and each transaction has an epoch of its own.
    pub(super) version_2: bool,
    pub(super) state: State,
    coordinator: Option<NodeId>,
    in_flight: bool,
    /// What is in flight was asked by the producer before this one: its answer is for nobody.
    orphaned: bool,
    not_before: Time,
    /// What the producer was before, if it asks to go on as that. Source: KIP-360.
    expected: Option<ProducerIdentity>,
    /// The client asks for the next epoch once the abort is through. Source: `epochBumpRequired`.
    pub(super) wants_epoch: bool,
    added: BTreeSet<PartitionKey>,
    to_add: BTreeSet<PartitionKey>,
    /// Those of `to_add` that the question in flight names. Source: `pendingPartitionsInTransaction`.
    named: BTreeSet<PartitionKey>,
    /// Offsets that are to be committed with it, and are not at their coordinator yet.
    offsets: Option<OffsetsToCommit>,
    /// Whether anything of the transaction may be at the coordinator.
    started: bool,
    /// Whether a commit was put on the wire.
    pub(super) commit_sent: bool,
    /// [`TransactionDefect::EndsBeforeAnswered`].
    ends_early: bool,
    /// [`TransactionDefect::UnaskedAdded`].
    adds_unasked: bool,
    /// [`TransactionDefect::OffsetsStayWithDeposed`].
    stays_with_deposed: bool,
}

impl Transactional {
    /// Of a producer that has a transactional id.
    pub(super) fn of(config: &ProducerConfig, defects: Defects, now: Time) -> Option<Self> {
        let id = config.transactional_id.as_ref()?;
        Some(Self {
            id: StrBytes::from_string(id.clone()),
            timeout_ms: i32::try_from(config.transaction_timeout_ms).unwrap_or(i32::MAX),
            version_2: config.transaction_version >= 2,
            state: State::Initializing,
            coordinator: None,
            in_flight: false,
            orphaned: false,
            not_before: now,
            expected: None,
            wants_epoch: false,
            added: BTreeSet::new(),
            to_add: BTreeSet::new(),
            named: BTreeSet::new(),
            offsets: None,
            started: false,
            commit_sent: false,
            ends_early: defects.has(TransactionDefect::EndsBeforeAnswered),
            adds_unasked: defects.has(TransactionDefect::UnaskedAdded),
            stays_with_deposed: defects.has(TransactionDefect::OffsetsStayWithDeposed),
        })
    }

    /// The `transactional.id`.
    pub(super) fn id(&self) -> &StrBytes {
        &self.id
    }

    /// Begins a transaction.
    pub(super) fn begin(&mut self) {
        assert_eq!(self.state, State::Ready, "a transaction begins");
        self.state = State::InTransaction;
        self.commit_sent = false;
    }

    /// A record is to be sent to a partition. Source: `TransactionManager.maybeAddPartition`.
    pub(super) fn uses(&mut self, key: PartitionKey) {
        if self.version_2 {
            self.added.insert(key);
            self.started = true;
        } else if !self.added.contains(&key) {
            self.to_add.insert(key);
        }
    }

    /// Offsets of a group are to be committed with the transaction. Source:
    /// `TransactionManager.sendOffsetsToTransaction`.
    pub(super) fn send_offsets(&mut self, offsets: OffsetsToCommit) {
        assert_eq!(self.state, State::InTransaction, "offsets are sent");
        self.started |= self.version_2;
        self.offsets = Some(OffsetsToCommit { added: self.version_2, ..offsets });
    }

    /// Whether offsets are on their way.
    pub(super) fn sends_offsets(&self) -> bool {
        self.offsets.is_some()
    }

    /// What is in a transaction is in it once; only who has an id is in one, and none that rests has partitions.
    pub(super) fn self_check(&self, current: Option<ProducerIdentity>) {
        let (state, first) = (self.state, self.to_add.first());
        assert!(
            !self.version_2 || first.is_none(),
            "{first:?} is to be added, and leaders add partitions"
        );
        assert!(
            first.is_none_or(|key| !self.added.contains(key)),
            "{first:?} is added, and to be added"
        );
        assert!(!self.orphaned || self.in_flight, "an answer is for nobody, and none is to come");
        let rests = matches!(state, State::Initializing | State::Ready);
        let may_stand = self.started && !self.ends_early;
        assert!(!rests || !may_stand, "a transaction is {state:?}, and at its coordinator");
        let needs_id = matches!(state, State::Ready | State::InTransaction | State::Committing);
        assert!(!needs_id || current.is_some(), "a transaction is {state:?} without a producer id");
    }

    /// Source: `TransactionManager.isSendToPartitionAllowed`.
    pub(super) fn may_send(&self, key: PartitionKey) -> bool {
        let failed = matches!(self.state, State::Abortable(_) | State::Fatal(_));
        !failed && self.added.contains(&key)
    }

    /// Whether the transaction is to be ended, once all that was sent is answered.
    pub(super) fn is_ending(&self) -> bool {
        matches!(self.state, State::Committing | State::Aborting)
    }

    /// Asks for the end. What was not added will not be.
    pub(super) fn end(&mut self, commit: bool) {
        self.state = if commit { State::Committing } else { State::Aborting };
        if !commit {
            self.to_add.clear();
            self.offsets = None;
        }
    }

    /// A batch failed: the transaction cannot be committed. Source: `TransactionManager.maybeTransitionToErrorState`.
    pub(super) fn on_batch_failed(&mut self, error: ErrorCode) {
        let fatal =
            matches!(error, ErrorCode::ProducerFenced | ErrorCode::InvalidProducerIdMapping);
        if fatal {
            self.state = State::Fatal(error);
        } else if !matches!(self.state, State::Fatal(_) | State::Aborting) {
            self.wants_epoch = true;
            self.state = State::Abortable(error);
        }
    }

    /// The producer is closed and made anew: it takes over from itself.
    pub(super) fn restart(&mut self, now: Time) {
        self.state = State::Initializing;
        self.expected = None;
        self.wants_epoch = false;
        self.orphaned = self.in_flight;
        self.not_before = now;
        self.forget_transaction();
    }

    fn forget_transaction(&mut self) {
        self.added.clear();
        self.to_add.clear();
        self.offsets = None;
        self.started = false;
    }

    /// The next question, if there is one. Source: `TransactionManager.nextRequest`.
    fn next(&self, has_unanswered: bool) -> Option<TransactionRequest> {
        match self.state {
            State::Initializing => Some(TransactionRequest::InitProducerId),
            State::InTransaction | State::Committing if !self.to_add.is_empty() => {
                Some(TransactionRequest::AddPartitions)
            }
            State::InTransaction | State::Committing if self.offsets.is_some() => {
                self.offsets.as_ref().map(|offsets| TransactionRequest::Offsets(offsets.next()))
            }
            State::Committing | State::Aborting if !has_unanswered || self.ends_early => {
                Some(TransactionRequest::EndTxn)
            }
            State::Committing
            | State::Aborting
            | State::Ready
            | State::InTransaction
            | State::Abortable(_)
            | State::Fatal(_) => None,
        }
    }

    /// Sends the next question, to whoever answers it; true if the transaction is over without one.
    pub(super) fn run(
        &mut self,
        now: Time,
        (current, has_unanswered): (Option<ProducerIdentity>, bool),
        (metadata, connections): (&mut Metadata, &mut Connections<Purpose>),
        effects: &mut Effects,
    ) -> bool {
        if self.in_flight || now < self.not_before {
            return false;
        }
        let Some(next) = self.next(has_unanswered) else { return false };
        if next == TransactionRequest::EndTxn && !self.started {
            return true;
        }
        let Some((to, what)) = self.whom_to_ask(now, next, (metadata, connections)) else {
            return false;
        };
        if connections.blocked_until(to, Channel::Client) > now {
            return false;
        }
        let body = self.body(what, current, metadata);
        if what == TransactionRequest::EndTxn {
            self.commit_sent |= self.state == State::Committing;
        }
        if what == TransactionRequest::AddPartitions {
            self.named.clone_from(&self.to_add);
        }
        self.in_flight = true;
        let purpose = Purpose::Transaction(what, current);
        connections.send(now, (to, Channel::Client), body, purpose, effects);
        false
    }

    /// Whom to ask: the coordinator of the question, or any broker who that is.
    fn whom_to_ask(
        &self,
        now: Time,
        next: TransactionRequest,
        (metadata, connections): (&mut Metadata, &mut Connections<Purpose>),
    ) -> Option<(NodeId, TransactionRequest)> {
        let of_group = next == TransactionRequest::Offsets(OffsetsRequest::Commit);
        let (find, known) = if of_group {
            let known = self.offsets.as_ref().and_then(|offsets| offsets.coordinator);
            (TransactionRequest::Offsets(OffsetsRequest::FindCoordinator), known)
        } else {
            (TransactionRequest::FindCoordinator, self.coordinator)
        };
        match known {
            Some(coordinator) => Some((coordinator, next)),
            None => metadata.pick_broker(now, connections).map(|broker| (broker, find)),
        }
    }

    fn body(
        &self,
        what: TransactionRequest,
        current: Option<ProducerIdentity>,
        metadata: &Metadata,
    ) -> ClientRequest {
        let none = ProducerIdentity { id: ProducerId::NONE, epoch: ProducerEpoch::NONE };
        match what {
            TransactionRequest::FindCoordinator => {
                let request = FindCoordinatorRequest::default()
                    .with_key_type(1)
                    .with_coordinator_keys(vec![self.id.clone()]);
                ClientRequest::FindCoordinator(Box::new(request))
            }
            TransactionRequest::InitProducerId => {
                let expected = self.expected.unwrap_or(none);
                let request = InitProducerIdRequest::default()
                    .with_transactional_id(Some(self.id.clone().into()))
                    .with_transaction_timeout_ms(self.timeout_ms)
                    .with_producer_id(expected.id.0.into())
                    .with_producer_epoch(expected.epoch.0);
                ClientRequest::InitProducerId(Box::new(request))
            }
            TransactionRequest::AddPartitions => {
                let current = current.unwrap_or(none);
                let transaction = AddPartitionsToTxnTransaction::default()
                    .with_transactional_id(self.id.clone().into())
                    .with_producer_id(current.id.0.into())
                    .with_producer_epoch(current.epoch.0)
                    .with_topics(topics(&self.to_add, metadata));
                let request =
                    AddPartitionsToTxnRequest::default().with_transactions(vec![transaction]);
                ClientRequest::AddPartitionsToTxn(Box::new(request))
            }
            TransactionRequest::Offsets(what) => {
                let offsets = self.offsets.as_ref().expect("there are offsets to commit");
                offsets.body(what, &self.id, current.unwrap_or(none))
            }
            TransactionRequest::EndTxn => {
                let current = current.unwrap_or(none);
                let request = EndTxnRequest::default()
                    .with_transactional_id(self.id.clone().into())
                    .with_producer_id(current.id.0.into())
                    .with_producer_epoch(current.epoch.0)
                    .with_committed(self.state == State::Committing);
                ClientRequest::EndTxn(Box::new(request))
            }
        }
    }

    /// A question was answered: the identity that comes with it, if one does. `times` are now, and when it may be asked
    /// again. An error if the answer is for nobody.
    pub(super) fn on_response(
        &mut self,
        answer: (TransactionRequest, &ClientResponse),
        current: Option<ProducerIdentity>,
        times: (Time, Time),
    ) -> Result<Option<ProducerIdentity>, Orphaned> {
        self.in_flight = false;
        if std::mem::take(&mut self.orphaned) {
            return Err(Orphaned);
        }
        Ok(self.take(answer, current, times))
    }

    fn take(
        &mut self,
        (what, body): (TransactionRequest, &ClientResponse),
        current: Option<ProducerIdentity>,
        (now, retry_at): (Time, Time),
    ) -> Option<ProducerIdentity> {
        match (what, body) {
            (TransactionRequest::FindCoordinator, ClientResponse::FindCoordinator(response)) => {
                let found = response.coordinators.first();
                let found = found.filter(|it| it.error_code == 0 && it.node_id.0 >= 0);
                self.coordinator = found.map(|it| NodeId(it.node_id.0));
                if self.coordinator.is_none() {
                    self.not_before = retry_at;
                }
                None
            }
            (TransactionRequest::InitProducerId, ClientResponse::InitProducerId(response)) => {
                match ErrorCode::try_from_code(response.error_code) {
                    None => {
                        self.state = State::Ready;
                        self.expected = None;
                        Some(identity(response.producer_id.0, response.producer_epoch))
                    }
                    Some(error) => {
                        self.on_error(what, error, retry_at);
                        None
                    }
                }
            }
            (TransactionRequest::AddPartitions, ClientResponse::AddPartitionsToTxn(response)) => {
                let topics =
                    response.results_by_transaction.iter().flat_map(|one| &one.topic_results);
                let mut parts = topics.flat_map(|topic| &topic.results_by_partition);
                match parts.find_map(|one| ErrorCode::try_from_code(one.partition_error_code)) {
                    None => self.on_added(),
                    Some(ErrorCode::ConcurrentTransactions) if self.added.is_empty() => {
                        self.not_before = retry_at.min(now + ms(ADD_PARTITIONS_BACKOFF_MS));
                    }
                    Some(error) => self.on_error(what, error, retry_at),
                }
                None
            }
            (TransactionRequest::Offsets(what), body) => {
                self.on_offsets_answered(what, body, retry_at);
                None
            }
            (TransactionRequest::EndTxn, ClientResponse::EndTxn(response)) => {
                self.on_ended(response, current, retry_at)
            }
            (_, _nonsense) => {
                self.on_lost(retry_at);
                None
            }
        }
    }

    /// The partitions that were named are in the transaction; others have come up since. Source:
    /// `TransactionManager.AddPartitionsToTxnHandler`.
    fn on_added(&mut self) {
        if self.adds_unasked {
            self.named.clone_from(&self.to_add);
        }
        let named = std::mem::take(&mut self.named);
        let added = named.into_iter().filter(|key| self.to_add.remove(key));
        self.added.extend(added);
        self.started = true;
    }

    fn on_ended(
        &mut self,
        response: &EndTxnResponse,
        current: Option<ProducerIdentity>,
        retry_at: Time,
    ) -> Option<ProducerIdentity> {
        if let Some(error) = ErrorCode::try_from_code(response.error_code) {
            self.on_error(TransactionRequest::EndTxn, error, retry_at);
            return None;
        }
        let given = (response.producer_id.0, response.producer_epoch);
        self.over(current);
        (self.version_2 && given.0 >= 0).then(|| identity(given.0, given.1))
    }

    fn on_offsets_answered(&mut self, what: OffsetsRequest, body: &ClientResponse, retry_at: Time) {
        let Some(offsets) = &mut self.offsets else {
            return self.on_given_up_offsets_answered(what, body);
        };
        match offsets.on_response(what, body, self.stays_with_deposed) {
            Answered::Step => self.started |= what == OffsetsRequest::Add,
            Answered::Done => self.offsets = None,
            Answered::Again => self.not_before = retry_at,
            Answered::Failed(error) => {
                self.on_error(TransactionRequest::Offsets(what), error, retry_at);
            }
        }
    }

    /// An abort has given the offsets up: what was added is to be ended at the coordinator still, and who is fenced is
    /// done. Source: `TransactionManager.AddOffsetsToTxnHandler`, `TxnOffsetCommitHandler`.
    fn on_given_up_offsets_answered(&mut self, what: OffsetsRequest, body: &ClientResponse) {
        let refusals = refusals(body);
        self.started |= what == OffsetsRequest::Add && refusals.is_empty();
        if let Some(error) = refusals.into_iter().find(|error| fences(*error)) {
            self.state = State::Fatal(error);
        }
    }

    /// The transaction ended. Where a batch had failed, the next epoch comes first. Source:
    /// `TransactionManager.completeTransaction`.
    pub(super) fn over(&mut self, current: Option<ProducerIdentity>) {
        assert!(self.is_ending(), "a transaction ended that is {:?}", self.state);
        self.forget_transaction();
        self.state = State::Ready;
        if std::mem::take(&mut self.wants_epoch) && !self.version_2 {
            self.state = State::Initializing;
            self.expected = current;
        }
    }

    /// A question is lost with its connection: the coordinator may be another one now.
    pub(super) fn on_lost(&mut self, retry_at: Time) {
        self.in_flight = false;
        self.orphaned = false;
        self.coordinator = None;
        if let Some(offsets) = &mut self.offsets {
            offsets.coordinator = None;
        }
        self.not_before = retry_at;
    }

    /// Source: `TransactionManager.InitProducerIdHandler`, `AddPartitionsToTxnHandler`, `AddOffsetsToTxnHandler`,
    /// `TxnOffsetCommitHandler`, `EndTxnHandler`.
    fn on_error(&mut self, what: TransactionRequest, error: ErrorCode, retry_at: Time) {
        self.not_before = retry_at;
        let adds = what == TransactionRequest::AddPartitions;
        let moved = matches!(error, ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable);
        let passes = error.is_retriable()
            || error == ErrorCode::ConcurrentTransactions
            || error == ErrorCode::UnknownTopicOrPartition && adds;
        let fenced = fences(error);
        // An abort that cannot be made would be tried for ever.
        let aborts = what == TransactionRequest::EndTxn && self.state == State::Aborting;
        let abortable = adds && !fenced
            || matches!(error, ErrorCode::UnknownProducerId)
            || error == ErrorCode::TransactionAbortable && !aborts;
        if moved {
            self.coordinator = None;
        } else if what == TransactionRequest::Offsets(OffsetsRequest::Commit)
            && is_stale_member(error)
        {
            self.state = State::Abortable(error);
        } else if passes {
            // Asked again.
        } else if abortable && what != TransactionRequest::InitProducerId {
            self.state = State::Abortable(error);
        } else {
            self.state = State::Fatal(error);
        }
    }

    /// When the next question may be asked.
    pub(super) fn deadline(
        &self,
        has_unanswered: bool,
        metadata: &Metadata,
        connections: &Connections<Purpose>,
    ) -> Option<Deadline> {
        if self.in_flight {
            return None;
        }
        let next = self.next(has_unanswered)?;
        let known = if next == TransactionRequest::Offsets(OffsetsRequest::Commit) {
            self.offsets.as_ref().and_then(|it| it.coordinator)
        } else {
            self.coordinator
        };
        let blocked = match known {
            Some(coordinator) => connections.blocked_until(coordinator, Channel::Client),
            None => connections.first_unblocked(metadata.brokers()),
        };
        Some(Deadline { at: self.not_before.max(blocked), why: "transaction request" })
    }
}

fn identity(id: i64, epoch: i16) -> ProducerIdentity {
    ProducerIdentity { id: ProducerId(id), epoch: ProducerEpoch(epoch) }
}

fn topics(keys: &BTreeSet<PartitionKey>, metadata: &Metadata) -> Vec<AddPartitionsToTxnTopic> {
    let keys: Vec<PartitionKey> = keys.iter().copied().collect();
    let topics = keys.chunk_by(|a, b| a.topic == b.topic).map(|keys| {
        let name = TopicName(metadata.name(keys[0].topic).clone());
        let indexes = keys.iter().map(|key| key.partition).collect();
        AddPartitionsToTxnTopic::default().with_name(name).with_partitions(indexes)
    });
    topics.collect()
}

/// Whether it says that the producer is none any more.
fn fences(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::InvalidProducerEpoch
            | ErrorCode::ProducerFenced
            | ErrorCode::InvalidTxnState
            | ErrorCode::InvalidProducerIdMapping
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::generation::{Generation, GroupMetadata};
    use crate::client::producer::tests::config;
    use crate::proto::{
        AddOffsetsToTxnResponse, TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition,
        TxnOffsetCommitResponseTopic,
    };

    /// Asks about offsets, aborts, and is answered so.
    fn aborted_before(what: OffsetsRequest, answer: &ClientResponse) -> Transactional {
        let config = ProducerConfig {
            transactional_id: Some("t1".to_owned()),
            transaction_version: 1,
            ..config()
        };
        let asking = Transactional::of(&config, Defects::NONE, Time(0));
        let mut asking = asking.expect("it has an id");
        asking.state = State::Ready;
        asking.begin();
        let generation = Generation { id: 7, member: "a-1".to_owned(), protocol: None };
        let group = GroupMetadata { group: "g".to_owned(), generation, instance: None };
        let (offsets, added) = (Vec::new(), what == OffsetsRequest::Commit);
        asking.send_offsets(OffsetsToCommit { group, offsets, added, coordinator: None });
        asking.in_flight = true;
        asking.end(false);
        let asked = (TransactionRequest::Offsets(what), answer);
        assert!(asking.on_response(asked, None, (Time(1), Time(2))).is_ok());
        asking
    }

    fn commit_answered(error: ErrorCode) -> ClientResponse {
        let partition = TxnOffsetCommitResponsePartition::default().with_error_code(error.code());
        let topic = TxnOffsetCommitResponseTopic::default().with_partitions(vec![partition]);
        let response = TxnOffsetCommitResponse::default().with_topics(vec![topic]);
        ClientResponse::TxnOffsetCommit(Box::new(response))
    }

    #[test]
    fn an_abort_is_asked_for_once_a_group_was_added_while_the_application_gave_up() {
        let added = ClientResponse::AddOffsetsToTxn(Box::default());
        assert!(aborted_before(OffsetsRequest::Add, &added).started);
        let refused = AddOffsetsToTxnResponse::default()
            .with_error_code(ErrorCode::ConcurrentTransactions.code());
        let refused = ClientResponse::AddOffsetsToTxn(Box::new(refused));
        assert!(!aborted_before(OffsetsRequest::Add, &refused).started, "nothing is there to end");
    }

    #[test]
    fn who_is_fenced_by_an_answer_about_offsets_that_were_given_up_is_done() {
        for error in [ErrorCode::ProducerFenced, ErrorCode::InvalidProducerEpoch] {
            let state = aborted_before(OffsetsRequest::Commit, &commit_answered(error)).state;
            assert_eq!(state, State::Fatal(error));
        }
        for error in [ErrorCode::NotCoordinator, ErrorCode::IllegalGeneration] {
            let state = aborted_before(OffsetsRequest::Commit, &commit_answered(error)).state;
            assert_eq!(state, State::Aborting, "{error:?}: it aborts already");
        }
    }
}

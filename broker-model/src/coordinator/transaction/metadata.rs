//! What a coordinator keeps of a transactional id, and the ways it may go. Source: Kafka's `TransactionMetadata`,
//! `TxnTransitMetadata`, `TransactionState`.
//!
//! A transition is prepared, written, and made when its record is committed. Until then it is *pending*, and nothing
//! else may be asked of the id: else two transitions from one state could both be written.

use std::collections::BTreeSet;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::note::TransactionState;
use crate::proto::ErrorCode;
use crate::record::TransactionResult;
use crate::types::{ProducerEpoch, ProducerId, TopicPartition, TransactionOrdinal, WallTime};

/// With this epoch a producer id has no epoch left for a client. Source: `TransactionMetadata.isEpochExhausted`.
pub(super) const LAST_EPOCH: ProducerEpoch = ProducerEpoch(i16::MAX - 1);

/// A transactional id as its record has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TransactionRecord {
    pub(crate) producer_id: ProducerId,
    /// The id before the last transition: another one if that was a rotation.
    pub(crate) previous_producer_id: ProducerId,
    /// The id that the transaction's end gives out, if the epochs of this one are used up.
    pub(crate) next_producer_id: ProducerId,
    pub(crate) epoch: ProducerEpoch,
    /// The epoch before the last bump that a client asked for. Source: KIP-360.
    pub(crate) last_epoch: ProducerEpoch,
    pub(crate) timeout_ms: u64,
    pub(crate) state: TransactionState,
    pub(crate) partitions: BTreeSet<TopicPartition>,
    /// When the transaction began.
    pub(crate) started: WallTime,
    pub(crate) updated: WallTime,
    /// Whether the transaction's end gives the next epoch. Source: KIP-890, `clientTransactionVersion`.
    pub(crate) bumps_epoch: bool,
    /// Which of its transactions this is; Kafka does not count.
    pub(crate) ordinal: TransactionOrdinal,
}

/// A transactional id at its coordinator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TransactionMetadata {
    pub(crate) now: TransactionRecord,
    /// The state that a record under way leads to.
    pub(crate) pending: Option<TransactionState>,
    /// A fence could not be written: the next one takes no further epoch.
    pub(crate) fence_failed: bool,
}

impl TransactionRecord {
    /// A new transactional id, which no record tells of yet.
    pub(super) fn new(producer_id: ProducerId, timeout_ms: u64, now: WallTime) -> Self {
        Self {
            producer_id,
            previous_producer_id: ProducerId::NONE,
            next_producer_id: ProducerId::NONE,
            epoch: ProducerEpoch::NONE,
            last_epoch: ProducerEpoch::NONE,
            timeout_ms,
            state: TransactionState::Empty,
            partitions: BTreeSet::new(),
            started: WallTime(-1),
            updated: now,
            bumps_epoch: false,
            ordinal: TransactionOrdinal(0),
        }
    }

    pub(super) fn encode(&self) -> Bytes {
        let encoded = postcard::to_extend(self, Vec::new());
        Bytes::from(encoded.expect("a record is of numbers and known lengths"))
    }

    pub(super) fn decode(bytes: &Bytes) -> Option<Self> {
        postcard::from_bytes(bytes).ok()
    }

    pub(super) fn is_exhausted(&self) -> bool {
        self.epoch >= LAST_EPOCH
    }

    /// How the transaction was decided to end.
    pub(super) fn decided(&self) -> Option<TransactionResult> {
        match self.state {
            TransactionState::PrepareCommit => Some(TransactionResult::Commit),
            TransactionState::PrepareAbort => Some(TransactionResult::Abort),
            TransactionState::Empty
            | TransactionState::Ongoing
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort
            | TransactionState::PrepareEpochFence
            | TransactionState::Dead => None,
        }
    }

    /// Whether no transaction is going on.
    pub(super) fn rests(&self) -> bool {
        matches!(
            self.state,
            TransactionState::Empty
                | TransactionState::CompleteCommit
                | TransactionState::CompleteAbort
        )
    }
}

impl TransactionMetadata {
    pub(super) fn new(now: TransactionRecord) -> Self {
        Self { now, pending: None, fence_failed: false }
    }

    /// Prepares the way to a state. Source: `TransactionMetadata.prepareTransitionTo`.
    pub(super) fn prepare(&mut self, mut next: TransactionRecord) -> TransactionRecord {
        // Only until the next transition is the id before the last rotation known.
        next.previous_producer_id = self.now.producer_id;
        assert!(self.pending.is_none(), "to {next:?} while {:?} is under way", self.pending);
        assert!(
            may_follow(&self.now, next.state),
            "transactional id goes from {:?} to {:?}",
            self.now.state,
            next.state
        );
        self.pending = Some(next.state);
        next
    }

    /// The next epoch for a client, or the same again for one that asks again. Source:
    /// `TransactionMetadata.prepareIncrementProducerEpoch`.
    pub(super) fn prepare_epoch(
        &mut self,
        expected: Option<ProducerEpoch>,
        timeout_ms: u64,
        now: WallTime,
    ) -> Result<TransactionRecord, ErrorCode> {
        let record = &self.now;
        assert!(!record.is_exhausted(), "no epoch is left after {:?}", record.epoch);
        let bumped = ProducerEpoch(record.epoch.0 + 1);
        let (epoch, last_epoch) = match expected {
            None => (bumped, ProducerEpoch::NONE),
            Some(expected) if record.epoch == ProducerEpoch::NONE || expected == record.epoch => {
                (bumped, record.epoch)
            }
            Some(expected) if expected == record.last_epoch => (record.epoch, record.last_epoch),
            Some(_) => return Err(ErrorCode::ProducerFenced),
        };
        let next = TransactionRecord { epoch, last_epoch, ..self.emptied(timeout_ms, now) };
        Ok(self.prepare(next))
    }

    /// A new producer id, as the epochs of the old one are used up. Source:
    /// `TransactionMetadata.prepareProducerIdRotation`.
    pub(super) fn prepare_rotation(
        &mut self,
        producer_id: ProducerId,
        (timeout_ms, keeps_last): (u64, bool),
        now: WallTime,
    ) -> TransactionRecord {
        let last_epoch = if keeps_last { self.now.epoch } else { ProducerEpoch::NONE };
        let next = TransactionRecord {
            producer_id,
            epoch: ProducerEpoch(0),
            last_epoch,
            ..self.emptied(timeout_ms, now)
        };
        self.prepare(next)
    }

    fn emptied(&self, timeout_ms: u64, now: WallTime) -> TransactionRecord {
        TransactionRecord {
            state: TransactionState::Empty,
            timeout_ms,
            partitions: BTreeSet::new(),
            started: WallTime(-1),
            updated: now,
            ..self.now.clone()
        }
    }

    /// An epoch above that of the producer, which is to be fenced; nothing is written of this alone. Source:
    /// `TransactionMetadata.prepareFenceProducerEpoch`.
    pub(super) fn prepare_fence(&mut self) -> ProducerEpoch {
        let epoch = self.now.epoch;
        assert!(epoch.0 < i16::MAX, "no epoch is left to fence {epoch}");
        self.pending = Some(TransactionState::PrepareEpochFence);
        if self.fence_failed { epoch } else { ProducerEpoch(epoch.0 + 1) }
    }

    /// More partitions; the first of them begin a transaction. Source: `TransactionMetadata.prepareAddPartitions`.
    pub(super) fn prepare_partitions(
        &mut self,
        added: impl IntoIterator<Item = TopicPartition>,
        bumps_epoch: bool,
        now: WallTime,
    ) -> TransactionRecord {
        let begins = self.now.rests();
        let mut next = self.now.clone();
        next.state = TransactionState::Ongoing;
        next.partitions.extend(added);
        next.updated = now;
        next.bumps_epoch = bumps_epoch;
        if begins {
            next.started = now;
            next.ordinal.0 += 1;
        }
        self.prepare(next)
    }

    /// The decision; where each transaction has an epoch of its own, with the next one. Source:
    /// `TransactionMetadata.prepareAbortOrCommit`.
    pub(super) fn prepare_decision(
        &mut self,
        result: TransactionResult,
        bumps_epoch: bool,
        next_producer_id: ProducerId,
        now: WallTime,
    ) -> TransactionRecord {
        let mut next = self.now.clone();
        next.state = match result {
            TransactionResult::Commit => TransactionState::PrepareCommit,
            TransactionResult::Abort => TransactionState::PrepareAbort,
        };
        if bumps_epoch {
            next.last_epoch = next.epoch;
            next.epoch = ProducerEpoch(next.epoch.0 + 1);
        }
        if self.now.rests() {
            next.started = now;
            next.ordinal.0 += 1;
        }
        next.next_producer_id = next_producer_id;
        next.bumps_epoch = bumps_epoch;
        next.updated = now;
        self.prepare(next)
    }

    /// All partitions have their marker. Source: `TransactionMetadata.prepareComplete`.
    pub(super) fn prepare_complete(&mut self, now: WallTime) -> TransactionRecord {
        self.fence_failed = false;
        let mut next = self.now.clone();
        next.state = match self.now.decided() {
            Some(TransactionResult::Commit) => TransactionState::CompleteCommit,
            Some(TransactionResult::Abort) => TransactionState::CompleteAbort,
            None => panic!("a transaction that is {:?} is completed", self.now.state),
        };
        if next.bumps_epoch && next.next_producer_id != ProducerId::NONE {
            (next.producer_id, next.epoch) = (next.next_producer_id, ProducerEpoch(0));
        }
        next.next_producer_id = ProducerId::NONE;
        next.partitions = BTreeSet::new();
        next.updated = now;
        self.prepare(next)
    }

    /// The record is committed. Source: `TransactionMetadata.completeTransitionTo`.
    pub(super) fn complete(&mut self, next: TransactionRecord) {
        assert_eq!(self.pending, Some(next.state), "what was pending, and what was written");
        let same = next.producer_id == self.now.producer_id;
        assert!(!same || next.epoch >= self.now.epoch, "epoch fell: {:?} {next:?}", self.now);
        assert!(next.ordinal >= self.now.ordinal, "counted back: {:?} {next:?}", self.now);
        self.pending = None;
        self.now = next;
    }
}

/// Source: `TransactionState.validPreviousStates`.
fn may_follow(before: &TransactionRecord, next: TransactionState) -> bool {
    use TransactionState as State;
    let state = before.state;
    match next {
        State::Empty | State::Dead => before.rests(),
        State::Ongoing | State::PrepareAbort => before.rests() || state == State::Ongoing,
        State::PrepareCommit | State::PrepareEpochFence => state == State::Ongoing,
        State::CompleteCommit => state == State::PrepareCommit,
        State::CompleteAbort => state == State::PrepareAbort,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::TopicId;

    const NOW: WallTime = WallTime(50);

    fn at(state: TransactionState, epoch: i16, last: i16) -> TransactionMetadata {
        let mut now = TransactionRecord::new(ProducerId(4), 1_000, WallTime(0));
        (now.state, now.epoch, now.last_epoch) = (state, ProducerEpoch(epoch), ProducerEpoch(last));
        TransactionMetadata::new(now)
    }

    #[test]
    fn an_epoch_is_given_anew_or_again_or_the_asker_is_fenced() {
        let fenced = Err(ErrorCode::ProducerFenced);
        // (expected, epoch, last) -> (epoch, last)
        let table = [
            (None, 3, 2, Ok((4, -1))),
            (Some(3), 3, 2, Ok((4, 3))),
            (Some(2), 3, 2, Ok((3, 2))),
            (Some(1), 3, 2, fenced),
            (Some(4), 3, 2, fenced),
            (Some(9), -1, -1, Ok((0, -1))),
        ];
        for (expected, epoch, last, given) in table {
            let mut metadata = at(TransactionState::CompleteAbort, epoch, last);
            let found = metadata.prepare_epoch(expected.map(ProducerEpoch), 1_000, NOW);
            let found = found.map(|next| (next.epoch.0, next.last_epoch.0));
            assert_eq!(found, given, "{expected:?} at {epoch} after {last}");
        }
    }

    #[test]
    fn each_transaction_counts_and_with_version_2_takes_an_epoch() {
        for (bumps, epoch) in [(false, 3), (true, 4)] {
            let mut metadata = at(TransactionState::Empty, 3, 2);
            let partition = TopicPartition { topic: TopicId(1), partition: 0 };
            let next = metadata.prepare_partitions([partition], bumps, NOW);
            metadata.complete(next);
            let next =
                metadata.prepare_decision(TransactionResult::Commit, bumps, ProducerId::NONE, NOW);
            metadata.complete(next);
            let next = metadata.prepare_complete(NOW);
            metadata.complete(next);
            let now = &metadata.now;
            assert_eq!((now.epoch.0, now.ordinal.0, now.partitions.len()), (epoch, 1, 0));
            assert_eq!(now.state, TransactionState::CompleteCommit);
        }
    }

    #[test]
    fn a_used_up_producer_id_gives_way_at_the_end_of_its_last_transaction() {
        let mut metadata = at(TransactionState::Ongoing, LAST_EPOCH.0, 1);
        let next = metadata.prepare_decision(TransactionResult::Abort, true, ProducerId(9), NOW);
        assert_eq!((next.producer_id, next.epoch), (ProducerId(4), ProducerEpoch(i16::MAX)));
        metadata.complete(next);
        let next = metadata.prepare_complete(NOW);
        assert_eq!((next.producer_id, next.epoch), (ProducerId(9), ProducerEpoch(0)));
        assert_eq!(next.previous_producer_id, ProducerId(4));
    }

    #[test]
    fn a_record_reads_as_it_was_written() {
        let record = at(TransactionState::Ongoing, 3, 2).now;
        assert_eq!(TransactionRecord::decode(&record.encode()), Some(record));
        assert_eq!(TransactionRecord::decode(&Bytes::from_static(b"x")), None);
    }
}

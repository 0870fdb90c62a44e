//! The sequences of one partition. Source: Kafka's `TxnPartitionEntry`, `TransactionManager`.

use super::batch::{Batch, ProducerIdentity, ProducerState};
use crate::defect::{Defects, ProducerDefect};
use crate::proto::ErrorCode;
use crate::types::{Sequence, TopicId};

/// The sequences of one partition. Source: `TxnPartitionEntry`.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    /// Whose sequences they are: batches in flight carry this identity.
    identity: Option<ProducerIdentity>,
    next: Sequence,
    /// Last sequence of the last batch that was acknowledged.
    last_acked: Option<Sequence>,
    /// The topic in which it was, if that is known: a topic that is created again knows no producer.
    acked_in: Option<TopicId>,
    /// The sequence after the last one that expired. Source: `partitionsWithUnresolvedSequences`.
    unresolved: Option<Sequence>,
    /// A new epoch must begin here. Source: `partitionsToRewriteSequences`.
    pub(super) bump_requested: bool,
}

impl Sequences {
    /// From 0, for a new identity.
    pub(super) fn of(identity: ProducerIdentity) -> Self {
        Self { identity: Some(identity), ..Self::default() }
    }

    /// Gives out the sequence of a batch with so many records. A new identity starts from 0 on every partition, whether
    /// or not that was the cause of it (known bug P12). Source: `maybeUpdateProducerIdAndEpoch`.
    pub(super) fn assign(
        &mut self,
        identity: ProducerIdentity,
        count: i32,
        defects: Defects,
    ) -> ProducerState {
        if self.identity != Some(identity) {
            let kept = defects.has(ProducerDefect::BumpKeepsSequences).then_some(self.next);
            *self = Self::of(identity);
            self.next = kept.unwrap_or(self.next);
        }
        let base_sequence = self.next;
        self.next = base_sequence.plus(count);
        ProducerState { identity, base_sequence }
    }

    /// The identity that batches in flight carry.
    pub(super) fn identity(&self) -> Option<ProducerIdentity> {
        self.identity
    }

    /// The sequence of the next batch.
    pub(super) fn next(&self) -> Sequence {
        self.next
    }

    /// Whether the broker has acknowledged a batch of this identity in this topic, so that it checks what follows it.
    pub(super) fn is_established(&self, topic: Option<TopicId>) -> bool {
        let elsewhere = self.acked_in.zip(topic).is_some_and(|(acked, topic)| acked != topic);
        self.last_acked.is_some() && !elsewhere
    }

    /// Whether a new batch must wait until those in flight have ended.
    pub(super) fn is_unresolved(&self) -> bool {
        self.unresolved.is_some()
    }

    /// Whether a new epoch must begin here first.
    pub(super) fn is_bump_requested(&self) -> bool {
        self.bump_requested
    }

    /// A broker has a batch. One that expired may have been of an epoch that is over, and says nothing of this one; in
    /// Kafka its sequence counts all the same. Source: `TransactionManager.handleCompletedBatch`.
    /// `true` if it counts.
    pub(super) fn acknowledged(
        &mut self,
        batch: &Batch,
        topic: Option<TopicId>,
        defects: Defects,
    ) -> bool {
        let any = defects.has(ProducerDefect::OldEpochAcksCount);
        let counts = |it: &ProducerState| any || Some(it.identity) == self.identity;
        let Some(state) = batch.producer_state.filter(counts) else {
            return false;
        };
        let last = state.base_sequence.plus(batch.count() - 1);
        self.last_acked = self.last_acked.max(Some(last));
        self.acked_in = topic.or(self.acked_in);
        assert!(
            any || self.last_acked < Some(self.next),
            "acknowledged up to {:?}, and {} is next",
            self.last_acked,
            self.next
        );
        true
    }

    /// A batch expired that may be in the log, or may still come into it. Source: `markSequenceUnresolved`.
    pub(super) fn expired(&mut self, batch: &Batch) {
        let next = batch
            .next_sequence()
            .filter(|_| batch.producer_state.map(|state| state.identity) == self.identity);
        self.unresolved = self.unresolved.max(next);
        assert!(
            self.unresolved <= Some(self.next),
            "{:?} is unresolved, and {} is next",
            self.unresolved,
            self.next
        );
    }

    /// A batch was refused for good: its sequence stays free. Source: `handleFailedBatch`.
    pub(super) fn refused(&mut self) {
        self.bump_requested = true;
    }

    /// Whether a batch that was answered so is sent again; notes a gap. Source: `TransactionManager.canRetry`.
    pub(super) fn can_retry(
        &mut self,
        batch: &Batch,
        error: ErrorCode,
        transactional: bool,
    ) -> bool {
        if error == ErrorCode::OutOfOrderSequenceNumber && transactional {
            // A gap is the transaction's end, and so is whatever comes while it is not known whether there is one.
            return self.unresolved.is_none() && !self.is_gap(batch);
        }
        if error == ErrorCode::OutOfOrderSequenceNumber {
            self.on_out_of_order(batch);
            return true;
        }
        if error == ErrorCode::UnknownProducerId {
            // Brokers have not given it since KIP-360.
            self.bump_requested |= !batch.renumbered;
            return true;
        }
        // With version 2, the transaction before may not be complete yet.
        error.is_retriable() || error == ErrorCode::ConcurrentTransactions
    }

    /// Only what is next in line tells of a gap: what is not is refused because of a batch before it that is still
    /// in flight. While a sequence is unresolved, that is what follows it.
    fn on_out_of_order(&mut self, batch: &Batch) {
        self.bump_requested |= self.is_gap(batch);
    }

    fn is_gap(&self, batch: &Batch) -> bool {
        let base = batch.base_sequence();
        match self.unresolved {
            None => !batch.renumbered && base == Some(self.next_to_ack()),
            Some(unresolved) => base == Some(unresolved),
        }
    }

    fn next_to_ack(&self) -> Sequence {
        self.last_acked.map_or(Sequence(0), |last| last.plus(1))
    }

    /// With nothing in flight any more an unresolved sequence either was appended after all, or a new epoch begins.
    /// Source: `maybeResolveSequences`.
    pub(super) fn resolve(&mut self) {
        if self.unresolved.take().is_some() && self.next != self.next_to_ack() {
            self.bump_requested = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::producer::batch::PendingRecord;
    use crate::types::{OperationId, RecordValue, WallTime};
    use crate::types::{ProducerEpoch, ProducerId, Time};

    const IDENTITY: ProducerIdentity =
        ProducerIdentity { id: ProducerId(4), epoch: ProducerEpoch(0) };

    fn next_batch(sequences: &mut Sequences, serial: u64) -> Batch {
        let mut batch = Batch::new(
            serial,
            PendingRecord {
                operation: OperationId(serial),
                created: Time::ZERO,
                timestamp: WallTime(0),
                key: None,
                value: RecordValue(serial),
            },
        );
        batch.close();
        batch.producer_state = Some(sequences.assign(IDENTITY, 1, Defects::NONE));
        batch
    }

    /// What an answer "out of order" to the batch at one of the sequences 0 to 3 asks for, when so much is acknowledged
    /// and that is unresolved.
    #[test]
    fn only_what_is_next_in_line_tells_of_a_gap() {
        // The last column: whether a transaction goes on.
        let rows = [
            (None, None, 0, true, false),
            (None, None, 1, false, true),
            (Some(0), None, 1, true, false),
            (Some(0), None, 2, false, true),
            (Some(1), None, 0, false, true),
            (Some(0), Some(2), 2, true, false),
            (Some(0), Some(2), 1, false, false),
            (Some(0), Some(2), 3, false, false),
        ];
        for (acked, unresolved, sequence, bump, goes_on) in rows {
            let mut sequences = Sequences::default();
            let batches: Vec<Batch> = (0..4).map(|it| next_batch(&mut sequences, it)).collect();
            if let Some(acked) = acked {
                sequences.acknowledged(&batches[acked], None, Defects::NONE);
            }
            if let Some(unresolved) = unresolved {
                sequences.expired(&batches[unresolved - 1]);
            }
            let error = ErrorCode::OutOfOrderSequenceNumber;
            let row = (acked, unresolved, sequence);
            assert_eq!(sequences.can_retry(&batches[sequence], error, true), goes_on, "{row:?}");
            assert!(!sequences.is_bump_requested(), "{row:?}");
            assert!(sequences.can_retry(&batches[sequence], error, false));
            assert_eq!(sequences.is_bump_requested(), bump, "{row:?}");
        }
    }

    #[test]
    fn each_epoch_begins_at_sequence_0() {
        let mut sequences = Sequences::default();
        let later = ProducerIdentity { epoch: ProducerEpoch(1), ..IDENTITY };
        for (identity, count, base) in
            [(IDENTITY, 3, 0), (IDENTITY, 1, 3), (later, 2, 0), (later, 1, 2)]
        {
            let state = sequences.assign(identity, count, Defects::NONE);
            assert_eq!((state.identity, state.base_sequence), (identity, Sequence(base)));
        }
    }

    #[test]
    fn a_batch_that_was_numbered_anew_is_only_sent_again() {
        for error in [ErrorCode::OutOfOrderSequenceNumber, ErrorCode::UnknownProducerId] {
            let mut sequences = Sequences::default();
            let mut batch = next_batch(&mut sequences, 0);
            batch.renumbered = true;
            assert!(sequences.can_retry(&batch, error, false) && !sequences.is_bump_requested());
            batch.renumbered = false;
            assert!(sequences.can_retry(&batch, error, false) && sequences.is_bump_requested());
        }
    }

    #[test]
    fn what_an_older_epoch_had_acknowledged_counts_in_kafka_alone() {
        let kafka = [ProducerDefect::OldEpochAcksCount].into_iter().collect();
        for (defects, next) in [(Defects::NONE, 0), (kafka, 4)] {
            let mut old = Sequences::default();
            let batches: Vec<Batch> = (0..4).map(|it| next_batch(&mut old, it)).collect();
            let epoch = ProducerEpoch(IDENTITY.epoch.0 + 1);
            let mut sequences = Sequences::of(ProducerIdentity { epoch, ..IDENTITY });
            sequences.acknowledged(&batches[3], None, defects);
            assert_eq!(sequences.next_to_ack(), Sequence(next), "{defects:?}");
        }
    }

    #[test]
    fn an_expired_sequence_is_resolved_by_what_follows_it_or_by_a_bump() {
        for acked in [false, true] {
            let mut sequences = Sequences::default();
            let batches: Vec<Batch> = (0..2).map(|it| next_batch(&mut sequences, it)).collect();
            sequences.expired(&batches[0]);
            if acked {
                sequences.acknowledged(&batches[1], None, Defects::NONE);
            }
            assert!(sequences.is_unresolved());
            sequences.resolve();
            assert_eq!((sequences.is_unresolved(), sequences.is_bump_requested()), (false, !acked));
        }
    }
}

//! Producer ids, epochs and sequences. Source: Kafka's `TransactionManager`, `TxnPartitionEntry` and `TxnPartitionMap` at
//! 4.1; KIP-98, KIP-360; known bugs P11 to P13.
//!
//! **The obligation.** A sequence is a promise: once a batch that carries it may be in a log, it never names another
//! batch of the same epoch, and a batch that may be in a log is never sent under another sequence. Without it a broker
//! cannot tell a retry from news: records appear twice, or are acknowledged and nowhere.
//!
//! **How Kafka keeps sequences moving.** Batches in flight are those with a sequence and no outcome. When a batch expires,
//! its sequence is *unresolved*: no new batch gets one until all in flight have ended; if then the last acknowledged
//! sequence is the one before the next, nothing is missing. Otherwise, and when a broker misses what came before the
//! batch that is next in line, and when a broker refuses a batch for good, the producer takes the next epoch by itself
//! (`bumpIdempotentProducerEpoch`) and numbers what is in flight on that partition from 0. The other partitions go on in
//! the old epoch until nothing of theirs is in flight.
//!
//! **Where this is stricter than Kafka**, as promised; the entries of the catalogue are Kafka's own code:
//! - a batch that may be in a log is not numbered anew by a bump: it ends as unknown, and the bump waits until no batch
//!   of the partition is on the wire (`renumbers-in-flight`);
//! - until the first batch of an epoch is acknowledged on a partition, no other is in flight there: a broker that has no
//!   state of a producer takes any sequence from it (`first-batches-together`; KAFKA-14312, KAFKA-15591);
//! - a batch that expires in its first attempt leaves an unresolved sequence, too (`expiry-unmarked`).
//!
//! **Not covered.** Transactions. An acknowledgement of a batch that expired in an older epoch is not counted here; Java
//! compares its sequence with those of the new epoch.

use crate::defect::ProducerDefect;
use crate::message::RequestBody;
use crate::node::{Channel, Deadline, Effects};
use crate::note::ProducerNote;
use crate::proto::{ErrorCode, InitProducerIdRequest, InitProducerIdResponse};
use crate::types::{NodeId, ProducerEpoch, ProducerId, Sequence, Time};

use super::Producer;
use super::accumulator::{Batch, ProducerState, Queue};
use crate::client::connection::{Connections, Purpose};
use crate::client::metadata::{Metadata, PartitionKey};

/// A producer id with its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProducerIdentity {
    /// Id.
    pub(super) id: ProducerId,
    /// Epoch.
    pub(super) epoch: ProducerEpoch,
}

/// Who the producer is to brokers.
#[derive(Debug)]
pub(super) struct Identity {
    /// Whether it is idempotent at all.
    pub(super) idempotent: bool,
    /// As given by a broker, with bumps.
    pub(super) current: Option<ProducerIdentity>,
    asked: bool,
    not_before: Time,
}

/// The sequences of one partition. Source: `TxnPartitionEntry`.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    /// Whose sequences they are: batches in flight carry this identity.
    identity: Option<ProducerIdentity>,
    next: Sequence,
    /// Last sequence of the last batch that was acknowledged.
    last_acked: Option<Sequence>,
    /// The sequence after the last one that expired. Source: `partitionsWithUnresolvedSequences`.
    unresolved: Option<Sequence>,
    /// A new epoch must begin here. Source: `partitionsToRewriteSequences`.
    bump_requested: bool,
}

impl Identity {
    /// None yet.
    pub(super) fn new(idempotent: bool, now: Time) -> Self {
        Self { idempotent, current: None, asked: false, not_before: now }
    }

    /// Asks any broker for a producer id, if there is none.
    pub(super) fn run(
        &mut self,
        now: Time,
        metadata: &mut Metadata,
        connections: &mut Connections,
        effects: &mut Effects,
    ) {
        if !self.is_wanted() || now < self.not_before {
            return;
        }
        let Some(broker) = metadata.pick_broker(now, connections) else {
            return;
        };
        let request = InitProducerIdRequest::default()
            .with_transactional_id(None)
            .with_transaction_timeout_ms(i32::MAX);
        let body = RequestBody::InitProducerId(Box::new(request));
        connections.send(now, (broker, Channel::Client), body, Purpose::InitProducerId, effects);
        self.asked = true;
    }

    /// A broker answered.
    pub(super) fn on_response(&mut self, response: &InitProducerIdResponse, retry_at: Time) {
        if response.error_code != 0 || response.producer_id.0 < 0 {
            return self.on_failure(retry_at);
        }
        self.asked = false;
        let id = ProducerId(response.producer_id.0);
        self.current = Some(ProducerIdentity { id, epoch: ProducerEpoch(response.producer_epoch) });
    }

    /// No broker answered, or not with an id.
    pub(super) fn on_failure(&mut self, retry_at: Time) {
        self.asked = false;
        self.not_before = retry_at;
    }

    /// When to ask.
    pub(super) fn next_deadline(
        &self,
        brokers: &[NodeId],
        connections: &Connections,
    ) -> Option<Deadline> {
        let at = self.not_before.max(connections.first_unblocked(brokers));
        self.is_wanted().then_some(Deadline { at, why: "producer id" })
    }

    fn is_wanted(&self) -> bool {
        self.idempotent && self.current.is_none() && !self.asked
    }

    /// Takes the next epoch, or gives the id up if there is none. Source: `bumpIdempotentProducerEpoch`.
    fn bump(&mut self, effects: &mut Effects) {
        let Some(current) = &mut self.current else {
            return;
        };
        if current.epoch.0 == i16::MAX {
            self.current = None;
            return;
        }
        current.epoch.0 += 1;
        let (producer_id, producer_epoch) = (current.id, current.epoch);
        effects.note(ProducerNote::EpochBumped { producer_id, producer_epoch });
    }
}

impl Sequences {
    /// Gives out the sequence of a batch with so many records. A new identity starts from 0 on every partition, whether
    /// or not that was the cause of it (known bug P12). Source: `maybeUpdateProducerIdAndEpoch`.
    pub(super) fn assign(&mut self, identity: ProducerIdentity, count: i32) -> ProducerState {
        if self.identity != Some(identity) {
            *self = Self { identity: Some(identity), ..Self::default() };
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

    /// Whether the broker has acknowledged a batch of this identity, so that it checks what follows it.
    pub(super) fn is_established(&self) -> bool {
        self.last_acked.is_some()
    }

    /// Whether a new batch must wait until those in flight have ended.
    pub(super) fn is_unresolved(&self) -> bool {
        self.unresolved.is_some()
    }

    /// Whether a new epoch must begin here first.
    pub(super) fn is_bump_requested(&self) -> bool {
        self.bump_requested
    }

    /// A broker has a batch. Source: `handleCompletedBatch`.
    pub(super) fn acknowledged(&mut self, batch: &Batch) {
        let Some(state) = batch.producer_state.filter(|it| Some(it.identity) == self.identity)
        else {
            return;
        };
        let last = state.base_sequence.plus(batch.count() - 1);
        self.last_acked = self.last_acked.max(Some(last));
    }

    /// A batch expired that may be in the log, or may still come into it. Source: `markSequenceUnresolved`.
    pub(super) fn expired(&mut self, batch: &Batch) {
        let next = batch
            .next_sequence()
            .filter(|_| batch.producer_state.map(|state| state.identity) == self.identity);
        self.unresolved = self.unresolved.max(next);
    }

    /// A batch was refused for good: its sequence stays free. Source: `handleFailedBatch`.
    pub(super) fn refused(&mut self) {
        self.bump_requested = true;
    }

    /// Whether a batch that was answered so is sent again; notes a gap. Source: `TransactionManager.canRetry`.
    pub(super) fn can_retry(&mut self, batch: &Batch, error: ErrorCode) -> bool {
        match error {
            // Brokers have not given it since KIP-360.
            ErrorCode::UnknownProducerId => self.bump_requested |= !batch.renumbered,
            ErrorCode::OutOfOrderSequenceNumber => self.on_out_of_order(batch),
            _ => return error.is_retriable(),
        }
        true
    }

    /// Only what is next in line tells of a gap: what is not is refused because of a batch before it that is still
    /// in flight. While a sequence is unresolved, that is what follows it.
    fn on_out_of_order(&mut self, batch: &Batch) {
        let base = batch.base_sequence();
        let is_gap = match self.unresolved {
            None => !batch.renumbered && base == Some(self.next_to_ack()),
            Some(unresolved) => base == Some(unresolved),
        };
        self.bump_requested |= is_gap;
    }

    fn next_to_ack(&self) -> Sequence {
        self.last_acked.map_or(Sequence(0), |last| last.plus(1))
    }

    /// With nothing in flight any more an unresolved sequence either was appended after all, or a new epoch begins.
    /// Source: `maybeResolveSequences`.
    fn resolve(&mut self) {
        if self.unresolved.take().is_some() && self.next != self.next_to_ack() {
            self.bump_requested = true;
        }
    }
}

impl Producer {
    /// Resolves sequences, and bumps the epoch where it is due. Source: `Sender.runOnce`, which begins so.
    pub(super) fn settle_sequences(&mut self, effects: &mut Effects) {
        if !self.identity.idempotent {
            return;
        }
        let waits = !self.defects.has(ProducerDefect::RenumbersInFlight);
        let mut due: Vec<PartitionKey> = Vec::new();
        self.queues.for_each_busy(|key, queue| {
            if queue.sequences.is_unresolved() && !queue.has_in_flight() {
                queue.sequences.resolve();
            }
            if queue.sequences.bump_requested && !(waits && queue.is_live_on_wire()) {
                due.push(key);
            }
        });
        if !due.is_empty() {
            self.bump_epoch(&due, effects);
        }
    }

    fn bump_epoch(&mut self, due: &[PartitionKey], effects: &mut Effects) {
        self.identity.bump(effects);
        let renumbers = self.defects.has(ProducerDefect::RenumbersInFlight);
        for key in due {
            let queue = self.queues.get_mut(key).expect("a partition that is due has a queue");
            match self.identity.current.filter(|_| renumbers) {
                Some(identity) => queue.renumber_in_flight(identity),
                None => queue.leave_epoch(key.partition, effects),
            }
            queue.self_check();
        }
    }
}

impl Queue {
    /// What certainly is in no log gets its sequence of the new epoch when it is drained; the rest ends as unknown.
    fn leave_epoch(&mut self, partition: i32, effects: &mut Effects) {
        self.sequences = Sequences::default();
        self.waiting.retain_mut(|batch| {
            if batch.producer_state.is_some() && batch.maybe_appended {
                let error = batch.last_error.unwrap_or(ErrorCode::OutOfOrderSequenceNumber);
                batch.give_up(partition, error, effects);
                return false;
            }
            batch.set_producer_state(None);
            true
        });
    }

    /// Kafka's own: all in flight is numbered from 0, what may be in a log under its old sequence included. Source:
    /// `TxnPartitionEntry.startSequencesAtBeginning`.
    fn renumber_in_flight(&mut self, identity: ProducerIdentity) {
        self.sequences = Sequences { identity: Some(identity), ..Sequences::default() };
        let live = self.waiting.iter_mut().chain(&mut self.on_wire).filter(|batch| !batch.done);
        let mut in_flight: Vec<&mut Batch> =
            live.filter(|batch| batch.producer_state.is_some()).collect();
        in_flight.sort_by_key(|batch| batch.base_sequence());
        for batch in in_flight {
            let state = self.sequences.assign(identity, batch.count());
            batch.set_producer_state(Some(state));
            batch.renumbered = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::producer::accumulator::PendingRecord;
    use crate::types::{OperationId, RecordValue, WallTime};

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
        batch.producer_state = Some(sequences.assign(IDENTITY, 1));
        batch
    }

    /// What an answer "out of order" to the batch at one of the sequences 0 to 3 asks for, when so much is acknowledged
    /// and that is unresolved.
    #[test]
    fn only_what_is_next_in_line_tells_of_a_gap() {
        let rows = [
            (None, None, 0, true),
            (None, None, 1, false),
            (Some(0), None, 1, true),
            (Some(0), None, 2, false),
            (Some(1), None, 0, false),
            (Some(0), Some(2), 2, true),
            (Some(0), Some(2), 1, false),
            (Some(0), Some(2), 3, false),
        ];
        for (acked, unresolved, sequence, bump) in rows {
            let mut sequences = Sequences::default();
            let batches: Vec<Batch> = (0..4).map(|it| next_batch(&mut sequences, it)).collect();
            if let Some(acked) = acked {
                sequences.acknowledged(&batches[acked]);
            }
            if let Some(unresolved) = unresolved {
                sequences.expired(&batches[unresolved - 1]);
            }
            let error = ErrorCode::OutOfOrderSequenceNumber;
            assert!(sequences.can_retry(&batches[sequence], error));
            let row = (acked, unresolved, sequence);
            assert_eq!(sequences.is_bump_requested(), bump, "{row:?}");
        }
    }

    #[test]
    fn a_batch_that_was_numbered_anew_is_only_sent_again() {
        for error in [ErrorCode::OutOfOrderSequenceNumber, ErrorCode::UnknownProducerId] {
            let mut sequences = Sequences::default();
            let mut batch = next_batch(&mut sequences, 0);
            batch.renumbered = true;
            assert!(sequences.can_retry(&batch, error) && !sequences.is_bump_requested());
            batch.renumbered = false;
            assert!(sequences.can_retry(&batch, error) && sequences.is_bump_requested());
        }
    }

    #[test]
    fn an_expired_sequence_is_resolved_by_what_follows_it_or_by_a_bump() {
        for acked in [false, true] {
            let mut sequences = Sequences::default();
            let batches: Vec<Batch> = (0..2).map(|it| next_batch(&mut sequences, it)).collect();
            sequences.expired(&batches[0]);
            if acked {
                sequences.acknowledged(&batches[1]);
            }
            assert!(sequences.is_unresolved());
            sequences.resolve();
            assert_eq!((sequences.is_unresolved(), sequences.is_bump_requested()), (false, !acked));
        }
    }
}

//! Producer ids, epochs and sequences. Source: Kafka's `TransactionManager`; KIP-98, KIP-360; known bugs P11 to P13.
//!
//! A sequence is a promise: once a batch that carries it may be in a log, it never names another batch of the same
//! epoch. When a batch leaves without that certainty, its sequence is *unresolved*: nothing new is drained until a
//! later batch is acknowledged (then it was appended) or everything in flight is done; in the second case, and when a
//! broker reports a gap, the producer takes the next epoch and numbers what is left from 0.
//!
//! As in Kafka the idempotent producer bumps its epoch by itself, without asking a broker
//! (`bumpIdempotentProducerEpoch`): a late copy of an old batch is then fenced by the new epoch. One rule is stricter
//! than Kafka's: a batch of which an earlier attempt may be in a log is never numbered anew, since a late copy could
//! still be appended before the new epoch is seen (known bug P13); it ends as unknown.
//!
//! A second rule is stricter, too: until the first batch of an epoch is acknowledged on a partition, no other is in
//! flight there. A broker that has no state of a producer accepts any sequence from it, so that the second batch could
//! be appended where the first was refused (KAFKA-14359).

use crate::message::RequestBody;
use crate::node::{Channel, Deadline, Effects};
use crate::note::ProducerNote;
use crate::proto::{ErrorCode, InitProducerIdRequest, InitProducerIdResponse};
use crate::types::{NodeId, ProducerEpoch, ProducerId, Sequence, Time};

use super::Producer;
use super::accumulator::Queue;
use crate::client::connection::{Connections, Purpose};
use crate::client::metadata::Metadata;

/// The window of batches that brokers remember for each producer and partition. Source:
/// `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`.
pub(super) const IN_FLIGHT_MAX: usize = 5;

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

/// The sequences of one partition.
#[derive(Debug, Default)]
pub(super) struct Sequencing {
    /// Whose sequences they are: batches in flight carry this identity.
    identity: Option<ProducerIdentity>,
    next: Sequence,
    /// A batch of this identity was acknowledged here, so that the broker checks what follows it.
    established: bool,
    /// Serial of the last batch that left without certainty.
    unresolved: Option<u64>,
    /// There is a gap: what is in flight must end, then a new epoch begins.
    pub(super) must_bump: bool,
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

impl Sequencing {
    /// Gives out the sequence of a batch with so many records.
    pub(super) fn assign(&mut self, identity: ProducerIdentity, records: usize) -> Sequence {
        if self.identity != Some(identity) {
            // Every partition starts each epoch from 0, whether or not it was the cause of it (known bug P12).
            *self = Self { identity: Some(identity), ..Self::default() };
        }
        let sequence = self.next;
        self.next =
            sequence.plus(i32::try_from(records).expect("a batch has fewer than 2^31 records"));
        sequence
    }

    /// Whether a batch that has no sequence yet may be given one.
    pub(super) fn may_assign(&self, current: Option<ProducerIdentity>, in_flight: bool) -> bool {
        if !in_flight {
            return current.is_some() && self.unresolved.is_none();
        }
        let same = current.is_some() && self.identity == current;
        same && self.established && self.unresolved.is_none()
    }

    /// The identity that batches in flight carry.
    pub(super) fn identity(&self) -> Option<ProducerIdentity> {
        self.identity
    }

    /// A batch is in the log, so all before it are.
    pub(super) fn acknowledged(&mut self, serial: u64) {
        self.established = true;
        if self.unresolved.is_some_and(|unresolved| unresolved < serial) {
            self.unresolved = None;
        }
    }

    /// A batch with a sequence has left without an acknowledgement.
    pub(super) fn left(&mut self, serial: u64, maybe_appended: bool) {
        if maybe_appended {
            self.unresolved = self.unresolved.max(Some(serial));
        } else {
            self.must_bump = true;
        }
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl Producer {
    /// Bumps the epoch where nothing is in flight any more and a sequence is unresolved or missing.
    pub(super) fn settle_sequences(&mut self, effects: &mut Effects) {
        if !self.identity.idempotent {
            return;
        }
        let mut due = false;
        for queue in self.queues.values_mut() {
            let sequencing = &mut queue.sequencing;
            if sequencing.unresolved.is_some()
                && !queue.waiting.iter().any(|it| it.sequence.is_some())
            {
                sequencing.must_bump |= queue.on_wire.is_empty();
            }
            due |= is_bump_due(queue);
        }
        if due {
            self.bump_epoch(effects);
        }
    }

    fn bump_epoch(&mut self, effects: &mut Effects) {
        let current = self.identity.current;
        let mut due = self.queues.values().filter(|queue| is_bump_due(queue));
        // A partition that still carries an older epoch may simply take the current one.
        if due.any(|queue| queue.sequencing.identity == current) {
            self.identity.bump(effects);
        }
        for (key, queue) in self.queues.iter_mut().filter(|(_, queue)| is_bump_due(queue)) {
            queue.sequencing.reset();
            queue.waiting.retain_mut(|batch| {
                if batch.sequence.is_some() && batch.maybe_appended {
                    let error = batch.last_error.unwrap_or(ErrorCode::OutOfOrderSequenceNumber);
                    batch.give_up(key.partition, error, effects);
                    return false;
                }
                batch.forget_sequence();
                true
            });
        }
    }

    /// A broker knows a newer epoch of this producer id: somebody else has it. All that is pending is lost, and what
    /// is sent from now on gets a new id.
    pub(super) fn on_fenced(&mut self, error: ErrorCode, effects: &mut Effects) {
        self.abandon_all(error, effects);
        self.identity.current = None;
    }
}

/// Whether a new epoch must begin here, and nothing that carries the old one can still be answered.
fn is_bump_due(queue: &Queue) -> bool {
    queue.sequencing.must_bump && queue.on_wire.is_empty()
}

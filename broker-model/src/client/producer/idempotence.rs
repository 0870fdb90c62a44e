//! Producer ids, epochs and sequences. Source: Kafka's `TransactionManager`, `TxnPartitionEntry` and
//! `TxnPartitionMap` at 4.1; KIP-98, KIP-360; known bugs P11 to P13.
//!
//! **The obligation.** A sequence is a promise: once a batch that carries it may be in a log, it never names another
//! batch of the same epoch, and a batch that may be in a log is never sent under another sequence. Without it a broker
//! cannot tell a retry from news: records appear twice, or are acknowledged and nowhere.
//!
//! **How Kafka keeps sequences moving.** Batches in flight are those with a sequence and no outcome. When a batch
//! expires, its sequence is *unresolved*: no new batch gets one until all in flight have ended; if then the last
//! acknowledged sequence is the one before the next, nothing is missing. Otherwise, and when a broker misses what
//! came before the batch that is next in line, and when a broker refuses a batch for good, the producer takes the
//! next epoch by itself (`bumpIdempotentProducerEpoch`) and numbers what is in flight on that partition from 0. The
//! other partitions go on in the old epoch until nothing of theirs is in flight.
//!
//! **Where this is stricter than Kafka**, as promised; the entries of the catalogue are Kafka's own code:
//! - a batch that may be in a log is not numbered anew by a bump: it ends as unknown, and the bump waits until no batch
//!   of the partition is on the wire (`renumbers-in-flight`);
//! - until the first batch of an epoch is acknowledged on a partition, no other is in flight there: a broker that has
//!   no state of a producer takes any sequence from it (`first-batches-together`; KAFKA-14312, KAFKA-15591);
//! - a batch that expires in its first attempt leaves an unresolved sequence, too (`expiry-unmarked`);
//! - an acknowledgement of a batch that expired in an older epoch says nothing of this one (`old-epoch-acks-count`).
//!
//! A transactional producer takes no epoch by itself: it aborts, and asks its coordinator for the next one.

use super::Producer;
use super::accumulator::Queue;
use super::batch::{Batch, ProducerIdentity};
use super::sequences::Sequences;
use crate::client::metadata::PartitionKey;
use crate::defect::{Defects, ProducerDefect};
use crate::node::{Effects, Outcome};
use crate::proto::ErrorCode;

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
        if !due.is_empty() && self.transactional.is_some() {
            return self.fail_transaction(&due);
        }
        if !due.is_empty() {
            self.bump_epoch(&due, effects);
        }
    }

    /// A transactional producer aborts, and gets its next epoch from its coordinator. Source:
    /// `TransactionManager.maybeResolveSequences`.
    fn fail_transaction(&mut self, due: &[PartitionKey]) {
        for key in due {
            let queue = self.queues.get_mut(key).expect("a partition that is due has a queue");
            queue.sequences.bump_requested = false;
        }
        if let Some(transactional) = &mut self.transactional {
            transactional.on_batch_failed(ErrorCode::OutOfOrderSequenceNumber);
        }
    }

    /// A new identity begins everywhere at 0: nothing of the old one is sent again.
    pub(super) fn forget_sequences(&mut self) {
        self.queues.for_each_busy(|_, queue| {
            queue.waiting.retain(|batch| batch.producer_state.is_none());
            queue.sequences = Sequences::default();
        });
    }

    /// Ends what was never sent: the transaction is aborted. Source: `RecordAccumulator.abortUndrainedBatches`.
    pub(super) fn drop_undrained(&mut self, effects: &mut Effects) {
        let error = ErrorCode::TransactionAbortable;
        self.queues.for_each_busy(|key, queue| {
            queue.waiting.retain_mut(|batch| {
                let undrained = batch.producer_state.is_none();
                if undrained {
                    batch.give_up(key.partition, error, effects);
                }
                !undrained
            });
        });
        for records in std::mem::take(&mut self.unplaced).into_values() {
            for record in records {
                effects.complete(record.operation, Outcome::Failed { error, partition: -1 });
            }
        }
    }

    /// Whether a record has no outcome.
    pub(super) fn has_unanswered(&self) -> bool {
        !self.unplaced.is_empty() || self.queues.has_unanswered()
    }

    fn bump_epoch(&mut self, due: &[PartitionKey], effects: &mut Effects) {
        self.identity.bump(effects);
        let renumbers = self.defects.has(ProducerDefect::RenumbersInFlight);
        for key in due {
            let queue = self.queues.get_mut(key).expect("a partition that is due has a queue");
            match self.identity.current.filter(|_| renumbers) {
                Some(identity) => queue.renumber_in_flight(identity, self.defects),
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
    fn renumber_in_flight(&mut self, identity: ProducerIdentity, defects: Defects) {
        self.sequences = Sequences::of(identity);
        let live = self.waiting.iter_mut().chain(&mut self.on_wire).filter(|batch| !batch.done);
        let mut in_flight: Vec<&mut Batch> =
            live.filter(|batch| batch.producer_state.is_some()).collect();
        in_flight.sort_by_key(|batch| batch.base_sequence());
        if defects.has(ProducerDefect::RenumbersUnordered) {
            lay_as_heap(&mut in_flight);
        }
        for batch in in_flight {
            let state = self.sequences.assign(identity, batch.count(), Defects::NONE);
            batch.set_producer_state(Some(state));
            batch.renumbered = true;
        }
        if defects.has(ProducerDefect::RenumbersUnordered) {
            // Java puts each in its place when it is enqueued again.
            let place = |batch: &Batch| (batch.producer_state.is_none(), batch.base_sequence());
            self.waiting.make_contiguous().sort_by_key(place);
        }
    }
}

/// The order in which a binary heap lies from which the least was taken last, and that was in order before: the largest
/// took its place, and sank. Source: `java.util.PriorityQueue`, in which `TransactionManager` had them until Kafka 2.3.
fn lay_as_heap<T>(sorted: &mut [T]) {
    if sorted.is_empty() {
        return;
    }
    sorted.rotate_right(1);
    let mut at = 0;
    loop {
        let first = 2 * at + 1;
        if first >= sorted.len() {
            return;
        }
        // What was in order is in order still, so that of two children the first is the least.
        sorted.swap(at, first);
        at = first;
    }
}

#[cfg(test)]
mod tests {
    use super::lay_as_heap;

    #[test]
    fn what_is_left_of_a_heap_lies_as_java_leaves_it() {
        let table: [(&[u8], &[u8]); 5] = [
            (&[], &[]),
            (&[1], &[1]),
            (&[1, 2], &[1, 2]),
            (&[1, 2, 3, 4], &[1, 3, 2, 4]),
            (&[1, 2, 3, 4, 5, 6, 7, 8], &[1, 3, 2, 7, 4, 5, 6, 8]),
        ];
        for (sorted, left) in table {
            let mut lies = sorted.to_vec();
            lay_as_heap(&mut lies);
            assert_eq!(lies, left, "{sorted:?}");
        }
    }
}

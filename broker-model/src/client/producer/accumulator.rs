//! Records waiting to be sent and batches in flight, partition by partition.
//! Source: Kafka's `RecordAccumulator`, `ProducerBatch` and the batches in flight of `TxnPartitionEntry`.

use std::collections::VecDeque;

use super::batch::Batch;
use super::sequences::Sequences;
use crate::types::Sequence;

/// The batches of one partition.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// To be sent, first first: retries, then batches that were never sent.
    pub(super) waiting: VecDeque<Batch>,
    /// Sent and not answered, oldest attempt first.
    pub(super) on_wire: Vec<Batch>,
    /// Which sequence comes next, and what stands in its way.
    pub(super) sequences: Sequences,
    /// Whether batches may be in flight of an epoch that is over: `TransactionDefect::EndsBeforeAnswered`.
    pub(super) outlives_epochs: bool,
}

impl Queue {
    /// Whether it has nothing to do until a record is sent to it.
    pub(super) fn is_idle(&self) -> bool {
        self.waiting.is_empty()
            && self.on_wire.is_empty()
            && !self.sequences.is_unresolved()
            && !self.sequences.is_bump_requested()
    }

    /// Whether a record has no outcome.
    pub(super) fn has_unanswered(&self) -> bool {
        !self.waiting.is_empty() || self.is_live_on_wire()
    }

    /// Records that are not answered yet.
    pub(super) fn records(&self) -> usize {
        self.waiting.iter().chain(&self.on_wire).map(|batch| batch.records.len()).sum()
    }

    /// The batch that takes further records, if there is one.
    pub(super) fn open_batch(&mut self, records_max: usize) -> Option<&mut Batch> {
        let is_open = |batch: &&mut Batch| !batch.closed && batch.records.len() < records_max;
        self.waiting.back_mut().filter(is_open)
    }

    /// The batches in flight as Kafka counts them: those that have a sequence and no outcome, on the wire or waiting
    /// for another attempt. One that has expired is not among them, though its request still is on the wire.
    pub(super) fn in_flight(&self) -> impl Iterator<Item = &Batch> {
        let waiting = self.waiting.iter().take_while(|batch| batch.closed);
        let live = waiting.chain(&self.on_wire).filter(|batch| !batch.done);
        live.filter(|batch| batch.producer_state.is_some())
    }

    /// Whether a batch is in flight.
    pub(super) fn has_in_flight(&self) -> bool {
        self.in_flight().next().is_some()
    }

    /// The lowest sequence in flight. Source: `TransactionManager.firstInFlightSequence`.
    pub(super) fn first_in_flight(&self) -> Option<Sequence> {
        self.in_flight().filter_map(Batch::base_sequence).min()
    }

    /// Whether a batch that has no outcome is on the wire.
    pub(super) fn is_live_on_wire(&self) -> bool {
        self.on_wire.iter().any(|batch| !batch.done)
    }

    /// Takes a batch off the wire.
    pub(super) fn take_from_wire(&mut self, serial: u64) -> Batch {
        let index = self.on_wire.iter().position(|batch| batch.serial == serial);
        self.on_wire.remove(
            index.expect("a request's batches are on the wire until it is answered or lost"),
        )
    }

    /// Puts a batch back for another attempt: in the order of the sequences, or without them to the front, so that of
    /// two batches lost together the younger goes first. Source: `RecordAccumulator.insertInSequenceOrder`.
    pub(super) fn requeue(&mut self, batch: Batch) {
        let index = batch.base_sequence().map_or(0, |base| {
            let older = |other: &Batch| other.base_sequence().is_some_and(|it| it < base);
            self.waiting.iter().take_while(|other| older(other)).count()
        });
        self.waiting.insert(index, batch);
        self.self_check();
    }

    /// Sequences in flight are of one identity, follow each other without overlap and below the next one; those that
    /// wait do so in their order, before all batches that have none.
    pub(super) fn self_check(&self) {
        if !self.outlives_epochs {
            self.check_in_flight();
        }
        let sent = self.waiting.iter().take_while(|batch| batch.closed);
        let retries = || sent.clone().filter(|batch| !batch.done).filter_map(Batch::base_sequence);
        assert!(
            retries().is_sorted(),
            "retries wait in the order {:?}",
            retries().collect::<Vec<_>>()
        );
    }

    fn check_in_flight(&self) {
        let sequences = |batch: &Batch| {
            let base = batch.producer_state.expect("it is in flight").base_sequence;
            (base, base.plus(batch.count()))
        };
        let next = self.sequences.next();
        for (place, batch) in self.in_flight().enumerate() {
            let (identity, (base, end)) = (batch.identity(), sequences(batch));
            assert_eq!(
                identity,
                self.sequences.identity(),
                "batch {} at {base} is of another epoch than its partition",
                batch.serial
            );
            assert!(end <= next, "in flight up to {end}, but {next} is next");
            // They are few.
            for (from, until) in self.in_flight().take(place).map(sequences) {
                assert!(
                    until <= base || end <= from,
                    "sequences {from} to {until} and {base} to {end} overlap"
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::producer::batch::{PendingRecord, ProducerIdentity, ProducerState};
    use crate::defect::Defects;
    use crate::proto::ErrorCode;
    use crate::types::{
        LeaderEpoch, OperationId, ProducerEpoch, ProducerId, RecordValue, Time, WallTime,
    };

    fn record(operation: u64) -> PendingRecord {
        PendingRecord {
            operation: OperationId(operation),
            created: Time(operation),
            timestamp: WallTime(0),
            key: None,
            value: RecordValue(operation),
        }
    }

    const IDENTITY: ProducerIdentity =
        ProducerIdentity { id: ProducerId(4), epoch: ProducerEpoch(1) };

    fn batch(serial: u64, sequence: i32, count: u64) -> Batch {
        let mut batch = Batch::new(serial, record(0));
        batch.records.extend((1..count).map(record));
        batch.close();
        let base_sequence = Sequence(sequence);
        batch.producer_state = Some(ProducerState { identity: IDENTITY, base_sequence });
        batch
    }

    #[test]
    fn the_parts_of_a_batch_share_its_sequences_and_its_age() {
        let mut next_serial = 9;
        let mut whole = batch(3, 10, 5);
        whole.retry(Time(7), ErrorCode::NotLeaderOrFollower);
        whole.maybe_appended = true;
        let parts = whole.split(4, &mut next_serial);
        let place = |it: &Batch| (it.serial, it.base_sequence(), it.count());
        let places: Vec<_> = parts.iter().map(place).collect();
        let expected = [(9, Some(Sequence(10)), 4), (10, Some(Sequence(14)), 1)];
        assert_eq!((places.as_slice(), next_serial), (expected.as_slice(), 11));
        for part in &parts {
            let old = (part.created, part.maybe_appended, part.closed);
            assert_eq!(old, (Time(0), true, true));
            assert_eq!((part.attempts, part.backing_off_until(Time(1))), (0, None));
        }
    }

    #[test]
    fn a_batch_is_split_at_its_limit_first_and_then_in_halves() {
        let mut next_serial = 9;
        let mut split = |batch: Batch| batch.split(5, &mut next_serial);
        let counts = |parts: &[Batch]| parts.iter().map(Batch::count).collect::<Vec<_>>();
        let mut whole = split(batch(3, 10, 5));
        assert_eq!(counts(&whole), [5], "it is not larger than any batch may be");
        let mut parts = split(whole.remove(0));
        assert_eq!(counts(&parts), [2, 2, 1]);
        assert_eq!(counts(&split(parts.remove(1))), [1, 1]);
    }

    /// KIP-951.
    #[test]
    fn a_retry_to_another_leader_does_not_wait() {
        let mut batch = batch(1, 0, 1);
        batch.update_leader_epoch(LeaderEpoch(3));
        assert_eq!(batch.backing_off_until(Time(0)), None);
        batch.retry(Time(100), ErrorCode::NotLeaderOrFollower);
        batch.update_leader_epoch(LeaderEpoch(3));
        assert_eq!(batch.backing_off_until(Time(0)), Some(Time(100)));
        assert_eq!(batch.backing_off_until(Time(100)), None);
        batch.update_leader_epoch(LeaderEpoch(4));
        assert_eq!(batch.backing_off_until(Time(0)), None, "another leader");
        batch.retry(Time(200), ErrorCode::NotLeaderOrFollower);
        batch.update_leader_epoch(LeaderEpoch(4));
        assert_eq!(batch.backing_off_until(Time(100)), Some(Time(200)), "the same once more");
    }

    #[test]
    fn retries_wait_in_the_order_of_their_sequences() {
        let mut queue = Queue::default();
        queue.sequences.assign(IDENTITY, 10, Defects::NONE);
        queue.waiting.push_back(Batch::new(8, record(1)));
        for (serial, sequence) in [(2, 2), (4, 4), (1, 0)] {
            queue.requeue(batch(serial, sequence, 2));
        }
        let serials: Vec<u64> = queue.waiting.iter().map(|batch| batch.serial).collect();
        assert_eq!(serials, [1, 2, 4, 8]);
        assert_eq!(queue.first_in_flight(), Some(Sequence(0)));
    }
}

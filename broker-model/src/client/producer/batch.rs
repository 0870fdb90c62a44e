//! A batch on its way: its records, its sequence, what is known of its attempts. Source: Kafka's `ProducerBatch`.

use bytes::Bytes;

use crate::node::{Effects, Outcome};
use crate::note::Standing;
use crate::proto::ErrorCode;
use crate::record::{RecordBatch, RecordBatchBuilder};
use crate::types::{
    LeaderEpoch, Offset, OperationId, ProducerEpoch, ProducerId, RecordValue, Sequence, Time,
    TopicId, WallTime,
};

/// A producer id with its epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProducerIdentity {
    /// Id.
    pub(super) id: ProducerId,
    /// Epoch.
    pub(super) epoch: ProducerEpoch,
}

impl ProducerIdentity {
    /// Where a producer stands that is this, or has no identity yet.
    pub(super) fn standing(this: Option<Self>) -> Standing {
        match this {
            Some(Self { id, epoch }) => Standing { epoch: i64::from(epoch.0), position: id.0 },
            None => Standing { epoch: -1, position: -1 },
        }
    }
}

/// A record that has been asked to be sent.
#[derive(Debug)]
pub(super) struct PendingRecord {
    /// To be completed with its outcome.
    pub(super) operation: OperationId,
    /// When the operation was invoked.
    pub(super) created: Time,
    /// Its timestamp in the batch.
    pub(super) timestamp: WallTime,
    /// Key.
    pub(super) key: Option<u64>,
    /// Value.
    pub(super) value: RecordValue,
}

/// Producer id, epoch and sequence in a batch's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProducerState {
    /// Id and epoch.
    pub(super) identity: ProducerIdentity,
    /// Sequence of the first record.
    pub(super) base_sequence: Sequence,
}

/// Records of one partition that live and die together.
#[derive(Debug)]
pub(super) struct Batch {
    /// Number among all batches of the producer, in order of creation.
    pub(super) serial: u64,
    /// In the order of the sends. Emptied when their operations are completed.
    pub(super) records: Vec<PendingRecord>,
    /// When its first record was sent.
    pub(super) created: Time,
    /// How many records it took; fixed once it is closed.
    count: i32,
    /// It takes no more records: it was drained, or it stems from a split.
    pub(super) closed: bool,
    /// It is a part of a batch that was too large.
    stems_from_split: bool,
    /// Given when it is first drained; kept by every retry.
    pub(super) producer_state: Option<ProducerState>,
    /// It was numbered anew since it was last put on the wire.
    pub(super) renumbered: bool,
    /// Built when it is drained; a retry is bit for bit the same unless it was numbered anew.
    encoded: Option<Bytes>,
    /// How often it has been put back for another attempt.
    pub(super) attempts: u32,
    /// No retry before, unless the leader has changed.
    not_before: Time,
    leader_epoch: LeaderEpoch,
    attempts_when_leader_changed: u32,
    /// Why it must be sent again.
    pub(super) last_error: Option<ErrorCode>,
    /// An attempt ended, or was given up, without the certainty that the broker did not append.
    pub(super) maybe_appended: bool,
    /// Its operations are completed, though it is still on the wire.
    pub(super) done: bool,
}

impl Batch {
    /// A batch of one record, so far.
    pub(super) fn new(serial: u64, record: PendingRecord) -> Self {
        Self {
            serial,
            created: record.created,
            records: vec![record],
            count: 0,
            closed: false,
            stems_from_split: false,
            producer_state: None,
            renumbered: false,
            encoded: None,
            attempts: 0,
            not_before: Time::ZERO,
            leader_epoch: LeaderEpoch::NONE,
            attempts_when_leader_changed: 0,
            last_error: None,
            maybe_appended: false,
            done: false,
        }
    }

    /// How many records it holds; of a closed batch also after they were completed.
    pub(super) fn count(&self) -> i32 {
        if self.closed { self.count } else { count_of(&self.records) }
    }

    /// Takes no more records.
    pub(super) fn close(&mut self) {
        if !self.closed {
            self.count = count_of(&self.records);
            self.closed = true;
        }
        assert!(self.count > 0, "batch {} is closed empty", self.serial);
    }

    /// Puts producer id, epoch and sequence in its header. One that had others must be encoded again.
    pub(super) fn set_producer_state(&mut self, state: Option<ProducerState>) {
        self.producer_state = state;
        self.encoded = None;
    }

    /// Whose sequence it has.
    pub(super) fn identity(&self) -> Option<ProducerIdentity> {
        self.producer_state.map(|state| state.identity)
    }

    /// The sequence of its first record.
    pub(super) fn base_sequence(&self) -> Option<Sequence> {
        self.producer_state.map(|state| state.base_sequence)
    }

    /// The sequence after its last record.
    pub(super) fn next_sequence(&self) -> Option<Sequence> {
        self.base_sequence().map(|base| base.plus(self.count()))
    }

    /// The batch as it goes over the wire.
    pub(super) fn encode(&mut self, value_bytes: u32, transactional: bool) -> Bytes {
        if let Some(encoded) = &self.encoded {
            return encoded.clone();
        }
        let (id, epoch, sequence) = self
            .producer_state
            .map_or((ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE), |state| {
                (state.identity.id, state.identity.epoch, state.base_sequence)
            });
        let builder = RecordBatchBuilder::new(id, epoch, sequence);
        let mut builder = if transactional { builder.in_transaction() } else { builder };
        builder.reserve(self.records.len(), value_bytes as usize + size_of::<u64>());
        let mut value = Vec::with_capacity(value_bytes as usize);
        for record in &self.records {
            let key = record.key.map(u64::to_be_bytes);
            if record.value.is_tombstone() {
                let key = key.as_ref().map(<[u8; 8]>::as_slice);
                builder.push_tombstone(record.timestamp, key, record.value);
                continue;
            }
            RecordBatch::write_value(&mut value, record.value, value_bytes);
            builder.push_copy(
                record.timestamp,
                key.as_ref().map(<[u8; 8]>::as_slice),
                Some(&value),
            );
        }
        let encoded = builder.build().bytes().clone();
        self.encoded = Some(encoded.clone());
        encoded
    }

    /// Notes who leads now, for [`is_backing_off`](Self::is_backing_off). Source: `maybeUpdateLeaderEpoch`.
    pub(super) fn update_leader_epoch(&mut self, latest: LeaderEpoch) {
        if latest > self.leader_epoch {
            self.leader_epoch = latest;
            self.attempts_when_leader_changed = self.attempts;
        }
    }

    /// Until when a retry waits: not at all if another leader has become known since the last attempt failed.
    /// Source: `RecordAccumulator.shouldBackoff`, KIP-951.
    pub(super) fn backing_off_until(&self, now: Time) -> Option<Time> {
        let leader_changed = self.attempts == self.attempts_when_leader_changed;
        let waits = self.attempts > 0 && !leader_changed && self.not_before > now;
        waits.then_some(self.not_before)
    }

    /// Prepares it for another attempt.
    pub(super) fn retry(&mut self, not_before: Time, error: ErrorCode) {
        assert!(self.closed && !self.done, "batch {} cannot be sent again", self.serial);
        self.attempts += 1;
        self.not_before = not_before;
        self.last_error = Some(error);
    }

    /// Parts it, each part with its share of the sequences and as if it were never sent: at `batch.size` the first
    /// time, at half of what is left of it each time after. What never exceeded `batch.size` comes back whole the first
    /// time, as in Kafka, where a batch may exceed it whose compression was overestimated; before 4.2 it came back
    /// whole again and again, until it was late. Batches are sized in records here, and so are parts. Source:
    /// `RecordAccumulator.splitAndReenqueue`, `ProducerBatch.split`, KAFKA-8350.
    pub(super) fn split(mut self, batch_records_max: usize, next_serial: &mut u64) -> Vec<Self> {
        let records = std::mem::take(&mut self.records);
        assert!(!self.done && records.len() > 1, "batch {} cannot be split", self.serial);
        let size = if self.stems_from_split { records.len() / 2 } else { batch_records_max };
        assert!(size > 0, "batch {} is split into nothing", self.serial);
        let mut parts: Vec<Self> = Vec::new();
        for record in records {
            match parts.last_mut().filter(|part| part.records.len() < size) {
                Some(part) => part.records.push(record),
                None => parts.push(self.part(record, next_serial)),
            }
        }
        let mut state = self.producer_state;
        for part in &mut parts {
            part.close();
            part.producer_state = state;
            state = state.map(|it| ProducerState {
                base_sequence: it.base_sequence.plus(part.count()),
                ..it
            });
        }
        let counts = parts.iter().map(Self::count).sum::<i32>();
        assert_eq!(counts, self.count, "batch {} is not all in its parts", self.serial);
        parts
    }

    /// A part of this one, so far with one record.
    fn part(&self, first: PendingRecord, next_serial: &mut u64) -> Self {
        let serial = *next_serial;
        *next_serial += 1;
        Self {
            created: self.created,
            maybe_appended: self.maybe_appended,
            stems_from_split: true,
            ..Self::new(serial, first)
        }
    }

    /// The broker has it, at this offset.
    pub(super) fn complete(
        &mut self,
        partition: i32,
        (topic, base_offset): (Option<TopicId>, Offset),
        effects: &mut Effects,
    ) {
        for (index, record) in self.records.drain(..).enumerate() {
            let known = base_offset >= Offset::ZERO;
            let offset = if known { base_offset.plus(index as i64) } else { Offset::NONE };
            effects.complete(record.operation, Outcome::Sent { partition, offset, topic });
        }
    }

    /// No more attempts: whether it is in the log is known only if no attempt can have put it there.
    pub(super) fn give_up(&mut self, partition: i32, error: ErrorCode, effects: &mut Effects) {
        for record in self.records.drain(..) {
            let outcome = if self.maybe_appended {
                Outcome::Unknown { error, partition }
            } else {
                Outcome::Failed { error, partition }
            };
            effects.complete(record.operation, outcome);
        }
    }
}

fn count_of(records: &[PendingRecord]) -> i32 {
    i32::try_from(records.len()).expect("a batch has fewer than 2^31 records")
}

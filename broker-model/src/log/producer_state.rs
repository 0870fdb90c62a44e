//! What a log remembers of its idempotent producers. Source: KIP-98, Kafka's
//! `ProducerStateManager`, `ProducerStateEntry` and `ProducerAppendInfo`.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use crate::note::KnownProducer;
use crate::proto::ErrorCode;
use crate::record::BatchHeader;
use crate::types::{Offset, ProducerEpoch, ProducerId, Sequence, WallTime};

/// How many batches of a producer are remembered; as many may be in flight.
const BATCHES_MAX: usize = 5;

/// A batch compared with its producer's history on this partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProducerCheck {
    /// Not seen before: append it.
    New,
    /// One of the last five batches of the producer: answer with where it is.
    Duplicate {
        /// Its first offset.
        base_offset: Offset,
        /// Its last offset.
        last_offset: Offset,
    },
}

/// All producers of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ProducerState {
    producers: BTreeMap<ProducerId, ProducerEntry>,
}

/// One producer: its epoch, and its last batches in that epoch, oldest first; never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct ProducerEntry {
    epoch: ProducerEpoch,
    batches: VecDeque<BatchMetadata>,
    /// Largest timestamp of its newest batch.
    last_timestamp: WallTime,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct BatchMetadata {
    first_sequence: Sequence,
    last_sequence: Sequence,
    base_offset: Offset,
    last_offset: Offset,
}

impl BatchMetadata {
    fn of(batch: &BatchHeader) -> Self {
        Self {
            first_sequence: batch.base_sequence,
            last_sequence: batch.last_sequence(),
            base_offset: batch.base_offset,
            last_offset: batch.next_offset().plus(-1),
        }
    }
}

impl ProducerState {
    /// Whether no producer is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// Judges a client's batch. A batch without a producer id is always new.
    pub(crate) fn check(&self, batch: &BatchHeader) -> Result<ProducerCheck, ErrorCode> {
        if !batch.has_producer() || batch.is_control() {
            return Ok(ProducerCheck::New);
        }
        match self.producers.get(&batch.producer_id) {
            None => Ok(ProducerCheck::New),
            Some(entry) => entry.check(batch),
        }
    }

    /// How many producers are known.
    pub(crate) fn count(&self) -> usize {
        self.producers.len()
    }

    /// Forgets producers whose newest record is `expiration_ms` old or older. Source:
    /// `ProducerStateManager.isProducerExpired`.
    pub(crate) fn remove_expired(&mut self, now: WallTime, expiration_ms: u64) {
        let limit = i64::try_from(expiration_ms).unwrap_or(i64::MAX);
        let expired = |entry: &ProducerEntry| now.0.saturating_sub(entry.last_timestamp.0) >= limit;
        self.producers.retain(|_, entry| !expired(entry));
    }

    /// Forgets of each producer all but its newest batch. Source: `ProducerStateManager.writeSnapshot`.
    pub(crate) fn keep_last_batches(&mut self) {
        for entry in self.producers.values_mut() {
            entry.batches.drain(..entry.batches.len() - 1);
        }
    }

    /// Takes in a batch that is in the log now; it is not judged again.
    pub(crate) fn update(&mut self, batch: &BatchHeader) {
        if !batch.has_producer() || batch.is_control() {
            return;
        }
        let entry = self.producers.entry(batch.producer_id);
        entry.or_insert_with(|| ProducerEntry::new(batch.producer_epoch)).update(batch);
    }

    /// Each producer's newest epoch and the last sequence in it, by id.
    pub(crate) fn known(&self) -> Vec<KnownProducer> {
        let known = |(producer_id, entry): (&ProducerId, &ProducerEntry)| {
            let last = entry.batches.back().expect("an entry is made for a batch");
            KnownProducer {
                producer_id: *producer_id,
                producer_epoch: entry.epoch,
                last_sequence: last.last_sequence,
            }
        };
        self.producers.iter().map(known).collect()
    }
}

impl ProducerEntry {
    fn new(epoch: ProducerEpoch) -> Self {
        let batches = VecDeque::with_capacity(BATCHES_MAX);
        Self { epoch, batches, last_timestamp: WallTime(i64::MIN) }
    }

    fn check(&self, batch: &BatchHeader) -> Result<ProducerCheck, ErrorCode> {
        if batch.producer_epoch < self.epoch {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        if batch.producer_epoch > self.epoch {
            return new_if(batch.base_sequence == Sequence(0));
        }
        if let Some(found) = self.find_duplicate(batch) {
            let (base_offset, last_offset) = (found.base_offset, found.last_offset);
            return Ok(ProducerCheck::Duplicate { base_offset, last_offset });
        }
        let last = self.batches.back().expect("an entry is made for a batch");
        new_if(batch.base_sequence == last.last_sequence.plus(1))
    }

    fn find_duplicate(&self, batch: &BatchHeader) -> Option<&BatchMetadata> {
        let (first, last) = (batch.base_sequence, batch.last_sequence());
        self.batches
            .iter()
            .find(|known| known.first_sequence == first && known.last_sequence == last)
    }

    fn update(&mut self, batch: &BatchHeader) {
        if batch.producer_epoch != self.epoch {
            self.epoch = batch.producer_epoch;
            self.batches.clear();
        }
        if self.batches.len() == BATCHES_MAX {
            self.batches.pop_front();
        }
        self.batches.push_back(BatchMetadata::of(batch));
        self.last_timestamp = batch.max_timestamp;
    }
}

fn new_if(in_sequence: bool) -> Result<ProducerCheck, ErrorCode> {
    if in_sequence { Ok(ProducerCheck::New) } else { Err(ErrorCode::OutOfOrderSequenceNumber) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordBatchBuilder;
    use crate::types::LeaderEpoch;

    fn header(id: i64, epoch: i16, sequence: i32, count: usize, offset: i64) -> BatchHeader {
        let producer = (ProducerId(id), ProducerEpoch(epoch), Sequence(sequence));
        let mut builder = RecordBatchBuilder::new(producer.0, producer.1, producer.2);
        for _ in 0..count {
            builder.push(WallTime(0), None, None);
        }
        *builder.build().with_assignment(Offset(offset), LeaderEpoch(0)).header()
    }

    /// Producer 1 at epoch 3 with seven batches of two records, sequences 0 to 13.
    fn seven_batches() -> ProducerState {
        let mut state = ProducerState::default();
        for index in 0..7 {
            state.update(&header(1, 3, index * 2, 2, i64::from(index) * 2 + 100));
        }
        state
    }

    #[test]
    fn checks_follow_rules_2_7() {
        let new = Ok(ProducerCheck::New);
        let out_of_order = Err(ErrorCode::OutOfOrderSequenceNumber);
        let duplicate = |base| {
            let (base_offset, last_offset) = (Offset(base), Offset(base + 1));
            Ok(ProducerCheck::Duplicate { base_offset, last_offset })
        };
        let table = [
            ("unknown producer at any sequence", header(2, 0, 55, 1, 0), new),
            ("not idempotent", header(-1, -1, -1, 1, 0), new),
            ("next in sequence", header(1, 3, 14, 1, 0), new),
            ("a gap", header(1, 3, 15, 1, 0), out_of_order),
            ("the last again", header(1, 3, 12, 2, 0), duplicate(112)),
            ("the fifth last again", header(1, 3, 4, 2, 0), duplicate(104)),
            ("the sixth last again", header(1, 3, 2, 2, 0), out_of_order),
            ("first sequence as known, another last", header(1, 3, 12, 1, 0), out_of_order),
            ("older epoch", header(1, 2, 12, 2, 0), Err(ErrorCode::InvalidProducerEpoch)),
            ("newer epoch from 0", header(1, 4, 0, 2, 0), new),
            ("newer epoch not from 0", header(1, 4, 14, 2, 0), out_of_order),
        ];
        let state = seven_batches();
        for (name, batch, expected) in table {
            assert_eq!(state.check(&batch), expected, "{name}");
        }
    }

    #[test]
    fn a_newer_epoch_forgets_the_batches_of_the_older() {
        let mut state = seven_batches();
        state.update(&header(1, 4, 0, 1, 200));
        let old_again = state.check(&header(1, 3, 12, 2, 0));
        assert_eq!(old_again, Err(ErrorCode::InvalidProducerEpoch));
        assert_eq!(state.check(&header(1, 4, 1, 1, 0)), Ok(ProducerCheck::New));
    }

    #[test]
    fn an_expired_producer_is_unknown() {
        let mut state = seven_batches();
        let gap = header(1, 3, 99, 1, 0);
        state.remove_expired(WallTime(999), 1_000);
        assert_eq!(state.check(&gap), Err(ErrorCode::OutOfOrderSequenceNumber), "999 ms old");
        state.remove_expired(WallTime(1_000), 1_000);
        assert_eq!((state.check(&gap), state.count()), (Ok(ProducerCheck::New), 0));
        let mut state = seven_batches();
        state.remove_expired(WallTime(i64::MAX), u64::MAX - 1);
        assert_eq!(state.count(), 0, "as old as can be");
        state = seven_batches();
        state.remove_expired(WallTime(i64::MIN), 1);
        assert_eq!(state.count(), 1, "a clock that runs behind expires nothing");
    }

    #[test]
    fn of_the_last_batches_only_the_newest_may_be_kept() {
        let mut state = seven_batches();
        state.keep_last_batches();
        let base = ProducerCheck::Duplicate { base_offset: Offset(112), last_offset: Offset(113) };
        assert_eq!(state.check(&header(1, 3, 12, 2, 0)), Ok(base), "the last");
        let before = state.check(&header(1, 3, 10, 2, 0));
        assert_eq!(before, Err(ErrorCode::OutOfOrderSequenceNumber), "the one before");
        assert_eq!(state.check(&header(1, 3, 14, 1, 0)), Ok(ProducerCheck::New), "the next");
    }

    #[test]
    fn sequences_wrap_to_zero() {
        let mut state = ProducerState::default();
        state.update(&header(1, 0, i32::MAX - 1, 2, 0));
        assert_eq!(state.check(&header(1, 0, 0, 1, 0)), Ok(ProducerCheck::New));
        let skipped = state.check(&header(1, 0, 1, 1, 0));
        assert_eq!(skipped, Err(ErrorCode::OutOfOrderSequenceNumber));
        state.update(&header(1, 0, 0, 3, 2));
        state.update(&header(1, 0, 3, 1, 5));
        let again = ProducerCheck::Duplicate { base_offset: Offset(0), last_offset: Offset(1) };
        assert_eq!(state.check(&header(1, 0, i32::MAX - 1, 2, 0)), Ok(again));
    }

    #[test]
    fn a_batch_that_wraps_inside_is_followed() {
        let mut state = ProducerState::default();
        state.update(&header(1, 0, i32::MAX - 1, 4, 0));
        assert_eq!(state.check(&header(1, 0, 2, 1, 0)), Ok(ProducerCheck::New));
    }
}

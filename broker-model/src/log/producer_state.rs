//! What a log remembers of its idempotent and transactional producers. Source: KIP-98, Kafka's `ProducerStateManager`
//! and `ProducerAppendInfo`.
//!
//! A transaction is *ongoing* on a partition from its first record to its marker. Its marker may be lost with a leader
//! as long as the high watermark has not passed it: until then its first record is as unstable as before.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::defect::{Defects, LogDefect, TransactionDefect};
use crate::log::producer_entry::ProducerEntry;
use crate::log::verification::{Verification, VerificationGuard};
use crate::note::{BatchKind, KnownProducer};
use crate::proto::ErrorCode;
use crate::record::{BatchHeader, RecordBatch, TransactionMarker, TransactionResult};
use crate::types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, WallTime};

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

/// What a log knows of a producer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActiveProducer {
    /// Id.
    pub producer_id: ProducerId,
    /// Newest epoch.
    pub producer_epoch: ProducerEpoch,
    /// Last sequence in it.
    pub last_sequence: Sequence,
    /// Largest timestamp of its newest batch or marker.
    pub last_timestamp: WallTime,
    /// Of its last marker.
    pub coordinator_epoch: LeaderEpoch,
    /// First record of its transaction, if one is open.
    pub transaction: Option<Offset>,
}

/// Who writes a batch, and what was found out about its transaction before.
#[derive(Debug, Clone, Copy, Default)]
pub struct AppendRights {
    /// What the verification of its transaction began with, if there was one (KIP-890).
    pub guard: Option<VerificationGuard>,
    /// Whether a coordinator writes it, which gives no sequences.
    pub coordinator: bool,
    /// Whether it is the marker of an administrator, who knows no other epoch than that of the records (KIP-664).
    pub administrator: bool,
    /// Known bug T01: nobody asks whether its transaction goes on.
    pub unverified: bool,
}

/// All producers of a log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct ProducerState {
    producers: BTreeMap<ProducerId, ProducerEntry>,
    /// Transactions that are ongoing, by their first offset.
    #[serde(skip)]
    ongoing: BTreeMap<Offset, ProducerId>,
    /// First and marker's offset of transactions whose marker the high watermark has not passed.
    #[serde(skip)]
    unreplicated: BTreeMap<Offset, Offset>,
    #[serde(skip)]
    verifications: BTreeMap<ProducerId, Verification>,
}

/// A transaction that a marker ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CompletedTransaction {
    pub(crate) producer_id: ProducerId,
    /// Its first record.
    pub(crate) first_offset: Offset,
    /// Its marker.
    pub(crate) last_offset: Offset,
    pub(crate) aborted: bool,
}

impl ProducerState {
    /// Whether no producer is known.
    pub(crate) fn is_empty(&self) -> bool {
        self.producers.is_empty()
    }

    /// Judges a batch: its epoch, its transaction, its sequence, in Kafka's order. A batch without a producer id is
    /// always new. Source: `UnifiedLog.analyzeAndValidateProducerState`, `ProducerAppendInfo.appendDataBatch`.
    pub(crate) fn check(
        &self,
        batch: &BatchHeader,
        rights: AppendRights,
        defects: Defects,
    ) -> Result<ProducerCheck, ErrorCode> {
        if !batch.has_producer() || batch.is_control() {
            return Ok(ProducerCheck::New);
        }
        let entry = self.producers.get(&batch.producer_id);
        if !rights.coordinator
            && let Some((base_offset, last_offset)) =
                entry.and_then(|entry| entry.duplicate_of(batch, defects))
        {
            return Ok(ProducerCheck::Duplicate { base_offset, last_offset });
        }
        if entry.is_some_and(|entry| batch.producer_epoch < entry.epoch()) {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        let verification = self.verifications.get(&batch.producer_id);
        let is_verified = rights.unverified || self.goes_on(batch, defects);
        if batch.is_transactional() && !is_verified {
            let begun = verification.map(Verification::guard);
            if begun.is_none() || begun != rights.guard {
                return Err(ErrorCode::InvalidTxnState);
            }
        }
        if !rights.coordinator {
            if let Some(verification) = verification {
                let is_known = entry.is_some_and(ProducerEntry::has_batches);
                verification.check_sequence(batch.base_sequence, is_known, defects)?;
            }
            entry.map_or(Ok(()), |entry| entry.check_sequence(batch))?;
        }
        let is_open = entry.is_some_and(|entry| entry.transaction().is_some());
        if is_open && !batch.is_transactional() {
            return Err(ErrorCode::InvalidTxnState);
        }
        Ok(ProducerCheck::New)
    }

    /// Judges a marker. Where every transaction has an epoch of its own (`strict`, KIP-890), a marker ends only records
    /// of older epochs; one of the same epoch is a retry if nothing is open, else of a transaction that is over.
    /// Source: `ProducerAppendInfo.appendEndTxnMarker`; KAFKA-19999.
    pub(crate) fn check_marker(
        &self,
        marker: &TransactionMarker,
        strict: bool,
        defects: Defects,
    ) -> Result<(), ErrorCode> {
        let Some(entry) = self.producers.get(&marker.producer_id) else { return Ok(()) };
        let same = marker.producer_epoch == entry.epoch() && entry.transaction().is_some();
        if marker.producer_epoch < entry.epoch() || strict && same {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        let is_older = marker.coordinator_epoch < entry.coordinator_epoch();
        if is_older && !defects.has(TransactionDefect::OlderCoordinatorsMarkers) {
            return Err(ErrorCode::TransactionCoordinatorFenced);
        }
        Ok(())
    }

    /// The epoch of the coordinator that had the last marker of a producer written, if one had.
    pub(crate) fn coordinator_epoch(&self, producer: ProducerId) -> LeaderEpoch {
        self.producers.get(&producer).map_or(LeaderEpoch::NONE, ProducerEntry::coordinator_epoch)
    }

    /// Whether the transaction that the batch belongs to has records here. Source: `UnifiedLog.hasOngoingTransaction`.
    pub(crate) fn has_ongoing(&self, batch: &BatchHeader) -> bool {
        let entry = self.producers.get(&batch.producer_id);
        entry.is_some_and(|entry| {
            entry.transaction().is_some() && entry.epoch() == batch.producer_epoch
        })
    }

    /// Whether the transaction that the batch belongs to needs no verification. Known bug T09: none does while that of
    /// an older epoch has records here.
    fn goes_on(&self, batch: &BatchHeader, defects: Defects) -> bool {
        let entry = self.producers.get(&batch.producer_id);
        let any = defects.has(TransactionDefect::NextUnverified);
        self.has_ongoing(batch) || any && entry.is_some_and(|entry| entry.transaction().is_some())
    }

    /// Begins to verify the transaction that a batch belongs to; `fresh` names the verification if it is the first one.
    /// None if there is nothing to verify. Source: `UnifiedLog.maybeStartTransactionVerification`.
    pub(crate) fn start_verification(
        &mut self,
        (id, epoch): (ProducerId, ProducerEpoch),
        sequence: Sequence,
        fresh: Verification,
        defects: Defects,
    ) -> Result<Option<VerificationGuard>, ErrorCode> {
        let any = defects.has(TransactionDefect::NextUnverified);
        let entry = self.producers.get(&id);
        if entry.is_some_and(|entry| epoch < entry.epoch()) {
            return Err(ErrorCode::InvalidProducerEpoch);
        }
        let goes_on =
            |it: &ProducerEntry| it.transaction().is_some() && (any || it.epoch() == epoch);
        if entry.is_some_and(goes_on) {
            return Ok(None);
        }
        let verification = self.verifications.entry(id).or_insert(fresh);
        verification.saw(epoch, sequence);
        Ok(Some(verification.guard()))
    }

    /// Keeps the verifications under way, which no log tells of.
    pub(crate) fn take_verifications(&mut self, from: &mut Self) {
        self.verifications = std::mem::take(&mut from.verifications);
    }

    /// Of a producer that is known, the last offset of its newest batch, if one is remembered, and its epoch. Source:
    /// `UnifiedLog.lastRecordsOfActiveProducers`.
    pub(crate) fn last_record(&self, id: ProducerId) -> Option<(Option<Offset>, ProducerEpoch)> {
        let entry = self.producers.get(&id)?;
        Some((entry.last_data_offset(), entry.epoch()))
    }

    /// How many producers are known.
    pub(crate) fn count(&self) -> usize {
        self.producers.len()
    }

    /// Forgets producers whose newest record is `expiration_ms` old or older and who have no transaction open; and
    /// verifications of that age. Gives those that it forgot. Source: `ProducerStateManager.isProducerExpired`.
    pub(crate) fn remove_expired(
        &mut self,
        now: WallTime,
        expiration_ms: u64,
        defects: Defects,
    ) -> Vec<ProducerId> {
        let limit = i64::try_from(expiration_ms).unwrap_or(i64::MAX);
        let is_old = |then: WallTime| now.0.saturating_sub(then.0) >= limit;
        let any = defects.has(LogDefect::ExpiresOpenTransactions);
        let stays = |entry: &ProducerEntry| entry.transaction().is_some() && !any;
        let mut expired = Vec::new();
        self.producers.retain(|id, entry| {
            let kept = stays(entry) || !is_old(entry.last_timestamp());
            if !kept {
                expired.push(*id);
            }
            kept
        });
        if any {
            self.index_ongoing();
        }
        self.verifications.retain(|_, verification| !is_old(verification.begun()));
        expired
    }

    /// Forgets the batches that end below an offset, and producers without any that have no transaction open. Source:
    /// `ProducerStateManager.truncateHead` of Kafka 2.3.
    pub(crate) fn remove_below(&mut self, offset: Offset) {
        self.producers.retain(|_, entry| {
            entry.remove_below(offset);
            entry.has_batches() || entry.transaction().is_some()
        });
    }

    /// After a snapshot was read: what it does not hold. Source: `ProducerStateManager.loadProducerEntry`.
    pub(crate) fn index_ongoing(&mut self) {
        let open = |(id, entry): (&ProducerId, &ProducerEntry)| Some((entry.transaction()?, *id));
        self.ongoing = self.producers.iter().filter_map(open).collect();
    }

    /// Takes in a batch that is in the log now; it is not judged again. The transaction that it ended, if it did.
    pub(crate) fn take(
        &mut self,
        batch: &RecordBatch,
        defects: Defects,
    ) -> Option<CompletedTransaction> {
        let header = batch.header();
        if !header.has_producer() {
            return None;
        }
        if !header.is_control() {
            self.update(header);
            return None;
        }
        let Some(marker) = TransactionMarker::read(batch) else {
            self.take_cleaned_marker(header);
            return None;
        };
        let keeps_nobody = defects.has(LogDefect::MarkersKeepNobody);
        let timestamp = Some(header.max_timestamp).filter(|_| !keeps_nobody);
        self.end(&marker, batch.base_offset(), timestamp)
    }

    /// A marker of which the cleaner has left the header tells the epoch of its producer; what it ended is gone. Kafka
    /// keeps the batch for that and does not read it. Source: `UnifiedLog.updateProducers`, `Cleaner.cleanInto`.
    fn take_cleaned_marker(&mut self, batch: &BatchHeader) {
        if batch.record_count == 0 && batch.is_transactional() {
            let entry = self.producers.entry(batch.producer_id);
            let entry = entry.or_insert_with(|| ProducerEntry::new(batch.producer_epoch));
            entry.take_cleaned_marker(batch);
        }
    }

    /// Knows again what was known of producers without a transaction, whatever the log has of it. Source:
    /// `LogDefect::CutKeepsProducers`.
    pub(crate) fn keep_all_of(&mut self, before: Self) {
        for (id, entry) in before.producers {
            let open = |entry: &ProducerEntry| entry.transaction().is_some();
            if !open(&entry) && !self.producers.get(&id).is_some_and(open) {
                self.producers.insert(id, entry.beyond_the_log());
            }
        }
    }

    /// Forgets of each producer all but its newest batch. Source: `ProducerStateManager.writeSnapshot`.
    pub(crate) fn keep_last_batches(&mut self) {
        for entry in self.producers.values_mut() {
            entry.keep_last_batch();
        }
    }

    /// Takes in a batch of records. Source: `ProducerAppendInfo.appendDataBatch`.
    pub(crate) fn update(&mut self, batch: &BatchHeader) {
        if !batch.has_producer() || batch.is_control() {
            return;
        }
        let id = batch.producer_id;
        let entry = self.producers.entry(id);
        let entry = entry.or_insert_with(|| ProducerEntry::new(batch.producer_epoch));
        entry.update(batch);
        if batch.is_transactional() {
            self.verifications.remove(&id);
            if entry.begin_transaction(batch.base_offset) {
                self.ongoing.insert(batch.base_offset, id);
            }
        }
    }

    /// Takes in a marker. One without records before it ends nothing, but its epochs count from now on. Source:
    /// `ProducerAppendInfo.appendEndTxnMarker`, `UnifiedLog.updateProducers`, `ProducerStateManager.completeTxn`.
    fn end(
        &mut self,
        marker: &TransactionMarker,
        at: Offset,
        timestamp: Option<WallTime>,
    ) -> Option<CompletedTransaction> {
        let id = marker.producer_id;
        let next = self.verifications.get(&id);
        // The next transaction has the marker's epoch where each has its own: that verification goes on.
        if !next.is_some_and(|next| next.is_of_next_transaction(marker.producer_epoch)) {
            self.verifications.remove(&id);
        }
        let entry = self.producers.entry(id);
        let entry = entry.or_insert_with(|| ProducerEntry::new(marker.producer_epoch));
        let first_offset = entry.end_transaction(marker, timestamp)?;
        self.ongoing.remove(&first_offset);
        self.unreplicated.insert(first_offset, at);
        let aborted = marker.result == TransactionResult::Abort;
        Some(CompletedTransaction { producer_id: id, first_offset, last_offset: at, aborted })
    }

    /// The first record whose transaction is not decided, or decided by a marker that may yet be lost. Source:
    /// `ProducerStateManager.firstUnstableOffset`.
    pub(crate) fn first_unstable(&self, defects: Defects) -> Option<Offset> {
        let undecided = self.ongoing.first_key_value().map(|(first, _)| *first);
        if defects.has(TransactionDefect::StableAtMarker) {
            return undecided;
        }
        let unreplicated = self.unreplicated.first_key_value().map(|(first, _)| *first);
        undecided.into_iter().chain(unreplicated).min()
    }

    /// The first record of a transaction that is not decided. Source: `ProducerStateManager.lastStableOffset`.
    pub(crate) fn first_undecided(&self) -> Option<Offset> {
        self.ongoing.first_key_value().map(|(first, _)| *first)
    }

    /// The ongoing transaction with the lowest first offset: that, its producer, and what is known of that producer.
    pub(crate) fn first_ongoing(&self) -> Option<(Offset, ProducerId, Option<Offset>)> {
        let (first, producer) = self.ongoing.first_key_value()?;
        let known = self.producers.get(producer).and_then(ProducerEntry::transaction);
        Some((*first, *producer, known))
    }

    /// The first transaction whose marker the high watermark has not passed: its first offset, and the marker's.
    pub(crate) fn first_unreplicated(&self) -> Option<(Offset, Offset)> {
        self.unreplicated.first_key_value().map(|(first, marker)| (*first, *marker))
    }

    /// The high watermark passed the markers below it: no leader will lack them. Source:
    /// `ProducerStateManager.onHighWatermarkUpdated`.
    pub(crate) fn replicated(&mut self, high_watermark: Offset) {
        if !self.unreplicated.is_empty() {
            self.unreplicated.retain(|_, marker| *marker >= high_watermark);
        }
    }

    /// Sets the transactions whose marker may yet be lost, after the log was read.
    pub(crate) fn unreplicated_are(&mut self, transactions: BTreeMap<Offset, Offset>) {
        self.unreplicated = transactions;
    }

    /// Ongoing transactions, as `DescribeProducers` tells them: producer and first offset.
    pub(crate) fn ongoing(&self) -> impl Iterator<Item = (ProducerId, Offset)> {
        self.ongoing.iter().map(|(first, id)| (*id, *first))
    }

    /// All that is known of each producer, by id. Source: `UnifiedLog.activeProducers`, KIP-664.
    pub(crate) fn active(&self) -> Vec<ActiveProducer> {
        let active = |(producer_id, entry): (&ProducerId, &ProducerEntry)| ActiveProducer {
            producer_id: *producer_id,
            producer_epoch: entry.epoch(),
            last_sequence: entry.last_sequence().unwrap_or(Sequence::NONE),
            last_timestamp: entry.last_timestamp().max(WallTime(-1)),
            coordinator_epoch: entry.coordinator_epoch(),
            transaction: entry.transaction(),
        };
        self.producers.iter().map(active).collect()
    }

    /// Each producer's newest epoch and the last sequence in it, by id.
    pub(crate) fn known(&self) -> Vec<KnownProducer> {
        let known = |(producer_id, entry): (&ProducerId, &ProducerEntry)| KnownProducer {
            producer_id: *producer_id,
            producer_epoch: entry.epoch(),
            last_sequence: entry.last_sequence().unwrap_or(Sequence::NONE),
        };
        self.producers.iter().map(known).collect()
    }
}

/// Whether a batch of this kind takes part in a transaction.
pub(crate) fn is_transactional(kind: BatchKind) -> bool {
    match kind {
        BatchKind::Transactional | BatchKind::CommitMarker | BatchKind::AbortMarker => true,
        BatchKind::Plain | BatchKind::Control => false,
    }
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

    fn judge(state: &ProducerState, batch: &BatchHeader) -> Result<ProducerCheck, ErrorCode> {
        state.check(batch, AppendRights::default(), Defects::NONE)
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
            assert_eq!(judge(&state, &batch), expected, "{name}");
        }
    }

    #[test]
    fn a_newer_epoch_forgets_the_batches_of_the_older() {
        let mut state = seven_batches();
        state.update(&header(1, 4, 0, 1, 200));
        let old_again = judge(&state, &header(1, 3, 12, 2, 0));
        assert_eq!(old_again, Err(ErrorCode::InvalidProducerEpoch));
        assert_eq!(judge(&state, &header(1, 4, 1, 1, 0)), Ok(ProducerCheck::New));
    }

    /// Who is forgotten a second after the one batch of a transaction, when its marker of 900 ms is there, and a second
    /// after that. A coordinator that ends what takes too long does so in the next epoch.
    #[test]
    fn a_producer_stays_as_long_as_its_transaction_and_from_its_marker_on() {
        let one = || vec![ProducerId(1)];
        let none = Vec::new;
        let open = Some(LogDefect::ExpiresOpenTransactions);
        let markers = Some(LogDefect::MarkersKeepNobody);
        let table = [
            (None, 3, 0, [none(), none(), one()]),
            (open, 3, 0, [one(), none(), one()]),
            (markers, 3, 0, [none(), one(), none()]),
            (markers, 3, 500, [none(), none(), one()]),
            (None, 4, 500, [none(), none(), one()]),
            (markers, 4, 500, [none(), one(), none()]),
        ];
        for (defect, marker_epoch, written, expected) in table {
            let defects: Defects = defect.into_iter().collect();
            let mut state = ProducerState::default();
            let producer = (ProducerId(1), ProducerEpoch(3));
            let data = RecordBatchBuilder::new(producer.0, producer.1, Sequence(0));
            let mut data = data.in_transaction();
            data.push(WallTime(written), None, None);
            let data = data.build().with_assignment(Offset(5), LeaderEpoch(0));
            state.take(&data, defects);
            let open = state.remove_expired(WallTime(1_000), 1_000, defects);
            let marker = TransactionMarker {
                producer_id: producer.0,
                producer_epoch: ProducerEpoch(marker_epoch),
                coordinator_epoch: LeaderEpoch(2),
                result: TransactionResult::Abort,
            };
            let marker = marker.batch(WallTime(900)).with_assignment(Offset(6), LeaderEpoch(0));
            state.take(&marker, defects);
            let ended = state.remove_expired(WallTime(1_000), 1_000, defects);
            let later = state.remove_expired(WallTime(1_900), 1_000, defects);
            let row = (defect, marker_epoch, written);
            assert_eq!([open, ended, later], expected, "{row:?}");
        }
    }

    #[test]
    fn an_expired_producer_is_unknown() {
        let mut state = seven_batches();
        let gap = header(1, 3, 99, 1, 0);
        state.remove_expired(WallTime(999), 1_000, Defects::NONE);
        assert_eq!(judge(&state, &gap), Err(ErrorCode::OutOfOrderSequenceNumber), "999 ms old");
        state.remove_expired(WallTime(1_000), 1_000, Defects::NONE);
        assert_eq!((judge(&state, &gap), state.count()), (Ok(ProducerCheck::New), 0));
        let mut state = seven_batches();
        state.remove_expired(WallTime(i64::MAX), u64::MAX - 1, Defects::NONE);
        assert_eq!(state.count(), 0, "as old as can be");
        state = seven_batches();
        state.remove_expired(WallTime(i64::MIN), 1, Defects::NONE);
        assert_eq!(state.count(), 1, "a clock that runs behind expires nothing");
    }

    #[test]
    fn of_the_last_batches_only_the_newest_may_be_kept() {
        let mut state = seven_batches();
        state.keep_last_batches();
        let base = ProducerCheck::Duplicate { base_offset: Offset(112), last_offset: Offset(113) };
        assert_eq!(judge(&state, &header(1, 3, 12, 2, 0)), Ok(base), "the last");
        let before = judge(&state, &header(1, 3, 10, 2, 0));
        assert_eq!(before, Err(ErrorCode::OutOfOrderSequenceNumber), "the one before");
        assert_eq!(judge(&state, &header(1, 3, 14, 1, 0)), Ok(ProducerCheck::New), "the next");
    }

    #[test]
    fn sequences_wrap_to_zero() {
        let mut state = ProducerState::default();
        state.update(&header(1, 0, i32::MAX - 1, 2, 0));
        assert_eq!(judge(&state, &header(1, 0, 0, 1, 0)), Ok(ProducerCheck::New));
        let skipped = judge(&state, &header(1, 0, 1, 1, 0));
        assert_eq!(skipped, Err(ErrorCode::OutOfOrderSequenceNumber));
        state.update(&header(1, 0, 0, 3, 2));
        state.update(&header(1, 0, 3, 1, 5));
        let again = ProducerCheck::Duplicate { base_offset: Offset(0), last_offset: Offset(1) };
        assert_eq!(judge(&state, &header(1, 0, i32::MAX - 1, 2, 0)), Ok(again));
    }

    #[test]
    fn a_batch_that_wraps_inside_is_followed() {
        let mut state = ProducerState::default();
        state.update(&header(1, 0, i32::MAX - 1, 4, 0));
        assert_eq!(judge(&state, &header(1, 0, 2, 1, 0)), Ok(ProducerCheck::New));
    }
}

//! What a log tells consumers of transactions. Source: KIP-98, Kafka's `UnifiedLog.lastStableOffset`,
//! `TransactionIndex`, `LocalLog.collectAbortedTransactions`.
//!
//! A consumer with `read_committed` reads up to the last stable offset, and is told which transactions among what it
//! reads were aborted. Without the bound it would see records whose fate is open; without the list, those that must not
//! count. The index is read from the log whenever that is opened or cut: what Kafka keeps in files beside it says the
//! same.

use std::collections::BTreeMap;

use crate::log::Log;
use crate::log::producer_state::is_transactional;
use crate::log::transaction_index::AbortedEntry;
use crate::log::verification::{Verification, VerificationGuard};
use crate::note::AbortedTransaction;
use crate::proto::ErrorCode;
use crate::record::{BatchHeader, RecordBatch, TransactionMarker, TransactionResult};
use crate::types::{Offset, ProducerEpoch, ProducerId, Sequence, WallTime};

impl Log {
    /// Everything below is decided and will not be undone; for what may be read with `read_committed`. Source:
    /// `UnifiedLog.lastStableOffset`.
    pub fn last_stable_offset(&self) -> Offset {
        let unstable = self.producers.first_unstable(self.config.defects);
        let unstable = unstable.map(|first| first.max(self.log_start_offset));
        unstable.map_or(self.high_watermark, |first| first.min(self.high_watermark))
    }

    /// Whether the log ever held anything of a transaction.
    pub(crate) fn has_transactions(&self) -> bool {
        self.transactions.seen
    }

    /// Aborted transactions with records or marker from `from` on and a first record below `upper`. Source:
    /// `TransactionIndex.collectAbortedTxns`.
    pub fn aborted_transactions(&self, from: Offset, upper: Offset) -> Vec<AbortedTransaction> {
        let mut found = Vec::new();
        let index = &self.transactions.aborted;
        let first = index.partition_point(|entry| entry.last_offset < from);
        for entry in &index[first..] {
            if entry.first_offset < upper {
                let AbortedEntry { producer_id, first_offset, .. } = *entry;
                found.push(AbortedTransaction { producer_id, first_offset });
            }
            if entry.last_stable_offset >= upper {
                break;
            }
        }
        found
    }

    /// Begins to verify the transaction of a batch, or goes on with that; none if it is known to be open here. Source:
    /// `UnifiedLog.maybeStartTransactionVerification`.
    pub fn start_verification(
        &mut self,
        batch: &BatchHeader,
        bumps_epoch: bool,
        now: WallTime,
    ) -> Result<Option<VerificationGuard>, ErrorCode> {
        let producer = (batch.producer_id, batch.producer_epoch);
        self.start_verification_of((producer, batch.base_sequence), bumps_epoch, now)
    }

    /// The same for a batch that is yet to be made.
    pub fn start_verification_of(
        &mut self,
        (producer, sequence): ((ProducerId, ProducerEpoch), Sequence),
        bumps_epoch: bool,
        now: WallTime,
    ) -> Result<Option<VerificationGuard>, ErrorCode> {
        let guard = VerificationGuard(self.transactions.next_guard);
        self.transactions.next_guard += 1;
        let fresh = Verification::new(guard, now, (producer.1, sequence), bumps_epoch);
        let started =
            self.producers.start_verification(producer, sequence, fresh, self.config.defects);
        assert!(
            !matches!(started, Ok(Some(known)) if known > guard),
            "{started:?} is newer than the newest verification {guard:?}"
        );
        started
    }

    /// Judges a marker by what is known of its producer here.
    pub fn check_marker(
        &self,
        marker: &TransactionMarker,
        epoch_per_transaction: bool,
    ) -> Result<(), ErrorCode> {
        self.producers.check_marker(marker, epoch_per_transaction, self.config.defects)
    }

    /// Ongoing transactions: producer and first offset. Source: `DescribeProducers`, KIP-664.
    pub fn ongoing_transactions(&self) -> impl Iterator<Item = (ProducerId, Offset)> {
        self.producers.ongoing()
    }

    /// Reads the index, and which markers may yet be lost, from the batches.
    pub(super) fn restore_transactions(&mut self) {
        let seen = self.batches().any(|batch| is_transactional(batch.kind()));
        self.transactions.seen |= seen;
        if !seen {
            self.transactions.aborted.clear();
            return;
        }
        let (aborted, unreplicated) = read_transactions(self.batches(), self.high_watermark);
        self.transactions.aborted = aborted;
        self.producers.unreplicated_are(unreplicated);
    }
}

/// The aborted transactions in a log, and those whose marker is not below the high watermark.
fn read_transactions<'a>(
    batches: impl Iterator<Item = &'a RecordBatch>,
    high_watermark: Offset,
) -> (Vec<AbortedEntry>, BTreeMap<Offset, Offset>) {
    let mut open: BTreeMap<ProducerId, Offset> = BTreeMap::new();
    let (mut aborted, mut unreplicated) = (Vec::new(), BTreeMap::new());
    for batch in batches {
        let (producer_id, last_offset) = (batch.header().producer_id, batch.base_offset());
        if let Some(marker) = TransactionMarker::read(batch) {
            let Some(first_offset) = open.remove(&producer_id) else { continue };
            if last_offset >= high_watermark {
                unreplicated.insert(first_offset, last_offset);
            }
            if marker.result == TransactionResult::Abort {
                let undecided = open.values().min().copied();
                let last_stable_offset = undecided.unwrap_or(last_offset.next());
                let entry =
                    AbortedEntry { producer_id, first_offset, last_offset, last_stable_offset };
                aborted.push(entry);
            }
        } else if batch.header().is_transactional() {
            open.entry(producer_id).or_insert(batch.base_offset());
        }
    }
    (aborted, unreplicated)
}

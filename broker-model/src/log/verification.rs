//! The verification of a transaction: before its first record on a partition is appended, the coordinator is asked
//! whether the partition is part of it. Source: KIP-890, Kafka's `VerificationStateEntry`, `VerificationGuard`.
//!
//! Without it a record that arrives after its transaction's marker opens a transaction that nobody ends: the last
//! stable offset stands still for ever (KAFKA-14402). The guard ties the coordinator's answer to the verification that
//! asked: the answer may be older than a marker that came in between, and then must not count.

use crate::defect::{Defects, TransactionDefect};
use crate::proto::ErrorCode;
use crate::types::{ProducerEpoch, Sequence, WallTime};

/// Names a verification; unique in its log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct VerificationGuard(pub u64);

/// A verification under way, or done and not used yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verification {
    guard: VerificationGuard,
    begun: WallTime,
    epoch: ProducerEpoch,
    /// The lowest sequence seen in this epoch: nothing after it goes first (KAFKA-14920).
    lowest: Sequence,
    /// Whether each transaction has an epoch of its own.
    bumps_epoch: bool,
}

impl Verification {
    /// Begins with the first batch.
    pub(crate) fn new(
        guard: VerificationGuard,
        begun: WallTime,
        (epoch, lowest): (ProducerEpoch, Sequence),
        bumps_epoch: bool,
    ) -> Self {
        Self { guard, begun, epoch, lowest, bumps_epoch }
    }

    pub(crate) fn guard(&self) -> VerificationGuard {
        self.guard
    }

    pub(crate) fn begun(&self) -> WallTime {
        self.begun
    }

    /// Another batch is verified. Source: `VerificationStateEntry.maybeUpdateLowestSequenceAndEpoch`.
    pub(crate) fn saw(&mut self, epoch: ProducerEpoch, sequence: Sequence) {
        if epoch == self.epoch && sequence < self.lowest {
            self.lowest = sequence;
        }
        if epoch > self.epoch {
            (self.epoch, self.lowest) = (epoch, sequence);
        }
    }

    /// Nothing goes before the lowest sequence seen; with an epoch for each transaction, the first goes first. Source:
    /// `ProducerAppendInfo.checkSequence`.
    pub(crate) fn check_sequence(
        &self,
        sequence: Sequence,
        producer_known: bool,
        defects: Defects,
    ) -> Result<(), ErrorCode> {
        let skips_first = self.bumps_epoch && sequence.0 != 0 && !producer_known;
        let forgets = defects.has(TransactionDefect::VerificationForgetsLowest);
        if skips_first || sequence > self.lowest && !forgets {
            return Err(ErrorCode::OutOfOrderSequenceNumber);
        }
        Ok(())
    }

    /// Whether it is of the transaction after the one that a marker of this epoch ends.
    pub(crate) fn is_of_next_transaction(&self, marker_epoch: ProducerEpoch) -> bool {
        self.bumps_epoch && marker_epoch == self.epoch
    }
}

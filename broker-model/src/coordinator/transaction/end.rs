//! How transactions end. Source: KIP-98, KIP-890, `TransactionCoordinator.endTransaction`,
//! `TransactionCoordinator.endTransactionWithTV1`.
//!
//! Before KIP-890 all transactions of a producer share its epoch, so that an `EndTxn` that comes late ends whichever is
//! going on then (KAFKA-17754). Since, the end of each gives the next one's epoch: what comes late has an older one,
//! and is known as a retry by the epoch before.

use crate::defect::TransactionDefect;
use crate::note::TransactionState;
use crate::proto::ErrorCode;
use crate::record::TransactionResult;
use crate::types::{Now, ProducerEpoch, ProducerId};

use super::metadata::{LAST_EPOCH, TransactionMetadata, TransactionRecord};
use super::write::Then;
use super::{Asker, Ids, TransactionCoordinator};

/// A producer with its epoch, and how its transaction is to end.
pub(super) type End = ((ProducerId, ProducerEpoch), TransactionResult);

/// What becomes of a wish to end.
enum Ending {
    /// It is decided, once this is written.
    Decide(TransactionRecord),
    /// It ended so already.
    Done,
}

impl TransactionCoordinator {
    /// A client ends its transaction.
    pub(crate) fn end_transaction(
        &mut self,
        now: Now,
        place: (i32, &str),
        end: End,
        asker: Asker,
        ids: Ids<'_>,
    ) {
        self.end(now, place, end, (asker, true), ids);
    }

    pub(super) fn end(
        &mut self,
        now: Now,
        (partition, id): (i32, &str),
        end: End,
        (asker, from_client): (Asker, bool),
        ids: Ids<'_>,
    ) {
        let bumps = self.config.epoch_per_transaction;
        let refuses_repeated = self.config.defects.has(TransactionDefect::RepeatedEndRefused);
        let keeps_epoch = self.config.defects.has(TransactionDefect::EmptyAbortKeepsEpoch);
        let ((_, named), before) = (end.0, self.last_epochs(partition, id));
        let before = before.map_or(ProducerEpoch::NONE, |(epoch, _)| epoch);
        let found = self.known(partition, id).and_then(|(_, metadata)| {
            let fences = metadata.pending == Some(TransactionState::PrepareEpochFence);
            let ending = if bumps {
                prepare_end(now, metadata, end, (from_client, keeps_epoch), ids)
            } else {
                prepare_end_without_bump(now, metadata, end, from_client)
            };
            let ending = if matches!(ending, Ok(Ending::Done)) && refuses_repeated {
                Err(ErrorCode::InvalidTxnState)
            } else {
                ending
            };
            let current = (metadata.now.producer_id, metadata.now.epoch);
            ending.map(|ending| (ending, current, fences))
        });
        match found {
            Ok((Ending::Decide(next), _, fences)) => {
                if from_client {
                    self.served(&asker, named, before);
                }
                let early = self.config.defects.has(TransactionDefect::ToldBeforeDurable);
                let asker = if early && from_client {
                    let identity = (next.producer_id, next.epoch);
                    self.answer(asker, Ok(bumps.then_some(identity)));
                    Asker::Nobody
                } else {
                    asker
                };
                self.write(partition, id, next, Then::SendMarkers { asker, fences });
            }
            Ok((Ending::Done, current, _)) => self.answer(asker, Ok(bumps.then_some(current))),
            Err(error) => self.answer(asker, Err(error)),
        }
    }
}

/// Source: `TransactionCoordinator.endTransactionWithTV1`.
fn prepare_end_without_bump(
    now: Now,
    metadata: &mut TransactionMetadata,
    ((producer_id, epoch), result): End,
    from_client: bool,
) -> Result<Ending, ErrorCode> {
    let record = &metadata.now;
    let fences = metadata.pending == Some(TransactionState::PrepareEpochFence);
    if record.producer_id != producer_id {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    if from_client && epoch != record.epoch || epoch < record.epoch {
        return Err(ErrorCode::ProducerFenced);
    }
    if metadata.pending.is_some() && !fences {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    match (record.state, result) {
        (TransactionState::Ongoing, _) => {
            if fences {
                metadata.pending = None;
                metadata.now.epoch = epoch;
                metadata.now.last_epoch = ProducerEpoch::NONE;
            }
            let next = metadata.prepare_decision(result, false, ProducerId::NONE, now.wall);
            Ok(Ending::Decide(next))
        }
        (state, result) => ended_so(state, result),
    }
}

/// What a wish to end meets where no transaction is going on.
fn ended_so(state: TransactionState, result: TransactionResult) -> Result<Ending, ErrorCode> {
    match (state, result) {
        (TransactionState::CompleteCommit, TransactionResult::Commit)
        | (TransactionState::CompleteAbort, TransactionResult::Abort) => Ok(Ending::Done),
        (TransactionState::PrepareCommit, TransactionResult::Commit)
        | (TransactionState::PrepareAbort, TransactionResult::Abort) => {
            Err(ErrorCode::ConcurrentTransactions)
        }
        _ => Err(ErrorCode::InvalidTxnState),
    }
}

/// Source: `TransactionCoordinator.endTransaction`; its table says what an id that rests accepts.
fn prepare_end(
    now: Now,
    metadata: &mut TransactionMetadata,
    end: End,
    (from_client, keeps_epoch): (bool, bool),
    ids: Ids<'_>,
) -> Result<Ending, ErrorCode> {
    let ((producer_id, epoch), result) = end;
    let fences = metadata.pending == Some(TransactionState::PrepareEpochFence);
    let record = &metadata.now;
    let retry = retry_of(record, (producer_id, epoch)).filter(|_| !fences);
    if metadata.pending.is_some() && !fences {
        return Err(ErrorCode::ConcurrentTransactions);
    }
    if record.producer_id != producer_id && retry != Some(Retry::Overflow) {
        return Err(ErrorCode::InvalidProducerIdMapping);
    }
    let valid = if fences {
        (!from_client || epoch == record.epoch) && epoch >= record.epoch
    } else {
        is_valid_epoch(record, epoch, retry)
    };
    if !valid {
        return Err(ErrorCode::ProducerFenced);
    }
    let empty_abort = record.rests() && result == TransactionResult::Abort && retry.is_none();
    // TransactionDefect::EmptyAbortKeepsEpoch: there is nothing to do.
    if empty_abort && keeps_epoch {
        return Ok(Ending::Done);
    }
    if record.state != TransactionState::Ongoing && !empty_abort {
        return match ended_so(record.state, result) {
            Ok(_) if retry.is_none() => Err(ErrorCode::InvalidTxnState),
            other => other,
        };
    }
    let next_id = if !fences && record.is_exhausted() {
        ids().ok_or(ErrorCode::CoordinatorLoadInProgress)?
    } else {
        ProducerId::NONE
    };
    if fences {
        metadata.pending = None;
    }
    Ok(Ending::Decide(metadata.prepare_decision(result, true, next_id, now.wall)))
}

/// How an end is known to have been asked for before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    /// By the epoch before.
    Bump,
    /// By the last epoch of the id before.
    Overflow,
}

fn retry_of(record: &TransactionRecord, (id, epoch): (ProducerId, ProducerEpoch)) -> Option<Retry> {
    if record.previous_producer_id == id && epoch == LAST_EPOCH && record.epoch.0 == 0 {
        return Some(Retry::Overflow);
    }
    (i32::from(record.epoch.0) == i32::from(epoch.0) + 1).then_some(Retry::Bump)
}

fn is_valid_epoch(record: &TransactionRecord, epoch: ProducerEpoch, retry: Option<Retry>) -> bool {
    match record.state {
        TransactionState::Ongoing
        | TransactionState::Empty
        | TransactionState::Dead
        | TransactionState::PrepareEpochFence => epoch == record.epoch,
        TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
            retry == Some(Retry::Bump)
        }
        TransactionState::CompleteCommit | TransactionState::CompleteAbort => {
            retry.is_some() || epoch == record.epoch
        }
    }
}

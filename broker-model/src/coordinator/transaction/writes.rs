//! Records under way, and what follows once they are committed. Source:
//! `TransactionStateManager.appendTransactionToLog`, `TransactionCoordinator.endTransaction`.

use bytes::Bytes;

use crate::coordinator::runtime::CoordinatorRecord;
use crate::defect::TransactionDefect;
use crate::note::TransactionState;
use crate::proto::ErrorCode;
use crate::types::{Now, ProducerEpoch, ProducerId};

use super::metadata::TransactionRecord;
use super::write::{Then, Write};
use super::{Asker, Todo, TransactionCoordinator, WriteId};

impl TransactionCoordinator {
    /// Has a transition written that was prepared.
    pub(super) fn write(&mut self, partition: i32, id: &str, next: TransactionRecord, then: Then) {
        let value = (next.state != TransactionState::Dead).then(|| next.encode());
        let record = CoordinatorRecord { key: Bytes::copy_from_slice(id.as_bytes()), value };
        self.last_write += 1;
        let write_id = WriteId(self.last_write);
        let context = self.contexts.get(&partition).expect("a transition was prepared there");
        let coordinator_epoch = context.epoch;
        let transactional_id = id.to_owned();
        let write = Write { partition, coordinator_epoch, transactional_id, next, then };
        let before = self.writes.insert(write_id, write);
        assert!(before.is_none(), "two records are {write_id:?}");
        self.todo.push_back(Todo::Write(partition, record, write_id));
        self.self_check(partition, id);
    }

    /// How long a record may take: as long as its transaction. Source:
    /// `TransactionStateManager.appendTransactionToLog`.
    pub(crate) fn patience_ms(&self, write: WriteId) -> Option<u64> {
        self.writes.get(&write).map(|write| write.next.timeout_ms)
    }

    pub(super) fn answer(
        &mut self,
        asker: Asker,
        result: Result<Option<(ProducerId, ProducerEpoch)>, ErrorCode>,
    ) {
        self.todo.extend(asker.answer(result));
    }

    /// Refuses what is not asked of a coordinator at all.
    pub(crate) fn refuse(
        &mut self,
        asker: Asker,
        result: Result<Option<(ProducerId, ProducerEpoch)>, ErrorCode>,
    ) {
        self.answer(asker, result);
    }

    /// A record was not committed in time, and may be yet: whoever asked is told, and nothing else is decided of the id
    /// before it is known what became of this. That all markers are there is written again at once. Known weakness: in
    /// Kafka it counts as never written (`TransactionStateManager.appendTransactionToLog`). True if it is waited for.
    pub(crate) fn overdue(&mut self, id: WriteId) -> bool {
        if self.config.defects.has(TransactionDefect::LateDecisionForgotten) {
            return false;
        }
        let Some(write) = self.writes.get_mut(&id) else { return false };
        let asker = match &mut write.then {
            Then::Complete => return false,
            Then::Forget => return true,
            Then::Answer(asker) | Then::SendMarkers { asker, .. } => {
                std::mem::replace(asker, Asker::Nobody)
            }
        };
        self.answer(asker, Err(ErrorCode::CoordinatorNotAvailable));
        true
    }

    /// A record is committed, or its append failed or took too long.
    pub(crate) fn written(&mut self, now: Now, id: WriteId, result: Result<(), ErrorCode>) {
        // Too few replicas are in sync, but those that are have it.
        let is_committed =
            result == Err(ErrorCode::NotEnoughReplicasAfterAppend) && self.overdue(id);
        let result = if is_committed { Ok(()) } else { result };
        let Some(write) = self.writes.remove(&id) else { return };
        let current = self
            .contexts
            .get_mut(&write.partition)
            .filter(|context| context.epoch == write.coordinator_epoch);
        let result = match (result, current.is_some()) {
            (Ok(()), true) => Ok(()),
            (_, false) => Err(ErrorCode::NotCoordinator),
            (Err(error), true) => Err(client_error(error)),
        };
        let (partition, transactional_id) = (write.partition, write.transactional_id.clone());
        match result {
            Ok(()) => self.committed(now, write),
            Err(error) => self.failed(now, write, error),
        }
        self.self_check(partition, &transactional_id);
    }

    fn committed(&mut self, now: Now, write: Write) {
        let Write { partition, coordinator_epoch, transactional_id: id, next, then } = write;
        let context = self.contexts.get_mut(&partition).expect("the epoch is the same");
        if let Then::Forget = then {
            context.ids.remove(&id);
            return self.state(coordinator_epoch, &id, &next);
        }
        let Some(metadata) = context.ids.get_mut(&id) else { return };
        metadata.complete(next.clone());
        self.state(coordinator_epoch, &id, &next);
        let identity = (next.producer_id, next.epoch);
        match then {
            Then::Answer(asker) => self.answer(asker, Ok(Some(identity))),
            Then::SendMarkers { asker, fences } => {
                let result = match (fences, &asker) {
                    // The transaction of another producer had to end first: ask again.
                    (true, Asker::InitProducerId(_)) => Err(ErrorCode::ConcurrentTransactions),
                    _ => Ok(self.config.epoch_per_transaction.then_some(next_identity(&next))),
                };
                self.answer(asker, result);
                let result = next.decided().expect("markers follow a decision");
                self.send_markers(now, partition, &id, result);
            }
            Then::Complete => self.markers_done(partition, &id),
            Then::Forget => {}
        }
    }

    fn failed(&mut self, now: Now, write: Write, error: ErrorCode) {
        let Write { partition, coordinator_epoch, transactional_id: id, next, then } = write;
        let context = self.contexts.get_mut(&partition);
        let context = context.filter(|context| context.epoch == coordinator_epoch);
        let metadata = context.and_then(|context| context.ids.get_mut(&id));
        match then {
            Then::Complete => {
                // All markers are there: the record is written again. Source:
                // `TransactionMarkerChannelManager.tryAppendToLog`.
                let bug = TransactionDefect::CompletionNotWrittenAgain;
                let again =
                    error == ErrorCode::CoordinatorNotAvailable && !self.config.defects.has(bug);
                if metadata.is_some() && again {
                    self.markers.complete_again(now, (partition, &id));
                } else if let Some(metadata) = metadata {
                    metadata.pending = None;
                }
            }
            Then::Forget => {
                if let Some(metadata) = metadata {
                    metadata.pending = None;
                }
            }
            Then::Answer(asker) => {
                if let Some(metadata) = metadata {
                    metadata.pending = None;
                }
                self.answer(asker, Err(error));
            }
            Then::SendMarkers { asker, fences } => {
                if let Some(metadata) = metadata {
                    metadata.pending = None;
                    metadata.fence_failed |= fences && !next.bumps_epoch;
                }
                self.answer(asker, Err(error));
            }
        }
    }

    /// Writes that an id is forgotten that nobody has used for long. Source:
    /// `TransactionStateManager.removeExpiredTransactionalIds`.
    pub(super) fn expire(&mut self, partition: i32, id: &str) {
        let Ok((_, metadata)) = self.known(partition, id) else { return };
        let next = TransactionRecord { state: TransactionState::Dead, ..metadata.now.clone() };
        let next = metadata.prepare(next);
        self.write(partition, id, next, Then::Forget);
    }

    /// All markers of a transaction are written.
    pub(super) fn complete(&mut self, now: Now, partition: i32, id: &str) {
        let Ok((_, metadata)) = self.known(partition, id) else { return };
        // If one is pending, its record is to be written again.
        metadata.pending = None;
        let next = metadata.prepare_complete(now.wall);
        self.write(partition, id, next, Then::Complete);
    }
}

/// The identity with which the producer goes on, told with the decision. Source: `TransactionMetadata.prepareComplete`.
fn next_identity(record: &TransactionRecord) -> (ProducerId, ProducerEpoch) {
    if record.next_producer_id == ProducerId::NONE {
        (record.producer_id, record.epoch)
    } else {
        (record.next_producer_id, ProducerEpoch(0))
    }
}

/// What a client is told of a failed append.
fn client_error(error: ErrorCode) -> ErrorCode {
    let passes = matches!(
        error,
        ErrorCode::UnknownTopicOrPartition
            | ErrorCode::NotEnoughReplicas
            | ErrorCode::NotEnoughReplicasAfterAppend
            | ErrorCode::RequestTimedOut
    );
    if passes {
        ErrorCode::CoordinatorNotAvailable
    } else if matches!(error, ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError) {
        ErrorCode::NotCoordinator
    } else if matches!(error, ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge) {
        ErrorCode::UnknownServerError
    } else {
        error
    }
}

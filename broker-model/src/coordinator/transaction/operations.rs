//! Identity and partitions of a transaction. Source: KIP-98, KIP-360, KIP-890,
//! `TransactionCoordinator.handleInitProducerId`, `handleAddPartitionsToTransaction`,
//! `handleVerifyPartitionsInTransaction`.

use crate::defect::TransactionDefect;
use crate::note::{Api, ExchangeNote, TransactionState};
use crate::proto::ErrorCode;
use crate::types::{NodeId, Now, ProducerEpoch, ProducerId, TopicPartition};

use super::metadata::{LAST_EPOCH, TransactionMetadata, TransactionRecord};
use super::write::Then;
use super::{Added, Asker, Ids, Todo, TransactionCoordinator};

/// A producer asks who it is.
#[derive(Debug)]
pub(crate) struct InitProducer {
    pub(crate) transactional_id: String,
    pub(crate) timeout_ms: u64,
    /// Who it has been, if it wants to go on as that. Source: KIP-360.
    pub(crate) expected: Option<(ProducerId, ProducerEpoch)>,
}

/// A producer, or a leader for it, wants partitions to be in a transaction, or asks whether they are.
#[derive(Debug)]
pub(crate) struct AddPartitions {
    /// Who asks.
    pub(crate) from: NodeId,
    pub(crate) transactional_id: String,
    pub(crate) producer: (ProducerId, ProducerEpoch),
    pub(crate) verify_only: bool,
    pub(crate) partitions: Vec<TopicPartition>,
}

/// What becomes of a question for an identity.
enum Identity {
    /// A record is to be written.
    Next(TransactionRecord),
    /// A transaction is to be aborted first.
    Fence,
}

impl TransactionCoordinator {
    /// Source: `TransactionCoordinator.handleInitProducerId`.
    pub(crate) fn init_producer_id(
        &mut self,
        now: Now,
        partition: i32,
        request: &InitProducer,
        asker: Asker,
        ids: Ids<'_>,
    ) {
        let id = request.transactional_id.as_str();
        let last = self.last_epochs(partition, id);
        let identity = self.prepare_identity(now, partition, request, ids);
        if let (Ok(Identity::Next(_)), Some((_, named))) = (&identity, request.expected) {
            // Who has just been created has no epoch that could be another one.
            if let Some((epoch, before)) = last.filter(|(epoch, _)| *epoch != ProducerEpoch::NONE) {
                self.served(&asker, named, if named == before { before } else { epoch });
            }
        }
        match identity {
            Ok(Identity::Next(next)) => self.write(partition, id, next, Then::Answer(asker)),
            Ok(Identity::Fence) => self.fence_and_abort(now, partition, id, asker, ids),
            Err(error) => self.answer(asker, Err(error)),
        }
    }

    /// The epoch of a transactional id, and the one before, by which a retry of the same question is known.
    pub(super) fn last_epochs(
        &mut self,
        partition: i32,
        id: &str,
    ) -> Option<(ProducerEpoch, ProducerEpoch)> {
        let (_, metadata) = self.known(partition, id).ok()?;
        Some((metadata.now.epoch, metadata.now.last_epoch))
    }

    /// States that a producer is served, which epoch it names, and which one it is in.
    pub(super) fn served(&mut self, asker: &Asker, named: ProducerEpoch, own: ProducerEpoch) {
        if let Some((api, by)) = asker.named() {
            let note = ExchangeNote::served(api, by, named.0, own.0);
            self.todo.push_back(Todo::Exchanged(note));
        }
    }

    /// Source: `TransactionCoordinator.prepareInitProducerIdTransit`.
    fn prepare_identity(
        &mut self,
        now: Now,
        partition: i32,
        request: &InitProducer,
        ids: Ids<'_>,
    ) -> Result<Identity, ErrorCode> {
        let timeout_ms = request.timeout_ms;
        if request.transactional_id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        if timeout_ms == 0 || timeout_ms > self.config.timeout_max_ms {
            return Err(ErrorCode::InvalidTransactionTimeout);
        }
        self.make_known(now, partition, request, ids)?;
        let (_, metadata) = self.known(partition, &request.transactional_id)?;
        if metadata.pending.is_some() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        if request.expected.is_some_and(|expected| !may_go_on(&metadata.now, expected)) {
            return Err(ErrorCode::ProducerFenced);
        }
        match metadata.now.state {
            TransactionState::PrepareCommit | TransactionState::PrepareAbort => {
                Err(ErrorCode::ConcurrentTransactions)
            }
            TransactionState::Ongoing => Ok(Identity::Fence),
            TransactionState::Empty
            | TransactionState::CompleteCommit
            | TransactionState::CompleteAbort => {
                let expected = request.expected.map(|(_, epoch)| epoch);
                next_identity(now, metadata, (expected, timeout_ms), ids).map(Identity::Next)
            }
            TransactionState::PrepareEpochFence | TransactionState::Dead => {
                panic!("{} is {:?}", request.transactional_id, metadata.now.state)
            }
        }
    }

    /// A transactional id that nobody has used gets a producer id, which counts once a record is written.
    fn make_known(
        &mut self,
        now: Now,
        partition: i32,
        request: &InitProducer,
        ids: Ids<'_>,
    ) -> Result<(), ErrorCode> {
        let id = request.transactional_id.as_str();
        if self.find(partition, id)?.1.is_some() {
            return Ok(());
        }
        let producer_id = ids().ok_or(ErrorCode::CoordinatorLoadInProgress)?;
        let record = TransactionRecord::new(producer_id, request.timeout_ms, now.wall);
        let context = self.contexts.get_mut(&partition).expect("it was just found");
        context.ids.insert(id.to_owned(), TransactionMetadata::new(record));
        Ok(())
    }

    /// Adds partitions to a transaction, which begins one if none is going on; or only says whether they are in it.
    pub(crate) fn add_partitions(
        &mut self,
        now: Now,
        partition: i32,
        request: &AddPartitions,
        asker: Asker,
    ) {
        let id = request.transactional_id.as_str();
        let epoch = self.last_epochs(partition, id).map_or(ProducerEpoch::NONE, |last| last.0);
        if request.verify_only
            && let Asker::AddPartitions(asker) = asker
        {
            let verified = self.verify(partition, request);
            self.partitions_served(request, &Asker::AddPartitions(asker), epoch, verified.is_ok());
            return self.todo.push_back(Todo::Added(asker, verified));
        }
        let prepared = self.prepare_partitions(now, partition, request);
        self.partitions_served(request, &asker, epoch, prepared.is_ok());
        match prepared {
            Ok(Some(next)) => self.write(partition, id, next, Then::Answer(asker)),
            Ok(None) => self.answer(asker, Ok(None)),
            Err(error) => self.answer(asker, Err(error)),
        }
    }

    fn partitions_served(
        &mut self,
        request: &AddPartitions,
        asker: &Asker,
        own: ProducerEpoch,
        served: bool,
    ) {
        let (api, named) = match asker {
            Asker::AddOffsets(_) => (Api::AddOffsetsToTxn, request.producer.1),
            Asker::Nobody
            | Asker::InitProducerId(_)
            | Asker::AddPartitions(_)
            | Asker::EndTxn(_) => (Api::AddPartitionsToTxn, request.producer.1),
        };
        if served {
            let note = ExchangeNote::served(api, request.from, named.0, own.0);
            self.todo.push_back(Todo::Exchanged(note));
        }
    }

    /// Source: `TransactionCoordinator.handleAddPartitionsToTransaction`.
    fn prepare_partitions(
        &mut self,
        now: Now,
        partition: i32,
        request: &AddPartitions,
    ) -> Result<Option<TransactionRecord>, ErrorCode> {
        let bumps_epoch = self.config.epoch_per_transaction;
        let keeps_start = self.config.defects.has(TransactionDefect::StartKept);
        let (_, metadata) = self.known(partition, &request.transactional_id)?;
        if metadata.pending.is_some() {
            return Err(ErrorCode::ConcurrentTransactions);
        }
        check_producer(&metadata.now, request)?;
        let record = &metadata.now;
        let all_in = request.partitions.iter().all(|added| record.partitions.contains(added));
        if record.state == TransactionState::Ongoing && all_in {
            return Ok(None);
        }
        let added = request.partitions.iter().copied();
        let before = Some(metadata.now.started).filter(|started| keeps_start && started.0 >= 0);
        let mut next = metadata.prepare_partitions(added, bumps_epoch, now.wall);
        next.started = before.unwrap_or(next.started);
        Ok(Some(next))
    }

    /// Source: `TransactionCoordinator.handleVerifyPartitionsInTransaction`.
    fn verify(&mut self, partition: i32, request: &AddPartitions) -> Added {
        let (_, metadata) = self.known(partition, &request.transactional_id)?;
        check_producer(&metadata.now, request)?;
        let listed = &metadata.now.partitions;
        let asked = request.partitions.iter().copied();
        Ok(asked.filter(|asked| !listed.contains(asked)).collect())
    }
}

/// The producer is the one that is known, and no transaction is being ended.
fn check_producer(record: &TransactionRecord, request: &AddPartitions) -> Result<(), ErrorCode> {
    let (producer_id, epoch) = request.producer;
    if record.producer_id != producer_id {
        Err(ErrorCode::InvalidProducerIdMapping)
    } else if record.epoch != epoch {
        Err(ErrorCode::ProducerFenced)
    } else if record.decided().is_some() {
        Err(ErrorCode::ConcurrentTransactions)
    } else {
        Ok(())
    }
}

/// Whether a producer that has been this may ask for its next epoch.
fn may_go_on(record: &TransactionRecord, (id, epoch): (ProducerId, ProducerEpoch)) -> bool {
    record.epoch == ProducerEpoch::NONE
        || id == record.producer_id
        || id == record.previous_producer_id && epoch >= LAST_EPOCH
}

fn next_identity(
    now: Now,
    metadata: &mut TransactionMetadata,
    (expected, timeout_ms): (Option<ProducerEpoch>, u64),
    ids: Ids<'_>,
) -> Result<TransactionRecord, ErrorCode> {
    let epoch = metadata.now.epoch;
    if metadata.now.is_exhausted() && expected.is_none_or(|expected| expected == epoch) {
        let id = ids().ok_or(ErrorCode::CoordinatorLoadInProgress)?;
        return Ok(metadata.prepare_rotation(id, (timeout_ms, expected.is_some()), now.wall));
    }
    metadata.prepare_epoch(expected, timeout_ms, now.wall)
}

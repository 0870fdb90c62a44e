//! The transaction coordinator: who is the producer of a transactional id, which partitions its transaction has, how it
//! ends. Source: KIP-98, KIP-360, KIP-890, Kafka's `TransactionCoordinator`, `TransactionStateManager`.
//!
//! The obligations, and what goes wrong without them:
//! - one producer epoch is valid at a time; whoever asks with another is fenced: else two producers write one
//!   transaction;
//! - a partition is registered, durably, before a record of the transaction is in it: else nobody ends the transaction
//!   there, and consumers wait for ever;
//! - a decision is durable before anybody is told or a marker is written: else it can come out otherwise after a
//!   failover, and a transaction is torn;
//! - while a record is under way, and until all markers are written, nothing else begins (`CONCURRENT_TRANSACTIONS`);
//! - a transaction that takes too long is aborted, in an epoch that its producer does not have.
//!
//! | file | what lives there |
//! |---|---|
//! | `mod` | partitions of the log that are led here, loading, timeouts and expiration |
//! | `metadata` | one transactional id, and the ways it may go |
//! | `operations` | `InitProducerId`, `AddPartitionsToTxn`, `AddOffsetsToTxn` and verification |
//! | `end` | `EndTxn` |
//! | `write`, `writes` | records under way, and what follows once they are committed |
//! | `markers`, `send_markers` | markers under way |
//! | `administration` | what administrators are told |
//! | `self_check` | what must hold after each change |
//! | `todo` | what the broker is asked to do |

mod administration;
mod end;
mod markers;
mod metadata;
mod operations;
mod self_check;
mod send_markers;
#[cfg(test)]
mod tests;
mod todo;
mod write;
mod writes;

use std::collections::{BTreeMap, VecDeque};

use crate::config::ms;
use crate::defect::{Defects, TransactionDefect};
use crate::log::Log;
use crate::node::Deadline;
use crate::note::{TransactionNote, TransactionState};
use crate::proto::ErrorCode;
use crate::record::{RecordBatch, TransactionResult};
use crate::types::{LeaderEpoch, Now, ProducerId, Time};

use markers::Markers;
use metadata::{TransactionMetadata, TransactionRecord};
use write::Write;

pub(crate) use markers::{MarkerRequest, MarkersToSend};
pub(crate) use operations::{AddPartitions, InitProducer};
pub(crate) use todo::{AddAsker, Added, Asker, Todo, WriteId};

/// Where fresh producer ids come from; none while a block is fetched.
pub(crate) type Ids<'a> = &'a mut dyn FnMut() -> Option<ProducerId>;

/// The transaction coordinators on a broker.
#[derive(Debug)]
pub(crate) struct TransactionCoordinator {
    config: TransactionConfig,
    contexts: BTreeMap<i32, Context>,
    writes: BTreeMap<WriteId, Write>,
    last_write: u64,
    markers: Markers,
    todo: VecDeque<Todo>,
    /// When transactions are next looked at that take too long, and ids that nobody uses.
    check_at: Time,
}

/// What transaction coordinators are configured with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TransactionConfig {
    /// Whether each transaction has an epoch of its own. Source: `transaction.version`, KIP-890.
    pub(crate) epoch_per_transaction: bool,
    /// `transaction.max.timeout.ms`.
    pub(crate) timeout_max_ms: u64,
    /// `transactional.id.expiration.ms`.
    pub(crate) expiration_ms: u64,
    /// `transaction.abort.timed.out.transaction.cleanup.interval.ms`.
    pub(crate) check_interval_ms: u64,
    /// Known weaknesses that are switched on.
    pub(crate) defects: Defects,
}

/// One partition of the transaction log, led here.
#[derive(Debug)]
struct Context {
    epoch: LeaderEpoch,
    loaded_at: Option<Time>,
    ids: BTreeMap<String, TransactionMetadata>,
}

impl TransactionCoordinator {
    pub(crate) fn new(config: TransactionConfig, now: Time) -> Self {
        Self {
            contexts: BTreeMap::new(),
            writes: BTreeMap::new(),
            last_write: 0,
            markers: Markers::default(),
            todo: VecDeque::new(),
            check_at: now + ms(config.check_interval_ms),
            config,
        }
    }

    /// This broker leads a partition in this epoch: its log is loaded, and what was under way in an older epoch is
    /// over. Source: `TransactionCoordinator.onElection`.
    pub(crate) fn elected(&mut self, partition: i32, epoch: LeaderEpoch, loaded_at: Time) {
        if self.contexts.get(&partition).is_some_and(|context| context.epoch >= epoch) {
            return;
        }
        self.markers.forget(partition);
        let context = Context { epoch, loaded_at: Some(loaded_at), ids: BTreeMap::new() };
        self.contexts.insert(partition, context);
    }

    /// This broker does not lead the partition any more. Source: `TransactionCoordinator.onResignation`.
    pub(crate) fn resigned(&mut self, partition: i32, epoch: LeaderEpoch) {
        let goes_on = self.config.defects.has(TransactionDefect::DeposedGoesOn);
        if !goes_on && self.contexts.get(&partition).is_some_and(|context| context.epoch < epoch) {
            self.contexts.remove(&partition);
            self.markers.forget(partition);
        }
    }

    /// The first partition whose load is done now.
    pub(crate) fn to_load(&self, now: Time) -> Option<i32> {
        let due = |context: &Context| context.loaded_at.is_some_and(|at| at <= now);
        self.contexts.iter().find(|(_, context)| due(context)).map(|(partition, _)| *partition)
    }

    /// The load of a partition is looked at again later.
    pub(crate) fn postpone(&mut self, partition: i32, until: Time) {
        if let Some(context) = self.contexts.get_mut(&partition) {
            context.loaded_at = Some(until);
        }
    }

    /// Takes in the whole log of a partition; what was decided and is not complete gets its markers again. Source:
    /// `TransactionStateManager.loadTransactionMetadata`, `loadTransactionsForTxnTopicPartition`.
    pub(crate) fn load(&mut self, now: Now, partition: i32, log: &Log) {
        let Some(context) = self.contexts.get_mut(&partition) else { return };
        context.loaded_at = None;
        context.ids = read(log);
        let epoch = context.epoch;
        let states: Vec<(String, TransactionRecord)> =
            context.ids.iter().map(|(id, metadata)| (id.clone(), metadata.now.clone())).collect();
        for (id, record) in states {
            self.state(epoch, &id, &record);
            if let Some(result) = record.decided() {
                self.send_markers(now, partition, &id, result);
            }
        }
    }

    /// The metadata of a transactional id that this broker coordinates, if there is any.
    fn find(
        &mut self,
        partition: i32,
        id: &str,
    ) -> Result<(LeaderEpoch, Option<&mut TransactionMetadata>), ErrorCode> {
        let context = self.contexts.get_mut(&partition).ok_or(ErrorCode::NotCoordinator)?;
        if context.loaded_at.is_some() {
            return Err(ErrorCode::CoordinatorLoadInProgress);
        }
        Ok((context.epoch, context.ids.get_mut(id)))
    }

    /// The same where there must be some.
    fn known(
        &mut self,
        partition: i32,
        id: &str,
    ) -> Result<(LeaderEpoch, &mut TransactionMetadata), ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::InvalidRequest);
        }
        let (epoch, metadata) = self.find(partition, id)?;
        Ok((epoch, metadata.ok_or(ErrorCode::InvalidProducerIdMapping)?))
    }

    /// Says what is committed of a transactional id.
    fn state(&mut self, coordinator_epoch: LeaderEpoch, id: &str, record: &TransactionRecord) {
        self.todo.push_back(Todo::Note(TransactionNote::StateChanged {
            transactional_id: id.to_owned(),
            producer_id: record.producer_id,
            producer_epoch: record.epoch,
            transaction: record.ordinal,
            state: record.state,
            timeout_ms: record.timeout_ms,
            coordinator_epoch,
        }));
        for partition in &record.partitions {
            self.todo.push_back(Todo::Note(TransactionNote::PartitionAdded {
                producer_id: record.producer_id,
                transaction: record.ordinal,
                partition: *partition,
            }));
        }
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        self.todo.is_empty()
    }

    /// The next thing to do.
    pub(crate) fn next(&mut self) -> Option<Todo> {
        self.todo.pop_front()
    }

    /// Aborts transactions that take too long, forgets ids that nobody has used for long. Source:
    /// `TransactionCoordinator.abortTimedOutTransactions`, `TransactionStateManager.removeExpiredTransactionalIds`.
    pub(crate) fn tick(&mut self, now: Now, ids: Ids<'_>) {
        if now.time < self.check_at {
            return;
        }
        self.check_at = now.time + ms(self.config.check_interval_ms);
        let (mut late, mut unused) = (Vec::new(), Vec::new());
        let expiration = self.config.expiration_ms;
        for (partition, context) in &self.contexts {
            for (id, metadata) in &context.ids {
                if metadata.pending.is_some() {
                    continue;
                }
                let record = &metadata.now;
                let age = |since: i64| u64::try_from(now.wall.0.saturating_sub(since)).unwrap_or(0);
                let ongoing = record.state == TransactionState::Ongoing;
                if ongoing && age(record.started.0) > record.timeout_ms {
                    late.push((*partition, id.clone()));
                } else if record.rests() && age(record.updated.0) >= expiration {
                    unused.push((*partition, id.clone()));
                }
            }
        }
        for (partition, id) in late {
            self.fence_and_abort(now, partition, &id, Asker::Nobody, ids);
        }
        for (partition, id) in unused {
            self.expire(partition, &id);
        }
    }

    /// Aborts an ongoing transaction in an epoch that its producer does not have. Source:
    /// `TransactionMetadata.prepareFenceProducerEpoch`.
    fn fence_and_abort(&mut self, now: Now, partition: i32, id: &str, asker: Asker, ids: Ids<'_>) {
        let keeps_epoch = self.config.defects.has(TransactionDefect::TimeoutKeepsEpoch);
        let unfenced = self.config.defects.has(TransactionDefect::InitAbortsUnfenced);
        let keeps_epoch = match asker {
            Asker::Nobody => keeps_epoch,
            Asker::InitProducerId(_) => unfenced,
            Asker::AddPartitions(_) | Asker::AddOffsets(_) | Asker::EndTxn(_) => false,
        };
        let Ok((_, metadata)) = self.known(partition, id) else { return };
        let epoch = if keeps_epoch { metadata.now.epoch } else { metadata.prepare_fence() };
        let producer = (metadata.now.producer_id, epoch);
        let abort = TransactionResult::Abort;
        self.end(now, (partition, id), (producer, abort), (asker, false), ids);
    }

    /// Transactions whose markers are not all written.
    pub(crate) fn completing(&self) -> usize {
        self.markers.count()
    }

    /// When something is due.
    pub(crate) fn deadline(&self) -> Option<Deadline> {
        let load = self.contexts.values().filter_map(|context| context.loaded_at).min();
        let load = load.map(|at| Deadline { at, why: "a transaction log is loaded" });
        let any = self.contexts.values().any(|context| !context.ids.is_empty());
        let check = any.then_some(Deadline { at: self.check_at, why: "transaction timeouts" });
        [load, check, self.markers.deadline()].into_iter().fold(None, Deadline::earlier)
    }
}

/// What a log says of transactional ids. Source: `TransactionStateManager.loadTransactionMetadata`.
fn read(log: &Log) -> BTreeMap<String, TransactionMetadata> {
    let mut ids = BTreeMap::new();
    let records = |batch: &RecordBatch| batch.records().unwrap_or_default();
    for record in log.batches().filter(|batch| !batch.is_control()).flat_map(records) {
        let id = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok());
        let Some(id) = id else { continue };
        match record.value.as_ref().and_then(TransactionRecord::decode) {
            Some(found) => {
                ids.insert(id.to_owned(), TransactionMetadata::new(found));
            }
            None => {
                ids.remove(id);
            }
        }
    }
    ids
}

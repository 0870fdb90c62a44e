//! Verification: before the first record of a transaction is appended to a partition, its coordinator is asked whether
//! the partition is in it; with version 2 of the protocol it is put in. Source: KIP-890, Kafka's
//! `ReplicaManager.handleProduceAppend`, `ReplicaManager.maybeSendPartitionsToTransactionCoordinator`.

use std::collections::BTreeMap;

use bytes::Bytes;

use crate::broker::pending_transactions::{Adder, Verifiable, Verifying};
use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::coordinator::transaction::{AddPartitions, Added};
use crate::defect::TransactionDefect;
use crate::log::VerificationGuard;
use crate::node::Effects;
use crate::proto::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction, ErrorCode,
    ProduceRequest, TopicName, TxnOffsetCommitRequest,
};
use crate::record::{BatchHeader, RecordBatch};
use crate::types::{
    ConnectionId, NodeId, Now, ProducerEpoch, ProducerId, Sequence, TopicPartition,
};

/// What verification said of the partitions that needed it.
pub(in crate::broker) type Verified =
    BTreeMap<TopicPartition, Result<VerificationGuard, ErrorCode>>;

/// The partitions of a produce that need verification, and of whom they are.
#[derive(Debug, Default)]
struct Begun {
    guards: BTreeMap<TopicPartition, VerificationGuard>,
    producer: Option<(ProducerId, ProducerEpoch)>,
    topics: Vec<AddPartitionsToTxnTopic>,
}

impl Broker {
    /// Begins to verify what a produce needs; gives the request back if there is nothing to verify.
    pub(super) fn begin_verification(
        &mut self,
        now: Now,
        caller: Caller,
        request: Box<ProduceRequest>,
        effects: &mut Effects,
    ) -> Option<Box<ProduceRequest>> {
        if self.is_unverified() {
            return Some(request);
        }
        let id = request.transactional_id.as_ref().map(|id| id.as_str().to_owned());
        let Some(id) = id.filter(|id| !id.is_empty()) else { return Some(request) };
        let begun = self.start_verifications(now, &request);
        let Some(producer) = begun.producer.filter(|_| !begun.guards.is_empty()) else {
            return Some(request);
        };
        let connection = caller.connection;
        let partitions: Vec<TopicPartition> = begun.guards.keys().copied().collect();
        let request = Verifiable::Produce(request);
        let verifying = Verifying { caller, request, guards: begun.guards };
        self.transactions.verifying.insert(connection, verifying);
        self.ask_coordinator(now, connection, (id, producer), (partitions, begun.topics), effects);
        None
    }

    /// Whether the known bug T01 is on: nobody is asked. With version 2 the question puts partitions in, and is asked.
    pub(in crate::broker) fn is_unverified(&self) -> bool {
        let config = &self.context.config;
        let bug = TransactionDefect::ProduceUnverified;
        config.transaction_version < 2 && config.defects.has(bug)
    }

    fn start_verifications(&mut self, now: Now, request: &ProduceRequest) -> Begun {
        let bumps_epoch = self.context.config.transaction_version >= 2;
        let mut begun = Begun::default();
        for topic in &request.topic_data {
            let mut indexes = Vec::new();
            for data in &topic.partition_data {
                let header = data.records.as_ref().and_then(header_of);
                let Some(header) = header.filter(BatchHeader::is_transactional) else { continue };
                let Ok(id) = self.resolve(&topic.name, data.index) else { continue };
                let Some(partition) = self.partitions.get_mut(&id) else { continue };
                if !partition.is_leader() {
                    continue;
                }
                let started =
                    partition.log_mut().start_verification(&header, bumps_epoch, now.wall);
                if let Ok(Some(guard)) = started {
                    begun.guards.insert(id, guard);
                    begun.producer = Some((header.producer_id, header.producer_epoch));
                    indexes.push(data.index);
                }
            }
            if !indexes.is_empty() {
                let topic = AddPartitionsToTxnTopic::default().with_name(topic.name.clone());
                begun.topics.push(topic.with_partitions(indexes));
            }
        }
        begun
    }

    fn ask_coordinator(
        &mut self,
        now: Now,
        connection: ConnectionId,
        (transactional_id, producer): (String, (ProducerId, ProducerEpoch)),
        (partitions, topics): (Vec<TopicPartition>, Vec<AddPartitionsToTxnTopic>),
        effects: &mut Effects,
    ) {
        let verify_only = self.context.config.transaction_version < 2;
        let Some(coordinator) = self.transaction_coordinator(&transactional_id) else {
            let error = Err(ErrorCode::CoordinatorNotAvailable);
            return self.verified(now, connection, &error, effects);
        };
        if coordinator == self.context.node {
            let wanted = AddPartitions {
                from: self.context.node,
                transactional_id,
                producer,
                verify_only,
                partitions,
            };
            let asker = self.new_adder(Adder::Own(connection));
            self.add_to_transaction(now, &wanted, asker);
            return self.run_transactions(now, effects);
        }
        let id = crate::config::topic_name(&transactional_id);
        let transaction = AddPartitionsToTxnTransaction::default()
            .with_transactional_id(id.into())
            .with_producer_id(producer.0.0.into())
            .with_producer_epoch(producer.1.0)
            .with_verify_only(verify_only)
            .with_topics(topics);
        let request = AddPartitionsToTxnRequest::default().with_transactions(vec![transaction]);
        self.ask_for_partitions(now, (coordinator, connection), request, effects);
    }

    /// Who coordinates a transactional id, as far as this broker knows.
    fn transaction_coordinator(&self, transactional_id: &str) -> Option<NodeId> {
        let topic = self.internal_topics.id_of(CoordinatorKind::Transaction)?;
        let partition = self.partition_of_key(CoordinatorKind::Transaction, transactional_id);
        let image = self.metadata.image();
        image.partitions.get(&TopicPartition { topic, partition })?.leader
    }

    /// The coordinator answered, or cannot be reached: the produce goes on with what it said.
    pub(in crate::broker) fn verified(
        &mut self,
        now: Now,
        connection: ConnectionId,
        result: &Added,
        effects: &mut Effects,
    ) {
        let Some(verifying) = self.transactions.verifying.remove(&connection) else { return };
        let bumps_epoch = self.context.config.transaction_version >= 2;
        let Verifying { caller, request, guards } = verifying;
        let of = |(partition, guard)| match result {
            Err(error) => (partition, Err(told_by_verification(*error))),
            Ok(missing) if missing.contains(&partition) => {
                (partition, Err(ErrorCode::TransactionAbortable))
            }
            Ok(_) => (partition, Ok(guard)),
        };
        let mut verified: Verified = guards.into_iter().map(of).collect();
        match request {
            Verifiable::Produce(request) => {
                for result in verified.values_mut() {
                    *result = result.map_err(|error| client_error(error, bumps_epoch));
                }
                self.append_all(now, caller, &request, &verified, effects);
            }
            Verifiable::Offsets(request) => {
                let verified = verified.into_values().next().transpose();
                self.commit_verified(now, caller, &request, verified, effects);
            }
        }
    }

    /// Begins to verify the transaction that is to commit offsets: false if there is nothing to verify. The batch will
    /// have no sequence. Source: `CoordinatorPartitionWriter.maybeStartTransactionVerification`.
    pub(super) fn verify_offsets(
        &mut self,
        now: Now,
        caller: Caller,
        (id, request): (TopicPartition, &TxnOffsetCommitRequest),
        effects: &mut Effects,
    ) -> Result<bool, ErrorCode> {
        let bumps_epoch = self.context.config.transaction_version >= 2;
        let producer = (ProducerId(request.producer_id.0), ProducerEpoch(request.producer_epoch));
        let Some(partition) = self.partitions.get_mut(&id) else {
            return Err(self.not_hosted(id));
        };
        if !partition.is_leader() {
            return Err(ErrorCode::NotLeaderOrFollower);
        }
        let from = (producer, Sequence::NONE);
        let Some(guard) = partition.log_mut().start_verification_of(from, bumps_epoch, now.wall)?
        else {
            return Ok(false);
        };
        let connection = caller.connection;
        let guards = BTreeMap::from([(id, guard)]);
        let offsets = Verifiable::Offsets(Box::new(request.clone()));
        let verifying = Verifying { caller, request: offsets, guards };
        self.transactions.verifying.insert(connection, verifying);
        let name = TopicName(crate::config::topic_name(CoordinatorKind::Group.topic()));
        let topic = AddPartitionsToTxnTopic::default().with_name(name);
        let topics = vec![topic.with_partitions(vec![id.partition])];
        let who = (request.transactional_id.as_str().to_owned(), producer);
        self.ask_coordinator(now, connection, who, (vec![id], topics), effects);
        Ok(true)
    }
}

/// The header of the batch that a partition's data begins with.
fn header_of(records: &Bytes) -> Option<BatchHeader> {
    let batch = RecordBatch::split_front(&mut records.clone()).ok()?;
    Some(*batch.header())
}

/// What a leader makes of a coordinator's answer: producers expect this error of a fence. Source:
/// `AddPartitionsToTxnManager.AddPartitionsToTxnHandler.onComplete`.
fn told_by_verification(error: ErrorCode) -> ErrorCode {
    if error == ErrorCode::ProducerFenced { ErrorCode::InvalidProducerEpoch } else { error }
}

/// As what a producer is told that its transaction could not be verified: what may pass is an error that it retries.
fn client_error(error: ErrorCode, bumps_epoch: bool) -> ErrorCode {
    let passes = matches!(
        error,
        ErrorCode::NetworkException
            | ErrorCode::CoordinatorLoadInProgress
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::NotCoordinator
    );
    let waits = error == ErrorCode::ConcurrentTransactions && !bumps_epoch;
    if passes || waits { ErrorCode::NotEnoughReplicas } else { error }
}

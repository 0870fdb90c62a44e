//! Offsets that are committed within a transaction: they count once its commit marker is in the group's partition.
//! Source: KIP-98, KIP-447, `GroupCoordinatorService.commitTransactionalOffsets`,
//! `OffsetMetadataManager.commitTransactionalOffset`.
//!
//! The obligation: a member that is none any more commits nothing, although its producer is not fenced. Before KIP-447
//! each input partition had a producer of its own, whose fence did that; since, the group's generation does. Without it
//! a record is processed in two transactions, and both are committed.

use super::coordinator::{GroupCoordinator, Todo, TransactionalWriter};
use super::records::{CommittedOffset, Place, offset_record};
use super::waiter::{Waiter, client_error};
use crate::caller::Caller;
use crate::defect::GroupDefect;
use crate::log::VerificationGuard;
use crate::message::{ClientResponse, ResponseBody};
use crate::note::GroupNote;
use crate::proto::{
    ErrorCode, TopicName, TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition,
    TxnOffsetCommitResponse, TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use crate::types::{Now, ProducerEpoch, ProducerId};

impl GroupCoordinator {
    /// Commits offsets within a transaction that is verified, or was refused. `known` says which partitions there are.
    /// Source: `KafkaApis.handleTxnOffsetCommitRequest`, `OffsetMetadataManager.commitTransactionalOffset`.
    pub(crate) fn commit_in_transaction(
        &mut self,
        now: Now,
        caller: Caller,
        (partition, request): (i32, &TxnOffsetCommitRequest),
        verified: Result<Option<VerificationGuard>, ErrorCode>,
        known: impl Fn(&TopicName, i32) -> bool,
    ) {
        let checked =
            verified.and_then(|guard| self.check_member(partition, request).map(|()| guard));
        let refused = checked.err().map_or(0, |error| client_error(error).code());
        let limit = self.config.offset_metadata_bytes_max as usize;
        let judge = |topic: &TopicName, asked: &TxnOffsetCommitRequestPartition| {
            let size = asked.committed_metadata.as_ref().map_or(0, |text| text.len());
            if !known(topic, asked.partition_index) {
                ErrorCode::UnknownTopicOrPartition.code()
            } else if refused == 0 && size > limit {
                ErrorCode::OffsetMetadataTooLarge.code()
            } else {
                refused
            }
        };
        match checked {
            Ok(_) => self.note_taken(request),
            Err(error) => self.note_stale(request, error),
        }
        let loses_epoch = self.defects.has(GroupDefect::TxnOffsetsLoseEpoch);
        let mut records = Vec::new();
        for topic in &request.topics {
            for asked in topic.partitions.iter().filter(|asked| judge(&topic.name, asked) == 0) {
                let place: Place = (topic.name.0.to_string(), asked.partition_index);
                let epoch = if loses_epoch { -1 } else { asked.committed_leader_epoch };
                let position = (asked.committed_offset, epoch);
                let metadata = asked.committed_metadata.as_ref();
                let committed = CommittedOffset::new(now, position, metadata);
                records.push(offset_record(request.group_id.as_str(), &place, &committed));
            }
        }
        let body = txn_commit_response(request, judge);
        if records.is_empty() {
            return self.todo.push_back(Todo::Reply(caller, body));
        }
        let name = request.group_id.as_str();
        if self.group(partition, name).is_none() && !self.is_consumer_group(partition, name) {
            let group = self.take_group(now, partition, request.group_id.as_str());
            self.put_group(partition, group);
        }
        let waiter = Waiter::Answer { caller, body: Box::new(body), rests_on: None };
        let guard = checked.ok().flatten();
        let writer = TransactionalWriter {
            producer_id: ProducerId(request.producer_id.0),
            producer_epoch: ProducerEpoch(request.producer_epoch),
            guard,
        };
        self.todo.push_back(Todo::WriteInTransaction(partition, records, writer, waiter));
    }

    fn note_taken(&mut self, request: &TxnOffsetCommitRequest) {
        let places = request.topics.iter().flat_map(|topic| {
            topic.partitions.iter().map(|asked| (topic.name.0.clone(), asked.partition_index))
        });
        let places: Vec<_> = places.collect();
        let group = request.group_id.0.to_string();
        let producer = (ProducerId(request.producer_id.0), ProducerEpoch(request.producer_epoch));
        self.todo.push_back(Todo::Pending { group, producer, places: places.clone() });
        let by = (&*request.group_id.0, &*request.member_id);
        self.accepted(by, request.generation_id, places);
    }

    /// Who may commit within a transaction. One that names neither member nor generation is taken at its word, as
    /// before KIP-447. Source: `OffsetMetadataManager.validateTransactionalOffsetCommit`.
    fn check_member(
        &mut self,
        partition: i32,
        request: &TxnOffsetCommitRequest,
    ) -> Result<(), ErrorCode> {
        if request.group_id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let ignores = self.defects.has(GroupDefect::TxnCommitIgnoresGeneration);
        let context = self.runtime.active(partition)?;
        if ignores {
            return Ok(());
        }
        let generation = request.generation_id;
        if let Some(group) = context.written().consumer_group(request.group_id.as_str()) {
            let member = (request.member_id.as_str(), request.group_instance_id.as_deref());
            let stale = |error| {
                let is_stale = error == ErrorCode::StaleMemberEpoch;
                if is_stale { ErrorCode::IllegalGeneration } else { error }
            };
            return group.validate_commit(member, generation, true).map_err(stale);
        }
        match self.group(partition, request.group_id.as_str()) {
            Some(group) => {
                let instance = request.group_instance_id.as_deref();
                group.validate_commit((&request.member_id, instance), generation, true)
            }
            None if generation < 0 => Ok(()),
            None => Err(ErrorCode::IllegalGeneration),
        }
    }

    fn note_stale(&mut self, request: &TxnOffsetCommitRequest, error: ErrorCode) {
        let fenced = matches!(
            error,
            ErrorCode::IllegalGeneration | ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId
        );
        if fenced {
            let group = request.group_id.0.to_string();
            let generation = request.generation_id;
            self.todo.push_back(Todo::Note(GroupNote::CommitFenced { group, generation }));
        }
    }
}

/// The answer to a commit within a transaction, with an error for each partition.
fn txn_commit_response(
    request: &TxnOffsetCommitRequest,
    error_of: impl Fn(&TopicName, &TxnOffsetCommitRequestPartition) -> i16,
) -> ResponseBody {
    let topics = request.topics.iter().map(|topic| {
        let answers = topic.partitions.iter().map(|asked| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(error_of(&topic.name, asked))
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(answers.collect())
    });
    let response = TxnOffsetCommitResponse::default().with_topics(topics.collect());
    ResponseBody::Client(ClientResponse::TxnOffsetCommit(Box::new(response)))
}

//! Offsets that a transaction commits for a consumer's group. Source: KIP-98, KIP-447, Kafka's
//! `TransactionManager.sendOffsetsToTransaction`, `AddOffsetsToTxnHandler`, `TxnOffsetCommitHandler`.
//!
//! With version 1 of the protocol the transaction's coordinator is told of the group first; with version 2 the group's
//! coordinator tells it. A member that is none any more must abort: others have its partitions.

use crate::client::generation::GroupMetadata;
use crate::config::topic_name;
use crate::consumer_protocol::Place;
use crate::message::{ClientRequest, ClientResponse};
use crate::proto::{
    AddOffsetsToTxnRequest, ErrorCode, FindCoordinatorRequest, GroupId, StrBytes, TopicName,
    TxnOffsetCommitRequest, TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
use crate::types::{LeaderEpoch, NodeId, Offset};

use super::batch::ProducerIdentity;
use super::purpose::OffsetsRequest;

/// Offsets on their way to the group's coordinator.
#[derive(Debug, Clone)]
pub(super) struct OffsetsToCommit {
    /// As whom they are committed.
    pub(super) group: GroupMetadata,
    /// The next offset to read of each partition, and the epoch of the record before it.
    pub(super) offsets: Vec<(Place, Offset, LeaderEpoch)>,
    /// Whether the transaction's coordinator knows, or need not be told.
    pub(super) added: bool,
    /// Who coordinates the group.
    pub(super) coordinator: Option<NodeId>,
}

/// What an answer means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answered {
    /// The next question may be asked.
    Step,
    /// The offsets will be committed with the transaction.
    Done,
    /// The same may be asked again later.
    Again,
    /// It is refused.
    Failed(ErrorCode),
}

impl OffsetsToCommit {
    /// The next question.
    pub(super) fn next(&self) -> OffsetsRequest {
        if self.added { OffsetsRequest::Commit } else { OffsetsRequest::Add }
    }

    /// What is asked.
    pub(super) fn body(
        &self,
        what: OffsetsRequest,
        transactional_id: &StrBytes,
        current: ProducerIdentity,
    ) -> ClientRequest {
        match what {
            OffsetsRequest::FindCoordinator => {
                let request = FindCoordinatorRequest::default()
                    .with_key_type(0)
                    .with_coordinator_keys(vec![topic_name(&self.group.group)]);
                ClientRequest::FindCoordinator(Box::new(request))
            }
            OffsetsRequest::Add => {
                let request = AddOffsetsToTxnRequest::default()
                    .with_transactional_id(transactional_id.clone().into())
                    .with_producer_id(current.id.0.into())
                    .with_producer_epoch(current.epoch.0)
                    .with_group_id(GroupId(topic_name(&self.group.group)));
                ClientRequest::AddOffsetsToTxn(Box::new(request))
            }
            OffsetsRequest::Commit => {
                let request = self.commit(transactional_id, current);
                ClientRequest::TxnOffsetCommit(Box::new(request))
            }
        }
    }

    fn commit(
        &self,
        transactional_id: &StrBytes,
        current: ProducerIdentity,
    ) -> TxnOffsetCommitRequest {
        let topics = self.offsets.chunk_by(|a, b| a.0.0 == b.0.0).map(|parts| {
            let partitions = parts.iter().map(|((_, index), offset, epoch)| {
                TxnOffsetCommitRequestPartition::default()
                    .with_partition_index(*index)
                    .with_committed_offset(offset.0)
                    .with_committed_leader_epoch(epoch.0)
                    .with_committed_metadata(Some(topic_name("")))
            });
            TxnOffsetCommitRequestTopic::default()
                .with_name(TopicName(parts[0].0.0.clone()))
                .with_partitions(partitions.collect())
        });
        let GroupMetadata { group, generation, instance } = &self.group;
        TxnOffsetCommitRequest::default()
            .with_transactional_id(transactional_id.clone().into())
            .with_group_id(GroupId(topic_name(group)))
            .with_producer_id(current.id.0.into())
            .with_producer_epoch(current.epoch.0)
            .with_generation_id(generation.id)
            .with_member_id(topic_name(&generation.member))
            .with_group_instance_id(instance.as_deref().map(topic_name))
            .with_topics(topics.collect())
    }

    /// Takes an answer. `stays` is [`TransactionDefect::OffsetsStayWithDeposed`](crate::defect::TransactionDefect).
    pub(super) fn on_response(
        &mut self,
        what: OffsetsRequest,
        body: &ClientResponse,
        stays: bool,
    ) -> Answered {
        match (what, body) {
            (OffsetsRequest::FindCoordinator, ClientResponse::FindCoordinator(response)) => {
                let found = response.coordinators.first();
                let found = found.filter(|it| it.error_code == 0 && it.node_id.0 >= 0);
                self.coordinator = found.map(|it| NodeId(it.node_id.0));
                if self.coordinator.is_some() { Answered::Step } else { Answered::Again }
            }
            (OffsetsRequest::Add, ClientResponse::AddOffsetsToTxn(_)) => {
                let error = refusals(body).first().copied();
                self.added = error.is_none();
                error.map_or(Answered::Step, Answered::Failed)
            }
            (OffsetsRequest::Commit, ClientResponse::TxnOffsetCommit(_)) => {
                self.on_commit_answered(&refusals(body), stays)
            }
            _ => Answered::Again,
        }
    }

    /// One that is refused for good counts before those that may pass. What passed is asked for again with the rest:
    /// it is the same offset.
    fn on_commit_answered(&mut self, errors: &[ErrorCode], stays: bool) -> Answered {
        if errors.is_empty() {
            return Answered::Done;
        }
        let moved = [
            ErrorCode::CoordinatorNotAvailable,
            ErrorCode::NotCoordinator,
            ErrorCode::RequestTimedOut,
        ];
        let stays = |error: &ErrorCode| stays && *error == ErrorCode::NotCoordinator;
        if errors.iter().any(|error| moved.contains(error) && !stays(error)) {
            self.coordinator = None;
        }
        let passes = |error: &&ErrorCode| error.is_retriable() || may_pass(**error);
        match errors.iter().find(|error| !passes(error)) {
            Some(error) => Answered::Failed(*error),
            None => Answered::Again,
        }
    }
}

/// The errors in an answer about offsets.
pub(super) fn refusals(body: &ClientResponse) -> Vec<ErrorCode> {
    if let ClientResponse::AddOffsetsToTxn(response) = body {
        ErrorCode::try_from_code(response.error_code).into_iter().collect()
    } else if let ClientResponse::TxnOffsetCommit(response) = body {
        let partitions = response.topics.iter().flat_map(|topic| &topic.partitions);
        partitions.filter_map(|it| ErrorCode::try_from_code(it.error_code)).collect()
    } else {
        Vec::new()
    }
}

fn may_pass(error: ErrorCode) -> bool {
    error == ErrorCode::ConcurrentTransactions || error == ErrorCode::UnknownTopicOrPartition
}

/// Whether somebody else has what the member had: the transaction must be aborted. Source: `TxnOffsetCommitHandler`.
pub(super) fn is_stale_member(error: ErrorCode) -> bool {
    matches!(
        error,
        ErrorCode::UnknownMemberId | ErrorCode::IllegalGeneration | ErrorCode::FencedInstanceId
    )
}

//! Tasks of more than one request: what is asked next, and what an answer means for it. Source: Kafka's
//! `DeleteConsumerGroupsHandler`, `AlterConsumerGroupOffsetsHandler`, `CoordinatorStrategy`, `AdminApiDriver`.
//!
//! One request of a task is under way at a time. What may pass is tried again until `default.api.timeout.ms`.

use super::hanging::Search;
use super::meaning::{Meaning, Whom};
use crate::admin_task::AdminTask;
use crate::client::coordinator::GROUP;
use crate::config::topic_name;
use crate::group_admin_message::{GroupAdminRequest, GroupAdminResponse};
use crate::message::{ClientRequest, ClientResponse};
use crate::node::Outcome;
use crate::proto::{
    DeleteGroupsRequest, ErrorCode, FindCoordinatorRequest, GroupId, OffsetCommitRequest,
    OffsetCommitRequestPartition, OffsetCommitRequestTopic, TopicName,
};
use crate::types::{NodeId, OperationId, Time, WallTime};

/// A task that is not over.
#[derive(Debug)]
pub(super) struct Task {
    pub(super) operation: OperationId,
    pub(super) gives_up_at: Time,
    /// No request before.
    pub(super) not_before: Time,
    pub(super) asked: bool,
    /// Something was asked for that may be done by now.
    pub(super) maybe_done: bool,
    pub(super) last_error: ErrorCode,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    /// Something of a group's coordinator, once that is known.
    Group {
        task: AdminTask,
        coordinator: Option<NodeId>,
    },
    Hanging(Search),
}

impl Task {
    pub(super) fn new(
        operation: OperationId,
        task: AdminTask,
        brokers: &[NodeId],
        (now, gives_up_at): (Time, Time),
    ) -> Self {
        let stage = match task {
            AdminTask::AbortHanging { topics, idle_ms } => {
                Stage::Hanging(Search::new(topics, idle_ms, brokers))
            }
            task @ (AdminTask::DeleteGroup { .. } | AdminTask::ResetOffsets { .. }) => {
                Stage::Group { task, coordinator: None }
            }
        };
        let last_error = ErrorCode::RequestTimedOut;
        let (asked, maybe_done) = (false, false);
        Self { operation, gives_up_at, not_before: now, asked, maybe_done, last_error, stage }
    }

    /// What is asked next, and of whom.
    pub(super) fn request(&self) -> (Whom, ClientRequest) {
        match &self.stage {
            Stage::Hanging(search) => search.request(),
            Stage::Group { task, coordinator: None } => {
                let request = FindCoordinatorRequest::default()
                    .with_key_type(GROUP)
                    .with_coordinator_keys(vec![topic_name(group_of(task))]);
                (Whom::Anybody, ClientRequest::FindCoordinator(Box::new(request)))
            }
            Stage::Group { task, coordinator: Some(node) } => (Whom::Broker(*node), change(task)),
        }
    }

    /// Whether the request under way changes anything.
    pub(super) fn changes(&self) -> bool {
        match &self.stage {
            Stage::Hanging(search) => search.changes(),
            Stage::Group { coordinator, .. } => coordinator.is_some(),
        }
    }

    /// Takes an answer.
    pub(super) fn take(&mut self, wall: WallTime, response: &ClientResponse) -> Meaning {
        match &mut self.stage {
            Stage::Hanging(search) => search.take(wall, response),
            Stage::Group { coordinator: coordinator @ None, .. } => {
                if let ClientResponse::FindCoordinator(response) = response
                    && let Some(found) = response.coordinators.first()
                    && found.error_code == 0
                {
                    *coordinator = Some(NodeId(found.node_id.0));
                    return Meaning::GoOn;
                }
                Meaning::Again(ErrorCode::CoordinatorNotAvailable)
            }
            Stage::Group { coordinator, .. } => match error_of(response) {
                None => Meaning::Done(Outcome::Administered { listed: 1 }),
                Some(error @ (ErrorCode::NotCoordinator | ErrorCode::CoordinatorNotAvailable)) => {
                    *coordinator = None;
                    Meaning::Again(error)
                }
                Some(
                    error @ (ErrorCode::CoordinatorLoadInProgress | ErrorCode::RebalanceInProgress),
                ) => Meaning::Again(error),
                Some(error) => Meaning::Done(self.refused(error)),
            },
        }
    }

    /// An attempt had no answer.
    pub(super) fn lost(&mut self) {
        self.maybe_done |= self.changes();
        match &mut self.stage {
            Stage::Hanging(search) => search.start_again(),
            Stage::Group { coordinator, .. } => *coordinator = None,
        }
    }

    /// How it ends with an error: who was asked before may have done it.
    pub(super) fn refused(&self, error: ErrorCode) -> Outcome {
        let partition = -1;
        if self.maybe_done || self.asked && self.changes() && is_unknown(error) {
            Outcome::Unknown { error, partition }
        } else {
            Outcome::Failed { error, partition }
        }
    }
}

/// Whether what was asked for may be done although this was answered, or nothing.
fn is_unknown(error: ErrorCode) -> bool {
    matches!(error, ErrorCode::RequestTimedOut | ErrorCode::NetworkException)
}

fn group_of(task: &AdminTask) -> &str {
    match task {
        AdminTask::DeleteGroup { group } | AdminTask::ResetOffsets { group, .. } => group,
        AdminTask::AbortHanging { .. } => "",
    }
}

/// What the coordinator is asked for.
fn change(task: &AdminTask) -> ClientRequest {
    match task {
        AdminTask::ResetOffsets { group, offsets } => {
            let topics = offsets.iter().map(|((topic, index), offset)| {
                let partition = OffsetCommitRequestPartition::default()
                    .with_partition_index(*index)
                    .with_committed_offset(offset.0)
                    .with_committed_leader_epoch(-1)
                    .with_committed_metadata(Some(topic_name("")));
                OffsetCommitRequestTopic::default()
                    .with_name(TopicName(topic.clone()))
                    .with_partitions(vec![partition])
            });
            // One who is no member: a coordinator takes that only while the group has none.
            let request = OffsetCommitRequest::default()
                .with_group_id(GroupId(topic_name(group)))
                .with_generation_id_or_member_epoch(-1)
                .with_topics(topics.collect());
            ClientRequest::OffsetCommit(Box::new(request))
        }
        AdminTask::DeleteGroup { .. } | AdminTask::AbortHanging { .. } => {
            let names = vec![GroupId(topic_name(group_of(task)))];
            let request = DeleteGroupsRequest::default().with_groups_names(names);
            ClientRequest::GroupAdmin(Box::new(GroupAdminRequest::DeleteGroups(request)))
        }
    }
}

/// The first error in an answer of a group's coordinator.
fn error_of(response: &ClientResponse) -> Option<ErrorCode> {
    if let ClientResponse::GroupAdmin(response) = response
        && matches!(**response, GroupAdminResponse::DeleteGroups(_))
    {
        return response.error();
    }
    if let ClientResponse::OffsetCommit(response) = response {
        let parts = response.topics.iter().flat_map(|topic| &topic.partitions);
        return parts.map(|it| it.error_code).find_map(ErrorCode::try_from_code);
    }
    Some(ErrorCode::UnknownServerError)
}

//! What happens once a record of a group is committed, or is not.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::classic::answers;
use super::classic::member::Member;
use super::conversion::Conversion;
use super::modern::answers as modern;
use crate::caller::Caller;
use crate::group_admin_message::GroupAdminResponse;
use crate::message::{ClientResponse, ResponseBody};
use crate::proto::{ErrorCode, OffsetDeleteResponse};
use crate::types::Offset;

/// What each member is given.
pub(crate) type Assignments = BTreeMap<String, Bytes>;

/// Who waits for a record.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// A client, for this answer.
    Answer {
        /// Who.
        caller: Caller,
        /// What it is told if the record is committed.
        body: Box<ResponseBody>,
        /// Partition and log end behind the record that it waits for, if it wrote one.
        rests_on: Option<(i32, Offset)>,
    },
    /// The members of a generation, for what its leader gives them.
    Assignments { partition: i32, group: String, generation: i32, assignments: Box<Assignments> },
    /// A static member that is back under another id.
    StaticRejoin { partition: i32, group: String, rejoin: Box<StaticRejoin> },
    /// One who deletes groups: which deletion, and the places of its groups that this is about.
    Deletion { number: u64, places: Vec<usize> },
    /// One who deletes offsets of a group, and waits like this.
    OffsetsDeleted { group: String, then: Box<Waiter> },
    /// Nobody.
    Nobody,
    /// A group that is another one once this is written, and who waits then.
    Converting { partition: i32, group: String, conversion: Conversion, then: Box<Waiter> },
}

impl Waiter {
    /// The same, with a group that changes.
    pub(super) fn converting(
        self,
        (partition, group): (i32, &str),
        conversion: Option<Conversion>,
    ) -> Self {
        let Some(conversion) = conversion else { return self };
        let group = group.to_owned();
        Self::Converting { partition, group, conversion, then: Box::new(self) }
    }
}

/// A static member that is back under another id.
#[derive(Debug)]
pub(crate) struct StaticRejoin {
    /// The new id.
    pub(super) member: String,
    /// The one before.
    pub(super) before: String,
    /// The member under its old id, should the new one not be stored.
    pub(super) old: Member,
}

/// What a client is told of an error of the log. Source: Kafka's `CoordinatorOperationExceptionHelper`,
/// `GroupMetadataManager.appendGroupMetadataErrorToResponseError`.
pub(super) fn client_error(error: ErrorCode) -> ErrorCode {
    let moved = [ErrorCode::NotLeaderOrFollower, ErrorCode::KafkaStorageError];
    let late = [
        ErrorCode::UnknownTopicOrPartition,
        ErrorCode::NotEnoughReplicas,
        ErrorCode::RequestTimedOut,
    ];
    if error == ErrorCode::NetworkException {
        // A verification that had no answer: older clients do not know that this may pass.
        ErrorCode::CoordinatorLoadInProgress
    } else if moved.contains(&error) {
        ErrorCode::NotCoordinator
    } else if late.contains(&error) {
        ErrorCode::CoordinatorNotAvailable
    } else {
        error
    }
}

/// Makes an answer one that tells an error.
pub(super) fn refuse(body: &mut ResponseBody, error: ErrorCode) {
    if let ResponseBody::Client(ClientResponse::OffsetCommit(response)) = body {
        for answer in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            if answer.error_code == 0 {
                answer.error_code = error.code();
            }
        }
    } else if let ResponseBody::Client(ClientResponse::TxnOffsetCommit(response)) = body {
        for answer in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
            if answer.error_code == 0 {
                answer.error_code = error.code();
            }
        }
    } else if let ResponseBody::Client(ClientResponse::OffsetFetch(response)) = body {
        for group in &mut response.groups {
            group.topics.clear();
            group.error_code = error.code();
        }
    } else if let ResponseBody::Client(ClientResponse::JoinGroup(response)) = body {
        *body = answers::join_refused(&response.member_id.clone(), error);
    } else if matches!(body, ResponseBody::Client(ClientResponse::SyncGroup(_))) {
        *body = answers::sync_refused(error);
    } else if matches!(body, ResponseBody::Client(ClientResponse::Heartbeat(_))) {
        *body = answers::heartbeat(Some(error));
    } else if matches!(body, ResponseBody::Client(ClientResponse::LeaveGroup(_))) {
        *body = answers::leave_refused(error);
    } else if matches!(body, ResponseBody::Client(ClientResponse::ConsumerGroupHeartbeat(_))) {
        *body = modern::refused(error);
    } else if let ResponseBody::Client(ClientResponse::GroupAdmin(response)) = body
        && let GroupAdminResponse::OffsetDelete(response) = &mut **response
    {
        *response = OffsetDeleteResponse::default().with_error_code(error.code());
    } else {
        panic!("nobody waits with {body:?}");
    }
}

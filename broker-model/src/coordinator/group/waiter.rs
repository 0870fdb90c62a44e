//! What happens once a record of a group is committed, or is not.

use crate::caller::Caller;
use crate::message::ResponseBody;
use crate::proto::ErrorCode;

/// Who waits for a record.
#[derive(Debug)]
pub(crate) enum Waiter {
    /// A client, for this answer.
    Answer {
        /// Who.
        caller: Caller,
        /// What it is told if the record is committed.
        body: Box<ResponseBody>,
    },
    /// Nobody.
    Nobody,
}

/// What a client is told of an error of the log. Source: Kafka's `CoordinatorOperationExceptionHelper`.
pub(super) fn told(error: ErrorCode) -> ErrorCode {
    match error {
        ErrorCode::UnknownTopicOrPartition
        | ErrorCode::NotEnoughReplicas
        | ErrorCode::RequestTimedOut => ErrorCode::CoordinatorNotAvailable,
        ErrorCode::NotLeaderOrFollower | ErrorCode::KafkaStorageError => ErrorCode::NotCoordinator,
        other => other,
    }
}

//! Answers of the consumer protocol in Kafka's structs.

use crate::message::ResponseBody;
use crate::proto::{ConsumerGroupHeartbeatResponse, ErrorCode};

/// A heartbeat that is refused.
pub(in crate::coordinator::group) fn refused(error: ErrorCode) -> ResponseBody {
    let response = ConsumerGroupHeartbeatResponse::default().with_error_code(error.code());
    ResponseBody::ConsumerGroupHeartbeat(Box::new(response))
}

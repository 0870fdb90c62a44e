//! Answers of the consumer protocol in Kafka's structs.

use crate::message::{ClientResponse, ResponseBody};
use crate::proto::{ConsumerGroupHeartbeatResponse, ErrorCode};

/// A heartbeat that is refused.
pub(in crate::coordinator::group) fn refused(error: ErrorCode) -> ResponseBody {
    let response = ConsumerGroupHeartbeatResponse::default().with_error_code(error.code());
    ResponseBody::Client(ClientResponse::ConsumerGroupHeartbeat(Box::new(response)))
}

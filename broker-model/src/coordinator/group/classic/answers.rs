//! Answers of the classic protocol in Kafka's structs.

use bytes::Bytes;

use super::group::ClassicGroup;
use crate::config::topic_name;
use crate::message::{ClientResponse, ResponseBody};
use crate::proto::{
    ErrorCode, HeartbeatResponse, JoinGroupResponse, JoinGroupResponseMember, LeaveGroupResponse,
    StrBytes, SyncGroupResponse,
};

/// A join that is refused.
pub(crate) fn join_refused(member: &str, error: ErrorCode) -> ResponseBody {
    let response = JoinGroupResponse::default()
        .with_member_id(topic_name(member))
        .with_generation_id(-1)
        .with_error_code(error.code());
    ResponseBody::Client(ClientResponse::JoinGroup(Box::new(response)))
}

/// A join that has succeeded. `members` are told to the leader only.
pub(super) fn joined(group: &ClassicGroup, member: &str, skip_assignment: bool) -> ResponseBody {
    let leads = group.is_leader(member);
    let response = JoinGroupResponse::default()
        .with_member_id(topic_name(member))
        .with_generation_id(group.generation)
        .with_protocol_type(optional(group.protocol_type.as_deref()))
        .with_protocol_name(optional(group.protocol.as_deref()))
        .with_leader(topic_name(group.leader.as_deref().unwrap_or("")))
        .with_skip_assignment(skip_assignment)
        .with_members(if leads { members(group) } else { Vec::new() });
    ResponseBody::Client(ClientResponse::JoinGroup(Box::new(response)))
}

fn members(group: &ClassicGroup) -> Vec<JoinGroupResponseMember> {
    let protocol = group.protocol.as_deref();
    let members = group.members.iter().map(|(id, member)| {
        JoinGroupResponseMember::default()
            .with_member_id(topic_name(id))
            .with_group_instance_id(optional(member.instance.as_deref()))
            .with_metadata(member.metadata(protocol))
    });
    members.collect()
}

/// An assignment, or why there is none.
pub(super) fn synced(group: &ClassicGroup, assignment: Result<Bytes, ErrorCode>) -> ResponseBody {
    let response = match assignment {
        Ok(assignment) => SyncGroupResponse::default()
            .with_protocol_type(optional(group.protocol_type.as_deref()))
            .with_protocol_name(optional(group.protocol.as_deref()))
            .with_assignment(assignment),
        Err(error) => SyncGroupResponse::default().with_error_code(error.code()),
    };
    ResponseBody::Client(ClientResponse::SyncGroup(Box::new(response)))
}

/// A synchronisation that is refused.
pub(crate) fn sync_refused(error: ErrorCode) -> ResponseBody {
    ResponseBody::Client(ClientResponse::SyncGroup(Box::new(
        SyncGroupResponse::default().with_error_code(error.code()),
    )))
}

/// The answer to a heartbeat.
pub(crate) fn heartbeat(error: Option<ErrorCode>) -> ResponseBody {
    let code = error.map_or(0, |error| error.code());
    ResponseBody::Client(ClientResponse::Heartbeat(Box::new(
        HeartbeatResponse::default().with_error_code(code),
    )))
}

/// The answer to leaving when nobody could.
pub(crate) fn leave_refused(error: ErrorCode) -> ResponseBody {
    ResponseBody::Client(ClientResponse::LeaveGroup(Box::new(
        LeaveGroupResponse::default().with_error_code(error.code()),
    )))
}

fn optional(text: Option<&str>) -> Option<StrBytes> {
    text.map(topic_name)
}

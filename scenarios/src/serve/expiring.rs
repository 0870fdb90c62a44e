//! `POST /expire`: members of a group are taken for dead, as when `session.timeout.ms` passes without a heartbeat. The
//! coordinator removes them and rebalances; they hear of it when they next ask for something.

use std::time::{Duration, Instant};

use harrow_broker_model::client::coordinator_partition;
use harrow_broker_model::group_admin_message::{GroupAdminRequest, GroupAdminResponse};
use harrow_broker_model::message::{ClientRequest, ClientResponse};
use harrow_broker_model::proto::{
    ConsumerGroupDescribeRequest, ConsumerGroupHeartbeatRequest, DescribeGroupsRequest, GroupId,
    LeaveGroupRequest, MemberIdentity, StrBytes,
};
use harrow_broker_model::types::NodeId;
use serde::Deserialize;
use serde_json::json;

use super::control::{Refusal, Reply};
use super::leaders::leader_of;
use super::server::Server;

/// A coordinator that has not answered after so long does not.
const EXPIRE_MAX: Duration = Duration::from_secs(5);
/// The epoch of a member that goes for good. Source: Kafka's `LEAVE_GROUP_MEMBER_EPOCH`.
const LEAVES: i32 = -1;

/// `POST /expire`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExpireRequest {
    group: String,
    /// Which member; all of them, if nothing is said.
    #[serde(default)]
    member: Option<String>,
}

/// A group's members, by the protocol that they speak.
#[derive(Debug)]
enum GroupMembers {
    /// With the ids of instances, where they have them.
    Classic(Vec<(StrBytes, Option<StrBytes>)>),
    Consumer(Vec<StrBytes>),
}

impl GroupMembers {
    fn ids(&self) -> Vec<&StrBytes> {
        match self {
            Self::Classic(members) => members.iter().map(|(id, _)| id).collect(),
            Self::Consumer(members) => members.iter().collect(),
        }
    }

    fn keep(&mut self, member: &str) {
        match self {
            Self::Classic(members) => members.retain(|(id, _)| **id == *member),
            Self::Consumer(members) => members.retain(|id| **id == *member),
        }
    }
}

impl Server {
    /// Has a group's coordinator take members for dead.
    pub(super) fn expire(&mut self, request: &ExpireRequest) -> Result<Reply, Refusal> {
        let group = request.group.as_str();
        let count = self.options.cluster.coordinators.offsets_topic.partitions as i32;
        let partition = coordinator_partition(group, count);
        let image = self.image();
        let coordinator = image.and_then(|image| leader_of(image, "__consumer_offsets", partition));
        let coordinator =
            coordinator.ok_or_else(|| (409, format!("nobody coordinates {group} now")))?;
        let until = Instant::now() + EXPIRE_MAX;
        let mut members = self.members_of(coordinator, group, until)?;
        let ids: Vec<String> = members.ids().into_iter().map(ToString::to_string).collect();
        if ids.is_empty() {
            return Err((409, format!("{group} has no members now")));
        }
        if let Some(member) = &request.member {
            members.keep(member);
            if members.ids().is_empty() {
                let known = ids.join(", ");
                return Err((
                    409,
                    format!("`{member}` is no member of {group}; there are: {known}"),
                ));
            }
        }
        let expired: Vec<String> = members.ids().into_iter().map(ToString::to_string).collect();
        self.remove(coordinator, group, members, until)?;
        Ok(Reply::json(200, &json!({ "expired": expired })))
    }

    fn members_of(
        &mut self,
        coordinator: NodeId,
        group: &str,
        until: Instant,
    ) -> Result<GroupMembers, Refusal> {
        let id = || vec![group_id(group)];
        let request = DescribeGroupsRequest::default().with_groups(id());
        let request = GroupAdminRequest::DescribeGroups(request);
        let answer = self.group_question(coordinator, request, until)?;
        if let GroupAdminResponse::DescribeGroups(answer) = answer {
            let groups = answer.groups.into_iter().filter(|group| group.error_code == 0);
            let members = groups.flat_map(|group| group.members);
            let members: Vec<_> = members.map(|it| (it.member_id, it.group_instance_id)).collect();
            if !members.is_empty() {
                return Ok(GroupMembers::Classic(members));
            }
        }
        let request = ConsumerGroupDescribeRequest::default().with_group_ids(id());
        let request = GroupAdminRequest::ConsumerGroupDescribe(request);
        let answer = self.group_question(coordinator, request, until)?;
        let mut members = Vec::new();
        if let GroupAdminResponse::ConsumerGroupDescribe(answer) = answer {
            let groups = answer.groups.into_iter().filter(|group| group.error_code == 0);
            members.extend(groups.flat_map(|group| group.members).map(|it| it.member_id));
        }
        Ok(GroupMembers::Consumer(members))
    }

    fn group_question(
        &mut self,
        coordinator: NodeId,
        request: GroupAdminRequest,
        until: Instant,
    ) -> Result<GroupAdminResponse, Refusal> {
        let body = ClientRequest::GroupAdmin(Box::new(request));
        match self.question(coordinator, body, until) {
            Some(ClientResponse::GroupAdmin(answer)) => Ok(*answer),
            Some(_) | None => Err((504, "the coordinator does not answer".to_owned())),
        }
    }

    fn remove(
        &mut self,
        coordinator: NodeId,
        group: &str,
        members: GroupMembers,
        until: Instant,
    ) -> Result<(), Refusal> {
        let bodies: Vec<ClientRequest> = match members {
            GroupMembers::Classic(members) => {
                let each = members.into_iter().map(|(id, instance)| {
                    MemberIdentity::default().with_member_id(id).with_group_instance_id(instance)
                });
                let request = LeaveGroupRequest::default()
                    .with_group_id(group_id(group))
                    .with_members(each.collect());
                vec![ClientRequest::LeaveGroup(Box::new(request))]
            }
            GroupMembers::Consumer(members) => {
                let each = members.into_iter().map(|id| {
                    let request = ConsumerGroupHeartbeatRequest::default()
                        .with_group_id(group_id(group))
                        .with_member_id(id)
                        .with_member_epoch(LEAVES);
                    ClientRequest::ConsumerGroupHeartbeat(Box::new(request))
                });
                each.collect()
            }
        };
        for body in bodies {
            let answer = self.question(coordinator, body, until);
            answer.ok_or_else(|| (504, "the coordinator does not answer".to_owned()))?;
        }
        Ok(())
    }
}

fn group_id(group: &str) -> GroupId {
    GroupId(StrBytes::from_string(group.to_owned()))
}

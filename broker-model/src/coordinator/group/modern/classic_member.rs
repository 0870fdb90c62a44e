//! Members that speak the classic protocol in a group of the consumer protocol. Source: KIP-848;
//! `GroupMetadataManager.classicGroupJoinToConsumerGroup`, `classicGroupSyncToConsumerGroup`,
//! `classicGroupHeartbeatToConsumerGroup`, `classicGroupLeaveToConsumerGroup`.
//!
//! Such a member is told that it follows a leader that there is not. Its epoch is its generation; it gives partitions
//! up and gets others by joining again, which it does when a heartbeat tells it that a rebalance is under way: because
//! the group has another epoch, because it must give something up, or because what it waits for is free. A coordinator
//! that does not tell leaves it where it was, and others wait for its partitions.
//!
//! A member that is told to join again must do so within its rebalance timeout, and ask for its assignment within
//! another one. These times begin here when the request is handled, in Kafka once its records are committed.

use super::change::{Asking, ClassicJoin};
use super::group::ConsumerGroup;
use super::member::{ClassicMember, Member, MemberState};
use super::migration::Removal;
use super::timers::Kept;
use super::topics::Topics;
use crate::caller::Caller;
use crate::config::topic_name;
use crate::consumer_protocol::{PROTOCOL_TYPE, Subscription, encode_assignment};
use crate::coordinator::group::classic::answers::{
    heartbeat, join_refused, leave_refused, sync_refused,
};
use crate::coordinator::group::coordinator::{GroupCoordinator, Todo};
use crate::coordinator::group::waiter::Waiter;
use crate::coordinator::runtime::CoordinatorRecord;
use crate::defect::GroupDefect;
use crate::message::{ClientResponse, ResponseBody};
use crate::metadata::MetadataImage;
use crate::note::Api;
use crate::proto::{
    ConsumerGroupHeartbeatRequest, ErrorCode, HeartbeatRequest, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupRequest, LeaveGroupResponse, MemberIdentity, MemberResponse,
    OwnedPartitions, SyncGroupRequest, SyncGroupResponse, TopicName, topic_uuid,
};
use crate::types::Now;

impl GroupCoordinator {
    /// Somebody who speaks the classic protocol wants to be a member, or has come again.
    pub(in crate::coordinator::group) fn join_consumer_group(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &JoinGroupRequest,
        image: &MetadataImage,
    ) {
        let is_new = request.member_id.is_empty();
        let instance = request.group_instance_id.as_deref();
        let id = if is_new {
            self.new_member_id(instance, caller)
        } else {
            request.member_id.to_string()
        };
        let joined = self.classic_join(now, (caller, partition, &id), request, image);
        let (records, response) = match joined {
            Ok(joined) => joined,
            Err(error) => {
                return self.todo.push_back(Todo::Reply(caller, join_refused(&id, error)));
            }
        };
        let session_ms = request.session_timeout_ms.max(0) as u64;
        let rebalance_ms = request.rebalance_timeout_ms.max(0) as u64;
        let member = (request.group_id.as_str(), id.as_str());
        self.keep_classic(now, partition, member, Kept::Joined { session_ms, rebalance_ms });
        let body = ResponseBody::Client(ClientResponse::JoinGroup(Box::new(response)));
        if records.is_empty() {
            return self.answer_when_committed(now, partition, (caller, body));
        }
        let waiter = Waiter::Answer { caller, body: Box::new(body), rests_on: None };
        self.todo.push_back(Todo::Write(partition, records, waiter));
    }

    fn classic_join(
        &mut self,
        now: Now,
        (caller, partition, id): (Caller, i32, &str),
        request: &JoinGroupRequest,
        image: &MetadataImage,
    ) -> Result<(Vec<CoordinatorRecord>, JoinGroupResponse), ErrorCode> {
        let (config, defects) = (self.config, self.defects);
        let context = self.runtime.active(partition)?;
        let group = context.written().consumer_group(request.group_id.as_str());
        if let Some(group) = group {
            let known = if request.member_id.is_empty() { "" } else { id };
            group.check_room(known, config.consumer_groups.max_size)?;
        }
        let joining = classic_of(request);
        let supported = group.is_some_and(|group| {
            group.supports_classic(&request.protocol_type, &joining.protocols)
        });
        if !supported {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        let is_new = request.member_id.is_empty();
        if is_new && request.group_instance_id.is_none() {
            return Err(ErrorCode::MemberIdRequired);
        }
        let topics = Topics(image);
        let beat = as_heartbeat(id, request, &joining, topics)
            .ok_or(ErrorCode::InconsistentGroupProtocol)?;
        let client = format!("consumer-{}", caller.from);
        let classic = Some(ClassicJoin { member: &joining, is_new });
        let (request, client) = (&beat, client.as_str());
        let asking = Asking { request, group, topics, config, defects, client, classic, now };
        let change = asking.heartbeat()?;
        if change.resolves {
            self.unresolved.insert((partition, request.group_id.to_string()));
        }
        let response = JoinGroupResponse::default()
            .with_member_id(topic_name(id))
            .with_generation_id(change.response.member_epoch)
            .with_protocol_type(Some(topic_name(PROTOCOL_TYPE)))
            .with_protocol_name(joining.protocol().map(topic_name));
        Ok((change.records, response))
    }

    /// A member asks for what it has in its epoch.
    pub(in crate::coordinator::group) fn sync_consumer_group(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &SyncGroupRequest,
        image: &MetadataImage,
    ) {
        let (response, epoch, session_ms) = match self.classic_sync(now, partition, request, image)
        {
            Ok(answer) => answer,
            Err(error) => return self.todo.push_back(Todo::Reply(caller, sync_refused(error))),
        };
        let member = (request.group_id.as_str(), request.member_id.as_str());
        self.keep_classic(now, partition, member, Kept::Synced { session_ms });
        self.served(Api::SyncGroup, caller, (request.generation_id, epoch));
        let body = ResponseBody::Client(ClientResponse::SyncGroup(Box::new(response)));
        self.answer_when_committed(now, partition, (caller, body));
    }

    fn classic_sync(
        &mut self,
        now: Now,
        partition: i32,
        request: &SyncGroupRequest,
        image: &MetadataImage,
    ) -> Result<(SyncGroupResponse, i32, u64), ErrorCode> {
        let name = request.group_id.as_str();
        let (id, instance) = (request.member_id.as_str(), request.group_instance_id.as_deref());
        let context = self.runtime.active(partition)?;
        let group = context.written().consumer_group(name).ok_or(ErrorCode::UnknownMemberId)?;
        let (member, classic) = group.classic_member(id, instance)?;
        if member.holding.epoch != request.generation_id {
            return Err(ErrorCode::IllegalGeneration);
        }
        let told = request.protocol_name.as_deref();
        let kind = request.protocol_type.as_deref();
        if kind.is_some_and(|kind| kind != PROTOCOL_TYPE)
            || told.is_some_and(|told| classic.protocol() != Some(told))
        {
            return Err(ErrorCode::InconsistentGroupProtocol);
        }
        // One that has something to give up has joined already: it must give that up first.
        if group.epoch > member.holding.epoch && member.holding.state != MemberState::Unrevoked {
            let rebalance_ms = member.description.rebalance_timeout_ms.max(0) as u64;
            self.keep_classic(now, partition, (name, id), Kept::ToRejoin { rebalance_ms });
            return Err(ErrorCode::RebalanceInProgress);
        }
        let assignment = encode_assignment(&Topics(image).named(&member.holding.assigned));
        let (epoch, session_ms) = (member.holding.epoch, classic.session_timeout_ms.max(0) as u64);
        let response = SyncGroupResponse::default()
            .with_protocol_type(request.protocol_type.clone())
            .with_protocol_name(request.protocol_name.clone())
            .with_assignment(assignment);
        Ok((response, epoch, session_ms))
    }

    /// A member is alive, and is told whether it must join again.
    pub(in crate::coordinator::group) fn classic_heartbeat(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &HeartbeatRequest,
    ) {
        let name = request.group_id.as_str();
        let (id, instance) = (request.member_id.as_str(), request.group_instance_id.as_deref());
        let is_silent = self.defects.has(GroupDefect::ClassicMemberNotTold);
        let known = self.runtime.active(partition).and_then(|context| {
            let group = context.written().consumer_group(name).ok_or(ErrorCode::UnknownMemberId)?;
            let (member, classic) = group.classic_member(id, instance)?;
            if member.holding.epoch != request.generation_id {
                return Err(ErrorCode::IllegalGeneration);
            }
            let must_join = must_join_again(group, (id, member)) && !is_silent;
            let patience_ms = member.description.rebalance_timeout_ms.max(0) as u64;
            let session_ms = classic.session_timeout_ms.max(0) as u64;
            Ok((must_join, member.holding.epoch, (session_ms, patience_ms)))
        });
        let error = match known {
            Ok((must_join, epoch, (session_ms, rebalance_ms))) => {
                self.served(Api::Heartbeat, caller, (request.generation_id, epoch));
                self.keep_classic(now, partition, (name, id), Kept::Heard { session_ms });
                if must_join {
                    self.keep_classic(now, partition, (name, id), Kept::ToRejoin { rebalance_ms });
                }
                must_join.then_some(ErrorCode::RebalanceInProgress)
            }
            Err(error) => Some(error),
        };
        self.answer_when_committed(now, partition, (caller, heartbeat(error)));
    }

    /// Members leave, or are removed by their instance ids, whatever protocol they speak.
    pub(in crate::coordinator::group) fn leave_consumer_group(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &LeaveGroupRequest,
        image: &MetadataImage,
    ) {
        let (name, config) = (request.group_id.as_str(), self.config);
        let known = self.runtime.active(partition).and_then(|context| {
            context.written().consumer_group(name).ok_or(ErrorCode::UnknownMemberId)
        });
        let group = match known {
            Ok(group) => group,
            Err(error) => return self.todo.push_back(Todo::Reply(caller, leave_refused(error))),
        };
        let (mut answers, mut leaving) = (Vec::new(), Vec::new());
        for one in &request.members {
            let left = leaves(group, one);
            let code = left.as_ref().err().map_or(0, |error: &ErrorCode| error.code());
            leaving.extend(left.ok());
            answers.push(answer_to(one).with_error_code(code));
        }
        let response = LeaveGroupResponse::default().with_members(answers);
        let body = ResponseBody::Client(ClientResponse::LeaveGroup(Box::new(response)));
        if leaving.is_empty() {
            return self.answer_when_committed(now, partition, (caller, body));
        }
        let defects = self.defects;
        let removal = Removal { name, group, topics: Topics(image), config, defects, now };
        let (records, conversion) = removal.of(&leaving);
        let waiter = Waiter::Answer { caller, body: Box::new(body), rests_on: None };
        let waiter = waiter.converting((partition, name), conversion);
        self.todo.push_back(Todo::Write(partition, records, waiter));
    }
}

/// Source: the three conditions of `GroupMetadataManager.classicGroupHeartbeatToConsumerGroup`.
fn must_join_again(group: &ConsumerGroup, (id, member): (&str, &Member)) -> bool {
    member.holding.epoch < group.epoch
        || match member.holding.state {
            MemberState::Stable => false,
            MemberState::Unrevoked => true,
            MemberState::Unreleased => !group.waits_for_others(id),
        }
}

fn leaves<'a>(group: &'a ConsumerGroup, one: &MemberIdentity) -> Result<&'a str, ErrorCode> {
    let (id, instance) = (one.member_id.as_str(), one.group_instance_id.as_deref());
    let Some(instance) = instance else {
        let known = group.members().get_key_value(id).ok_or(ErrorCode::UnknownMemberId)?;
        return Ok(known.0);
    };
    let (known, _) = group.static_member(instance).ok_or(ErrorCode::UnknownMemberId)?;
    if id.is_empty() || known == id { Ok(known) } else { Err(ErrorCode::FencedInstanceId) }
}

fn answer_to(one: &MemberIdentity) -> MemberResponse {
    MemberResponse::default()
        .with_member_id(one.member_id.clone())
        .with_group_instance_id(one.group_instance_id.clone())
}

fn classic_of(request: &JoinGroupRequest) -> ClassicMember {
    let protocols = request.protocols.iter();
    let protocols = protocols.map(|known| (known.name.to_string(), known.metadata.clone()));
    ClassicMember { session_timeout_ms: request.session_timeout_ms, protocols: protocols.collect() }
}

/// A join says what a full heartbeat says; nothing if it is not a consumer's.
fn as_heartbeat(
    id: &str,
    request: &JoinGroupRequest,
    joining: &ClassicMember,
    topics: Topics<'_>,
) -> Option<ConsumerGroupHeartbeatRequest> {
    let (assignor, metadata) = joining.protocols.first()?;
    let subscription = Subscription::decode_for(Some(assignor), metadata)?;
    let owned = topics.places(&subscription.owned);
    let owned: Vec<_> = owned.into_iter().collect();
    let owned = owned.chunk_by(|a, b| a.topic == b.topic).map(|places| {
        OwnedPartitions::default()
            .with_topic_id(topic_uuid(places[0].topic))
            .with_partitions(places.iter().map(|place| place.partition).collect())
    });
    let names = subscription.topics.iter().map(|name| TopicName(name.clone()));
    Some(
        ConsumerGroupHeartbeatRequest::default()
            .with_group_id(request.group_id.clone())
            .with_member_id(topic_name(id))
            .with_instance_id(request.group_instance_id.clone())
            .with_rebalance_timeout_ms(request.rebalance_timeout_ms)
            .with_subscribed_topic_names(Some(names.collect()))
            .with_topic_partitions(Some(owned.collect())),
    )
}

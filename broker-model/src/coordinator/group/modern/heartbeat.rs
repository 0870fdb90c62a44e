//! `ConsumerGroupHeartbeat` in the coordinator. Source: Kafka's `GroupCoordinatorService.consumerGroupHeartbeat`,
//! `GroupMetadataManager.getOrMaybeCreateConsumerGroup`.

use std::borrow::Cow;

use super::answers::refused;
use super::change::{Asking, Change};
use super::group::ConsumerGroup;
use super::migration::{upgrade_records, upgraded};
use super::timers::Kept;
use super::topics::Topics;
use crate::caller::Caller;
use crate::coordinator::group::classic::group::State;
use crate::coordinator::group::conversion::Conversion;
use crate::coordinator::group::coordinator::{GroupCoordinator, Todo};
use crate::coordinator::group::records::group_tombstone;
use crate::coordinator::group::waiter::Waiter;
use crate::coordinator::runtime::CoordinatorRecord;
use crate::defect::GroupDefect;
use crate::message::{ClientResponse, ResponseBody};
use crate::metadata::MetadataImage;
use crate::note::Api;
use crate::proto::{ConsumerGroupHeartbeatRequest, ErrorCode};
use crate::types::Now;

impl GroupCoordinator {
    /// A member joins, is alive, has given up partitions, or leaves. What a request says of the member's partitions
    /// that lay on the way, while the member has gone on on another connection, does not count: it may have been given
    /// since what it did not have then; and where it says that the member joins, it has joined since. Kafka looks at
    /// epochs alone, which may be the same.
    pub(crate) fn consumer_group_heartbeat(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &ConsumerGroupHeartbeatRequest,
        image: &MetadataImage,
    ) {
        let (group, id) = (request.group_id.clone(), request.member_id.clone());
        let member = (group.as_str(), id.as_str());
        let counts = self.defects.has(GroupDefect::LateHeartbeatCounts);
        let mut said = Cow::Borrowed(request);
        if !counts && self.is_late_heartbeat(caller, partition, member) {
            if request.member_epoch == 0 {
                let elsewhere = self.runtime.active(partition).err();
                let refusal = refused(elsewhere.unwrap_or(ErrorCode::FencedMemberEpoch));
                return self.todo.push_back(Todo::Reply(caller, refusal));
            }
            said.to_mut().topic_partitions = None;
        }
        let request = &*said;
        let known = self.epochs_of(partition, member);
        let change = match self.heartbeat_change(now, caller, partition, request, image) {
            Ok(change) => change,
            Err(error) => return self.todo.push_back(Todo::Reply(caller, refused(error))),
        };
        if request.member_epoch > 0 {
            let named = request.member_epoch;
            let (epoch, previous) = known.unwrap_or((-1, -1));
            let own = if named == previous { previous } else { epoch };
            self.served(Api::ConsumerGroupHeartbeat, caller, (named, own));
        }
        if let Some(patience) = change.patience {
            self.keep_member(now, partition, member, patience);
            self.take_heartbeat_on(caller, partition, member);
        }
        if change.resolves {
            self.unresolved.insert((partition, group.to_string()));
        }
        let body =
            ResponseBody::Client(ClientResponse::ConsumerGroupHeartbeat(Box::new(change.response)));
        if change.records.is_empty() {
            return self.answer_when_committed(now, partition, (caller, body));
        }
        let waiter = Waiter::Answer { caller, body: Box::new(body), rests_on: None };
        let waiter = waiter.converting((partition, &request.group_id), change.conversion);
        self.todo.push_back(Todo::Write(partition, change.records, waiter));
    }

    /// The epoch of a member, and the one before, in which it may still be that has missed an answer.
    fn epochs_of(&mut self, partition: i32, (group, member): (&str, &str)) -> Option<(i32, i32)> {
        let context = self.runtime.active(partition).ok()?;
        let member = context.written().consumer_group(group)?.members().get(member)?;
        Some((member.holding.epoch, member.holding.previous_epoch))
    }

    /// A classic group that nobody is a member of gives way to who joins, and one with members becomes one of the
    /// consumer protocol, if that is allowed. To who does not join it is not found. Source:
    /// `GroupMetadataManager.getOrMaybeCreateConsumerGroup`.
    fn heartbeat_change(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &ConsumerGroupHeartbeatRequest,
        image: &MetadataImage,
    ) -> Result<Change, ErrorCode> {
        let name = request.group_id.as_str();
        let (topics, config, defects) = (Topics(image), self.config, self.defects);
        let upgrade = self.upgrade((partition, name), request, topics)?;
        let client = format!("consumer-{}", caller.from);
        let context = self.runtime.active(partition)?;
        let known = context.written().consumer_group(name);
        let (group, client) = (upgrade.group.as_ref().or(known), client.as_str());
        let asking = Asking { request, group, topics, config, defects, client, classic: None, now };
        let mut change = asking.answer()?;
        if upgrade.gives_way {
            change.records.splice(..0, upgrade.records);
            change.conversion = Some(Conversion::Upgraded);
        }
        Ok(change)
    }

    /// What becomes of a classic group of this name. If it has members, they are kept from now on as members of a group
    /// of the consumer protocol.
    fn upgrade(
        &mut self,
        (partition, name): (i32, &str),
        request: &ConsumerGroupHeartbeatRequest,
        topics: Topics<'_>,
    ) -> Result<Upgrade, ErrorCode> {
        self.runtime.active(partition)?;
        let Some(classic) = self.group(partition, name) else { return Ok(Upgrade::default()) };
        if request.member_epoch != 0 {
            return Err(ErrorCode::GroupIdNotFound);
        }
        if classic.state() == State::Empty {
            let records = vec![group_tombstone(name)];
            return Ok(Upgrade { gives_way: true, group: None, records });
        }
        let is_too_large = classic.size() > self.config.consumer_groups.max_size as usize;
        if is_too_large || !self.config.consumer_groups.migration.upgrades() {
            return Err(ErrorCode::GroupIdNotFound);
        }
        let group = upgraded(classic, topics, self.defects)?;
        let records = upgrade_records(name, &group);
        Ok(Upgrade { gives_way: true, group: Some(group), records })
    }

    /// A classic group is one of the consumer protocol from now on. Whoever waits is told to join again, and has its
    /// own session to do so. Source: `GroupMetadataManager.convertToConsumerGroup`.
    pub(in crate::coordinator::group) fn on_upgraded(
        &mut self,
        now: Now,
        (partition, name): (i32, &str),
    ) {
        if self.group(partition, name).is_none() {
            return;
        }
        let mut classic = self.take_group(now, partition, name);
        self.release_all(&mut classic);
        self.fail_members(&mut classic, ErrorCode::RebalanceInProgress);
        for member in classic.as_stored().members {
            let session_ms = member.session_timeout_ms.max(0) as u64;
            let member = (name, member.member.as_str());
            self.keep_classic(now, partition, member, Kept::Heard { session_ms });
        }
        self.changed = true;
    }
}

/// What becomes of a classic group when somebody joins by the consumer protocol.
#[derive(Debug, Default)]
struct Upgrade {
    gives_way: bool,
    group: Option<ConsumerGroup>,
    records: Vec<CoordinatorRecord>,
}

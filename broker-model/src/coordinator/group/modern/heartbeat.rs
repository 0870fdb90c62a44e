//! `ConsumerGroupHeartbeat` in the coordinator. Source: Kafka's `GroupCoordinatorService.consumerGroupHeartbeat`,
//! `GroupMetadataManager.getOrMaybeCreateConsumerGroup`.

use super::answers::refused;
use super::change::{Asking, Change};
use super::topics::Topics;
use crate::caller::Caller;
use crate::coordinator::group::classic::group::{ClassicGroup, State};
use crate::coordinator::group::coordinator::{GroupCoordinator, Todo};
use crate::coordinator::group::records::group_tombstone;
use crate::coordinator::group::waiter::Waiter;
use crate::message::{ClientResponse, ResponseBody};
use crate::metadata::MetadataImage;
use crate::proto::{ConsumerGroupHeartbeatRequest, ErrorCode};
use crate::types::Now;

impl GroupCoordinator {
    /// A member joins, is alive, has given up partitions, or leaves.
    pub(crate) fn consumer_group_heartbeat(
        &mut self,
        now: Now,
        caller: Caller,
        partition: i32,
        request: &ConsumerGroupHeartbeatRequest,
        image: &MetadataImage,
    ) {
        let change = match self.heartbeat_change(caller, partition, request, image) {
            Ok(change) => change,
            Err(error) => return self.todo.push_back(Todo::Reply(caller, refused(error))),
        };
        if let Some(patience) = change.patience {
            let member = (request.group_id.as_str(), request.member_id.as_str());
            self.keep_member(now, partition, member, patience);
        }
        let body =
            ResponseBody::Client(ClientResponse::ConsumerGroupHeartbeat(Box::new(change.response)));
        if change.records.is_empty() {
            return self.answer_when_committed(now, partition, (caller, body));
        }
        let waiter = Waiter::Answer { caller, body: Box::new(body), rests_on: None };
        self.todo.push_back(Todo::Write(partition, change.records, waiter));
    }

    /// A classic group that nobody is a member of gives way; any other one is not found, as no group changes its
    /// protocol while it has members.
    fn heartbeat_change(
        &mut self,
        caller: Caller,
        partition: i32,
        request: &ConsumerGroupHeartbeatRequest,
        image: &MetadataImage,
    ) -> Result<Change, ErrorCode> {
        let name = request.group_id.as_str();
        let classic = self.group(partition, name).map(ClassicGroup::state);
        let joins = request.member_epoch == 0;
        if classic.is_some_and(|state| state != State::Empty || !joins) {
            self.runtime.active(partition)?;
            return Err(ErrorCode::GroupIdNotFound);
        }
        let (config, defects) = (self.config.consumer_groups, self.defects);
        let client = format!("consumer-{}", caller.from);
        let context = self.runtime.active(partition)?;
        let group = context.written().consumer_group(name);
        let (topics, client) = (Topics(image), client.as_str());
        let asking = Asking { request, group, topics, config, defects, client };
        let mut change = asking.answer()?;
        if classic.is_some() {
            self.forget_group(partition, name);
            change.records.insert(0, group_tombstone(name));
        }
        Ok(change)
    }
}

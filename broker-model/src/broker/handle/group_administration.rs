//! What administrators ask of groups. Source: Kafka's `KafkaApis.handleListGroupsRequest`,
//! `KafkaApis.handleDescribeGroupsRequest`, `KafkaApis.handleConsumerGroupDescribe`,
//! `KafkaApis.handleDeleteGroupsRequest`, `KafkaApis.handleOffsetDeleteRequest`.

use std::collections::BTreeSet;

use crate::broker::{Broker, Caller};
use crate::coordinator::runtime::CoordinatorKind;
use crate::group_admin_message::{GroupAdminRequest, GroupAdminResponse};
use crate::message::{ClientResponse, ResponseBody};
use crate::node::Effects;
use crate::proto::{GroupId, OffsetDeleteRequest, TopicName};
use crate::types::Now;

impl Broker {
    pub(super) fn on_group_admin(
        &mut self,
        now: Now,
        caller: Caller,
        request: &GroupAdminRequest,
        effects: &mut Effects,
    ) {
        let response = match request {
            GroupAdminRequest::ListGroups(request) => {
                GroupAdminResponse::ListGroups(self.groups.list_groups(request))
            }
            GroupAdminRequest::DescribeGroups(request) => {
                let asked = self.in_their_partitions(&request.groups);
                GroupAdminResponse::DescribeGroups(self.groups.describe_groups(&asked))
            }
            GroupAdminRequest::ConsumerGroupDescribe(request) => {
                let asked = self.in_their_partitions(&request.group_ids);
                let image = self.metadata.image();
                let response = self.groups.describe_consumer_groups(&asked, image);
                GroupAdminResponse::ConsumerGroupDescribe(response)
            }
            GroupAdminRequest::DeleteGroups(request) => {
                let mut names = request.groups_names.clone();
                let mut seen = BTreeSet::new();
                names.retain(|name| seen.insert(name.clone()));
                let asked = self.in_their_partitions(&names);
                self.groups.delete_groups(caller, &asked);
                return self.run_groups(now, effects);
            }
            GroupAdminRequest::OffsetDelete(request) => {
                return self.on_offset_delete(now, caller, request, effects);
            }
        };
        let body = ResponseBody::Client(ClientResponse::GroupAdmin(Box::new(response)));
        self.connections.reply(caller, body, effects);
    }

    fn on_offset_delete(
        &mut self,
        now: Now,
        caller: Caller,
        request: &OffsetDeleteRequest,
        effects: &mut Effects,
    ) {
        let partition = self.partition_of_key(CoordinatorKind::Group, request.group_id.as_str());
        let image = self.metadata.image();
        let known = |topic: &TopicName, partition: i32| image.knows(topic.as_str(), partition);
        self.groups.delete_offsets(now, caller, partition, request, known);
        self.run_groups(now, effects);
    }

    /// Groups, each with the partition of the topic that it belongs to.
    fn in_their_partitions(&self, groups: &[GroupId]) -> Vec<(GroupId, i32)> {
        let partition = |id: &GroupId| self.partition_of_key(CoordinatorKind::Group, id.as_str());
        groups.iter().map(|id| (id.clone(), partition(id))).collect()
    }
}

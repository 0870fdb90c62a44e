//! What administrators ask of groups: which there are, who their members are. Source: Kafka's
//! `GroupCoordinatorService.listGroups`, `GroupCoordinatorService.describeGroups`,
//! `GroupCoordinatorService.consumerGroupDescribe`; KIP-222, KIP-518, KIP-848.
//!
//! Which groups there are, and members of the consumer protocol, is told as far as it is committed; of a classic group
//! that is, members are told as they are in memory, as in Kafka.

use super::classic::group::ClassicGroup;
use super::coordinator::GroupCoordinator;
use super::modern::topics::Topics;
use crate::metadata::MetadataImage;
use crate::proto::{
    ConsumerGroupDescribeResponse, DescribeGroupsResponse, DescribedClassicGroup,
    DescribedConsumerGroup, ErrorCode, GroupId, ListGroupsRequest, ListGroupsResponse, ListedGroup,
    StrBytes,
};
use crate::types::Time;

/// The types of groups that Kafka knows.
const TYPES: [&str; 4] = ["consumer", "classic", "share", "streams"];

impl GroupCoordinator {
    /// The groups that this broker coordinates. While a part of them is being loaded, nobody knows which these are.
    pub(crate) fn list_groups(&mut self, request: &ListGroupsRequest) -> ListGroupsResponse {
        if self.runtime.is_loading() {
            let code = ErrorCode::CoordinatorLoadInProgress.code();
            return ListGroupsResponse::default().with_error_code(code);
        }
        let mut groups: Vec<ListedGroup> = Vec::new();
        for partition in self.runtime.serving().collect::<Vec<_>>() {
            let Ok(context) = self.runtime.active(partition) else { continue };
            let committed = context.committed();
            groups.extend(committed.consumer_groups().map(|(name, group)| group.listed(name)));
            let classic: Vec<String> = committed.classic_groups().cloned().collect();
            let tell = |name| self.tell_of((partition, name), ClassicGroup::listed);
            groups.extend(classic.iter().map(String::as_str).filter_map(tell));
        }
        groups.retain(|group| is_wanted(request, group));
        ListGroupsResponse::default().with_groups(groups)
    }

    /// Classic groups, each in the partition that it belongs to; any other is a dead one that is not there.
    pub(crate) fn describe_groups(&mut self, asked: &[(GroupId, i32)]) -> DescribeGroupsResponse {
        let groups = asked.iter().map(|(id, partition)| {
            let unknown = || DescribedClassicGroup::default().with_group_id(id.clone());
            if let Err(error) = self.serves(*partition) {
                return unknown().with_error_code(error.code());
            }
            let told = self.tell_of((*partition, id.as_str()), ClassicGroup::described);
            told.unwrap_or_else(|| {
                let dead = unknown().with_error_code(ErrorCode::GroupIdNotFound.code());
                dead.with_group_state(StrBytes::from_static_str("Dead"))
            })
        });
        DescribeGroupsResponse::default().with_groups(groups.collect())
    }

    /// A classic group that is there by what is committed, as it is in memory; one that is gone from there already is
    /// as it was stored. Source: `GroupMetadataManager.listGroups`, `GroupMetadataManager.group(String, long)`.
    fn tell_of<T>(
        &mut self,
        (partition, name): (i32, &str),
        tell: impl Fn(&ClassicGroup) -> T,
    ) -> Option<T> {
        let committed = self.runtime.active(partition).ok()?.committed();
        let is_there = committed.classic_groups().any(|known| known == name);
        let stored = committed.stored_group(name).filter(|_| is_there);
        let stored = stored.map(|stored| ClassicGroup::loaded(name, stored, Time::ZERO));
        let known = self.groups.get(&(partition, name.to_owned())).filter(|_| is_there);
        known.or(stored.as_ref()).map(tell)
    }

    /// Groups of the consumer protocol, each in the partition that it belongs to.
    pub(crate) fn describe_consumer_groups(
        &mut self,
        asked: &[(GroupId, i32)],
        image: &MetadataImage,
    ) -> ConsumerGroupDescribeResponse {
        let assignor = self.config.consumer_groups.assignor;
        let groups = asked.iter().map(|(id, partition)| {
            let described = self.consumer_group(id, *partition).map(|group| {
                let (name, topics) = (id.as_str(), Topics(image));
                group.described(name, topics, assignor)
            });
            described.unwrap_or_else(|error| {
                let unknown = DescribedConsumerGroup::default().with_group_id(id.clone());
                unknown.with_error_code(error.code())
            })
        });
        ConsumerGroupDescribeResponse::default().with_groups(groups.collect())
    }

    fn consumer_group(
        &mut self,
        id: &GroupId,
        partition: i32,
    ) -> Result<&super::modern::group::ConsumerGroup, ErrorCode> {
        if id.is_empty() {
            return Err(ErrorCode::InvalidGroupId);
        }
        let context = self.runtime.active(partition)?;
        context.committed().consumer_group(id.as_str()).ok_or(ErrorCode::GroupIdNotFound)
    }
}

/// Whether a group is in one of the states, and of one of the types, that are asked for; letters count as small ones. A
/// type that Kafka does not know is nobody's.
fn is_wanted(request: &ListGroupsRequest, group: &ListedGroup) -> bool {
    let state = group.group_state.to_lowercase();
    let states = &request.states_filter;
    let in_state = states.iter().any(|wanted| wanted.to_lowercase().trim() == state);
    let types = &request.types_filter;
    let of_type = types
        .iter()
        .map(|wanted| wanted.to_lowercase())
        .any(|wanted| TYPES.contains(&wanted.as_str()) && *wanted == *group.group_type);
    (states.is_empty() || in_state) && (types.is_empty() || of_type)
}

//! What an administrator asks of groups' coordinators: which groups there are, who their members are, that groups or
//! offsets go. Source: KIP-222, KIP-229, KIP-496, KIP-518, KIP-848.

use crate::proto::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DeletableGroupResult,
    DeleteGroupsRequest, DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse,
    DescribedClassicGroup, DescribedConsumerGroup, ErrorCode, ListGroupsRequest,
    ListGroupsResponse, OffsetDeleteRequest, OffsetDeleteResponse,
};

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka request of its name")]
pub enum GroupAdminRequest {
    ListGroups(ListGroupsRequest),
    DescribeGroups(DescribeGroupsRequest),
    ConsumerGroupDescribe(ConsumerGroupDescribeRequest),
    DeleteGroups(DeleteGroupsRequest),
    OffsetDelete(OffsetDeleteRequest),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka response of its name")]
pub enum GroupAdminResponse {
    ListGroups(ListGroupsResponse),
    DescribeGroups(DescribeGroupsResponse),
    ConsumerGroupDescribe(ConsumerGroupDescribeResponse),
    DeleteGroups(DeleteGroupsResponse),
    OffsetDelete(OffsetDeleteResponse),
}

impl GroupAdminRequest {
    /// The answer that refuses all of it.
    pub fn refused(&self, error: ErrorCode) -> GroupAdminResponse {
        let code = error.code();
        match self {
            Self::ListGroups(_) => {
                GroupAdminResponse::ListGroups(ListGroupsResponse::default().with_error_code(code))
            }
            Self::DescribeGroups(request) => {
                let groups = request.groups.iter().map(|id| {
                    DescribedClassicGroup::default().with_group_id(id.clone()).with_error_code(code)
                });
                let response = DescribeGroupsResponse::default().with_groups(groups.collect());
                GroupAdminResponse::DescribeGroups(response)
            }
            Self::ConsumerGroupDescribe(request) => {
                let groups = request.group_ids.iter().map(|id| {
                    let group = DescribedConsumerGroup::default().with_group_id(id.clone());
                    group.with_error_code(code)
                });
                let groups = groups.collect();
                let response = ConsumerGroupDescribeResponse::default().with_groups(groups);
                GroupAdminResponse::ConsumerGroupDescribe(response)
            }
            Self::DeleteGroups(request) => {
                let results = request.groups_names.iter().map(|id| {
                    DeletableGroupResult::default().with_group_id(id.clone()).with_error_code(code)
                });
                let response = DeleteGroupsResponse::default().with_results(results.collect());
                GroupAdminResponse::DeleteGroups(response)
            }
            Self::OffsetDelete(_) => GroupAdminResponse::OffsetDelete(
                OffsetDeleteResponse::default().with_error_code(code),
            ),
        }
    }
}

impl GroupAdminResponse {
    /// The first error in it.
    pub fn error(&self) -> Option<ErrorCode> {
        let codes: Vec<i16> = match self {
            Self::ListGroups(response) => vec![response.error_code],
            Self::DescribeGroups(response) => {
                response.groups.iter().map(|it| it.error_code).collect()
            }
            Self::ConsumerGroupDescribe(response) => {
                response.groups.iter().map(|it| it.error_code).collect()
            }
            Self::DeleteGroups(response) => {
                response.results.iter().map(|it| it.error_code).collect()
            }
            Self::OffsetDelete(response) => {
                let parts = response.topics.iter().flat_map(|topic| &topic.partitions);
                std::iter::once(response.error_code).chain(parts.map(|it| it.error_code)).collect()
            }
        };
        codes.into_iter().find_map(ErrorCode::try_from_code)
    }
}

//! What an administrator asks of the active controller, by way of any broker: topics to delete, partitions to add,
//! replicas to move, brokers to let go, settings to change, leaders to elect, voters of the quorum to come and go.
//! Source: KIP-4, KIP-133, KIP-195, KIP-339, KIP-455, KIP-460, KIP-631 (`UnregisterBroker`), KIP-853.

use crate::proto::{
    AddRaftVoterRequest, AddRaftVoterResponse, AlterConfigsRequest, AlterConfigsResourceResponse,
    AlterConfigsResponse, AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse,
    CreatePartitionsRequest, CreatePartitionsResponse, CreatePartitionsTopicResult,
    DeletableTopicResult, DeleteTopicsRequest, DeleteTopicsResponse, ElectLeadersRequest,
    ElectLeadersResponse, ElectedPartitionResult, ErrorCode, IncrementalAlterConfigsRequest,
    IncrementalAlterConfigsResponse, LegacyAlteredResource, ListPartitionReassignmentsRequest,
    ListPartitionReassignmentsResponse, RemoveRaftVoterRequest, RemoveRaftVoterResponse,
    ReplicaElectionResult, UnregisterBrokerRequest, UnregisterBrokerResponse,
};

/// Whose settings are meant: Kafka's `ConfigResource.Type`.
pub mod config_resource {
    /// A topic's.
    pub const TOPIC: i8 = 2;
}

/// What becomes of a setting: Kafka's `AlterConfigOp.OpType`.
pub mod alter_config_op {
    /// It has the value.
    pub const SET: i8 = 0;
    /// It goes back to its default.
    pub const DELETE: i8 = 1;
    /// The value is added to a list.
    pub const APPEND: i8 = 2;
    /// The value is taken from a list.
    pub const SUBTRACT: i8 = 3;
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka request of its name")]
pub enum AdminRequest {
    DeleteTopics(DeleteTopicsRequest),
    CreatePartitions(CreatePartitionsRequest),
    AlterPartitionReassignments(AlterPartitionReassignmentsRequest),
    ListPartitionReassignments(ListPartitionReassignmentsRequest),
    UnregisterBroker(UnregisterBrokerRequest),
    AlterConfigs(AlterConfigsRequest),
    IncrementalAlterConfigs(IncrementalAlterConfigsRequest),
    ElectLeaders(ElectLeadersRequest),
    AddRaftVoter(AddRaftVoterRequest),
    RemoveRaftVoter(RemoveRaftVoterRequest),
}

/// What is answered.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka response of its name")]
pub enum AdminResponse {
    DeleteTopics(DeleteTopicsResponse),
    CreatePartitions(CreatePartitionsResponse),
    AlterPartitionReassignments(AlterPartitionReassignmentsResponse),
    ListPartitionReassignments(ListPartitionReassignmentsResponse),
    UnregisterBroker(UnregisterBrokerResponse),
    AlterConfigs(AlterConfigsResponse),
    IncrementalAlterConfigs(IncrementalAlterConfigsResponse),
    ElectLeaders(ElectLeadersResponse),
    AddRaftVoter(AddRaftVoterResponse),
    RemoveRaftVoter(RemoveRaftVoterResponse),
}

impl AdminRequest {
    /// The answer that refuses all of it.
    pub fn refused(&self, error: ErrorCode) -> AdminResponse {
        let code = error.code();
        match self {
            Self::DeleteTopics(request) => {
                let refuse = |topic: &crate::proto::DeleteTopicState| {
                    DeletableTopicResult::default()
                        .with_name(topic.name.clone())
                        .with_topic_id(topic.topic_id)
                        .with_error_code(code)
                };
                let responses = request.topics.iter().map(refuse).collect();
                let response = DeleteTopicsResponse::default().with_responses(responses);
                AdminResponse::DeleteTopics(response)
            }
            Self::CreatePartitions(request) => {
                let results = request.topics.iter().map(|topic| {
                    CreatePartitionsTopicResult::default()
                        .with_name(topic.name.clone())
                        .with_error_code(code)
                });
                let response = CreatePartitionsResponse::default().with_results(results.collect());
                AdminResponse::CreatePartitions(response)
            }
            Self::AlterPartitionReassignments(_) => AdminResponse::AlterPartitionReassignments(
                AlterPartitionReassignmentsResponse::default().with_error_code(code),
            ),
            Self::ListPartitionReassignments(_) => AdminResponse::ListPartitionReassignments(
                ListPartitionReassignmentsResponse::default().with_error_code(code),
            ),
            Self::UnregisterBroker(_) => AdminResponse::UnregisterBroker(
                UnregisterBrokerResponse::default().with_error_code(code),
            ),
            Self::AlterConfigs(request) => AdminResponse::AlterConfigs(unaltered(request, code)),
            Self::IncrementalAlterConfigs(request) => {
                AdminResponse::IncrementalAlterConfigs(unchanged(request, code))
            }
            Self::ElectLeaders(request) => AdminResponse::ElectLeaders(unelected(request, code)),
            Self::AddRaftVoter(_) => {
                AdminResponse::AddRaftVoter(AddRaftVoterResponse::default().with_error_code(code))
            }
            Self::RemoveRaftVoter(_) => AdminResponse::RemoveRaftVoter(
                RemoveRaftVoterResponse::default().with_error_code(code),
            ),
        }
    }
}

impl AdminResponse {
    /// The same answer as a refusal of all of it.
    #[must_use]
    pub fn refused(mut self, error: ErrorCode) -> Self {
        let code = error.code();
        match &mut self {
            Self::DeleteTopics(response) => {
                response.responses.iter_mut().for_each(|it| it.error_code = code);
            }
            Self::CreatePartitions(response) => {
                response.results.iter_mut().for_each(|it| it.error_code = code);
            }
            Self::AlterPartitionReassignments(response) => response.error_code = code,
            Self::ListPartitionReassignments(response) => response.error_code = code,
            Self::UnregisterBroker(response) => response.error_code = code,
            Self::AlterConfigs(response) => {
                response.responses.iter_mut().for_each(|it| it.error_code = code);
            }
            Self::IncrementalAlterConfigs(response) => {
                response.responses.iter_mut().for_each(|it| it.error_code = code);
            }
            Self::ElectLeaders(response) => response.error_code = code,
            Self::AddRaftVoter(response) => response.error_code = code,
            Self::RemoveRaftVoter(response) => response.error_code = code,
        }
        self
    }

    /// The first error in it.
    pub fn error(&self) -> Option<ErrorCode> {
        let code = match self {
            Self::DeleteTopics(response) => {
                first(0, response.responses.iter().map(|it| it.error_code))
            }
            Self::CreatePartitions(response) => {
                first(0, response.results.iter().map(|it| it.error_code))
            }
            Self::AlterPartitionReassignments(response) => {
                let partitions = response.responses.iter().flat_map(|topic| &topic.partitions);
                first(response.error_code, partitions.map(|it| it.error_code))
            }
            Self::ListPartitionReassignments(response) => response.error_code,
            Self::UnregisterBroker(response) => response.error_code,
            Self::AlterConfigs(response) => {
                first(0, response.responses.iter().map(|it| it.error_code))
            }
            Self::IncrementalAlterConfigs(response) => {
                first(0, response.responses.iter().map(|it| it.error_code))
            }
            Self::ElectLeaders(response) => {
                let partitions =
                    response.replica_election_results.iter().flat_map(|it| &it.partition_result);
                first(response.error_code, partitions.map(|it| it.error_code))
            }
            Self::AddRaftVoter(response) => response.error_code,
            Self::RemoveRaftVoter(response) => response.error_code,
        };
        ErrorCode::try_from_code(code)
    }

    /// How many partitions are being moved, if that is what was asked.
    pub fn listed(&self) -> u32 {
        let Self::ListPartitionReassignments(response) = self else { return 0 };
        response.topics.iter().map(|topic| topic.partitions.len() as u32).sum()
    }
}

/// The first code that is an error.
fn first(whole: i16, parts: impl Iterator<Item = i16>) -> i16 {
    std::iter::once(whole).chain(parts).find(|code| *code != 0).unwrap_or(0)
}

fn unaltered(request: &AlterConfigsRequest, code: i16) -> AlterConfigsResponse {
    let responses = request.resources.iter().map(|asked| {
        LegacyAlteredResource::default()
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name.clone())
            .with_error_code(code)
    });
    AlterConfigsResponse::default().with_responses(responses.collect())
}

fn unchanged(
    request: &IncrementalAlterConfigsRequest,
    code: i16,
) -> IncrementalAlterConfigsResponse {
    let responses = request.resources.iter().map(|asked| {
        AlterConfigsResourceResponse::default()
            .with_resource_type(asked.resource_type)
            .with_resource_name(asked.resource_name.clone())
            .with_error_code(code)
    });
    IncrementalAlterConfigsResponse::default().with_responses(responses.collect())
}

fn unelected(request: &ElectLeadersRequest, code: i16) -> ElectLeadersResponse {
    let partition =
        |id: &i32| ElectedPartitionResult::default().with_partition_id(*id).with_error_code(code);
    let named = request.topic_partitions.iter().flatten().map(|asked| {
        ReplicaElectionResult::default()
            .with_topic(asked.topic.clone())
            .with_partition_result(asked.partitions.iter().map(partition).collect())
    });
    let response = ElectLeadersResponse::default().with_error_code(code);
    response.with_replica_election_results(named.collect())
}

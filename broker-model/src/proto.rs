//! The one door to the `kafka-protocol` crate: Kafka 4.1's own request and response structs and error codes.

use crate::types::TopicId;

pub use kafka_protocol::error::ResponseError as ErrorCode;
pub use kafka_protocol::messages::add_partitions_to_txn_request::{
    AddPartitionsToTxnTopic, AddPartitionsToTxnTransaction,
};
pub use kafka_protocol::messages::add_partitions_to_txn_response::{
    AddPartitionsToTxnPartitionResult, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult,
};
pub use kafka_protocol::messages::alter_configs_request::{
    AlterConfigsResource as LegacyAlterConfigsResource, AlterableConfig as LegacyAlterableConfig,
};
pub use kafka_protocol::messages::alter_configs_response::AlterConfigsResourceResponse as LegacyAlteredResource;
pub use kafka_protocol::messages::alter_partition_reassignments_request::{
    ReassignablePartition, ReassignableTopic,
};
pub use kafka_protocol::messages::alter_partition_reassignments_response::{
    ReassignablePartitionResponse, ReassignableTopicResponse,
};
pub use kafka_protocol::messages::consumer_group_describe_response::{
    Assignment as DescribedAssignment, DescribedGroup as DescribedConsumerGroup,
    Member as DescribedConsumerMember, TopicPartitions as DescribedPartitions,
};
pub use kafka_protocol::messages::consumer_group_heartbeat_request::TopicPartitions as OwnedPartitions;
pub use kafka_protocol::messages::consumer_group_heartbeat_response::{
    Assignment as HeartbeatAssignment, TopicPartitions as HeartbeatPartitions,
};
pub use kafka_protocol::messages::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsTopic,
};
pub use kafka_protocol::messages::create_partitions_response::CreatePartitionsTopicResult;
pub use kafka_protocol::messages::create_topics_request::{CreatableTopic, CreatableTopicConfig};
pub use kafka_protocol::messages::create_topics_response::CreatableTopicResult;
pub use kafka_protocol::messages::delete_groups_response::DeletableGroupResult;
pub use kafka_protocol::messages::delete_records_request::{
    DeleteRecordsPartition, DeleteRecordsTopic,
};
pub use kafka_protocol::messages::delete_records_response::{
    DeleteRecordsPartitionResult, DeleteRecordsTopicResult,
};
pub use kafka_protocol::messages::delete_topics_request::DeleteTopicState;
pub use kafka_protocol::messages::delete_topics_response::DeletableTopicResult;
pub use kafka_protocol::messages::describe_groups_response::{
    DescribedGroup as DescribedClassicGroup, DescribedGroupMember as DescribedClassicMember,
};
pub use kafka_protocol::messages::describe_producers_request::TopicRequest as ProducersOfTopicRequest;
pub use kafka_protocol::messages::describe_producers_response::{
    PartitionResponse as DescribedProducers, ProducerState as DescribedProducer,
    TopicResponse as ProducersOfTopic,
};
pub use kafka_protocol::messages::describe_transactions_response::{
    TopicData as TopicInTransaction, TransactionState as DescribedTransaction,
};
pub use kafka_protocol::messages::elect_leaders_request::TopicPartitions as ElectableTopic;
pub use kafka_protocol::messages::elect_leaders_response::{
    PartitionResult as ElectedPartitionResult, ReplicaElectionResult,
};
pub use kafka_protocol::messages::fetch_request::{FetchPartition, FetchTopic, ForgottenTopic};
pub use kafka_protocol::messages::fetch_response::{
    AbortedTransaction, FetchableTopicResponse, PartitionData,
};
pub use kafka_protocol::messages::find_coordinator_response::Coordinator;
pub use kafka_protocol::messages::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig,
};
pub use kafka_protocol::messages::incremental_alter_configs_response::AlterConfigsResourceResponse;
pub use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
pub use kafka_protocol::messages::join_group_response::JoinGroupResponseMember;
pub use kafka_protocol::messages::leave_group_request::MemberIdentity;
pub use kafka_protocol::messages::leave_group_response::MemberResponse;
pub use kafka_protocol::messages::list_groups_response::ListedGroup;
pub use kafka_protocol::messages::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
pub use kafka_protocol::messages::list_offsets_response::{
    ListOffsetsPartitionResponse, ListOffsetsTopicResponse,
};
pub use kafka_protocol::messages::list_partition_reassignments_response::{
    OngoingPartitionReassignment, OngoingTopicReassignment,
};
pub use kafka_protocol::messages::list_transactions_response::TransactionState as ListedTransaction;
pub use kafka_protocol::messages::metadata_request::MetadataRequestTopic;
pub use kafka_protocol::messages::metadata_response::{
    MetadataResponseBroker, MetadataResponsePartition, MetadataResponseTopic,
};
pub use kafka_protocol::messages::offset_commit_request::{
    OffsetCommitRequestPartition, OffsetCommitRequestTopic,
};
pub use kafka_protocol::messages::offset_commit_response::{
    OffsetCommitResponsePartition, OffsetCommitResponseTopic,
};
pub use kafka_protocol::messages::offset_delete_request::{
    OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
pub use kafka_protocol::messages::offset_delete_response::{
    OffsetDeleteResponsePartition, OffsetDeleteResponseTopic,
};
pub use kafka_protocol::messages::offset_fetch_request::{
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};
pub use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponseGroup, OffsetFetchResponsePartitions, OffsetFetchResponseTopics,
};
pub use kafka_protocol::messages::offset_for_leader_epoch_request::{
    OffsetForLeaderPartition, OffsetForLeaderTopic,
};
pub use kafka_protocol::messages::offset_for_leader_epoch_response::{
    EpochEndOffset, OffsetForLeaderTopicResult,
};
pub use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
pub use kafka_protocol::messages::produce_response::{
    PartitionProduceResponse, TopicProduceResponse,
};
pub use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
pub use kafka_protocol::messages::txn_offset_commit_request::{
    TxnOffsetCommitRequestPartition, TxnOffsetCommitRequestTopic,
};
pub use kafka_protocol::messages::txn_offset_commit_response::{
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
pub use kafka_protocol::messages::write_txn_markers_request::{
    WritableTxnMarker, WritableTxnMarkerTopic,
};
pub use kafka_protocol::messages::write_txn_markers_response::{
    WritableTxnMarkerPartitionResult as WrittenTxnMarkerPartition,
    WritableTxnMarkerResult as WrittenTxnMarker,
    WritableTxnMarkerTopicResult as WrittenTxnMarkerTopic,
};
pub use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddOffsetsToTxnResponse, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, EndTxnRequest, EndTxnResponse, TransactionalId,
    TxnOffsetCommitRequest, TxnOffsetCommitResponse,
};
pub use kafka_protocol::messages::{
    AddRaftVoterRequest, AddRaftVoterResponse, RemoveRaftVoterRequest, RemoveRaftVoterResponse,
};
pub use kafka_protocol::messages::{
    AlterConfigsRequest, AlterConfigsResponse, AlterPartitionReassignmentsRequest,
    AlterPartitionReassignmentsResponse, CreatePartitionsRequest, CreatePartitionsResponse,
    DeleteTopicsRequest, DeleteTopicsResponse, ElectLeadersRequest, ElectLeadersResponse,
    IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse,
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse, UnregisterBrokerRequest,
    UnregisterBrokerResponse,
};
pub use kafka_protocol::messages::{
    BrokerId, ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse, CreateTopicsRequest,
    CreateTopicsResponse, DeleteRecordsRequest, DeleteRecordsResponse, FetchRequest, FetchResponse,
    FindCoordinatorRequest, FindCoordinatorResponse, GroupId, HeartbeatRequest, HeartbeatResponse,
    InitProducerIdRequest, InitProducerIdResponse, JoinGroupRequest, JoinGroupResponse,
    LeaveGroupRequest, LeaveGroupResponse, ListOffsetsRequest, ListOffsetsResponse,
    MetadataRequest, MetadataResponse, OffsetCommitRequest, OffsetCommitResponse,
    OffsetFetchRequest, OffsetFetchResponse, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, ProduceRequest, ProduceResponse, SyncGroupRequest,
    SyncGroupResponse, TopicName,
};
pub use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, DeleteGroupsRequest,
    DeleteGroupsResponse, DescribeGroupsRequest, DescribeGroupsResponse, DescribeProducersRequest,
    DescribeProducersResponse, DescribeTransactionsRequest, DescribeTransactionsResponse,
    ListGroupsRequest, ListGroupsResponse, ListTransactionsRequest, ListTransactionsResponse,
    OffsetDeleteRequest, OffsetDeleteResponse, ProducerId as WireProducerId,
    WriteTxnMarkersRequest as TxnMarkersRequest, WriteTxnMarkersResponse as TxnMarkersResponse,
};
pub use kafka_protocol::protocol::{Encodable, Message as KafkaMessage, StrBytes};
pub use uuid::Uuid;

/// A topic's id as Kafka writes it.
pub fn topic_uuid(topic: TopicId) -> Uuid {
    uuid(u128::from(topic.0))
}

/// An id as Kafka writes it, as the crate's structs have it.
pub fn uuid(id: u128) -> Uuid {
    Uuid::from_u128(id)
}

/// The topic of an id as Kafka writes it; nothing if it is none of ours.
pub fn topic_of_uuid(uuid: u128) -> Option<TopicId> {
    u32::try_from(uuid).ok().map(TopicId)
}

/// The topic of an id in an answer: zero is told where there is none. Source: `Uuid.ZERO_UUID`.
pub fn told_topic(uuid: u128) -> Option<TopicId> {
    topic_of_uuid(uuid).filter(|topic| topic.0 > 0)
}

/// A message in the bytes of the newest version of its API that the crate knows.
///
/// # Panics
/// If a field is set that this version has not.
pub fn encode<M: Encodable + KafkaMessage + std::fmt::Debug>(message: &M) -> bytes::Bytes {
    let mut bytes = bytes::BytesMut::new();
    let version = M::VERSIONS.max;
    if let Err(error) = message.encode(&mut bytes, version) {
        panic!("{message:?} has no form in version {version}: {error}");
    }
    bytes.freeze()
}

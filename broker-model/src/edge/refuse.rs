//! The answer that tells an error and does nothing, for each API. Source: `getErrorResponse` of Kafka's requests.

use crate::message::ClientRequest as Request;
use crate::message::ClientResponse;
use crate::proto::{
    AddOffsetsToTxnResponse, AddPartitionsToTxnPartitionResult, AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse, AddPartitionsToTxnResult, AddPartitionsToTxnTopicResult, BrokerId,
    ConsumerGroupHeartbeatResponse, Coordinator, CreatableTopicResult, CreateTopicsRequest,
    CreateTopicsResponse, DeleteRecordsPartitionResult, DeleteRecordsRequest,
    DeleteRecordsResponse, DeleteRecordsTopicResult, EndTxnResponse, EpochEndOffset, ErrorCode,
    FetchRequest, FetchResponse, FetchableTopicResponse, FindCoordinatorRequest,
    FindCoordinatorResponse, HeartbeatResponse, InitProducerIdResponse, JoinGroupRequest,
    JoinGroupResponse, LeaveGroupResponse, ListOffsetsPartitionResponse, ListOffsetsRequest,
    ListOffsetsResponse, ListOffsetsTopicResponse, MetadataRequest, MetadataResponse,
    MetadataResponseTopic, OffsetCommitRequest, OffsetCommitResponse,
    OffsetCommitResponsePartition, OffsetCommitResponseTopic, OffsetFetchRequest,
    OffsetFetchResponse, OffsetFetchResponseGroup, OffsetForLeaderEpochRequest,
    OffsetForLeaderEpochResponse, OffsetForLeaderTopicResult, PartitionData,
    PartitionProduceResponse, ProduceRequest, ProduceResponse, SyncGroupResponse,
    TopicProduceResponse, TxnOffsetCommitRequest, TxnOffsetCommitResponse,
    TxnOffsetCommitResponsePartition, TxnOffsetCommitResponseTopic,
};
use crate::share_message::ShareFetchResponse;
use bytes::Bytes;

/// The answer to a request, in the words of the model, that tells an error.
pub fn refuse(request: &Request, error: ErrorCode) -> ClientResponse {
    let code = error.code();
    match request {
        Request::Produce(it) => ClientResponse::Produce(Box::new(produce(it, code))),
        Request::Fetch(it) => ClientResponse::Fetch(Box::new(fetch(it, code))),
        Request::ListOffsets(it) => ClientResponse::ListOffsets(Box::new(list_offsets(it, code))),
        Request::Metadata(it) => ClientResponse::Metadata(Box::new(metadata(it, code))),
        Request::OffsetForLeaderEpoch(it) => {
            ClientResponse::OffsetForLeaderEpoch(Box::new(epoch_ends(it, code)))
        }
        Request::InitProducerId(_) => ClientResponse::InitProducerId(Box::new(
            InitProducerIdResponse::default()
                .with_error_code(code)
                .with_producer_id((-1).into())
                .with_producer_epoch(-1),
        )),
        Request::CreateTopics(it) => {
            ClientResponse::CreateTopics(Box::new(create_topics(it, code)))
        }
        Request::DeleteRecords(it) => {
            ClientResponse::DeleteRecords(Box::new(delete_records(it, code)))
        }
        Request::FindCoordinator(it) => {
            ClientResponse::FindCoordinator(Box::new(find_coordinator(it, code)))
        }
        Request::JoinGroup(it) => ClientResponse::JoinGroup(Box::new(join_group(it, code))),
        Request::SyncGroup(_) => {
            ClientResponse::SyncGroup(Box::new(SyncGroupResponse::default().with_error_code(code)))
        }
        Request::Heartbeat(_) => {
            ClientResponse::Heartbeat(Box::new(HeartbeatResponse::default().with_error_code(code)))
        }
        Request::LeaveGroup(_) => ClientResponse::LeaveGroup(Box::new(
            LeaveGroupResponse::default().with_error_code(code),
        )),
        Request::OffsetCommit(it) => {
            ClientResponse::OffsetCommit(Box::new(offset_commit(it, code)))
        }
        Request::OffsetFetch(it) => ClientResponse::OffsetFetch(Box::new(offset_fetch(it, code))),
        Request::ConsumerGroupHeartbeat(_) => ClientResponse::ConsumerGroupHeartbeat(Box::new(
            ConsumerGroupHeartbeatResponse::default().with_error_code(code),
        )),
        Request::AddPartitionsToTxn(it) => {
            ClientResponse::AddPartitionsToTxn(Box::new(add_partitions(it, code)))
        }
        Request::AddOffsetsToTxn(_) => ClientResponse::AddOffsetsToTxn(Box::new(
            AddOffsetsToTxnResponse::default().with_error_code(code),
        )),
        Request::TxnOffsetCommit(it) => {
            ClientResponse::TxnOffsetCommit(Box::new(txn_offset_commit(it, code)))
        }
        Request::EndTxn(_) => {
            ClientResponse::EndTxn(Box::new(EndTxnResponse::default().with_error_code(code)))
        }
        Request::ShareFetch(_) => {
            ClientResponse::ShareFetch(Box::new(ShareFetchResponse::refused(error)))
        }
        Request::Admin(it) => ClientResponse::Admin(Box::new(it.refused(error))),
        Request::GroupAdmin(it) => ClientResponse::GroupAdmin(Box::new(it.refused(error))),
        Request::TransactionAdmin(it) => {
            ClientResponse::TransactionAdmin(Box::new(it.refused(error)))
        }
    }
}

fn produce(request: &ProduceRequest, code: i16) -> ProduceResponse {
    let topics = request.topic_data.iter().map(|topic| {
        let partitions = topic.partition_data.iter().map(|data| {
            PartitionProduceResponse::default()
                .with_index(data.index)
                .with_error_code(code)
                .with_base_offset(-1)
                .with_log_append_time_ms(-1)
                .with_log_start_offset(-1)
        });
        TopicProduceResponse::default()
            .with_name(topic.name.clone())
            .with_partition_responses(partitions.collect())
    });
    ProduceResponse::default().with_responses(topics.collect())
}

fn fetch(request: &FetchRequest, code: i16) -> FetchResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            PartitionData::default()
                .with_partition_index(asked.partition)
                .with_error_code(code)
                .with_high_watermark(-1)
                .with_records(Some(Bytes::new()))
        });
        FetchableTopicResponse::default()
            .with_topic(topic.topic.clone())
            .with_partitions(partitions.collect())
    });
    FetchResponse::default().with_error_code(code).with_responses(topics.collect())
}

fn list_offsets(request: &ListOffsetsRequest, code: i16) -> ListOffsetsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            ListOffsetsPartitionResponse::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(code)
                .with_timestamp(-1)
                .with_offset(-1)
        });
        ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn metadata(request: &MetadataRequest, code: i16) -> MetadataResponse {
    let topics = request.topics.iter().flatten().map(|topic| {
        MetadataResponseTopic::default().with_name(topic.name.clone()).with_error_code(code)
    });
    MetadataResponse::default().with_controller_id(BrokerId(-1)).with_topics(topics.collect())
}

fn epoch_ends(request: &OffsetForLeaderEpochRequest, code: i16) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            EpochEndOffset::default()
                .with_partition(asked.partition)
                .with_error_code(code)
                .with_leader_epoch(-1)
                .with_end_offset(-1)
        });
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic.clone())
            .with_partitions(partitions.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

fn create_topics(request: &CreateTopicsRequest, code: i16) -> CreateTopicsResponse {
    let topics = request.topics.iter().map(|topic| {
        CreatableTopicResult::default().with_name(topic.name.clone()).with_error_code(code)
    });
    CreateTopicsResponse::default().with_topics(topics.collect())
}

fn delete_records(request: &DeleteRecordsRequest, code: i16) -> DeleteRecordsResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            DeleteRecordsPartitionResult::default()
                .with_partition_index(asked.partition_index)
                .with_low_watermark(-1)
                .with_error_code(code)
        });
        DeleteRecordsTopicResult::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    DeleteRecordsResponse::default().with_topics(topics.collect())
}

fn find_coordinator(request: &FindCoordinatorRequest, code: i16) -> FindCoordinatorResponse {
    let keys = request.coordinator_keys.iter().map(|key| {
        Coordinator::default()
            .with_key(key.clone())
            .with_node_id(BrokerId(-1))
            .with_port(-1)
            .with_error_code(code)
    });
    FindCoordinatorResponse::default().with_coordinators(keys.collect())
}

fn join_group(request: &JoinGroupRequest, code: i16) -> JoinGroupResponse {
    JoinGroupResponse::default()
        .with_error_code(code)
        .with_generation_id(-1)
        .with_member_id(request.member_id.clone())
}

fn offset_commit(request: &OffsetCommitRequest, code: i16) -> OffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            OffsetCommitResponsePartition::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(code)
        });
        OffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}

fn offset_fetch(request: &OffsetFetchRequest, code: i16) -> OffsetFetchResponse {
    let groups = request.groups.iter().map(|group| {
        OffsetFetchResponseGroup::default()
            .with_group_id(group.group_id.clone())
            .with_error_code(code)
    });
    OffsetFetchResponse::default().with_groups(groups.collect())
}

fn add_partitions(request: &AddPartitionsToTxnRequest, code: i16) -> AddPartitionsToTxnResponse {
    let transactions = request.transactions.iter().map(|transaction| {
        let topics = transaction.topics.iter().map(|topic| {
            let partitions = topic.partitions.iter().map(|index| {
                AddPartitionsToTxnPartitionResult::default()
                    .with_partition_index(*index)
                    .with_partition_error_code(code)
            });
            AddPartitionsToTxnTopicResult::default()
                .with_name(topic.name.clone())
                .with_results_by_partition(partitions.collect())
        });
        AddPartitionsToTxnResult::default()
            .with_transactional_id(transaction.transactional_id.clone())
            .with_topic_results(topics.collect())
    });
    AddPartitionsToTxnResponse::default().with_results_by_transaction(transactions.collect())
}

fn txn_offset_commit(request: &TxnOffsetCommitRequest, code: i16) -> TxnOffsetCommitResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|asked| {
            TxnOffsetCommitResponsePartition::default()
                .with_partition_index(asked.partition_index)
                .with_error_code(code)
        });
        TxnOffsetCommitResponseTopic::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    });
    TxnOffsetCommitResponse::default().with_topics(topics.collect())
}

//! What clients of each version say becomes what the model is asked, which is the words of the newest versions with
//! topics by name. Source: the `data()` and `Builder` of Kafka's requests.

use crate::admin_message::AdminRequest;
use crate::message::ClientRequest;
use crate::metadata::MetadataImage;
use crate::proto::{
    AddPartitionsToTxnRequest, AddPartitionsToTxnTransaction, BrokerId, CreateTopicsRequest,
    DeleteTopicState, FetchRequest, FindCoordinatorRequest, JoinGroupRequest, LeaveGroupRequest,
    ListOffsetsRequest, MemberIdentity, MetadataRequest, OffsetFetchRequest,
    OffsetFetchRequestGroup, OffsetFetchRequestTopics,
};

use super::topic_ids::name_of;

/// What a topic is given whose creator leaves it open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopicDefaults {
    /// `num.partitions`.
    pub partitions: i32,
    /// `default.replication.factor`.
    pub replication_factor: i16,
}

/// Puts a request in the words of the model; ids are those of the metadata that the asked broker has.
pub fn admit(
    mut body: ClientRequest,
    version: i16,
    image: &MetadataImage,
    defaults: TopicDefaults,
) -> ClientRequest {
    match &mut body {
        ClientRequest::Fetch(request) => {
            // Whoever asks at the edge is no replica, whatever it says.
            request.replica_id = BrokerId(-1);
            name_fetched(request, version, image);
        }
        // Offsets are kept as long as the broker says. Source: KIP-211.
        ClientRequest::OffsetCommit(request) => request.retention_time_ms = -1,
        ClientRequest::Metadata(request) => name_described(request, version, image),
        ClientRequest::OffsetFetch(request) => group_offsets(request, version),
        ClientRequest::FindCoordinator(request) => list_keys(request, version),
        ClientRequest::JoinGroup(request) => time_rebalance(request, version),
        ClientRequest::LeaveGroup(request) => list_members(request, version),
        ClientRequest::AddPartitionsToTxn(request) => list_transactions(request, version),
        ClientRequest::CreateTopics(request) => fill_in(request, defaults),
        ClientRequest::Admin(request) => administer(request, version),
        ClientRequest::ListOffsets(request) => time(request, version),
        ClientRequest::Produce(_)
        | ClientRequest::OffsetForLeaderEpoch(_)
        | ClientRequest::ConsumerGroupHeartbeat(_)
        | ClientRequest::InitProducerId(_)
        | ClientRequest::GroupAdmin(_)
        | ClientRequest::TransactionAdmin(_)
        | ClientRequest::DeleteRecords(_)
        | ClientRequest::SyncGroup(_)
        | ClientRequest::Heartbeat(_)
        | ClientRequest::AddOffsetsToTxn(_)
        | ClientRequest::TxnOffsetCommit(_)
        | ClientRequest::EndTxn(_)
        | ClientRequest::ShareFetch(_) => {}
    }
    body
}

/// Topics by id since version 13. Source: KIP-516.
fn name_fetched(request: &mut FetchRequest, version: i16, image: &MetadataImage) {
    if version < 13 {
        return;
    }
    for topic in &mut request.topics {
        topic.topic = name_of(image, topic.topic_id.as_u128());
    }
    for topic in &mut request.forgotten_topics_data {
        topic.topic = name_of(image, topic.topic_id.as_u128());
    }
}

/// What stands for a special offset in later versions stands for nothing in earlier ones. Source:
/// `ReplicaManager.isListOffsetsTimestampUnsupported`.
fn time(request: &mut ListOffsetsRequest, version: i16) {
    let partitions = request.topics.iter_mut().flat_map(|topic| &mut topic.partitions);
    for asked in partitions {
        let since = match asked.timestamp {
            -3 => 7,
            -4 => 8,
            -5 => 9,
            _ => continue,
        };
        if version < since {
            asked.timestamp = i64::MIN;
        }
    }
}

/// No topics meant all of them in version 0; later null does. If one is asked for by its id, those with ids are meant,
/// whatever their names: Java's name is empty then, others' null. Source: `KafkaApis.handleTopicMetadataRequest`.
fn name_described(request: &mut MetadataRequest, version: i16, image: &MetadataImage) {
    if version == 0 && request.topics.as_ref().is_some_and(Vec::is_empty) {
        request.topics = None;
    }
    let Some(topics) = request.topics.as_mut() else { return };
    if topics.iter().any(|topic| !topic.topic_id.is_nil()) {
        topics.retain(|topic| !topic.topic_id.is_nil());
        for topic in topics.iter_mut() {
            topic.name = Some(name_of(image, topic.topic_id.as_u128()));
        }
    }
}

/// One group before version 8. Source: KIP-709.
fn group_offsets(request: &mut OffsetFetchRequest, version: i16) {
    if version >= 8 {
        return;
    }
    let topics = request.topics.take().map(|topics| {
        let topics = topics.into_iter().map(|topic| {
            OffsetFetchRequestTopics::default()
                .with_name(topic.name)
                .with_partition_indexes(topic.partition_indexes)
        });
        topics.collect()
    });
    let group = std::mem::take(&mut request.group_id);
    request.groups = vec![
        OffsetFetchRequestGroup::default()
            .with_group_id(group)
            .with_member_epoch(-1)
            .with_topics(topics),
    ];
}

/// One key before version 4. Source: KIP-699.
fn list_keys(request: &mut FindCoordinatorRequest, version: i16) {
    if version < 4 {
        request.coordinator_keys = vec![std::mem::take(&mut request.key)];
    }
}

/// In version 0 there is one timeout for both. Source: `JoinGroupRequest`.
fn time_rebalance(request: &mut JoinGroupRequest, version: i16) {
    if version == 0 {
        request.rebalance_timeout_ms = request.session_timeout_ms;
    }
}

/// One member before version 3. Source: KIP-345.
fn list_members(request: &mut LeaveGroupRequest, version: i16) {
    if version < 3 {
        let member = std::mem::take(&mut request.member_id);
        request.members = vec![MemberIdentity::default().with_member_id(member)];
    }
}

/// One transaction before version 4. Source: KIP-890.
fn list_transactions(request: &mut AddPartitionsToTxnRequest, version: i16) {
    if version >= 4 {
        return;
    }
    let transaction = AddPartitionsToTxnTransaction::default()
        .with_transactional_id(std::mem::take(&mut request.v3_and_below_transactional_id))
        .with_producer_id(request.v3_and_below_producer_id)
        .with_producer_epoch(request.v3_and_below_producer_epoch)
        .with_topics(std::mem::take(&mut request.v3_and_below_topics));
    *request = AddPartitionsToTxnRequest::default().with_transactions(vec![transaction]);
}

/// Topics by name alone before version 6; whether a reassignment may change the number of replicas is asked since its
/// version 1, and was allowed before. Source: KIP-516, KIP-860.
fn administer(request: &mut AdminRequest, version: i16) {
    if let AdminRequest::DeleteTopics(request) = request
        && version < 6
    {
        let names = std::mem::take(&mut request.topic_names).into_iter();
        let topics = names.map(|name| DeleteTopicState::default().with_name(Some(name)));
        request.topics = topics.collect();
    } else if let AdminRequest::AlterPartitionReassignments(request) = request
        && version < 1
    {
        request.allow_replication_factor_change = true;
    }
}

/// -1 is the broker's default. Source: KIP-464.
fn fill_in(request: &mut CreateTopicsRequest, defaults: TopicDefaults) {
    for topic in request.topics.iter_mut().filter(|topic| topic.assignments.is_empty()) {
        if topic.num_partitions == -1 {
            topic.num_partitions = defaults.partitions;
        }
        if topic.replication_factor == -1 {
            topic.replication_factor = defaults.replication_factor;
        }
    }
}

//! What the model answers becomes bytes of the version that was asked: what that version has not is left out, and
//! brokers are where clients can reach them.

use bytes::Bytes;
use kafka_protocol::messages::api_versions_response::{
    ApiVersion, FinalizedFeatureKey, SupportedFeatureKey,
};
use kafka_protocol::messages::describe_cluster_response::DescribeClusterBroker;
use kafka_protocol::messages::fetch_response::NodeEndpoint as FetchEndpoint;
use kafka_protocol::messages::offset_fetch_response::{
    OffsetFetchResponsePartition, OffsetFetchResponseTopic,
};
use kafka_protocol::messages::produce_response::NodeEndpoint as ProduceEndpoint;
use kafka_protocol::messages::{ApiVersionsResponse, DescribeClusterResponse, ResponseHeader};
use kafka_protocol::protocol::{Encodable, HeaderVersion};

use super::apis::{ApiKey, TransactionVersion, served};
use super::frame::{begin_frame, end_frame};
use super::topic_ids::{id_of, is_unknown};
use crate::admin_message::AdminResponse;
use crate::group_admin_message::GroupAdminResponse;
use crate::message::ClientResponse;
use crate::metadata::MetadataImage;
use crate::proto::{
    AddPartitionsToTxnResponse, BrokerId, CreateTopicsResponse, DescribeGroupsResponse, ErrorCode,
    FetchResponse, FindCoordinatorResponse, JoinGroupResponse, LeaveGroupResponse,
    ListOffsetsResponse, MetadataResponse, OffsetFetchResponse, ProduceResponse, StrBytes,
};
use crate::transaction_admin_message::TransactionAdminResponse;
use crate::types::NodeId;

/// Where clients reach a broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Which broker.
    pub node: NodeId,
    /// Its host.
    pub host: StrBytes,
    /// Its port.
    pub port: u16,
}

/// What an answer needs to be written.
#[derive(Debug, Clone, Copy)]
pub struct Answering<'a> {
    /// The metadata that the answering broker has.
    pub image: &'a MetadataImage,
    /// Where all brokers are.
    pub endpoints: &'a [Endpoint],
    /// The cluster's id.
    pub cluster_id: &'a StrBytes,
}

impl Answering<'_> {
    fn endpoint(&self, node: BrokerId) -> (StrBytes, i32) {
        let found = self.endpoints.iter().find(|endpoint| endpoint.node.0 == node.0);
        found.map_or_else(
            || (StrBytes::from_static_str(""), -1),
            |endpoint| (endpoint.host.clone(), i32::from(endpoint.port)),
        )
    }
}

/// The whole frame of an answer in a version; nothing if the answer has no form in it.
pub fn answer(
    body: ClientResponse,
    (version, correlation_id): (i16, i32),
    with: &Answering<'_>,
) -> Option<Bytes> {
    let to = (version, correlation_id);
    match body {
        ClientResponse::Produce(it) => write(&produced(*it, version, with), to),
        ClientResponse::Fetch(it) => write(&fetched(*it, version, with), to),
        ClientResponse::ListOffsets(it) => write(&listed(*it, version), to),
        ClientResponse::Metadata(it) => write(&described(*it, version, with), to),
        ClientResponse::OffsetForLeaderEpoch(it) => write(&*it, to),
        ClientResponse::InitProducerId(it) => write(&*it, to),
        ClientResponse::CreateTopics(it) => write(&created(*it), to),
        ClientResponse::DeleteRecords(it) => write(&*it, to),
        ClientResponse::FindCoordinator(it) => write(&found(*it, version, with), to),
        ClientResponse::JoinGroup(it) => write(&joined(*it, version), to),
        ClientResponse::SyncGroup(it) => write(&*it, to),
        ClientResponse::Heartbeat(it) => write(&*it, to),
        ClientResponse::LeaveGroup(it) => write(&left(*it, version), to),
        ClientResponse::OffsetCommit(it) => write(&*it, to),
        ClientResponse::OffsetFetch(it) => write(&offsets(*it, version), to),
        ClientResponse::ConsumerGroupHeartbeat(it) => write(&*it, to),
        ClientResponse::AddPartitionsToTxn(it) => write(&added(*it, version), to),
        ClientResponse::AddOffsetsToTxn(it) => write(&*it, to),
        ClientResponse::TxnOffsetCommit(it) => write(&*it, to),
        ClientResponse::EndTxn(it) => write(&*it, to),
        ClientResponse::Admin(it) => administered(*it, to),
        ClientResponse::GroupAdmin(it) => groups_administered(*it, to),
        ClientResponse::TransactionAdmin(it) => transactions_administered(&it, to),
        // Nobody asks for it at the edge.
        ClientResponse::ShareFetch(_) => None,
    }
}

fn groups_administered(response: GroupAdminResponse, to: (i16, i32)) -> Option<Bytes> {
    match response {
        GroupAdminResponse::ListGroups(it) => write(&it, to),
        GroupAdminResponse::DescribeGroups(it) => write(&described_groups(it, to.0), to),
        GroupAdminResponse::ConsumerGroupDescribe(it) => write(&it, to),
        GroupAdminResponse::DeleteGroups(it) => write(&it, to),
        GroupAdminResponse::OffsetDelete(it) => write(&it, to),
    }
}

/// That a group is not there is told since version 6; before, it is a dead one. Source: KIP-1043,
/// `GroupMetadataManager.describeGroups`.
fn described_groups(mut response: DescribeGroupsResponse, version: i16) -> DescribeGroupsResponse {
    for group in response.groups.iter_mut().filter(|_| version < 6) {
        group.error_message = None;
        if group.error_code == ErrorCode::GroupIdNotFound.code() {
            group.error_code = 0;
        }
    }
    response
}

fn transactions_administered(response: &TransactionAdminResponse, to: (i16, i32)) -> Option<Bytes> {
    match response {
        TransactionAdminResponse::ListTransactions(it) => write(it, to),
        TransactionAdminResponse::DescribeTransactions(it) => write(it, to),
        TransactionAdminResponse::DescribeProducers(it) => write(it, to),
        TransactionAdminResponse::WriteTxnMarkers(it) => write(it, to),
    }
}

fn administered(response: AdminResponse, to: (i16, i32)) -> Option<Bytes> {
    match response {
        AdminResponse::DeleteTopics(it) => write(&it, to),
        AdminResponse::CreatePartitions(it) => write(&it, to),
        AdminResponse::AlterPartitionReassignments(mut it) => {
            // It is not told in version 0.
            it.allow_replication_factor_change |= to.0 < 1;
            write(&it, to)
        }
        AdminResponse::ListPartitionReassignments(it) => write(&it, to),
        AdminResponse::UnregisterBroker(it) => write(&it, to),
        AdminResponse::AlterConfigs(it) => write(&it, to),
        AdminResponse::IncrementalAlterConfigs(it) => write(&it, to),
        AdminResponse::ElectLeaders(mut it) => {
            // Version 0 has no error of the whole; each partition has its own.
            if to.0 == 0 {
                it.error_code = 0;
            }
            write(&it, to)
        }
        AdminResponse::AddRaftVoter(it) => write(&it, to),
        AdminResponse::RemoveRaftVoter(it) => write(&it, to),
    }
}

pub(super) fn write<M: Encodable + HeaderVersion>(
    message: &M,
    (version, correlation_id): (i16, i32),
) -> Option<Bytes> {
    let mut bytes = begin_frame();
    let header = ResponseHeader::default().with_correlation_id(correlation_id);
    header.encode(&mut bytes, M::header_version(version)).ok()?;
    message.encode(&mut bytes, version).ok()?;
    Some(end_frame(bytes))
}

/// Which versions are served. A version of the question that nobody knows (`None`) is answered in version 0 with an
/// error, and what of this API is served. Source: KIP-511, `ApiVersionsRequest.getErrorResponse`.
///
/// # Panics
/// Never: the answer has a form in all versions that are served.
pub fn api_versions(
    (version, correlation_id): (Option<i16>, i32),
    transactions: TransactionVersion,
    valid: bool,
) -> Bytes {
    let apis = served().iter().filter(|api| version.is_some() || api.key == ApiKey::ApiVersions);
    let apis = apis.map(|api| {
        let (from, until) = api.advertised(transactions).into_inner();
        let told = ApiVersion::default().with_api_key(api.key as i16);
        told.with_min_version(from).with_max_version(until)
    });
    let error = match (version, valid) {
        (None, _) => ErrorCode::UnsupportedVersion.code(),
        (Some(_), false) => ErrorCode::InvalidRequest.code(),
        (Some(_), true) => 0,
    };
    let mut response = ApiVersionsResponse::default().with_error_code(error);
    if valid {
        response.api_keys = apis.collect();
    }
    if version.is_some_and(|version| version >= 3) && valid {
        tell_features(&mut response, transactions);
    }
    let to = (version.unwrap_or(0), correlation_id);
    write(&response, to).expect("it has a form in all versions")
}

/// A feature at level 0 is not finalized. Source: KIP-584, `Features.finalizedFeatures`.
fn tell_features(response: &mut ApiVersionsResponse, transactions: TransactionVersion) {
    let name = StrBytes::from_static_str("transaction.version");
    let supported = SupportedFeatureKey::default().with_name(name.clone());
    response.supported_features = vec![supported.with_min_version(0).with_max_version(2)];
    response.finalized_features_epoch = 0;
    let level = transactions.0 as i16;
    if level > 0 {
        let finalized = FinalizedFeatureKey::default().with_name(name);
        let finalized = finalized.with_min_version_level(level).with_max_version_level(level);
        response.finalized_features = vec![finalized];
    }
}

/// Who is in the cluster. Source: KIP-700, `KafkaApis.handleDescribeCluster`.
pub fn cluster_description(
    (version, correlation_id): (i16, i32),
    node: NodeId,
    with: &Answering<'_>,
) -> Option<Bytes> {
    let alive = with.image.brokers.iter().filter(|(_, registration)| !registration.fenced);
    let brokers = alive.map(|(broker, _)| {
        let id = BrokerId(broker.0);
        let (host, port) = with.endpoint(id);
        DescribeClusterBroker::default().with_broker_id(id).with_host(host).with_port(port)
    });
    let response = DescribeClusterResponse::default()
        .with_cluster_id(with.cluster_id.clone())
        .with_controller_id(BrokerId(node.0))
        .with_brokers(brokers.collect());
    write(&response, (version, correlation_id))
}

/// Who leads instead is told since version 10, with where it is. Source: KIP-951.
fn produced(mut response: ProduceResponse, version: i16, with: &Answering<'_>) -> ProduceResponse {
    let topics = response.responses.iter_mut();
    let mut leaders = Vec::new();
    for answer in topics.flat_map(|topic| &mut topic.partition_responses) {
        if version < 10 {
            answer.current_leader =
                kafka_protocol::messages::produce_response::LeaderIdAndEpoch::default();
        } else if answer.current_leader.leader_id.0 >= 0 {
            leaders.push(answer.current_leader.leader_id);
        }
    }
    leaders.sort_unstable();
    leaders.dedup();
    let endpoints = leaders.into_iter().map(|leader| {
        let (host, port) = with.endpoint(leader);
        ProduceEndpoint::default().with_node_id(leader).with_host(host).with_port(port)
    });
    response.node_endpoints = endpoints.collect();
    response
}

/// Topics by id since version 13; who leads instead, with where it is, since version 16. Source: KIP-516, KIP-951.
fn fetched(mut response: FetchResponse, version: i16, with: &Answering<'_>) -> FetchResponse {
    let mut leaders = Vec::new();
    for topic in &mut response.responses {
        let unknown = is_unknown(&topic.topic);
        if version >= 13 {
            if topic.topic_id.is_nil() {
                topic.topic_id = id_of(with.image, &topic.topic);
            }
            topic.topic = kafka_protocol::messages::TopicName::default();
        }
        for data in &mut topic.partitions {
            if unknown {
                data.error_code = ErrorCode::UnknownTopicId.code();
            }
            if data.error_code != 0 {
                data.aborted_transactions = None;
            }
            if data.current_leader.leader_id.0 >= 0 {
                leaders.push(data.current_leader.leader_id);
            }
        }
    }
    if version < 7 {
        response.session_id = 0;
    }
    if version >= 16 {
        leaders.sort_unstable();
        leaders.dedup();
        let endpoints = leaders.into_iter().map(|leader| {
            let (host, port) = with.endpoint(leader);
            FetchEndpoint::default().with_node_id(leader).with_host(host).with_port(port)
        });
        response.node_endpoints = endpoints.collect();
    }
    response
}

/// Of a topic that is not created nothing is told. Source: `ControllerApis.createTopics`.
fn created(mut response: CreateTopicsResponse) -> CreateTopicsResponse {
    for topic in response.topics.iter_mut().filter(|topic| topic.error_code != 0) {
        topic.num_partitions = -1;
        topic.replication_factor = -1;
    }
    response
}

/// The epoch of an offset is told since version 4, and since version 5 that an offset is not available yet. Source:
/// KIP-207, KIP-320.
fn listed(mut response: ListOffsetsResponse, version: i16) -> ListOffsetsResponse {
    for answer in response.topics.iter_mut().flat_map(|topic| &mut topic.partitions) {
        if version < 4 {
            answer.leader_epoch = -1;
        }
        if version < 5 && answer.error_code == ErrorCode::OffsetNotAvailable.code() {
            answer.error_code = ErrorCode::LeaderNotAvailable.code();
        }
    }
    response
}

/// Whether a topic is Kafka's own. Source: `Topic.INTERNAL_TOPICS`.
pub(super) fn is_internal(name: &str) -> bool {
    matches!(name, "__consumer_offsets" | "__transaction_state" | "__share_group_state")
}

fn described(
    mut response: MetadataResponse,
    version: i16,
    with: &Answering<'_>,
) -> MetadataResponse {
    for broker in &mut response.brokers {
        (broker.host, broker.port) = with.endpoint(broker.node_id);
    }
    response.cluster_id = Some(with.cluster_id.clone());
    for topic in &mut response.topics {
        let name = topic.name.as_ref().map(|name| name.0.clone()).unwrap_or_default();
        topic.is_internal = is_internal(&name);
        if is_unknown(&name) {
            topic.topic_id = id_of(with.image, &name);
            topic.error_code = ErrorCode::UnknownTopicId.code();
            topic.name = (version < 12).then(kafka_protocol::messages::TopicName::default);
        }
    }
    response
}

/// One coordinator before version 4.
fn found(
    mut response: FindCoordinatorResponse,
    version: i16,
    with: &Answering<'_>,
) -> FindCoordinatorResponse {
    for coordinator in &mut response.coordinators {
        (coordinator.host, coordinator.port) = with.endpoint(coordinator.node_id);
    }
    if version < 4
        && let Some(only) = response.coordinators.pop()
    {
        response.coordinators.clear();
        response.error_code = only.error_code;
        response.node_id = only.node_id;
        response.host = only.host;
        response.port = only.port;
    }
    response
}

fn joined(mut response: JoinGroupResponse, version: i16) -> JoinGroupResponse {
    if version < 9 {
        response.skip_assignment = false;
    }
    if version < 7 {
        response.protocol_name.get_or_insert_default();
    } else if response.error_code != 0 {
        response.protocol_name = None;
    }
    response
}

/// One member before version 3, whose error is that of all.
fn left(mut response: LeaveGroupResponse, version: i16) -> LeaveGroupResponse {
    if version < 3
        && let Some(only) = response.members.pop()
    {
        response.members.clear();
        if response.error_code == 0 {
            response.error_code = only.error_code;
        }
    }
    response
}

/// One group before version 8.
fn offsets(mut response: OffsetFetchResponse, version: i16) -> OffsetFetchResponse {
    if version >= 8 {
        return response;
    }
    let Some(only) = response.groups.pop() else { return response };
    response.groups.clear();
    if version >= 2 {
        response.error_code = only.error_code;
    }
    let topics = only.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.into_iter().map(|it| {
            OffsetFetchResponsePartition::default()
                .with_partition_index(it.partition_index)
                .with_committed_offset(it.committed_offset)
                .with_committed_leader_epoch(if version >= 5 {
                    it.committed_leader_epoch
                } else {
                    -1
                })
                .with_metadata(it.metadata)
                .with_error_code(it.error_code)
        });
        OffsetFetchResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions.collect())
    });
    response.topics = topics.collect();
    response
}

/// One transaction before version 4.
fn added(mut response: AddPartitionsToTxnResponse, version: i16) -> AddPartitionsToTxnResponse {
    if version < 4
        && let Some(only) = response.results_by_transaction.pop()
    {
        response.results_by_transaction.clear();
        response.error_code = 0;
        response.results_by_topic_v3_and_below = only.topic_results;
    }
    response
}

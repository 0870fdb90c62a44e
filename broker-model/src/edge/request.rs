//! A frame becomes a request, or is refused as Kafka refuses it: an unknown API or version ends the connection, but a
//! question for versions is always answered. Source: Kafka's `RequestHeader.parse`, `RequestContext.parseRequest`,
//! `SocketServer.processCompletedReceives`, KIP-511.

use bytes::Bytes;
use kafka_protocol::messages::{
    AddOffsetsToTxnRequest, AddPartitionsToTxnRequest, ApiVersionsRequest,
    ConsumerGroupHeartbeatRequest, CreateTopicsRequest, DeleteRecordsRequest,
    DescribeClusterRequest, DescribeConfigsRequest, DescribeTopicPartitionsRequest, EndTxnRequest,
    FetchRequest, FindCoordinatorRequest, HeartbeatRequest, InitProducerIdRequest,
    JoinGroupRequest, LeaveGroupRequest, ListOffsetsRequest, MetadataRequest, OffsetCommitRequest,
    OffsetFetchRequest, OffsetForLeaderEpochRequest, ProduceRequest, RequestHeader,
    SyncGroupRequest, TxnOffsetCommitRequest,
};
use kafka_protocol::protocol::Decodable;
use thiserror::Error;

use super::apis::{ApiKey, ServedApi, TransactionVersion, served_api};
use super::shape::{ShapeError, Walk};
use crate::admin_message::AdminRequest;
use crate::group_admin_message::GroupAdminRequest;
use crate::message::ClientRequest;
use crate::proto::StrBytes;
use crate::transaction_admin_message::TransactionAdminRequest;

/// Bytes of API key, version and correlation id.
const FIXED_HEADER_BYTES: usize = 8;

/// A request as it came.
#[derive(Debug, Clone, PartialEq)]
pub struct Incoming {
    /// Which API.
    pub key: ApiKey,
    /// In which version; the answer has the same.
    pub version: i16,
    /// Pairs the answer with the request.
    pub correlation_id: i32,
    /// `client.id`, if the client gave one.
    pub client_id: Option<StrBytes>,
    /// What is asked.
    pub body: Body,
}

/// What is asked.
#[derive(Debug, Clone, PartialEq)]
pub enum Body {
    /// Which versions are served. The edge answers it.
    ApiVersions(Box<ApiVersionsRequest>),
    /// Who is in the cluster. The edge answers it.
    DescribeCluster(Box<DescribeClusterRequest>),
    /// How topics are configured. The edge answers it.
    DescribeConfigs(Box<DescribeConfigsRequest>),
    /// Topics with their partitions. The edge answers it.
    DescribeTopicPartitions(Box<DescribeTopicPartitionsRequest>),
    /// What a broker answers, in the words of the client's version.
    Broker(ClientRequest),
}

/// Why a frame is no request that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum Refused {
    /// A question for versions in a version that nobody knows: it is answered in version 0.
    #[error("ApiVersions in version {version}")]
    ApiVersions {
        /// As asked.
        version: i16,
        /// Pairs the answer with the request.
        correlation_id: i32,
    },
    /// The API is not served. Source: `InvalidRequestException`.
    #[error("API key {0}, which is not served")]
    Key(i16),
    /// The version is not served. Source: `UnsupportedVersionException`.
    #[error("{key:?} in version {version}, which is not served")]
    Version {
        /// Which API.
        key: ApiKey,
        /// As asked.
        version: i16,
    },
    /// It is not what a request of its API and version looks like.
    #[error("a request that does not keep to its schema: {0}")]
    Shape(#[from] ShapeError),
    /// It keeps to its schema, and yet says what no request says.
    #[error("a request that cannot be read")]
    Content,
}

/// Reads the request that a frame holds, of a cluster with this `transaction.version`.
pub fn read_request(frame: &Bytes, transactions: TransactionVersion) -> Result<Incoming, Refused> {
    let header = frame.first_chunk::<FIXED_HEADER_BYTES>().ok_or(ShapeError::Short)?;
    let [k0, k1, v0, v1, id @ ..] = *header;
    let (key, version) = (i16::from_be_bytes([k0, k1]), i16::from_be_bytes([v0, v1]));
    let api = served_api(key).ok_or(Refused::Key(key))?;
    if !api.versions(transactions).contains(&version) {
        let correlation_id = i32::from_be_bytes(id);
        return Err(if api.key == ApiKey::ApiVersions {
            Refused::ApiVersions { version, correlation_id }
        } else {
            Refused::Version { key: api.key, version }
        });
    }
    let mut walk = Walk::new(frame, api.schema, version);
    walk.header()?;
    walk.fields(api.schema.rows)?;
    decode(api, version, frame.clone())
}

fn decode(api: &ServedApi, version: i16, mut bytes: Bytes) -> Result<Incoming, Refused> {
    let header_version = api.key.request_header_version(version);
    let header: RequestHeader = read(&mut bytes, header_version)?;
    let body = decode_body(api.key, version, &mut bytes)?;
    Ok(Incoming {
        key: api.key,
        version,
        correlation_id: header.correlation_id,
        client_id: header.client_id,
        body,
    })
}

fn read<T: Decodable>(bytes: &mut Bytes, version: i16) -> Result<T, Refused> {
    T::decode(bytes, version).map_err(|_| Refused::Content)
}

fn decode_body(key: ApiKey, version: i16, bytes: &mut Bytes) -> Result<Body, Refused> {
    macro_rules! broker {
        ($variant:ident, $request:ty) => {
            Body::Broker(ClientRequest::$variant(Box::new(read::<$request>(bytes, version)?)))
        };
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not served was refused before")]
    let body = match key {
        ApiKey::ApiVersions => Body::ApiVersions(Box::new(read(bytes, version)?)),
        ApiKey::DescribeCluster => Body::DescribeCluster(Box::new(read(bytes, version)?)),
        ApiKey::DescribeConfigs => Body::DescribeConfigs(Box::new(read(bytes, version)?)),
        ApiKey::DescribeTopicPartitions => {
            Body::DescribeTopicPartitions(Box::new(read(bytes, version)?))
        }
        ApiKey::Produce => broker!(Produce, ProduceRequest),
        ApiKey::Fetch => broker!(Fetch, FetchRequest),
        ApiKey::ListOffsets => broker!(ListOffsets, ListOffsetsRequest),
        ApiKey::Metadata => broker!(Metadata, MetadataRequest),
        ApiKey::OffsetCommit => broker!(OffsetCommit, OffsetCommitRequest),
        ApiKey::OffsetFetch => broker!(OffsetFetch, OffsetFetchRequest),
        ApiKey::FindCoordinator => broker!(FindCoordinator, FindCoordinatorRequest),
        ApiKey::JoinGroup => broker!(JoinGroup, JoinGroupRequest),
        ApiKey::Heartbeat => broker!(Heartbeat, HeartbeatRequest),
        ApiKey::LeaveGroup => broker!(LeaveGroup, LeaveGroupRequest),
        ApiKey::SyncGroup => broker!(SyncGroup, SyncGroupRequest),
        ApiKey::CreateTopics => broker!(CreateTopics, CreateTopicsRequest),
        ApiKey::DeleteRecords => broker!(DeleteRecords, DeleteRecordsRequest),
        ApiKey::InitProducerId => broker!(InitProducerId, InitProducerIdRequest),
        ApiKey::OffsetForLeaderEpoch => broker!(OffsetForLeaderEpoch, OffsetForLeaderEpochRequest),
        ApiKey::AddPartitionsToTxn => broker!(AddPartitionsToTxn, AddPartitionsToTxnRequest),
        ApiKey::AddOffsetsToTxn => broker!(AddOffsetsToTxn, AddOffsetsToTxnRequest),
        ApiKey::EndTxn => broker!(EndTxn, EndTxnRequest),
        ApiKey::TxnOffsetCommit => broker!(TxnOffsetCommit, TxnOffsetCommitRequest),
        ApiKey::ConsumerGroupHeartbeat => {
            broker!(ConsumerGroupHeartbeat, ConsumerGroupHeartbeatRequest)
        }
        _ => return decode_administration(key, version, bytes),
    };
    Ok(body)
}

/// What administrators ask.
fn decode_administration(key: ApiKey, version: i16, bytes: &mut Bytes) -> Result<Body, Refused> {
    macro_rules! within {
        ($family:ident, $request:ident, $variant:ident) => {{
            let request = $request::$variant(read(bytes, version)?);
            Body::Broker(ClientRequest::$family(Box::new(request)))
        }};
    }
    #[expect(clippy::wildcard_enum_match_arm, reason = "what is not served was refused before")]
    let body = match key {
        ApiKey::DeleteTopics => within!(Admin, AdminRequest, DeleteTopics),
        ApiKey::CreatePartitions => within!(Admin, AdminRequest, CreatePartitions),
        ApiKey::AlterPartitionReassignments => {
            within!(Admin, AdminRequest, AlterPartitionReassignments)
        }
        ApiKey::ListPartitionReassignments => {
            within!(Admin, AdminRequest, ListPartitionReassignments)
        }
        ApiKey::UnregisterBroker => within!(Admin, AdminRequest, UnregisterBroker),
        ApiKey::AlterConfigs => within!(Admin, AdminRequest, AlterConfigs),
        ApiKey::IncrementalAlterConfigs => within!(Admin, AdminRequest, IncrementalAlterConfigs),
        ApiKey::ElectLeaders => within!(Admin, AdminRequest, ElectLeaders),
        ApiKey::ListGroups => within!(GroupAdmin, GroupAdminRequest, ListGroups),
        ApiKey::DescribeGroups => within!(GroupAdmin, GroupAdminRequest, DescribeGroups),
        ApiKey::ConsumerGroupDescribe => {
            within!(GroupAdmin, GroupAdminRequest, ConsumerGroupDescribe)
        }
        ApiKey::DeleteGroups => within!(GroupAdmin, GroupAdminRequest, DeleteGroups),
        ApiKey::OffsetDelete => within!(GroupAdmin, GroupAdminRequest, OffsetDelete),
        ApiKey::ListTransactions => {
            within!(TransactionAdmin, TransactionAdminRequest, ListTransactions)
        }
        ApiKey::DescribeTransactions => {
            within!(TransactionAdmin, TransactionAdminRequest, DescribeTransactions)
        }
        ApiKey::DescribeProducers => {
            within!(TransactionAdmin, TransactionAdminRequest, DescribeProducers)
        }
        ApiKey::WriteTxnMarkers => {
            within!(TransactionAdmin, TransactionAdminRequest, WriteTxnMarkers)
        }
        _ => return Err(Refused::Key(key as i16)),
    };
    Ok(body)
}

//! What nodes say to each other: Kafka's own structs towards clients, our own small ones inside the cluster.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::admin_message::{AdminRequest, AdminResponse};
use crate::fetch_session::{FetchMetadata, SessionError};
use crate::group_admin_message::{GroupAdminRequest, GroupAdminResponse};
use crate::proto;
use crate::record::{RecordBatch, TransactionMarker};
use crate::share_message::{
    ShareFetchRequest, ShareFetchResponse, ShareStateRequest, ShareStateResponse,
};
use crate::transaction_admin_message::{TransactionAdminRequest, TransactionAdminResponse};
use crate::types::{
    BrokerEpoch, CorrelationId, DirectoryId, LeaderEpoch, NodeId, Offset, PartitionEpoch,
    SnapshotId, TopicPartition, TransactionOrdinal,
};

/// What is said on a connection, with the number that pairs an answer with its request.
#[derive(Debug, Clone, PartialEq)]
pub struct Message<B> {
    /// Pairs a response with its request on one connection.
    pub correlation_id: CorrelationId,
    /// What is said.
    pub body: B,
}

impl<B> Message<B> {
    /// The same message with another body.
    pub(crate) fn map<C>(self, change: impl FnOnce(B) -> C) -> Message<C> {
        Message { correlation_id: self.correlation_id, body: change(self.body) }
    }
}

/// What the side that opened a connection sends.
pub type Request = Message<RequestBody>;

/// What the side that accepted a connection sends.
pub type Response = Message<ResponseBody>;

/// What is asked, by who serves it: a dispatcher matches its own APIs and no others. Kafka's listeners have lists of
/// the APIs that are enabled on each; a request for another one ends the connection. Each request has the response of
/// the same name. Large ones are boxed: a message is moved many times on its way.
#[derive(Debug, Clone, PartialEq)]
pub enum RequestBody {
    /// A broker, for clients.
    Client(ClientRequest),
    /// A broker, for other brokers.
    Peer(PeerRequest),
    /// The active controller, for brokers.
    Controller(ControllerRequest),
    /// A voter, for other voters.
    Quorum(QuorumRequest),
    /// A voter, for other voters and for brokers: the metadata log.
    QuorumFetch(Box<QuorumFetchRequest>),
    /// Whoever stands between a broker and clients that speak bytes: a piece of what such a client sends. None at all
    /// opens the connection.
    Wire(Bytes),
}

/// What clients ask of brokers.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka request, or our struct, of its name")]
pub enum ClientRequest {
    Produce(Box<proto::ProduceRequest>),
    Fetch(Box<proto::FetchRequest>),
    ListOffsets(Box<proto::ListOffsetsRequest>),
    Metadata(Box<proto::MetadataRequest>),
    OffsetForLeaderEpoch(Box<proto::OffsetForLeaderEpochRequest>),
    InitProducerId(Box<proto::InitProducerIdRequest>),
    CreateTopics(Box<proto::CreateTopicsRequest>),
    DeleteRecords(Box<proto::DeleteRecordsRequest>),
    Admin(Box<AdminRequest>),
    GroupAdmin(Box<GroupAdminRequest>),
    TransactionAdmin(Box<TransactionAdminRequest>),
    FindCoordinator(Box<proto::FindCoordinatorRequest>),
    JoinGroup(Box<proto::JoinGroupRequest>),
    SyncGroup(Box<proto::SyncGroupRequest>),
    Heartbeat(Box<proto::HeartbeatRequest>),
    LeaveGroup(Box<proto::LeaveGroupRequest>),
    OffsetCommit(Box<proto::OffsetCommitRequest>),
    OffsetFetch(Box<proto::OffsetFetchRequest>),
    ConsumerGroupHeartbeat(Box<proto::ConsumerGroupHeartbeatRequest>),
    AddPartitionsToTxn(Box<proto::AddPartitionsToTxnRequest>),
    AddOffsetsToTxn(Box<proto::AddOffsetsToTxnRequest>),
    TxnOffsetCommit(Box<proto::TxnOffsetCommitRequest>),
    EndTxn(Box<proto::EndTxnRequest>),
    ShareFetch(Box<ShareFetchRequest>),
}

/// What brokers ask of each other. `AddPartitionsToTxn` is by a leader that verifies what it is to append.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka request, or our struct, of its name")]
pub enum PeerRequest {
    ReplicaFetch(Box<ReplicaFetchRequest>),
    ReplicaOffsets(ReplicaOffsetsRequest),
    WriteTxnMarkers(Box<WriteTxnMarkersRequest>),
    AddPartitionsToTxn(Box<proto::AddPartitionsToTxnRequest>),
    ShareState(Box<ShareStateRequest>),
}

/// What brokers ask of the active controller. `CreateTopics` is passed on for a client, or for coordinators.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka request, or our struct, of its name")]
pub enum ControllerRequest {
    AlterPartition(Box<AlterPartitionRequest>),
    BrokerRegistration(BrokerRegistrationRequest),
    BrokerHeartbeat(BrokerHeartbeatRequest),
    AllocateProducerIds(AllocateProducerIdsRequest),
    CreateTopics(Box<proto::CreateTopicsRequest>),
    Admin(Box<AdminRequest>),
    AssignReplicasToDirs(Box<AssignReplicasToDirsRequest>),
}

/// What voters ask of each other but for the log; snapshots brokers ask for, too.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka request, or our struct, of its name")]
pub enum QuorumRequest {
    Vote(VoteRequest),
    BeginQuorumEpoch(BeginQuorumEpochRequest),
    EndQuorumEpoch(Box<EndQuorumEpochRequest>),
    FetchSnapshot(Box<FetchSnapshotRequest>),
}

/// What is answered, by who asked.
#[derive(Debug, Clone, PartialEq)]
pub enum ResponseBody {
    /// A client.
    Client(ClientResponse),
    /// Another broker.
    Peer(PeerResponse),
    /// A broker, of the active controller.
    Controller(ControllerResponse),
    /// A voter, of another one.
    Quorum(QuorumResponse),
    /// A voter or a broker: the metadata log.
    QuorumFetch(Box<QuorumFetchResponse>),
    /// A client that speaks bytes: a piece of what it is sent. None at all says that the connection is open.
    Wire(Bytes),
}

/// What brokers answer clients.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka response, or our struct, of its name")]
pub enum ClientResponse {
    Produce(Box<proto::ProduceResponse>),
    Fetch(Box<proto::FetchResponse>),
    ListOffsets(Box<proto::ListOffsetsResponse>),
    Metadata(Box<proto::MetadataResponse>),
    OffsetForLeaderEpoch(Box<proto::OffsetForLeaderEpochResponse>),
    InitProducerId(Box<proto::InitProducerIdResponse>),
    CreateTopics(Box<proto::CreateTopicsResponse>),
    DeleteRecords(Box<proto::DeleteRecordsResponse>),
    Admin(Box<AdminResponse>),
    GroupAdmin(Box<GroupAdminResponse>),
    TransactionAdmin(Box<TransactionAdminResponse>),
    FindCoordinator(Box<proto::FindCoordinatorResponse>),
    JoinGroup(Box<proto::JoinGroupResponse>),
    SyncGroup(Box<proto::SyncGroupResponse>),
    Heartbeat(Box<proto::HeartbeatResponse>),
    LeaveGroup(Box<proto::LeaveGroupResponse>),
    OffsetCommit(Box<proto::OffsetCommitResponse>),
    OffsetFetch(Box<proto::OffsetFetchResponse>),
    ConsumerGroupHeartbeat(Box<proto::ConsumerGroupHeartbeatResponse>),
    AddPartitionsToTxn(Box<proto::AddPartitionsToTxnResponse>),
    AddOffsetsToTxn(Box<proto::AddOffsetsToTxnResponse>),
    TxnOffsetCommit(Box<proto::TxnOffsetCommitResponse>),
    EndTxn(Box<proto::EndTxnResponse>),
    ShareFetch(Box<ShareFetchResponse>),
}

/// What brokers answer each other. `AddPartitionsToTxn` is by a leader that verifies what it is to append.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka response, or our struct, of its name")]
pub enum PeerResponse {
    ReplicaFetch(Box<ReplicaFetchResponse>),
    ReplicaOffsets(ReplicaOffsetsResponse),
    WriteTxnMarkers(Box<WriteTxnMarkersResponse>),
    AddPartitionsToTxn(Box<proto::AddPartitionsToTxnResponse>),
    ShareState(Box<ShareStateResponse>),
}

/// What the active controller answers brokers. `CreateTopics` is passed on for a client, or for coordinators.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka response, or our struct, of its name")]
pub enum ControllerResponse {
    AlterPartition(Box<AlterPartitionResponse>),
    BrokerRegistration(BrokerRegistrationResponse),
    BrokerHeartbeat(BrokerHeartbeatResponse),
    AllocateProducerIds(AllocateProducerIdsResponse),
    CreateTopics(Box<proto::CreateTopicsResponse>),
    Admin(Box<AdminResponse>),
    AssignReplicasToDirs(Box<AssignReplicasToDirsResponse>),
}

/// What voters answer each other but for the log.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "each variant is the Kafka response, or our struct, of its name")]
pub enum QuorumResponse {
    Vote(VoteResponse),
    BeginQuorumEpoch(QuorumEpochResponse),
    EndQuorumEpoch(QuorumEpochResponse),
    FetchSnapshot(Box<FetchSnapshotResponse>),
}

/// Errors inside the cluster: Kafka's error codes of the same names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[expect(missing_docs, reason = "Kafka's own names and meanings")]
pub enum ClusterError {
    FencedLeaderEpoch,
    UnknownLeaderEpoch,
    NotLeaderOrFollower,
    OffsetOutOfRange,
    UnknownTopicOrPartition,
    NotController,
    StaleBrokerEpoch,
    InvalidRequest,
    InvalidUpdateVersion,
    IneligibleReplica,
    OperationNotAttempted,
    DuplicateBrokerRegistration,
    InconsistentVoterSet,
    CorruptMessage,
    NewLeaderElected,
    SnapshotNotFound,
    PositionOutOfRange,
    KafkaStorageError,
}

/// A follower asks a leader for records. Source: Kafka's Fetch with a replica id.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaFetchRequest {
    /// Who asks.
    pub replica: NodeId,
    /// Its broker epoch. Source: KIP-903.
    pub broker_epoch: BrokerEpoch,
    /// How long the leader may wait for data, in milliseconds.
    pub wait_max_ms: u64,
    /// The fetch session, and the request's place in it. Source: KIP-227.
    pub session: FetchMetadata,
    /// What it wants: all of it in a full request, else what changed.
    pub partitions: Vec<ReplicaFetchPartition>,
    /// What it does not want any more.
    pub forgotten: Vec<TopicPartition>,
}

/// One partition of a [`ReplicaFetchRequest`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplicaFetchPartition {
    /// Which.
    pub partition: TopicPartition,
    /// The epoch in which the follower follows.
    pub current_leader_epoch: LeaderEpoch,
    /// First offset wanted: the follower's log end.
    pub fetch_offset: Offset,
    /// Epoch of the follower's last record, or [`LeaderEpoch::NONE`] if its log is empty. Source: KIP-595.
    pub last_fetched_epoch: LeaderEpoch,
    /// The follower's log start.
    pub log_start_offset: Offset,
}

/// Answer to [`ReplicaFetchRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaFetchResponse {
    /// The fetch session, [`FetchMetadata::NO_SESSION`] if there is none, or why the request is refused.
    pub session: Result<i32, SessionError>,
    /// The partitions asked for, in the same order; in a session those with news.
    pub partitions: Vec<ReplicaFetchPartitionResponse>,
}

/// One partition of a [`ReplicaFetchResponse`].
#[derive(Debug, Clone, PartialEq)]
pub struct ReplicaFetchPartitionResponse {
    /// Which.
    pub partition: TopicPartition,
    /// What went wrong.
    pub error: Option<ClusterError>,
    /// The largest epoch not above the follower's last that the leader knows, and where it ends, if the logs differ.
    pub diverging: Option<EpochEnd>,
    /// The leader's high watermark.
    pub high_watermark: Offset,
    /// The leader's log start.
    pub log_start_offset: Offset,
    /// Records from the fetch offset on.
    pub batches: Vec<RecordBatch>,
}

impl ReplicaFetchPartitionResponse {
    /// Size of its records, in bytes.
    pub fn records_size(&self) -> usize {
        self.batches.iter().map(|batch| batch.bytes().len()).sum()
    }
}

/// An epoch and the offset after its last record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EpochEnd {
    /// The epoch; [`LeaderEpoch::NONE`] if undefined.
    pub epoch: LeaderEpoch,
    /// End offset; [`Offset::NONE`] if undefined.
    pub end_offset: Offset,
}

/// A transaction coordinator has markers written on partitions that the other broker leads. Source: KIP-98.
#[derive(Debug, Clone, PartialEq)]
pub struct WriteTxnMarkersRequest {
    /// Which markers, and where.
    pub markers: Vec<WritableMarker>,
}

/// One transaction's marker in a [`WriteTxnMarkersRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct WritableMarker {
    /// What to write.
    pub marker: TransactionMarker,
    /// Which of its producer's transactions it ends. Harrow counts; no rule of Kafka reads it.
    pub transaction: TransactionOrdinal,
    /// On which partitions.
    pub partitions: Vec<TopicPartition>,
}

/// Answer to [`WriteTxnMarkersRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct WriteTxnMarkersResponse {
    /// What became of each partition of each marker, in the order in which they were asked for.
    pub results: Vec<Vec<(TopicPartition, Option<proto::ErrorCode>)>>,
}

/// A follower whose offset is out of range asks for the leader's bounds. Source: `ListOffsets` by a replica.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplicaOffsetsRequest {
    /// Which partition.
    pub partition: TopicPartition,
    /// The epoch in which the follower follows.
    pub current_leader_epoch: LeaderEpoch,
}

/// Answer to [`ReplicaOffsetsRequest`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReplicaOffsetsResponse {
    /// Which partition.
    pub partition: TopicPartition,
    /// What went wrong.
    pub error: Option<ClusterError>,
    /// The leader's log start.
    pub log_start_offset: Offset,
    /// The leader's log end.
    pub log_end_offset: Offset,
}

/// A leader proposes ISRs: of all its partitions that have one to propose. Source: KIP-497, KIP-704, KIP-903.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterPartitionRequest {
    /// The leader.
    pub broker: NodeId,
    /// Its broker epoch.
    pub broker_epoch: BrokerEpoch,
    /// What it proposes, at most once for each partition.
    pub partitions: Vec<AlterPartitionItem>,
}

/// An ISR that a leader proposes. Source: Kafka's `AlterPartitionItem`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlterPartitionItem {
    /// Which partition.
    pub partition: TopicPartition,
    /// The leader's epoch.
    pub leader_epoch: LeaderEpoch,
    /// The version that the proposal changes.
    pub partition_epoch: PartitionEpoch,
    /// Proposed members with the broker epochs that the leader knows; [`BrokerEpoch::NONE`] if unknown.
    pub new_isr: Vec<(NodeId, BrokerEpoch)>,
    /// Whether the leader, elected uncleanly, is still recovering.
    pub recovering: bool,
}

/// Answer to [`AlterPartitionRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct AlterPartitionResponse {
    /// What became of each proposal, in the order of the request; or why none was looked at.
    pub result: Result<Vec<AlteredPartition>, ClusterError>,
}

impl AlterPartitionResponse {
    /// Whether an error is in it, for the whole or for a partition. Source: `AlterPartitionResponse.errorCounts`.
    pub fn has_error(&self, error: ClusterError) -> bool {
        match &self.result {
            Ok(altered) => altered.iter().any(|one| one.result == Err(error)),
            Err(whole) => *whole == error,
        }
    }
}

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq)]
pub struct AlteredPartition {
    /// Which partition.
    pub partition: TopicPartition,
    /// The registration that holds now, or why the proposal is refused.
    pub result: Result<IsrRegistration, ClusterError>,
}

/// The controller's view of a partition's leader and ISR.
#[derive(Debug, Clone, PartialEq)]
pub struct IsrRegistration {
    /// Leader.
    pub leader: Option<NodeId>,
    /// Its epoch.
    pub leader_epoch: LeaderEpoch,
    /// Version.
    pub partition_epoch: PartitionEpoch,
    /// In-sync replicas, in replica order.
    pub isr: Vec<NodeId>,
    /// The topic's `min.insync.replicas`, by which it is decided who stays eligible; Kafka does not tell it.
    pub min_insync_replicas: u32,
}

/// A broker announces a new uptime. Source: KIP-631, KIP-966.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerRegistrationRequest {
    /// Who.
    pub broker: NodeId,
    /// Unique in a run for each uptime.
    pub incarnation: u64,
    /// Broker epoch found in the clean-shutdown file, or [`BrokerEpoch::NONE`].
    pub previous_broker_epoch: BrokerEpoch,
    /// Its log directories that are online; none is told of a broker with one. Source: KIP-858.
    pub log_dirs: Box<[DirectoryId]>,
}

/// Answer to [`BrokerRegistrationRequest`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrokerRegistrationResponse {
    /// The broker epoch of this uptime.
    pub result: Result<BrokerEpoch, ClusterError>,
    /// The active controller as the answering node knows it.
    pub controller: Option<NodeId>,
}

/// A broker is alive. Source: KIP-631.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerHeartbeatRequest {
    /// Who.
    pub broker: NodeId,
    /// In which uptime.
    pub broker_epoch: BrokerEpoch,
    /// How far it has applied the metadata log.
    pub metadata_offset: Offset,
    /// Asks to stay fenced.
    pub want_fence: bool,
    /// Asks for a controlled shutdown.
    pub want_shutdown: bool,
    /// The log directories that failed in this uptime. Source: KIP-858.
    pub offline_log_dirs: Box<[DirectoryId]>,
}

/// Answer to [`BrokerHeartbeatRequest`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrokerHeartbeatResponse {
    /// The broker's state at the controller, or why there is none.
    pub result: Result<HeartbeatState, ClusterError>,
    /// The active controller as the answering node knows it.
    pub controller: Option<NodeId>,
}

/// A broker's state at the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeartbeatState {
    /// Whether it is fenced.
    pub fenced: bool,
    /// Whether it may shut down now.
    pub should_shut_down: bool,
}

/// A broker tells in which log directories its replicas are. Source: KIP-858.
#[derive(Debug, Clone, PartialEq)]
pub struct AssignReplicasToDirsRequest {
    /// Who.
    pub broker: NodeId,
    /// In which uptime.
    pub broker_epoch: BrokerEpoch,
    /// The directory of each replica; [`DirectoryId::LOST`] if that is offline and unknown.
    pub replicas: Vec<(TopicPartition, DirectoryId)>,
}

/// Answer to [`AssignReplicasToDirsRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct AssignReplicasToDirsResponse {
    /// What went wrong with each replica, in the order of the request; or why none was looked at.
    pub result: Result<Vec<(TopicPartition, Option<ClusterError>)>, ClusterError>,
}

/// A broker asks for a block of producer ids.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AllocateProducerIdsRequest {
    /// Who.
    pub broker: NodeId,
    /// In which uptime.
    pub broker_epoch: BrokerEpoch,
}

/// Answer to [`AllocateProducerIdsRequest`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AllocateProducerIdsResponse {
    /// First id and number of ids.
    pub result: Result<(i64, i32), ClusterError>,
}

/// A candidate asks for a vote. Source: KIP-595.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoteRequest {
    /// Epoch of the election.
    pub epoch: LeaderEpoch,
    /// Who asks.
    pub candidate: NodeId,
    /// Epoch of its last record.
    pub last_epoch: LeaderEpoch,
    /// Its log end.
    pub end_offset: Offset,
    /// On which disk the voter is that is asked, as far as is known: another one gives no vote. Source: KIP-853.
    pub voter_directory: DirectoryId,
    /// Whether it only asks if it would get the vote, in an epoch that it has not entered for this. Source: KIP-996.
    pub pre_vote: bool,
}

/// Answer to [`VoteRequest`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VoteResponse {
    /// The voter's epoch after the request.
    pub epoch: LeaderEpoch,
    /// Leader of that epoch, if known.
    pub leader: Option<NodeId>,
    /// Whether the vote is given.
    pub granted: bool,
}

/// A new leader makes itself known. Source: KIP-595.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BeginQuorumEpochRequest {
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// Who.
    pub leader: NodeId,
}

/// A leader resigns. Source: KIP-595.
#[derive(Debug, Clone, PartialEq)]
pub struct EndQuorumEpochRequest {
    /// Its epoch.
    pub epoch: LeaderEpoch,
    /// Who.
    pub leader: NodeId,
    /// Who should try first, best first.
    pub preferred_successors: Vec<NodeId>,
}

/// Answer to begin and end of a quorum epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuorumEpochResponse {
    /// The answering node's epoch.
    pub epoch: LeaderEpoch,
    /// Leader of that epoch, if known.
    pub leader: Option<NodeId>,
    /// What went wrong.
    pub error: Option<ClusterError>,
}

/// A voter or broker asks for the metadata log. Source: KIP-595.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuorumFetchRequest {
    /// Who.
    pub replica: NodeId,
    /// On which disk; [`DirectoryId::UNASSIGNED`] from who can be no voter. Source: KIP-853.
    pub replica_directory: DirectoryId,
    /// The epoch it knows; [`LeaderEpoch::NONE`] from a broker that knows none.
    pub epoch: LeaderEpoch,
    /// First offset wanted: its log end.
    pub fetch_offset: Offset,
    /// Epoch of its last record, or [`LeaderEpoch::NONE`].
    pub last_fetched_epoch: LeaderEpoch,
    /// The high watermark that it knows, or [`Offset::NONE`]: the answer does not wait if the leader's is higher.
    /// Source: KIP-1166.
    pub high_watermark: Offset,
    /// How long the leader may wait for data, in milliseconds.
    pub wait_max_ms: u64,
}

/// Answer to [`QuorumFetchRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct QuorumFetchResponse {
    /// The answering node's epoch.
    pub epoch: LeaderEpoch,
    /// Leader of that epoch, if known.
    pub leader: Option<NodeId>,
    /// What went wrong: not leader, or fenced.
    pub error: Option<ClusterError>,
    /// Where the logs differ.
    pub diverging: Option<EpochEnd>,
    /// What is to be fetched instead: the log does not begin early enough for the one who asks.
    pub snapshot: Option<SnapshotId>,
    /// The leader's high watermark; [`Offset::NONE`] if not known in its epoch yet.
    pub high_watermark: Offset,
    /// Records from the fetch offset on, committed or not.
    pub batches: Vec<RecordBatch>,
}

/// A voter or a broker asks for a part of a snapshot of the metadata log. Source: KIP-630.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FetchSnapshotRequest {
    /// Who.
    pub replica: NodeId,
    /// On which disk, as in [`QuorumFetchRequest`].
    pub replica_directory: DirectoryId,
    /// The epoch it knows.
    pub epoch: LeaderEpoch,
    /// Which.
    pub snapshot: SnapshotId,
    /// Bytes of it that it has.
    pub position: u64,
    /// How many bytes more it wants at most.
    pub bytes_max: u32,
}

/// Answer to [`FetchSnapshotRequest`].
#[derive(Debug, Clone, PartialEq)]
pub struct FetchSnapshotResponse {
    /// The answering node's epoch.
    pub epoch: LeaderEpoch,
    /// Leader of that epoch, if known.
    pub leader: Option<NodeId>,
    /// What went wrong: then there are no bytes.
    pub error: Option<ClusterError>,
    /// Which.
    pub snapshot: SnapshotId,
    /// Size of all of it in bytes.
    pub size: u64,
    /// Where the bytes begin.
    pub position: u64,
    /// A part of it.
    pub bytes: Bytes,
}

//! The rolling hash over every event and effect: equal for equal runs. It mixes the fields that matter of each message,
//! records by their checksums and offsets, and never formats anything.

mod client;
mod cluster;
mod share;

use std::hash::{Hash, Hasher};

use bytes::Bytes;
use harrow_broker_model::admin_message::{AdminRequest, AdminResponse};
use harrow_broker_model::admin_task::AdminTask;
use harrow_broker_model::disk_image::FileId;
use harrow_broker_model::group_admin_message::{GroupAdminRequest, GroupAdminResponse};
use harrow_broker_model::message::{
    ClientRequest, ClientResponse, ClusterError, ControllerRequest, ControllerResponse,
    PeerRequest, PeerResponse, QuorumRequest, QuorumResponse, Request, RequestBody, Response,
    ResponseBody, WriteTxnMarkersRequest, WriteTxnMarkersResponse,
};
use harrow_broker_model::node::{Begun, Channel, ConsumerCall, Operation, Outcome, SeekTo};
use harrow_broker_model::note::Note;
use harrow_broker_model::proto::{Encodable, KafkaMessage, StrBytes, encode};
use harrow_broker_model::record::{RecordBatch, TransactionResult};
use harrow_broker_model::transaction_admin_message::{
    TransactionAdminRequest, TransactionAdminResponse,
};
use harrow_broker_model::types::{LogDirectory, NodeId, Offset, TopicPartition};
use xxhash_rust::xxh3::xxh3_64;

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;

/// A rolling hash: order matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint(u64);

/// Lets derived `Hash` write into the rolling hash, whole words at a time.
impl Hasher for Fingerprint {
    fn finish(&self) -> u64 {
        self.value()
    }

    fn write(&mut self, bytes: &[u8]) {
        self.bytes(bytes);
    }

    fn write_u8(&mut self, number: u8) {
        self.word(u64::from(number));
    }

    fn write_u16(&mut self, number: u16) {
        self.word(u64::from(number));
    }

    fn write_u32(&mut self, number: u32) {
        self.word(u64::from(number));
    }

    fn write_u64(&mut self, number: u64) {
        self.word(number);
    }

    fn write_usize(&mut self, number: usize) {
        self.word(number as u64);
    }
}

impl Fingerprint {
    /// The hash of nothing, for a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed ^ MULTIPLIER)
    }

    /// The hash so far, with its bits spread.
    pub(crate) fn value(self) -> u64 {
        let spread = (self.0 ^ (self.0 >> 32)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        spread ^ (spread >> 29)
    }

    /// Adds a number.
    pub(crate) fn word(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(26) ^ word).wrapping_mul(MULTIPLIER);
    }

    /// Adds a signed number.
    pub(crate) fn int(&mut self, number: i64) {
        self.word(number as u64);
    }

    /// Adds two small numbers at the price of one.
    pub(crate) fn pair(&mut self, a: i32, b: i32) {
        self.word((u64::from(a as u32) << 32) | u64::from(b as u32));
    }

    /// Adds bytes: few of them, or rarely.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.word(bytes.len() as u64);
        self.word(xxh3_64(bytes));
    }

    /// Adds a fact that a node stated.
    pub(crate) fn note(&mut self, note: &Note) {
        note.hash(self);
    }

    /// Adds an operation's request.
    pub(crate) fn operation(&mut self, request: &Operation) {
        match request {
            Operation::Send { topic, key, value } => {
                self.bytes(topic.as_bytes());
                self.word(key.unwrap_or(u64::MAX));
                self.word(value.0);
            }
            Operation::Transact { records, gap_ms, commit, offsets } => {
                self.pair(*gap_ms as i32, i32::from(*commit));
                if !offsets.is_empty() {
                    self.offsets(81, offsets);
                }
                for record in records {
                    self.bytes(record.topic.as_bytes());
                    self.word(record.key.unwrap_or(u64::MAX));
                    self.word(record.value.0);
                }
            }
            Operation::Assign { partitions } => self.word(partitions.len() as u64),
            Operation::Resume { positions } => {
                self.word(positions.len() as u64);
                for (_, index, offset) in positions {
                    self.int(i64::from(*index));
                    self.int(offset.0);
                }
            }
            Operation::Subscribe { topics } => {
                self.word(1 << 40);
                for topic in topics {
                    self.bytes(topic.as_bytes());
                }
            }
            Operation::Unsubscribe => self.word(1 << 41),
            Operation::Rewind => self.word(1 << 42),
            Operation::Call(call) => self.call(call),
            Operation::Commit { offsets, sync } => self.offsets(i32::from(*sync), offsets),
            Operation::Poll { timeout_ms, max_records } => {
                self.pair(*timeout_ms as i32, *max_records as i32);
            }
            Operation::EndOffset { partition } => {
                self.bytes(partition.0.as_bytes());
                self.int(i64::from(partition.1));
            }
            Operation::DeleteRecords { broker, partition, before } => {
                self.bytes(partition.0.as_bytes());
                self.pair(partition.1, broker.0);
                self.int(before.0);
            }
            Operation::Administer(request) => self.admin_request(request),
            Operation::AdminTask(task) => self.admin_task(task),
            Operation::CreateTopic { topic, partitions, .. } => {
                self.bytes(topic.as_bytes());
                self.int(i64::from(*partitions));
            }
        }
    }

    /// Adds an operation's outcome.
    pub(crate) fn outcome(&mut self, outcome: &Outcome) {
        match outcome {
            // Which topic it is follows from its metadata.
            Outcome::Sent { partition, offset, topic: _ } => {
                self.pair(1, *partition);
                self.int(offset.0);
            }
            Outcome::Transacted { committed, records } => {
                self.pair(81, i32::from(*committed));
                for (_, partition, offset) in records {
                    self.int(i64::from(*partition));
                    self.int(offset.0);
                }
            }
            Outcome::Assigned => self.word(2),
            Outcome::Subscribed => self.word(8),
            Outcome::Unsubscribed => self.word(9),
            Outcome::Called => self.word(83),
            Outcome::WokenUp => self.word(84),
            Outcome::NoPosition { partitions, why } => self.places(85, *why as i32, partitions),
            Outcome::Rewound { partitions } => self.places(82, -1, partitions),
            Outcome::Revoking { partitions } => self.places(10, -1, partitions),
            Outcome::Lost { partitions } => self.places(11, -1, partitions),
            Outcome::Joined { generation, partitions } => self.places(12, *generation, partitions),
            Outcome::Committed { generation } => self.pair(13, *generation),
            Outcome::Polled { records } => {
                self.pair(3, records.len() as i32);
                for record in records {
                    self.pair(record.partition, record.leader_epoch.0);
                    self.int(record.offset.0);
                    self.word(record.value.map_or(u64::MAX, |value| value.0));
                }
            }
            Outcome::EndOffset { offset } => {
                self.word(4);
                self.int(offset.0);
            }
            Outcome::RecordsDeleted { low_watermark } => {
                self.word(14);
                self.int(low_watermark.0);
            }
            Outcome::TopicCreated => self.word(5),
            Outcome::Administered { listed } => self.pair(15, *listed as i32),
            Outcome::Failed { error, partition } => {
                self.pair(6, *partition);
                self.int(i64::from(error.code()));
            }
            Outcome::Unknown { error, partition } => {
                self.pair(7, *partition);
                self.int(i64::from(error.code()));
            }
        }
    }

    fn call(&mut self, call: &ConsumerCall) {
        match call {
            ConsumerCall::Seek { places } => {
                self.word(1 << 43);
                for (topic, index, to) in places {
                    self.bytes(topic.as_bytes());
                    let to = match to {
                        SeekTo::Offset(offset) => offset.0,
                        SeekTo::Beginning => -2,
                        SeekTo::End => -1,
                    };
                    self.int(i64::from(*index));
                    self.int(to);
                }
            }
            ConsumerCall::Pause { partitions, paused } => {
                self.places(86, i32::from(*paused), partitions);
            }
            ConsumerCall::SubscribePattern { pattern } => {
                self.word(1 << 44);
                self.bytes(pattern.as_bytes());
            }
            ConsumerCall::PollUntilWoken { timeout_ms, max_records, wakeup_ms } => {
                self.pair(*timeout_ms as i32, *max_records as i32);
                self.pair(87, *wakeup_ms as i32);
            }
            ConsumerCall::CommitUntilWoken { offsets, wakeup_ms } => {
                self.offsets(88, offsets);
                self.int(i64::from(*wakeup_ms));
            }
            ConsumerCall::Close { timeout_ms, leaves } => {
                self.word(1 << 45);
                self.pair(*timeout_ms as i32, i32::from(*leaves));
            }
        }
    }

    fn places(&mut self, tag: i32, generation: i32, partitions: &[(StrBytes, i32)]) {
        self.pair(tag, generation);
        for (topic, partition) in partitions {
            self.bytes(topic.as_bytes());
            self.int(i64::from(*partition));
        }
    }

    fn offsets(&mut self, tag: i32, offsets: &[((StrBytes, i32), Offset)]) {
        self.pair(tag, offsets.len() as i32);
        for ((topic, partition), offset) in offsets {
            self.bytes(topic.as_bytes());
            self.int(i64::from(*partition));
            self.int(offset.0);
        }
    }

    /// Adds a file's name.
    pub(crate) fn file(&mut self, file: FileId) {
        match file {
            FileId::Segment { partition, base_offset } => {
                self.partition(1, partition);
                self.int(base_offset.0);
            }
            FileId::LeaderEpochCheckpoint(partition) => self.partition(2, partition),
            FileId::ProducerSnapshot { partition, offset } => {
                self.partition(3, partition);
                self.int(offset.0);
            }
            FileId::RecoveryPointCheckpoint => self.word(4),
            FileId::HighWatermarkCheckpoint => self.word(5),
            FileId::LogStartOffsetCheckpoint => self.word(6),
            FileId::CleanShutdown => self.word(7),
            FileId::QuorumState => self.word(8),
            FileId::PartitionMetadata(partition) => self.partition(9, partition),
            FileId::CleanerCheckpoint => self.word(10),
            FileId::OfDirectory { directory, file } => {
                self.word(15);
                self.pair(i32::from(directory.0), file as i32);
            }
            FileId::MetadataSnapshot(snapshot) => self.snapshot(14, snapshot),
            FileId::SegmentAside { partition, base_offset, suffix } => {
                self.partition(11 + suffix as u64, partition);
                self.int(base_offset.0);
            }
        }
    }

    /// Adds that a log is made in a log directory.
    pub(crate) fn log_created(&mut self, partition: TopicPartition, directory: LogDirectory) {
        self.pair(23, i32::from(directory.0));
        self.word(u64::from(partition.topic.0));
        self.int(i64::from(partition.partition));
    }

    /// Adds that a log is moved out of the way.
    pub(crate) fn log_discarded(&mut self, partition: TopicPartition) {
        self.pair(21, partition.partition);
        self.word(u64::from(partition.topic.0));
    }

    /// Adds a file's old name and its new one.
    pub(crate) fn renamed(&mut self, tag: u64, from: FileId, to: FileId) {
        self.word(tag);
        self.file(from);
        self.file(to);
    }

    /// Adds what an application begins.
    pub(crate) fn begun(&mut self, begun: &Begun) {
        self.pair(21, begun.operation.0 as i32);
        self.operation(&begun.request);
        for ((topic, index), first, last) in &begun.processed {
            self.bytes(topic.as_bytes());
            self.int(i64::from(*index));
            self.int(first.0);
            self.int(last.0);
        }
    }

    /// Adds a request. Each kind begins with a number of its own.
    pub(crate) fn request(&mut self, message: &Request) {
        self.int(i64::from(message.correlation_id.0));
        match &message.body {
            RequestBody::Client(body) => self.client_request(body),
            RequestBody::Peer(body) => self.peer_request(body),
            RequestBody::Controller(body) => self.controller_request(body),
            RequestBody::Quorum(body) => self.quorum_request(body),
            RequestBody::QuorumFetch(request) => self.quorum_fetch_request(request),
            RequestBody::Wire(bytes) => self.wire(93, bytes),
        }
    }

    fn wire(&mut self, tag: u64, bytes: &[u8]) {
        self.word(tag);
        self.bytes(bytes);
    }

    fn client_request(&mut self, body: &ClientRequest) {
        match body {
            ClientRequest::Produce(request) => self.produce_request(request),
            ClientRequest::Fetch(request) => self.fetch_request(request),
            ClientRequest::Metadata(request) => self.metadata_request(request),
            ClientRequest::ListOffsets(request) => self.encoded(5, &**request),
            ClientRequest::OffsetForLeaderEpoch(request) => self.encoded(9, &**request),
            ClientRequest::InitProducerId(request) => self.encoded(11, &**request),
            ClientRequest::CreateTopics(request) => self.encoded(13, &**request),
            ClientRequest::DeleteRecords(request) => self.encoded(91, &**request),
            ClientRequest::Admin(request) => self.admin_request(request),
            ClientRequest::GroupAdmin(request) => self.group_admin_request(request),
            ClientRequest::TransactionAdmin(request) => self.transaction_admin_request(request),
            ClientRequest::AddPartitionsToTxn(request) => self.encoded(81, &**request),
            ClientRequest::AddOffsetsToTxn(request) => self.encoded(83, &**request),
            ClientRequest::TxnOffsetCommit(request) => self.encoded(89, &**request),
            ClientRequest::EndTxn(request) => self.encoded(85, &**request),
            ClientRequest::ShareFetch(request) => self.share_fetch_request(request),
            ClientRequest::FindCoordinator(request) => self.encoded(41, &**request),
            ClientRequest::JoinGroup(request) => self.encoded(47, &**request),
            ClientRequest::SyncGroup(request) => self.encoded(49, &**request),
            ClientRequest::Heartbeat(request) => self.encoded(51, &**request),
            ClientRequest::LeaveGroup(request) => self.encoded(53, &**request),
            ClientRequest::OffsetCommit(request) => self.encoded(43, &**request),
            ClientRequest::OffsetFetch(request) => self.encoded(45, &**request),
            ClientRequest::ConsumerGroupHeartbeat(request) => self.encoded(55, &**request),
        }
    }

    fn peer_request(&mut self, body: &PeerRequest) {
        match body {
            PeerRequest::WriteTxnMarkers(request) => self.write_markers_request(request),
            PeerRequest::ReplicaFetch(request) => self.replica_fetch_request(request),
            PeerRequest::ReplicaOffsets(request) => self.replica_offsets_request(request),
            PeerRequest::AddPartitionsToTxn(request) => self.encoded(81, &**request),
            PeerRequest::ShareState(request) => self.share_state_request(request),
        }
    }

    fn controller_request(&mut self, body: &ControllerRequest) {
        match body {
            ControllerRequest::AlterPartition(request) => self.alter_partition_request(request),
            ControllerRequest::BrokerRegistration(request) => self.registration_request(request),
            ControllerRequest::BrokerHeartbeat(request) => self.heartbeat_request(request),
            ControllerRequest::AllocateProducerIds(request) => self.allocate_request(request),
            ControllerRequest::CreateTopics(request) => self.encoded(13, &**request),
            ControllerRequest::Admin(request) => self.admin_request(request),
            ControllerRequest::AssignReplicasToDirs(request) => self.assign_request(request),
        }
    }

    fn quorum_request(&mut self, body: &QuorumRequest) {
        match body {
            QuorumRequest::Vote(request) => self.vote_request(request),
            QuorumRequest::BeginQuorumEpoch(request) => self.begin_epoch_request(*request),
            QuorumRequest::EndQuorumEpoch(request) => self.end_epoch_request(request),
            QuorumRequest::FetchSnapshot(request) => self.fetch_snapshot_request(request),
        }
    }

    /// Adds a response. Each kind begins with a number of its own.
    pub(crate) fn response(&mut self, message: &Response) {
        self.int(i64::from(message.correlation_id.0));
        self.answer(&message.body);
    }

    /// The same of what a response says, whatever it answers.
    pub(crate) fn answer(&mut self, body: &ResponseBody) {
        match body {
            ResponseBody::Client(body) => self.client_response(body),
            ResponseBody::Peer(body) => self.peer_response(body),
            ResponseBody::Controller(body) => self.controller_response(body),
            ResponseBody::Quorum(body) => self.quorum_response(body),
            ResponseBody::QuorumFetch(response) => self.quorum_fetch_response(response),
            ResponseBody::Wire(bytes) => self.wire(94, bytes),
        }
    }

    fn client_response(&mut self, body: &ClientResponse) {
        match body {
            ClientResponse::Produce(response) => self.produce_response(response),
            ClientResponse::Fetch(response) => self.fetch_response(response),
            ClientResponse::Metadata(response) => self.metadata_response(response),
            ClientResponse::ListOffsets(response) => self.encoded(6, &**response),
            ClientResponse::OffsetForLeaderEpoch(response) => self.encoded(10, &**response),
            ClientResponse::InitProducerId(response) => self.encoded(12, &**response),
            ClientResponse::CreateTopics(response) => self.encoded(14, &**response),
            ClientResponse::DeleteRecords(response) => self.encoded(92, &**response),
            ClientResponse::Admin(response) => self.admin_response(response),
            ClientResponse::GroupAdmin(response) => self.group_admin_response(response),
            ClientResponse::TransactionAdmin(response) => self.transaction_admin_response(response),
            ClientResponse::AddPartitionsToTxn(response) => self.encoded(82, &**response),
            ClientResponse::AddOffsetsToTxn(response) => self.encoded(84, &**response),
            ClientResponse::TxnOffsetCommit(response) => self.encoded(90, &**response),
            ClientResponse::EndTxn(response) => self.encoded(86, &**response),
            ClientResponse::ShareFetch(response) => self.share_fetch_response(response),
            ClientResponse::FindCoordinator(response) => self.encoded(42, &**response),
            ClientResponse::JoinGroup(response) => self.encoded(48, &**response),
            ClientResponse::SyncGroup(response) => self.encoded(50, &**response),
            ClientResponse::Heartbeat(response) => self.encoded(52, &**response),
            ClientResponse::LeaveGroup(response) => self.encoded(54, &**response),
            ClientResponse::OffsetCommit(response) => self.encoded(44, &**response),
            ClientResponse::OffsetFetch(response) => self.encoded(46, &**response),
            ClientResponse::ConsumerGroupHeartbeat(response) => self.encoded(56, &**response),
        }
    }

    fn peer_response(&mut self, body: &PeerResponse) {
        match body {
            PeerResponse::WriteTxnMarkers(response) => self.write_markers_response(response),
            PeerResponse::ReplicaFetch(response) => self.replica_fetch_response(response),
            PeerResponse::ReplicaOffsets(response) => self.replica_offsets_response(response),
            PeerResponse::AddPartitionsToTxn(response) => self.encoded(82, &**response),
            PeerResponse::ShareState(response) => self.share_state_response(response),
        }
    }

    fn controller_response(&mut self, body: &ControllerResponse) {
        match body {
            ControllerResponse::AlterPartition(response) => self.alter_partition_response(response),
            ControllerResponse::BrokerRegistration(response) => {
                self.registration_response(response);
            }
            ControllerResponse::BrokerHeartbeat(response) => self.heartbeat_response(response),
            ControllerResponse::AllocateProducerIds(response) => self.allocate_response(response),
            ControllerResponse::CreateTopics(response) => self.encoded(14, &**response),
            ControllerResponse::Admin(response) => self.admin_response(response),
            ControllerResponse::AssignReplicasToDirs(response) => self.assign_response(response),
        }
    }

    fn quorum_response(&mut self, body: &QuorumResponse) {
        match body {
            QuorumResponse::Vote(response) => self.vote_response(response),
            QuorumResponse::BeginQuorumEpoch(response) => self.quorum_epoch_response(36, response),
            QuorumResponse::EndQuorumEpoch(response) => self.quorum_epoch_response(38, response),
            QuorumResponse::FetchSnapshot(response) => self.fetch_snapshot_response(response),
        }
    }

    fn write_markers_request(&mut self, request: &WriteTxnMarkersRequest) {
        self.word(87);
        for written in &request.markers {
            let marker = written.marker;
            self.int(marker.producer_id.0);
            self.pair(i32::from(marker.producer_epoch.0), marker.coordinator_epoch.0);
            self.word(
                written.transaction.0 << 1 | u64::from(marker.result == TransactionResult::Commit),
            );
            for partition in &written.partitions {
                self.partition(10, *partition);
            }
        }
    }

    fn write_markers_response(&mut self, response: &WriteTxnMarkersResponse) {
        self.word(88);
        for (partition, error) in response.results.iter().flatten() {
            self.partition(10, *partition);
            self.int(error.map_or(0, |error| i64::from(error.code())));
        }
    }

    /// Adds a message that is rare enough to be encoded for it: every field counts, and nobody has to list them.
    fn encoded<M: Encodable + KafkaMessage + std::fmt::Debug>(&mut self, tag: u64, message: &M) {
        self.word(tag);
        self.bytes(&encode(message));
    }

    fn admin_request(&mut self, request: &AdminRequest) {
        match request {
            AdminRequest::DeleteTopics(request) => self.encoded(93, request),
            AdminRequest::CreatePartitions(request) => self.encoded(94, request),
            AdminRequest::AlterPartitionReassignments(request) => self.encoded(95, request),
            AdminRequest::ListPartitionReassignments(request) => self.encoded(96, request),
            AdminRequest::UnregisterBroker(request) => self.encoded(97, request),
            AdminRequest::AlterConfigs(request) => self.encoded(180, request),
            AdminRequest::IncrementalAlterConfigs(request) => self.encoded(181, request),
            AdminRequest::ElectLeaders(request) => self.encoded(182, request),
            AdminRequest::AddRaftVoter(request) => self.encoded(141, request),
            AdminRequest::RemoveRaftVoter(request) => self.encoded(142, request),
        }
    }

    fn admin_response(&mut self, response: &AdminResponse) {
        match response {
            AdminResponse::DeleteTopics(response) => self.encoded(98, response),
            AdminResponse::CreatePartitions(response) => self.encoded(99, response),
            AdminResponse::AlterPartitionReassignments(response) => self.encoded(100, response),
            AdminResponse::ListPartitionReassignments(response) => self.encoded(101, response),
            AdminResponse::UnregisterBroker(response) => self.encoded(102, response),
            AdminResponse::AlterConfigs(response) => self.encoded(183, response),
            AdminResponse::IncrementalAlterConfigs(response) => self.encoded(184, response),
            AdminResponse::ElectLeaders(response) => self.encoded(185, response),
            AdminResponse::AddRaftVoter(response) => self.encoded(143, response),
            AdminResponse::RemoveRaftVoter(response) => self.encoded(144, response),
        }
    }

    fn admin_task(&mut self, task: &AdminTask) {
        match task {
            AdminTask::DeleteGroup { group } => {
                self.word(139);
                self.bytes(group.as_bytes());
            }
            AdminTask::ResetOffsets { group, offsets } => {
                self.word(140);
                self.bytes(group.as_bytes());
                for ((topic, index), offset) in offsets {
                    self.bytes(topic.as_bytes());
                    self.word(u64::from(*index as u32));
                    self.word(offset.0 as u64);
                }
            }
            AdminTask::AbortHanging { topics, idle_ms } => {
                self.word(141);
                self.word(*idle_ms);
                for topic in topics {
                    self.bytes(topic.as_bytes());
                }
            }
        }
    }

    fn group_admin_request(&mut self, request: &GroupAdminRequest) {
        match request {
            GroupAdminRequest::ListGroups(request) => self.encoded(121, request),
            GroupAdminRequest::DescribeGroups(request) => self.encoded(122, request),
            GroupAdminRequest::ConsumerGroupDescribe(request) => self.encoded(123, request),
            GroupAdminRequest::DeleteGroups(request) => self.encoded(124, request),
            GroupAdminRequest::OffsetDelete(request) => self.encoded(125, request),
        }
    }

    fn group_admin_response(&mut self, response: &GroupAdminResponse) {
        match response {
            GroupAdminResponse::ListGroups(response) => self.encoded(126, response),
            GroupAdminResponse::DescribeGroups(response) => self.encoded(127, response),
            GroupAdminResponse::ConsumerGroupDescribe(response) => self.encoded(128, response),
            GroupAdminResponse::DeleteGroups(response) => self.encoded(129, response),
            GroupAdminResponse::OffsetDelete(response) => self.encoded(130, response),
        }
    }

    fn transaction_admin_request(&mut self, request: &TransactionAdminRequest) {
        match request {
            TransactionAdminRequest::ListTransactions(request) => self.encoded(131, request),
            TransactionAdminRequest::DescribeTransactions(request) => self.encoded(132, request),
            TransactionAdminRequest::DescribeProducers(request) => self.encoded(133, request),
            TransactionAdminRequest::WriteTxnMarkers(request) => self.encoded(134, request),
        }
    }

    fn transaction_admin_response(&mut self, response: &TransactionAdminResponse) {
        match response {
            TransactionAdminResponse::ListTransactions(response) => self.encoded(135, response),
            TransactionAdminResponse::DescribeTransactions(response) => self.encoded(136, response),
            TransactionAdminResponse::DescribeProducers(response) => self.encoded(137, response),
            TransactionAdminResponse::WriteTxnMarkers(response) => self.encoded(138, response),
        }
    }

    fn partition(&mut self, tag: u64, partition: TopicPartition) {
        self.word(
            tag << 56 | u64::from(partition.topic.0) << 32 | u64::from(partition.partition as u32),
        );
    }

    fn node(&mut self, node: Option<NodeId>) {
        self.int(node.map_or(-1, |node| i64::from(node.0)));
    }

    fn error(&mut self, error: Option<ClusterError>) {
        self.word(error.map_or(u64::MAX, |error| error as u64));
    }

    fn batches(&mut self, batches: &[RecordBatch]) {
        self.word(batches.len() as u64);
        for batch in batches {
            let header = batch.header();
            self.int(header.base_offset.0);
            self.pair(header.leader_epoch.0, header.checksum as i32);
        }
    }

    /// Adds v2 record bytes by the headers of their batches.
    pub(super) fn records(&mut self, records: Option<&Bytes>) {
        let Some(records) = records else {
            return self.word(u64::MAX);
        };
        self.word(records.len() as u64);
        let mut rest: &[u8] = records;
        // Base offset in bytes 0 to 7, length of what follows in 8 to 11, epoch in 12 to 15, checksum in 17 to 20.
        while let Some((head, _)) = rest.split_first_chunk::<21>() {
            let field = |from: usize| {
                u32::from_be_bytes([head[from], head[from + 1], head[from + 2], head[from + 3]])
            };
            self.word(u64::from(field(0)) << 32 | u64::from(field(4)));
            self.word(u64::from(field(12)) << 32 | u64::from(field(17)));
            rest = rest.get(12 + field(8) as usize..).unwrap_or(&[]);
        }
    }
}

/// Which connection, as a number.
pub(crate) fn channel_number(channel: Channel) -> usize {
    match channel {
        Channel::ReplicaFetch => 0,
        Channel::Heartbeat => 1,
        Channel::Controller => 2,
        Channel::QuorumFetch => 3,
        Channel::Quorum => 4,
        Channel::Client => 5,
        Channel::ClientFetch => 6,
        Channel::ClientCoordinator => 7,
        Channel::TransactionMarkers => 8,
        Channel::TransactionVerification => 9,
        Channel::ClientProducer => 10,
        Channel::ShareState => 11,
        Channel::Application(number) => 12 + usize::from(number),
    }
}

/// Number of channels.
pub(crate) const CHANNELS: usize = 12 + Channel::APPLICATION_MAX as usize;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_content_matter() {
        let of = |words: &[u64]| {
            let mut print = Fingerprint::new(1);
            for word in words {
                print.word(*word);
            }
            print.value()
        };
        let all = [of(&[]), of(&[0]), of(&[0, 0]), of(&[1, 2]), of(&[2, 1]), of(&[1 << 63])];
        let mut unique = all.to_vec();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), all.len(), "{all:x?}");
    }

    #[test]
    fn records_count_by_their_batches_headers() {
        let batch = |checksum: u8| {
            let mut bytes = vec![0_u8; 70];
            bytes[11] = 58;
            bytes[20] = checksum;
            bytes
        };
        let of = |records: Vec<u8>| {
            let mut print = Fingerprint::new(1);
            print.records(Some(&Bytes::from(records)));
            print.value()
        };
        assert_eq!(of(batch(1)), of(batch(1)), "equal");
        assert_ne!(of(batch(1)), of(batch(2)), "another checksum");
        assert_ne!(
            of([batch(1), batch(2)].concat()),
            of([batch(1), batch(3)].concat()),
            "in the second batch"
        );
        assert_ne!(of(batch(1)[..60].to_vec()), of(batch(1)), "cut");
    }
}

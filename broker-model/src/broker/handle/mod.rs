//! What a broker is asked: one file for each API, which unpacks Kafka's structs into calls on domain types.

mod add_partitions_to_txn;
mod admin;
mod asked_topic;
mod consumer_group_heartbeat;
mod create_topics;
mod delete_records;
mod end_txn;
pub(super) mod fetch;
mod find_coordinator;
mod group_administration;
mod heartbeat;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_for_leader_epoch;
mod produce;
mod read_replica;
mod replica_fetch;
mod replica_offsets;
mod sync_group;
mod transaction_administration;
mod txn_offset_commit;
mod verification;
mod write_txn_markers;

use crate::broker::share::StateAsker;
use crate::broker::{Broker, Caller};
use crate::message::{
    ClientRequest, ClientResponse, ClusterError, PeerRequest, PeerResponse, RequestBody,
    ResponseBody,
};
use crate::metadata::MetadataImage;
use crate::node::Effects;
use crate::note::{IsolationLevel, Note, ReplicationNote};
use crate::partition::Partition;
use crate::proto::{ErrorCode, TopicName};
use crate::types::{NodeId, Now, TopicPartition};

impl Broker {
    /// Dispatches a request. What no broker serves ends the connection, as in Kafka.
    pub(super) fn on_request(
        &mut self,
        now: Now,
        caller: Caller,
        body: RequestBody,
        effects: &mut Effects,
    ) {
        match body {
            RequestBody::Client(request) => self.on_client_request(now, caller, request, effects),
            RequestBody::Peer(request) => self.on_peer_request(now, caller, request, effects),
            RequestBody::Controller(_)
            | RequestBody::Quorum(_)
            | RequestBody::QuorumFetch(_)
            | RequestBody::Wire(_) => {
                self.connections.close(caller, effects);
            }
        }
    }

    fn on_client_request(
        &mut self,
        now: Now,
        caller: Caller,
        request: ClientRequest,
        effects: &mut Effects,
    ) {
        match request {
            ClientRequest::Produce(request) => self.on_produce(now, caller, request, effects),
            ClientRequest::Fetch(request) => self.on_fetch(now, caller, request, effects),
            ClientRequest::ListOffsets(request) => self.on_list_offsets(caller, &request, effects),
            ClientRequest::Metadata(request) => self.on_metadata(caller, &request, effects),
            ClientRequest::OffsetForLeaderEpoch(request) => {
                self.on_offset_for_leader_epoch(caller, &request, effects);
            }
            ClientRequest::InitProducerId(request) => {
                self.on_init_producer_id(now, caller, &request, effects);
            }
            ClientRequest::AddPartitionsToTxn(request) => {
                let answer = |it| ResponseBody::Client(ClientResponse::AddPartitionsToTxn(it));
                self.on_add_partitions_to_txn(now, (caller, answer), request, effects);
            }
            ClientRequest::AddOffsetsToTxn(request) => {
                self.on_add_offsets_to_txn(now, caller, &request, effects);
            }
            ClientRequest::TxnOffsetCommit(request) => {
                self.on_txn_offset_commit(now, caller, &request, effects);
            }
            ClientRequest::EndTxn(request) => self.on_end_txn(now, caller, &request, effects),
            ClientRequest::ShareFetch(request) => {
                self.on_share_fetch(now, caller, request, effects);
            }
            ClientRequest::CreateTopics(request) => {
                self.on_create_topics(now, caller, request, effects);
            }
            ClientRequest::Admin(request) => self.on_admin(now, caller, request, effects),
            ClientRequest::GroupAdmin(request) => {
                self.on_group_admin(now, caller, &request, effects);
            }
            ClientRequest::TransactionAdmin(request) => {
                self.on_transaction_admin(now, caller, &request, effects);
            }
            ClientRequest::DeleteRecords(request) => {
                self.on_delete_records(now, caller, &request, effects);
            }
            ClientRequest::FindCoordinator(request) => {
                self.on_find_coordinator(now, caller, &request, effects);
            }
            ClientRequest::JoinGroup(request) => self.on_join_group(now, caller, &request, effects),
            ClientRequest::SyncGroup(request) => self.on_sync_group(now, caller, &request, effects),
            ClientRequest::Heartbeat(request) => self.on_heartbeat(now, caller, &request, effects),
            ClientRequest::LeaveGroup(request) => {
                self.on_leave_group(now, caller, &request, effects);
            }
            ClientRequest::OffsetCommit(request) => {
                self.on_offset_commit(now, caller, &request, effects);
            }
            ClientRequest::OffsetFetch(request) => {
                self.on_offset_fetch(now, caller, &request, effects);
            }
            ClientRequest::ConsumerGroupHeartbeat(request) => {
                self.on_consumer_group_heartbeat(now, caller, &request, effects);
            }
        }
    }

    fn on_peer_request(
        &mut self,
        now: Now,
        caller: Caller,
        request: PeerRequest,
        effects: &mut Effects,
    ) {
        match request {
            PeerRequest::WriteTxnMarkers(request) => {
                self.on_write_txn_markers(now, caller, &request, effects);
            }
            PeerRequest::ReplicaFetch(request) => {
                self.on_replica_fetch(now, caller, request, effects);
            }
            PeerRequest::ReplicaOffsets(request) => {
                self.on_replica_offsets(caller, request, effects);
            }
            PeerRequest::AddPartitionsToTxn(request) => {
                let answer = |it| ResponseBody::Peer(PeerResponse::AddPartitionsToTxn(it));
                self.on_add_partitions_to_txn(now, (caller, answer), request, effects);
            }
            PeerRequest::ShareState(request) => {
                self.serve_share_state(now, StateAsker::Remote(caller), *request, effects);
            }
        }
    }

    /// The partition of a name and index, as the metadata knows it.
    pub(in crate::broker) fn resolve(
        &self,
        topic: &TopicName,
        partition: i32,
    ) -> Result<TopicPartition, ErrorCode> {
        resolve(self.metadata.image(), topic, partition)
    }

    /// The hosted partition of a name and index. Source: Kafka's `ReplicaManager.getPartitionOrError`.
    fn hosted(&self, topic: &TopicName, partition: i32) -> Result<&Partition, ErrorCode> {
        self.hosted_as(self.resolve(topic, partition)?)
    }

    /// The hosted partition of an id that the metadata knows.
    fn hosted_as(&self, id: TopicPartition) -> Result<&Partition, ErrorCode> {
        self.partitions.get(&id).ok_or_else(|| self.not_hosted(id))
    }
}

/// `isolation.level` as it is on the wire.
fn isolation_level(wire: i8) -> IsolationLevel {
    if wire == 0 { IsolationLevel::ReadUncommitted } else { IsolationLevel::ReadCommitted }
}

/// The partition of a name and index, as metadata knows it.
fn resolve(
    image: &MetadataImage,
    topic: &TopicName,
    partition: i32,
) -> Result<TopicPartition, ErrorCode> {
    let topic = image.topic_ids.get(topic.as_str()).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    let id = TopicPartition { topic: *topic, partition };
    if image.partitions.contains_key(&id) {
        Ok(id)
    } else {
        Err(ErrorCode::UnknownTopicOrPartition)
    }
}

/// The note that a client's request was refused for its leader epoch, if it was.
fn fenced(partition: TopicPartition, by: NodeId, error: ErrorCode) -> Option<Note> {
    let error = if error == ErrorCode::FencedLeaderEpoch {
        ClusterError::FencedLeaderEpoch
    } else if error == ErrorCode::UnknownLeaderEpoch {
        ClusterError::UnknownLeaderEpoch
    } else {
        return None;
    };
    Some(Note::Replication(ReplicationNote::RequestFenced { partition, by, error }))
}

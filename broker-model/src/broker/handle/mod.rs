//! What a broker is asked: one file for each API, which unpacks Kafka's structs into calls on domain types.

mod add_partitions_to_txn;
mod admin;
mod consumer_group_heartbeat;
mod create_topics;
mod delete_records;
mod end_txn;
pub(super) mod fetch;
mod find_coordinator;
mod heartbeat;
mod init_producer_id;
mod join_group;
mod leave_group;
mod list_offsets;
mod metadata;
mod offset_commit;
mod offset_for_leader_epoch;
mod produce;
mod replica_fetch;
mod replica_offsets;
mod sync_group;
mod txn_offset_commit;
mod verification;
mod write_txn_markers;

use crate::broker::{Broker, Caller};
use crate::message::{ClusterError, RequestBody};
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
            RequestBody::Produce(request) => self.on_produce(now, caller, request, effects),
            RequestBody::Fetch(request) => self.on_fetch(now, caller, request, effects),
            RequestBody::ListOffsets(request) => self.on_list_offsets(caller, &request, effects),
            RequestBody::Metadata(request) => self.on_metadata(caller, &request, effects),
            RequestBody::OffsetForLeaderEpoch(request) => {
                self.on_offset_for_leader_epoch(caller, &request, effects);
            }
            RequestBody::InitProducerId(request) => {
                self.on_init_producer_id(now, caller, &request, effects);
            }
            RequestBody::AddPartitionsToTxn(request) => {
                self.on_add_partitions_to_txn(now, caller, request, effects);
            }
            RequestBody::AddOffsetsToTxn(request) => {
                self.on_add_offsets_to_txn(now, caller, &request, effects);
            }
            RequestBody::TxnOffsetCommit(request) => {
                self.on_txn_offset_commit(now, caller, &request, effects);
            }
            RequestBody::EndTxn(request) => self.on_end_txn(now, caller, &request, effects),
            RequestBody::WriteTxnMarkers(request) => {
                self.on_write_txn_markers(now, caller, &request, effects);
            }
            RequestBody::CreateTopics(request) => {
                self.on_create_topics(now, caller, request, effects);
            }
            RequestBody::Admin(request) => self.on_admin(now, caller, request, effects),
            RequestBody::DeleteRecords(request) => {
                self.on_delete_records(now, caller, &request, effects);
            }
            RequestBody::FindCoordinator(request) => {
                self.on_find_coordinator(now, caller, &request, effects);
            }
            RequestBody::JoinGroup(request) => self.on_join_group(now, caller, &request, effects),
            RequestBody::SyncGroup(request) => self.on_sync_group(now, caller, &request, effects),
            RequestBody::Heartbeat(request) => self.on_heartbeat(now, caller, &request, effects),
            RequestBody::LeaveGroup(request) => self.on_leave_group(now, caller, &request, effects),
            RequestBody::OffsetCommit(request) => {
                self.on_offset_commit(now, caller, &request, effects);
            }
            RequestBody::OffsetFetch(request) => {
                self.on_offset_fetch(now, caller, &request, effects);
            }
            RequestBody::ConsumerGroupHeartbeat(request) => {
                self.on_consumer_group_heartbeat(now, caller, &request, effects);
            }
            RequestBody::ReplicaFetch(request) => {
                self.on_replica_fetch(now, caller, request, effects);
            }
            RequestBody::ReplicaOffsets(request) => {
                self.on_replica_offsets(caller, request, effects);
            }
            RequestBody::AlterPartition(_)
            | RequestBody::BrokerRegistration(_)
            | RequestBody::BrokerHeartbeat(_)
            | RequestBody::AllocateProducerIds(_)
            | RequestBody::Vote(_)
            | RequestBody::BeginQuorumEpoch(_)
            | RequestBody::EndQuorumEpoch(_)
            | RequestBody::QuorumFetch(_) => self.connections.close(caller, effects),
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
        self.partitions.get(&id).ok_or(ErrorCode::NotLeaderOrFollower)
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

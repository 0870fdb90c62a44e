//! What a broker is asked: one file for each API, which unpacks Kafka's structs into calls on domain types.

mod create_topics;
pub(super) mod fetch;
mod init_producer_id;
mod list_offsets;
mod metadata;
mod offset_for_leader_epoch;
mod produce;
mod replica_fetch;
mod replica_offsets;

use crate::broker::{Broker, Caller};
use crate::message::{Body, ClusterError};
use crate::node::Effects;
use crate::note::Note;
use crate::partition::Partition;
use crate::proto::{ErrorCode, TopicName};
use crate::types::{NodeId, Now, TopicPartition};

impl Broker {
    /// Dispatches a request. What no broker serves ends the connection, as in Kafka.
    pub(super) fn on_request(
        &mut self,
        now: Now,
        caller: Caller,
        body: Body,
        effects: &mut Effects,
    ) {
        match body {
            Body::ProduceRequest(request) => self.on_produce(now, caller, &request, effects),
            Body::FetchRequest(request) => self.on_fetch(now, caller, request, effects),
            Body::ListOffsetsRequest(request) => self.on_list_offsets(caller, &request, effects),
            Body::MetadataRequest(request) => self.on_metadata(caller, &request, effects),
            Body::OffsetForLeaderEpochRequest(request) => {
                self.on_offset_for_leader_epoch(caller, &request, effects);
            }
            Body::InitProducerIdRequest(request) => {
                self.on_init_producer_id(now, caller, &request, effects);
            }
            Body::CreateTopicsRequest(request) => {
                self.on_create_topics(now, caller, request, effects);
            }
            Body::ReplicaFetchRequest(request) => {
                self.on_replica_fetch(now, caller, request, effects);
            }
            Body::ReplicaOffsetsRequest(request) => {
                self.on_replica_offsets(caller, request, effects);
            }
            Body::ProduceResponse(_)
            | Body::FetchResponse(_)
            | Body::ListOffsetsResponse(_)
            | Body::MetadataResponse(_)
            | Body::OffsetForLeaderEpochResponse(_)
            | Body::InitProducerIdResponse(_)
            | Body::CreateTopicsResponse(_)
            | Body::ReplicaFetchResponse(_)
            | Body::ReplicaOffsetsResponse(_)
            | Body::AlterPartitionRequest(_)
            | Body::AlterPartitionResponse(_)
            | Body::BrokerRegistrationRequest(_)
            | Body::BrokerRegistrationResponse(_)
            | Body::BrokerHeartbeatRequest(_)
            | Body::BrokerHeartbeatResponse(_)
            | Body::AllocateProducerIdsRequest(_)
            | Body::AllocateProducerIdsResponse(_)
            | Body::VoteRequest(_)
            | Body::VoteResponse(_)
            | Body::BeginQuorumEpochRequest(_)
            | Body::BeginQuorumEpochResponse(_)
            | Body::EndQuorumEpochRequest(_)
            | Body::EndQuorumEpochResponse(_)
            | Body::QuorumFetchRequest(_)
            | Body::QuorumFetchResponse(_) => self.connections.close(caller, effects),
        }
    }

    /// The partition of a name and index, as the metadata knows it.
    fn resolve(&self, topic: &TopicName, partition: i32) -> Result<TopicPartition, ErrorCode> {
        let image = self.metadata.image();
        let topic =
            image.topic_ids.get(topic.as_str()).ok_or(ErrorCode::UnknownTopicOrPartition)?;
        let id = TopicPartition { topic: *topic, partition };
        if !image.partitions.contains_key(&id) {
            return Err(ErrorCode::UnknownTopicOrPartition);
        }
        Ok(id)
    }

    /// The hosted partition of a name and index. Source: Kafka's `ReplicaManager.getPartitionOrError`.
    fn hosted(&self, topic: &TopicName, partition: i32) -> Result<&Partition, ErrorCode> {
        let id = self.resolve(topic, partition)?;
        self.partitions.get(&id).ok_or(ErrorCode::NotLeaderOrFollower)
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
    Some(Note::RequestFenced { partition, by, error })
}

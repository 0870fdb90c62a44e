//! Hashes of the messages between clients and brokers.

use harrow_broker_model::message::Body;
use harrow_broker_model::proto;

use super::Fingerprint;

impl Fingerprint {
    /// Adds a client's request; false if it is none.
    pub(super) fn client_request(&mut self, body: &Body) -> bool {
        match body {
            Body::ProduceRequest(request) => self.produce_request(request),
            Body::FetchRequest(request) => self.fetch_request(request),
            Body::ListOffsetsRequest(request) => self.list_offsets_request(request),
            Body::MetadataRequest(request) => {
                self.pair(
                    7,
                    request
                        .topics
                        .as_ref()
                        .map_or(-1, |topics| topics.len() as i32),
                );
            }
            Body::OffsetForLeaderEpochRequest(request) => self.epoch_request(request),
            Body::InitProducerIdRequest(request) => {
                self.pair(11, i32::from(request.producer_epoch));
                self.int(request.producer_id.0);
            }
            Body::CreateTopicsRequest(request) => {
                self.pair(13, request.timeout_ms);
                request
                    .topics
                    .iter()
                    .for_each(|topic| self.bytes(topic.name.as_bytes()));
            }
            Body::ProduceResponse(_)
            | Body::FetchResponse(_)
            | Body::ListOffsetsResponse(_)
            | Body::MetadataResponse(_)
            | Body::OffsetForLeaderEpochResponse(_)
            | Body::InitProducerIdResponse(_)
            | Body::CreateTopicsResponse(_)
            | Body::ReplicaFetchRequest(_)
            | Body::ReplicaFetchResponse(_)
            | Body::ReplicaOffsetsRequest(_)
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
            | Body::QuorumFetchResponse(_) => return false,
        }
        true
    }

    /// Adds a broker's answer to a client; false if it is none.
    pub(super) fn client_response(&mut self, body: &Body) -> bool {
        match body {
            Body::ProduceResponse(response) => self.produce_response(response),
            Body::FetchResponse(response) => self.fetch_response(response),
            Body::ListOffsetsResponse(response) => self.list_offsets_response(response),
            Body::MetadataResponse(response) => self.metadata_response(response),
            Body::OffsetForLeaderEpochResponse(response) => self.epoch_response(response),
            Body::InitProducerIdResponse(response) => {
                self.pair(12, i32::from(response.error_code));
                self.int(response.producer_id.0);
                self.int(i64::from(response.producer_epoch));
            }
            Body::CreateTopicsResponse(response) => {
                self.pair(14, response.topics.len() as i32);
                response
                    .topics
                    .iter()
                    .for_each(|topic| self.int(i64::from(topic.error_code)));
            }
            Body::ProduceRequest(_)
            | Body::FetchRequest(_)
            | Body::ListOffsetsRequest(_)
            | Body::MetadataRequest(_)
            | Body::OffsetForLeaderEpochRequest(_)
            | Body::InitProducerIdRequest(_)
            | Body::CreateTopicsRequest(_)
            | Body::ReplicaFetchRequest(_)
            | Body::ReplicaFetchResponse(_)
            | Body::ReplicaOffsetsRequest(_)
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
            | Body::QuorumFetchResponse(_) => return false,
        }
        true
    }

    fn produce_request(&mut self, request: &proto::ProduceRequest) {
        self.pair(1, i32::from(request.acks));
        for topic in &request.topic_data {
            self.bytes(topic.name.as_bytes());
            for partition in &topic.partition_data {
                self.int(i64::from(partition.index));
                self.records(partition.records.as_ref());
            }
        }
    }

    fn produce_response(&mut self, response: &proto::ProduceResponse) {
        self.pair(2, response.responses.len() as i32);
        for partition in response
            .responses
            .iter()
            .flat_map(|topic| &topic.partition_responses)
        {
            self.pair(partition.index, i32::from(partition.error_code));
            self.int(partition.base_offset);
        }
    }

    fn fetch_request(&mut self, request: &proto::FetchRequest) {
        self.pair(3, request.max_wait_ms);
        for partition in request.topics.iter().flat_map(|topic| &topic.partitions) {
            self.pair(partition.partition, partition.current_leader_epoch);
            self.int(partition.fetch_offset);
        }
    }

    fn fetch_response(&mut self, response: &proto::FetchResponse) {
        self.pair(4, i32::from(response.error_code));
        for partition in response
            .responses
            .iter()
            .flat_map(|topic| &topic.partitions)
        {
            self.pair(partition.partition_index, i32::from(partition.error_code));
            self.int(partition.high_watermark);
            self.records(partition.records.as_ref());
        }
    }

    fn list_offsets_request(&mut self, request: &proto::ListOffsetsRequest) {
        self.pair(5, i32::from(request.isolation_level));
        for partition in request.topics.iter().flat_map(|topic| &topic.partitions) {
            self.pair(partition.partition_index, partition.current_leader_epoch);
            self.int(partition.timestamp);
        }
    }

    fn list_offsets_response(&mut self, response: &proto::ListOffsetsResponse) {
        self.pair(6, response.topics.len() as i32);
        for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
            self.pair(partition.partition_index, i32::from(partition.error_code));
            self.int(partition.offset);
        }
    }

    fn metadata_response(&mut self, response: &proto::MetadataResponse) {
        self.pair(8, response.brokers.len() as i32);
        for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
            self.pair(partition.partition_index, i32::from(partition.error_code));
            self.pair(partition.leader_id.0, partition.leader_epoch);
        }
    }

    fn epoch_request(&mut self, request: &proto::OffsetForLeaderEpochRequest) {
        self.pair(9, request.topics.len() as i32);
        for partition in request.topics.iter().flat_map(|topic| &topic.partitions) {
            self.pair(partition.partition, partition.current_leader_epoch);
            self.int(i64::from(partition.leader_epoch));
        }
    }

    fn epoch_response(&mut self, response: &proto::OffsetForLeaderEpochResponse) {
        self.pair(10, response.topics.len() as i32);
        for partition in response.topics.iter().flat_map(|topic| &topic.partitions) {
            self.pair(partition.partition, i32::from(partition.error_code));
            self.pair(partition.leader_epoch, partition.end_offset as i32);
        }
    }
}

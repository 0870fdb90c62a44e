//! Hashes of the messages inside the cluster.

use harrow_broker_model::message::{
    AlterPartitionRequest, AlterPartitionResponse, Body, QuorumEpochResponse, QuorumFetchRequest,
    QuorumFetchResponse, ReplicaFetchRequest, ReplicaFetchResponse,
};

use super::Fingerprint;

impl Fingerprint {
    /// Adds a message between brokers and controllers.
    pub(super) fn cluster(&mut self, body: &Body) {
        match body {
            Body::ReplicaFetchRequest(request) => self.replica_fetch_request(request),
            Body::ReplicaFetchResponse(response) => self.replica_fetch_response(response),
            Body::ReplicaOffsetsRequest(request) => {
                self.partition(22, request.partition);
                self.int(i64::from(request.current_leader_epoch.0));
            }
            Body::ReplicaOffsetsResponse(response) => {
                self.partition(23, response.partition);
                self.error(response.error);
                self.int(response.log_start_offset.0);
                self.int(response.log_end_offset.0);
            }
            Body::AlterPartitionRequest(request) => self.alter_partition_request(request),
            Body::AlterPartitionResponse(response) => self.alter_partition_response(response),
            Body::QuorumFetchRequest(request) => self.quorum_fetch_request(request),
            Body::QuorumFetchResponse(response) => self.quorum_fetch_response(response),
            Body::BeginQuorumEpochResponse(response) => self.quorum_epoch_response(36, *response),
            Body::EndQuorumEpochResponse(response) => self.quorum_epoch_response(38, *response),
            Body::VoteRequest(_)
            | Body::VoteResponse(_)
            | Body::BeginQuorumEpochRequest(_)
            | Body::EndQuorumEpochRequest(_) => self.election(body),
            Body::BrokerRegistrationRequest(_)
            | Body::BrokerRegistrationResponse(_)
            | Body::BrokerHeartbeatRequest(_)
            | Body::BrokerHeartbeatResponse(_)
            | Body::AllocateProducerIdsRequest(_)
            | Body::AllocateProducerIdsResponse(_) => self.broker_life(body),
            Body::ProduceRequest(_)
            | Body::ProduceResponse(_)
            | Body::FetchRequest(_)
            | Body::FetchResponse(_)
            | Body::ListOffsetsRequest(_)
            | Body::ListOffsetsResponse(_)
            | Body::MetadataRequest(_)
            | Body::MetadataResponse(_)
            | Body::OffsetForLeaderEpochRequest(_)
            | Body::OffsetForLeaderEpochResponse(_)
            | Body::InitProducerIdRequest(_)
            | Body::InitProducerIdResponse(_)
            | Body::CreateTopicsRequest(_)
            | Body::CreateTopicsResponse(_) => unreachable!("client messages are hashed before"),
        }
    }

    fn election(&mut self, body: &Body) {
        if let Body::VoteRequest(request) = body {
            self.pair(33, request.epoch.0);
            self.pair(request.candidate.0, request.last_epoch.0);
            self.int(request.end_offset.0);
        } else if let Body::VoteResponse(response) = body {
            self.pair(34, response.epoch.0);
            self.node(response.leader);
            self.word(u64::from(response.granted));
        } else if let Body::BeginQuorumEpochRequest(request) = body {
            self.pair(35, request.epoch.0);
            self.node(Some(request.leader));
        } else if let Body::EndQuorumEpochRequest(request) = body {
            self.pair(37, request.epoch.0);
            self.node(Some(request.leader));
            request
                .preferred_successors
                .iter()
                .for_each(|node| self.node(Some(*node)));
        }
    }

    fn broker_life(&mut self, body: &Body) {
        if let Body::BrokerRegistrationRequest(request) = body {
            self.pair(27, request.broker.0);
            self.word(request.incarnation);
            self.int(request.previous_broker_epoch.0);
        } else if let Body::BrokerRegistrationResponse(response) = body {
            self.pair(28, response.controller.map_or(-1, |node| node.0));
            self.int(
                response
                    .result
                    .map_or_else(|error| -1 - error as i64, |epoch| epoch.0),
            );
        } else if let Body::BrokerHeartbeatRequest(request) = body {
            self.pair(29, request.broker.0);
            self.int(request.broker_epoch.0);
            self.int(request.metadata_offset.0);
            self.word(u64::from(request.want_fence) << 1 | u64::from(request.want_shutdown));
        } else if let Body::BrokerHeartbeatResponse(response) = body {
            self.pair(30, response.controller.map_or(-1, |node| node.0));
            let state = response
                .result
                .map(|state| i64::from(state.fenced) << 1 | i64::from(state.should_shut_down));
            self.int(state.unwrap_or_else(|error| -1 - error as i64));
        } else if let Body::AllocateProducerIdsRequest(request) = body {
            self.pair(31, request.broker.0);
            self.int(request.broker_epoch.0);
        } else if let Body::AllocateProducerIdsResponse(response) = body {
            self.word(32);
            self.int(
                response
                    .result
                    .map_or_else(|error| -1 - error as i64, |(first, _)| first),
            );
        }
    }

    fn replica_fetch_request(&mut self, request: &ReplicaFetchRequest) {
        self.pair(20, request.replica.0);
        self.int(request.broker_epoch.0);
        for wanted in &request.partitions {
            self.partition(0, wanted.partition);
            self.pair(wanted.current_leader_epoch.0, wanted.last_fetched_epoch.0);
            self.int(wanted.fetch_offset.0);
        }
    }

    fn replica_fetch_response(&mut self, response: &ReplicaFetchResponse) {
        self.word(21);
        for answer in &response.partitions {
            self.partition(0, answer.partition);
            self.error(answer.error);
            self.int(answer.high_watermark.0);
            if let Some(end) = answer.diverging {
                self.pair(end.epoch.0, end.end_offset.0 as i32);
            }
            self.batches(&answer.batches);
        }
    }

    fn alter_partition_request(&mut self, request: &AlterPartitionRequest) {
        self.partition(24, request.partition);
        self.pair(request.broker.0, request.leader_epoch.0);
        self.pair(request.partition_epoch.0, i32::from(request.recovering));
        request
            .new_isr
            .iter()
            .for_each(|(node, epoch)| self.int((i64::from(node.0) << 40) ^ epoch.0));
    }

    fn alter_partition_response(&mut self, response: &AlterPartitionResponse) {
        self.partition(25, response.partition);
        match &response.result {
            Ok(registration) => {
                self.node(registration.leader);
                self.pair(registration.leader_epoch.0, registration.partition_epoch.0);
                registration
                    .isr
                    .iter()
                    .for_each(|node| self.node(Some(*node)));
            }
            Err(error) => self.error(Some(*error)),
        }
    }

    fn quorum_fetch_request(&mut self, request: &QuorumFetchRequest) {
        self.pair(39, request.replica.0);
        self.pair(request.epoch.0, request.last_fetched_epoch.0);
        self.int(request.fetch_offset.0);
    }

    fn quorum_fetch_response(&mut self, response: &QuorumFetchResponse) {
        self.pair(40, response.epoch.0);
        self.node(response.leader);
        self.error(response.error);
        self.int(response.high_watermark.0);
        if let Some(end) = response.diverging {
            self.pair(end.epoch.0, end.end_offset.0 as i32);
        }
        self.batches(&response.batches);
    }

    fn quorum_epoch_response(&mut self, tag: i32, response: QuorumEpochResponse) {
        self.pair(tag, response.epoch.0);
        self.node(response.leader);
        self.error(response.error);
    }
}

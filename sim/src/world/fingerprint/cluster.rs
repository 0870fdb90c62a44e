//! Hashes of the messages inside the cluster.

use harrow_broker_model::message::{
    AllocateProducerIdsRequest, AllocateProducerIdsResponse, AlterPartitionRequest,
    AlterPartitionResponse, AlteredPartition, AssignReplicasToDirsRequest,
    AssignReplicasToDirsResponse, BeginQuorumEpochRequest, BrokerHeartbeatRequest,
    BrokerHeartbeatResponse, BrokerRegistrationRequest, BrokerRegistrationResponse, ClusterError,
    EndQuorumEpochRequest, FetchSnapshotRequest, FetchSnapshotResponse, QuorumEpochResponse,
    QuorumFetchRequest, QuorumFetchResponse, ReplicaFetchRequest, ReplicaFetchResponse,
    ReplicaOffsetsRequest, ReplicaOffsetsResponse, VoteRequest, VoteResponse,
};

use harrow_broker_model::types::{DirectoryId, SnapshotId};

use super::Fingerprint;

impl Fingerprint {
    pub(super) fn replica_fetch_request(&mut self, request: &ReplicaFetchRequest) {
        self.pair(20, request.replica.0);
        self.int(request.broker_epoch.0);
        self.pair(request.session.session_id, request.session.epoch);
        for wanted in &request.partitions {
            self.partition(0, wanted.partition);
            self.pair(wanted.current_leader_epoch.0, wanted.last_fetched_epoch.0);
            self.int(wanted.fetch_offset.0);
        }
        request.forgotten.iter().for_each(|partition| self.partition(1, *partition));
    }

    pub(super) fn replica_fetch_response(&mut self, response: &ReplicaFetchResponse) {
        match response.session {
            Ok(session) => self.pair(21, session),
            Err(error) => self.pair(20, error as i32),
        }
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

    pub(super) fn alter_partition_request(&mut self, request: &AlterPartitionRequest) {
        self.pair(request.broker.0, request.partitions.len() as i32);
        for item in &request.partitions {
            self.partition(24, item.partition);
            self.pair(item.partition_epoch.0, item.leader_epoch.0);
            self.pair(item.new_isr.len() as i32, i32::from(item.recovering));
            let members = item.new_isr.iter();
            members.for_each(|(node, epoch)| self.int((i64::from(node.0) << 40) ^ epoch.0));
        }
    }

    pub(super) fn alter_partition_response(&mut self, response: &AlterPartitionResponse) {
        match &response.result {
            Ok(altered) => {
                self.pair(25, altered.len() as i32);
                for one in altered {
                    self.altered_partition(one);
                }
            }
            Err(error) => {
                self.word(25);
                self.error(Some(*error));
            }
        }
    }

    fn altered_partition(&mut self, one: &AlteredPartition) {
        self.partition(25, one.partition);
        match &one.result {
            Ok(registration) => {
                self.node(registration.leader);
                self.pair(registration.leader_epoch.0, registration.partition_epoch.0);
                registration.isr.iter().for_each(|node| self.node(Some(*node)));
            }
            Err(error) => self.error(Some(*error)),
        }
    }

    pub(super) fn quorum_fetch_request(&mut self, request: &QuorumFetchRequest) {
        self.pair(39, request.replica.0);
        self.pair(request.epoch.0, request.last_fetched_epoch.0);
        self.int(request.fetch_offset.0);
        self.int(request.high_watermark.0);
        self.directory(request.replica_directory);
    }

    pub(super) fn quorum_fetch_response(&mut self, response: &QuorumFetchResponse) {
        self.pair(40, response.epoch.0);
        self.node(response.leader);
        self.error(response.error);
        self.int(response.high_watermark.0);
        if let Some(end) = response.diverging {
            self.pair(end.epoch.0, end.end_offset.0 as i32);
        }
        if let Some(snapshot) = response.snapshot {
            self.snapshot(93, snapshot);
        }
        self.batches(&response.batches);
    }

    pub(super) fn snapshot(&mut self, tag: u64, snapshot: SnapshotId) {
        self.word(tag);
        self.int(i64::from(snapshot.epoch.0));
        self.int(snapshot.end_offset.0);
    }

    pub(super) fn fetch_snapshot_request(&mut self, request: &FetchSnapshotRequest) {
        self.snapshot(94, request.snapshot);
        self.pair(request.replica.0, request.epoch.0);
        self.word(request.position);
        self.directory(request.replica_directory);
    }

    /// Replicas that the configuration names have none.
    fn directory(&mut self, directory: DirectoryId) {
        if directory != DirectoryId::UNASSIGNED {
            self.word(directory.0);
        }
    }

    pub(super) fn fetch_snapshot_response(&mut self, response: &FetchSnapshotResponse) {
        self.snapshot(95, response.snapshot);
        self.pair(0, response.epoch.0);
        self.node(response.leader);
        self.error(response.error);
        self.word(response.size);
        self.word(response.position);
        self.word(response.bytes.len() as u64);
    }

    pub(super) fn quorum_epoch_response(&mut self, tag: i32, response: &QuorumEpochResponse) {
        self.pair(tag, response.epoch.0);
        self.node(response.leader);
        self.error(response.error);
    }

    pub(super) fn replica_offsets_request(&mut self, request: &ReplicaOffsetsRequest) {
        self.partition(22, request.partition);
        self.int(i64::from(request.current_leader_epoch.0));
    }

    pub(super) fn replica_offsets_response(&mut self, response: &ReplicaOffsetsResponse) {
        self.partition(23, response.partition);
        self.error(response.error);
        self.int(response.log_start_offset.0);
        self.int(response.log_end_offset.0);
    }

    pub(super) fn registration_request(&mut self, request: &BrokerRegistrationRequest) {
        self.pair(27, request.broker.0);
        self.word(request.incarnation);
        self.int(request.previous_broker_epoch.0);
        request.log_dirs.iter().for_each(|id| self.word(id.0));
    }

    pub(super) fn assign_request(&mut self, request: &AssignReplicasToDirsRequest) {
        self.pair(93, request.broker.0);
        self.int(request.broker_epoch.0);
        for (partition, directory) in &request.replicas {
            self.pair(partition.topic.0 as i32, partition.partition);
            self.word(directory.0);
        }
    }

    pub(super) fn assign_response(&mut self, response: &AssignReplicasToDirsResponse) {
        self.word(94);
        match &response.result {
            Ok(answers) => {
                for (_, error) in answers {
                    self.int(error.map_or(0, |error| 1 + error as i64));
                }
            }
            Err(error) => self.result(Err(*error)),
        }
    }

    pub(super) fn registration_response(&mut self, response: &BrokerRegistrationResponse) {
        self.pair(28, response.controller.map_or(-1, |node| node.0));
        self.result(response.result.map(|epoch| epoch.0));
    }

    pub(super) fn heartbeat_request(&mut self, request: &BrokerHeartbeatRequest) {
        self.pair(29, request.broker.0);
        self.int(request.broker_epoch.0);
        self.int(request.metadata_offset.0);
        self.pair(i32::from(request.want_fence), i32::from(request.want_shutdown));
        request.offline_log_dirs.iter().for_each(|id| self.word(id.0));
    }

    pub(super) fn heartbeat_response(&mut self, response: &BrokerHeartbeatResponse) {
        self.pair(30, response.controller.map_or(-1, |node| node.0));
        self.result(
            response
                .result
                .map(|state| i64::from(state.fenced) << 1 | i64::from(state.should_shut_down)),
        );
    }

    pub(super) fn allocate_request(&mut self, request: &AllocateProducerIdsRequest) {
        self.pair(31, request.broker.0);
        self.int(request.broker_epoch.0);
    }

    pub(super) fn allocate_response(&mut self, response: &AllocateProducerIdsResponse) {
        self.word(32);
        self.result(response.result.map(|(first, _)| first));
    }

    pub(super) fn vote_request(&mut self, request: &VoteRequest) {
        self.pair(33, request.epoch.0);
        self.pair(request.candidate.0, request.last_epoch.0);
        self.int(request.end_offset.0);
        self.word(u64::from(request.pre_vote));
        self.directory(request.voter_directory);
    }

    pub(super) fn vote_response(&mut self, response: &VoteResponse) {
        self.pair(34, response.epoch.0);
        self.node(response.leader);
        self.word(u64::from(response.granted));
    }

    pub(super) fn begin_epoch_request(&mut self, request: BeginQuorumEpochRequest) {
        self.pair(35, request.epoch.0);
        self.node(Some(request.leader));
    }

    pub(super) fn end_epoch_request(&mut self, request: &EndQuorumEpochRequest) {
        self.pair(37, request.epoch.0);
        self.node(Some(request.leader));
        request.preferred_successors.iter().for_each(|node| self.node(Some(*node)));
    }

    /// Errors are the negative numbers.
    fn result(&mut self, result: Result<i64, ClusterError>) {
        self.int(result.unwrap_or_else(|error| -1 - error as i64));
    }
}

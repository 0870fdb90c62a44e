//! The bounds of a leader's log, for a follower out of range. Source: rule 2.2.6.

use crate::broker::{Broker, Caller};
use crate::message::{
    ClusterError, PeerResponse, ReplicaOffsetsRequest, ReplicaOffsetsResponse, ResponseBody,
};
use crate::node::Effects;
use crate::note::Api;
use crate::types::Offset;

impl Broker {
    pub(super) fn on_replica_offsets(
        &mut self,
        caller: Caller,
        request: ReplicaOffsetsRequest,
        effects: &mut Effects,
    ) {
        let known = self.metadata.image().partitions.contains_key(&request.partition);
        let bounds = match self.partitions.get(&request.partition) {
            Some(partition) => {
                let named = request.current_leader_epoch;
                partition.replica_bounds(named).inspect(|_| {
                    partition.note_served(Api::ReplicaOffsets, caller.from, named, effects);
                })
            }
            None if self.log_directories.is_offline(request.partition) => {
                Err(ClusterError::KafkaStorageError)
            }
            None if known => Err(ClusterError::NotLeaderOrFollower),
            None => Err(ClusterError::UnknownTopicOrPartition),
        };
        let (error, log_start_offset, log_end_offset) = match bounds {
            Ok((start, end)) => (None, start, end),
            Err(error) => (Some(error), Offset::NONE, Offset::NONE),
        };
        let partition = request.partition;
        let response =
            ReplicaOffsetsResponse { partition, error, log_start_offset, log_end_offset };
        self.connections.reply(
            caller,
            ResponseBody::Peer(PeerResponse::ReplicaOffsets(response)),
            effects,
        );
    }
}

//! Fetch by followers, which tells the leader how far they are. Source: rules 2.1.1 to 2.1.4, KIP-903.

use crate::broker::purgatory::Wait;
use crate::broker::{Broker, Caller};
use crate::config::ms;
use crate::message::{
    ClusterError, ReplicaFetchPartition, ReplicaFetchPartitionResponse, ReplicaFetchRequest,
    ReplicaFetchResponse, ResponseBody,
};
use crate::node::Effects;
use crate::partition::FetchBounds;
use crate::types::{Now, Offset};

impl Broker {
    pub(super) fn on_replica_fetch(
        &mut self,
        now: Now,
        caller: Caller,
        request: Box<ReplicaFetchRequest>,
        effects: &mut Effects,
    ) {
        let response = self.read_for_replica(now, &request, true, effects);
        self.touched.extend(request.partitions.iter().map(|asked| asked.partition));
        let urgent = response.partitions.iter().any(|answer| {
            answer.error.is_some() || answer.diverging.is_some() || !answer.batches.is_empty()
        });
        if urgent || request.wait_max_ms == 0 || request.partitions.is_empty() {
            self.connections.reply(caller, ResponseBody::ReplicaFetch(Box::new(response)), effects);
            return;
        }
        let watched = request.partitions.iter().map(|asked| asked.partition).collect();
        let deadline = now.time + ms(request.wait_max_ms);
        self.purgatory.park(caller, deadline, Wait::ReplicaFetch(request), watched);
    }

    /// Reads for a follower. `is_new` is false when a waiting fetch reads again: it tells nothing new of the follower.
    pub(in crate::broker) fn read_for_replica(
        &mut self,
        now: Now,
        request: &ReplicaFetchRequest,
        is_new: bool,
        effects: &mut Effects,
    ) -> ReplicaFetchResponse {
        let mut bytes_left = self.context.config.replica_fetch_max_bytes;
        let mut partitions = Vec::with_capacity(request.partitions.len());
        for asked in &request.partitions {
            let known = self.metadata.image().partitions.contains_key(&asked.partition);
            let bounds = FetchBounds { bytes_max: bytes_left, update_follower: is_new };
            let (context, hosted) = self.partition_context(now);
            let answer = match hosted.get_mut(&asked.partition) {
                Some(partition) => partition.replica_fetch(
                    context,
                    request.replica,
                    request.broker_epoch,
                    asked,
                    bounds,
                    effects,
                ),
                None if known => refusal(asked, ClusterError::NotLeaderOrFollower),
                None => refusal(asked, ClusterError::UnknownTopicOrPartition),
            };
            let bytes: usize = answer.batches.iter().map(|batch| batch.bytes().len()).sum();
            bytes_left = bytes_left.saturating_sub(bytes as u32);
            partitions.push(answer);
        }
        ReplicaFetchResponse { partitions }
    }
}

fn refusal(asked: &ReplicaFetchPartition, error: ClusterError) -> ReplicaFetchPartitionResponse {
    ReplicaFetchPartitionResponse {
        partition: asked.partition,
        error: Some(error),
        diverging: None,
        high_watermark: Offset::NONE,
        log_start_offset: Offset::NONE,
        batches: Vec::new(),
    }
}

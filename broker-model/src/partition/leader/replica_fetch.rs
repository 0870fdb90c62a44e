//! Fetch by followers: what they are answered, and what their fetches tell the leader. Source: rules 2.1.1 to 2.1.4,
//! `Partition.fetchRecords`, `Partition.updateFollowerFetchState`.

use crate::defect::ReplicationDefect;
use crate::message::{
    ClusterError, EpochEnd, ReplicaFetchPartition, ReplicaFetchPartitionResponse,
};
use crate::node::Effects;
use crate::note::ReplicationNote;
use crate::partition::{Partition, PartitionContext, Role};
use crate::record::RecordBatch;
use crate::replication::{divergence, is_in_range};
use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, Time};

/// How much a fetch may read.
#[derive(Debug, Clone, Copy)]
pub struct FetchBounds {
    /// About so many bytes.
    pub bytes_max: u32,
    /// Whether the fetch counts as news of the follower; not so when a waiting fetch reads again.
    pub update_follower: bool,
}

impl Partition {
    /// Answers one partition of a follower's fetch. Nothing to read and nothing wrong: an answer without records,
    /// which the broker may hold back until there are some. Source: rules 2.1.1 to 2.1.4.
    pub fn replica_fetch(
        &mut self,
        context: PartitionContext<'_>,
        replica: NodeId,
        broker_epoch: BrokerEpoch,
        fetch: &ReplicaFetchPartition,
        bounds: FetchBounds,
        effects: &mut Effects,
    ) -> ReplicaFetchPartitionResponse {
        if let Err(error) = self.check_replica_fetch(context, replica, broker_epoch, fetch) {
            if matches!(error, ClusterError::FencedLeaderEpoch | ClusterError::UnknownLeaderEpoch) {
                effects.note(ReplicationNote::RequestFenced {
                    partition: self.id(),
                    by: replica,
                    error,
                });
            }
            return self.fetch_answer(Some(error), None, Vec::new());
        }
        match self.divergence_from(
            fetch.current_leader_epoch,
            fetch.last_fetched_epoch,
            fetch.fetch_offset,
        ) {
            Err(error) => return self.fetch_answer(Some(error), None, Vec::new()),
            Ok(Some(end)) => {
                effects.note(ReplicationNote::DivergenceFound {
                    partition: self.id(),
                    follower: replica,
                    epoch: end.epoch,
                    end_offset: end.end_offset,
                });
                return self.fetch_answer(None, Some(end), Vec::new());
            }
            Ok(None) => {}
        }
        let (start, end) = (self.log.log_start_offset(), self.log.log_end_offset());
        if !is_in_range(fetch.fetch_offset, start, end) {
            return self.fetch_answer(Some(ClusterError::OffsetOutOfRange), None, Vec::new());
        }
        let batches = self.log.read(fetch.fetch_offset, end, bounds.bytes_max);
        if bounds.update_follower {
            self.follower_fetched(context, replica, broker_epoch, fetch, effects);
        }
        self.fetch_answer(None, None, batches)
    }

    fn fetch_answer(
        &self,
        error: Option<ClusterError>,
        diverging: Option<EpochEnd>,
        batches: Vec<RecordBatch>,
    ) -> ReplicaFetchPartitionResponse {
        ReplicaFetchPartitionResponse {
            partition: self.log.partition(),
            error,
            diverging,
            high_watermark: self.log.high_watermark(),
            log_start_offset: self.log.log_start_offset(),
            batches,
        }
    }

    fn check_replica_fetch(
        &self,
        context: PartitionContext<'_>,
        replica: NodeId,
        broker_epoch: BrokerEpoch,
        fetch: &ReplicaFetchPartition,
    ) -> Result<(), ClusterError> {
        self.check_epoch(fetch.current_leader_epoch)?;
        let Role::Leader(leader) = &self.role else {
            return Err(ClusterError::NotLeaderOrFollower);
        };
        if leader.follower(replica).is_none() {
            return Err(ClusterError::UnknownLeaderEpoch);
        }
        let registered = context.metadata.brokers.get(&replica).map(|broker| broker.broker_epoch);
        if broker_epoch != BrokerEpoch::NONE && registered.is_some_and(|epoch| epoch > broker_epoch)
        {
            return Err(ClusterError::NotLeaderOrFollower);
        }
        if fetch.fetch_offset < self.log.log_start_offset() {
            return Err(ClusterError::OffsetOutOfRange);
        }
        Ok(())
    }

    /// Where the asker's log parts from this one, if it does and can be found out. Source: rule 2.1.2.
    pub(super) fn divergence_from(
        &self,
        current_leader_epoch: LeaderEpoch,
        last_fetched_epoch: LeaderEpoch,
        fetch_offset: Offset,
    ) -> Result<Option<EpochEnd>, ClusterError> {
        // Before KIP-320 a fetch told no epochs at all: one from another epoch could not be compared.
        let legacy = self.defects.has(ReplicationDefect::NoFetchEpochFencing)
            && current_leader_epoch != LeaderEpoch::NONE
            && current_leader_epoch != self.leader_epoch;
        if last_fetched_epoch == LeaderEpoch::NONE || legacy {
            return Ok(None);
        }
        let own = self.log.end_offset_for(last_fetched_epoch);
        if own.end_offset == Offset::NONE || own.epoch == LeaderEpoch::NONE {
            return Err(ClusterError::OffsetOutOfRange);
        }
        Ok(divergence(own, last_fetched_epoch, fetch_offset))
    }

    /// Rules 2.1.3 and 2.1.4: the follower's news, then ISR, then high watermark, then who waited.
    fn follower_fetched(
        &mut self,
        context: PartitionContext<'_>,
        replica: NodeId,
        broker_epoch: BrokerEpoch,
        fetch: &ReplicaFetchPartition,
        effects: &mut Effects,
    ) {
        let end = self.log.log_end_offset();
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let Some(progress) = leader.followers.iter_mut().find(|other| other.replica == replica)
        else {
            return;
        };
        let current_leader_epoch = fetch.current_leader_epoch;
        if !progress.is_known_in(broker_epoch) || current_leader_epoch != self.leader_epoch {
            effects.note(ReplicationNote::FollowerHeard {
                partition: self.log.partition(),
                leader_epoch: self.leader_epoch,
                follower: replica,
                current_leader_epoch,
                broker_epoch,
                fetch_offset: fetch.fetch_offset,
            });
        }
        progress.fetched(
            context.now.time,
            fetch.fetch_offset,
            fetch.log_start_offset,
            end,
            broker_epoch,
        );
        self.maybe_expand_isr(context, replica, effects);
        self.maybe_advance_high_watermark(context, effects);
        self.complete_produces(effects);
        self.self_check();
    }

    /// Whether a follower has the whole log and is in the ISR: then a fetch tells the leader nothing but that it lives.
    pub fn is_kept_up(&self, follower: NodeId, fetch_offset: Offset) -> bool {
        let Role::Leader(leader) = &self.role else {
            return false;
        };
        fetch_offset == self.log.log_end_offset()
            && leader.isr.committed().contains(&follower)
            && leader.follower(follower).and_then(|progress| progress.log_end_offset)
                == Some(fetch_offset)
    }

    /// A follower had the whole log until then, by fetches of a session that named nothing of this partition.
    pub fn kept_up(&mut self, follower: NodeId, until: Time) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if let Some(progress) = leader.followers.iter_mut().find(|one| one.replica == follower) {
            progress.kept_up(until);
        }
    }

    /// The bounds of the log, for a follower out of range: log start and log end.
    pub fn replica_bounds(
        &self,
        current_leader_epoch: LeaderEpoch,
    ) -> Result<(Offset, Offset), ClusterError> {
        self.check_epoch(current_leader_epoch)?;
        if !self.is_leader() {
            return Err(ClusterError::NotLeaderOrFollower);
        }
        Ok((self.log.log_start_offset(), self.log.log_end_offset()))
    }
}

//! Fetch by followers: what they are answered, and what their fetches tell the leader. Source: rules 2.1.1 to 2.1.4,
//! `Partition.fetchRecords`, `Partition.updateFollowerFetchState`.

use crate::defect::ReplicationDefect;
use crate::log::ReadLimit;
use crate::message::{
    ClusterError, EpochEnd, ReplicaFetchPartition, ReplicaFetchPartitionResponse,
};
use crate::node::Effects;
use crate::note::{Api, ExchangeNote, ReplicationNote};
use crate::partition::{Partition, PartitionContext, Role};
use crate::record::RecordBatch;
use crate::replication::{divergence, is_in_range};
use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, Time};

/// How much a fetch may read.
#[derive(Debug, Clone, Copy)]
pub struct FetchBounds {
    /// How much it may read.
    pub limit: ReadLimit,
    /// Whether the fetch counts as news of the follower; not so when a waiting fetch reads again.
    pub update_follower: bool,
    /// Whether the broker has sent more for throttled replicas than it may.
    pub quota_exceeded: bool,
}

/// What a follower's fetch finds.
#[derive(Debug)]
enum Read {
    /// Records, or none yet.
    Batches(Vec<RecordBatch>),
    /// The logs part.
    Diverging(EpochEnd),
}

impl Partition {
    /// Answers one partition of a follower's fetch. Nothing to read and nothing wrong: an answer without records,
    /// which the broker may hold back until there are some. The answer tells the high watermark from before this fetch
    /// counted: a follower hears of it one fetch later. Source: rules 2.1.1 to 2.1.4, `Partition.fetchRecords`.
    pub fn replica_fetch(
        &mut self,
        context: PartitionContext<'_>,
        replica: NodeId,
        broker_epoch: BrokerEpoch,
        fetch: &ReplicaFetchPartition,
        bounds: FetchBounds,
        effects: &mut Effects,
    ) -> ReplicaFetchPartitionResponse {
        let mut answer = ReplicaFetchPartitionResponse {
            partition: self.log.partition(),
            error: None,
            diverging: None,
            high_watermark: self.log.high_watermark(),
            log_start_offset: self.log.log_start_offset(),
            batches: Vec::new(),
        };
        match self.read_for_replica(context, replica, broker_epoch, fetch, bounds, effects) {
            Ok(Read::Batches(batches)) => answer.batches = batches,
            Ok(Read::Diverging(end)) => answer.diverging = Some(end),
            Err(error) => answer.error = Some(error),
        }
        answer
    }

    fn read_for_replica(
        &mut self,
        context: PartitionContext<'_>,
        replica: NodeId,
        broker_epoch: BrokerEpoch,
        fetch: &ReplicaFetchPartition,
        bounds: FetchBounds,
        effects: &mut Effects,
    ) -> Result<Read, ClusterError> {
        self.check_replica(replica, fetch).inspect_err(|error| {
            self.note_fenced(replica, *error, effects);
        })?;
        let (returned, last) = (fetch.current_leader_epoch, fetch.last_fetched_epoch);
        if let Some(end) = self.check_position(returned, last, fetch.fetch_offset)? {
            self.note_served(Api::ReplicaFetch, replica, fetch.current_leader_epoch, effects);
            effects.note(ReplicationNote::DivergenceFound {
                partition: self.id(),
                follower: replica,
                epoch: end.epoch,
                end_offset: end.end_offset,
            });
            if bounds.update_follower && self.defects.has(ReplicationDefect::DivergingFetchCounts) {
                self.follower_fetched(context, replica, broker_epoch, fetch, effects);
            }
            return Ok(Read::Diverging(end));
        }
        if self.log.is_unreadable(fetch.fetch_offset) {
            return Err(ClusterError::CorruptMessage);
        }
        let end = self.log.log_end_offset();
        let batches = self.log.read_at_most(fetch.fetch_offset, end, bounds.limit);
        if bounds.update_follower {
            if !self.defects.has(ReplicationDefect::IsrNoBrokerEpoch) {
                check_broker_epoch(context, replica, broker_epoch)?;
            }
            self.follower_fetched(context, replica, broker_epoch, fetch, effects);
        }
        if bounds.quota_exceeded && self.throttles(replica) {
            if bounds.update_follower && !batches.is_empty() {
                self.note_held_up(replica, effects);
            }
            return Ok(Read::Batches(Vec::new()));
        }
        Ok(Read::Batches(batches))
    }

    fn note_held_up(&self, follower: NodeId, effects: &mut Effects) {
        let (partition, in_sync) = (self.id(), !self.is_out_of_sync(follower));
        effects.note(ReplicationNote::HeldUp { partition, follower, in_sync });
    }

    /// Whether this replica is throttled while it leads.
    pub fn is_throttled(&self) -> bool {
        self.throttled.leader
    }

    /// Whether a follower gets nothing of this leader while the quota is exceeded. Who is in sync gets what there is,
    /// so that a quota takes nobody out of the ISR. Source: KAFKA-4313, `ReplicaManager.shouldLeaderThrottle`.
    pub fn throttles(&self, replica: NodeId) -> bool {
        let all = self.defects.has(ReplicationDefect::ThrottlesInSync);
        self.throttled.leader && (all || self.is_out_of_sync(replica))
    }

    /// Whether this replica leads, and the other one is not in the ISR.
    pub fn is_out_of_sync(&self, replica: NodeId) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        !leader.isr.committed().contains(&replica)
    }

    /// Whether this follower asks for nothing while the quota is exceeded, unless it is in sync.
    pub fn is_throttled_follower(&self) -> bool {
        self.throttled.follower
    }

    /// Whether this replica leads in the epoch that the follower tells, and knows the follower.
    fn check_replica(
        &self,
        replica: NodeId,
        fetch: &ReplicaFetchPartition,
    ) -> Result<(), ClusterError> {
        self.check_epoch(fetch.current_leader_epoch)?;
        let Role::Leader(leader) = &self.role else {
            return Err(ClusterError::NotLeaderOrFollower);
        };
        if leader.follower(replica).is_some() {
            Ok(())
        } else if fetch.current_leader_epoch == LeaderEpoch::NONE {
            Err(ClusterError::NotLeaderOrFollower)
        } else {
            Err(ClusterError::UnknownLeaderEpoch)
        }
    }

    /// States that a request was served, and in which epoch.
    pub fn note_served(&self, api: Api, by: NodeId, named: LeaderEpoch, effects: &mut Effects) {
        let (named, own) = (i64::from(named.0), i64::from(self.leader_epoch.0));
        let partition = Some(self.id());
        effects.note(ExchangeNote::RequestServed { api, partition, by, named, own });
    }

    fn note_fenced(&self, by: NodeId, error: ClusterError, effects: &mut Effects) {
        if matches!(error, ClusterError::FencedLeaderEpoch | ClusterError::UnknownLeaderEpoch) {
            effects.note(ReplicationNote::RequestFenced { partition: self.id(), by, error });
        }
    }

    /// Judges from where somebody reads: below the log start first, then where the logs part if they do, then beyond
    /// the log end. Source: rule 2.1.2, `Partition.readRecords`.
    pub(super) fn check_position(
        &self,
        current_leader_epoch: LeaderEpoch,
        last_fetched_epoch: LeaderEpoch,
        fetch_offset: Offset,
    ) -> Result<Option<EpochEnd>, ClusterError> {
        let (start, end) = (self.log.log_start_offset(), self.log.log_end_offset());
        if fetch_offset < start {
            return Err(ClusterError::OffsetOutOfRange);
        }
        // Before KIP-320 a fetch told no epochs at all: one from another epoch could not be compared.
        let legacy = self.defects.has(ReplicationDefect::NoFetchEpochFencing)
            && current_leader_epoch != LeaderEpoch::NONE
            && current_leader_epoch != self.leader_epoch;
        if last_fetched_epoch != LeaderEpoch::NONE && !legacy {
            let own = self.log.end_offset_for(last_fetched_epoch);
            if own.end_offset == Offset::NONE || own.epoch == LeaderEpoch::NONE {
                return Err(ClusterError::OffsetOutOfRange);
            }
            if let Some(end) = divergence(own, last_fetched_epoch, fetch_offset, self.defects) {
                return Ok(Some(end));
            }
        }
        if is_in_range(fetch_offset, start, end) {
            Ok(None)
        } else {
            Err(ClusterError::OffsetOutOfRange)
        }
    }

    /// Rules 2.1.3 and 2.1.4: the follower's news, then ISR, then high watermark, then who waited. The high watermark
    /// is looked at only if the follower's log end moved. Source: `Partition.updateFollowerFetchState`.
    fn follower_fetched(
        &mut self,
        context: PartitionContext<'_>,
        replica: NodeId,
        broker_epoch: BrokerEpoch,
        fetch: &ReplicaFetchPartition,
        effects: &mut Effects,
    ) {
        let (partition, leader_epoch) = (self.log.partition(), self.leader_epoch);
        let leader_end = self.log.log_end_offset();
        let now = self.lag_time(context.now);
        self.lag_clock_ahead = now.0.saturating_sub(context.now.time.0);
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let progress = leader.followers.iter_mut().find(|other| other.replica == replica);
        let progress = progress.expect("a follower is known that was found before");
        let current_leader_epoch = fetch.current_leader_epoch;
        let registered = context.metadata.brokers.get(&replica).map(|broker| broker.broker_epoch);
        let is_over = registered.is_some_and(|registered| registered > broker_epoch);
        let other_epoch = current_leader_epoch != leader_epoch;
        if !progress.is_known_in(broker_epoch) || other_epoch || is_over {
            effects.note(ReplicationNote::FollowerHeard {
                partition,
                leader_epoch,
                follower: replica,
                current_leader_epoch,
                broker_epoch,
                fetch_offset: fetch.fetch_offset,
            });
        }
        let (offset, start) = (fetch.fetch_offset, fetch.log_start_offset);
        self.changes.follower_start_moved |= progress.log_start_offset != start;
        let moved = progress.fetched(now, offset, start, leader_end, broker_epoch);
        self.maybe_expand_isr(context, replica, effects);
        if moved {
            self.maybe_advance_high_watermark(context, effects);
            self.complete_produces(effects);
        }
        self.self_check();
    }

    /// Whether a follower has the whole log and is in the ISR: then a fetch tells the leader nothing but that it lives.
    pub fn is_kept_up(&self, follower: NodeId, fetch_offset: Offset) -> bool {
        let Role::Leader(leader) = &self.role else {
            return false;
        };
        fetch_offset == self.log.log_end_offset()
            && leader.isr.committed().contains(&follower)
            && leader
                .follower(follower)
                .is_some_and(|progress| progress.log_end_offset == fetch_offset)
    }

    /// A follower had the whole log until then, by fetches of a session that named nothing of this partition.
    pub fn kept_up(&mut self, follower: NodeId, until: Time) {
        let until = Time(until.0.saturating_add(self.lag_clock_ahead));
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        if let Some(progress) = leader.followers.iter_mut().find(|one| one.replica == follower) {
            progress.kept_up(until);
        }
        self.self_check();
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

/// A fetch of an uptime that is over does not count: the replica may have lost what it tells. Only registrations that
/// are not fenced are compared with. Source: KIP-903, `Replica.updateFetchStateOrThrow`.
fn check_broker_epoch(
    context: PartitionContext<'_>,
    replica: NodeId,
    broker_epoch: BrokerEpoch,
) -> Result<(), ClusterError> {
    let registered = context.metadata.brokers.get(&replica).filter(|broker| !broker.fenced);
    let is_over = registered.is_some_and(|broker| broker.broker_epoch > broker_epoch);
    if broker_epoch != BrokerEpoch::NONE && is_over {
        return Err(ClusterError::NotLeaderOrFollower);
    }
    Ok(())
}

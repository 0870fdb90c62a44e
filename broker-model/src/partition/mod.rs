//! One replica of a partition on one broker: its log, and the rules by which it leads or follows.
//!
//! The broker calls in, and after each call takes the [`Changes`] out: what woke up for waiting requests. Source:
//! Kafka's `Partition`, `Replica` and `AbstractFetcherThread`; the numbers of rules in comments are those of KIP-101,
//! KIP-279, KIP-320, KIP-497, KIP-841, KIP-903 and KIP-966 where they are told.

mod follower;
mod isr;
mod isr_state;
mod leader;
mod progress;
#[cfg(test)]
mod tests;

use std::time::Duration;

use crate::config::{ClusterConfig, TopicConfig, ms};
use crate::defect::{Defects, ReplicationDefect};
use crate::log::Log;
use crate::message::ClusterError;
use crate::metadata::MetadataImage;
use crate::node::Effects;
use crate::note::{PartitionRegistration, ReplicationNote, TransactionNote, TruncateReason};
use crate::proto::ErrorCode;
use crate::replication::{check_leader_epoch, effective_min_isr};
use crate::throttle::Throttled;
use crate::types::{
    BrokerEpoch, LeaderEpoch, NodeId, Now, Offset, PartitionEpoch, Time, TopicPartition,
};

pub use follower::FetchOutcome;
pub use leader::{
    ByTime, ConsumerRead, FetchBounds, ProduceAck, ProduceOutcome, ProduceTicket, ReadReplica,
    TimedOffset,
};

use leader::LeaderState;

/// One replica of a partition.
#[derive(Debug)]
pub struct Partition {
    node: NodeId,
    lag_time_max: Duration,
    defects: Defects,
    log: Log,
    role: Role,
    leader: Option<NodeId>,
    leader_epoch: LeaderEpoch,
    #[expect(clippy::struct_field_names, reason = "partition epoch is Kafka's word")]
    partition_epoch: PartitionEpoch,
    replicas: Vec<NodeId>,
    min_insync_replicas: usize,
    /// `min.insync.replicas` of the topic, as it was taken last.
    topic_minimum: Option<u32>,
    throttled: Throttled,
    changes: Changes,
    /// How far the clock by which lags are measured is ahead of monotonic time, in nanoseconds.
    lag_clock_ahead: u64,
    /// As it was at the last self-check.
    checked: Checked,
    /// Whether each transaction has an epoch of its own. Source: `transaction.version` 2, KIP-890.
    epoch_per_transaction: bool,
    /// What was stated last of the last stable offset, and in which epoch.
    stable_noted: (LeaderEpoch, Offset),
}

/// What a replica does.
#[derive(Debug)]
enum Role {
    /// Follows the registered leader, if there is one.
    Follower,
    /// Leads.
    Leader(LeaderState),
}

/// What never falls: the epochs, and while a replica leads in one epoch the offsets up to which clients may read.
#[derive(Debug, Clone, Copy)]
struct Checked {
    epochs: (LeaderEpoch, PartitionEpoch),
    leads: bool,
    high_watermark: Offset,
    last_stable_offset: Offset,
}

impl Default for Checked {
    fn default() -> Self {
        Self {
            epochs: (LeaderEpoch::NONE, PartitionEpoch(-1)),
            leads: false,
            high_watermark: Offset::NONE,
            last_stable_offset: Offset::NONE,
        }
    }
}

/// What happened to a partition since the broker last asked.
#[derive(Debug, Default, PartialEq)]
pub struct Changes {
    /// The log end moved: waiting fetches may have data.
    pub log_end_moved: bool,
    /// The log was cut: its recovery point may be lower than its checkpoint says.
    pub log_cut: bool,
    /// A follower's log start moved: a deletion may have been waiting for it.
    pub follower_start_moved: bool,
    /// The log start moved: followers and the leader should hear of it.
    pub log_start_moved: bool,
    /// The high watermark moved: waiting consumer fetches may have data.
    pub high_watermark_moved: bool,
    /// Leader or epoch changed: the follower's fetcher and coordinators must look at it again.
    pub leadership_changed: bool,
    /// The replica leads on in a later epoch: fetches that wait do so until there is something to read, or their time
    /// is up. In any other change of leadership they are answered at once. Source: `Partition.makeLeader`.
    pub reelected: bool,
    /// Waiting produces that are decided.
    pub produced: Vec<(ProduceTicket, Result<ProduceAck, ErrorCode>)>,
}

impl Changes {
    /// Whether somebody else leads, or this replica does that did not lead before.
    pub fn leads_anew(&self) -> bool {
        self.leadership_changed && !self.reelected
    }
}

/// What the cluster's metadata says that a partition must know; passed to the calls that need it.
#[derive(Debug, Clone, Copy)]
pub struct PartitionContext<'a> {
    /// The broker's clocks.
    pub now: Now,
    /// The broker's own epoch.
    pub broker_epoch: BrokerEpoch,
    /// Metadata as this broker has applied it.
    pub metadata: &'a MetadataImage,
}

impl Partition {
    /// A replica that knows no leader yet.
    pub fn new(node: NodeId, config: &ClusterConfig, log: Log) -> Self {
        Self {
            node,
            lag_time_max: ms(config.replica_lag_time_max_ms),
            defects: config.defects,
            log,
            role: Role::Follower,
            leader: None,
            leader_epoch: LeaderEpoch::NONE,
            partition_epoch: PartitionEpoch(-1),
            replicas: Vec::new(),
            min_insync_replicas: 1,
            topic_minimum: None,
            throttled: Throttled::default(),
            changes: Changes::default(),
            lag_clock_ahead: 0,
            checked: Checked::default(),
            epoch_per_transaction: config.transaction_version >= 2,
            stable_noted: (LeaderEpoch::NONE, Offset::NONE),
        }
    }

    /// Takes a registration that the controller committed. Older ones are ignored; one of the same partition epoch is
    /// not, although the answer to a proposal has told it before. Source: rules 2.1.7 and 2.1.8, KAFKA-13790.
    pub fn apply_registration(
        &mut self,
        context: PartitionContext<'_>,
        registration: &PartitionRegistration,
        topic: &TopicConfig,
        effects: &mut Effects,
    ) {
        if registration.partition_epoch < self.partition_epoch {
            return;
        }
        let epoch_grew = registration.leader_epoch > self.leader_epoch;
        if !epoch_grew
            && self.is_leader()
            && self.defects.has(ReplicationDefect::StalePartitionEpoch)
        {
            return;
        }
        let is_news = epoch_grew || registration.partition_epoch > self.partition_epoch;
        self.partition_epoch = registration.partition_epoch;
        self.leader_epoch = registration.leader_epoch;
        self.leader = registration.leader;
        self.replicas.clone_from(&registration.replicas);
        self.take_minimum(topic, registration.replicas.len(), effects);
        self.log.configure(topic);
        self.throttled = topic.throttles.of(self.id(), self.node);
        if registration.leader == Some(self.node) {
            if !epoch_grew {
                self.know_replicas(registration);
            }
            // The same version again says nothing of the proposal that waits: the controller may have accepted it. In
            // Kafka it ends it, and until the next version comes the high watermark does not wait for who was to join.
            let ends_proposal = self.defects.has(ReplicationDefect::EqualEpochEndsProposal);
            if is_news || !self.is_leader() || ends_proposal {
                self.make_leader(context, registration, epoch_grew, effects);
            }
        } else {
            self.make_follower(epoch_grew, effects);
        }
        self.self_check();
    }

    /// The minimum may be another than before: an administrator changes it while the topic is in use. What it allows is
    /// done with what comes next, such as an append. Source: `Partition.effectiveMinIsr`.
    fn take_minimum(&mut self, topic: &TopicConfig, replicas: usize, effects: &mut Effects) {
        let configured = topic.min_insync_replicas;
        self.min_insync_replicas = effective_min_isr(configured, replicas);
        if self.topic_minimum.replace(configured).is_some_and(|before| before != configured) {
            let (partition, minimum) = (self.log.partition(), self.min_insync_replicas as u32);
            effects.note(ReplicationNote::MinimumChanged { partition, minimum });
        }
    }

    fn make_follower(&mut self, epoch_grew: bool, effects: &mut Effects) {
        let led = matches!(self.role, Role::Leader(_));
        if !led && !epoch_grew {
            return;
        }
        self.refuse_waiting_produces();
        self.role = Role::Follower;
        (self.changes.leadership_changed, self.changes.reelected) = (true, false);
        effects.note(ReplicationNote::BecameFollower {
            partition: self.log.partition(),
            leader_epoch: self.leader_epoch,
            leader: self.leader,
        });
        if self.defects.has(ReplicationDefect::TruncateToHw)
            && self.log.high_watermark() < self.log.log_end_offset()
        {
            self.log.truncate_to(self.log.high_watermark(), TruncateReason::HighWatermark, effects);
            self.changes.log_cut = true;
        }
    }

    /// The time by which a leader measures how far its followers lag. Kafka takes the wall clock
    /// (`ReplicaManager.fetchMessages`, `Partition.maybeShrinkIsr`: `Time.milliseconds`), which may be set back.
    fn lag_time(&self, now: Now) -> Time {
        if self.defects.has(ReplicationDefect::LagByWallClock) {
            Time((now.wall.0.max(0) as u64).saturating_mul(1_000_000))
        } else {
            now.time
        }
    }

    /// Deletes the segments that retention lets go. Source: `LogManager.cleanupLogs`.
    pub fn delete_old_segments(&mut self, now: Now, effects: &mut Effects) {
        let before = self.log.log_start_offset();
        self.log.delete_old_segments(now.wall, effects);
        self.log_start_was(before, effects);
        self.self_check();
    }

    /// Looks whether the log start has moved, and with it the last stable offset.
    fn log_start_was(&mut self, before: Offset, effects: &mut Effects) {
        if self.log.log_start_offset() != before {
            self.changes.log_start_moved = true;
            self.note_stable_offset(effects);
        }
    }

    /// The replica is given up: who waits for the high watermark here will not be answered by it.
    pub fn stop(&mut self) -> Vec<ProduceTicket> {
        self.refuse_waiting_produces();
        self.role = Role::Follower;
        let refused = std::mem::take(&mut self.changes.produced);
        refused.into_iter().map(|(ticket, _)| ticket).collect()
    }

    /// Takes what changed since the last call.
    pub fn take_changes(&mut self) -> Changes {
        std::mem::take(&mut self.changes)
    }

    /// The log.
    pub fn log(&self) -> &Log {
        &self.log
    }

    /// The log, for flush completions, checkpoints and the clean stop.
    pub fn log_mut(&mut self) -> &mut Log {
        &mut self.log
    }

    /// Which partition.
    pub fn id(&self) -> TopicPartition {
        self.log.partition()
    }

    /// Whether this replica acts as leader.
    pub fn is_leader(&self) -> bool {
        matches!(self.role, Role::Leader(_))
    }

    /// The leader that this replica knows.
    pub fn leader(&self) -> Option<NodeId> {
        self.leader
    }

    /// The epoch in which this replica leads or follows.
    pub fn leader_epoch(&self) -> LeaderEpoch {
        self.leader_epoch
    }

    /// Version of the registration that this replica acts on.
    pub fn partition_epoch(&self) -> PartitionEpoch {
        self.partition_epoch
    }

    /// Moves a leader's high watermark, if it is further, and says so: it never falls.
    fn advance_high_watermark(&mut self, to: Offset, effects: &mut Effects) {
        if to > self.log.high_watermark() {
            self.set_high_watermark(to, effects);
        }
    }

    /// Moves the high watermark, within the log, and says so.
    fn set_high_watermark(&mut self, to: Offset, effects: &mut Effects) {
        let from = self.log.high_watermark();
        if !self.log.set_high_watermark(to) {
            return;
        }
        self.changes.high_watermark_moved = true;
        effects.note(ReplicationNote::HighWatermarkMoved {
            partition: self.log.partition(),
            leader_epoch: self.leader_epoch,
            as_leader: self.is_leader(),
            from,
            to: self.log.high_watermark(),
        });
        self.note_stable_offset(effects);
    }

    /// Says where the last stable offset is, if it moved; never of a log without transactions, where it is the high
    /// watermark.
    fn note_stable_offset(&mut self, effects: &mut Effects) {
        if !self.log.has_transactions() {
            return;
        }
        let now = (self.leader_epoch, self.log.last_stable_offset());
        if std::mem::replace(&mut self.stable_noted, now) == now {
            return;
        }
        effects.note(TransactionNote::LastStableOffsetMoved {
            partition: self.log.partition(),
            leader_epoch: self.leader_epoch,
            as_leader: self.is_leader(),
            to: now.1,
        });
    }

    /// Judges the epoch that a request carries. Source: KIP-320.
    fn check_epoch(&self, current: LeaderEpoch) -> Result<(), ClusterError> {
        if self.defects.has(ReplicationDefect::NoFetchEpochFencing) {
            return Ok(());
        }
        check_leader_epoch(current, self.leader_epoch)
    }

    /// Asserts what must hold after every call.
    fn self_check(&mut self) {
        let id = self.log.partition();
        let (start, watermark, end) =
            (self.log.log_start_offset(), self.log.high_watermark(), self.log.log_end_offset());
        assert!(
            start <= watermark && watermark <= end,
            "{id}: log start {start} <= high watermark {watermark} <= log end {end} does not hold"
        );
        let now = Checked {
            epochs: (self.leader_epoch, self.partition_epoch),
            leads: self.is_leader(),
            high_watermark: watermark,
            last_stable_offset: self.log.last_stable_offset(),
        };
        let before = std::mem::replace(&mut self.checked, now);
        now.check_after(before, id);
        let (leads, leader) = (now.leads, self.leader);
        assert!(
            leads == (leader == Some(self.node)),
            "{id}: {} leads: {leads}, the registered leader is {leader:?}",
            self.node
        );
        if let Role::Leader(leader) = &self.role {
            leader.self_check(id, (watermark, end), self.replicas.len(), self.defects);
            leader.isr.self_check(id, self.node, &self.replicas);
        }
    }
}

impl Checked {
    /// Asserts that nothing fell.
    fn check_after(self, before: Self, id: TopicPartition) {
        let (was, is) = (before.epochs, self.epochs);
        assert!(
            was.0 <= is.0 && was.1 <= is.1,
            "{id}: leader and partition epoch fell from {was:?} to {is:?}"
        );
        if before.leads && self.leads && was.0 == is.0 {
            let (was, is) = (before.high_watermark, self.high_watermark);
            assert!(was <= is, "{id}: a leader's high watermark fell from {was} to {is}");
            let (was, is) = (before.last_stable_offset, self.last_stable_offset);
            assert!(was <= is, "{id}: a leader's last stable offset fell from {was} to {is}");
        }
    }
}

/// The error code on the wire of an error inside the cluster.
pub fn error_code(error: ClusterError) -> ErrorCode {
    match error {
        ClusterError::FencedLeaderEpoch => ErrorCode::FencedLeaderEpoch,
        ClusterError::UnknownLeaderEpoch => ErrorCode::UnknownLeaderEpoch,
        ClusterError::NotLeaderOrFollower => ErrorCode::NotLeaderOrFollower,
        ClusterError::OffsetOutOfRange => ErrorCode::OffsetOutOfRange,
        ClusterError::UnknownTopicOrPartition => ErrorCode::UnknownTopicOrPartition,
        ClusterError::NotController => ErrorCode::NotController,
        ClusterError::StaleBrokerEpoch => ErrorCode::StaleBrokerEpoch,
        ClusterError::InvalidRequest => ErrorCode::InvalidRequest,
        ClusterError::InvalidUpdateVersion => ErrorCode::InvalidUpdateVersion,
        ClusterError::IneligibleReplica => ErrorCode::IneligibleReplica,
        ClusterError::OperationNotAttempted => ErrorCode::OperationNotAttempted,
        ClusterError::DuplicateBrokerRegistration => ErrorCode::DuplicateBrokerRegistration,
        ClusterError::InconsistentVoterSet => ErrorCode::InconsistentVoterSet,
        ClusterError::CorruptMessage => ErrorCode::CorruptMessage,
        ClusterError::NewLeaderElected => ErrorCode::NewLeaderElected,
        ClusterError::SnapshotNotFound => ErrorCode::SnapshotNotFound,
        ClusterError::PositionOutOfRange => ErrorCode::PositionOutOfRange,
        ClusterError::KafkaStorageError => ErrorCode::KafkaStorageError,
    }
}

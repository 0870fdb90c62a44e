//! The in-sync replicas as their leader knows them, and its proposals to change them. Source: KIP-497, KIP-841,
//! KIP-903.
//!
//! A proposal keeps what it was made of: the members, and of each the broker epoch in which the leader saw it. If a
//! member restarts before the controller decides, the controller finds an epoch that is over and refuses. Without it a
//! replica that lost records in the restart is let in by a proposal made before, and may be elected (KIP-903). Not
//! covered: replica reassignment, and recovery from an unclean election.

use std::time::Duration;

use crate::defect::{Defects, ReplicationDefect};
use crate::message::{AlterPartitionItem, ClusterError, IsrRegistration};
use crate::metadata::MetadataImage;
use crate::node::Effects;
use crate::note::{Api, ExchangeNote, OutOfSyncReplica, ReplicationNote, Standing};
use crate::partition::isr_state::{IsrState, Proposal};
use crate::partition::progress::FollowerProgress;
use crate::partition::{Partition, PartitionContext, Role};
use crate::types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch};

impl Partition {
    /// Proposes to add a follower that has fetched all it needs. Source: rule 2.3, KAFKA-7128, KIP-841.
    pub(super) fn maybe_expand_isr(
        &mut self,
        context: PartitionContext<'_>,
        replica: NodeId,
        effects: &mut Effects,
    ) {
        let high_watermark = self.log.high_watermark();
        let any_epoch_start = self.defects.has(ReplicationDefect::IsrExpandOnlyHw);
        let Role::Leader(leader) = &self.role else {
            return;
        };
        if leader.isr.is_pending() || leader.isr.committed.contains(&replica) {
            return;
        }
        let Some(progress) = leader.follower(replica) else {
            return;
        };
        let end = progress.log_end_offset;
        let reached =
            end >= high_watermark && (any_epoch_start || end >= leader.epoch_start_offset);
        if reached && is_eligible(progress, context.metadata, self.defects) {
            let mut members = leader.isr.committed.clone();
            members.push(replica);
            self.propose(context, &members, Vec::new(), effects);
        }
    }

    /// Proposes to remove followers that lag too long. Called every half `replica.lag.time.max.ms`.
    pub fn check_isr_lag(&mut self, context: PartitionContext<'_>, effects: &mut Effects) {
        // Who was about to join, and held the high watermark back, may be gone: no fetch tells of that, and where all
        // producers wait for what is not committed, no append does either.
        if self.looks_at_joiners() {
            self.maybe_advance_high_watermark(context, effects);
            self.complete_produces(effects);
        }
        let (node, end, lag_time_max) = (self.node, self.log.log_end_offset(), self.allowed_lag());
        let now = self.lag_time(context.now);
        let Role::Leader(leader) = &self.role else {
            return;
        };
        if leader.isr.is_pending() {
            return;
        }
        let out_of_sync = |member: NodeId| {
            let progress = leader.follower(member);
            let caught_up = progress.is_some_and(|it| it.is_caught_up(end, now, lag_time_max));
            (member != node && !caught_up).then(|| OutOfSyncReplica {
                replica: member,
                log_end_offset: progress.map_or(Offset::NONE, |it| it.log_end_offset),
                lag: progress.and_then(|it| it.lag(now)),
            })
        };
        let lagging: Vec<_> =
            leader.isr.committed.iter().copied().filter_map(out_of_sync).collect();
        if lagging.is_empty() {
            return;
        }
        let stays = |member: &NodeId| !lagging.iter().any(|it| it.replica == *member);
        let members: Vec<NodeId> = leader.isr.committed.iter().copied().filter(stays).collect();
        self.propose(context, &members, lagging, effects);
        if self.defects.has(ReplicationDefect::HwUsesProposedIsr) {
            self.maybe_advance_high_watermark(context, effects);
        }
        self.self_check();
    }

    /// Whether a look at those who lag is one at the high watermark, too. In Kafka it is none.
    fn looks_at_joiners(&self) -> bool {
        // ReplicationDefect::GoneJoinerHolds: looks again with the next append, or the next change of the ISR.
        !self.defects.has(ReplicationDefect::GoneJoinerHolds)
            && !self.defects.has(ReplicationDefect::NoHwOnShrink)
    }

    /// How long a member may lag. Known bug: a quarter of that is too long.
    fn allowed_lag(&self) -> Duration {
        let early = self.defects.has(ReplicationDefect::IsrShrinksEarly);
        if early { self.lag_time_max / 4 } else { self.lag_time_max }
    }

    /// Keeps the proposal in replica order and says so. A member that has not fetched in this epoch is named without
    /// its broker epoch: should it restart, the controller takes it out of the ISR and the proposal is too old.
    fn propose(
        &mut self,
        context: PartitionContext<'_>,
        members: &[NodeId],
        out_of_sync: Vec<OutOfSyncReplica>,
        effects: &mut Effects,
    ) {
        let (partition, leader_epoch) = (self.log.partition(), self.leader_epoch);
        let proposed = self.replicas.iter().copied().filter(|replica| members.contains(replica));
        let ordered: Vec<NodeId> = proposed.collect();
        let own = (self.node, context.broker_epoch);
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        assert!(!leader.isr.is_pending(), "{partition}: two ISR proposals at once");
        let with_epoch = |member: &NodeId| (*member, leader.broker_epoch_of(*member, own));
        let members = ordered.iter().map(with_epoch).collect();
        effects.note(ReplicationNote::IsrProposed {
            partition,
            leader_epoch,
            from: leader.isr.committed.clone(),
            to: ordered,
            out_of_sync,
        });
        leader.isr.proposal = Some(Proposal { members, submitted: false });
        leader.isr.self_check(partition, self.node, &self.replicas);
    }

    /// A proposal that the transport does not have yet, to be handed to it.
    pub fn take_proposal(&mut self) -> Option<AlterPartitionItem> {
        let Role::Leader(leader) = &mut self.role else {
            return None;
        };
        let proposal = leader.isr.proposal.as_mut().filter(|proposal| !proposal.submitted)?;
        proposal.submitted = true;
        let new_isr = proposal.members.clone();
        self.self_check();
        Some(AlterPartitionItem {
            partition: self.log.partition(),
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            new_isr,
            recovering: false,
        })
    }

    /// Puts into a proposal what the leader knows of its members now, not when it was made.
    pub fn take_newest_epochs(&self, members: &mut [(NodeId, BrokerEpoch)]) {
        if let Role::Leader(leader) = &self.role {
            for (member, epoch) in members {
                let known = leader.follower(*member).and_then(|progress| progress.broker_epoch);
                *epoch = known.unwrap_or(*epoch);
            }
        }
    }

    /// Whether it leads and has asked for another ISR, and is not answered yet.
    pub fn proposes(&self) -> bool {
        match &self.role {
            Role::Leader(leader) => leader.isr.is_pending(),
            Role::Follower => false,
        }
    }

    /// Takes the controller's answer to a proposal. Answers that say "ask again" (not the controller, timeouts) never
    /// come here. Source: rule 2.3, `Partition.submitAlterPartition`.
    pub fn apply_alter_partition(
        &mut self,
        context: PartitionContext<'_>,
        sent: &AlterPartitionItem,
        result: &Result<IsrRegistration, ClusterError>,
        effects: &mut Effects,
    ) {
        let any = self.is_leader() && self.defects.has(ReplicationDefect::OldIsrAnswersCount);
        if !any && !self.is_pending_proposal(sent) {
            return;
        }
        let standing = |epoch: LeaderEpoch, version: PartitionEpoch| Standing {
            epoch: i64::from(epoch.0),
            position: i64::from(version.0),
        };
        effects.note(ExchangeNote::AnswerApplied {
            api: Api::AlterPartition,
            partition: Some(self.log.partition()),
            asked: standing(sent.leader_epoch, sent.partition_epoch),
            own: standing(self.leader_epoch, self.partition_epoch),
        });
        match result {
            Ok(registration) => self.commit_isr(context, registration, effects),
            Err(error) => self.refuse_proposal(*error, effects),
        }
        self.self_check();
    }

    /// Whether what was sent is what is pending. Anything else is out of date, whatever the controller did with it.
    fn is_pending_proposal(&self, sent: &AlterPartitionItem) -> bool {
        let Role::Leader(leader) = &self.role else {
            return false;
        };
        leader.isr.proposal.as_ref().is_some_and(|proposal| proposal.members == sent.new_isr)
            && sent.leader_epoch == self.leader_epoch
            && sent.partition_epoch == self.partition_epoch
    }

    /// Source: `Partition.handleAlterPartitionUpdate`.
    fn commit_isr(
        &mut self,
        context: PartitionContext<'_>,
        registration: &IsrRegistration,
        effects: &mut Effects,
    ) {
        if registration.leader_epoch != self.leader_epoch
            || registration.partition_epoch < self.partition_epoch
        {
            return;
        }
        if self.lacks_minimum(registration) {
            return;
        }
        self.partition_epoch = registration.partition_epoch;
        self.take_isr(&registration.isr, effects);
        if !self.defects.has(ReplicationDefect::NoHwOnShrink) {
            self.maybe_advance_high_watermark(context, effects);
        }
        self.complete_produces(effects);
    }

    /// Whether the change was decided by a higher minimum than the leader has heard of: who left the ISR may be
    /// eligible by that, so nothing must be committed without it until the metadata is there, with the change. Kafka
    /// goes on.
    fn lacks_minimum(&self, registration: &IsrRegistration) -> bool {
        let known = self.topic_minimum.unwrap_or(registration.min_insync_replicas);
        registration.min_insync_replicas > known
            && registration.partition_epoch > self.partition_epoch
            && !self.defects.has(ReplicationDefect::MinimumNotTold)
    }

    /// The ISR is as the controller has it; nothing is proposed.
    pub(super) fn take_isr(&mut self, isr: &[NodeId], effects: &mut Effects) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        leader.isr = IsrState::new(isr.to_vec());
        effects.note(ReplicationNote::IsrCommitted {
            partition: self.log.partition(),
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            isr: isr.to_vec(),
        });
    }

    /// A proposal that was surely not applied is given up; one that is refused because the leader knows too little is
    /// kept until it knows more; any other is sent again. Source: `Partition.handleAlterPartitionError`.
    pub fn refuse_proposal(&mut self, error: ClusterError, effects: &mut Effects) {
        effects
            .note(ReplicationNote::IsrProposalRefused { partition: self.log.partition(), error });
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        match error {
            ClusterError::IneligibleReplica | ClusterError::OperationNotAttempted => {
                leader.isr.proposal = None;
            }
            ClusterError::FencedLeaderEpoch
            | ClusterError::InvalidUpdateVersion
            | ClusterError::UnknownTopicOrPartition
            | ClusterError::NewLeaderElected
            | ClusterError::InvalidRequest => {}
            ClusterError::UnknownLeaderEpoch
            | ClusterError::NotLeaderOrFollower
            | ClusterError::OffsetOutOfRange
            | ClusterError::NotController
            | ClusterError::StaleBrokerEpoch
            | ClusterError::DuplicateBrokerRegistration
            | ClusterError::InconsistentVoterSet
            | ClusterError::SnapshotNotFound
            | ClusterError::PositionOutOfRange
            | ClusterError::KafkaStorageError
            | ClusterError::CorruptMessage => {
                if let Some(proposal) = &mut leader.isr.proposal {
                    proposal.submitted = false;
                }
            }
        }
        self.self_check();
    }
}

/// Whether a follower may join the ISR: it is active, and fetched in its present uptime. Source: KIP-841, KIP-903.
pub(super) fn is_eligible(
    progress: &FollowerProgress,
    metadata: &MetadataImage,
    defects: Defects,
) -> bool {
    let Some(fetched_in) = progress.broker_epoch else { return false };
    let any_uptime = defects.has(ReplicationDefect::IsrNoBrokerEpoch);
    let any_state = defects.has(ReplicationDefect::IsrAllowsFenced);
    metadata.brokers.get(&progress.replica).is_some_and(|registration| {
        let present = fetched_in == BrokerEpoch::NONE || fetched_in == registration.broker_epoch;
        (any_state || registration.is_active()) && (any_uptime || present)
    })
}

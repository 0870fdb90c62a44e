//! The in-sync replicas as their leader knows them, and its proposals to change them. Source: KIP-497, KIP-841,
//! KIP-903.

use crate::defect::ReplicationDefect;
use crate::message::{AlterPartitionRequest, ClusterError, IsrRegistration};
use crate::metadata::MetadataImage;
use crate::node::Effects;
use crate::note::ReplicationNote;
use crate::partition::progress::FollowerProgress;
use crate::partition::{Partition, PartitionContext, Role};
use crate::types::{BrokerEpoch, NodeId, Offset, TopicPartition};

/// Committed members and at most one proposal.
#[derive(Debug, Clone)]
pub(super) struct IsrState {
    committed: Vec<NodeId>,
    proposal: Option<Proposal>,
}

/// A proposed ISR that the controller has not answered.
#[derive(Debug, Clone, PartialEq)]
struct Proposal {
    members: Vec<NodeId>,
    /// Whether the controller's refusal says that newer metadata is on its way: nothing is sent until it comes.
    waits_for_metadata: bool,
}

impl IsrState {
    /// As registered, nothing proposed.
    pub(super) fn new(committed: Vec<NodeId>) -> Self {
        Self { committed, proposal: None }
    }

    /// Members by the controller's last word.
    pub(super) fn committed(&self) -> &[NodeId] {
        &self.committed
    }

    /// Whether a replica is in the maximal ISR: committed members and proposed ones. A shrink takes effect only when
    /// the controller has accepted it, an expansion at once.
    pub(super) fn maximal_contains(&self, replica: NodeId) -> bool {
        self.committed.contains(&replica)
            || self.proposal.as_ref().is_some_and(|proposal| proposal.members.contains(&replica))
    }

    /// Size of the maximal ISR.
    pub(super) fn maximal_len(&self) -> usize {
        let added = self.proposal.as_ref().map_or(0, |proposal| {
            proposal.members.iter().filter(|member| !self.committed.contains(member)).count()
        });
        self.committed.len() + added
    }

    /// Whether a replica is in the proposed ISR, or in the committed one if nothing is proposed.
    fn proposed_contains(&self, replica: NodeId) -> bool {
        self.proposal
            .as_ref()
            .map_or(&self.committed, |proposal| &proposal.members)
            .contains(&replica)
    }

    /// Whether the high watermark must wait for a replica's copy.
    pub(super) fn holds_high_watermark(&self, replica: NodeId, by_proposal: bool) -> bool {
        if by_proposal { self.proposed_contains(replica) } else { self.maximal_contains(replica) }
    }

    pub(super) fn self_check(&self, id: TopicPartition, replicas: &[NodeId]) {
        for member in &self.committed {
            assert!(
                replicas.contains(member),
                "{id}: ISR member {member} is not one of the replicas {replicas:?}"
            );
        }
    }
}

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
        if leader.isr.proposal.is_some() || leader.isr.committed.contains(&replica) {
            return;
        }
        let Some(progress) = leader.follower(replica) else {
            return;
        };
        let Some(end) = progress.log_end_offset else {
            return;
        };
        let reached =
            end >= high_watermark && (any_epoch_start || end >= leader.epoch_start_offset);
        if reached && is_eligible(progress, context.metadata) {
            let mut members = leader.isr.committed.clone();
            members.push(replica);
            self.propose(&members, effects);
        }
    }

    /// Proposes to remove followers that lag too long. Called every half `replica.lag.time.max.ms`.
    pub fn check_isr_lag(&mut self, context: PartitionContext<'_>, effects: &mut Effects) {
        let (node, end, lag_time_max) = (self.node, self.log.log_end_offset(), self.lag_time_max);
        let Role::Leader(leader) = &self.role else {
            return;
        };
        if leader.isr.proposal.is_some() {
            return;
        }
        let lags = |member: &NodeId| {
            *member != node
                && leader.follower(*member).is_none_or(|progress| {
                    !progress.is_caught_up(end, context.now.time, lag_time_max)
                })
        };
        let members: Vec<NodeId> =
            leader.isr.committed.iter().copied().filter(|member| !lags(member)).collect();
        if members.len() < leader.isr.committed.len() {
            self.propose(&members, effects);
            self.maybe_advance_high_watermark(context, effects);
        }
        self.self_check();
    }

    /// Keeps the proposal in replica order and says so.
    fn propose(&mut self, members: &[NodeId], effects: &mut Effects) {
        let ordered: Vec<NodeId> =
            self.replicas.iter().copied().filter(|replica| members.contains(replica)).collect();
        let (partition, leader_epoch) = (self.log.partition(), self.leader_epoch);
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        assert!(leader.isr.proposal.is_none(), "{partition}: two ISR proposals at once");
        effects.note(ReplicationNote::IsrProposed {
            partition,
            leader_epoch,
            from: leader.isr.committed.clone(),
            to: ordered.clone(),
        });
        leader.isr.proposal = Some(Proposal { members: ordered, waits_for_metadata: false });
    }

    /// The request that carries the proposal, if there is one to send. The same is given until it is answered.
    pub fn proposal(&self, broker_epoch: BrokerEpoch) -> Option<AlterPartitionRequest> {
        let Role::Leader(leader) = &self.role else {
            return None;
        };
        let proposal =
            leader.isr.proposal.as_ref().filter(|proposal| !proposal.waits_for_metadata)?;
        let epoch_of = |member: NodeId| {
            if member == self.node {
                broker_epoch
            } else {
                leader.follower(member).map_or(BrokerEpoch::NONE, |progress| progress.broker_epoch)
            }
        };
        Some(AlterPartitionRequest {
            broker: self.node,
            broker_epoch,
            partition: self.log.partition(),
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            new_isr: proposal.members.iter().map(|member| (*member, epoch_of(*member))).collect(),
            recovering: false,
        })
    }

    /// Whether it leads and has asked for another ISR, and is not answered yet.
    pub fn proposes(&self) -> bool {
        match &self.role {
            Role::Leader(leader) => leader.isr.proposal.is_some(),
            Role::Follower => false,
        }
    }

    /// Whether a proposal waits to be sent.
    pub fn has_proposal(&self) -> bool {
        match &self.role {
            Role::Leader(leader) => {
                leader.isr.proposal.as_ref().is_some_and(|proposal| !proposal.waits_for_metadata)
            }
            Role::Follower => false,
        }
    }

    /// Takes the controller's answer to a request that was sent. Answers that say "ask again" (not the controller,
    /// timeouts) never come here. Source: rule 2.3, `Partition.handleAlterPartitionError`.
    pub fn apply_alter_partition(
        &mut self,
        context: PartitionContext<'_>,
        sent: &AlterPartitionRequest,
        result: &Result<IsrRegistration, ClusterError>,
        effects: &mut Effects,
    ) {
        if !self.is_answer_to_proposal(sent) {
            return;
        }
        match result {
            Ok(registration) => self.commit_isr(context, registration, effects),
            Err(error) => self.refuse_proposal(*error, effects),
        }
        self.self_check();
    }

    fn is_answer_to_proposal(&self, sent: &AlterPartitionRequest) -> bool {
        let Role::Leader(leader) = &self.role else {
            return false;
        };
        let same_members = leader.isr.proposal.as_ref().is_some_and(|proposal| {
            proposal.members.iter().copied().eq(sent.new_isr.iter().map(|(member, _)| *member))
        });
        same_members
            && sent.leader_epoch == self.leader_epoch
            && sent.partition_epoch == self.partition_epoch
    }

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
        self.partition_epoch = registration.partition_epoch;
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        leader.isr = IsrState::new(registration.isr.clone());
        effects.note(ReplicationNote::IsrCommitted {
            partition: self.log.partition(),
            leader_epoch: self.leader_epoch,
            partition_epoch: self.partition_epoch,
            isr: registration.isr.clone(),
        });
        if !self.defects.has(ReplicationDefect::NoHwOnShrink) {
            self.maybe_advance_high_watermark(context, effects);
        }
        self.complete_produces(effects);
    }

    fn refuse_proposal(&mut self, error: ClusterError, effects: &mut Effects) {
        effects
            .note(ReplicationNote::IsrProposalRefused { partition: self.log.partition(), error });
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        match error {
            ClusterError::IneligibleReplica => leader.isr.proposal = None,
            ClusterError::FencedLeaderEpoch
            | ClusterError::InvalidUpdateVersion
            | ClusterError::UnknownTopicOrPartition
            | ClusterError::InvalidRequest => {
                if let Some(proposal) = &mut leader.isr.proposal {
                    proposal.waits_for_metadata = true;
                }
            }
            // Asked again by the transport: a stale broker epoch is cured by registering anew.
            ClusterError::UnknownLeaderEpoch
            | ClusterError::NotLeaderOrFollower
            | ClusterError::OffsetOutOfRange
            | ClusterError::NotController
            | ClusterError::StaleBrokerEpoch
            | ClusterError::DuplicateBrokerRegistration
            | ClusterError::InconsistentVoterSet => {}
        }
    }
}

/// Whether a follower may join the ISR: it is active, and fetched in its present uptime. Source: KIP-841, KIP-903.
pub(super) fn is_eligible(progress: &FollowerProgress, metadata: &MetadataImage) -> bool {
    metadata.brokers.get(&progress.replica).is_some_and(|registration| {
        registration.is_active()
            && (progress.broker_epoch == BrokerEpoch::NONE
                || progress.broker_epoch == registration.broker_epoch)
    })
}

/// The high watermark that the copies allow: the least log end among those that must have it.
pub(super) fn least_log_end(
    ends: impl Iterator<Item = Option<Offset>>,
    leader_end: Offset,
) -> Option<Offset> {
    ends.into_iter().try_fold(leader_end, |least, end| Some(least.min(end?)))
}

//! A leader's rules. Source: rules 2.1.1 to 2.1.10.
//!
//! | file | what lives there |
//! |---|---|
//! | `mod` | how a leadership begins, and the high watermark |
//! | `produce` | appends, and when they are acknowledged |
//! | `replica_fetch` | what a follower is answered, and what its fetch tells |
//! | `consumer_fetch` | what a client may read and know |

mod consumer_fetch;
mod produce;
mod replica_fetch;

use crate::defect::ReplicationDefect;
use crate::node::Effects;
use crate::note::{PartitionRegistration, ReplicationNote};
use crate::partition::isr::{IsrState, is_eligible, least_log_end};
use crate::partition::progress::FollowerProgress;
use crate::partition::{Partition, PartitionContext, Role};
use crate::types::{NodeId, Offset, Time};

pub use consumer_fetch::ConsumerRead;
pub use produce::{ProduceAck, ProduceOutcome, ProduceTicket};
pub use replica_fetch::FetchBounds;

use produce::WaitingProduce;

/// What a leader keeps for its epoch.
#[derive(Debug)]
pub(in crate::partition) struct LeaderState {
    /// Its log end when it became leader.
    pub(in crate::partition) epoch_start_offset: Offset,
    /// The in-sync replicas.
    pub(in crate::partition) isr: IsrState,
    followers: Vec<FollowerProgress>,
    /// Produces with acks=all that wait for the high watermark, in order of offset.
    waiting: Vec<WaitingProduce>,
}

impl LeaderState {
    pub(in crate::partition) fn follower(&self, replica: NodeId) -> Option<&FollowerProgress> {
        self.followers.iter().find(|progress| progress.replica == replica)
    }
}

impl Partition {
    /// Rule 2.1.7: in a new epoch, note where it begins before anything is served, and forget what followers had.
    pub(in crate::partition) fn make_leader(
        &mut self,
        context: PartitionContext<'_>,
        registration: &PartitionRegistration,
        epoch_grew: bool,
        effects: &mut Effects,
    ) {
        match &mut self.role {
            Role::Leader(leader) if !epoch_grew => {
                leader.isr = IsrState::new(registration.isr.clone());
                effects.note(ReplicationNote::IsrCommitted {
                    partition: self.log.partition(),
                    leader_epoch: self.leader_epoch,
                    partition_epoch: self.partition_epoch,
                    isr: registration.isr.clone(),
                });
            }
            Role::Leader(_) | Role::Follower => {
                self.begin_epoch(context.now.time, registration, effects);
            }
        }
        if epoch_grew || !self.defects.has(ReplicationDefect::NoHwOnShrink) {
            self.maybe_advance_high_watermark(context, effects);
        }
        self.complete_produces(effects);
    }

    fn begin_epoch(
        &mut self,
        now: Time,
        registration: &PartitionRegistration,
        effects: &mut Effects,
    ) {
        // A leader that is elected again in a later epoch: who waits is answered, and asks again.
        self.refuse_waiting_produces();
        self.log.assign_epoch(registration.leader_epoch, effects);
        let epoch_start_offset = self.log.log_end_offset();
        let others = registration.replicas.iter().copied().filter(|replica| *replica != self.node);
        let followers = others.map(|replica| {
            FollowerProgress::new(replica, registration.isr.contains(&replica).then_some(now))
        });
        self.role = Role::Leader(LeaderState {
            epoch_start_offset,
            isr: IsrState::new(registration.isr.clone()),
            followers: followers.collect(),
            waiting: Vec::new(),
        });
        self.changes.leadership_changed = true;
        effects.note(ReplicationNote::BecameLeader {
            partition: self.log.partition(),
            leader_epoch: registration.leader_epoch,
            partition_epoch: registration.partition_epoch,
            epoch_start_offset,
            high_watermark: self.log.high_watermark(),
            isr: registration.isr.clone(),
        });
        self.log.note_known(effects);
    }

    /// Rule 2.1.5: the least log end of the maximal ISR and of those about to join it; not below min ISR (KIP-966).
    pub(in crate::partition) fn maybe_advance_high_watermark(
        &mut self,
        context: PartitionContext<'_>,
        effects: &mut Effects,
    ) {
        let end = self.log.log_end_offset();
        let by_proposal = self.defects.has(ReplicationDefect::HwUsesProposedIsr);
        let Role::Leader(leader) = &self.role else {
            return;
        };
        if leader.isr.committed().len() < self.min_insync_replicas {
            return;
        }
        let (now, lag_time_max) = (context.now.time, self.lag_time_max);
        let must_have = leader.followers.iter().filter(|progress| {
            leader.isr.holds_high_watermark(progress.replica, by_proposal)
                || (progress.is_caught_up(end, now, lag_time_max)
                    && progress.log_end_offset.is_some()
                    && !leader.isr.maximal_contains(progress.replica)
                    && is_eligible(progress, context.metadata))
        });
        if let Some(least) = least_log_end(must_have.map(|progress| progress.log_end_offset), end) {
            self.advance_high_watermark(least, effects);
        }
    }
}

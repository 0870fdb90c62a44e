//! A leader's rules. Source: rules 2.1.1 to 2.1.10.
//!
//! | file | what lives there |
//! |---|---|
//! | `mod` | how a leadership begins, and the high watermark |
//! | `produce` | appends, and when they are acknowledged |
//! | `replica_fetch` | what a follower is answered, and what its fetch tells |
//! | `consumer_fetch` | what a client may read and know |
//! | `read_replicas` | from whom a consumer may read instead |
//! | `by_time` | which offset a client is told for a time |
//! | `delete_records` | a client moves the log start |

mod by_time;
mod consumer_fetch;
mod delete_records;
mod produce;
mod read_replicas;
mod replica_fetch;
mod state;

use crate::defect::ReplicationDefect;
use crate::node::Effects;
use crate::note::{PartitionRegistration, ReplicationNote};
use crate::partition::isr::is_eligible;
use crate::partition::isr_state::IsrState;
use crate::partition::progress::FollowerProgress;
use crate::partition::{Partition, PartitionContext, Role};
use crate::types::{Offset, Time};

pub use by_time::{ByTime, TimedOffset};
pub use consumer_fetch::ConsumerRead;
pub use produce::ProduceOutcome;
pub use read_replicas::ReadReplica;
pub use replica_fetch::FetchBounds;
pub(super) use state::LeaderState;
pub use state::{ProduceAck, ProduceTicket};

use state::WaitingProduce;

impl Partition {
    /// Rule 2.1.7. Every registration that is not older is taken, and a newer one ends a proposal that is pending. In a
    /// new epoch, where it begins is noted before anything is served. Source: `Partition.makeLeader`.
    pub(in crate::partition) fn make_leader(
        &mut self,
        context: PartitionContext<'_>,
        registration: &PartitionRegistration,
        epoch_grew: bool,
        effects: &mut Effects,
    ) {
        if epoch_grew {
            self.begin_epoch(self.lag_time(context.now), registration, effects);
        } else {
            self.take_isr(&registration.isr, effects);
        }
        if epoch_grew || !self.defects.has(ReplicationDefect::NoHwOnShrink) {
            self.maybe_advance_high_watermark(context, effects);
        }
        self.complete_produces(effects);
    }

    /// Whether it leads and is the only member of its ISR, as far as it knows and wishes.
    pub(in crate::partition) fn is_alone(&self) -> bool {
        let Role::Leader(leader) = &self.role else { return false };
        leader.isr.committed() == [self.node] && !leader.isr.is_pending()
    }

    /// Every replica has what is below this offset, as far as a leader knows; a follower does not know of anybody.
    pub fn held_by_all(&self) -> Offset {
        let Role::Leader(leader) = &self.role else { return Offset::ZERO };
        let ends = leader.followers.iter().map(|progress| progress.log_end_offset);
        ends.fold(self.log.log_end_offset(), Offset::min).max(Offset::ZERO)
    }

    /// A reassignment adds replicas in the leader's epoch; in Kafka it may also take some away. Source:
    /// `Partition.updateAssignmentAndIsr`.
    pub(in crate::partition) fn know_replicas(&mut self, registration: &PartitionRegistration) {
        let Role::Leader(leader) = &mut self.role else {
            return;
        };
        let replicas = &registration.replicas;
        leader.followers.retain(|known| replicas.contains(&known.replica));
        for replica in replicas.iter().filter(|replica| **replica != self.node) {
            if leader.follower(*replica).is_none() {
                leader.followers.push(FollowerProgress::new(*replica, None));
            }
        }
    }

    fn begin_epoch(
        &mut self,
        now: Time,
        registration: &PartitionRegistration,
        effects: &mut Effects,
    ) {
        if !self.defects.has(ReplicationDefect::EpochBeginsAtAppend) {
            self.log.assign_epoch(registration.leader_epoch, effects);
        }
        let epoch_start_offset = self.log.log_end_offset();
        let led_before = self.is_leader() && !self.changes.leads_anew();
        let (followers, waiting) = self.carried_over(registration, now);
        self.role = Role::Leader(LeaderState {
            epoch_start_offset,
            isr: IsrState::new(registration.isr.clone()),
            followers,
            waiting,
        });
        (self.changes.leadership_changed, self.changes.reelected) = (true, led_before);
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

    /// What a leader that is elected again, and has not followed in between, keeps: who waits, since its log was not
    /// cut. What it knew of its followers' logs is out of date: they may have followed another leader, and cut.
    /// Kafka keeps that too (`Replica.resetReplicaState`).
    fn carried_over(
        &mut self,
        registration: &PartitionRegistration,
        now: Time,
    ) -> (Vec<FollowerProgress>, Vec<WaitingProduce>) {
        let keeps_followers = self.defects.has(ReplicationDefect::ReelectionKeepsFollowers);
        let (known, waiting) = match std::mem::replace(&mut self.role, Role::Follower) {
            Role::Leader(leader) if keeps_followers => (leader.followers, leader.waiting),
            Role::Leader(leader) => (Vec::new(), leader.waiting),
            Role::Follower => (Vec::new(), Vec::new()),
        };
        let leader_end = self.log.log_end_offset();
        let others = registration.replicas.iter().copied().filter(|replica| *replica != self.node);
        let progress = others.map(|replica| {
            let in_sync_since = registration.isr.contains(&replica).then_some(now);
            match known.iter().find(|progress| progress.replica == replica) {
                Some(progress) => progress.reset(in_sync_since, leader_end),
                None => FollowerProgress::new(replica, in_sync_since),
            }
        });
        (progress.collect(), waiting)
    }

    /// Rule 2.1.5: the least log end of the maximal ISR and of those about to join it; not below min ISR (KIP-966). A
    /// follower that has not fetched from this leader holds it where it is. Source: `Partition.maybeIncrementLeaderHW`.
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
        let too_few = leader.isr.committed().len() < self.min_insync_replicas;
        if too_few && !self.defects.has(ReplicationDefect::CommitsBelowMinIsr) {
            return;
        }
        let (now, lag_time_max) = (self.lag_time(context.now), self.lag_time_max);
        let mut least = end;
        for progress in &leader.followers {
            let is_about_to_join = || {
                progress.is_caught_up(end, now, lag_time_max)
                    && !leader.isr.maximal_contains(progress.replica)
                    && is_eligible(progress, context.metadata, self.defects)
            };
            if progress.log_end_offset < least
                && (leader.isr.holds_high_watermark(progress.replica, by_proposal)
                    || is_about_to_join())
            {
                least = progress.log_end_offset;
            }
        }
        self.advance_high_watermark(least, effects);
    }
}

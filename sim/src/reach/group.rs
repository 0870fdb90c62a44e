//! Marks of consumer groups.

use harrow_broker_model::note::{Departure, GroupNote, Lateness};

use super::Tally;

impl Tally {
    pub(super) fn group(&mut self, note: &GroupNote) {
        match note {
            GroupNote::CoordinatorLoaded { .. } => self.mark("coordinator-loaded"),
            GroupNote::GenerationBegan { members: 0, .. } => self.mark("group-emptied"),
            GroupNote::GenerationBegan { .. } => self.mark("group-rebalanced"),
            GroupNote::CommitFenced { .. } => self.mark("commit-fenced"),
            GroupNote::TargetAssigned { .. } => self.mark("target-assigned"),
            GroupNote::MemberHolds { member_epoch: -2, .. } => self.mark("static-member-away"),
            GroupNote::ProtocolChanged { classic: false, .. } => self.mark("group-upgraded"),
            GroupNote::ProtocolChanged { classic: true, .. } => self.mark("group-downgraded"),
            GroupNote::MemberThrownOut { reason, .. } => self.mark(match reason {
                Lateness::Session => "member-session-expired",
                Lateness::Rebalance => "rebalance-timed-out",
                Lateness::Join => "classic-member-timed-out",
            }),
            GroupNote::CommitAccepted { .. } => self.mark("member-committed"),
            GroupNote::GroupDeleted { .. } => self.mark("group-deleted"),
            GroupNote::OffsetsKept { .. } => self.mark("offsets-kept"),
            GroupNote::OffsetsDeleted { .. } => self.mark("offsets-deleted"),
            GroupNote::MembershipLost { reason: Departure::PollInterval, .. } => {
                self.mark("poll-interval-passed");
            }
            GroupNote::MembershipLost { .. }
            | GroupNote::OffsetsPending { .. }
            | GroupNote::OffsetsExpired { .. }
            | GroupNote::ClassicMemberThrownOut { .. }
            | GroupNote::JoinPhaseChanged { .. }
            | GroupNote::MemberHolds { .. }
            | GroupNote::ClassicStateChanged { .. }
            | GroupNote::MemberOwns { .. }
            | GroupNote::WriteAnswered { .. }
            | GroupNote::PartitionAssigned { .. }
            | GroupNote::PartitionReleased { .. } => {}
        }
    }
}

//! Marks of consumer groups.

use harrow_broker_model::note::GroupNote;

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
            GroupNote::MemberHolds { .. }
            | GroupNote::MemberOwns { .. }
            | GroupNote::WriteAnswered { .. }
            | GroupNote::PartitionAssigned { .. }
            | GroupNote::PartitionReleased { .. } => {}
        }
    }
}

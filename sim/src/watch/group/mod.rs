//! Invariants of consumer groups.

mod answers;
mod ownership;
mod reconciliation;

use harrow_broker_model::note::{GroupNote, Note};

use super::finding::{Context, Findings, Invariant};
use ownership::Ownership;
use reconciliation::{Holding, Reconciliation};

pub(super) const INVARIANTS: &[Invariant] =
    &[ownership::INVARIANT, answers::INVARIANT, reconciliation::INVARIANT];

/// What the invariants of groups remember.
#[derive(Debug, Default)]
pub(super) struct GroupWing {
    ownership: Ownership,
    reconciliation: Reconciliation,
}

impl GroupWing {
    #[inline]
    pub(super) fn observe(&mut self, context: &Context<'_>, findings: &mut Findings, note: &Note) {
        let Note::Group(note) = note else { return };
        match note {
            GroupNote::PartitionAssigned { group, member, partition, member_epoch } => {
                let owner = (group.as_str(), member.as_str(), *member_epoch);
                self.ownership.on_assigned(context, findings, owner, *partition);
            }
            GroupNote::PartitionReleased { group, member, partition } => {
                self.ownership.on_released(group, member, *partition);
            }
            GroupNote::WriteAnswered { partition, leader_epoch, end } => {
                answers::on_answered(context, findings, (*partition, *leader_epoch), *end);
            }
            GroupNote::CoordinatorLoaded { groups, .. } => self.ownership.on_loaded(groups),
            GroupNote::GenerationBegan { group, members: 0, .. } => {
                self.ownership.on_emptied(group);
            }
            GroupNote::MemberHolds {
                leader_epoch,
                group,
                member,
                member_epoch,
                partitions,
                ..
            } => {
                let held = Holding { member_epoch: *member_epoch, partitions };
                let told = (*leader_epoch, group.as_str(), member.as_str());
                self.reconciliation.on_holds(context, findings, told, held);
            }
            GroupNote::MemberOwns { group, member, partitions } => {
                self.reconciliation.on_owns(group, member, partitions);
            }
            GroupNote::TargetAssigned { .. }
            | GroupNote::GenerationBegan { .. }
            | GroupNote::CommitFenced { .. } => {}
        }
    }
}

//! Invariants of consumer groups.

mod answers;
mod coordinators;
mod ownership;

use harrow_broker_model::note::{ControllerNote, GroupNote, Note};
use harrow_broker_model::types::NodeId;

use super::finding::{Context, Findings, Invariant};
use crate::plan::Plan;
use coordinators::Coordinators;
use ownership::Ownership;

pub(super) const INVARIANTS: &[Invariant] = &[ownership::INVARIANT, answers::INVARIANT];

/// What the invariants of groups remember.
#[derive(Debug)]
pub(super) struct GroupWing {
    coordinators: Coordinators,
    ownership: Ownership,
}

impl GroupWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self { coordinators: Coordinators::new(plan), ownership: Ownership::default() }
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.coordinators.process_started(node);
    }

    #[inline]
    pub(super) fn observe(&mut self, context: &Context<'_>, findings: &mut Findings, note: &Note) {
        if let Note::Controller(ControllerNote::MetadataApplied { change, .. }) = note {
            self.coordinators.on_metadata(context.node, change);
        }
        let Note::Group(note) = note else { return };
        match note {
            GroupNote::WriteAnswered { partition, leader_epoch, end } => {
                answers::on_answered(context, findings, (*partition, *leader_epoch), *end);
            }
            GroupNote::CoordinatorLoaded { partition, leader_epoch, groups } => {
                if self.coordinators.on_loaded(context.node, *partition, *leader_epoch) {
                    self.ownership.on_loaded(groups);
                }
            }
            GroupNote::PartitionAssigned { group, .. }
            | GroupNote::PartitionReleased { group, .. }
            | GroupNote::GenerationBegan { group, .. } => {
                if !self.coordinators.is_deposed_unawares(context.node, group) {
                    self.on_group(context, findings, note);
                }
            }
            GroupNote::CommitFenced { .. } => {}
        }
    }

    /// The coordinator of a group says something of it.
    fn on_group(&mut self, context: &Context<'_>, findings: &mut Findings, note: &GroupNote) {
        match note {
            GroupNote::PartitionAssigned { group, member, partition, member_epoch } => {
                let owner = (group.as_str(), member.as_str(), *member_epoch);
                self.ownership.on_assigned(context, findings, owner, *partition);
            }
            GroupNote::PartitionReleased { group, member, partition } => {
                self.ownership.on_released(group, member, *partition);
            }
            GroupNote::GenerationBegan { group, members: 0, .. } => {
                self.ownership.on_emptied(group);
            }
            GroupNote::GenerationBegan { .. }
            | GroupNote::WriteAnswered { .. }
            | GroupNote::CoordinatorLoaded { .. }
            | GroupNote::CommitFenced { .. } => {}
        }
    }
}

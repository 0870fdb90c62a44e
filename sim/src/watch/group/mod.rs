//! Invariants of consumer groups.

mod answers;
mod assignment;
mod claims;
mod commits;
mod coordinators;
mod deletion;
mod overdue;
mod ownership;
mod reconciliation;
mod told_offsets;

use harrow_broker_model::message::{Request, Response};
use harrow_broker_model::note::{ControllerNote, GroupNote, Note, QuorumNote};
use harrow_broker_model::types::NodeId;

use super::finding::{Context, Findings, Invariant};
use super::shared::Shared;
use crate::plan::Plan;
use claims::Claims;
use commits::{Commits, Taken};
use coordinators::Coordinators;
use overdue::RebalancesDue;
use ownership::Ownership;
use reconciliation::{Holding, Reconciliation};
use told_offsets::ToldOffsets;

pub(super) const INVARIANTS: &[Invariant] = &[
    ownership::INVARIANT,
    answers::INVARIANT,
    reconciliation::INVARIANT,
    assignment::INVARIANT,
    commits::INVARIANT,
    deletion::INVARIANT,
    overdue::INVARIANT,
    claims::INVARIANT,
    told_offsets::INVARIANT,
];

/// What the invariants of groups remember.
#[derive(Debug)]
pub(super) struct GroupWing {
    coordinators: Coordinators,
    ownership: Ownership,
    reconciliation: Reconciliation,
    commits: Commits,
    due: RebalancesDue,
    claims: Claims,
    told_offsets: ToldOffsets,
}

impl GroupWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            coordinators: Coordinators::new(plan),
            ownership: Ownership::default(),
            reconciliation: Reconciliation::default(),
            commits: Commits::default(),
            due: RebalancesDue::new(plan),
            claims: Claims::default(),
            told_offsets: ToldOffsets::default(),
        }
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.coordinators.process_started(node);
        self.due.process_started(node);
    }

    /// A node is about to handle a request.
    pub(super) fn asked(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        request: &Request,
    ) {
        self.claims.asked(context, findings, request);
        self.told_offsets.asked(request);
    }

    /// A node answers.
    pub(super) fn answered(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        response: &Response,
    ) {
        self.claims.answered(context.node, response);
        self.told_offsets.answered(context, findings, response);
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &Note,
    ) {
        self.due.look(context, findings, (shared, &self.coordinators));
        for partition in self.goes_on_with(context, note) {
            self.ownership.forget(|group| self.coordinators.is_of(partition, group));
            self.commits.forget(|group| self.coordinators.is_of(partition, group));
        }
        if let Note::Group(note) = note {
            self.on_group_note(context, findings, note);
        }
    }

    /// Of which partitions the node goes on to coordinate the groups without having read them anew.
    fn goes_on_with(&mut self, context: &Context<'_>, note: &Note) -> Vec<i32> {
        if let Note::Controller(ControllerNote::MetadataApplied { change, .. }) = note {
            return self.coordinators.on_metadata(context.node, change).into_iter().collect();
        }
        let Note::Quorum(QuorumNote::SnapshotLoaded { snapshot, .. }) = note else {
            return Vec::new();
        };
        let (registry, applied) = (context.view.registry(), snapshot.end_offset.plus(-1));
        self.coordinators.on_snapshot(context.node, registry, applied)
    }

    fn on_group_note(&mut self, context: &Context<'_>, findings: &mut Findings, note: &GroupNote) {
        match note {
            GroupNote::WriteAnswered { partition, leader_epoch, end } => {
                answers::on_answered(context, findings, (*partition, *leader_epoch), *end);
            }
            GroupNote::CoordinatorLoaded { partition, leader_epoch, groups } => {
                if self.coordinators.on_loaded(context.node, *partition, *leader_epoch) {
                    self.ownership.on_loaded(groups);
                    let index = partition.partition;
                    self.due.on_loaded(|group| self.coordinators.is_of(index, group));
                    self.commits.forget(|group| self.coordinators.is_of(index, group));
                    self.commits.on_loaded(groups);
                    self.reconciliation.on_loaded(partition.partition, *leader_epoch);
                }
            }
            GroupNote::PartitionAssigned { group, .. }
            | GroupNote::PartitionReleased { group, .. }
            | GroupNote::GenerationBegan { group, .. }
            | GroupNote::ClassicStateChanged { group, .. }
            | GroupNote::ProtocolChanged { group, .. }
            | GroupNote::CommitAccepted { group, .. } => {
                if !self.coordinators.is_deposed_unawares(context.node, group) {
                    self.on_group(context, findings, note);
                }
            }
            GroupNote::MemberHolds {
                partition,
                leader_epoch,
                group,
                member,
                member_epoch,
                partitions,
                revokes_within_ms,
            } => {
                let told = (group.as_str(), member.as_str());
                self.due.on_holds(context, told, *leader_epoch, *revokes_within_ms);
                let held = Holding { member_epoch: *member_epoch, partitions };
                let place = (partition.partition, *leader_epoch);
                let told = (place, group.as_str(), member.as_str());
                self.reconciliation.on_holds(context, findings, told, held);
            }
            GroupNote::MemberOwns { group, member, partitions } => {
                let (taken, held) = self.reconciliation.on_owns(group, member, partitions);
                assignment::on_taken(context, findings, (group, member), &taken, held);
            }
            GroupNote::GroupDeleted { group } => {
                if !self.coordinators.is_deposed_unawares(context.node, group) {
                    self.on_deleted(context, findings, group);
                }
            }
            GroupNote::TargetAssigned { .. }
            | GroupNote::CommitFenced { .. }
            | GroupNote::OffsetsDeleted { .. }
            | GroupNote::OffsetsKept { .. }
            | GroupNote::OffsetsPending { .. }
            | GroupNote::MembershipLost { .. } => {}
            GroupNote::MemberThrownOut { group, member, .. } => {
                self.reconciliation.on_thrown_out(group, member);
            }
        }
    }

    fn on_deleted(&mut self, context: &Context<'_>, findings: &mut Findings, group: &str) {
        let owned = self.ownership.of_group(group).map(|(member, _, place)| (member, place)).next();
        let held = owned.or_else(|| self.reconciliation.held_in(group));
        deletion::on_deleted(context, findings, group, held);
        self.commits.forget(|known| known == group);
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
            GroupNote::GenerationBegan { group, generation, members } => {
                self.commits.on_generation(group, *generation);
                if *members == 0 {
                    self.ownership.on_emptied(group);
                }
            }
            GroupNote::ClassicStateChanged { group, state, timeout_ms } => {
                let partition = overdue::partition_of(context, &self.coordinators, group);
                self.due.on_classic_state((context, partition), group, (*state, *timeout_ms));
            }
            GroupNote::ProtocolChanged { group, classic } => {
                self.due.on_protocol(group, *classic);
                self.commits.forget(|known| known == group);
                if !classic {
                    let partition = self.coordinators.partition_of(group);
                    let held = self.ownership.of_group(group);
                    self.reconciliation.on_upgraded((partition, group), held);
                }
            }
            GroupNote::CommitAccepted { group, member, generation, partitions } => {
                let epoch = self.reconciliation.epoch_of(group, member);
                let generation = *generation;
                let taken = Taken { group, member, generation, partitions };
                self.commits.on_taken(context, findings, taken, epoch);
            }
            GroupNote::WriteAnswered { .. }
            | GroupNote::CoordinatorLoaded { .. }
            | GroupNote::CommitFenced { .. }
            | GroupNote::MemberHolds { .. }
            | GroupNote::MemberOwns { .. }
            | GroupNote::MemberThrownOut { .. }
            | GroupNote::MembershipLost { .. }
            | GroupNote::GroupDeleted { .. }
            | GroupNote::OffsetsDeleted { .. }
            | GroupNote::OffsetsKept { .. }
            | GroupNote::OffsetsPending { .. }
            | GroupNote::TargetAssigned { .. } => {}
        }
    }
}

//! Invariants of what the active controller decides, and of who leads by it.

mod balance;
mod election;
mod kept_lead;
mod leadership;
mod log_directories;
mod overdue;
mod proposals;
mod reassignment;

use harrow_broker_model::message::Request;
use harrow_broker_model::note::{ControllerNote, MetadataChange, Note, ReplicationNote};
use harrow_broker_model::types::{LeaderEpoch, Offset};

use super::finding::{Context, Findings, Invariant};
use super::shared::Shared;
use crate::plan::Plan;
use balance::Balance;
use leadership::Leadership;
use overdue::Elections;
use proposals::Proposals;
use reassignment::Reassignments;

pub(super) const INVARIANTS: &[Invariant] = &[
    election::INVARIANT,
    leadership::INVARIANT,
    kept_lead::INVARIANT,
    reassignment::INVARIANT,
    proposals::INVARIANT,
    overdue::INVARIANT,
    balance::INVARIANT,
    log_directories::INVARIANT,
];

/// What the invariants of the controller remember.
#[derive(Debug)]
pub(super) struct ControllerWing {
    leadership: Leadership,
    proposals: Proposals,
    elections: Elections,
    balance: Balance,
    reassignments: Reassignments,
}

impl ControllerWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            leadership: Leadership::default(),
            proposals: Proposals::default(),
            elections: Elections::default(),
            balance: Balance::new(plan),
            reassignments: Reassignments::default(),
        }
    }

    /// A node is asked something.
    pub(super) fn asked(&mut self, request: &Request) {
        self.reassignments.asked(&request.body);
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &Note,
    ) {
        self.elections.look(context, findings);
        self.balance.look(context, findings, shared);
        if let Note::Controller(note) = note {
            self.on_controller_note(context, findings, note);
        } else if let Note::Replication(ReplicationNote::BecameLeader {
            partition,
            leader_epoch,
            ..
        }) = note
        {
            self.leadership.on_became_leader(context, findings, *partition, *leader_epoch);
            election::on_became_leader(context, findings, *partition, *leader_epoch);
        }
    }

    fn on_controller_note(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &ControllerNote,
    ) {
        match note {
            ControllerNote::MetadataApplied { offset, controller_epoch, change } => {
                if context.view.registry().is_news(*offset) {
                    self.on_committed(context, findings, (*controller_epoch, *offset), change);
                }
            }
            ControllerNote::IsrProposalAccepted {
                partition,
                offset,
                controller_epoch,
                proposal,
            } => {
                self.proposals.on_accepted(*controller_epoch, *offset, *partition, proposal);
            }
            ControllerNote::Activated { .. } => self.balance.on_activated(),
        }
    }

    /// A change was committed, by a controller and at an offset.
    fn on_committed(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (controller_epoch, offset): (LeaderEpoch, Offset),
        change: &MetadataChange,
    ) {
        log_directories::on_committed(context, findings, change);
        match change {
            MetadataChange::PartitionChanged { partition, registration, unclean } => {
                self.leadership.on_registered(context, findings, *partition, registration);
                kept_lead::on_registered(context, findings, *partition, registration);
                self.reassignments.on_registered(context, findings, *partition, registration);
                election::on_registered(context, findings, *partition, registration, *unclean);
                self.proposals.on_registered(context, findings, controller_epoch, offset);
            }
            MetadataChange::BrokerRegistered { .. } | MetadataChange::BrokerChanged { .. } => {
                leadership::on_broker(context, findings, change);
            }
            MetadataChange::LeaderChanged { .. }
            | MetadataChange::TopicCreated { .. }
            | MetadataChange::ProducerIdsAllocated { .. }
            | MetadataChange::TopicDeleted { .. }
            | MetadataChange::BrokerUnregistered { .. }
            | MetadataChange::LogDirsChanged { .. }
            | MetadataChange::ReplicaAssigned { .. }
            | MetadataChange::TopicReconfigured { .. }
            | MetadataChange::VotersChanged { .. }
            | MetadataChange::RetentionChanged { .. } => {}
        }
    }
}

//! Invariants of leaders and followers.

mod candidates;
mod commit_rule;
mod follower_lag;
mod following;
mod high_watermark;
mod lone_leader;
mod membership;
mod overdue;
mod shrink;
mod throttle;

use harrow_broker_model::message::ClusterError;
use harrow_broker_model::note::{ControllerNote, LogNote, MetadataChange, Note, ReplicationNote};
use harrow_broker_model::types::{NodeId, TopicPartition};

use super::finding::{Context, Findings, Invariant};
use super::shared::Shared;
use crate::plan::Plan;
use crate::view::ClusterView;
use follower_lag::FollowerLag;
use following::Following;
use high_watermark::{HighWatermarks, Move};
use lone_leader::LoneLeaders;
use overdue::Overdue;
use shrink::Shrinks;

pub(super) const INVARIANTS: &[Invariant] = &[
    commit_rule::INVARIANT,
    membership::INVARIANT,
    candidates::INVARIANT,
    high_watermark::INVARIANT,
    following::INVARIANT,
    follower_lag::INVARIANT,
    overdue::INVARIANT,
    shrink::INVARIANT,
    throttle::INVARIANT,
];

/// What the invariants of replication remember.
#[derive(Debug)]
pub(super) struct ReplicationWing {
    high_watermarks: HighWatermarks,
    following: Following,
    follower_lag: FollowerLag,
    overdue: Overdue,
    lone_leaders: LoneLeaders,
    shrinks: Shrinks,
}

impl ReplicationWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            high_watermarks: HighWatermarks::default(),
            following: Following::default(),
            follower_lag: FollowerLag::new(plan),
            overdue: Overdue::default(),
            lone_leaders: LoneLeaders::new(plan),
            shrinks: Shrinks::new(plan),
        }
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.high_watermarks.process_started(node);
    }

    pub(super) fn process_ended(&mut self, at_ns: u64, view: &ClusterView, node: NodeId) {
        self.follower_lag.process_ended(at_ns, view, node);
        self.lone_leaders.process_ended(node);
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &mut Shared,
        note: &Note,
    ) {
        self.follower_lag.look(context, findings, &shared.running_since);
        self.overdue.look(context, findings, shared);
        self.lone_leaders.look(context, findings, shared);
        if let Note::Replication(note) = note {
            self.on_replication_note(context, findings, shared, note);
        } else if let Note::Log(LogNote::Appended { partition, .. }) = note {
            self.lone_leaders.on_appended(context, shared, *partition);
        } else if let Note::Log(
            LogNote::Truncated { partition, .. } | LogNote::Discarded { partition, .. },
        ) = note
        {
            if *partition != TopicPartition::METADATA {
                let (at_ns, view, node) = (context.at_ns, context.view, context.node);
                self.follower_lag.forgive(at_ns, view, node, Some(*partition));
            }
        } else if let Note::Controller(ControllerNote::MetadataApplied { offset, change, .. }) =
            note
            && let MetadataChange::PartitionChanged { partition, registration, unclean } = &**change
            && context.view.registry().is_news(*offset)
        {
            membership::on_registered(context, findings, *partition, registration, *unclean);
        }
    }

    fn on_replication_note(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &mut Shared,
        note: &ReplicationNote,
    ) {
        match note {
            ReplicationNote::HighWatermarkMoved {
                partition, leader_epoch, as_leader, to, ..
            } => {
                let (epoch, as_leader) = (*leader_epoch, *as_leader);
                let moved = Move { partition: *partition, epoch, as_leader, to: *to };
                self.on_high_watermark(context, findings, shared, moved);
            }
            ReplicationNote::BecameLeader {
                partition, leader_epoch, isr, high_watermark, ..
            } => {
                let begins = (*leader_epoch, *high_watermark);
                HighWatermarks::on_became_leader(context, findings, *partition, begins);
                self.follower_lag.on_became_leader(context, *partition, *leader_epoch);
                self.following.on_became_leader(context.node, *partition, *leader_epoch);
                self.shrinks.on_became_leader(context.node, *partition, isr);
                membership::on_believed(context, findings, *partition, *leader_epoch, isr);
            }
            ReplicationNote::IsrProposed { partition, leader_epoch, from, to, out_of_sync } => {
                self.follower_lag.on_proposal(context, *partition, true);
                let applied = shared.applied_by(context.node);
                let proposal = (*leader_epoch, from.as_slice(), to.as_slice());
                membership::on_proposed(context, findings, *partition, proposal, applied);
                let heard_in = |member| self.following.heard_in(context.node, *partition, member);
                let proposal = (from.as_slice(), to.as_slice());
                candidates::on_proposed(context, findings, *partition, proposal, applied, heard_in);
                self.shrinks.on_proposed(context, findings, *partition, proposal, out_of_sync);
            }
            ReplicationNote::HeldUp { partition, follower, in_sync } => {
                throttle::on_held_up(context, findings, *partition, *follower, *in_sync);
                self.overdue.on_held_up(*partition);
            }
            ReplicationNote::IsrProposalRefused { partition, error } => {
                if *error == ClusterError::IneligibleReplica {
                    self.follower_lag.on_proposal(context, *partition, false);
                }
            }
            ReplicationNote::IsrCommitted { partition, leader_epoch, isr, .. } => {
                self.follower_lag.on_proposal(context, *partition, false);
                membership::on_believed(context, findings, *partition, *leader_epoch, isr);
            }
            ReplicationNote::FollowerHeard { .. } => {
                let applied = shared.applied_by(context.node);
                self.following.on_heard(context, findings, note, applied);
            }
            ReplicationNote::BecameFollower { .. }
            | ReplicationNote::MinimumChanged { .. }
            | ReplicationNote::RequestFenced { .. }
            | ReplicationNote::DivergenceFound { .. } => {}
        }
    }

    fn on_high_watermark(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &mut Shared,
        moved: Move,
    ) {
        let Move { partition, epoch, as_leader, to } = moved;
        let within = self.high_watermarks.on_moved(context, findings, moved);
        if as_leader {
            self.following.on_high_watermark(context, findings, partition, epoch, to);
        }
        if as_leader
            && within
            && commit_rule::on_high_watermark(context, findings, partition, epoch, to)
        {
            shared.committed = Some((partition, to));
        }
    }
}

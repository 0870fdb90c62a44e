//! Invariants of the controller quorum and its log.

mod check_quorum;
mod controller_quorum;
mod overdue;
mod pre_vote;
mod quorum_disk;
mod snapshots;
mod snapshots_due;
mod voter_sets;

use harrow_broker_model::note::{ControllerNote, LogNote, Note, QuorumNote};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

use super::finding::{Context, Findings, Invariant};
use super::shared::Shared;
use crate::plan::Plan;
use check_quorum::CheckQuorum;
use controller_quorum::{ControllerQuorum, VoterState};
use overdue::QuorumElections;
use pre_vote::PreVotes;
use quorum_disk::QuorumDisks;
use snapshots::Snapshots;
use snapshots_due::SnapshotsDue;
use voter_sets::VoterSets;

pub(super) const INVARIANTS: &[Invariant] = &[
    controller_quorum::INVARIANT,
    quorum_disk::INVARIANT,
    check_quorum::INVARIANT,
    pre_vote::INVARIANT,
    overdue::INVARIANT,
    snapshots::INVARIANT,
    snapshots_due::INVARIANT,
    voter_sets::INVARIANT,
];

/// What the invariants of the quorum remember.
#[derive(Debug)]
pub(super) struct QuorumWing {
    quorum: ControllerQuorum,
    disks: QuorumDisks,
    check_quorum: CheckQuorum,
    pre_votes: PreVotes,
    elections: QuorumElections,
    snapshots: Snapshots,
    snapshots_due: SnapshotsDue,
    voter_sets: VoterSets,
}

impl QuorumWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            quorum: ControllerQuorum::default(),
            disks: QuorumDisks::default(),
            check_quorum: CheckQuorum::new(plan),
            pre_votes: PreVotes::default(),
            elections: QuorumElections::default(),
            snapshots: Snapshots::default(),
            snapshots_due: SnapshotsDue::new(plan),
            voter_sets: VoterSets::default(),
        }
    }

    pub(super) fn process_started(&mut self, node: NodeId) {
        self.quorum.process_started(node);
        self.disks.process_started(node);
        self.snapshots_due.begins(node);
    }

    pub(super) fn process_ended(&mut self, node: NodeId) {
        self.check_quorum.process_ended(node);
        self.pre_votes.process_ended(node);
        self.voter_sets.process_ended(node);
    }

    pub(super) fn disk_wiped(&mut self, node: NodeId) {
        self.quorum.disk_wiped(node);
        self.pre_votes.disk_wiped(node);
        self.snapshots.disk_wiped(node);
        self.voter_sets.disk_wiped(node);
    }

    /// A node is asked for the metadata log by another one, which is in an epoch.
    pub(super) fn on_fetch(&mut self, at_ns: u64, at: NodeId, by: NodeId, epoch: LeaderEpoch) {
        self.check_quorum.on_fetch(at_ns, at, by, epoch);
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &Note,
    ) {
        self.check_quorum.look(context, findings, &shared.running_since);
        self.elections.look(context, findings, &shared.calm);
        if let Note::Quorum(note) = note {
            self.on_quorum_note(context, findings, shared, note);
        } else if let Note::Log(note) = note {
            self.on_log_note(context, findings, note);
        } else if let Note::Controller(ControllerNote::MetadataApplied {
            offset,
            controller_epoch,
            change,
        }) = note
        {
            self.snapshots_due.on_applied(context, findings, shared);
            let applied = (*controller_epoch, &**change);
            ControllerQuorum::on_applied(
                context,
                findings,
                shared.applied_before,
                *offset,
                applied,
            );
        }
    }

    /// At the end of a run: how far a live node's metadata is, and a hash of it.
    pub(super) fn on_audit(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        metadata: (Offset, u64),
    ) {
        self.snapshots.on_audit(context, findings, metadata);
    }

    /// The log of the quorum is cut, or found shorter than it was.
    fn on_log_note(&mut self, context: &Context<'_>, findings: &mut Findings, note: &LogNote) {
        if let LogNote::Truncated { partition: TopicPartition::METADATA, to, .. } = note {
            self.disks.on_log_cut(context.node, *to);
            self.voter_sets.on_truncated(context, *to);
            controller_quorum::on_truncated(context, findings, *to);
        } else if let LogNote::StartMoved {
            partition: TopicPartition::METADATA,
            log_start_offset,
        } = note
        {
            self.snapshots.on_log_start(context, findings, *log_start_offset);
        } else if let LogNote::Recovered {
            partition: TopicPartition::METADATA,
            log_end_offset,
            ..
        } = note
        {
            self.disks.on_log_cut(context.node, *log_end_offset);
            controller_quorum::on_recovered(context, findings, *log_end_offset);
        }
    }

    fn on_quorum_note(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &QuorumNote,
    ) {
        match note {
            QuorumNote::StateChanged { epoch, role, leader, voted } => {
                self.disks.on_shown(context, findings, *epoch, *voted);
                let state =
                    VoterState { epoch: *epoch, role: *role, leader: *leader, voted: *voted };
                self.quorum.on_state(context, findings, state);
                self.check_quorum.on_state(context, state);
                self.pre_votes.on_state(context, findings, state);
                self.voter_sets.on_state(context, findings, state);
            }
            QuorumNote::StatePersisted { epoch, voted } => {
                let durable = shared.is_durable(context.node);
                self.disks.on_persisted(context.node, *epoch, *voted, durable);
            }
            QuorumNote::LogSynced { end } => {
                self.voter_sets.check_cut(context, findings);
                if shared.is_durable(context.node) {
                    self.disks.on_log_synced(context.node, *end);
                }
            }
            QuorumNote::VoteGranted { epoch, candidate } => {
                controller_quorum::check_candidate(context, findings, *epoch, *candidate);
                self.disks.on_shown(context, findings, *epoch, Some(*candidate));
                self.quorum.on_vote(context, findings, *epoch, *candidate);
                VoterSets::on_vote(context, findings, *epoch, *candidate);
            }
            QuorumNote::SnapshotWritten { snapshot, digest, .. } => {
                let durable = shared.is_durable(context.node);
                let written = (*snapshot, *digest);
                self.snapshots_due.begins(context.node);
                self.snapshots.on_written(context, findings, written, durable);
            }
            QuorumNote::SnapshotLoaded { snapshot, digest } => {
                self.snapshots_due.begins(context.node);
                self.snapshots.on_loaded(context, findings, (*snapshot, *digest));
            }
            QuorumNote::VotersInEffect { offset, voters } => {
                self.voter_sets.on_voters(context, findings, *offset, voters);
                self.check_quorum.on_voters(context);
            }
            QuorumNote::DirectoryFound { .. } => {}
            QuorumNote::HighWatermarkMoved { epoch, as_leader, to } => {
                if *as_leader {
                    controller_quorum::on_high_watermark(context, findings, *epoch, *to);
                    self.disks.on_committed(context, findings, *to);
                    self.voter_sets.on_high_watermark(context, findings, *epoch, *to);
                } else {
                    self.pre_votes.on_fetched(context.at_ns, context.node, *epoch);
                }
            }
        }
    }
}

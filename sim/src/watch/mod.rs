//! Online invariants over true state, one file each.
//!
//! [`Observer`] is what the world talks to: it hands each note to the invariants, which judge it by the state before
//! it, and then to the [`ClusterView`]. Monitors only read: a run is the same with and without them.

mod ack_rule;
mod audit;
mod commit_rule;
mod election;
mod finding;
mod high_watermark;
mod leadership;
mod log_matching;
mod membership;
mod quorum;
mod read_rule;
mod recovery;
mod sequence;
mod truncation;

use harrow_broker_model::note::{BatchSummary, MetadataChange, Note};
use harrow_broker_model::types::{LeaderEpoch, NodeId, Offset, TopicPartition};

pub use finding::{Anomaly, Invariant};

use ack_rule::Acknowledgement;
use finding::{Context, Findings};
use high_watermark::{HighWatermarks, Move};
use leadership::Leadership;
use log_matching::LogMatching;
use quorum::{Quorum, VoterState};
use read_rule::ReadRule;
use sequence::Sequences;

use crate::plan::Plan;
use crate::view::ClusterView;
use crate::violation::Violation;

/// Every invariant.
pub const INVARIANTS: [Invariant; 13] = [
    commit_rule::INVARIANT,
    log_matching::INVARIANT,
    election::INVARIANT,
    membership::INVARIANT,
    leadership::INVARIANT,
    high_watermark::INVARIANT,
    truncation::INVARIANT,
    ack_rule::INVARIANT,
    read_rule::INVARIANT,
    sequence::INVARIANT,
    quorum::INVARIANT,
    recovery::INVARIANT,
    audit::INVARIANT,
];

/// The true state and the invariants over it.
#[derive(Debug)]
pub struct Observer {
    view: ClusterView,
    watch: Watch,
}

/// The invariants.
#[derive(Debug, Default)]
struct Watch {
    findings: Findings,
    log_matching: LogMatching,
    leadership: Leadership,
    high_watermarks: HighWatermarks,
    read_rule: ReadRule,
    sequences: Sequences,
    quorum: Quorum,
}

/// What a replica itself says of its log at the end of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplicaAudit {
    /// Whose.
    pub node: NodeId,
    /// Which partition; [`TopicPartition::METADATA`] at controllers.
    pub partition: TopicPartition,
    /// First offset that may be read.
    pub log_start_offset: Offset,
    /// Offset of the next record.
    pub log_end_offset: Offset,
    /// Its own high watermark.
    pub high_watermark: Offset,
}

impl Observer {
    /// Before anything runs.
    pub fn new(plan: &Plan) -> Self {
        Self { view: ClusterView::new(plan), watch: Watch::default() }
    }

    /// The true state.
    pub fn view(&self) -> &ClusterView {
        &self.view
    }

    /// A process starts: before its first event.
    pub fn process_started(&mut self, _at_ns: u64, node: NodeId) {
        self.watch.high_watermarks.process_started(node);
        self.view.process_started(node);
    }

    /// A process ended: crash, power loss, wipe or halt. `lossy` if it may find less on its disk than it wrote.
    pub fn process_ended(&mut self, at_ns: u64, node: NodeId, lossy: bool) {
        self.view.process_ended(at_ns, node, lossy);
    }

    /// A node stated a note. `event` is the ordinal of the event that it was handling.
    pub fn observe(&mut self, at_ns: u64, event: u64, node: NodeId, note: &Note) {
        let context = Context { at_ns, event, node, view: &self.view };
        self.watch.observe(&context, note);
        self.view.observe(at_ns, node, note);
    }

    /// At the end of a run: a live replica's own log is compared with the mirror, so that a missing or false note does
    /// not go unnoticed. `batches` are those from the log start on.
    pub fn audit_replica(
        &mut self,
        at_ns: u64,
        event: u64,
        audit: ReplicaAudit,
        batches: impl Iterator<Item = BatchSummary>,
    ) {
        let context = Context { at_ns, event, node: audit.node, view: &self.view };
        audit::on_audit(&context, &mut self.watch.findings, audit, batches);
    }

    /// Whether anything was found since violations were last taken.
    pub fn has_violation(&self) -> bool {
        !self.watch.findings.is_empty()
    }

    /// Takes out what was found, in order of time: the first of each anomaly and partition.
    pub fn take_violations(&mut self) -> Vec<Violation> {
        self.watch.findings.take()
    }
}

impl Watch {
    fn observe(&mut self, context: &Context<'_>, note: &Note) {
        let findings = &mut self.findings;
        match note {
            Note::Appended { partition, batch, leader_epoch, .. } => {
                self.log_matching.on_append(context, findings, *partition, batch, *leader_epoch);
            }
            Note::HighWatermarkMoved { partition, leader_epoch, as_leader, to, .. } => {
                let moved = Move {
                    partition: *partition,
                    epoch: *leader_epoch,
                    as_leader: *as_leader,
                    to: *to,
                };
                self.on_high_watermark(context, moved);
            }
            Note::ProduceAcknowledged { .. } => on_acknowledged(context, findings, note),
            Note::RecordsServed { partition, leader_epoch, fetch_offset, batches, .. } => {
                read_rule::on_served(
                    context,
                    findings,
                    *partition,
                    *leader_epoch,
                    *fetch_offset,
                    batches,
                );
            }
            Note::EndOffsetServed { partition, leader_epoch, offset } => {
                self.read_rule.on_end_offset(context, findings, *partition, *leader_epoch, *offset);
            }
            Note::Truncated { .. } | Note::LogRecovered { .. } => self.on_log_note(context, note),
            Note::BecameLeader { .. } | Note::IsrProposed { .. } => {
                self.on_leader_note(context, note);
            }
            Note::QuorumStateChanged { .. }
            | Note::VoteGranted { .. }
            | Note::QuorumHighWatermarkMoved { .. } => {
                self.on_quorum_note(context, note);
            }
            Note::MetadataApplied { offset, controller_epoch, change } => {
                self.on_metadata(context, *offset, *controller_epoch, change);
            }
            Note::LogStartMoved { .. }
            | Note::BecameFollower { .. }
            | Note::IsrProposalRefused { .. }
            | Note::IsrCommitted { .. }
            | Note::RequestFenced { .. }
            | Note::DivergenceFound { .. }
            | Note::NotEnoughReplicas { .. }
            | Note::ControllerActivated { .. }
            | Note::BrokerStateChanged { .. }
            | Note::BatchRetried { .. }
            | Note::ProducerEpochBumped { .. }
            | Note::TruncationDetected { .. }
            | Note::PositionReset { .. } => {}
        }
    }

    fn on_high_watermark(&mut self, context: &Context<'_>, moved: Move) {
        let Move { partition, epoch, as_leader, to } = moved;
        self.high_watermarks.on_moved(context, &mut self.findings, moved);
        if as_leader
            && commit_rule::on_high_watermark(context, &mut self.findings, partition, epoch, to)
        {
            self.sequences.on_committed(context, &mut self.findings, partition, to);
        }
    }

    fn on_log_note(&mut self, context: &Context<'_>, note: &Note) {
        let findings = &mut self.findings;
        if let Note::Truncated { partition, from, to, .. } = note {
            if *partition == TopicPartition::METADATA {
                quorum::on_truncated(context, findings, *to);
            } else {
                truncation::on_truncated(context, findings, *partition, *from, *to);
            }
        } else if let Note::LogRecovered { partition, log_end_offset, batches, .. } = note {
            recovery::on_recovered(context, findings, *partition, *log_end_offset, batches);
            if *partition == TopicPartition::METADATA {
                quorum::on_recovered(context, findings, *log_end_offset);
            }
        }
    }

    fn on_leader_note(&mut self, context: &Context<'_>, note: &Note) {
        let findings = &mut self.findings;
        if let Note::BecameLeader { partition, leader_epoch, .. } = note {
            self.leadership.on_became_leader(context, findings, *partition, *leader_epoch);
            election::on_became_leader(context, findings, *partition, *leader_epoch);
        } else if let Note::IsrProposed { partition, leader_epoch, from, to } = note {
            membership::on_proposed(context, findings, *partition, *leader_epoch, from, to);
        }
    }

    fn on_quorum_note(&mut self, context: &Context<'_>, note: &Note) {
        let findings = &mut self.findings;
        if let Note::QuorumStateChanged { epoch, role, leader, voted } = note {
            let state = VoterState { epoch: *epoch, role: *role, leader: *leader, voted: *voted };
            self.quorum.on_state(context, findings, state);
        } else if let Note::VoteGranted { epoch, candidate } = note {
            self.quorum.on_vote(context, findings, *epoch, *candidate);
        } else if let Note::QuorumHighWatermarkMoved { epoch, as_leader: true, to } = note {
            quorum::on_high_watermark(context, findings, *epoch, *to);
        }
    }

    fn on_metadata(
        &mut self,
        context: &Context<'_>,
        offset: Offset,
        controller_epoch: LeaderEpoch,
        change: &MetadataChange,
    ) {
        let findings = &mut self.findings;
        quorum::on_applied(context, findings, offset, controller_epoch, change);
        let MetadataChange::PartitionChanged { partition, registration, unclean } = change else {
            return;
        };
        if context.view.registry().is_news(offset) {
            self.leadership.on_registered(context, findings, *partition, registration);
            election::on_registered(context, findings, *partition, registration, *unclean);
            membership::on_registered(context, findings, *partition, registration, *unclean);
        }
    }
}

/// Only acks=all promises that the records are committed.
fn on_acknowledged(context: &Context<'_>, findings: &mut Findings, note: &Note) {
    if let Note::ProduceAcknowledged {
        partition,
        leader_epoch,
        base_offset,
        last_offset,
        checksum,
        acks: -1,
        ..
    } = note
    {
        let acknowledgement = Acknowledgement {
            partition: *partition,
            epoch: *leader_epoch,
            base_offset: *base_offset,
            last_offset: *last_offset,
            checksum: *checksum,
        };
        ack_rule::on_acknowledged(context, findings, acknowledgement);
    }
}

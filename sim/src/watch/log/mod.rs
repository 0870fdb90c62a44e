//! Invariants of logs.

mod audit;
mod cleaning_due;
mod compaction;
mod divergence;
mod epoch_ends;
mod given_up;
mod log_matching;
mod log_start;
mod recovery;
mod retention;
mod retention_due;
mod truncation;

use harrow_broker_model::note::{
    BatchSummary, ConsumerNote, ControllerNote, LogNote, MetadataChange, Note, ReplicationNote,
    TruncateReason,
};
use harrow_broker_model::types::{NodeId, Offset, TopicPartition};

use super::finding::{Context, Findings, Invariant};
use super::shared::Shared;
use crate::plan::Plan;
use cleaning_due::CleaningDue;
use divergence::Divergences;
use log_matching::LogMatching;
use log_start::LogStarts;
use retention::KeptRecords;
use retention_due::RetentionDue;

pub use audit::ReplicaAudit;
pub(super) use recovery::{DurableLogs, LogOnDisk, Reopened};

pub(super) const INVARIANTS: &[Invariant] = &[
    log_matching::INVARIANT,
    truncation::INVARIANT,
    recovery::INVARIANT,
    log_start::INVARIANT,
    retention::INVARIANT,
    retention_due::INVARIANT,
    compaction::INVARIANT,
    cleaning_due::INVARIANT,
    epoch_ends::INVARIANT,
    divergence::INVARIANT,
    given_up::INVARIANT,
    audit::INVARIANT,
];

/// What the invariants of logs remember.
#[derive(Debug)]
pub(super) struct LogWing {
    log_matching: LogMatching,
    divergences: Divergences,
    durable_logs: DurableLogs,
    kept_records: KeptRecords,
    log_starts: LogStarts,
    cleaning_due: CleaningDue,
    retention_due: RetentionDue,
}

impl LogWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            log_matching: LogMatching::default(),
            divergences: Divergences::default(),
            durable_logs: DurableLogs::default(),
            kept_records: KeptRecords::new(plan),
            log_starts: LogStarts::default(),
            cleaning_due: CleaningDue::new(plan),
            retention_due: RetentionDue::new(plan),
        }
    }

    pub(super) fn disk_wiped(&mut self, node: NodeId) {
        self.durable_logs.disk_wiped(node);
    }

    pub(super) fn durable_logs(&mut self) -> &mut DurableLogs {
        &mut self.durable_logs
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &Note,
    ) {
        self.cleaning_due.look(context, findings, shared);
        self.retention_due.look(context, findings, (shared, &self.kept_records));
        if let Note::Log(note) = note {
            self.on_log_note(context, findings, (note, shared.applied_by(context.node)));
        } else if let Note::Replication(ReplicationNote::DivergenceFound {
            partition,
            follower,
            epoch,
            end_offset,
        }) = note
        {
            let named = (*epoch, *end_offset);
            self.divergences.on_told((*follower, *partition), named);
            epoch_ends::on_diverging(context, findings, *partition, named);
        } else if let Note::Replication(ReplicationNote::BecameLeader { partition, .. }) = note {
            self.log_starts.on_leader(context, findings, *partition);
        } else if let Note::Consumer(ConsumerNote::EpochEndServed {
            partition,
            asked,
            end_offset,
            ..
        }) = note
        {
            epoch_ends::on_served(context, findings, *partition, *asked, *end_offset);
        } else if let Note::Controller(ControllerNote::MetadataApplied { change, .. }) = note
            && let MetadataChange::RetentionChanged { retention, .. }
            | MetadataChange::TopicReconfigured { retention, .. } = &**change
        {
            self.kept_records.on_retention(*retention);
        }
    }

    fn on_log_note(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        (note, applied): (&LogNote, Option<Offset>),
    ) {
        // What goes of the metadata log goes by snapshots, not by a topic's settings.
        if !matches!(note, LogNote::RecordsDeleted { partition: TopicPartition::METADATA, .. }) {
            self.kept_records.on_note(context, findings, note);
        }
        match note {
            LogNote::Appended { partition, batch, leader_epoch, .. } => {
                self.log_matching.on_append(context, findings, *partition, batch, *leader_epoch);
                compaction::on_copied(context, findings, *partition, batch);
            }
            LogNote::Truncated { partition, from, to, reason } => {
                if *reason == TruncateReason::Diverged {
                    self.divergences.on_cut(context, findings, *partition, *to);
                }
                if *partition != TopicPartition::METADATA {
                    truncation::on_truncated(context, findings, *partition, *from, *to);
                }
            }
            LogNote::Recovered { partition, batches, .. } => {
                if let Some(log) = Reopened::stated(note) {
                    self.durable_logs.on_recovered(context, findings, log);
                    log_start::on_recovered(context, findings, log);
                    compaction::on_recovered(context, findings, log);
                }
                self.log_matching.on_recovered(context, findings, *partition, batches);
            }
            LogNote::EpochsKnown { partition, epochs } => {
                epoch_ends::on_known(context, findings, *partition, epochs);
            }
            LogNote::DeletionConfirmed { partition, low_watermark } => {
                self.log_starts.on_confirmed(context, *partition, *low_watermark);
            }
            LogNote::Cleaned { .. } => compaction::on_cleaned(context, findings, note),
            LogNote::RecordsDeleted { .. }
            | LogNote::KeysAppended { .. }
            | LogNote::CleanerCheckpointed { .. } => {}
            LogNote::Discarded { partition, .. } => {
                given_up::on_discarded(context, findings, *partition, applied);
            }
            LogNote::StartMoved { partition, log_start_offset } => {
                log_start::on_moved(context, findings, *partition, *log_start_offset);
            }
        }
    }
}

/// At the end of a run: what a live node has and should not.
pub(super) fn on_audit_of_strays(context: &Context<'_>, findings: &mut Findings) {
    given_up::on_audit(context, findings);
}

/// At the end of a run: what a live replica's own log holds, batch by batch.
pub(super) fn on_audit(
    context: &Context<'_>,
    findings: &mut Findings,
    audit: ReplicaAudit,
    batches: impl Iterator<Item = BatchSummary>,
) {
    audit::on_audit(context, findings, audit, batches);
}

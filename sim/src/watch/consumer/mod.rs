//! Invariants of consumers: what they are given, and where they go on.

mod answered_in_calm;
mod commits;
mod position;
mod read_replica;
mod read_rule;
mod timed_offsets;

use harrow_broker_model::note::{ConsumerNote, LogNote, Note};
use harrow_broker_model::types::{NodeId, Offset, TopicId, TopicPartition};

use super::finding::{Context, Findings, Invariant};
use super::shared::Shared;
use crate::plan::Plan;
use answered_in_calm::AnsweredInCalm;
use position::Positions;
use read_replica::ReadReplicas;
use read_rule::ReadRule;

pub(super) const INVARIANTS: &[Invariant] = &[
    read_rule::INVARIANT,
    position::INVARIANT,
    read_replica::INVARIANT,
    timed_offsets::INVARIANT,
    answered_in_calm::INVARIANT,
    commits::INVARIANT,
];

/// What the invariants of consumers remember.
#[derive(Debug)]
pub(super) struct ConsumerWing {
    read_rule: ReadRule,
    positions: Positions,
    read_replicas: ReadReplicas,
    answered_in_calm: AnsweredInCalm,
}

impl ConsumerWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            read_rule: ReadRule::default(),
            positions: Positions::of(plan),
            read_replicas: ReadReplicas::default(),
            answered_in_calm: AnsweredInCalm::new(plan),
        }
    }

    /// What a consumer asked at a time has run out of time.
    pub(super) fn timed_out(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        asked: (&Shared, u64),
    ) {
        self.answered_in_calm.on_timeout(context, findings, asked);
    }

    pub(super) fn consumer_assigned(&mut self, node: NodeId) {
        self.read_rule.forget(node, None);
    }

    #[inline]
    pub(super) fn observe(&mut self, context: &Context<'_>, findings: &mut Findings, note: &Note) {
        if let Note::Consumer(note) = note {
            self.on_consumer_note(context, findings, note);
        } else if let Note::Log(LogNote::StartMoved { partition, log_start_offset }) = note {
            self.positions.on_log_start(*partition, *log_start_offset);
        } else if let Note::Replication(note) = note {
            self.read_replicas.on_replication(context.node, note);
        }
    }

    fn on_consumer_note(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &ConsumerNote,
    ) {
        match note {
            ConsumerNote::RecordsServed { .. } => self.on_records(context, findings, note),
            ConsumerNote::EndOffsetServed {
                partition,
                leader_epoch,
                current_leader_epoch,
                isolation,
                offset,
            } => {
                let (place, epoch, named) = (*partition, *leader_epoch, *current_leader_epoch);
                read_rule::on_current_leader_epoch(context, findings, place, epoch, named);
                self.positions.on_end_offset(place, *offset);
                let told = (epoch, *isolation, *offset);
                self.read_rule.on_end_offset(context, findings, place, told);
            }
            ConsumerNote::PositionReset { partition, topic_id, from, to } => {
                let named = named(context, partition, *topic_id);
                self.on_position_reset(context, findings, named, (*from, *to));
            }
            ConsumerNote::TruncationDetected { partition, topic_id, position, diverged_at } => {
                let Some(partition) = named(context, partition, *topic_id) else { return };
                let place = (context.node, partition);
                self.read_rule.on_truncation(place, *position, *diverged_at);
            }
            ConsumerNote::ReadReplicaNamed {
                partition, consumer, replica, fetch_offset, ..
            } => {
                let sent = (*consumer, *replica);
                self.read_replicas.on_named(context, findings, *partition, sent);
                read_replica::check_offset(context, findings, *partition, (sent, *fetch_offset));
            }
            ConsumerNote::TimedOffsetServed { partition, offset, .. } => {
                self.positions.on_timed_offset(*partition, *offset);
                timed_offsets::on_served(context, findings, note);
            }
            ConsumerNote::CommitRepeated { group, waits } => {
                commits::on_repeated(context, findings, group, *waits);
            }
            ConsumerNote::EpochEndServed { .. } => {}
        }
    }

    fn on_records(&mut self, context: &Context<'_>, findings: &mut Findings, note: &ConsumerNote) {
        let ConsumerNote::RecordsServed {
            partition,
            leader_epoch,
            consumer,
            current_leader_epoch,
            fetch_offset,
            batches,
            ..
        } = note
        else {
            return;
        };
        let (place, epoch, named) = (*partition, *leader_epoch, *current_leader_epoch);
        read_rule::on_current_leader_epoch(context, findings, place, epoch, named);
        read_rule::on_served(context, findings, place, epoch, *fetch_offset, batches);
        self.read_rule.on_given(context, findings, (*consumer, place), *fetch_offset, batches);
    }

    /// A consumer was out of range.
    fn on_position_reset(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: Option<TopicPartition>,
        moved: (Offset, Offset),
    ) {
        let Some(partition) = partition else { return };
        self.positions.on_reset(context, findings, partition, moved);
        self.read_rule.forget(context.node, Some(partition));
    }
}

/// The partition that a client means: of several topics of a name the one whose id it was told. Who was told none means
/// the newest.
fn named(context: &Context<'_>, name: &str, topic: Option<TopicId>) -> Option<TopicPartition> {
    let is_it = |id: &TopicPartition| {
        topic.is_none_or(|topic| topic == id.topic) && context.view.partition_name(*id) == name
    };
    context.view.partitions().map(|view| view.partition).filter(is_it).last()
}

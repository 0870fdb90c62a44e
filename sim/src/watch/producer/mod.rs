//! Invariants of producers: what they are promised, and by what they are known.

mod ack_rule;
mod delivery;
mod producer_state;
mod refusal;
mod sequence;

use harrow_broker_model::note::{ControllerNote, LogNote, MetadataChange, Note, ProducerNote};

use super::finding::{Context, Findings, Invariant};
use super::shared::Shared;
use crate::plan::Plan;
use ack_rule::Acknowledgement;
use delivery::Deliveries;
use producer_state::{Forgotten, ProducerIds};
use sequence::Sequences;

pub(super) const INVARIANTS: &[Invariant] = &[
    ack_rule::INVARIANT,
    sequence::INVARIANT,
    producer_state::INVARIANT,
    refusal::INVARIANT,
    delivery::INVARIANT,
];

/// What the invariants of producers remember.
#[derive(Debug)]
pub(super) struct ProducerWing {
    sequences: Sequences,
    producer_ids: ProducerIds,
    forgotten: Forgotten,
    deliveries: Deliveries,
}

impl ProducerWing {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            sequences: Sequences::default(),
            producer_ids: ProducerIds::default(),
            forgotten: Forgotten::default(),
            deliveries: Deliveries::new(plan),
        }
    }

    /// A producer tells what became of a record that it was given at a time.
    pub(super) fn send_ended(
        &self,
        context: &Context<'_>,
        findings: &mut Findings,
        sent: (&Shared, u64),
    ) {
        self.deliveries.on_ended(context, findings, sent);
    }

    #[inline]
    pub(super) fn observe(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        shared: &Shared,
        note: &Note,
    ) {
        if let Some((partition, to)) = shared.committed {
            self.sequences.on_committed(context, findings, partition, to);
        }
        if let Note::Producer(note) = note {
            self.on_producer_note(context, findings, note);
        } else if let Note::Log(LogNote::Appended {
            partition, batch, leader_epoch, acks, ..
        }) = note
        {
            if *acks == -1 {
                ack_rule::on_appended(context, findings, (*partition, batch), *leader_epoch);
            }
        } else if let Note::Controller(ControllerNote::MetadataApplied { offset, change, .. }) =
            note
            && let MetadataChange::ProducerIdsAllocated { next_producer_id } = &**change
            && context.view.registry().is_news(*offset)
        {
            self.producer_ids.on_allocated(context, findings, *next_producer_id);
        }
    }

    fn on_producer_note(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        note: &ProducerNote,
    ) {
        match note {
            ProducerNote::ProduceAcknowledged { .. } => on_acknowledged(context, findings, note),
            ProducerNote::NotEnoughReplicas { partition, after_append } => {
                ack_rule::on_refused(context, findings, *partition, *after_append);
            }
            ProducerNote::SequenceRefused { .. } => refusal::on_refused(context, findings, note),
            ProducerNote::ProducersKnown { partition, producers } => {
                let known = (*partition, &producers[..]);
                producer_state::on_known(context, findings, &mut self.forgotten, known);
            }
            ProducerNote::ProducersExpired { partition, producers, at } => {
                let expired = (&producers[..], *at);
                self.forgotten.on_expired(context, findings, *partition, expired);
            }
            ProducerNote::ProducerIdGiven { producer_id, producer_epoch } => {
                self.producer_ids.on_given(context, findings, *producer_id, *producer_epoch);
            }
            ProducerNote::BatchRetried { .. } | ProducerNote::EpochBumped { .. } => {}
        }
    }
}

/// Only acks=all promises that the records are committed.
fn on_acknowledged(context: &Context<'_>, findings: &mut Findings, note: &ProducerNote) {
    let ProducerNote::ProduceAcknowledged {
        partition,
        leader_epoch,
        base_offset,
        last_offset,
        checksum,
        acks,
        ..
    } = note
    else {
        return;
    };
    let acknowledgement = Acknowledgement {
        partition: *partition,
        epoch: *leader_epoch,
        base_offset: *base_offset,
        last_offset: *last_offset,
        checksum: *checksum,
    };
    match *acks {
        -1 => ack_rule::on_acknowledged(context, findings, acknowledgement),
        0 => {}
        _ => ack_rule::on_leader_acknowledged(context, findings, acknowledgement),
    }
}

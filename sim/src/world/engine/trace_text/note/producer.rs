//! Facts of producers.

use harrow_broker_model::note::ProducerNote;

use crate::world::engine::trace_text::names::Names;
use crate::world::engine::trace_text::parts::span;

pub(super) fn trace_text(names: &Names, note: &ProducerNote) -> String {
    match note {
        ProducerNote::ProducersKnown { partition, producers } => {
            let (place, count) = (names.place(*partition), producers.len());
            format!("{place}: loaded producer state: {count} producers")
        }
        ProducerNote::ProducersExpired { partition, producers, .. } => {
            let ids: Vec<String> = producers.iter().map(ToString::to_string).collect();
            format!("{}: expired producer state of {}", names.place(*partition), ids.join(", "))
        }
        ProducerNote::ProduceAcknowledged {
            partition,
            base_offset,
            last_offset,
            acks,
            duplicate,
            ..
        } => {
            let duplicate = if *duplicate { ", duplicate batch" } else { "" };
            let (place, at) = (names.place(*partition), span(*base_offset, *last_offset));
            format!("{place}: acknowledged produce of {at}, acks={acks}{duplicate}")
        }
        ProducerNote::NotEnoughReplicas { partition, after_append } => {
            let when = if *after_append { "after" } else { "before" };
            let place = names.place(*partition);
            format!("{place}: not enough in-sync replicas {when} append")
        }
        ProducerNote::SequenceRefused {
            partition,
            producer_id,
            producer_epoch,
            first_sequence,
            fenced,
            ..
        } => {
            let reason = if *fenced { "fenced epoch" } else { "out of order sequence" };
            format!(
                "{}: rejected producer {producer_id} epoch {producer_epoch} sequence \
                 {first_sequence}: {reason}",
                names.place(*partition)
            )
        }
        ProducerNote::ProducerIdGiven { producer_id, producer_epoch } => {
            format!("assigned producer id {producer_id} with epoch {producer_epoch}")
        }
        ProducerNote::BatchRetried { partition, error } => {
            format!("{partition}: retrying batch: {error}")
        }
        ProducerNote::EpochBumped { producer_id, producer_epoch } => {
            format!("bumped epoch of producer {producer_id} to {producer_epoch}")
        }
    }
}

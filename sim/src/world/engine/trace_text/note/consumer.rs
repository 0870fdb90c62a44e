//! Facts of consumers.

use harrow_broker_model::note::ConsumerNote;

use crate::world::engine::trace_text::names::Names;

pub(super) fn trace_text(names: &Names, note: &ConsumerNote) -> String {
    match note {
        ConsumerNote::RecordsServed { partition, consumer, fetch_offset, batches, .. } => {
            let end = batches.last().map_or(*fetch_offset, |batch| batch.last_offset.next());
            let place = names.place(*partition);
            format!("{place}: returned records from {fetch_offset} to {end} to node {consumer}")
        }
        ConsumerNote::EndOffsetServed { partition, offset, .. } => {
            format!("{}: returned end offset {offset}", names.place(*partition))
        }
        ConsumerNote::TimedOffsetServed { partition, from, offset, .. } => {
            let from = from.map_or_else(|| "the latest".to_owned(), |from| from.0.to_string());
            format!("{}: returned offset {offset} for timestamp {from}", names.place(*partition))
        }
        ConsumerNote::EpochEndServed { partition, asked, epoch, end_offset, .. } => format!(
            "{}: returned end offset {end_offset} of epoch {epoch}, requested epoch {asked}",
            names.place(*partition)
        ),
        ConsumerNote::ReadReplicaNamed { partition, consumer, replica, fetch_offset, .. } => {
            format!(
                "{}: sent node {consumer} to replica {replica} for offset {fetch_offset}",
                names.place(*partition)
            )
        }
        ConsumerNote::TruncationDetected { partition, position, diverged_at, .. } => {
            format!("{partition}: detected log truncation at {diverged_at}, position {position}")
        }
        ConsumerNote::PositionReset { partition, from, to, .. } => {
            format!("{partition}: offset {from} is out of range, reset to {to}")
        }
        ConsumerNote::CommitRepeated { group, waits } => {
            let kind = if *waits { "a synchronous" } else { "an asynchronous" };
            format!("{group}: sent {kind} commit again")
        }
    }
}

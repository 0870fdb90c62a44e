//! Which record a client is told for a time.
//!
//! Promise: of what a client may read it is told the first record that is as late as it asked for, or of the latest
//! time; or that there is none.
//! Source: KIP-33, KIP-734; `UnifiedLog.fetchOffsetByTimestamp`, `Partition.fetchOffsetForTimestamp`.
//! Not verified: which record of a batch; logs that the cleaner was at; that nothing is told to who reads transactions
//! where the last stable offset lies before what was asked for.

use harrow_broker_model::note::{ConsumerNote, IsolationLevel};
use harrow_broker_model::types::{Offset, TopicPartition};

use crate::view::ReplicaView;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const WRONG: Anomaly = Anomaly {
    name: "timed-offset-wrong",
    guarantee: Guarantee::Offsets,
    meaning: "a leader returned another offset for a time than that of the first record that is as late",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "timed-offsets",
    promise: "who asks for a time is told the first record from then on",
    source: "KIP-33, KIP-734, UnifiedLog.fetchOffsetByTimestamp",
    leaves_out: "which record of a batch",
    anomalies: &[WRONG],
};

/// A leader answered a client.
pub(super) fn on_served(context: &Context<'_>, findings: &mut Findings, note: &ConsumerNote) {
    let ConsumerNote::TimedOffsetServed { partition, isolation, offset, .. } = note else { return };
    let Some(replica) = context.view.replica(context.node, *partition) else { return };
    if !replica.holes.is_empty() {
        return;
    }
    let first = first_batch(replica, note);
    let committed =
        context.view.partition(*partition).map_or(Offset::ZERO, |it| it.committed.end());
    // A leader tells no more than what it knows to be committed.
    let readable = committed.min(replica.high_watermark);
    let problem = match first {
        _ if *offset >= readable => Some(format!("committed is what is below {readable}")),
        None if *offset == Offset::NONE => None,
        None => Some("none of its records is as late".to_owned()),
        Some((base, last)) if *offset == Offset::NONE => {
            let is_visible = *isolation == IsolationLevel::ReadUncommitted
                && base >= replica.log_start_offset
                && last < replica.high_watermark;
            is_visible.then(|| format!("{base} to {last} are as late"))
        }
        // Of a batch across the log start, what is late enough may be gone.
        Some((base, last)) => {
            let fits = (base..=last).contains(offset) || base < replica.log_start_offset;
            (!fits).then(|| format!("the first that are as late are {base} to {last}"))
        }
    };
    if let Some(problem) = problem {
        report(context, findings, *partition, (*offset, problem));
    }
}

fn report(
    context: &Context<'_>,
    findings: &mut Findings,
    partition: TopicPartition,
    (offset, problem): (Offset, String),
) {
    findings.report(context, &WRONG, partition, || {
        let told = if offset == Offset::NONE { "none".to_owned() } else { offset.to_string() };
        format!("node {} returned offset {told} for a time: {problem}", context.node)
    });
}

/// The first batch of the log that has a record as late as was asked for: its bounds.
fn first_batch(replica: &ReplicaView, note: &ConsumerNote) -> Option<(Offset, Offset)> {
    let ConsumerNote::TimedOffsetServed { from, .. } = note else { return None };
    let entries = replica.log.entries().iter().map(|entry| &entry.batch);
    let mut readable = entries.filter(|batch| batch.last_offset >= replica.log_start_offset);
    let latest = || readable.clone().map(|batch| batch.max_timestamp).max();
    let from = from.or_else(latest)?;
    readable
        .find(|batch| batch.max_timestamp >= from)
        .map(|batch| (batch.base_offset, batch.last_offset))
}

//! Batches that a leader refuses for their producer's epoch or sequence.
//!
//! Promise: what follows the producer's last batch in the leader's log, or repeats one of its last five, is never
//! refused; neither is the first batch of a new epoch that begins with sequence 0, nor a batch of the newest epoch for
//! its epoch. And a producer does not give cause: it begins each epoch with sequence 0 on every partition, and sends
//! nothing else there before that is acknowledged.
//! Source: KIP-98, KIP-360; `ProducerAppendInfo.checkSequence`, `ProducerStateEntry.NUM_BATCHES_TO_RETAIN`;
//! KAFKA-14359.
//! Not verified: batches that are accepted, which the committed log shows; logs that no longer begin at 0, or of which
//! the cleaner took something; anything where producers may have expired.

use harrow_broker_model::note::{BatchSummary, ProducerNote};
use harrow_broker_model::types::{Offset, ProducerEpoch, ProducerId, Sequence};

use crate::view::LogMirror;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

/// As many batches of a producer are remembered on each partition.
const REMEMBERED: usize = 5;

const NEEDLESS: Anomaly = Anomaly {
    name: "needless-sequence-refusal",
    guarantee: Guarantee::Ordering,
    meaning: "a leader refused a batch for its epoch or sequence that its own log allows or already has",
};

const NOT_FROM_ZERO: Anomaly = Anomaly {
    name: "epoch-not-from-zero",
    guarantee: Guarantee::Ordering,
    meaning: "a producer sent a later sequence of an epoch to a partition that has taken none of that epoch",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "sequence-refusal",
    promise: "an idempotent producer's next batch, and a repetition of one of its last five, are never refused",
    source: "KIP-98, ProducerAppendInfo.checkSequence",
    leaves_out: "batches that are accepted",
    anomalies: &[NEEDLESS, NOT_FROM_ZERO],
};

/// A batch as its producer numbers it.
#[derive(Debug, Clone, Copy)]
struct NumberedBatch {
    producer: ProducerId,
    epoch: ProducerEpoch,
    first: Sequence,
    last: Sequence,
}

/// A leader refused a batch.
pub(super) fn on_refused(context: &Context<'_>, findings: &mut Findings, note: &ProducerNote) {
    let ProducerNote::SequenceRefused {
        partition,
        producer_id,
        producer_epoch,
        first_sequence,
        last_sequence,
        fenced,
        leader_epoch,
    } = note
    else {
        return;
    };
    let Some(replica) = context.view.replica(context.node, *partition) else { return };
    // A replica that copied what the cleaner had left knows the last batch of each producer only.
    let cleaned = !replica.holes.is_empty();
    if replica.log.start() > Offset::ZERO || cleaned || context.view.producers_expire() {
        return;
    }
    let batch = NumberedBatch {
        producer: *producer_id,
        epoch: *producer_epoch,
        first: *first_sequence,
        last: *last_sequence,
    };
    if let Some(reason) = reason_to_accept(&replica.log, batch, *fenced) {
        findings.report(context, &NEEDLESS, *partition, || {
            format!(
                "leader {} refused producer {producer_id} epoch {producer_epoch} sequence {first_sequence}: {reason}",
                context.node
            )
        });
        return;
    }
    // An earlier leader may have acknowledged the beginning, and the cluster lost it.
    let present = context.view.partition(*partition).is_some_and(|view| {
        view.lost_in.is_none() && view.leader_epoch() == *leader_epoch && context.view.states_all()
    });
    if present && begins_late(&replica.log, batch) {
        findings.report(context, &NOT_FROM_ZERO, *partition, || {
            let leader = context.node;
            format!(
                "producer {producer_id} sent sequence {first_sequence} of epoch {producer_epoch}, \
                 of which leader {leader} has nothing"
            )
        });
    }
}

/// Whether the log has nothing of the batch's epoch, nor of a newer one, though the batch is not the first of it.
fn begins_late(log: &LogMirror, batch: NumberedBatch) -> bool {
    let mut own = log.entries().iter().rev().map(|entry| &entry.batch);
    let known =
        own.any(|known| known.producer_id == batch.producer && known.producer_epoch >= batch.epoch);
    !known && batch.first != Sequence(0)
}

/// Why the batch must be taken, or recognised; none if it is rightly refused.
fn reason_to_accept(log: &LogMirror, batch: NumberedBatch, fenced: bool) -> Option<&'static str> {
    let own = log.entries().iter().rev().map(|entry| &entry.batch);
    let counted = |known: &BatchSummary| known.base_sequence != Sequence::NONE;
    let mut own = own.filter(|known| known.producer_id == batch.producer && counted(known));
    let Some(newest) = own.next() else { return Some("its log does not know the producer") };
    if batch.epoch < newest.producer_epoch {
        return None;
    }
    if fenced {
        return Some("its log has no newer epoch");
    }
    if batch.epoch > newest.producer_epoch {
        return (batch.first == Sequence(0)).then_some("it begins a new epoch");
    }
    if batch.first == last_sequence(newest).plus(1) {
        return Some("it is the next");
    }
    let mut same_epoch = std::iter::once(newest)
        .chain(own.take_while(|known| known.producer_epoch == newest.producer_epoch))
        .take(REMEMBERED);
    let repeats = |known: &BatchSummary| {
        known.base_sequence == batch.first && last_sequence(known) == batch.last
    };
    same_epoch.any(repeats).then_some("it is one of the last five in the log")
}

fn last_sequence(batch: &BatchSummary) -> Sequence {
    batch.base_sequence.plus((batch.last_offset.0 - batch.base_offset.0) as i32)
}

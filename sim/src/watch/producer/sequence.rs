//! Sequence numbers of idempotent producers in the committed log.
//!
//! Promise: on a partition, the committed batches of one producer epoch carry contiguous sequence numbers, each once; a
//! new epoch starts at 0; epochs of a producer never fall. Where all is known, a producer's first batch starts at 0,
//! but
//! in a topic that was created again: producers go on where they were in the one before it, and brokers take it.
//! Source: KIP-98; `ProducerAppendInfo.checkSequence`.
//! Not verified: in a trace that may leave things out, the first sequence of a producer that the partition has not seen
//! (its state may have expired); anything where `producer.id.expiration.ms` is so short that states do; records that
//! are not committed, which an election may still remove.

use std::collections::BTreeMap;

use harrow_broker_model::note::BatchSummary;
use harrow_broker_model::types::{Offset, ProducerEpoch, ProducerId, Sequence, TopicPartition};

use crate::view::LogEntry;
use crate::violation::Guarantee;
use crate::watch::finding::{Anomaly, Context, Findings, Invariant};

const DUPLICATE: Anomaly = Anomaly {
    name: "duplicate-seq",
    guarantee: Guarantee::Ordering,
    meaning: "a sequence number of a producer is committed twice",
};
const GAP: Anomaly = Anomaly {
    name: "seq-gap",
    guarantee: Guarantee::Ordering,
    meaning: "a producer's committed sequence numbers skip some",
};
const EPOCH: Anomaly = Anomaly {
    name: "producer-epoch-regress",
    guarantee: Guarantee::Ordering,
    meaning: "a batch of a fenced producer epoch is committed after one of a newer epoch",
};

pub(super) const INVARIANT: Invariant = Invariant {
    name: "producer-sequence",
    promise: "an idempotent producer's records are committed once and in order",
    source: "KIP-98, ProducerAppendInfo.checkSequence",
    leaves_out: "where the trace may be incomplete, the first sequence of a producer that is new to the partition",
    anomalies: &[DUPLICATE, GAP, EPOCH],
};

/// Producers' last committed sequences.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    partitions: BTreeMap<TopicPartition, Producers>,
}

#[derive(Debug, Default)]
struct Producers {
    end: Offset,
    last: BTreeMap<ProducerId, (ProducerEpoch, Sequence)>,
    /// Where the last batch of each ends.
    ends: BTreeMap<ProducerId, Offset>,
}

impl Sequences {
    /// `batches` of `node`'s log are committed now.
    pub(super) fn on_committed(
        &mut self,
        context: &Context<'_>,
        findings: &mut Findings,
        partition: TopicPartition,
        to: Offset,
    ) {
        if context.view.producers_expire() {
            return;
        }
        let Some(view) = context.view.partition(partition) else { return };
        let Some(replica) = view.replica(context.node) else { return };
        let producers = self.partitions.entry(partition).or_default();
        let from = view.committed.common_end(&replica.log);
        if producers.end != from {
            *producers = Producers::of(view.committed.between(Offset::ZERO, from));
        }
        // What came first may be lost, or not be in the log any more.
        let again = context.view.registry().is_created_again(partition.topic);
        let whole = context.view.states_all()
            && !again
            && view.lost_in.is_none()
            && replica.log.start() == Offset::ZERO;
        for entry in replica.log.between(from, to) {
            producers.forget(entry.batch.producer_id, replica.producers_from);
            let begins = whole && producers.begins_late(&entry.batch);
            if let Some(anomaly) = producers.take(&entry.batch).or(begins.then_some(&GAP)) {
                report(context, findings, anomaly, partition, &entry.batch);
            }
        }
    }
}

impl Producers {
    fn of(entries: &[LogEntry]) -> Self {
        let mut producers = Self::default();
        for entry in entries {
            producers.take(&entry.batch);
        }
        producers
    }

    /// Whether it is the first batch of its producer, and does not begin with sequence 0.
    fn begins_late(&self, batch: &BatchSummary) -> bool {
        let numbered = batch.base_sequence != Sequence::NONE && batch.base_sequence != Sequence(0);
        numbered
            && batch.producer_id != ProducerId::NONE
            && !self.ends.contains_key(&batch.producer_id)
    }

    /// A leader whose log was begun behind what was deleted does not know whose records these were, and takes their
    /// retries for new. Source: KIP-360; `ProducerStateManager.truncateFullyAndStartAt`.
    fn forget(&mut self, producer: ProducerId, begun_at: Offset) {
        if self.ends.get(&producer).is_some_and(|end| *end <= begun_at) {
            self.last.remove(&producer);
        }
    }

    /// Takes the next committed batch; says what is wrong with it.
    fn take(&mut self, batch: &BatchSummary) -> Option<&'static Anomaly> {
        self.end = batch.last_offset.next();
        self.ends.insert(batch.producer_id, self.end);
        if batch.producer_id == ProducerId::NONE {
            return None;
        }
        if batch.base_sequence == Sequence::NONE {
            return self.take_marker(batch);
        }
        let count = (batch.last_offset.0 - batch.base_offset.0 + 1) as i32;
        let next = (batch.producer_epoch, batch.base_sequence.plus(count));
        let before = self.last.get(&batch.producer_id);
        let anomaly =
            before.and_then(|before| judge(*before, batch.producer_epoch, batch.base_sequence));
        // What came before a copy, or before a batch of an old epoch, is still the newest: the next copy is one too.
        if anomaly.is_none_or(|anomaly| *anomaly == GAP) {
            self.last.insert(batch.producer_id, next);
        }
        anomaly
    }

    /// A marker has no sequence; one of a newer epoch begins that epoch. Source: KIP-890.
    fn take_marker(&mut self, batch: &BatchSummary) -> Option<&'static Anomaly> {
        let begins = (batch.producer_epoch, Sequence(0));
        let (epoch, _) = *self.last.entry(batch.producer_id).or_insert(begins);
        if batch.producer_epoch > epoch {
            self.last.insert(batch.producer_id, begins);
        }
        (batch.producer_epoch < epoch).then_some(&EPOCH)
    }
}

fn judge(
    (epoch_before, expected): (ProducerEpoch, Sequence),
    epoch: ProducerEpoch,
    sequence: Sequence,
) -> Option<&'static Anomaly> {
    if epoch < epoch_before {
        return Some(&EPOCH);
    }
    let expected = if epoch > epoch_before { Sequence(0) } else { expected };
    let ahead = (i64::from(sequence.0) - i64::from(expected.0)).rem_euclid(1 << 31);
    match ahead {
        0 => None,
        1..0x4000_0000 => Some(&GAP),
        _ => Some(&DUPLICATE),
    }
}

fn report(
    context: &Context<'_>,
    findings: &mut Findings,
    anomaly: &Anomaly,
    partition: TopicPartition,
    batch: &BatchSummary,
) {
    findings.report(context, anomaly, (partition, batch.base_offset, batch.last_offset), || {
        format!(
            "producer {} epoch {} sequence {} is committed at offset {}",
            batch.producer_id, batch.producer_epoch, batch.base_sequence, batch.base_offset
        )
    });
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::note::BatchKind;
    use harrow_broker_model::types::{LeaderEpoch, WallTime};

    use super::*;

    fn batch(base: i64, epoch: i16, sequence: i32) -> BatchSummary {
        BatchSummary {
            base_offset: Offset(base),
            last_offset: Offset(base + 1),
            leader_epoch: LeaderEpoch(0),
            checksum: 0,
            producer_id: ProducerId(7),
            producer_epoch: ProducerEpoch(epoch),
            base_sequence: Sequence(sequence),
            kind: BatchKind::Plain,
            max_timestamp: WallTime(0),
        }
    }

    #[test]
    fn each_of_several_copies_is_one() {
        let mut producers = Producers::default();
        let mut take = |base, epoch, sequence| {
            producers.take(&batch(base, epoch, sequence)).map(|anomaly| anomaly.name)
        };
        assert_eq!([take(0, 0, 0), take(2, 0, 2)], [None, None]);
        assert_eq!([take(4, 0, 0), take(6, 0, 2)], [Some("duplicate-seq"); 2], "copies in order");
        assert_eq!(take(8, 0, 4), None, "what comes next is still known");
        assert_eq!(take(10, 1, 0), None, "a new epoch");
        assert_eq!(take(12, 0, 6), Some("producer-epoch-regress"));
        assert_eq!(take(14, 1, 2), None, "the new epoch goes on");
        assert_eq!(take(16, 1, 6), Some("seq-gap"));
        assert_eq!(take(18, 1, 8), None, "a gap is reported once");
    }

    #[test]
    fn a_log_that_was_begun_behind_a_producers_records_knows_none_of_them() {
        let table = [(1, Some("duplicate-seq")), (2, None)];
        for (begun_at, found) in table {
            let mut producers = Producers::default();
            assert!(producers.begins_late(&batch(0, 0, 2)), "nothing of it came before");
            producers.take(&batch(0, 0, 0));
            producers.forget(ProducerId(7), Offset(begun_at));
            assert_eq!(producers.take(&batch(2, 0, 0)).map(|it| it.name), found, "{begun_at}");
            assert!(!producers.begins_late(&batch(4, 0, 2)), "it has begun: {begun_at}");
        }
    }
}

//! What a follower takes of a leader's answer. Source: KAFKA-18723 (4.0.1, 4.1.0),
//! `UnifiedLog.analyzeAndValidateRecords` and `UnifiedLog.append`.
//!
//! A leader may be deposed while its answer is on the way: what it read before can lie beside what a later leader wrote
//! and was read in the same answer. A follower takes batches up to the epoch in which it follows, and skips the rest;
//! the next fetch tells where the logs part. Without it, records of an epoch come in that the follower's leader never
//! had.
//!
//! As promised, an answer begins where the log ends, unless the log is compacted. Kafka refuses only what begins
//! before: a leader whose recovery has left a hole hands it on to each follower that lags behind it.

use crate::defect::{Defects, LogDefect};
use crate::record::RecordBatch;
use crate::types::{LeaderEpoch, Offset};

/// What may be appended of an answer's batches.
#[derive(Debug, PartialEq)]
pub(crate) enum Appendable<'a> {
    /// These, in order; those after the first of a later epoch are skipped.
    Batches(&'a [RecordBatch]),
    /// Nothing: the answer does not begin where the log ends, so the leader's log is not ours.
    Elsewhere(Offset),
}

/// The first batches that continue a log ending at `log_end`, for a follower in epoch `following`.
pub(crate) fn appendable(
    batches: &[RecordBatch],
    log_end: Offset,
    following: LeaderEpoch,
    (defects, holes): (Defects, bool),
) -> Appendable<'_> {
    let is_later = |batch: &RecordBatch| batch.leader_epoch() > following;
    let count = batches.iter().position(is_later).unwrap_or(batches.len());
    let taken = &batches[..count];
    let takes_gaps = holes || defects.has(LogDefect::RecoveryKeepsGaps);
    match taken.first().map(RecordBatch::base_offset) {
        Some(first) if first < log_end || first > log_end && !takes_gaps => {
            Appendable::Elsewhere(first)
        }
        Some(_) | None => Appendable::Batches(taken),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::RecordBatchBuilder;
    use crate::types::{ProducerEpoch, ProducerId, Sequence, WallTime};

    fn batch(offset: i64, epoch: i32) -> RecordBatch {
        let mut builder =
            RecordBatchBuilder::new(ProducerId::NONE, ProducerEpoch::NONE, Sequence::NONE);
        builder.push(WallTime(0), None, None);
        builder.build().with_assignment(Offset(offset), LeaderEpoch(epoch))
    }

    #[test]
    fn batches_from_the_first_of_a_later_epoch_on_are_skipped() {
        let batches = [batch(4, 1), batch(5, 2), batch(6, 3), batch(7, 2)];
        for (following, count) in [(0, 0), (1, 1), (2, 2), (3, 4)] {
            let found =
                appendable(&batches, Offset(4), LeaderEpoch(following), (Defects::NONE, false));
            assert_eq!(found, Appendable::Batches(&batches[..count]), "in epoch {following}");
        }
    }

    #[test]
    fn an_answer_that_begins_elsewhere_is_not_taken() {
        let batches = [batch(4, 1)];
        for end in [3, 5] {
            let found = appendable(&batches, Offset(end), LeaderEpoch(1), (Defects::NONE, false));
            assert_eq!(found, Appendable::Elsewhere(Offset(4)), "the log ends at {end}");
        }
        let found = appendable(&[], Offset(3), LeaderEpoch(1), (Defects::NONE, false));
        assert_eq!(found, Appendable::Batches(&[]));
    }

    #[test]
    fn kafka_takes_what_begins_behind_the_log_end() {
        let batches = [batch(4, 1)];
        let kafka = [LogDefect::RecoveryKeepsGaps].into_iter().collect();
        let taken_at = |end| appendable(&batches, Offset(end), LeaderEpoch(1), (kafka, false));
        assert_eq!(taken_at(3), Appendable::Batches(&batches), "a hole");
        assert_eq!(taken_at(5), Appendable::Elsewhere(Offset(4)), "an overlap");
    }
}

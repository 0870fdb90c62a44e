//! What unclean leader elections dropped: the only loss that they excuse where it is known. Source: KIP-106.

use harrow_broker_model::types::LeaderEpoch;
use harrow_sim::history::{Completion, History, ReadRecord};
use harrow_sim::run::Run;
use harrow_sim::truth::{Acknowledged, Loss, PartitionTruth};
use harrow_sim::violation::Violation;

use super::damage::OF_DATA;
use crate::check::{Anomaly, Occurrence};

/// Records that an unclean leader election dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Partition, by position in the history.
    pub partition: u32,
    /// First offset.
    pub first: i64,
    /// Last offset, inclusive.
    pub last: i64,
    /// When, in nanoseconds: what was written later at these offsets is not touched by it. [`u64::MAX`] if that is not
    /// known.
    pub at_ns: u64,
}

impl Dropped {
    /// Whether it came after what an occurrence concerns was written, and before the occurrence showed.
    fn is_between(&self, occurrence: &Occurrence) -> bool {
        let known = self.at_ns != u64::MAX;
        occurrence.since_ns < self.at_ns && (!known || self.at_ns <= occurrence.at_ns)
    }

    /// Whether an occurrence concerns what was dropped: one of its records was written before, stood there,
    /// and the anomaly showed afterwards. Of end
    /// offsets, what lies between them counts.
    pub(super) fn touches(&self, occurrence: &Occurrence) -> bool {
        let Self { partition, first, last, .. } = *self;
        if occurrence.partition != partition || !self.is_between(occurrence) {
            return false;
        }
        let (subject, other) = (occurrence.subject.offset, occurrence.other.map(|w| w.offset));
        let either = [Some(subject), other];
        let concerned = match occurrence.anomaly {
            Anomaly::EndOffsetRegression | Anomaly::StaleEndOffset => {
                let high = other.unwrap_or(subject);
                let high =
                    high.saturating_add(i64::from(occurrence.anomaly == Anomaly::StaleEndOffset));
                return subject.min(high) <= last && first < subject.max(high);
            }
            // What shows that a record is missing is there itself.
            Anomaly::LostWrite | Anomaly::Unseen | Anomaly::TornTransaction | Anomaly::EosLoss => {
                [Some(subject), None]
            }
            Anomaly::PollSkip | Anomaly::IntPollSkip | Anomaly::ResumeSkip => [other, None],
            Anomaly::Duplicate
            | Anomaly::InconsistentOffsets
            | Anomaly::NonmonotonicSend
            | Anomaly::IntNonmonotonicSend
            | Anomaly::RealtimeOrder
            | Anomaly::NonmonotonicPoll
            | Anomaly::IntNonmonotonicPoll
            | Anomaly::LostCommit => either,
            Anomaly::GarbageRead
            | Anomaly::G1a
            | Anomaly::PrecommittedRead
            | Anomaly::IntSendSkip
            | Anomaly::ZombieCommit
            | Anomaly::CommitBeyondPosition
            | Anomaly::DoubleOwnership
            | Anomaly::EosDuplicate
            | Anomaly::LateProcessing
            | Anomaly::G0
            | Anomaly::G0Process
            | Anomaly::G0Realtime
            | Anomaly::G1c
            | Anomaly::G1cProcess
            | Anomaly::G1cRealtime
            | Anomaly::G1cWw
            | Anomaly::G1cWwProcess
            | Anomaly::G1cWwRealtime => return false,
        };
        // Where a record stood that nobody was told an offset of, nobody knows.
        let dropped = |offset: &i64| *offset < 0 || (first..=last).contains(offset);
        concerned.iter().flatten().any(dropped)
    }
}

/// Whether the anomaly says that a consumer went back.
pub(super) fn went_back(anomaly: Anomaly) -> bool {
    matches!(anomaly, Anomaly::NonmonotonicPoll | Anomaly::IntNonmonotonicPoll)
}

/// Why a consumer that went on to a higher offset may have got a second copy there: a deposed leader and a new one both
/// appended the record, and an election dropped one of the copies, then or later. The places of the copies are those
/// that reads and acknowledgements tell; where a copy of a record of unknown outcome was, nobody need know. That there
/// are two is told by itself (`duplicate`), by where they stand.
pub(super) fn copied_by_election(
    dropped: &[Dropped],
    history: &History,
    occurrence: &Occurrence,
) -> Option<(i64, i64, u64)> {
    let seen = [Some(occurrence.subject), occurrence.other];
    let copies: Vec<u64> = seen.into_iter().flatten().map(|seen| seen.value).collect();
    let places = places_of(history, occurrence.partition, &copies);
    let mut writers = seen.into_iter().flatten().filter_map(|seen| seen.writer);
    let unknown = writers.any(|writer| history.row(writer).completion == Completion::Info);
    let later = |one: &&Dropped| {
        let took_one = |place: &i64| (one.first..=one.last).contains(place);
        one.partition == occurrence.partition
            && occurrence.since_ns < one.at_ns
            && (unknown || places.iter().any(took_one))
    };
    let Dropped { first, last, at_ns, .. } = *dropped.iter().find(later)?;
    Some((first, last, at_ns))
}

/// Where records of these values stood in a partition, by reads and by acknowledgements.
fn places_of(history: &History, partition: u32, values: &[u64]) -> Vec<i64> {
    let sends = history.sends().iter().map(|send| (send.partition, send.value, send.offset));
    let reads = history.reads().iter().map(|read| (read.partition, read.value, read.offset));
    let known = sends
        .chain(reads)
        .filter(|(of, value, offset)| *of == partition && values.contains(value) && *offset >= 0);
    known.map(|(_, _, offset)| offset).collect()
}

/// Where a consumer may go back to: it had read what an election dropped. Then it goes on where the logs part, and no
/// further back, since it knows the epoch of what it has read. Source: KIP-320.
pub(super) fn went_back_to_parting(dropped: &[Dropped], occurrence: &Occurrence) -> Option<i64> {
    let came_from = occurrence.other?.offset;
    let concerns = |dropped: &&Dropped| {
        dropped.partition == occurrence.partition && dropped.is_between(occurrence)
    };
    // A deposed leader that has not heard of it goes on behind what was dropped: that is dropped as well.
    let follows = |later: &Dropped| {
        let before = |loss: &&Dropped| {
            loss.partition == later.partition
                && loss.at_ns <= later.at_ns
                && loss.last < later.first
        };
        dropped.iter().filter(before).map(|loss| loss.first).min()
    };
    let concerned = dropped.iter().filter(concerns);
    let parted = concerned.map(|one| follows(one).unwrap_or(one.first).min(one.first)).min()?;
    let legal = parted <= came_from && parted <= occurrence.subject.offset;
    legal.then_some(parted)
}

/// Whether a consumer that went back had read from a deposed leader, after an election that left a log which ends
/// before it: it knew the new epoch by then, so that its position is not validated any more but out of range. Then it
/// goes on where `auto.offset.reset` says. Source: `FetchCollector.handleInitializeErrors`; a response is taken by its
/// offset alone.
pub(super) fn read_on_from_deposed(
    dropped: &[Dropped],
    history: &History,
    occurrence: &Occurrence,
) -> bool {
    let Some(came_from) = occurrence.other else { return false };
    let read_ns = history.row(came_from.operation).completed_ns;
    dropped.iter().any(|one| {
        one.partition == occurrence.partition
            && one.first <= came_from.offset
            && one.at_ns <= read_ns
    })
}

/// Whether a consumer that went on behind records stood where a leader's log had ended before: an election dropped
/// the last record that it had got, or one before that. Then its position is out of range, and where it goes on is
/// said by `auto.offset.reset`. Source: `FetchCollector.handleInitializeErrors`.
pub(super) fn ended_before(
    dropped: &[Dropped],
    history: &History,
    occurrence: &Occurrence,
) -> bool {
    let Some(stood) = occurrence.passed.map(|passed| passed.stood) else { return false };
    let written_ns = last_read_before(history, occurrence, stood)
        .and_then(|value| written_ns(history, value))
        .unwrap_or(0);
    let cut = |one: &Dropped| {
        one.partition == occurrence.partition
            && one.first < stood
            && (one.at_ns == u64::MAX || (written_ns..=occurrence.at_ns).contains(&one.at_ns))
    };
    dropped.iter().any(cut)
}

/// The value of the record before the position of a consumer, as it read it last.
fn last_read_before(history: &History, occurrence: &Occurrence, stood: i64) -> Option<u64> {
    let Occurrence { partition, subject, .. } = *occurrence;
    let process = history.row(subject.operation).process;
    let mut before = (0..=subject.operation).rev().filter(|it| history.row(*it).process == process);
    before.find_map(|operation| {
        let reads = &history.reads()[history.reads_of(operation)];
        let at = |read: &&ReadRecord| read.partition == partition && read.offset == stood - 1;
        reads.iter().rfind(at).map(|read| read.value)
    })
}

/// When a record was sent.
fn written_ns(history: &History, value: u64) -> Option<u64> {
    let sent = history.sends().iter().position(|send| send.value == value)?;
    Some(history.row(history.operation_of_send(sent)).invoked_ns)
}

/// What elections legally dropped in a run: committed records that the new leader lacked, and what leaders of earlier
/// epochs acknowledged without the cluster. What a broken rule lost is no excuse. Where no unclean election is allowed,
/// the last known leader is still elected when nobody else is left (KIP-966): that costs records only after faults
/// that no configuration promises to survive, so only scenarios that allow loss are excused. `may_drop` says of each
/// partition whether it is.
pub(super) fn dropped(run: &Run, may_drop: &[bool]) -> Option<Vec<Dropped>> {
    let known = run.history.partitions.len() == run.partitions.len();
    let partitions = (0_u32..).zip(run.partitions.iter().zip(may_drop));
    let allowed = partitions.filter(|(_, (_, may_drop))| **may_drop);
    let of_each = allowed.flat_map(|(position, (truth, _))| dropped_of(run, position, truth));
    known.then(|| of_each.collect())
}

fn dropped_of(run: &Run, partition: u32, truth: &PartitionTruth) -> Vec<Dropped> {
    let Some(lost_in) = truth.lost_in else { return Vec::new() };
    let broken_ns = broken_since(run, &truth.name).unwrap_or(u64::MAX);
    let losses = truth.losses.iter().map(|loss| {
        let (first, last, at_ns) = (loss.first, loss.end - 1, loss.at_ns);
        Dropped { partition, first, last, at_ns }
    });
    let stale = |ack: &&Acknowledged| is_gone(truth, lost_in, ack);
    let acknowledged = truth.acknowledged.iter().filter(stale).map(|ack| {
        let Acknowledged { first, last, at_ns, .. } = *ack;
        Dropped { partition, first, last, at_ns }
    });
    losses.chain(acknowledged).filter(|dropped| dropped.at_ns < broken_ns).collect()
}

/// Whether what a leader acknowledged is gone with its branch of the log, and no loss tells so.
fn is_gone(truth: &PartitionTruth, lost_in: LeaderEpoch, ack: &Acknowledged) -> bool {
    let told =
        |loss: &Loss| loss.at_ns >= ack.at_ns && loss.covers(ack.first) && loss.covers(ack.last);
    // A deposed leader that is elected uncleanly later brings its own branch of the log back.
    let branched = |loss: &Loss| {
        loss.at_ns <= ack.at_ns && loss.first <= ack.first && ack.leader_epoch < loss.leader_epoch
    };
    let gone = !ack.committed && ack.leader_epoch < lost_in;
    (gone || truth.losses.iter().any(branched)) && !truth.losses.iter().any(told)
}

/// When a rule about a partition's data was first broken.
fn broken_since(run: &Run, name: &str) -> Option<u64> {
    let of_it = |violation: &&Violation| {
        let named = violation.partition.and_then(|partition| {
            let topic = run.topics.get(&partition.topic)?;
            Some(name == format!("{topic}-{}", partition.partition))
        });
        OF_DATA.contains(&violation.anomaly.as_str()) && named == Some(true)
    };
    run.violations.iter().find(of_it).map(|violation| violation.at_ns)
}

#[cfg(test)]
mod tests {
    use harrow_sim::history::{Function, MicroOperation, NO_KEY, OperationRecord, SendRecord};

    use super::*;
    use crate::check::{Observation, OccurrenceContext, Passed};
    use harrow_broker_model::types::NodeId;

    fn dropped(first: i64, last: i64, at_ns: u64) -> Dropped {
        Dropped { partition: 0, first, last, at_ns }
    }

    /// A consumer had read at one offset and then got another, between two times.
    fn went(from: i64, to: i64, (since_ns, at_ns): (u64, u64)) -> Occurrence {
        let read = |offset| Observation {
            value: offset as u64,
            offset,
            operation: 0,
            writer: None,
            read: true,
        };
        Occurrence {
            anomaly: Anomaly::NonmonotonicPoll,
            partition: 0,
            at_ns,
            since_ns,
            subject: read(to),
            other: Some(read(from)),
            context: OccurrenceContext::Plain,
            passed: None,
            cycle: Vec::new(),
        }
    }

    #[test]
    fn a_consumer_goes_back_to_where_the_logs_part_and_no_further() {
        let one = &[dropped(54, 175, 15)][..];
        // A deposed leader that had not heard of it went on, and its records were dropped, too.
        let gone_on = &[dropped(54, 175, 15), dropped(176, 176, 16)][..];
        let table = [
            ("what was dropped", one, went(100, 54, (10, 20)), true),
            ("farther back", one, went(100, 53, (10, 20)), false),
            ("before it was dropped", one, went(100, 54, (10, 14)), false),
            ("written afterwards", one, went(176, 54, (16, 20)), false),
            ("behind what was dropped", gone_on, went(176, 54, (15, 20)), true),
            ("behind it, farther back", gone_on, went(176, 53, (15, 20)), false),
        ];
        for (name, dropped, occurrence, legal) in table {
            assert_eq!(went_back_to_parting(dropped, &occurrence).is_some(), legal, "{name}");
        }
    }

    /// One record was sent and read at offset 100; then the consumer went from 101 on to 106.
    fn skipped(second: u64) -> (History, Occurrence) {
        let operation = |process, function, invoked_ns, action| OperationRecord {
            process,
            invoked_ns,
            completed_ns: invoked_ns + 1,
            completion: Completion::Ok,
            function,
            actions: vec![action],
        };
        let send = SendRecord { value: 7, offset: 100, partition: 0, key: NO_KEY };
        let sent = operation(1, Function::Send, 2, MicroOperation::Send(send));
        let poll = |value, offset, at_ns| {
            let records = vec![ReadRecord { value, offset, partition: 0 }];
            operation(2, Function::Poll, at_ns, MicroOperation::Poll { records })
        };
        let operations = [sent, poll(7, 100, 4), poll(second, 106, 20)];
        let history = History::of(vec!["t-0".to_owned()], false, &operations);
        let mut occurrence = went(102, 106, (15, 21));
        occurrence.anomaly = Anomaly::PollSkip;
        occurrence.subject.operation = 2;
        occurrence.passed = Some(Passed { stood: 101, records: 2, first: 102, last: 103 });
        (history, occurrence)
    }

    #[test]
    fn a_consumer_is_out_of_range_where_an_election_left_a_shorter_log() {
        let (history, occurrence) = skipped(8);
        let table = [
            ("what it had read is gone", dropped(71, 100, 10), true),
            ("gone from behind its position on", dropped(101, 105, 10), false),
            ("gone before what it has read was sent", dropped(71, 100, 1), false),
            ("gone afterwards", dropped(71, 100, 30), false),
            ("elsewhere", Dropped { partition: 1, ..dropped(71, 100, 10) }, false),
        ];
        for (name, dropped, legal) in table {
            assert_eq!(ended_before(&[dropped], &history, &occurrence), legal, "{name}");
        }
    }

    #[test]
    fn who_reads_on_from_a_deposed_leader_is_out_of_range_at_the_new_one() {
        let (history, _) = skipped(8);
        let mut back = went(100, 0, (2, 21));
        back.other = back.other.map(|read| Observation { operation: 1, ..read });
        let table = [
            ("the election came before the read", dropped(71, 99, 3), true),
            ("it came after", dropped(71, 100, 10), false),
            ("its log goes on behind the read", dropped(101, 105, 3), false),
            ("elsewhere", Dropped { partition: 1, ..dropped(71, 99, 3) }, false),
        ];
        for (name, dropped, legal) in table {
            assert_eq!(read_on_from_deposed(&[dropped], &history, &back), legal, "{name}");
        }
    }

    #[test]
    fn what_a_deposed_leader_acknowledges_on_its_own_branch_is_gone() {
        let loss = |at_ns, first, end| Loss {
            at_ns,
            first,
            end,
            leader: NodeId(2),
            leader_epoch: LeaderEpoch(3),
        };
        let ack = |at_ns, committed, epoch| Acknowledged {
            at_ns,
            first: 10,
            last: 12,
            leader_epoch: LeaderEpoch(epoch),
            acks: -1,
            committed,
        };
        let table = [
            ("acknowledged alone, by an earlier leader", loss(50, 40, 60), ack(10, false, 2), true),
            (
                "acknowledged alone, by the newest leader",
                loss(50, 40, 60),
                ack(10, false, 3),
                false,
            ),
            ("on a branch that had parted", loss(50, 5, 9), ack(60, true, 2), true),
            ("before the logs parted", loss(50, 5, 9), ack(40, true, 2), false),
            ("below where they part", loss(50, 11, 60), ack(60, true, 2), false),
            ("by the leader that lost records itself", loss(50, 5, 9), ack(60, true, 3), false),
            ("the loss tells it", loss(50, 5, 20), ack(10, false, 2), false),
        ];
        for (name, loss, ack, gone) in table {
            let truth = PartitionTruth { losses: vec![loss], ..PartitionTruth::default() };
            assert_eq!(is_gone(&truth, LeaderEpoch(3), &ack), gone, "{name}");
        }
    }

    #[test]
    fn two_leaders_of_one_record_explain_a_second_copy() {
        let table = [
            ("a copy was dropped later", dropped(23, 100, 30), true),
            ("the other copy", dropped(106, 106, 30), true),
            ("neither of the copies", dropped(107, 120, 30), false),
            ("dropped before it was sent", dropped(23, 100, 1), false),
            ("another partition", Dropped { partition: 1, ..dropped(23, 100, 30) }, false),
        ];
        for (name, dropped, legal) in table {
            let (history, mut occurrence) = skipped(7);
            (occurrence.since_ns, occurrence.subject.value) = (2, 7);
            let found = copied_by_election(&[dropped], &history, &occurrence);
            assert_eq!(found.is_some(), legal, "{name}");
        }
    }
}

//! What unclean leader elections dropped: the only loss that they excuse where it is known. Source: KIP-106.

use harrow_sim::run::Run;
use harrow_sim::truth::{Acknowledged, Loss, PartitionTruth};
use harrow_sim::violation::Violation;

use super::damage::OF_DATA;
use super::promised::PartitionTerms;
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

/// Where a consumer may go back to: it had read what an election dropped. Then it goes on where the logs part, and no
/// further back, since it knows the epoch of what it has read. Source: KIP-320.
pub(super) fn went_back_to_parting(dropped: &[Dropped], occurrence: &Occurrence) -> Option<i64> {
    let came_from = occurrence.other?.offset;
    let concerns = |dropped: &&Dropped| {
        dropped.partition == occurrence.partition && dropped.is_between(occurrence)
    };
    let concerned = dropped.iter().filter(concerns);
    let parted = concerned.map(|dropped| dropped.first).min()?;
    let legal = parted <= came_from && parted <= occurrence.subject.offset;
    legal.then_some(parted)
}

/// What elections legally dropped in a run: committed records that the new leader lacked, and what leaders of earlier
/// epochs acknowledged without the cluster. What a broken rule lost is no excuse. Where no unclean election is allowed,
/// the last known leader is still elected when nobody else is left (KIP-966): that costs records only after faults
/// that no configuration promises to survive, so only scenarios that allow loss are excused.
pub(super) fn dropped(
    loss_allowed: bool,
    run: &Run,
    terms: &[PartitionTerms],
) -> Option<Vec<Dropped>> {
    let known = run.history.partitions.len() == run.partitions.len();
    let partitions = (0_u32..).zip(run.partitions.iter().zip(terms));
    let allowed =
        partitions.filter(|(_, (_, terms))| terms.unclean_leader_election || loss_allowed);
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
    let stale = |ack: &&Acknowledged| {
        let told = |loss: &Loss| {
            loss.at_ns >= ack.at_ns && loss.covers(ack.first) && loss.covers(ack.last)
        };
        !ack.committed && ack.leader_epoch < lost_in && !truth.losses.iter().any(told)
    };
    let acknowledged = truth.acknowledged.iter().filter(stale).map(|ack| {
        let Acknowledged { first, last, at_ns, .. } = *ack;
        Dropped { partition, first, last, at_ns }
    });
    losses.chain(acknowledged).filter(|dropped| dropped.at_ns < broken_ns).collect()
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

//! What an internal violation can explain: the anomalies that came no earlier, break what is broken here, and concern
//! an offset that it concerns: the same records, or a log that is another one from an offset on, or the whole of a
//! partition or of the cluster. The watch tells the first violation of a kind on a partition in full and of the later
//! ones how far they reach; so offsets between two of them count as well.

use std::fmt;

use harrow_sim::violation::{Guarantee, Violation};

use crate::check::Anomaly;

use super::attribute::{ClientAnomaly, RecordPlace};
use super::lookup::concerned;

/// What a violation can explain.
pub(super) struct Explanation {
    at_ns: u64,
    anomaly: String,
    guarantee: Guarantee,
    /// By name; `None` concerns the whole cluster.
    partition: Option<String>,
    reach: Reach,
}

/// Which offsets a violation concerns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reach {
    Cluster,
    Partition,
    /// The log is another one from here on.
    From(i64),
    /// These records, both ends included.
    Between(i64, i64),
}

/// What a client anomaly must share with its cause.
pub(super) struct Effect<'a> {
    /// When it showed as one that is not legal.
    at_ns: u64,
    guarantee: Guarantee,
    /// Whether it is about the order of what polls return.
    of_polls: bool,
    partition: &'a str,
    offsets: Option<(i64, i64)>,
    /// Where the record is that shows it, if that may be in another partition.
    shown_by: Option<RecordPlace<'a>>,
}

impl<'a> Effect<'a> {
    pub(super) fn of(seen: &ClientAnomaly<'a>) -> Self {
        let anomaly = seen.occurrence.anomaly;
        Self {
            at_ns: seen.shown_ns,
            guarantee: anomaly.guarantee(),
            of_polls: matches!(anomaly, Anomaly::NonmonotonicPoll | Anomaly::IntNonmonotonicPoll),
            partition: seen.partition,
            offsets: concerned(&seen.occurrence),
            shown_by: seen.shown_by,
        }
    }
}

impl Explanation {
    pub(super) fn of(violation: &Violation, partition: Option<&str>) -> Self {
        Self {
            at_ns: violation.at_ns,
            anomaly: violation.anomaly.clone(),
            guarantee: violation.guarantee,
            partition: partition.map(str::to_owned),
            reach: Reach::of(violation, partition),
        }
    }

    /// The proof that it explains the anomaly, in words.
    pub(super) fn explains(&self, effect: &Effect<'_>) -> Option<String> {
        let explains = self.at_ns <= effect.at_ns && self.may_break(effect);
        explains.then(|| format!("{}: it concerns {}", self.anomaly, self.reach))
    }

    /// Whether it would explain the anomaly, had it not come after it.
    pub(super) fn came_too_late_for(&self, effect: &Effect<'_>) -> bool {
        self.at_ns > effect.at_ns && self.may_break(effect)
    }

    fn may_break(&self, effect: &Effect<'_>) -> bool {
        let reaches = |partition, offsets| {
            let same_place = self.partition.as_deref().is_none_or(|name| name == partition);
            same_place && self.reach.covers(offsets)
        };
        let shown = effect.shown_by.is_some_and(|RecordPlace { partition, offset }| {
            reaches(partition, offset.zip(offset))
        });
        can_show_as(self.guarantee, effect) && (shown || reaches(effect.partition, effect.offsets))
    }
}

impl Reach {
    fn of(violation: &Violation, partition: Option<&str>) -> Self {
        let Some((first, last)) = violation.reach.filter(|_| partition.is_some()) else {
            return if partition.is_some() { Self::Partition } else { Self::Cluster };
        };
        match violation.guarantee {
            Guarantee::Leadership => Self::Partition,
            Guarantee::Durability | Guarantee::Replication => Self::From(first),
            Guarantee::Ordering
            | Guarantee::Offsets
            | Guarantee::Visibility
            | Guarantee::Liveness => Self::Between(first, last),
        }
    }

    /// Whether one of these offsets is concerned. Where a client was told no offset, nothing speaks against it.
    fn covers(self, offsets: Option<(i64, i64)>) -> bool {
        let Some((first, last)) = offsets else { return true };
        match self {
            Self::Cluster | Self::Partition => true,
            Self::From(from) => from <= last,
            Self::Between(from, to) => from <= last && first <= to,
        }
    }
}

impl fmt::Display for Reach {
    /// To follow "it concerns".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cluster => f.write_str("the whole cluster"),
            Self::Partition => f.write_str("the whole partition"),
            Self::From(from) => write!(f, "the log from offset {from} on"),
            Self::Between(from, to) if from == to => write!(f, "offset {from}"),
            Self::Between(from, to) => write!(f, "offsets {from} to {to}"),
        }
    }
}

/// Whether a broken guarantee can break another one as well. A log that lost records or differs spoils everything that
/// is read from it, and so does a second leader; a record that is there twice loses nothing.
pub(super) fn can_break(cause: Guarantee, effect: Guarantee) -> bool {
    match cause {
        Guarantee::Durability | Guarantee::Replication | Guarantee::Leadership => true,
        Guarantee::Ordering | Guarantee::Offsets => {
            matches!(effect, Guarantee::Ordering | Guarantee::Offsets)
        }
        Guarantee::Visibility => matches!(effect, Guarantee::Visibility | Guarantee::Offsets),
        Guarantee::Liveness => effect == Guarantee::Liveness,
    }
}

/// Whether clients can see a broken guarantee in this way. Who is told or given other records at some offsets misses
/// the right ones and goes back for what follows; who gets them in another order does not.
fn can_show_as(cause: Guarantee, effect: &Effect<'_>) -> bool {
    let mistaken = matches!(cause, Guarantee::Offsets | Guarantee::Visibility);
    let missed = effect.guarantee == Guarantee::Durability || effect.of_polls;
    can_break(cause, effect.guarantee) || mistaken && missed
}

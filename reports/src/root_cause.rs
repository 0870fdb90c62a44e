//! One cause first: what follows from it is folded under it, with the proof of why.
//!
//! A client anomaly follows from an internal violation if that came no later, breaks what is broken here, and concerns
//! an offset that the anomaly concerns: the same records, or a log that is another one from an offset on, or the whole
//! of a partition or of the cluster. The watch tells the first violation of a kind on a partition in full and of the
//! later ones how far they reach; so offsets between two of them count as well.

use std::collections::BTreeMap;

use harrow_sim::run::Run;
use harrow_sim::violation::{Guarantee, Violation};

use crate::check::{Anomaly, Kind, Occurrence};
use crate::cross_check::{Source, concerned};
use crate::verdict::{Finding, Record};

/// Of one kind of consequence, so many examples are told; the rest is counted.
const EXAMPLES_MAX: usize = 3;

/// A broken rule before it is known whether it is a root.
pub(crate) struct Suspect {
    pub(crate) at_ns: u64,
    pub(crate) view: View,
    /// By name; `None` concerns the whole cluster.
    pub(crate) partition: Option<String>,
    /// What is broken; none for a panic.
    pub(crate) guarantee: Option<Guarantee>,
    /// What clients saw, and the offsets that it concerns.
    pub(crate) seen: Option<Seen>,
    pub(crate) finding: Finding,
}

/// A client anomaly, as far as it matters to what follows from what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) anomaly: Anomaly,
    /// First and last offset; none if clients were told none.
    pub(crate) offsets: Option<(i64, i64)>,
}

impl Seen {
    pub(crate) fn of(occurrence: &Occurrence) -> Self {
        Self { anomaly: occurrence.anomaly, offsets: concerned(occurrence) }
    }

    /// The same anomaly seen here and there.
    #[must_use]
    pub(crate) fn and(self, other: Self) -> Self {
        let both = self.offsets.zip(other.offsets);
        Self { offsets: both.map(|(a, b)| (a.0.min(b.0), a.1.max(b.1))), ..self }
    }

    /// Whether one anomaly may follow from another one that clients saw before: it concerns the same records, and is
    /// not one that no other can cause.
    fn may_follow_from(self, cause: Self) -> bool {
        let alone = match self.anomaly.kind() {
            Kind::Shown | Kind::Group => self.anomaly != Anomaly::EosDuplicate,
            Kind::Missing
            | Kind::PassedOver
            | Kind::Misplaced
            | Kind::Repeated
            | Kind::Between
            | Kind::EndOffset
            | Kind::Cycle => false,
        };
        let apart = cause.offsets.zip(self.offsets);
        let apart = apart.is_some_and(|(one, other)| one.1 < other.0 || other.1 < one.0);
        !alone && !apart
    }
}

/// Who saw it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum View {
    /// The watch, in true state.
    Internal,
    /// The checks, in the history; with who answers for it.
    Client(Source),
    /// Nobody: what should have happened did not.
    Liveness,
    /// The model itself.
    Panic,
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

/// What a violation can explain.
struct Power {
    at_ns: u64,
    anomaly: String,
    guarantee: Guarantee,
    /// By name; `None` concerns the whole cluster.
    partition: Option<String>,
    reach: Reach,
}

/// A cause, with all that follows from it.
pub(crate) struct Root {
    pub(crate) suspect: Suspect,
    /// Its own, then those of the violations folded under it.
    powers: Vec<Power>,
    consequences: Vec<Consequence>,
}

struct Consequence {
    anomaly: String,
    line: String,
    count: u64,
}

/// What a client anomaly must share with its cause.
pub(crate) struct Effect<'a> {
    at_ns: u64,
    guarantee: Guarantee,
    /// Whether it is about the order of what polls return.
    of_polls: bool,
    partition: &'a str,
    offsets: Option<(i64, i64)>,
}

impl<'a> Effect<'a> {
    /// `at_ns` is when it showed as one that is not legal.
    pub(crate) fn of(occurrence: &Occurrence, at_ns: u64, partition: &'a str) -> Self {
        Self {
            at_ns,
            guarantee: occurrence.anomaly.guarantee(),
            of_polls: matches!(
                occurrence.anomaly,
                Anomaly::NonmonotonicPoll | Anomaly::IntNonmonotonicPoll
            ),
            partition,
            offsets: concerned(occurrence),
        }
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

    /// To follow "it concerns".
    fn describe(self) -> String {
        match self {
            Self::Cluster => "the whole cluster".to_owned(),
            Self::Partition => "the whole partition".to_owned(),
            Self::From(from) => format!("the log from offset {from} on"),
            Self::Between(from, to) if from == to => format!("offset {from}"),
            Self::Between(from, to) => format!("offsets {from} to {to}"),
        }
    }
}

impl Power {
    fn may_break(&self, effect: &Effect<'_>) -> bool {
        let same_place = self.partition.as_deref().is_none_or(|name| name == effect.partition);
        same_place && can_show_as(self.guarantee, effect) && self.reach.covers(effect.offsets)
    }
}

impl Root {
    fn new(suspect: Suspect) -> Self {
        Self { suspect, powers: Vec::new(), consequences: Vec::new() }
    }

    fn of_violation(suspect: Suspect, violation: &Violation) -> Self {
        let power = Power {
            at_ns: suspect.at_ns,
            anomaly: violation.anomaly.clone(),
            guarantee: violation.guarantee,
            partition: suspect.partition.clone(),
            reach: Reach::of(violation, suspect.partition.as_deref()),
        };
        Self { powers: vec![power], ..Self::new(suspect) }
    }

    /// The proof that a client anomaly follows from it, in words.
    pub(crate) fn explains(&self, effect: &Effect<'_>) -> Option<String> {
        let in_time = |power: &&Power| power.at_ns <= effect.at_ns && power.may_break(effect);
        let power = self.powers.iter().find(in_time)?;
        Some(format!("{}: it concerns {}", power.anomaly, power.reach.describe()))
    }

    /// Whether it would explain the anomaly, had it not come after it.
    pub(crate) fn is_later_cause_of(&self, effect: &Effect<'_>) -> bool {
        self.powers.iter().any(|power| power.at_ns > effect.at_ns && power.may_break(effect))
    }

    /// Adds a consequence that stands for `count` of its kind.
    pub(crate) fn add_consequence(&mut self, anomaly: &str, line: String, count: u64) {
        self.consequences.push(Consequence { anomaly: anomaly.to_owned(), line, count });
    }

    /// A cause that names no record is told by the first one that it did harm to.
    pub(crate) fn harms(&mut self, record: Option<Record>) {
        let own = self.suspect.finding.record.take();
        self.suspect.finding.record = own.or(record);
    }

    /// Whether the other one, seen by whomever, is a consequence. A panic is never hidden under anything, nor is what
    /// shows that a checker is wrong.
    fn folds(&self, other: &Suspect) -> bool {
        match (self.suspect.view, other.view) {
            (View::Client(Source::Checker) | View::Panic, _)
            | (_, View::Client(Source::Checker) | View::Panic)
            | (View::Client(_) | View::Liveness, View::Internal)
            | (View::Internal | View::Liveness, View::Client(_)) => false,
            // What nothing is known of may follow from anything.
            (View::Client(one), View::Client(another))
                if one != another && another != Source::Unproved =>
            {
                false
            }
            (View::Internal, View::Internal) | (View::Client(_), View::Client(_)) => {
                self.suspect.at_ns <= other.at_ns && self.suspect.concerns(other)
            }
            (View::Internal | View::Client(_) | View::Liveness, View::Liveness) => true,
        }
    }

    fn fold(&mut self, other: Self) {
        let Finding { anomaly, summary, record, .. } = other.suspect.finding;
        self.add_consequence(&anomaly, format!("{anomaly}: {summary}"), 1);
        self.harms(record);
        self.consequences.extend(other.consequences);
        self.powers.extend(other.powers);
    }

    /// The finding, with a few examples of each consequence.
    fn finding(self) -> Finding {
        let mut told: BTreeMap<String, (usize, u64)> = BTreeMap::new();
        let mut lines = Vec::new();
        for Consequence { anomaly, line, count } in self.consequences {
            let (examples, untold) = told.entry(anomaly).or_default();
            if *examples == EXAMPLES_MAX {
                *untold += count;
            } else {
                *examples += 1;
                lines.push(line);
            }
        }
        let rest = told.into_iter().filter(|(_, (_, untold))| *untold > 0);
        lines.extend(rest.map(|(anomaly, (_, untold))| format!("{anomaly}: {untold} more")));
        Finding { consequences: lines, ..self.suspect.finding }
    }
}

impl Suspect {
    fn concerns(&self, other: &Self) -> bool {
        let same_place = self.partition.is_none() || self.partition == other.partition;
        let pair = self.guarantee.zip(other.guarantee);
        let follows =
            self.seen.zip(other.seen).is_none_or(|(one, other)| other.may_follow_from(one));
        same_place && follows && pair.is_some_and(|(cause, effect)| can_break(cause, effect))
    }
}

/// The violations, each with what it is told as: later ones folded under earlier ones.
pub(crate) fn internal_roots(found: Vec<(Suspect, &Violation)>) -> Vec<Root> {
    let mut all: Vec<Root> = found
        .into_iter()
        .map(|(suspect, violation)| Root::of_violation(suspect, violation))
        .collect();
    all.sort_by_key(|root| root.suspect.at_ns);
    fold_all(Vec::new(), all)
}

/// Adds what clients saw and what never happened, in this order, and gives the findings in order of time.
pub(crate) fn findings(roots: Vec<Root>, mut others: Vec<Suspect>) -> Vec<Finding> {
    others.sort_by_key(|suspect| (suspect.view, suspect.at_ns));
    let mut roots = fold_all(roots, others.into_iter().map(Root::new));
    roots.sort_by_key(|root| (root.suspect.at_ns, root.suspect.view));
    roots.into_iter().map(Root::finding).collect()
}

fn fold_all(mut roots: Vec<Root>, others: impl IntoIterator<Item = Root>) -> Vec<Root> {
    for other in others {
        match roots.iter_mut().find(|root| root.folds(&other.suspect)) {
            Some(root) => root.fold(other),
            None => roots.push(other),
        }
    }
    roots
}

/// Whether a broken guarantee can break another one as well. A log that lost records or differs spoils everything that
/// is read from it, and so does a second leader; a record that is there twice loses nothing.
fn can_break(cause: Guarantee, effect: Guarantee) -> bool {
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

/// A violation's partition by name.
pub(crate) fn partition_name(run: &Run, violation: &Violation) -> Option<String> {
    let partition = violation.partition?;
    let topic = run.topics.get(&partition.topic)?;
    Some(format!("{topic}-{}", partition.partition))
}

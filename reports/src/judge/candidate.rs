//! A broken rule before it is known whether it is a root cause: who saw it, when and where, and what it is about.

use harrow_broker_model::types::NodeId;
use harrow_sim::violation::{Guarantee, Violation};

use crate::check::{Anomaly, Kind, Occurrence};
use crate::verdict::RecordLocation;

use super::cross_check::{Attribution, Source};
use super::detect::NotConverged;
use super::lookup::concerned;
use super::mention::Mention;

/// A broken rule.
pub(super) struct Candidate<'a> {
    pub(super) at_ns: u64,
    pub(super) view: View,
    /// By name; `None` concerns the whole cluster.
    pub(super) partition: Option<String>,
    /// What is broken; none for a panic.
    pub(super) guarantee: Option<Guarantee>,
    pub(super) charge: Charge<'a>,
}

/// Who saw it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum View {
    /// The watch, in true state.
    Internal,
    /// The checks, in the history; with who answers for it.
    Client(Source),
    /// Nobody: what should have happened did not.
    Liveness,
    /// The model itself.
    Panic,
}

/// What it is about.
pub(super) enum Charge<'a> {
    Violation(&'a Violation),
    Anomalies(Box<Anomalies>),
    NotConverged(NotConverged<'a>),
    Panicked { message: &'a str, node: Option<NodeId>, events: u64 },
}

/// Client anomalies that are told as one: the same anomaly, from the same cause.
pub(super) struct Anomalies {
    pub(super) first: Occurrence,
    /// What each of them is about.
    pub(super) mentions: Vec<Mention>,
    /// All of them together.
    pub(super) seen: Seen,
    pub(super) count: u64,
    pub(super) location: Option<RecordLocation>,
    /// What the true state says about the first; none without one.
    pub(super) attribution: Option<Attribution>,
    /// Whether something that broke inside later would explain it, had it come in time.
    pub(super) later_cause: bool,
}

/// A client anomaly, as far as it matters to what follows from what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Seen {
    pub(super) anomaly: Anomaly,
    /// First and last offset; none if clients were told none.
    pub(super) offsets: Option<(i64, i64)>,
}

impl Seen {
    pub(super) fn of(occurrence: &Occurrence) -> Self {
        Self { anomaly: occurrence.anomaly, offsets: concerned(occurrence) }
    }

    /// The same anomaly seen here and there.
    #[must_use]
    pub(super) fn and(self, other: Self) -> Self {
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

impl Candidate<'_> {
    /// What clients saw of it, if it was they who saw it.
    fn seen(&self) -> Option<Seen> {
        match &self.charge {
            Charge::Anomalies(anomalies) => Some(anomalies.seen),
            Charge::Violation(_) | Charge::NotConverged(_) | Charge::Panicked { .. } => None,
        }
    }

    /// Whether what clients saw here, if anything, may follow from what they saw there.
    pub(super) fn may_follow_from(&self, cause: &Self) -> bool {
        cause.seen().zip(self.seen()).is_none_or(|(one, other)| other.may_follow_from(one))
    }
}

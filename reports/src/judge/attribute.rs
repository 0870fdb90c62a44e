//! Third stage: who answers for it. Each violation gets its place; each client anomaly is held against the true state.

use harrow_sim::history::NO_PARTITION;
use harrow_sim::violation::{Guarantee, Violation};

use crate::check::{Anomaly, Occurrence};
use crate::verdict::RecordLocation;

use super::candidate::{Candidate, Charge, View};
use super::case::Case;
use super::cross_check::{Attribution, CrossCheck};
use super::detect::{Failure, FailureKind};
use super::excuse::Broken;

/// What is broken, with all that the true state knows about each by itself.
pub(super) struct Attributed<'a> {
    pub(super) violations: Vec<Candidate<'a>>,
    pub(super) anomalies: Vec<ClientAnomaly<'a>>,
    pub(super) failure: Option<Candidate<'a>>,
}

/// A client anomaly, held against the true state.
pub(super) struct ClientAnomaly<'a> {
    pub(super) occurrence: Occurrence,
    /// Name of its partition.
    pub(super) partition: &'a str,
    /// Where the record is that shows it, if that may be in another partition.
    pub(super) shown_by: Option<RecordPlace<'a>>,
    /// When it showed as one that is not legal.
    pub(super) shown_ns: u64,
    /// Where the record is, if the anomaly is `unseen`.
    pub(super) location: Option<RecordLocation>,
    /// Whether the history itself speaks against it.
    pub(super) contradicted: bool,
    /// What the true state says about it; none if there is none.
    pub(super) attribution: Option<Attribution>,
}

/// Where a record is.
#[derive(Debug, Clone, Copy)]
pub(super) struct RecordPlace<'a> {
    /// Name of its partition.
    pub(super) partition: &'a str,
    /// The offset, if its client was told.
    pub(super) offset: Option<i64>,
}

/// Attributes everything that is broken.
pub(super) fn attribute<'a>(case: &Case<'a>, broken: Broken<'a>) -> Attributed<'a> {
    let Broken { violations, anomalies, failure } = broken;
    let truth = case.simulated.map(|simulated| CrossCheck::new(simulated.run, case.terms));
    let anomalies =
        anomalies.into_iter().map(|occurrence| client_anomaly(case, occurrence, truth.as_ref()));
    Attributed {
        anomalies: anomalies.collect(),
        violations: violations.into_iter().map(|violation| internal(case, violation)).collect(),
        failure: failure.map(|failure| ended(case, failure)),
    }
}

fn internal<'a>(case: &Case<'_>, violation: &'a Violation) -> Candidate<'a> {
    Candidate {
        at_ns: violation.at_ns,
        view: View::Internal,
        partition: case.violated_partition(violation),
        guarantee: Some(violation.guarantee),
        charge: Charge::Violation(violation),
    }
}

/// That a transaction which did not commit is there in part is shown by another of its records.
fn shown_by<'a>(case: &Case<'a>, occurrence: &Occurrence) -> Option<RecordPlace<'a>> {
    let other = occurrence.other.filter(|_| occurrence.anomaly == Anomaly::TornTransaction)?;
    let sends = &case.history.sends()[case.history.sends_of(other.operation)];
    let shown = sends.iter().find(|send| send.value == other.value)?;
    let offset = Some(shown.offset).filter(|offset| *offset >= 0);
    (shown.partition != NO_PARTITION)
        .then(|| RecordPlace { partition: case.partition_name(shown.partition), offset })
}

fn client_anomaly<'a>(
    case: &Case<'a>,
    occurrence: Occurrence,
    truth: Option<&CrossCheck<'_>>,
) -> ClientAnomaly<'a> {
    let partition = case.partition_name(occurrence.partition);
    let shown_by = shown_by(case, &occurrence);
    let Some(truth) = truth else {
        let shown_ns = occurrence.at_ns;
        let (location, contradicted, attribution) = (None, false, None);
        return ClientAnomaly {
            occurrence,
            partition,
            shown_by,
            shown_ns,
            location,
            contradicted,
            attribution,
        };
    };
    let contradiction = truth.contradiction(&occurrence);
    ClientAnomaly {
        partition,
        shown_by,
        shown_ns: truth.shown_ns(&occurrence),
        location: truth.location(&occurrence),
        contradicted: contradiction.is_some(),
        attribution: Some(contradiction.unwrap_or_else(|| truth.attribution(&occurrence))),
        occurrence,
    }
}

fn ended<'a>(case: &Case<'_>, failure: Failure<'a>) -> Candidate<'a> {
    let Failure { ended_ns: at_ns, kind } = failure;
    let partition = match &kind {
        FailureKind::NotConverged(stuck) => named(case, stuck.pending),
        FailureKind::Panicked { .. } => None,
    };
    let (view, guarantee, charge) = match kind {
        FailureKind::NotConverged(stuck) => {
            (View::Liveness, Some(Guarantee::Liveness), Charge::NotConverged(stuck))
        }
        FailureKind::Panicked { message, node, events } => {
            (View::Panic, None, Charge::Panicked { message, node, events })
        }
    };
    Candidate { at_ns, view, partition, guarantee, charge }
}

/// The partition that is pending, by what is said of it.
fn named(case: &Case<'_>, pending: &str) -> Option<String> {
    let mut words = pending.split([' ', ',', ':', ';']);
    let word = words.find(|word| case.position(word).is_some())?;
    Some(word.to_owned())
}

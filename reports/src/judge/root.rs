//! A root cause, and what is folded under it.

use super::candidate::{Candidate, Charge, View};
use super::cross_check::Source;
use super::explanation::{Effect, Explanation, can_break};

/// A cause, with all that follows from it.
pub(super) struct Root<'a> {
    pub(super) candidate: Candidate<'a>,
    /// In the order in which they were found to follow.
    pub(super) consequences: Vec<Consequence<'a>>,
    /// What its own violation can explain, then those folded under it.
    explanations: Vec<Explanation>,
}

/// What follows from a root cause.
pub(super) struct Consequence<'a> {
    pub(super) charge: Charge<'a>,
    /// Why it follows from a violation, in words; none where place, time and guarantee are all that is known.
    pub(super) proof: Option<String>,
}

impl<'a> Root<'a> {
    pub(super) fn new(candidate: Candidate<'a>) -> Self {
        let explanations = match &candidate.charge {
            Charge::Violation(violation) => {
                vec![Explanation::of(violation, candidate.partition.as_deref())]
            }
            Charge::Anomalies(_) | Charge::NotConverged(_) | Charge::Panicked { .. } => Vec::new(),
        };
        Self { candidate, consequences: Vec::new(), explanations }
    }

    /// The proof that a client anomaly follows from it, in words.
    pub(super) fn explains(&self, effect: &Effect<'_>) -> Option<String> {
        self.explanations.iter().find_map(|explanation| explanation.explains(effect))
    }

    /// Whether it would explain the anomaly, had it not come after it.
    pub(super) fn came_too_late_for(&self, effect: &Effect<'_>) -> bool {
        self.explanations.iter().any(|explanation| explanation.came_too_late_for(effect))
    }

    /// Whether the other one, seen by whomever, is a consequence. A panic is never hidden under anything, nor is what
    /// shows that a checker is wrong.
    pub(super) fn folds(&self, other: &Candidate<'_>) -> bool {
        match (self.candidate.view, other.view) {
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
                self.candidate.at_ns <= other.at_ns && concerns(&self.candidate, other)
            }
            // What never came, came not for one partition, or for the cluster: what broke elsewhere does not say why.
            (View::Internal | View::Client(_) | View::Liveness, View::Liveness) => {
                is_at(&self.candidate, other)
            }
        }
    }

    pub(super) fn fold(&mut self, other: Self) {
        let Self { candidate, consequences, explanations } = other;
        self.consequences.push(Consequence { charge: candidate.charge, proof: None });
        self.consequences.extend(consequences);
        self.explanations.extend(explanations);
    }
}

/// Whether a cause is where the other one is: what concerns the whole cluster is everywhere.
fn is_at(cause: &Candidate<'_>, other: &Candidate<'_>) -> bool {
    cause.partition.is_none() || cause.partition == other.partition
}

fn concerns(cause: &Candidate<'_>, other: &Candidate<'_>) -> bool {
    let same_place = is_at(cause, other);
    let pair = cause.guarantee.zip(other.guarantee);
    same_place
        && other.may_follow_from(cause)
        && pair.is_some_and(|(cause, effect)| can_break(cause, effect))
}

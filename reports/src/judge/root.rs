//! A root cause, and what is folded under it.

use super::cross_check::Source;
use super::power::{Effect, Power, can_break};
use super::suspect::{Charge, Suspect, View};

/// A cause, with all that follows from it.
pub(super) struct Root<'a> {
    pub(super) suspect: Suspect<'a>,
    /// In the order in which they were found to follow.
    pub(super) consequences: Vec<Consequence<'a>>,
    /// What its own violation can explain, then those folded under it.
    powers: Vec<Power>,
}

/// What follows from a root cause.
pub(super) struct Consequence<'a> {
    pub(super) charge: Charge<'a>,
    /// Why it follows from a violation, in words; none where place, time and guarantee are all that is known.
    pub(super) proof: Option<String>,
}

impl<'a> Root<'a> {
    pub(super) fn new(suspect: Suspect<'a>) -> Self {
        let powers = match &suspect.charge {
            Charge::Violation(violation) => {
                vec![Power::of(violation, suspect.partition.as_deref())]
            }
            Charge::Anomalies(_) | Charge::NotConverged(_) | Charge::Panicked { .. } => Vec::new(),
        };
        Self { suspect, consequences: Vec::new(), powers }
    }

    /// The proof that a client anomaly follows from it, in words.
    pub(super) fn explains(&self, effect: &Effect<'_>) -> Option<String> {
        self.powers.iter().find_map(|power| power.explains(effect))
    }

    /// Whether it would explain the anomaly, had it not come after it.
    pub(super) fn came_too_late_for(&self, effect: &Effect<'_>) -> bool {
        self.powers.iter().any(|power| power.came_too_late_for(effect))
    }

    /// Whether the other one, seen by whomever, is a consequence. A panic is never hidden under anything, nor is what
    /// shows that a checker is wrong.
    pub(super) fn folds(&self, other: &Suspect<'_>) -> bool {
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
                self.suspect.at_ns <= other.at_ns && concerns(&self.suspect, other)
            }
            // What never came, came not for one partition, or for the cluster: what broke elsewhere does not say why.
            (View::Internal | View::Client(_) | View::Liveness, View::Liveness) => {
                is_at(&self.suspect, other)
            }
        }
    }

    pub(super) fn fold(&mut self, other: Self) {
        let Self { suspect, consequences, powers } = other;
        self.consequences.push(Consequence { charge: suspect.charge, proof: None });
        self.consequences.extend(consequences);
        self.powers.extend(powers);
    }
}

/// Whether a cause is where the other one is: what concerns the whole cluster is everywhere.
fn is_at(cause: &Suspect<'_>, other: &Suspect<'_>) -> bool {
    cause.partition.is_none() || cause.partition == other.partition
}

fn concerns(cause: &Suspect<'_>, other: &Suspect<'_>) -> bool {
    let same_place = is_at(cause, other);
    let pair = cause.guarantee.zip(other.guarantee);
    same_place
        && other.may_follow_from(cause)
        && pair.is_some_and(|(cause, effect)| can_break(cause, effect))
}

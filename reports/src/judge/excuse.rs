//! Second stage: what the configuration and the injected faults permit is set aside, each with its reason. What is
//! left is broken.

use std::collections::BTreeMap;

use harrow_sim::liveness::Goal;
use harrow_sim::violation::Violation;

use crate::check::{Anomaly, Occurrence, Removal};
use crate::policy::{self, Reason, TRANSACTIONS_TOPIC, Terms};

use super::case::Case;
use super::detect::{Detected, Failure, FailureKind, NotConverged};
use super::holds::Holds;
use super::mention::Mention;

/// What nothing excuses.
pub(super) struct Broken<'a> {
    pub(super) violations: Vec<&'a Violation>,
    pub(super) anomalies: Vec<Occurrence>,
    pub(super) failure: Option<Failure<'a>>,
}

/// What is set aside, and what the run cannot show because of it.
#[derive(Default)]
pub(super) struct SetAside {
    /// What was legal, by anomaly and reason.
    pub(super) excused: BTreeMap<(String, Reason), Excused>,
    /// Why the run says less than it should.
    pub(super) inconclusive: Vec<String>,
    /// Reach marks that were expected and not met.
    pub(super) unreached: Vec<String>,
}

/// One anomaly that was legal for one reason.
#[derive(Default)]
pub(super) struct Excused {
    pub(super) count: u64,
    /// What makes findings of all that clients saw of them, had it been promised.
    pub(super) holds: Vec<&'static str>,
    /// The first of them, as clients saw it.
    pub(super) first: Option<Occurrence>,
    /// What clients saw, of all of them.
    pub(super) mentions: Vec<Mention>,
    /// What the watch saw.
    pub(super) violations: Vec<Violation>,
}

impl SetAside {
    fn add(&mut self, anomaly: &str, reason: Reason, count: u64) -> &mut Excused {
        let excused = self.excused.entry((anomaly.to_owned(), reason)).or_default();
        excused.count += count;
        excused
    }
}

/// Parts what is legal from what is broken.
pub(super) fn excuse<'a>(case: &Case<'a>, detected: Detected<'a>) -> (Broken<'a>, SetAside) {
    let mut aside = SetAside { inconclusive: detected.gaps, ..SetAside::default() };
    set_removed_aside(case, &detected.removed, &mut aside);
    for unmet in detected.unmet {
        aside.add(unmet.goal.name(), Reason::plain(unmet.reason.clone()), 1);
    }
    let broken = Broken {
        violations: broken_invariants(case, detected.violations, &mut aside),
        anomalies: broken_promises(case, detected.anomalies, &mut aside),
        failure: detected.failure.and_then(|failure| unexcused(case.terms, failure, &mut aside)),
    };
    aside.unreached = detected.unreached.into_iter().map(str::to_owned).collect();
    (broken, aside)
}

/// What nobody read and nobody can miss: whoever allows too much sees how much that was.
fn set_removed_aside(
    case: &Case<'_>,
    removed: &BTreeMap<(u32, Removal), u64>,
    aside: &mut SetAside,
) {
    for ((partition, removal), count) in removed {
        let name = case.partition_name(*partition);
        let reason = match removal {
            Removal::Retention => {
                let log = case.options.logs.get(partition);
                let start = log.map_or(0, |log| log.log_start_offset);
                let text = format!("the log of {name} begins at offset {start}");
                Reason::of("retention or DeleteRecords has moved the log's start", text)
            }
            Removal::Deletion => {
                let text = format!("the topic of {name} is deleted");
                Reason::of("the topic is deleted, and its records with it", text)
            }
            Removal::Compaction => {
                let text = format!("{name} is compacted, and later records have their keys");
                Reason::of("the topic is compacted, and later records have their keys", text)
            }
        };
        aside.add(Anomaly::Unseen.name(), reason, *count);
    }
}

fn broken_invariants<'a>(
    case: &Case<'a>,
    violations: Vec<&'a Violation>,
    aside: &mut SetAside,
) -> Vec<&'a Violation> {
    let mut broken = violations;
    broken.retain(|violation| {
        let excuse = case.simulated.and_then(|simulated| {
            policy::excuse_violation(case.terms, simulated.plan, simulated.run, violation)
        });
        let broken = excuse.is_none();
        if let Some(reason) = excuse {
            let excused = aside.add(&violation.anomaly, reason, 1);
            excused.violations.push((*violation).clone());
        }
        broken
    });
    broken
}

fn broken_promises(
    case: &Case<'_>,
    anomalies: Vec<Occurrence>,
    aside: &mut SetAside,
) -> Vec<Occurrence> {
    let mut broken = anomalies;
    let mut holds = Holds::new(case.terms);
    broken.retain(|occurrence| {
        let excuse = policy::excuse(case.terms, case.history, occurrence);
        let broken = excuse.is_none();
        if let Some(reason) = excuse {
            let needed = holds.needed(case.history, occurrence, &reason);
            let excused = aside.add(occurrence.anomaly.name(), reason, 1);
            let more = needed.into_iter().filter(|hold| !excused.holds.contains(hold));
            excused.holds.extend(more.collect::<Vec<_>>());
            excused.mentions.push(Mention::of(occurrence));
            excused.first.get_or_insert_with(|| occurrence.clone());
        }
        broken
    });
    broken
}

/// A failure that damage makes legal shows nothing, but it cuts the run short: so it is inconclusive.
fn unexcused<'a>(terms: &Terms, failure: Failure<'a>, aside: &mut SetAside) -> Option<Failure<'a>> {
    let (anomaly, what, reason) = match &failure.kind {
        FailureKind::NotConverged(stuck) => {
            let NotConverged { goal, pending, unrecoverable, .. } = stuck;
            let reason = unrecoverable.map(Reason::plain).or_else(|| hopeless(terms, pending));
            let reason = reason.or_else(|| forgotten(terms, *goal, pending));
            (goal.name(), format!("not converged: {pending}"), reason)
        }
        // The model's assertions take for granted that the quorum keeps what it committed.
        FailureKind::Panicked { message, .. } => {
            let reason = terms.metadata_gone(u64::MAX);
            ("model-panic", format!("an assertion failed: {message}"), reason)
        }
    };
    let Some(reason) = reason else { return Some(failure) };
    aside.inconclusive.push(format!("{what}; legal: {}", reason.text));
    aside.add(anomaly, reason, 1);
    None
}

/// Why a transaction may stay open for ever, and its producer wait for that: its coordinator has forgotten it.
fn forgotten(terms: &Terms, goal: Goal, pending: &str) -> Option<Reason> {
    let waits = pending.contains("InitProducerId and gets ConcurrentTransactions");
    let of_transactions = goal == Goal::Transactions || waits;
    of_transactions
        .then(|| terms.forgetful_coordinator(TRANSACTIONS_TOPIC, (0, u64::MAX)))
        .flatten()
}

/// Why what is pending may never come, because of damage that the scenario allows.
fn hopeless(terms: &Terms, pending: &str) -> Option<Reason> {
    let named = |name: &str| pending.split([' ', ',']).any(|word| word == name);
    let of_it = terms.corrupt_logs.iter().find(|corrupt_logs| named(&corrupt_logs.name));
    let corrupt_logs =
        of_it.and_then(|corrupt_logs| terms.corrupt_logs(corrupt_logs.partition?, u64::MAX));
    corrupt_logs.or_else(|| terms.metadata_gone(u64::MAX))
}

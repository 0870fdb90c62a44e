//! Last stage: root causes in words, each as a finding with its evidence, and the outcome.

use std::collections::BTreeMap;

use harrow_broker_model::types::TopicPartition;
use harrow_sim::run::InjectedFault;
use harrow_sim::violation::{Guarantee, Violation};

use crate::check::Anomaly;
use crate::fingerprint::{Fingerprint, Traits, actor, names, panic_shape};
use crate::policy::{Reason, is_of_groups};
use crate::promise::{Place, promise, promise_to_clients};
use crate::text::seconds;
use crate::verdict::{Excuse, Finding, Harm, Outcome, RecordLocation, Verdict};

use super::candidate::{Anomalies, Candidate, Charge};
use super::case::Case;
use super::cross_check::{Attribution, Source};
use super::detect::NotConverged;
use super::excuse::{Excused, SetAside};
use super::lookup::{guess, process};
use super::record::{Mentioned, mentioned, record};
use super::root::{Consequence, Root};

/// Of one kind of consequence, so many examples are told; the rest is counted.
const EXAMPLES_MAX: usize = 3;

/// The verdict, as people and machines are told it.
pub(super) fn describe(case: &Case<'_>, roots: &[Root<'_>], aside: SetAside) -> Verdict {
    let SetAside { excused, mut inconclusive, unreached } = aside;
    inconclusive.extend(unreached.iter().map(|mark| format!("never reached: {mark}")));
    let outcome = match (roots.is_empty(), inconclusive.is_empty()) {
        (false, _) => Outcome::Violated,
        (true, false) => Outcome::Inconclusive,
        (true, true) => Outcome::Held,
    };
    let excused = excused.into_iter();
    let excused =
        excused.map(|((anomaly, reason), excused)| excuse(case, anomaly, reason, &excused));
    Verdict {
        outcome,
        findings: roots.iter().map(|root| finding(case, root)).collect(),
        excused: excused.collect(),
        inconclusive,
        unreached,
    }
}

/// What is legal, with all that a finding has.
fn excuse(case: &Case<'_>, anomaly: String, reason: Reason, excused: &Excused) -> Excuse {
    let Excused { count, holds, first, mentions, violations } = excused;
    let Mentioned { records, lines } = mentioned(case, mentions.iter(), violations.iter());
    let Reason { text, cause, hold } = reason;
    let of_violation = hold.filter(|_| first.is_none()).map(str::to_owned);
    let hold = Some(holds.join(",")).filter(|holds| !holds.is_empty()).or(of_violation);
    let violation = violations.first();
    let seen = first.as_ref().map(|first| first.summary(case.history));
    let evidence = first.as_ref().map(|first| first.evidence(case.history));
    Excuse {
        harm: first.as_ref().map_or(Harm::Other, |first| first.anomaly.harm()),
        anomaly,
        reason: text,
        cause,
        hold,
        count: *count,
        summary: seen.or(violation.map(|seen| seen.summary.clone())).unwrap_or_default(),
        evidence: evidence.or(violation.map(|seen| seen.evidence.clone())).unwrap_or_default(),
        records,
        lines,
        biography: Vec::new(),
    }
}

/// A cause that names no record is told by the first one that it did harm to.
fn finding(case: &Case<'_>, root: &Root<'_>) -> Finding {
    let charges = root.consequences.iter().map(|consequence| &consequence.charge);
    let charges = || std::iter::once(&root.candidate.charge).chain(charges.clone());
    let own = anomaly_name(&root.candidate.charge);
    let is_repeat = |it: &&Consequence<'_>| anomaly_name(&it.charge) == own && it.proof.is_none();
    let repeats: Vec<&Consequence<'_>> = root.consequences.iter().filter(is_repeat).collect();
    let others: Vec<&Consequence<'_>> =
        root.consequences.iter().filter(|it| !is_repeat(it)).collect();
    let mentions = charges().flat_map(|charge| match charge {
        Charge::Anomalies(anomalies) => anomalies.mentions.as_slice(),
        Charge::Violation(_) | Charge::NotConverged(_) | Charge::Panicked { .. } => &[],
    });
    let violations = charges().filter_map(|charge| match charge {
        Charge::Violation(violation) => Some(*violation),
        Charge::Anomalies(_) | Charge::NotConverged(_) | Charge::Panicked { .. } => None,
    });
    let Mentioned { records, lines } = mentioned(case, mentions, violations);
    let cause = cause(case, &root.candidate);
    Finding {
        fingerprint: fingerprint(case, &root.candidate.charge, &cause),
        consequences: consequences(case, &others),
        record: charges().find_map(|charge| record(case, charge)),
        records,
        lines,
        evidence: cause.evidence.into_iter().chain(again(case, &repeats)).collect(),
        ..cause
    }
}

/// The same again is no consequence of itself: how often it was, and where next.
fn again(case: &Case<'_>, repeats: &[&Consequence<'_>]) -> Option<String> {
    let next = summary(case, &repeats.first()?.charge);
    let times = repeats.len();
    Some(if times == 1 {
        format!("once more: {next}")
    } else {
        format!("{times} times more, first: {next}")
    })
}

/// What it has in common with the same failure of any other run.
fn fingerprint(case: &Case<'_>, charge: &Charge<'_>, finding: &Finding) -> Fingerprint {
    let Finding { guarantee, anomaly, summary, evidence, .. } = finding;
    let words: Option<String> = match charge {
        Charge::Violation(_) => Some(summary.clone()),
        Charge::Panicked { message, .. } => Some(panic_shape(message)),
        Charge::Anomalies(_) if anomaly == "checker-disagreement" => {
            Some(summary.split(' ').next().unwrap_or_default().to_owned())
        }
        Charge::Anomalies(anomalies) => proved(anomalies),
        // A goal's name says it all; what else is told depends on when it showed.
        Charge::NotConverged(_) => None,
    };
    let role = match charge {
        Charge::Violation(violation) => {
            // A rule that looks by the clock finds out at whoever does something next.
            actor(&violation.summary).map_or("cluster", |node| case.role(node))
        }
        Charge::Panicked { node, .. } => node.map_or("testbed", |node| case.role(node)),
        Charge::Anomalies(_) => "clients",
        Charge::NotConverged(_) => "cluster",
    };
    let names = case.simulated.map(|simulated| names(simulated.plan)).unwrap_or_default();
    let (words, names) = (words.as_deref(), &names);
    Fingerprint::of(Traits { guarantee, anomaly, role, words, names, evidence })
}

/// What the true state proves of what clients saw. Which operations saw it depends on the run: one bug may take records
/// of any of them.
fn proved(anomalies: &Anomalies) -> Option<String> {
    let attribution = anomalies.attribution.as_ref()?;
    match attribution.source {
        Source::Event | Source::Client => Some(attribution.line.clone()),
        Source::Unproved | Source::Checker => None,
    }
}

/// A few examples of each kind.
fn consequences(case: &Case<'_>, all: &[&Consequence<'_>]) -> Vec<String> {
    let mut counted: BTreeMap<&str, (usize, u64)> = BTreeMap::new();
    let mut lines = Vec::new();
    for consequence in all {
        let name = anomaly_name(&consequence.charge);
        let (examples, uncounted) = counted.entry(name).or_default();
        if *examples == EXAMPLES_MAX {
            *uncounted += occurrences(consequence);
        } else {
            *examples += 1;
            lines.push(consequence_line(case, name, consequence));
        }
    }
    let rest = counted.into_iter().filter(|(_, (_, uncounted))| *uncounted > 0);
    lines.extend(rest.map(|(name, (_, uncounted))| format!("{name}: {uncounted} more")));
    lines
}

/// A violation explains each anomaly of a group; a cause that only clients saw explains the group.
fn occurrences(consequence: &Consequence<'_>) -> u64 {
    match (&consequence.charge, &consequence.proof) {
        (Charge::Anomalies(anomalies), Some(_)) => anomalies.count,
        _ => 1,
    }
}

fn consequence_line(case: &Case<'_>, name: &str, consequence: &Consequence<'_>) -> String {
    let summary = summary(case, &consequence.charge);
    match &consequence.proof {
        Some(proof) => format!("{name}: {summary} (explained by {proof})"),
        None => format!("{name}: {summary}"),
    }
}

fn anomaly_name<'a>(charge: &'a Charge<'_>) -> &'a str {
    match charge {
        Charge::Violation(violation) => &violation.anomaly,
        Charge::Anomalies(anomalies) => anomalies.first.anomaly.name(),
        Charge::NotConverged(stuck) => stuck.goal.name(),
        Charge::Panicked { .. } => "model-panic",
    }
}

fn summary(case: &Case<'_>, charge: &Charge<'_>) -> String {
    match charge {
        Charge::Violation(violation) => violation.summary.clone(),
        Charge::Anomalies(anomalies) => client_summary(case, anomalies),
        Charge::NotConverged(stuck) if is_early(case, stuck) => {
            format!("what it waits for was there, and still {}", stuck.pending)
        }
        Charge::NotConverged(stuck) => {
            format!("after the heal, this never came: {}", stuck.pending)
        }
        Charge::Panicked { message, node: Some(node), .. } => {
            format!("an assertion failed at node {node}: {}", one_line(message))
        }
        Charge::Panicked { message, node: None, .. } => {
            format!("an assertion failed outside of any node: {}", one_line(message))
        }
    }
}

/// Whether it was found before the heal: then it was overdue, whatever faults lasted.
fn is_early(case: &Case<'_>, stuck: &NotConverged<'_>) -> bool {
    case.simulated.is_some_and(|simulated| stuck.since_ms < simulated.plan.heal_at_ms)
}

/// Assertions that compare tell both sides on lines of their own.
fn one_line(message: &str) -> String {
    let lines: Vec<&str> = message.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

fn client_summary(case: &Case<'_>, anomalies: &Anomalies) -> String {
    let Anomalies { first, location, count, .. } = anomalies;
    let mut summary = first.summary(case.history);
    if let Some(location) = location.filter(|known| *known != RecordLocation::Unknown) {
        summary = format!("{summary}: {}", location.description());
    }
    if *count > 1 {
        summary = format!("{summary} (and {} more)", count - 1);
    }
    summary
}

/// The finding of a cause, as if nothing followed from it.
fn cause(case: &Case<'_>, candidate: &Candidate<'_>) -> Finding {
    let charge = &candidate.charge;
    let finding = Finding {
        guarantee: candidate.guarantee.map_or("model", Guarantee::name).to_owned(),
        anomaly: anomaly_name(charge).to_owned(),
        summary: summary(case, charge),
        ..Finding::default()
    };
    match charge {
        Charge::Violation(violation) => internal(case, violation, candidate, finding),
        Charge::Anomalies(anomalies) => client(case, anomalies, finding),
        Charge::NotConverged(stuck) => not_converged(case, stuck, candidate.at_ns, finding),
        Charge::Panicked { events, .. } => panicked(*events, candidate.at_ns, finding),
    }
}

fn internal(
    case: &Case<'_>,
    violation: &Violation,
    candidate: &Candidate<'_>,
    finding: Finding,
) -> Finding {
    let Violation { at_ns, node, event, guarantee, .. } = violation;
    let faults = last_faults(case.faults(), *at_ns);
    let shown = format!("{} seen at node {node}, event {event}{faults}", seconds(*at_ns));
    // Where a group's coordinator is wrong, it is not the partition that promised something.
    let partition = candidate.partition.as_ref().filter(|_| !is_of_groups(&violation.anomaly));
    let position = partition.and_then(|name| case.position(name));
    let elsewhere = if violation.partition == Some(TopicPartition::METADATA) {
        Place::Metadata
    } else {
        Place::Cluster
    };
    let place = position.map_or(elsewhere, Place::Partition);
    Finding {
        promise: promise(case.terms, *guarantee, place, None),
        evidence: violation.evidence.iter().cloned().chain([shown]).collect(),
        ..finding
    }
}

/// The faults that were injected last before a time.
fn last_faults(faults: &[InjectedFault], at_ns: u64) -> String {
    let before = |fault: &&InjectedFault| {
        fault.at_ms.saturating_mul(1_000_000) <= at_ns && !fault.nodes.is_empty()
    };
    let mut last: Vec<String> =
        faults.iter().rev().filter(before).take(2).map(fault_line).collect();
    last.reverse();
    if last.is_empty() { String::new() } else { format!("; last faults: {}", last.join("; ")) }
}

fn fault_line(fault: &InjectedFault) -> String {
    format!("{} {}", milliseconds(fault.at_ms), fault.summary)
}

fn client(case: &Case<'_>, anomalies: &Anomalies, finding: Finding) -> Finding {
    let Anomalies { first, attribution, later_cause, .. } = anomalies;
    let unseen = first.anomaly == Anomaly::Unseen;
    let location = anomalies.location.or(unseen.then_some(RecordLocation::Unknown));
    let mut evidence = first.evidence(case.history);
    if location == Some(RecordLocation::Unknown) {
        evidence.extend(guess(case.history, first));
    }
    evidence
        .extend(attribution.as_ref().map(|attribution| account_line(attribution, *later_cause)));
    let writer = first.subject.writer.map(|writer| process(case.history, writer));
    let promise = promise_to_clients(case.terms, first.anomaly, first.partition, writer);
    let finding = Finding { promise, evidence, location, ..finding };
    let disagreed =
        attribution.as_ref().is_some_and(|attribution| attribution.source == Source::Checker);
    if disagreed { disagreement(finding) } else { finding }
}

/// What the true state says about an anomaly that no violation explains, in one line.
fn account_line(attribution: &Attribution, later_cause: bool) -> String {
    if later_cause && attribution.source == Source::Unproved {
        return "client-side: what broke inside on this partition broke later and cannot explain it"
            .to_owned();
    }
    attribution.line.clone()
}

/// Two parts of Harrow say the opposite of each other: one of them is wrong, and that comes first.
fn disagreement(finding: Finding) -> Finding {
    let Finding { anomaly, summary, mut evidence, .. } = finding;
    evidence
        .push("one of Harrow's own views is wrong: please report it with this coordinate".into());
    Finding {
        guarantee: "model".to_owned(),
        anomaly: "checker-disagreement".to_owned(),
        summary: format!("{anomaly} cannot be: {summary}"),
        promise: "Harrow: what clients saw and what is true inside must agree".to_owned(),
        evidence,
        ..finding
    }
}

fn not_converged(
    case: &Case<'_>,
    stuck: &NotConverged<'_>,
    end_ns: u64,
    finding: Finding,
) -> Finding {
    let entry = stuck.goal.entry();
    let (since, end) = if is_early(case, stuck) {
        ("it was seen to be overdue", "it still was, and the run ended, before the heal")
    } else {
        ("the last progress", "given up")
    };
    let bound = case.simulated.map(|simulated| stuck.goal.bound_ms(simulated.plan));
    // A run may end before: by what was seen to be overdue, or what nothing can bring back.
    let waited_ms = (end_ns / 1_000_000).saturating_sub(stuck.since_ms);
    let bound = bound.filter(|ms| waited_ms >= *ms);
    let bound = bound.map(|ms| {
        format!("bound: {} without progress, by the plan's timeouts", seconds(ms * 1_000_000))
    });
    let mut evidence = vec![format!("goal: {} ({})", entry.converges, entry.source)];
    evidence.extend(bound.filter(|_| !is_early(case, stuck)));
    evidence.push(format!("{} {since}", seconds(stuck.since_ms.saturating_mul(1_000_000))));
    evidence.push(format!("{} {end}", seconds(end_ns)));
    Finding {
        promise: promise(case.terms, Guarantee::Liveness, Place::Cluster, None),
        evidence,
        ..finding
    }
}

fn panicked(events: u64, end_ns: u64, finding: Finding) -> Finding {
    Finding {
        promise: "the model's own assertions, which hold in every run".to_owned(),
        evidence: vec![
            format!("{} the run ended, at event {events}", milliseconds(end_ns / 1_000_000)),
            "a broken assertion says nothing about what Kafka promises: it is a bug of the model \
             or of Harrow, or a defect that was switched on"
                .to_owned(),
        ],
        ..finding
    }
}

/// True time as `12.345s`.
fn milliseconds(at_ms: u64) -> String {
    format!("{}.{:03}s", at_ms / 1_000, at_ms % 1_000)
}

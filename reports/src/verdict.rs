//! The verdict on a run: both views judged, what is legal excused, one root cause first.

use std::collections::BTreeMap;

use harrow_broker_model::types::{NodeId, TopicPartition};
use harrow_sim::biography::{METADATA_NAME, Moment};
use harrow_sim::history::History;
use harrow_sim::liveness::Goal;
use harrow_sim::plan::Plan;
use harrow_sim::run::{End, InjectedFault, Run};
use harrow_sim::violation::{Guarantee, Violation};
use serde::{Deserialize, Serialize};

use crate::check::{Anomaly, Examined, Kind, Occurrence, Options, Removal, examine};
use crate::cross_check::{self, Account, CrossCheck, RecordLocation, Source};
use crate::gaps::gaps;
use crate::history_file::Recorded;
use crate::policy::{Terms, excuse, excuse_violation};
use crate::promise::{Place, promise, promise_to_clients};
use crate::root_cause::{self, Effect, Root, Seen, Suspect, View};
use crate::text::{seconds, value_name};

/// How a run stands. Later is worse, and the worst wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every guarantee held, and there was something to hold.
    Held,
    /// Nothing is broken, but the run does not show that nothing is.
    Inconclusive,
    /// A guarantee was broken, or the model panicked.
    Violated,
}

impl Outcome {
    /// As printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Inconclusive => "inconclusive",
            Self::Violated => "violated",
        }
    }
}

/// The judgement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// How it stands.
    pub outcome: Outcome,
    /// Root causes, in order of time.
    pub findings: Vec<Finding>,
    /// What was seen and is legal.
    pub excused: Vec<Excuse>,
    /// Why the run says less than it should; empty unless something was missing.
    pub inconclusive: Vec<String>,
}

/// A broken guarantee.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Finding {
    /// What is broken, by name: a [`Guarantee`], or `model` for a panic.
    pub guarantee: String,
    /// By what, as `harrow explain` knows it.
    pub anomaly: String,
    /// One line.
    pub summary: String,
    /// The configuration that promised it.
    #[serde(default)]
    pub promise: String,
    /// Facts, oldest first, one line each.
    pub evidence: Vec<String>,
    /// What follows from it, one line each: a few examples of each kind, and how many more there are.
    pub consequences: Vec<String>,
    /// Where the record is, if the finding is `unseen`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub whereabouts: Option<RecordLocation>,
    /// The record that it is about; if it names none, the first one that it did harm to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<Record>,
    /// The record's life, oldest first; empty if nobody followed it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub biography: Vec<Moment>,
}

/// A record, by its place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Name of its partition, such as `orders-0`.
    pub partition: String,
    /// Its offset there.
    pub offset: i64,
    /// Its value, if a client knows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
}

/// Something that would be a finding, were it not legal here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Excuse {
    /// What.
    pub anomaly: String,
    /// Why it is legal.
    pub reason: String,
    /// How often.
    pub count: u64,
}

/// Judges a run: `sim::run` gives it, `render` tells it.
pub fn judge(plan: &Plan, run: &Run) -> Verdict {
    let terms = Terms::of_run(plan, run);
    let mut case = Case::default();
    let mut found = Vec::new();
    for violation in &run.violations {
        match excuse_violation(&terms, plan, run, violation) {
            Some(reason) => case.excuse(&violation.anomaly, reason),
            None => found.push((internal(run, &terms, violation), violation)),
        }
    }
    case.roots = root_cause::internal_roots(found);
    let truth = CrossCheck::new(run, &terms);
    case.check_history(&run.history, &terms, &Options::default(), Some(&truth));
    case.note_end(run, &terms);
    for mark in plan.expect.reach.iter().filter(|mark| !reached(run, mark)) {
        case.inconclusive.push(format!("never reached: {mark}"));
    }
    case.close()
}

/// Judges a history alone, from any system: only what clients saw.
pub fn judge_history(history: &History, terms: &Terms, options: &Options) -> Verdict {
    let mut case = Case::default();
    case.check_history(history, terms, options, None);
    case.close()
}

/// Judges a history from a file. One without its end line may go on: what is absent from it may have been cut off.
pub fn judge_recorded(recorded: &Recorded, terms: &Terms, options: &Options) -> Verdict {
    let mut case = Case::default();
    let mut options = options.clone();
    if !recorded.complete {
        let gap = match recorded.cut {
            Some(line) => {
                format!("the file ends in the middle of line {line}: it was cut off there")
            }
            None if recorded.stopped => {
                "reading was stopped at the first violation: the rest is not judged".to_owned()
            }
            None => "the end line is missing: the file may be cut off".to_owned(),
        };
        case.inconclusive.push(gap);
        options.rules = options.rules.without(Anomaly::EosLoss);
    }
    case.check_history(&recorded.history, terms, &options, None);
    case.close()
}

fn reached(run: &Run, mark: &str) -> bool {
    run.reached.get(mark).is_some_and(|count| *count > 0)
}

/// A verdict in the making.
#[derive(Default)]
struct Case {
    /// Internal violations, with what follows from them.
    roots: Vec<Root>,
    /// Everything that no internal violation explains.
    suspects: Vec<Suspect>,
    excused: BTreeMap<(String, String), u64>,
    inconclusive: Vec<String>,
}

impl Case {
    fn add(&mut self, suspect: Suspect) {
        self.suspects.push(suspect);
    }

    fn excuse(&mut self, anomaly: &str, reason: String) {
        *self.excused.entry((anomaly.to_owned(), reason)).or_default() += 1;
    }

    fn check_history(
        &mut self,
        history: &History,
        terms: &Terms,
        options: &Options,
        truth: Option<&CrossCheck<'_>>,
    ) {
        let mut groups: BTreeMap<Group, (Occurrence, Seen, u64)> = BTreeMap::new();
        let examined = examine(history, options);
        self.note_removed(history, options, &examined);
        for occurrence in examined.occurrences {
            if let Some(reason) = excuse(terms, history, &occurrence) {
                self.excuse(occurrence.anomaly.name(), reason);
                continue;
            }
            let group = self.group(history, &occurrence, truth);
            let also = Seen::of(&occurrence);
            let (_, seen, count) = groups.entry(group).or_insert((occurrence, also, 0));
            *seen = seen.and(also);
            *count += 1;
        }
        let mut groups: Vec<(Group, (Occurrence, Seen, u64))> = groups.into_iter().collect();
        groups.sort_by_key(|(_, (first, ..))| first.at_ns);
        for (group, (first, seen, count)) in groups {
            let told = GroupContext { history, terms, truth, first: &first, seen, count };
            self.take(&told, group.whereabouts, group.origin);
        }
        self.inconclusive.extend(gaps(history));
    }

    /// What nobody read and nobody can miss: whoever allows too much sees how much that was.
    fn note_removed(&mut self, history: &History, options: &Options, examined: &Examined) {
        for ((partition, removal), count) in &examined.removed {
            let name = &history.partitions[*partition as usize];
            let reason = match removal {
                Removal::Retention => {
                    let start = options.logs.get(partition).map_or(0, |log| log.log_start_offset);
                    format!("the log of {name} begins at offset {start}")
                }
                Removal::Compaction => {
                    format!("{name} is compacted, and later records have their keys")
                }
            };
            let excused = (Anomaly::Unseen.name().to_owned(), reason);
            *self.excused.entry(excused).or_default() += count;
        }
    }

    /// What an anomaly is told together with: the same anomaly, from the same cause.
    fn group(
        &self,
        history: &History,
        occurrence: &Occurrence,
        truth: Option<&CrossCheck<'_>>,
    ) -> Group {
        let Occurrence { anomaly, partition, .. } = *occurrence;
        let whereabouts = truth.and_then(|truth| truth.whereabouts(occurrence));
        let shown_ns = truth.map_or(occurrence.at_ns, |truth| truth.shown_ns(occurrence));
        let name = &history.partitions[partition as usize];
        let effect = Effect::of(occurrence, shown_ns, name);
        let contradicted = truth.is_some_and(|truth| truth.contradiction(occurrence).is_some());
        let root = self.roots.iter().position(|root| root.explains(&effect).is_some());
        let origin = match (contradicted, root, truth) {
            (true, _, _) => Origin::Account(Source::Checker),
            (false, Some(root), _) => Origin::Root(root),
            (false, None, Some(truth)) => Origin::Account(truth.account(occurrence).source),
            (false, None, None) => Origin::Account(Source::Unproved),
        };
        Group { anomaly, partition, whereabouts, origin }
    }

    /// Takes over the first anomaly of a group, with how many there are.
    fn take(
        &mut self,
        told: &GroupContext<'_>,
        whereabouts: Option<RecordLocation>,
        origin: Origin,
    ) {
        let GroupContext { history, first, .. } = *told;
        let shown_ns = told.truth.map_or(first.at_ns, |truth| truth.shown_ns(first));
        let name = &history.partitions[first.partition as usize];
        let effect = Effect::of(first, shown_ns, name);
        let source = match origin {
            Origin::Root(root) => {
                let root = &mut self.roots[root];
                let name = first.anomaly.name();
                let proof = root.explains(&effect).expect("the group was made by it");
                let summary = told.summary(whereabouts);
                let line = format!("{name}: {summary} (explained by {proof})");
                root.harms(record_in(history, first));
                return root.add_consequence(name, line, told.count);
            }
            Origin::Account(source) => source,
        };
        let mut suspect = client(told, source, whereabouts);
        if let Some(truth) = told.truth {
            let later = self.roots.iter().any(|root| root.is_later_cause_of(&effect));
            suspect.finding.evidence.push(account(truth, first, later));
        }
        if source == Source::Checker {
            suspect.finding = disagreement(suspect.finding);
        }
        self.suspects.push(suspect);
    }

    fn note_end(&mut self, run: &Run, terms: &Terms) {
        for unmet in &run.unmet {
            self.excuse(unmet.goal.name(), unmet.reason.clone());
        }
        match &run.end {
            End::Quiesced => {}
            End::TimeLimit { goal, pending, since_ms, unrecoverable } => {
                match unrecoverable.clone().or_else(|| hopeless(terms, pending)) {
                    Some(reason) => {
                        self.inconclusive
                            .push(format!("not converged: {pending}; legal: {reason}"));
                        self.excuse(goal.name(), reason.clone());
                    }
                    None => self.add(not_converged(run, terms, *goal, (pending, *since_ms))),
                }
            }
            End::Panicked { message, node } => match terms.metadata_gone(u64::MAX) {
                // The model's assertions take for granted that the quorum keeps what it committed.
                Some(reason) => {
                    let told = format!("an assertion failed: {message}; legal: {reason}");
                    self.inconclusive.push(told);
                    self.excuse("model-panic", reason);
                }
                None => self.add(panicked(run, message, *node)),
            },
        }
    }

    /// Folds consequences under roots: internal causes first, then what clients saw, then what never happened.
    fn close(self) -> Verdict {
        let findings = root_cause::findings(self.roots, self.suspects);
        let outcome = match (findings.is_empty(), self.inconclusive.is_empty()) {
            (false, _) => Outcome::Violated,
            (true, false) => Outcome::Inconclusive,
            (true, true) => Outcome::Held,
        };
        let excused = self.excused.into_iter();
        Verdict {
            outcome,
            findings,
            excused: excused
                .map(|((anomaly, reason), count)| Excuse { anomaly, reason, count })
                .collect(),
            inconclusive: self.inconclusive,
        }
    }
}

/// Why what is pending may never come, because of damage that the scenario allows.
fn hopeless(terms: &Terms, pending: &str) -> Option<String> {
    let named = |name: &str| pending.split([' ', ',']).any(|word| word == name);
    let of_it = terms.spoiled.iter().find(|spoiled| named(&spoiled.name));
    let spoiled = of_it.and_then(|spoiled| terms.spoiled(spoiled.partition, u64::MAX));
    spoiled.or_else(|| terms.metadata_gone(u64::MAX))
}

/// Anomalies that are told as one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Group {
    anomaly: Anomaly,
    partition: u32,
    whereabouts: Option<RecordLocation>,
    origin: Origin,
}

/// Where an anomaly comes from.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    /// An internal violation, by position of its root.
    Root(usize),
    /// Somebody else.
    Account(Source),
}

/// What a group is told from.
struct GroupContext<'a> {
    history: &'a History,
    terms: &'a Terms,
    truth: Option<&'a CrossCheck<'a>>,
    first: &'a Occurrence,
    /// All of them together.
    seen: Seen,
    count: u64,
}

impl GroupContext<'_> {
    fn summary(&self, whereabouts: Option<RecordLocation>) -> String {
        let mut summary = self.first.summary(self.history);
        if let Some(whereabouts) = whereabouts.filter(|known| *known != RecordLocation::Unknown) {
            summary = format!("{summary}: {}", whereabouts.describe());
        }
        if self.count > 1 {
            summary = format!("{summary} (and {} more)", self.count - 1);
        }
        summary
    }
}

/// What the true state says about an anomaly that no violation explains, in one line.
fn account(truth: &CrossCheck<'_>, first: &Occurrence, later: bool) -> String {
    if let Some(contradiction) = truth.contradiction(first) {
        return contradiction;
    }
    let Account { source, line } = truth.account(first);
    if later && source == Source::Unproved {
        let line =
            "client-side: what broke inside on this partition broke later and cannot explain it";
        return line.to_owned();
    }
    line
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

fn internal(run: &Run, terms: &Terms, violation: &Violation) -> Suspect {
    let place = format!("at node {}, event {}", violation.node, violation.event);
    let mut evidence = violation.evidence.clone();
    evidence.push(format!(
        "{} seen {place}{}",
        seconds(violation.at_ns),
        last_faults(run, violation)
    ));
    let partition = root_cause::partition_name(run, violation);
    let position = |name: &String| run.history.partitions.iter().position(|known| known == name);
    let broken = partition
        .as_ref()
        .and_then(position)
        .map_or(Place::Cluster, |position| Place::Partition(position as u32));
    Suspect {
        at_ns: violation.at_ns,
        view: View::Internal,
        partition,
        guarantee: Some(violation.guarantee),
        seen: None,
        finding: Finding {
            guarantee: violation.guarantee.name().to_owned(),
            anomaly: violation.anomaly.clone(),
            summary: violation.summary.clone(),
            promise: promise(terms, violation.guarantee, broken, None),
            evidence,
            record: record_of(run, violation),
            ..Finding::default()
        },
    }
}

/// The first record that a violation names.
fn record_of(run: &Run, violation: &Violation) -> Option<Record> {
    let (offset, _) = violation.offsets?;
    let metadata = violation.partition == Some(TopicPartition::METADATA);
    let partition = match root_cause::partition_name(run, violation) {
        Some(name) => name,
        None if metadata => METADATA_NAME.to_owned(),
        None => return None,
    };
    let value = cross_check::first_acknowledged(&run.history, &partition, offset);
    let value = value.map(|value| value_name(&run.history, value));
    Some(Record { partition, offset, value })
}

/// The faults that were injected last before it.
fn last_faults(run: &Run, violation: &Violation) -> String {
    let before = |fault: &&InjectedFault| {
        fault.at_ms.saturating_mul(1_000_000) <= violation.at_ns && !fault.nodes.is_empty()
    };
    let mut last: Vec<String> = run
        .faults
        .iter()
        .rev()
        .filter(before)
        .take(2)
        .map(|fault| {
            format!("{}.{:03}s {}", fault.at_ms / 1_000, fault.at_ms % 1_000, fault.summary)
        })
        .collect();
    last.reverse();
    if last.is_empty() { String::new() } else { format!("; last faults: {}", last.join("; ")) }
}

fn client(told: &GroupContext<'_>, source: Source, whereabouts: Option<RecordLocation>) -> Suspect {
    let GroupContext { history, terms, first, .. } = *told;
    let mut evidence = first.evidence(history);
    let unknown = whereabouts.unwrap_or(RecordLocation::Unknown) == RecordLocation::Unknown;
    if first.anomaly == Anomaly::Unseen && unknown {
        evidence.extend(cross_check::guess(history, first));
    }
    let guarantee = first.anomaly.guarantee();
    let writer = first.subject.writer.map(|writer| cross_check::process(history, writer));
    Suspect {
        at_ns: first.at_ns,
        view: View::Client(source),
        guarantee: Some(guarantee),
        seen: Some(told.seen),
        partition: Some(history.partitions[first.partition as usize].clone()),
        finding: Finding {
            guarantee: guarantee.name().to_owned(),
            anomaly: first.anomaly.name().to_owned(),
            summary: told.summary(whereabouts),
            promise: promise_to_clients(terms, first.anomaly, first.partition, writer),
            evidence,
            whereabouts: whereabouts
                .or_else(|| (first.anomaly == Anomaly::Unseen).then_some(RecordLocation::Unknown)),
            record: record_in(history, first),
            ..Finding::default()
        },
    }
}

/// The record that an anomaly is about: for a poll that passed one over, that one.
fn record_in(history: &History, occurrence: &Occurrence) -> Option<Record> {
    let record = match occurrence.anomaly.kind() {
        Kind::PassedOver => occurrence.other?,
        Kind::EndOffset | Kind::Group | Kind::Cycle => return None,
        Kind::Missing | Kind::Misplaced | Kind::Repeated | Kind::Shown | Kind::Between => {
            occurrence.subject
        }
    };
    (record.offset >= 0).then(|| Record {
        partition: history.partitions[occurrence.partition as usize].clone(),
        offset: record.offset,
        value: Some(value_name(history, record.value)),
    })
}

fn panicked(run: &Run, message: &str, node: Option<NodeId>) -> Suspect {
    let place = match node {
        Some(node) => format!("at node {node}"),
        None => "outside of any node".to_owned(),
    };
    let at_ms = run.stats.simulated_ms;
    let (seconds, rest) = (at_ms / 1_000, at_ms % 1_000);
    Suspect {
        at_ns: at_ms.saturating_mul(1_000_000),
        view: View::Panic,
        partition: None,
        guarantee: None,
        seen: None,
        finding: Finding {
            guarantee: "model".to_owned(),
            anomaly: "model-panic".to_owned(),
            summary: format!("an assertion failed {place}: {message}"),
            promise: "the model's own assertions, which hold in every run".to_owned(),
            evidence: vec![
                format!("{seconds}.{rest:03}s the run ended, at event {}", run.stats.events),
                "a broken assertion says nothing about what Kafka promises: it is a bug of the model \
                 or of Harrow, or a defect that was switched on"
                    .to_owned(),
            ],
            ..Finding::default()
        },
    }
}

fn not_converged(
    run: &Run,
    terms: &Terms,
    goal: Goal,
    (pending, since_ms): (&str, u64),
) -> Suspect {
    let end_ms = run.stats.simulated_ms;
    Suspect {
        at_ns: end_ms.saturating_mul(1_000_000),
        view: View::Liveness,
        partition: None,
        guarantee: Some(Guarantee::Liveness),
        seen: None,
        finding: Finding {
            guarantee: Guarantee::Liveness.name().to_owned(),
            anomaly: goal.name().to_owned(),
            summary: format!("after the heal, this never came: {pending}"),
            promise: promise(terms, Guarantee::Liveness, Place::Cluster, None),
            evidence: vec![
                format!("goal: {} ({})", goal.entry().converges, goal.entry().source),
                format!("{} the last progress", seconds(since_ms.saturating_mul(1_000_000))),
                format!("{} given up", seconds(end_ms.saturating_mul(1_000_000))),
            ],
            ..Finding::default()
        },
    }
}

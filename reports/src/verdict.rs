//! The verdict on a run: both views judged, what is legal excused, one root cause first.

use std::collections::BTreeMap;

use harrow_broker_model::types::{NodeId, TopicPartition};
use harrow_sim::history::{Completion, History, What};
use harrow_sim::plan::Plan;
use harrow_sim::run::{End, InjectedFault, Run};
use harrow_sim::violation::{Guarantee, Violation};
use serde::{Deserialize, Serialize};

use crate::check::{Anomaly, Occurrence, Options, check};
use crate::gaps::gaps;
use crate::history_file::Recorded;
use crate::policy::{Terms, excuse, excuse_violation};
use crate::promise::{Place, promise};

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
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
    /// What follows from it, oldest first, one line each.
    pub consequences: Vec<String>,
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
    for violation in &run.violations {
        match excuse_violation(&terms, plan, run, violation) {
            Some(reason) => case.excuse(&violation.anomaly, reason),
            None => case.add(internal(run, &terms, violation)),
        }
    }
    case.check_history(&run.history, &terms, &Options::default());
    case.note_end(run, &terms);
    for mark in plan.expect.reach.iter().filter(|mark| !reached(run, mark)) {
        case.inconclusive.push(format!("never reached: {mark}"));
    }
    case.close(true)
}

/// Judges a history alone, from any system: only what clients saw.
pub fn judge_history(history: &History, terms: &Terms, options: &Options) -> Verdict {
    let mut case = Case::default();
    case.check_history(history, terms, options);
    case.close(false)
}

/// Judges a history from a file. One without its end line may go on: what is absent from it may have been cut off.
pub fn judge_recorded(recorded: &Recorded, terms: &Terms, options: &Options) -> Verdict {
    let mut case = Case::default();
    let mut options = options.clone();
    if !recorded.complete {
        let gap = "the end line is missing: the file may be cut off";
        case.inconclusive.push(gap.to_owned());
        options.rules = options.rules.without(Anomaly::EosLoss);
    }
    case.check_history(&recorded.history, terms, &options);
    case.close(false)
}

fn reached(run: &Run, mark: &str) -> bool {
    run.reached.get(mark).is_some_and(|count| *count > 0)
}

/// A broken rule before it is known whether it is a root.
struct Suspect {
    at_ns: u64,
    view: View,
    /// By name; `None` concerns the whole cluster.
    partition: Option<String>,
    /// What is broken; none for a panic.
    guarantee: Option<Guarantee>,
    finding: Finding,
}

/// Who saw it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum View {
    /// The watch, in true state.
    Internal,
    /// The checks, in the history.
    Client,
    /// Nobody: what should have happened did not.
    Liveness,
    /// The model itself.
    Panic,
}

/// A verdict in the making.
#[derive(Default)]
struct Case {
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

    fn check_history(&mut self, history: &History, terms: &Terms, options: &Options) {
        let mut groups: BTreeMap<(Anomaly, u32), (Occurrence, u64)> = BTreeMap::new();
        for occurrence in check(history, options) {
            if let Some(reason) = excuse(terms, history, &occurrence) {
                self.excuse(occurrence.anomaly.name(), reason);
                continue;
            }
            let key = (occurrence.anomaly, occurrence.partition);
            groups.entry(key).or_insert((occurrence, 0)).1 += 1;
        }
        let found = groups.values();
        self.suspects.extend(found.map(|(first, count)| client(history, terms, first, *count)));
        self.inconclusive.extend(gaps(history));
    }

    fn note_end(&mut self, run: &Run, terms: &Terms) {
        match &run.end {
            End::Quiesced | End::Violated => {}
            End::TimeLimit { pending, unrecoverable } => {
                match unrecoverable.as_ref().or(terms.metadata_damage.as_ref()) {
                    Some(reason) => {
                        self.inconclusive
                            .push(format!("not converged: {pending}; legal: {reason}"));
                        self.excuse("not-converged", reason.clone());
                    }
                    None => self.add(not_converged(run, terms, pending)),
                }
            }
            End::Panicked { message, node } => self.add(panicked(run, message, *node)),
        }
    }

    /// Folds consequences under roots: internal causes first, then what clients saw, then what never happened.
    fn close(mut self, both_views: bool) -> Verdict {
        self.suspects.sort_by_key(|suspect| (suspect.view, suspect.at_ns));
        let mut roots: Vec<Suspect> = Vec::new();
        for mut suspect in self.suspects {
            if let Some(root) = roots.iter_mut().find(|root| root.explains(&suspect)) {
                root.fold(&suspect);
                continue;
            }
            if both_views && suspect.view == View::Client {
                let later = roots.iter().any(|root| root.is_later_cause_of(&suspect));
                suspect.finding.evidence.push(client_side(later).to_owned());
            }
            roots.push(suspect);
        }
        roots.sort_by_key(|root| (root.at_ns, root.view));
        let outcome = match (roots.is_empty(), self.inconclusive.is_empty()) {
            (false, _) => Outcome::Violated,
            (true, false) => Outcome::Inconclusive,
            (true, true) => Outcome::Held,
        };
        let excused = self.excused.into_iter();
        Verdict {
            outcome,
            findings: roots.into_iter().map(|root| root.finding).collect(),
            excused: excused
                .map(|((anomaly, reason), count)| Excuse { anomaly, reason, count })
                .collect(),
            inconclusive: self.inconclusive,
        }
    }
}

impl Suspect {
    /// Whether the other one is a consequence: it came no earlier, it concerns the same partition or the root concerns
    /// them all, and what is broken there can break by what is broken here. A panic is never hidden under anything.
    fn explains(&self, other: &Self) -> bool {
        match (self.view, other.view) {
            (View::Internal, View::Internal | View::Client) | (View::Client, View::Client) => {
                self.at_ns <= other.at_ns && self.concerns(other)
            }
            (View::Internal | View::Client | View::Liveness, View::Liveness) => true,
            (View::Client | View::Liveness, View::Internal)
            | (View::Liveness, View::Client)
            | (View::Panic, _)
            | (_, View::Panic) => false,
        }
    }

    fn concerns(&self, other: &Self) -> bool {
        let same_place = self.partition.is_none() || self.partition == other.partition;
        let pair = self.guarantee.zip(other.guarantee);
        same_place && pair.is_some_and(|(cause, effect)| can_break(cause, effect))
    }

    /// Whether this would explain the other one, had it not come after it.
    fn is_later_cause_of(&self, other: &Self) -> bool {
        self.view == View::Internal && self.at_ns > other.at_ns && self.concerns(other)
    }

    fn fold(&mut self, consequence: &Self) {
        let Finding { anomaly, summary, .. } = &consequence.finding;
        let explained = self.view == View::Internal && consequence.view == View::Client;
        self.finding.consequences.push(if explained {
            format!("{anomaly}: {summary} (explained by {})", self.finding.anomaly)
        } else {
            format!("{anomaly}: {summary}")
        });
    }
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

fn client_side(later: bool) -> &'static str {
    if later {
        "client-side: what broke inside on this partition broke later and cannot explain it"
    } else {
        "client-side: no internal violation explains it"
    }
}

fn internal(run: &Run, terms: &Terms, violation: &Violation) -> Suspect {
    let name = |partition: TopicPartition| {
        let topic = run.topics.get(&partition.topic)?;
        Some(format!("{topic}-{}", partition.partition))
    };
    let place = format!("at node {}, event {}", violation.node, violation.event);
    let mut evidence = violation.evidence.clone();
    evidence.push(format!(
        "{} seen {place}{}",
        seconds(violation.at_ns),
        last_faults(run, violation)
    ));
    let partition = violation.partition.and_then(name);
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
        finding: Finding {
            guarantee: violation.guarantee.name().to_owned(),
            anomaly: violation.anomaly.clone(),
            summary: violation.summary.clone(),
            promise: promise(terms, violation.guarantee, broken, None),
            evidence,
            consequences: Vec::new(),
        },
    }
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

fn client(history: &History, terms: &Terms, first: &Occurrence, count: u64) -> Suspect {
    let mut summary = first.summary(history);
    if count > 1 {
        summary = format!("{summary} (and {} more)", count - 1);
    }
    let mut evidence = first.evidence(history);
    if first.anomaly == Anomaly::Unseen {
        evidence.extend(whereabouts(history, first));
    }
    let guarantee = first.anomaly.guarantee();
    let writer = first.subject.writer.map(|w| history.row(w).process);
    Suspect {
        at_ns: first.at_ns,
        view: View::Client,
        guarantee: Some(guarantee),
        partition: Some(history.partitions[first.partition as usize].clone()),
        finding: Finding {
            guarantee: guarantee.name().to_owned(),
            anomaly: first.anomaly.name().to_owned(),
            summary,
            promise: promise(terms, guarantee, Place::Partition(first.partition), writer),
            evidence,
            consequences: Vec::new(),
        },
    }
}

/// Lost or stuck? The last end offset that a client was told after the acknowledgement decides.
fn whereabouts(history: &History, unseen: &Occurrence) -> Option<String> {
    let offset = Some(unseen.subject.offset).filter(|offset| *offset >= 0)?;
    let acknowledged = history.row(unseen.subject.operation);
    let end = history.details().iter().rev().find_map(|detail| {
        let row = history.row(detail.operation);
        let later = row.completion == Completion::Ok && row.invoked_ns > acknowledged.completed_ns;
        if let What::EndOffset { partition, offset: Some(end) } = detail.what {
            (later && partition == unseen.partition).then_some(end)
        } else {
            None
        }
    })?;
    Some(if end > offset {
        format!("stuck: the partition's end was {end} afterwards, so the log goes past it")
    } else {
        format!("lost: the partition's end was {end} afterwards, so it is not in the log")
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
            consequences: Vec::new(),
        },
    }
}

fn not_converged(run: &Run, terms: &Terms, pending: &str) -> Suspect {
    Suspect {
        at_ns: run.stats.simulated_ms.saturating_mul(1_000_000),
        view: View::Liveness,
        partition: None,
        guarantee: Some(Guarantee::Liveness),
        finding: Finding {
            guarantee: Guarantee::Liveness.name().to_owned(),
            anomaly: "not-converged".to_owned(),
            summary: format!("after the heal, this never came: {pending}"),
            promise: promise(terms, Guarantee::Liveness, Place::Cluster, None),
            evidence: vec![format!("given up at {} ms of simulated time", run.stats.simulated_ms)],
            consequences: Vec::new(),
        },
    }
}

fn seconds(at_ns: u64) -> String {
    format!("{}.{:06}s", at_ns / 1_000_000_000, at_ns / 1_000 % 1_000_000)
}

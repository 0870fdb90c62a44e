//! What two runs have in common, where they part, and what came of it.
//!
//! Runs of the same seed are the same up to the first thing that their plans have otherwise and that matters. From
//! there on nearly every row differs by some microseconds, which says nothing: so facts are told by what is in them, at
//! which node, and not by when; and of facts those that turn events, not the flow of records and messages.

use std::collections::BTreeMap;

use harrow_reports::judge::judge;
use harrow_reports::report::digest_name;
use harrow_reports::trace::{TraceEvent, events};
use harrow_reports::verdict::Finding;
use harrow_sim::plan::Plan;
use serde::Serialize;
use serde_json::Value;

use crate::pipeline;

/// So many facts are told that only one of the runs has.
const FACTS_MAX: usize = 8;

/// So many facts that came of the first are told, and so many before what is wrong.
const THEN_MAX: [usize; 2] = [2, 3];

/// So many differences of the plans are told.
const CHANGES_MAX: usize = 12;

/// A value of a plan is shown up to so many characters.
const VALUE_MAX: usize = 160;

/// One of two runs.
#[derive(Debug)]
pub struct Side {
    /// What it is called.
    pub name: String,
    /// Its plan.
    pub plan: Plan,
    /// All that happened.
    pub events: Vec<TraceEvent>,
    /// How it stands.
    pub summary: RunSummary,
}

/// What a run came to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunSummary {
    /// What it is called.
    pub name: String,
    /// `held`, `inconclusive` or `violated`.
    pub outcome: &'static str,
    /// Its digest.
    pub digest: String,
    /// Records that were acknowledged.
    pub records_acked: u64,
    /// What is wrong, one line each.
    pub findings: Vec<String>,
    /// The true high watermark of each partition at the end.
    pub committed: BTreeMap<String, i64>,
}

/// The same place of both runs; none where one has ended.
pub type Pair = [Option<TraceEvent>; 2];

/// Where two runs part.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What the two came to.
    pub sides: [RunSummary; 2],
    /// What their plans have otherwise.
    pub plans: Vec<String>,
    /// The first events that differ, whatever they are; none if the runs are the same.
    pub first: Option<Pair>,
    /// The first facts that differ.
    pub first_fact: Option<Pair>,
    /// The first facts that differ at each node, in order of time.
    pub nodes: Vec<NodeParting>,
    /// Facts that only one of them has, from there on: the first few.
    pub only: [Vec<TraceEvent>; 2],
    /// And how many there are.
    pub only_count: [usize; 2],
}

/// How a failing run goes otherwise than a passing one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parting {
    /// When and what the failing run states first that the other does not; none if it states nothing more.
    pub failing: Option<String>,
    /// When and what the passing run states in its place; none if it states nothing more.
    pub passing: Option<String>,
    /// What only the failing run states after that, up to what the watch finds first: the first facts and the last.
    pub then: Vec<String>,
}

/// Where the two part at one node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeParting {
    /// Which.
    pub node: i32,
    /// The first facts that differ.
    pub facts: Pair,
}

impl Side {
    /// Runs a plan.
    pub fn of(name: String, plan: Plan) -> Self {
        let run = pipeline::run(&plan, true);
        let verdict = judge(&plan, &run);
        let finding = |finding: &Finding| {
            format!("{} breaks {}: {}", finding.anomaly, finding.guarantee, finding.summary)
        };
        let truths = run.partitions.iter();
        let summary = RunSummary {
            name: name.clone(),
            outcome: verdict.outcome_apart_from_reach().name(),
            digest: digest_name(run.digest),
            records_acked: run.stats.records_acked,
            findings: verdict.findings.iter().map(finding).collect(),
            committed: truths.map(|truth| (truth.name.clone(), truth.high_watermark)).collect(),
        };
        let events = events(&plan, &run);
        Self { name, plan, events, summary }
    }
}

/// Compares two runs.
pub fn difference(one: &Side, other: &Side) -> Difference {
    let rows = [&one.events, &other.events].map(|events| events.iter().collect::<Vec<_>>());
    let first =
        first_differing(&rows, |a, b| a.at_ns == b.at_ns && a.node == b.node && a.text == b.text);
    let facts = [&one.events, &other.events]
        .map(|events| events.iter().filter(|event| tells(event)).collect::<Vec<&TraceEvent>>());
    let first_fact = first_differing(&facts, is_same_fact);
    let (only, only_count) = match &first_fact {
        Some(_) => alone(&facts),
        None => ([Vec::new(), Vec::new()], [0, 0]),
    };
    Difference {
        sides: [one.summary.clone(), other.summary.clone()],
        plans: plan_changes(&one.plan, &other.plan),
        first,
        nodes: partings_by_node(&facts),
        first_fact,
        only,
        only_count,
    }
}

fn is_same_fact(a: &TraceEvent, b: &TraceEvent) -> bool {
    a.node == b.node && a.text == b.text
}

/// Families that tell of the flow of records and messages.
const FLOW: [&str; 6] = ["message", "disk", "operation", "exchange", "producer", "consumer"];

/// Kinds that do.
const FLOWING: [&str; 14] = [
    "appended",
    "high-watermark-moved",
    "follower-heard",
    "log-synced",
    "state-persisted",
    "metadata-applied",
    "write-answered",
    "commit-accepted",
    "deadline-passed",
    "closed",
    "connected",
    "connection-closed",
    "connection-lost",
    "disconnected",
];

/// Whether an event is a turn of events.
pub fn tells(event: &TraceEvent) -> bool {
    !FLOW.contains(&event.family.as_str()) && !FLOWING.contains(&event.kind.as_str())
}

fn first_differing(
    sides: &[Vec<&TraceEvent>; 2],
    same: impl Fn(&TraceEvent, &TraceEvent) -> bool,
) -> Option<Pair> {
    let [one, other] = sides;
    let common = one.iter().zip(other).take_while(|(a, b)| same(a, b)).count();
    let at = |side: &Vec<&TraceEvent>| side.get(common).map(|event| (*event).clone());
    let pair = [at(one), at(other)];
    pair.iter().any(Option::is_some).then_some(pair)
}

/// Runs a plan that fails and one that passes, and finds where they part and what came of it.
pub fn parting(failing: &Plan, passing: &Plan) -> Option<Parting> {
    let told = |plan: &Plan| -> (Vec<TraceEvent>, Option<u64>) {
        let run = pipeline::run(plan, true);
        let facts = events(plan, &run).into_iter().filter(|it| it.node.is_some() && tells(it));
        (facts.collect(), run.violations.first().map(|found| found.at_ns))
    };
    let ((one, wrong_at), (other, _)) = (told(failing), told(passing));
    let facts = [one.iter().collect(), other.iter().collect()];
    let pair = first_differing(&facts, is_same_fact)?;
    let until = wrong_at.unwrap_or(u64::MAX);
    let mut came: Vec<&TraceEvent> = without(&facts[0], &facts[1]);
    came.retain(|event| event.at_ns <= until && pair[0].as_ref() != Some(*event));
    let text = |event: &TraceEvent| {
        let node = event.node.map_or_else(String::new, |node| format!("node {node}: "));
        format!("{} {node}{}", seconds(event.at_ns), event.text)
    };
    let [first, last] = THEN_MAX;
    let left_out = first..came.len().saturating_sub(last).max(first);
    let kept = came.iter().enumerate().filter(|(place, _)| !left_out.contains(place));
    let then = kept.map(|(_, event)| text(event)).collect();
    let [failing, passing] = pair.map(|event| event.as_ref().map(text));
    Some(Parting { failing, passing, then })
}

fn partings_by_node(facts: &[Vec<&TraceEvent>; 2]) -> Vec<NodeParting> {
    let mut nodes: Vec<i32> = facts.iter().flatten().filter_map(|event| event.node).collect();
    nodes.sort_unstable();
    nodes.dedup();
    let of = |node: i32| {
        let [one, other] = facts;
        let facts = first_differing(&[at_node(one, node), at_node(other, node)], is_same_fact)?;
        Some(NodeParting { node, facts })
    };
    let mut all: Vec<NodeParting> = nodes.into_iter().filter_map(of).collect();
    all.sort_by_key(|parting| parting.facts.iter().flatten().map(|event| event.at_ns).min());
    all
}

fn at_node<'a>(side: &[&'a TraceEvent], node: i32) -> Vec<&'a TraceEvent> {
    side.iter().copied().filter(|event| event.node == Some(node)).collect()
}

/// Facts that only one side has, the first few, and how many.
fn alone(facts: &[Vec<&TraceEvent>; 2]) -> ([Vec<TraceEvent>; 2], [usize; 2]) {
    let [one, other] = facts;
    let all = [without(one, other), without(other, one)];
    let counts = [all[0].len(), all[1].len()];
    (all.map(|events| events.into_iter().take(FACTS_MAX).cloned().collect()), counts)
}

fn without<'a>(side: &[&'a TraceEvent], other: &[&TraceEvent]) -> Vec<&'a TraceEvent> {
    let mut there: BTreeMap<(Option<i32>, &str), usize> = BTreeMap::new();
    for event in other {
        *there.entry((event.node, &event.text)).or_default() += 1;
    }
    let mut left = Vec::new();
    for event in side {
        match there.get_mut(&(event.node, event.text.as_str())) {
            Some(count) if *count > 0 => *count -= 1,
            Some(_) | None => left.push(*event),
        }
    }
    left
}

/// What two plans have otherwise, as people read it.
///
/// # Panics
/// Never: a plan is plain data.
pub fn plan_changes(one: &Plan, other: &Plan) -> Vec<String> {
    let mut found = Vec::new();
    steps(one, other, &mut found);
    let [one, other] = [one, other].map(|plan| {
        let mut tree = serde_json::to_value(plan).expect("a plan is plain data");
        if let Some(tree) = tree.as_object_mut() {
            for key in ["steps", "drawn"] {
                tree.remove(key);
            }
        }
        tree
    });
    compare("", &one, &other, &mut found);
    // What a seed salts differs with it, and says nothing.
    found.sort_by_key(|change| change.contains("jitter_salt: "));
    let more = found.len().saturating_sub(CHANGES_MAX);
    found.truncate(CHANGES_MAX);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
}

fn steps(one: &Plan, other: &Plan, found: &mut Vec<String>) {
    let by_id = |plan: &Plan| -> BTreeMap<u32, Value> {
        let value = |step| serde_json::to_value(step).expect("a step is plain data");
        plan.steps.iter().map(|step| (step.id, value(step))).collect()
    };
    let (mut before, after) = (by_id(one), by_id(other));
    for (id, step) in after {
        match before.remove(&id) {
            None => found.push(format!("step {id} is added: {}", short(&step))),
            Some(was) => compare(&format!("/step {id}"), &was, &step, found),
        }
    }
    found.extend(before.iter().map(|(id, step)| format!("step {id} is gone: {}", short(step))));
}

fn compare(place: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(one), Value::Object(other)) => {
            let mut keys: Vec<&String> = one.keys().chain(other.keys()).collect();
            keys.sort();
            keys.dedup();
            for key in keys {
                let at = |map: &serde_json::Map<String, Value>| {
                    map.get(key).cloned().unwrap_or(Value::Null)
                };
                compare(&format!("{place}/{key}"), &at(one), &at(other), found);
            }
        }
        (Value::Array(ones), Value::Array(others)) if ones.iter().chain(others).any(is_nested) => {
            let place_of = |index: usize| format!("{place}/{}", index + 1);
            for (index, (one, other)) in ones.iter().zip(others).enumerate() {
                compare(&place_of(index), one, other, found);
            }
            let common = ones.len().min(others.len());
            let more = |side: &[Value], gone: &str, found: &mut Vec<String>| {
                for (index, item) in side.iter().enumerate().skip(common) {
                    let place = place_of(index);
                    found.push(format!(
                        "{} is {gone}: {}",
                        place.trim_start_matches('/'),
                        short(item)
                    ));
                }
            };
            more(ones, "gone", found);
            more(others, "added", found);
        }
        _ if one == other => {}
        _ => {
            let place = place.trim_start_matches('/');
            found.push(format!("{place}: {} against {}", short(one), short(other)));
        }
    }
}

fn is_nested(value: &Value) -> bool {
    value.is_object() || value.is_array()
}

/// A value on a line: what is too long is cut.
fn short(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= VALUE_MAX {
        return text;
    }
    let head: String = text.chars().take(VALUE_MAX).collect();
    format!("{head}...")
}

impl Difference {
    /// As lines for people.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (label, side) in ["one  ", "other"].iter().zip(&self.sides) {
            let RunSummary { name, outcome, digest, records_acked, .. } = side;
            lines.push(format!(
                "{label}  {name}: {outcome}, {records_acked} records acked, digest {digest}"
            ));
        }
        for change in &self.plans {
            lines.push(format!("the plans differ: {change}"));
        }
        let Some(first) = &self.first else {
            lines.push("the runs are the same, event for event".to_owned());
            return lines;
        };
        pair("the first event that differs", first, &mut lines);
        match &self.first_fact {
            Some(fact) => pair("the first fact that differs", fact, &mut lines),
            None => lines.push("no fact differs but by its time".to_owned()),
        }
        self.tell_nodes(&mut lines);
        self.tell_alone(&mut lines);
        self.tell_ends(&mut lines);
        lines
    }

    fn tell_nodes(&self, lines: &mut Vec<String>) {
        if self.nodes.len() > 1 {
            lines.push("at each node, the first fact that differs:".to_owned());
            for NodeParting { facts, .. } in &self.nodes {
                lines.extend(both(facts));
            }
        }
    }

    fn tell_alone(&self, lines: &mut Vec<String>) {
        for (index, label) in ["one", "other"].iter().enumerate() {
            let (events, count) = (&self.only[index], self.only_count[index]);
            if count == 0 {
                continue;
            }
            lines.push(format!("only {label} has ({count} facts):"));
            lines.extend(events.iter().map(|event| format!("  {}", event.line())));
            if count > events.len() {
                lines.push(format!("  and {} more", count - events.len()));
            }
        }
    }

    fn tell_ends(&self, lines: &mut Vec<String>) {
        let [one, other] = &self.sides;
        for (partition, end) in &one.committed {
            if let Some(there) = other.committed.get(partition).filter(|there| *there != end) {
                lines.push(format!("committed at the end of {partition}: {end} against {there}"));
            }
        }
        for (label, side, besides) in [("one", one, other), ("other", other, one)] {
            let own = side.findings.iter().filter(|finding| !besides.findings.contains(finding));
            lines.extend(own.map(|finding| format!("only {label} is broken: {finding}")));
        }
    }
}

/// True time as `12.345678s`.
pub fn seconds(at_ns: u64) -> String {
    format!("{}.{:06}s", at_ns / 1_000_000_000, at_ns / 1_000 % 1_000_000)
}

fn pair(head: &str, pair: &Pair, lines: &mut Vec<String>) {
    lines.push(format!("{head}:"));
    lines.extend(both(pair));
}

fn both(pair: &Pair) -> Vec<String> {
    let line = |event: &Option<TraceEvent>| {
        event.as_ref().map_or_else(|| "(nothing more)".to_owned(), TraceEvent::line)
    };
    vec![format!("  one    {}", line(&pair[0])), format!("  other  {}", line(&pair[1]))]
}

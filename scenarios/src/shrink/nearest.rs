//! Why a plan fails: the nearest plan that passes, and where the two runs part.
//!
//! Nearest is what takes the least away: a little of a fault's time first, then a weaker fault, then a fault less, then
//! a setting, an operation, a client. What the runs have in common up to where they part is what the change did not
//! matter for; the first fact that differs is what it did.

use harrow_reports::judge::judge_held_to;
use harrow_reports::policy::Hold;
use harrow_reports::verdict::Outcome;
use harrow_sim::plan::Plan;
use harrow_sim::run::TraceRow;
use serde::Serialize;
use serde_json::{Value, json};

use super::edit::Edit;
use super::failing_run::FailingRun;
use super::passes::PASSES;
use super::tree::{at, each, list, tree};
use crate::pipeline;

/// The passing plan that is nearest to a failing one.
#[derive(Debug, Clone, PartialEq)]
pub struct Nearest {
    /// It.
    pub plan: Plan,
    /// What it has otherwise.
    pub changes: Vec<Change>,
    /// Where the runs part; none if they never do but for the change itself.
    pub parting: Option<Parting>,
}

/// A difference between the two plans.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// Where, such as `/steps/0/action/for_ms`, or what is gone, such as `step 2`.
    pub place: String,
    /// As the failing plan has it.
    pub from: Value,
    /// As the passing plan has it; `null` if it is gone.
    pub to: Value,
    /// As people read it.
    pub text: String,
}

/// The first facts that differ.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Parting {
    /// When and what in the failing run; none if it states nothing more.
    pub failing: Option<String>,
    /// When and what in the passing run; none if it states nothing more.
    pub passing: Option<String>,
}

/// Looks for the nearest plan that passes, judged as if more had been promised, while `more` says so.
pub fn nearest_passing(
    plan: &Plan,
    failing_run: &FailingRun,
    hold: &Hold,
    more: &dyn Fn() -> bool,
) -> Option<Nearest> {
    let steps = plan.steps.len();
    for edit in edits(plan, failing_run) {
        if !more() {
            return None;
        }
        let Some(candidate) = edit.apply(plan) else { continue };
        if candidate.steps.len() + 1 < steps {
            continue;
        }
        let run = pipeline::run(&candidate, false);
        let verdict = judge_held_to(&candidate, &run, hold);
        if verdict.outcome_apart_from_reach() == Outcome::Held {
            let changes = changes(plan, &candidate);
            let parting = parting(plan, &candidate);
            return Some(Nearest { plan: candidate, changes, parting });
        }
    }
    None
}

/// What is tried, the least change first.
fn edits(plan: &Plan, failing_run: &FailingRun) -> Vec<Edit> {
    let mut edits = a_little_less(&tree(plan));
    for name in ["weaker faults", "steps", "settings", "operations", "clients and clocks"] {
        let pass = PASSES.iter().find(|pass| pass.name == name).expect("a pass of that name");
        edits.extend(pass.edits(plan, failing_run));
    }
    edits
}

/// A little less of a fault's duration.
fn a_little_less(tree: &Value) -> Vec<Edit> {
    let mut places = Vec::new();
    each(at(tree, "/steps"), "/steps", &mut |place, key, value| {
        let lasts = ["for_ms", "down_ms"].contains(&key);
        places.extend(value.as_u64().filter(|_| lasts).map(|now| (place.to_owned(), now)));
    });
    let mut edits = Vec::new();
    for (part, whole) in [(1, 20), (1, 10), (1, 4), (1, 2)] {
        for (place, now) in &places {
            let less = now - now * part / whole;
            if less > 0 && less < *now {
                edits.push(Edit::put(place.clone(), json!(less)));
            }
        }
    }
    edits
}

/// How the passing plan differs.
pub fn changes(failing: &Plan, passing: &Plan) -> Vec<Change> {
    let (before, after) = (tree(failing), tree(passing));
    let mut found = Vec::new();
    for key in ["steps", "clients"] {
        found.extend(gone(&before, &after, key));
    }
    if found.is_empty() {
        each(&before, "", &mut |place, _, from| {
            let to = at(&after, place);
            // What says that a plan is as it was drawn is no part of what was.
            if place != "/drawn" && !from.is_object() && !from.is_array() && from != to {
                found.push(changed(&before, place, from, to));
            }
        });
    }
    found
}

/// Elements that are only in the failing plan.
fn gone(before: &Value, after: &Value, key: &str) -> Vec<Change> {
    let place = format!("/{key}");
    let kept = list(after, &place);
    if kept.len() == list(before, &place).len() {
        return Vec::new();
    }
    let is_gone = |element: &&Value| !kept.contains(element);
    let singular = key.trim_end_matches('s');
    let gone = list(before, &place).iter().enumerate();
    gone.filter(|(_, element)| is_gone(element))
        .map(|(position, element)| {
            let text = match key {
                "steps" => format!("without the {}", step_text(element)),
                _ => format!("without {singular} {}", at(element, "/config/node")),
            };
            let place = format!("{place}/{position}");
            Change { place, from: element.clone(), to: Value::Null, text }
        })
        .collect()
}

fn changed(tree: &Value, place: &str, from: &Value, to: &Value) -> Change {
    let name = place.rsplit('/').next().unwrap_or_default();
    let step = place.strip_prefix("/steps/").and_then(|rest| rest.split('/').next());
    let step = step.and_then(|position| position.parse::<usize>().ok());
    let step = step.and_then(|position| list(tree, "/steps").get(position));
    let whose = step.map_or_else(String::new, |step| format!(" of the {}", step_text(step)));
    let text = format!("with `{name}`{whose} {} instead of {}", plain(to), plain(from));
    Change { place: place.to_owned(), from: from.clone(), to: to.clone(), text }
}

/// Texts without quotes.
fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// A step as people name it: `crash of leader-of orders-0 at 5300 ms`.
pub(super) fn step_text(step: &Value) -> String {
    let action = at(step, "/action");
    let mut text = plain(at(action, "/kind"));
    let shape = at(action, "/cut/shape");
    if !shape.is_null() {
        text = format!("{text} ({})", plain(shape));
    }
    let target = [at(action, "/target"), at(action, "/cut/target")];
    if let Some(target) = target.iter().find_map(|target| target.as_str()) {
        text = format!("{text} of {target}");
    }
    format!("{text} at {} ms", at(step, "/at_ms"))
}

/// Runs both with a trace and finds the first facts that differ.
pub fn parting(failing: &Plan, passing: &Plan) -> Option<Parting> {
    let facts = |plan: &Plan| -> Vec<TraceRow> {
        let rows = pipeline::run(plan, true).trace.unwrap_or_default();
        rows.into_iter().filter(|row| row.node.is_some() && is_fact(&row.text)).collect()
    };
    let (one, other) = (facts(failing), facts(passing));
    let alike = |(a, b): &(&TraceRow, &TraceRow)| a.node == b.node && a.text == b.text;
    let common = one.iter().zip(&other).take_while(alike).count();
    let text = |rows: &[TraceRow]| rows.get(common).map(row_text);
    let parting = Parting { failing: text(&one), passing: text(&other) };
    (parting.failing.is_some() || parting.passing.is_some()).then_some(parting)
}

fn row_text(row: &TraceRow) -> String {
    let node = row.node.map_or_else(String::new, |node| format!("node {node}: "));
    let micros = row.at_ns / 1_000;
    format!("{}.{:06}s {node}{}", micros / 1_000_000, micros % 1_000_000, row.text)
}

/// How rows begin that tell of messages, files and operations, and what is in those that tell of ordinary traffic.
const NO_FACTS: [&str; 18] = [
    "->",
    "<-",
    "deadline",
    "operation",
    "appends",
    "syncs",
    "flush",
    "writes",
    "replaces",
    "truncates",
    "deletes",
    "disconnects",
    "lost its",
    "connection",
    "closes",
    "booted",
    "stop requested",
    "halts",
];
const TRAFFIC: [&str; 10] = [
    ": flushed ",
    "applied metadata",
    ": appended ",
    ": acknowledged produce",
    ": updated high watermark",
    " fetches at ",
    "heartbeat",
    "quorum fetch",
    "checkpoint",
    " position ",
];

/// Whether a row tells of a turn of events rather than of the flow of records and messages.
fn is_fact(text: &str) -> bool {
    !NO_FACTS.iter().any(|start| text.starts_with(start))
        && !TRAFFIC.iter().any(|part| text.contains(part))
}

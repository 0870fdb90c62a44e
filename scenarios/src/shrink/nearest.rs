//! Why a plan fails: the nearest plan that passes, and where the two runs part.
//!
//! Nearest is what takes the least away: a little of a fault's time first, then a weaker fault, then a fault less, then
//! a setting, an operation, a client. What the runs have in common up to where they part is what the change did not
//! matter for; the first fact that differs is what it did.

use harrow_reports::judge::judge_held_to;
use harrow_reports::policy::Hold;
use harrow_reports::verdict::Outcome;
use harrow_sim::plan::Plan;
use serde::Serialize;
use serde_json::{Value, json};

use super::edit::Edit;
use super::failing_run::FailingRun;
use super::passes::PASSES;
use super::tree::{at, each, list, list_mut, tree};
use crate::difference::{Parting, parting};
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

/// How the passing plan differs: steps and clients that only one of them has, then whatever else the two say
/// otherwise.
pub fn changes(failing: &Plan, passing: &Plan) -> Vec<Change> {
    let (mut before, mut after) = (tree(failing), tree(passing));
    let mut found = Vec::new();
    for (key, id) in [("/steps", "/id"), ("/clients", "/config/node")] {
        let (old, new) = (ids(&before, key, id), ids(&after, key, id));
        found.extend(only_in(&before, key, id, &new).map(|(place, element)| Change {
            text: format!("without {}", element_text(&element)),
            place,
            from: element,
            to: Value::Null,
        }));
        found.extend(only_in(&after, key, id, &old).map(|(place, element)| Change {
            text: format!("with {} as well", element_text(&element)),
            place,
            from: Value::Null,
            to: element,
        }));
        // What both have stands in the same place then.
        for (tree, others) in [(&mut before, &new), (&mut after, &old)] {
            let elements = list_mut(tree, key).into_iter();
            elements.for_each(|list| list.retain(|element| others.contains(at(element, id))));
        }
    }
    let is_said = |place: &str, value: &Value| {
        let is_list = value.as_array().is_some_and(|list| list.iter().any(Value::is_object));
        !value.is_object() && !is_list && !UNSAID.iter().any(|end| place.ends_with(end))
    };
    each(&before, "", &mut |place, _, from| {
        let to = at(&after, place);
        if is_said(place, from) && from != to {
            found.push(changed(&before, place, from, to));
        }
    });
    each(&after, "", &mut |place, _, to| {
        if is_said(place, to) && before.pointer(place).is_none() {
            found.push(changed(&after, place, &Value::Null, to));
        }
    });
    found
}

/// What two plans may have otherwise without a word: that one is as it was drawn; and whom clients ask first follows
/// from the brokers that there are.
const UNSAID: [&str; 2] = ["/drawn", "/bootstrap"];

fn ids(tree: &Value, place: &str, id: &str) -> Vec<Value> {
    list(tree, place).iter().map(|element| at(element, id).clone()).collect()
}

/// Elements of a list whose ids are not among those, with their places.
fn only_in<'a>(
    tree: &'a Value,
    place: &'a str,
    id: &'a str,
    others: &'a [Value],
) -> impl Iterator<Item = (String, Value)> + 'a {
    let elements = list(tree, place).iter().enumerate();
    elements
        .filter(|(_, element)| !others.contains(at(element, id)))
        .map(move |(position, element)| (format!("{place}/{position}"), element.clone()))
}

/// A step or a client as people name it.
fn element_text(element: &Value) -> String {
    let client = at(element, "/config/node");
    if client.is_null() {
        format!("the {}", step_text(element))
    } else {
        format!("client {client}")
    }
}

fn changed(tree: &Value, place: &str, from: &Value, to: &Value) -> Change {
    let name = place.rsplit('/').next().unwrap_or_default();
    let mut parts = place.split('/').skip(1);
    let of = |list_name: &str, position: &str| {
        let position = position.parse::<usize>().ok()?;
        Some(element_text(list(tree, list_name).get(position)?))
    };
    let whose = match (parts.next(), parts.next()) {
        (Some("steps"), Some(position)) => of("/steps", position),
        (Some("clients"), Some(position)) => of("/clients", position),
        _ => None,
    };
    let kind = whose.as_ref().filter(|_| name == "kind" && to.is_string());
    let kind = kind.map(|step| format!("with a {} instead of {step}", plain(to)));
    let whose = whose.map_or_else(String::new, |whose| format!(" of {whose}"));
    let text = kind.unwrap_or_else(|| match (from, to) {
        (_, Value::Null) => format!("without `{name}`{whose}, which is {}", plain(from)),
        (Value::Null, _) => format!("with `{name}`{whose} {}, which is not set", plain(to)),
        _ => format!("with `{name}`{whose} {} instead of {}", plain(to), plain(from)),
    });
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

//! Why a plan fails: the nearest plan that passes, and where the two runs part.
//!
//! Nearest is what takes the least away: a little of a fault's time first, then a weaker fault, then a fault less, then
//! a setting, an operation, a client. What the runs have in common up to where they part is what the change did not
//! matter for; the first fact that differs is what it did. Of what one edit changes together, all is taken back that
//! does not matter.

use harrow_reports::judge::judge_held_to;
use harrow_reports::policy::Hold;
use harrow_reports::verdict::Outcome;
use harrow_sim::plan::Plan;
use serde::Serialize;
use serde_json::{Value, json};

use super::edit::Edit;
use super::failing_run::FailingRun;
use super::passes::PASSES;
use super::tree::{at, each, list, list_mut, set, tree};
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
    let passes = |candidate: &Plan| {
        let run = pipeline::run(candidate, false);
        let verdict = judge_held_to(candidate, &run, hold);
        verdict.outcome_apart_from_reach() == Outcome::Held
    };
    let nearest = nearest_by(plan, failing_run, &passes, more)?;
    let (changes, parting) = (changes(plan, &nearest), parting(plan, &nearest));
    Some(Nearest { plan: nearest, changes, parting })
}

/// The same, for whatever passing is.
pub(super) fn nearest_by(
    plan: &Plan,
    failing_run: &FailingRun,
    passes: &dyn Fn(&Plan) -> bool,
    more: &dyn Fn() -> bool,
) -> Option<Plan> {
    let is_near = |candidate: &Plan| candidate.steps.len() + 1 >= plan.steps.len();
    let edits = edits(plan, failing_run);
    let mut candidates = edits.iter().take_while(|_| more()).filter_map(|edit| edit.apply(plan));
    let found = candidates.find(|candidate| is_near(candidate) && passes(candidate))?;
    Some(narrowed(plan, found, passes, more))
}

/// Takes back of a passing plan's changes what it passes without: one edit may make several.
fn narrowed(
    plan: &Plan,
    mut nearest: Plan,
    passes: &dyn Fn(&Plan) -> bool,
    more: &dyn Fn() -> bool,
) -> Plan {
    let mut left = changes(plan, &nearest);
    let (mut position, mut narrower) = (0, false);
    while left.len() > 1 && more() {
        let Some(change) = left.get(position) else {
            if !narrower {
                break;
            }
            (position, narrower) = (0, false);
            continue;
        };
        let back = taken_back(plan, &nearest, change);
        let fewer = back.map(|back| (changes(plan, &back), back));
        match fewer.filter(|(fewer, back)| fewer.len() < left.len() && passes(back)) {
            Some((fewer, back)) => (left, nearest, narrower) = (fewer, back, true),
            None => position += 1,
        }
    }
    nearest
}

/// The passing plan without one of its changes; none if that is no plan.
fn taken_back(failing: &Plan, passing: &Plan, change: &Change) -> Option<Plan> {
    let (whole, change) = (tree(failing), change.clone());
    let edit = Edit::new(move |tree| match change.element(&whole) {
        Some((list, id)) => take_in(tree, &whole, (list, id), &change.from),
        None => set(tree, &change.place, change.from.clone()),
    });
    edit.apply(passing)
}

/// Puts an element of the whole tree's list where it stood among those that are left.
fn take_in(tree: &mut Value, whole: &Value, (place, id): (&str, &str), element: &Value) -> bool {
    let before = list(whole, place).iter().take_while(|other| *other != element);
    let before: Vec<&Value> = before.map(|other| at(other, id)).collect();
    let Some(list) = list_mut(tree, place) else { return false };
    let position = list.iter().filter(|other| before.contains(&at(other, id))).count();
    list.insert(position, element.clone());
    true
}

/// What is tried, the least change first.
fn edits(plan: &Plan, failing_run: &FailingRun) -> Vec<Edit> {
    let mut edits = a_little_less(&tree(plan));
    for name in ["weaker faults", "steps", "settings", "operations", "clients and clocks"] {
        let pass = PASSES.iter().find(|pass| pass.name == name).expect("a pass of that name");
        // A pass tries the most first.
        edits.extend(pass.edits(plan, failing_run).into_iter().rev());
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

/// Lists whose elements are told apart by what stands there.
const LISTS: [(&str, &str); 5] = [
    ("/steps", "/id"),
    ("/clients", "/config/node"),
    ("/applications", "/name"),
    ("/topics", "/name"),
    ("/clocks", "/node"),
];

/// How the passing plan differs: steps, clients and topics that only one of them has, then whatever else the two say
/// otherwise. What is gone as a whole is one difference.
pub fn changes(failing: &Plan, passing: &Plan) -> Vec<Change> {
    let (mut before, mut after) = (tree(failing), tree(passing));
    let mut found = Vec::new();
    for (key, id) in LISTS {
        let (old, new) = (ids(&before, key, id), ids(&after, key, id));
        found.extend(only_in(&before, key, id, &new).map(|(place, element)| Change {
            text: format!("without {}", element_text(key, &element)),
            place,
            from: element,
            to: Value::Null,
        }));
        found.extend(only_in(&after, key, id, &old).map(|(place, element)| Change {
            text: format!("with {} as well", element_text(key, &element)),
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
    found.extend(changed_fields(&before, &after));
    found.retain(|change| !goes_with_another(change, (&before, &after)));
    found
}

/// What goes with another part of a client, and which.
const GOES_WITH: [(&str, &str); 4] = [
    ("/config/transactional_id", "/transactions"),
    ("/member", "/config/group"),
    ("/pattern", "/config/group"),
    ("/pipeline", "/config/group"),
];

/// Whether a part is gone because another one is, which is told.
fn goes_with_another(change: &Change, (before, after): (&Value, &Value)) -> bool {
    let is_gone = |place: &str| !at(before, place).is_null() && at(after, place).is_null();
    is_gone(&change.place)
        && GOES_WITH.iter().any(|(part, other)| {
            let client = change.place.strip_suffix(part);
            client.is_some_and(|client| is_gone(&format!("{client}{other}")))
        })
}

/// Differences of two trees with the same elements in their lists.
fn changed_fields(before: &Value, after: &Value) -> Vec<Change> {
    let mut found: Vec<Change> = Vec::new();
    let is_told = |found: &[Change], place: &str| {
        let inside =
            |one: &Change| place.strip_prefix(&one.place).is_some_and(|it| it.starts_with('/'));
        found.iter().any(inside)
    };
    let is_said = |place: &str, value: &Value, other: &Value| {
        let has_fields =
            value.is_object() || value.as_array().is_some_and(|it| it.iter().any(Value::is_object));
        (other.is_null() || !has_fields) && !UNSAID.iter().any(|end| place.ends_with(end))
    };
    each(before, "", &mut |place, _, from| {
        let to = at(after, place);
        if from != to && is_said(place, from, to) && !is_told(&found, place) {
            found.push(changed(before, place, from, to));
        }
    });
    each(after, "", &mut |place, _, to| {
        if at(before, place).is_null()
            && is_said(place, to, &Value::Null)
            && !is_told(&found, place)
        {
            found.push(changed(after, place, &Value::Null, to));
        }
    });
    found
}

impl Change {
    /// The list of the failing plan whose element is gone, and what tells its elements apart; none if something else
    /// is otherwise.
    fn element(&self, failing: &Value) -> Option<(&'static str, &'static str)> {
        let (list, _) = self.place.rsplit_once('/')?;
        let is_gone = self.to.is_null() && at(failing, &self.place) == &self.from;
        LISTS.into_iter().find(|(name, _)| *name == list).filter(|_| is_gone)
    }
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

/// An element of a list as people name it.
fn element_text(list: &str, element: &Value) -> String {
    let named = |what: &str, id: &str| format!("{what} {}", plain(at(element, id)));
    match list {
        "/steps" => format!("the {}", step_text(element)),
        "/clients" => named("client", "/config/node"),
        "/applications" => named("application", "/name"),
        "/topics" => named("topic", "/name"),
        _ => named("the clock of node", "/node"),
    }
}

fn changed(tree: &Value, place: &str, from: &Value, to: &Value) -> Change {
    let name = place.rsplit('/').next().unwrap_or_default();
    let whose = LISTS.into_iter().find_map(|(key, _)| {
        let (position, _) = place.strip_prefix(key)?.strip_prefix('/')?.split_once('/')?;
        Some(element_text(key, list(tree, key).get(position.parse::<usize>().ok()?)?))
    });
    let kind = whose.as_ref().filter(|_| name == "kind" && to.is_string());
    let kind = kind.map(|step| format!("with a {} instead of {step}", plain(to)));
    let whose = whose.map_or_else(String::new, |whose| format!(" of {whose}"));
    let text = kind.unwrap_or_else(|| match (from, to) {
        (Value::Object(_), Value::Null) => format!("without `{name}`{whose}"),
        (Value::Null, Value::Object(_)) => format!("with `{name}`{whose}, which is not set"),
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

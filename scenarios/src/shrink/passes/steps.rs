//! Fewer faults, weaker faults, and targets made plain.

use harrow_sim::plan::Target;
use serde_json::{Value, json};

use crate::shrink::edit::{Edit, parts};
use crate::shrink::failing_run::FailingRun;
use crate::shrink::size::is_drawn;
use crate::shrink::tree::{at, each_mut, list, list_mut, put};

/// Without the faults that come after the failure showed: nothing before depends on them.
pub(super) fn after(tree: &Value, failing_run: &FailingRun) -> Vec<Edit> {
    let Some(shown_ms) = failing_run.shown_ms else { return Vec::new() };
    let last_ms = list(tree, "/steps").iter().map(end_ms).filter(|end| *end <= shown_ms);
    let heal_ms = last_ms.max().unwrap_or(0).max(shown_ms).div_ceil(1_000) * 1_000;
    vec![
        Edit::new(move |tree| keep(tree, |step| at_ms(step) <= shown_ms)),
        // Heal and all that follows it take most of a run's time.
        Edit::new(move |tree| {
            keep(tree, |step| end_ms(step) <= heal_ms);
            heal_at(tree, heal_ms)
        }),
        Edit::new(move |tree| heal_at(tree, heal_ms)),
    ]
}

fn heal_at(tree: &mut Value, at_ms: u64) -> bool {
    at(tree, "/heal_at_ms").as_u64().is_some_and(|now| now > at_ms)
        && put(tree, "/heal_at_ms", json!(at_ms))
}

fn at_ms(step: &Value) -> u64 {
    at(step, "/at_ms").as_u64().unwrap_or(0)
}

fn end_ms(step: &Value) -> u64 {
    let lasts = |key: &str| at(step, &format!("/action/{key}")).as_u64().unwrap_or(0);
    at_ms(step).saturating_add(lasts("down_ms").max(lasts("for_ms")))
}

fn keep(tree: &mut Value, keeps: impl Fn(&Value) -> bool) -> bool {
    let Some(steps) = list_mut(tree, "/steps") else { return false };
    let before = steps.len();
    steps.retain(keeps);
    steps.len() < before
}

fn id(step: &Value) -> u64 {
    at(step, "/id").as_u64().unwrap_or(0)
}

pub(super) fn fewer(tree: &Value, _failing_run: &FailingRun) -> Vec<Edit> {
    let ids: Vec<u64> = list(tree, "/steps").iter().map(id).collect();
    let without =
        |part: Vec<u64>| Edit::new(move |tree| keep(tree, |step| !part.contains(&id(step))));
    let only = |one: u64| Edit::new(move |tree| keep(tree, |step| id(step) == one));
    let (all, rest): (Vec<_>, Vec<_>) =
        parts(&ids).into_iter().partition(|part| part.len() == ids.len());
    // Most failures need one fault or two.
    let alone = ids.iter().rev().filter(|_| ids.len() > 2).map(|one| only(*one));
    let all = all.into_iter().map(without);
    all.chain(alone).chain(rest.into_iter().map(without)).collect()
}

/// What may stand in for a kind of fault.
const WEAKER: &[(&str, &[&str])] = &[
    ("wipe-disk", &["stop", "crash", "power-loss"]),
    ("power-loss", &["stop", "bounce", "crash"]),
    ("fail-disk", &["stop", "crash"]),
    ("crash", &["stop", "bounce"]),
    ("decommission-broker", &["stop"]),
    ("delete-topic", &["delete-records"]),
];

/// Fields that a kind needs, for those that it stands in for may have none, and their values then.
const NEEDED: &[(&str, &[(&str, u64)])] =
    &[("stop", &[("down_ms", 1_000)]), ("delete-records", &[("percent", 100)])];

/// What may stand in for a shape of a cut.
const NARROWER: &[(&str, &[&str])] =
    &[("isolate", &["from-clients", "from-controllers", "from-brokers"])];

pub(super) fn weaker(tree: &Value, _failing_run: &FailingRun) -> Vec<Edit> {
    let mut edits = Vec::new();
    for step in list(tree, "/steps") {
        let (step_id, action) = (id(step), at(step, "/action"));
        let kinds = stand_ins(WEAKER, at(action, "/kind"));
        edits.extend(kinds.iter().map(|kind| change(step_id, move |action| other(action, kind))));
        let shapes = stand_ins(NARROWER, at(action, "/cut/shape"));
        edits.extend(
            shapes.iter().map(|shape| {
                change(step_id, move |action| put(action, "/cut/shape", json!(shape)))
            }),
        );
        if let Some(most) = at(action, "/replicas").as_u64() {
            edits.extend((1..most).map(|fewer| {
                change(step_id, move |action| put(action, "/replicas", json!(fewer)))
            }));
        }
        if at(action, "/power") == &json!(true) {
            edits.push(change(step_id, |action| put(action, "/power", json!(false))));
        }
        if ["halves", "bridge", "ring"].iter().any(|shape| at(action, "/cut/shape") == shape) {
            edits.extend(servers(tree).map(|node| {
                let cut = json!({"shape": "isolate", "target": format!("node {node}")});
                change(step_id, move |action| put(action, "/cut", cut.clone()))
            }));
        }
    }
    edits
}

fn stand_ins(table: &'static [(&str, &'static [&str])], name: &Value) -> &'static [&'static str] {
    table.iter().find(|(known, _)| name.as_str() == Some(known)).map_or(&[], |(_, others)| others)
}

fn servers(tree: &Value) -> impl Iterator<Item = i64> + '_ {
    let brokers = list(tree, "/cluster/brokers").iter();
    brokers.chain(list(tree, "/cluster/controllers")).filter_map(Value::as_i64)
}

fn other(action: &mut Value, kind: &str) -> bool {
    if kind == "bounce" {
        put(action, "/down_ms", Value::Null);
    }
    let (_, needed) = NEEDED.iter().find(|(of, _)| *of == kind).unwrap_or(&("", &[]));
    let Some(fields) = action.as_object_mut() else { return false };
    for (field, value) in *needed {
        fields.entry(*field).or_insert_with(|| json!(value));
    }
    put(action, "/kind", json!(kind))
}

/// A change of one step's action.
fn change(step_id: u64, how: impl Fn(&mut Value) -> bool + Send + Sync + 'static) -> Edit {
    Edit::new(move |tree| {
        let mut steps = list_mut(tree, "/steps").into_iter().flatten();
        let found = steps.find(|step| id(step) == step_id);
        found.and_then(|step| step.pointer_mut("/action")).is_some_and(&how)
    })
}

/// Targets that are drawn when the step fires: the node that it was.
pub(super) fn plain_targets(tree: &Value, failing_run: &FailingRun) -> Vec<Edit> {
    let mut edits = Vec::new();
    for step in list(tree, "/steps").iter().map(id) {
        let resolved = u32::try_from(step).ok().and_then(|step| failing_run.resolved.get(&step));
        for node in resolved.into_iter().flatten() {
            let plain = Target::Node(harrow_broker_model::types::NodeId(*node)).to_string();
            edits.push(change(step, move |action| first_drawn(action, &plain)));
        }
    }
    edits
}

/// Names the first target of an action that is drawn.
fn first_drawn(action: &mut Value, plain: &str) -> bool {
    let mut named = false;
    each_mut(action, &mut |_, value| {
        let target = value.as_str().and_then(|text| Target::parse(text).ok());
        if !named && target.is_some_and(|target| is_drawn(&target)) {
            *value = json!(plain);
            named = true;
        }
    });
    named
}

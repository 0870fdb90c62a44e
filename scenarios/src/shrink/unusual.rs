//! Which settings of a plan are not at their defaults. Which they are is asked of the planner: the plan of a scenario
//! that sets nothing has them all, so that a setting that is new there is known here.

use serde_json::{Map, Value};

use super::tree;
use crate::plain::{plain_client, plain_client_like, plain_topic_like, plain_tree};

/// What is no setting, by the end of its place: who and where a client is, how much there is of something, which has
/// passes of its own, and by which rules a run is made.
const NOT_SETTINGS: [&str; 19] = [
    "/node",
    "/bootstrap",
    "/jitter_salt",
    "/record_salt",
    "/brokers",
    "/controllers",
    "/kafka",
    "/defects",
    "/name",
    "/topics",
    "/outputs",
    "/partitions",
    "/replication_factor",
    "/operations",
    "/start_ms",
    "/kind",
    "/group/group",
    "/worker/group",
    "/transactional_id",
];

/// A setting that is not at its default, and that default; `Null` is absent.
#[derive(Clone)]
pub(super) struct Unusual {
    pub(super) place: String,
    pub(super) default: Value,
}

/// The places of a plan's settings that are not at their defaults.
pub(super) fn unusual(tree: &Value) -> Vec<String> {
    differences(tree).into_iter().map(|one| one.place).collect()
}

/// The same, with their defaults. A part that is there only if it is asked for, such as a client's group, is one of
/// them by itself, and so is each of its settings.
pub(super) fn differences(tree: &Value) -> Vec<Unusual> {
    let plain = plain_tree();
    let mut found = Vec::new();
    for section in ["cluster", "network", "disk", "admin", "fresh_producer", "final_reader"] {
        let usual = &plain[section];
        compare(&format!("/{section}"), &tree[section], (usual, usual), &mut found);
    }
    let (converge, usual) = ("/converge_within_ms", &plain["converge_within_ms"]);
    compare(converge, tree::at(tree, converge), (usual, usual), &mut found);
    if !tree::list(tree, "/expect/reach").is_empty() {
        let default = Value::Array(Vec::new());
        found.push(Unusual { place: "/expect/reach".to_owned(), default });
    }
    for (position, topic) in tree::list(tree, "/topics").iter().enumerate() {
        let mut usual = [plain_topic_like(topic), tree::at(&plain, "/topics/0").clone()];
        // A topic that keeps all does not say so: what lets records go is looked at one by one.
        for settings in usual.iter_mut().filter_map(Value::as_object_mut) {
            settings.entry("retention").or_insert_with(nothing);
        }
        compare(&format!("/topics/{position}"), topic, (&usual[0], &usual[1]), &mut found);
    }
    for (position, client) in tree::list(tree, "/clients").iter().enumerate() {
        let usual = (&plain_client_like(client), &plain_client(client));
        compare(&format!("/clients/{position}"), client, usual, &mut found);
    }
    found
}

/// Where a value differs from what is usual for one with the same parts. What the barest one of its kind does not have
/// could be absent. What is usual and missing is left alone.
fn compare(place: &str, value: &Value, usual: (&Value, &Value), found: &mut Vec<Unusual>) {
    let (like, barest) = usual;
    let (Some(have), Some(settings)) = (value.as_object(), like.as_object()) else {
        if value != like && !like.is_null() && !value.is_null() {
            found.push(Unusual { place: place.to_owned(), default: like.clone() });
        }
        return;
    };
    for (key, value) in have {
        let place = format!("{place}/{key}");
        if NOT_SETTINGS.iter().any(|end| place.ends_with(end)) {
            continue;
        }
        let (setting, in_barest) = (settings.get(key), barest.get(key));
        if setting.is_none() || in_barest.is_none() && value.is_object() {
            found.push(Unusual { place: place.clone(), default: Value::Null });
        }
        match (setting, value) {
            (Some(setting), _) => {
                compare(&place, value, (setting, in_barest.unwrap_or(setting)), found);
            }
            (None, Value::Object(_)) => {
                compare(&place, value, (&nothing(), &nothing()), found);
            }
            (None, _) => {}
        }
    }
}

fn nothing() -> Value {
    Value::Object(Map::new())
}

//! Which settings of a plan are not at their defaults. Which they are is asked of the planner: the plan of a scenario
//! that sets nothing has them all, so that a setting that is new there is known here.

use serde_json::Value;

use super::tree;
use crate::plain::plain_tree;

/// What is no setting: who and where a client is, how much there is of something, which has passes of its own, and by
/// which rules a run is made.
const NOT_SETTINGS: [&str; 15] = [
    "node",
    "bootstrap",
    "jitter_salt",
    "brokers",
    "controllers",
    "kafka",
    "defects",
    "name",
    "topics",
    "partitions",
    "replication_factor",
    "operations",
    "start_ms",
    "kind",
    "member",
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

/// The same, with their defaults.
pub(super) fn differences(tree: &Value) -> Vec<Unusual> {
    let plain = plain_tree(None);
    let mut found = Vec::new();
    for section in ["cluster", "network", "disk", "admin", "fresh_producer", "final_reader"] {
        compare(&format!("/{section}"), &tree[section], &plain[section], &mut found);
    }
    let converge = "/converge_within_ms";
    compare(converge, tree::at(tree, converge), tree::at(&plain, converge), &mut found);
    if !tree::list(tree, "/expect/reach").is_empty() {
        let default = Value::Array(Vec::new());
        found.push(Unusual { place: "/expect/reach".to_owned(), default });
    }
    for (position, topic) in tree::list(tree, "/topics").iter().enumerate() {
        let default = tree::at(&plain, "/topics/0");
        compare(&format!("/topics/{position}"), topic, default, &mut found);
    }
    for (position, client) in tree::list(tree, "/clients").iter().enumerate() {
        let plain = plain_tree(tree::at(client, "/kind").as_str());
        let default = tree::at(&plain, "/clients/0");
        compare(&format!("/clients/{position}"), client, default, &mut found);
    }
    found
}

/// Where the two differ. What only one of them has is left alone, unless the default is that it is absent.
fn compare(place: &str, value: &Value, default: &Value, found: &mut Vec<Unusual>) {
    let (Some(have), Some(usual)) = (value.as_object(), default.as_object()) else {
        if value != default && !default.is_null() && !value.is_null() {
            found.push(Unusual { place: place.to_owned(), default: default.clone() });
        }
        return;
    };
    for (key, value) in have.iter().filter(|(key, _)| !NOT_SETTINGS.contains(&key.as_str())) {
        let place = format!("{place}/{key}");
        match usual.get(key) {
            Some(default) => compare(&place, value, default, found),
            None => found.push(Unusual { place, default: Value::Null }),
        }
    }
}

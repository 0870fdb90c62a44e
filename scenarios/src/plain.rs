//! The plan of a scenario that sets nothing: what is at its default, and what an old plan lacks.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use harrow_sim::plan::PLAN_SCHEMA;
use serde_json::Value;

use crate::format::parse;
use crate::planner::plan;

const PLAIN: &str = "name = \"plain\"\nproves = \"Nothing.\"\n[[topic]]\nname = \"orders\"\n";

/// The tree of the plain plan, with one client of a kind; without any if no scenario can ask for such a one.
pub(crate) fn plain_tree(kind: Option<&str>) -> Value {
    static KNOWN: LazyLock<Mutex<BTreeMap<Option<String>, Value>>> = LazyLock::new(Mutex::default);
    let key = kind.map(str::to_owned);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(key).or_insert_with(|| drawn(kind)).clone()
}

fn drawn(kind: Option<&str>) -> Value {
    let load = kind.map_or_else(String::new, |kind| format!("[[load]]\nkind = \"{kind}\"\n"));
    let read = |text: &str| parse("a plain scenario", text, &[]);
    let scenario = read(&format!("{PLAIN}{load}")).or_else(|_| read(PLAIN));
    let scenario = scenario.unwrap_or_else(|error| panic!("{PLAIN}: {:?}", error.mistakes()));
    serde_json::to_value(plan(&scenario, 0)).expect("a plan is plain data")
}

/// Brings the tree of an older plan to this version: what it lacks is at its default. Gives the places of what was
/// added; what it has and nobody knows any more is left for the reader to complain of.
pub(crate) fn migrate(tree: &mut Value) -> Vec<String> {
    let mut added = Vec::new();
    let plain = plain_tree(None);
    for (key, default) in plain.as_object().into_iter().flatten() {
        match tree.get_mut(key) {
            Some(value) if default.is_object() => fill(key, value, default, &mut added),
            Some(_) => {}
            None => {
                added.push(key.clone());
                tree[key] = default.clone();
            }
        }
    }
    for (position, topic) in list(tree, "topics").iter_mut().enumerate() {
        fill(&format!("topics.{position}"), topic, &plain["topics"][0], &mut added);
    }
    for (position, client) in list(tree, "clients").iter_mut().enumerate() {
        let plain = plain_tree(client["kind"].as_str());
        fill(&format!("clients.{position}"), client, &plain["clients"][0], &mut added);
    }
    tree["schema"] = Value::from(PLAN_SCHEMA);
    added
}

fn list<'a>(tree: &'a mut Value, key: &str) -> &'a mut [Value] {
    tree.get_mut(key).and_then(Value::as_array_mut).map_or(&mut [], Vec::as_mut_slice)
}

fn fill(place: &str, value: &mut Value, default: &Value, added: &mut Vec<String>) {
    let (Some(value), Some(default)) = (value.as_object_mut(), default.as_object()) else { return };
    for (key, default) in default {
        let place = format!("{place}.{key}");
        if let Some(value) = value.get_mut(key) {
            fill(&place, value, default, added);
        } else {
            added.push(place);
            value.insert(key.clone(), default.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use harrow_sim::plan::Plan;

    #[test]
    fn what_an_older_plan_lacks_is_added_at_its_default() {
        let whole = plain_tree(Some("consumer"));
        let mut old = whole.clone();
        old["schema"] = Value::from(1);
        for (place, key) in [("", "fresh_producer"), ("/cluster", "segment_bytes")] {
            let object = old.pointer_mut(place).and_then(Value::as_object_mut).expect("an object");
            object.remove(key).expect("it is there");
        }
        let client = old.pointer_mut("/clients/0").and_then(Value::as_object_mut);
        client.expect("a client").remove("reassign_every").expect("it is there");
        let added = migrate(&mut old);
        assert_eq!(added, ["cluster.segment_bytes", "fresh_producer", "clients.0.reassign_every"]);
        assert_eq!(old, whole);
        serde_json::from_value::<Plan>(old).expect("a plan of this version");
    }

    #[test]
    fn what_nobody_knows_any_more_is_left_in_its_place() {
        let mut old = plain_tree(None);
        old["cluster"]["zookeeper_connect"] = Value::from("localhost");
        assert_eq!(migrate(&mut old), Vec::<String>::new());
        let read = serde_json::from_value::<Plan>(old);
        assert!(read.is_err_and(|error| error.to_string().contains("zookeeper_connect")));
    }
}

//! The plan of a scenario that sets nothing: what is at its default, and what an old plan lacks.

use std::collections::BTreeMap;
use std::sync::{LazyLock, Mutex, PoisonError};

use harrow_sim::plan::PLAN_SCHEMA;
use serde_json::Value;

use crate::format::parse;
use crate::planner::plan;

const PLAIN: &str = "name = \"plain\"\nproves = \"Nothing.\"\n[[topic]]\nname = \"orders\"\n";

/// What a pipeline writes to: not what it reads.
const RESULTS: &str = "[[topic]]\nname = \"results\"";

/// The tree of the plain plan.
pub(crate) fn plain_tree() -> Value {
    with("")
}

/// The barest client of the kind that a client is of; `Null` if no scenario can ask for such a one.
pub(crate) fn plain_client(client: &Value) -> Value {
    client_of(&format!("kind = {}", client["kind"]))
}

/// A client that has the same parts as another one, such as a group or transactions, each as it is if nothing more is
/// said of it.
pub(crate) fn plain_client_like(client: &Value) -> Value {
    let has = |place: &str| client.pointer(place).is_some_and(|part| !part.is_null());
    let kind = if has("/transactions") {
        "kind = \"transaction\"".to_owned()
    } else if has("/config/worker") {
        "kind = \"share-consumer\"\ngroup.id = \"plain\"".to_owned()
    } else {
        format!("kind = {}", client["kind"])
    };
    let group = if has("/config/group") { "\ngroup.id = \"plain\"" } else { "" };
    let guarantee = &client["pipeline"]["guarantee"];
    let pipeline = if has("/pipeline") {
        format!(
            "\ntopics = [\"orders\"]\noutputs = [\"results\"]\nguarantee = {guarantee}\n{RESULTS}"
        )
    } else {
        String::new()
    };
    let like = client_of(&format!("{kind}{group}{pipeline}"));
    if like.is_null() { plain_client(client) } else { like }
}

/// The plain topic, compacted as another one is.
pub(crate) fn plain_topic_like(topic: &Value) -> Value {
    let policy = &topic["retention"]["compaction"]["policy"];
    let text =
        if policy.is_null() { String::new() } else { format!("cleanup.policy = {policy}\n") };
    with(&text)["topics"][0].clone()
}

fn client_of(load: &str) -> Value {
    with(&format!("[[load]]\n{load}\n"))["clients"][0].clone()
}

/// The plain plan with a few lines more; without them if no scenario can have these.
fn with(lines: &str) -> Value {
    static KNOWN: LazyLock<Mutex<BTreeMap<String, Value>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(lines.to_owned()).or_insert_with(|| drawn(lines)).clone()
}

fn drawn(lines: &str) -> Value {
    let read = |text: &str| parse("a plain scenario", text, &[]);
    let scenario = read(&format!("{PLAIN}{lines}")).or_else(|_| read(PLAIN));
    let scenario = scenario.unwrap_or_else(|error| panic!("{PLAIN}: {:?}", error.mistakes()));
    serde_json::to_value(plan(&scenario, 0)).expect("a plan is plain data")
}

/// Brings the tree of an older plan to this version: what it lacks is at its default. Gives the places of what was
/// added; what it has and nobody knows any more is left for the reader to complain of.
pub(crate) fn migrate(tree: &mut Value) -> Vec<String> {
    let mut added = Vec::new();
    let plain = plain_tree();
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
        let plain = plain_topic_like(topic);
        fill(&format!("topics.{position}"), topic, &plain, &mut added);
    }
    for (position, client) in list(tree, "clients").iter_mut().enumerate() {
        let plain = plain_client_like(client);
        fill(&format!("clients.{position}"), client, &plain, &mut added);
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
        let whole = with("[[load]]\nkind = \"consumer\"\ngroup.id = \"readers\"\n");
        let mut old = whole.clone();
        old["schema"] = Value::from(1);
        for (place, key) in [("", "fresh_producer"), ("/cluster", "segment_bytes")] {
            let object = old.pointer_mut(place).and_then(Value::as_object_mut).expect("an object");
            object.remove(key).expect("it is there");
        }
        let client = old.pointer_mut("/clients/0").and_then(Value::as_object_mut);
        client.expect("a client").remove("reassign_every").expect("it is there");
        let group = old.pointer_mut("/clients/0/config/group").and_then(Value::as_object_mut);
        group.expect("a group").remove("session_timeout_ms").expect("it is there");
        let added = migrate(&mut old);
        let wanted = [
            "cluster.segment_bytes",
            "fresh_producer",
            "clients.0.config.group.session_timeout_ms",
            "clients.0.reassign_every",
        ];
        assert_eq!(added, wanted);
        assert_eq!(old, whole);
        serde_json::from_value::<Plan>(old).expect("a plan of this version");
    }

    #[test]
    fn what_nobody_knows_any_more_is_left_in_its_place() {
        let mut old = plain_tree();
        old["cluster"]["zookeeper_connect"] = Value::from("localhost");
        assert_eq!(migrate(&mut old), Vec::<String>::new());
        let read = serde_json::from_value::<Plan>(old);
        assert!(read.is_err_and(|error| error.to_string().contains("zookeeper_connect")));
    }
}

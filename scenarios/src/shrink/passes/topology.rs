//! Fewer topics, partitions and replicas; fewer brokers and controllers. The last node of a kind goes first, so that
//! ids stay those that a scenario gives.

use serde_json::{Value, json};

use super::lists::without;
use crate::shrink::edit::{Edit, parts};
use crate::shrink::failing_run::FailingRun;
use crate::shrink::tree::{at, list, list_mut};

pub(super) fn fewer_places(tree: &Value, _failing_run: &FailingRun) -> Vec<Edit> {
    let topics = list(tree, "/topics");
    let mut edits: Vec<Edit> = parts(topics)
        .into_iter()
        .filter(|part| part.len() < topics.len())
        .map(|part| without("/topics", part))
        .collect();
    for (position, topic) in topics.iter().enumerate() {
        for key in ["partitions", "replication_factor"] {
            let place = format!("/topics/{position}/{key}");
            let number = at(topic, &format!("/{key}")).as_u64().unwrap_or(1);
            let fewer = [1, number / 2, number.saturating_sub(1)];
            let sensible = fewer.into_iter().filter(|fewer| (1..number).contains(fewer));
            edits.extend(sensible.map(|fewer| Edit::put(place.clone(), json!(fewer))));
        }
        // With all its partitions from the beginning, nobody need add any.
        if !at(topic, "/initial_partitions").is_null() {
            edits.push(Edit::put(format!("/topics/{position}/initial_partitions"), Value::Null));
        }
    }
    edits
}

pub(super) fn fewer_nodes(tree: &Value, _failing_run: &FailingRun) -> Vec<Edit> {
    let mut edits = Vec::new();
    for place in ["/cluster/controllers", "/cluster/brokers"] {
        let count = list(tree, place).len();
        edits.extend((1..count).map(|left| first(place, left)));
    }
    edits
}

/// The first so many nodes alone.
fn first(place: &'static str, left: usize) -> Edit {
    Edit::new(move |tree| {
        let Some(nodes) = list_mut(tree, place) else { return false };
        let fewer = left < nodes.len();
        nodes.truncate(left);
        fewer
    })
}

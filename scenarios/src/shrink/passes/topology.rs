//! Fewer topics, partitions and replicas; fewer brokers and controllers. The last node of a kind goes first; where
//! another one goes, those after it take the ids before theirs, so that ids stay those that a scenario gives.

use harrow_broker_model::types::NodeId;
use harrow_sim::plan::Target;
use serde_json::{Value, json};

use super::lists::without;
use crate::shrink::edit::{Edit, parts};
use crate::shrink::failing_run::FailingRun;
use crate::shrink::tree::{at, each_mut, list, list_mut};

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
        edits.extend((0..count.saturating_sub(1)).map(|gone| without_node(place, gone)));
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

/// Without one node of several: the last id goes, and who had an id after the node's has the one before.
fn without_node(place: &'static str, position: usize) -> Edit {
    Edit::new(move |tree| {
        let ids: Vec<i64> = list(tree, place).iter().filter_map(Value::as_i64).collect();
        let Some((gone, later)) = ids.get(position..).and_then(<[i64]>::split_first) else {
            return false;
        };
        let Some(last) = later.last() else { return false };
        let mut taken = vec![(*gone, *last)];
        taken.extend(later.iter().zip(&ids[position..]).map(|(from, to)| (*from, *to)));
        rename(tree, &taken);
        list_mut(tree, place).is_some_and(|nodes| {
            *nodes = ids[..ids.len() - 1].iter().map(|id| json!(id)).collect();
            true
        })
    })
}

/// Fields that name nodes.
const NODE_FIELDS: [&str; 3] = ["node", "bootstrap", "outside"];

/// Gives nodes other ids, wherever they are named.
pub(super) fn rename(tree: &mut Value, ids: &[(i64, i64)]) {
    let other = |id: i64| ids.iter().find(|(from, _)| *from == id).map(|(_, to)| *to);
    each_mut(tree, &mut |key, value| {
        if NODE_FIELDS.contains(&key) {
            let listed = value.as_array_mut().map_or(&mut [][..], Vec::as_mut_slice);
            for id in listed {
                *id = id.as_i64().and_then(other).map_or_else(|| id.clone(), Value::from);
            }
            if let Some(other) = value.as_i64().and_then(other) {
                *value = json!(other);
            }
        } else if let Some(Target::Node(NodeId(id))) = target(value)
            && let Some(other) = other(i64::from(id))
        {
            *value = json!(Target::Node(NodeId(other as i32)).to_string());
        }
    });
}

fn target(value: &Value) -> Option<Target> {
    value.as_str().and_then(|text| Target::parse(text).ok())
}

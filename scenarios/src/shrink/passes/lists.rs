//! Fewer elements of every list of tables at the top of a plan, whatever they are: clients, clocks, and what is yet
//! to come; no table that a plan can do without, or fewer elements of its lists. Steps and topics have passes of
//! their own.

use serde_json::Value;

use crate::shrink::edit::{Edit, parts};
use crate::shrink::failing_run::FailingRun;
use crate::shrink::tree::{list_mut, put};

/// Lists that other passes make shorter.
const ELSEWHERE: [&str; 2] = ["steps", "topics"];

/// Sections without which there is no plan: to try would be in vain.
const NEEDED: [&str; 6] = ["cluster", "admin", "fresh_producer", "final_reader", "network", "disk"];

pub(super) fn fewer(tree: &Value, _failing_run: &FailingRun) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (key, value) in tree.as_object().into_iter().flatten() {
        let place = format!("/{key}");
        match value {
            Value::Array(elements) if !ELSEWHERE.contains(&key.as_str()) => {
                edits.extend(parts(elements).into_iter().map(|part| without(&place, part)));
            }
            Value::Object(_) if !NEEDED.contains(&key.as_str()) && key != "expect" => {
                let fewer = lists_in(&place, value);
                edits.push(Edit::new(move |tree| put(tree, &place, Value::Null)));
                edits.extend(fewer);
            }
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_)
            | Value::Object(_) => {}
        }
    }
    edits
}

/// Fewer elements of each list in a table; all of them go with the table.
fn lists_in(place: &str, table: &Value) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (key, value) in table.as_object().into_iter().flatten() {
        let elements = value.as_array().map_or(&[][..], Vec::as_slice);
        let fewer = parts(elements).into_iter().filter(|part| part.len() < elements.len());
        edits.extend(fewer.map(|part| without(&format!("{place}/{key}"), part)));
    }
    edits
}

/// Takes these elements out of a list, wherever they are in it by then.
pub(super) fn without(place: &str, elements: Vec<Value>) -> Edit {
    let place = place.to_owned();
    Edit::new(move |tree| {
        let Some(list) = list_mut(tree, &place) else { return false };
        let before = list.len();
        list.retain(|element| !elements.contains(element));
        list.len() < before
    })
}

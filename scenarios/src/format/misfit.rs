//! Where a JSON text that is no plan goes wrong: for a value within an object that has a `kind`, a reader of JSON knows
//! no better than the object's end.

use std::ops::Range;

use harrow_sim::plan::Plan;
use serde_json::Value;

use super::json_place::place;

/// The bytes of the smallest value without which the text would be no plan for another reason, or be one. None if the
/// text is no JSON, or is a plan.
pub fn misfit(text: &str) -> Option<Range<usize>> {
    let tree: Value = serde_json::from_str(text).ok()?;
    let reason = refusal(&tree)?;
    let mut path = Vec::new();
    while let Some(key) = culprit(&tree, &path, &reason) {
        path.push(key);
    }
    Some(place(text, &path.join(".")))
}

/// Why a tree is no plan, if it is none.
fn refusal(tree: &Value) -> Option<String> {
    serde_json::from_value::<Plan>(tree.clone()).err().map(|error| error.to_string())
}

/// The key or position in the value at a path that is to blame; none if it is the value itself.
fn culprit(tree: &Value, path: &[String], reason: &str) -> Option<String> {
    let slash = if path.is_empty() { "" } else { "/" };
    let pointer = format!("{slash}{}", path.join("/"));
    let refused_with = |value: Value| {
        let mut tree = tree.clone();
        *tree.pointer_mut(&pointer).expect("it is there") = value;
        refusal(&tree).as_deref() == Some(reason)
    };
    match tree.pointer(&pointer)? {
        Value::Object(fields) => {
            let without = |key: &String| {
                let mut fields = fields.clone();
                fields.remove(key);
                refused_with(Value::Object(fields))
            };
            // Without the word that says what it is, it is wrong in another way, whatever is wrong with it.
            let is_tag = |key: &&String| ["kind", "shape"].contains(&key.as_str());
            let (tags, others): (Vec<_>, Vec<_>) = fields.keys().partition(is_tag);
            others.into_iter().chain(tags).find(|key| !without(key)).cloned()
        }
        Value::Array(elements) => {
            let first = |count: usize| refused_with(Value::Array(elements[..count].to_vec()));
            if first(0) || elements.is_empty() {
                return None;
            }
            // There may be thousands: the one with which it begins is found by halves.
            let (mut good, mut bad) = (0, elements.len());
            while bad - good > 1 {
                let middle = good.midpoint(bad);
                *(if first(middle) { &mut bad } else { &mut good }) = middle;
            }
            Some(good.to_string())
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::find;
    use crate::format::parse;
    use crate::planner::plan;

    #[test]
    fn a_value_that_does_not_fit_is_found_wherever_it_is() {
        let swarm = find("swarm").expect("it is in the catalogue").text;
        let scenario = parse("swarm", swarm, &[]).expect("it is sound");
        let mut plans = (1..100).map(|seed| plan(&scenario, seed));
        let plan = plans.find(|plan| plan.clients.len() > 2 && plan.steps.len() > 3);
        let tree = serde_json::to_value(plan.expect("some seed draws enough")).expect("plain data");
        let steps = tree["steps"].as_array().expect("a list");
        let aimed = steps.iter().position(|step| step["action"]["target"].is_string());
        let aimed = format!("/steps/{}/action/target", aimed.expect("a step has a target"));
        let table = [
            ("/cluster/brokers", "x"),
            ("/clients/0/config/acks", "some"),
            ("/clients/1/config/jitter_salt", "yes"),
            ("/clients/2/operations", "many"),
            (aimed.as_str(), "no such node"),
            ("/steps/2/at_ms", "soon"),
        ];
        for (at, wrong) in table {
            let mut tree = tree.clone();
            let Some(value) = tree.pointer_mut(at) else { panic!("{at} is not there") };
            *value = Value::from(wrong);
            let texts = [tree.to_string(), serde_json::to_string_pretty(&tree).expect("data")];
            for text in texts {
                let bytes = misfit(&text).unwrap_or_else(|| panic!("{at} fits"));
                assert_eq!(&text[bytes], format!("\"{wrong}\""), "{at}");
            }
        }
        assert_eq!(misfit(&tree.to_string()), None);
        assert_eq!(misfit("{"), None);
    }

    #[test]
    fn what_is_missing_is_told_of_the_object_that_lacks_it() {
        let calm = find("calm").expect("it is in the catalogue").text;
        let plan = plan(&parse("calm", calm, &[]).expect("it is sound"), 1);
        let mut tree = serde_json::to_value(plan).expect("plain data");
        let disk = tree.pointer_mut("/disk").and_then(Value::as_object_mut).expect("an object");
        disk.remove("sync_us").expect("it is there");
        let text = tree.to_string();
        let bytes = misfit(&text).expect("it lacks something");
        assert_eq!(text[bytes], tree["disk"].to_string());
    }
}

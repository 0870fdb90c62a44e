//! A plan as a tree of JSON values: what passes need that do not know what they are about.

use harrow_sim::plan::Plan;
use serde_json::Value;

/// The tree of a plan.
pub(super) fn tree(plan: &Plan) -> Value {
    serde_json::to_value(plan).expect("a plan is plain data")
}

/// The plan of a tree, if it is one.
pub(super) fn plan(tree: Value) -> Option<Plan> {
    serde_json::from_value(tree).ok()
}

/// The value at a place, such as `/cluster/segment_bytes`.
pub(super) fn at<'a>(tree: &'a Value, place: &str) -> &'a Value {
    tree.pointer(place).unwrap_or(&Value::Null)
}

/// Gives the place another value; `Null` takes it out. Whether the place was there.
pub(super) fn put(tree: &mut Value, place: &str, value: Value) -> bool {
    if value.is_null() {
        return take(tree, place);
    }
    let Some(found) = tree.pointer_mut(place) else { return false };
    *found = value;
    true
}

/// The same, and it need not be there yet, if what it is part of is.
pub(super) fn set(tree: &mut Value, place: &str, value: Value) -> bool {
    let Some((above, key)) = place.rsplit_once('/').filter(|_| !value.is_null()) else {
        return take(tree, place);
    };
    match tree.pointer_mut(above).and_then(Value::as_object_mut) {
        Some(object) => object.insert(key.to_owned(), value.clone()) != Some(value),
        None => put(tree, place, value),
    }
}

fn take(tree: &mut Value, place: &str) -> bool {
    let Some((above, key)) = place.rsplit_once('/') else { return false };
    let found = tree.pointer_mut(above).and_then(Value::as_object_mut);
    found.is_some_and(|object| object.remove(key).is_some())
}

/// The elements of a list; empty if there is none.
pub(super) fn list<'a>(tree: &'a Value, place: &str) -> &'a [Value] {
    at(tree, place).as_array().map_or(&[], Vec::as_slice)
}

/// The list at a place, to change it.
pub(super) fn list_mut<'a>(tree: &'a mut Value, place: &str) -> Option<&'a mut Vec<Value>> {
    tree.pointer_mut(place).and_then(Value::as_array_mut)
}

/// Calls it with every value that has a key, at any depth.
pub(super) fn each_mut(tree: &mut Value, change: &mut impl FnMut(&str, &mut Value)) {
    match tree {
        Value::Object(object) => {
            for (key, value) in object {
                change(key, value);
                each_mut(value, change);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                each_mut(element, change);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Calls it with every value that has a key, at any depth, and with the value's place.
pub(super) fn each(tree: &Value, place: &str, look: &mut impl FnMut(&str, &str, &Value)) {
    match tree {
        Value::Object(object) => {
            for (key, value) in object {
                let place = format!("{place}/{key}");
                look(&place, key, value);
                each(value, &place, look);
            }
        }
        Value::Array(elements) => {
            for (position, element) in elements.iter().enumerate() {
                each(element, &format!("{place}/{position}"), look);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

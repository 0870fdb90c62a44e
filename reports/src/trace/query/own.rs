//! Fields of an event's own: found by their path, and compared.

use std::cmp::Ordering;

use serde_json::{Map, Value};

use super::tree::{Literal, Operator};

/// Whether a field is what is asked for. A list is what any of its items is.
pub(super) fn own(
    fields: &Map<String, Value>,
    path: &str,
    operator: Operator,
    values: &[Literal],
) -> bool {
    let (first, rest) = parted(path);
    fields.get(first).is_some_and(|value| own_value(value, rest, operator, values))
}

fn own_value(value: &Value, path: Option<&str>, operator: Operator, values: &[Literal]) -> bool {
    if let Value::Array(items) = value {
        let one = |item: &Value| own_value(item, path, operator, values);
        return if operator == Operator::Unequal {
            items.iter().all(one)
        } else {
            items.iter().any(one)
        };
    }
    match path {
        Some(path) => {
            let (first, rest) = parted(path);
            value.get(first).is_some_and(|value| own_value(value, rest, operator, values))
        }
        None => !value.is_null() && compare(value, operator, values),
    }
}

fn compare(value: &Value, operator: Operator, values: &[Literal]) -> bool {
    let text = text_of(value);
    let order = |literal: &Literal| Some(value.as_i64()?.cmp(&literal.number?));
    let any = |wanted: &[Ordering]| {
        values.iter().any(|literal| order(literal).is_some_and(|order| wanted.contains(&order)))
    };
    match operator {
        Operator::Equal => values.iter().any(|literal| literal.text == text),
        Operator::Unequal => !values.iter().any(|literal| literal.text == text),
        Operator::Contains => values.iter().any(|literal| text.contains(&literal.text)),
        Operator::Less => any(&[Ordering::Less]),
        Operator::AtMost => any(&[Ordering::Less, Ordering::Equal]),
        Operator::More => any(&[Ordering::Greater]),
        Operator::AtLeast => any(&[Ordering::Greater, Ordering::Equal]),
    }
}

/// All that is at the end of a path.
pub(super) fn each_own(fields: &Map<String, Value>, path: &str, take: &mut dyn FnMut(&Value)) {
    let (first, rest) = parted(path);
    if let Some(value) = fields.get(first) {
        each(value, rest, take);
    }
}

fn each(value: &Value, path: Option<&str>, take: &mut dyn FnMut(&Value)) {
    if let Value::Array(items) = value {
        for item in items {
            each(item, path, take);
        }
        return;
    }
    match path {
        Some(path) => {
            let (first, rest) = parted(path);
            if let Some(value) = value.get(first) {
                each(value, rest, take);
            }
        }
        None if value.is_null() => {}
        None => take(value),
    }
}

/// A variant with fields of its own is called by its name.
pub(super) fn text_of(value: &Value) -> String {
    let name = value.as_str().or_else(|| value.get("kind").and_then(Value::as_str));
    name.map_or_else(|| value.to_string(), str::to_owned)
}

/// The first step of a path, and what follows.
fn parted(path: &str) -> (&str, Option<&str>) {
    path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)))
}

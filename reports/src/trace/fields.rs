//! What a fact says, as fields with stable names: those of the model's types, with partitions by name.

use std::collections::BTreeMap;

use harrow_broker_model::note::Note;
use harrow_broker_model::types::{TopicId, TopicPartition};
use harrow_broker_model::wide::INEXACT;
use serde_json::{Map, Value};

/// What partitions are called.
pub(super) struct Places<'a>(pub(super) &'a BTreeMap<TopicId, String>);

impl Places<'_> {
    /// A partition as people write it: `orders-0`.
    pub(super) fn name(&self, partition: TopicPartition) -> String {
        if partition == TopicPartition::METADATA {
            return METADATA_LOG.to_owned();
        }
        match self.0.get(&partition.topic) {
            Some(name) => format!("{name}-{}", partition.partition),
            None => partition.to_string(),
        }
    }

    fn of_value(&self, topic: &Value, partition: &Value) -> Option<String> {
        let topic = TopicId(u32::try_from(topic.as_u64()?).ok()?);
        let partition = i32::try_from(partition.as_i64()?).ok()?;
        Some(self.name(TopicPartition { topic, partition }))
    }
}

/// What the controllers' log is called.
pub(super) const METADATA_LOG: &str = "__cluster_metadata-0";

/// A fact: its family, its kind, its fields.
pub(super) struct Fact {
    pub(super) family: String,
    pub(super) kind: String,
    pub(super) fields: Map<String, Value>,
}

/// Takes a fact apart.
///
/// # Panics
/// Never: facts are plain data, an enum of families of enums.
pub(super) fn fact(note: &Note, places: &Places<'_>) -> Fact {
    let value = serde_json::to_value(note).expect("a fact is plain data");
    let (family, value) = tagged(value);
    let (kind, value) = tagged(value);
    let fields = match renamed(value, places) {
        Value::Object(fields) => fields,
        Value::Null => Map::new(),
        only @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            Map::from_iter([("value".to_owned(), only)])
        }
    };
    Fact { family: kebab(&family), kind: kebab(&kind), fields }
}

/// Numbers that JSON's readers would round, as texts: see [`harrow_broker_model::wide`].
pub(super) fn widen(value: &mut Value) {
    match value {
        Value::Number(number) => {
            let size = number.as_u64().or_else(|| number.as_i64().map(i64::unsigned_abs));
            if size.is_some_and(|size| size >= INEXACT) {
                *value = Value::String(number.to_string());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(widen),
        Value::Object(map) => map.values_mut().for_each(widen),
        Value::Null | Value::Bool(_) | Value::String(_) => {}
    }
}

/// The partitions that fields name.
pub(super) fn partitions_of(fields: &Map<String, Value>, into: &mut Vec<String>) {
    for (key, value) in fields {
        match value {
            Value::String(name) if key == "partition" => into.push(name.clone()),
            Value::Object(inner) => partitions_of(inner, into),
            Value::Null
            | Value::Bool(_)
            | Value::Number(_)
            | Value::String(_)
            | Value::Array(_) => {}
        }
    }
}

/// Name and content of a variant.
fn tagged(value: Value) -> (String, Value) {
    match value {
        Value::Object(map) if map.len() == 1 => map.into_iter().next().expect("it has one entry"),
        Value::String(name) => (name, Value::Null),
        other @ (Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::Array(_)
        | Value::Object(_)) => (String::new(), other),
    }
}

/// Partitions by name, and variants as a `kind` among their fields.
fn renamed(value: Value, places: &Places<'_>) -> Value {
    match value {
        Value::Array(items) => {
            Value::Array(items.into_iter().map(|item| renamed(item, places)).collect())
        }
        Value::Object(map) => renamed_object(map, places),
        plain @ (Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_)) => plain,
    }
}

fn renamed_object(map: Map<String, Value>, places: &Places<'_>) -> Value {
    if let (2, Some(topic), Some(partition)) = (map.len(), map.get("topic"), map.get("partition"))
        && let Some(name) = places.of_value(topic, partition)
    {
        return Value::String(name);
    }
    let is_variant = map.len() == 1 && map.keys().all(|key| is_camel(key));
    if !is_variant {
        let fields = map.into_iter().map(|(key, value)| (key, renamed(value, places)));
        return Value::Object(fields.collect());
    }
    let (name, inner) = tagged(Value::Object(map));
    let mut fields = Map::from_iter([("kind".to_owned(), Value::String(kebab(&name)))]);
    match renamed(inner, places) {
        Value::Object(inner) => fields.extend(inner),
        Value::Null => {}
        only @ (Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_)) => {
            fields.insert("value".to_owned(), only);
        }
    }
    Value::Object(fields)
}

/// Whether it is the name of a variant, and not that of a field.
pub(super) fn is_camel(name: &str) -> bool {
    name.chars().next().is_some_and(char::is_uppercase)
}

/// `BecameLeader` as `became-leader`.
pub(super) fn kebab(name: &str) -> String {
    let mut text = String::with_capacity(name.len() + 4);
    for (position, c) in name.chars().enumerate() {
        if c.is_uppercase() && position > 0 {
            text.push('-');
        }
        text.extend(c.to_lowercase());
    }
    text
}

#[cfg(test)]
mod tests {
    use harrow_broker_model::note::{DeletionReason, LogNote};
    use harrow_broker_model::types::{Offset, WallTime};
    use serde_json::json;

    use super::*;

    #[test]
    fn a_variant_with_fields_has_its_name_among_them_and_another_one_is_its_name() {
        let reason = |reason| {
            let partition = TopicPartition { topic: TopicId(7), partition: 0 };
            let (from, to) = (Offset(3), Offset(9));
            let note = LogNote::RecordsDeleted { partition, from, to, reason };
            let names = BTreeMap::from([(TopicId(7), "orders".to_owned())]);
            let told = fact(&Note::Log(note), &Places(&names));
            assert_eq!((told.family.as_str(), told.kind.as_str()), ("log", "records-deleted"));
            assert_eq!(told.fields["partition"], "orders-0");
            told.fields["reason"].clone()
        };
        assert_eq!(reason(DeletionReason::Leader), "leader");
        assert_eq!(reason(DeletionReason::DeleteRecords), "delete-records");
        let aged = DeletionReason::Time { limit_ms: 10, age_ms: 25, now: WallTime(40) };
        assert_eq!(
            reason(aged),
            json!({ "kind": "time", "limit_ms": 10, "age_ms": 25, "now": 40 })
        );
    }

    #[test]
    fn numbers_that_readers_would_round_are_texts() {
        let mut fields = json!({
            "key": u64::MAX, "low": i64::MIN, "list": [1_u64 << 53, (1_u64 << 53) - 1], "text": "7"
        });
        widen(&mut fields);
        let wanted = json!({
            "key": "18446744073709551615", "low": "-9223372036854775808",
            "list": ["9007199254740992", 9_007_199_254_740_991_u64], "text": "7"
        });
        assert_eq!(fields, wanted);
    }
}

//! One event of a trace, and what a trace begins with.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// Version of the schema of `trace.jsonl`.
pub const TRACE_SCHEMA: u32 = 1;

/// The first line of a trace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceHeader {
    /// Version of the schema.
    pub schema: u32,
    /// Always `trace`.
    pub kind: String,
    /// The scenario, by name or path.
    pub scenario: String,
    /// The seed.
    #[serde(with = "harrow_broker_model::wide")]
    pub seed: u64,
    /// The commit of the program that made it.
    pub commit: String,
    /// The digest of the run.
    pub digest: String,
    /// The nodes, ascending.
    pub nodes: Vec<NodeRole>,
    /// So many events follow; unknown of traces that were left before this was told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<u64>,
}

/// Who a node is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeRole {
    /// Its id.
    pub node: i32,
    /// `broker`, `controller`, `producer`, `consumer` or `admin`.
    pub role: String,
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceEvent {
    /// Which line it is, from 0; its name in `cause`.
    pub row: u64,
    /// Ordinal of the event that a node handled: a node's event and all that it did of it share one.
    pub event: u64,
    /// Simulated time, in nanoseconds.
    pub at_ns: u64,
    /// At which node; none for what happens to the world.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<i32>,
    /// Family of facts, or `world`, `process`, `message`, `operation`, `disk`.
    pub family: String,
    /// What kind of event.
    pub kind: String,
    /// The partitions that it concerns, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub partitions: Vec<String>,
    /// What belongs to the kind.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub fields: Map<String, Value>,
    /// The row that led to it: what its node was handling, or the sending of what arrives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u64>,
    /// The same in words.
    pub text: String,
}

/// Where an event may have the offsets that it is about.
enum Offsets {
    /// The first and the last.
    Through(&'static str, &'static str),
    /// The first, and the one behind the last, in either order; none lie between two that are equal.
    Between(&'static str, &'static str),
    /// The first, and as many as this list has items.
    Counted(&'static str, &'static str),
    /// One.
    At(&'static str),
}

/// They are looked for in this order.
const OFFSETS: [Offsets; 13] = [
    Offsets::Through("batch.base_offset", "batch.last_offset"),
    Offsets::Through("base_offset", "last_offset"),
    Offsets::Between("from", "to"),
    Offsets::Between("log_start_offset", "log_end_offset"),
    Offsets::Counted("base_offset", "records"),
    Offsets::At("offset"),
    Offsets::At("fetch_offset"),
    Offsets::At("end_offset"),
    Offsets::At("low_watermark"),
    Offsets::At("log_start_offset"),
    Offsets::At("log_end_offset"),
    Offsets::At("first_dirty"),
    Offsets::At("diverged_at"),
];

/// Where an event may have its epoch, in the order in which they are looked for: what is called so comes first.
pub(super) const EPOCHS: [&str; 4] =
    ["epoch", "leader_epoch", "batch.leader_epoch", "controller_epoch"];

/// The fields that must be numbers for offsets to be found by them, of each way to find some.
pub(super) fn offset_fields() -> impl Iterator<Item = Vec<&'static str>> {
    OFFSETS.iter().map(|offsets| match offsets {
        Offsets::Through(first, last) | Offsets::Between(first, last) => vec![*first, *last],
        Offsets::Counted(at, _) | Offsets::At(at) => vec![*at],
    })
}

impl TraceEvent {
    /// A field by its path: `batch.base_offset`. A list is one value, and there is no way into it.
    pub fn field(&self, path: &str) -> Option<&Value> {
        let mut found = None;
        self.walk(path, Lists::AsOne, &mut |value| found = Some(value));
        found
    }

    /// Takes all that is at the end of a path: of a list what is in it.
    pub fn each<'a>(&'a self, path: &str, take: &mut dyn FnMut(&'a Value)) {
        self.walk(path, Lists::Entered, take);
    }

    fn walk<'a>(&'a self, path: &str, lists: Lists, take: &mut dyn FnMut(&'a Value)) {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        if let Some(value) = self.fields.get(first) {
            walk(value, rest, lists, take);
        }
    }

    fn number(&self, path: &str) -> Option<i64> {
        i64::try_from(whole(self.field(path)?)?).ok()
    }

    /// The offsets that it is about, first and last: those of a batch or a log, those that are cut, deleted or passed,
    /// or one.
    pub fn offsets(&self) -> Option<(i64, i64)> {
        let pair = |first, last| Some((self.number(first)?, self.number(last)?));
        OFFSETS.iter().find_map(|offsets| match offsets {
            Offsets::Through(first, last) => pair(first, last).map(Some),
            Offsets::Between(from, to) => pair(from, to).map(|(from, to)| {
                let (low, high) = (from.min(to), from.max(to));
                (low < high).then_some((low, high - 1))
            }),
            Offsets::Counted(first, items) => {
                let count = i64::try_from(self.field(items)?.as_array()?.len()).ok()?;
                self.number(first).map(|first| (count > 0).then_some((first, first + count - 1)))
            }
            Offsets::At(at) => self.number(at).map(|at| Some((at, at))),
        })?
    }

    /// The epoch that it is about: the leader's, the quorum's or the controller's.
    pub fn epoch(&self) -> Option<i64> {
        EPOCHS.iter().find_map(|path| self.number(path))
    }

    /// Whether it concerns this partition.
    pub fn concerns(&self, partition: &str) -> bool {
        self.partitions.iter().any(|known| known == partition)
    }

    /// As one line, like those of `trace.txt`.
    pub fn line(&self) -> String {
        let node = self.node.map_or_else(|| "-".to_owned(), |node| node.to_string());
        let (seconds, micros) = (self.at_ns / 1_000_000_000, self.at_ns / 1_000 % 1_000_000);
        format!("{:>8} {seconds:>4}.{micros:06}s {node:>5}  {}", self.event, self.text)
    }
}

/// What is done with lists on a path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lists {
    /// What is in them is looked at, each by itself.
    Entered,
    /// They are values.
    AsOne,
}

fn walk<'a>(value: &'a Value, path: &str, lists: Lists, take: &mut dyn FnMut(&'a Value)) {
    if let (Value::Array(items), Lists::Entered) = (value, lists) {
        for item in items {
            walk(item, path, lists, take);
        }
    } else if path.is_empty() {
        if !value.is_null() {
            take(value);
        }
    } else {
        let (first, rest) = path.split_once('.').unwrap_or((path, ""));
        if let Some(value) = value.get(first) {
            walk(value, rest, lists, take);
        }
    }
}

/// A whole number, or its digits: those that JSON's readers would round are texts.
pub(super) fn whole(value: &Value) -> Option<i128> {
    match value {
        Value::Number(number) => {
            number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from))
        }
        Value::String(text) => text.parse().ok(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::trace::kinds::kinds;

    fn event(fields: Value) -> TraceEvent {
        let Value::Object(fields) = fields else { panic!("fields are an object") };
        let text = String::new();
        let (family, kind) = ("log".to_owned(), "appended".to_owned());
        let partitions = Vec::new();
        TraceEvent {
            row: 0,
            event: 0,
            at_ns: 0,
            node: None,
            family,
            kind,
            partitions,
            fields,
            cause: None,
            text,
        }
    }

    #[test]
    fn offsets_are_those_of_whatever_an_event_is_about() {
        let table = [
            (json!({ "batch": { "base_offset": 5, "last_offset": 9 } }), Some((5, 9))),
            (json!({ "base_offset": 5, "last_offset": 9, "leader_epoch": 1 }), Some((5, 9))),
            (json!({ "from": 9, "to": 5 }), Some((5, 8))),
            (json!({ "from": 5, "to": 5 }), None),
            (json!({ "from": [5], "to": [9] }), None),
            (
                json!({ "log_start_offset": 3, "log_end_offset": 9, "high_watermark": 4 }),
                Some((3, 8)),
            ),
            (json!({ "log_start_offset": 3, "log_end_offset": 3 }), None),
            (json!({ "log_start_offset": 3 }), Some((3, 3))),
            (json!({ "base_offset": 4, "records": [{ "key": 1 }, { "key": 2 }] }), Some((4, 5))),
            (json!({ "leader_epoch": 3 }), None),
        ];
        for (fields, wanted) in table {
            assert_eq!(event(fields.clone()).offsets(), wanted, "{fields}");
        }
    }

    #[test]
    fn the_epoch_of_a_kind_that_has_a_field_of_that_name_is_that_field() {
        let event = event(json!({ "leader_epoch": 3, "asked": 1, "epoch": 2 }));
        assert_eq!(event.epoch(), Some(2));
        for kind in kinds() {
            if kind.shape("epoch").is_some() {
                let first = EPOCHS.iter().find(|path| kind.shape(path).is_some());
                assert_eq!(first, Some(&"epoch"), "{}.{}", kind.family, kind.name);
            }
        }
    }
}

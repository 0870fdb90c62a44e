//! Holds values against JSON schemas, as far as ours go: the keywords below and no others, so that none is passed over.
//! Objects are closed here: what a schema does not name is a complaint, though users' validators let it pass.

use harrow_scenarios::schemas::SCHEMAS;
use serde_json::{Map, Value};

/// Keywords that are held against values.
const HELD: [&str; 13] = [
    "$ref",
    "type",
    "enum",
    "const",
    "anyOf",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "minItems",
    "maxItems",
    "minimum",
    "pattern",
];

/// Keywords that say nothing about values.
const SAID: [&str; 5] = ["$schema", "$id", "$defs", "title", "description"];

/// The schema of a name.
pub(crate) fn schema(name: &str) -> Value {
    let schema = SCHEMAS.iter().find(|schema| schema.name == name);
    let schema = schema.unwrap_or_else(|| panic!("there is no schema {name}"));
    serde_json::from_str(schema.text).expect("a schema is JSON")
}

/// Complaints about a value, each with its place.
pub(crate) fn complaints(schema: &Value, value: &Value) -> Vec<String> {
    let mut found = Vec::new();
    Reader { root: schema }.hold(schema, value, "", &mut found);
    found
}

struct Reader<'a> {
    root: &'a Value,
}

impl Reader<'_> {
    fn hold(&self, schema: &Value, value: &Value, place: &str, found: &mut Vec<String>) {
        let schema = schema.as_object().expect("a schema is an object");
        for (keyword, says) in schema {
            let known = HELD.contains(&keyword.as_str()) || SAID.contains(&keyword.as_str());
            assert!(known, "{keyword} at {place} is not held against anything");
            if let Some(why) = self.breaks(keyword, says, value, place, found) {
                found.push(format!("{place}: {why}"));
            }
        }
        let is_closed =
            schema.contains_key("properties") || schema.contains_key("additionalProperties");
        if let (true, Value::Object(object)) = (is_closed, value) {
            let known = schema.get("properties").and_then(Value::as_object);
            self.hold_others(schema, known, object, place, found);
        }
    }

    /// Why a value is not as one keyword says; what is within it is told by itself.
    fn breaks(
        &self,
        keyword: &str,
        says: &Value,
        value: &Value,
        place: &str,
        found: &mut Vec<String>,
    ) -> Option<String> {
        let complain =
            |is_met: bool| (!is_met).then(|| format!("{value} is not of {keyword} {says}"));
        match (keyword, value) {
            ("$ref", _) => {
                self.hold(self.definition(says), value, place, found);
                None
            }
            ("type", _) => complain(is_of_type(says, value)),
            ("const", _) => complain(says == value),
            ("enum", _) => complain(says.as_array().is_some_and(|all| all.contains(value))),
            ("anyOf", _) => complain(self.is_any_of(says, value, place)),
            ("required", Value::Object(object)) => {
                let names = says.as_array().expect("a list").iter().filter_map(Value::as_str);
                let missing: Vec<&str> = names.filter(|name| !object.contains_key(*name)).collect();
                (!missing.is_empty()).then(|| format!("it lacks {missing:?}"))
            }
            ("items", Value::Array(items)) => {
                for (index, item) in items.iter().enumerate() {
                    self.hold(says, item, &format!("{place}/{index}"), found);
                }
                None
            }
            ("minItems", Value::Array(items)) => {
                complain(Some(items.len() as u64) >= says.as_u64())
            }
            ("maxItems", Value::Array(items)) => {
                complain(Some(items.len() as u64) <= says.as_u64())
            }
            ("minimum", Value::Number(number)) => complain(number.as_f64() >= says.as_f64()),
            ("pattern", Value::String(text)) => complain(fits(says.as_str().expect("text"), text)),
            _ => None,
        }
    }

    fn hold_others(
        &self,
        schema: &Map<String, Value>,
        known: Option<&Map<String, Value>>,
        object: &Map<String, Value>,
        place: &str,
        found: &mut Vec<String>,
    ) {
        for (name, value) in object {
            let place = format!("{place}/{name}");
            match (known.and_then(|known| known.get(name)), schema.get("additionalProperties")) {
                (None, Some(Value::Bool(true))) => {}
                (Some(says), _) | (None, Some(says)) => self.hold(says, value, &place, found),
                (None, None) => found.push(format!("{place}: nobody knows it")),
            }
        }
    }

    fn is_any_of(&self, says: &Value, value: &Value, place: &str) -> bool {
        says.as_array().expect("a list").iter().any(|one| {
            let mut found = Vec::new();
            self.hold(one, value, place, &mut found);
            found.is_empty()
        })
    }

    fn definition(&self, name: &Value) -> &Value {
        let pointer = name.as_str().and_then(|name| name.strip_prefix('#')).expect("one of ours");
        self.root.pointer(pointer).unwrap_or_else(|| panic!("{name} is defined nowhere"))
    }
}

fn is_of_type(says: &Value, value: &Value) -> bool {
    if let Value::Array(all) = says {
        return all.iter().any(|one| is_of_type(one, value));
    }
    match says.as_str().expect("a type's name") {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        "integer" => value.is_i64() || value.is_u64(),
        other => panic!("{other} is no type that ours have"),
    }
}

/// Ours are all `^[CLASS]{N}$` or `^[CLASS]+$`.
fn fits(pattern: &str, text: &str) -> bool {
    let inner = pattern.strip_prefix("^[").and_then(|rest| rest.strip_suffix('$'));
    let (class, count) = inner.and_then(|inner| inner.split_once(']')).expect("one of ours");
    let length = count.trim_matches(['{', '}']).parse::<usize>().ok();
    let among = |c: char| match class {
        "0-9" => c.is_ascii_digit(),
        "0-9a-f" => c.is_ascii_digit() || ('a'..='f').contains(&c),
        other => panic!("{other} is no class that ours have"),
    };
    let long = length.map_or(!text.is_empty(), |length| text.len() == length);
    long && text.chars().all(among)
}

#[test]
fn each_keyword_bites() {
    let schema = serde_json::json!({
        "type": "object", "required": ["a"],
        "properties": {
            "a": { "type": "integer", "minimum": 0 }, "b": { "enum": ["x", "y"] },
            "c": { "type": "array", "items": { "$ref": "#/$defs/hex" }, "maxItems": 2 },
            "d": { "anyOf": [{ "const": 1 }, { "type": "null" }] },
            "e": { "type": "object", "properties": {}, "additionalProperties": { "type": "string" } },
        },
        "$defs": { "hex": { "type": "string", "pattern": "^[0-9a-f]{2}$" } },
    });
    let table = [
        (r#"{"a":1,"b":"x","c":["0f"],"d":null,"e":{"k":"v"}}"#, ""),
        ("[]", "type"),
        ("{}", "lacks"),
        (r#"{"a":-1}"#, "minimum"),
        (r#"{"a":1.5}"#, "type"),
        (r#"{"a":1,"b":"z"}"#, "enum"),
        (r#"{"a":1,"c":["0g"]}"#, "pattern"),
        (r#"{"a":1,"c":["00","01","02"]}"#, "maxItems"),
        (r#"{"a":1,"d":2}"#, "anyOf"),
        (r#"{"a":1,"e":{"k":1}}"#, "type"),
        (r#"{"a":1,"f":1}"#, "nobody knows"),
    ];
    for (text, why) in table {
        let found = complaints(&schema, &serde_json::from_str(text).expect("JSON"));
        assert_eq!(found.is_empty(), why.is_empty(), "{text}: {found:?}");
        assert!(found.iter().all(|one| one.contains(why)), "{text}: {found:?}");
    }
}

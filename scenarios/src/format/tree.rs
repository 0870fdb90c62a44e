//! The document behind a scenario: TOML with the place of every key and value, and `--set` laid over it.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::place::Place;
use super::problem::{Problem, Source, Sources};

/// A value with its place.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) place: Place,
    pub(crate) value: Value,
}

/// A TOML value, as far as scenarios use TOML.
#[derive(Debug, Clone)]
pub(crate) enum Value {
    Text(String),
    Integer(i64),
    Flag(bool),
    List(Vec<Node>),
    Table(Table),
    /// A float or a date: no scenario has any.
    Foreign(&'static str),
}

/// A table, in the order of the document.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    pub(crate) entries: Vec<Entry>,
}

/// A key and its value.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) key: String,
    pub(crate) key_place: Place,
    pub(crate) node: Node,
}

impl Value {
    /// What a person calls this kind of value.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "text",
            Self::Integer(_) => "a number",
            Self::Flag(_) => "true or false",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
            Self::Foreign(kind) => kind,
        }
    }
}

impl Table {
    pub(crate) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    fn get_mut(&mut self, key: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.key == key)
    }
}

/// Parses the document of source 0.
pub(crate) fn parse(text: &str) -> Result<Table, Problem> {
    let parsed = DeTable::parse(text).map_err(|error| {
        let bytes = error.span().unwrap_or(0..0);
        Problem::new(
            Place { source: 0, bytes },
            error.message(),
            "see https://toml.io for how TOML is written",
        )
    })?;
    Ok(table_from(parsed.get_ref(), 0, 0))
}

/// Lays one `path=value` over the document. `path` is dotted; a list element is named by its position or its `name`.
pub(crate) fn set(
    root: &mut Table,
    assignment: &str,
    sources: &mut Sources,
) -> Result<(), Problem> {
    let source = sources.add(Source { name: "--set".to_owned(), text: assignment.to_owned() });
    let whole = Place { source, bytes: 0..assignment.len() };
    let Some((path, text)) = assignment.split_once('=') else {
        return Err(Problem::new(
            whole,
            "no `=` in it",
            "write `--set path=value`, such as `heal.at_ms=20000`",
        ));
    };
    let path = path.trim();
    let node = value_from_text(text, assignment.len() - text.len(), source);
    let keys: Vec<&str> = path.split('.').collect();
    if keys.iter().any(|key| key.is_empty()) {
        return Err(Problem::new(
            whole,
            "the path has an empty part",
            "write a path such as `fault.0.count`",
        ));
    }
    let key_place = Place { source, bytes: 0..path.len() };
    put(root, &keys, node, &key_place)
}

/// A TOML value or, if it is none, the text itself: `100..500` needs no quotes on a command line.
fn value_from_text(text: &str, at: usize, source: usize) -> Node {
    match DeValue::parse(text.trim()) {
        Ok(parsed) => node_from(&parsed, source, at + (text.len() - text.trim_start().len())),
        Err(_) => Node {
            place: Place { source, bytes: at..at + text.len() },
            value: Value::Text(text.trim().to_owned()),
        },
    }
}

fn put(table: &mut Table, keys: &[&str], node: Node, place: &Place) -> Result<(), Problem> {
    let (key, rest) = keys.split_first().expect("a split gives at least one part");
    if rest.is_empty() {
        match table.get_mut(key) {
            Some(entry) => entry.node = node,
            None => {
                table.entries.push(Entry {
                    key: (*key).to_owned(),
                    key_place: place.clone(),
                    node,
                });
            }
        }
        return Ok(());
    }
    if table.get(key).is_none() {
        let empty = Node { place: place.clone(), value: Value::Table(Table::default()) };
        table.entries.push(Entry { key: (*key).to_owned(), key_place: place.clone(), node: empty });
    }
    let entry = table.get_mut(key).expect("the line above put it there");
    put_below(&mut entry.node, key, rest, node, place)
}

fn put_below(
    at: &mut Node,
    name: &str,
    keys: &[&str],
    node: Node,
    place: &Place,
) -> Result<(), Problem> {
    match &mut at.value {
        Value::Table(table) => put(table, keys, node, place),
        Value::List(elements) => {
            let (key, rest) =
                keys.split_first().expect("the caller has checked that there is more");
            let element = element_mut(elements, name, key, place)?;
            if rest.is_empty() {
                *element = node;
                return Ok(());
            }
            put_below(element, key, rest, node, place)
        }
        other @ (Value::Text(_) | Value::Integer(_) | Value::Flag(_) | Value::Foreign(_)) => {
            Err(Problem::new(
                place.clone(),
                format!("`{name}` is {}, so there is nothing inside it", other.kind()),
                "give a path to a value",
            ))
        }
    }
}

fn element_mut<'a>(
    elements: &'a mut [Node],
    list: &str,
    key: &str,
    place: &Place,
) -> Result<&'a mut Node, Problem> {
    let count = elements.len();
    let position = match key.parse::<usize>() {
        Ok(position) if position < count => Some(position),
        Ok(_) => None,
        Err(_) => elements.iter().position(|element| element.name() == Some(key)),
    };
    let Some(position) = position else {
        let help = format!(
            "`{list}` has {count} elements, numbered from 0; one with a `name` may be called by it"
        );
        return Err(Problem::new(place.clone(), format!("`{list}` has no element `{key}`"), help));
    };
    Ok(&mut elements[position])
}

impl Node {
    /// The `name` of a table in a list.
    fn name(&self) -> Option<&str> {
        let Value::Table(table) = &self.value else { return None };
        match &table.get("name")?.node.value {
            Value::Text(name) => Some(name),
            Value::Integer(_)
            | Value::Flag(_)
            | Value::List(_)
            | Value::Table(_)
            | Value::Foreign(_) => None,
        }
    }
}

fn table_from(table: &DeTable<'_>, source: usize, shift: usize) -> Table {
    let mut entries: Vec<Entry> = table
        .iter()
        .map(|(key, value)| Entry {
            key: key.get_ref().to_string(),
            key_place: place(&key.span(), source, shift),
            node: node_from(value, source, shift),
        })
        .collect();
    entries.sort_by_key(|entry| entry.key_place.bytes.start);
    Table { entries }
}

fn node_from(spanned: &toml::Spanned<DeValue<'_>>, source: usize, shift: usize) -> Node {
    let place = place(&spanned.span(), source, shift);
    let value = match spanned.get_ref() {
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => integer_from(number),
        DeValue::Boolean(flag) => Value::Flag(*flag),
        DeValue::Array(elements) => {
            Value::List(elements.iter().map(|element| node_from(element, source, shift)).collect())
        }
        DeValue::Table(table) => Value::Table(table_from(table, source, shift)),
        DeValue::Float(_) => Value::Foreign("a number with a fraction"),
        DeValue::Datetime(_) => Value::Foreign("a date"),
    };
    Node { place, value }
}

fn integer_from(number: &toml::de::DeInteger<'_>) -> Value {
    i64::from_str_radix(number.as_str(), number.radix())
        .map_or(Value::Foreign("a number beyond 2^63 - 1"), Value::Integer)
}

fn place(bytes: &Range<usize>, source: usize, shift: usize) -> Place {
    Place { source, bytes: bytes.start + shift..bytes.end + shift }
}

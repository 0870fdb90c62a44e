//! What older traces of the same schema have otherwise than those of today, made as today's have it.
//!
//! A variant with fields was an object with its name as the only key, where the name was no type's: `{"size":{..}}`. It
//! has its name as `kind` among its fields now.

use serde_json::{Map, Value};

use super::event::TraceEvent;
use super::kinds::{Kind, kinds};
use super::shape::Shape;

/// Which fields may be variants with fields, by the kinds that have them.
pub(super) struct Older {
    variants: Vec<(&'static str, String, String, Vec<String>)>,
}

impl Older {
    pub(super) fn new() -> Self {
        let of = |kind: Kind| {
            let Kind { family, name, fields, .. } = kind;
            fields.into_iter().filter_map(move |field| match field.shape {
                Shape::Enum(words) => {
                    let of = field.path.strip_suffix(".kind").filter(|of| !of.contains('.'))?;
                    Some((family, name.clone(), of.to_owned(), words))
                }
                Shape::Number | Shape::Node | Shape::Name | Shape::Object | Shape::Any => None,
            })
        };
        Self { variants: kinds().into_iter().flat_map(of).collect() }
    }

    /// Mends an event.
    pub(super) fn mend(&self, event: &mut TraceEvent) {
        for (family, kind, field, words) in &self.variants {
            if *family == event.family
                && *kind == event.kind
                && let Some(value) = event.fields.get_mut(field)
            {
                name_among_fields(value, words);
            }
        }
    }
}

fn name_among_fields(value: &mut Value, words: &[String]) {
    let Value::Object(map) = value else { return };
    let only = map.iter().next().filter(|(name, _)| map.len() == 1 && words.contains(name));
    let Some((name, Value::Object(inner))) = only else { return };
    let mut fields = Map::from_iter([("kind".to_owned(), Value::String(name.clone()))]);
    fields.extend(inner.clone());
    *map = fields;
}

//! What the fields of events may be, by path: one of an enum's words, a number, a node, a name that a run gives.

use serde::de::Deserialize;

use super::fields::{is_camel, kebab};
use super::probe::{Expected, Step, expected};

/// What a field may be. A list, or a tuple, is told by what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// One of these words and no other.
    Enum(Vec<String>),
    /// A whole number.
    Number,
    /// A node, by its id.
    Node,
    /// A name that a run gives: of a partition, a group, a file.
    Name,
    /// It has fields of its own.
    Object,
    /// Anything: one thing here and another there.
    Any,
}

/// A field, by its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldShape {
    /// Such as `batch.base_offset`.
    pub path: String,
    /// What it may be.
    pub shape: Shape,
}

impl Shape {
    /// What a field may be that is this in one event and that in another.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Enum(mut words), Self::Enum(more)) => {
                let new: Vec<String> =
                    more.into_iter().filter(|word| !words.contains(word)).collect();
                words.extend(new);
                Self::Enum(words)
            }
            // A word may be meant, or a name: nobody can say that it never is.
            (Self::Enum(_), Self::Name) | (Self::Name, Self::Enum(_)) => Self::Name,
            (Self::Node, Self::Number) | (Self::Number, Self::Node) => Self::Number,
            (one, other) if one == other => one,
            (_, _) => Self::Any,
        }
    }

    pub(super) fn words(words: &[&str]) -> Self {
        Self::Enum(words.iter().map(ToString::to_string).collect())
    }
}

/// A partition, which traces have by its name.
const PARTITION: [&str; 2] = ["topic", "partition"];

/// The fields of a fact, with all that is in them.
pub(super) fn shapes<Facts: for<'de> Deserialize<'de>>(variant: &'static str) -> Vec<FieldShape> {
    let mut all = Vec::new();
    let mut steps = vec![Step::Variant(variant)];
    if let Expected::Object(fields) = expected::<Facts>(&steps) {
        for field in fields {
            at_step::<Facts>(&mut steps, Step::Field(field), (*field).to_owned(), &mut all);
        }
    }
    all
}

fn at_step<Facts: for<'de> Deserialize<'de>>(
    steps: &mut Vec<Step>,
    step: Step,
    path: String,
    into: &mut Vec<FieldShape>,
) {
    steps.push(step);
    look::<Facts>(steps, path, into);
    steps.pop();
}

fn look<Facts: for<'de> Deserialize<'de>>(
    steps: &mut Vec<Step>,
    path: String,
    into: &mut Vec<FieldShape>,
) {
    let shape = match expected::<Facts>(steps) {
        Expected::Bool => Shape::words(&["false", "true"]),
        Expected::Number => Shape::Number,
        Expected::Node => Shape::Node,
        Expected::Text => Shape::Name,
        Expected::Object(fields) if fields == PARTITION => Shape::Name,
        Expected::Object(fields) => {
            add(into, path.clone(), Shape::Object);
            for name in fields {
                at_step::<Facts>(steps, Step::Field(name), format!("{path}.{name}"), into);
            }
            return;
        }
        Expected::Tuple(length) => {
            for item in 0..length {
                at_step::<Facts>(steps, Step::Item(item), path.clone(), into);
            }
            return;
        }
        Expected::Enum(variants) => return look_variants::<Facts>(steps, &path, variants, into),
        Expected::Unit | Expected::Other => Shape::Any,
    };
    add(into, path, shape);
}

/// A variant that has fields is told by its name as `kind` among them, another one by its name alone.
///
/// # Panics
/// If a variant with fields has another name than its own: traces would not know it as a variant.
fn look_variants<Facts: for<'de> Deserialize<'de>>(
    steps: &mut Vec<Step>,
    path: &str,
    variants: &'static [&'static str],
    into: &mut Vec<FieldShape>,
) {
    let (mut words, mut kinds, mut inner) = (Vec::new(), Vec::new(), Vec::new());
    for variant in variants {
        steps.push(Step::Variant(variant));
        if let Expected::Object(names) = expected::<Facts>(steps) {
            assert!(
                is_camel(variant),
                "{path}: {variant} has fields and is not called by its name"
            );
            words.push(kebab(variant));
            kinds.push(kebab(variant));
            for name in names {
                at_step::<Facts>(steps, Step::Field(name), format!("{path}.{name}"), &mut inner);
            }
        } else {
            words.push((*variant).to_owned());
        }
        steps.pop();
    }
    add(into, path.to_owned(), Shape::Enum(words));
    if !kinds.is_empty() {
        add(into, format!("{path}.kind"), Shape::Enum(kinds));
    }
    for FieldShape { path, shape } in inner {
        add(into, path, shape);
    }
}

fn add(into: &mut Vec<FieldShape>, path: String, shape: Shape) {
    match into.iter_mut().find(|known| known.path == path) {
        Some(known) => known.shape = known.shape.clone().or(shape),
        None => into.push(FieldShape { path, shape }),
    }
}

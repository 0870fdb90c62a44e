//! What the fields of events may be, by path: the words of an enum, a number, a name that a run gives.

use serde::de::Deserialize;

use super::fields::kebab;
use super::probe::{Step, Wanted, wanted};

/// What a field may be. A list is told by what is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shape {
    /// One of these words and no other.
    Words(Vec<String>),
    /// A whole number.
    Number,
    /// A name that a run gives: of a partition, a group, a file.
    Name,
    /// It has fields of its own.
    Parts,
    /// Anything.
    Open,
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
            (Self::Words(mut words), Self::Words(more)) => {
                let new: Vec<String> =
                    more.into_iter().filter(|word| !words.contains(word)).collect();
                words.extend(new);
                Self::Words(words)
            }
            (one, other) if one == other => one,
            (_, _) => Self::Open,
        }
    }

    pub(super) fn words(words: &[&str]) -> Self {
        Self::Words(words.iter().map(ToString::to_string).collect())
    }
}

/// A partition, which traces have by its name.
const PARTITION: [&str; 2] = ["topic", "partition"];

/// The fields of a fact, with all that is in them.
pub(super) fn shapes<Facts: for<'de> Deserialize<'de>>(variant: &'static str) -> Vec<FieldShape> {
    let mut all = Vec::new();
    let mut steps = vec![Step::Variant(variant)];
    if let Wanted::Parts(fields) = wanted::<Facts>(&steps) {
        for field in fields {
            part::<Facts>(&mut steps, field, (*field).to_owned(), &mut all);
        }
    }
    all
}

fn part<Facts: for<'de> Deserialize<'de>>(
    steps: &mut Vec<Step>,
    name: &'static str,
    path: String,
    into: &mut Vec<FieldShape>,
) {
    steps.push(Step::Part(name));
    look::<Facts>(steps, path, into);
    steps.pop();
}

fn look<Facts: for<'de> Deserialize<'de>>(
    steps: &mut Vec<Step>,
    path: String,
    into: &mut Vec<FieldShape>,
) {
    let shape = match wanted::<Facts>(steps) {
        Wanted::Truth => Shape::words(&["false", "true"]),
        Wanted::Number => Shape::Number,
        Wanted::Text => Shape::Name,
        Wanted::Parts(parts) if parts == PARTITION => Shape::Name,
        Wanted::Parts(parts) => {
            add(into, path.clone(), Shape::Parts);
            for name in parts {
                part::<Facts>(steps, name, format!("{path}.{name}"), into);
            }
            return;
        }
        Wanted::Variants(variants) => return look_variants::<Facts>(steps, &path, variants, into),
        Wanted::Unit | Wanted::Other => Shape::Open,
    };
    add(into, path, shape);
}

/// A variant that has fields is told by its name as `kind` among them, another one by its name alone.
fn look_variants<Facts: for<'de> Deserialize<'de>>(
    steps: &mut Vec<Step>,
    path: &str,
    variants: &'static [&'static str],
    into: &mut Vec<FieldShape>,
) {
    let (mut words, mut kinds, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for variant in variants {
        steps.push(Step::Variant(variant));
        if let Wanted::Parts(names) = wanted::<Facts>(steps) {
            words.push(kebab(variant));
            kinds.push(kebab(variant));
            for name in names {
                part::<Facts>(steps, name, format!("{path}.{name}"), &mut parts);
            }
        } else {
            words.push((*variant).to_owned());
        }
        steps.pop();
    }
    add(into, path.to_owned(), Shape::Words(words));
    if !kinds.is_empty() {
        add(into, format!("{path}.kind"), Shape::Words(kinds));
    }
    for FieldShape { path, shape } in parts {
        add(into, path, shape);
    }
}

fn add(into: &mut Vec<FieldShape>, path: String, shape: Shape) {
    match into.iter_mut().find(|known| known.path == path) {
        Some(known) => known.shape = known.shape.clone().or(shape),
        None => into.push(FieldShape { path, shape }),
    }
}

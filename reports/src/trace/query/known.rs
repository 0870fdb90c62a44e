//! What the events that a pattern selects may have: their fields, and what may be in them.

use std::collections::BTreeSet;

use super::tree::Field;
use crate::trace::event::{EPOCHS, offset_fields};
use crate::trace::kinds::Kind;
use crate::trace::shape::Shape;

/// The kinds of events that a pattern selects.
pub(super) struct Known<'a> {
    kinds: Vec<&'a Kind>,
}

impl<'a> Known<'a> {
    /// Of all kinds those of a family and name, as far as they are said.
    pub(super) fn of(kinds: &'a [Kind], family: Option<&str>, name: Option<&str>) -> Self {
        let fits = |kind: &&Kind| {
            family.is_none_or(|family| family == kind.family)
                && name.is_none_or(|name| name == kind.name)
        };
        Self { kinds: kinds.iter().filter(fits).collect() }
    }

    /// Names of the fields that they have of their own.
    pub(super) fn fields(&self) -> Vec<&'a str> {
        let all = self.kinds.iter().flat_map(|kind| kind.names());
        Vec::from_iter(all.collect::<BTreeSet<&str>>())
    }

    /// Whether they may have a field of this name.
    pub(super) fn has(&self, field: &str) -> bool {
        self.fields().contains(&field)
    }

    /// What a field of theirs may be; none if none of them has it.
    pub(super) fn shape(&self, path: &str) -> Option<Shape> {
        self.kinds.iter().filter_map(|kind| kind.shape(path).cloned()).reduce(Shape::or)
    }

    /// Whether one of them can say what is asked for.
    pub(super) fn tells(&self, field: &Field) -> bool {
        self.kinds.iter().any(|kind| tells(kind, field))
    }

    /// Fields of theirs, by their paths, whose last step is this name and not the first.
    pub(super) fn ending_in(&self, name: &str) -> Vec<&'a str> {
        let ends = |path: &&str| path.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'));
        let ending = self.paths().filter(ends);
        Vec::from_iter(ending.collect::<BTreeSet<&str>>())
    }

    fn paths(&self) -> impl Iterator<Item = &'a str> {
        self.kinds.iter().flat_map(|kind| &kind.fields).map(|field| field.path.as_str())
    }

    /// What is in a field of theirs, by its paths.
    pub(super) fn within(&self, field: &str) -> Vec<&'a str> {
        let is_within =
            |path: &&str| path.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'));
        let within = self.paths().filter(is_within);
        Vec::from_iter(within.collect::<BTreeSet<&str>>())
    }

    /// Their families.
    pub(super) fn families(&self) -> Vec<&'a str> {
        Vec::from_iter(self.kinds.iter().map(|kind| kind.family).collect::<BTreeSet<&str>>())
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<&'a str> {
        Vec::from_iter(self.kinds.iter().map(|kind| kind.name.as_str()).collect::<BTreeSet<&str>>())
    }
}

/// Whether events of a kind can say what is asked for.
fn tells(kind: &Kind, field: &Field) -> bool {
    let is_number = |path: &str| kind.shape(path) == Some(&Shape::Number);
    match field {
        Field::Node => kind.has_node,
        Field::Partition => kind.has_partition,
        Field::Offset => offset_fields().any(|fields| fields.iter().all(|path| is_number(path))),
        Field::Epoch => EPOCHS.iter().any(|path| is_number(path)),
        Field::Record => is_number("records"),
        Field::Own(path) => kind.shape(path).is_some(),
        Field::Time | Field::Event | Field::Row | Field::Text | Field::Family | Field::Kind => true,
    }
}

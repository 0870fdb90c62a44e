//! What the events that a pattern selects may have: their fields, and what may be in them.

use std::collections::BTreeSet;

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
        let all = self.kinds.iter().flat_map(|kind| kind.fields.iter().map(String::as_str));
        Vec::from_iter(all.collect::<BTreeSet<&str>>())
    }

    /// Whether they may have a field of this name.
    pub(super) fn has(&self, field: &str) -> bool {
        self.kinds.iter().any(|kind| kind.fields.iter().any(|known| known == field))
    }

    /// What a field of theirs may be; none if none of them has it.
    pub(super) fn shape(&self, path: &str) -> Option<Shape> {
        let all = self.kinds.iter().flat_map(|kind| &kind.shapes);
        let same = all.filter(|field| field.path == path).map(|field| field.shape.clone());
        same.reduce(Shape::or)
    }

    /// What is in a field of theirs, by its paths.
    pub(super) fn within(&self, field: &str) -> Vec<&'a str> {
        let is_within =
            |path: &&str| path.strip_prefix(field).is_some_and(|rest| rest.starts_with('.'));
        let all = self.kinds.iter().flat_map(|kind| &kind.shapes);
        let within = all.map(|field| field.path.as_str()).filter(is_within);
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

//! What is known of a module.

use std::collections::{BTreeMap, BTreeSet};

/// Segments of a path, such as `["crate", "log", "Log"]`.
pub(crate) type Segments = Vec<String>;

/// A crate's modules, by their path from its root.
pub(crate) type Modules = BTreeMap<Segments, Module>;

/// A module.
#[derive(Debug, Default)]
pub(crate) struct Module {
    /// Its file.
    pub(crate) file: String,
    /// What it brings in by `use`.
    pub(crate) imports: Vec<Import>,
    /// Paths of two or more segments that its code names outside of `use`.
    pub(crate) paths: BTreeSet<Segments>,
    /// Every word of its code outside of `use`.
    pub(crate) words: BTreeSet<String>,
    /// What it defines.
    pub(crate) items: BTreeSet<String>,
    /// Modules declared here that have a file of their own, with its path if an attribute gives it.
    pub(crate) declared: Vec<(String, Option<String>)>,
}

/// One name brought in by a `use`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// What is imported; for a glob, from where.
    pub(crate) path: Segments,
    /// The name here; none for a glob.
    pub(crate) name: Option<String>,
    /// Whether it is handed on to others.
    pub(crate) public: bool,
}

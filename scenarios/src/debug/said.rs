//! An answer of the debugger.

use serde_json::Value;

/// What is said to a command.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// For people, a line each.
    pub lines: Vec<String>,
    /// For machines.
    pub value: Value,
    /// Whether that was the end.
    pub quits: bool,
}

impl Said {
    /// For people and for machines.
    pub(super) fn new(lines: Vec<String>, value: Value) -> Self {
        Self { lines, value, quits: false }
    }
}

/// A command that cannot be done: what is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Slip {
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
    /// Where in the line, in bytes, if it is known.
    pub offset: Option<usize>,
}

impl Slip {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into(), offset: None }
    }
}

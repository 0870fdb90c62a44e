//! Why a file is not a history.

use std::fmt;
use std::io;

use thiserror::Error;

/// Why a file is not a history. A message says what is wrong and what would be right; it fits after "failed to".
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The bytes could not be had.
    #[error("read line {line}: {source}")]
    Read {
        /// Which line, from 1.
        line: u64,
        /// What the system said.
        source: io::Error,
    },
    /// A line is not what the format says.
    #[error("understand line {line}, column {column}: {problem}")]
    Syntax {
        /// Which line, from 1.
        line: u64,
        /// Which byte of it, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
    },
    /// A line contradicts an earlier one.
    #[error("accept line {line}: {problem}")]
    Content {
        /// Which line, from 1.
        line: u64,
        /// What is wrong, and what would be right.
        problem: String,
    },
}

impl HistoryError {
    /// Which line, from 1.
    pub fn line(&self) -> u64 {
        match self {
            Self::Read { line, .. } | Self::Syntax { line, .. } | Self::Content { line, .. } => {
                *line
            }
        }
    }

    /// Which byte of the line, from 1, if one is at fault.
    pub fn column(&self) -> Option<usize> {
        match self {
            Self::Syntax { column, .. } => Some(*column),
            Self::Read { .. } | Self::Content { .. } => None,
        }
    }

    /// What is wrong, without the place.
    pub fn problem(&self) -> String {
        match self {
            Self::Read { source, .. } => source.to_string(),
            Self::Syntax { problem, .. } | Self::Content { problem, .. } => problem.clone(),
        }
    }

    pub(super) fn syntax(line: u64, column: usize, problem: impl Into<String>) -> Self {
        Self::Syntax { line, column, problem: problem.into() }
    }

    pub(super) fn content(line: u64, problem: impl Into<String>) -> Self {
        Self::Content { line, problem: problem.into() }
    }
}

/// What to say of a name that is not known: the one that is most like it, or all.
pub(super) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let shown = Shown(name);
    let scored = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    match scored.min_by_key(|(distance, _)| *distance) {
        Some((distance, near)) if distance <= 2.max(near.len() / 3) => {
            format!("unknown {what} `{shown}`; did you mean `{near}`?")
        }
        Some(_) | None => format!("unknown {what} `{shown}`; known: {}", known.join(", ")),
    }
}

/// A text from a file, short and without what a terminal would obey.
pub(super) struct Shown<'a>(pub(super) &'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const CHARACTERS_MAX: usize = 40;
        let mut characters = self.0.chars();
        for character in characters.by_ref().take(CHARACTERS_MAX) {
            write!(f, "{}", if character.is_control() { '\u{fffd}' } else { character })?;
        }
        if characters.next().is_some() { f.write_str("...") } else { Ok(()) }
    }
}

//! What is wrong with a query.

/// A query that does not parse: where, what is wrong, and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryProblem {
    /// Where, in bytes from the beginning.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl QueryProblem {
    pub(super) fn new(offset: usize, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { offset, message: message.into(), help: help.into() }
    }
}

/// The known name that was meant, if one is near.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, best) = scored.min_by_key(|(distance, _)| *distance)?;
    let near = distance <= name.len().div_ceil(3) || best.contains(name) || name.contains(best);
    near.then_some(best)
}

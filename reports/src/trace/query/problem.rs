//! What is wrong with a query.

/// What is wrong with a query, as it does not parse or names what no run has: where, what, and what would be right.
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

/// So many names are listed.
const LISTED_MAX: usize = 16;

/// Which one was meant, if one is near, and all of them, if they are few; `what` says what they are, `or` where more of
/// them are found.
pub(super) fn listed(name: &str, what: &str, known: &[&str], or: &str) -> String {
    let meant = nearest(name, known.iter().copied()).map(|near| format!("did you mean `{near}`? "));
    let all = match known.len() {
        0 => "there are none".to_owned(),
        1..=LISTED_MAX => format!("{what} {}", known.join(", ")),
        more => {
            let more = more - LISTED_MAX;
            format!("{what} {} and {more} more{or}", known[..LISTED_MAX].join(", "))
        }
    };
    meant.unwrap_or_default() + &all
}

/// The known name that was meant, if one is near.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|known| (strsim::damerau_levenshtein(name, known), known));
    let (distance, best) = scored.min_by_key(|(distance, _)| *distance)?;
    let near = distance <= name.len().div_ceil(3) || best.contains(name) || name.contains(best);
    near.then_some(best)
}

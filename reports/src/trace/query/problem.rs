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

/// The known name that was meant: one that differs by less than half of it, or that it is a part of. Numbers are near
/// to each other and mean nothing by it.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.is_empty() || name.parse::<f64>().is_ok() {
        return None;
    }
    let length = name.chars().count();
    let known: Vec<&str> = known.into_iter().collect();
    let scored = known.iter().map(|known| (strsim::damerau_levenshtein(name, known), *known));
    let near =
        |(distance, _): &(usize, &str)| *distance <= length.div_ceil(3) && 2 * *distance < length;
    let best = scored.min_by_key(|(distance, _)| *distance).filter(near).map(|(_, best)| best);
    let within = |part: &str, whole: &str| part.chars().count() > 1 && whole.contains(part);
    let is_part = |known: &&str| within(name, known) || within(known, name);
    best.or_else(|| known.iter().copied().find(is_part))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_is_meant_is_near_and_more_than_a_letter_or_a_number() {
        let table = [
            ("haltd", Some("halted")),
            ("reson", Some("reason")),
            ("lgo", Some("log")),
            ("read", Some("readers")),
            ("from", None),
            ("4", None),
            ("", None),
            ("x", None),
            ("ü", None),
            ("-1", None),
        ];
        for (name, wanted) in table {
            let known = ["halted", "reason", "log", "readers", "row", "1", "-2", "a", "ö"];
            assert_eq!(nearest(name, known), wanted, "{name}");
        }
    }
}

//! Patterns of topic names: the part of Java's regular expressions that people subscribe with. A client matches the
//! names that it is told against it, each as a whole. Source: `KafkaConsumer.subscribe(Pattern)`,
//! `ConsumerCoordinator.updatePatternSubscription`.
//!
//! It knows literal characters, `\` before one that is meant as it is, `.`, classes such as `[a-z0-9]` and `[^-]`,
//! groups, `|`, and `*`, `+`, `?` behind any of these. It does not know counts, anchors, back references and named
//! classes: such a pattern is refused.

use std::fmt;

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TopicPattern {
    text: String,
    any_of: Vec<Vec<Piece>>,
}

/// One thing, and how often it comes.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Piece {
    what: What,
    least: usize,
    most: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    Any,
    Literal(char),
    Class { ranges: Vec<(char, char)>, negated: bool },
    Group(Vec<Vec<Piece>>),
}

impl TopicPattern {
    /// Reads a pattern; the error says what is wrong.
    ///
    /// # Errors
    /// If it is no pattern, or one of a kind that is not known.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rest: Vec<char> = text.chars().rev().collect();
        let any_of = parse_any(&mut rest)?;
        match rest.pop() {
            None => Ok(Self { text: text.to_owned(), any_of }),
            Some(_) => Err(format!("`{text}` closes a group that it does not open")),
        }
    }

    /// Whether the whole of a name matches.
    pub fn matches(&self, name: &str) -> bool {
        let name: Vec<char> = name.chars().collect();
        ends_of(&self.any_of, &name, 0).contains(&name.len())
    }
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Reads alternatives up to the end or a closing parenthesis; `rest` is what is left, backwards.
fn parse_any(rest: &mut Vec<char>) -> Result<Vec<Vec<Piece>>, String> {
    let mut any_of = vec![Vec::new()];
    while let Some(next) = rest.last().copied().filter(|next| *next != ')') {
        rest.pop();
        if next == '|' {
            any_of.push(Vec::new());
            continue;
        }
        let what = parse_one(next, rest)?;
        let (least, most) = parse_count(rest);
        any_of.last_mut().expect("there is one at least").push(Piece { what, least, most });
    }
    Ok(any_of)
}

fn parse_one(next: char, rest: &mut Vec<char>) -> Result<What, String> {
    match next {
        '.' => Ok(What::Any),
        '[' => parse_class(rest),
        '(' => {
            let any_of = parse_any(rest)?;
            rest.pop().map(|_| What::Group(any_of)).ok_or_else(|| "a group is not closed".into())
        }
        '\\' => match rest.pop() {
            Some(meant) if !meant.is_alphanumeric() => Ok(What::Literal(meant)),
            Some(other) => Err(format!("`\\{other}` is not known here")),
            None => Err("it ends with `\\`".to_owned()),
        },
        '*' | '+' | '?' => Err(format!("nothing is before `{next}`")),
        '{' | '}' | '^' | '$' => Err(format!("`{next}` is not known here")),
        literal => Ok(What::Literal(literal)),
    }
}

fn parse_count(rest: &mut Vec<char>) -> (usize, usize) {
    let bounds = match rest.last() {
        Some('*') => (0, usize::MAX),
        Some('+') => (1, usize::MAX),
        Some('?') => (0, 1),
        Some(_) | None => return (1, 1),
    };
    rest.pop();
    bounds
}

fn parse_class(rest: &mut Vec<char>) -> Result<What, String> {
    let negated = rest.pop_if(|next| *next == '^').is_some();
    let mut ranges = Vec::new();
    loop {
        let first = rest.pop().ok_or("a class of characters is not closed")?;
        if first == ']' {
            break;
        }
        let is_range = rest.last() == Some(&'-') && rest.iter().rev().nth(1) != Some(&']');
        let last = if is_range { rest.pop().and_then(|_| rest.pop()) } else { Some(first) };
        let last = last.filter(|last| *last >= first);
        ranges.push((
            first,
            last.ok_or("a range of characters has no end, or ends before it begins")?,
        ));
    }
    if ranges.is_empty() {
        Err("a class of characters is empty".into())
    } else {
        Ok(What::Class { ranges, negated })
    }
}

/// Where a match may end that begins at `from`.
fn ends_of(any_of: &[Vec<Piece>], name: &[char], from: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = any_of
        .iter()
        .flat_map(|pieces| {
            pieces.iter().fold(vec![from], |starts, piece| {
                let all = starts.into_iter().flat_map(|start| piece.ends(name, start));
                sorted(all.collect())
            })
        })
        .collect();
    ends = sorted(ends);
    ends
}

fn sorted(mut ends: Vec<usize>) -> Vec<usize> {
    ends.sort_unstable();
    ends.dedup();
    ends
}

impl Piece {
    fn ends(&self, name: &[char], from: usize) -> Vec<usize> {
        let mut all = if self.least == 0 { vec![from] } else { Vec::new() };
        let mut starts = vec![from];
        // As often as the name is long is as often as can matter.
        for _ in 0..self.most.min(name.len().saturating_sub(from) + 1) {
            let next = starts.iter().flat_map(|start| self.what.ends(name, *start));
            starts = sorted(next.filter(|end| !all.contains(end)).collect());
            all.extend(starts.iter().copied());
        }
        sorted(all)
    }
}

impl What {
    fn ends(&self, name: &[char], at: usize) -> Vec<usize> {
        let is_next = |fits: &dyn Fn(char) -> bool| name.get(at).is_some_and(|next| fits(*next));
        let fits = match self {
            Self::Group(any_of) => return ends_of(any_of, name, at),
            Self::Any => is_next(&|_| true),
            Self::Literal(literal) => is_next(&|next| next == *literal),
            Self::Class { ranges, negated } => is_next(&|next| {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&next)) != *negated
            }),
        };
        if fits { vec![at + 1] } else { Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_match_or_do_not() {
        for (pattern, matching, others) in [
            ("orders", &["orders"][..], &["orders-2", "my-orders", ""][..]),
            ("orders.*", &["orders", "orders-eu"], &["order", "all-orders"]),
            ("(orders|payments)-[a-z]+", &["orders-eu", "payments-us"], &["orders-", "orders-EU"]),
            ("a?b+c*", &["b", "abbcc", "abc"], &["ac", "aab"]),
            ("[^_].*", &["x", "orders_1"], &["__consumer_offsets", ""]),
            ("(ab)*", &["", "ab", "abab"], &["a", "aba"]),
            ("v1\\.orders", &["v1.orders"], &["v1-orders"]),
        ] {
            let parsed = TopicPattern::parse(pattern).expect("a pattern");
            assert!(matching.iter().all(|name| parsed.matches(name)), "{pattern}");
            assert!(!others.iter().any(|name| parsed.matches(name)), "{pattern}");
            assert_eq!(parsed.to_string(), pattern);
        }
    }

    #[test]
    fn what_is_not_known_is_refused() {
        for pattern in ["a{2}", "^a", "a$", "(a", "a)", "*a", "[]", "[z-a]", "\\d", "\\", "[a"] {
            assert!(TopicPattern::parse(pattern).is_err(), "{pattern}");
        }
    }
}

//! Patterns of topic names: regular expressions, each of which must match the whole of a name. A client matches the
//! names that it is told against its own, or has the group's coordinator do so. Source:
//! `KafkaConsumer.subscribe(Pattern)`, `ConsumerCoordinator.updatePatternSubscription`; `SubscriptionPattern`.
//!
//! Clients in Java have Java's syntax, coordinators that of RE2/J. What people subscribe with means the same in all of
//! them; quotes (`\Q`), back references and looking around are refused, and classes know `&&`, which RE2/J does not.

use std::fmt;

use regex::{Regex, RegexBuilder};

/// One that would take more bytes than this is refused.
const SIZE_MAX: usize = 1 << 20;

/// A pattern.
#[derive(Debug, Clone)]
pub struct TopicPattern {
    text: String,
    regex: Regex,
}

impl PartialEq for TopicPattern {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for TopicPattern {}

impl TopicPattern {
    /// Reads a pattern; the error says what is wrong.
    ///
    /// # Errors
    /// If it is no pattern, or one of a kind that is not known.
    pub fn parse(text: &str) -> Result<Self, String> {
        // Alone first: what closes a group that it does not open must not close ours.
        let build = |text: &str| RegexBuilder::new(text).size_limit(SIZE_MAX).build();
        let regex = build(text).and_then(|_| build(&format!("^(?:{text})$")));
        let regex = regex.map_err(|error| last_line(&error.to_string()))?;
        Ok(Self { text: text.to_owned(), regex })
    }

    /// Whether the whole of a name matches.
    pub fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }
}

/// What is wrong stands at the end, behind the expression with a mark below the place.
fn last_line(error: &str) -> String {
    let last = error.lines().last().unwrap_or_default();
    last.strip_prefix("error: ").unwrap_or(last).to_owned()
}

impl fmt::Display for TopicPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
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
            ("^a{2}$|b", &["aa", "b"], &["a", "aab", "ab"]),
        ] {
            let parsed = TopicPattern::parse(pattern).expect("a pattern");
            assert!(matching.iter().all(|name| parsed.matches(name)), "{pattern}");
            assert!(!others.iter().any(|name| parsed.matches(name)), "{pattern}");
            assert_eq!(parsed.to_string(), pattern);
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for (pattern, why) in [
            ("(a", "unclosed group"),
            ("a)(b", "unopened group"),
            ("*a", "repetition operator missing expression"),
            ("[z-a]", "invalid character class range, the start must be <= the end"),
            ("[a", "unclosed character class"),
            ("\\", "incomplete escape sequence, reached end of pattern prematurely"),
        ] {
            assert_eq!(TopicPattern::parse(pattern), Err(why.to_owned()), "{pattern}");
        }
    }
}

//! Where the reading of a query is, and what it sees there.

use super::problem::QueryProblem;
use super::token::{Placed, Token};
use crate::trace::kinds::Kind;

/// Parentheses within each other.
pub(super) const DEPTH_MAX: usize = 40;

/// Patterns and comparisons in a query: each goes one step further down when it is asked.
const TERMS_MAX: usize = 1_000;

/// Where the reading is.
pub(super) struct Reader<'a> {
    tokens: Vec<Placed>,
    pub(super) position: usize,
    pub(super) kinds: &'a [Kind],
    terms: usize,
}

impl<'a> Reader<'a> {
    pub(super) fn new(tokens: Vec<Placed>, kinds: &'a [Kind]) -> Self {
        Self { tokens, position: 0, kinds, terms: 0 }
    }

    /// One more pattern or comparison begins here.
    pub(super) fn begin_term(&mut self) -> Result<(), QueryProblem> {
        self.terms += 1;
        if self.terms <= TERMS_MAX {
            return Ok(());
        }
        let message = format!("this is one more than {TERMS_MAX} events and comparisons");
        Err(self
            .problem(message, "ask in parts; values of one field are joined by |: node = 1|2|3"))
    }

    /// A problem at an earlier word.
    pub(super) fn problem_at(
        &self,
        position: usize,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> QueryProblem {
        QueryProblem::new(self.tokens[position].at, message, help)
    }

    /// Where the next word is, in bytes from the beginning.
    pub(super) fn place(&self) -> usize {
        self.tokens[self.position].at
    }

    pub(super) fn token(&self) -> &Token {
        &self.tokens[self.position].token
    }

    pub(super) fn after(&self) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.position + 1).min(last)].token
    }

    pub(super) fn next(&mut self) {
        self.position = (self.position + 1).min(self.tokens.len() - 1);
    }

    pub(super) fn shown(&self) -> String {
        self.token().shown()
    }

    pub(super) fn problem(
        &self,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> QueryProblem {
        self.problem_at(self.position, message, help)
    }

    pub(super) fn sees_word(&self, word: &str) -> bool {
        matches!(self.token(), Token::Word(seen) if seen == word)
    }

    pub(super) fn takes_word(&mut self, word: &str) -> bool {
        let sees = self.sees_word(word);
        if sees {
            self.next();
        }
        sees
    }

    pub(super) fn sees_sign(&self, sign: &str) -> bool {
        matches!(self.token(), Token::Sign(seen) if *seen == sign)
    }

    pub(super) fn takes_sign(&mut self, sign: &str) -> bool {
        let sees = self.sees_sign(sign);
        if sees {
            self.next();
        }
        sees
    }

    pub(super) fn expect_sign(&mut self, sign: &str) -> Result<(), QueryProblem> {
        if self.takes_sign(sign) {
            return Ok(());
        }
        Err(self.problem(
            format!("{} is where `{sign}` should be", self.shown()),
            format!("close it with `{sign}`"),
        ))
    }

    /// The duration that is next, in nanoseconds; it is not taken.
    pub(super) fn duration_ns(&self) -> Result<u64, QueryProblem> {
        let read = match self.token() {
            Token::Word(text) => duration_ns(text),
            Token::Quoted(_) | Token::Sign(_) | Token::End => None,
        };
        read.ok_or_else(|| {
            let message = format!("{} is no time", self.shown());
            self.problem(message, "write a number with its unit, such as 2s, 3.405s, 500ms or 20us")
        })
    }
}

/// The first and the last time that one stands for: times are shown in whole microseconds, and one that is written so
/// stands for all that are shown so.
pub fn time_ns(written_ns: u64) -> (u64, u64) {
    let shown = written_ns.is_multiple_of(SHOWN_NS);
    (written_ns, if shown { written_ns.saturating_add(SHOWN_NS - 1) } else { written_ns })
}

/// So fine times are shown.
const SHOWN_NS: u64 = 1_000;

/// A number with its unit, such as `3.405s`, in nanoseconds.
pub fn duration_ns(text: &str) -> Option<u64> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - unit.len()];
    let scale: u64 = match unit {
        "ns" => 1,
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        _ => return None,
    };
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    if whole.is_empty() || part.contains('.') || part.len() > 9 {
        return None;
    }
    let digits = 10_u64.pow(part.len() as u32);
    let part: u64 = if part.is_empty() { 0 } else { part.parse().ok()? };
    let whole: u64 = whole.parse().ok()?;
    whole
        .checked_mul(scale)?
        .checked_add(u64::try_from(u128::from(part) * u128::from(scale) / u128::from(digits)).ok()?)
}

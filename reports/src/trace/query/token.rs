//! A text as words and signs.

use super::problem::QueryProblem;

/// A word or a sign.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// A name, a number, a duration, or a word of the language.
    Word(String),
    /// What stands in quotes.
    Quoted(String),
    /// One of `( ) [ ] , | * = != < <= > >= ~`.
    Sign(&'static str),
    /// The end.
    End,
}

/// With its place, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) token: Token,
    pub(super) at: usize,
}

/// Longer ones first.
const SIGNS: [&str; 13] = ["!=", "<=", ">=", "(", ")", "[", "]", ",", "|", "*", "=", "<", ">"];

impl Token {
    /// As people read it.
    pub(super) fn shown(&self) -> String {
        match self {
            Self::Word(word) => format!("`{word}`"),
            Self::Quoted(text) => format!("\"{text}\""),
            Self::Sign(sign) => format!("`{sign}`"),
            Self::End => "the end".to_owned(),
        }
    }
}

/// Reads all words; the last token is the end.
pub(super) fn tokens(text: &str) -> Result<Vec<Placed>, QueryProblem> {
    let mut tokens = Vec::new();
    let mut at = 0;
    while let Some(next) = text[at..].chars().next() {
        if next.is_whitespace() {
            at += next.len_utf8();
            continue;
        }
        let (token, length) = token(&text[at..], next, at)?;
        tokens.push(Placed { token, at });
        at += length;
    }
    tokens.push(Placed { token: Token::End, at: text.len() });
    Ok(tokens)
}

fn token(rest: &str, next: char, at: usize) -> Result<(Token, usize), QueryProblem> {
    if next == '"' || next == '\'' {
        return quoted(rest, next, at);
    }
    if next == '~' {
        return Ok((Token::Sign("~"), 1));
    }
    if let Some(sign) = SIGNS.iter().find(|sign| rest.starts_with(**sign)) {
        return Ok((Token::Sign(sign), sign.len()));
    }
    let in_word = |c: char| c.is_alphanumeric() || "-_.:@+/".contains(c);
    let end = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
    if end == 0 {
        let help = "write names, numbers, durations, [conditions] and (groups); put any other text in quotes";
        return Err(QueryProblem::new(at, format!("`{next}` means nothing here"), help));
    }
    Ok((Token::Word(rest[..end].to_owned()), end))
}

fn quoted(rest: &str, quote: char, at: usize) -> Result<(Token, usize), QueryProblem> {
    match rest[1..].find(quote) {
        Some(end) => Ok((Token::Quoted(rest[1..=end].to_owned()), end + 2)),
        None => Err(QueryProblem::new(
            at,
            "the text in quotes has no end",
            format!("close it with {quote}"),
        )),
    }
}

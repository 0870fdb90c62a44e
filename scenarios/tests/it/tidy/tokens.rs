//! Rust as a row of tokens: as much of the language as it takes to find names, without comments and without what
//! strings say.

/// A token. Lifetimes, numbers and characters are left out: no path is made of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Token {
    /// An identifier or keyword.
    Word(String),
    /// A string, without its quotes.
    Text(String),
    /// `::`.
    PathSeparator,
    /// Any other sign.
    Sign(char),
}

impl Token {
    /// Whether it is this sign.
    pub(crate) fn is_sign(&self, sign: char) -> bool {
        *self == Self::Sign(sign)
    }
}

/// Parts a source into its tokens.
pub(crate) fn tokens(source: &str) -> Vec<Token> {
    let mut rest = source;
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        rest = if let Some(after) = past_comment(rest) {
            after
        } else if let Some((text, after)) = string(rest) {
            tokens.push(Token::Text(text.to_owned()));
            after
        } else if let Some(after) = past_character(rest) {
            after
        } else if first.is_alphanumeric() || first == '_' {
            let (word, after) = rest.split_at(word_length(rest));
            if !first.is_ascii_digit() {
                tokens.push(Token::Word(word.to_owned()));
            }
            after
        } else if let Some(after) = rest.strip_prefix("::") {
            tokens.push(Token::PathSeparator);
            after
        } else {
            if !first.is_whitespace() {
                tokens.push(Token::Sign(first));
            }
            &rest[first.len_utf8()..]
        };
    }
    tokens
}

fn word_length(text: &str) -> usize {
    text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len())
}

fn past_comment(text: &str) -> Option<&str> {
    if text.starts_with("//") {
        return Some(text.find('\n').map_or("", |end| &text[end..]));
    }
    let body = text.strip_prefix("/*")?;
    Some(body.find("*/").map_or("", |end| &body[end + 2..]))
}

/// A string of any kind that begins here, and what follows it.
fn string(text: &str) -> Option<(&str, &str)> {
    let bare = text.strip_prefix('b').unwrap_or(text);
    if let Some(raw) = bare.strip_prefix('r') {
        let hashes = raw.len() - raw.trim_start_matches('#').len();
        let body = raw[hashes..].strip_prefix('"')?;
        let close = format!("\"{}", "#".repeat(hashes));
        let end = body.find(&close)?;
        return Some((&body[..end], &body[end + close.len()..]));
    }
    let body = bare.strip_prefix('"')?;
    let end = unescaped(body, '"')?;
    Some((&body[..end], &body[end + 1..]))
}

/// What follows a character or a lifetime that begins here.
fn past_character(text: &str) -> Option<&str> {
    let body = text.strip_prefix('\'')?;
    let second = body.chars().nth(1);
    if body.starts_with('\\') || second == Some('\'') {
        let end = unescaped(body, '\'')?;
        return Some(&body[end + 1..]);
    }
    Some(&body[word_length(body)..])
}

/// Where a closing quote stands.
fn unescaped(body: &str, quote: char) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        if c == quote && !escaped {
            return Some(at);
        }
        escaped = c == '\\' && !escaped;
    }
    None
}

#[test]
fn names_in_comments_and_strings_are_no_tokens() {
    let source =
        "// a::b\nlet x: &'a str = \"c::d\" /* e */ + r#\"f\"g\"#; '\\''; 'h'; i::j(b'k', 1_u8)";
    let words: Vec<String> = tokens(source)
        .into_iter()
        .filter_map(|token| if let Token::Word(word) = token { Some(word) } else { None })
        .collect();
    assert_eq!(words, ["let", "x", "str", "i", "j", "b"]);
}

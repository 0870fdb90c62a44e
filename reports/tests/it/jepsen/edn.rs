//! As much of EDN as the cases need: maps, vectors, sets, keywords, numbers, texts, true and false, comments.

use std::collections::BTreeMap;

/// A value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Edn {
    Keyword(String),
    Number(i64),
    Text(String),
    Flag(bool),
    /// A vector or a set.
    List(Vec<Edn>),
    Map(BTreeMap<Edn, Edn>),
}

impl Edn {
    /// The value at a keyword of a map.
    pub(super) fn at(&self, key: &str) -> Option<&Self> {
        let Self::Map(entries) = self else { panic!("{self:?} is no map") };
        entries.get(&Self::Keyword(key.to_owned()))
    }

    pub(super) fn list(&self) -> &[Self] {
        if let Self::List(elements) = self { elements } else { panic!("{self:?} is no list") }
    }

    pub(super) fn number(&self) -> i64 {
        if let Self::Number(number) = self { *number } else { panic!("{self:?} is no number") }
    }

    /// What it is called.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Keyword(name) | Self::Text(name) => name.clone(),
            Self::Number(number) => number.to_string(),
            Self::Flag(_) | Self::List(_) | Self::Map(_) => panic!("{self:?} is no name"),
        }
    }
}

/// Reads all values of a text.
pub(super) fn read(text: &str) -> Vec<Edn> {
    let mut reader = Reader { rest: text };
    std::iter::from_fn(|| reader.value()).collect()
}

struct Reader<'a> {
    rest: &'a str,
}

impl Reader<'_> {
    /// The next value; none at the end of the text or of a list.
    fn value(&mut self) -> Option<Edn> {
        self.space();
        let first = self.rest.chars().next()?;
        match first {
            '[' => Some(Edn::List(self.list("[", ']'))),
            '#' => Some(Edn::List(self.list("#{", '}'))),
            '{' => {
                let elements = self.list("{", '}');
                let pairs = elements.chunks(2).map(|pair| match pair {
                    [key, value] => (key.clone(), value.clone()),
                    _ => panic!("a map with a key that has no value: {elements:?}"),
                });
                Some(Edn::Map(pairs.collect()))
            }
            '"' => {
                let (text, rest) = self.rest[1..].split_once('"').expect("a text ends");
                self.rest = rest;
                Some(Edn::Text(text.to_owned()))
            }
            ']' | '}' => None,
            _ => Some(self.word()),
        }
    }

    fn list(&mut self, open: &str, close: char) -> Vec<Edn> {
        self.rest = self.rest.strip_prefix(open).expect("it begins so");
        let elements: Vec<Edn> = std::iter::from_fn(|| self.value()).collect();
        self.rest = self.rest.strip_prefix(close).expect("a list ends");
        elements
    }

    fn word(&mut self) -> Edn {
        let ends = |c: char| c.is_whitespace() || ",[]{}".contains(c);
        let (word, rest) = self.rest.split_at(self.rest.find(ends).unwrap_or(self.rest.len()));
        self.rest = rest;
        match (word, word.strip_prefix(':')) {
            (_, Some(name)) => Edn::Keyword(name.to_owned()),
            ("true", _) => Edn::Flag(true),
            ("false", _) => Edn::Flag(false),
            _ => Edn::Number(word.parse().unwrap_or_else(|_| panic!("`{word}` is no number"))),
        }
    }

    /// Commas are space, and a comment goes to the end of its line.
    fn space(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches(|c: char| c.is_whitespace() || c == ',');
            if !self.rest.starts_with(';') {
                return;
            }
            self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]);
        }
    }
}

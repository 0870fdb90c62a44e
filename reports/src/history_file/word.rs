//! Words of the format: each is one out of a table.

use std::fmt;

use serde::de::{self, DeserializeSeed, Deserializer, Visitor};

use super::problem::unknown;

/// One word out of a table.
pub(super) struct Word<T: 'static>(
    pub(super) &'static str,
    pub(super) &'static [(&'static str, T)],
);

impl<'de, T: Copy> DeserializeSeed<'de> for Word<T> {
    type Value = T;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<T, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<T: Copy> Visitor<'_> for Word<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all: Vec<&str> = self.1.iter().map(|(word, _)| *word).collect();
        write!(f, "`{}`, one of {}", self.0, all.join(", "))
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<T, E> {
        let found = self.1.iter().find(|(word, _)| *word == text);
        found.map(|(_, meaning)| *meaning).ok_or_else(|| {
            let all: Vec<&str> = self.1.iter().map(|(word, _)| *word).collect();
            E::custom(unknown(self.0, text, &all))
        })
    }
}

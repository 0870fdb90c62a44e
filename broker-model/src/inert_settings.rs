//! Settings of topics that clients know and the model has no rule for: a topic keeps what it is given, and behaves as
//! if it had not been. Source: Kafka's `LogConfig`, with the bounds of KIP-1030.
//!
//! What would change what clients see is not among them: `message.timestamp.type` may only be `CreateTime`, and
//! `remote.storage.enable` only `false`, as in a cluster without remote storage.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::ops::RangeInclusive;

/// What a topic was given of them, by name; a default is not kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct InertSettings(BTreeMap<&'static str, String>);

impl InertSettings {
    /// The value of a name, or else its default.
    pub(crate) fn value(&self, name: &str, default: &str) -> String {
        self.0.get(name).map_or(default, String::as_str).to_owned()
    }

    /// Keeps a value.
    pub(crate) fn set(&mut self, name: &'static str, value: &str, default: &str) {
        if value == default {
            self.0.remove(name);
        } else {
            self.0.insert(name, value.to_owned());
        }
    }
}

impl Hash for InertSettings {
    /// A topic that was given none is what it was before there were any.
    fn hash<H: Hasher>(&self, state: &mut H) {
        if !self.0.is_empty() {
            self.0.hash(state);
        }
    }
}

/// What values a setting has.
#[derive(Debug, Clone)]
pub(crate) enum Values {
    /// Numbers.
    Numbers(RangeInclusive<i64>),
    /// Words.
    Words(&'static [&'static str]),
}

impl Values {
    /// Numbers from this one on that 32 bits can say.
    pub(crate) const fn int(from: i32) -> Self {
        Self::Numbers(from as i64..=i32::MAX as i64)
    }

    /// Numbers from this one on that 64 bits can say.
    pub(crate) const fn long(from: i64) -> Self {
        Self::Numbers(from..=i64::MAX)
    }

    /// Whether there is this one.
    pub(crate) fn has(&self, value: &str) -> bool {
        match self {
            Self::Numbers(numbers) => value.parse().is_ok_and(|number| numbers.contains(&number)),
            Self::Words(words) => words.contains(&value),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn a_default_leaves_nothing_behind() {
        let hash = |of: &dyn Fn(&mut std::hash::DefaultHasher)| {
            let mut hasher =
                std::hash::BuildHasherDefault::<std::hash::DefaultHasher>::default().build_hasher();
            of(&mut hasher);
            hasher.finish()
        };
        let mut settings = InertSettings::default();
        settings.set("segment.bytes", "2000000", "1073741824");
        assert_eq!(settings.value("segment.bytes", "1073741824"), "2000000");
        assert_ne!(hash(&|hasher| settings.hash(hasher)), hash(&|_| ()));
        settings.set("segment.bytes", "1073741824", "1073741824");
        assert_eq!(settings, InertSettings::default());
        assert_eq!(hash(&|hasher| settings.hash(hasher)), hash(&|_| ()));
    }

    #[test]
    fn values_are_within_their_bounds() {
        let table = [
            (Values::int(0), "0", true),
            (Values::int(0), "-1", false),
            (Values::int(0), "2147483648", false),
            (Values::int(0), "much", false),
            (Values::long(-2), "2147483648", true),
            (Values::long(-2), "-3", false),
            (Values::Words(&["false"]), "false", true),
            (Values::Words(&["false"]), "true", false),
        ];
        for (values, value, has) in table {
            assert_eq!(values.has(value), has, "{values:?} {value}");
        }
    }
}

//! Known bugs and weaknesses of Kafka, each a switch that turns one correct rule into the one that was shipped, where
//! the rule lives.
//!
//! As promised, all are off: the rules are those that documentation and KIPs promise. As a version is, all that this
//! version has are on: [`Defects::of_version`]. One row is all that an entry needs besides its condition at the rule:
//! what `harrow defects` and `harrow explain` print, what README's table shows and what the tests run is made from it.
//! A family has its own file: add a row there; a new family is a new file and a line in `families!` below.

mod application;
mod broker;
mod cleaner;
mod consumer;
mod controller;
mod entry;
mod group;
mod log;
mod producer;
mod quorum;
mod replication;
mod share;
mod transaction;
mod version;

use std::fmt;

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use entry::{Entry, Side};
pub use version::{Affected, NotAVersion, Version};

/// Joins the families to one type.
macro_rules! families {
    ($($index:literal: $name:ident($family:ident) in $module:ident),* $(,)?) => {
        $(pub use $module::$family;)*

        /// A known bug or weakness. Off unless a configuration names it.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Defect {
            $(
                #[doc = concat!("One of `", stringify!($family), "`.")]
                $name($family),
            )*
        }

        $(impl From<$family> for Defect {
            fn from(defect: $family) -> Self {
                Self::$name(defect)
            }
        })*

        /// How many families there are.
        const FAMILIES: usize = [$($index),*].len();

        $(const _: () = assert!($family::ALL.len() <= 64, "a family has 64 bits");)*

        impl Defect {
            /// Every defect, in the order of the catalogue.
            pub fn all() -> impl DoubleEndedIterator<Item = Self> {
                let families: [Vec<Self>; FAMILIES] =
                    [$($family::ALL.iter().map(|defect| Self::$name(*defect)).collect()),*];
                families.into_iter().flatten()
            }

            /// What is known of it.
            pub const fn entry(self) -> &'static Entry {
                match self {
                    $(Self::$name(defect) => defect.entry(),)*
                }
            }

            /// Its family and its place in that.
            #[inline]
            const fn place(self) -> (usize, u32) {
                match self {
                    $(Self::$name(defect) => ($index, defect as u32),)*
                }
            }
        }
    };
}

families! {
    0: Log(LogDefect) in log,
    1: Replication(ReplicationDefect) in replication,
    2: Quorum(QuorumDefect) in quorum,
    3: Controller(ControllerDefect) in controller,
    4: Broker(BrokerDefect) in broker,
    5: Producer(ProducerDefect) in producer,
    6: Group(GroupDefect) in group,
    7: Transaction(TransactionDefect) in transaction,
    8: Application(ApplicationDefect) in application,
    9: Cleaner(CleanerDefect) in cleaner,
    10: Consumer(ConsumerDefect) in consumer,
    11: Share(ShareDefect) in share,
}

impl Defect {
    /// The name as the command line takes it.
    pub const fn name(self) -> &'static str {
        self.entry().name
    }

    /// The defect of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::all().find(|defect| defect.name() == name)
    }
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for Defect {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Defect {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        Self::from_name(&name).ok_or_else(|| {
            D::Error::invalid_value(Unexpected::Str(&name), &"a name that `harrow defects` lists")
        })
    }
}

/// The defects that are switched on: a mask, passed by value to whoever has a rule that may be wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Defects([u64; FAMILIES]);

impl Defects {
    /// None: everything as promised.
    pub const NONE: Self = Self([0; FAMILIES]);

    /// All that a version of Kafka has.
    pub fn of_version(version: Version) -> Self {
        Defect::all().filter(|defect| defect.entry().affected.includes(version)).collect()
    }

    /// Whether this one is on.
    #[inline]
    pub fn has(self, defect: impl Into<Defect>) -> bool {
        let (family, bit) = defect.into().place();
        self.0[family] >> bit & 1 == 1
    }

    /// Whether none is on.
    pub fn is_empty(self) -> bool {
        self == Self::NONE
    }

    /// Those that are on, in the order of the catalogue.
    pub fn iter(self) -> impl Iterator<Item = Defect> {
        Defect::all().filter(move |defect| self.has(*defect))
    }
}

impl<D: Into<Defect>> FromIterator<D> for Defects {
    fn from_iter<I: IntoIterator<Item = D>>(defects: I) -> Self {
        defects.into_iter().fold(Self::NONE, |mut mask, defect| {
            let (family, bit) = defect.into().place();
            mask.0[family] |= 1 << bit;
            mask
        })
    }
}

impl Extend<Defect> for Defects {
    fn extend<I: IntoIterator<Item = Defect>>(&mut self, defects: I) {
        *self = self.iter().chain(defects).collect();
    }
}

impl Serialize for Defects {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Defects {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Defect>::deserialize(deserializer)?.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::{Affected, Defect, Defects, ReplicationDefect, Version};

    #[test]
    fn a_mask_holds_what_is_put_into_it_and_nothing_else() {
        for defect in Defect::all() {
            let mask: Defects = [defect].into_iter().collect();
            assert_eq!(mask.iter().collect::<Vec<_>>(), [defect]);
            assert!(mask.has(defect) && !mask.is_empty());
        }
        assert_eq!(Defect::all().collect::<Defects>().iter().count(), Defect::all().count());
        assert_eq!(Defects::NONE.iter().count(), 0);
    }

    #[test]
    fn names_are_unique_and_in_kebab_case() {
        let mut names: Vec<&str> = Defect::all().map(Defect::name).collect();
        for name in &names {
            assert!(name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'));
            assert_eq!(Defect::from_name(name).map(Defect::name), Some(*name));
        }
        names.sort_unstable();
        assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "{names:?}");
        assert_eq!(Defect::from_name("nonsense"), None);
    }

    #[test]
    fn a_version_has_what_was_not_mended_in_it() {
        let old = Defects::of_version(Version::new(0, 10, 2));
        assert!(old.has(ReplicationDefect::TruncateToHw));
        assert!(!old.has(ReplicationDefect::HwUsesProposedIsr), "nobody shipped it");
        assert!(!Defects::of_version(Version::new(0, 11, 0)).has(ReplicationDefect::TruncateToHw));
    }

    #[test]
    fn mends_come_after_the_first_version_and_ascend() {
        for defect in Defect::all() {
            if let Affected::Fixed { since, fixed } = defect.entry().affected {
                assert!(!fixed.is_empty(), "{defect}: mended in no version");
                assert!(since < fixed[0] && fixed.is_sorted(), "{defect}: {since} {fixed:?}");
            }
        }
    }
}

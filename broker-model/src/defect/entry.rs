//! One entry of the catalogue, and the macro by which a family of entries is written down: each once, in one row.

use super::version::Affected;

/// Whose rule it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// A broker's or a controller's.
    Server,
    /// A producer's, a consumer's or an admin client's.
    Client,
}

impl Side {
    /// As printed.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "server",
            Self::Client => "client",
        }
    }
}

/// What is known of a bug or a weakness, and how it is caught.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// As the command line takes it, in kebab case.
    pub name: &'static str,
    /// Tickets, KIPs and classes.
    pub source: &'static str,
    /// Which released versions have it.
    pub affected: Affected,
    /// Whose rule it is.
    pub side: Side,
    /// Others that must be on for it to show: alone, what it spoils is mended by a rule that they weaken.
    pub with: &'static [&'static str],
    /// The guarantee that it breaks.
    pub guarantee: &'static str,
    /// The anomaly by which it shows first.
    pub anomaly: &'static str,
    /// The scenario in which it shows soonest.
    pub scenario: &'static str,
    /// A seed with which that scenario finds it.
    pub seed: u64,
    /// What it breaks.
    pub meaning: &'static str,
    /// Its story.
    pub example: &'static str,
}

impl Entry {
    /// The arguments of `harrow` that show it.
    pub fn shown_by(&self) -> String {
        let Self { scenario, seed, .. } = self;
        let defects = [self.name].into_iter().chain(self.with.iter().copied());
        let switches: Vec<String> = defects.map(|name| format!("--defect {name}")).collect();
        format!("run {scenario} --seed {seed} {}", switches.join(" "))
    }
}

/// Writes down a family: an enum with one variant a row, and the rows themselves.
macro_rules! family {
    ($(#[$about:meta])* $family:ident { $(
        $variant:ident {
            name: $name:literal,
            source: $source:literal,
            affected: $affected:expr,
            side: $side:ident,
            $(with: [$($with:literal),+],)?
            shows: $guarantee:literal / $anomaly:literal in $scenario:literal, seed $seed:literal,
            meaning: $meaning:literal,
            example: $example:literal $(,)?
        }
    )* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $family {
            $(#[doc = $meaning] $variant,)*
        }

        impl $family {
            /// All of them, in the order of the catalogue.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The row of this one.
            pub const fn entry(self) -> &'static $crate::defect::Entry {
                match self {
                    $(Self::$variant => {
                        const ENTRY: &$crate::defect::Entry = &$crate::defect::Entry {
                            name: $name,
                            source: $source,
                            affected: $affected,
                            side: $crate::defect::Side::$side,
                            with: &[$($($with),+)?],
                            guarantee: $guarantee,
                            anomaly: $anomaly,
                            scenario: $scenario,
                            seed: $seed,
                            meaning: $meaning,
                            example: $example,
                        };
                        ENTRY
                    },)*
                }
            }
        }
    };
}
pub(super) use family;

//! Versions of Kafka, and which of them have a bug or a weakness.

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A released version of Kafka, such as 4.1.1. A missing part is zero: 4.1 is 4.1.0. Before 1.0 there were four parts,
/// such as 0.11.0.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    major: u16,
    minor: u16,
    patch: u16,
    /// The fourth part, before 1.0.
    fourth: u16,
}

impl Version {
    /// The version `major.minor.patch`.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch, fourth: 0 }
    }

    /// The version `0.minor.patch.fourth`.
    pub const fn before_1(minor: u16, patch: u16, fourth: u16) -> Self {
        Self { major: 0, minor, patch, fourth }
    }

    /// Whether the catalogue knows it: of a line that exists, and not newer than what it was compared with. A typo
    /// would be believed otherwise, and a version of which nobody knows the bugs be taken for one without any.
    pub fn is_known(self) -> bool {
        let lines = &Self::LINES;
        let is_line = lines
            .iter()
            .any(|line| self.major == line.0 && (line.1..=line.2).contains(&self.minor));
        is_line && self <= Self::NEWEST_COMPARED
    }

    /// Major version, first and last minor version of each that was released when the catalogue was last compared
    /// with Kafka's source; 0.8 is the first with replication.
    const LINES: [(u16, u16, u16); 5] = [(0, 8, 11), (1, 0, 1), (2, 0, 8), (3, 0, 9), (4, 0, 1)];

    /// The newest version that the catalogue was compared with, line by line.
    pub const NEWEST_COMPARED: Self = Self::new(4, 1, 1);

    fn is_of_line(self, other: Self) -> bool {
        (self.major, self.minor) == (other.major, other.minor)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch > 0 || self.fourth > 0 {
            write!(f, ".{}", self.patch)?;
        }
        if self.fourth > 0 { write!(f, ".{}", self.fourth) } else { Ok(()) }
    }
}

/// Why a text is no version.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a version of Kafka: two or three numbers with dots between, such as 4.1 or 3.9.1"
)]
pub struct NotAVersion(String);

impl FromStr for Version {
    type Err = NotAVersion;

    fn from_str(text: &str) -> Result<Self, NotAVersion> {
        let wrong = || NotAVersion(text.to_owned());
        let parts: Vec<u16> = text
            .split('.')
            .map(|part| part.parse().map_err(|_| wrong()))
            .collect::<Result<_, _>>()?;
        match parts[..] {
            [major, minor] => Ok(Self::new(major, minor, 0)),
            [major, minor, patch] => Ok(Self::new(major, minor, patch)),
            [0, minor, patch, fourth] => Ok(Self::before_1(minor, patch, fourth)),
            _ => Err(wrong()),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = NotAVersion;

    fn try_from(text: String) -> Result<Self, NotAVersion> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> Self {
        version.to_string()
    }
}

/// Which released versions have a bug or a weakness.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Affected {
    /// None: nobody shipped it. It is what the rule prevents.
    Never,
    /// Every version from `since` on.
    Open {
        /// The first.
        since: Version,
    },
    /// From `since` until it was mended.
    Fixed {
        /// The first.
        since: Version,
        /// The first without it of each line of releases that was mended, ascending: the last one holds for all that
        /// came later.
        fixed: &'static [Version],
    },
}

impl Affected {
    /// Whether this version has it.
    pub fn includes(self, version: Version) -> bool {
        match self {
            Self::Never => false,
            Self::Open { since } => version >= since,
            Self::Fixed { since, fixed } => version >= since && !is_mended(version, fixed),
        }
    }

    /// The first version that has it.
    pub fn since(self) -> Option<Version> {
        match self {
            Self::Never => None,
            Self::Open { since } | Self::Fixed { since, .. } => Some(since),
        }
    }

    /// The versions that mended it.
    pub fn fixed(self) -> &'static [Version] {
        match self {
            Self::Never | Self::Open { .. } => &[],
            Self::Fixed { fixed, .. } => fixed,
        }
    }
}

/// A version is mended if it comes after the mend of its own line of releases, or after the newest mend.
fn is_mended(version: Version, fixed: &[Version]) -> bool {
    let newest = fixed.last().is_some_and(|newest| version.cmp(newest) != Ordering::Less);
    newest || fixed.iter().any(|mend| version.is_of_line(*mend) && version >= *mend)
}

impl fmt::Display for Affected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Never => write!(f, "in no release"),
            Self::Open { since } => write!(f, "since {since}, open"),
            Self::Fixed { since, fixed } => {
                let fixed: Vec<String> = fixed.iter().map(Version::to_string).collect();
                write!(f, "since {since}, fixed in {}", fixed.join(" and "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Affected, Version};

    fn version(text: &str) -> Version {
        text.parse().expect("a version")
    }

    #[test]
    fn a_backported_fix_ends_its_own_line_and_the_newest_ends_all() {
        const FIXED: [Version; 2] = [Version::new(3, 9, 1), Version::new(4, 0, 1)];
        let affected = Affected::Fixed { since: Version::new(3, 3, 0), fixed: &FIXED };
        let table = [
            ("3.2.3", false),
            ("3.3", true),
            ("3.8.9", true),
            ("3.9.0", true),
            ("3.9.1", false),
            ("3.9.2", false),
            ("4.0", true),
            ("4.0.1", false),
            ("4.1", false),
        ];
        for (text, has) in table {
            assert_eq!(affected.includes(version(text)), has, "{text}");
        }
        assert_eq!(affected.to_string(), "since 3.3, fixed in 3.9.1 and 4.0.1");
    }

    #[test]
    fn what_nobody_shipped_is_in_no_version_and_what_is_open_in_all_later_ones() {
        assert!(!Affected::Never.includes(version("4.1")));
        let open = Affected::Open { since: Version::new(2, 5, 0) };
        assert!(!open.includes(version("2.4.1")) && open.includes(version("2.5")));
        assert!(open.includes(version("9.0")));
    }

    #[test]
    fn only_lines_that_exist_and_were_compared_are_known() {
        let table = [
            ("0.7", false),
            ("0.8.2", true),
            ("0.11", true),
            ("0.12", false),
            ("1.1", true),
            ("1.2", false),
            ("2.8.2", true),
            ("3.9.1", true),
            ("3.10", false),
            ("4.1", true),
            ("4.1.1", true),
            ("4.1.2", false),
            ("4.7", false),
            ("5.0", false),
            ("41.0", false),
        ];
        for (text, known) in table {
            assert_eq!(version(text).is_known(), known, "{text}");
        }
    }

    #[test]
    fn versions_are_read_and_written() {
        assert_eq!(version("4.1").to_string(), "4.1");
        assert_eq!(version("4.1.0"), version("4.1"));
        assert_eq!(version("3.9.1").to_string(), "3.9.1");
        assert_eq!(version("0.11.0.2").to_string(), "0.11.0.2");
        assert!(version("0.11.0.1") < version("0.11.0.2") && version("0.11.0.2") < version("1.0"));
        for wrong in ["", "4", "4.x", "4.1.1.1", "v4.1", "4.-1", "99999.1"] {
            assert!(wrong.parse::<Version>().is_err(), "{wrong}");
        }
    }
}

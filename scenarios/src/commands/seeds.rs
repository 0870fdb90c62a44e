//! Ranges of seeds, and seeds out of nowhere.

use std::hash::{BuildHasher, RandomState};
use std::io::Write;
use std::process::Command;
use std::str::FromStr;
use std::thread;

use harrow_broker_model::wide::INEXACT;
use xxhash_rust::xxh3::xxh3_64;

use super::console::{Console, Failure};

/// `A..B`: both ends belong to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SeedRange {
    pub(super) first: u64,
    pub(super) last: u64,
    origin: SeedOrigin,
}

/// Where a range of seeds comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SeedOrigin {
    /// It was written down.
    Given,
    /// Nobody chose it: each time another one.
    Fresh,
    /// The commit of the repository that one is in: the same for everybody who tests it.
    Commit,
}

impl SeedRange {
    pub(super) const fn new(first: u64, last: u64) -> Self {
        Self { first, last, origin: SeedOrigin::Given }
    }

    /// Reads `A..B`, `A`, `fresh:N` or `commit:N`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if let Some(count) = text.strip_prefix("fresh:") {
            return Self::counted(|| Ok(drawn()), count, SeedOrigin::Fresh);
        }
        if let Some(count) = text.strip_prefix("commit:") {
            let of_commit = || head().map(|commit| xxh3_64(commit.as_bytes()));
            return Self::counted(of_commit, count, SeedOrigin::Commit);
        }
        let (first, last) = text.split_once("..").unwrap_or((text, text));
        let (first, last) = (seed_of_range(first)?, seed_of_range(last.trim_start_matches('='))?);
        if first > last {
            return Err(format!("{first}..{last} is empty; write {last}..{first}"));
        }
        Ok(Self::new(first, last))
    }

    /// So many seeds, from somewhere on, all of a size that every reader of JSON keeps.
    fn counted(
        from: impl FnOnce() -> Result<u64, String>,
        count: &str,
        origin: SeedOrigin,
    ) -> Result<Self, String> {
        let whole = count.parse().ok().filter(|count| (1..=INEXACT / 2).contains(count));
        let wrong =
            || format!("`{count}` is no count; write how many, such as fresh:100 or commit:100");
        let count = whole.ok_or_else(wrong)?;
        let first = from()? % (INEXACT - count);
        Ok(Self { first, last: first + count - 1, origin })
    }

    /// Whether each process that is told the same has others.
    pub(super) fn is_fresh(self) -> bool {
        self.origin == SeedOrigin::Fresh
    }

    /// Says which seeds they are, unless somebody wrote them down, or a machine reads each run's own.
    pub(super) fn announce(self, console: &mut Console) -> Result<(), Failure> {
        let Self { first, last, origin } = self;
        let whence = match origin {
            SeedOrigin::Given => return Ok(()),
            SeedOrigin::Fresh => "nobody chose them",
            SeedOrigin::Commit => "of this commit",
        };
        if !console.is_json() {
            writeln!(console.stdout(), "seeds {first}..{last} ({whence})")?;
        }
        Ok(())
    }
}

/// The commit of the repository that one is in.
fn head() -> Result<String, String> {
    let output = Command::new("git").args(["rev-parse", "HEAD"]).output();
    let output = output.ok().filter(|output| output.status.success());
    let commit = output.and_then(|output| String::from_utf8(output.stdout).ok());
    commit.ok_or_else(|| "there is no commit here: use it within a git repository".to_owned())
}

fn seed_of_range(text: &str) -> Result<u64, String> {
    let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_number {
        seed(text)
    } else {
        Err("write A..B, both ends included, such as 1..1000, or one seed, or fresh:N".to_owned())
    }
}

/// A seed.
pub(super) fn seed(text: &str) -> Result<u64, String> {
    text.parse().map_err(|_| format!("a seed is a whole number from 0 to {}", u64::MAX))
}

/// How many worker threads.
pub(super) fn threads(text: &str) -> Result<u16, String> {
    let threads = text.parse().ok().filter(|threads| *threads > 0);
    threads.ok_or_else(|| format!("a number of threads is a whole number from 1 to {}", u16::MAX))
}

/// How many violated runs are enough.
pub(super) fn failures(text: &str) -> Result<u64, String> {
    let failures = text.parse().ok().filter(|failures| *failures > 0);
    failures.ok_or_else(|| "write a whole number from 1 on".to_owned())
}

/// A number that is counted from 0 on.
pub(super) fn whole<T: FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| "write a whole number from 0 on".to_owned())
}

/// `I/N`: the I-th of N equal parts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shard {
    pub(super) index: u64,
    pub(super) count: u64,
}

impl Shard {
    /// The only part.
    pub(super) const WHOLE: Self = Self { index: 1, count: 1 };

    /// Reads `I/N`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parts =
            text.split_once('/').and_then(|(i, n)| Some((i.parse().ok()?, n.parse().ok()?)));
        match parts {
            Some((index, count)) if index >= 1 && index <= count => Ok(Self { index, count }),
            Some(_) | None => Err("write I/N with I from 1 to N, such as 2/8".to_owned()),
        }
    }
}

/// A duration such as `60s`, `5m`, `2h`; seconds if it has no unit.
pub(super) fn duration(text: &str) -> Result<std::time::Duration, String> {
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let number: Option<u64> = text[..text.len() - unit.len()].parse().ok();
    let seconds = match unit {
        "s" | "" => Some(1),
        "m" => Some(60),
        "h" => Some(3_600),
        _ => None,
    };
    match (number, seconds) {
        (Some(number), Some(seconds)) if number > 0 => {
            Ok(std::time::Duration::from_secs(number.saturating_mul(seconds)))
        }
        (Some(0), Some(_)) => Err("nothing is found in no time; give a second or more".to_owned()),
        (Some(_) | None, Some(_) | None) => {
            Err("write whole seconds, minutes or hours, such as 60s, 5m or 2h".to_owned())
        }
    }
}

/// So many worker threads as were asked for, or as there are cores.
pub(super) fn jobs(asked: Option<u16>) -> usize {
    let cores = || thread::available_parallelism().map_or(1, usize::from);
    asked.map_or_else(cores, usize::from)
}

/// A seed that nobody chose, of a size that every reader of JSON keeps. The standard library keys its hashers from the
/// system's randomness.
pub(super) fn drawn() -> u64 {
    RandomState::new().hash_one("a seed") % INEXACT
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_include_both_ends() {
        let table = [
            ("1..1000", Some((1, 1000))),
            ("7", Some((7, 7))),
            ("1..=3", Some((1, 3))),
            ("18446744073709551615", Some((u64::MAX, u64::MAX))),
            ("3..1", None),
            ("a..b", None),
            ("", None),
            ("-1..3", None),
        ];
        for (text, wanted) in table {
            let read = SeedRange::parse(text).ok().map(|range| (range.first, range.last));
            assert_eq!(read, wanted, "{text}");
        }
    }

    #[test]
    fn seeds_that_nobody_chose_are_as_many_as_asked() {
        let range = SeedRange::parse("fresh:100").expect("a range");
        assert_eq!(range.last - range.first, 99);
        assert!(range.last < INEXACT);
        let counted = |from: Result<u64, String>, count: &str| {
            SeedRange::counted(|| from, count, SeedOrigin::Commit)
        };
        let range = counted(Ok(u64::MAX), "3").expect("a range");
        assert_eq!(range, counted(Ok(u64::MAX), "3").expect("the same"));
        let nowhere = || Err("there is no commit here".to_owned());
        let wrong = counted(nowhere(), "x").expect_err("no count");
        assert!(
            wrong.contains("`x` is no count"),
            "of all that is wrong what was written: {wrong}"
        );
        assert_eq!(counted(nowhere(), "3").err(), nowhere().err());
        for wrong in
            ["fresh:0", "fresh:", "fresh:-1", "fresh:99999999999999999", "commit:x", "old:3"]
        {
            assert!(SeedRange::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_are_whole_and_not_negative() {
        let table = [
            ("1", Some(1), Some(1), Some(1)),
            ("0", None, None, Some(0)),
            ("65536", None, Some(65_536), Some(65_536)),
            ("-1", None, None, None),
            ("--format", None, None, None),
        ];
        for (text, as_threads, as_failures, as_whole) in table {
            let read = (threads(text).ok(), failures(text).ok(), whole::<u32>(text).ok());
            assert_eq!(read, (as_threads, as_failures, as_whole), "{text}");
        }
    }

    #[test]
    fn shards_count_from_one() {
        let table = [
            ("1/1", Some((1, 1))),
            ("2/8", Some((2, 8))),
            ("0/8", None),
            ("9/8", None),
            ("x", None),
        ];
        for (text, wanted) in table {
            let read = Shard::parse(text).ok().map(|shard| (shard.index, shard.count));
            assert_eq!(read, wanted, "{text}");
        }
    }

    #[test]
    fn durations_have_units() {
        let table = [
            ("60s", Some(60)),
            ("5m", Some(300)),
            ("2h", Some(7200)),
            ("9", Some(9)),
            ("0s", None),
            ("3d", None),
        ];
        for (text, wanted) in table {
            assert_eq!(duration(text).ok().map(|read| read.as_secs()), wanted, "{text}");
        }
    }
}

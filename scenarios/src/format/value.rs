//! Values that a seed may still choose among.

use std::fmt;

/// Numbers to draw from: one number, an inclusive range, or several of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbers(Vec<(i64, i64)>);

impl Numbers {
    /// These ranges, each inclusive.
    pub fn new(ranges: Vec<(i64, i64)>) -> Self {
        assert!(!ranges.is_empty(), "numbers without a range");
        assert!(ranges.iter().all(|(low, high)| low <= high), "an empty range in {ranges:?}");
        Self(ranges)
    }

    /// Exactly this number.
    pub fn exactly(number: i64) -> Self {
        Self(vec![(number, number)])
    }

    /// The ranges.
    pub fn ranges(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// The least of them.
    pub fn least(&self) -> i64 {
        self.0.iter().map(|(low, _)| *low).min().expect("`new` refuses an empty list")
    }

    /// The greatest of them.
    pub fn greatest(&self) -> i64 {
        self.0.iter().map(|(_, high)| *high).max().expect("`new` refuses an empty list")
    }
}

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (low, high)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            if low == high {
                write!(f, "{comma}{low}")?;
            } else {
                write!(f, "{comma}{low}..{high}")?;
            }
        }
        Ok(())
    }
}

/// Things to draw one of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice<T>(Vec<T>);

impl<T> Choice<T> {
    /// One of these.
    pub fn new(options: Vec<T>) -> Self {
        assert!(!options.is_empty(), "a choice without options");
        Self(options)
    }

    /// The options.
    pub fn options(&self) -> &[T] {
        &self.0
    }
}

/// So many times in so many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chance {
    /// Times.
    pub numerator: u32,
    /// In so many; at least 1 and at least the numerator.
    pub denominator: u32,
}

impl Chance {
    /// Always.
    pub const ALWAYS: Self = Self { numerator: 1, denominator: 1 };

    /// Reads `1/3`.
    pub fn parse(text: &str) -> Option<Self> {
        let (numerator, denominator) = text.split_once('/')?;
        let chance = Self {
            numerator: numerator.trim().parse().ok()?,
            denominator: denominator.trim().parse().ok()?,
        };
        (chance.denominator > 0 && chance.numerator <= chance.denominator).then_some(chance)
    }
}

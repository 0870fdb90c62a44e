//! Draws keyed by purpose: each value has its own stream, so that no draw moves another.

use std::fmt::Display;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::format::{Chance, Choice, Numbers};

/// A place in the tree of purposes, such as `load/producer/0/client/2/acks`.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    seed: u64,
    purpose: String,
}

impl Draws {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, purpose: String::new() }
    }

    /// The place below this one.
    pub(super) fn at(&self, part: impl Display) -> Self {
        Self { seed: self.seed, purpose: format!("{}/{part}", self.purpose) }
    }

    /// A stream that depends on the seed and this place alone.
    fn stream(&self) -> ChaCha8Rng {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..24]
            .copy_from_slice(&xxh3_128_with_seed(self.purpose.as_bytes(), self.seed).to_le_bytes());
        ChaCha8Rng::from_seed(key)
    }

    /// Any 64 bits.
    pub(super) fn bits(&self) -> u64 {
        self.stream().random()
    }

    /// A position in a list.
    fn position(stream: &mut ChaCha8Rng, length: usize) -> usize {
        assert!(length > 0, "nothing to choose from");
        if length == 1 { 0 } else { stream.random_range(0..length) }
    }

    /// One of these ranges.
    pub(super) fn range(&self, numbers: &Numbers) -> (i64, i64) {
        let mut stream = self.stream();
        numbers.ranges()[Self::position(&mut stream, numbers.ranges().len())]
    }

    /// One of these numbers.
    pub(super) fn number(&self, numbers: &Numbers) -> i64 {
        let mut stream = self.stream();
        let (low, high) = numbers.ranges()[Self::position(&mut stream, numbers.ranges().len())];
        if low == high { low } else { stream.random_range(low..=high) }
    }

    /// One of these numbers, which the format has bounded from below by zero.
    pub(super) fn unsigned(&self, numbers: &Numbers) -> u64 {
        let number = self.number(numbers);
        u64::try_from(number)
            .unwrap_or_else(|_| panic!("{} drew {number}, which is negative", self.purpose))
    }

    /// One of these numbers, which the format has bounded to 32 bits.
    pub(super) fn small(&self, numbers: &Numbers) -> u32 {
        let number = self.number(numbers);
        u32::try_from(number)
            .unwrap_or_else(|_| panic!("{} drew {number}, which has no 32 bits", self.purpose))
    }

    /// One of these ranges, which the format has bounded from below by zero.
    pub(super) fn unsigned_range(&self, numbers: &Numbers) -> (u64, u64) {
        let (low, high) = self.range(numbers);
        assert!(low >= 0, "{} drew {low}..{high}, which is negative", self.purpose);
        (low as u64, high as u64)
    }

    /// One of these.
    pub(super) fn pick<'a, T>(&self, choice: &'a Choice<T>) -> &'a T {
        self.one_of(choice.options())
    }

    /// One of these.
    pub(super) fn one_of<'a, T>(&self, options: &'a [T]) -> &'a T {
        &options[Self::position(&mut self.stream(), options.len())]
    }

    /// Whether it happens this time.
    pub(super) fn happens(&self, chance: Chance) -> bool {
        chance.numerator == chance.denominator
            || self.stream().random_range(0..chance.denominator) < chance.numerator
    }
}

//! Keyed draws: every random choice of a run is a pure function of (seed, purpose, key), so that removing one step or
//! one client of a plan does not reshuffle the choices of the others.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// What a draw is for. Its number is part of the key, so a new purpose does not disturb the old ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u64)]
pub(crate) enum Purpose {
    /// Latency of the n-th message of a link.
    Latency = 1,
    /// Whether the n-th message of a link is slow.
    Slow = 2,
    /// Extra latency of a slow message.
    SlowExtra = 3,
    /// Extra latency by a `Delay` step.
    DelayExtra = 4,
    /// Time of the n-th sync of a node.
    SyncTime = 5,
    /// Extra time of the n-th sync by a `SlowDisk` step.
    SlowSync = 6,
    /// What survives of a file at the n-th power loss of a node.
    PowerLoss = 7,
    /// A flipped bit.
    BitRot = 8,
    /// Which node a symbolic target stands for.
    Target = 9,
    /// Shape of a cut.
    Cut = 10,
    /// Which channel `HoldRequests` holds.
    Hold = 11,
    /// Whether the n-th response of a node is dropped.
    DropResponse = 12,
    /// Whether the n-th response of a node is duplicated.
    DuplicateResponse = 13,
    /// How much later the second copy comes.
    DuplicateDelay = 14,
    /// Topic of a client's n-th operation.
    LoadTopic = 15,
    /// Key of a client's n-th operation.
    LoadKey = 16,
    /// Pause before a client's n-th operation.
    LoadInterval = 17,
    /// Partition whose end offset a client's n-th operation asks for.
    LoadPartition = 18,
    /// Records, pauses and end of a client's n-th transaction.
    LoadTransaction = 19,
    /// Whether a client's n-th record deletes its key.
    LoadTombstone = 20,
    /// What a client's n-th call of its consumer is about.
    LoadCall = 21,
    /// Whether a client's n-th record has the hot key.
    LoadHotKey = 22,
    /// Chance of an application's process.
    Application = 23,
}

/// All draws of a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draws {
    seed: u64,
}

impl Draws {
    /// The draws of a seed.
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// 64 uniform bits for this key.
    #[inline]
    pub(crate) fn word(self, purpose: Purpose, a: u64, b: u64, n: u64) -> u64 {
        let mut key = [0_u8; 32];
        key[..8].copy_from_slice(&(purpose as u64).to_le_bytes());
        key[8..16].copy_from_slice(&a.to_le_bytes());
        key[16..24].copy_from_slice(&b.to_le_bytes());
        key[24..].copy_from_slice(&n.to_le_bytes());
        xxh3_64_with_seed(&key, self.seed)
    }

    /// A number in `0..bound`.
    pub(crate) fn below(self, purpose: Purpose, a: u64, b: u64, n: u64, bound: u64) -> u64 {
        assert!(bound > 0, "{purpose:?} draws from nothing");
        scale(self.word(purpose, a, b, n), bound)
    }

    /// A number in an inclusive range.
    #[inline]
    pub(crate) fn within(self, purpose: Purpose, a: u64, b: u64, n: u64, range: (u64, u64)) -> u64 {
        let (low, high) = range;
        assert!(low <= high, "{purpose:?} draws from {low}..={high}");
        if low == high {
            return low;
        }
        let width = high - low;
        let word = self.word(purpose, a, b, n);
        if width == u64::MAX { word } else { low + scale(word, width + 1) }
    }

    /// Whether a thing that happens once in so many times happens; 0 is never.
    pub(crate) fn one_in(self, purpose: Purpose, a: u64, b: u64, n: u64, one_in: u32) -> bool {
        one_in > 0 && self.below(purpose, a, b, n, u64::from(one_in)) == 0
    }

    /// A stream for what is drawn in bulk.
    pub(crate) fn stream(self, purpose: Purpose, a: u64, b: u64, n: u64) -> Stream {
        Stream(ChaCha8Rng::seed_from_u64(self.word(purpose, a, b, n)))
    }
}

/// A number in `0..bound` from 64 uniform bits, by multiplication.
fn scale(word: u64, bound: u64) -> u64 {
    ((u128::from(word) * u128::from(bound)) >> 64) as u64
}

/// Many draws in a row under one key.
#[derive(Debug)]
pub(crate) struct Stream(ChaCha8Rng);

impl Stream {
    /// A number in `0..bound`.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a stream draws from nothing");
        scale(self.0.next_u64(), bound)
    }

    /// Fills a buffer with uniform bytes.
    pub(crate) fn fill(&mut self, bytes: &mut [u8]) {
        self.0.fill_bytes(bytes);
    }

    /// Puts a list in a drawn order.
    pub(crate) fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let chosen = self.below(last as u64 + 1) as usize;
            list.swap(last, chosen);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_depends_on_its_key_alone() {
        let draws = Draws::new(7);
        let first = draws.within(Purpose::Latency, 1, 2, 3, (100, 200));
        draws.word(Purpose::Slow, 9, 9, 9);
        assert_eq!(
            first,
            draws.within(Purpose::Latency, 1, 2, 3, (100, 200)),
            "draws keep no state"
        );
        let others: Vec<u64> = (0..8).map(|n| draws.word(Purpose::Latency, 1, 2, n)).collect();
        let mut unique = others.clone();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), others.len(), "eight keys draw {others:?}");
    }

    #[test]
    fn ranges_are_inclusive_and_filled() {
        let draws = Draws::new(1);
        let mut seen = [false; 3];
        for n in 0..100 {
            seen[(draws.within(Purpose::Target, 0, 0, n, (5, 7)) - 5) as usize] = true;
        }
        assert_eq!(seen, [true; 3], "100 draws from 5..=7 meet each number");
        assert_eq!(draws.within(Purpose::Target, 0, 0, 0, (4, 4)), 4, "a range of one number");
        assert!(!draws.one_in(Purpose::Slow, 0, 0, 0, 0), "one in zero is never");
        assert!(draws.one_in(Purpose::Slow, 0, 0, 0, 1), "one in one is always");
    }

    #[test]
    fn a_shuffle_keeps_all() {
        let mut list: Vec<u32> = (0..20).collect();
        Draws::new(3).stream(Purpose::Cut, 0, 0, 0).shuffle(&mut list);
        assert_ne!(list, (0..20).collect::<Vec<_>>(), "twenty items in a drawn order");
        list.sort_unstable();
        assert_eq!(list, (0..20).collect::<Vec<_>>(), "nothing is lost");
    }
}

//! Which of the records in a log were there at a time: the next one that neither failed nor was compacted away by then,
//! found without a walk over the others.

use harrow_sim::history::NEVER;

/// A tree of maxima over the placed sends, in order of partition and place: when each may have been removed, in
/// nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Survivors {
    /// The first half are inner nodes, the root at 1; the leaves follow. Empty where every record stays.
    removed_ns: Vec<u64>,
    leaves: usize,
}

impl Survivors {
    /// `removed` tells for each of so many placed sends when it may have been removed, in nanoseconds.
    pub(super) fn of(sends: usize, removed: impl Iterator<Item = u64>) -> Self {
        let leaves = sends.next_power_of_two();
        let mut removed_ns = vec![0; 2 * leaves];
        for (leaf, at_ns) in removed_ns[leaves..].iter_mut().zip(removed) {
            *leaf = at_ns;
        }
        for node in (1..leaves).rev() {
            removed_ns[node] = removed_ns[2 * node].max(removed_ns[2 * node + 1]);
        }
        Self { removed_ns, leaves }
    }

    /// The position of the first record from `first` on that was there after this time; every one, where all stay.
    pub(super) fn next(&self, first: usize, after_ns: u64) -> Option<usize> {
        if self.leaves == 0 {
            return Some(first);
        }
        if first >= self.leaves {
            return None;
        }
        let lasts =
            |node: usize| self.removed_ns[node] > after_ns || self.removed_ns[node] == NEVER;
        let mut node = self.leaves + first;
        // Up, until something to the right lasts long enough.
        while !lasts(node) {
            while node % 2 == 1 {
                if node == 1 {
                    return None;
                }
                node /= 2;
            }
            node += 1;
        }
        // Down, to the leftmost that does.
        while node < self.leaves {
            node = if lasts(2 * node) { 2 * node } else { 2 * node + 1 };
        }
        Some(node - self.leaves)
    }
}

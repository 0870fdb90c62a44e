//! What will happen: ordered by true time, then by the order of scheduling, so that ties are settled the same way in
//! every run.
//!
//! A hierarchical timing wheel. Time never goes back, so what will happen can be sorted by the highest group of bits in
//! which its time differs from the present: a level for each group, a slot for each value of the group, a list for each
//! slot. Adding is O(1); an entry moves to lower levels a few times at most before its turn, wherever it is alone not
//! at all. A list keeps the order of scheduling: entries of one time are always in the same list, and lists move whole.

/// Bits of time that one level sorts by.
const BITS: u32 = 6;
const SLOTS: usize = 1 << BITS;
const LEVELS: usize = u64::BITS.div_ceil(BITS) as usize;
/// No entry.
const END: u32 = u32::MAX;

/// What will happen, in order.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    /// Time of the last entry taken; nothing is earlier.
    now: u64,
    /// Levels of which a slot is taken, by bit.
    levels: u16,
    /// Slots that are taken, by bit, for each level.
    taken: [u64; LEVELS],
    lists: Box<[[List; SLOTS]; LEVELS]>,
    entries: Vec<Entry<T>>,
    /// Entries that are not used, as a list.
    free: u32,
}

#[derive(Debug, Clone, Copy)]
struct List {
    first: u32,
    last: u32,
}

#[derive(Debug)]
struct Entry<T> {
    at_ns: u64,
    next: u32,
    what: Option<T>,
}

impl<T> Queue<T> {
    /// Nothing will happen.
    pub(crate) fn new() -> Self {
        Self {
            now: 0,
            levels: 0,
            taken: [0; LEVELS],
            lists: Box::new([[List { first: END, last: END }; SLOTS]; LEVELS]),
            entries: Vec::new(),
            free: END,
        }
    }

    /// Adds something at a true time that has not passed.
    #[inline]
    pub(crate) fn push(&mut self, at_ns: u64, what: T) {
        assert!(at_ns >= self.now, "it is {} and too late for {at_ns}", self.now);
        let index = self.free;
        if let Some(entry) = self.entries.get_mut(index as usize) {
            self.free = entry.next;
            entry.at_ns = at_ns;
            entry.what = Some(what);
            self.link(at_ns, index);
        } else {
            let index = self.entries.len() as u32;
            assert!(index < END, "{index} things wait to happen");
            self.entries.push(Entry { at_ns, next: END, what: Some(what) });
            self.link(at_ns, index);
        }
    }

    /// Everything that will happen, in no order.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (u64, &T)> {
        self.entries.iter().filter_map(|entry| Some((entry.at_ns, entry.what.as_ref()?)))
    }

    /// When the next thing happens.
    pub(crate) fn next_ns(&self) -> Option<u64> {
        let (level, slot) = self.first_taken()?;
        Some(self.earliest(self.lists[level][slot].first).1)
    }

    /// Takes the next thing, with its time.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<(u64, T)> {
        let (level, slot) = self.first_taken()?;
        let list = self.lists[level][slot];
        let index = list.first;
        let entry = &mut self.entries[index as usize];
        if index == list.last {
            self.clear(level, slot);
        } else if level == 0 {
            // Entries of the lowest level have all the same time.
            self.lists[0][slot].first = entry.next;
        } else {
            return Some(self.split(level, slot));
        }
        Some(self.take(index))
    }

    /// Takes the earliest entry of a list and moves the rest to lower levels.
    fn split(&mut self, level: usize, slot: usize) -> (u64, T) {
        let first = self.lists[level][slot].first;
        let (chosen, at_ns) = self.earliest(first);
        self.clear(level, slot);
        self.now = at_ns;
        let mut index = first;
        while index != END {
            let Entry { at_ns, next, .. } = self.entries[index as usize];
            if index != chosen {
                self.link(at_ns, index);
            }
            index = next;
        }
        self.take(chosen)
    }

    /// The earliest entry of a list, the first of those, with its time.
    fn earliest(&self, first: u32) -> (u32, u64) {
        let entry = &self.entries[first as usize];
        let (mut chosen, mut at_ns, mut index) = (first, entry.at_ns, entry.next);
        while index != END {
            let entry = &self.entries[index as usize];
            if entry.at_ns < at_ns {
                (chosen, at_ns) = (index, entry.at_ns);
            }
            index = entry.next;
        }
        (chosen, at_ns)
    }

    /// Takes an entry out that is in no list any more.
    #[inline]
    fn take(&mut self, index: u32) -> (u64, T) {
        let entry = &mut self.entries[index as usize];
        let what = entry.what.take().expect("an entry of a list is filled");
        self.now = entry.at_ns;
        entry.next = self.free;
        self.free = index;
        (self.now, what)
    }

    /// The level and slot that hold the earliest entry: what differs in lower bits only is earlier.
    #[inline]
    fn first_taken(&self) -> Option<(usize, usize)> {
        if self.levels == 0 {
            return None;
        }
        let level = self.levels.trailing_zeros() as usize;
        Some((level, self.taken[level].trailing_zeros() as usize))
    }

    #[inline]
    fn clear(&mut self, level: usize, slot: usize) {
        self.lists[level][slot] = List { first: END, last: END };
        self.taken[level] &= !(1 << slot);
        if self.taken[level] == 0 {
            self.levels &= !(1 << level);
        }
    }

    /// Puts an entry at the end of the list of its time.
    #[inline]
    fn link(&mut self, at_ns: u64, index: u32) {
        let differs = (at_ns ^ self.now) | 1;
        let level = (differs.ilog2() / BITS) as usize;
        let slot = (at_ns >> (level as u32 * BITS)) as usize % SLOTS;
        self.entries[index as usize].next = END;
        let list = &mut self.lists[level][slot];
        let last = std::mem::replace(&mut list.last, index);
        if last == END {
            list.first = index;
            self.taken[level] |= 1 << slot;
            self.levels |= 1 << level;
        } else {
            self.entries[last as usize].next = index;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cmp::Reverse;
    use std::collections::BinaryHeap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn earlier_first_and_ties_in_order_of_scheduling() {
        let mut queue = Queue::new();
        for (at_ns, what) in [(5, 'c'), (1, 'a'), (5, 'd'), (1, 'b')] {
            queue.push(at_ns, what);
        }
        let order: Vec<(u64, char)> = std::iter::from_fn(|| queue.pop()).collect();
        assert_eq!(order, [(1, 'a'), (1, 'b'), (5, 'c'), (5, 'd')], "time, then order");
        queue.push(9, 'e');
        assert_eq!(queue.entries.len(), 4, "entries are used again");
        assert_eq!(queue.pop(), Some((9, 'e')), "and filled again");
    }

    #[test]
    #[should_panic(expected = "too late")]
    fn the_past_does_not_happen() {
        let mut queue = Queue::new();
        queue.push(5, 'a');
        assert_eq!(queue.pop(), Some((5, 'a')));
        queue.push(4, 'b');
    }

    /// How much later than the present, from the same instant to the end of time, or nothing: then one is taken.
    fn steps() -> impl Strategy<Value = Vec<Option<u64>>> {
        let later = prop_oneof![
            Just(0),
            0..4_u64,
            0..100_000_u64,
            (0..20_u64).prop_map(|count| count * 10_000_000),
            (0..64_u32).prop_map(|shift| u64::MAX >> shift),
        ];
        prop::collection::vec(prop::option::weighted(0.6, later), 1..300)
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_a_sorted_list(steps in steps()) {
            let mut queue = Queue::new();
            let mut heap = BinaryHeap::new();
            let mut now = 0;
            for (ordinal, step) in steps.into_iter().enumerate() {
                if let Some(later) = step {
                    let at_ns = u64::saturating_add(now, later);
                    queue.push(at_ns, ordinal);
                    heap.push(Reverse((at_ns, ordinal)));
                } else {
                    let expected = heap.pop().map(|Reverse(next)| next);
                    prop_assert_eq!(queue.next_ns(), expected.map(|(at_ns, _)| at_ns));
                    prop_assert_eq!(queue.pop(), expected);
                    now = expected.map_or(now, |(at_ns, _)| at_ns);
                }
            }
            while let Some(Reverse(expected)) = heap.pop() {
                prop_assert_eq!(queue.pop(), Some(expected));
            }
            prop_assert_eq!(queue.pop(), None);
        }
    }
}

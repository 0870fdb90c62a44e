//! The heap of what will happen: ordered by true time, then by the order of scheduling, so that ties are settled the
//! same way in every run.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// What will happen, in order. Payloads lie aside in slots that are used again, so that the heap moves small keys only.
#[derive(Debug)]
pub(crate) struct Queue<T> {
    heap: BinaryHeap<Reverse<(u64, u64, u32)>>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    scheduled: u64,
}

impl<T> Queue<T> {
    /// Nothing will happen.
    pub(crate) fn new() -> Self {
        Self { heap: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), scheduled: 0 }
    }

    /// Adds something at a true time.
    pub(crate) fn push(&mut self, at_ns: u64, what: T) {
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(what);
            slot
        } else {
            self.slots.push(Some(what));
            self.slots.len() as u32 - 1
        };
        self.heap.push(Reverse((at_ns, self.scheduled, slot)));
        self.scheduled += 1;
    }

    /// When the next thing happens.
    #[cfg(test)]
    pub(crate) fn next_ns(&self) -> Option<u64> {
        self.heap.peek().map(|Reverse((at_ns, _, _))| *at_ns)
    }

    /// Takes the next thing, with its time.
    pub(crate) fn pop(&mut self) -> Option<(u64, T)> {
        let Reverse((at_ns, _, slot)) = self.heap.pop()?;
        let what = self.slots[slot as usize].take().expect("a slot in the heap is filled");
        self.free.push(slot);
        Some((at_ns, what))
    }
}

#[cfg(test)]
mod tests {
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
        assert_eq!(queue.slots.len(), 4, "slots are used again");
        assert_eq!(queue.pop(), Some((9, 'e')), "and filled again");
    }
}

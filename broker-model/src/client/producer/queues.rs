//! The producer's queues, and which of them have anything to do: a partition that is idle costs nothing.

use crate::client::metadata::PartitionKey;
use crate::collections::{PartitionMap, SortedSet};
use crate::defect::{Defects, TransactionDefect};

use super::accumulator::Queue;

/// All queues, by partition.
#[derive(Debug, Default)]
pub(super) struct Queues {
    all: PartitionMap<PartitionKey, Queue>,
    /// Those that are not idle, and perhaps some that have become so.
    busy: SortedSet<PartitionKey>,
    /// As queues have it.
    outlive_epochs: bool,
}

impl Queues {
    /// None yet, of a producer with these defects.
    pub(super) fn new(defects: Defects) -> Self {
        let outlive_epochs = defects.has(TransactionDefect::EndsBeforeAnswered);
        Self { outlive_epochs, ..Self::default() }
    }

    /// A queue.
    pub(super) fn get(&self, key: &PartitionKey) -> Option<&Queue> {
        self.all.get(key)
    }

    /// A queue, to be changed.
    pub(super) fn get_mut(&mut self, key: &PartitionKey) -> Option<&mut Queue> {
        let queue = self.all.get_mut(key)?;
        self.busy.insert(*key);
        Some(queue)
    }

    /// A queue, which begins empty.
    pub(super) fn entry(&mut self, key: PartitionKey) -> &mut Queue {
        self.busy.insert(key);
        let outlives_epochs = self.outlive_epochs;
        self.all.get_or_insert_with(key, || Queue { outlives_epochs, ..Queue::default() })
    }

    /// All queues, in order.
    pub(super) fn values(&self) -> impl Iterator<Item = &Queue> {
        self.all.values()
    }

    /// Looks at each queue that may have something to do, in order.
    pub(super) fn for_each_busy(&mut self, mut look: impl FnMut(PartitionKey, &mut Queue)) {
        for key in &self.busy {
            let queue = self.all.get_mut(key).expect("a queue that is busy is there");
            look(*key, queue);
        }
    }

    /// Whether a record has no outcome.
    pub(super) fn has_unanswered(&self) -> bool {
        let open = |key: &PartitionKey| self.all.get(key).is_some_and(Queue::has_unanswered);
        self.busy.iter().any(open)
    }

    /// Leaves alone from now on what has nothing to do.
    pub(super) fn retire(&mut self) {
        let all = &self.all;
        self.busy.retain(|key| !all.get(key).is_none_or(Queue::is_idle));
    }
}

//! How clients name partitions to themselves.

use crate::collections::Place;

/// A partition as a client names it to itself: the place of its topic in [`Metadata`](super::metadata::Metadata),
/// and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartitionKey {
    /// Place of the topic, in the order in which the client first heard of it.
    pub(crate) topic: usize,
    /// Partition, from 0.
    pub(crate) partition: i32,
}

impl Place for PartitionKey {
    #[inline]
    fn place(self) -> Option<(usize, usize)> {
        Some((self.topic, usize::try_from(self.partition).ok()?))
    }

    #[inline]
    fn at(topic: usize, partition: usize) -> Self {
        Self { topic, partition: partition as i32 }
    }
}

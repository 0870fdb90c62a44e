//! How clients name partitions to themselves.

/// A partition as a client names it to itself: the place of its topic in [`Metadata`](super::metadata::Metadata),
/// and its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PartitionKey {
    /// Place of the topic, in the order in which the client first heard of it.
    pub(crate) topic: usize,
    /// Partition, from 0.
    pub(crate) partition: i32,
}

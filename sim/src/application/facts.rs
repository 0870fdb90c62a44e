//! The words in which an application states what it has read.

/// A record as an application got it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadFact<'a> {
    /// Topic name.
    pub topic: &'a str,
    /// Partition.
    pub partition: i32,
    /// Offset.
    pub offset: i64,
    /// The value's bytes.
    pub value: &'a [u8],
}

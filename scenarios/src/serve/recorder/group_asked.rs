//! What is remembered of a request for a group until it is answered.

use super::members::Caller;
use super::names::PartitionIndex;
use super::reader::Place;

/// Offsets that are to be committed: of each partition its place, its index and the next offset to read.
pub(super) type Offsets = Vec<(Place, PartitionIndex, i64)>;

/// What is remembered of a request for a group until it is answered.
#[derive(Debug)]
pub(super) enum GroupAsked {
    /// What a member of a new generation is given.
    Assignment {
        /// Who asks.
        caller: Caller,
        /// When it gave up what it had.
        began_ns: u64,
    },
    /// A member of the consumer protocol says that it lives.
    Heartbeat {
        /// Who.
        caller: Caller,
        /// `group.instance.id`.
        instance: Option<String>,
        /// When.
        at_ns: u64,
    },
    /// A commit.
    Commit {
        /// Its operation.
        operation: usize,
        /// What is to be committed.
        offsets: Offsets,
    },
    /// Where groups stand.
    Where {
        /// Who asks, for each group.
        callers: Vec<Caller>,
        /// Whether transactions are waited for (KIP-447).
        stable: bool,
        /// When.
        at_ns: u64,
    },
    /// A commit within a transaction.
    Transaction {
        /// The transaction.
        operation: usize,
        /// What is to be committed.
        offsets: Offsets,
    },
    /// An administrator deletes offsets, or whole groups.
    Moved {
        /// Position of the first one in what was moved by hand.
        first: usize,
    },
}

//! Names by which what is under way is found again.

use crate::caller::Caller;

/// Names a part of a request: the acknowledgement of one partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct AckTicket {
    /// The request.
    pub(super) caller: Caller,
    /// Which of its partitions.
    pub(super) at: usize,
}

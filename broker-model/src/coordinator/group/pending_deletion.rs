//! Groups whose deletion is not decided.

use crate::caller::Caller;
use crate::proto::DeletableGroupResult;

/// Groups that are to be deleted for one who waits.
#[derive(Debug)]
pub(super) struct Deletion {
    pub(super) caller: Caller,
    pub(super) results: Vec<DeletableGroupResult>,
    /// Partitions of the topic whose records are not decided.
    pub(super) undecided: usize,
}

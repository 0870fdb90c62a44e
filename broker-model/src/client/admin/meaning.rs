//! Who is asked in a step of a task, and what an answer means for it.

use crate::node::Outcome;
use crate::proto::ErrorCode;
use crate::types::NodeId;

/// Who is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whom {
    Anybody,
    Broker(NodeId),
}

/// What an answer means.
#[derive(Debug)]
pub(super) enum Meaning {
    /// The next request can go.
    GoOn,
    /// The same again, or all of it, after a while.
    Again(ErrorCode),
    /// It is over.
    Done(Outcome),
}

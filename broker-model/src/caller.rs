//! Where the answer to a request goes.

use crate::types::{ConnectionId, CorrelationId, NodeId};

/// A request that is being handled: where its reply goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    /// The connection to answer on.
    pub(crate) connection: ConnectionId,
    /// Pairs the answer with the request.
    pub(crate) correlation_id: CorrelationId,
    /// Who asked.
    pub(crate) from: NodeId,
}

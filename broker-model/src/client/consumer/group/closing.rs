//! What a consumer that is about to end waits for.

use crate::types::{OperationId, Time};

/// A consumer that is about to end.
#[derive(Debug)]
pub(in crate::client::consumer) struct Closing {
    pub(super) operation: OperationId,
    pub(super) until: Time,
    pub(super) leaves: bool,
}

impl Closing {
    pub(in crate::client::consumer) fn new(
        operation: OperationId,
        until: Time,
        leaves: bool,
    ) -> Self {
        Self { operation, until, leaves }
    }

    /// It waits no longer.
    pub(in crate::client::consumer) fn until(&self) -> Time {
        self.until
    }
}

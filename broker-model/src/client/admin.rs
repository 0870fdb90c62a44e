//! Admin client.

use crate::config::AdminConfig;
use crate::node::{Deadline, Effects, Event, Node};
use crate::types::Now;

/// A admin.
#[derive(Debug)]
pub struct Admin {
    _stub: (),
}

#[expect(
    unused_variables,
    clippy::unimplemented,
    clippy::needless_pass_by_value,
    reason = "skeleton of the contract"
)]
impl Admin {
    /// A new client, which knows nothing yet.
    pub fn new(config: AdminConfig, now: Now) -> Self {
        unimplemented!()
    }
}

#[expect(clippy::unimplemented, reason = "skeleton of the contract")]
impl Node for Admin {
    fn handle(&mut self, _now: Now, _event: Event, _effects: &mut Effects) {
        unimplemented!()
    }

    fn next_deadline(&self) -> Option<Deadline> {
        unimplemented!()
    }
}
